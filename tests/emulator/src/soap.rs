//! SOAP: partner (`u`) and enterprise (`c`). The operation is the first child of the body; the header names nothing.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::session::{Carried, Carrier};
use crate::wire::{Ask, Reply};
use crate::xml::{self, Element};

mod describe;
pub(crate) mod login;
mod read;
pub(crate) mod values;
mod write;

/// Which of the two APIs a request speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Partner,
    Enterprise,
}

/// An envelope, taken apart.
pub(crate) struct Envelope {
    header: Element,
    /// The first child of the body.
    pub(crate) operation: Element,
}

// === impl Dialect ===

impl Dialect {
    fn of(letter: &str) -> Option<Self> {
        match letter {
            "u" => Some(Self::Partner),
            "c" => Some(Self::Enterprise),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Enterprise => "enterprise",
        }
    }
}

/// The session that an envelope carries.
pub(crate) fn credential(ask: &Ask) -> Option<Carried> {
    if !is_soap(ask) {
        return None;
    }
    let envelope = read_envelope(ask)?;
    let session = envelope.header.child("SessionHeader")?.text_of("sessionId").trim().to_owned();
    Some(Carried::new(Carrier::Soap, session))
}

/// Whether a request asks for a session rather than carrying one.
pub(crate) fn is_login(ask: &Ask) -> bool {
    is_soap(ask) && read_envelope(ask).is_some_and(|envelope| envelope.operation.name == "login")
}

fn is_soap(ask: &Ask) -> bool {
    matches!(ask.segments(0).as_slice(), ["services", "Soap", ..])
}

pub(crate) fn read_envelope(ask: &Ask) -> Option<Envelope> {
    let root = xml::parse(&ask.body).ok()?;
    let operation = root.child("Body")?.children.first()?.clone();
    Some(Envelope { header: root.child("Header").cloned().unwrap_or_default(), operation })
}

/// `60.0` to 60; some clients write `v60.0`.
pub(crate) fn parse_version(segment: &str) -> Option<u32> {
    let (major, _) = segment.trim_start_matches('v').split_once('.')?;
    major.parse().ok().filter(|version| (31..=68).contains(version))
}

/// An operation in a session.
pub(crate) fn answer(call: &mut Call<'_>, letter: &str, version: &str, ask: &Ask) -> Reply {
    let (Some(dialect), Some(number)) = (Dialect::of(letter), parse_version(version)) else {
        let message = "UNSUPPORTED_API_VERSION: Unsupported API version";
        return fault(letter, &Fault::new(500, "UNSUPPORTED_API_VERSION", message));
    };
    call.version = number;
    let Some(envelope) = read_envelope(ask) else {
        return fault(letter, &Fault::new(500, "INVALID_SOAP_HEADER", "the envelope cannot be read"));
    };
    options(call, &envelope.header);
    let together =
        envelope.header.child("AllOrNoneHeader").is_some_and(|header| header.text_of("allOrNone") == "true");
    match operation(call, dialect, &envelope.operation, together) {
        Ok(body) => respond(dialect, call, &format!("{}Response", envelope.operation.name), &body),
        Err(refusal) => fault(letter, &refusal),
    }
}

fn options(call: &mut Call<'_>, header: &Element) {
    let text = |section: &str, name: &str| {
        header.child(section).map(|section| section.text_of(name).to_owned()).filter(|text| !text.is_empty())
    };
    if let Some(namespace) = text("CallOptions", "defaultNamespace") {
        call.namespace = Some(namespace);
    }
    if let Some(size) = text("QueryOptions", "batchSize").and_then(|size| size.parse::<u64>().ok()) {
        call.batch = call.batch.min(size.clamp(1, 2000));
    }
}

fn operation(call: &mut Call<'_>, dialect: Dialect, element: &Element, together: bool) -> Outcome<String> {
    match element.name.as_str() {
        "query" => read::query(call, dialect, element, false),
        "queryAll" => read::query(call, dialect, element, true),
        "queryMore" => read::more(call, dialect, element),
        "retrieve" => read::retrieve(call, dialect, element),
        "search" => read::search(call, dialect, element),
        "getUpdated" => read::changes(call, element, false),
        "getDeleted" => read::changes(call, element, true),
        "create" => write::save(call, element, together, write::create),
        "update" => write::save(call, element, together, write::update),
        "upsert" => write::upsert(call, element, together),
        "delete" => write::by_id(call, element, together, write::delete),
        "undelete" => write::by_id(call, element, together, write::undelete),
        "emptyRecycleBin" => write::by_id(call, element, together, write::purge),
        "merge" => write::merge(call, element),
        "describeGlobal" => Ok(describe::global(call)),
        "describeSObject" => describe::objects(call, element, "sObjectType"),
        "describeSObjects" => describe::objects(call, element, "sObjectType"),
        "getUserInfo" => Ok(login::user_info(call)),
        "getServerTimestamp" => {
            let now = crate::bulk::zulu(&call.stamp());
            Ok(format!("<result><timestamp>{now}</timestamp></result>"))
        }
        "logout" => {
            let token = call.token.clone();
            call.state.sessions.close(&token);
            Ok(String::new())
        }
        other => {
            Err(Fault::new(500, "INVALID_OPERATION", format!("No operation available for request {other}")))
        }
    }
}

/// Wraps the children of a response element.
pub(crate) fn respond(dialect: Dialect, call: &Call<'_>, name: &str, body: &str) -> Reply {
    let limits = format!(
        "<soapenv:Header><LimitInfoHeader><limitInfo><current>{}</current><limit>{}</limit>\
         <type>API REQUESTS</type></limitInfo></LimitInfoHeader></soapenv:Header>",
        call.state.api_used, call.state.api_limit
    );
    enveloped(dialect, &limits, &format!("<{name}>{body}</{name}>"))
}

pub(crate) fn enveloped(dialect: Dialect, header: &str, body: &str) -> Reply {
    let dialect = dialect.name();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:{dialect}.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:sf=\"urn:sobject.{dialect}.soap.sforce.com\">{header}<soapenv:Body>{body}</soapenv:Body>\
         </soapenv:Envelope>"
    );
    Reply::new(200, "text/xml;charset=UTF-8", text)
}

/// A refusal as a SOAP fault, always with HTTP 500.
pub(crate) fn fault(letter: &str, fault: &Fault) -> Reply {
    let dialect = Dialect::of(letter).unwrap_or(Dialect::Partner).name();
    let (code, mut message) = (fault.code, xml::escape(&fault.message));
    if code == "INVALID_SESSION_ID" {
        "Invalid Session ID found in SessionHeader: Illegal Session".clone_into(&mut message);
    }
    let kind = match code {
        "MALFORMED_QUERY" => "MalformedQueryFault",
        "INVALID_FIELD" => "InvalidFieldFault",
        "INVALID_TYPE" => "InvalidSObjectFault",
        "INVALID_QUERY_LOCATOR" => "InvalidQueryLocatorFault",
        "MALFORMED_ID" => "InvalidIdFault",
        "INVALID_LOGIN" => "LoginFault",
        _ => "UnexpectedErrorFault",
    };
    let place = if ["MalformedQueryFault", "InvalidFieldFault", "InvalidSObjectFault"].contains(&kind) {
        "<sf:row>-1</sf:row><sf:column>-1</sf:column>"
    } else {
        ""
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:sf=\"urn:fault.{dialect}.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><soapenv:Fault>\
         <faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>\
         <sf:{kind} xsi:type=\"sf:{kind}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
         <sf:exceptionMessage>{message}</sf:exceptionMessage>{place}</sf:{kind}></detail></soapenv:Fault>\
         </soapenv:Body></soapenv:Envelope>"
    );
    Reply::new(500, "text/xml;charset=UTF-8", text)
}
