//! References to secrets: where a secret is, never what it is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Where a secret is. Reading it is the business of the credentials room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `file:PATH`, relative to the configuration's folder.
    File(PathBuf),
    /// `env:NAME`
    Env(String),
    /// `vault:MOUNT/PATH#FIELD`
    Vault {
        /// The mount of the KV v2 engine.
        mount: String,
        /// The path below it.
        path: String,
        /// The field of the secret.
        field: String,
    },
    /// `exec:COMMAND`: a program and its arguments, split at spaces; prints the secret.
    Exec(String),
}

/// Text that is not a reference to a secret. Holds none of it: it may be the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "is not a reference to a secret; write `file:PATH`, `env:NAME`, `vault:MOUNT/PATH#FIELD` or `exec:COMMAND`"
)]
pub struct InvalidSecretRef;

impl FromStr for SecretRef {
    type Err = InvalidSecretRef;
    fn from_str(text: &str) -> Result<Self, InvalidSecretRef> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidSecretRef)?;
        if rest.is_empty() || rest.contains('\n') {
            return Err(InvalidSecretRef);
        }
        match scheme {
            "file" => Ok(Self::File(rest.into())),
            "env" => Ok(Self::Env(rest.to_owned())),
            "exec" => Ok(Self::Exec(rest.to_owned())),
            "vault" => {
                let (place, field) = rest.split_once('#').ok_or(InvalidSecretRef)?;
                let (mount, path) = place.split_once('/').ok_or(InvalidSecretRef)?;
                let all = [mount, path, field];
                let odd = |segment: &str| matches!(segment, "" | "." | "..");
                if all.iter().any(|part| part.is_empty()) || path.split('/').any(odd) {
                    return Err(InvalidSecretRef);
                }
                Ok(Self::Vault { mount: mount.into(), path: path.into(), field: field.into() })
            }
            _ => Err(InvalidSecretRef),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Env(name) => write!(f, "env:{name}"),
            Self::Vault { mount, path, field } => write!(f, "vault:{mount}/{path}#{field}"),
            Self::Exec(command) => write!(f, "exec:{command}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_read_back_as_written() {
        for text in ["file:keys/a.pem", "env:CLIENT_ID", "vault:secret/billing/prod#key", "exec:pass show x"]
        {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_inline_secret_is_not_a_reference_and_is_not_repeated() {
        for text in [
            "hunter2",
            "3MVG9.abc",
            "-----BEGIN KEY-----",
            "file:",
            "vault:a#b",
            "https:x",
            "vault:a/b//c#d",
            "vault:a/../b#c",
            "vault:a/b/#c",
        ] {
            let error = text.parse::<SecretRef>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
