//! From a grant as the configuration has it to one that is looked up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Enforcement, FieldSet, Grant, Grants, Pattern};
use crate::decision::side_door;
use crate::names::{ApiVersions, FieldName, IdentityName, ObjectName};
use crate::request::{Named, Verb};
use crate::schema::{FieldId, Object, ObjectId, Schema};
use crate::soql::ResolvedCondition;

/// What the configuration grants an identity, by names.
#[derive(Clone, Debug)]
pub struct GrantsSpec {
    /// The identity.
    pub identity: IdentityName,
    /// The org's API versions.
    pub versions: ApiVersions,
    /// `allow`, in order; a later entry for the same object replaces an earlier one, and an object's own entry
    /// stands before its namespace's.
    pub allow: Vec<AllowSpec>,
    /// Resources named under `also`.
    pub named: Vec<Named>,
    /// Doors named under `also`.
    pub patterns: Vec<Pattern>,
    /// The objects under `exports`.
    pub exports: Vec<ObjectName>,
    /// Whether refusals are carried out.
    pub enforcement: Enforcement,
}

/// One entry of `allow`.
#[derive(Clone, Debug, Default)]
pub struct AllowSpec {
    /// An object's name, or a namespace as `npsp__*`.
    pub key: String,
    /// `read`
    pub read: Option<FieldsSpec>,
    /// `create`
    pub create: Option<FieldsSpec>,
    /// `update`
    pub update: Option<FieldsSpec>,
    /// The other verbs that are granted.
    pub verbs: Vec<Verb>,
    /// `except`: the fields that `"*"` leaves out.
    pub except: Vec<FieldName>,
    /// `where`
    pub condition: Option<String>,
    /// `max_rows`
    pub max_rows: Option<u64>,
}

/// Which fields a verb covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldsSpec {
    /// `"*"`
    Every,
    /// A list.
    Listed(Vec<FieldName>),
}

/// Something in a grant that this schema does not bear out. What it names is not granted; the rest holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantProblem {
    /// The key of `allow`.
    pub key: String,
    /// What is wrong, in the form of an error message.
    pub problem: String,
}

impl Grants {
    /// Compiles a grant for one schema, with what the schema does not bear out.
    #[must_use]
    pub fn compile(spec: &GrantsSpec, schema: &Arc<Schema>) -> (Self, Vec<GrantProblem>) {
        let mut problems = Vec::new();
        let mut objects = BTreeMap::new();
        let (namespaces, named): (Vec<_>, Vec<_>) =
            spec.allow.iter().partition(|allow| allow.key.ends_with("__*"));
        for allow in namespaces {
            // A side door out is granted by its own name or not at all.
            let covers = |name: &str| in_namespace(name, &allow.key) && !side_door::is_object(name);
            for (id, object) in schema.objects().filter(|(_, object)| covers(object.name())) {
                grant(allow, schema, (id, object), &mut problems).and_then(|grant| objects.insert(id, grant));
            }
        }
        for allow in named {
            match schema.look_up(&allow.key) {
                Some(found) => {
                    objects.remove(&found.0);
                    grant(allow, schema, found, &mut problems)
                        .and_then(|grant| objects.insert(found.0, grant));
                }
                None => problems.push(problem(allow, "the org has no such object".to_owned())),
            }
        }
        let exports = spec.exports.iter().filter_map(|name| schema.find(name.as_str())).collect();
        let grants = Self {
            identity: spec.identity.clone(),
            schema: Arc::clone(schema),
            versions: spec.versions,
            objects: objects.into_iter().collect(),
            named: spec.named.clone(),
            patterns: spec.patterns.clone(),
            exports,
            enforcement: spec.enforcement,
        };
        (grants, problems)
    }
}

/// One object's grant. `None`, and so no grant at all, when its condition cannot be held.
fn grant(
    allow: &AllowSpec,
    schema: &Schema,
    (id, object): (ObjectId, &Object),
    problems: &mut Vec<GrantProblem>,
) -> Option<Grant> {
    let condition = match &allow.condition {
        None => None,
        Some(text) => match ResolvedCondition::new(text, schema, id) {
            Ok(condition) => Some(condition),
            Err(error) => {
                problems.push(problem(allow, format!("`where`: {error}")));
                return None;
            }
        },
    };
    let mut find = |name: &FieldName| {
        let found = object.find(name.as_str());
        if found.is_none() {
            problems.push(problem(allow, format!("{} has no field `{name}`", object.name())));
        }
        found
    };
    let except: Vec<FieldId> = allow.except.iter().filter_map(&mut find).collect();
    let mut set = |fields: &Option<FieldsSpec>, reading: bool| {
        let mut listed = match fields.as_ref()? {
            FieldsSpec::Every if allow.except.is_empty() => return Some(FieldSet::every()),
            FieldsSpec::Every => return Some(FieldSet::every_but(object, &except)),
            FieldsSpec::Listed(names) => names.iter().filter_map(&mut find).collect::<Vec<FieldId>>(),
        };
        listed.extend(object.find("Id").filter(|_| reading));
        Some(FieldSet::listed(object, &listed, reading))
    };
    let (read, create, update) =
        (set(&allow.read, true), set(&allow.create, false), set(&allow.update, false));
    Some(Grant { read, create, update, verbs: allow.verbs.clone(), condition, max_rows: allow.max_rows })
}

fn problem(allow: &AllowSpec, problem: String) -> GrantProblem {
    GrantProblem { key: allow.key.clone(), problem }
}

/// Whether an object's name starts with the namespace of `ns__*`, in any letter case.
fn in_namespace(name: &str, key: &str) -> bool {
    let Some(prefix) = key.strip_suffix('*') else { return false };
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
