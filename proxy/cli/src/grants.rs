//! `can-i` and `who-can`: grants, looked up as the data plane looks them up.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use forcefield_config::Config;
use forcefield_config::config::Identity;
use forcefield_policy::grant::{Grants, GrantsSpec};
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Verb;
use forcefield_policy::schema::{FieldId, ObjectId, Schema, SchemaBuilder};
use jiff::civil::Date;
use serde::Serialize;

use crate::args::{CanI, Output, WhoCan};
use crate::read::read_config;
use crate::terminal::{Exit, Terminal};

/// A verb on an object or one of its fields.
struct Asked {
    verb: Verb,
    object: ObjectId,
    field: Option<FieldId>,
}

/// Whether a grant is held.
#[derive(Serialize)]
struct Held<'a> {
    identity: &'a str,
    allowed: bool,
    /// The condition on the rows that may be read.
    #[serde(rename = "where")]
    condition: Option<&'a str>,
}

pub(crate) fn can_i(args: &CanI, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let config = read_config(&args.config, terminal.today)?.config;
    let schema = Arc::new(schema(args.schema.as_deref())?);
    let asked = Asked::of(&args.verb, &args.access, &schema)?;
    let grants = compile(identity(&config, &args.identity)?, &schema, terminal)?;
    let held = asked.held(&grants);
    match terminal.output {
        Output::Json => terminal.json(&held)?,
        Output::Text => {
            let answer = if held.allowed { "yes" } else { "no" };
            let condition = held.condition.map(|text| format!(", where {text}")).unwrap_or_default();
            writeln!(terminal.out, "{answer}{condition}")?;
        }
    }
    Ok(if held.allowed { Exit::Done } else { Exit::Refused })
}

pub(crate) fn who_can(args: &WhoCan, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let config = read_config(&args.config, terminal.today)?.config;
    let schema = Arc::new(schema(args.schema.as_deref())?);
    let asked = Asked::of(&args.verb, &args.access, &schema)?;
    let mut exit = Exit::Refused;
    for identity in config.identities.values() {
        let grants = compile(identity, &schema, terminal)?;
        let held = asked.held(&grants);
        if !held.allowed {
            continue;
        }
        exit = Exit::Done;
        match terminal.output {
            Output::Json => terminal.json(&held)?,
            Output::Text => writeln!(terminal.out, "{}", held.identity)?,
        }
    }
    Ok(exit)
}

/// The objects that every org has, and those of a file.
pub(crate) fn schema(file: Option<&Path>) -> Result<Schema> {
    let mut builder = SchemaBuilder::default();
    builder.text(&Schema::starter()?.to_text())?;
    if let Some(file) = file {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        builder.text(&text).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(builder.build())
}

/// An identity of a configuration, by name.
pub(crate) fn identity<'c>(config: &'c Config, name: &str) -> Result<&'c Identity> {
    let known = IdentityName::try_from(name).ok().and_then(|name| config.identities.get(&name));
    known.ok_or_else(|| anyhow!("the configuration has no identity `{name}`"))
}

/// The grants of an identity as they hold today. What the schema does not bear out is said on standard error.
pub(crate) fn compile(
    identity: &Identity,
    schema: &Arc<Schema>,
    terminal: &mut Terminal<'_>,
) -> Result<Grants> {
    let spec = in_force(identity, terminal.today);
    let (grants, problems) = Grants::compile(&spec, schema);
    for problem in problems {
        let (name, key, problem) = (&identity.name, problem.key, problem.problem);
        terminal.say(format_args!("{name}: allow.{key}: {problem} (give the org's schema with --schema)"))?;
    }
    Ok(grants)
}

fn in_force(identity: &Identity, today: Date) -> GrantsSpec {
    GrantsSpec { enforcement: identity.mode.enforcement(today), ..identity.grants.clone() }
}

// === impl Asked ===

impl Asked {
    fn of(verb: &str, access: &str, schema: &Schema) -> Result<Self> {
        let known = || Verb::ALL.map(Verb::as_str).join(", ");
        let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb);
        let verb = verb.ok_or_else(|| anyhow!("the verb is one of {}", known()))?;
        let (object, field) =
            access.split_once('.').map_or((access, None), |(object, field)| (object, Some(field)));
        let (id, found) = schema.look_up(object).ok_or_else(|| {
            anyhow!("`{object}` is not an object that every org has; give the org's schema with --schema")
        })?;
        let field = match field {
            None => None,
            Some(field) => {
                Some(found.find(field).ok_or_else(|| anyhow!("{} has no field `{field}`", found.name()))?)
            }
        };
        Ok(Self { verb, object: id, field })
    }

    fn held<'g>(&self, grants: &'g Grants) -> Held<'g> {
        let grant = grants.on(self.object).filter(|grant| grant.allows(self.verb));
        let covers = |field: FieldId| {
            let fields = grant.and_then(|grant| grant.fields(self.verb));
            // A verb that does not go by fields covers all of them.
            fields.is_none_or(|fields| fields.contains(field))
        };
        let allowed = grant.is_some() && self.field.is_none_or(covers);
        let condition =
            grant.filter(|_| allowed && self.verb == Verb::Read).and_then(|grant| grant.condition());
        Held {
            identity: grants.identity().as_str(),
            allowed,
            condition: condition.map(|condition| condition.text()),
        }
    }
}
