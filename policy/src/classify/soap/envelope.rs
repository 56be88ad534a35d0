//! The SOAP 1.1 envelope: headers held to a list, one operation, and the same envelope with the org's session in it.

use crate::classify::unclear::Unclear;
use crate::classify::xml::{Node, Writer, XSI, Xml};
use crate::request::Template;

/// An envelope with one operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'d> {
    root: Node<'d>,
    header: Option<Node<'d>>,
    body: Node<'d>,
    /// The first and only child of the body.
    pub(super) operation: Node<'d>,
}

/// SOAP 1.1; 1.2 has another.
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// The headers that pass, with what may be in them (reference, section 6.3). `defaultNamespace` changes what names
/// mean and `DebuggingHeader` answers a log with data: neither is here.
const HEADERS: [(&str, &[&str]); 15] = [
    ("SessionHeader", &["sessionId"]),
    ("CallOptions", &["client"]),
    ("QueryOptions", &["batchSize"]),
    ("AllOrNoneHeader", &["allOrNone"]),
    ("AssignmentRuleHeader", &["assignmentRuleId", "useDefaultRule"]),
    ("MruHeader", &["updateMru"]),
    ("EmailHeader", &["triggerAutoResponseEmail", "triggerOtherEmail", "triggerUserEmail"]),
    ("UserTerritoryDeleteHeader", &["transferToUserId"]),
    ("AllowFieldTruncationHeader", &["allowFieldTruncation"]),
    ("DisableFeedTrackingHeader", &["disableFeedTracking"]),
    ("StreamingEnabledHeader", &["streamingEnabled"]),
    ("DuplicateRuleHeader", &["allowSave", "includeRecordDetails", "runAsCurrentUser"]),
    ("OwnerChangeOptions", &["options"]),
    ("LocaleOptions", &["language", "localizeErrors"]),
    ("PackageVersionHeader", &["packageVersions"]),
];

impl<'d> Envelope<'d> {
    /// Finds the parts of an envelope.
    pub(super) fn of(xml: &'d Xml<'d>) -> Result<Self, Unclear> {
        let root = xml.root();
        let soap = |node: Node<'_>, name: &str| node.local() == name && node.namespace() == Some(SOAP);
        if !soap(root, "Envelope") {
            return Err(root.unclear("is not a SOAP 1.1 envelope"));
        }
        root.only(&["Header", "Body"])?;
        let header = root.one("Header")?;
        let body = root.need("Body")?;
        if !soap(body, "Body") || header.is_some_and(|header| !soap(header, "Header")) {
            return Err(root.unclear("has a part in another namespace than its own"));
        }
        let mut operations = body.children();
        let operation = operations.next().ok_or_else(|| body.unclear("has no operation"))?;
        if let Some(second) = operations.next() {
            return Err(second.unclear("is a second operation"));
        }
        if header.is_some_and(|header| header.offset() > body.offset()) {
            return Err(body.unclear("stands before the header"));
        }
        attributes(root)?;
        Ok(Self { root, header, body, operation })
    }

    /// Holds the headers to what is known not to change what the request means.
    pub(super) fn check_headers(&self) -> Result<(), Unclear> {
        let Some(header) = self.header else { return Ok(()) };
        header.distinct()?;
        for child in header.children() {
            let known = HEADERS.iter().find(|(name, _)| *name == child.local());
            let (_, inside) = known.ok_or_else(|| child.unclear("is not a header that is accepted"))?;
            child.only(inside)?;
        }
        let details = match header.one("DuplicateRuleHeader")? {
            Some(rule) => rule.one("includeRecordDetails")?,
            None => None,
        };
        match details {
            Some(details) if details.text()?.trim() != "false" => {
                Err(details.unclear("answers fields of other records; leave it out or write `false`"))
            }
            _ => Ok(()),
        }
    }

    /// The envelope as it is sent: without the client's session, with a place for the org's.
    pub(super) fn rebuilt(&self, namespace: &str, holes: &[(usize, usize)]) -> Template {
        let mut writer = Writer::new(holes);
        writer.open(self.root);
        match self.header {
            Some(header) => {
                writer.open(header);
                session(&mut writer, namespace);
                for child in header.children().filter(|child| child.local() != "SessionHeader") {
                    writer.element(child);
                }
                writer.close(header);
            }
            None => {
                let name = format!("{}Header", self.root.prefix());
                writer.raw("<").raw(&name).raw(">");
                session(&mut writer, namespace);
                writer.raw("</").raw(&name).raw(">");
            }
        }
        writer.element(self.body).close(self.root);
        writer.finish()
    }
}

/// The org's session in the namespace of the API.
fn session(writer: &mut Writer<'_>, namespace: &str) {
    writer.raw(&format!("<ff:SessionHeader xmlns:ff=\"{namespace}\"><ff:sessionId>"));
    writer.session().raw("</ff:sessionId></ff:SessionHeader>");
}

/// Holds the attributes of all elements to those that are understood: `xsi:type`, `xsi:nil` without text, and those
/// of SOAP itself. `href` and `id`, by which one element stands for another, are not among them.
fn attributes(node: Node<'_>) -> Result<(), Unclear> {
    for (namespace, name) in node.attributes() {
        let known = match namespace {
            Some(XSI) => matches!(name, "type" | "nil"),
            Some(SOAP) => matches!(name, "encodingStyle" | "mustUnderstand" | "actor"),
            _ => false,
        };
        if !known {
            return Err(node.unclear(format!("has the unknown attribute `{name}`")));
        }
    }
    let nil = node.xsi("nil").is_some_and(|nil| !matches!(nil, "false" | "0"));
    if nil && (node.has_children() || !node.text()?.is_empty()) {
        return Err(node.unclear("is nil and has a value"));
    }
    node.children().try_for_each(attributes)
}
