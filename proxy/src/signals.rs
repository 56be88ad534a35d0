//! Signals: every exchange is told to the rules, and what they find to whoever acts on it.
//!
//! The rules run on the way of the request, over what is in memory: a comparison of a few names. What they ask for is
//! done beside it, by [`crate::service::Service::follow_signals`]. One thing holds at once: an integration that is to be
//! quarantined is refused from that moment on, also the very request that made it so.

mod exchange;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashSet;
use forcefield_config::Config;
use forcefield_config::config::{SignalLevel, Signals as Rules};
use forcefield_control::{Quarantined, Restraints};
use forcefield_policy::names::IdentityName;
use forcefield_signals::{Fact, Firing, Histories, Rule, Watching};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::warn;

pub(crate) use exchange::{Watched, rules_of};

/// The rules over what every integration does. One for the life of the process.
pub struct Signals {
    histories: Histories,
    restraints: Arc<Restraints>,
    /// To be quarantined, until the restraint is put on.
    stopping: DashSet<IdentityName>,
    /// Rules whose restraints are on their way, so that none is asked for twice.
    asked: DashSet<(IdentityName, Rule)>,
    tell: mpsc::UnboundedSender<Firing>,
    told: Mutex<Option<mpsc::UnboundedReceiver<Firing>>>,
}

impl Signals {
    /// Opens the histories that a state folder keeps.
    ///
    /// # Errors
    /// The folder cannot be made. A history that cannot be read is logged, and begins anew.
    pub fn open(config: &Config, state: &Path, restraints: Arc<Restraints>) -> io::Result<Self> {
        let (histories, unreadable) = Histories::open(state, config.identities.keys())?;
        for (identity, error) in unreadable {
            warn!(%identity, %error, "the history that signals keep cannot be read; it is learned anew");
        }
        let (tell, told) = mpsc::unbounded_channel();
        let (stopping, asked) = (DashSet::new(), DashSet::new());
        Ok(Self { histories, restraints, stopping, asked, tell, told: Mutex::new(Some(told)) })
    }

    /// Whether an integration is stopped: by a restraint in force, or by a signal whose restraint is on its way.
    #[must_use]
    pub fn stopped(&self, identity: &IdentityName, now: Timestamp) -> Option<Quarantined> {
        // In this order: what is not on its way any more is in force.
        let stopping = self.stopping.contains(identity);
        let in_force = self.restraints.quarantined(identity, now);
        in_force.or(stopping.then_some(Quarantined { until: None }))
    }

    /// What was found, to be acted upon; for the first who asks.
    #[must_use]
    pub fn told(&self) -> Option<mpsc::UnboundedReceiver<Firing>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says that the restraint which a firing asked for is in force.
    pub fn settled(&self, firing: &Firing) {
        self.asked.remove(&(firing.identity.clone(), firing.rule));
        if firing.level == SignalLevel::Quarantine {
            self.stopping.remove(&firing.identity);
        }
    }

    /// Looks whether an integration went silent.
    pub fn look(&self, identity: &IdentityName, rules: &Rules, now: Timestamp) {
        let held = |rule| self.holds(identity, rule, now);
        let found = self.histories.look(Watching { identity, rules, held: &held }, now);
        found.into_iter().for_each(|firing| self.fired(firing));
    }

    /// Writes the histories down.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn save(&self) -> io::Result<()> {
        self.histories.save()
    }

    fn observe(&self, identity: &IdentityName, rules: &Rules, fact: &Fact<'_>) {
        let held = |rule| self.holds(identity, rule, fact.at);
        let found = self.histories.observe(Watching { identity, rules, held: &held }, fact);
        found.into_iter().for_each(|firing| self.fired(firing));
    }

    /// Whether what a rule asked for is in force, or on its way.
    fn holds(&self, identity: &IdentityName, rule: Rule, now: Timestamp) -> bool {
        let signature = rule.signature();
        self.asked.contains(&(identity.clone(), rule))
            || self.restraints.on(identity, now).iter().any(|restraint| restraint.by == signature)
    }

    fn fired(&self, firing: Firing) {
        if firing.level.acts() {
            self.asked.insert((firing.identity.clone(), firing.rule));
        }
        if firing.level == SignalLevel::Quarantine {
            self.stopping.insert(firing.identity.clone());
        }
        // A rule that fired is quiet for a while, so few wait. Nobody hears it only when the process ends.
        let _ = self.tell.send(firing);
    }
}
