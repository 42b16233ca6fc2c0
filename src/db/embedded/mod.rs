//! A private PostgreSQL for a machine without a database server: `boda` starts it, owns it and stops it.
//!
//! Separate because everything here is about processes and files; what runs on top sees only connect options. Built on
//! the server programs that the system's packages install. Invariants: one `boda` owns a data directory at a time; the
//! server listens only on a socket in a directory closed to others, never runs as root, and never outlives `boda` by more than
//! seconds; what was committed is on disk (`fsync`, `synchronous_commit`), whatever is killed.

mod account;
mod binaries;
mod cluster;
mod guard;
mod ownership;
mod postmaster;
mod server_log;
mod socket;

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::{Instant, sleep, timeout};

use self::{
    account::Account,
    binaries::Places,
    cluster::Maker,
    guard::Guard,
    ownership::{Claim, Holder, Ownership},
    server_log::ServerLog,
    socket::SocketDir,
};
use super::Error;

pub use self::ownership::Role;

const DATABASE: &str = "boda";

/// Between two looks at something that will be ready soon.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A connection over a local socket is made in a millisecond or two; more means that nobody serves it.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A killed holder's lock is freed when the kernel has taken the process apart.
const DYING_HOLDER_PATIENCE: Duration = Duration::from_secs(1);

/// Settings of the private server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Holds the cluster, the lock file and the server's log; made when missing.
    pub data_dir: PathBuf,
    /// Where the cluster goes when root starts `boda` in a data directory that the server's account cannot enter.
    pub closed_data_dir_fallback: PathBuf,
    /// Until the server accepts connections, crash recovery included.
    pub startup_timeout: Duration,
    /// Until the server has stopped, before it is stopped the hard way.
    pub stop_timeout: Duration,
    /// How long to wait for a short command that has the data directory.
    pub command_patience: Duration,
    /// `shared_buffers` of the server, MiB.
    pub shared_buffers_mib: u32,
    /// `max_connections` of the server: our pool and the commands beside it.
    pub server_connections_max: u32,
    /// Size from which `postgres.log` is set aside at start.
    pub log_bytes_max: u64,
}

/// A private server that can be connected to.
#[derive(Debug)]
pub struct Embedded {
    options: PgConnectOptions,
    /// `None` when the server belongs to another `boda`.
    owned: Option<Owned>,
}

/// What the process that started the server holds. The lock comes last: it is freed after the server was told to stop.
#[derive(Debug)]
struct Owned {
    guard: Guard,
    cluster: PathBuf,
    log: ServerLog,
    socket: SocketDir,
    stop_timeout: Duration,
    _ownership: Ownership,
}

impl Embedded {
    /// Starts the server for this process alone. A data directory held by another `serve` is refused, one held by a
    /// command is waited for.
    ///
    /// # Errors
    /// Whatever keeps the server from running, see [`Error`].
    pub async fn start(config: &Config) -> Result<Self, Error> {
        let data_dir = cluster::open_data_dir(&config.data_dir)?;
        let asked_at = Instant::now();
        loop {
            match ownership::claim(&data_dir, Role::Serve)? {
                Claim::Granted(ownership) => return Self::run(config, &data_dir, ownership).await,
                Claim::Held(holder) => {
                    let command = holder.is(Role::Command);
                    let patience = if command { config.command_patience } else { DYING_HOLDER_PATIENCE };
                    still_patient(asked_at, patience, holder, &data_dir)?;
                }
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Uses the server of the `serve` that runs on this data directory, or starts one for the duration of a command.
    /// Commands follow one another: one does not use another's server, which may stop at any moment.
    ///
    /// # Errors
    /// As for [`Embedded::start`]; [`Error::InUse`] when the holder's server does not become ready in time.
    pub async fn attach(config: &Config) -> Result<Self, Error> {
        let data_dir = cluster::open_data_dir(&config.data_dir)?;
        let asked_at = Instant::now();
        loop {
            match ownership::claim(&data_dir, Role::Command)? {
                Claim::Granted(ownership) => return Self::run(config, &data_dir, ownership).await,
                Claim::Held(holder) => {
                    if holder.is(Role::Serve)
                        && let Some(options) = running_server(&data_dir).await?
                    {
                        return Ok(Self { options, owned: None });
                    }
                    let patience = config.command_patience.max(config.startup_timeout);
                    still_patient(asked_at, patience, holder, &data_dir)?;
                }
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// How to connect: socket, role and database.
    #[must_use]
    pub fn connect_options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Whether this process started the server, and stops it.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Waits until the server ends although nobody asked it to, and says what its log says. Never returns for a server of
    /// another process: there the pool's errors have to do.
    pub async fn died(&mut self) -> Error {
        let Some(owned) = &mut self.owned else { return std::future::pending().await };
        let status = owned.guard.wait().await;
        let outcome = status.map_or_else(|| "ended".to_owned(), |status| format!("ended with {status}"));
        Error::Program { program: "postgres".into(), outcome, tail: owned.log.tail() }
    }

    /// Stops the server if this process started it: an orderly shutdown, and a hard one when that takes too long. Close
    /// the pool first; connections still open are cut.
    ///
    /// # Errors
    /// [`Error::LeftoverStays`] when the server survives everything.
    pub async fn stop(self) -> Result<(), Error> {
        let Some(owned) = self.owned else { return Ok(()) };
        let Owned { guard, cluster, socket, stop_timeout, log: _, _ownership } = owned;
        if !guard.stop(stop_timeout).await {
            tracing::warn!("PostgreSQL did not stop within {} s, stopping it the hard way", stop_timeout.as_secs());
        }
        // Nothing to do when the guard has done its work; it may itself have been killed before.
        postmaster::stop_leftover(&cluster).await?;
        socket.remove();
        Ok(())
    }

    async fn run(config: &Config, data_dir: &Path, ownership: Ownership) -> Result<Self, Error> {
        let path = cluster::path_in(data_dir);
        let account = Account::choose(&path)?;
        let major = cluster::existing_major(&path)?;
        let existing = major.map(|major| (path.as_path(), major));
        let binaries = binaries::find(&Places::of_this_machine(), existing).await?;
        cluster::discard_unfinished(data_dir);
        if existing.is_none() {
            let maker = Maker { binaries: &binaries, account, log_bytes_max: config.log_bytes_max };
            maker.make(data_dir, &config.closed_data_dir_fallback).await?;
        }
        let cluster = cluster::open(&path, account).await?;
        postmaster::stop_leftover(&cluster).await?;

        let socket = SocketDir::of(&cluster)?;
        let options = options_for(&socket);
        let postgres = binaries.program("postgres");
        let arguments = server_arguments(&cluster, config);
        let deadline = Instant::now() + config.startup_timeout;
        loop {
            let (log, file) = ServerLog::open(data_dir, config.log_bytes_max)?;
            let mut guard = Guard::spawn(&postgres, &arguments, account, file)?;
            match until_ready(&mut guard, &options, deadline).await {
                Ok(()) => {
                    let stop_timeout = config.stop_timeout;
                    let owned = Owned { guard, cluster, log, socket, stop_timeout, _ownership: ownership };
                    return Ok(Self { options, owned: Some(owned) });
                }
                Err(outcome) => {
                    let tail = log.tail();
                    guard.stop(config.stop_timeout).await;
                    // Backends of a server that was killed outlive it for a moment.
                    if !(tail.contains("pre-existing shared memory block") && Instant::now() < deadline) {
                        return Err(Error::Program { program: postgres, outcome, tail });
                    }
                    sleep(LOOK_AGAIN).await;
                }
            }
        }
    }
}

fn still_patient(asked_at: Instant, patience: Duration, holder: Holder, data_dir: &Path) -> Result<(), Error> {
    if asked_at.elapsed() < patience {
        return Ok(());
    }
    Err(Error::InUse { directory: data_dir.to_owned(), role: holder.role, pid: holder.pid })
}

/// The server of the holder of `data_dir`, if it already accepts connections.
async fn running_server(data_dir: &Path) -> Result<Option<PgConnectOptions>, Error> {
    let Ok(cluster) = std::fs::canonicalize(cluster::path_in(data_dir)) else { return Ok(None) };
    let options = options_for(&SocketDir::of(&cluster)?);
    Ok(can_connect(&options).await.is_ok().then_some(options))
}

fn options_for(socket: &SocketDir) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(&socket.path)
        .port(socket::PORT)
        .username(cluster::SUPERUSER)
        .database(DATABASE)
        .ssl_mode(PgSslMode::Disable)
}

async fn can_connect(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connection = timeout(CONNECT_PATIENCE, options.connect()).await;
    connection.map_err(|_| sqlx::Error::PoolTimedOut)??.close().await
}

/// Polls until the server accepts a connection to our database, which the first start makes. The error says how it ended.
async fn until_ready(guard: &mut Guard, options: &PgConnectOptions, deadline: Instant) -> Result<(), String> {
    loop {
        if let Some(status) = guard.ended() {
            return Err(format!("ended with {status}"));
        }
        match can_connect(options).await {
            Ok(()) => return Ok(()),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {
                create_database(options).await.map_err(|error| format!("cannot create a database: {error}"))?;
                continue;
            }
            Err(error) if Instant::now() >= deadline => return Err(format!("did not get ready in time ({error})")),
            Err(_) => sleep(LOOK_AGAIN).await,
        }
    }
}

async fn create_database(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(&options.clone().database("postgres")).await?;
    sqlx::query("CREATE DATABASE boda").execute(&mut connection).await?;
    connection.close().await
}

/// Settings on the command line win over `postgresql.conf`, and a new version of `boda` brings new ones.
fn server_arguments(cluster: &Path, config: &Config) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-D".into(), cluster.into()];
    let shared_buffers = format!("{}MB", config.shared_buffers_mib);
    let max_connections = config.server_connections_max.to_string();
    let port = socket::PORT.to_string();
    let settings = [
        ("cluster_name", "boda"),
        // No network; the socket lies in the cluster directory, which is the server's working directory.
        ("listen_addresses", ""),
        ("unix_socket_directories", "."),
        ("unix_socket_permissions", "0700"),
        ("port", &port),
        ("max_connections", &max_connections),
        ("shared_buffers", &shared_buffers),
        // What was acknowledged survives a power cut; many sessions share one flush without an artificial delay.
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("commit_delay", "0"),
        // Bounds crash recovery, and the disk.
        ("max_wal_size", "512MB"),
        // Short statements only: compiling or parallelising them costs more than running them.
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("random_page_cost", "1.1"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
    ];
    arguments.extend(settings.iter().flat_map(|(name, value)| ["-c".into(), format!("{name}={value}").into()]));
    arguments
}
