//! Refresh tokens that several replicas share, as `credentials` needs them: a record for each, sealed, and a key that the
//! one replica has that spends the token.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use forcefield_credentials::{Noted, SharedTokens, Shelf, Taken, TokensError};
use forcefield_limits::OutOfReach;
use redis::Script;
use ulid::Ulid;

use super::{EPOCH, Replicas, SETTLING, key};

#[async_trait]
impl SharedTokens for Replicas {
    async fn take(&self, shelf: &Shelf) -> Result<Taken, TokensError> {
        let turn = Ulid::new().to_string();
        let keys = [turn_of(shelf), record_of(shelf), key(&[EPOCH]), key(&[SETTLING])];
        let arguments = [self.epoch(), turn.clone(), GOOD_FOR.as_millis().to_string()];
        let answer: Vec<String> =
            self.link.run(&TAKE, &keys, &arguments).await.map_err(|OutOfReach| TokensError::OutOfReach)?;
        let mut answer = answer.into_iter();
        match answer.next().as_deref() {
            Some("yours") => Ok(Taken { turn, record: answer.next() }),
            _ => Err(TokensError::Busy),
        }
    }

    async fn replace(
        &self,
        shelf: &Shelf,
        turn: Option<&str>,
        before: Option<&str>,
        after: &str,
    ) -> Result<(), TokensError> {
        let keys = [turn_of(shelf), record_of(shelf)];
        let arguments = [
            turn.unwrap_or_default().to_owned(),
            before.unwrap_or_default().to_owned(),
            after.to_owned(),
            KEPT.to_string(),
            GOOD_FOR.as_millis().to_string(),
        ];
        let answer: String =
            self.link.run(&KEEP, &keys, &arguments).await.map_err(|OutOfReach| TokensError::OutOfReach)?;
        if answer == "done" { Ok(()) } else { Err(TokensError::Overtaken) }
    }

    async fn end(&self, shelf: &Shelf, turn: &str) {
        // Out of reach: then it ends by itself.
        let _ = self.link.run::<u64>(&END, &[turn_of(shelf)], &[turn.to_owned()]).await;
    }
}

impl Replicas {
    /// Tells a store that lost what it held which records it had.
    pub(super) async fn miss_tokens(&self, noted: &[Noted]) -> Result<(), OutOfReach> {
        for noted in noted {
            let arguments = [noted.generation.to_string(), noted.lost.clone(), KEPT.to_string()];
            self.link.run::<String>(&MISS, &[record_of(&noted.shelf)], &arguments).await?;
        }
        Ok(())
    }
}

fn turn_of(shelf: &Shelf) -> String {
    key(&["refreshing", shelf.identity.as_str()])
}

fn record_of(shelf: &Shelf) -> String {
    key(&["refresh", shelf.identity.as_str(), &shelf.mark])
}

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("keep.lua")));
static MISS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("miss.lua")));
static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])",
    )
});
/// How long a turn lasts that nobody ends: longer than an org may take to answer, from the moment that the token is sent.
const GOOD_FOR: Duration = Duration::from_secs(20);
/// How long a record is kept that nobody replaces, in seconds: as long as any refresh token goes on without use.
const KEPT: u64 = 400 * 24 * 3600;
