//! How an integration looks at the org: what is its habit, and what it does for the first time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::is_past;
use crate::fact::{Asked, Look};
use crate::firing::Evidence;

/// The habits of an integration, and the steps away from them that are not too long ago.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Looking {
    /// Whether it has ever listed the org's objects.
    lists: bool,
    /// In which ways it has looked at an object, a bit each.
    habits: BTreeMap<String, u8>,
    steps: Vec<Step>,
    /// Until when a rule that only records has nothing more to say.
    quiet: Option<Timestamp>,
}

/// A look that is no habit: the first of its sort within the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) look: Look,
    pub(super) evidence: Evidence,
    /// What was learned by it, to be forgotten when it turns out to be a theft.
    objects: Vec<String>,
}

impl Looking {
    /// Takes up a request; gives the steps when they are of three sorts.
    pub(super) fn look(
        &mut self,
        (asked, learned): (&Asked<'_>, bool),
        (at, decision): (Timestamp, Ulid),
        window: Duration,
    ) -> Option<Vec<Step>> {
        self.steps.retain(|step| !is_past(step.evidence.at, window, at));
        let mut stepped = false;
        for look in Look::ALL.into_iter().filter(|look| asked.looks.has(*look)) {
            let Some(objects) = self.strange(look, asked) else { continue };
            if learned || !asked.granted {
                self.step(look, (at, decision), asked, &objects);
                stepped = true;
            }
            if asked.granted {
                self.learn(look, &objects);
            }
        }
        (stepped && self.steps.len() >= SORTS).then(|| self.steps.clone())
    }

    /// Forgets the steps, which are told of only: once within the window. Gives whether they are this time.
    pub(super) fn tells(&mut self, at: Timestamp, window: Duration) -> bool {
        self.steps.clear();
        let quiet = self.quiet.is_some_and(|until| at < until);
        if !quiet {
            self.quiet = at.checked_add(window).ok();
        }
        !quiet
    }

    /// Forgets the steps and what was learned by them: the same looks are new again.
    pub(super) fn unlearn(&mut self) {
        for step in std::mem::take(&mut self.steps) {
            if step.look == Look::List {
                self.lists = false;
            }
            for object in step.objects {
                if let Some(ways) = self.habits.get_mut(&object) {
                    *ways &= !step.look.bit();
                }
            }
        }
        self.quiet = None;
    }

    /// The objects for which a look is no habit; `None` when it is one for all of them. What no grant covers never is.
    fn strange(&self, look: Look, asked: &Asked<'_>) -> Option<Vec<String>> {
        match look {
            // That it is new is what makes it this look.
            Look::Arrive => return Some(Vec::new()),
            Look::List => return (!asked.granted || !self.lists).then(Vec::new),
            Look::Describe | Look::Count | Look::Sample | Look::Export => {}
        }
        let known = |object: &&String| self.habits.get(*object).is_some_and(|ways| ways & look.bit() != 0);
        let strange: Vec<String> =
            asked.objects.iter().filter(|object| !asked.granted || !known(object)).cloned().collect();
        (!strange.is_empty()).then_some(strange)
    }

    fn step(&mut self, look: Look, (at, decision): (Timestamp, Ulid), asked: &Asked<'_>, objects: &[String]) {
        let learned = if asked.granted { objects } else { &[] };
        if let Some(step) = self.steps.iter_mut().find(|step| step.look == look) {
            let room = OBJECTS.saturating_sub(step.objects.len());
            step.objects.extend(learned.iter().take(room).cloned());
            return;
        }
        let of = objects.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let of = if of.is_empty() { String::new() } else { format!(" {of}") };
        let refused = if asked.granted || look == Look::Arrive { "" } else { ", not granted" };
        let evidence = Evidence::new(at, decision, format!("{}{of}{refused}", look.as_str()));
        let objects = learned.iter().take(OBJECTS).cloned().collect();
        self.steps.push(Step { look, evidence, objects });
    }

    fn learn(&mut self, look: Look, objects: &[String]) {
        if look == Look::List {
            self.lists = true;
        }
        for object in objects {
            if let Some(ways) = self.habits.get_mut(object) {
                *ways |= look.bit();
            } else if self.habits.len() < OBJECTS {
                self.habits.insert(object.clone(), look.bit());
            }
        }
    }
}

/// Sorts of looks that make a reconnaissance.
const SORTS: usize = 3;
/// Objects whose habits are kept. No integration works with as many.
const OBJECTS: usize = 1024;
/// Objects that evidence names.
const NAMED: usize = 5;
