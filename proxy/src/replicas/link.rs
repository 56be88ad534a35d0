//! The connection to the store: one at a time, dialled by the keeper, used by everybody, with a deadline for every
//! command. Whoever finds it broken hangs up, and the keeper dials anew.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwapOption;
use forcefield_credentials::Secret;
use forcefield_limits::OutOfReach;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError, Script};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Where the store is, and the connection to it.
pub(super) struct Link {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    login: RedisConnectionInfo,
    current: ArcSwapOption<MultiplexedConnection>,
    broken: Notify,
}

/// What is wrong with how the store is reached, and does not pass by waiting. Never with the password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Mistake {
    /// The password, or that there is none.
    #[error("the store of `state.redis` refuses the login ({0}); look at `state.password`")]
    Login(String),
    /// The certificate is not of a CA that is trusted, or not for this host.
    #[error(
        "the certificate of the store of `state.redis` does not verify ({0}); `state.ca` names the CAs that it may be of"
    )]
    Certificate(String),
}

/// How long a command may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(1);
/// How long it may take to reach the store.
const DIALLING: Duration = Duration::from_secs(2);
/// Commands that wait for an answer at one time.
const UNDER_WAY: usize = 512;

// === impl Link ===

impl Link {
    /// A link to `redis://host:port/database`, or `rediss://` with TLS.
    pub(super) fn new(url: &str, password: Option<&Secret>, ca: Option<&Secret>) -> Result<Self> {
        let (rest, has_tls) = match (url.strip_prefix("redis://"), url.strip_prefix("rediss://")) {
            (Some(rest), _) => (rest, false),
            (None, Some(rest)) => (rest, true),
            (None, None) => anyhow::bail!("`state.redis` is no URL of a Redis"),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().context("the port of `state.redis`")?)
            }
            _ => (authority, PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut login = RedisConnectionInfo::default().set_skip_set_lib_name();
        if !database.is_empty() {
            login = login.set_db(database.parse().context("the database of `state.redis`")?);
        }
        if let Some(password) = password {
            login =
                login.set_password(password.expose_text().context("the password of the store is not text")?);
        }
        let tls = has_tls.then(|| connector(&host, ca)).transpose()?;
        Ok(Self { host, port, tls, login, current: ArcSwapOption::empty(), broken: Notify::new() })
    }

    /// Makes a connection, which is not used by others before [`Link::put_up`].
    pub(super) async fn dial(&self) -> Result<MultiplexedConnection, RedisError> {
        let dialled = timeout(DIALLING, async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            let config =
                AsyncConnectionConfig::new().set_response_timeout(None).set_concurrency_limit(UNDER_WAY);
            match &self.tls {
                None => {
                    let (connection, driver) =
                        MultiplexedConnection::new_with_config(&self.login, stream, config).await?;
                    tokio::spawn(driver);
                    Ok(connection)
                }
                Some((connector, name)) => {
                    let stream = connector.connect(name.clone(), stream).await?;
                    let (connection, driver) =
                        MultiplexedConnection::new_with_config(&self.login, stream, config).await?;
                    tokio::spawn(driver);
                    Ok(connection)
                }
            }
        });
        dialled.await.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    }

    /// Reaches the store once, to find what no waiting mends. Out of reach is no mistake: it may start later.
    pub(super) async fn probe(&self) -> Result<(), Mistake> {
        if let Some(Err(error)) = timeout(DIALLING, self.shake_hands()).await.ok()
            && let Some(rustls::Error::InvalidCertificate(problem)) =
                error.get_ref().and_then(|error| error.downcast_ref())
        {
            return Err(Mistake::Certificate(format!("{problem:?}")));
        }
        let ping = async {
            let mut connection = self.dial().await?;
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        match timeout(DIALLING, ping).await {
            Ok(Err(error)) if error.kind() == redis::ErrorKind::AuthenticationFailed => {
                Err(Mistake::Login("wrong password".to_owned()))
            }
            Ok(Err(error)) => match error.code() {
                Some(code @ ("WRONGPASS" | "NOAUTH" | "NOPERM")) => Err(Mistake::Login(code.to_owned())),
                _ => Ok(()),
            },
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    /// The TLS alone, where there is any.
    async fn shake_hands(&self) -> std::io::Result<()> {
        if let Some((connector, name)) = &self.tls {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            connector.connect(name.clone(), stream).await?;
        }
        Ok(())
    }

    /// Has a connection used by everybody.
    pub(super) fn put_up(&self, connection: MultiplexedConnection) {
        self.current.store(Some(Arc::new(connection)));
    }

    /// Has the connection used by nobody any more.
    pub(super) fn hang_up(&self) {
        self.current.store(None);
        self.broken.notify_one();
    }

    /// Resolves when somebody hung up.
    pub(super) async fn hung_up(&self) {
        while self.current.load().is_some() {
            self.broken.notified().await;
        }
    }

    /// Runs a command.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, OutOfReach> {
        let mut connection = self.connection()?;
        self.in_time(async move { command.query_async(&mut connection).await }).await
    }

    /// Runs commands in one go.
    pub(super) async fn all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, OutOfReach> {
        let mut connection = self.connection()?;
        self.in_time(async move { commands.query_async(&mut connection).await }).await
    }

    /// Runs a script, which is all or nothing.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<T, OutOfReach> {
        let mut connection = self.connection()?;
        let mut invocation = script.prepare_invoke();
        for key in keys {
            invocation.key(key);
        }
        for argument in arguments {
            invocation.arg(argument);
        }
        self.in_time(async move { invocation.invoke_async(&mut connection).await }).await
    }

    fn connection(&self) -> Result<MultiplexedConnection, OutOfReach> {
        self.current.load().as_deref().cloned().ok_or(OutOfReach)
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RedisError>>) -> Result<T, OutOfReach> {
        match timeout(DEADLINE, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, "the store that the replicas share refused a command");
                if error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
                    self.hang_up();
                }
                Err(OutOfReach)
            }
            Err(_) => {
                self.hang_up();
                Err(OutOfReach)
            }
        }
    }
}

/// TLS to a store with a certificate of these CAs; of public ones when there are none.
fn connector(host: &str, ca: Option<&Secret>) -> Result<(TlsConnector, ServerName<'static>)> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.expose()) {
                roots.add(certificate.context("`state.ca`")?).context("`state.ca`")?;
            }
            anyhow::ensure!(!roots.is_empty(), "`state.ca` holds no certificate");
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().context("the TLS of `state.redis`")?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).context("the host of `state.redis`")?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

const PORT: u16 = 6379;
