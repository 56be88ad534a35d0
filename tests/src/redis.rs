//! A real Redis in a test: on a free port, with a folder of its own, ended with the test.

use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::pki::Pem;

/// A running `redis-server`.
pub struct Redis {
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
    guard: Guard,
}

/// How it is guarded.
#[derive(Default)]
struct Guard {
    password: Option<String>,
    /// Whether it speaks TLS, with the certificate in its folder.
    tls: bool,
}

impl Redis {
    /// Starts one that keeps everything in its folder.
    ///
    /// # Errors
    /// When it does not come up; `bin/setup test` installs it.
    pub async fn start() -> Result<Self> {
        Self::start_with(TempDir::new()?, Guard::default()).await
    }

    /// Starts one that asks for a password, and speaks TLS with a certificate, if there is one.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn guarded(password: &str, pem: Option<&Pem>) -> Result<Self> {
        let folder = TempDir::new()?;
        if let Some(pem) = pem {
            std::fs::write(folder.path().join("redis.crt"), &pem.certificate)?;
            std::fs::write(folder.path().join("redis.key"), &pem.key)?;
        }
        Self::start_with(folder, Guard { password: Some(password.to_owned()), tls: pem.is_some() }).await
    }

    /// Starts one with a copy of what another had.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_from(copy: TempDir) -> Result<Self> {
        Self::start_with(copy, Guard::default()).await
    }

    async fn start_with(folder: TempDir, guard: Guard) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut redis = Self { folder, address, child: None, guard };
        redis.spawn().await?;
        Ok(redis)
    }

    /// Its URL, as in `state.redis`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.guard.tls { "rediss" } else { "redis" };
        format!("{scheme}://{}", self.address)
    }

    /// Ends it as a crash does.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(&mut self) -> Result<()> {
        match self.child.take() {
            Some(mut child) => Ok(child.kill().await?),
            None => Ok(()),
        }
    }

    /// Starts it again after [`Self::kill`], with what it had.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart(&mut self) -> Result<()> {
        self.spawn().await
    }

    /// Starts it again after [`Self::kill`], with nothing.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart_empty(&mut self) -> Result<()> {
        self.folder = TempDir::new()?;
        self.spawn().await
    }

    /// What it holds now, to be taken over later by [`Self::restart_from`]: an older copy, as a failover may find one.
    ///
    /// # Errors
    /// When its files cannot be copied.
    pub fn copy(&self) -> Result<TempDir> {
        let copy = TempDir::new()?;
        let (from, to) = (self.folder.path().join(LOG), copy.path().join(LOG));
        std::fs::create_dir(&to)?;
        for file in std::fs::read_dir(from)? {
            let file = file?;
            std::fs::copy(file.path(), to.join(file.file_name()))?;
        }
        Ok(copy)
    }

    /// Starts it again after [`Self::kill`], with an older copy of what it had.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn restart_from(&mut self, copy: TempDir) -> Result<()> {
        self.folder = copy;
        self.spawn().await
    }

    /// Runs a script, and gives what it answers: text, numbers and lists as JSON.
    ///
    /// # Errors
    /// When it cannot be asked, or answers an error.
    pub async fn run(&self, script: &str, keys: &[&str], arguments: &[String]) -> Result<Value> {
        let count = keys.len().to_string();
        let mut words = vec!["EVAL", script, count.as_str()];
        words.extend(keys);
        words.extend(arguments.iter().map(String::as_str));
        let mut question = format!("*{}\r\n", words.len());
        for word in words {
            question.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let mut stream = BufReader::new(TcpStream::connect(self.address).await?);
        stream.write_all(question.as_bytes()).await?;
        timeout(Duration::from_secs(20), answer(&mut stream)).await?
    }

    /// Sends it a signal: `STOP` makes it a black hole, `CONT` ends that.
    ///
    /// # Errors
    /// When there is no process.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.as_ref().and_then(Child::id).context("redis has ended")?;
        let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await?;
        if status.success() { Ok(()) } else { bail!("kill failed") }
    }

    /// The answer to a command of one line, as it comes.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, command: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await??;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Has it follow another one as its replica.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn follow(&self, primary: &Self) -> Result<()> {
        self.told(&format!("REPLICAOF 127.0.0.1 {}", primary.address.port())).await
    }

    /// Has it take over, with what it has.
    ///
    /// # Errors
    /// When it refuses.
    pub async fn lead(&self) -> Result<()> {
        self.told("REPLICAOF NO ONE").await
    }

    /// Waits until it has everything that the one that it follows has now.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn caught_up(&self, primary: &Self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (theirs, own) = (primary.offset().await?, self.offset().await?);
            if theirs.is_some() && theirs == own {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the replica does not catch up: {own:?} of {theirs:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How much of the history of writes it has, and of which history.
    async fn offset(&self) -> Result<Option<(String, u64)>> {
        let info = self.ask("INFO replication").await?;
        let value = |name: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(name));
        let (history, offset) = (value("master_replid:"), value("master_repl_offset:"));
        let both = history.zip(offset);
        both.map(|(history, offset)| Ok((history.to_owned(), offset.parse()?))).transpose()
    }

    async fn told(&self, command: &str) -> Result<()> {
        let answer = self.ask(command).await?;
        if answer.starts_with("+OK") { Ok(()) } else { bail!("{command}: {answer}") }
    }

    /// Every byte that it has written to its folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn written(&self) -> Result<Vec<u8>> {
        let (mut bytes, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    bytes.extend(std::fs::read(path)?);
                }
            }
        }
        Ok(bytes)
    }

    async fn spawn(&mut self) -> Result<()> {
        let mut command = Command::new("redis-server");
        let port = self.address.port().to_string();
        command.args(["--bind", "127.0.0.1"]);
        if self.guard.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            command.args(["--tls-cert-file", "redis.crt", "--tls-key-file", "redis.key"]);
            command.args(["--tls-ca-cert-file", "redis.crt"]).current_dir(self.folder.path());
        } else {
            command.args(["--port", &port]);
        }
        if let Some(password) = &self.guard.password {
            command.args(["--requirepass", password]);
        }
        command.args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--appenddirname",
            LOG,
            "--loglevel",
            "warning",
        ]);
        command.arg("--dir").arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().context("starting redis-server; `bin/setup test` installs it")?);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.ping().await.is_err() {
            if Instant::now() > deadline {
                bail!("redis does not answer");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn ping(&self) -> Result<()> {
        let ping = async {
            let mut stream = TcpStream::connect(self.address).await?;
            if self.guard.tls {
                return Ok(());
            }
            stream.write_all(b"PING\r\n").await?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await?;
            if answer == *b"+PONG\r\n" || answer == *b"-NOAUTH" { Ok(()) } else { bail!("not ready") }
        };
        timeout(Duration::from_secs(1), ping).await?
    }
}

/// One answer of the protocol.
async fn answer(stream: &mut BufReader<TcpStream>) -> Result<Value> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let (kind, rest) = line.trim_end().split_at_checked(1).context("no answer")?;
    match kind {
        "+" => Ok(rest.into()),
        ":" => Ok(rest.parse::<i64>()?.into()),
        "$" if rest == "-1" => Ok(Value::Null),
        "$" => {
            let mut text = vec![0; rest.parse::<usize>()? + 2];
            stream.read_exact(&mut text).await?;
            Ok(String::from_utf8(text)?.trim_end_matches("\r\n").into())
        }
        "*" => {
            let mut list = Vec::new();
            for _ in 0..rest.parse::<usize>()? {
                list.push(Box::pin(answer(stream)).await?);
            }
            Ok(list.into())
        }
        _ => bail!("{rest}"),
    }
}

/// The folder of what it writes.
const LOG: &str = "log";
