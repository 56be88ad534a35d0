//! The proxies that are measured beside each other: child processes, and what they cost.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

/// A running proxy.
pub struct Proxy {
    /// Its name in the table.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process.
    pub child: Child,
}

/// nginx, doing nothing but TLS and forwarding with upstream keep-alive: the yardstick.
///
/// # Errors
/// When it does not start.
pub async fn nginx(folder: &Path, upstream: SocketAddr) -> Result<Proxy> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let root = folder.display();
    fs::create_dir_all(folder.join("nginx/tmp"))?;
    let config = format!(
        "daemon off;\nworker_processes 2;\npid {root}/nginx/pid;\nerror_log stderr crit;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  client_body_temp_path {root}/nginx/tmp;\n  proxy_temp_path {root}/nginx/tmp;\n\
         fastcgi_temp_path {root}/nginx/tmp;\n  uwsgi_temp_path {root}/nginx/tmp;\n  scgi_temp_path {root}/nginx/tmp;\n\
         keepalive_requests 1000000;\n  upstream org {{ server {upstream}; keepalive 256; keepalive_requests 1000000; }}\n\
         server {{\n    listen {address} ssl;\n    ssl_certificate {root}/tls/proxy.crt;\n    ssl_certificate_key {root}/tls/proxy.key;\n\
         ssl_protocols TLSv1.3;\n    location / {{\n      proxy_pass https://org;\n      proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n      proxy_set_header Host localhost;\n      proxy_ssl_session_reuse on;\n      proxy_buffering off;\n    }}\n  }}\n}}\n"
    );
    fs::write(folder.join("nginx/nginx.conf"), config)?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.join("nginx")).arg("-c").arg(folder.join("nginx/nginx.conf"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().context("starting nginx")?;
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            return Ok(Proxy { name: "nginx", address, child });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("nginx does not listen")
}

impl Proxy {
    /// CPU time of the process and its children so far.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn cpu(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for pid in family(self.child.id().context("it has ended")?)? {
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
                let nanoseconds = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
                sum += Duration::from_nanos(nanoseconds.unwrap_or(0));
            }
        }
        Ok(sum)
    }

    /// The most memory that was resident so far, in KiB, of the process and its children.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn peak_resident(&self) -> Result<u64> {
        let of = |pid: u32| {
            let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line =
                text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().to_owned();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
        };
        Ok(family(self.child.id().context("it has ended")?)?.into_iter().map(of).sum())
    }
}

impl Drop for Proxy {
    /// Asks the process to end; killed outright, nginx would leave its workers behind.
    fn drop(&mut self) {
        if let Some(pid) = self.child.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        }
    }
}

/// A process and its children.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut pids = vec![pid];
    for entry in fs::read_dir("/proc")? {
        let Some(child) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(pid) {
            pids.push(child);
        }
    }
    Ok(pids)
}
