//! The load that is put on a proxy: as much as it takes by `h2load` (Debian: nghttp2-client), or paced by this process.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use forcefield_tests::Client;
use forcefield_tests::client::Protocol;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

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

/// How long requests took, in microseconds, shortest first.
pub struct Latencies(Vec<u64>);

impl Load<'_> {
    /// Sends so many requests as fast as they are answered. Gives the CPU per request, in microseconds.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn full(&self, proxy: &Proxy, requests: usize) -> Result<f64> {
        let before = proxy.cpu()?;
        let text = self.run(proxy, &["-n", &requests.to_string()]).await?;
        if !text.contains(&format!("{requests} succeeded, 0 failed")) {
            bail!("{}: {text}", proxy.name);
        }
        let spent = proxy.cpu()?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6 / requests as f64)
    }

    /// How many requests a second this process gets answered when each connection sends the next one at once: what half a
    /// load is half of, since this process, the org and the proxy share the machine.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn most(&self, client: &Client, lasting: Duration) -> Result<f64> {
        let client = client.clone().with_token(self.token);
        let (began, mut tasks) = (Instant::now(), JoinSet::new());
        for _ in 0..CONNECTIONS {
            let mut connection = client.open(Protocol::Http1).await?;
            let target = self.target.to_owned();
            tasks.spawn(async move {
                let mut answered = 0_u32;
                while began.elapsed() < lasting {
                    let reply = connection.get(&target).await?;
                    ensure!(reply.status == 200, "{}", reply.text());
                    answered += 1;
                }
                Ok(answered)
            });
        }
        let mut all = 0.0;
        for answered in tasks.join_all().await {
            all += f64::from(answered?);
        }
        Ok(all / began.elapsed().as_secs_f64())
    }

    /// Sends at a pace of its own, evenly and whatever the proxy does, and times each request from when it was due.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn paced(&self, client: &Client, rate: f64, lasting: Duration) -> Result<Latencies> {
        let client = client.clone().with_token(self.token);
        let mut paced = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = client.open(Protocol::Http1).await?;
            let target = self.target.to_owned();
            let (due, mut dues) = mpsc::unbounded_channel();
            connections.push(due);
            paced.spawn(async move {
                let mut took = Vec::new();
                loop {
                    let waited = !dues.is_empty(); // for the answer before
                    let Some(due) = dues.recv().await else { return Ok(took) };
                    let sent = if waited { due } else { Instant::now() };
                    let reply = connection.get(&target).await?;
                    took.push(u64::try_from(sent.elapsed().as_micros())?);
                    ensure!(reply.status == 200, "{}", reply.text());
                }
            });
        }
        let metronome =
            thread::spawn(move || beat(&connections, Duration::from_secs_f64(1.0 / rate), lasting));
        let mut all = Vec::new();
        for took in paced.join_all().await {
            all.extend(took?);
        }
        ensure!(metronome.join().is_ok(), "the metronome failed");
        all.sort_unstable();
        Ok(Latencies(all))
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

/// Tells one connection after the other that a request is due. A thread of its own: timers of the runtime are good to a
/// millisecond, which would send what is due within one all at once.
fn beat(connections: &[mpsc::UnboundedSender<Instant>], each: Duration, lasting: Duration) {
    let (mut due, end) = (Instant::now(), Instant::now() + lasting);
    for connection in connections.iter().cycle() {
        if due >= end {
            return;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let _ = connection.send(due); // its task has told what went wrong
        due += each;
    }
}
