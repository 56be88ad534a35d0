//! A GraphQL document as this door needs it: one operation and its fragments, without comments and positions.

use std::fmt;

/// A document with exactly one operation.
#[derive(Debug, PartialEq)]
pub(super) struct Document {
    pub(super) operation: Operation,
    pub(super) fragments: Vec<Fragment>,
}

/// The operation.
#[derive(Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) name: Option<Box<str>>,
    pub(super) variables: Vec<Variable>,
    pub(super) directives: Vec<Directive>,
    pub(super) selections: Vec<Selection>,
}

/// What an operation is; subscriptions are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Mutation,
}

/// The declaration of a variable.
#[derive(Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: Box<str>,
    /// Its type, as it is written, without white space.
    pub(super) of: Box<str>,
    pub(super) default: Option<Value>,
}

/// A named fragment.
#[derive(Debug, PartialEq)]
pub(super) struct Fragment {
    pub(super) name: Box<str>,
    pub(super) on: Box<str>,
    pub(super) directives: Vec<Directive>,
    pub(super) selections: Vec<Selection>,
}

/// One selection.
#[derive(Debug, PartialEq)]
pub(super) enum Selection {
    Field(Field),
    Spread { name: Box<str>, directives: Vec<Directive> },
    Inline { on: Option<Box<str>>, directives: Vec<Directive>, selections: Vec<Selection> },
}

/// A field.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// Its number in the document, which says nothing to anybody outside.
    pub(super) number: usize,
    /// The need whose text is written in place of its arguments.
    pub(super) hole: Option<usize>,
    pub(super) alias: Option<Box<str>>,
    pub(super) name: Box<str>,
    pub(super) arguments: Vec<(Box<str>, Value)>,
    pub(super) directives: Vec<Directive>,
    pub(super) selections: Vec<Selection>,
}

/// A directive.
#[derive(Debug, PartialEq)]
pub(super) struct Directive {
    pub(super) name: Box<str>,
    pub(super) arguments: Vec<(Box<str>, Value)>,
}

/// A value, of a document or of a variable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// As it is written.
    Number(Box<str>),
    Text(Box<str>),
    Enum(Box<str>),
    Variable(Box<str>),
    List(Vec<Value>),
    Object(Vec<(Box<str>, Value)>),
}

// === impl Display: the one canonical form ===

/// Stands around the number of a need where its text goes.
///
/// INVARIANT: a document holds it nowhere else, since strings are written with their control characters escaped.
pub(super) const HOLE: char = '\0';

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = &self.operation;
        f.write_str(match operation.kind {
            Kind::Query => "query",
            Kind::Mutation => "mutation",
        })?;
        if let Some(name) = &operation.name {
            write!(f, " {name}")?;
        }
        for (at, variable) in operation.variables.iter().enumerate() {
            write!(f, "{}${}:{}", if at == 0 { "(" } else { "," }, variable.name, variable.of)?;
            if let Some(default) = &variable.default {
                write!(f, "={default}")?;
            }
        }
        f.write_str(if operation.variables.is_empty() { "" } else { ")" })?;
        write!(f, "{}{}", Directives(&operation.directives), Selections(&operation.selections))?;
        for fragment in &self.fragments {
            write!(f, " fragment {} on {}", fragment.name, fragment.on)?;
            write!(f, "{}{}", Directives(&fragment.directives), Selections(&fragment.selections))?;
        }
        Ok(())
    }
}

struct Selections<'a>(&'a [Selection]);

impl fmt::Display for Selections<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        for (at, selection) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "{" } else { " " })?;
            match selection {
                Selection::Field(field) => write!(f, "{field}")?,
                Selection::Spread { name, directives } => write!(f, "...{name}{}", Directives(directives))?,
                Selection::Inline { on, directives, selections } => {
                    f.write_str("...")?;
                    if let Some(on) = on {
                        write!(f, "on {on}")?;
                    }
                    write!(f, "{}{}", Directives(directives), Selections(selections))?;
                }
            }
        }
        f.write_str("}")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(alias) = &self.alias {
            write!(f, "{alias}:")?;
        }
        match self.hole {
            None => write!(f, "{}{}", self.name, Arguments(&self.arguments))?,
            Some(need) => write!(f, "{}{HOLE}{need}{HOLE}", self.name)?,
        }
        write!(f, "{}{}", Directives(&self.directives), Selections(&self.selections))
    }
}

struct Directives<'a>(&'a [Directive]);

impl fmt::Display for Directives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, " @{}{}", one.name, Arguments(&one.arguments)))
    }
}

struct Arguments<'a>(&'a [(Box<str>, Value)]);

impl fmt::Display for Arguments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str("(")?;
        write_pairs(f, self.0)?;
        f.write_str(")")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(text) | Self::Enum(text) => f.write_str(text),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Text(text) => write_text(f, text),
            Self::List(values) => {
                f.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if at == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Self::Object(pairs) => {
                f.write_str("{")?;
                write_pairs(f, pairs)?;
                f.write_str("}")
            }
        }
    }
}

fn write_pairs(f: &mut fmt::Formatter<'_>, pairs: &[(Box<str>, Value)]) -> fmt::Result {
    for (at, (name, value)) in pairs.iter().enumerate() {
        write!(f, "{}{name}:{value}", if at == 0 { "" } else { "," })?;
    }
    Ok(())
}

/// A string with every character escaped that could end it or be read as something else.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            control if control.is_control() => write!(f, "\\u{:04X}", u32::from(control))?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
