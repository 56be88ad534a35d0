//! One identity, its references resolved.

pub(super) mod grants;

use std::time::Duration;

use jiff::civil::Date;

use super::Known;
use crate::config::{
    Authenticate, CertificateMatch, Config, Credential, Identity, Limits, Mode, Rated, State,
};
use crate::problem::Report;
use crate::raw::identity as raw;
use crate::read::{At, ModeName, Name, PasswordHash, instead};

/// What an identity's file is read against.
pub(super) struct Context<'a> {
    /// The names of the main file, when it is YAML at all.
    pub(super) known: Option<&'a Known>,
    /// The main file, when it can be served.
    pub(super) main: Option<&'a Config>,
    pub(super) today: Date,
}

/// The identity. `None` when something is missing, which is then reported, or when the main file cannot be served.
pub(super) fn identity(
    raw: raw::Identity,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Identity> {
    if let Some(org) = &raw.org {
        known(org, "org", context.known.map(|known| &*known.orgs), report);
    }
    if let Some(expires) = raw.expires.as_ref().filter(|expires| expires.value < context.today) {
        report.warning(
            expires.at,
            format!("expired on {}: every request is refused", expires.value),
            "renew the grant, or remove the file",
        );
    }
    let mode = mode(raw.mode, raw.until, context.today, report);
    let authenticate = authenticate(raw.authenticate.map(|ways| ways.0), context, report);
    let credential = raw.credential.and_then(|raw| credential(raw, context, report));
    let granted = grants::granted(raw.allow, raw.also, report);
    let exports = raw.exports.map(|table| {
        let known = context.known.map(|known| &*known.destinations);
        grants::exports(table, granted.as_ref(), known, report)
    });
    let limits = limits(raw.limits, report);
    let session = session(raw.session, report);
    let evidence = evidence(raw.evidence, report);

    let (name, org) = (raw.identity?.value, raw.org?.value.0);
    let (mode, exports) = (mode?, exports??);
    let signals = super::signals::signals(raw.signals, context.main?.signals);
    let versions = context.main?.orgs.get(&org)?.api_versions;
    let grants = granted?.spec(&name, versions, mode, &exports);
    Some(Identity {
        name,
        owner: raw.owner?.value,
        purpose: raw.purpose?.value,
        expires: raw.expires?.value,
        org,
        mode,
        host: raw.host?.map(|host| host.value.0),
        authenticate: authenticate?,
        networks: raw.networks?.into_iter().map(|network| network.value).collect(),
        session: session?,
        evidence: evidence?,
        credential: credential?,
        shared: raw.shared?.map(|reason| reason.value),
        grants,
        exports,
        limits: limits?,
        signals: signals?,
    })
}

fn mode(
    mode: Option<Option<At<ModeName>>>,
    until: Option<Option<At<Date>>>,
    today: Date,
    report: &mut Report<'_>,
) -> Option<Mode> {
    let (mode, until) = (mode?, until?);
    if let Some(until) = until.as_ref().filter(|until| until.value < today) {
        report.warning(
            until.at,
            format!("ended on {}: refusals are carried out", until.value),
            "write `mode: enforce`",
        );
    }
    let lenient = match mode.as_ref().map_or(ModeName::Enforce, |mode| mode.value) {
        ModeName::Enforce => {
            if let Some(until) = until.as_ref().filter(|until| until.value >= today) {
                report.warning(until.at, "`until` means nothing with `mode: enforce`", "remove it");
            }
            return Some(Mode::Enforce);
        }
        ModeName::Observe => Mode::Observe,
        ModeName::Warn => Mode::Warn,
    };
    if let (Some(mode), None) = (&mode, &until) {
        report.error(mode.at, "`until` is missing", "write the last day of this mode: `until: 2026-12-31`");
    }
    until.map(|until| lenient(until.value))
}

fn authenticate(
    ways: Option<Vec<raw::Authenticate>>,
    context: &Context<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<Authenticate>> {
    let ways: Vec<_> = ways?.into_iter().map(|way| proof(way, context, report)).collect();
    ways.into_iter().collect()
}

fn proof(way: raw::Authenticate, context: &Context<'_>, report: &mut Report<'_>) -> Option<Authenticate> {
    Some(match way {
        raw::Authenticate::Certificate(certificate) => {
            if context.known.is_some_and(|known| !known.client_ca) {
                let help = "write `client_ca` under `listen.proxy.tls` in the main file";
                report.warning(certificate.at, "`listen.proxy` asks for no client certificate", help);
            }
            if let Some(known) = context.known {
                in_trust_domain(&certificate, &known.trust_domains, report);
            }
            Authenticate::Certificate(certificate.value)
        }
        raw::Authenticate::Jwt(jwt) => {
            let issuer = jwt.issuer?;
            known(&issuer, "issuer", context.known.map(|known| &*known.issuers), report);
            let subject = jwt.subject?;
            if let Some(known) = context.known {
                of_trust_domain(&subject, known.issuer_domains.get(&issuer.value.0), report);
            }
            Authenticate::Jwt { issuer: issuer.value.0, subject: subject.value }
        }
        raw::Authenticate::Client(client) => {
            let secret_hash = hash(client.secret_hash, report);
            Authenticate::Client { id: client.id?.value, secret_hash: secret_hash? }
        }
        raw::Authenticate::Login(login) => {
            let password_hash = hash(login.password_hash, report);
            Authenticate::Login { username: login.username?.value, password_hash: password_hash? }
        }
    })
}

/// Warns of an SVID that no authority can certify.
fn in_trust_domain(certificate: &At<CertificateMatch>, domains: &[String], report: &mut Report<'_>) {
    let CertificateMatch::Uri(id) = &certificate.value else { return };
    let domain = id.strip_prefix("spiffe://").and_then(|rest| rest.split('/').next()).unwrap_or(id);
    if !domains.is_empty() && !domains.iter().any(|known| known == domain) {
        let help = "name it under `listen.proxy.tls.trust_domains` in the main file";
        report.warning(certificate.at, format!("`{domain}` is not among the trust domains"), help);
    }
}

/// Warns of a subject that no JWT-SVID of its issuer can have.
fn of_trust_domain(subject: &At<String>, domain: Option<&String>, report: &mut Report<'_>) {
    let Some(domain) = domain else { return };
    let begins = format!("spiffe://{domain}/");
    if !subject.value.starts_with(&begins) {
        let message = format!("no JWT-SVID of `{domain}` has the subject `{}`", subject.value);
        report.warning(subject.at, message, format!("write the SPIFFE ID: `{begins}..`"));
    }
}

fn hash(hash: Option<At<PasswordHash>>, report: &mut Report<'_>) -> Option<String> {
    let hash = hash?;
    if hash.value.weak {
        let help = "hash it anew with `forcefield hash-secret`";
        report.warning(hash.at, "this hash is cheap to guess (less work than m=7168, t=5)", help);
    }
    Some(hash.value.text)
}

fn credential(raw: raw::Credential, context: &Context<'_>, report: &mut Report<'_>) -> Option<Credential> {
    if let (raw::Credential::RefreshToken(raw), Some(State::Redis { keys: None, .. })) =
        (&raw, context.main.map(|main| &main.state))
        && let Some(token) = &raw.refresh_token
    {
        let message =
            "several replicas share the newest token of the org, and nothing seals it for their store";
        report.error(token.at, message, "write `state.key` in the main file: at least 32 random bytes");
    }
    Some(match raw {
        raw::Credential::JwtBearer(raw) => Credential::JwtBearer {
            client_id: raw.client_id?.value,
            key: raw.key?.value,
            username: raw.username?.value,
        },
        raw::Credential::ClientCredentials(raw) => Credential::ClientCredentials {
            client_id: raw.client_id?.value,
            client_secret: raw.client_secret?.value,
        },
        raw::Credential::RefreshToken(raw) => Credential::RefreshToken {
            client_id: raw.client_id?.value,
            client_secret: raw.client_secret?.map(|secret| secret.value),
            refresh_token: raw.refresh_token?.value,
        },
    })
}

fn session(raw: Option<Option<At<crate::read::Lasting>>>, report: &mut Report<'_>) -> Option<Duration> {
    let Some(written) = raw? else { return Some(USUAL_SESSION) };
    if !(SHORTEST_SESSION..=LONGEST_SESSION).contains(&written.value.0) {
        report.error(
            written.at,
            "a session lasts at least a minute and at most a day",
            "write `1m` to `24h`",
        );
    }
    Some(written.value.0)
}

fn evidence(raw: Option<Option<At<crate::read::Lasting>>>, report: &mut Report<'_>) -> Option<Duration> {
    let Some(written) = raw? else { return Some(USUAL_EVIDENCE) };
    if written.value.0 > LONGEST_EVIDENCE {
        report.error(written.at, "an org keeps a job for a week", "write at most `7d`");
    }
    Some(written.value.0)
}

fn limits(raw: Option<Option<raw::Limits>>, report: &mut Report<'_>) -> Option<Limits> {
    let Some(raw) = raw? else { return Some(Limits::default()) };
    if let (Some(None), Some(Some(burst))) = (&raw.requests, &raw.burst) {
        report.error(
            burst.at,
            "`burst` belongs to `requests`, which is missing",
            "write `requests` too, or remove it",
        );
    }
    let doors = raw.doors?.0.into_iter().map(|(door, rate)| (Rated::Door(door.value), rate.value));
    let verbs = raw.verbs?.0.into_iter().map(|(verb, rate)| (Rated::Verb(verb.value), rate.value));
    Some(Limits {
        rates: doors.chain(verbs).collect(),
        requests: raw.requests?.map(|rate| rate.value),
        burst: raw.burst?.map(|burst| burst.value),
        concurrent: raw.concurrent?.map(|concurrent| concurrent.value),
        rows: raw.rows?.map(|rows| rows.value.0),
        bytes: raw.bytes?.map(|bytes| bytes.value.0),
        daily_api_share: raw.daily_api_share?.map(|share| share.value.0),
        priority: raw.priority?.map(|priority| priority.value),
    })
}

/// Reports a name that the main file does not have. `names` is `None` when the main file cannot be read.
fn known(name: &At<Name>, what: &str, names: Option<&[String]>, report: &mut Report<'_>) {
    let Some(names) = names else { return };
    let written = &name.value.0;
    if names.contains(written) {
        return;
    }
    let help = match names {
        [] => format!("the main file has none: add `{written}` under `{what}s`"),
        names => instead(written, names.iter().map(String::as_str)),
    };
    report.error(name.at, format!("unknown {what} `{written}`"), help);
}

const USUAL_EVIDENCE: Duration = Duration::from_secs(24 * 3600);
const LONGEST_EVIDENCE: Duration = Duration::from_secs(7 * 24 * 3600);
const USUAL_SESSION: Duration = Duration::from_secs(30 * 60);
const SHORTEST_SESSION: Duration = Duration::from_secs(60);
const LONGEST_SESSION: Duration = Duration::from_secs(24 * 3600);
