//! What SOQL means, rule by rule, file by file, and as laws.

pub(crate) mod corpus;
mod grammar;
pub(crate) mod laws;
mod names;
mod narrowing;
pub(crate) mod random;

use std::sync::OnceLock;

use super::{Resolved, parse, resolve};
use crate::names::ApiVersion;
use crate::request::Fields;
use crate::schema::{Schema, SchemaBuilder};

/// The schema that ships, with the custom objects of the corpus.
pub(crate) fn org() -> &'static Schema {
    static ORG: OnceLock<Schema> = OnceLock::new();
    ORG.get_or_init(|| {
        let mut builder = SchemaBuilder::default();
        builder.text(include_str!("../schema/starter.txt")).unwrap();
        builder.text(include_str!("../../corpus/org.txt")).unwrap();
        builder.build()
    })
}

/// What a query touches, as the corpus writes it.
fn resolved_in(text: &str, version: u16) -> Result<Resolved, String> {
    let query = parse(text).map_err(|problem| problem.to_string())?;
    resolve(query, org(), ApiVersion::new(version)).map_err(|problem| problem.to_string())
}

pub(crate) fn objects(accesses: &[crate::request::Access]) -> Vec<String> {
    let mut names: Vec<String> =
        accesses.iter().map(|access| org().object(access.object).name().to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) fn fields(accesses: &[crate::request::Access]) -> Vec<String> {
    let mut names: Vec<String> = accesses
        .iter()
        .filter_map(|access| match access.fields {
            Fields::None => None,
            Fields::One(field) => Some(org().field_label(access.object, field)),
            Fields::Every => Some(format!("{}.*", org().object(access.object).name())),
        })
        .collect();
    names.sort_unstable();
    names
}

/// The fields that a query touches, as the corpus writes them, joined by spaces.
fn touched(text: &str) -> String {
    let resolved = resolved_in(text, 60).unwrap_or_else(|problem| panic!("{text}: {problem}"));
    fields(resolved.accesses()).join(" ")
}

/// Why a query is refused.
fn refusal(text: &str) -> String {
    resolved_in(text, 60).err().unwrap_or_else(|| panic!("{text}: is read"))
}
