//! Reads secrets where the configuration says they are. Nothing is cached: a changed secret is taken up by the next
//! reader.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use forcefield_config::config::Vault as VaultSettings;
use forcefield_config::secret::SecretRef;
use thiserror::Error;

use crate::Secret;
use crate::pace::around;
use crate::vault::{Carry, Place, Vault, VaultProblem};

/// Reads secrets by reference.
#[derive(Clone, Debug)]
pub struct Secrets {
    root: Arc<Path>,
    vault: Option<Arc<Vault>>,
}

/// A secret that could not be read. Names the reference, never what it holds.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file cannot be opened or read.
    #[error("cannot read the secret `{reference}`")]
    Read {
        /// Where it should be.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The environment has no such variable, or its value is not text.
    #[error("the secret `env:{0}` is not set in the environment of this process")]
    NotSet(String),
    /// The command failed. What it wrote is not repeated: it may be the secret.
    #[error("the command of the secret `exec:{0}` failed; it has to print the secret and exit with status 0")]
    Command(String),
    /// The command did not end in time and was stopped.
    #[error("the command of the secret `exec:{0}` did not end within 10 seconds")]
    Deadline(String),
    /// Nothing there.
    #[error("the secret `{0}` is empty")]
    Empty(SecretRef),
    /// More than a secret ever is.
    #[error("the secret `{0}` is larger than 1 MiB")]
    TooLarge(SecretRef),
    /// Bytes where text is needed.
    #[error("the secret `{0}` is not text")]
    NotText(SecretRef),
    /// Vault did not give it.
    #[error("cannot read the secret `{reference}`: {problem}")]
    Vault {
        /// Where it should be.
        reference: SecretRef,
        /// Why not.
        problem: VaultProblem,
    },
    /// No Vault to read it from.
    #[error("cannot read the secret `{0}`: the configuration that this process started with has no `vault`")]
    NoVault(SecretRef),
    /// The process is ending.
    #[error("the secret `{0}` was not read because the process is ending")]
    Ending(SecretRef),
}

// === impl SecretError ===

impl SecretError {
    /// Whether it may pass by itself: the source is away, not the secret. What someone has taken away stays away.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Deadline(_) | Self::Ending(_) => true,
            Self::Vault { problem, .. } => problem.is_passing(),
            Self::Read { .. }
            | Self::NotSet(_)
            | Self::Command(_)
            | Self::Empty(_)
            | Self::TooLarge(_)
            | Self::NotText(_)
            | Self::NoVault(_) => false,
        }
    }
}

// === impl Secrets ===

impl Secrets {
    /// Reads `file:` references relative to `root`, the folder of the configuration, and runs commands in it.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), vault: None }
    }

    /// Reads `vault:` references too, from the Vault of these settings, through `carrier`. Nothing is asked before the
    /// first such secret is read.
    #[must_use]
    pub fn with_vault(self, settings: VaultSettings, carrier: Arc<dyn Carry>) -> Self {
        let vault = Arc::new(Vault::new(settings, Self::new(&self.root), carrier));
        Self { vault: Some(vault), ..self }
    }

    /// Reads one secret off the async threads. One line ending after it is not part of it.
    ///
    /// # Errors
    /// See [`SecretError`]; an empty secret is an error too.
    pub async fn read(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        if let SecretRef::Vault { .. } = reference {
            return Ok(self.read_vault(reference).await?.0);
        }
        let (secrets, reference) = (self.clone(), reference.clone());
        let ending = SecretError::Ending(reference.clone());
        tokio::task::spawn_blocking(move || secrets.read_blocking(&reference)).await.unwrap_or(Err(ending))
    }

    /// Reads one secret where waiting is fine: at start-up, and when a changed configuration is taken up.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_blocking(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let bytes = match reference {
            SecretRef::File(path) => self
                .file(path)
                .map_err(|source| SecretError::Read { reference: reference.clone(), source })?,
            SecretRef::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::NotSet(name.clone()))?.into_bytes()
            }
            SecretRef::Exec(command) => self.run(command)?,
            SecretRef::Vault { .. } => return self.read_vault_blocking(reference),
        };
        whole(reference, Secret::new(bytes))
    }

    /// Whether one of these secrets is in Vault and has changed since it was last read. Those that nobody has read yet
    /// are not.
    pub async fn have_changed(&self, references: &[&SecretRef]) -> bool {
        let Some(vault) = &self.vault else { return false };
        let mut changed = false;
        for reference in references.iter().filter(|reference| vault.has_seen(reference)) {
            match self.read_vault(reference).await {
                Ok((_, another)) => changed |= another,
                Err(error) => {
                    tracing::warn!(%error, "it is not known whether this secret has changed; it goes on as it was");
                    if error.is_passing() {
                        break;
                    }
                }
            }
        }
        changed
    }

    /// How long to wait before it is looked whether secrets in Vault have changed: around what is configured, so that
    /// replicas do not ask all at once. `None` without a Vault.
    #[must_use]
    pub fn look_again_after(&self) -> Option<Duration> {
        self.vault.as_ref().map(|vault| around(vault.refresh()))
    }

    /// The folder that relative references start from.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a secret from Vault, and tells whether it is another than the time before.
    async fn read_vault(&self, reference: &SecretRef) -> Result<(Secret, bool), SecretError> {
        let (Some(vault), SecretRef::Vault { mount, path, field }) = (&self.vault, reference) else {
            return Err(SecretError::NoVault(reference.clone()));
        };
        let failed = |problem| SecretError::Vault { reference: reference.clone(), problem };
        let secret = Box::pin(vault.read(&Place { mount, path, field })).await.map_err(failed)?;
        let secret = whole(reference, secret)?;
        let changed = vault.note(reference, &secret);
        Ok((secret, changed))
    }

    /// Waits for Vault on a thread of its own, since this one may be driving a runtime.
    fn read_vault_blocking(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let ending = || SecretError::Ending(reference.clone());
        let read = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|_| ending())?.block_on(self.read_vault(reference))
        };
        let read = std::thread::scope(|scope| scope.spawn(read).join()).unwrap_or_else(|_| Err(ending()));
        read.map(|(secret, _)| secret)
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path: PathBuf = self.root.join(path);
        let file = std::fs::File::open(&path)?;
        let readable_by_all = readable_by_all(&file)?;
        let bytes = bounded(file)?;
        if readable_by_all && !bytes.starts_with(b"-----BEGIN CERTIFICATE") {
            tracing::warn!(path = %path.display(), "every user of this host can read this file of a secret");
        }
        Ok(bytes)
    }

    fn run(&self, command: &str) -> Result<Vec<u8>, SecretError> {
        let failed = || SecretError::Command(command.to_owned());
        let mut words = command.split_ascii_whitespace();
        let program = words.next().ok_or_else(failed)?;
        let mut child = Command::new(program)
            .args(words)
            .current_dir(&*self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|_| failed())?;
        let printed = printed(&mut child);
        if printed.is_none() {
            // The command may be past killing already; either way it is reaped.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|_| failed())?;
        match printed {
            None => Err(SecretError::Deadline(command.to_owned())),
            Some(Ok(bytes)) if status.success() => Ok(bytes),
            Some(_) => Err(failed()),
        }
    }
}

/// Everything that a command prints; `None` when it has not closed its output in time.
fn printed(child: &mut Child) -> Option<io::Result<Vec<u8>>> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        // The receiver is gone only after the deadline.
        let _ = sender.send(bounded(stdout));
    });
    receiver.recv_timeout(DEADLINE).ok()
}

fn bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4096);
    source.take(LARGEST as u64 + 2).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A secret without the line ending after it, when it is one.
fn whole(reference: &SecretRef, secret: Secret) -> Result<Secret, SecretError> {
    let secret = secret.trimmed();
    match secret.expose().len() {
        0 => Err(SecretError::Empty(reference.clone())),
        LARGEST.. => Err(SecretError::TooLarge(reference.clone())),
        _ => Ok(secret),
    }
}

#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> io::Result<bool> {
    Ok(false)
}

const LARGEST: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
