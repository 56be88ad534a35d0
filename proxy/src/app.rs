//! Where the rooms are introduced to one another: a configuration to a running Forcefield, and to the next one.

mod control;
mod reload;
mod tasks;
mod told;
mod tunnels;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use forcefield_config::Config;
use forcefield_config::config::{self, State, TlsListener, TrustSource};
use forcefield_config::secret::SecretRef;
use forcefield_control::{Restraints, Widenings};
use forcefield_credentials::{Credentials, Seal, Secret, Secrets, Sharing};
use forcefield_identity::{IssuerKeys, KeySet, Logins, Sessions};
use forcefield_limits::{Clock, Limits};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::Receiver;
use tokio::sync::{mpsc, watch};

use crate::exchange::Decided;
use crate::front::{Front, NamedMaterial, TlsMaterial, TlsState, Trust, TrustDomain};
use crate::intake::Intake;
use crate::issuers::Issuers;
use crate::live::{Live, Schemas, Snapshot, Standing};
use crate::process::{AtEnd, Background, Ending, Listening, Process};
use crate::replicas::Replicas;
use crate::rooms::Rooms;
use crate::schemas::SchemaStore;
use crate::service::{LookUps, Service};
use crate::signals::Signals;
use crate::telemetry::health::Problem;
use crate::telemetry::otlp::{Exporter, Outlet};
use crate::telemetry::trace::{Finished, Tracer};
use crate::telemetry::{Telemetry, listener};
use crate::upstream::{Origin, Rules, Upstream, VaultCarrier};
use crate::workload::{Bundles, Workloads};

use control::{Control, Reload, look_after};

/// A Forcefield that is wired and not yet listening.
pub struct App {
    service: Arc<Service>,
    front: Arc<Front>,
    secrets: Secrets,
    /// What SPIFFE Workload APIs say about trust domains.
    bundles: Arc<Bundles>,
    schemas: SchemaStore,
    /// Orgs whose schema lacks a name that was asked for.
    strange: mpsc::Receiver<String>,
    /// The file to read again on a reload.
    file: Option<PathBuf>,
    /// The traced exchanges that wait to be sent.
    traces: Option<mpsc::Receiver<Box<Finished>>>,
    /// Becomes true once the first schemas are loaded or given up: then connections are accepted.
    described: watch::Sender<bool>,
    /// The control plane, where there is one.
    control: Option<Control>,
    /// Wishes to reload.
    reloads: mpsc::Receiver<Reload>,
    /// When each org was last asked to describe itself.
    loaded: HashMap<String, Instant>,
}

/// A Forcefield that runs inside this process, for `forcefield dev`.
pub struct Running {
    address: SocketAddr,
    service: Arc<Service>,
    front: Arc<Front>,
    tasks: tokio::task::JoinSet<()>,
    /// Where its control plane is, where it has one.
    control: Option<SocketAddr>,
}

impl App {
    /// Wires the rooms for a configuration.
    ///
    /// # Errors
    /// A secret that cannot be read, state that cannot be opened, TLS material that cannot be used.
    pub fn wire(config: Config, file: Option<PathBuf>) -> Result<Self> {
        let secrets = secrets(&config);
        let state = state_folder(&config);
        std::fs::create_dir_all(&state).with_context(|| format!("making {}", state.display()))?;
        let Durable { replicas, sessions, limits, restraints, widenings, signals } =
            Durable::open(&config, &secrets, &state)?;
        let (keys, bundles) = (Arc::new(IssuerKeys::default()), Arc::<Bundles>::default());
        put_keys(&keys, read_keys(&config, &secrets, &bundles)?);
        let upstream = Arc::new(Upstream::new(origins(&config, &secrets)?, Rules::from(&config.timeouts)));
        let credentials = credentials(&config, &secrets, (&upstream, replicas.as_ref()))?;
        let keys_of_record = keys_of_record(&config, &secrets)?;
        let percent = config.telemetry.as_ref().and_then(|telemetry| telemetry.traces);
        let (tracer, traces) = percent.map(Tracer::new).unzip();
        let rooms = Arc::new(Rooms::open(&config, keys_of_record, Telemetry::new(tracer), signals)?);
        let trust = Arc::new(Trust::new(tls(&config, &config.listen.proxy, &secrets, &bundles)?));
        let store = SchemaStore::open(&state).context("opening the stored schemas")?;
        let stored = |org: &String| Some((org.clone(), Arc::new(store.stored(org)?)));
        let known: Schemas = config.orgs.keys().filter_map(stored).collect();
        let (tell, strange) = mpsc::channel(16);
        let standing = Standing { sessions: Arc::clone(&sessions), keys, widenings };
        let (timeouts, config) = (config.timeouts, Arc::new(config));
        let service = Service {
            live: Live::new(Snapshot::new(config, known, standing, Timestamp::now())),
            logins: Logins::new(sessions),
            credentials: ArcSwap::from_pointee(credentials),
            limits,
            upstream,
            intake: Intake::new(INSPECTED, timeouts.body),
            rooms,
            logging_in: Semaphore::new(LOGINS),
            strange: tell,
            restraints,
            replicas,
            presences: Arc::default(),
            look_ups: LookUps::default(),
            throttling: Mutex::default(),
        };
        service.follow_throttles();
        let service = service.shown();
        Replicas::keep(&service);
        let (wish, reloads) = mpsc::channel(4);
        let control = Control::new(&service, &secrets, &bundles, wish)?;
        let front = Arc::new(Front::new(trust, timeouts));
        told::front("proxy", &service.rooms.telemetry, (&front, Problem::Certificate));
        told::trust(&service, &front, &bundles);
        Ok(Self {
            service,
            front,
            secrets,
            bundles,
            schemas: store,
            strange,
            file,
            control,
            reloads,
            traces,
            described: watch::Sender::new(false),
            loaded: HashMap::new(),
        })
    }

    /// Serves until the process is told to stop.
    ///
    /// # Errors
    /// When the process cannot be prepared.
    pub fn serve(mut self, upgrade: bool) -> Result<()> {
        let config = Arc::clone(&self.service.live.load().config);
        let at_end = self.at_end(&config)?;
        let mut process = Process::new(&state_folder(&config), config.timeouts.longest, upgrade, at_end)?;
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        process.listen(self.listening(config.listen.proxy.address, threads));
        if let Some(address) = config.listen.connect {
            process.listen(self.tunnels(address, threads));
        }
        if let Some(address) = config.listen.metrics {
            let telemetry = Arc::clone(&self.service.rooms.telemetry);
            process.listen(Listening {
                name: "metrics",
                address,
                threads: 1,
                is_main: false,
                serve: Box::new(move |listener, stop| {
                    Box::pin(async move {
                        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                        // While the process drains it says so; what a successor has is the successor's to say.
                        let handed_over = async {
                            if stop.await == Ending::Terminate {
                                std::future::pending::<()>().await;
                            }
                        };
                        tokio::select! {
                            () = listener::serve(telemetry, listener) => {}
                            () = handed_over => {}
                        }
                    })
                }),
            });
        }
        let issuers = self.issuers();
        process.background(Background { name: "issuers", work: Box::new(|| Box::pin(issuers.run())) });
        let signals = Arc::clone(&self.service).follow_signals();
        process.background(Background { name: "signals", work: Box::new(|| Box::pin(signals)) });
        let workloads = self.workloads();
        process.background(Background { name: "workloads", work: Box::new(|| Box::pin(workloads.run())) });
        self.listen_control(&mut process, &config);
        let work = move || -> crate::process::Work {
            Box::pin(async move {
                Box::pin(self.tasks()).await;
            })
        };
        process.background(Background { name: "tasks", work: Box::new(work) });
        process.run();
        Ok(())
    }

    /// What is done at the end. Begins to send to the collector, where there is one: what is left is sent then.
    fn at_end(&mut self, config: &Config) -> Result<AtEnd> {
        let (service, traces) = (Arc::clone(&self.service), self.traces.take());
        let exporter = config.telemetry.as_ref().map(|settings| {
            Exporter::start(Outlet {
                settings: settings.clone(),
                secrets: self.secrets.clone(),
                telemetry: Arc::clone(&service.rooms.telemetry),
                traces,
                records: config.root.join(&config.audit.path),
                position: state_folder(config).join("otlp.position"),
            })
        });
        let exporter = exporter.transpose().context("starting what sends to the collector")?;
        Ok(Box::new(move || {
            service.flush();
            if let Some(exporter) = exporter {
                exporter.finish();
            }
        }))
    }

    fn issuers(&self) -> Issuers {
        Issuers::new(Arc::clone(&self.service), self.secrets.clone())
    }

    fn workloads(&self) -> Workloads {
        Workloads::new(Arc::clone(&self.service), Arc::clone(&self.bundles))
    }

    fn listen_control(&self, process: &mut Process, config: &Config) {
        let (Some(control), Some(listener)) = (&self.control, &config.listen.control) else { return };
        let (api, front) = (Arc::clone(&control.api), Arc::clone(&control.front));
        let telemetry = Arc::clone(&self.service.rooms.telemetry);
        process.listen(Listening {
            name: "control",
            address: listener.address,
            threads: 1,
            is_main: false,
            serve: Box::new(move |listener, stop| {
                Box::pin(async move {
                    told::runtime("control", &telemetry);
                    Control::serve(api, front, listener, stop).await;
                })
            }),
        });
    }

    fn listening(&self, address: SocketAddr, threads: usize) -> Listening {
        let (front, service, described) =
            (Arc::clone(&self.front), Arc::clone(&self.service), self.described.subscribe());
        Listening {
            name: "proxy",
            address,
            threads,
            is_main: true,
            serve: Box::new(move |listener, stop| {
                Box::pin(async move {
                    let (mut stop, mut described) = (stop, described);
                    tokio::select! { _ = described.wait_for(|is| *is) => {}, _ = &mut stop => return }
                    serve(listener, stop, front, service).await;
                })
            }),
        }
    }
}

/// Accepts and answers until told to stop, then drains.
async fn serve(
    listener: std::net::TcpListener,
    stop: crate::process::Stop,
    front: Arc<Front>,
    service: Arc<Service>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let (telemetry, accepting) = (Arc::clone(&service.rooms.telemetry), Arc::clone(&front));
    let restrained = Arc::clone(&service);
    let handler = move |arrival, request| Arc::clone(&service).handle(arrival, request);
    told::runtime("proxy", &telemetry);
    telemetry.health().serving();
    let looking_after = tokio::spawn(look_after(restrained));
    let accepting = tokio::spawn(accepting.accept(listener, handler));
    stop.await;
    telemetry.health().draining();
    let drained = front.drain().await;
    tracing::info!(?drained, "the proxy listener has stopped");
    let _ = accepting.await;
    looking_after.abort();
}

// === impl Running ===

impl Running {
    /// Starts a configuration on this runtime.
    ///
    /// # Errors
    /// As [`App::wire`], and when the address is in use.
    pub async fn start(config: Config) -> Result<Self> {
        let address = config.listen.proxy.address;
        let control = config.listen.control.as_ref().map(|listener| listener.address);
        let mut app = App::wire(config, None)?;
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}"))?;
        let address = listener.local_addr()?;
        let (service, front) = (Arc::clone(&app.service), Arc::clone(&app.front));
        let mut tasks = tokio::task::JoinSet::new();
        let handler = {
            let service = Arc::clone(&service);
            move |arrival, request| Arc::clone(&service).handle(arrival, request)
        };
        tasks.spawn(Arc::clone(&front).accept(listener, handler));
        tasks.spawn(app.issuers().run());
        tasks.spawn(Arc::clone(&service).follow_signals());
        let control = match (&app.control, control) {
            (Some(served), Some(address)) => Some(served.start(address, &mut tasks)?),
            (None, _) | (_, None) => None,
        };
        tasks.spawn(app.workloads().run());
        Box::pin(app.first_schemas()).await;
        tasks.spawn(Box::pin(app.tasks()));
        Ok(Self { address, service, front, tasks, control })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its control plane listens, where it has one.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control
    }

    /// The decisions from now on.
    #[must_use]
    pub fn decisions(&self) -> Receiver<Decided> {
        self.service.rooms.decisions.subscribe()
    }

    /// Drains and ends.
    pub async fn stop(mut self) {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(3), self.front.drain()).await;
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        self.service.flush();
    }
}

// === helpers ===

/// The orgs' tokens. Several replicas share refresh tokens, where they have a key for that.
fn credentials(
    config: &Config,
    secrets: &Secrets,
    (upstream, replicas): (&Arc<Upstream>, Option<&Arc<Replicas>>),
) -> Result<Credentials> {
    let (own, fetch) = (secrets.clone(), Arc::clone(upstream) as _);
    let Some(replicas) = replicas else { return Ok(Credentials::new(config, own, fetch)?) };
    let State::Redis { keys: Some(keys), .. } = &config.state else {
        return Ok(Credentials::of_several(config, own, fetch, None)?);
    };
    let other = keys.other.as_ref().map(|key| read(secrets, key)).transpose()?;
    let seal = Seal::new(&read(secrets, &keys.key)?, other.as_ref());
    let seal = Arc::new(seal.context("`state.key` or `state.other_key`")?);
    let sharing = Sharing { store: Arc::clone(replicas) as _, seal };
    Ok(Credentials::of_several(config, own, fetch, Some(sharing))?)
}

/// The state that outlives the process, and the other replicas that share it.
struct Durable {
    replicas: Option<Arc<Replicas>>,
    sessions: Arc<Sessions>,
    limits: Limits,
    restraints: Arc<Restraints>,
    widenings: Arc<Widenings>,
    /// The rules that put on more restraints.
    signals: Signals,
}

impl Durable {
    fn open(config: &Config, secrets: &Secrets, state: &Path) -> Result<Self> {
        let mut sessions = Sessions::open(state, Timestamp::now()).context("opening the sessions")?;
        let mut restraints =
            Restraints::open(state).context("opening what responders have put on integrations")?;
        let mut widenings = Widenings::open(state).context("opening proposals and break-glass grants")?;
        let mut store = None;
        let replicas = Self::replicas(config, secrets, state)?;
        if let Some(replicas) = &replicas {
            sessions = sessions.shared(Arc::clone(replicas) as _);
            restraints = restraints.relayed(Arc::clone(replicas) as _);
            widenings = widenings.shared(Arc::clone(replicas) as _);
            store = Some(Arc::clone(replicas) as _);
        }
        let limits = Limits::open(state, &config.identities, Clock::system(), store);
        let restraints = Arc::new(restraints);
        let signals = Signals::open(config, state, Arc::clone(&restraints));
        Ok(Self {
            replicas,
            sessions: Arc::new(sessions),
            limits: limits.context("opening the state")?,
            restraints,
            widenings: Arc::new(widenings),
            signals: signals.context("opening the histories of integrations")?,
        })
    }

    /// The connection to the other replicas, where the configuration has several.
    fn replicas(config: &Config, secrets: &Secrets, state: &Path) -> Result<Option<Arc<Replicas>>> {
        let State::Redis { url, password, ca, .. } = &config.state else { return Ok(None) };
        let password = password.as_ref().map(|password| read(secrets, password)).transpose()?;
        let ca = ca.as_ref().map(|ca| read(secrets, ca)).transpose()?;
        let replicas = Replicas::new(url, (password.as_ref(), ca.as_ref()), state)?;
        replicas.probe()?;
        Ok(Some(replicas))
    }
}

/// The key of the record's chain, and the one that signs it.
fn keys_of_record(config: &Config, secrets: &Secrets) -> Result<(Option<Secret>, Option<Secret>)> {
    let secret = |key: &Option<SecretRef>| key.as_ref().map(|key| read(secrets, key)).transpose();
    Ok((secret(&config.audit.key)?, secret(&config.audit.signing_key)?))
}

/// The folder of this replica's state.
pub(crate) fn state_folder(config: &Config) -> PathBuf {
    let (State::Embedded(path) | State::Redis { path, .. }) = &config.state;
    config.root.join(path)
}

/// Today, UTC.
pub(crate) fn today() -> jiff::civil::Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}

/// Reads the secrets of a configuration.
fn secrets(config: &Config) -> Secrets {
    let own = Secrets::new(&config.root);
    let Some(vault) = &config.vault else { return own };
    let carrier = VaultCarrier::new(vault.address.clone(), vault.ca.clone(), own.clone());
    own.with_vault(vault.clone(), Arc::new(carrier))
}

fn read(secrets: &Secrets, reference: &SecretRef) -> Result<Secret> {
    secrets.read_blocking(reference).with_context(|| format!("reading {reference}"))
}

/// The orgs and how to reach each.
fn origins(config: &Config, secrets: &Secrets) -> Result<Vec<Origin>> {
    let origin = |org: &forcefield_config::config::Org| {
        let ca = org.ca.as_ref().map(|ca| read(secrets, ca)).transpose()?;
        let client = org.client_certificate.as_ref();
        let client = client.map(|(certificate, key)| {
            Ok::<_, anyhow::Error>((read(secrets, certificate)?, read(secrets, key)?))
        });
        let client = client.transpose()?;
        let client = client.as_ref().map(|(certificate, key)| (certificate.expose(), key.expose()));
        Origin::build(org, ca.as_ref().map(Secret::expose), client)
            .with_context(|| format!("org `{}`", org.name))
    };
    config.orgs.values().map(origin).collect()
}

/// The TLS of a listener.
fn tls(config: &Config, listener: &TlsListener, secrets: &Secrets, bundles: &Bundles) -> Result<TlsState> {
    let (certificate, key) = (read(secrets, &listener.tls.certificate)?, read(secrets, &listener.tls.key)?);
    let client_ca = listener.tls.client_ca.as_ref().map(|ca| read(secrets, ca)).transpose()?;
    let trust_domains = trust_domains(listener, secrets, bundles)?;
    let named: Vec<(Secret, Secret)> = config
        .certificates
        .iter()
        .map(|named| Ok((read(secrets, &named.certificate)?, read(secrets, &named.key)?)))
        .collect::<Result<_>>()?;
    let material = TlsMaterial {
        certificate: certificate.expose(),
        key: key.expose(),
        client_ca: client_ca.as_ref().map(Secret::expose),
        trust_domains: trust_domains.as_deref(),
        named: config
            .certificates
            .iter()
            .zip(&named)
            .map(|(of, (certificate, key))| NamedMaterial {
                names: &of.names,
                certificate: certificate.expose(),
                key: key.expose(),
            })
            .collect(),
    };
    TlsState::build(&material).context("the TLS of `listen.proxy`")
}

/// The authorities of a listener's trust domains, as far as they are known. `None` when it names none.
fn trust_domains(
    listener: &TlsListener,
    secrets: &Secrets,
    bundles: &Bundles,
) -> Result<Option<Vec<TrustDomain>>> {
    let told = |(domain, source): (&String, &TrustSource)| match source {
        TrustSource::WorkloadApi(socket) => Ok(bundles.trust_domain(socket, domain)),
        TrustSource::Bundle(reference) => {
            let pem = read(secrets, reference)?;
            let wrong = || {
                format!(
                    "`{reference}`, the bundle of the trust domain `{domain}`, is not PEM with a certificate"
                )
            };
            let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose()).collect();
            let authorities = all.ok().filter(|all| !all.is_empty()).with_context(wrong)?;
            let revoked: Result<Vec<_>, _> =
                CertificateRevocationListDer::pem_slice_iter(pem.expose()).collect();
            Ok(TrustDomain { name: domain.clone(), authorities, revoked: revoked.ok().with_context(wrong)? })
        }
    };
    let domains = &listener.tls.trust_domains;
    if domains.is_empty() {
        return Ok(None);
    }
    domains.iter().map(told).collect::<Result<_>>().map(Some)
}

/// Keys by the name of their issuer; none where it has none, or has not told them yet.
type Keys = Vec<(String, Option<KeySet>)>;

/// The keys of issuers whose keys are in a file, or told by a Workload API; those of the others are fetched by [`Issuers`].
fn read_keys(config: &Config, secrets: &Secrets, bundles: &Bundles) -> Result<Keys> {
    let mut keys = told_keys(config, bundles);
    for (name, issuer) in &config.issuers {
        if let config::IssuerKeys::Jwks(reference) = &issuer.keys {
            let set = KeySet::read(read(secrets, reference)?.expose());
            keys.push((name.clone(), Some(set.with_context(|| format!("the keys of issuer `{name}`"))?)));
        }
    }
    Ok(keys)
}

/// The keys of issuers whose keys are told by a Workload API.
fn told_keys(config: &Config, bundles: &Bundles) -> Keys {
    let told = |(name, issuer): (&String, &config::Issuer)| match &issuer.keys {
        config::IssuerKeys::WorkloadApi { socket, trust_domain } => {
            Some((name.clone(), bundles.keys(socket, trust_domain)))
        }
        config::IssuerKeys::Discovery { .. } | config::IssuerKeys::Jwks(_) => None,
    };
    config.issuers.iter().filter_map(told).collect()
}

fn put_keys(keys: &IssuerKeys, read: Keys) {
    for (issuer, set) in read {
        match set {
            Some(set) => keys.put(&issuer, set),
            None => keys.remove(&issuer),
        }
    }
}

/// Bytes of request bodies that are held for inspection at one time.
const INSPECTED: usize = 512 << 20;
/// Logins that are checked at one time: each takes a core and 19 MiB for some tens of milliseconds.
const LOGINS: usize = 4;

/// Where a configuration file's folder is.
pub(crate) fn root_of(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}
