//! What a client sent, brought to the types of the fields it is for.

use super::Body;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::id;
use crate::schema::{Field, Kind, Object, Schema};
use crate::soql::dates;
use crate::touch::Verb;
use crate::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

impl Call<'_> {
    /// The values of a body by the place of their field, each noted as touched.
    pub(super) fn incoming(
        &mut self,
        schema: &Schema,
        object: &Object,
        body: &Body,
        verb: Verb,
    ) -> Outcome<Vec<(usize, Value)>> {
        let mut values = Vec::new();
        for (key, value) in body {
            if key == "attributes" {
                continue;
            }
            let entry = match value {
                Json::Object(parent) => self.parent(schema, object, (key, parent, verb))?,
                _ => self.scalar(object, key, value, verb)?,
            };
            values.push(entry);
        }
        Ok(values)
    }

    fn scalar(&mut self, object: &Object, key: &str, value: &Json, verb: Verb) -> Outcome<(usize, Value)> {
        let name = crate::soql::bind::field(self.view(), object, key).map(|field| field.name.clone());
        let known = name.as_deref().and_then(|name| object.field(name));
        let (place, field) = known.ok_or_else(|| {
            Fault::bad("INVALID_FIELD", format!("No such column '{key}' on sobject of type {}", object.name))
        })?;
        self.touches.field(verb, &object.name, &field.name);
        if is_read_only(object, field) {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify \
                 that it is read/write for your profile or permission set.",
                field.name
            );
            return Err(Fault::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).with_field(&field.name));
        }
        Ok((place, typed(field, value)?))
    }

    /// `{"Account": {"ExtId__c": "7"}}` points at the parent with that external id.
    fn parent(
        &mut self,
        schema: &Schema,
        object: &Object,
        (key, parent, verb): (&str, &Body, Verb),
    ) -> Outcome<(usize, Value)> {
        let (place, field) = object.parent(key).ok_or_else(|| {
            Fault::bad("INVALID_FIELD", format!("No such column '{key}' on sobject of type {}", object.name))
        })?;
        let wanted =
            parent.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Json::as_str);
        let target = match (wanted, field.targets.as_slice()) {
            (Some(name), _) => schema.object(name),
            (None, [only]) if !field.is_polymorphic() => schema.object(only),
            _ => None,
        };
        let target = target.ok_or_else(|| Fault::bad("INVALID_FIELD", format!("cannot resolve '{key}'")))?;
        let mut keys = parent.iter().filter(|(name, _)| *name != "attributes");
        let (Some((name, value)), None) = (keys.next(), keys.next()) else {
            return Err(Fault::bad("INVALID_FIELD", "a parent must be named by one external id"));
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (_, found) = self
            .by_external_id(target, name, &text)
            .map_err(|fault| Fault::bad("INVALID_FIELD", fault.message))?;
        self.touches.field(verb, &object.name, &field.name);
        match found.as_slice() {
            [one] => Ok((place, Value::text(one.id.as_str()))),
            _ => Err(Fault::bad(
                "INVALID_FIELD",
                format!(
                    "Foreign key external ID: {text} not found for field {name} in entity {}",
                    target.name
                ),
            )),
        }
    }
}

/// A value of the field's own kind. Text stands for any of them, as CSV and XML need.
fn typed(field: &Field, value: &Json) -> Outcome<Value> {
    let text = match value {
        Json::Null => return Ok(Value::Null),
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::Array(_) | Json::Object(_) => {
            return Err(Fault::bad_json(format!(
                "Cannot deserialize instance of {}",
                field.kind.describe_type()
            )));
        }
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let typed = match field.kind {
        Kind::Boolean => text.to_ascii_lowercase().parse().ok().map(Value::Bool),
        Kind::Double(_) | Kind::Integer(_) => text.parse().ok().map(Value::Num),
        Kind::Date => dates::parse_day(&text).map(Value::text),
        Kind::DateTime => dates::parse_moment(&text).map(Value::text),
        Kind::Id | Kind::Reference => {
            let id = id::normalise(&text).ok_or_else(|| {
                Fault::bad("MALFORMED_ID", format!("{}: id value of incorrect type: {text}", field.name))
                    .with_field(&field.name)
            })?;
            Some(Value::text(id))
        }
        Kind::Blob => STANDARD.decode(text.as_bytes()).ok().map(|bytes| Value::Blob(bytes.into())),
        _ => Some(Value::text(text.as_str())),
    };
    typed.ok_or_else(|| {
        let wanted = field.kind.describe_type();
        Fault::bad_json(format!("Cannot deserialize instance of {wanted} from VALUE_STRING value {text}"))
    })
}

fn is_read_only(object: &Object, field: &Field) -> bool {
    let by_kind = matches!(field.kind, Kind::Id | Kind::Address | Kind::Location);
    let computed = field.name == "Name" && object.field("LastName").is_some();
    by_kind || computed || SYSTEM.contains(&field.name.as_str())
}

/// Fields that only the org sets.
pub(crate) const SYSTEM: [&str; 9] = [
    "IsDeleted",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "LastViewedDate",
    "LastReferencedDate",
    "CaseNumber",
];
