//! Records: read, created, changed, deleted and brought back, for every door alike.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::id::{self, Id};
use crate::schema::{Object, Schema};
use crate::soql::ast::{Expr, Item, Query, Source};
use crate::soql::parse_fields;
use crate::store::Found;
use crate::touch::Verb;
use crate::value::{Row, Value};
use serde_json::{Map, Value as Json};

mod incoming;

pub(crate) use incoming::SYSTEM;

/// The fields of one record as a client sent them.
pub(crate) type Body = Map<String, Json>;

/// What an upsert did.
#[derive(Debug)]
pub(crate) enum Upserted {
    Created(Id),
    Updated(Id),
    /// Several records have that external id.
    Ambiguous(Vec<Id>),
}

impl Call<'_> {
    /// The record of an id, of that object and not deleted.
    pub(crate) fn record(&self, object: &Object, id: &str) -> Outcome<Found> {
        let id = id::normalise(id).ok_or_else(Fault::not_found)?;
        let found = self.state.store.get(object, &id).ok_or_else(Fault::not_found)?;
        if found.row.deleted {
            return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        Ok(found)
    }

    /// A record as JSON: the named fields (`Name,Owner.Email`), or every field.
    pub(crate) fn read(&mut self, object: &Object, found: &Found, fields: Option<&str>) -> Outcome<Json> {
        let records = self.read_all(object, std::slice::from_ref(found), fields)?;
        self.state.recent.push(found.id.clone());
        records.into_iter().next().ok_or_else(Fault::not_found)
    }

    /// Records of one object as JSON.
    pub(crate) fn read_all(
        &mut self,
        object: &Object,
        found: &[Found],
        fields: Option<&str>,
    ) -> Outcome<Vec<Json>> {
        let select = match fields {
            Some(fields) => parse_fields(fields)?,
            None => object.fields.iter().map(|field| named(&field.name)).collect(),
        };
        let query = Query { select, from: vec![source(&object.name)], ..Query::default() };
        let plan = self.bind(&query, true)?;
        Ok(self.write("query", |writer| writer.records(&plan, found)))
    }

    /// Creates a record; an event is published instead.
    pub(crate) fn create(&mut self, object: &Object, body: &Body) -> Outcome<Id> {
        if object.is_event() {
            return self.publish(object, body);
        }
        let schema = self.schema();
        let values = self.incoming(&schema, object, body, Verb::Create)?;
        self.touches.object(Verb::Create, &object.name);
        let mut row = Row::default();
        for (place, value) in values {
            row.set(place, value);
        }
        self.require(object, &row)?;
        self.unique(object, &row, None)?;
        let stamp = self.stamp();
        for (name, value) in [
            ("CreatedDate", stamp.as_str()),
            ("LastModifiedDate", &stamp),
            ("SystemModstamp", &stamp),
            ("CreatedById", &self.user),
            ("LastModifiedById", &self.user),
        ] {
            set(object, &mut row, name, value);
        }
        if object.field("OwnerId").is_some_and(|(place, _)| row.get(place).is_null()) {
            set(object, &mut row, "OwnerId", &self.user);
        }
        full_name(object, &mut row);
        Ok(self.state.store.insert(object, row))
    }

    /// Changes a record.
    pub(crate) fn update(&mut self, object: &Object, found: &Found, body: &Body) -> Outcome<()> {
        let schema = self.schema();
        let values = self.incoming(&schema, object, body, Verb::Update)?;
        self.touches.object(Verb::Update, &object.name);
        let mut row = (*found.row).clone();
        for (place, value) in values {
            row.set(place, value);
        }
        self.require(object, &row)?;
        self.unique(object, &row, Some(&found.id))?;
        let stamp = self.stamp();
        set(object, &mut row, "LastModifiedDate", &stamp);
        set(object, &mut row, "SystemModstamp", &stamp);
        set(object, &mut row, "LastModifiedById", &self.user.clone());
        full_name(object, &mut row);
        self.state.store.put(object, found.id.clone(), row);
        Ok(())
    }

    /// Creates or changes the record that has that value in an external-id field.
    pub(crate) fn upsert(
        &mut self,
        object: &Object,
        (field, value): (&str, &str),
        body: &Body,
    ) -> Outcome<Upserted> {
        let (name, found) = self.by_external_id(object, field, value)?;
        let mut body = body.clone();
        body.retain(|key, _| !key.eq_ignore_ascii_case(&name));
        match found.as_slice() {
            [] if name == "Id" => Err(Fault::not_found()),
            [] => {
                body.insert(name, Json::from(value));
                self.create(object, &body).map(Upserted::Created)
            }
            [one] => self.update(object, one, &body).map(|()| Upserted::Updated(one.id.clone())),
            several => Ok(Upserted::Ambiguous(several.iter().map(|found| found.id.clone()).collect())),
        }
    }

    /// The records with a value in an external-id field, and the field's own spelling.
    pub(crate) fn by_external_id(
        &mut self,
        object: &Object,
        field: &str,
        value: &str,
    ) -> Outcome<(String, Vec<Found>)> {
        let view = self.view();
        let known = crate::soql::bind::field(view, object, field)
            .filter(|field| field.external_id || field.name == "Id" || is_lookup(&field.name))
            .ok_or_else(|| {
                Fault::new(
                    404,
                    "NOT_FOUND",
                    format!("Provided external ID field does not exist or is not accessible: {field}"),
                )
            })?;
        let found = if known.name == "Id" {
            self.record(object, value).ok().into_iter().collect()
        } else if let Some((place, _)) = object.field(&known.name).filter(|(_, field)| field.external_id) {
            let found = self.state.store.with_key(object, place, value).into_iter();
            found.filter(|found| !found.row.deleted).collect()
        } else {
            let same = |row: &Found| {
                let own = view.own_field(&known.name, row);
                !row.row.deleted && own.display().eq_ignore_ascii_case(value) && !own.is_null()
            };
            self.state.store.scan(object).filter(same).collect()
        };
        self.touches.field(Verb::Read, &object.name, &known.name);
        Ok((known.name.clone(), found))
    }

    /// Puts a record in the recycle bin.
    pub(crate) fn delete(&mut self, object: &Object, found: &Found) {
        self.touches.object(Verb::Delete, &object.name);
        self.set_deleted(object, found, true);
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn undelete(&mut self, object: &Object, found: &Found) -> Outcome<()> {
        self.touches.object(Verb::Undelete, &object.name);
        if !found.row.deleted {
            return Err(Fault::bad("UNDELETE_FAILED", "entity is not in the recycle bin"));
        }
        self.set_deleted(object, found, false);
        Ok(())
    }

    /// Deletes a record for good.
    pub(crate) fn purge(&mut self, object: &Object, found: &Found) {
        self.touches.object(Verb::Delete, &object.name);
        self.state.store.purge(object, &found.id);
    }

    /// The record that an id alone names, deleted or not.
    pub(crate) fn anywhere<'s>(&self, schema: &'s Schema, text: &str) -> Outcome<(&'s Object, Found)> {
        let id = id::normalise(text).ok_or_else(|| Fault::bad_id(text))?;
        let object = schema.of_id(&id);
        let found = object.and_then(|object| self.state.store.get(object, &id));
        object
            .zip(found)
            .ok_or_else(|| Fault::new(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))
    }

    fn set_deleted(&mut self, object: &Object, found: &Found, deleted: bool) {
        let mut row = (*found.row).clone();
        row.deleted = deleted;
        set(object, &mut row, "SystemModstamp", &self.stamp());
        set(object, &mut row, "LastModifiedDate", &self.stamp());
        self.state.store.put(object, found.id.clone(), row);
    }

    fn publish(&mut self, object: &Object, body: &Body) -> Outcome<Id> {
        let schema = self.schema();
        self.incoming(&schema, object, body, Verb::Publish)?;
        self.touches.object(Verb::Publish, &object.name);
        Ok(self.state.store.insert(object, Row::default()))
    }

    fn require(&self, object: &Object, row: &Row) -> Outcome<()> {
        let required =
            REQUIRED.iter().find(|(name, _)| *name == object.name).map_or(&[][..], |(_, fields)| fields);
        let missing: Vec<&str> = required
            .iter()
            .filter(|field| object.field(field).is_some_and(|(place, _)| row.get(place).is_null()))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        let fault = Fault::bad("REQUIRED_FIELD_MISSING", message);
        Err(missing.iter().fold(fault, |fault, field| fault.with_field(field)))
    }

    fn unique(&self, object: &Object, row: &Row, own: Option<&str>) -> Outcome<()> {
        for (place, field) in object.fields.iter().enumerate().filter(|(_, field)| field.external_id) {
            let value = row.get(place);
            let taken = |other: &Found| Some(other.id.as_str()) != own && !other.row.deleted;
            let others = self.state.store.with_key(object, place, &value.display());
            if !value.is_null() && others.iter().any(taken) {
                let message =
                    format!("duplicate value found: {} duplicates value on another record", field.name);
                return Err(Fault::bad("DUPLICATE_VALUE", message));
            }
        }
        Ok(())
    }
}

/// Sets a field if the object has it.
pub(crate) fn set(object: &Object, row: &mut Row, name: &str, value: &str) {
    if let Some((place, _)) = object.field(name) {
        row.set(place, Value::text(value));
    }
}

/// A field as an item of SELECT.
pub(crate) fn named(field: &str) -> Item {
    Item::Expr { expr: Expr::Path(vec![field.to_owned()]), alias: None }
}

/// An object as the only source of a query.
pub(crate) fn source(object: &str) -> Source {
    Source { path: vec![object.to_owned()], alias: None }
}

/// A person's `Name` follows from the two parts of it.
pub(crate) fn full_name(object: &Object, row: &mut Row) {
    let (Some((name, _)), Some((first, _)), Some((last, _))) =
        (object.field("Name"), object.field("FirstName"), object.field("LastName"))
    else {
        return;
    };
    let full = format!("{} {}", row.get(first).display(), row.get(last).display());
    row.set(name, Value::text(full.trim()));
}

/// Standard fields that find a record like an external id does.
fn is_lookup(field: &str) -> bool {
    ["Name", "Email", "Username", "CaseNumber", "FederationIdentifier", "ExternalId"].contains(&field)
}

const REQUIRED: [(&str, &[&str]); 6] = [
    ("Account", &["Name"]),
    ("Contact", &["LastName"]),
    ("Lead", &["LastName", "Company"]),
    ("Opportunity", &["Name", "StageName", "CloseDate"]),
    ("Attachment", &["Name", "Body"]),
    ("Campaign", &["Name"]),
];
