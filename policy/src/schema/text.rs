//! The schema as text: the starter that ships, the `#schema` lines of case files, and the cache on disk.
//!
//! ```text
//! @Account 001
//!  F Name:s Industry:pl ExtId__c:s!
//!  P OwnerId/Owner>User ParentId/Parent>Account
//!  C Contacts>Contact.AccountId
//! ```
//! `F` lists fields as `Name:type` (`!` marks an external id, `~Whole` a part of a compound field), `P` reference
//! fields as `Field/Relationship>Target|Target` (`-` cannot be traversed, `+N` stands for N further targets), `C`
//! child relationships as `Relationship>Object.Field`.

use std::fmt::Write as _;

use thiserror::Error;

use super::build::{ChildSpec, FieldSpec, ObjectSpec, SchemaBuilder};
use super::{Field, FieldKind, Object, Schema};

/// A line that does not follow the grammar.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("schema line {line}: `{text}` is not understood")]
pub struct SchemaTextError {
    /// The line, counted from one.
    pub line: usize,
    /// The word that is wrong.
    pub text: String,
}

impl Schema {
    /// Reads a schema from text.
    ///
    /// # Errors
    /// The first line or word that does not follow the grammar.
    pub fn from_text(text: &str) -> Result<Self, SchemaTextError> {
        let mut builder = SchemaBuilder::default();
        builder.text(text)?;
        Ok(builder.build())
    }

    /// Writes the schema so that [`Schema::from_text`] reads the same one.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (_, object) in self.objects() {
            write_object(&mut text, object);
        }
        text
    }
}

impl SchemaBuilder {
    /// Adds the objects of a text; those already known by name are replaced.
    ///
    /// # Errors
    /// The first line or word that does not follow the grammar.
    pub fn text(&mut self, text: &str) -> Result<&mut Self, SchemaTextError> {
        let mut current: Option<ObjectSpec> = None;
        for (number, line) in text.lines().enumerate() {
            let wrong = |word: &str| SchemaTextError { line: number + 1, text: word.to_owned() };
            if line.trim().is_empty() {
                continue;
            }
            if let Some(head) = line.strip_prefix('@') {
                if let Some(done) = current.replace(object_head(head)) {
                    self.object(done);
                }
                continue;
            }
            let object = current.as_mut().ok_or_else(|| wrong(line))?;
            let mut words = line.split_ascii_whitespace();
            let kind = words.next().unwrap_or_default();
            for word in words {
                add_word(object, kind, word).ok_or_else(|| wrong(word))?;
            }
        }
        if let Some(done) = current {
            self.object(done);
        }
        Ok(self)
    }
}

fn object_head(head: &str) -> ObjectSpec {
    let (name, prefix) = head.split_once(' ').unwrap_or((head, "-"));
    let prefix = Some(prefix.trim()).filter(|prefix| prefix.len() == 3).map(str::to_owned);
    ObjectSpec { name: name.trim().to_owned(), prefix, ..ObjectSpec::default() }
}

fn add_word(object: &mut ObjectSpec, kind: &str, word: &str) -> Option<()> {
    match kind {
        "F" => object.fields.push(scalar(word)?),
        "P" => object.fields.push(reference(word)?),
        "C" => object.children.push(child(word)?),
        _ => return None,
    }
    Some(())
}

fn scalar(word: &str) -> Option<FieldSpec> {
    let (word, compound) = split_tail(word, '~');
    let (name, kind) = word.split_once(':')?;
    let (kind, external_id) = kind.strip_suffix('!').map_or((kind, false), |kind| (kind, true));
    let kind = FieldKind::from_code(kind)?;
    Some(FieldSpec {
        name: name.into(),
        kind,
        external_id,
        compound: compound.map(str::to_owned),
        reference: None,
    })
}

fn reference(word: &str) -> Option<FieldSpec> {
    let (name, rest) = word.split_once('/')?;
    let (name, external_id) = name.strip_suffix('!').map_or((name, false), |name| (name, true));
    let (relationship, targets) = rest.split_once('>')?;
    let relationship = Some(relationship).filter(|relationship| *relationship != "-").map(str::to_owned);
    let (mut known, mut more) = (Vec::new(), false);
    for target in targets.split('|').filter(|target| !target.is_empty()) {
        if target.starts_with('+') { more = true } else { known.push(target.to_owned()) }
    }
    Some(FieldSpec {
        name: name.into(),
        kind: FieldKind::Reference,
        external_id,
        compound: None,
        reference: Some((relationship, known, more)),
    })
}

fn child(word: &str) -> Option<ChildSpec> {
    let (relationship, rest) = word.split_once('>')?;
    let (object, field) = rest.split_once('.')?;
    Some(ChildSpec { relationship: relationship.into(), object: object.into(), field: field.into() })
}

fn split_tail(word: &str, mark: char) -> (&str, Option<&str>) {
    word.split_once(mark).map_or((word, None), |(word, tail)| (word, Some(tail)))
}

fn write_object(text: &mut String, object: &Object) {
    let prefix = object.prefix().map_or("-".to_owned(), |prefix| prefix.as_str().to_owned());
    let _ = writeln!(text, "@{} {prefix}", object.name());
    text.push_str(" F");
    for (_, field) in object.fields().filter(|(_, field)| field.reference().is_none()) {
        let mark = if field.is_external_id() { "!" } else { "" };
        let _ = write!(text, " {}:{}{mark}", field.name(), field.kind().code());
        if let Some(whole) = field.compound() {
            let _ = write!(text, "~{}", object.field(whole).name());
        }
    }
    text.push_str("\n P");
    for (_, field) in object.fields() {
        write_reference(text, field);
    }
    text.push_str("\n C");
    for child in object.children() {
        let _ = write!(text, " {}>{}.{}", child.relationship, child.object, child.field);
    }
    text.push('\n');
}

fn write_reference(text: &mut String, field: &Field) {
    let Some(reference) = field.reference() else { return };
    let mark = if field.is_external_id() { "!" } else { "" };
    let relationship = reference.relationship.as_deref().unwrap_or("-");
    let more = if reference.more { "|+1" } else { "" };
    let _ = write!(text, " {}{mark}/{relationship}>{}{more}", field.name(), reference.targets.join("|"));
}

// === impl FieldKind ===

impl FieldKind {
    /// The type by the short code of the text form.
    fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "id" => Self::Id,
            "b" => Self::Boolean,
            "n" | "i" | "l" | "cur" | "pct" => Self::Number,
            "d" | "dt" | "t" => Self::Time,
            "s" | "pl" | "mpl" | "ta" | "em" | "ph" | "url" | "cb" | "enc" => Self::Text,
            "b64" => Self::Blob,
            "addr" => Self::Address,
            "loc" => Self::Location,
            "any" | "cx" | "js" | "dcg" => Self::Other,
            _ => return None,
        })
    }

    fn code(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Boolean => "b",
            Self::Number => "n",
            Self::Time => "dt",
            Self::Text | Self::Reference => "s",
            Self::Blob => "b64",
            Self::Address => "addr",
            Self::Location => "loc",
            Self::Other => "any",
        }
    }

    /// The type by the name that describe gives it (`string`, `reference`, `base64`).
    #[must_use]
    pub fn from_describe(name: &str) -> Self {
        match name {
            "id" => Self::Id,
            "reference" => Self::Reference,
            "boolean" => Self::Boolean,
            "int" | "long" | "double" | "currency" | "percent" => Self::Number,
            "date" | "datetime" | "time" => Self::Time,
            "string" | "picklist" | "multipicklist" | "textarea" | "email" | "phone" | "url" | "combobox"
            | "encryptedstring" => Self::Text,
            "base64" => Self::Blob,
            "address" => Self::Address,
            "location" => Self::Location,
            _ => Self::Other,
        }
    }
}
