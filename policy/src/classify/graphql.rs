//! GraphQL: `POST /graphql` with one query or mutation over `uiapi` (reference, section 8).
//!
//! Names stand in selections, in filters, in variables and behind aliases; the walk meets them all, and takes every
//! branch that a directive might skip. The document that is sent is printed from the tree, with holes where connections
//! have their arguments: what the decision narrows is written there.

mod ast;
mod connections;
mod mutation;
mod read;
mod records;
mod settle;
#[cfg(test)]
mod tests;

mod walk;

use super::call::Call;
use super::json::{self, Kind};
use super::unclear::Unclear;
use crate::request::{
    Answer, Api, Body, Encoding, Method, Needs, Opaque, Operation, Operations, Request, Rows, Template, What,
};
pub(crate) use ast::Value as GraphQlValue;
use ast::{Document, HOLE, Selection, Value};

/// Reads a call.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.method != Method::Post || call.segments.len() != 1 {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let json = call.json()?;
    let body = json.root().only(&["query", "operationName", "variables"])?;
    let mut document = read::document(&body.required("query")?.string()?)?;
    if let Some(name) = body.get("operationName").filter(|name| name.kind() != Kind::Null)
        && document.operation.name.as_deref() != Some(&*name.string()?)
    {
        return Err(name.unclear("is not the name of the operation"));
    }
    let mut variables = match body.get("variables").filter(|variables| variables.kind() != Kind::Null) {
        Some(variables) => pairs(variables.is(Kind::Object)?)?,
        None => Vec::new(),
    };
    walk::check_declared(&document, &variables)?;
    settle::settle(&mut document, &mut variables);
    let touched = walk::touched(call.schema, &document, &variables)?;
    let (mut needs, mut holes) = (Vec::new(), Vec::new());
    for (field, connection) in touched.connections {
        holes.push((field, needs.len()));
        needs.push(What::Connection(Box::new(connection)));
    }
    needs.extend(touched.accesses.into_iter().map(What::Access));
    document.operation.selections.iter_mut().for_each(|selection| open_holes(selection, &holes));
    let within = document.fragments.iter_mut().flat_map(|fragment| &mut fragment.selections);
    within.for_each(|selection| open_holes(selection, &holes));
    if touched.introspects {
        // GraphQL's own schema names every object: granted like a resource of its own under the endpoint's path.
        let path = format!("{}/__schema", call.opaque_path());
        needs.push(What::Opaque(Opaque::plain(Method::Post, path, Vec::new())));
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

/// Marks the fields whose arguments are written by the decision: by their numbers, with the needs that say what.
fn open_holes(selection: &mut Selection, holes: &[(usize, usize)]) {
    let inner = match selection {
        Selection::Spread { .. } => return,
        Selection::Inline { selections, .. } => selections,
        Selection::Field(field) => {
            field.hole = holes.iter().find(|(number, _)| *number == field.number).map(|(_, need)| *need);
            &mut field.selections
        }
    };
    inner.iter_mut().for_each(|selection| open_holes(selection, holes));
}

/// The body as it is sent.
fn sent(document: &Document, variables: &[(Box<str>, Value)]) -> Template {
    let mut template = Template::from("{\"query\":\"");
    for (at, piece) in document.to_string().split(HOLE).enumerate() {
        match piece.parse() {
            Ok(need) if at % 2 == 1 => template.hole(need, "", Encoding::Json),
            _ => template.text(encoded(piece)),
        };
    }
    let mut body = b"\"".to_vec();
    if let Some(name) = &document.operation.name {
        body.extend_from_slice(b",\"operationName\":");
        write_text(name, &mut body);
    }
    if !variables.is_empty() {
        body.extend_from_slice(b",\"variables\":");
        write_pairs(variables, &mut body);
    }
    body.push(b'}');
    template.text(body);
    template
}

/// The inside of a JSON string.
fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    Encoding::Json.write(text, &mut out);
    out
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
