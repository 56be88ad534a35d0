//! List views, related lists, lookups.

use super::{Named, answering, describing, every};
use crate::classify::call::Call;
use crate::classify::json::Kind;
use crate::classify::unclear::{Place, Unclear, UnclearKind};
use crate::request::{Access, Api, Method, Operation, Request, Rows, RowsAsked, Verb, What};
use crate::schema::{FieldId, ObjectId};

/// What a list may be asked with.
const LIST: [&str; 6] = ["fields", "optionalFields", "pageSize", "pageToken", "sortBy", "searchTerm"];
/// Those of them that name fields.
const NAMES: [&str; 3] = ["fields", "optionalFields", "sortBy"];

/// List views: `/list-records/{O}/{name}` and their kin. Filter and columns are stored, so every field is needed;
/// a list view named by its id could be of any object.
pub(super) fn views(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let object = match names.get(2..).unwrap_or_default() {
        ["recent", object] | [object] | [object, _] => call.schema.find(object),
        _ => return Err(call.unknown()),
    };
    let read = match call.method {
        Method::Get | Method::Head => true,
        Method::Post => matches!(names.get(1), Some(&("list-records" | "mru-list-records"))),
        _ => false,
    };
    let Some(object) = object.filter(|_| read) else {
        return call.opaque(Api::Ui, Operation::Read, Vec::new());
    };
    let (mut needs, target) = (vec![every(object), page(call, object)?], target(call)?);
    let asked = asked(call, object)?.accesses.into_iter().filter(|access| access.object != object);
    needs.extend(asked.map(What::Access));
    answering(call, Operation::Read, needs, target, Rows::JsonRecords)
}

/// `/related-list-records/{parentId}/{list}`, and several lists in a batch.
pub(super) fn related(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let needs = match (call.method, rest) {
        (Method::Get | Method::Post, [id, list]) if *id != "batch" => {
            let mut needs = related_needs(call, id, list, |child| asked(call, child))?;
            for parent in call.objects_of(id, &Place::Path)? {
                needs.push(page(call, child(call, parent, list, &Place::Path)?.0)?);
            }
            needs
        }
        (Method::Get, ["batch", id, lists]) => {
            call.parameters(&[])?;
            let mut needs = Vec::new();
            for list in lists.split(',') {
                needs.extend(related_needs(call, id, list, |_| Ok(Named::default()))?);
            }
            needs
        }
        _ => return Err(call.unknown()),
    };
    answering(call, Operation::Read, needs, target(call)?, Rows::JsonRecords)
}

/// `/related-list-count/{parentId}/{list}`, and several in a batch.
pub(super) fn counts(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let (id, lists) = match (call.is_get(), rest) {
        (true, ["batch", id, lists]) => (id, lists.split(',').collect::<Vec<_>>()),
        (true, [id, list]) => (id, vec![*list]),
        _ => return Err(call.unknown()),
    };
    let parameters = call.parameters(&["maxCount"])?;
    let mut needs = Vec::new();
    for parent in call.objects_of(id, &Place::Path)? {
        needs.push(What::Access(Access::object(Verb::Read, parent)));
        for list in &lists {
            let (child, key) = child(call, parent, list, &Place::Path)?;
            needs.push(What::Access(Access::object(Verb::Read, child)));
            needs.push(What::Access(Access::field(Verb::Read, child, key)));
        }
    }
    answering(call, Operation::Read, needs, call.target(&parameters), Rows::None)
}

/// `/related-list-info/{O}[/{list}]`, `/related-list-info/batch/{O}/{lists}`: descriptions of parent and children.
pub(super) fn related_info(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let (object, lists) = match (call.is_get(), rest) {
        (true, ["batch", object, lists]) => (object, lists.split(',').collect::<Vec<_>>()),
        (true, [object]) => (object, Vec::new()),
        (true, [object, list]) => (object, vec![*list]),
        _ => return Err(call.unknown()),
    };
    let parent = call.object(object)?;
    let mut objects = vec![parent];
    for list in lists {
        objects.push(child(call, parent, list, &Place::Path)?.0);
    }
    describing(call, objects, &["recordTypeId", "optionalFields", "fields", "restrictColumnsToLayout"])
}

/// `/lookups/{O}/{field}[/{target}]?q=`: names of the records that a reference may be set to.
pub(super) fn lookup(call: &Call<'_>, object: &str, field: &str, rest: &[&str]) -> Result<Request, Unclear> {
    let target = match (call.is_get(), rest) {
        (true, []) => None,
        (true, [target]) => Some(call.object(target)?),
        _ => return Err(call.unknown()),
    };
    let parameters =
        call.parameters(&["q", "searchType", "page", "pageSize", "pageParam", "dependentFieldBindings"])?;
    if parameters.get("dependentFieldBindings").is_some_and(|bindings| !bindings.is_empty()) {
        return Err(Unclear::form(
            Place::Parameter("dependentFieldBindings".into()),
            "it filters by further fields",
        ));
    }
    let object = call.object(object)?;
    let field = call.field(object, field, Place::Path)?;
    let reference = call.schema.object(object).field(field).reference().ok_or_else(|| call.unknown())?;
    let known: Vec<ObjectId> = reference.targets.iter().filter_map(|name| call.schema.find(name)).collect();
    let targets = match target {
        Some(target) if reference.more || known.contains(&target) => vec![target],
        None if !reference.more && known.len() == reference.targets.len() => known,
        _ => return Err(Unclear::form(Place::Path, "the object that is searched is not clear")),
    };
    let mut accesses = vec![Access::object(Verb::Read, object), Access::field(Verb::Read, object, field)];
    for target in targets {
        accesses.push(Access::object(Verb::Read, target));
        accesses.push(match call.schema.object(target).find("Name") {
            Some(name) => Access::field(Verb::Read, target, name),
            None => Access::every(Verb::Read, target),
        });
    }
    let needs = accesses.into_iter().map(What::Access).collect();
    answering(call, Operation::Search, needs, call.target(&parameters), Rows::JsonRecords)
}

/// What the rows of a related list need: every field where none is named.
pub(super) fn related_needs(
    call: &Call<'_>,
    id: &str,
    list: &str,
    asked: impl Fn(ObjectId) -> Result<Named, Unclear>,
) -> Result<Vec<What>, Unclear> {
    let mut needs = Vec::new();
    for parent in call.objects_of(id, &Place::Path)? {
        let (child, key) = child(call, parent, list, &Place::Path)?;
        needs.push(What::Access(Access::object(Verb::Read, parent)));
        needs.push(What::Access(Access::object(Verb::Read, child)));
        needs.push(What::Access(Access::field(Verb::Read, child, key)));
        let named = asked(child)?;
        if !named.any {
            needs.push(every(child));
        }
        needs.extend(named.accesses.into_iter().map(What::Access));
    }
    Ok(needs)
}

/// The object behind a child relationship, and its field that points at the parent.
pub(super) fn child(
    call: &Call<'_>,
    parent: ObjectId,
    relationship: &str,
    place: &Place,
) -> Result<(ObjectId, FieldId), Unclear> {
    let unknown = || {
        let name: String = relationship.chars().take(80).collect();
        let what = format!("`{name}` is not known");
        Unclear::new(UnclearKind::Name(name.into()), place.clone(), what)
    };
    let child = call.schema.object(parent).child(relationship).ok_or_else(unknown)?;
    let object = call.object_at(&child.object, place)?;
    Ok((object, call.field(object, &child.field, place.clone())?))
}

/// The fields that a list is asked with, in the query string or, for POST, in a body.
fn asked(call: &Call<'_>, object: ObjectId) -> Result<Named, Unclear> {
    let parameters = call.parameters(&LIST)?;
    let mut named = Named::parameters(call, &parameters, &[object], &NAMES)?;
    if call.method == Method::Post {
        let json = call.json()?;
        for (key, value) in json.root().only(&LIST)?.entries() {
            if !NAMES.contains(&&*key.string()?) {
                if matches!(value.kind(), Kind::Object | Kind::Array) {
                    return Err(value.unclear("expected a plain value"));
                }
                continue;
            }
            for item in value.is(Kind::Array)?.items() {
                named.list(call, &[object], &item.string()?, &item.into())?;
            }
        }
    }
    Ok(named)
}

/// How many rows a list asks for; a body could say anything.
fn page(call: &Call<'_>, object: ObjectId) -> Result<What, Unclear> {
    let parameters = call.parameters(&LIST)?;
    let size = match parameters.get("pageSize") {
        Some(size) => size
            .parse()
            .map_err(|_| Unclear::form(Place::Parameter("pageSize".into()), "it is a number of rows"))?,
        None => MOST_ROWS,
    };
    let continues = parameters.get("pageToken").is_some() || call.method == Method::Post;
    Ok(What::Rows(RowsAsked { object, most: (!continues).then_some(size) }))
}

/// The largest page of a list.
const MOST_ROWS: u64 = 2_000;

fn target(call: &Call<'_>) -> Result<crate::request::Template, Unclear> {
    Ok(call.target(&call.parameters(&LIST)?))
}
