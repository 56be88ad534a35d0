//! `/services/apexrest/...`: custom code, which here repeats what it was told, and tells in which session it runs.

use crate::call::Call;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

/// Any path and method.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Reply {
    let path = path.join("/");
    call.touches.object(Verb::Execute, &format!("apexrest/{path}"));
    // As `UserInfo.getSessionId()` gives it to any code.
    let session = &call.token;
    let body: Json = serde_json::from_slice(&ask.body).unwrap_or_else(|_| json!(ask.text()));
    let query: Vec<Json> = ask.query.iter().map(|(name, value)| json!([name, value])).collect();
    Reply::ok(
        &json!({ "method": ask.method, "path": format!("/{path}"), "query": query, "body": body, "session": session }),
    )
}
