//! `audit verify`, with the keys of the record or with the public key alone, and `audit public-key`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use forcefield_audit::{AuditKey, Proofs, PublicKeys, Report, Unsigned};
use forcefield_config::config::State;
use forcefield_config::secret::SecretRef;
use jiff::civil::Date;
use serde_json::json;

use crate::args::Output;
use crate::read::{read_config, secret};
use crate::terminal::{Exit, Terminal};

/// The arguments of `audit verify`.
#[derive(Debug, Args)]
#[command(
    group(clap::ArgGroup::new("proof").args(["key", "config", "public_key"]).required(true).multiple(true)),
    after_help = "With --public-key alone, an auditor finds every change up to the last signature, and is told how many \
                  lines come after it. Exit codes: 0 everything is as it was written, 1 it is not, 2 not run."
)]
pub struct Verify {
    /// The folder of the record.
    dir: PathBuf,
    #[command(flatten)]
    keys: Keys,
    /// A file with the public keys whose signatures count, in PEM: one, or several after a change of keys.
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

/// Where the keys of the record are.
#[derive(Debug, Args)]
pub struct Keys {
    /// Where the audit key is: file:PATH or env:NAME.
    #[arg(long, value_name = "REF")]
    key: Option<SecretRef>,
    /// Where the signing key is, if it is one of its own.
    #[arg(long, value_name = "REF", conflicts_with = "config")]
    signing_key: Option<SecretRef>,
    /// The main file, which names the keys.
    #[arg(long, conflicts_with = "key", env = "FORCEFIELD_CONFIG")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Verify, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let read = |file: &PathBuf| {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        PublicKeys::from_pem(&text).with_context(|| file.display().to_string())
    };
    let given = args.public_key.as_ref().map(read).transpose()?;
    let key = args.keys.read(terminal.today)?;
    let proofs = match (&key, given) {
        (None, given) => Proofs::public(given.context(NO_KEY)?),
        (Some(key), None) => Proofs::key(key, key.public()),
        // The keys that are given are all that count, but the configured one counts too.
        (Some(key), Some(given)) if args.keys.names_signer() => Proofs::key(key, key.public().and(given)),
        (Some(key), Some(given)) => Proofs::key(key, given),
    };
    let report = forcefield_audit::verify(&args.dir, &proofs)
        .with_context(|| format!("cannot read {}", args.dir.display()))?;
    // An emptied folder is not a sound record.
    let sound = report.is_sound() && report.runs > 0;
    match terminal.output {
        Output::Json => terminal.json(&told(&report, sound))?,
        Output::Text => write!(terminal.out, "{}", words(&report, sound))?,
    }
    Ok(if sound { Exit::Done } else { Exit::Refused })
}

/// `audit public-key`
pub(super) fn public_key(keys: &Keys, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let public = keys.read(terminal.today)?.context(NO_KEY)?.public().to_pem();
    match terminal.output {
        Output::Json => terminal.json(&json!({ "public_key": public }))?,
        Output::Text => write!(terminal.out, "{public}")?,
    }
    Ok(Exit::Done)
}

const NO_KEY: &str = "say where the keys are: --config, --key, or --public-key to verify";

// === impl Keys ===

impl Keys {
    /// Whether it is known which key signs.
    fn names_signer(&self) -> bool {
        self.config.is_some() || self.signing_key.is_some()
    }

    /// The keys; `None` when none are named.
    fn read(&self, today: Date) -> Result<Option<AuditKey>> {
        let (key, signing, root) = match (&self.key, &self.config) {
            (None, None) => return Ok(None),
            (Some(key), _) => (key.clone(), self.signing_key.clone(), PathBuf::new()),
            (None, Some(file)) => {
                let config = read_config(file, today)?.config;
                // Without a key of its own, the one that the first start made.
                let (State::Embedded(state) | State::Redis { path: state, .. }) = &config.state;
                let made = || SecretRef::File(state.join("audit.key"));
                (config.audit.key.unwrap_or_else(made), config.audit.signing_key, config.root)
            }
        };
        let chain = AuditKey::new(&secret(&key, &root)?)?;
        Ok(Some(match signing {
            None => chain,
            Some(signing) => chain.signed_by(&secret(&signing, Path::new(&root))?)?,
        }))
    }
}

fn told(report: &Report, sound: bool) -> serde_json::Value {
    let ends = report
        .ends
        .iter()
        .map(|(run, sequence, chain)| json!({ "run": run, "sequence": sequence, "chain": chain }));
    let problems = report.problems.iter().map(
        |problem| json!({ "file": problem.file, "line": problem.line, "problem": problem.what.to_string() }),
    );
    let unsigned = report
        .unsigned
        .iter()
        .map(|Unsigned { run, lines, after }| json!({ "run": run, "lines": lines, "after_sequence": after }));
    json!({
        "sound": sound,
        "runs": report.runs,
        "files": report.files,
        "lines": report.lines,
        "records": report.records,
        "lost": report.lost,
        "torn": report.torn,
        "ends": ends.collect::<Vec<_>>(),
        "unsigned": unsigned.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
    })
}

fn words(report: &Report, sound: bool) -> String {
    let mut text: String = report.problems.iter().map(|problem| format!("{problem}\n")).collect();
    for (run, sequence, chain) in &report.ends {
        text.push_str(&format!("run {run} ends with line {sequence}, chain {chain}\n"));
    }
    let Report { runs, files, lines, records, lost, torn, problems, .. } = report;
    text.push_str(&format!("{runs} runs, {files} files, {lines} lines, {records} records\n"));
    if *lost > 0 {
        text.push_str(&format!("{lost} records could not be written, as the gaps in it say\n"));
    }
    if *torn > 0 {
        text.push_str(&format!("{torn} last lines are torn: their records were never answered for\n"));
    }
    for Unsigned { run, lines, after } in &report.unsigned {
        text.push_str(&format!(
            "run {run}: the {lines} lines after its line {after} are not signed; the audit key alone proves them\n"
        ));
    }
    text.push_str(&match (sound, report.unsigned.is_empty(), problems.len()) {
        (true, true, _) => "SOUND: every line is as it was written\n".to_owned(),
        (true, false, _) => "SOUND: every line that is signed is as it was written\n".to_owned(),
        (false, _, 0) => "NOT SOUND: there is no record here\n".to_owned(),
        (false, _, problems) => format!("NOT SOUND: {problems} problems\n"),
    });
    text
}
