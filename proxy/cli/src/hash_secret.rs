//! `hash-secret`: an argon2id hash for `secret_hash` and `password_hash`.

use std::io::Read as _;

use anyhow::{Context, Result, anyhow, bail};
use argon2::password_hash::{PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::{HashSecret, Output};
use crate::terminal::{Exit, Terminal};

/// The hash, and the secret where it was made here.
#[derive(Serialize)]
struct Hashed<'a> {
    hash: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

pub(crate) fn run(args: &HashSecret, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let secret = if args.generate { generate()? } else { ask(terminal)? };
    let hash = hash(&secret)?;
    match terminal.output {
        Output::Json => {
            let secret = args.generate.then_some(&**secret);
            terminal.json(&Hashed { hash: &hash, secret })?;
        }
        Output::Text => {
            if args.generate {
                terminal.say(format_args!("the secret, shown once: {}", &**secret))?;
            }
            writeln!(terminal.out, "{hash}")?;
        }
    }
    Ok(Exit::Done)
}

/// The secret from standard input, without its last line break, or from a prompt that does not show it.
fn ask(terminal: &mut Terminal<'_>) -> Result<Zeroizing<String>> {
    let secret = if terminal.prompt {
        Zeroizing::new(rpassword::prompt_password("secret: ").context("cannot read the secret")?)
    } else {
        let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        let read = (&mut *terminal.input).take(most + 1).read_to_string(&mut text);
        read.context("cannot read the secret from standard input")?;
        let end = text.trim_end_matches(['\r', '\n']).len();
        text.truncate(end);
        text
    };
    match secret.len() {
        0 => bail!("the secret is empty"),
        length if length > LONGEST => bail!("the secret is longer than {LONGEST} bytes"),
        _ => Ok(secret),
    }
}

fn generate() -> Result<Zeroizing<String>> {
    let random = Zeroizing::new(random::<32>()?);
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*random)))
}

fn hash(secret: &str) -> Result<String> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|error| anyhow!("argon2: {error}"))?;
    let salt = SaltString::encode_b64(&random::<16>()?).map_err(|error| anyhow!("argon2: {error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(secret.as_bytes(), &salt).map_err(|error| anyhow!("argon2: {error}"))?;
    Ok(hash.to_string())
}

fn random<const SIZE: usize>() -> Result<[u8; SIZE]> {
    let mut bytes = [0; SIZE];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(bytes)
}

/// KiB, passes and lanes: OWASP's password storage cheat sheet.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes.
const LONGEST: usize = 1024;
