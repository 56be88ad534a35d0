//! GraphQL: `POST /graphql` with one query or mutation over `uiapi` (reference, section 8).
//!
//! Names stand in selections, in filters, in variables and behind aliases; the walk meets them all, and takes every
//! branch that a directive might skip. The document that is sent is printed from the tree. A grant's condition cannot
//! be put into a document yet, so objects whose grant has one are refused here by the decision.

mod ast;
mod mutation;
mod read;
mod records;
#[cfg(test)]
mod tests;

mod walk;

use super::call::Call;
use super::json::{self, Kind};
use super::unclear::Unclear;
use crate::request::{
    Answer, Api, Body, Encoding, Method, Needs, Opaque, Operation, Operations, Request, Rows, Template, What,
};
use ast::{Document, Value};

/// Reads a call.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.method != Method::Post || call.segments.len() != 1 {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let json = call.json()?;
    let body = json.root().only(&["query", "operationName", "variables"])?;
    let document = read::document(&body.required("query")?.string()?)?;
    if let Some(name) = body.get("operationName").filter(|name| name.kind() != Kind::Null)
        && document.operation.name.as_deref() != Some(&*name.string()?)
    {
        return Err(name.unclear("is not the name of the operation"));
    }
    let variables = match body.get("variables").filter(|variables| variables.kind() != Kind::Null) {
        Some(variables) => pairs(variables.is(Kind::Object)?)?,
        None => Vec::new(),
    };
    let touched = walk::touched(call.schema, &document, &variables)?;
    let mut needs: Vec<What> = touched.accesses.into_iter().map(What::Access).collect();
    needs.extend(touched.rows.into_iter().map(What::Rows));
    if touched.introspects {
        // GraphQL's own schema names every object: granted like a resource of its own under the endpoint's path.
        let path = format!("{}/__schema", call.opaque_path());
        needs.push(What::Opaque(Opaque { method: Method::Post, path: path.into(), mentions: Vec::new() }));
    }
    let (Some(needs), Some(operations)) = (Needs::all(needs), Operations::gathered(touched.operations))
    else {
        return Err(body.unclear("the document asks for nothing"));
    };
    let rows = operations.iter().any(|operation| matches!(operation, Operation::Query | Operation::Read));
    let mut request = call.request(Api::GraphQl, operations, needs, call.target(&parameters));
    request.draft.body = Body::Whole(sent(&document, &variables));
    request.answer = Answer::rows(if rows { Rows::GraphQlNodes } else { Rows::None });
    Ok(request)
}

/// The body as it is sent.
fn sent(document: &Document, variables: &[(Box<str>, Value)]) -> Template {
    let mut body = b"{\"query\":".to_vec();
    write_text(&document.to_string(), &mut body);
    if let Some(name) = &document.operation.name {
        body.extend_from_slice(b",\"operationName\":");
        write_text(name, &mut body);
    }
    if !variables.is_empty() {
        body.extend_from_slice(b",\"variables\":");
        write_pairs(variables, &mut body);
    }
    body.push(b'}');
    Template::from(body)
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    Encoding::Json.write(text, out);
    out.push(b'"');
}

fn write_pairs(pairs: &[(Box<str>, Value)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => out.extend_from_slice(text.as_bytes()),
        Value::Text(text) | Value::Enum(text) | Value::Variable(text) => write_text(text, out),
        Value::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(value, out);
            }
            out.push(b']');
        }
        Value::Object(pairs) => write_pairs(pairs, out),
    }
}

/// The value of a variable. Nesting is bounded by the JSON parser.
fn value(json: json::Value<'_>) -> Result<Value, Unclear> {
    Ok(match json.kind() {
        Kind::Null => Value::Null,
        Kind::True => Value::Boolean(true),
        Kind::False => Value::Boolean(false),
        Kind::Number => Value::Number(json.raw().into()),
        Kind::String => Value::Text(json.string()?.into()),
        Kind::Array => Value::List(json.items().map(value).collect::<Result<_, _>>()?),
        Kind::Object => Value::Object(pairs(json)?),
    })
}

fn pairs(json: json::Value<'_>) -> Result<Vec<(Box<str>, Value)>, Unclear> {
    json.entries().map(|(key, inner)| Ok((key.string()?.into(), value(inner)?))).collect()
}
