//! The emulated org, a session in it, and what Forcefield would know of it: its schema and the handles it gave out.

use crate::ask::{Ask, escape};
use crate::belief::Belief;
use bytes::Bytes;
use forcefield_emulator::{Org, Received, Server};
use forcefield_policy::decision::Permit;
use forcefield_policy::names::ApiVersion;
use forcefield_policy::request::{Handle, HandleKind, Method, Origin};
use forcefield_policy::schema::describe::listed_objects;
use forcefield_policy::schema::{ObjectSpec, Schema, SchemaBuilder};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Everything that a run needs.
pub(crate) struct World {
    server: Server,
    token: String,
    sender: SendRequest<Full<Bytes>>,
    pub(crate) schema: Arc<Schema>,
    /// Ids of records that were there at the start, by object.
    pub(crate) ids: HashMap<String, Vec<String>>,
    /// What tells a record from all others wherever it shows, to its id, by object.
    pub(crate) marks: HashMap<&'static str, HashMap<String, String>>,
    /// Handles that were given out, latest last, and what the requests behind each may do.
    pub(crate) issued: Vec<Issued>,
}

/// A handle that was given out.
pub(crate) struct Issued {
    kind: HandleKind,
    id: String,
    origin: Origin,
    /// What the requests that made and filled it may do.
    belief: Belief,
    /// What the conditions that were added to them read.
    conditions: Belief,
}

/// An answer, and what the org did to give it.
pub(crate) struct Outcome {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) received: Received,
}

/// Objects whose records the generators name by id.
const NAMED: [&str; 12] = [
    "Account",
    "Contact",
    "Case",
    "Opportunity",
    "Lead",
    "Task",
    "User",
    "Invoice__c",
    "Invoice_Line__c",
    "acme__Widget__c",
    "Attachment",
    "ContentVersion",
];

/// Objects with a field that tells each record from all others, whatever the format of an answer.
pub(crate) const MARKED: [(&str, &str); 5] = [
    ("Account", "Name"),
    ("Contact", "Phone"),
    ("Case", "Subject"),
    ("Opportunity", "Name"),
    ("Invoice__c", "Name"),
];

// === impl World ===

impl World {
    pub(crate) async fn start() -> Self {
        let org = Org::builder().now(1_720_000_000).build();
        let server = org.start().await.unwrap();
        server.set_api_usage(0, u64::MAX);
        let token = server.open_session("user0@acme.example");
        let sender = connect(&server).await;
        let mut world = Self {
            server,
            token,
            sender,
            schema: Arc::default(),
            ids: HashMap::new(),
            marks: HashMap::new(),
            issued: Vec::new(),
        };
        world.schema = Arc::new(world.describe().await);
        for object in NAMED {
            let soql = format!("SELECT Id FROM {object} LIMIT 40");
            let ids = world.rows(&soql).await.iter().map(|row| text(row, "Id")).collect();
            world.ids.insert(object.to_owned(), ids);
        }
        for (object, field) in MARKED {
            let rows = world.rows(&format!("SELECT Id, {field} FROM {object}")).await;
            let marks = rows.iter().map(|row| (text(row, field), text(row, "Id"))).collect();
            world.marks.insert(object, marks);
        }
        world
    }

    /// The org's schema by its own describe, through the requests that Forcefield makes for itself.
    async fn describe(&mut self) -> Schema {
        let version = ApiVersion::new(62);
        let list = self.permitted(&Permit::describe_list(version), b"").await;
        let listed = listed_objects(&list.body).unwrap();
        let mut builder = SchemaBuilder::default();
        for some in listed.chunks(25) {
            let names: Vec<&str> = some.iter().map(|object| object.name.as_str()).collect();
            let answer = self.permitted(&Permit::describe_batch(version, &names), b"").await;
            builder.distinct(ObjectSpec::from_describe_batch(&answer.body).unwrap());
        }
        builder.build()
    }

    /// All rows of a query, asked without anything in between.
    async fn rows(&mut self, soql: &str) -> Vec<Json> {
        let mut target = format!("/services/data/v60.0/query?q={}", escape(soql));
        let mut rows = Vec::new();
        loop {
            let answer = self.send(Method::Get, &target, &[], Bytes::new()).await;
            let page: Json = serde_json::from_slice(&answer.body).unwrap();
            rows.extend(page["records"].as_array().unwrap_or_else(|| panic!("{soql}: {page}")).clone());
            match page["nextRecordsUrl"].as_str() {
                Some(next) => next.clone_into(&mut target),
                None => return rows,
            }
        }
    }

    /// Sends what a permit says, and nothing else. `streamed` is the client's own body, for doors that stream it.
    pub(crate) async fn permitted(&mut self, permit: &Permit, streamed: &[u8]) -> Outcome {
        let body = permit.body(&self.token).unwrap_or_else(|| Bytes::copy_from_slice(streamed));
        let mut headers: Vec<(String, String)> =
            permit.headers().iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        if !permit.session_in_body() {
            headers.push(("authorization".to_owned(), format!("Bearer {}", self.token)));
        }
        self.send_with(permit.method(), permit.target(), &headers, body).await
    }

    async fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Outcome {
        let session = ("authorization".to_owned(), format!("Bearer {}", self.token));
        let headers: Vec<(String, String)> = headers.iter().cloned().chain([session]).collect();
        self.send_with(method, target, &headers, body).await
    }

    async fn send_with(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Outcome {
        let number = self.server.received_count();
        let mut request =
            http::Request::builder().method(method.as_str()).uri(target).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request =
            request.body(Full::new(body)).unwrap_or_else(|error| panic!("{error}: {target} {headers:?}"));
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.server).await;
        }
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let mut received = self.server.received_since(number);
        assert_eq!(received.len(), 1, "one request sent, one received");
        self.server.clear();
        Outcome { status, body, received: received.remove(0) }
    }

    pub(crate) fn org(&self) -> &Server {
        &self.server
    }

    /// An id of a record of the object.
    pub(crate) fn id(&self, random: &mut crate::random::Random, object: &str) -> String {
        random.pick(&self.ids[object])
    }

    /// What the ledger holds for a handle.
    pub(crate) fn origin(&self, handle: &Handle) -> Option<Origin> {
        self.found(handle).map(|issued| issued.origin.clone())
    }

    /// What the requests behind a handle may do.
    pub(crate) fn believed(&self, handle: &Handle) -> Option<&Belief> {
        self.found(handle).map(|issued| &issued.belief)
    }

    /// What the conditions of the requests behind a handle read.
    pub(crate) fn conditions(&self, handle: &Handle) -> Option<&Belief> {
        self.found(handle).map(|issued| &issued.conditions)
    }

    fn found(&self, handle: &Handle) -> Option<&Issued> {
        self.issued.iter().find(|issued| issued.is(handle))
    }

    /// Keeps the handles that an answer gives out, and adds to those that the request used.
    pub(crate) fn keep(&mut self, permit: &Permit, (belief, conditions): (&Belief, &Belief), body: &[u8]) {
        for handle in permit.handles() {
            for issued in self.issued.iter_mut().filter(|issued| issued.is(handle)) {
                issued.belief.extend(belief);
                issued.conditions.extend(conditions);
            }
        }
        // A page names the cursor that it belongs to: one that is known.
        let Some(kind) = permit.answer().issues.filter(|_| permit.handles().is_empty()) else { return };
        let text = String::from_utf8_lossy(body);
        let starts: &[&str] = match kind {
            HandleKind::Locator => &["nextRecordsUrl\":\"", "<queryLocator>", "<nextRecordsUrl>"],
            _ => &["\"id\":\"", "\"id\" : \"", "<id>"],
        };
        let values = starts.iter().flat_map(|start| text.split(start).skip(1));
        let values = values.filter_map(|rest| rest.split(['"', '<']).next());
        for value in values {
            let id = match kind {
                HandleKind::Locator => value.rsplit('/').next().and_then(|name| name.split('-').next()),
                _ => value.get(..15),
            };
            let Some(id) = id.map(str::to_owned) else { continue };
            let (belief, conditions) = (belief.clone(), conditions.clone());
            self.issued.push(Issued { kind, id, origin: permit.origin(), belief, conditions });
        }
        let surplus = self.issued.len().saturating_sub(60);
        self.issued.drain(..surplus);
    }

    /// A handle of the kind that was given out of late.
    pub(crate) fn handle(&self, random: &mut crate::random::Random, kind: HandleKind) -> Option<String> {
        let known: Vec<&String> =
            self.issued.iter().filter(|issued| issued.kind == kind).map(|issued| &issued.id).collect();
        let late = known.len().saturating_sub(4);
        (!known.is_empty()).then(|| random.pick(&known[late..]).clone())
    }

    /// What the ledger holds for the latest job of a kind with this id.
    pub(crate) fn job(&self, kind: HandleKind, id: &str) -> Option<Origin> {
        let found = self.issued.iter().find(|issued| issued.kind == kind && issued.id == id);
        found.map(|issued| issued.origin.clone())
    }
}

impl Issued {
    fn is(&self, handle: &Handle) -> bool {
        self.kind == handle.kind && *self.id == *handle.id
    }
}

async fn connect(server: &Server) -> SendRequest<Full<Bytes>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    // It ends with the sender; what goes wrong is seen there.
    tokio::spawn(connection);
    sender
}

fn text(row: &Json, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

/// Whether a request could be sent at all: others never reach the classifier.
pub(crate) fn is_sendable(ask: &Ask) -> bool {
    ask.target.starts_with('/')
        && ask.target.parse::<http::Uri>().is_ok()
        && http::Method::from_bytes(ask.method.as_bytes()).is_ok()
        && ask.headers.iter().all(|(name, value)| {
            http::HeaderName::from_bytes(name.as_bytes()).is_ok()
                && http::HeaderValue::from_bytes(value).is_ok()
        })
}
