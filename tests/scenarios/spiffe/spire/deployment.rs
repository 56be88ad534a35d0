//! A SPIRE server and its agent on loopback, ended with the test.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use forcefield_tests::pki::Pem;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A SPIRE of one trust domain, in which every process of this user is the workload `nightly`.
pub(super) struct Spire {
    folder: TempDir,
    domain: &'static str,
    agent: Option<Child>,
    _server: Child,
}

impl Spire {
    /// Starts one, with an agent that joined by token, and waits until it hands out SVIDs.
    pub(super) async fn start(domain: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port();
        let at = folder.path().display();
        let server = format!(
            "server {{
                bind_address = \"127.0.0.1\"
                bind_port = \"{port}\"
                socket_path = \"{at}/server.sock\"
                trust_domain = \"{domain}\"
                data_dir = \"{at}/server\"
            }}
            plugins {{
                DataStore \"sql\" {{
                    plugin_data {{
                        database_type = \"sqlite3\"
                        connection_string = \"{at}/server/datastore.sqlite3\"
                    }}
                }}
                NodeAttestor \"join_token\" {{ plugin_data {{}} }}
                KeyManager \"memory\" {{ plugin_data {{}} }}
            }}"
        );
        let mut spire = Self { _server: run(folder.path(), "server", &server), folder, domain, agent: None };
        spire.until_it_succeeds("spire-server", &["healthcheck"]).await;
        let host = format!("spiffe://{domain}/host");
        let joined = spire.asked(&["token", "generate", "-spiffeID", &host]).await;
        let workload = format!("spiffe://{domain}/nightly");
        let user = format!("unix:uid:{}", std::fs::metadata("/proc/self").unwrap().uid());
        let entry = ["entry", "create", "-parentID", &host, "-spiffeID", &workload, "-selector", &user];
        spire.asked(&entry).await;
        let bundle = spire.until_it_succeeds("spire-server", &["bundle", "show"]).await;
        std::fs::write(spire.folder.path().join("bundle.pem"), bundle).unwrap();
        let at = spire.folder.path().display();
        let token = text(&joined, "/value");
        let agent = format!(
            "agent {{
                server_address = \"127.0.0.1\"
                server_port = \"{port}\"
                socket_path = \"{at}/agent.sock\"
                trust_domain = \"{domain}\"
                data_dir = \"{at}/agent\"
                trust_bundle_path = \"{at}/bundle.pem\"
                join_token = \"{token}\"
            }}
            plugins {{
                NodeAttestor \"join_token\" {{ plugin_data {{}} }}
                KeyManager \"memory\" {{ plugin_data {{}} }}
                WorkloadAttestor \"unix\" {{ plugin_data {{}} }}
            }}"
        );
        spire.agent = Some(run(spire.folder.path(), "agent", &agent));
        spire.x509().await;
        spire
    }

    /// The Workload API.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    /// The X.509-SVID of the workload that this process is.
    pub(super) async fn x509(&self) -> Pem {
        let folder = self.folder.path();
        let written = folder.to_str().unwrap();
        self.until_it_succeeds("spire-agent", &["api", "fetch", "x509", "-write", written]).await;
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        Pem { certificate: read("svid.0.pem"), key: read("svid.0.key"), serial: 0 }
    }

    /// Its JWT-SVID for an audience.
    pub(super) async fn jwt(&self, audience: &str) -> String {
        let fetch = ["api", "fetch", "jwt", "-audience", audience, "-output", "json"];
        let fetched = self.until_it_succeeds("spire-agent", &fetch).await;
        text(&serde_json::from_slice(&fetched).unwrap(), "/0/svids/0/svid")
    }

    /// The serial number of the agent's own certificate.
    pub(super) async fn agent_serial(&self) -> String {
        text(&self.asked(&["agent", "list"]).await, "/agents/0/x509svid_serial_number")
    }

    /// Has another authority sign from now on, and what the one before signed renewed. Gives the id of that one.
    pub(super) async fn rotate(&self, kind: &str) -> String {
        let prepared = self.asked(&["localauthority", kind, "prepare"]).await;
        let next = text(&prepared, "/prepared_authority/authority_id");
        self.asked(&["localauthority", kind, "activate", "-authorityID", &next]).await;
        let before = text(&self.asked(&["localauthority", kind, "show"]).await, "/old/authority_id");
        self.asked(&["localauthority", kind, "taint", "-authorityID", &before]).await;
        before
    }

    /// Takes an authority out of the bundle.
    pub(super) async fn revoke(&self, kind: &str, authority: &str) {
        self.asked(&["localauthority", kind, "revoke", "-authorityID", authority]).await;
    }

    /// Ends the agent.
    pub(super) async fn stop_agent(&mut self) {
        self.agent.take().unwrap().kill().await.unwrap();
    }

    /// What the server answers.
    async fn asked(&self, arguments: &[&str]) -> Value {
        let answered =
            self.until_it_succeeds("spire-server", &[arguments, &["-output", "json"]].concat()).await;
        serde_json::from_slice(&answered).unwrap()
    }

    /// What a command prints, once it succeeds.
    async fn until_it_succeeds(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let socket = if program == "spire-agent" { "agent.sock" } else { "server.sock" };
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let mut command = Command::new(built(program));
            command.args(arguments).arg("-socketPath").arg(self.folder.path().join(socket));
            let output = command.kill_on_drop(true).output().await.unwrap();
            if output.status.success() {
                return output.stdout;
            }
            let logs = ["server.log", "agent.log"]
                .map(|log| std::fs::read_to_string(self.folder.path().join(log)).unwrap_or_default());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(Instant::now() < deadline, "{} {arguments:?}: {said}\n{}", self.domain, logs.join("\n"));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Starts `spire-server` or `spire-agent` with a configuration.
fn run(folder: &Path, which: &str, configuration: &str) -> Child {
    let (file, log) = (folder.join(format!("{which}.conf")), folder.join(format!("{which}.log")));
    std::fs::write(&file, configuration).unwrap();
    let log = std::fs::File::create(log).unwrap();
    let mut command = Command::new(built(&format!("spire-{which}")));
    command.arg("run").arg("-config").arg(file).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true).spawn().unwrap()
}

/// A program that `tests/spire/run` has built.
fn built(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/spire").join(program)
}

fn text(answer: &Value, at: &str) -> String {
    answer.pointer(at).and_then(Value::as_str).unwrap().to_owned()
}
