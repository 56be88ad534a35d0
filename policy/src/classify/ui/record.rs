//! Records by id, and records that are made, changed and deleted.

use super::{Named, answering, describing, every, laid_out, objects_of, reads};
use crate::classify::call::Call;
use crate::classify::json::{Kind, Value};
use crate::classify::unclear::{Place, Unclear};
use crate::request::{Access, Api, Method, Needs, Operation, Operations, Request, Rows, Verb, What};
use crate::schema::ObjectId;

/// What a read of records may say.
const READ: [&str; 7] =
    ["fields", "optionalFields", "layoutTypes", "modes", "formFactor", "childRelationships", "pageSize"];
/// What a write may say.
const WRITE: [&str; 3] = ["useDefaultRule", "triggerUserEmail", "triggerOtherEmail"];

/// `/records...`
pub(super) fn read(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    match (call.method, rest) {
        (Method::Post, []) => create(call),
        (Method::Get | Method::Head, ["batch", ids]) => by_id(call, ids),
        (_, ["content-documents", ..]) if !call.is_get() => {
            call.opaque(Api::Ui, Operation::Create, Vec::new())
        }
        (Method::Get | Method::Head, [id]) if !id.contains(',') => by_id(call, id),
        (Method::Patch, [id]) => update(call, id),
        (Method::Delete, [id]) => delete(call, id),
        (Method::Get, [id, "child-relationships", name]) => children(call, id, name),
        _ => Err(call.unknown()),
    }
}

fn by_id(call: &Call<'_>, ids: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&READ)?;
    let (objects, count) = objects_of(call, ids)?;
    let named = Named::parameters(call, &parameters, &objects, &["fields", "optionalFields"])?;
    let mut needs = Vec::new();
    if parameters.get("layoutTypes").is_some() {
        needs.extend(objects.iter().map(|object| laid_out(*object)));
    } else if !named.any {
        return Err(Unclear::form(
            Place::Path,
            "one of `fields`, `optionalFields` and `layoutTypes` is needed",
        ));
    }
    needs.extend(reads(&objects, named));
    for name in parameters.get("childRelationships").unwrap_or_default().split(',') {
        if !name.is_empty() {
            needs.extend(child_relationship(call, &objects, name)?);
        }
    }
    answering(call, Operation::Read, needs, call.target(&parameters), Rows::Known(count))
}

/// `Account.Contacts`: rows of a child, with fields of the layout's choosing.
fn child_relationship(call: &Call<'_>, objects: &[ObjectId], name: &str) -> Result<Vec<What>, Unclear> {
    let place = Place::Parameter("childRelationships".into());
    let odd = || Unclear::form(place.clone(), "expected names like `Account.Contacts`");
    let (object, relationship) = name.split_once('.').ok_or_else(odd)?;
    let object = call.object_at(object, &place)?;
    if !objects.contains(&object) {
        return Err(odd());
    }
    let (child, key) = super::lists::child(call, object, relationship, &place)?;
    Ok(vec![every(child), What::Access(Access::field(Verb::Read, child, key))])
}

fn children(call: &Call<'_>, id: &str, name: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["fields", "optionalFields", "pageSize", "pageToken", "sortBy"])?;
    let needs = super::lists::related_needs(call, id, name, |child| {
        Named::parameters(call, &parameters, &[child], &["fields", "optionalFields", "sortBy"])
    })?;
    answering(call, Operation::Read, needs, call.target(&parameters), Rows::JsonRecords)
}

fn create(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&WRITE)?;
    let json = call.json()?;
    let body = json.root().only(&["apiName", "fields", "allowSaveOnDuplicate"])?;
    let name = body.required("apiName")?;
    let object = call.object_at(&name.string()?, name)?;
    let mut needs = vec![What::Access(Access::object(Verb::Create, object))];
    needs.extend(written(call, object, body.required("fields")?, Verb::Create)?);
    needs.push(laid_out(object));
    answering(call, both(Operation::Create), needs, call.target(&parameters), Rows::One)
}

fn update(call: &Call<'_>, id: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&WRITE)?;
    let json = call.json()?;
    let body = json.root().only(&["apiName", "fields", "allowSaveOnDuplicate"])?;
    let (objects, _) = objects_of(call, id)?;
    let [object] = objects.as_slice() else {
        return Err(Unclear::form(Place::Path, "the id may be one of several objects"));
    };
    if let Some(name) = body.get("apiName")
        && call.object_at(&name.string()?, name)? != *object
    {
        return Err(name.unclear("is not the object that the id belongs to"));
    }
    let mut needs = vec![What::Access(Access::object(Verb::Update, *object))];
    needs.extend(written(call, *object, body.required("fields")?, Verb::Update)?);
    needs.push(laid_out(*object));
    answering(call, both(Operation::Update), needs, call.target(&parameters), Rows::One)
}

/// Writing, and reading what was written.
fn both(operation: Operation) -> Operations {
    let mut operations = Operations::from(operation);
    operations.add(Operation::Read);
    operations
}

/// The fields of a body, whose values are plain.
fn written(call: &Call<'_>, object: ObjectId, fields: Value<'_>, verb: Verb) -> Result<Vec<What>, Unclear> {
    if let Some(name) = fields.is(Kind::Object)?.folded_duplicate() {
        return Err(fields.unclear(format!("the field `{name}` is given twice")));
    }
    let mut needs = Vec::new();
    for (key, value) in fields.entries() {
        if matches!(value.kind(), Kind::Object | Kind::Array) {
            return Err(value.unclear("expected the value of a field"));
        }
        let field = call.field(object, &key.string()?, value)?;
        needs.push(What::Access(Access::field(verb, object, field)));
    }
    Ok(needs)
}

fn delete(call: &Call<'_>, id: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let (objects, _) = objects_of(call, id)?;
    let accesses = objects.into_iter().map(|object| Access::object(Verb::Delete, object));
    let needs = Needs::accesses(accesses).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Ui, Operation::Delete, needs, call.target(&parameters)))
}

/// `/record-ui/{ids}`: records with their layouts and descriptions.
pub(super) fn with_layout(call: &Call<'_>, ids: &str) -> Result<Request, Unclear> {
    if !call.is_get() {
        return Err(call.unknown());
    }
    let parameters =
        call.parameters(&["formFactor", "layoutTypes", "modes", "optionalFields", "pageSize"])?;
    let (objects, count) = objects_of(call, ids)?;
    let named = Named::parameters(call, &parameters, &objects, &["optionalFields"])?;
    let mut needs: Vec<What> = objects.iter().map(|object| every(*object)).collect();
    needs.extend(named.accesses.into_iter().map(What::Access));
    answering(call, Operation::Read, needs, call.target(&parameters), Rows::Known(count))
}

/// `/record-defaults...`: what a form starts with; for a clone, the values of a record.
pub(super) fn defaults(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let known = ["formFactor", "optionalFields", "recordTypeId"];
    match rest {
        ["create", object] | ["template", "create", object] if call.is_get() => {
            describing(call, vec![call.object(object)?], &known)
        }
        ["clone", id] | ["template", "clone", id] if call.is_get() => {
            let parameters = call.parameters(&known)?;
            let (objects, count) = objects_of(call, id)?;
            let named = Named::parameters(call, &parameters, &objects, &["optionalFields"])?;
            let mut needs: Vec<What> = objects.iter().map(|object| every(*object)).collect();
            needs.extend(named.accesses.into_iter().map(What::Access));
            answering(call, Operation::Read, needs, call.target(&parameters), Rows::Known(count))
        }
        _ => Err(call.unknown()),
    }
}

/// `/duplicates/{O}`
pub(super) fn duplicates(call: &Call<'_>, object: &str) -> Result<Request, Unclear> {
    if !call.is_get() {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&["recordTypeId"])?;
    answering(
        call,
        Operation::Read,
        vec![every(call.object(object)?)],
        call.target(&parameters),
        Rows::JsonRecords,
    )
}

/// `/predupe`: the duplicates that a record would have.
pub(super) fn possible_duplicates(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.method != Method::Post {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let json = call.json()?;
    let body = json.root().only(&["apiName", "fields", "allowSaveOnDuplicate"])?;
    let name = body.required("apiName")?;
    let object = call.object_at(&name.string()?, name)?;
    let mut needs = vec![every(object)];
    needs.extend(written(call, object, body.required("fields")?, Verb::Read)?);
    answering(call, Operation::Read, needs, call.target(&parameters), Rows::JsonRecords)
}
