//! What is done about what signals find: the restraint, the record, the metric. Beside the requests.

use std::sync::Arc;
use std::time::Duration;

use forcefield_audit::{Finding, Witness};
use forcefield_config::config::{SignalLevel, SignalThrottle, Window};
use forcefield_control::{Effect, Restraint};
use forcefield_policy::names::IdentityName;
use forcefield_signals::Firing;
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, warn};
use ulid::Ulid;

use super::Service;
use crate::signals::rules_of;

impl Service {
    /// Acts on what signals find, looks for integrations that went silent, keeps the histories: until the process ends.
    pub async fn follow_signals(self: Arc<Self>) {
        let Some(mut told) = self.rooms.signals.told() else { return };
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_saved = 0;
        loop {
            tokio::select! {
                biased;
                firing = told.recv() => match firing {
                    Some(firing) => self.act_on(firing).await,
                    None => return,
                },
                _ = ticks.tick() => {
                    self.look_for_silence();
                    since_saved += 1;
                    if since_saved >= SAVE {
                        since_saved = 0;
                        self.save_histories().await;
                    }
                }
            }
        }
    }

    /// Puts on what a firing asks for, and has it recorded.
    async fn act_on(self: &Arc<Self>, firing: Firing) {
        let done = match self.restraint(&firing) {
            None => "it is on record; nothing was put on".to_owned(),
            Some(restraint) => self.put_on(restraint).await,
        };
        self.rooms.signals.settled(&firing);
        self.rooms.telemetry.instruments().signalled(firing.rule, firing.level);
        let (rule, level) = (firing.rule.as_str(), firing.level.as_str());
        warn!(identity = %firing.identity, rule, level, what = firing.what, done, "a signal");
        let service = Arc::clone(self);
        tokio::spawn(async move { service.record_finding(finding(firing, done)).await });
    }

    /// What a firing puts on its integration.
    fn restraint(&self, firing: &Firing) -> Option<Restraint> {
        let (effect, until) = match firing.level {
            SignalLevel::Off | SignalLevel::Record => return None,
            SignalLevel::Quarantine => (Effect::Quarantine, None),
            SignalLevel::Throttle => {
                let SignalThrottle { requests, rows, lasting } = self.throttle_of(&firing.identity);
                let until = firing.at.checked_add(lasting).ok();
                (Effect::Throttle { requests: Some(requests), rows: Some(rows) }, until)
            }
        };
        Some(Restraint {
            identity: firing.identity.clone(),
            effect,
            by: firing.rule.signature(),
            reason: firing.what.clone(),
            since: firing.at,
            until,
        })
    }

    fn throttle_of(&self, identity: &IdentityName) -> SignalThrottle {
        let live = self.live.load();
        let signals = live.member(identity).map_or(live.config.signals, |member| member.identity.signals);
        signals.throttle
    }

    /// Puts a restraint on, and says so in one sentence.
    async fn put_on(self: &Arc<Self>, restraint: Restraint) -> String {
        let what = sentence(&restraint);
        let service = Arc::clone(self);
        let put_on = tokio::task::spawn_blocking(move || {
            let changed = service.restraints.put_on(restraint);
            service.follow_throttles();
            changed
        });
        match put_on.await {
            Ok(Ok(_)) => what,
            Ok(Err(error)) => format!("{what}; a restart would forget it: {error}"),
            Err(error) => format!("NOT {what}: {error}"),
        }
    }

    async fn record_finding(&self, finding: Finding) {
        for _ in 0..TRIES {
            if let Some(slot) = self.rooms.slot()
                && self.rooms.record_finding(&finding, slot).await.is_ok()
            {
                return;
            }
            sleep(AGAIN).await;
        }
        error!(?finding, "what a signal found could not be recorded");
    }

    fn look_for_silence(&self) {
        let (live, now) = (self.live.load(), Timestamp::now());
        let signals = &self.rooms.signals;
        for name in live.members().map(|member| &member.identity.name) {
            if let (None, Some(member)) = (signals.stopped(name, now), live.member_at(name, now)) {
                signals.look(name, &rules_of(member), now);
            }
        }
    }

    async fn save_histories(self: &Arc<Self>) {
        let service = Arc::clone(self);
        let saved = tokio::task::spawn_blocking(move || service.rooms.signals.save());
        if let Ok(Err(error)) = saved.await {
            warn!(%error, "the histories that signals keep cannot be written down; they are in memory");
        }
    }
}

fn finding(firing: Firing, done: String) -> Finding {
    let witness = |evidence: forcefield_signals::Evidence| Witness {
        time: evidence.at,
        decision: evidence.decision,
        what: evidence.what,
    };
    Finding {
        time: firing.at,
        id: Ulid::new(),
        identity: firing.identity,
        rule: firing.rule.as_str(),
        level: firing.level.as_str(),
        what: firing.what,
        done,
        evidence: firing.evidence.into_iter().map(witness).collect(),
    }
}

fn sentence(restraint: &Restraint) -> String {
    let until = match restraint.until {
        Some(until) => format!("until {until}"),
        None => "until it is restored".to_owned(),
    };
    match restraint.effect {
        Effect::Quarantine => format!("quarantined {until}"),
        Effect::Kill => format!("killed {until}"),
        Effect::Throttle { requests, rows } => {
            let requests =
                requests.map(|rate| format!("{} requests in {} s", rate.requests, rate.per.as_secs()));
            let window = |window| if window == Window::Hour { "an hour" } else { "a day" };
            let rows = rows.map(|rows| format!("{} rows {}", rows.amount, window(rows.window)));
            let limits: Vec<String> = requests.into_iter().chain(rows).collect();
            format!("throttled to {} {until}", limits.join(" and "))
        }
    }
}

/// How often it is looked whether an integration went silent.
const LOOK: Duration = Duration::from_secs(5);
/// After how many looks the histories are written down: a minute.
const SAVE: u32 = 12;
/// How often, and how soon after one another, it is tried to record a finding.
const TRIES: u32 = 120;
const AGAIN: Duration = Duration::from_secs(1);
