//! What Vault answers. Only what is asked for is taken out of it, into memory that is wiped.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::VaultProblem;
use crate::Secret;

/// How long a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    /// From now on; zero for ever.
    pub(super) lasts: Duration,
    pub(super) renewable: bool,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

/// What KV v2 says of one version of a secret.
#[derive(Deserialize)]
struct Version<'a> {
    #[serde(borrow)]
    data: Option<HashMap<String, &'a RawValue>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

#[derive(Deserialize)]
struct Login<'a> {
    #[serde(borrow)]
    auth: Auth<'a>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    #[serde(borrow)]
    client_token: &'a RawValue,
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct LookedUp {
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct Mount {
    #[serde(rename = "type")]
    kind: String,
    options: Option<HashMap<String, String>>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// One field of a secret.
pub(super) fn field(body: &[u8], name: &str) -> Result<Secret, VaultProblem> {
    let answer: Answer<Version<'_>> = serde_json::from_slice(body).map_err(|_| VaultProblem::Unreadable)?;
    let fields = answer.data.data.ok_or(VaultProblem::Deleted)?;
    let value = fields.get(name).ok_or(VaultProblem::NoField)?;
    text(value).map(Secret::from_wiped).ok_or(VaultProblem::NotText)
}

/// Whether an answer without a secret is that of a deleted or destroyed version.
pub(super) fn is_deleted(body: &[u8]) -> bool {
    let answer = serde_json::from_slice::<Answer<Version<'_>>>(body);
    let metadata = answer.ok().and_then(|answer| answer.data.metadata);
    metadata.is_some_and(|metadata| metadata.destroyed || !metadata.deletion_time.is_empty())
}

/// Whether a mount, as Vault describes it, is a KV engine of version 2.
pub(super) fn is_second_version(body: &[u8]) -> bool {
    let mount = serde_json::from_slice::<Answer<Mount>>(body);
    mount.is_ok_and(|Answer { data }| {
        let version = data.options.as_ref().and_then(|options| options.get("version"));
        data.kind == "kv" && version.is_some_and(|version| version == "2")
    })
}

/// The token that a login or a renewal gave.
pub(super) fn granted(body: &[u8]) -> Option<(Zeroizing<String>, Granted)> {
    let auth = serde_json::from_slice::<Login<'_>>(body).ok()?.auth;
    let token = text(auth.client_token).filter(|token| !token.is_empty())?;
    let token = Zeroizing::new(std::str::from_utf8(&token).ok()?.to_owned());
    let lasts = Duration::from_secs(auth.lease_duration);
    Some((token, Granted { lasts, renewable: auth.renewable }))
}

/// What is known about a token.
pub(super) fn looked_up(body: &[u8]) -> Option<Granted> {
    let Answer { data } = serde_json::from_slice::<Answer<LookedUp>>(body).ok()?;
    Some(Granted { lasts: Duration::from_secs(data.ttl), renewable: data.renewable })
}

/// Whether an error is that of a sealed server.
pub(super) fn says_sealed(body: &[u8]) -> bool {
    let said = serde_json::from_slice::<Errors>(body);
    said.is_ok_and(|said| said.errors.iter().any(|error| error.to_ascii_lowercase().contains("sealed")))
}

/// A JSON string, without its escapes. The parser's own way would leave copies behind.
fn text(value: &RawValue) -> Option<Zeroizing<Vec<u8>>> {
    let inside = value.get().strip_prefix('"')?.strip_suffix('"')?;
    // Escapes only ever shorten.
    let mut plain = Zeroizing::new(Vec::with_capacity(inside.len()));
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        let letter = if letter == '\\' { unescaped(&mut letters)? } else { letter };
        plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(plain)
}

/// What an escape stands for; `letters` are past its backslash.
fn unescaped(letters: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'u' => {
            let first = unit(letters)?;
            let is_half = (0xD800..0xDC00).contains(&first);
            let second = if is_half { letters.as_str().strip_prefix("\\u") } else { None };
            let second = second.and_then(|rest| {
                *letters = rest.chars();
                unit(letters)
            });
            char::decode_utf16([first].into_iter().chain(second)).next()?.ok()?
        }
        other => other,
    })
}

fn unit(letters: &mut std::str::Chars<'_>) -> Option<u16> {
    let digits = letters.as_str().get(..4)?;
    *letters = letters.as_str().get(4..)?.chars();
    u16::from_str_radix(digits, 16).ok()
}
