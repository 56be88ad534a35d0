//! The refresh flow: the newest token is spent, and its successor kept before anything else is done with the answer.

use std::time::Duration;

use forcefield_config::secret::SecretRef;
use serde::Deserialize;
use tokio::time::timeout;

use super::Credential;
use crate::error::Problem;
use crate::fetch::FetchError;
use crate::flow;
use crate::material::Material;
use crate::minted::Minted;
use crate::rotation::{Newest, Rotates, Turn};
use crate::secret::Secret;

/// The client that a refresh token belongs to.
pub(super) type Client<'a> = (&'a SecretRef, Option<&'a SecretRef>);

/// The one member that matters of an answer to the question whether a token lives.
#[derive(Deserialize)]
struct RawIntrospection {
    active: bool,
}

impl Credential {
    /// Spends the newest refresh token that grew out of the configured one.
    pub(super) async fn refresh(
        &self,
        client: Client<'_>,
        configured: &Secret,
        material: &Material,
    ) -> Result<Minted, Problem> {
        let (mut turn, Newest { token, in_doubt }) = self.rotation.turn(configured).await?;
        let token = token.as_ref().unwrap_or(configured);
        let ready = async {
            if in_doubt {
                self.settle_doubt(client, token, material).await?;
            }
            let form = flow::refresh(token, client, material)?;
            turn.spend(token).await.map(|()| form)
        };
        match ready.await {
            Ok(form) => {
                let sent = self.fetch.post_form(&self.org, "/services/oauth2/token", form);
                let answer = timeout(DEADLINE, sent).await.unwrap_or(Err(FetchError::TimedOut));
                let minted = answer.map_err(Problem::from).and_then(|answer| Minted::read(&answer));
                settle(turn, token, minted).await
            }
            Err(problem) => {
                turn.end().await;
                Err(problem)
            }
        }
    }

    /// Asks the org whether a token lives that a mint without an answer may have spent: to find out by spending it
    /// would be what a thief does.
    async fn settle_doubt(
        &self,
        client: Client<'_>,
        token: &Secret,
        material: &Material,
    ) -> Result<(), Problem> {
        let form = flow::introspect(token, client, material)?;
        let answer = self.fetch.post_form(&self.org, "/services/oauth2/introspect", form).await?;
        let says: Option<RawIntrospection> =
            serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200);
        match says {
            Some(RawIntrospection { active: true }) => Ok(()),
            Some(RawIntrospection { active: false }) => Err(Problem::TokenSpent),
            None => Err(Problem::TokenInDoubt(answer.status)),
        }
    }
}

/// Keeps what the answer says of the refresh token. Without one that says so it stays in doubt.
async fn settle(turn: Turn, token: &Secret, minted: Result<Minted, Problem>) -> Result<Minted, Problem> {
    match minted {
        Ok(minted) => {
            let rotated = minted.refresh_token.as_ref().filter(|new| new.as_bytes() != token.expose());
            match rotated {
                Some(rotated) => turn.keep(token, Secret::new(rotated.as_bytes().to_vec())).await?,
                None => turn.unspent(token, Rotates::No).await,
            }
            Ok(minted)
        }
        Err(problem) => {
            if problem.leaves_the_token() {
                turn.unspent(token, Rotates::AsBefore).await;
            } else {
                turn.end().await;
            }
            Err(problem)
        }
    }
}

/// How long the org may take: less than a turn lasts.
const DEADLINE: Duration = Duration::from_secs(10);
