//! The refresh token of several replicas: sealed, in a record of the store that they share, spent by one at a time.
//!
//! A record is replaced by another with the next number only if it still is what it was taken to be. Before a token is
//! spent the record says so; after, it holds the token's successor, which the replica has written to its own disk first.
//! Whoever finds a record that says that its token is being spent, and has the turn, cannot know whether the org has
//! ended it: that is in doubt, and the org is asked. A record older than one that this replica has seen is not used, nor
//! is an absent one: spending a token twice is what a thief does, and the org then ends all that came from the login.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::names::IdentityName;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::local::{self, Known, Local, Undelivered};
use super::seal::{Seal, Unopened};
use super::store::{Noted, SharedTokens, Shelf, Taken, TokensError};
use super::{Newest, Rotates, blocking};
use crate::error::Problem;
use crate::secret::Secret;

/// What several replicas share refresh tokens by.
#[derive(Clone)]
pub struct Sharing {
    /// Where the records are.
    pub store: Arc<dyn SharedTokens>,
    /// What seals the tokens in them.
    pub seal: Arc<Seal>,
}

/// Where the newest refresh token of an identity is kept.
#[derive(Clone)]
pub(crate) struct Shared {
    sharing: Sharing,
    /// The id of the org: a sealed token is one of this org and this identity, or none.
    org: String,
    identity: IdentityName,
    state: PathBuf,
}

/// The right to spend the token.
pub(crate) struct Turn {
    shared: Shared,
    shelf: Shelf,
    local: Local,
    name: String,
    since: Instant,
    /// The record as it is in the store, and its text there.
    record: Option<(Record, String)>,
}

/// What the store holds. All of it but the lost ones is bound to the sealed token.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    generation: u64,
    state: State,
    /// Whether the org is taken to give a new token for each that is spent.
    rotates: bool,
    #[serde(default)]
    key: String,
    #[serde(default)]
    sealed: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The token is the newest.
    Kept,
    /// The token is being spent.
    Spending,
    /// The token was newer than what the store had.
    Lost,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(sharing: &Sharing, state: &Path, (org, identity): (&str, &IdentityName)) -> Self {
        Self {
            sharing: sharing.clone(),
            org: org.to_owned(),
            identity: identity.clone(),
            state: state.to_owned(),
        }
    }

    /// Waits until no other replica is spending the token.
    pub(crate) async fn turn(&self, mark: String) -> Result<(Turn, Newest), Problem> {
        let shelf = Shelf { identity: self.identity.clone(), mark };
        let until = Instant::now() + PATIENCE;
        let (since, Taken { turn, record }) = loop {
            let since = Instant::now();
            match self.sharing.store.take(&shelf).await {
                Ok(taken) => break (since, taken),
                Err(TokensError::Busy) if since < until => sleep(PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        };
        let local = Local::new(&self.state, &shelf);
        let mut turn = Turn { shared: self.clone(), shelf, local, name: turn, since, record: None };
        match turn.look(record).await {
            Ok(newest) => Ok((turn, newest)),
            Err(problem) => {
                turn.end().await;
                Err(problem)
            }
        }
    }
}

// === impl Turn ===

impl Turn {
    /// Reads the record that the turn began with.
    async fn look(&mut self, record: Option<String>) -> Result<Newest, Problem> {
        let local = self.local.clone();
        let known = blocking(move || local.read()).await?;
        self.record = record.map(|text| Ok::<_, Problem>((Record::read(&text)?, text))).transpose()?;
        let there = self.record.as_ref().map_or(0, |(record, _)| record.generation);
        if let Some(known) = known.as_ref().filter(|known| there < known.generation) {
            self.deliver(known.undelivered.as_ref()).await?;
        }
        let Some((record, _)) = &self.record else { return Ok(Newest { token: None, in_doubt: false }) };
        let token = record.token(&self.shared, &self.shelf)?;
        let in_doubt = record.state == State::Spending && record.rotates;
        self.note(None).await?;
        Ok(Newest { token: Some(token), in_doubt })
    }

    /// Puts the record into the store that this replica could not put there before: nothing else may have happened
    /// since.
    async fn deliver(&mut self, undelivered: Option<&Undelivered>) -> Result<(), Problem> {
        let there = self.record.as_ref().map(|(_, text)| text);
        let fits = undelivered.filter(|undelivered| there == Some(&undelivered.before));
        let Undelivered { before, after } = fits.ok_or(Problem::TokenLost)?;
        let record = (Record::read(after)?, after.clone());
        self.shared.sharing.store.replace(&self.shelf, Some(&self.name), Some(before), after).await?;
        self.record = Some(record);
        Ok(())
    }

    /// Notes in the store that this token is about to be spent, as long as nobody else can be about to.
    pub(super) async fn spend(&mut self, token: &Secret) -> Result<(), Problem> {
        self.still_mine()?;
        let rotates = self.record.as_ref().is_none_or(|(record, _)| record.rotates);
        let (record, text) = self.next((State::Spending, rotates), token)?;
        let before = self.record.as_ref().map(|(_, text)| text.as_str());
        self.shared.sharing.store.replace(&self.shelf, Some(&self.name), before, &text).await?;
        self.record = Some((record, text));
        // From now on an older record is known to be one.
        self.note(None).await?;
        self.still_mine()
    }

    /// Whether there is time left to send the token: whoever has the next turn must not find it on its way.
    fn still_mine(&self) -> Result<(), Problem> {
        if self.since.elapsed() < SPENT_WITHIN { Ok(()) } else { Err(TokensError::Overtaken.into()) }
    }

    /// Keeps the successor of the token that was spent: on the disk of this replica, and then in the store.
    pub(super) async fn keep(mut self, rotated: &Secret) -> Result<(), Problem> {
        let (record, after) = self.next((State::Kept, true), rotated)?;
        let before = self.record.take().map(|(_, text)| text).unwrap_or_default();
        self.record = Some((record, after.clone()));
        // Should the disk not take it, the store still may.
        let noted = self.note(Some(Undelivered { before: before.clone(), after: after.clone() })).await;
        let until = Instant::now() + HELD;
        loop {
            let replaced = self.shared.sharing.store.replace(&self.shelf, None, Some(&before), &after).await;
            match replaced {
                Ok(()) => break,
                Err(TokensError::OutOfReach) if Instant::now() < until => sleep(PAUSE).await,
                // It is on the disk, and delivered at the next turn of this replica.
                Err(error) => return Err(noted.err().unwrap_or(error.into())),
            }
        }
        self.note(None).await?;
        self.end().await;
        Ok(())
    }

    /// Notes that the token was not spent, or is good for more.
    pub(super) async fn unspent(mut self, token: &Secret, org: Rotates) {
        let rotates = match org {
            Rotates::No => false,
            Rotates::AsBefore => self.record.as_ref().is_none_or(|(record, _)| record.rotates),
        };
        if let Ok((record, after)) = self.next((State::Kept, rotates), token) {
            let before = self.record.as_ref().map(|(_, text)| text.as_str());
            let replaced = self.shared.sharing.store.replace(&self.shelf, None, before, &after).await;
            if replaced.is_ok() {
                self.record = Some((record, after));
                if let Err(error) = self.note(None).await {
                    tracing::warn!(%error, "what is known of the shared refresh token cannot be written down");
                }
            }
        }
        self.end().await;
    }

    /// Gives the turn back.
    pub(super) async fn end(self) {
        self.shared.sharing.store.end(&self.shelf, &self.name).await;
    }

    /// The record after the one in the store.
    fn next(&self, (state, rotates): (State, bool), token: &Secret) -> Result<(Record, String), Problem> {
        let generation = self.record.as_ref().map_or(0, |(record, _)| record.generation).saturating_add(1);
        let mut record = Record { generation, state, rotates, key: String::new(), sealed: String::new() };
        let about = record.about(&self.shared, &self.shelf);
        (record.key, record.sealed) =
            self.shared.sharing.seal.seal(&about, token).ok_or(Problem::TokenSealed)?;
        let text = record.text()?;
        Ok((record, text))
    }

    /// Writes down that there is a record of this number.
    async fn note(&self, undelivered: Option<Undelivered>) -> Result<(), Problem> {
        let Some((record, _)) = &self.record else { return Ok(()) };
        let Shelf { identity, mark } = &self.shelf;
        let known = Known {
            identity: identity.as_str().to_owned(),
            mark: mark.clone(),
            generation: record.generation,
            undelivered,
        };
        let local = self.local.clone();
        blocking(move || local.write(&known)).await
    }
}

// === impl Record ===

impl Record {
    fn read(text: &str) -> Result<Self, Problem> {
        serde_json::from_str(text).map_err(|_| Problem::TokenSealed)
    }

    fn text(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(|_| Problem::TokenSealed)
    }

    fn token(&self, shared: &Shared, shelf: &Shelf) -> Result<Secret, Problem> {
        if self.state == State::Lost {
            return Err(Problem::TokenLost);
        }
        let opened = shared.sharing.seal.open(&self.about(shared, shelf), (&self.key, &self.sealed));
        opened.map_err(|unopened| match unopened {
            Unopened::OtherKey => Problem::TokenOtherKey,
            Unopened::Broken => Problem::TokenSealed,
        })
    }

    /// What a sealed token is bound to.
    fn about(&self, shared: &Shared, shelf: &Shelf) -> String {
        let Self { generation, state, rotates, key: _, sealed: _ } = self;
        let Shelf { identity, mark } = shelf;
        format!(
            "forcefield refresh token\n{}\n{identity}\n{mark}\n{generation}\n{state:?}\n{rotates}",
            shared.org
        )
    }
}

/// The records that this replica knows to have been in the store, for one that has lost them.
pub(crate) fn noted(state: &Path) -> std::io::Result<Vec<Noted>> {
    let noted = |(shelf, known): (Shelf, Known)| {
        // What was never there is not missing there.
        let generation = known.generation.saturating_sub(u64::from(known.undelivered.is_some()));
        let (state, rotates) = (State::Lost, true);
        let lost = Record { generation, state, rotates, key: String::new(), sealed: String::new() };
        Some(Noted { shelf, generation, lost: serde_json::to_string(&lost).ok()? })
    };
    Ok(local::all(state)?.into_iter().filter_map(noted).collect())
}

/// How long a replica waits for its turn, and between two looks whether it has come.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(50);
/// How long after the turn began the token may still be sent: long before the turn ends by itself.
const SPENT_WITHIN: Duration = Duration::from_secs(8);
/// How long a successor is held while the store does not take it.
const HELD: Duration = Duration::from_secs(6);
