//! The forms that the OAuth flows post (reference, section 12).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use forcefield_config::config::Org;
use forcefield_config::secret::SecretRef;
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::Problem;
use crate::material::Material;
use crate::secret::Secret;

/// A form with secrets in it: wiped when the last of its [`Bytes`] is dropped.
pub(crate) struct Form(Zeroizing<Vec<u8>>);

/// The form of the JWT bearer flow.
///
/// No form asks for a `scope`: Salesforce refuses the parameter in these flows. What the app has is checked in the
/// answer.
pub(crate) fn jwt_bearer(
    (client_id, key, username): (&SecretRef, &SecretRef, &str),
    org: &Org,
    material: &Material,
    now: SystemTime,
) -> Result<Bytes, Problem> {
    let key = Key::parse(material.text(key)?).ok_or(Problem::Key)?;
    let assertion = assertion(&key, material.text(client_id)?, username, org, now)?;
    Ok(Form::grant(b"urn:ietf:params:oauth:grant-type:jwt-bearer").with("assertion", &assertion).into())
}

/// The form of the client credentials flow.
pub(crate) fn client_credentials(
    client_id: &SecretRef,
    client_secret: &SecretRef,
    material: &Material,
) -> Result<Bytes, Problem> {
    let (id, secret) = (material.of(client_id)?, material.of(client_secret)?);
    let form = Form::grant(b"client_credentials").with("client_id", id.expose());
    Ok(form.with("client_secret", secret.expose()).into())
}

/// The form of the refresh flow.
pub(crate) fn refresh(
    refresh_token: &Secret,
    client: (&SecretRef, Option<&SecretRef>),
    material: &Material,
) -> Result<Bytes, Problem> {
    let form = Form::grant(b"refresh_token").with("refresh_token", refresh_token.expose());
    form.with_client(client, material)
}

/// The form that asks whether a refresh token lives, without spending it.
pub(crate) fn introspect(
    refresh_token: &Secret,
    client: (&SecretRef, Option<&SecretRef>),
    material: &Material,
) -> Result<Bytes, Problem> {
    let form = Form::empty().with("token", refresh_token.expose());
    form.with("token_type_hint", b"refresh_token").with_client(client, material)
}

/// The form that gives a token back.
pub(crate) fn revoke(token: &str) -> Bytes {
    Form::empty().with("token", token.as_bytes()).into()
}

/// The signed statement of the JWT bearer flow: valid for three minutes, which is the longest that Salesforce takes.
fn assertion(
    key: &Key,
    issuer: &str,
    subject: &str,
    org: &Org,
    now: SystemTime,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let expires = now.duration_since(UNIX_EPOCH).map_err(|_| Problem::Clock)? + LIFETIME;
    let audience = org.audience.clone().unwrap_or_else(|| org.url.base());
    let claims = json!({ "iss": issuer, "sub": subject, "aud": audience, "exp": expires.as_secs() });
    let mut text = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims.to_string(), &mut text);
    let mut signature = vec![0; key.0.public_modulus_len()];
    key.0
        .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| Problem::Key)?;
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    Ok(Zeroizing::new(text.into_bytes()))
}

/// An RSA private key; the library wipes its copy.
struct Key(RsaKeyPair);

impl Key {
    fn parse(pem: &str) -> Option<Self> {
        let key = match (between(pem, "PRIVATE KEY"), between(pem, "RSA PRIVATE KEY")) {
            (Some(pkcs8), _) => RsaKeyPair::from_pkcs8(&pkcs8).ok()?,
            (None, Some(pkcs1)) => RsaKeyPair::from_der(&pkcs1).ok()?,
            (None, None) => return None,
        };
        (key.public_key().modulus_len() >= 256).then_some(Self(key))
    }
}

/// What stands between the PEM lines of this label, decoded.
fn between(pem: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (text, _) = rest.split_once("-----END ")?;
    let text: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect());
    STANDARD.decode(text.as_bytes()).ok().map(Zeroizing::new)
}

// === impl Form ===

impl Form {
    fn empty() -> Self {
        // Room for all that follows: a vector that grows leaves copies of what it held.
        Self(Zeroizing::new(Vec::with_capacity(8 * 1024)))
    }

    fn grant(kind: &[u8]) -> Self {
        Self::empty().with("grant_type", kind)
    }

    fn with_client(
        self,
        (id, secret): (&SecretRef, Option<&SecretRef>),
        material: &Material,
    ) -> Result<Bytes, Problem> {
        let form = self.with("client_id", material.of(id)?.expose());
        Ok(match secret {
            Some(secret) => form.with("client_secret", material.of(secret)?.expose()).into(),
            None => form.into(),
        })
    }

    fn with(mut self, name: &str, value: &[u8]) -> Self {
        if !self.0.is_empty() {
            self.0.push(b'&');
        }
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        for byte in value {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => self.0.push(*byte),
                _ => self.0.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
        self
    }
}

impl AsRef<[u8]> for Form {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Form> for Bytes {
    fn from(form: Form) -> Self {
        Self::from_owner(form)
    }
}

const LIFETIME: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests;
