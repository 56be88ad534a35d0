//! The load that is put on a proxy: `h2load` (Debian: nghttp2-client).

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::proxies::Proxy;

/// Connections that are kept open.
pub const CONNECTIONS: usize = 64;

/// One request, sent again and again.
pub struct Load<'a> {
    /// Path and query string.
    pub target: &'a str,
    /// The token that it carries.
    pub token: &'a str,
}

/// What a proxy made of as much as it could take.
pub struct Full {
    /// CPU per request, in microseconds.
    pub cost: f64,
    /// Requests per second.
    pub rate: f64,
}

/// How long requests took, in microseconds, shortest first.
pub struct Latencies(Vec<u64>);

impl Load<'_> {
    /// Sends so many requests as fast as they are answered.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn full(&self, proxy: &Proxy, requests: usize) -> Result<Full> {
        let before = proxy.cpu()?;
        let text = self.run(proxy, &["-n", &requests.to_string()]).await?;
        if !text.contains(&format!("{requests} succeeded, 0 failed")) {
            bail!("{}: {text}", proxy.name);
        }
        let spent = proxy.cpu()?.saturating_sub(before);
        let rate = text.split_once(" req/s").and_then(|(head, _)| head.rsplit(' ').next()?.parse().ok());
        Ok(Full { cost: spent.as_secs_f64() * 1e6 / requests as f64, rate: rate.context("no rate told")? })
    }

    /// Sends at a pace of its own, whatever the proxy does, and times each request.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn paced(&self, proxy: &Proxy, rate: f64, lasting: Duration) -> Result<Latencies> {
        let log = tempfile::NamedTempFile::new()?;
        let each = (rate / CONNECTIONS as f64).max(1.0);
        let (log_file, rps) = (format!("--log-file={}", log.path().display()), format!("--rps={each:.2}"));
        self.run(proxy, &["-D", &lasting.as_secs().to_string(), &rps, &log_file]).await?;
        let mut took = Vec::new();
        for line in fs::read_to_string(log.path())?.lines() {
            let mut columns = line.split('\t').skip(1);
            let (status, microseconds) = (columns.next(), columns.next().and_then(|text| text.parse().ok()));
            match (status, microseconds) {
                (Some("200"), Some(microseconds)) => took.push(microseconds),
                _ => bail!("{}: {line}", proxy.name),
            }
        }
        took.sort_unstable();
        Ok(Latencies(took))
    }

    async fn run(&self, proxy: &Proxy, arguments: &[&str]) -> Result<String> {
        let output = Command::new("h2load")
            .args(["--h1", "-t", "1", "-c", &CONNECTIONS.to_string()])
            .args(arguments)
            .args(["-H", &format!("authorization: Bearer {}", self.token)])
            .arg(format!("https://localhost:{}{}", proxy.address.port(), self.target))
            .stdin(Stdio::null())
            .output()
            .await
            .context("running h2load")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Latencies {
    /// What so many in a thousand stayed below, in microseconds.
    #[must_use]
    pub fn per_mille(&self, share: usize) -> u64 {
        let index = (self.0.len().saturating_sub(1)) * share / 1000;
        self.0.get(index).copied().unwrap_or(0)
    }
}
