//! The classifier: a request's head and body to what it asks of Salesforce.
//!
//! Every door has a file of its own under `classify/`. What no file recognises is refused as unknown. The table of
//! doors is `doors`; envelopes (composite, batch, graph) send their parts through the same table.

mod body;
mod bulk;
mod bulk1;
mod bulk2;
mod call;
mod csv;
mod doors;
mod graphql;
mod headers;
mod json;
mod multipart;
mod outside;
pub(crate) mod parameters;
mod path;
mod queries;
mod records;
mod references;
mod rest;
mod soap;
#[cfg(test)]
mod spec;
mod streaming;
mod told;
mod ui;
mod unclear;
mod xml;

use call::{Call, Envelope};

use crate::request::{Body, Cut, Head, Request, Rows};
use crate::schema::Schema;
pub use doors::{Decided, DoorEntry, documentation, entries};
pub(crate) use graphql::GraphQlValue;
pub use told::{ToldJob, told_batches};
pub use unclear::{Place, Unclear, UnclearKind};

/// How much of a request's body the classifier has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUse {
    /// None: there may be no body.
    None,
    /// All of it, decoded, at most this many bytes; a larger one is refused.
    Whole(usize),
    /// Its beginning, at most this many bytes (the header line of a CSV upload); the rest streams through.
    Start(usize),
}

/// The trees of resources that an org answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `/services/data`
    Data,
    /// `/services/async`
    Async,
    /// `/services/Soap`
    Soap,
    /// `/services/apexrest`
    ApexRest,
    /// `/services/oauth2`
    OAuth,
    /// `/cometd`
    Cometd,
    /// `/id`
    Identity,
    /// Everything else.
    Web,
}

/// Says how much of the body is needed, from the head alone.
#[must_use]
pub fn body_use(head: &Head<'_>) -> BodyUse {
    static NOTHING: std::sync::LazyLock<Schema> = std::sync::LazyLock::new(Schema::default);
    match Call::of_head(&NOTHING, head) {
        Ok(call) => doors::body_use(&call),
        Err(_) => BodyUse::None,
    }
}

/// A whole body with its content encoding taken off, for what is read of it before it is classified: the session of a
/// SOAP envelope.
///
/// # Errors
/// An encoding that is not taken, or more bytes than are inspected.
pub fn decoded<'a>(head: &Head<'_>, body: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, Unclear> {
    body::plain(head, body)
}

/// Works out what a request asks.
///
/// `body` is what [`body_use`] asked for, as it was received: content encodings are decoded here, within limits.
///
/// # Errors
/// What cannot be understood in one way only, with the place and what was expected there.
pub fn classify(schema: &Schema, head: &Head<'_>, body: &[u8]) -> Result<Request, Unclear> {
    let call = Call::of_head(schema, head)?;
    let use_ = doors::body_use(&call);
    let call = call.with_body(head, body, use_)?;
    let mut request = doors::read(&call)?;
    let Call { root, mut headers, .. } = call;
    headers.append(&mut request.draft.headers);
    request.draft.headers = headers;
    if root == Root::Data {
        settle_accept(&mut request);
    }
    if call.root == Root::Async && matches!(request.draft.body, Body::Empty) {
        settle_format(head, &mut request);
    }
    Ok(request)
}

/// Says in which form Bulk 1.0 answers a request without a body: clients ask by the type of the content they do not
/// send (clients.md, section 3). Nothing of theirs is passed on but the choice between two words.
fn settle_format(head: &Head<'_>, request: &mut Request) {
    let mut kinds = head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let (Some((_, kind)), None) = (kinds.next(), kinds.next()) else { return };
    let says =
        |word: &str| kind.split(|byte| !byte.is_ascii_alphanumeric()).any(|part| part == word.as_bytes());
    let format = if says("json") { "application/json" } else { "application/xml" };
    set(&mut request.draft.headers, "content-type", format);
}

/// Asks for JSON where rows are counted or cut out of JSON, whatever else the client would have taken.
fn settle_accept(request: &mut Request) {
    let rows = match request.answer.rows {
        Rows::JsonRecords | Rows::Enveloped(_) | Rows::JsonArray | Rows::GraphQlNodes | Rows::ReportRows => {
            true
        }
        Rows::None | Rows::One | Rows::Known(_) | Rows::Csv | Rows::Bulk | Rows::XmlRecords => false,
    };
    if rows || request.answer.cut != Cut::Nothing {
        set(&mut request.draft.headers, "accept", "application/json");
    }
    if matches!(request.draft.body, Body::Empty) {
        request.draft.headers.retain(|(name, _)| **name != *"content-type");
    }
}

/// Writes a header in place of what the client sent.
fn set(headers: &mut headers::Sent, name: &str, value: &str) {
    match headers.iter_mut().find(|(known, _)| **known == *name) {
        Some((_, old)) => *old = value.into(),
        None => headers.push((name.into(), value.into())),
    }
}

impl Root {
    /// The tree of a path by its first two segments, and how many of them name the tree.
    fn of(first: &str, second: &str) -> (Self, usize) {
        match (first, second) {
            ("services", "data") => (Self::Data, 2),
            ("services", "async") => (Self::Async, 2),
            ("services", "Soap") => (Self::Soap, 2),
            ("services", "apexrest") => (Self::ApexRest, 2),
            ("services", "oauth2") => (Self::OAuth, 2),
            ("cometd", _) => (Self::Cometd, 1),
            ("id", _) => (Self::Identity, 1),
            _ => (Self::Web, 0),
        }
    }
}

#[cfg(test)]
mod tests;
