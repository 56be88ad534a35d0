//! SOAP `login`, `logout` and `getUserInfo`, in the partner and the enterprise dialect (reference, section 6.4;
//! clients.md, section 2.3).

use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

use super::grant::Granted;
use super::{Login, LoginProblem, LoginRequest, Logins};
use crate::answer::Answer;
use crate::carriers::Carriers;
use crate::documents::Subject;
use crate::form::Form;
use crate::identities::Identities;
use crate::peer::Peer;
use crate::sessions::Kind;
use crate::soap::{SoapBody, SoapCall};

/// Which WSDL an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Partner,
    Enterprise,
}

// === impl Logins ===

impl Logins {
    /// Answers the SOAP calls about logging in; `None` for every other call and every other endpoint than
    /// `/services/Soap/u/{version}` and `/services/Soap/c/{version}`, which is a request like any other.
    ///
    /// `carriers` holds what the headers carry; the session of the envelope is added here.
    #[must_use]
    pub fn soap(
        &self,
        identities: &Identities,
        (path, body): (&str, &SoapBody),
        carriers: &Carriers<'_>,
        (peer, now): (&Peer, Timestamp),
    ) -> Option<Login> {
        let (dialect, version) = endpoint(path)?;
        let form = Form::default();
        let carriers = Carriers { soap_session: body.session(), ..*carriers };
        let request = LoginRequest { method: "POST", form: &form, carriers, peer, now };
        let (what, outcome) = match body.call() {
            SoapCall::Login { username, password } => {
                let names = (username.as_str(), password.as_str());
                ("soap login", self.soap_login(identities, names, (dialect, version), &request))
            }
            SoapCall::Logout => ("soap logout", self.soap_logout(identities, dialect, &request)),
            SoapCall::GetUserInfo => ("soap getUserInfo", soap_user_info(identities, dialect, &request)),
            SoapCall::Other(_) => return None,
        };
        Some(Login::of(what, outcome, |problem| dialect.fault(problem, what)))
    }

    fn soap_login(
        &self,
        identities: &Identities,
        names: (&str, &str),
        (dialect, version): (Dialect, &str),
        request: &LoginRequest<'_>,
    ) -> Result<(IdentityName, Answer), LoginProblem> {
        let identity = self.user(identities, names, request)?;
        identities.admit(&identity, request.peer, request.now)?;
        let org = identities.org_id(&identity).ok_or(LoginProblem::NoOrg)?;
        let granted = Granted::new(identity)?;
        let subject = Subject::new(&granted.identity, org, request.peer).ok_or(LoginProblem::NoOrg)?;
        let session = self.issue(&granted, Kind::Access, org, request)?;
        let base = request.peer.base_url();
        let letter = dialect.letter();
        let result = format!(
            "<metadataServerUrl>{base}/services/Soap/m/{version}/{org}</metadataServerUrl>\
             <passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
             <serverUrl>{base}/services/Soap/{letter}/{version}/{org}</serverUrl>\
             <sessionId>{session}</sessionId><userId>{user}</userId><userInfo>{info}</userInfo>",
            user = subject.user,
            info = subject.soap_user_info(),
        );
        Ok((granted.identity.name.clone(), dialect.response("login", Some(&result))))
    }

    /// Ends the session of the envelope.
    fn soap_logout(
        &self,
        identities: &Identities,
        dialect: Dialect,
        request: &LoginRequest<'_>,
    ) -> Result<(IdentityName, Answer), LoginProblem> {
        let caller = identities.identify(request.peer, &request.carriers, request.now)?;
        if let Some(session) = request.carriers.soap_session {
            self.sessions.revoke(session)?;
        }
        Ok((caller.identity.name.clone(), dialect.response("logout", None)))
    }
}

fn soap_user_info(
    identities: &Identities,
    dialect: Dialect,
    request: &LoginRequest<'_>,
) -> Result<(IdentityName, Answer), LoginProblem> {
    let caller = identities.identify(request.peer, &request.carriers, request.now)?;
    let org = identities.org_id(&caller.identity).ok_or(LoginProblem::NoOrg)?;
    let subject = Subject::new(&caller.identity, org, request.peer).ok_or(LoginProblem::NoOrg)?;
    let answer = dialect.response("getUserInfo", Some(&subject.soap_user_info()));
    Ok((caller.identity.name.clone(), answer))
}

/// The dialect and the version of a path; rustforce writes a `v` before the version, and after a login clients put the
/// org's id behind it.
fn endpoint(path: &str) -> Option<(Dialect, &str)> {
    let (letter, rest) = path.strip_prefix("/services/Soap/")?.split_once('/')?;
    let dialect = match letter {
        "u" => Dialect::Partner,
        "c" => Dialect::Enterprise,
        _ => return None,
    };
    let (version, behind) = rest.split_once('/').unwrap_or((rest, ""));
    let number = version.strip_prefix('v').unwrap_or(version);
    let is_version = (1..=6).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && behind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_version.then_some((dialect, number))
}

// === impl Dialect ===

impl Dialect {
    fn letter(self) -> char {
        match self {
            Self::Partner => 'u',
            Self::Enterprise => 'c',
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Enterprise => "enterprise",
        }
    }

    fn response(self, call: &str, result: Option<&str>) -> Answer {
        let result = result.map(|result| format!("<result>{result}</result>")).unwrap_or_default();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns=\"urn:{dialect}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <soapenv:Body><{call}Response>{result}</{call}Response></soapenv:Body></soapenv:Envelope>",
            dialect = self.name(),
        );
        Answer::xml(200, body)
    }

    /// A fault with status 500, as SOAP clients expect for each of their exceptions.
    fn fault(self, problem: &LoginProblem, what: &str) -> Answer {
        let (code, message, kind) = match problem {
            LoginProblem::TooManyAttempts { .. } => {
                ("LOGIN_RATE_EXCEEDED", "Login rate exceeded.", "LoginFault")
            }
            LoginProblem::NoOrg | LoginProblem::State(_) | LoginProblem::Busy => {
                ("SERVER_UNAVAILABLE", "The login cannot be kept at the moment.", "UnexpectedErrorFault")
            }
            LoginProblem::Refused(reason) if reason.status() == 403 => {
                ("LOGIN_DURING_RESTRICTED_DOMAIN", reason.told(), "LoginFault")
            }
            LoginProblem::Refused(_) if what != "soap login" => {
                ("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader", "UnexpectedErrorFault")
            }
            _ => {
                let message = "Invalid username, password, security token; or user locked out.";
                ("INVALID_LOGIN", message, "LoginFault")
            }
        };
        // `INVALID_LOGIN` stands without a prefix, the rest with that of the faults.
        let prefix = if code == "INVALID_LOGIN" { "" } else { "sf:" };
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:sf=\"urn:fault.{dialect}.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <soapenv:Body><soapenv:Fault><faultcode>{prefix}{code}</faultcode>\
             <faultstring>{code}: {message}</faultstring><detail><sf:{kind} xsi:type=\"sf:{kind}\">\
             <sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{message}</sf:exceptionMessage>\
             </sf:{kind}></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>",
            dialect = self.name(),
        );
        Answer::xml(500, body)
    }
}
