//! Grants that grow by what a denial names, and shrink again.

use crate::random::Random;
use crate::world::{MARKED, World};
use forcefield_emulator::Org;
use forcefield_policy::decision::Reason;
use forcefield_policy::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use forcefield_policy::names::{FieldName, IdentityName, ObjectName};
use forcefield_policy::request::{Named, Verb};
use std::collections::BTreeMap;

/// What an identity holds, before it is compiled.
#[derive(Clone, Default)]
pub(crate) struct Holding {
    allow: BTreeMap<String, AllowSpec>,
    named: Vec<Named>,
    exports: Vec<String>,
}

/// A condition on the rows of an object, and how to tell from the org itself whether a record satisfies it.
#[derive(Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) object: &'static str,
    pub(crate) text: &'static str,
    pub(crate) holds: fn(&Org, &str) -> bool,
}

pub(crate) const CONDITIONS: [Condition; 7] = [
    Condition {
        object: "Account",
        text: "Region__c = 'EU'",
        holds: |org, id| is(org, id, "Region__c", "EU"),
    },
    Condition {
        object: "Account",
        text: "Industry = 'Energy' OR Rating = 'Hot'",
        holds: |org, id| is(org, id, "Industry", "Energy") || is(org, id, "Rating", "Hot"),
    },
    Condition {
        object: "Contact",
        text: "Department = 'Sales'",
        holds: |org, id| is(org, id, "Department", "Sales"),
    },
    Condition {
        object: "Contact",
        text: "Account.Region__c = 'EU'",
        holds: |org, id| {
            org.value(id, "AccountId").is_some_and(|account| is(org, &account, "Region__c", "EU"))
        },
    },
    Condition { object: "Case", text: "Priority = 'High'", holds: |org, id| is(org, id, "Priority", "High") },
    Condition {
        object: "Opportunity",
        text: "StageName IN ('Closed Won', 'Negotiation') AND IsWon = TRUE",
        holds: |org, id| is(org, id, "StageName", "Closed Won") && is(org, id, "IsWon", "true"),
    },
    Condition {
        object: "Invoice__c",
        text: "Status__c = 'Paid'",
        holds: |org, id| is(org, id, "Status__c", "Paid"),
    },
];

/// Fields that hold secrets in the org's records, and how these start.
const SECRETS: [(&str, &str, &str); 7] = [
    ("CANARY-SSN-", "Contact", "SSN__c"),
    ("AKIACANARY", "Case", "Description"),
    ("CANARY-PWD-", "Case", "Comments"),
    ("CANARY-INVOICE-", "Invoice__c", "Secret__c"),
    ("CANARY-ATTACHMENT-", "Attachment", "Body"),
    ("CANARY-FILE-", "ContentVersion", "VersionData"),
    ("CANARY-EVENTLOG-", "EventLogFile", "LogFile"),
];

// === impl Holding ===

impl Holding {
    /// Everything on every object.
    pub(crate) fn full(world: &World) -> Self {
        let every = |name: &str| AllowSpec {
            key: name.to_owned(),
            read: Some(FieldsSpec::Every),
            create: Some(FieldsSpec::Every),
            update: Some(FieldsSpec::Every),
            verbs: vec![Verb::Delete, Verb::Undelete, Verb::Merge, Verb::Publish, Verb::Subscribe],
            ..AllowSpec::default()
        };
        let names: Vec<String> = world.schema.objects().map(|(_, object)| object.name().to_owned()).collect();
        Self {
            allow: names.iter().map(|name| (name.clone(), every(name))).collect(),
            named: Named::ALL.to_vec(),
            exports: names,
        }
    }

    /// These grants and nothing else.
    pub(crate) fn of(allow: impl IntoIterator<Item = AllowSpec>) -> Self {
        let allow = allow.into_iter().map(|allow| (allow.key.clone(), allow)).collect();
        Self { allow, ..Self::default() }
    }

    /// The same as an integration's file has it; exports go to the destination `here`.
    pub(crate) fn written(&self) -> String {
        let mut text = "allow:\n".to_owned();
        for allow in self.allow.values() {
            let fields = |fields: &FieldsSpec| match fields {
                FieldsSpec::Every => "\"*\"".to_owned(),
                FieldsSpec::Listed(names) => {
                    format!("[{}]", names.iter().map(FieldName::as_str).collect::<Vec<_>>().join(", "))
                }
            };
            let lists = [("read", &allow.read), ("create", &allow.create), ("update", &allow.update)];
            let lists = lists.into_iter().filter_map(|(verb, list)| Some((verb, fields(list.as_ref()?))));
            let verbs = allow.verbs.iter().map(|verb| (verb.as_str(), "true".to_owned()));
            let except = (!allow.except.is_empty())
                .then(|| ("except", fields(&FieldsSpec::Listed(allow.except.clone()))));
            let condition = allow.condition.as_ref().map(|text| ("where", format!("\"{text}\"")));
            let rows = allow.max_rows.map(|rows| ("max_rows", rows.to_string()));
            let keys = lists.chain(verbs).chain(except).chain(condition).chain(rows);
            let keys: Vec<String> = keys.map(|(key, value)| format!("{key}: {value}")).collect();
            text.push_str(&format!("  {}: {{ {} }}\n", allow.key, keys.join(", ")));
        }
        if !self.named.is_empty() {
            let names: Vec<&str> = self.named.iter().map(|named| named.as_str()).collect();
            text.push_str(&format!("also: [{}]\n", names.join(", ")));
        }
        if !self.exports.is_empty() {
            text.push_str("exports:\n");
            self.exports.iter().for_each(|name| text.push_str(&format!("  {name}: {{ to: [here] }}\n")));
        }
        text
    }

    pub(crate) fn compile(&self, world: &World) -> Grants {
        let spec = GrantsSpec {
            identity: IdentityName::try_from("differ").unwrap(),
            versions: "20.0-68.0".parse().unwrap(),
            allow: self.allow.values().cloned().collect(),
            named: self.named.clone(),
            patterns: Vec::new(),
            exports: self
                .exports
                .iter()
                .filter_map(|name| ObjectName::try_from(name.as_str()).ok())
                .collect(),
            enforcement: Enforcement::Enforce,
        };
        let (grants, problems) = Grants::compile(&spec, &world.schema);
        assert!(problems.is_empty(), "{problems:?}");
        grants
    }

    /// Adds exactly what a denial misses; whether it can be had.
    pub(crate) fn add(&mut self, reason: &Reason) -> bool {
        match reason {
            Reason::NoGrant(verb, object, field) => {
                self.verb(object, *verb);
                field.iter().for_each(|field| self.field(object, *verb, field));
            }
            Reason::Verb(verb, object) => self.verb(object, *verb),
            Reason::Field(verb, object, field) => self.field(object, *verb, field),
            Reason::EveryField(verb, object) => self.fields(object, *verb, |_| FieldsSpec::Every),
            Reason::Named(named) => self.named.push(*named),
            Reason::Export(object) => self.exports.push(object.clone()),
            Reason::Condition(..)
            | Reason::Rows(..)
            | Reason::Opaque(_)
            | Reason::Parameters(_)
            | Reason::Sends(_)
            | Reason::Never(_)
            | Reason::NotOwn(_)
            | Reason::Version(_)
            | Reason::Column(_)
            | Reason::Job(_) => return false,
        }
        true
    }

    fn entry(&mut self, object: &str) -> &mut AllowSpec {
        let new = || AllowSpec { key: object.to_owned(), ..AllowSpec::default() };
        self.allow.entry(object.to_owned()).or_insert_with(new)
    }

    fn verb(&mut self, object: &str, verb: Verb) {
        match verb {
            Verb::Read | Verb::Create | Verb::Update => self.fields(object, verb, |spec| spec),
            Verb::Delete | Verb::Undelete | Verb::Merge | Verb::Publish | Verb::Subscribe => {
                self.entry(object).verbs.push(verb);
            }
            Verb::Describe => {
                self.entry(object);
            }
        }
    }

    fn field(&mut self, object: &str, verb: Verb, field: &str) {
        self.fields(object, verb, |spec| match spec {
            FieldsSpec::Every => FieldsSpec::Every,
            FieldsSpec::Listed(mut names) => {
                names.push(FieldName::try_from(field).unwrap());
                FieldsSpec::Listed(names)
            }
        });
    }

    fn fields(&mut self, object: &str, verb: Verb, change: impl FnOnce(FieldsSpec) -> FieldsSpec) {
        let allow = self.entry(object);
        let fields = match verb {
            Verb::Read => &mut allow.read,
            Verb::Create | Verb::Publish => &mut allow.create,
            _ => &mut allow.update,
        };
        let known = fields.take().unwrap_or(FieldsSpec::Listed(Vec::new()));
        *fields = Some(change(known));
    }

    /// The same without one thing that it holds; none when there is nothing left to take.
    pub(crate) fn without_one(&self, random: &mut Random) -> Option<Self> {
        let mut less = self.clone();
        let keys: Vec<&String> = self.allow.keys().collect();
        if keys.is_empty() {
            return None;
        }
        let key = random.pick(&keys).clone();
        let allow = less.allow.get_mut(&key)?;
        let sets = [&mut allow.read, &mut allow.create, &mut allow.update];
        let listed = sets.into_iter().flatten().find_map(|set| match set {
            FieldsSpec::Listed(names) if !names.is_empty() => Some(names),
            _ => None,
        });
        if let Some(names) = listed {
            names.remove(random.below(names.len()));
            return Some(less);
        }
        if allow.verbs.pop().is_some() {
            return Some(less);
        }
        less.allow.remove(&key);
        Some(less)
    }

    /// The same with a condition on an object that it reads, if one is known for it.
    pub(crate) fn conditioned(&self, condition: &Condition) -> Option<Self> {
        let mut less = self.clone();
        let allow = less.allow.get_mut(condition.object).filter(|allow| allow.read.is_some())?;
        allow.condition = Some(condition.text.to_owned());
        Some(less)
    }

    /// The same with so many rows of any object.
    pub(crate) fn bounded(&self, rows: u64) -> Self {
        let mut less = self.clone();
        less.allow.values_mut().for_each(|allow| allow.max_rows = Some(rows));
        less
    }

    /// The same with every read of a field list turned into every field but some.
    pub(crate) fn widened(&self, world: &World, random: &mut Random) -> Self {
        let mut wider = self.clone();
        for allow in wider.allow.values_mut() {
            let Some((_, object)) = world.schema.look_up(&allow.key) else { continue };
            let fields: Vec<&str> = object.fields().map(|(_, field)| field.name()).collect();
            if let Some(FieldsSpec::Listed(names)) = &mut allow.read {
                let more = random.several(8, |random| random.pick(&fields));
                names.extend(more.into_iter().map(|name| FieldName::try_from(name).unwrap()));
            }
        }
        wider
    }
}

/// The starts of secrets that an answer under these grants must not have.
pub(crate) fn forbidden_secrets(grants: &Grants) -> Vec<(&'static str, &'static str)> {
    let readable = |object: &str, field: &str| {
        let Some((id, known)) = grants.schema().look_up(object) else { return false };
        let fields = grants.on(id).and_then(|grant| grant.fields(Verb::Read));
        fields.zip(known.find(field)).is_some_and(|(fields, field)| fields.contains(field))
    };
    // The history of a field and comments on a case hold the same texts.
    let elsewhere = |secret: &str| match secret {
        "CANARY-INVOICE-" => {
            readable("Invoice__History", "OldValue") || readable("Invoice__History", "NewValue")
        }
        "CANARY-PWD-" => readable("CaseComment", "CommentBody"),
        _ => false,
    };
    let hidden = SECRETS
        .into_iter()
        .filter(|(secret, object, field)| !readable(object, field) && !elsewhere(secret))
        .map(|(secret, object, _)| (secret, object));
    hidden.collect()
}

/// Marks of records in an answer that do not satisfy a condition.
pub(crate) fn outside<'t>(world: &World, condition: &Condition, text: &'t str) -> Vec<&'t str> {
    let (_, start) = starts().into_iter().find(|(object, _)| *object == condition.object).unwrap();
    let marks = &world.marks[condition.object];
    text.match_indices(start)
        .filter_map(|(at, _)| {
            let rest = &text[at..];
            let end = rest[start.len()..]
                .find(|character: char| !character.is_ascii_digit())
                .map_or(rest.len(), |digits| start.len() + digits);
            let mark = &rest[..end];
            let id = marks.get(mark)?;
            (!(condition.holds)(world.org(), id)).then_some(mark)
        })
        .collect()
}

/// How the marks of each object start.
fn starts() -> [(&'static str, &'static str); 5] {
    let objects = MARKED.map(|(object, _)| object);
    let starts = ["Account ", "+49 30 ", "Login fails ", "Opportunity ", "INV-"];
    std::array::from_fn(|at| (objects[at], starts[at]))
}

fn is(org: &Org, id: &str, field: &str, value: &str) -> bool {
    org.value(id, field).as_deref() == Some(value)
}
