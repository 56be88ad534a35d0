//! The conditions of WHERE and HAVING.

use super::super::ast::{Condition, Expr, Literal};
use super::super::lexer::Lexeme;
use super::Parser;
use crate::fault::{Fault, Outcome};

/// A chain of operands joined by AND or by OR, never by both.
pub(super) fn condition(parser: &mut Parser) -> Outcome<Condition> {
    let first = operand(parser)?;
    let joiner = ["AND", "OR"].into_iter().find(|joiner| parser.is_keyword(joiner));
    let Some(joiner) = joiner else { return Ok(first) };
    let mut parts = vec![first];
    while parser.eat_keyword(joiner) {
        parts.push(operand(parser)?);
    }
    if parser.is_keyword("AND") || parser.is_keyword("OR") {
        return Err(Fault::malformed_query("unexpected token: AND and OR need parentheses between them"));
    }
    Ok(if joiner == "AND" { Condition::All(parts) } else { Condition::Any(parts) })
}

fn operand(parser: &mut Parser) -> Outcome<Condition> {
    parser.nested(|parser| {
        if parser.eat_keyword("NOT") {
            return Ok(Condition::Not(Box::new(operand(parser)?)));
        }
        if parser.eat('(') {
            let inner = parser.condition()?;
            parser.expect(')')?;
            return Ok(inner);
        }
        let left = parser.expr()?;
        predicate(parser, left)
    })
}

fn predicate(parser: &mut Parser, left: Expr) -> Outcome<Condition> {
    if let Some(Lexeme::Operator(operator)) = parser.peek() {
        let operator = *operator;
        parser.place += 1;
        return Ok(Condition::Compare { left, operator, right: parser.literal()? });
    }
    if parser.eat_keyword("LIKE") {
        return match parser.literal()? {
            Literal::Text(pattern) => Ok(Condition::Like { left, pattern }),
            _ => Err(Fault::malformed_query("LIKE needs a string")),
        };
    }
    for (keyword, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
        if parser.eat_keyword(keyword) {
            let values = list(parser)?.into_iter().map(text).collect::<Outcome<_>>()?;
            return Ok(Condition::Includes { left, negated, values });
        }
    }
    let negated = parser.eat_keyword("NOT");
    parser.expect_keyword("IN")?;
    if parser.is_symbol(0, '(') && parser.peek_word(1).is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
    {
        parser.place += 1;
        let query = Box::new(parser.query()?);
        parser.expect(')')?;
        return Ok(Condition::InQuery { left, negated, query });
    }
    Ok(Condition::In { left, negated, values: list(parser)? })
}

fn list(parser: &mut Parser) -> Outcome<Vec<Literal>> {
    parser.expect('(')?;
    let mut values = vec![parser.literal()?];
    while parser.eat(',') {
        values.push(parser.literal()?);
    }
    parser.expect(')')?;
    Ok(values)
}

fn text(literal: Literal) -> Outcome<String> {
    match literal {
        Literal::Text(text) => Ok(text),
        _ => Err(Fault::malformed_query("INCLUDES and EXCLUDES need strings")),
    }
}
