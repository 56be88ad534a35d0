//! What narrows: in force before it is told to be, and waiting for nobody.

use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use ulid::Ulid;

use super::order::{Order, What};
use super::{Api, Refused, Reply};
use crate::restraints::{Effect, Restraint};
use crate::routes::Action;
use crate::staff::Responder;
use crate::wire::{ActionAnswer, ActionRequest, Stream};

impl Api {
    /// Puts a restraint on one integration, and for a kill ends what it has open and holds.
    pub(super) async fn restrain(&self, restraint: Restraint, who: &Responder, answer: &mut ActionAnswer) {
        let (target, effect, now) = (restraint.identity.clone(), restraint.effect, restraint.since);
        let of_target = |stream: &Stream| stream.identity == target.as_str();
        let open = self.running.streams().iter().filter(|stream| of_target(stream)).count();
        match self.restraints.put_on(restraint) {
            Ok(changed) => {
                answer.changed = changed;
                let what = if changed { "it holds from now on" } else { "it held already" };
                answer.done.push(what.to_owned());
            }
            Err(error) => {
                answer.changed = true;
                answer.done.push("it holds from now on".to_owned());
                answer.undone.push(format!("it does not hold everywhere, or not after a restart: {error}"));
            }
        }
        if matches!(effect, Effect::Throttle { .. }) {
            self.running.throttles_changed();
        }
        if effect == Effect::Kill {
            let stopped = self.running.stop(&target, open).await;
            answer.done.extend(stopped.done);
            answer.undone.extend(stopped.undone);
            self.end_grants(&target, (who, now), answer);
        }
    }

    /// Quarantines every integration of the configuration at once.
    pub(super) fn lockdown(
        &self,
        request: &ActionRequest,
        (who, decision): (&Responder, Ulid),
    ) -> Result<Reply, Refused> {
        let now = Timestamp::now();
        let order = Order::read(Action::Quarantine, request, now).map_err(|wrong| Refused::bad(&wrong))?;
        let What::Restrain(effect, until) = order.what else {
            return Err(Refused::bad("a lockdown is a quarantine"));
        };
        let of = |identity: IdentityName| {
            let (by, reason) = (who.name.clone(), order.reason.clone());
            Restraint { identity, effect, by, reason, since: now, until }
        };
        let names = self.running.identities().into_iter();
        let names = names.filter_map(|status| IdentityName::try_from(status.identity.as_str()).ok());
        let restraints: Vec<Restraint> = names.map(of).collect();
        let all = restraints.len();
        let (put_on, undone) = match self.restraints.put_on_all(restraints) {
            Ok(put_on) => (put_on, None),
            Err(error) => {
                let undone = format!("it does not hold everywhere, or not after a restart: {error}");
                (all, Some(undone))
            }
        };
        let done = format!("every request of {all} integrations is refused; of {put_on} from now on");
        Ok(Reply::Acted(Box::new(ActionAnswer {
            decision: decision.to_string(),
            action: "lockdown".to_owned(),
            identity: None,
            changed: put_on > 0,
            done: vec![done],
            undone: undone.into_iter().collect(),
            restraints: Vec::new(),
        })))
    }
}
