//! Which headers of an answer pass: a list, since what is not on it may be a session (reference, section 13).

use http::HeaderName;

/// Whether a header of Salesforce's answer goes on to the client.
#[must_use]
pub fn passes(name: &HeaderName) -> bool {
    PASSING.contains(&name.as_str())
}

/// Whether a body of this type is text in which the org's addresses may stand. CSV is data and stays as it is.
#[must_use]
pub fn is_text(content_type: &str) -> bool {
    ["json", "xml"].iter().any(|kind| content_type.contains(kind))
}

const PASSING: [&str; 14] = [
    "accept-ranges",
    "allow",
    "content-disposition",
    "content-language",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "sforce-limit-info",
    "sforce-locator",
    "sforce-numberofrecords",
    "vary",
    "warning",
];
