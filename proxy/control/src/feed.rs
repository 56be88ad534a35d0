//! What happens, told as it happens: server-sent events for people who watch.
//!
//! One task on the control plane's runtime looks once a second and hears of refusals, for all who listen. It waits for
//! nobody: who reads too slowly is dropped, and told everything anew when it comes back. While nobody listens there is
//! no task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::api::Standing;
use crate::running::Heard;
use crate::wire::{IdentityStatus, Tick};

/// Where listeners are told.
pub(crate) struct Feed {
    standing: Standing,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    all: Vec<Listener>,
    /// Whether the task runs that tells them.
    told: bool,
    closed: bool,
}

struct Listener {
    responder: String,
    /// Whether what let them in still holds.
    holds: Holds,
    sender: mpsc::Sender<Bytes>,
    /// Whether they have been told everything once.
    knows: bool,
}

/// Whether somebody may still listen.
pub(crate) type Holds = Box<dyn Fn(Timestamp) -> bool + Send + Sync>;

/// Too many listen already, or the listener is closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

// === impl Feed ===

impl Feed {
    pub(crate) fn new(standing: Standing) -> Self {
        Self { standing, listeners: Mutex::default() }
    }

    /// Has somebody told from now on, as long as `holds` says so.
    pub(crate) fn listen(
        self: &Arc<Self>,
        responder: &str,
        holds: Holds,
    ) -> Result<mpsc::Receiver<Bytes>, NoRoom> {
        let mut listeners = self.locked();
        let theirs = listeners.all.iter().filter(|listener| listener.responder == responder).count();
        if listeners.closed || listeners.all.len() >= MOST || theirs >= MOST_OF_ONE {
            return Err(NoRoom);
        }
        let (sender, receiver) = mpsc::channel(BEHIND);
        // The browser's own wish to come back, and a first byte that opens the stream.
        let _ = sender.try_send(Bytes::from_static(b"retry: 2000\n\n"));
        listeners.all.push(Listener { responder: responder.to_owned(), holds, sender, knows: false });
        if !listeners.told {
            listeners.told = true;
            tokio::spawn(Arc::clone(self).tell_all());
        }
        Ok(receiver)
    }

    /// Ends every stream; none begins after it.
    pub(crate) fn close(&self) {
        let mut listeners = self.locked();
        listeners.closed = true;
        listeners.all.clear();
    }

    /// Tells until nobody listens.
    async fn tell_all(self: Arc<Self>) {
        let mut refusals = self.standing.running.refusals();
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut known, mut told, mut missed) = (BTreeMap::new(), 0, 0);
        loop {
            tokio::select! {
                heard = refusals.next() => match heard {
                    Heard::Refused(refusal) if told < MOST_REFUSALS => {
                        told += 1;
                        self.locked().tell(&event("refusal", &refusal));
                    }
                    Heard::Refused(_) => missed += 1,
                    Heard::Missed(count) => missed += count,
                },
                _ = ticks.tick() => {
                    if !self.tick(&mut known, missed) {
                        return;
                    }
                    (told, missed) = (0, 0);
                }
            }
        }
    }

    /// Tells what changed, or everything to those who know nothing. Gives whether anybody listens.
    fn tick(&self, known: &mut BTreeMap<String, IdentityStatus>, missed: u64) -> bool {
        let now = Timestamp::now();
        let all = self.standing.identities(now);
        let changed = |status: &&IdentityStatus| known.get(&status.identity) != Some(*status);
        let changed: Vec<IdentityStatus> = all.iter().filter(changed).cloned().collect();
        let next: BTreeMap<String, IdentityStatus> =
            all.into_iter().map(|status| (status.identity.clone(), status)).collect();
        let gone = known.keys().filter(|name| !next.contains_key(*name)).cloned().collect();
        *known = next;
        let mut streams = self.standing.running.streams();
        let open = streams.len();
        streams.truncate(MOST_STREAMS);
        let proposals = self.standing.proposals(now);
        let mut tick =
            Tick { at: now, all: false, identities: changed, gone, missed, streams, open, proposals };
        let changes = event("status", &tick);
        let mut listeners = self.locked();
        listeners.prune(now);
        if listeners.all.iter().any(|listener| !listener.knows) {
            tick.all = true;
            tick.identities = known.values().cloned().collect();
            listeners.introduce(&event("status", &tick), &changes);
        } else {
            listeners.tell(&changes);
        }
        listeners.told = !listeners.all.is_empty();
        listeners.told
    }

    fn locked(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Listeners ===

impl Listeners {
    /// Tells everybody; who is too far behind is dropped.
    fn tell(&mut self, event: &Bytes) {
        self.all.retain(|listener| listener.sender.try_send(event.clone()).is_ok());
    }

    /// Tells everything to those who know nothing, and the changes to the others.
    fn introduce(&mut self, everything: &Bytes, changes: &Bytes) {
        self.all.retain_mut(|listener| {
            let event = if listener.knows { changes } else { everything };
            listener.knows = true;
            listener.sender.try_send(event.clone()).is_ok()
        });
    }

    /// Ends the streams of those who may no longer listen.
    fn prune(&mut self, now: Timestamp) {
        self.all.retain(|listener| {
            let holds = (listener.holds)(now);
            if !holds {
                let _ = listener.sender.try_send(Bytes::from_static(b"event: end\ndata: {}\n\n"));
            }
            holds
        });
    }
}

/// One event. JSON has no line ends of its own.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// Who may listen at one time, and how often one responder may.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 12;
/// Events by which one may be behind.
const BEHIND: usize = 64;
/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(1);
/// Refusals told in one period; the others are counted.
const MOST_REFUSALS: u32 = 20;
/// Streams told of; the others are counted.
const MOST_STREAMS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(listeners: &mut Listeners, holds: bool) -> mpsc::Receiver<Bytes> {
        let (sender, receiver) = mpsc::channel(BEHIND);
        let holds: Holds = Box::new(move |_| holds);
        listeners.all.push(Listener { responder: "oncall".into(), holds, sender, knows: false });
        receiver
    }

    #[test]
    fn who_does_not_read_is_dropped_and_nobody_waits_for_them() {
        let mut listeners = Listeners::default();
        let (mut quick, mut slow) = (listener(&mut listeners, true), listener(&mut listeners, true));
        for _ in 0..=BEHIND {
            listeners.tell(&Bytes::from_static(b"x"));
            assert!(quick.try_recv().is_ok());
        }
        assert_eq!(listeners.all.len(), 1);
        let kept = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(kept, BEHIND, "what came before is still theirs");
    }

    #[test]
    fn who_is_new_is_told_everything_once_and_whoever_may_not_know_nothing_more() {
        let mut listeners = Listeners::default();
        let (mut stays, mut leaves) = (listener(&mut listeners, true), listener(&mut listeners, false));
        let (everything, changes) = (Bytes::from_static(b"all"), Bytes::from_static(b"changes"));
        listeners.prune(Timestamp::UNIX_EPOCH);
        listeners.introduce(&everything, &changes);
        listeners.introduce(&everything, &changes);
        assert_eq!([stays.try_recv().unwrap(), stays.try_recv().unwrap()], [everything, changes]);
        assert!(leaves.try_recv().unwrap().starts_with(b"event: end\n"));
        assert!(leaves.try_recv().is_err());
    }
}
