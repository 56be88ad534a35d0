//! What Forcefield believes that a request does, in the terms in which the org says what it did.

use crate::world::World;
use forcefield_emulator::Touch;
use forcefield_policy::grant::{Grant, Grants};
use forcefield_policy::request::{Access, Columns, Fields, Request, Verb, What};
use forcefield_policy::schema::{Object, ObjectId, Schema};
use forcefield_policy::soql::ResolvedCondition;
use std::collections::HashSet;

/// Accesses by names: verb, object, field; `*` for all or unknown fields, none for the object as such.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belief(HashSet<(Verb, String, Option<String>)>);

// === impl Belief ===

impl Belief {
    /// What a request needs is what it is believed to do.
    pub(crate) fn of(request: &Request, world: &World) -> Self {
        let mut belief = Self::default();
        for need in request.needs.iter() {
            belief.need(&need.what, world);
        }
        belief
    }

    fn need(&mut self, what: &What, world: &World) {
        let schema = &*world.schema;
        match what {
            What::Access(access) => self.accesses(&[*access], schema),
            What::Query(query) => self.accesses(query.accesses(), schema),
            What::Search(search) => {
                // What it matches against is read as well, and shows in what is found.
                search.objects().iter().for_each(|object| {
                    self.accesses(&[Access::every(Verb::Read, *object)], schema);
                });
                self.accesses(search.accesses(), schema);
            }
            What::Condition(condition) => self.accesses(condition.accesses(), schema),
            What::Connection(connection) => self.accesses(&connection.accesses, schema),
            What::Fields(list) => match &list.named {
                None => self.accesses(&[Access::every(Verb::Read, list.object)], schema),
                Some(named) => {
                    self.accesses(&[Access::object(Verb::Read, list.object)], schema);
                    named.iter().for_each(|field| self.accesses(&field.accesses, schema));
                }
            },
            What::Handle(handle) => {
                if let Some(known) = world.believed(handle).cloned() {
                    self.extend(&known);
                }
            }
            What::Columns(columns) => self.columns(columns, world),
            What::Rows(_) | What::Named(_) | What::Opaque(_) | What::Never(_) => {}
        }
    }

    fn columns(&mut self, columns: &Columns, world: &World) {
        if let Some(known) = world.believed(&columns.handle).cloned() {
            self.extend(&known);
        }
        let Some(job) = world.origin(&columns.handle).and_then(|origin| origin.job) else { return };
        let Some((id, object)) = world.schema.look_up(&job.object) else { return };
        for verb in job.verbs(object) {
            self.accesses(&[Access::object(*verb, id)], &world.schema);
        }
        for column in &columns.names {
            self.accesses(&job.column(&world.schema, column).unwrap_or_default(), &world.schema);
        }
    }

    fn accesses(&mut self, accesses: &[Access], schema: &Schema) {
        for access in accesses {
            let object = schema.object(access.object);
            let field = match access.fields {
                Fields::None => None,
                Fields::One(field) => Some(object.field(field).name().to_owned()),
                Fields::Every => Some("*".to_owned()),
            };
            self.0.insert((access.verb, object.name().to_owned(), field));
        }
    }

    /// What a condition reads that a grant adds to a request.
    pub(crate) fn of_condition(condition: &ResolvedCondition, schema: &Schema) -> Self {
        let mut belief = Self::default();
        belief.accesses(condition.accesses(), schema);
        belief
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Whether it changes anything.
    pub(crate) fn writes(&self) -> bool {
        self.0.iter().any(|(verb, _, _)| !matches!(verb, Verb::Read | Verb::Describe))
    }

    /// Whether something that the org did was foreseen.
    pub(crate) fn covers(&self, touch: &Touch, schema: &Schema) -> bool {
        let Some(verb) = verb(touch.verb) else { return false };
        self.0.iter().any(|(known, object, field)| {
            let object_is = *object == touch.object;
            let field = field.as_deref();
            let foreseen = object_is && (*known == verb || verb == Verb::Describe) && names(field, touch);
            foreseen
                || is_key(touch, schema)
                    && object_is
                    && writes_records(*known)
                    && field.is_some()
                    && names(field, touch)
                || is_common(touch) && *known == Verb::Read && names(field, touch)
                || is_mark(touch) && object_is && *known == Verb::Read
                || *known == Verb::Merge && is_child(touch, object, schema)
        })
    }
}

/// A record to be written may be named by a key of its own, which is read to find it: a field of the upsert for the
/// reference (section 2.1), so that its object's `create` and `update` cover it.
pub(crate) fn is_key(touch: &Touch, schema: &Schema) -> bool {
    let field = || {
        let (_, object) = schema.look_up(&touch.object)?;
        Some(object.field(object.find(touch.field.as_deref()?)?).is_external_id())
    };
    touch.verb == forcefield_emulator::Verb::Read && field() == Some(true)
}

fn writes_records(verb: Verb) -> bool {
    matches!(verb, Verb::Create | Verb::Update)
}

/// The org names what several objects have in common after a virtual object; describe lists the objects themselves.
pub(crate) fn is_common(touch: &Touch) -> bool {
    touch.object == "Name" && touch.verb == forcefield_emulator::Verb::Read
}

/// A merge takes along what hangs on the records that go: all of it, so that no grant could name it.
fn is_child(touch: &Touch, of: &str, schema: &Schema) -> bool {
    let child = || {
        let (_, object) = schema.look_up(of)?;
        object
            .children()
            .iter()
            .find(|child| *child.object == *touch.object && Some(&*child.field) == touch.field.as_deref())
    };
    touch.verb == forcefield_emulator::Verb::Update && child().is_some()
}

fn names(field: Option<&str>, touch: &Touch) -> bool {
    match (&touch.field, field) {
        (None, _) | (_, Some("*")) => true,
        (Some(touched), Some(named)) => touched == named || is_id(touch),
        (Some(_), None) => is_id(touch),
    }
}

/// `Id` comes with anything that names a record, and for rows of other systems their own id.
fn is_id(touch: &Touch) -> bool {
    match touch.field.as_deref() {
        Some("Id") => true,
        Some("ExternalId") => touch.object.ends_with("__x"),
        _ => false,
    }
}

/// `FOR VIEW` leaves the moment on the rows that are read: a read, for the reference (section 15.4).
fn is_mark(touch: &Touch) -> bool {
    touch.verb == forcefield_emulator::Verb::Update && touch.field.as_deref() == Some("LastViewedDate")
}

/// Whether the grants cover something that the org did.
pub(crate) fn granted(grants: &Grants, touch: &Touch) -> bool {
    let Some(verb) = verb(touch.verb) else { return false };
    let schema = grants.schema();
    let merged = |(id, grant): (ObjectId, &Grant)| {
        grant.allows(Verb::Merge) && is_child(touch, schema.object(id).name(), schema)
    };
    let common = |(id, grant): (ObjectId, &Grant)| holds(schema.object(id), grant, (Verb::Read, touch));
    if is_common(touch) {
        return grants.objects().any(common);
    }
    let Some((id, object)) = schema.look_up(&touch.object) else { return false };
    let own = grants.on(id).is_some_and(|grant| {
        holds(object, grant, (verb, touch))
            || is_mark(touch) && grant.allows(Verb::Read)
            || is_key(touch, schema)
                && (holds(object, grant, (Verb::Create, touch))
                    || holds(object, grant, (Verb::Update, touch)))
    });
    own || grants.objects().any(merged)
}

fn holds(object: &Object, grant: &Grant, (verb, touch): (Verb, &Touch)) -> bool {
    grant.allows(verb)
        && match (&touch.field, grant.fields(verb)) {
            (None, _) | (_, None) => true,
            (Some(field), Some(fields)) => {
                is_id(touch) || object.find(field).is_some_and(|field| fields.contains(field))
            }
        }
}

fn verb(verb: forcefield_emulator::Verb) -> Option<Verb> {
    use forcefield_emulator::Verb as Done;
    Some(match verb {
        Done::Describe => Verb::Describe,
        Done::Read => Verb::Read,
        Done::Create => Verb::Create,
        Done::Update => Verb::Update,
        Done::Delete => Verb::Delete,
        Done::Undelete => Verb::Undelete,
        Done::Merge => Verb::Merge,
        Done::Publish => Verb::Publish,
        // Nothing that is granted by object runs code.
        Done::Execute => return None,
    })
}
