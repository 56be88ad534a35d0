//! From a request to the door it goes through, and the session that it runs in.

use crate::call::Call;
use crate::fault::Fault;
use crate::knobs::Side;
use crate::oauth::{self, Login};
use crate::org::{self, Org};
use crate::session::{Carried, carried};
use crate::touch::Touches;
use crate::wire::{Ask, Payload, Reply};
use crate::{bulk, rest, soap};

/// An answer, and what is to be recorded beside it.
pub(crate) struct Handled {
    pub(crate) reply: Reply,
    pub(crate) credentials: Vec<Carried>,
    pub(crate) username: Option<String>,
    pub(crate) touches: Touches,
}

impl Handled {
    /// An answer that no session was opened for.
    pub(crate) fn refused(reply: Reply, ask: &Ask) -> Self {
        let mut credentials = carried(ask);
        credentials.extend(soap::credential(ask));
        Self { reply, credentials, username: None, touches: Touches::default() }
    }
}

/// Which side of the org a request is for.
pub(crate) fn side(ask: &Ask) -> Side {
    let login = match ask.segments(0).as_slice() {
        ["services", "oauth2", ..] | ["id", ..] => true,
        ["services", "Soap", ..] => soap::is_login(ask),
        _ => false,
    };
    if login { Side::Login } else { Side::Data }
}

/// The answer to a request without a live session, in the shape of its door.
pub(crate) fn no_session(ask: &Ask) -> Reply {
    let fault = Fault::no_session();
    match ask.segments(0).as_slice() {
        ["services", "Soap", letter, ..] => soap::fault(letter, &fault),
        ["services", "async", ..] => bulk::v1::fault(ask, &fault),
        _ => Reply::fault(&fault).with("www-authenticate", "Token"),
    }
}

/// Carries out a request.
pub(crate) fn handle(org: &Org, ask: &Ask) -> Handled {
    let mut handled = match ask.segments(0).as_slice() {
        ["services", "oauth2", name] => {
            logged_in(org, ask, |login, credentials| oauth::answer(login, name, ask, credentials))
        }
        ["id", org_id, user] => {
            logged_in(org, ask, |login, credentials| login.identity(org_id, user, credentials))
        }
        ["services", "data"] if ask.is_get() => Handled::refused(rest::versions(ask), ask),
        ["services", "data", version, ..] => in_session(org, ask, |call| rest::answer(call, version, ask)),
        ["services", "async", version, ..] => {
            in_session(org, ask, |call| bulk::v1::answer(call, version, ask))
        }
        ["services", "Soap", ..] if soap::is_login(ask) => {
            logged_in(org, ask, |login, _| soap::login::answer(login, ask))
        }
        ["services", "Soap", letter, version, ..] => {
            in_session(org, ask, |call| soap::answer(call, letter, version, ask))
        }
        ["services", "apexrest", path @ ..] => {
            in_session(org, ask, |call| rest::apex::answer(call, path, ask))
        }
        _ => Handled::refused(Reply::new(404, "text/html;charset=UTF-8", NOT_FOUND), ask),
    };
    if ask.method == "HEAD" {
        handled.reply.payload = Payload::Whole(crate::server::nothing());
    }
    handled
}

fn logged_in(org: &Org, ask: &Ask, job: impl FnOnce(&mut Login<'_>, &[Carried]) -> Reply) -> Handled {
    let mut handled = Handled::refused(Reply::empty(500), ask);
    let Some(settings) = org.0.settings.get() else { return handled };
    let (mut logins, mut state) = (org::lock(&org.0.logins), org.state());
    let mut login = Login { settings, state: &mut state, logins: &mut logins, now: org.now() };
    handled.reply = job(&mut login, &handled.credentials);
    handled
}

/// Runs a job in the first live session that the request carries.
fn in_session(org: &Org, ask: &Ask, job: impl FnOnce(&mut Call<'_>) -> Reply) -> Handled {
    let mut handled = Handled::refused(no_session(ask), ask);
    let Some(settings) = org.0.settings.get() else { return handled };
    let (page_size, limit_info) = {
        let knobs = org.knobs();
        (knobs.page_size, knobs.limit_info.clone())
    };
    let mut state = org.state();
    let live = handled
        .credentials
        .iter()
        .find_map(|one| state.sessions.touch(one.token()).map(|session| (one.token().to_owned(), session)));
    let Some((token, session)) = live else { return handled };
    handled.username = Some(oauth::name_of(&state, &session.user));
    if state.api_used >= state.api_limit {
        let fault = Fault::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        handled.reply = in_shape(ask, &fault);
        return handled;
    }
    state.api_used += 1;
    let mut call = Call {
        settings,
        state: &mut state,
        touches: Touches::default(),
        user: session.user,
        token,
        version: 0,
        namespace: option(ask.header("sforce-call-options"), "defaultNamespace"),
        batch: page_size.unwrap_or_else(|| batch_size(ask.header("sforce-query-options"))),
        now: org.now(),
    };
    handled.reply = job(&mut call);
    handled.touches = call.touches;
    let usage = limit_info.unwrap_or_else(|| format!("api-usage={}/{}", state.api_used, state.api_limit));
    handled.reply = handled.reply.with("sforce-limit-info", usage);
    handled
}

/// A fault in the shape of the door that the request came through.
fn in_shape(ask: &Ask, fault: &Fault) -> Reply {
    match ask.segments(0).as_slice() {
        ["services", "Soap", letter, ..] => soap::fault(letter, fault),
        ["services", "async", ..] => bulk::v1::fault(ask, fault),
        _ => Reply::fault(fault),
    }
}

/// `client=x, defaultNamespace=ns`: one of the options of such a header.
pub(crate) fn option(header: Option<&str>, name: &str) -> Option<String> {
    let pairs = header?.split([',', ';']).filter_map(|pair| pair.split_once('='));
    let mut wanted = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    wanted.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn batch_size(header: Option<&str>) -> u64 {
    let asked = option(header, "batchSize").and_then(|size| size.parse().ok());
    asked.map_or(2000, |size: u64| size.clamp(200, 2000))
}

const NOT_FOUND: &str =
    "<html><head><title>URL No Longer Exists</title></head><body>URL No Longer Exists</body></html>";
