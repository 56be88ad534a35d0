//! Narrowing before refusing: what is written into a request's holes.

use super::{Narrowing, Reason, check, filter, handles, side_door};
use crate::grant::{Grant, Grants};
use crate::request::{Access, Connection, FieldList, Fields, Opaque, Origin, Verb, What};
use crate::schema::{Object, ObjectId};
use crate::soql::{self, FieldsFunction, PlaceKind};
use crate::sosl::{self, MatchScope};

/// Decides one need and gives the text of its hole: `None` for nothing.
pub(super) fn need(
    grants: &Grants,
    what: &What,
    origin: Option<&Origin>,
    narrowings: &mut Vec<Narrowing>,
) -> Result<Option<String>, Reason> {
    match what {
        What::Access(access) => check::plain(grants, *access).map(|()| None),
        What::Query(query) => self::query(grants, query, narrowings).map(Some),
        What::Search(search) => self::search(grants, search, narrowings).map(Some),
        What::Condition(condition) => {
            condition.accesses().iter().try_for_each(|access| check::plain(grants, *access))?;
            Ok(Some(condition.text().to_owned()))
        }
        What::Connection(connection) => self::connection(grants, connection, narrowings).map(Some),
        What::Fields(list) => field_list(grants, list, narrowings),
        What::Rows(asked) => check::rows(grants, *asked).map(|()| None),
        What::Named(named) if grants.names(*named) => Ok(None),
        What::Named(named) => Err(Reason::Named(*named)),
        What::Opaque(opaque) if grants.opens(opaque) => Ok(None),
        What::Opaque(opaque) => Err(unopened(grants, opaque)),
        What::Handle(handle) => handles::handle(grants, handle, origin).map(|()| None),
        What::Columns(columns) => handles::columns(grants, columns, origin).map(|()| None),
        What::Never(never) => Err(Reason::Never(*never)),
    }
}

fn unopened(grants: &Grants, opaque: &Opaque) -> Reason {
    let door = format!("{} {}", opaque.method, opaque.path);
    match side_door::sending_action(opaque) {
        Some(_) => Reason::Sends(door),
        None if grants.leads_to(opaque) => Reason::Parameters(door),
        None => Reason::Opaque(door),
    }
}

/// The text of a hole when the request passes as it was asked.
pub(super) fn as_asked(what: &What) -> Option<String> {
    match what {
        What::Query(query) => query.narrowed(&soql::Edits::default()).ok(),
        What::Search(search) => search.narrowed(&sosl::Edits::default()).ok(),
        What::Condition(condition) => Some(condition.text().to_owned()),
        What::Connection(connection) => Some(connection.written(None, None)),
        What::Fields(list) => list.named.as_ref().map(|_| joined(list, None)),
        What::Access(_)
        | What::Rows(_)
        | What::Named(_)
        | What::Opaque(_)
        | What::Handle(_)
        | What::Columns(_)
        | What::Never(_) => None,
    }
}

/// A query or search with its literals redacted.
pub(super) fn shape(what: &What) -> Option<String> {
    match what {
        What::Query(query) => Some(query.redacted()),
        What::Search(search) => Some(search.redacted()),
        What::Access(_)
        | What::Condition(_)
        | What::Connection(_)
        | What::Fields(_)
        | What::Rows(_)
        | What::Named(_)
        | What::Opaque(_)
        | What::Handle(_)
        | What::Columns(_)
        | What::Never(_) => None,
    }
}

fn query(grants: &Grants, query: &soql::Resolved, narrowings: &mut Vec<Narrowing>) -> Result<String, Reason> {
    let mut edits = soql::Edits::default();
    // Fields first: the refusal names one of them rather than its object.
    let of_fields = |access: &&Access| access.fields != Fields::None;
    let accesses = query.accesses();
    for access in accesses.iter().filter(of_fields).chain(accesses.iter().filter(|access| !of_fields(access)))
    {
        let expanded = |place: &soql::Place| place.object == access.object && place.expands.is_some();
        match access.fields {
            Fields::Every if query.places().iter().any(expanded) => {
                check::covered(grants, Access { fields: Fields::None, ..*access })?;
            }
            _ => {
                check::covered(grants, *access)?;
            }
        }
    }
    for (number, place) in query.places().iter().enumerate() {
        let Some(grant) = grants.on(place.object) else { continue };
        let object = grants.schema().object(place.object);
        if let Some(condition) = grant.condition() {
            edits.conditions.push((number, condition));
            narrowings.push(Narrowing::Condition(object.name().to_owned()));
        }
        let counts_rows = matches!(place.kind, PlaceKind::Root | PlaceKind::Child);
        if let Some(most) = grant.max_rows().filter(|_| counts_rows) {
            edits.limits.push((number, most));
            narrowings.push(Narrowing::Rows(object.name().to_owned(), most));
        }
        if let Some(function) = place.expands.filter(|_| !check::covers_every(grant, Verb::Read)) {
            let granted = |custom: bool| function_covers(function, custom);
            let names: Vec<&str> = object
                .fields()
                .filter(|(id, field)| {
                    check::covers(grant, Verb::Read, *id) && granted(is_custom(field.name()))
                })
                .map(|(_, field)| field.name())
                .collect();
            if names.is_empty() {
                return Err(Reason::EveryField(Verb::Read, object.name().to_owned()));
            }
            edits.fields.push((number, names));
            narrowings.push(Narrowing::Fields(object.name().to_owned()));
        }
    }
    query.narrowed(&edits).map_err(|error| Reason::Condition(condition_object(grants, query), error.0))
}

/// The object to name when a condition cannot be expressed: the first that has one.
fn condition_object(grants: &Grants, query: &soql::Resolved) -> String {
    let has_condition =
        |place: &&soql::Place| grants.on(place.object).is_some_and(|grant| grant.condition().is_some());
    query
        .places()
        .iter()
        .find(has_condition)
        .map_or_else(String::new, |place| check::name(grants, place.object))
}

fn function_covers(function: FieldsFunction, custom: bool) -> bool {
    match function {
        FieldsFunction::All => true,
        FieldsFunction::Standard => !custom,
        FieldsFunction::Custom => custom,
    }
}

/// Custom fields and their parts end in `__c`, `__s`, `__pc`; no standard field contains a double underscore.
fn is_custom(name: &str) -> bool {
    name.contains("__")
}

fn search(
    grants: &Grants,
    search: &sosl::Resolved,
    narrowings: &mut Vec<Narrowing>,
) -> Result<String, Reason> {
    let mut edits = sosl::Edits::default();
    for access in search.accesses() {
        check::covered(grants, *access)?;
    }
    for (number, object) in search.objects().iter().enumerate() {
        let grant = check::covered(grants, Access::object(Verb::Read, *object))?;
        if let Some(condition) = grant.condition() {
            edits.conditions.push((number, condition));
            narrowings.push(Narrowing::Condition(check::name(grants, *object)));
        }
        if let Some(most) = grant.max_rows() {
            edits.limits.push((number, most));
            narrowings.push(Narrowing::Rows(check::name(grants, *object), most));
        }
        if search.scope() != MatchScope::Name && !check::covers_every(grant, Verb::Read) {
            edits.scope = Some(MatchScope::Name);
        }
        if edits.scope.is_some() || search.scope() == MatchScope::Name {
            name_is_readable(grants, *object)?;
        }
    }
    if edits.scope.is_some() {
        narrowings.push(Narrowing::NameFields);
    }
    for (number, place) in search.places().iter().enumerate().skip(search.objects().len()) {
        if let Some(condition) = grants.on(place.object).and_then(Grant::condition) {
            edits.conditions.push((number, condition));
            narrowings.push(Narrowing::Condition(check::name(grants, place.object)));
        }
    }
    if search.reveals().is_some() {
        let every = |object: &ObjectId| check::covered(grants, Access::every(Verb::Read, *object));
        search.objects().iter().try_for_each(|object| every(object).map(|_| ()))?;
    }
    search.narrowed(&edits).map_err(|error| {
        let first = search.objects().first().map_or_else(String::new, |object| check::name(grants, *object));
        Reason::Condition(first, error.0)
    })
}

/// A search probes the values it matches against: what cannot be read cannot be searched.
fn name_is_readable(grants: &Grants, object: ObjectId) -> Result<(), Reason> {
    match grants.schema().object(object).find("Name") {
        Some(name) => check::covered(grants, Access::field(Verb::Read, object, name)).map(|_| ()),
        None => check::covered(grants, Access::every(Verb::Read, object)).map(|_| ()),
    }
}

fn connection(
    grants: &Grants,
    connection: &Connection,
    narrowings: &mut Vec<Narrowing>,
) -> Result<String, Reason> {
    // Fields first: the refusal names one of them rather than its object.
    let (fields, objects): (Vec<&Access>, Vec<&Access>) =
        connection.accesses.iter().partition(|access| access.fields != Fields::None);
    for access in fields.into_iter().chain(objects) {
        check::covered(grants, *access)?;
    }
    let object = connection.object;
    let grant = check::covered(grants, Access::object(Verb::Read, object))?;
    let name = || check::name(grants, object);
    let condition = match grant.condition() {
        None => None,
        Some(condition) => {
            let filter = filter::of(condition, grants.schema());
            let filter = filter.map_err(|error| Reason::Condition(name(), error.0))?;
            narrowings.push(Narrowing::Condition(name()));
            Some(filter)
        }
    };
    let most = grant.max_rows();
    match most {
        Some(most) if connection.continues => return Err(Reason::Rows(name(), most)),
        Some(most) if most < connection.rows() => narrowings.push(Narrowing::Rows(name(), most)),
        Some(_) | None => {}
    }
    Ok(connection.written(condition.as_deref(), most))
}

fn field_list(
    grants: &Grants,
    list: &FieldList,
    narrowings: &mut Vec<Narrowing>,
) -> Result<Option<String>, Reason> {
    check::plain(grants, Access::object(Verb::Read, list.object))?;
    if let Some(named) = &list.named {
        named
            .iter()
            .flat_map(|field| &field.accesses)
            .try_for_each(|access| check::plain(grants, *access))?;
        return Ok(Some(joined(list, None)));
    }
    let grant = check::covered(grants, Access::object(Verb::Read, list.object))?;
    if check::covers_every(grant, Verb::Read) {
        return Ok(None);
    }
    let object = grants.schema().object(list.object);
    let granted = object.fields().filter(|(id, _)| check::covers(grant, Verb::Read, *id));
    let names: Vec<&str> = granted.map(|(_, field)| field.name()).collect();
    if names.is_empty() {
        return Err(Reason::EveryField(Verb::Read, object.name().to_owned()));
    }
    narrowings.push(Narrowing::Fields(object.name().to_owned()));
    Ok(Some(joined(list, Some((object, &names)))))
}

/// The list as it is written: the granted names, or those that the request named.
fn joined(list: &FieldList, granted: Option<(&Object, &[&str])>) -> String {
    match granted {
        Some((object, names)) if list.qualified => {
            names.iter().map(|name| format!("{}.{name}", object.name())).collect::<Vec<_>>().join(",")
        }
        Some((_, names)) => names.join(","),
        None => list.named.iter().flatten().map(|field| &*field.path).collect::<Vec<_>>().join(","),
    }
}
