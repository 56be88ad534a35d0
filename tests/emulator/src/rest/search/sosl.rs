//! SOSL: `FIND {text} IN NAME FIELDS RETURNING Account(Id, Name WHERE ... LIMIT 5)`.

use super::{Group, Search, Target, matching};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use serde_json::Value as Json;

/// Runs a search given as text.
pub(crate) fn run_text(call: &mut Call<'_>, text: &str) -> Outcome<Vec<Json>> {
    let search = parse(text)?;
    matching::run(call, &search)
}

fn malformed(message: impl Into<String>) -> Fault {
    Fault::bad("MALFORMED_SEARCH", message)
}

fn parse(text: &str) -> Outcome<Search> {
    let rest = keyword(text, "FIND").ok_or_else(|| malformed("FIND is missing"))?;
    let rest = rest
        .trim_start()
        .strip_prefix('{')
        .ok_or_else(|| malformed("the search text must stand in braces"))?;
    let end = closing(rest).ok_or_else(|| malformed("the search text does not end"))?;
    let (words, rest) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
    let mut search = Search { terms: terms(words), ..Search::default() };
    let mut rest = rest;
    if let Some(after) = keyword(rest, "IN") {
        let (group, after) = word(after);
        search.group = Group::named(group)?;
        rest = keyword(after, "FIELDS").ok_or_else(|| malformed("FIELDS is missing"))?;
    }
    if let Some(mut after) = keyword(rest, "RETURNING") {
        loop {
            let (target, next) = returned(after)?;
            search.targets.push(target);
            rest = next;
            match next.trim_start().strip_prefix(',') {
                Some(more) => after = more,
                None => break,
            }
        }
    }
    // WITH and UPDATE shape the answer or leave marks; they do not choose records here.
    while let Some(after) = keyword(rest, "WITH").or_else(|| keyword(rest, "UPDATE")) {
        let next = ["WITH", "LIMIT", "UPDATE"].iter().filter_map(|next| position(after, next)).min();
        rest = next.and_then(|next| after.get(next..)).unwrap_or_default();
    }
    if let Some(after) = keyword(rest, "LIMIT") {
        let (limit, after) = word(after);
        search.limit = Some(limit.parse().map_err(|_| malformed("LIMIT needs a number"))?);
        rest = after;
    }
    if !rest.trim().is_empty() {
        return Err(malformed(format!("unexpected token: {}", rest.trim())));
    }
    Ok(search)
}

/// One object of RETURNING, and what follows it.
fn returned(text: &str) -> Outcome<(Target, &str)> {
    let (object, rest) = word(text);
    if object.is_empty() {
        return Err(malformed("RETURNING needs an object"));
    }
    let mut target = Target { object: object.to_owned(), fields: "Id".to_owned(), ..Target::default() };
    let Some(inner) = rest.trim_start().strip_prefix('(') else { return Ok((target, rest)) };
    let end = end_of_list(inner).ok_or_else(|| malformed("a parenthesis is missing"))?;
    let (inner, rest) = (inner.get(..end).unwrap_or_default(), inner.get(end + 1..).unwrap_or_default());
    let mut parts: Vec<(usize, &str)> = ["WHERE", "USING", "ORDER", "LIMIT", "OFFSET"]
        .iter()
        .filter_map(|clause| Some((position(inner, clause)?, *clause)))
        .collect();
    parts.sort_unstable();
    let ends = parts.iter().skip(1).map(|(at, _)| *at).chain([inner.len()]);
    let first = parts.first().map_or(inner.len(), |(at, _)| *at);
    target.fields = inner.get(..first).unwrap_or_default().trim().to_owned();
    for ((at, clause), end) in parts.iter().zip(ends) {
        let body = inner.get(at + clause.len()..end).unwrap_or_default().trim().to_owned();
        match *clause {
            "WHERE" => target.filter = Some(body),
            "ORDER" => target.order = keyword(&body, "BY").map(str::to_owned),
            "LIMIT" => target.limit = Some(body.parse().map_err(|_| malformed("LIMIT needs a number"))?),
            "OFFSET" => target.offset = body.parse().map_err(|_| malformed("OFFSET needs a number"))?,
            _ => {}
        }
    }
    Ok((target, rest))
}

/// The words of a search text; quoted ones stay together, operators and escapes go.
pub(super) fn terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in text.chars() {
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            ' ' | '\n' | '\t' | '(' | ')' if !quoted && !escaped => terms.push(String::new()),
            _ => {
                if let Some(term) = terms.last_mut() {
                    term.push(letter);
                }
            }
        }
        escaped = false;
    }
    terms.retain(|term| !term.is_empty() && !["AND", "OR", "NOT"].contains(&term.as_str()));
    terms
}

/// Where the brace that ends the search text stands.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let found = letter == '}' && !escaped;
        escaped = letter == '\\' && !escaped;
        found.then_some(at)
    })
}

/// Where the parenthesis that ends a list stands.
fn end_of_list(text: &str) -> Option<usize> {
    text.match_indices(')')
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|before| !unbalanced(before)))
}

/// Where a keyword stands outside strings and parentheses, as a word of its own.
fn position(text: &str, keyword: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let at = from + rest.to_ascii_uppercase().find(keyword)?;
        let alone = !text
            .get(..at)?
            .ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.')
            && !text
                .get(at + keyword.len()..)?
                .starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let inside = text.get(..at).is_some_and(unbalanced);
        if alone && !inside {
            return Some(at);
        }
        from = at + keyword.len();
    }
    None
}

/// Whether a text ends inside a string or a parenthesis.
fn unbalanced(text: &str) -> bool {
    let (mut quoted, mut escaped, mut depth) = (false, false, 0);
    for letter in text.chars() {
        match letter {
            '\'' if !escaped => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    quoted || depth != 0
}

/// What follows a keyword at the start of a text.
fn keyword<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = word(text);
    head.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// The first word of a text, and the rest.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end =
        text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(text.len());
    text.split_at(end)
}
