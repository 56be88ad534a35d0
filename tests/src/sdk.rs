//! Stock SDKs, installed unmodified from their registries into the target directory, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

/// Where SDKs are installed: beside the compiled tests, so that they go with `cargo clean`.
fn installed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sdk").join(name)
}

/// A script of `tests/sdk`.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(name)
}

/// The Python that has these packages, installed now if it is not there.
///
/// # Errors
/// When PyPI or `python3 -m venv` fails.
pub fn python(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let _one_at_a_time = INSTALLING.lock();
    let folder = installed(name);
    let (python, done) = (folder.join("bin/python"), folder.join(".installed"));
    if fs::read_to_string(&done).ok().as_deref() != Some(&*packages.join(" ")) {
        fs::create_dir_all(&folder)?;
        run("python3", &["-m", "venv", path(&folder)?])?;
        run(
            path(&python)?,
            &[&["-m", "pip", "install", "--quiet", "--disable-pip-version-check"], packages].concat(),
        )?;
        fs::write(done, packages.join(" "))?;
    }
    Ok(python)
}

/// The folder whose `node_modules` has these packages, installed now if they are not there.
///
/// # Errors
/// When npm fails.
pub fn node(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let _one_at_a_time = INSTALLING.lock();
    let folder = installed(name);
    let done = folder.join(".installed");
    if fs::read_to_string(&done).ok().as_deref() != Some(&*packages.join(" ")) {
        fs::create_dir_all(&folder)?;
        let options = [
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            path(&folder)?,
        ];
        run("npm", &[&options, packages].concat())?;
        fs::write(done, packages.join(" "))?;
    }
    Ok(folder)
}

/// Runs a client to its end and reads the JSON object that it prints.
///
/// # Errors
/// When it fails; the error holds what it wrote.
pub async fn run_client(mut command: Command) -> Result<Value> {
    let output = command.kill_on_drop(true).output().await.context("starting the client")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("the client failed: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_str(text.trim()).with_context(|| format!("not JSON: {text}"))
}

static INSTALLING: Mutex<()> = Mutex::new(());

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = std::process::Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the path is not text")
}
