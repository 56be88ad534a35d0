//! Text to a document, on apollo-parser, within limits; what this door does not need is refused.

use apollo_parser::cst::{self, CstNode};
use apollo_parser::{Parser, SyntaxNode};

use super::ast::{Directive, Document, Field, Fragment, Kind, Operation, Selection, Value, Variable};
use crate::classify::unclear::{Place, Unclear, UnclearKind};

/// The most bytes of a document (reference, section 8).
const MAX_BYTES: usize = 50 << 10;
/// The most tokens.
const MAX_TOKENS: usize = 20_000;
/// The deepest nesting of selections and values.
const MAX_DEPTH: usize = 32;

/// Reads a document.
///
/// # Errors
/// Anything but one query or mutation with its fragments.
pub(super) fn document(text: &str) -> Result<Document, Unclear> {
    if text.len() > MAX_BYTES {
        let what = format!("a document of more than {MAX_BYTES} bytes");
        return Err(Unclear::new(UnclearKind::TooLarge, place(), what));
    }
    let tree = Parser::new(text).recursion_limit(MAX_DEPTH).token_limit(MAX_TOKENS).parse();
    if let Some(error) = tree.errors().next() {
        return Err(unclear(format!("is not GraphQL: {} (character {})", error.message(), error.index())));
    }
    let mut operation = None;
    let mut fragments: Vec<Fragment> = Vec::new();
    for definition in tree.document().definitions() {
        match definition {
            cst::Definition::OperationDefinition(found) => {
                if operation.replace(self::operation(&found)?).is_some() {
                    return Err(unclear("has more than one operation"));
                }
            }
            cst::Definition::FragmentDefinition(found) => {
                let fragment = fragment(&found)?;
                if fragments.iter().any(|known| known.name == fragment.name) {
                    return Err(unclear(format!("defines the fragment `{}` twice", fragment.name)));
                }
                fragments.push(fragment);
            }
            other => return Err(unclear(format!("has a {}, which is no part of a request", other.kind()))),
        }
    }
    let operation = operation.ok_or_else(|| unclear("has no operation"))?;
    Ok(Document { operation, fragments })
}

fn operation(node: &cst::OperationDefinition) -> Result<Operation, Unclear> {
    let kind = match node.operation_type() {
        None => Kind::Query,
        Some(kind) if kind.query_token().is_some() => Kind::Query,
        Some(kind) if kind.mutation_token().is_some() => Kind::Mutation,
        Some(_) => return Err(unclear("is a subscription")),
    };
    let variables: Vec<Variable> = match node.variable_definitions() {
        Some(list) => list.variable_definitions().map(|node| variable(&node)).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    distinct(variables.iter().map(|variable| &*variable.name))?;
    Ok(Operation {
        kind,
        name: node.name().map(|node| name(Some(node))).transpose()?,
        variables,
        directives: directives(node.directives())?,
        selections: selections(node.selection_set())?,
    })
}

fn variable(node: &cst::VariableDefinition) -> Result<Variable, Unclear> {
    let of: String = node.ty().ok_or_else(incomplete)?.syntax().text().to_string();
    let of: String =
        of.chars().filter(|character| !matches!(character, ' ' | '\t' | '\n' | '\r' | ',')).collect();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']' | b'!');
    if !of.bytes().all(plain) || node.directives().is_some() {
        return Err(unclear("declares a variable in a form that is not accepted"));
    }
    let default = match node.default_value() {
        Some(default) => Some(value(default.value(), 0)?),
        None => None,
    };
    let name = name(node.variable().and_then(|variable| variable.name()))?;
    Ok(Variable { name, of: of.into(), default })
}

fn fragment(node: &cst::FragmentDefinition) -> Result<Fragment, Unclear> {
    Ok(Fragment {
        name: name(node.fragment_name().and_then(|node| node.name()))?,
        on: condition(node.type_condition())?.ok_or_else(incomplete)?,
        directives: directives(node.directives())?,
        selections: selections(node.selection_set())?,
    })
}

fn condition(node: Option<cst::TypeCondition>) -> Result<Option<Box<str>>, Unclear> {
    node.map(|node| name(node.named_type().and_then(|named| named.name()))).transpose()
}

/// The selections of a set, which the grammar wants not to be empty.
fn selections(node: Option<cst::SelectionSet>) -> Result<Vec<Selection>, Unclear> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let selections: Vec<_> = node.selections().map(selection).collect::<Result<_, _>>()?;
    if selections.is_empty() { Err(incomplete()) } else { Ok(selections) }
}

fn selection(node: cst::Selection) -> Result<Selection, Unclear> {
    Ok(match node {
        cst::Selection::Field(node) => Selection::Field(Field {
            number: 0,
            hole: None,
            alias: node.alias().map(|alias| name(alias.name())).transpose()?,
            name: name(node.name())?,
            arguments: arguments(node.arguments())?,
            directives: directives(node.directives())?,
            selections: selections(node.selection_set())?,
        }),
        cst::Selection::FragmentSpread(node) => Selection::Spread {
            name: name(node.fragment_name().and_then(|node| node.name()))?,
            directives: directives(node.directives())?,
        },
        cst::Selection::InlineFragment(node) => Selection::Inline {
            on: condition(node.type_condition())?,
            directives: directives(node.directives())?,
            selections: selections(node.selection_set())?,
        },
    })
}

fn directives(node: Option<cst::Directives>) -> Result<Vec<Directive>, Unclear> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let directive = |node: cst::Directive| {
        Ok(Directive { name: name(node.name())?, arguments: arguments(node.arguments())? })
    };
    node.directives().map(directive).collect()
}

fn arguments(node: Option<cst::Arguments>) -> Result<Vec<(Box<str>, Value)>, Unclear> {
    let Some(node) = node else { return Ok(Vec::new()) };
    let argument = |node: cst::Argument| Ok((name(node.name())?, value(node.value(), 0)?));
    let arguments: Vec<_> = node.arguments().map(argument).collect::<Result<_, _>>()?;
    distinct(arguments.iter().map(|(name, _)| &**name))?;
    Ok(arguments)
}

fn value(node: Option<cst::Value>, depth: usize) -> Result<Value, Unclear> {
    if depth > MAX_DEPTH {
        return Err(unclear(format!("nests values deeper than {MAX_DEPTH}")));
    }
    Ok(match node.ok_or_else(incomplete)? {
        cst::Value::Variable(node) => Value::Variable(name(node.name())?),
        cst::Value::StringValue(node) => Value::Text(string(&token(node.syntax()))?.into()),
        cst::Value::FloatValue(node) => Value::Number(token(node.syntax()).into()),
        cst::Value::IntValue(node) => Value::Number(token(node.syntax()).into()),
        cst::Value::BooleanValue(node) => Value::Boolean(node.true_token().is_some()),
        cst::Value::NullValue(_) => Value::Null,
        cst::Value::EnumValue(node) => Value::Enum(name(node.name())?),
        cst::Value::ListValue(node) => {
            Value::List(node.values().map(|node| value(Some(node), depth + 1)).collect::<Result<_, _>>()?)
        }
        cst::Value::ObjectValue(node) => {
            let pair = |node: cst::ObjectField| Ok((name(node.name())?, value(node.value(), depth + 1)?));
            let pairs: Vec<_> = node.object_fields().map(pair).collect::<Result<_, _>>()?;
            distinct(pairs.iter().map(|(name, _)| &**name))?;
            Value::Object(pairs)
        }
    })
}

/// A name, which GraphQL has in ASCII only.
fn name(node: Option<cst::Name>) -> Result<Box<str>, Unclear> {
    let text = token(node.ok_or_else(incomplete)?.syntax());
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { Ok(text.into()) } else { Err(incomplete()) }
}

/// The text of a node's first token: white space may follow it in the same node.
fn token(node: &SyntaxNode) -> String {
    node.first_token().map(|token| token.text().to_owned()).unwrap_or_default()
}

/// The characters of a string; block strings are not accepted.
fn string(literal: &str) -> Result<String, Unclear> {
    let odd = || unclear("has a string in a form that is not accepted: write it in one line with `\"`");
    if literal.starts_with("\"\"\"") {
        return Err(odd());
    }
    let inner = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(odd)?;
    // The escapes are those of JSON, and `\u{...}`, which is left out.
    let decoded: Result<String, _> = serde_json::from_str(&format!("\"{}\"", inner.replace('\t', "\\t")));
    decoded.map_err(|_| odd())
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Unclear> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| matches!(pair, [one, other] if one == other)) {
        Some(pair) => Err(unclear(format!("gives `{}` twice", pair.first().unwrap_or(&"")))),
        None => Ok(()),
    }
}

fn incomplete() -> Unclear {
    unclear("is not complete")
}

fn unclear(what: impl Into<String>) -> Unclear {
    Unclear::form(place(), what)
}

fn place() -> Place {
    Place::Pointer("/query".into())
}
