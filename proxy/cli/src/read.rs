//! The files of a configuration, read from disk: the I/O that the config room does without.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use forcefield_config::secret::SecretRef;
use forcefield_config::{Config, Problem, Problems, Source, identities_folder};
use jiff::civil::Date;
use thiserror::Error;
use zeroize::Zeroizing;

/// A configuration, and what is odd about it.
#[derive(Debug)]
pub struct Read {
    /// The configuration.
    pub config: Config,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
}

/// A configuration that cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file or folder that cannot be read.
    #[error("cannot read {0}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files that cannot be served.
    #[error(transparent)]
    Problems(#[from] Problems),
}

/// Reads and loads the configuration whose main file is at `path`.
///
/// Every `.yaml` and `.yml` file of the folder of identities is read, in the order of their names; other files, folders
/// and names that start with a dot are not.
///
/// # Errors
/// A file that cannot be read, or every problem of the files.
pub fn read_config(path: &Path, today: Date) -> Result<Read, ReadError> {
    let (main, identities) = read_sources(path)?;
    let root =
        std::path::absolute(root(path)).map_err(|source| ReadError::File { path: path.into(), source })?;
    let (config, warnings) = Config::load(&root, &main, &identities, today)?;
    Ok(Read { config, warnings })
}

/// Reads the main file and the identities' files.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn read_sources(path: &Path) -> Result<(Source, Vec<Source>), ReadError> {
    let main = read(path)?;
    let folder = root(path).join(identities_folder(&main));
    let failed = |source| ReadError::File { path: folder.clone(), source };
    let entries: Result<Vec<_>, _> = fs::read_dir(&folder).map_err(failed)?.collect();
    let mut files: Vec<PathBuf> = entries
        .map_err(failed)?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| is_identity(path))
        .collect();
    files.sort();
    let identities: Result<_, _> = files.iter().map(|file| read(file)).collect();
    Ok((main, identities?))
}

fn read(path: &Path) -> Result<Source, ReadError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Source { path: path.display().to_string(), text }),
        Err(source) => Err(ReadError::File { path: path.into(), source }),
    }
}

fn is_identity(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && !hidden && !path.is_dir()
}

/// The folder of the main file, from which relative paths start.
fn root(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a secret of the kinds that a command reads itself.
pub(crate) fn secret(reference: &SecretRef, root: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    match reference {
        SecretRef::File(path) => {
            let path = root.join(path);
            let read = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
            read.map(Zeroizing::new)
        }
        SecretRef::Env(name) => {
            let value = std::env::var(name).with_context(|| format!("cannot read env:{name}"));
            value.map(|value| Zeroizing::new(value.into_bytes()))
        }
        SecretRef::Vault { .. } | SecretRef::Exec(_) => {
            bail!("`{reference}` is not read by commands; use `file:PATH` or `env:NAME`")
        }
    }
}
