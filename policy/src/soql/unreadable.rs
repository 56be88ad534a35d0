//! Why a text was refused: where, what stood there, and what would have been right.

use thiserror::Error;

use super::lexer::Fault;

/// A text that is not a query, or has more than one reading.
///
/// Names words of the text in the message, but never a literal: the message may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at character {offset}: met {met}, expected {expected}")]
pub struct Unreadable {
    /// Where reading stopped, in characters from the start.
    pub offset: usize,
    /// What stands there.
    pub met: Box<str>,
    /// What would have been understood there.
    pub expected: &'static str,
}

// === impl Unreadable ===

impl Unreadable {
    pub(crate) fn new(text: &str, fault: Fault) -> Self {
        let (before, rest) = text.split_at_checked(fault.at as usize).unwrap_or((text, ""));
        Self { offset: before.chars().count(), met: describe(rest).into(), expected: fault.expected }
    }

    pub(crate) fn too_long() -> Self {
        Self { offset: MAX_CHARACTERS, met: "more text".into(), expected: "at most 100,000 characters" }
    }
}

/// Refuses texts beyond Salesforce's own limit, so that everything after this may count on their size.
pub(crate) fn check_length(text: &str) -> Result<(), Unreadable> {
    if text.len() <= MAX_CHARACTERS || text.chars().take(MAX_CHARACTERS + 1).count() <= MAX_CHARACTERS {
        Ok(())
    } else {
        Err(Unreadable::too_long())
    }
}

fn describe(rest: &str) -> String {
    let Some(first) = rest.chars().next() else { return "the end".to_owned() };
    match first {
        'a'..='z' | 'A'..='Z' => {
            let word =
                rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '.');
            let shown: String = word.take(1).flat_map(str::chars).take(MAX_SHOWN).collect();
            format!("`{shown}`")
        }
        '\'' => "a string".to_owned(),
        '0'..='9' => "a number".to_owned(),
        sign if sign.is_ascii_graphic() => format!("`{sign}`"),
        other => format!("the character U+{:04X}", u32::from(other)),
    }
}

const MAX_CHARACTERS: usize = 100_000;
const MAX_SHOWN: usize = 80;
