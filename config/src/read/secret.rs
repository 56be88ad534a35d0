//! References to secrets, and hashes of them. Messages never repeat what was written: it may be the secret.

use argon2::{Params, PasswordHash as Phc};
use serde_json::{Value as Json, json};

use super::{Leaf, Wrong};
use crate::problem::{Place, Report};
use crate::secret::{InvalidSecretRef, SecretRef};
use crate::yaml::Scalar;

/// An argon2id hash as a PHC string, within bounds that a login can afford.
#[derive(Clone, Debug)]
pub(crate) struct PasswordHash {
    pub(crate) text: String,
    /// Whether guessing it is cheaper than OWASP's least.
    pub(crate) weak: bool,
}

impl Leaf for SecretRef {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        scalar.text.parse().map_err(|InvalidSecretRef| {
            let help = "write `file:PATH`, `env:NAME`, `vault:MOUNT/PATH#FIELD` or `exec:COMMAND`; secrets are never written inline";
            Wrong::new("this is not a reference to a secret", help)
        })
    }

    fn note(&self, at: Place, report: &mut Report<'_>) {
        if let Self::Vault { .. } = self {
            report.reads_vault(at);
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a reference to a secret: `file:PATH`, `env:NAME`, `vault:MOUNT/PATH#FIELD` or `exec:COMMAND`", "pattern": "^(file|env|exec):.+|^vault:[^/]+/[^#]+#.+" })
    }
}

impl Leaf for PasswordHash {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong =
            |message: &str| Wrong::new(message, "write the line that `forcefield hash-secret` prints");
        let phc = Phc::new(&scalar.text).map_err(|_| wrong("this is not an argon2id hash (PHC string)"))?;
        if phc.algorithm.as_str() != "argon2id" || phc.version != Some(0x13) {
            return Err(wrong("this is a hash of another algorithm than argon2id, version 19"));
        }
        let params =
            Params::try_from(&phc).map_err(|_| wrong("the parameters of this hash are not argon2id's"))?;
        if phc.salt.is_none() || phc.hash.is_none_or(|hash| hash.len() < SHORTEST_HASH) {
            return Err(wrong("this hash has no salt, or less than 16 bytes of output"));
        }
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        if memory > MOST_MEMORY || passes > MOST_PASSES || lanes > MOST_LANES {
            return Err(wrong("this hash costs more than a login may (m=262144, t=16, p=16)"));
        }
        let weak = u64::from(memory) * u64::from(passes) < LEAST_WORK;
        Ok(Self { text: scalar.text.clone().into_owned(), weak })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an argon2id hash, as `forcefield hash-secret` prints it", "pattern": "^\\$argon2id\\$v=19\\$" })
    }
}

/// Bytes.
const SHORTEST_HASH: usize = 16;
/// KiB.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
/// KiB times passes: the least of the settings in OWASP's password storage cheat sheet (m=7168, t=5).
const LEAST_WORK: u64 = 7168 * 5;
