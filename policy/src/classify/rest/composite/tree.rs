//! `POST /composite/tree/{O}`: new records with their children.

use crate::classify::Unclear;
use crate::classify::call::{Call, unknown_name};
use crate::classify::json::{Kind, Value};
use crate::classify::records::{Accesses, Children, IdRule, Writing};
use crate::request::{Access, Api, Needs, Operation, Request, Verb};
use crate::schema::ObjectId;

/// Reads the trees of new records.
pub(super) fn read(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let document = call.json()?;
    let mut tree = Tree { call, accesses: Accesses::default(), count: 0, objects: Vec::new() };
    tree.records(document.root(), object, 1)?;
    let needs = Needs::accesses(tree.accesses.into_vec()).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Composite, Operation::Create, needs, call.target(&parameters)))
}

struct Tree<'c> {
    call: &'c Call<'c>,
    accesses: Accesses,
    count: usize,
    objects: Vec<ObjectId>,
}

impl Tree<'_> {
    /// A list of records of one object, and the lists of their children.
    fn records(&mut self, list: Value<'_>, object: ObjectId, level: usize) -> Result<(), Unclear> {
        if !self.objects.contains(&object) {
            self.objects.push(object);
        }
        if level > MOST_LEVELS || self.objects.len() > MOST_OBJECTS {
            return Err(list.unclear("five levels and five objects are the limit"));
        }
        let records = list.only(&["records"])?.required("records")?.is(Kind::Array)?;
        for record in records.items() {
            self.count += 1;
            if self.count > MOST_RECORDS {
                return Err(record.unclear("200 records are the limit"));
            }
            if self.call.declared(record)? != object {
                return Err(record.unclear("`attributes.type` contradicts where the record stands"));
            }
            record.required("attributes")?.required("referenceId")?;
            let writing = Writing {
                verbs: &[Verb::Create],
                id: IdRule::Refused,
                attributes: &["type", "referenceId", "url"],
                children: Children::Listed,
            };
            self.call.record_body(record, object, writing, &mut self.accesses)?;
            for (name, children) in record.entries().filter(|(_, value)| value.get("records").is_some()) {
                self.children(object, &name.string()?, children, level)?;
            }
        }
        Ok(())
    }

    /// The children of a record: new too, and pointing at it.
    fn children(
        &mut self,
        object: ObjectId,
        relationship: &str,
        list: Value<'_>,
        level: usize,
    ) -> Result<(), Unclear> {
        let schema = self.call.schema;
        let unknown = || unknown_name(list, relationship);
        let known = schema.object(object);
        let child = known.child(relationship).ok_or_else(unknown)?;
        if known.parent(relationship).is_some() || known.find(relationship).is_some() {
            return Err(list.unclear("the relationship has two meanings"));
        }
        let (target, of) = schema.look_up(&child.object).ok_or_else(unknown)?;
        let foreign_key = of.find(&child.field).ok_or_else(unknown)?;
        self.accesses.add(Access::field(Verb::Create, target, foreign_key));
        self.records(list, target, level + 1)
    }
}

const MOST_RECORDS: usize = 200;
const MOST_OBJECTS: usize = 5;
const MOST_LEVELS: usize = 5;
