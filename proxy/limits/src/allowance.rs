//! The org's daily API calls: how many there are, how many are used, by everybody and in all, and who makes room when
//! they run short.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use forcefield_config::config::Limits as Configured;

use crate::usage::Usage;

/// What Salesforce last said of one org's API calls.
#[derive(Debug)]
pub(crate) struct Allowance(Usage);

/// The allowances of all orgs, by name. They outlive every reload of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Allowances(Mutex<BTreeMap<String, Arc<Allowance>>>);

/// The part of an org's calls at which the identity of one priority is slowed; `None` for one that never is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MakesRoom(Option<f64>);

/// Where the first identities are slowed.
const SHORT: f64 = 0.8;
/// The priority of an identity that has none.
const USUAL_PRIORITY: u8 = 100;
/// What an org is taken to have before Salesforce has said more: the smallest allowance of an edition with an API
/// (Developer Edition, 15,000 in 24 hours).
const SMALLEST: u32 = 15_000;

// === impl Allowance ===

impl Allowance {
    fn new() -> Self {
        Self(Usage::of(SMALLEST))
    }

    /// Takes up what an answer says, as in `Sforce-Limit-Info: api-usage=18/15000`.
    pub(crate) fn reported(&self, text: &str) {
        let usage = text.split(';').find_map(|part| part.trim().strip_prefix("api-usage="));
        let Some((used, most)) = usage.and_then(|usage| usage.split_once('/')) else { return };
        if let (Ok(used), Ok(most)) = (used.trim().parse(), most.trim().parse())
            && most > 0
        {
            self.0.tell(used, most);
        }
    }

    /// How many calls are used, and how many there are in 24 hours.
    pub(crate) fn calls(&self) -> (u64, u64) {
        self.0.told()
    }

    /// The calls of a share in percent, at least one.
    pub(crate) fn share(&self, percent: f64) -> u64 {
        let (_, most) = self.calls();
        ((most as f64 * percent / 100.0) as u64).max(1)
    }
}

// === impl Allowances ===

impl Allowances {
    pub(crate) fn of(&self, org: &str) -> Arc<Allowance> {
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = allowances.get(org) {
            return Arc::clone(allowance);
        }
        let allowance = Arc::new(Allowance::new());
        allowances.insert(org.to_owned(), Arc::clone(&allowance));
        allowance
    }
}

// === impl MakesRoom ===

impl MakesRoom {
    /// Where an identity stands among those that work with its org: the lowest priority makes room at four fifths of
    /// the calls, the highest never, those between at even steps.
    pub(crate) fn among(priorities: &BTreeSet<u8>, limits: &Configured) -> Self {
        let rank = priorities.range(..priority(limits)).count();
        let highest = priorities.len().saturating_sub(1);
        Self((rank < highest).then(|| SHORT + (1.0 - SHORT) * rank as f64 / highest as f64))
    }

    /// Whether it makes room now.
    pub(crate) fn now(self, allowance: &Allowance) -> bool {
        let (used, most) = allowance.calls();
        self.0.is_some_and(|part| used as f64 >= most as f64 * part)
    }
}

/// The priority of an identity.
pub(crate) fn priority(limits: &Configured) -> u8 {
    limits.priority.unwrap_or(USUAL_PRIORITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(priority: Option<u8>) -> Configured {
        Configured { priority, ..Configured::default() }
    }

    #[test]
    fn the_lowest_priority_makes_room_first_and_the_highest_never() {
        let all = [with(Some(10)), with(None), with(Some(200)), with(Some(10))];
        let priorities: BTreeSet<u8> = all.iter().map(priority).collect();
        let at = |limits: &Configured| MakesRoom::among(&priorities, limits).0;
        assert_eq!(at(&all[0]), Some(0.8));
        assert_eq!(at(&all[1]), Some(0.9));
        assert_eq!(at(&all[2]), None);
        let alone = BTreeSet::from([10]);
        assert_eq!(MakesRoom::among(&alone, &all[0]).0, None, "it has nobody to make room for");
    }

    #[test]
    fn an_allowance_is_what_salesforce_said_last_and_the_smallest_before() {
        let allowance = Allowance::new();
        assert_eq!(allowance.share(10.0), 1_500);
        allowance.reported("api-usage=18/100000; per-app-api-usage=17/250(appName=x)");
        assert_eq!((allowance.calls(), allowance.share(5.0)), ((18, 100_000), 5_000));
        for nonsense in ["", "api-usage=1", "api-usage=x/5", "api-usage=1/0", "per-app-api-usage=1/2"] {
            allowance.reported(nonsense);
        }
        assert_eq!(allowance.calls(), (18, 100_000), "what cannot be read changes nothing");
        let lowest = MakesRoom(Some(0.8));
        assert!(!lowest.now(&allowance));
        allowance.reported("api-usage=80000/100000");
        assert!(lowest.now(&allowance));
    }
}
