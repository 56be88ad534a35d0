//! Gates: what is under way hears when its identity is cut, also when it lies idle.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dashmap::DashMap;
use forcefield_policy::names::IdentityName;
use tokio::sync::watch;

/// One gate for each identity that ever passed, so as many as configured.
#[derive(Default)]
pub(super) struct Gates(DashMap<IdentityName, Arc<watch::Sender<u64>>>);

/// Something that was let in, until it is dropped. Resolves when its identity is cut.
pub struct Admitted {
    cut: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    is_cut: bool,
}

// === impl Gates ===

impl Gates {
    pub(super) fn pass(&self, identity: &IdentityName) -> Admitted {
        let gate = match self.0.get(identity) {
            Some(gate) => gate.subscribe(),
            None => self.0.entry(identity.clone()).or_default().subscribe(),
        };
        let mut gate = gate;
        // The sender lives as long as the process: an error is as good as a cut.
        Admitted { cut: Box::pin(async move { drop(gate.changed().await) }), is_cut: false }
    }

    pub(super) fn cut(&self, identity: &IdentityName) {
        if let Some(gate) = self.0.get(identity) {
            gate.send_modify(|cuts| *cuts += 1);
        }
    }
}

// === impl Admitted ===

impl Admitted {
    /// Whether it was cut, of which `cx` is told when not yet.
    pub fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_cut && self.cut.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.is_cut = true;
        Poll::Ready(())
    }

    /// Runs work to its end, or until the cut: then `None`.
    pub async fn unless_cut<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let cut = std::future::poll_fn(|cx| self.poll_cut(cx));
        tokio::select! {
            biased;
            () = cut => None,
            done = work => Some(done),
        }
    }
}

impl std::fmt::Debug for Admitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted").field("is_cut", &self.is_cut).finish_non_exhaustive()
    }
}
