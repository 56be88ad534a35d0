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
        add(&mut self.objects, object.name().to_owned());
        match access.fields {
            Fields::None => {}
            Fields::One(field) => {
                add(&mut self.fields, format!("{}.{}", object.name(), object.field(field).name()))
            }
            Fields::Every => add(&mut self.fields, format!("{}.*", object.name())),
        }
    }

    fn mention(&mut self, mention: &Mention) {
        add(&mut self.objects, mention.object.to_string());
        if let Some(field) = &mention.field {
            add(&mut self.fields, format!("{}.{field}", mention.object));
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

fn add(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}
