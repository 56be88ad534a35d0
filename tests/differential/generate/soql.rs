//! Random queries over the org's schema.

use crate::random::Random;
use crate::world::World;
use forcefield_policy::schema::{Field, FieldKind, Object};

/// Writes queries.
pub(crate) struct Soql<'r, 'w> {
    pub(crate) random: &'r mut Random,
    pub(crate) world: &'w World,
}

/// Objects with records in the org, more often than not.
const OBJECTS: [&str; 16] = [
    "Account",
    "Account",
    "Contact",
    "Contact",
    "Case",
    "Opportunity",
    "Lead",
    "Task",
    "User",
    "Invoice__c",
    "Invoice__c",
    "Invoice_Line__c",
    "acme__Widget__c",
    "AccountHistory",
    "CaseComment",
    "ContentDocumentLink",
];

/// Child relationships whose rows the org has.
const CHILDREN: [(&str, &str); 10] = [
    ("Account", "Contacts"),
    ("Account", "Cases"),
    ("Account", "Opportunities"),
    ("Account", "Invoices__r"),
    ("Account", "acme__Widgets__r"),
    ("Account", "Histories"),
    ("Account", "Tasks"),
    ("Contact", "Cases"),
    ("Case", "CaseComments"),
    ("Invoice__c", "Lines__r"),
];

/// Fields that hold what other fields hold: filters and columns of interest.
const TELLING: [(&str, &str); 12] = [
    ("Account", "Region__c"),
    ("Account", "Name"),
    ("Account", "Industry"),
    ("Contact", "SSN__c"),
    ("Contact", "Department"),
    ("Contact", "Phone"),
    ("Case", "Description"),
    ("Case", "Subject"),
    ("Opportunity", "Name"),
    ("Opportunity", "Amount"),
    ("Invoice__c", "Secret__c"),
    ("Invoice__c", "Name"),
];

impl<'r, 'w> Soql<'r, 'w> {
    pub(crate) fn new(random: &'r mut Random, world: &'w World) -> Self {
        Self { random, world }
    }

    pub(crate) fn object(&mut self) -> &'w Object {
        let name = self.random.pick(&OBJECTS);
        self.known(name)
    }

    fn known(&self, name: &str) -> &'w Object {
        self.world.schema.look_up(name).unwrap_or_else(|| panic!("the org has {name}")).1
    }

    /// A whole query.
    pub(crate) fn query(&mut self) -> String {
        let object = self.object();
        let name = self.random.cased(object.name());
        match self.random.below(12) {
            0 => return self.count(object, &name),
            1 | 2 => return self.grouped(object, &name),
            _ => {}
        }
        let alias = self.random.chance(12).then_some("a");
        let mut items = self.random_items(object, alias);
        if self.random.chance(30) {
            items.push(self.child(object));
        }
        if self.random.chance(4) {
            items =
                vec![self.random.pick(&["FIELDS(ALL)", "FIELDS(STANDARD)", "fields( custom )"]).to_owned()];
        }
        if object.name() == "Task" && self.random.chance(30) {
            items.push(self.typeof_what());
        }
        let from = alias.map_or_else(|| name.clone(), |alias| format!("{name} {alias}"));
        let scope = if self.random.chance(3) { " USING SCOPE mine" } else { "" };
        let filter = self.filter(object, alias);
        let (order, rows) = (self.order(object, alias), self.rows());
        format!("SELECT {} FROM {from}{scope}{filter}{order}{rows}", items.join(", "))
    }

    fn random_items(&mut self, object: &'w Object, alias: Option<&str>) -> Vec<String> {
        let most = self.random.pick(&[1, 2, 4, 6]);
        let mut items: Vec<String> = Vec::new();
        for _ in 0..=self.random.below(most) {
            let item = match self.random.below(14) {
                0 => format!("FORMAT({})", self.path(object, alias)),
                1 => format!("toLabel({})", self.path(object, alias)),
                _ => self.path(object, alias),
            };
            if !items.iter().any(|known| known.eq_ignore_ascii_case(&item)) {
                items.push(item);
            }
        }
        if self.random.chance(30) {
            items.push(alias.map_or_else(|| "Id".to_owned(), |alias| format!("{alias}.Id")));
        }
        items.sort();
        items.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
        items
    }

    fn count(&mut self, object: &'w Object, name: &str) -> String {
        let filter = self.filter(object, None);
        format!("SELECT COUNT() FROM {name}{filter}")
    }

    fn grouped(&mut self, object: &'w Object, name: &str) -> String {
        let group = self.path(object, None);
        let function = self.random.pick(&["COUNT", "MAX", "MIN", "COUNT_DISTINCT"]);
        let column = self.path(object, None);
        let label = self.random.pick(&["", " n", " total"]);
        let filter = self.filter(object, None);
        let having = match self.random.below(4) {
            0 => format!(" HAVING COUNT(Id) > {}", self.random.below(3)),
            1 => format!(" HAVING MIN({}) != NULL", self.path(object, None)),
            _ => String::new(),
        };
        let order = if self.random.chance(20) { " ORDER BY COUNT(Id) DESC NULLS LAST" } else { "" };
        let group_by = if self.random.chance(10) { format!("ROLLUP({group})") } else { group.clone() };
        let rows = self.rows();
        format!(
            "SELECT {group}, {function}({column}){label} FROM {name}{filter} GROUP BY {group_by}{having}{order}{rows}"
        )
    }

    /// A subquery on a child relationship.
    fn child(&mut self, object: &'w Object) -> String {
        let told: Vec<&str> =
            CHILDREN.iter().filter(|(parent, _)| *parent == object.name()).map(|(_, child)| *child).collect();
        let relationship = if told.is_empty() || self.random.chance(20) {
            let all: Vec<&str> = object.children().iter().map(|child| &*child.relationship).collect();
            if all.is_empty() {
                return "CreatedDate".to_owned();
            }
            self.random.pick(&all)
        } else {
            self.random.pick(&told)
        };
        let child = object.child(relationship).and_then(|child| self.world.schema.look_up(&child.object));
        let Some((_, child)) = child else { return "CreatedDate".to_owned() };
        let items = self.random_items(child, None).join(",");
        let filter = self.filter(child, None);
        let order = self.order(child, None);
        let limit = if self.random.chance(60) { " LIMIT 3" } else { "" };
        format!("(SELECT {items} FROM {relationship}{filter}{order}{limit})")
    }

    fn typeof_what(&mut self) -> String {
        let (account, other) = (self.known("Account"), self.known("Opportunity"));
        let (one, two) = (self.plain(account), self.plain(other));
        format!("TYPEOF What WHEN Account THEN {one}, Id WHEN Opportunity THEN {two} ELSE Id END")
    }

    fn filter(&mut self, object: &'w Object, alias: Option<&str>) -> String {
        if self.random.chance(40) {
            return String::new();
        }
        format!(" WHERE {}", self.condition(object, alias, 2))
    }

    /// A condition, by itself.
    pub(crate) fn condition(&mut self, object: &'w Object, alias: Option<&str>, depth: usize) -> String {
        let joiner = self.random.pick(&[" AND ", " OR ", " and "]);
        let most = self.random.pick(&[1, 1, 2, 3]);
        let parts: Vec<String> = (0..most)
            .map(|_| match self.random.below(10) {
                0 if depth > 0 => format!("({})", self.condition(object, alias, depth - 1)),
                1 if depth > 0 => format!("(NOT {})", self.predicate(object, alias, 0)),
                _ => self.predicate(object, alias, depth),
            })
            .collect();
        parts.join(joiner)
    }

    fn predicate(&mut self, object: &'w Object, alias: Option<&str>, depth: usize) -> String {
        if depth > 0 && self.random.chance(12) {
            return self.semi_join(object, alias);
        }
        let (path, field) = self.path_to(object, alias);
        match field.kind() {
            FieldKind::Boolean => format!("{path} = {}", self.random.pick(&["TRUE", "false"])),
            FieldKind::Number => {
                let sign = self.random.pick(&["=", "!=", "<", "<=", ">", ">=", "<>"]);
                format!("{path} {sign} {}", self.random.below(500))
            }
            FieldKind::Time => {
                let sign = self.random.pick(&["=", "!=", "<", ">="]);
                let value =
                    self.random.pick(&["TODAY", "LAST_N_DAYS:30", "THIS_YEAR", "NULL", "LAST_N_YEARS:2"]);
                format!("{path} {sign} {value}")
            }
            FieldKind::Id | FieldKind::Reference => {
                let object = self.random.pick(&["Account", "User", "Contact"]);
                let (one, two) = (self.world.id(self.random, object), self.world.id(self.random, object));
                match self.random.below(3) {
                    0 => format!("{path} != NULL"),
                    1 => format!("{path} = '{one}'"),
                    _ => format!("{path} IN ('{one}', '{}')", two.get(..15).unwrap_or_default()),
                }
            }
            FieldKind::Text | FieldKind::Other => self.text(&path),
            FieldKind::Blob | FieldKind::Address | FieldKind::Location => {
                format!("Id != '{}'", self.world.id(self.random, "Case"))
            }
        }
    }

    fn text(&mut self, path: &str) -> String {
        match self.random.below(6) {
            0 => format!(
                "{path} LIKE '{}'",
                self.random.pick(&["A%", "%1_", "%\\_%", "CANARY-SSN-0000%", "%"])
            ),
            1 => format!("{path} IN ('EU', 'US', 'Sales', '\\'; DROP')"),
            2 => format!("{path} NOT IN ('x', NULL)"),
            3 => format!("{path} != NULL"),
            4 => format!("{path} > 'A'"),
            _ => {
                let value = self.random.pick(&[
                    "EU",
                    "Energy",
                    "Account 0001",
                    "Closed Won",
                    "Sales",
                    "Paid",
                    "",
                    "\\u0041",
                ]);
                format!("{path} = '{value}'")
            }
        }
    }

    fn semi_join(&mut self, object: &'w Object, alias: Option<&str>) -> String {
        let key = self.of(alias, "Id");
        let (path, inner, column) = match (object.name(), self.random.below(3)) {
            ("Account", 0) => (key, "Contact", "AccountId"),
            ("Account", 1) => (key, "Opportunity", "AccountId"),
            ("Account", _) => (key, "Invoice__c", "Account__c"),
            ("Contact" | "Case" | "Opportunity", _) => (self.of(alias, "AccountId"), "Account", "Id"),
            ("Invoice__c", _) => (self.of(alias, "Account__c"), "Account", "Id"),
            ("Invoice_Line__c", _) => (self.of(alias, "Invoice__c"), "Invoice__c", "Id"),
            _ => return self.predicate(object, alias, 0),
        };
        let within = self.known(inner);
        let filter = if self.random.chance(75) {
            format!(" WHERE {}", self.predicate(within, None, 0))
        } else {
            String::new()
        };
        let not = if self.random.chance(25) { "NOT " } else { "" };
        let name = self.random.cased(inner);
        format!("{path} {not}IN (SELECT {column} FROM {name}{filter})")
    }

    fn of(&self, alias: Option<&str>, field: &str) -> String {
        alias.map_or_else(|| field.to_owned(), |alias| format!("{alias}.{field}"))
    }

    fn order(&mut self, object: &'w Object, alias: Option<&str>) -> String {
        if self.random.chance(65) {
            return String::new();
        }
        let end = self.random.pick(&["", " DESC", " ASC NULLS LAST", " desc nulls first"]);
        format!(" ORDER BY {}{end}", self.path(object, alias))
    }

    fn rows(&mut self) -> String {
        match self.random.below(20) {
            0 => String::new(),
            1 => " LIMIT 450".to_owned(),
            2 => format!(" LIMIT 10 OFFSET {}", self.random.below(20)),
            3 => " LIMIT 5 FOR VIEW".to_owned(),
            4 => " LIMIT 5 ALL ROWS".to_owned(),
            _ => format!(" LIMIT {}", self.random.below(12)),
        }
    }

    /// A path to a field, over parents now and then.
    pub(crate) fn path(&mut self, object: &'w Object, alias: Option<&str>) -> String {
        self.path_to(object, alias).0
    }

    fn path_to(&mut self, object: &'w Object, alias: Option<&str>) -> (String, &'w Field) {
        let mut at = object;
        let mut path = alias.map_or_else(String::new, |alias| format!("{alias}."));
        if alias.is_none() && self.random.chance(4) {
            path = format!("{}.", object.name());
        }
        let most = self.random.pick(&[0, 0, 0, 1, 2]);
        for _ in 0..most {
            let Some((relationship, target)) = self.parent(at) else { break };
            path = format!("{path}{relationship}.");
            at = target;
        }
        let field = self.field(at);
        (format!("{path}{}", self.random.cased(field.name())), field)
    }

    /// A field of the object itself, by name.
    pub(crate) fn plain(&mut self, object: &'w Object) -> String {
        self.field(object).name().to_owned()
    }

    /// A field of the object: a telling one or any that a query can name alone.
    fn field(&mut self, object: &'w Object) -> &'w Field {
        let telling: Vec<&str> =
            TELLING.iter().filter(|(owner, _)| *owner == object.name()).map(|(_, field)| *field).collect();
        if !telling.is_empty() && self.random.chance(50) {
            let name = self.random.pick(&telling);
            return object.field(object.find(name).unwrap());
        }
        let fields: Vec<&Field> = object.fields().map(|(_, field)| field).collect();
        self.random.pick(&fields)
    }

    fn parent(&mut self, object: &'w Object) -> Option<(String, &'w Object)> {
        let parents: Vec<(&str, &'w Object)> = object
            .fields()
            .filter_map(|(_, field)| {
                let reference = field.reference()?;
                let target = match &*reference.targets {
                    [only] => &**only,
                    // What several objects have in common.
                    _ => "Name",
                };
                Some((reference.relationship.as_deref()?, self.world.schema.look_up(target)?.1))
            })
            .collect();
        (!parents.is_empty()).then(|| {
            let (relationship, target) = self.random.pick(&parents);
            (self.random.cased(relationship), target)
        })
    }
}
