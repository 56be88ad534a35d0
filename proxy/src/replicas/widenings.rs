//! Proposals and break-glass grants of several replicas, as `control` needs them: a stream of them for each epoch, and one
//! claim on each proposal.
//!
//! A store that lost what it held may have lost that a grant ended or a proposal was put aside. So nothing of the epoch
//! before is told again: with a new epoch every replica lets go of all of them, and people grant anew.

use std::io;
use std::sync::{Arc, LazyLock};

use forcefield_control::SharedWidenings;
use forcefield_limits::OutOfReach;
use redis::Script;

use super::{EPOCH, Replicas, key};
use crate::service::Service;

impl SharedWidenings for Replicas {
    fn tell(&self, line: &str, later: bool) -> io::Result<()> {
        let own = line.to_owned();
        let told = self.wait(|replicas| async move { replicas.tell_widening(&own).await });
        if told.is_err() && later {
            self.memory().keep_untold_end(line)?;
        }
        told
    }

    fn claim(&self, proposal: &str, claim: &str) -> io::Result<String> {
        let (at, claim) = (key(&["proposal", proposal]), claim.to_owned());
        self.wait(|replicas| async move {
            let arguments = [replicas.epoch(), claim, KEPT.to_string()];
            replicas.link.run(&CLAIM, &[key(&[EPOCH]), at], &arguments).await
        })
    }

    fn hears(&self) -> bool {
        Replicas::hears(self)
    }
}

impl Replicas {
    /// The stream of widenings of this epoch.
    pub(super) fn widenings(&self) -> String {
        key(&["widenings", &self.epoch()])
    }

    pub(super) async fn tell_widening(&self, line: &str) -> Result<(), OutOfReach> {
        let arguments = [self.epoch(), line.to_owned(), KEPT.to_string()];
        self.link.run(&TELL, &[key(&[EPOCH]), self.widenings()], &arguments).await
    }

    /// Takes up a widening, or the end of one, that some replica told.
    pub(super) fn heard_widening(&self, service: &Arc<Service>, id: String, line: &str) {
        let widenings = Arc::clone(&service.live.load().standing().widenings);
        match widenings.hear(line) {
            Ok(false) => {}
            Ok(true) => service.follow_grants(),
            Err(error) => {
                // What cannot be taken up may have ended a grant.
                tracing::error!(%error, "what was granted or ended at another replica may not be known here: nothing is granted beyond the files");
                if let Err(error) = Self::forget_widenings(service) {
                    tracing::error!(%error, "that break-glass grants ended cannot be written down");
                }
            }
        }
        if let Err(error) = self.memory().heard_widening(id) {
            tracing::warn!(%error, "what this replica knows of the store cannot be written down");
        }
    }

    /// Lets go of all widenings before another epoch is entered.
    pub(super) fn forget_widenings(service: &Arc<Service>) -> io::Result<()> {
        let forgotten = Arc::clone(&service.live.load().standing().widenings).forget();
        service.follow_grants();
        forgotten
    }
}

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("tell.lua")));
static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
/// Longer than a grant and the proposal before it may last, in seconds.
const KEPT: u32 = 26 * 3600;
