//! What can go wrong, in the org's words. Each door gives a [`Fault`] its own shape.

use serde_json::{Value as Json, json};

/// A refusal by the org.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

/// The result of anything a request asks for.
pub(crate) type Outcome<T> = Result<T, Fault>;

// === impl Fault ===

impl Fault {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn with_field(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn no_session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(crate) fn method_not_allowed(method: &str, allowed: &str) -> Self {
        Self::new(
            405,
            "METHOD_NOT_ALLOWED",
            format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
        )
    }

    pub(crate) fn malformed_query(message: impl Into<String>) -> Self {
        Self::bad("MALFORMED_QUERY", message)
    }

    pub(crate) fn no_such_object(name: &str) -> Self {
        Self::bad(
            "INVALID_TYPE",
            format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to \
                 append the '__c' after the entity name."
            ),
        )
    }

    pub(crate) fn no_such_field(field: &str, object: &str) -> Self {
        Self::bad("INVALID_FIELD", format!("No such column '{field}' on entity '{object}'."))
    }

    pub(crate) fn bad_id(value: &str) -> Self {
        Self::bad("MALFORMED_ID", format!("Id ID: id value of incorrect type: {value}")).with_field("Id")
    }

    pub(crate) fn bad_json(message: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", message)
    }

    /// The same refusal of a query, with the query and the place of the name that the message quotes, as the org
    /// writes it.
    pub(crate) fn located(mut self, soql: &str) -> Self {
        let name = self.message.split('\'').nth(1).filter(|name| !name.is_empty());
        let at = name.and_then(|name| soql.find(name));
        let Some(at) = at.filter(|_| matches!(self.code, "INVALID_FIELD" | "INVALID_TYPE")) else {
            return self;
        };
        let before = soql.get(..at).unwrap_or_default();
        let row = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let marker = format!("{}^", " ".repeat(column - 1));
        self.message = format!("\n{soql}\n{marker}\nERROR at Row:{row}:Column:{column}\n{}", self.message);
        self
    }

    /// One entry of a REST error body.
    pub(crate) fn rest(&self) -> Json {
        let mut entry = json!({ "message": self.message, "errorCode": self.code });
        if let (false, Some(map)) = (self.fields.is_empty(), entry.as_object_mut()) {
            map.insert("fields".into(), json!(self.fields));
        }
        entry
    }

    /// One entry of `errors` in the result of a collection or of a composite.
    pub(crate) fn save_error(&self) -> Json {
        json!({ "statusCode": self.code, "message": self.message, "fields": self.fields })
    }
}
