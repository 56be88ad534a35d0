//! Refresh tokens that the org rotates: the newest one is kept before anything else happens, since the one before it is
//! dead. A single replica keeps it in its state folder; several keep it in the store that they share, and one of them
//! spends it at a time.

mod doubts;
mod file;
mod local;
mod own;
mod seal;
mod shared;
mod store;

use aws_lc_rs::digest::{SHA256, digest};

use crate::error::Problem;
use crate::secret::Secret;
pub(crate) use own::Own;
pub use seal::{KeyError, Seal};
pub use shared::Sharing;
pub(crate) use shared::{Shared, noted};
pub use store::{Noted, SharedTokens, Shelf, Taken, TokensError};

/// Where the newest refresh token of an identity is kept.
pub(crate) enum Rotation {
    /// By a single replica.
    Own(Own),
    /// By several.
    Shared(Shared),
}

/// The right to spend the refresh token. With several replicas it ends with [`Turn::end`], or by itself after a while.
pub(crate) enum Turn {
    Own(own::Turn, String),
    Shared(Box<shared::Turn>),
}

/// What is to be spent next.
pub(crate) struct Newest {
    /// The newest token that grew out of the configured one; `None` when that was never rotated.
    pub(crate) token: Option<Secret>,
    /// Whether it may have been spent already by a mint whose answer is not known.
    pub(crate) in_doubt: bool,
}

// === impl Rotation ===

impl Rotation {
    /// Waits for the turn to spend what grew out of the configured token.
    pub(crate) async fn turn(&self, configured: &Secret) -> Result<(Turn, Newest), Problem> {
        let mark = mark(configured);
        match self {
            Self::Own(own) => {
                let own = own.clone();
                blocking(move || {
                    let turn = own.turn()?;
                    let token = turn.newest(&mark)?;
                    let sent = token.as_ref().map_or_else(|| mark.clone(), self::mark);
                    let in_doubt = turn.doubts().holds(&sent)?;
                    Ok((Turn::Own(turn, mark), Newest { token, in_doubt }))
                })
                .await
            }
            Self::Shared(shared) => {
                let (turn, newest) = shared.turn(mark).await?;
                Ok((Turn::Shared(Box::new(turn)), newest))
            }
        }
    }
}

// === impl Turn ===

impl Turn {
    /// Notes, for whoever has the next turn, that the token is about to be spent.
    pub(crate) async fn spend(&mut self, token: &Secret) -> Result<(), Problem> {
        match self {
            Self::Own(turn, _) => {
                let (doubts, token) = (turn.doubts(), mark(token));
                blocking(move || doubts.spend(&token)).await
            }
            Self::Shared(turn) => turn.spend(token).await,
        }
    }

    /// Keeps the token that the org gave in the place of the one that was spent. It survives whatever happens, and
    /// whoever has the next turn finds it, when this returns.
    pub(crate) async fn keep(self, spent: &Secret, rotated: Secret) -> Result<(), Problem> {
        match self {
            Self::Own(turn, configured) => {
                let spent = mark(spent);
                blocking(move || {
                    turn.keep(&configured, rotated.expose())?;
                    turn.doubts().forget(&spent);
                    Ok(())
                })
                .await
            }
            Self::Shared(turn) => turn.keep(&rotated).await,
        }
    }

    /// Notes that the org took the token and gave no other, or refused it: it is the newest still. What cannot be noted
    /// is in doubt at the next turn.
    pub(crate) async fn unspent(self, token: &Secret, org: Rotates) {
        match self {
            Self::Own(turn, _) => {
                let token = mark(token);
                let noted = blocking(move || turn.doubts().unspent(&token, org)).await;
                noted.unwrap_or_else(|error| tracing::warn!(%error, "{UNNOTED}"));
            }
            Self::Shared(turn) => turn.unspent(token, org).await,
        }
    }

    /// Gives the turn back.
    pub(crate) async fn end(self) {
        match self {
            Self::Own(..) => {}
            Self::Shared(turn) => turn.end().await,
        }
    }
}

/// Whether the org gives a new refresh token for the one that is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rotates {
    /// It did not, this time.
    No,
    /// Nothing is known that was not known before.
    AsBefore,
}

/// Tells which configured refresh token a rotated one grew out of, without holding it.
pub(crate) fn mark(configured: &Secret) -> String {
    digest(&SHA256, configured.expose()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

const UNNOTED: &str = "what came of a refresh token cannot be written down";

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::BrokenOff)?.map_err(Problem::State)
}
