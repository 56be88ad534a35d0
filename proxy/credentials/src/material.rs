//! The secrets of one credential, read together: what a mint is made with, and proven by.

use aws_lc_rs::digest::{Context, SHA256};
use forcefield_config::config::Credential as Flow;
use forcefield_config::secret::SecretRef;

use crate::error::Problem;
use crate::secret::Secret;
use crate::secrets::{SecretError, Secrets};

/// The secrets that a flow refers to, as they were at one time.
#[derive(Debug)]
pub(crate) struct Material {
    secrets: Vec<(SecretRef, Secret)>,
    mark: Mark,
}

/// Tells one material from another without holding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; 32]);

// === impl Material ===

impl Material {
    /// Reads every secret of a flow anew.
    pub(crate) async fn read(flow: &Flow, secrets: &Secrets) -> Result<Self, SecretError> {
        let mut read = Vec::new();
        for reference in flow.secrets() {
            read.push((reference.clone(), secrets.read(reference).await?));
        }
        let mark = Mark::of(&read);
        Ok(Self { secrets: read, mark })
    }

    /// One of the flow's secrets.
    pub(crate) fn of(&self, reference: &SecretRef) -> Result<&Secret, Problem> {
        let found = self.secrets.iter().find(|(known, _)| known == reference);
        // INVARIANT: every secret of the flow was read.
        found.map(|(_, secret)| secret).ok_or(Problem::BrokenOff)
    }

    /// The same as text.
    pub(crate) fn text(&self, reference: &SecretRef) -> Result<&str, Problem> {
        let text = self.of(reference)?.expose_text();
        text.ok_or_else(|| SecretError::NotText(reference.clone()).into())
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }
}

impl Mark {
    fn of(secrets: &[(SecretRef, Secret)]) -> Self {
        let mut digest = Context::new(&SHA256);
        for (_, secret) in secrets {
            // Each preceded by its length, so that no two lists run together.
            digest.update(&(secret.expose().len() as u64).to_be_bytes());
            digest.update(secret.expose());
        }
        let mut mark = [0; 32];
        mark.copy_from_slice(digest.finish().as_ref());
        Self(mark)
    }
}
