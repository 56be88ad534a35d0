//! SOAP: `/services/Soap/{u,c,m,T,s}/XX.0[/{org}]` and `/services/Soap/class/[{ns}/]{Class}` (reference, section 6).
//!
//! The operation is the local name of the one child of the body; `SOAPAction` is never looked at. All operations of
//! an endpoint share one path, so where one can only be granted by method and path, the operation's name is the last
//! segment of that path and the org's id is left out: `also: ["POST /services/Soap/u/60.0/sendEmail"]`.

mod data;
mod envelope;
mod others;
mod records;
#[cfg(test)]
mod tests;

use super::call::Call;
use super::unclear::{Place, Unclear, UnclearKind};
use super::xml::{self, Xml};
use super::{BodyUse, doors};
use crate::id::RecordId;
use crate::names::{ApiVersion, is_api_name};
use crate::request::{
    Answer, Api, Body, Draft, Mention, Method, Needs, Never, Opaque, Operation, Operations, Request,
    Template, What,
};
use envelope::Envelope;

/// How much of a body is needed: all of it.
pub(crate) fn body(call: &Call<'_>) -> BodyUse {
    match doors::whole(call) {
        BodyUse::Whole(_) => BodyUse::Whole(xml::MAX_BYTES),
        other => other,
    }
}

/// Reads a call to a SOAP endpoint.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let endpoint = Endpoint::of(call)?;
    call.parameters(&[])?;
    let payload = call.payload()?;
    if &*payload.kind.essence != "text/xml" {
        return Err(Unclear::form(Place::Header("content-type".into()), "expected `text/xml`"));
    }
    let xml = Xml::parse(&payload.bytes)?;
    let envelope = Envelope::of(&xml)?;
    let ask = Ask { call, endpoint: &endpoint, node: envelope.operation };
    let meant = match endpoint.api {
        Api::SoapPartner | Api::SoapEnterprise => data::read(&ask)?,
        _ => others::read(&ask)?,
    };
    // A login is answered by Forcefield itself, with whatever headers it came.
    if meant.operation != Operation::Auth {
        envelope.check_headers()?;
    }
    let draft = Draft {
        method: call.method,
        target: Template::from(call.path()),
        headers: vec![
            ("content-type".into(), payload.kind.header().into()),
            ("soapaction".into(), "\"\"".into()),
        ],
        body: Body::Whole(envelope.rebuilt(&endpoint.namespace, &meant.holes)),
    };
    Ok(Request {
        api: endpoint.api,
        operations: Operations::from(meant.operation),
        version: endpoint.version,
        part_versions: Vec::new(),
        needs: meant.needs,
        export: false,
        draft,
        answer: meant.answer,
        job: None,
    })
}

/// An endpoint.
struct Endpoint {
    api: Api,
    version: Option<ApiVersion>,
    /// Of the API's elements, the session's among them.
    namespace: String,
    /// The path without the org's id.
    path: String,
}

/// One operation at an endpoint.
struct Ask<'c> {
    call: &'c Call<'c>,
    endpoint: &'c Endpoint,
    /// The operation's element.
    node: xml::Node<'c>,
}

/// What an operation means.
struct Meant {
    operation: Operation,
    needs: Needs,
    /// Elements whose text the decision writes, by offset, and the numbers of the needs.
    holes: Vec<(usize, usize)>,
    answer: Answer,
}

// === impl Endpoint ===

impl Endpoint {
    fn of(call: &Call<'_>) -> Result<Self, Unclear> {
        let names = call.names();
        if call.method != Method::Post {
            return Err(call.unknown());
        }
        let (api, namespace) = match *names.first().unwrap_or(&"") {
            "u" => (Api::SoapPartner, "urn:partner.soap.sforce.com"),
            "c" => (Api::SoapEnterprise, "urn:enterprise.soap.sforce.com"),
            "m" => (Api::SoapMetadata, "http://soap.sforce.com/2006/04/metadata"),
            "T" => (Api::SoapTooling, "urn:tooling.soap.sforce.com"),
            "s" => (Api::SoapApex, "http://soap.sforce.com/2006/08/apex"),
            "class" => return Self::class(call, &names),
            _ => return Err(call.unknown()),
        };
        let (letter, version, org) = match *names {
            [letter, version] => (letter, version, None),
            [letter, version, org] => (letter, version, Some(org)),
            _ => return Err(call.unknown()),
        };
        // The org's id, or that of a package whose enterprise WSDL is meant.
        let known = |id: RecordId| matches!(id.prefix().as_str(), "00D" | "0DF" | "04t");
        if org.is_some_and(|org| !RecordId::parse(org).is_some_and(known)) {
            return Err(call.unknown());
        }
        let version: ApiVersion = version.parse().map_err(|_| {
            Unclear::new(UnclearKind::Door, Place::Path, "a version of SOAP is written like `62.0`")
        })?;
        let path = format!("/services/Soap/{letter}/{version}");
        Ok(Self { api, version: Some(version), namespace: namespace.to_owned(), path })
    }

    /// A web service of the org's own Apex code.
    fn class(call: &Call<'_>, names: &[&str]) -> Result<Self, Unclear> {
        let class = names.get(1..).unwrap_or_default();
        if !(1..=2).contains(&class.len()) || !class.iter().all(|name| is_api_name(name)) {
            return Err(call.unknown());
        }
        let class = class.join("/");
        Ok(Self {
            api: Api::SoapClass,
            version: None,
            namespace: format!("http://soap.sforce.com/schemas/class/{class}"),
            path: format!("/services/Soap/class/{class}"),
        })
    }
}

// === impl Ask ===

impl Ask<'_> {
    /// An operation whose effects cannot be known.
    fn opaque(&self, operation: Operation, mentions: Vec<Mention>) -> Meant {
        let path = format!("{}/{}", self.endpoint.path, self.node.local());
        Meant::plain(operation, What::Opaque(Opaque::plain(Method::Post, path, mentions)))
    }

    /// An operation that is not known.
    fn unknown(&self) -> Unclear {
        self.node.unclear("is not an operation that is known here")
    }
}

// === impl Meant ===

impl Meant {
    /// An operation with one need, whose answer has no record data.
    fn plain(operation: Operation, what: What) -> Self {
        Self { operation, needs: Needs::new(what), holes: Vec::new(), answer: Answer::PLAIN }
    }

    /// An operation that no grant opens.
    fn never(operation: Operation, never: Never) -> Self {
        Self::plain(operation, What::Never(never))
    }
}
