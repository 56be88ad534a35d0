//! The process: signals, listening sockets and their hand-over, a runtime for each service. The only module that
//! names Pingora.
//!
//! SIGTERM and SIGINT drain and end. SIGQUIT hands the listening sockets to a process that was started with
//! `--upgrade` and waits for them, then drains: no request fails. Pingora waits the whole grace period, drained or not,
//! so the service of the proxy listener ends the process itself as soon as it is drained.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use pingora_core::server::configuration::{Opt, ServerConf};
use pingora_core::server::{ListenFds, RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora_core::services::Service;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// How the process is run.
pub struct Process {
    server: Server,
    /// Whether the sockets went to a successor.
    handed_over: Arc<AtomicBool>,
    end: Arc<Mutex<Option<AtEnd>>>,
}

/// What is done after everything is drained, before the process ends.
pub type AtEnd = Box<dyn FnOnce() + Send>;

/// A socket, and what serves it until the process is told to stop.
pub struct Listening {
    /// The name in logs, and by which a successor asks for the socket.
    pub name: &'static str,
    /// Where to bind it, when no predecessor hands it over.
    pub address: SocketAddr,
    /// Threads of its runtime.
    pub threads: usize,
    /// Serves it: gets the socket, and a future that resolves when the process is told to stop.
    pub serve: Serve,
    /// Whether the process ends when this has ended.
    pub is_main: bool,
}

/// What serves a socket.
pub type Serve = Box<dyn FnOnce(TcpListener, Stop) -> Work + Send + Sync>;
/// Work that runs to its end.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Resolves when the process is told to stop.
pub type Stop = Pin<Box<dyn Future<Output = Ending> + Send>>;

/// How the process was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It is the last one.
    Terminate,
    /// Another has its sockets, and accepts what comes in from now on.
    HandOver,
}

/// Work without a socket, on a runtime of its own.
pub struct Background {
    /// The name in logs.
    pub name: &'static str,
    /// The work; it is dropped when the process stops.
    pub work: Box<dyn FnOnce() -> Work + Send + Sync>,
}

impl Process {
    /// Prepares the process. With `upgrade`, waits here until a predecessor hands over its sockets. The hand-over
    /// goes through a socket in `state`, which only this user may enter; `longest` is how long a drain may take.
    ///
    /// # Errors
    /// When the state folder cannot be made private.
    pub fn new(state: &Path, longest: Duration, upgrade: bool, at_end: AtEnd) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let folder = state.join("upgrade");
        if !folder.is_dir() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.with_context(|| format!("making {}", folder.display()))?;
        }
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let conf = ServerConf {
            threads,
            work_stealing: true,
            grace_period_seconds: Some(longest.as_secs().max(1)),
            graceful_shutdown_timeout_seconds: Some(5),
            upgrade_sock_connect_accept_max_retries: Some(30),
            upgrade_sock: folder.join("sock").display().to_string(),
            pid_file: folder.join("pid").display().to_string(),
            ..ServerConf::default()
        };
        let opt = Opt { upgrade, ..Opt::default() };
        if upgrade {
            info!("waiting for the listening sockets of the process before this one");
        }
        let mut server = Server::new_with_opt_and_conf(opt, conf);
        server.bootstrap();
        Ok(Self { server, handed_over: Arc::default(), end: Arc::new(Mutex::new(Some(at_end))) })
    }

    /// Adds a socket and what serves it.
    pub fn listen(&mut self, listening: Listening) {
        let Listening { name, address, threads, serve, is_main } = listening;
        let end = is_main.then(|| Arc::clone(&self.end));
        let (serve, handed_over) = (Some(serve), Arc::clone(&self.handed_over));
        self.server.add_service(Listener { name, address, threads, serve, handed_over, end });
    }

    /// Adds work without a socket.
    pub fn background(&mut self, background: Background) {
        self.server.add_service(Worker { name: background.name, work: Some(background.work) });
    }

    /// Runs until the process is told to stop and is drained.
    pub fn run(self) {
        let upgrade = self.server.configuration.upgrade_sock.clone().into();
        let signals = Signals { upgrade, handed_over: Arc::clone(&self.handed_over) };
        self.server.run(RunArgs { shutdown_signal: Box::new(signals) });
        finish(&self.end);
    }
}

/// Keeps what is in memory out of files: no core dump is written of this process, and no other process of its user may
/// look into it. To be called before a secret is read.
pub fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    if let Err(error) = limited.and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable)) {
        warn!(%error, "a core dump of this process would hold secrets, and cannot be forbidden");
    }
}

/// A socket as a service of Pingora's.
struct Listener {
    name: &'static str,
    address: SocketAddr,
    threads: usize,
    serve: Option<Serve>,
    handed_over: Arc<AtomicBool>,
    end: Option<Arc<Mutex<Option<AtEnd>>>>,
}

#[async_trait]
impl Service for Listener {
    async fn start_service(&mut self, fds: Option<ListenFds>, shutdown: ShutdownWatch, _: usize) {
        let listener = match socket(self.name, self.address, fds.as_ref()) {
            Ok(listener) => listener,
            Err(error) => {
                error!(listener = self.name, address = %self.address, %error, "cannot listen");
                std::process::exit(1);
            }
        };
        let address = listener.local_addr().unwrap_or(self.address);
        info!(listener = self.name, %address, "listening");
        if let Some(serve) = self.serve.take() {
            let handed_over = Arc::clone(&self.handed_over);
            let stop = async move {
                stopped(shutdown).await;
                if handed_over.load(Ordering::Relaxed) { Ending::HandOver } else { Ending::Terminate }
            };
            serve(listener, Box::pin(stop)).await;
        }
        if let Some(end) = &self.end {
            info!("drained");
            finish(end);
            std::process::exit(0);
        }
    }

    fn name(&self) -> &str {
        self.name
    }

    fn threads(&self) -> Option<usize> {
        Some(self.threads)
    }
}

/// Work as a service of Pingora's.
struct Worker {
    name: &'static str,
    work: Option<Box<dyn FnOnce() -> Work + Send + Sync>>,
}

#[async_trait]
impl Service for Worker {
    async fn start_service(&mut self, _: Option<ListenFds>, shutdown: ShutdownWatch, _: usize) {
        let Some(work) = self.work.take() else { return };
        tokio::select! {
            () = work() => {}
            () = stopped(shutdown) => {}
        }
    }

    fn name(&self) -> &str {
        self.name
    }

    fn threads(&self) -> Option<usize> {
        Some(1)
    }
}

/// The signals that the process obeys. An interrupt drains too: records must not be lost to a Ctrl-C.
struct Signals {
    /// The socket by which a successor asks for the listening ones.
    upgrade: std::path::PathBuf,
    handed_over: Arc<AtomicBool>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let all =
            (signal(SignalKind::quit()), signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        let (Ok(mut quit), Ok(mut terminate), Ok(mut interrupt)) = all else {
            error!("signals cannot be received; ending");
            return ShutdownSignal::GracefulTerminate;
        };
        loop {
            tokio::select! {
                _ = quit.recv() => {
                    // Pingora drains even when nobody takes the sockets over.
                    if self.upgrade.exists() {
                        self.handed_over.store(true, Ordering::Relaxed);
                        return ShutdownSignal::GracefulUpgrade;
                    }
                    warn!("SIGQUIT without a process that waits for the listening sockets; going on");
                }
                _ = terminate.recv() => return ShutdownSignal::GracefulTerminate,
                _ = interrupt.recv() => return ShutdownSignal::GracefulTerminate,
            }
        }
    }
}

/// The socket that the predecessor handed over, or a new one; noted for the successor either way.
fn socket(name: &str, address: SocketAddr, fds: Option<&ListenFds>) -> std::io::Result<TcpListener> {
    let inherited = fds.and_then(|fds| fds.lock().get(name).copied());
    // SAFETY: Pingora received this descriptor for this process, keeps only its number, and no other service asks for
    // this name, so that nothing else owns it.
    #[expect(unsafe_code, reason = "a descriptor that was handed over comes as a number")]
    let inherited = inherited.map(|fd| unsafe { TcpListener::from_raw_fd(fd) });
    // A changed address is served, not the one before; port 0 is any port.
    let fits = |bound: &TcpListener| {
        bound
            .local_addr()
            .is_ok_and(|bound| bound == address || address.port() == 0 && bound.ip() == address.ip())
    };
    let listener = inherited.filter(fits).map_or_else(|| TcpListener::bind(address), Ok)?;
    listener.set_nonblocking(true)?;
    if let Some(fds) = fds {
        fds.lock().add(name.to_owned(), listener.as_raw_fd());
    }
    Ok(listener)
}

async fn stopped(mut shutdown: ShutdownWatch) {
    // An error means that the server is gone, which is the same.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

fn finish(end: &Mutex<Option<AtEnd>>) {
    if let Some(end) = end.lock().unwrap_or_else(PoisonError::into_inner).take() {
        end();
    }
}
