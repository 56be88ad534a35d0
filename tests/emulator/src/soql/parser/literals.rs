//! Values as written: strings, numbers, dates, and names of days.

use super::super::ast::Literal;
use super::super::lexer::Lexeme;
use super::Parser;
use crate::fault::{Fault, Outcome};

/// One value.
pub(super) fn literal(parser: &mut Parser) -> Outcome<Literal> {
    let lexeme = parser.peek().cloned().ok_or_else(|| parser.unexpected())?;
    let literal = match lexeme {
        Lexeme::Text(text) => Literal::Text(text),
        Lexeme::Number(text) => number(&text)?,
        Lexeme::Word(word) => return named(parser, &word),
        _ => return Err(parser.unexpected()),
    };
    parser.place += 1;
    Ok(literal)
}

fn number(text: &str) -> Outcome<Literal> {
    if text.contains(['T', 't']) {
        return Ok(Literal::DateTime(text.to_owned()));
    }
    if text.contains(':') {
        return Ok(Literal::Time(text.to_owned()));
    }
    if text.chars().skip(1).any(|char| char == '-') {
        return Ok(Literal::Date(text.to_owned()));
    }
    text.parse().map(Literal::Num).map_err(|_| Fault::malformed_query(format!("'{text}' is not a number")))
}

fn named(parser: &mut Parser, word: &str) -> Outcome<Literal> {
    parser.place += 1;
    let upper = word.to_ascii_uppercase();
    match upper.as_str() {
        "NULL" => return Ok(Literal::Null),
        "TRUE" => return Ok(Literal::Bool(true)),
        "FALSE" => return Ok(Literal::Bool(false)),
        _ => {}
    }
    if let Some(amount) = currency(&upper) {
        return fraction(parser, amount);
    }
    let count = if parser.eat(':') { i64::try_from(parser.number()?).unwrap_or(i64::MAX) } else { 0 };
    if super::super::dates::is_formula(&upper) {
        return Ok(Literal::Formula(upper, count));
    }
    Err(Fault::malformed_query(format!("unexpected token: '{word}'")))
}

/// `USD5000`: three letters and a number.
fn currency(word: &str) -> Option<&str> {
    let (code, amount) = word.split_at_checked(3)?;
    let whole = !amount.is_empty() && amount.bytes().all(|byte| byte.is_ascii_digit());
    (whole && code.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some(amount)
}

/// The lexer gives `USD10.5` as a word and the number `.5`.
fn fraction(parser: &mut Parser, whole: &str) -> Outcome<Literal> {
    let part = match parser.peek() {
        Some(Lexeme::Number(part)) if part.starts_with('.') => part.clone(),
        _ => String::new(),
    };
    parser.place += usize::from(!part.is_empty());
    number(&format!("{whole}{part}"))
}
