//! How many requests went which way, and which laws they broke.

use crate::ask::Ask;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Counts by family, and what was broken.
#[derive(Default)]
pub(crate) struct Tally {
    families: BTreeMap<&'static str, Counts>,
    pub(crate) broken: Vec<String>,
    known: HashSet<String>,
}

/// Where the requests of a family ended.
#[derive(Default, Clone, Copy)]
pub(crate) struct Counts {
    /// Requests made.
    pub(crate) asked: usize,
    /// Not understood.
    pub(crate) unclear: usize,
    /// Understood, and refused whatever is granted by object.
    pub(crate) refused: usize,
    /// Refused under grants with conditions, bounds or other fields.
    pub(crate) refused_narrow: usize,
    /// Sent.
    pub(crate) allowed: usize,
    /// Sent in a narrower form than asked.
    pub(crate) narrowed: usize,
    /// Sent, and done by the org.
    pub(crate) answered: usize,
    /// Sent, and the org touched records or descriptions.
    pub(crate) touched: usize,
    /// Allowed without something that a denial had asked for.
    pub(crate) spare: usize,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn of(&mut self, family: &'static str) -> &mut Counts {
        self.families.entry(family).or_default()
    }

    /// Notes a broken law, each kind once.
    pub(crate) fn broken(&mut self, ask: &Ask, what: &str) {
        let first = what.lines().next().unwrap_or_default();
        let kind: String = first.chars().filter(|character| !character.is_ascii_digit()).collect();
        if self.known.insert(kind) && self.broken.len() < 60 {
            self.broken.push(format!("{what}\n  asked {}", ask.to_string().replace('\n', "\n    ")));
        }
    }

    pub(crate) fn families(&self) -> impl Iterator<Item = (&'static str, Counts)> + '_ {
        self.families.iter().map(|(family, counts)| (*family, *counts))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14}{:>8}{:>9}{:>9}{:>9}{:>9}{:>10}{:>9}{:>10}{:>7}",
            "family",
            "asked",
            "unclear",
            "refused",
            "sent",
            "narrowed",
            "answered",
            "touched",
            "narrower:no",
            "spare"
        )?;
        for (family, c) in &self.families {
            writeln!(
                f,
                "{family:<14}{:>8}{:>9}{:>9}{:>9}{:>9}{:>10}{:>9}{:>10}{:>7}",
                c.asked,
                c.unclear,
                c.refused,
                c.allowed,
                c.narrowed,
                c.answered,
                c.touched,
                c.refused_narrow,
                c.spare
            )?;
        }
        Ok(())
    }
}
