//! Each rule fires on what it is for, and not on a legitimate day.

use std::net::IpAddr;

use forcefield_config::config::SignalThrottle;
use forcefield_policy::names::ApiVersion;

use super::*;
use crate::fact::{Look, Looks};

/// An integration over days, by the clock that the test turns.
struct Life {
    identity: IdentityName,
    rules: Signals,
    history: History,
    now: Timestamp,
    exchanges: u128,
    client: &'static str,
    version: u16,
    source: &'static str,
    /// The rule whose restraint is in force.
    held: Option<Rule>,
}

impl Life {
    fn new() -> Self {
        Self {
            identity: IdentityName::try_from("connector").unwrap(),
            rules: Signals::default(),
            history: History::default(),
            now: "2026-03-02T08:00:00Z".parse().unwrap(),
            exchanges: 0,
            client: "python-requests/2.32.3",
            version: 62,
            source: "10.0.0.7",
            held: None,
        }
    }

    /// One that has been watched for two weeks of the same daily work.
    fn known() -> Self {
        let mut life = Self::new();
        for _ in 0..14 {
            life.day_of_tap_salesforce();
            life.pass(24 * 3600 - 3600);
        }
        life
    }

    fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    fn observe(&mut self, what: What<'_>) -> Vec<Firing> {
        self.exchanges += 1;
        let fact = Fact { at: self.now, decision: Ulid::from(self.exchanges), what };
        let held = |rule| self.held == Some(rule);
        let watching = Watching { identity: &self.identity, rules: &self.rules, held: &held };
        self.history.observe(watching, &fact)
    }

    fn ask(&mut self, look: Look, objects: &[&str], granted: bool) -> Vec<Firing> {
        let objects: Vec<String> = objects.iter().map(|object| (*object).to_owned()).collect();
        let looks: Looks = [look].into_iter().collect();
        let source = Some(self.source.parse::<IpAddr>().unwrap());
        let (client, version) = (Some(self.client), Some(ApiVersion::new(self.version)));
        self.observe(What::Asked(Asked { granted, client, version, source, looks, objects: &objects }))
    }

    fn may(&mut self, look: Look, objects: &[&str]) -> Vec<Rule> {
        self.ask(look, objects, true).into_iter().map(|firing| firing.rule).collect()
    }

    fn may_not(&mut self, look: Look, objects: &[&str]) -> Vec<Rule> {
        self.ask(look, objects, false).into_iter().map(|firing| firing.rule).collect()
    }

    fn reads(&mut self, rows: u64) -> Vec<Firing> {
        self.observe(What::Answered { rows, job: None })
    }

    fn look(&mut self) -> Option<Firing> {
        let watching = Watching { identity: &self.identity, rules: &self.rules, held: &|_| false };
        self.history.look(watching, self.now)
    }

    /// Discovery, then each stream page by page, as the client does (clients.md, section 3). An hour.
    fn day_of_tap_salesforce(&mut self) {
        assert_eq!(self.may(Look::List, &[]), []);
        for object in STREAMS {
            assert_eq!(self.may(Look::Describe, &[object]), []);
        }
        for object in STREAMS {
            for _ in 0..3 {
                assert_eq!(self.may(Look::Sample, &[object]), []);
                assert_eq!(self.reads(900), []);
                self.pass(300);
            }
        }
    }
}

const STREAMS: [&str; 4] = ["Account", "Contact", "Opportunity", "Case"];

#[test]
fn the_third_sort_of_new_look_is_a_reconnaissance() {
    let mut drift = Life::known();
    drift.rules.fingerprint.level = SignalLevel::Off;
    assert_eq!(drift.may(Look::List, &[]), [], "it lists every day");
    assert_eq!(drift.may(Look::Describe, &["User"]), []);
    assert_eq!(drift.may(Look::Count, &["Account"]), []);
    drift.pass(60);
    assert_eq!(drift.may(Look::Count, &["Contact"]), [], "one sort counts once");
    let firings = drift.ask(Look::Sample, &["User"], true);
    let [firing] = firings.as_slice() else { panic!("{firings:?}") };
    assert_eq!((firing.rule, firing.level), (Rule::Reconnaissance, SignalLevel::Quarantine));
    let evidence: Vec<&str> = firing.evidence.iter().map(|step| &*step.what).collect();
    assert_eq!(evidence, ["describe User", "count Account", "sample User"]);
    assert!(firing.evidence.iter().all(|step| step.decision.len() == 26));

    // After it was lifted the rule starts afresh, and has not learned from the theft.
    assert_eq!(drift.may(Look::Sample, &["User"]), []);
    assert_eq!(drift.may(Look::Count, &["Contact"]), []);
    assert_eq!(drift.may(Look::Describe, &["User"]), [Rule::Reconnaissance]);
    drift.held = Some(Rule::Reconnaissance);
    assert_eq!(drift.may(Look::Export, &["Account"]), [], "while its restraint holds it is not put on again");
}

#[test]
fn what_is_not_granted_counts_from_the_first_day() {
    let mut drift = Life::new();
    assert_eq!(drift.may_not(Look::List, &[]), []);
    assert_eq!(drift.may_not(Look::Describe, &["Case"]), []);
    let firings = drift.ask(Look::Count, &["Account"], false);
    let [firing] = firings.as_slice() else { panic!("{firings:?}") };
    assert_eq!(firing.level, SignalLevel::Record, "but nothing is put on before it is known");
    assert_eq!(firing.evidence.last().unwrap().what, "count Account, not granted");
    assert_eq!(drift.may_not(Look::Sample, &["User"]), [], "once within the window");
    let mut known = Life::known();
    known.rules.fingerprint.level = SignalLevel::Off;
    assert_eq!(known.may_not(Look::Describe, &["Case"]), []);
    assert_eq!(known.may_not(Look::Count, &["Account"]), []);
    let firings = known.ask(Look::Export, &["Account"], false);
    assert_eq!(firings.first().map(|firing| firing.level), Some(SignalLevel::Quarantine));
    // Three tries of one sort are somebody who mistook his grants.
    let mut clumsy = Life::new();
    for object in STREAMS {
        assert_eq!(clumsy.may_not(Look::Sample, &[object]), []);
    }
    assert_eq!(clumsy.may(Look::List, &[]), []);
}

#[test]
fn looks_too_far_apart_are_no_reconnaissance() {
    let mut slow = Life::known();
    slow.rules.fingerprint.level = SignalLevel::Off;
    assert_eq!(slow.may(Look::Describe, &["User"]), []);
    slow.pass(1800);
    assert_eq!(slow.may(Look::Count, &["User"]), []);
    slow.pass(1801);
    assert_eq!(slow.may(Look::Sample, &["User"]), [], "the first is an hour and a second ago");
    assert_eq!(slow.may(Look::Export, &["User"]), [Rule::Reconnaissance]);
}

#[test]
fn stock_clients_fire_nothing_from_their_first_day_on() {
    // tap-salesforce: two weeks, then a stream more, newly granted.
    let mut tap = Life::known();
    tap.rules.fingerprint.level = SignalLevel::Off;
    assert_eq!(tap.may(Look::List, &[]), []);
    assert_eq!(tap.may(Look::Describe, &["Invoice__c"]), []);
    assert_eq!(tap.may(Look::Export, &["Invoice__c"]), []);
    // The sf CLI probes what is not granted when it logs in (clients.md, section 3), then lists and describes.
    let mut sf = Life::new();
    for _ in 0..20 {
        assert_eq!(sf.may_not(Look::Sample, &["ScratchOrgInfo"]), []);
        assert_eq!(sf.may_not(Look::Sample, &["Organization"]), []);
        assert_eq!(sf.may(Look::List, &[]), []);
        assert_eq!(sf.may(Look::Describe, &["Account"]), []);
        assert_eq!(sf.may(Look::Sample, &["Account"]), []);
        sf.pass(24 * 3600);
    }
    // simple-salesforce and jsforce: describe, query, count, every hour.
    let mut script = Life::new();
    for _ in 0..24 * 20 {
        for look in [Look::Describe, Look::Count, Look::Sample] {
            assert_eq!(script.may(look, &["Account", "Contact"]), []);
        }
        assert_eq!(script.reads(200), []);
        script.pass(3600);
    }
    assert!(script.history.has_learned(script.rules.learning));
}

#[test]
fn a_new_client_is_told_of_once() {
    let mut klue = Life::known();
    klue.client = "python-urllib3/2.2";
    klue.version = 59;
    klue.source = "203.0.113.9";
    let firings = klue.ask(Look::Sample, &["Account"], true);
    let [firing] = firings.as_slice() else { panic!("{firings:?}") };
    assert_eq!((firing.rule, firing.level), (Rule::Fingerprint, SignalLevel::Record));
    let what = &firing.what;
    for part in ["client `python-urllib3`", "API version 59.0", "network 203.0.113.0/24"] {
        assert!(what.contains(part), "{what}");
    }
    assert_eq!(klue.may(Look::Sample, &["Account"]), [], "it is known now");
    klue.pass(15 * 3600);
    assert_eq!(klue.may(Look::Sample, &["Account"]), [Rule::Fingerprint], "at an hour of its own");
}

#[test]
fn another_client_that_lists_and_reads_something_new_is_a_reconnaissance() {
    let mut klue = Life::new();
    for _ in 0..10 {
        for _ in 0..20 {
            assert_eq!(klue.may(Look::Sample, &["Account"]), []);
        }
        klue.pass(24 * 3600);
    }
    (klue.client, klue.version) = ("python-urllib3/2.2", 59);
    assert_eq!(klue.may(Look::List, &[]), [Rule::Fingerprint]);
    let firings = klue.ask(Look::Sample, &["Opportunity"], true);
    let firing = firings.iter().find(|firing| firing.rule == Rule::Reconnaissance).unwrap();
    let evidence: Vec<&str> = firing.evidence.iter().map(|step| &*step.what).collect();
    assert_eq!(evidence, ["arrive", "list", "sample Opportunity"]);
    // A release that brings another API version and one more stream is none.
    let mut tap = Life::known();
    tap.rules.fingerprint.level = SignalLevel::Off;
    (tap.client, tap.version) = ("python-requests/3.0", 64);
    assert_eq!(tap.may(Look::List, &[]), []);
    assert_eq!(tap.may(Look::Describe, &["Invoice__c"]), []);
    assert_eq!(tap.may(Look::Export, &["Invoice__c"]), []);
}

#[test]
fn an_upgrade_of_the_client_is_not_new_nor_is_another_address_nearby() {
    let mut life = Life::known();
    life.client = "python-requests/3.0.0";
    life.source = "10.0.0.250";
    assert_eq!(life.may(Look::Sample, &["Account"]), []);
}

#[test]
fn a_fingerprint_that_acts_is_not_learned_from() {
    let mut life = Life::known();
    life.rules.fingerprint.level = SignalLevel::Quarantine;
    life.client = "curl/8";
    assert_eq!(life.may(Look::Sample, &["Account"]), [Rule::Fingerprint]);
    life.held = Some(Rule::Fingerprint);
    assert_eq!(life.may(Look::Sample, &["Account"]), []);
    life.held = None;
    assert_eq!(life.may(Look::Sample, &["Account"]), [Rule::Fingerprint], "lifted, it starts afresh");
    life.rules.fingerprint.level = SignalLevel::Off;
    assert_eq!(life.may(Look::Sample, &["Account"]), []);
    life.rules.fingerprint.level = SignalLevel::Record;
    assert_eq!(life.may(Look::Sample, &["Account"]), [], "what was let pass meanwhile is known");
}

#[test]
fn far_more_rows_than_ever_fire_once_an_hour() {
    // Its largest hour was 10,800 rows.
    let mut klue = Life::known();
    let mut fired = Vec::new();
    for page in 1..=40_u64 {
        fired.extend(klue.reads(2000).into_iter().map(|firing| (page * 2000, firing)));
        klue.pass(10);
    }
    let [(rows, firing)] = fired.as_slice() else { panic!("{fired:?}") };
    assert_eq!(
        (*rows, firing.rule, firing.level),
        (56_000, Rule::RowRate, SignalLevel::Throttle),
        "5 x 10,800"
    );
    assert_eq!(firing.evidence.len(), 5);
    assert!(firing.what.contains("the most in an hour before was 10800"), "{}", firing.what);
    assert_eq!(firing.level, SignalLevel::Throttle);
    let SignalThrottle { rows, .. } = klue.rules.throttle;
    assert_eq!(rows.amount.get(), 10_000);
    // What was stolen is no measure for what is usual.
    klue.pass(3600);
    assert_eq!(klue.reads(56_000).len(), 1);
}

#[test]
fn a_day_of_a_little_more_rows_fires_nothing_nor_does_a_small_integration_that_grows() {
    let mut nightly = Life::known();
    assert_eq!(nightly.reads(50_000), []);
    let mut small = Life::new();
    for _ in 0..20 {
        for _ in 0..10 {
            assert_eq!(small.may(Look::Sample, &["Account"]), []);
        }
        assert_eq!(small.reads(10), []);
        small.pass(24 * 3600);
    }
    assert_eq!(small.reads(10_000), [], "below the floor");
    assert_eq!(small.reads(1).len(), 1);
}

#[test]
fn a_job_deleted_right_after_its_results_were_fetched() {
    let mut drift = Life::new();
    drift.observe(What::Answered { rows: 5000, job: Some("750A") });
    drift.pass(24);
    let firings = drift.observe(What::Deleted("750A"));
    let [firing] = firings.as_slice() else { panic!("{firings:?}") };
    assert_eq!((firing.rule, firing.level), (Rule::JobDeleted, SignalLevel::Record));
    assert_eq!(firing.what, "deleted export job 750A 24 s after it fetched the results");
    assert_eq!(firing.evidence.len(), 2);
    // Of which nothing was fetched, or long ago: nothing was hidden.
    drift.observe(What::Answered { rows: 5000, job: Some("750B") });
    drift.pass(601);
    assert_eq!(drift.observe(What::Deleted("750B")), []);
    assert_eq!(drift.observe(What::Deleted("750C")), []);
}

#[test]
fn who_came_every_working_day_and_comes_no_more_is_told_of_once() {
    let mut life = Life::new();
    for _ in 0..7 {
        assert_eq!(life.may(Look::Sample, &["Account"]), []);
        life.pass(24 * 3600);
        assert_eq!(life.look(), None);
    }
    life.pass(49 * 3600);
    let firing = life.look().unwrap();
    assert_eq!((firing.rule, firing.evidence.len()), (Rule::Silent, 1));
    life.pass(3600);
    assert_eq!(life.look(), None);
    // Who comes once a week, or has a weekend off, is not silent.
    let mut weekly = Life::new();
    for _ in 0..10 {
        assert_eq!(weekly.may(Look::Sample, &["Account"]), []);
        weekly.pass(7 * 24 * 3600 - 60);
        assert_eq!(weekly.look(), None);
    }
    let mut office = Life::new();
    for day in 0..21 {
        if day % 7 < 5 {
            assert_eq!(office.may(Look::Sample, &["Account"]), []);
        }
        assert_eq!(office.look(), None);
        office.pass(24 * 3600);
    }
}

#[test]
fn a_history_is_bounded_and_comes_back_as_it_was() {
    let mut life = Life::known();
    life.rules.fingerprint.level = SignalLevel::Record;
    for number in 0..5000 {
        let object = format!("Object{number}__c");
        life.ask(Look::Sample, &[&object], true);
        life.observe(What::Answered { rows: 1, job: Some(&object) });
    }
    let text = serde_json::to_string(&life.history).unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), life.history);
    assert_eq!(serde_json::from_str::<History>("{}").unwrap(), History::default());
}
