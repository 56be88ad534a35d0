//! What an identity is granted: `allow`, `also` and `exports`.

use forcefield_policy::grant::{AllowSpec, FieldsSpec, GrantsSpec, Pattern};
use forcefield_policy::names::{ApiVersions, IdentityName, ObjectName};
use forcefield_policy::request::{Named, Verb};

use crate::config::{Export, Mode};
use crate::problem::{Place, Report};
use crate::raw::identity as raw;
use crate::read::{AllowKey, At, Door, Table};
use forcefield_policy::grant::Enforcement;

/// `allow` and `also`, checked.
pub(in crate::load) struct Granted {
    allow: Vec<AllowSpec>,
    named: Vec<Named>,
    patterns: Vec<Pattern>,
}

/// Checks `allow` and `also`. `None` when something cannot be read, which is then reported.
pub(in crate::load) fn granted(
    allow: Option<Table<AllowKey, raw::Allow>>,
    also: Option<Vec<At<Door>>>,
    report: &mut Report<'_>,
) -> Option<Granted> {
    let allow: Vec<_> = allow?.0.into_iter().map(|(key, raw)| entry(&key, raw, report)).collect();
    let (mut named, mut patterns) = (Vec::new(), Vec::new());
    for door in also? {
        match door.value {
            Door::Named(name) => named.push(name),
            Door::Opaque(pattern) => patterns.push(pattern),
        }
    }
    Some(Granted { allow: allow.into_iter().collect::<Option<_>>()?, named, patterns })
}

/// Checks `exports` against what may be read and the destinations there are.
pub(super) fn exports(
    table: Table<ObjectName, raw::Export>,
    granted: Option<&Granted>,
    destinations: Option<&[String]>,
    report: &mut Report<'_>,
) -> Option<Vec<Export>> {
    let mut export = |(object, raw): (At<ObjectName>, raw::Export)| {
        if granted.is_some_and(|granted| !granted.reads(&object.value)) {
            let object_name = &object.value;
            let help = format!("write `{object_name}: {{ read: [..] }}` under `allow`, or remove it here");
            report.error(object.at, format!("{object_name} may leave by an export, but not be read"), help);
        }
        let to = raw.to?.0;
        to.iter().for_each(|name| super::known(name, "destination", destinations, report));
        Some(Export {
            object: object.value,
            to: to.into_iter().map(|name| name.value.0).collect(),
            rows: raw.rows?.map(|rows| rows.value.0),
        })
    };
    let exports: Vec<_> = table.0.into_iter().map(&mut export).collect();
    exports.into_iter().collect()
}

// === impl Granted ===

impl Granted {
    /// The whole of it, as policy takes it.
    pub(in crate::load) fn spec(
        self,
        identity: &IdentityName,
        versions: ApiVersions,
        mode: Mode,
        exports: &[Export],
    ) -> GrantsSpec {
        GrantsSpec {
            identity: identity.clone(),
            versions,
            allow: self.allow,
            named: self.named,
            patterns: self.patterns,
            exports: exports.iter().map(|export| export.object.clone()).collect(),
            enforcement: match mode {
                Mode::Enforce => Enforcement::Enforce,
                Mode::Observe(_) | Mode::Warn(_) => Enforcement::Observe,
            },
        }
    }

    /// Whether an entry grants reading of an object: its own where there is one, else its namespace's.
    fn reads(&self, object: &ObjectName) -> bool {
        let name = object.as_str();
        let own = self.allow.iter().find(|allow| allow.key.eq_ignore_ascii_case(name));
        let namespace = || self.allow.iter().find(|allow| in_namespace(name, &allow.key));
        own.or_else(namespace).is_some_and(|allow| allow.read.is_some())
    }
}

fn entry(key: &At<AllowKey>, raw: raw::Allow, report: &mut Report<'_>) -> Option<AllowSpec> {
    let (read, create, update) = (raw.read?, raw.create?, raw.update?);
    let (except, condition, max_rows) = (raw.except?, raw.r#where?, raw.max_rows?);
    let flags = [
        (Verb::Delete, raw.delete?),
        (Verb::Undelete, raw.undelete?),
        (Verb::Merge, raw.merge?),
        (Verb::Publish, raw.publish?),
        (Verb::Subscribe, raw.subscribe?),
        (Verb::Describe, raw.describe?),
    ];
    let granted = flags.into_iter().filter(|(_, flag)| flag.as_ref().is_some_and(|flag| flag.value));
    let verbs: Vec<Verb> = granted.map(|(verb, _)| verb).collect();
    let lists = [&read, &create, &update].map(Option::as_ref);
    let every = lists.iter().flatten().any(|list| list.0 == FieldsSpec::Every);
    if let Some(field) = except.first().filter(|_| !every) {
        report.error(
            field.at,
            "`except` leaves fields out of `\"*\"`, which no verb here has",
            "write `read: \"*\"`, or remove it",
        );
    }
    if lists.iter().all(Option::is_none) && verbs.is_empty() {
        report.error(
            key.at,
            format!("`{}` grants nothing", key.value),
            "write a verb such as `read: [..]`, or remove it",
        );
    }
    let needs_read = |what: &str, at: Option<Place>, report: &mut Report<'_>| {
        if let Some(at) = at.filter(|_| read.is_none()) {
            report.error(
                at,
                format!("`{what}` limits what is read, and nothing is"),
                "write `read` too, or remove it",
            );
        }
    };
    needs_read("where", condition.as_ref().map(|condition| condition.at), report);
    needs_read("max_rows", max_rows.as_ref().map(|rows| rows.at), report);
    let fields = |list: Option<raw::FieldList>| list.map(|list| list.0);
    Some(AllowSpec {
        key: key.value.as_str().to_owned(),
        read: fields(read),
        create: fields(create),
        update: fields(update),
        verbs,
        except: except.into_iter().map(|field| field.value).collect(),
        condition: condition.map(|condition| condition.value.0),
        max_rows: max_rows.map(|rows| rows.value.get()),
    })
}

/// Whether an object's name starts with the namespace of `ns__*`, in any letter case.
fn in_namespace(name: &str, key: &str) -> bool {
    let Some(prefix) = key.strip_suffix('*') else { return false };
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
