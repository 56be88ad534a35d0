//! What objects there are, which fields they have, and how they refer to each other.
//!
//! Read from two text files in this folder by this module alone: the emulator must be able to disagree with the
//! policy about what a name means, so it shares nothing with it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Every object of the org.
#[derive(Debug)]
pub(crate) struct Schema {
    objects: Vec<Object>,
    by_name: HashMap<String, usize>,
}

/// One object: Account, Invoice__c.
#[derive(Debug)]
pub(crate) struct Object {
    /// Place in [`Schema::objects`].
    pub(crate) index: usize,
    pub(crate) name: String,
    /// What describe shows; some objects have none.
    pub(crate) prefix: Option<String>,
    /// What the ids of its rows start with, shown or not.
    pub(crate) id_prefix: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) children: Vec<Child>,
    by_field: HashMap<String, usize>,
    by_relationship: HashMap<String, usize>,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) external_id: bool,
    /// The name that leads to the parent; a reference without one cannot be followed.
    pub(crate) relationship: Option<String>,
    pub(crate) targets: Vec<String>,
    /// More targets exist than are listed.
    pub(crate) open_ended: bool,
}

/// The other end of a reference.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    pub(crate) relationship: String,
    pub(crate) object: String,
    pub(crate) field: String,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text(&'static str),
    Boolean,
    Double(&'static str),
    Integer(&'static str),
    Date,
    DateTime,
    Time,
    Id,
    Reference,
    Address,
    Location,
    Blob,
    MultiPicklist,
}

// === impl Schema ===

impl Schema {
    /// The org's schema, read once per process.
    pub(crate) fn load() -> Arc<Self> {
        static LOADED: OnceLock<Arc<Schema>> = OnceLock::new();
        LOADED.get_or_init(|| Arc::new(Self::read(&[STANDARD, CUSTOM]))).clone()
    }

    fn read(texts: &[&str]) -> Self {
        let mut schema = Self { objects: Vec::new(), by_name: HashMap::new() };
        let mut current = None;
        for line in texts.iter().flat_map(|text| text.lines()) {
            if let Some(head) = line.strip_prefix('@') {
                current = Some(schema.declare(head));
            } else if let Some(name) = line.strip_prefix('+') {
                current = schema.by_name.get(&name.trim().to_ascii_lowercase()).copied();
            } else if let Some(object) = current.and_then(|index| schema.objects.get_mut(index)) {
                object.extend(line);
            }
        }
        schema
    }

    fn declare(&mut self, head: &str) -> usize {
        let (name, prefix) = head.trim().split_once(' ').unwrap_or((head, "-"));
        let index = self.objects.len();
        let taken = self.objects.iter().any(|known| known.id_prefix == prefix);
        let prefix = (prefix != "-").then(|| prefix.to_owned());
        let id_prefix = match &prefix {
            Some(own) if !taken => own.clone(),
            _ => format!("z{:02X}", index % 256),
        };
        self.by_name.insert(name.to_ascii_lowercase(), index);
        self.objects.push(Object {
            index,
            name: name.to_owned(),
            prefix,
            id_prefix,
            fields: Vec::new(),
            children: Vec::new(),
            by_field: HashMap::new(),
            by_relationship: HashMap::new(),
        });
        index
    }

    /// All objects, in the order in which they were declared.
    pub(crate) fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// The object of that name, in any letter case.
    pub(crate) fn object(&self, name: &str) -> Option<&Object> {
        self.objects.get(*self.by_name.get(&name.to_ascii_lowercase())?)
    }

    /// The object at a place.
    pub(crate) fn at(&self, index: usize) -> Option<&Object> {
        self.objects.get(index)
    }

    /// The object whose rows have ids like this one.
    pub(crate) fn of_id(&self, id: &str) -> Option<&Object> {
        let prefix = crate::id::prefix(id);
        self.objects.iter().find(|object| object.id_prefix == prefix)
    }
}

// === impl Object ===

impl Object {
    fn extend(&mut self, line: &str) {
        let Some((kind, entries)) = line.trim_start().split_once(' ') else { return };
        for entry in entries.split_ascii_whitespace() {
            match kind {
                "F" => self.add(Field::scalar(entry)),
                "P" => self.add(Field::reference(entry)),
                "C" => self.children.extend(Child::parse(entry)),
                _ => {}
            }
        }
    }

    fn add(&mut self, field: Option<Field>) {
        let Some(field) = field else { return };
        let place = self.fields.len();
        self.by_field.insert(field.name.to_ascii_lowercase(), place);
        if let Some(relationship) = &field.relationship {
            self.by_relationship.insert(relationship.to_ascii_lowercase(), place);
        }
        self.fields.push(field);
    }

    /// The place and the field of that name, in any letter case.
    pub(crate) fn field(&self, name: &str) -> Option<(usize, &Field)> {
        let place = *self.by_field.get(&name.to_ascii_lowercase())?;
        self.fields.get(place).map(|field| (place, field))
    }

    /// The reference field behind a relationship name.
    pub(crate) fn parent(&self, relationship: &str) -> Option<(usize, &Field)> {
        let place = *self.by_relationship.get(&relationship.to_ascii_lowercase())?;
        self.fields.get(place).map(|field| (place, field))
    }

    /// The child relationship of that name.
    pub(crate) fn child(&self, relationship: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.relationship.eq_ignore_ascii_case(relationship))
    }

    /// The field shown as the record's name.
    pub(crate) fn name_field(&self) -> Option<&Field> {
        ["Name", "Subject", "Title", "CaseNumber", "DeveloperName"]
            .iter()
            .find_map(|name| self.field(name))
            .map(|(_, field)| field)
    }

    /// Platform events can only be published.
    pub(crate) fn is_event(&self) -> bool {
        self.name.ends_with("__e")
    }

    /// Something a user of the org defined.
    pub(crate) fn is_custom(&self) -> bool {
        self.name.contains("__")
    }
}

// === impl Field ===

impl Field {
    fn scalar(entry: &str) -> Option<Self> {
        let (name, kind) = entry.split_once(':')?;
        let external_id = kind.ends_with('!');
        Some(Self {
            name: name.to_owned(),
            kind: Kind::parse(kind.trim_end_matches('!')),
            external_id,
            relationship: None,
            targets: Vec::new(),
            open_ended: false,
        })
    }

    fn reference(entry: &str) -> Option<Self> {
        let (name, rest) = entry.split_once('/')?;
        let (relationship, targets) = rest.split_once('>')?;
        let open_ended = targets.contains("|+");
        let targets =
            targets.split('|').filter(|target| !target.starts_with('+')).map(str::to_owned).collect();
        Some(Self {
            name: name.to_owned(),
            kind: Kind::Reference,
            external_id: false,
            relationship: (relationship != "-").then(|| relationship.to_owned()),
            targets,
            open_ended,
        })
    }

    /// May point at rows of several objects.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.open_ended || self.targets.len() > 1
    }

    /// Something a user of the org defined.
    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c") || self.name.ends_with("__s")
    }
}

// === impl Child ===

impl Child {
    fn parse(entry: &str) -> Option<Self> {
        let (relationship, rest) = entry.split_once('>')?;
        let (object, field) = rest.split_once('.')?;
        Some(Self {
            relationship: relationship.to_owned(),
            object: object.to_owned(),
            field: field.to_owned(),
        })
    }
}

// === impl Kind ===

impl Kind {
    fn parse(code: &str) -> Self {
        match code {
            "b" => Self::Boolean,
            "n" => Self::Double("double"),
            "cur" => Self::Double("currency"),
            "pct" => Self::Double("percent"),
            "i" => Self::Integer("int"),
            "l" => Self::Integer("long"),
            "d" => Self::Date,
            "dt" => Self::DateTime,
            "t" => Self::Time,
            "id" => Self::Id,
            "addr" => Self::Address,
            "loc" => Self::Location,
            "b64" => Self::Blob,
            "mpl" => Self::MultiPicklist,
            "pl" => Self::Text("picklist"),
            "ta" => Self::Text("textarea"),
            "em" => Self::Text("email"),
            "ph" => Self::Text("phone"),
            "url" => Self::Text("url"),
            "cb" => Self::Text("combobox"),
            "enc" => Self::Text("encryptedstring"),
            "any" => Self::Text("anyType"),
            "cx" => Self::Text("complexvalue"),
            "js" => Self::Text("json"),
            "dcg" => Self::Text("DataCategoryGroupReference"),
            _ => Self::Text("string"),
        }
    }

    /// The `type` of describe.
    pub(crate) fn describe_type(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Double(name) | Self::Integer(name) => name,
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Id => "id",
            Self::Reference => "reference",
            Self::Address => "address",
            Self::Location => "location",
            Self::Blob => "base64",
            Self::MultiPicklist => "multipicklist",
        }
    }

    /// The `soapType` of describe.
    pub(crate) fn soap_type(self) -> &'static str {
        match self {
            Self::Text("anyType") => "xsd:anyType",
            Self::Text(_) | Self::MultiPicklist => "xsd:string",
            Self::Boolean => "xsd:boolean",
            Self::Double(_) => "xsd:double",
            Self::Integer(_) => "xsd:int",
            Self::Date => "xsd:date",
            Self::DateTime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::Id | Self::Reference => "tns:ID",
            Self::Address => "urn:address",
            Self::Location => "urn:location",
            Self::Blob => "xsd:base64Binary",
        }
    }
}

const STANDARD: &str = include_str!("schema/standard.txt");
const CUSTOM: &str = include_str!("schema/custom.txt");

#[cfg(test)]
mod tests {
    use super::{Kind, Schema};

    #[test]
    fn names_are_found_in_any_case() {
        let schema = Schema::load();
        let contact = schema.object("cOnTaCt").unwrap();
        assert_eq!(contact.name, "Contact");
        assert_eq!(contact.field("accountid").unwrap().1.targets, ["Account"]);
        assert_eq!(contact.parent("ACCOUNT").unwrap().1.name, "AccountId");
        assert_eq!(schema.object("account").unwrap().child("contacts").unwrap().field, "AccountId");
    }

    #[test]
    fn the_custom_file_adds_objects_and_fields() {
        let schema = Schema::load();
        assert!(schema.object("Contact").unwrap().field("SSN__c").is_some());
        let invoice = schema.object("invoice__c").unwrap();
        assert!(invoice.field("ExtId__c").unwrap().1.external_id);
        assert_eq!(invoice.field("Loc__c").unwrap().1.kind, Kind::Location);
        assert_eq!(schema.object("Lead").unwrap().field("OwnerId").unwrap().1.targets.len(), 2);
    }
}
