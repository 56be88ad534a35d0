//! Names, choices, and the words of grants.

use std::fmt;
use std::path::PathBuf;

use forcefield_policy::grant::{InvalidPattern, Pattern};
use forcefield_policy::id::RecordId;
use forcefield_policy::names::{ApiVersions, FieldName, IdentityName, ObjectName};
use forcefield_policy::request::{Api, Named, Verb};
use forcefield_policy::soql::parse_condition;
use serde_json::{Value as Json, json};

use super::{Leaf, Wrong, instead, listed};
use crate::config::{Approvals, Role, WhenFull};
use crate::yaml::Scalar;

/// The name of an org, a destination or an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) String);

/// The id of an org, in its 15-character form.
#[derive(Clone, Debug)]
pub(crate) struct OrgId {
    pub(crate) text: String,
    /// Whether what follows the 15 characters is not their checksum.
    pub(crate) misspelt: bool,
}

/// A key of `allow`: an object, or every object of a namespace.
#[derive(Clone, Debug)]
pub(crate) enum AllowKey {
    Object(ObjectName),
    /// As it is written, such as `npsp__*`.
    Namespace(String),
}

/// An entry of `also`.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    Named(Named),
    Opaque(Pattern),
}

/// What stands under `where`: SOQL, its names yet to be found in the org's schema.
#[derive(Clone, Debug)]
pub(crate) struct Condition(pub(crate) String);

/// What stands under `mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModeName {
    Enforce,
    Observe,
    Warn,
}

impl Leaf for String {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        if text.trim().is_empty() {
            return Err(Wrong::new("the text is empty", "write it, or remove the key"));
        }
        if text.chars().any(char::is_control) || text.len() > LONGEST {
            return Err(Wrong::new(
                "the text has a line break or control character, or is too long",
                "write one line of at most 1000 characters",
            ));
        }
        Ok(text.to_owned())
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "text", "minLength": 1 })
    }
}

impl Leaf for Name {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        let help = "write letters, digits, `-`, `_` and `.`, at most 64 of them";
        Err(Wrong::new(format!("`{text}` is not a name"), help))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a name", "pattern": "^[A-Za-z0-9._-]{1,64}$" })
    }
}

impl Leaf for IdentityName {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        Self::try_from(text).map_err(|_| {
            let help = "write lower-case letters, digits and `-`, at most 64 of them";
            Wrong::new(format!("`{text}` cannot name an identity"), help)
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a name such as `billing-sync`", "pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$" })
    }
}

impl Leaf for ObjectName {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        Self::try_from(text)
            .map_err(|_| not_an_api_name(text, "write the object's API name: `Account`, `Invoice__c`"))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an object's API name", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,79}$" })
    }
}

impl Leaf for FieldName {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        let help = match text.split_once('.') {
            Some((_, field)) => format!("grant `{field}` under the object that has it"),
            None if text == "*" => "write `\"*\"` in place of the list, not in it".to_owned(),
            None => "write the field's API name: `Email`, `Status__c`".to_owned(),
        };
        Self::try_from(text).map_err(|_| not_an_api_name(text, help))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a field's API name", "pattern": "^[A-Za-z][A-Za-z0-9_]{0,79}$" })
    }
}

impl Leaf for AllowKey {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        if let Some(namespace) = text.strip_suffix("__*") {
            let plain = namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let named =
                namespace.starts_with(|first: char| first.is_ascii_alphabetic()) && namespace.len() <= 15;
            if plain && named && !namespace.contains("__") && !namespace.ends_with('_') {
                return Ok(Self::Namespace(text.to_owned()));
            }
        }
        ObjectName::try_from(text)
            .map(Self::Object)
            .map_err(|_| not_an_api_name(text, "write an object's API name, or a namespace like `npsp__*`"))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an object's API name, or a namespace like `npsp__*`", "pattern": "^[A-Za-z][A-Za-z0-9_]*(__\\*)?$" })
    }
}

impl Leaf for Door {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        if let Some(named) = Named::ALL.into_iter().find(|named| named.as_str() == text) {
            return Ok(Self::Named(named));
        }
        let names = || Named::ALL.into_iter().map(Named::as_str).collect::<Vec<_>>();
        text.parse().map(Self::Opaque).map_err(|invalid| {
            if let InvalidPattern::Parameters(why) = invalid {
                let help = "write them like `?loader=orders&page=*`, with `&*` behind them for any others";
                return Wrong::new(format!("`{text}`: {why}"), help);
            }
            let wrong = format!("`{text}` is neither a named resource nor a method and a path");
            let help = match super::closest(text, names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!(
                    "write one of {}, or a method and a path like `GET /services/apexrest/orders/*` (`*` is one segment, `**` the rest)",
                    listed(names())
                ),
            };
            Wrong::new(wrong, help)
        })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "`versions`, `resources`, `limits`, `describe-global`, `userinfo`, or a method and a path like `GET /services/apexrest/orders/*`" })
    }
}

impl Leaf for Condition {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = String::leaf(scalar)?;
        match parse_condition(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => {
                let help = "write what may follow WHERE in a query: `Region__c = 'EU' AND IsDeleted = false`";
                Err(Wrong::new(format!("this condition is not SOQL: {error}"), help))
            }
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a SOQL condition such as `Region__c = 'EU'`" })
    }
}

impl Leaf for OrgId {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = &*scalar.text;
        let known = RecordId::parse(text);
        let shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (15..=18).contains(&text.len());
        let id = text.get(..15).filter(|_| shaped).and_then(RecordId::parse);
        let id = known.or(id).filter(|id| id.prefix().as_str() == "00D").ok_or_else(|| {
            let help = "write the org's id of 15 or 18 characters, which starts with `00D` (Setup, Company Information)";
            Wrong::new(format!("`{text}` is not the id of an org"), help)
        })?;
        Ok(Self { text: id.as_str().to_owned(), misspelt: known.is_none() })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an org's id", "pattern": "^00D[A-Za-z0-9]{12,15}$" })
    }
}

impl Leaf for ApiVersions {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || {
            Wrong::new(
                format!("`{}` is not a range of API versions", scalar.text),
                "write the oldest and the newest: `\"58.0-68.0\"`",
            )
        };
        scalar.text.parse().map_err(|_| wrong())
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a range of API versions such as `58.0-68.0`", "pattern": "^[0-9]+\\.0-[0-9]+\\.0$" })
    }
}

impl Leaf for PathBuf {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = String::leaf(scalar)?;
        let scheme = ["file:", "env:", "vault:", "exec:"].into_iter().find(|scheme| text.starts_with(scheme));
        match scheme {
            None => Ok(text.into()),
            Some(scheme) => Err(Wrong::new(
                format!("a path stands here, without `{scheme}`"),
                "write the path of a folder",
            )),
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a folder, from where `forcefield.yaml` is" })
    }
}

impl Leaf for ModeName {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &[("enforce", Self::Enforce), ("observe", Self::Observe), ("warn", Self::Warn)])
    }

    fn schema() -> Json {
        json!({ "enum": ["enforce", "observe", "warn"], "title": "`enforce`, `observe` or `warn`" })
    }
}

impl Leaf for Role {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &[("viewer", Self::Viewer), ("responder", Self::Responder), ("admin", Self::Admin)])
    }

    fn schema() -> Json {
        json!({ "enum": ["viewer", "responder", "admin"], "title": "`viewer`, `responder` or `admin`" })
    }
}

impl Leaf for Approvals {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &[("1", Self::One), ("2", Self::Two)])
    }

    fn schema() -> Json {
        json!({ "enum": [1, 2], "title": "`1` or `2`" })
    }
}

impl Leaf for WhenFull {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &[("block", Self::Block), ("count", Self::Count)])
    }

    fn schema() -> Json {
        json!({ "enum": ["block", "count"], "title": "`block` or `count`" })
    }
}

impl Leaf for Api {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &metered_doors().map(|door| (door.as_str(), door)).collect::<Vec<_>>())
    }

    fn schema() -> Json {
        let names: Vec<_> = metered_doors().map(Self::as_str).collect();
        json!({ "enum": names, "title": "a door" })
    }
}

impl Leaf for Verb {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        choice(scalar, &Self::ALL.map(|verb| (verb.as_str(), verb)))
    }

    fn schema() -> Json {
        json!({ "enum": Self::ALL.map(Self::as_str), "title": "a verb of `allow`" })
    }
}

/// The doors whose requests go to the org: the others are answered here, or refused always.
fn metered_doors() -> impl Iterator<Item = Api> {
    let answered_here = [Api::OAuth, Api::Identity, Api::Web, Api::PubSub];
    Api::ALL.iter().copied().filter(move |door| !answered_here.contains(door))
}

// === impl Name, AllowKey ===

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AllowKey {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Object(name) => name.as_str(),
            Self::Namespace(text) => text,
        }
    }
}

/// In any letter case, as Salesforce has it.
impl PartialEq for AllowKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl fmt::Display for AllowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(super) fn choice<T: Copy>(scalar: &Scalar<'_>, choices: &[(&str, T)]) -> Result<T, Wrong> {
    let found = choices.iter().find(|(name, _)| *name == scalar.text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let help = instead(&scalar.text, choices.iter().map(|(name, _)| *name));
        Wrong::new(
            format!("`{}` is not one of {}", scalar.text, listed(choices.iter().map(|(name, _)| *name))),
            help,
        )
    })
}

fn not_an_api_name(text: &str, help: impl Into<String>) -> Wrong {
    Wrong::new(format!("`{text}` is not an API name"), help)
}

const LONGEST: usize = 1000;
