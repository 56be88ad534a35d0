//! CONNECT for clients whose Salesforce hosts are fixed: they are told to use a proxy, and meet Forcefield at the other
//! end of their tunnel.
//!
//! A tunnel leads to Forcefield's own front and nowhere else: TLS ends here, under a certificate for the name that the
//! client asks for, and each request takes the same walk as any other. So no tunnel opens a way around a decision, and
//! a host that is not Salesforce's is refused and recorded.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::Config;
use http::Request;
use http::header::USER_AGENT;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, join};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::exchange::Exchange;
use crate::front::{BadHead, Connect, Front};
use crate::reply::{Form, Refusal};
use crate::service::Service;

/// The listener of tunnels.
pub struct Tunnels {
    front: Arc<Front>,
    service: Arc<Service>,
}

// === impl Tunnels ===

impl Tunnels {
    /// Tunnels to a front.
    #[must_use]
    pub fn new(front: Arc<Front>, service: Arc<Service>) -> Self {
        Self { front, service }
    }

    /// Accepts connections until the front drains.
    pub async fn accept(self, listener: TcpListener) {
        let (front, tunnels) = (Arc::clone(&self.front), Arc::new(self));
        let serve = move |stream, address| {
            let tunnels = Arc::clone(&tunnels);
            async move { tunnels.serve(stream, address).await }
        };
        front.each(listener, serve).await;
    }

    async fn serve(&self, mut stream: TcpStream, address: SocketAddr) {
        let deadline = self.front.timeouts().head;
        let read = tokio::select! {
            biased;
            () = self.front.draining() => return,
            read = timeout(deadline, Connect::read(&mut stream)) => read,
        };
        // Whoever goes away or dawdles before asking for anything gets nothing.
        let Ok(Ok(read)) = read else { return };
        match self.admit(read, address) {
            Ok(connect) => {
                if !matches!(timeout(deadline, stream.write_all(ESTABLISHED)).await, Ok(Ok(()))) {
                    return;
                }
                let (read, write) = stream.into_split();
                let stream = join(std::io::Cursor::new(connect.rest).chain(read), write);
                let service = Arc::clone(&self.service);
                let handler = move |arrival, request| Arc::clone(&service).handle(arrival, request);
                self.front.serve_connection(stream, address, handler).await;
            }
            Err((refusal, exchange)) => {
                let refused = refuse(&mut stream, &refusal, *exchange);
                let _ = timeout(deadline, refused).await;
            }
        }
    }

    /// Whether a client gets its tunnel; if not, why, and the exchange to record it in.
    fn admit(
        &self,
        read: Result<Connect, BadHead>,
        address: SocketAddr,
    ) -> Result<Connect, (Refusal, Box<Exchange>)> {
        let (refusal, user_agent) = match read {
            Err(bad) => (Refusal::Head(bad), None),
            Ok(connect) => {
                if leads_here(&self.service.live.load().config, &connect.host, connect.port) {
                    return Ok(connect);
                }
                (Refusal::Elsewhere(format!("{}:{}", connect.host, connect.port)), connect.user_agent)
            }
        };
        let mut request = Request::builder().method("CONNECT");
        if let Some(agent) = user_agent {
            request = request.header(USER_AGENT, agent);
        }
        let (parts, ()) = request.body(()).unwrap_or_default().into_parts();
        let mut exchange = Box::new(Exchange::begin(&self.service.rooms, address, &parts));
        exchange.refused(&refusal);
        Err((refusal, exchange))
    }
}

/// Whether a host is one that Forcefield stands in for: Salesforce's logins and My Domains at 443, and the configured
/// orgs, at 443 and at their own port.
fn leads_here(config: &Config, host: &str, port: u16) -> bool {
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    let my_domain = || host.strip_suffix(".my.salesforce.com").is_some_and(|mine| mine.split('.').all(label));
    let salesforce = || LOGINS.contains(&host) || my_domain();
    let org = |org: &forcefield_config::config::Org| {
        org.url.host.eq_ignore_ascii_case(host) && (port == HTTPS || port == org.url.port)
    };
    port == HTTPS && salesforce() || config.orgs.values().any(org)
}

/// Records a refusal, then answers it.
async fn refuse(stream: &mut TcpStream, refusal: &Refusal, mut exchange: Exchange) -> std::io::Result<()> {
    let answer = Form::Rest.refuse(refusal, exchange.id());
    let (head, body) = answer.into_parts();
    let status = head.status;
    tracing::info!(decision = %exchange.id(), rule = refusal.rule(), %refusal, "refused");
    exchange.note(|record| record.status = status.as_u16());
    let id = exchange.id();
    if exchange.end().await.is_err() {
        return Ok(());
    }
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n\
         X-Forcefield-Decision: {id}\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    stream.shutdown().await?;
    // Closing before the client has read would take the answer away from it; but it may not go on for long.
    let mut unread = [0; 1024];
    let rest = async { while stream.read(&mut unread).await.is_ok_and(|read| read > 0) {} };
    let _ = timeout(LINGER, rest).await;
    Ok(())
}

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";
const LOGINS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];
const HTTPS: u16 = 443;
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use forcefield_config::Source;

    use super::*;

    #[test]
    fn salesforces_hosts_lead_here_and_nothing_that_looks_like_them() {
        let text = "listen: { proxy: { address: \"127.0.0.1:0\", tls: { certificate: env:A, key: env:B } } }
orgs:
  vanity: { url: \"https://sf.corp.example:8443\", id: 00D000000000001, api_versions: \"50.0-68.0\" }
";
        let main = Source { path: "forcefield.yaml".to_owned(), text: text.to_owned() };
        let config = Config::load(Path::new("/"), &main, &[], jiff::civil::date(2026, 11, 25)).unwrap().0;
        for host in [
            "login.salesforce.com:443",
            "test.salesforce.com:443",
            "acme.my.salesforce.com:443",
            "acme--dev.sandbox.my.salesforce.com:443",
            "acme-dev-ed.develop.my.salesforce.com:443",
            "sf.corp.example:443",
            "sf.corp.example:8443",
        ] {
            let (host, port) = host.split_once(':').unwrap();
            assert!(leads_here(&config, host, port.parse().unwrap()), "{host}");
        }
        for host in [
            "login.salesforce.com:80",
            "login.salesforce.com.:443",
            "acme.my.salesforce.com:8443",
            "my.salesforce.com:443",
            ".my.salesforce.com:443",
            "acme..my.salesforce.com:443",
            "notmy.salesforce.com:443",
            "acme.lightning.force.com:443",
            "acme.my.salesforce.com.evil.example:443",
            "xlogin.salesforce.com:443",
            "sf.corp.example:22",
            "127.0.0.1:443",
            "169.254.169.254:80",
            "evil.example:443",
        ] {
            let (host, port) = host.split_once(':').unwrap();
            assert!(!leads_here(&config, host, port.parse().unwrap()), "{host}");
        }
    }
}
