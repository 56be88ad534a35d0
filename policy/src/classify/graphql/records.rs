//! `uiapi.query` and `uiapi.aggregate`: connections, records, filters, orders.

use super::ast::{Field, Selection, Value};
use super::walk::{Chosen, Objects, Walk, deep, unclear, unknown};
use crate::classify::unclear::Unclear;
use crate::request::{Access, Verb};
use crate::schema::{FieldId, ObjectId};

/// The arguments of a connection.
const ARGUMENTS: [&str; 7] = ["where", "orderBy", "first", "after", "scope", "upperBound", "groupBy"];
/// What a field value is made of.
const VALUE: [&str; 5] = ["value", "displayValue", "label", "format", "__typename"];
/// What an aggregated field is made of beside [`VALUE`].
const FUNCTIONS: [&str; 7] = ["sum", "avg", "min", "max", "count", "countDistinct", "grouping"];
/// The comparisons of a filter.
const COMPARISONS: [&str; 10] = ["eq", "ne", "lt", "lte", "gt", "gte", "like", "in", "nin", "includes"];

/// What a name means on an object.
enum Meaning {
    Field(FieldId),
    Parent(FieldId),
}

impl<'a> Walk<'a> {
    /// A connection of records: a root of `uiapi.query`, or a child relationship with its foreign key.
    pub(super) fn connection(
        &mut self,
        (object, key): (ObjectId, Option<FieldId>),
        field: &'a Field,
        depth: usize,
    ) -> Result<(), Unclear> {
        deep(depth)?;
        self.within(object, field, |walk| {
            walk.touch(Access::object(Verb::Read, object));
            key.into_iter().for_each(|key| walk.touch(Access::field(Verb::Read, object, key)));
            walk.connection_arguments(object, field)?;
            for chosen in walk.open(&field.selections)? {
                match &*chosen.field.name {
                    "edges" => {
                        for node in walk.edges(chosen.field)? {
                            walk.record(&object.into(), &node.selections, depth + 1)?;
                        }
                    }
                    _ => walk.page(chosen.field)?,
                }
            }
            Ok(())
        })
    }

    /// A root of `uiapi.aggregate`.
    pub(super) fn aggregates(&mut self, object: ObjectId, field: &'a Field) -> Result<(), Unclear> {
        self.within(object, field, |walk| {
            walk.touch(Access::object(Verb::Read, object));
            walk.connection_arguments(object, field)?;
            walk.groups(object, field)
        })
    }

    fn groups(&mut self, object: ObjectId, field: &'a Field) -> Result<(), Unclear> {
        for chosen in self.open(&field.selections)? {
            match &*chosen.field.name {
                "edges" => {
                    for node in self.edges(chosen.field)? {
                        for chosen in self.open(&node.selections)? {
                            match &*chosen.field.name {
                                "__typename" => self.leaf(chosen.field)?,
                                "aggregate" => {
                                    self.arguments(chosen.field, &[])?;
                                    self.aggregate(object, &chosen.field.selections, 0)?;
                                }
                                other => {
                                    return Err(unclear(format!(
                                        "`{other}` is not known in an aggregate node"
                                    )));
                                }
                            }
                        }
                    }
                }
                _ => self.page(chosen.field)?,
            }
        }
        Ok(())
    }

    /// The `node`s of `edges`.
    fn edges(&mut self, edges: &'a Field) -> Result<Vec<&'a Field>, Unclear> {
        self.arguments(edges, &[])?;
        let mut nodes = Vec::new();
        for chosen in self.open(&edges.selections)? {
            match &*chosen.field.name {
                "node" => {
                    self.arguments(chosen.field, &[])?;
                    nodes.push(chosen.field);
                }
                "cursor" | "__typename" => self.leaf(chosen.field)?,
                other => return Err(unclear(format!("`{other}` is not known in `edges`"))),
            }
        }
        Ok(nodes)
    }

    /// What a connection has beside its edges.
    fn page(&mut self, field: &'a Field) -> Result<(), Unclear> {
        match &*field.name {
            "totalCount" | "pageResultCount" | "__typename" => self.leaf(field),
            "pageInfo" => self
                .leaves(field, &["hasNextPage", "hasPreviousPage", "startCursor", "endCursor", "__typename"]),
            other => Err(unclear(format!("`{other}` is not known in a connection"))),
        }
    }

    fn connection_arguments(&mut self, object: ObjectId, field: &'a Field) -> Result<(), Unclear> {
        self.arguments(field, &ARGUMENTS)?;
        for (name, value) in &field.arguments {
            match &**name {
                "where" => self.filter(object, value, 0)?,
                "orderBy" | "groupBy" => self.named(object, value, 0)?,
                _ => self.plain(value, 0)?,
            }
        }
        Ok(())
    }

    /// The selections of a record.
    pub(super) fn record(
        &mut self,
        objects: &Objects,
        selections: &'a [Selection],
        depth: usize,
    ) -> Result<(), Unclear> {
        deep(depth)?;
        for chosen in self.open(selections)? {
            // What every record has: its type, its id where no condition says whose, and a checksum of it.
            match &*chosen.field.name {
                "__typename" | "ApiName" | "WeakEtag" => {
                    self.leaf(chosen.field)?;
                    continue;
                }
                "Id" if objects.more && chosen.on.is_none() => {
                    self.leaf(chosen.field)?;
                    continue;
                }
                _ => {}
            }
            for object in self.narrowed(objects, chosen.on)? {
                self.record_field(object, chosen, depth)?;
            }
        }
        Ok(())
    }

    fn record_field(&mut self, object: ObjectId, chosen: Chosen<'a>, depth: usize) -> Result<(), Unclear> {
        let field = chosen.field;
        self.touch(Access::object(Verb::Read, object));
        let connects = |chosen: &Chosen<'_>| {
            matches!(&*chosen.field.name, "edges" | "pageInfo" | "totalCount" | "pageResultCount")
        };
        if self.open(&field.selections)?.iter().any(connects) {
            let child = self.of(object).child(&field.name).ok_or_else(|| unknown(&field.name))?;
            let children = self.object(&child.object)?;
            let key = self.of(children).find(&child.field).ok_or_else(|| unknown(&child.field))?;
            return self.connection((children, Some(key)), field, depth + 1);
        }
        if &*field.name == "DisplayValue" {
            self.leaf(field)?;
            self.touch(match self.of(object).find("Name") {
                Some(name) => Access::field(Verb::Read, object, name),
                None => Access::every(Verb::Read, object),
            });
            return Ok(());
        }
        match self.meaning(object, &field.name)? {
            Meaning::Field(id) => {
                self.touch(Access::field(Verb::Read, object, id));
                self.leaves(field, &VALUE)
            }
            Meaning::Parent(key) => {
                self.arguments(field, &[])?;
                let parents = self.parents(object, key)?;
                self.elsewhere(|walk| walk.record(&parents, &field.selections, depth + 1))
            }
        }
    }

    fn aggregate(
        &mut self,
        object: ObjectId,
        selections: &'a [Selection],
        depth: usize,
    ) -> Result<(), Unclear> {
        deep(depth)?;
        for chosen in self.open(selections)? {
            let field = chosen.field;
            if &*field.name == "__typename" {
                continue;
            }
            self.arguments(field, &[])?;
            match self.meaning(object, &field.name)? {
                Meaning::Field(id) => {
                    self.touch(Access::field(Verb::Read, object, id));
                    for chosen in self.open(&field.selections)? {
                        match &*chosen.field.name {
                            name if FUNCTIONS.contains(&name) => self.leaves(chosen.field, &VALUE)?,
                            name if VALUE.contains(&name) => self.leaf(chosen.field)?,
                            other => {
                                return Err(unclear(format!(
                                    "`{other}` is not known in an aggregated field"
                                )));
                            }
                        }
                    }
                }
                Meaning::Parent(key) => {
                    let parents = self.parents(object, key)?;
                    let parents = self.narrowed(&parents, None)?;
                    self.elsewhere(|walk| {
                        let mut parents = parents.into_iter();
                        parents.try_for_each(|parent| walk.aggregate(parent, &field.selections, depth + 1))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// A `where`: `{Field: {eq: ..}, Parent: {..}, and: [..], or: [..], not: ..}`.
    pub(super) fn filter(&mut self, object: ObjectId, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        deep(depth)?;
        self.touch(Access::object(Verb::Read, object));
        for (name, value) in self.pairs(value)? {
            self.step()?;
            match &**name {
                "and" | "or" | "not" => match self.given(value)? {
                    Value::List(parts) => {
                        parts.iter().try_for_each(|part| self.filter(object, part, depth + 1))?;
                    }
                    part => self.filter(object, part, depth + 1)?,
                },
                _ => match self.meaning(object, name)? {
                    Meaning::Field(field) => {
                        self.touch(Access::field(Verb::Read, object, field));
                        self.comparisons(value, depth + 1)?;
                    }
                    Meaning::Parent(key) => {
                        let parents = self.parents(object, key)?;
                        self.elsewhere(|walk| walk.parent_filter(&parents, value, depth + 1))?;
                    }
                },
            }
        }
        Ok(())
    }

    /// The filter of a parent, under its object's name where there may be several.
    fn parent_filter(&mut self, parents: &Objects, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        let pairs = self.pairs(value)?;
        let several = parents.more || parents.known.len() > 1;
        let is_parent = |name: &str| {
            self.schema.find(name).is_some_and(|object| parents.more || parents.known.contains(&object))
        };
        if several && !pairs.is_empty() && pairs.iter().all(|(name, _)| is_parent(name)) {
            for (name, value) in pairs {
                let object = self.object(name)?;
                self.filter(object, value, depth)?;
            }
            return Ok(());
        }
        for parent in self.narrowed(parents, None)? {
            self.filter(parent, value, depth)?;
        }
        Ok(())
    }

    /// `{eq: .., in: [..], inq: {..}}`, and functions of dates around them.
    fn comparisons(&mut self, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        deep(depth)?;
        for (name, value) in self.pairs(value)? {
            self.step()?;
            match &**name {
                name if COMPARISONS.contains(&name) || name == "excludes" => {
                    self.operand(value, depth + 1)?
                }
                "inq" | "ninq" => self.elsewhere(|walk| walk.semi_join(value, depth + 1))?,
                name if name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
                    match self.pairs(value)? {
                        [(key, value)] if &**key == "value" => self.comparisons(value, depth + 1)?,
                        _ => self.comparisons(value, depth + 1)?,
                    }
                }
                other => return Err(unclear(format!("the comparison `{other}` is not known"))),
            }
        }
        Ok(())
    }

    /// What is compared with: a value, a list of them, or a date in one of its forms.
    fn operand(&mut self, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        let forms = ["value", "literal", "range"];
        let items = match self.given(value)? {
            Value::List(items) => items.as_slice(),
            item => std::slice::from_ref(item),
        };
        for item in items {
            if let Value::Object(pairs) = self.given(item)?
                && let Some((name, _)) = pairs.iter().find(|(name, _)| !forms.contains(&&**name))
            {
                return Err(unclear(format!("`{name}` is not known in a comparison")));
            }
            self.plain(item, depth)?;
        }
        Ok(())
    }

    /// `{Contact: {filter}, ApiName: "AccountId"}`.
    fn semi_join(&mut self, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        let pairs = self.pairs(value)?;
        let field = pairs.iter().find(|(name, _)| &**name == "ApiName");
        let other = pairs.iter().find(|(name, _)| &**name != "ApiName");
        let (Some((_, field)), Some((object, filter)), 2) = (field, other, pairs.len()) else {
            return Err(unclear("a semi-join is `{Object: {filter}, ApiName: \"Field\"}`"));
        };
        let object = self.object(object)?;
        let name = self.text(field)?;
        let field = self.of(object).find(name).ok_or_else(|| unknown(name))?;
        self.touch(Access::object(Verb::Read, object));
        self.touch(Access::field(Verb::Read, object, field));
        self.filter(object, filter, depth)
    }

    /// An `orderBy` or `groupBy`: `{Field: {order: DESC}, Parent: {Field: {group: true}}}`, or a list of such.
    fn named(&mut self, object: ObjectId, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        deep(depth)?;
        if let Value::List(parts) = self.given(value)? {
            return parts.iter().try_for_each(|part| self.named(object, part, depth + 1));
        }
        for (name, value) in self.pairs(value)? {
            self.step()?;
            match self.meaning(object, name)? {
                Meaning::Field(field) => {
                    self.touch(Access::field(Verb::Read, object, field));
                    self.plain(value, depth + 1)?;
                }
                Meaning::Parent(key) => {
                    let parents = self.parents(object, key)?;
                    let parents = self.narrowed(&parents, None)?;
                    self.elsewhere(|walk| {
                        parents.into_iter().try_for_each(|parent| walk.named(parent, value, depth + 1))
                    })?;
                }
            }
        }
        Ok(())
    }

    fn meaning(&self, object: ObjectId, name: &str) -> Result<Meaning, Unclear> {
        let object = self.of(object);
        let field = object.find(name).map(Meaning::Field);
        field.or_else(|| object.parent(name).map(Meaning::Parent)).ok_or_else(|| unknown(name))
    }
}
