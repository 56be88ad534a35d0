//! CPU per request of Forcefield with everything on, beside nginx doing nothing but TLS and forwarding, in one run.
//!
//! `cargo run --release -p forcefield-benches --bin end-to-end -- [ROUNDS] [REQUESTS]`, after
//! `cargo build --release --bin forcefield`. Needs `nginx` and `h2load` (Debian: nginx-light, nghttp2-client).

#![expect(clippy::print_stdout, reason = "its figures are for a person to read")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use forcefield_benches::load::{CONNECTIONS, Load};
use forcefield_benches::proxies::{self, Proxy};
use forcefield_benches::upstream;
use forcefield_tests::pki::Authority;
use forcefield_tests::{Client, SECRET, secret_hash};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const TARGET: &str =
    "/services/data/v62.0/query?q=SELECT+Name,+Industry+FROM+Account+WHERE+Industry+=+'Energy'+LIMIT+6";
const BULK_BYTES: u64 = 2 << 30;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(Ok(6), |text| text.parse())?;
    let requests: usize = arguments.next().map_or(Ok(50_000), |text| text.parse())?;
    let folder = TempDir::new()?;
    let authority = Authority::new("bench CA")?;
    let certificate = authority.server(&["localhost", "127.0.0.1"])?;
    let upstream = upstream::start(&certificate, BULK_BYTES).await?;
    for name in ["tls", "keys", "identities"] {
        fs::create_dir(folder.path().join(name))?;
    }
    fs::write(folder.path().join("tls/proxy.crt"), &certificate.certificate)?;
    fs::write(folder.path().join("tls/proxy.key"), &certificate.key)?;
    fs::write(folder.path().join("tls/ca.pem"), authority.pem())?;
    let nginx = proxies::nginx(folder.path(), upstream).await?;
    let forcefield = forcefield(folder.path(), upstream).await?;
    let client = Client::new(forcefield.address, &authority.pem(), None)?;
    let form = [("grant_type", "client_credentials"), ("client_id", "bench"), ("client_secret", SECRET)];
    let login = client.form("/services/oauth2/token", &form).await?;
    let token = login.json();
    let token = token.pointer("/access_token").and_then(serde_json::Value::as_str).context("no token")?;
    let client = client.with_token(token);
    let first = client.get(TARGET).await?;
    println!("answer of {} bytes, status {}", first.body.len(), first.status);

    let proxies = [&nginx, &forcefield];
    let load = Load { target: TARGET, token };
    let mut costs: [Vec<f64>; 2] = Default::default();
    println!("CPU per request in µs, {CONNECTIONS} connections, {requests} requests, TLS on both sides:");
    for round in 0..rounds {
        // Alternating order, so that neither always runs on the warmer machine.
        for number in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let (Some(proxy), Some(cost)) = (proxies.get(number), costs.get_mut(number)) else { continue };
            cost.push(load.full(proxy, requests).await?);
        }
        let last: Vec<f64> = costs.iter().filter_map(|cost| cost.last().copied()).collect();
        println!(
            "  round {round}: nginx {:.1}, forcefield {:.1}",
            last.first().unwrap_or(&0.0),
            last.last().unwrap_or(&0.0)
        );
    }
    let [yardstick, measured] = costs.map(median);
    println!(
        "  median: nginx {yardstick:.1}, forcefield {measured:.1}, ratio {:.2} (target 1.3)",
        measured / yardstick
    );
    let plain = Client::new(nginx.address, &authority.pem(), None)?;
    pace((&plain, &client), &load).await?;
    stream((&nginx, &plain), (&forcefield, &client)).await
}

/// Sends to both at half of what Forcefield can take, and prints how much longer requests took through it.
async fn pace(clients: (&Client, &Client), load: &Load<'_>) -> Result<()> {
    let rate = load.most(clients.1, Duration::from_secs(3)).await? / 2.0;
    let without = load.paced(clients.0, rate, Duration::from_secs(5)).await?;
    let with = load.paced(clients.1, rate, Duration::from_secs(5)).await?;
    println!("latency added at {rate:.0} requests per second, half of what it can take:");
    for (name, share, aim) in [("p50", 500, 150), ("p99", 990, 500)] {
        let (yardstick, measured) = (without.per_mille(share), with.per_mille(share));
        let added = measured.saturating_sub(yardstick);
        println!("  {name}: nginx {yardstick} µs, forcefield {measured} µs, added {added} µs (target {aim})");
    }
    Ok(())
}

/// Streams one bulk result through each proxy and prints throughput and memory.
async fn stream(nginx: (&Proxy, &Client), forcefield: (&Proxy, &Client)) -> Result<()> {
    let job = serde_json::json!({"operation": "query", "query": "SELECT Id, Name FROM Account"});
    let created = forcefield.1.json("POST", "/services/data/v62.0/jobs/query", &job).await?;
    if created.status != 200 {
        bail!("the export was refused: {}", created.text());
    }
    let target = "/services/data/v62.0/jobs/query/750000000000001AAA/results";
    println!("{} MiB of CSV through:", BULK_BYTES >> 20);
    let mut speeds = Vec::new();
    for (proxy, client) in [nginx, forcefield] {
        let (resident, started, cpu) = (proxy.peak_resident()?, Instant::now(), proxy.cpu()?);
        let received = client.discard(target).await?;
        let (elapsed, cpu) = (started.elapsed(), proxy.cpu()?.saturating_sub(cpu));
        if received != BULK_BYTES {
            bail!("{}: {received} bytes came", proxy.name);
        }
        let speed = received as f64 / elapsed.as_secs_f64() / (1 << 20) as f64;
        speeds.push(speed);
        let grown = proxy.peak_resident()?.saturating_sub(resident) >> 10;
        println!(
            "  {:<10} {speed:.0} MiB/s, {:.2} s CPU, resident +{grown} MiB",
            proxy.name,
            cpu.as_secs_f64()
        );
    }
    if let [yardstick, measured] = speeds.as_slice() {
        println!("  ratio of throughput {:.2} (target 0.8)", measured / yardstick);
    }
    Ok(())
}

/// Starts the release build of Forcefield before the canned org.
async fn forcefield(folder: &Path, upstream: SocketAddr) -> Result<Proxy> {
    fs::write(folder.join("keys/client_id"), "3MVG9bench")?;
    fs::write(folder.join("keys/client_secret"), "bench-secret")?;
    let port = upstream.port();
    fs::write(
        folder.join("forcefield.yaml"),
        format!(
            "listen:\n  proxy: {{ address: \"127.0.0.1:0\", tls: {{ certificate: file:tls/proxy.crt, key: file:tls/proxy.key }} }}\n  \
             metrics: {{ address: \"127.0.0.1:0\" }}\nstate: {{ path: state/ }}\naudit: {{ path: audit/, when_full: block }}\norgs:\n  \
             bench: {{ url: {{ url: \"https://localhost:{port}\", ca: file:tls/ca.pem }}, id: {}, environment: sandbox, api_versions: \"58.0-68.0\" }}\n\
             destinations:\n  here: {{ networks: [127.0.0.0/8] }}\nidentities: identities/\n",
            upstream::ORG_ID
        ),
    )?;
    let hash = secret_hash();
    fs::write(
        folder.join("identities/bench.yaml"),
        format!(
            "identity: bench\nowner: bench@forcefield.example\npurpose: measuring\nexpires: 2099-12-31\norg: bench\nauthenticate:\n  \
             - client: {{ id: bench, secret_hash: \"{hash}\" }}\ncredential:\n  \
             client_credentials: {{ client_id: file:keys/client_id, client_secret: file:keys/client_secret }}\nallow:\n  \
             Account: {{ read: [Name, Industry], max_rows: 1000000000 }}\nexports:\n  Account: {{ to: [here], rows: 1000000000/day }}\n\
             limits: {{ requests: 1000000/s, burst: 1000000, concurrent: 4096, rows: 1000000000000/day, bytes: 100TiB/day }}\n"
        ),
    )?;
    let binary: PathBuf = std::env::current_exe()?.with_file_name("forcefield");
    let mut command = Command::new(&binary);
    command.arg("serve").arg("--config").arg(folder.join("forcefield.yaml"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child =
        command.spawn().with_context(|| format!("starting {}: build it first", binary.display()))?;
    let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
    let started = Instant::now();
    while let Some(line) = lines.next_line().await? {
        let json: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let text =
            |field: &str| json.pointer(&format!("/fields/{field}")).and_then(serde_json::Value::as_str);
        if text("message") == Some("listening") && text("listener") == Some("proxy") {
            let address = text("address").unwrap_or_default().parse()?;
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(Proxy { name: "forcefield", address, child });
        }
        if started.elapsed() > Duration::from_secs(20) {
            break;
        }
    }
    bail!("Forcefield does not listen")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
