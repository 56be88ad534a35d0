//! What a request was understood to touch, by names: for `explain`, the record and the ledger.

use super::{Access, Fields, Mention, Needs, Origin, What};
use crate::request::Verb;
use crate::schema::Schema;

/// The objects and fields of a request, each once, in order of first appearance, in the schema's spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Objects.
    pub objects: Vec<String>,
    /// `Object.Field`; `Object.*` stands for all or unknown fields.
    pub fields: Vec<String>,
}

impl Reading {
    /// What the needs of a request name.
    #[must_use]
    pub fn of(needs: &Needs, schema: &Schema) -> Self {
        let mut reading = Self::default();
        for need in needs.iter() {
            reading.add(&need.what, schema);
        }
        reading
    }

    fn add(&mut self, what: &What, schema: &Schema) {
        let mut accesses =
            |accesses: &[Access]| accesses.iter().for_each(|access| self.access(*access, schema));
        match what {
            What::Access(access) => accesses(&[*access]),
            What::Query(query) => accesses(query.accesses()),
            What::Search(search) => {
                search.objects().iter().for_each(|object| accesses(&[Access::object(Verb::Read, *object)]));
                accesses(search.accesses());
            }
            What::Condition(condition) => accesses(condition.accesses()),
            What::Connection(connection) => accesses(&connection.accesses),
            What::Fields(list) => {
                accesses(&[Access::object(Verb::Read, list.object)]);
                match &list.named {
                    None => accesses(&[Access::every(Verb::Read, list.object)]),
                    Some(named) => named.iter().for_each(|field| accesses(&field.accesses)),
                }
            }
            What::Opaque(opaque) => opaque.mentions.iter().for_each(|mention| self.mention(mention)),
            What::Rows(_) | What::Named(_) | What::Handle(_) | What::Columns(_) | What::Never(_) => {}
        }
    }

    fn access(&mut self, access: Access, schema: &Schema) {
        let object = schema.object(access.object);
        match access.fields {
            Fields::None => self.object(object.name()),
            Fields::One(field) => self.field(object.name(), object.field(field).name()),
            Fields::Every => self.field(object.name(), "*"),
        }
    }

    fn mention(&mut self, mention: &Mention) {
        match &mention.field {
            None => self.object(&mention.object),
            Some(field) => self.field(&mention.object, field),
        }
    }

    fn object(&mut self, object: &str) {
        if !self.objects.iter().any(|known| known == object) {
            self.objects.push(object.to_owned());
        }
    }

    fn field(&mut self, object: &str, field: &str) {
        self.object(object);
        let is_it = |known: &String| {
            known.strip_prefix(object).and_then(|rest| rest.strip_prefix('.')) == Some(field)
        };
        if !self.fields.iter().any(is_it) {
            self.fields.push([object, ".", field].concat());
        }
    }

    /// The reading as the ledger keeps it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let fields_of = |object: &String| {
            let of = |field: &String| {
                let (owner, name) = field.split_once('.')?;
                (owner == object).then(|| name.to_owned())
            };
            (object.clone(), self.fields.iter().filter_map(of).collect())
        };
        Origin { reads: self.objects.iter().map(fields_of).collect(), ..Origin::default() }
    }
}
