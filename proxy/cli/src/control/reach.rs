//! How a command reaches the control listener, and as whom.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use forcefield_config::Config;
use forcefield_config::config::{ResponderProof, Role};
use forcefield_config::secret::SecretRef;
use jiff::civil::Date;
use zeroize::Zeroizing;

use super::client::{Client, Credential, Trust};
use crate::read::{read_config, secret};

/// Where the control listener is, and who calls.
#[derive(Debug, Args)]
pub(super) struct Reach {
    /// The main file: reaches the control listener on this host (`forcefield.yaml` when --control is left out too).
    #[arg(long, env = "FORCEFIELD_CONFIG")]
    config: Option<PathBuf>,
    /// Where the control listener is: https://HOST:PORT.
    #[arg(long, value_name = "URL", env = "FORCEFIELD_CONTROL")]
    control: Option<String>,
    /// The responder whose token the configuration names; the first whose role suffices when left out.
    #[arg(long = "as", value_name = "RESPONDER")]
    responder: Option<String>,
    /// Where a responder's token is: file:PATH or env:NAME.
    #[arg(long, value_name = "REF", conflicts_with_all = ["certificate", "responder"])]
    token: Option<SecretRef>,
    /// Where a responder's certificate is, PEM.
    #[arg(long, value_name = "REF", requires = "key", conflicts_with = "responder")]
    certificate: Option<SecretRef>,
    /// Where its key is, PEM.
    #[arg(long, value_name = "REF", requires = "certificate")]
    key: Option<SecretRef>,
    /// Where the CA of the control listener is, PEM.
    #[arg(long, value_name = "REF")]
    ca: Option<SecretRef>,
}

// === impl Reach ===

impl Reach {
    /// A client, and the responder as whom it acts where the configuration names one.
    pub(super) fn client(&self, role: Role, today: Date) -> Result<(Client, Option<String>)> {
        let config = match (&self.config, &self.control) {
            (None, Some(_)) => None,
            (file, _) => {
                let file = file.as_deref().unwrap_or(Path::new("forcefield.yaml"));
                Some(read_config(file, today)?.config)
            }
        };
        let here = Path::new("");
        let (address, name) = self.address(config.as_ref())?;
        let trust = match (&self.ca, &config) {
            (Some(ca), _) => Trust::Authority(secret(ca, here)?),
            (None, Some(config)) => Trust::Exactly(secret(&listener(config)?.tls.certificate, &config.root)?),
            (None, None) => bail!("--ca is needed with --control: the CA of the control listener"),
        };
        let (credential, acting) = match (&self.token, &self.certificate, &self.key) {
            (Some(token), ..) => (Credential::Token(secret(token, here)?), None),
            (None, Some(certificate), Some(key)) => {
                (Credential::Certificate(secret(certificate, here)?, secret(key, here)?), None)
            }
            _ => {
                let config = config.as_ref().context("say who calls: --token, or --certificate and --key")?;
                let (token, name) = self.responder(config, role)?;
                (Credential::Token(token), Some(name))
            }
        };
        Ok((Client::new((address, name), &trust, credential)?, acting))
    }

    /// Host and port, and the host as it was written.
    fn address(&self, config: Option<&Config>) -> Result<(String, String)> {
        if let Some(url) = &self.control {
            let authority = url.strip_prefix("https://").map(|rest| rest.trim_end_matches('/'));
            let authority = authority.and_then(|authority| authority.parse::<http::uri::Authority>().ok());
            let authority = authority.filter(|authority| !authority.as_str().contains('@'));
            let authority = authority.ok_or_else(|| anyhow!("--control is not `https://HOST:PORT`"))?;
            let port = authority.port_u16().unwrap_or(443);
            let host = authority.host().trim_start_matches('[').trim_end_matches(']');
            return Ok((format!("{}:{port}", authority.host()), host.to_owned()));
        }
        let config = config.context("--config or --control is needed")?;
        let mut address: SocketAddr = listener(config)?.address;
        if address.port() == 0 {
            bail!("`listen.control` has any free port; say which with --control");
        }
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Ok((address.to_string(), address.ip().to_string()))
    }

    /// The token of a responder whom the configuration names. Who may read it may act as them.
    fn responder(&self, config: &Config, role: Role) -> Result<(Zeroizing<Vec<u8>>, String)> {
        for responder in &config.responders {
            let ResponderProof::Token(reference) = &responder.proof else { continue };
            let fits = match &self.responder {
                Some(name) => *name == responder.name,
                None => responder.role >= role,
            };
            if !fits {
                continue;
            }
            match secret(reference, &config.root) {
                Ok(token) => return Ok((token, responder.name.clone())),
                Err(error) if self.responder.is_some() => return Err(error),
                Err(_) => {}
            }
        }
        match &self.responder {
            Some(name) => bail!("the configuration has no responder `{name}` with a token"),
            None => bail!(
                "no token of a responder who may do this can be read here; use --token, or --certificate and --key"
            ),
        }
    }
}

fn listener(config: &Config) -> Result<&forcefield_config::config::TlsListener> {
    config.listen.control.as_ref().context("the configuration has no `listen.control`")
}
