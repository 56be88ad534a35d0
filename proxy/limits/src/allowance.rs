//! The org's daily API calls: how many there are, how many are used, by everybody and in all, and who makes room when
//! they run short.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use forcefield_config::config::Limits as Configured;
use serde::Deserialize;

use crate::usage::Usage;

/// What Salesforce last said of one org's API calls.
///
/// It says so in the heads of its answers, and in the bodies of `/limits`. Neither is believed from where code of the org
/// could write it, nor when it is more than any org has.
#[derive(Debug)]
pub(crate) struct Allowance {
    usage: Usage,
    /// Bodies of `/limits` that could not be read.
    unread: AtomicU64,
}

/// The API calls of one org, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgCalls {
    /// The org.
    pub org: String,
    /// Calls used in the last 24 hours, by everybody, as Salesforce said last.
    pub used: u64,
    /// Calls that there are in 24 hours.
    pub most: u64,
    /// Bodies of `/limits` that could not be read.
    pub unread: u64,
}

/// The body of `/limits`, as far as it is of use.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrgLimits {
    daily_api_requests: OrgLimit,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OrgLimit {
    max: u32,
    remaining: u32,
}

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
/// More than any org has: the largest have some millions.
const ABSURD: u32 = 1_000_000_000;

// === impl Allowance ===

impl Allowance {
    fn new() -> Self {
        Self { usage: Usage::of(SMALLEST), unread: AtomicU64::new(0) }
    }

    /// Takes up what an answer says, as in `Sforce-Limit-Info: api-usage=18/15000`.
    pub(crate) fn reported(&self, text: &str) {
        let usage = text.split(';').find_map(|part| part.trim().strip_prefix("api-usage="));
        let Some((used, most)) = usage.and_then(|usage| usage.split_once('/')) else { return };
        if let (Ok(used), Ok(most)) = (used.trim().parse(), most.trim().parse()) {
            self.told(used, most);
        }
    }

    /// Takes up what the body of `/limits` says; one that cannot be read changes nothing, and is counted.
    pub(crate) fn listed(&self, body: &[u8]) {
        let daily = serde_json::from_slice::<OrgLimits>(body).ok().map(|limits| limits.daily_api_requests);
        let used = daily.and_then(|daily| Some((daily.max.checked_sub(daily.remaining)?, daily.max)));
        if !used.is_some_and(|(used, most)| self.told(used, most)) {
            self.unread.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes up a number of calls, if an org can have it.
    fn told(&self, used: u32, most: u32) -> bool {
        let is_sane = (1..ABSURD).contains(&most);
        if is_sane {
            self.usage.tell(used, most);
        }
        is_sane
    }

    /// How many calls are used, and how many there are in 24 hours.
    pub(crate) fn calls(&self) -> (u64, u64) {
        self.usage.told()
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

    /// What is known of every org.
    pub(crate) fn all(&self) -> Vec<OrgCalls> {
        let allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(org, allowance): (&String, &Arc<Allowance>)| {
            let (used, most) = allowance.calls();
            OrgCalls { org: org.clone(), used, most, unread: allowance.unread.load(Ordering::Relaxed) }
        };
        allowances.iter().map(of).collect()
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
        for nonsense in [
            "",
            "api-usage=1",
            "api-usage=x/5",
            "api-usage=1/0",
            "per-app-api-usage=1/2",
            "api-usage=1/2000000000",
        ] {
            allowance.reported(nonsense);
        }
        assert_eq!(allowance.calls(), (18, 100_000), "what cannot be read changes nothing");
        let lowest = MakesRoom(Some(0.8));
        assert!(!lowest.now(&allowance));
        allowance.reported("api-usage=80000/100000");
        assert!(lowest.now(&allowance));
    }
    #[test]
    fn the_body_of_limits_is_read_and_an_odd_one_counted() {
        let orgs = Allowances::default();
        let org = orgs.of("production");
        org.listed(br#"{"DailyAsyncApexExecutions":{"Max":1,"Remaining":2},"DailyApiRequests":{"Max":5000,"Remaining":4000,"Sales":{"Max":0,"Remaining":0}}}"#);
        let known = |unread| vec![OrgCalls { org: "production".into(), used: 1000, most: 5000, unread }];
        assert_eq!(orgs.all(), known(0));
        let odd: [&[u8]; 8] = [
            b"",
            b"[]",
            br#"{"DailyApiRequests":{"Max":5000}}"#,
            br#"{"DailyApiRequests":{"Max":0,"Remaining":0}}"#,
            br#"{"DailyApiRequests":{"Max":5,"Remaining":6}}"#,
            br#"{"DailyApiRequests":{"Max":2000000000,"Remaining":2000000000}}"#,
            br#"{"DailyApiRequests":{"Max":7,"Remaining":-1}}"#,
            br#"{"DailyApiRequests":{"Max":7,"Remaining":7},"DailyApiRequests":{"Max":9,"Remaining":9}}"#,
        ];
        for (number, body) in odd.into_iter().enumerate() {
            org.listed(body);
            assert_eq!(orgs.all(), known(number as u64 + 1), "{}", String::from_utf8_lossy(body));
        }
    }
}
