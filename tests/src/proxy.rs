//! Forcefield in a test: a configuration in a folder of its own, the real binary as a child process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use forcefield_emulator::Server;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::client::Client;
use crate::pki::{self, Authority};
use crate::relay::Relay;
use crate::watch::Watch;

/// The secret of every test identity's client.
pub const SECRET: &str = "correct horse battery staple";
/// The secret of the connected app at the org. It has the mark of what must never leave Forcefield.
pub const APP_SECRET: &str = "OrgSecretStays.Hid.app";

/// The refresh token that the org first gives the connected app. It has the mark too.
pub const REFRESH: &str = "5Aep861OrgSecretStays.Hid.first";

/// What will be started.
pub struct Builder {
    folder: TempDir,
    authority: Arc<Authority>,
    salesforce: Salesforce,
    identities: Vec<(String, String)>,
    sections: String,
    listen: String,
    reach: String,
    orgs: String,
    state: String,
    clients: String,
    binary: PathBuf,
    watch: Watch,
}

struct Salesforce {
    url: String,
    ca: String,
    org_id: String,
}

/// A running Forcefield. It is ended when the handle goes out of scope; the test fails if it has emitted a secret.
pub struct Proxy {
    folder: TempDir,
    authority: Arc<Authority>,
    child: Option<Child>,
    watch: Arc<Watch>,
    output: PathBuf,
    address: SocketAddr,
    metrics: SocketAddr,
    relay: OnceCell<Relay>,
    binary: PathBuf,
}

impl Builder {
    /// Forcefield before an emulated org that knows its credentials.
    ///
    /// # Errors
    /// When the folder or the keys cannot be made.
    pub fn before(salesforce: &Server, binary: &str) -> Result<Self> {
        let (private, public) = pki::rsa()?;
        let folder = TempDir::new()?;
        let keys = folder.path().join("keys");
        std::fs::create_dir(&keys)?;
        std::fs::create_dir(folder.path().join("identities"))?;
        std::fs::write(keys.join("client_id"), "3MVG9-test-app")?;
        std::fs::write(keys.join("client_secret"), APP_SECRET)?;
        std::fs::write(keys.join("refresh"), REFRESH)?;
        std::fs::write(keys.join("jwt.pem"), &private)?;
        let org = salesforce.org();
        org.register_client_credentials("3MVG9-test-app", APP_SECRET);
        org.register_refresh("3MVG9-test-app", REFRESH, "integration@sample.example");
        org.register_jwt_app("3MVG9-test-app", &public, "integration@sample.example")?;
        let salesforce = Salesforce {
            url: salesforce.url().to_owned(),
            ca: salesforce.ca_pem().to_owned(),
            org_id: org.org_id().to_owned(),
        };
        Ok(Self {
            folder,
            authority: Arc::new(Authority::new("Forcefield test CA")?),
            salesforce,
            identities: Vec::new(),
            sections: String::new(),
            listen: String::new(),
            reach: String::new(),
            orgs: String::new(),
            state: "path: state/".to_owned(),
            clients: "client_ca: file:tls/clients.pem".to_owned(),
            binary: binary.into(),
            watch: Watch::new(&private)?,
        })
    }

    /// Adds an integration that logs in with its name and [`SECRET`] (in SOAP as `NAME@test.example`) or shows the SVID of its name; `rest` is more of
    /// its file: `allow`, `also`, `limits` and so on.
    #[must_use]
    pub fn identity(mut self, name: &str, rest: &str) -> Self {
        let credential =
            "client_credentials: { client_id: file:keys/client_id, client_secret: file:keys/client_secret }";
        self.identities.push((name.to_owned(), file(name, credential, rest)));
        self
    }

    /// The same with a JWT bearer credential.
    #[must_use]
    pub fn jwt_identity(mut self, name: &str, rest: &str) -> Self {
        let credential = "jwt_bearer: { client_id: file:keys/client_id, key: file:keys/jwt.pem, username: integration@sample.example }";
        self.identities.push((name.to_owned(), file(name, credential, rest)));
        self
    }

    /// The same with a refresh token as its credential.
    #[must_use]
    pub fn refresh_identity(mut self, name: &str, rest: &str) -> Self {
        let credential = "refresh_token: { client_id: file:keys/client_id, client_secret: file:keys/client_secret, refresh_token: file:keys/refresh }";
        self.identities.push((name.to_owned(), file(name, credential, rest)));
        self
    }

    /// Adds one more proof, as under `authenticate`, to every integration so far.
    #[must_use]
    pub fn proof(mut self, proof: &str) -> Self {
        for (_, text) in &mut self.identities {
            *text = text.replace("authenticate:\n", &format!("authenticate:\n  - {proof}\n"));
        }
        self
    }

    /// Has the client secret of every integration so far read elsewhere than from a file.
    #[must_use]
    pub fn client_secret(mut self, reference: &str) -> Self {
        for (_, text) in &mut self.identities {
            *text = text.replace(
                "client_secret: file:keys/client_secret",
                &format!("client_secret: \"{reference}\""),
            );
        }
        self
    }

    /// Configures another org id than the org's own.
    #[must_use]
    pub fn org_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.salesforce.org_id);
        self
    }

    /// Adds a control listener, and responders who show a token of their name: `watcher` (viewer), `oncall` and `night`
    /// (responders), `chief` (admin). `staff` (responder) shows the SVID of that name.
    ///
    /// # Errors
    /// When the tokens cannot be written.
    pub fn controlled(mut self) -> Result<Self> {
        for name in ["watcher", "oncall", "night", "chief"] {
            let file = self.folder.path().join(format!("keys/{name}.token"));
            std::fs::write(file, responder_token(name))?;
        }
        self.listen.push_str(CONTROL);
        Ok(self.section(RESPONDERS))
    }

    /// Has SVIDs verified by these authorities, as in `trust_domains`, and not by the CA of all clients.
    #[must_use]
    pub fn trust_domains(mut self, domains: &str) -> Self {
        self.clients = format!("trust_domains: {{ {domains} }}");
        self
    }

    /// Adds top-level sections to `forcefield.yaml`.
    #[must_use]
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// Also listens as a CONNECT proxy, with a certificate for Salesforce's hosts.
    ///
    /// # Errors
    /// When the certificate cannot be made or written.
    pub fn connect(mut self) -> Result<Self> {
        let names = ["login.salesforce.com", "test.salesforce.com", "*.my.salesforce.com"];
        let pem = self.authority.server(&names)?;
        self.write("keys/salesforce.crt", &pem.certificate)?;
        self.write("keys/salesforce.key", &pem.key)?;
        self.listen.push_str("  connect: { address: \"127.0.0.1:0\" }\n");
        let names = names.map(|name| format!("\"{name}\"")).join(", ");
        Ok(self.section(&format!(
            "certificates:\n  - {{ names: [{names}], certificate: file:keys/salesforce.crt, key: file:keys/salesforce.key }}"
        )))
    }

    /// Adds keys to how the org is reached, such as `https_proxy: ..`.
    #[must_use]
    pub fn reach(mut self, keys: &str) -> Self {
        self.reach.push_str(", ");
        self.reach.push_str(keys);
        self
    }

    /// Adds another org by name, with keys as in `orgs`.
    #[must_use]
    pub fn org(mut self, name: &str, keys: &str) -> Self {
        self.orgs.push_str(&format!("  {name}: {{ {keys} }}\n"));
        self
    }

    /// Shares its state with other replicas over a Redis.
    #[must_use]
    pub fn shared(self, redis: &str) -> Self {
        self.shared_by(&format!("redis: \"{redis}\""))
    }

    /// The same with more keys, as under `state`.
    #[must_use]
    pub fn shared_by(mut self, keys: &str) -> Self {
        self.state = format!("path: state/, {keys}");
        self
    }

    /// Writes a file into the configuration's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), text)?)
    }

    /// The configuration's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate authority of its listener and its clients.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Writes the configuration, starts the binary and waits until it listens.
    ///
    /// # Errors
    /// When it does not listen within some seconds; the error holds what it wrote.
    pub async fn start(self) -> Result<Proxy> {
        self.write_all()?;
        Proxy::launch(self.folder, self.authority, self.binary, Arc::new(self.watch)).await
    }

    /// Starts several replicas of the same configuration, each with a folder of its own.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_replicas(self, count: usize) -> Result<Vec<Proxy>> {
        self.write_all()?;
        let (mut replicas, watch) = (Vec::with_capacity(count), Arc::new(self.watch));
        for _ in 1..count {
            let folder = TempDir::new()?;
            copy(self.folder.path(), folder.path())?;
            let (authority, watch) = (Arc::clone(&self.authority), Arc::clone(&watch));
            replicas.push(Proxy::launch(folder, authority, self.binary.clone(), watch).await?);
        }
        replicas.push(Proxy::launch(self.folder, self.authority, self.binary, watch).await?);
        Ok(replicas)
    }

    fn write_all(&self) -> Result<()> {
        let root = self.folder.path();
        let server = self.authority.server(&["localhost", "127.0.0.1"])?;
        std::fs::create_dir_all(root.join("tls"))?;
        std::fs::write(root.join("tls/proxy.crt"), &server.certificate)?;
        std::fs::write(root.join("tls/proxy.key"), &server.key)?;
        std::fs::write(root.join("tls/clients.pem"), self.authority.pem())?;
        std::fs::write(root.join("tls/salesforce.pem"), &self.salesforce.ca)?;
        std::fs::write(root.join("forcefield.yaml"), self.main_file())?;
        for (name, text) in &self.identities {
            std::fs::write(root.join("identities").join(format!("{name}.yaml")), text)?;
        }
        Ok(())
    }

    fn main_file(&self) -> String {
        let Salesforce { url, org_id, .. } = &self.salesforce;
        let Self { sections, listen, reach, orgs, clients, state, .. } = self;
        format!(
            "listen:
  proxy: {{ address: \"127.0.0.1:0\", tls: {{ certificate: file:tls/proxy.crt, key: file:tls/proxy.key, {clients} }} }}
  metrics: {{ address: \"127.0.0.1:0\" }}
{listen}state: {{ {state} }}
audit: {{ path: audit/, when_full: block }}
orgs:
  sample: {{ url: {{ url: \"{url}\", ca: file:tls/salesforce.pem{reach} }}, id: {org_id}, environment: sandbox, api_versions: \"50.0-68.0\" }}
{orgs}identities: identities/
{sections}"
        )
    }
}

impl Proxy {
    async fn launch(
        folder: TempDir,
        authority: Arc<Authority>,
        binary: PathBuf,
        watch: Arc<Watch>,
    ) -> Result<Self> {
        let output = watch.next_log();
        let child = spawn(&binary, folder.path(), &output, &[])?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut proxy = Self {
            folder,
            authority,
            child: Some(child),
            watch,
            output,
            address: nowhere,
            metrics: nowhere,
            relay: OnceCell::new(),
            binary,
        };
        proxy.address = proxy.wait_for_listener("proxy").await?;
        proxy.metrics = proxy.wait_for_listener("metrics").await?;
        Ok(proxy)
    }

    /// Waits for the log line that names a listener's address.
    async fn wait_for_listener(&mut self, name: &str) -> Result<SocketAddr> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.output().lines().find_map(|line| listener_address(line, name));
            if let Some(address) = found {
                return Ok(address);
            }
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                bail!("Forcefield does not listen; it wrote:\n{}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A caller without a certificate or token.
    ///
    /// # Errors
    /// None in practice.
    pub fn anonymous(&self) -> Result<Client> {
        Ok(Client::new(self.address, &self.authority.pem(), None)?.watched(&self.watch))
    }

    /// A caller that shows an integration's certificate.
    ///
    /// # Errors
    /// None in practice.
    pub fn with_certificate(&self, name: &str) -> Result<Client> {
        let svid = self.authority.svid(&format!("spiffe://test.example/{name}"))?;
        Ok(Client::new(self.address, &self.authority.pem(), Some(&svid))?.watched(&self.watch))
    }

    /// A caller that has logged in as an integration.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn client(&self, name: &str) -> Result<Client> {
        let anonymous = self.anonymous()?;
        let form = [("grant_type", "client_credentials"), ("client_id", name), ("client_secret", SECRET)];
        let reply = anonymous.form("/services/oauth2/token", &form).await?;
        let json = reply.json();
        let token = json
            .pointer("/access_token")
            .and_then(serde_json::Value::as_str)
            .with_context(|| format!("no token for {name}: {}", reply.text()))?;
        self.watch.keep_out_of_records(token);
        Ok(anonymous.with_token(token))
    }

    /// Where the control listener is.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn control_address(&self) -> Result<SocketAddr> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let output = self.output();
            if let Some(address) = output.lines().rev().find_map(|line| listener_address(line, "control")) {
                return Ok(address);
            }
            if Instant::now() > deadline {
                bail!("no control listener; it wrote:\n{output}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A responder with the token of a name.
    ///
    /// # Errors
    /// When there is no control listener.
    pub async fn responder(&self, name: &str) -> Result<Client> {
        let client =
            Client::new(self.control_address().await?, &self.authority.pem(), None)?.watched(&self.watch);
        self.watch.keep_out_of_records(&responder_token(name));
        Ok(client.with_token(&responder_token(name)))
    }

    /// Runs a command of the binary against the control listener, as a responder; gives its exit code, standard output
    /// and standard error.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn command(&self, responder: &str, arguments: &[&str]) -> Result<(i32, String, String)> {
        let url = format!("https://{}", self.control_address().await?);
        let mut command = Command::new(&self.binary);
        command.args(arguments).args(["--control", &url, "--as", responder]);
        command.arg("--config").arg(self.folder.path().join("forcefield.yaml"));
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        self.watch.search("standard output of a command", &output.stdout);
        self.watch.search("standard error of a command", &output.stderr);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr)))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is a CONNECT proxy, when it was built to be one.
    ///
    /// # Errors
    /// When it does not listen there.
    pub async fn connect_address(&mut self) -> Result<SocketAddr> {
        self.wait_for_listener("connect").await
    }

    /// Where clients that are programs of their own reach it: what they receive is searched on its way to them.
    ///
    /// # Errors
    /// It cannot listen.
    pub async fn relay_address(&self) -> Result<SocketAddr> {
        let start = async {
            let shown = |name| std::fs::read(self.folder.path().join(name));
            Relay::start(&shown("tls/proxy.crt")?, &shown("tls/proxy.key")?, self.anonymous()?).await
        };
        Ok(self.relay.get_or_try_init(|| start).await?.address())
    }

    /// Where metrics are served, without TLS.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// The metrics, as Prometheus text.
    ///
    /// # Errors
    /// When they are not served.
    pub async fn metrics(&self) -> Result<String> {
        Ok(self.probe("/metrics").await?.1)
    }

    /// The status and text of a path of the metrics listener.
    ///
    /// # Errors
    /// When it is not served.
    pub async fn probe(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = tokio::net::TcpStream::connect(self.metrics).await?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let (head, body) = text.split_once("\r\n\r\n").context("no end of the head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.context("no status")?, body.to_owned()))
    }

    /// Waits until it has written a line that contains a text.
    ///
    /// # Errors
    /// When it does not within some seconds; the error holds what it wrote.
    pub async fn wait_for_line(&self, text: &str) -> Result<()> {
        self.wait_for_lines(text, 1).await
    }

    /// Waits until it has written so many lines that contain a text.
    ///
    /// # Errors
    /// When it does not within some seconds; the error holds what it wrote.
    pub async fn wait_for_lines(&self, text: &str, count: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.output().lines().filter(|line| line.contains(text)).count() < count {
            if Instant::now() > deadline {
                bail!("no `{text}` in:\n{}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The certificate authority of its listener and its clients.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The CA's certificate as a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn ca_file(&self) -> Result<PathBuf> {
        let file = self.folder.path().join("tls/ca.pem");
        std::fs::write(&file, self.authority.pem())?;
        Ok(file)
    }

    /// The configuration's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything it wrote to its standard output and error.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// The records written so far, oldest first.
    ///
    /// # Errors
    /// When a line is not JSON.
    pub fn records(&self) -> Result<Vec<serde_json::Value>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path().join("audit"))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect();
        files.sort();
        let mut records = Vec::new();
        for file in files {
            for line in std::fs::read_to_string(file)?.lines() {
                records.push(serde_json::from_str(line).with_context(|| format!("not a record: {line}"))?);
            }
        }
        Ok(records)
    }

    /// The process's id.
    ///
    /// # Errors
    /// When there is no process.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().and_then(Child::id).context("the process has ended")
    }

    /// Sends a signal to the process (`TERM`, `HUP`, `QUIT`, `KILL`).
    ///
    /// # Errors
    /// When there is no process.
    pub async fn signal(&self, name: &str) -> Result<()> {
        let pid = self.pid()?.to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &pid]).status().await?;
        if status.success() { Ok(()) } else { bail!("kill failed") }
    }

    /// Lets no file grow past so many bytes from now on, as if the disk were full; `None` lets them again.
    ///
    /// # Errors
    /// When there is no process.
    pub async fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let pid = self.pid()?;
        let most = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let arguments = ["--pid".to_owned(), pid.to_string(), format!("--fsize={most}:unlimited")];
        let status = Command::new("prlimit").args(arguments).status().await?;
        if status.success() { Ok(()) } else { bail!("prlimit failed") }
    }

    /// Waits for the process to end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self, within: Duration) -> Result<std::process::ExitStatus> {
        let child = self.child.as_mut().context("the process has ended")?;
        Ok(timeout(within, child.wait()).await.context("still running")??)
    }

    /// Ends the process and starts it again in the same folder.
    ///
    /// # Errors
    /// When it does not come up again.
    pub async fn restart(mut self) -> Result<Self> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        let folder = std::mem::replace(&mut self.folder, TempDir::new()?);
        let (authority, binary) = (Arc::clone(&self.authority), self.binary.clone());
        Self::launch(folder, authority, binary, Arc::clone(&self.watch)).await
    }

    /// Starts a second process that takes over the listening sockets of this one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn_successor(&self) -> Result<Child> {
        spawn(&self.binary, self.folder.path(), &self.output, &["--upgrade"])
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.watch.metrics(self.metrics);
        if let Some(mut child) = self.child.take() {
            let _ = child.start_kill();
            let deadline = Instant::now() + Duration::from_secs(5);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.watch.files(self.folder.path());
        self.watch.verdict();
    }
}

/// Copies a folder of files and folders.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&to)?;
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Starts the binary; what it writes goes to the end of a file, to its last byte.
fn spawn(binary: &Path, folder: &Path, output: &Path, more: &[&str]) -> Result<Child> {
    let file = std::fs::OpenOptions::new().create(true).append(true).open(output)?;
    // A write past a limit of the disk then fails, as on a full one, and does not end the process.
    let mut command = Command::new("env");
    command.arg("--ignore-signal=XFSZ").arg(binary).arg("serve");
    command.arg("--config").arg(folder.join("forcefield.yaml")).args(more);
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
    command.current_dir(folder).spawn().context("starting the binary")
}

/// The address in a log line such as `{.. "message":"listening","listener":"proxy","address":"127.0.0.1:4711"}`.
fn listener_address(line: &str, name: &str) -> Option<SocketAddr> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = json.get("fields").unwrap_or(&json);
    let text = |field: &str| fields.get(field).and_then(serde_json::Value::as_str);
    let listening = text("message") == Some("listening") && text("listener") == Some(name);
    listening.then(|| text("address")?.parse().ok())?
}

/// The token of a responder.
fn responder_token(name: &str) -> String {
    format!("{name}-0123456789abcdefghijklmnop")
}

const CONTROL: &str = "  control: { address: \"127.0.0.1:0\", tls: { certificate: file:tls/proxy.crt, key: file:tls/proxy.key, client_ca: file:tls/clients.pem } }\n";
const RESPONDERS: &str = "responders:
  - { name: watcher, role: viewer, token: file:keys/watcher.token }
  - { name: oncall, role: responder, token: file:keys/oncall.token }
  - { name: night, role: responder, token: file:keys/night.token }
  - { name: chief, role: admin, token: file:keys/chief.token }
  - { name: staff, role: responder, certificate: \"spiffe://test.example/staff\" }";

fn file(name: &str, credential: &str, rest: &str) -> String {
    let hash = crate::secret_hash();
    format!(
        "identity: {name}
owner: tests@forcefield.example
purpose: a scenario
expires: 2099-12-31
org: sample
authenticate:
  - certificate: spiffe://test.example/{name}
  - client: {{ id: {name}, secret_hash: \"{hash}\" }}
  - login: {{ username: {name}@test.example, password_hash: \"{hash}\" }}
shared: the tests have one connected app
credential:
  {credential}
{rest}
"
    )
}
