//! The composition root: builds everything from a [`Config`], starts it, watches it, drains it.
//!
//! The only place that knows every room. Order of the start: database, address, migrations, keys, services, the shard
//! (live rides restored), workers, and last the answers, so nobody is answered before there is something to answer with;
//! the address is only taken early, so that one in use is said before anything runs that would have to be stopped. The end
//! goes the other way round: not ready, no new connections, sockets told to reconnect elsewhere, the shard's inbox
//! emptied and committed, jobs given back, the database closed.

mod audit_log;
mod city_page;
mod books;
mod commands;
mod demo;
mod encryption;
mod ground;
mod health;
mod keys;
mod operations;
mod rehearsal;
mod router;
mod schema;
mod seed;
mod services;
mod sessions;
mod sockets;
mod streets;
mod watchers;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::Config;
use crate::db::embedded::Embedded;
use crate::db::{self, embedded};
use crate::error::Error as ServiceError;
use crate::privacy::breaches::Breaches;
use crate::sandbox::{self, Sandbox};
use crate::telemetry::{self, Telemetry};
use crate::web;
use crate::web::server::Door;

pub use audit_log::{Asked, Checked, audit_heads, audit_list, audit_publish, audit_show, audit_verify};
pub use books::{check_books, reconcile, trial_balance};
pub use commands::{
    create_user, create_user_with_second_factor, expire_papers, migrate, reset_second_factor, retain, run_sandbox,
    set_agency, simulate, worker,
};
pub use keys::{check_keys, list_keys, prepare_vault_key, reseal, rotate_token_key, rotate_vault_key};
pub use seed::{Seeding, seed};

use services::Services;

/// Why the process cannot start or go on. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Logging or metrics.
    #[error("telemetry cannot be installed")]
    Telemetry(#[from] telemetry::Error),
    /// The database.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// The stand-ins of the outside world.
    #[error(transparent)]
    Sandbox(#[from] sandbox::StartError),
    /// The listener.
    #[error("cannot listen on {address}; choose another address with --listen")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The map.
    #[error("the map {} cannot be loaded", file.display())]
    Map {
        /// Which file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Encryption.
    #[error("connections cannot be encrypted")]
    Tls(#[from] web::tls::PairError),
    /// A service could not be built or stopped working.
    #[error("{what}")]
    Service {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A part that must run for ever ended.
    #[error("{0} stopped; see the log")]
    Stopped(&'static str),
}

impl Error {
    fn service(what: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Service { what, source: source.into() }
    }
}

/// What the outside may know about the running process.
#[derive(Clone)]
pub(crate) struct Server {
    /// Whether the city is a simulated one, shown to anybody.
    pub(crate) demo: bool,
    /// Where the stand-ins of the outside world listen.
    pub(crate) sandbox: Option<sandbox::Addresses>,
    /// Where this server can be reached from this machine: `http://127.0.0.1:8080`.
    pub(crate) own_url: String,
    /// False while starting and draining.
    pub(crate) ready: Arc<AtomicBool>,
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// [`Error`] when it cannot start, or when a part without which it must not go on ended.
pub async fn serve(config: Config) -> Result<(), Error> {
    let telemetry = Telemetry::install(&config.log)?;
    let stop = stop_signal();
    let (database, mut embedded) = db::open(&config.database, embedded::Role::Serve).await?;
    let served = serve_with(&config, &telemetry, &database, embedded.as_mut(), stop).await;
    database.close().await;
    let stopped = match embedded {
        Some(embedded) => embedded.stop().await,
        None => Ok(()),
    };
    tracing::info!("stopped");
    // Why it ended matters more than how the end went.
    served.and(stopped.map_err(Error::from))
}

async fn serve_with(
    config: &Config,
    telemetry: &Telemetry,
    database: &db::Database,
    embedded: Option<&mut Embedded>,
    stop: CancellationToken,
) -> Result<(), Error> {
    let listener = TcpListener::bind(config.server.listen)
        .await
        .map_err(|source| Error::Listen { address: config.server.listen, source })?;
    let address = listener.local_addr().map_err(|source| Error::Listen { address: config.server.listen, source })?;
    let vault = schema::bring_up_to_date(config, database).await?;
    let sandbox = match &config.sandbox {
        sandbox if sandbox.enabled => Some(Sandbox::start_with(sandbox.listen, sandbox.prompt_delay).await?),
        _ => None,
    };
    let server = Server {
        demo: config.demo.enabled,
        sandbox: sandbox.as_ref().map(|sandbox| sandbox.addresses().clone()),
        own_url: own_url(config, address),
        ready: Arc::new(AtomicBool::new(false)),
    };
    if let Some(sandbox) = &sandbox {
        sandbox.call_back_at(&format!("{}/api/v1/callbacks", server.own_url));
    }
    if config.storage.bucket.is_none() && (config.bus.redis.is_some() || config.jobs.workers_max == 0) {
        // Not refused: two processes on one machine may well share the directory.
        let message = "files lie on this machine's disk, and the configuration looks like several processes: each of them \
                       must see the same data_dir, or use storage.provider = \"s3\" (docs/OPERATIONS.md)";
        tracing::info!(message);
    }
    let mut services = Services::build(config, database, vault, &server).await?;
    let publisher = audit_log::begin(config, database).await?;
    let mut background = services.start_background(config, telemetry, database, &stop);
    background.push(tokio::spawn(audit_log::publish_daily(
        publisher.clone(),
        config.audit.publish_every,
        stop.clone(),
    )));
    let register = Breaches::new(database.pool().clone(), config.privacy.organisation.clone());
    background.push(tokio::spawn(register.watch(stop.clone())));
    let router = router::build(config, &services, server.clone(), telemetry.clone(), database.clone())?;
    let drain = CancellationToken::new();
    let (tls, fresh) = match encryption::start(config, &stop)? {
        Some((acceptor, fresh)) => (Some(acceptor), Some(fresh)),
        None => (None, None),
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let http = tokio::spawn(web::server::serve(Door { listener, tls }, router, config.server.http, drain.clone()));
    server.ready.store(true, Ordering::Release);
    announce(scheme, address);
    let (demo, outcome) = match demo::start(config, &server, &services, address, &stop).await {
        Ok(demo) => (demo, watch(&mut services, embedded, &stop).await),
        Err(error) => (None, Err(error)),
    };
    server.ready.store(false, Ordering::Release);
    stop.cancel();
    tracing::info!("draining");
    let within = config.server.drain_max.to_duration();
    let ends = Instant::now() + within;
    let close_doors = async {
        if let Some(demo) = demo {
            let _ = demo.await;
        }
        drain.cancel();
        let _ = tokio::join!(services.hub.shutdown(config.server.drain_max), http);
    };
    // Half of the time at most: whoever hangs at the doors must not keep dispatch from being emptied.
    if tokio::time::timeout(within / 2, close_doors).await.is_err() {
        tracing::warn!("not all requests and sockets ended in time");
    }
    let empty_house = async {
        services.stop().await;
        for task in background.into_iter().chain(fresh) {
            let _ = task.await;
        }
    };
    if tokio::time::timeout_at(ends, empty_house).await.is_err() {
        tracing::warn!("not all work ended in time; what was not acknowledged is not done");
    }
    if let Some(sandbox) = sandbox {
        sandbox.stop().await;
    }
    audit_log::end(&publisher).await;
    outcome
}

/// Where stand-ins on this machine can reach a server that listens there.
fn own_url(config: &Config, address: SocketAddr) -> String {
    let scheme = if config.edge.tls.is_some() { "https" } else { "http" };
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("{scheme}://{host}:{}", address.port())
}

/// Returns when it is time to stop: asked to, or because something essential ended.
async fn watch(
    services: &mut Services,
    embedded: Option<&mut Embedded>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let died = async {
        match embedded {
            Some(embedded) => embedded.died().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        error = died => Err(Error::Database(error)),
        ended = &mut services.shard => Err(match ended {
            Ok(Err(error)) => Error::service("dispatch cannot go on: its memory and the store disagree; restart to restore", error),
            Ok(Ok(())) => Error::Stopped("dispatch"),
            Err(panic) => Error::service("dispatch ended unexpectedly; restart to restore", panic),
        }),
    }
}

/// The one line on standard output: whoever started us waits for it.
fn announce(scheme: &str, address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Nobody listening on our standard output is no reason to stop.
    let _ = writeln!(out, "ready {scheme}://{address}").and_then(|()| out.flush());
    tracing::info!(%address, "ready");
}

/// Cancelled on SIGTERM or Ctrl-C. A second signal ends the process at once: the store is safe at any moment.
fn stop_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    // Before anything else happens: whoever reads `ready` may ask us to stop in the same moment.
    let handlers = signal(SignalKind::terminate()).and_then(|term| Ok((term, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt) = match handlers {
        Ok(handlers) => handlers,
        Err(error) => {
            tracing::error!(%error, "signals cannot be received");
            return stop;
        }
    };
    tokio::spawn(async move {
        for again in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if again {
                tracing::warn!("stopping at once");
                std::process::exit(1);
            }
            tracing::info!(at = %clock::now(), "stopping");
            signalled.cancel();
        }
    });
    stop
}

impl From<ServiceError> for Error {
    fn from(error: ServiceError) -> Self {
        Self::service("a service could not be started", error)
    }
}
