//! SOAP envelopes, as far as logging in is concerned: the session in the header, and the calls that are answered here.
//!
//! Prefixes and namespaces vary between clients; local names do not (clients.md, section 2.3). What could be read in
//! two ways is refused: a document type, a second session, a second call, text outside the envelope.

use std::fmt;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use thiserror::Error;
use zeroize::Zeroizing;

/// What a SOAP envelope says about logging in.
pub struct SoapBody {
    session: Option<Zeroizing<String>>,
    call: SoapCall,
}

/// The call of an envelope.
pub enum SoapCall {
    /// `login`
    Login {
        /// The user name.
        username: Zeroizing<String>,
        /// The password with the security token behind it.
        password: Zeroizing<String>,
    },
    /// `logout`
    Logout,
    /// `getUserInfo`
    GetUserInfo,
    /// Another, which is not answered here.
    Other(String),
}

/// What is not a SOAP envelope that has one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SoapProblem {
    /// Not well-formed XML in UTF-8.
    #[error("the body is not well-formed XML")]
    Malformed,
    /// A document type or a processing instruction.
    #[error("the body has a document type or a processing instruction")]
    Forbidden,
    /// Not an envelope with one call in it, or with something in it twice.
    #[error("the body is not a SOAP envelope with one session at most and one call")]
    Ambiguous,
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// The local names of the elements that are open.
    path: Vec<String>,
    envelopes: usize,
    session: Option<Zeroizing<String>>,
    call: Option<String>,
    username: Option<Zeroizing<String>>,
    password: Option<Zeroizing<String>>,
}

/// A place in the envelope whose text matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Session,
    Username,
    Password,
}

// === impl SoapBody ===

impl SoapBody {
    /// Reads an envelope, decompressed.
    ///
    /// # Errors
    /// See [`SoapProblem`].
    pub fn parse(body: &[u8]) -> Result<Self, SoapProblem> {
        let text = std::str::from_utf8(body).map_err(|_| SoapProblem::Malformed)?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut reading = Reading::default();
        loop {
            match reader.read_event().map_err(|_| SoapProblem::Malformed)? {
                Event::Start(element) => reading.open(&element)?,
                Event::Empty(element) => {
                    reading.open(&element)?;
                    reading.path.pop();
                }
                Event::End(_) => drop(reading.path.pop()),
                Event::Text(text) => reading.text(&text.xml10_content())?,
                Event::CData(text) => reading.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref().map_err(|_| SoapProblem::Malformed)? {
                        Some(character) => character,
                        None => predefined(&reference).ok_or(SoapProblem::Forbidden)?,
                    };
                    reading.text(character.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) | Event::PI(_) => return Err(SoapProblem::Forbidden),
                Event::Comment(_) | Event::Decl(_) => {}
                Event::Eof => return reading.finish(),
            }
        }
    }

    /// The session id of the header, for [`crate::Carriers::soap_session`].
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.session.as_ref().map(|session| session.as_str())
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> &SoapCall {
        &self.call
    }
}

impl fmt::Debug for SoapBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoapBody({:?}, redacted)", self.call)
    }
}

impl fmt::Debug for SoapCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login { .. } => f.write_str("Login(redacted)"),
            Self::Logout => f.write_str("Logout"),
            Self::GetUserInfo => f.write_str("GetUserInfo"),
            Self::Other(name) => write!(f, "Other({name:?})"),
        }
    }
}

// === impl Reading ===

impl Reading {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), SoapProblem> {
        let name = local(element.name().as_ref());
        match (self.path.len(), self.path.last().map(String::as_str)) {
            (0, _) if name == "Envelope" && self.envelopes == 0 => self.envelopes = 1,
            (0, _) => return Err(SoapProblem::Ambiguous),
            (2, Some("Body")) => set(&mut self.call, name.clone())?,
            (MOST_DEPTH.., _) => return Err(SoapProblem::Malformed),
            _ => {}
        }
        self.path.push(name);
        match self.place() {
            Some(place) => set(self.field(place), Zeroizing::new(String::new())),
            // Inside of a place there is text only.
            None if self.inside_a_place() => Err(SoapProblem::Ambiguous),
            None => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), SoapProblem> {
        if self.path.is_empty() && !text.trim().is_empty() {
            return Err(SoapProblem::Malformed);
        }
        if let Some(place) = self.place()
            && let Some(field) = self.field(place)
        {
            field.push_str(text);
        }
        Ok(())
    }

    fn place(&self) -> Option<Place> {
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["Envelope", "Header", "SessionHeader", "sessionId"] => Some(Place::Session),
            ["Envelope", "Body", "login", "username"] => Some(Place::Username),
            ["Envelope", "Body", "login", "password"] => Some(Place::Password),
            _ => None,
        }
    }

    fn inside_a_place(&self) -> bool {
        self.path.len() == 5
            && matches!(self.path.get(3).map(String::as_str), Some("sessionId" | "username" | "password"))
            && (self.path.get(2).is_some_and(|name| name == "SessionHeader" || name == "login"))
    }

    fn field(&mut self, place: Place) -> &mut Option<Zeroizing<String>> {
        match place {
            Place::Session => &mut self.session,
            Place::Username => &mut self.username,
            Place::Password => &mut self.password,
        }
    }

    fn finish(self) -> Result<SoapBody, SoapProblem> {
        if !self.path.is_empty() {
            return Err(SoapProblem::Malformed);
        }
        let call = match self.call.ok_or(SoapProblem::Ambiguous)?.as_str() {
            "login" => SoapCall::Login {
                username: self.username.unwrap_or_default(),
                password: self.password.unwrap_or_default(),
            },
            "logout" => SoapCall::Logout,
            "getUserInfo" => SoapCall::GetUserInfo,
            other => SoapCall::Other(other.to_owned()),
        };
        Ok(SoapBody { session: self.session, call })
    }
}

/// Sets what may be set once.
fn set<T>(field: &mut Option<T>, value: T) -> Result<(), SoapProblem> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(SoapProblem::Ambiguous),
    }
}

fn local(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |(_, local)| local).to_owned()
}

fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

const MOST_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(header: &str, body: &str) -> Vec<u8> {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><e:Envelope xmlns:e=\"x\"><e:Header>{header}</e:Header>\
             <e:Body>{body}</e:Body></e:Envelope>\n"
        )
        .into_bytes()
    }

    #[test]
    fn a_login_is_read_with_any_prefix() {
        for (open, close) in [("login", "login"), ("n1:login xmlns:n1=\"urn:partner\"", "n1:login")] {
            let login = format!(
                "<{open}><username>a&amp;b</username><password><![CDATA[p<w]]>&#33;</password></{close}>"
            );
            let body = SoapBody::parse(&envelope("", &login)).unwrap();
            let SoapCall::Login { username, password } = body.call() else { panic!("{body:?}") };
            assert_eq!((username.as_str(), password.as_str()), ("a&b", "p<w!"));
            assert!(!format!("{body:?}").contains("p<w"));
        }
    }

    #[test]
    fn a_session_is_read_from_the_header_only() {
        let header = "<u:SessionHeader><u:sessionId>00D!x</u:sessionId></u:SessionHeader>";
        let body = SoapBody::parse(&envelope(header, "<u:query><u:queryString>q</u:queryString></u:query>"))
            .unwrap();
        assert_eq!(body.session(), Some("00D!x"));
        assert!(matches!(body.call(), SoapCall::Other(name) if name == "query"));
        let body = SoapBody::parse(&envelope("", &format!("<q>{header}</q>"))).unwrap();
        assert_eq!(body.session(), None);
        assert!(matches!(SoapBody::parse(&envelope("", "<logout/>")).unwrap().call(), SoapCall::Logout));
    }

    #[test]
    fn an_envelope_with_two_readings_is_refused() {
        let session = "<SessionHeader><sessionId>a</sessionId></SessionHeader>";
        let nested = "<SessionHeader><sessionId>a<b/></sessionId></SessionHeader>";
        let twice = "<login><username>a</username><username>b</username></login>";
        for body in [
            envelope(&format!("{session}{session}"), "<q/>"),
            envelope(nested, "<q/>"),
            envelope("", "<a/><b/>"),
            envelope("", twice),
            envelope("", ""),
            envelope("", "<a>&unknown;</a>"),
            envelope("", "<a><?php?></a>"),
            b"<!DOCTYPE x [<!ENTITY a \"b\">]><Envelope><Body><a/></Body></Envelope>".to_vec(),
            b"<Envelope><Body><a/></Body></Envelope><Envelope/>".to_vec(),
            b"<Envelope><Body><a/></Body>".to_vec(),
            b"<Envelope><Body><a></b></Body></Envelope>".to_vec(),
            b"text".to_vec(),
            b"\xff\xfe".to_vec(),
            [b"<a>".repeat(10_000).as_slice()].concat(),
        ] {
            assert!(SoapBody::parse(&body).is_err(), "{}", String::from_utf8_lossy(&body));
        }
    }
}
