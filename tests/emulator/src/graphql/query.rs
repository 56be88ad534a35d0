//! Records: a selection of GraphQL becomes a query of SOQL, and its rows become edges.

use super::syntax::{Field, Selection};
use super::{Scope, filters, invalid};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::rest::describe;
use crate::schema::{Object, Schema};
use crate::soql::ast::{Expr, Item, Query, Source};
use crate::soql::run;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

/// `uiapi.query.{Object}`
pub(super) fn connection(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let schema = call.schema();
    let object =
        schema.object(&field.name).ok_or_else(|| invalid(format!("Field '{}' is undefined", field.name)))?;
    let mut query = select(&schema, scope, object, field)?;
    query.from = vec![Source { path: vec![object.name.clone()], alias: None }];
    let (first, after) = window(scope, field)?;
    let plan = call.bind(&query, false)?;
    let answer = run::execute(call.view(), &plan)?;
    let outer = std::mem::replace(&mut call.batch, first.max(1));
    let rows = call.write("query", |writer| writer.rows(&plan, &answer.rows, after));
    call.batch = outer;
    let page = Page { rows, total: answer.total, after };
    shape(scope, (&schema, object), field, &page)
}

/// `first` and `after` of a connection.
fn window(scope: &Scope<'_>, field: &Field) -> Outcome<(u64, u64)> {
    let first = scope.argument(field, "first")?.as_u64().unwrap_or(10);
    let after = scope.argument(field, "after")?;
    let after = after.as_str().and_then(|cursor| STANDARD.decode(cursor.trim_start_matches("v1:")).ok());
    let after = after.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()).unwrap_or(0);
    Ok((first.min(2000), after))
}

fn cursor(row: u64) -> String {
    format!("v1:{}", STANDARD.encode(row.to_string()))
}

struct Page {
    rows: Vec<Json>,
    total: u64,
    after: u64,
}

/// The query behind a connection, without its FROM.
fn select(schema: &Schema, scope: &Scope<'_>, object: &Object, field: &Field) -> Outcome<Query> {
    let mut query = Query {
        filter: filters::condition(schema, object, &scope.argument(field, "where")?)?,
        order: filters::order(&scope.argument(field, "orderBy")?)?,
        scope: scope.argument(field, "scope")?.as_str().map(str::to_owned),
        ..Query::default()
    };
    for node in nodes(scope, field)? {
        columns(schema, scope, (object, &[]), &node.selection, &mut query.select)?;
    }
    // A connection that only counts still has to select something.
    if query.select.is_empty() {
        query.select.push(named(&["Id".to_owned()]));
    }
    Ok(query)
}

/// The `node` fields below `edges`.
fn nodes<'a>(scope: &Scope<'a>, field: &'a Field) -> Outcome<Vec<&'a Field>> {
    let mut nodes = Vec::new();
    for edges in scope.fields(&field.selection)?.into_iter().filter(|part| part.name == "edges") {
        nodes.extend(scope.fields(&edges.selection)?.into_iter().filter(|part| part.name == "node"));
    }
    Ok(nodes)
}

fn named(path: &[String]) -> Item {
    Item::Expr { expr: Expr::Path(path.to_vec()), alias: None }
}

/// What a node's selection needs, as columns of the query.
fn columns(
    schema: &Schema,
    scope: &Scope<'_>,
    (object, path): (&Object, &[String]),
    selection: &[Selection],
    items: &mut Vec<Item>,
) -> Outcome<()> {
    for field in scope.fields(selection)? {
        let name = field.name.as_str();
        let deeper: Vec<String> = path.iter().cloned().chain([field.name.clone()]).collect();
        if is_meta(name) {
            continue;
        }
        if object.field(name).is_some() {
            items.push(named(&deeper));
        } else if let Some((_, key)) = object.parent(name) {
            if key.is_polymorphic() {
                polymorphic(schema, scope, (&deeper, key), &field.selection, items)?;
            } else {
                let target = key.targets.first().and_then(|target| schema.object(target));
                let target = target.ok_or_else(|| Fault::no_such_object(name))?;
                columns(schema, scope, (target, &deeper), &field.selection, items)?;
            }
        } else if let Some(child) = object.child(name).filter(|_| path.is_empty()) {
            let target = schema.object(&child.object).ok_or_else(|| Fault::no_such_object(&child.object))?;
            let mut query = select(schema, scope, target, field)?;
            query.from = vec![Source { path: vec![name.to_owned()], alias: None }];
            let (first, after) = window(scope, field)?;
            (query.limit, query.offset) = (Some(first), after);
            items.push(Item::Children { query: Box::new(query) });
        } else {
            return Err(invalid(format!("Field '{name}' in type '{}' is undefined", object.name)));
        }
    }
    Ok(())
}

/// A parent of several types: each `... on Type` asks for its own fields, the rest for those of `Name`.
fn polymorphic(
    schema: &Schema,
    scope: &Scope<'_>,
    (path, key): (&[String], &crate::schema::Field),
    selection: &[Selection],
    items: &mut Vec<Item>,
) -> Outcome<()> {
    let mut when: Vec<(String, Vec<Vec<String>>)> = Vec::new();
    let mut otherwise = Vec::new();
    for (on, field) in scope.typed(selection)? {
        if is_meta(&field.name) {
            continue;
        }
        let column = vec![field.name.clone()];
        match on.filter(|on| *on != "Name" && schema.object(on).is_some()) {
            Some(on) => match when.iter_mut().find(|(known, _)| known == on) {
                Some((_, columns)) => columns.push(column),
                None => when.push((on.to_owned(), vec![column])),
            },
            None => otherwise.push(column),
        }
    }
    if when.is_empty() {
        let columns =
            otherwise.into_iter().map(|column| path.iter().cloned().chain(column).collect::<Vec<_>>());
        items.extend(columns.map(|column| named(&column)));
        return Ok(());
    }
    if key.relationship.is_none() {
        return Err(invalid("this reference cannot be followed"));
    }
    items.push(Item::TypeOf { path: path.to_vec(), when, otherwise });
    Ok(())
}

fn is_meta(name: &str) -> bool {
    ["__typename", "ApiName", "WeakEtag", "DisplayValue"].contains(&name)
}

/// Rows as the selection of a connection asks for them.
fn shape(
    scope: &Scope<'_>,
    (schema, object): (&Schema, &Object),
    field: &Field,
    page: &Page,
) -> Outcome<Json> {
    let shown = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
    let end = page.after + shown;
    let mut map = Map::new();
    for part in scope.fields(&field.selection)? {
        let value = match part.name.as_str() {
            "totalCount" => json!(page.total),
            "pageResultCount" => json!(shown),
            "pageInfo" => json!({
                "hasNextPage": end < page.total, "hasPreviousPage": page.after > 0,
                "startCursor": cursor(page.after), "endCursor": cursor(end),
            }),
            "edges" => {
                let mut edges = Vec::new();
                for (place, row) in (page.after + 1..).zip(&page.rows) {
                    let mut edge = Map::new();
                    for inner in scope.fields(&part.selection)? {
                        let value = match inner.name.as_str() {
                            "node" => node(scope, (schema, object), &inner.selection, row)?,
                            _ => json!(cursor(place)),
                        };
                        edge.insert(inner.key().to_owned(), value);
                    }
                    edges.push(Json::Object(edge));
                }
                Json::Array(edges)
            }
            "__typename" => json!(format!("{}Connection", object.name)),
            other => return Err(invalid(format!("Field '{other}' is undefined"))),
        };
        map.insert(part.key().to_owned(), value);
    }
    Ok(Json::Object(map))
}

/// One row as the selection of a node asks for it.
pub(super) fn node(
    scope: &Scope<'_>,
    (schema, object): (&Schema, &Object),
    selection: &[Selection],
    row: &Json,
) -> Outcome<Json> {
    if row.is_null() {
        return Ok(Json::Null);
    }
    let kind = row.pointer("/attributes/type").and_then(Json::as_str).unwrap_or(&object.name);
    let object = schema.object(kind).unwrap_or(object);
    let mut map = Map::new();
    for (on, field) in scope.typed(selection)? {
        let name = field.name.as_str();
        if on.is_some_and(|on| on != kind && schema.object(on).is_some() && on != "Name") {
            continue;
        }
        let own = object.field(name).map(|(_, field)| field.name.as_str());
        let value = if matches!(name, "__typename" | "ApiName") {
            json!(kind)
        } else if let Some(own) = own {
            leaf(scope, field, row.get(own).unwrap_or(&Json::Null))?
        } else if let Some((_, key)) = object.parent(name) {
            let relationship = key.relationship.as_deref().unwrap_or_default();
            let target = key.targets.first().and_then(|target| schema.object(target)).unwrap_or(object);
            node(scope, (schema, target), &field.selection, row.get(relationship).unwrap_or(&Json::Null))?
        } else if let Some(child) = object.child(name) {
            let target = schema.object(&child.object).unwrap_or(object);
            let rows = row.get(&child.relationship).and_then(|set| set.get("records"));
            let rows = rows.and_then(Json::as_array).cloned().unwrap_or_default();
            let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            shape(scope, (schema, target), field, &Page { rows, total, after: 0 })?
        } else {
            row.get(name).cloned().unwrap_or_default()
        };
        map.insert(field.key().to_owned(), value);
    }
    Ok(Json::Object(map))
}

/// A field: `Id` is itself, every other is an object with `value` and its like.
pub(super) fn leaf(scope: &Scope<'_>, field: &Field, value: &Json) -> Outcome<Json> {
    if field.selection.is_empty() {
        return Ok(value.clone());
    }
    let mut map = Map::new();
    for part in scope.fields(&field.selection)? {
        let shown = match part.name.as_str() {
            "value" => value.clone(),
            "displayValue" | "label" => match value {
                Json::Null => Json::Null,
                Json::String(text) => json!(text),
                other => json!(other.to_string()),
            },
            other => value.get(other).cloned().unwrap_or_default(),
        };
        map.insert(part.key().to_owned(), shown);
    }
    Ok(Json::Object(map))
}

/// `objectInfos(apiNames: [...])`
pub(super) fn object_infos(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let schema = call.schema();
    let names = scope.argument(field, "apiNames")?;
    let mut infos = Vec::new();
    for name in names.as_array().into_iter().flatten().filter_map(Json::as_str) {
        let object = schema.object(name).ok_or_else(|| invalid(format!("Unknown object {name}")))?;
        let facts = describe::object(call, object);
        let mut map = Map::new();
        for part in scope.fields(&field.selection)? {
            let value = match part.name.as_str() {
                "ApiName" => json!(object.name),
                other => facts.get(other).cloned().unwrap_or_default(),
            };
            map.insert(part.key().to_owned(), value);
        }
        infos.push(Json::Object(map));
    }
    Ok(Json::Array(infos))
}
