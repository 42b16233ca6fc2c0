//! The private server as a whole, on the real programs. Skipped, with a printed line, where none are installed.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, geteuid},
};
use sqlx::{ConnectOptions, PgConnection};
use tempfile::TempDir;
use tokio::time::sleep;

use super::{Config, Embedded, Role, binaries, cluster, ownership};
use crate::db::{self, Error};

/// A data directory of a test's own that the server's account can reach, also when the tests run as root.
struct Place {
    _root: TempDir,
    config: Config,
}

impl Place {
    fn cluster(&self) -> PathBuf {
        cluster::path_in(&self.config.data_dir)
    }

    fn server_pid(&self) -> i32 {
        let text = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    async fn start(&self) -> Embedded {
        Embedded::start(&self.config).await.unwrap()
    }
}

/// `None`, with a printed line, when this machine has no server programs.
async fn place(subdirectory: &str) -> Option<Place> {
    if let Err(error) = binaries::find(&binaries::Places::of_this_machine(), None).await {
        eprintln!("skipped: {error}");
        return None;
    }
    let root = tempfile::tempdir().unwrap();
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).unwrap();
    let config = Config {
        data_dir: root.path().join(subdirectory),
        closed_data_dir_fallback: root.path().join("elsewhere"),
        startup_timeout: Duration::from_secs(60),
        stop_timeout: Duration::from_secs(20),
        command_patience: Duration::from_millis(100),
        shared_buffers_mib: 16,
        server_connections_max: 10,
        log_bytes_max: 1 << 20,
    };
    Some(Place { _root: root, config })
}

async fn connection(server: &Embedded) -> PgConnection {
    server.connect_options().connect().await.unwrap()
}

async fn remember(server: &Embedded, word: &str) {
    let mut connection = connection(server).await;
    sqlx::query("CREATE TABLE IF NOT EXISTS words (word text)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO words VALUES ($1)").bind(word).execute(&mut connection).await.unwrap();
}

async fn words(server: &Embedded) -> Vec<String> {
    let mut connection = connection(server).await;
    sqlx::query_scalar("SELECT word FROM words ORDER BY word").fetch_all(&mut connection).await.unwrap()
}

async fn setting(server: &Embedded, name: &str) -> String {
    let mut connection = connection(server).await;
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&mut connection).await.unwrap()
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(15), "{what} did not come true");
        sleep(Duration::from_millis(10)).await;
    }
}

fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    if Path::new("/proc/self/stat").exists() {
        return stat.is_ok_and(|stat| !stat.contains(") Z"));
    }
    kill(Pid::from_raw(pid), None).is_ok()
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_kept() {
    let Some(place) = place("data").await else { return };
    let started = Instant::now();
    let server = place.start().await;
    eprintln!("first start {} ms", started.elapsed().as_millis());
    assert!(server.is_owner());
    remember(&server, "muraho").await;
    assert_eq!(setting(&server, "listen_addresses").await, "");
    assert_eq!(setting(&server, "fsync").await, "on");
    assert_eq!(setting(&server, "synchronous_commit").await, "on");
    let cluster = fs::metadata(place.cluster()).unwrap();
    assert_eq!(cluster.mode() & 0o777, 0o700, "nobody else reaches the socket");
    assert_ne!(cluster.uid(), 0);
    assert!(place.cluster().join(".s.PGSQL.5432").exists());
    let pid = place.server_pid();
    server.stop().await.unwrap();
    assert!(!is_alive(pid), "stop waits for the end");

    let started = Instant::now();
    let server = place.start().await;
    eprintln!("second start {} ms", started.elapsed().as_millis());
    assert_eq!(words(&server).await, ["muraho"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_opens_migrates_and_answers() {
    let Some(place) = place("data").await else { return };
    let config = db::Config {
        url: None,
        connections_max: 4,
        connections_min: 0,
        acquire_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_millis(1500),
        embedded: place.config.clone(),
    };
    let (database, server) = db::open(&config, Role::Serve).await.unwrap();
    let all = database.pending_migrations().await.unwrap();
    assert!(all > 0);
    database.migrate().await.unwrap();
    assert_eq!(database.pending_migrations().await.unwrap(), 0);
    database.migrate().await.unwrap();
    database.health().await.unwrap();
    let timeout: String =
        sqlx::query_scalar("SELECT current_setting('statement_timeout')").fetch_one(database.pool()).await.unwrap();
    assert_eq!(timeout, "1500ms");

    let (beside, attached) = db::open(&config, Role::Command).await.unwrap();
    assert_eq!(beside.pending_migrations().await.unwrap(), 0);
    beside.close().await;
    attached.unwrap().stop().await.unwrap();

    database.health().await.unwrap();
    database.close().await;
    server.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_data_directory_of_another_major_version_is_refused() {
    let Some(place) = place("data").await else { return };
    place.start().await.stop().await.unwrap();
    fs::write(place.cluster().join("PG_VERSION"), "12\n").unwrap();
    let error = Embedded::start(&place.config).await.unwrap_err();
    assert!(matches!(error, Error::OtherMajor { data_major: 12, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains(&place.cluster().display().to_string()) && message.contains("--data-dir"), "{message}");
}

#[tokio::test]
async fn a_directory_in_use_is_refused_to_a_second_serve_and_open_to_a_command() {
    let Some(place) = place("data").await else { return };
    let server = place.start().await;
    let error = Embedded::start(&place.config).await.unwrap_err().to_string();
    let pid = std::process::id();
    assert!(error.contains(&format!("boda serve (pid {pid})")) && error.contains("--data-dir"), "{error}");

    let beside = Embedded::attach(&place.config).await.unwrap();
    assert!(!beside.is_owner());
    remember(&beside, "beside").await;
    beside.stop().await.unwrap();
    assert_eq!(words(&server).await, ["beside"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_command_alone_has_a_server_for_its_duration() {
    let Some(place) = place("data").await else { return };
    let server = Embedded::attach(&place.config).await.unwrap();
    assert!(server.is_owner());
    remember(&server, "alone").await;
    let pid = place.server_pid();
    server.stop().await.unwrap();
    assert!(!is_alive(pid));
    let server = place.start().await;
    assert_eq!(words(&server).await, ["alone"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_serve_waits_for_a_command_to_finish() {
    let Some(mut place) = place("data").await else { return };
    place.config.command_patience = Duration::from_secs(20);
    let command = Embedded::attach(&place.config).await.unwrap();
    let config = place.config.clone();
    let serve = tokio::spawn(async move { Embedded::start(&config).await });
    sleep(Duration::from_millis(100)).await;
    assert!(!serve.is_finished());
    command.stop().await.unwrap();
    serve.await.unwrap().unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn the_guard_stops_the_server_when_boda_is_gone() {
    let Some(place) = place("data").await else { return };
    let server = place.start().await;
    let pid = place.server_pid();
    // What the kernel does at `kill -9`: the pipe closes, the lock is freed, nobody waits for anything.
    drop(server);
    eventually("the server's end", || !is_alive(pid)).await;
}

#[tokio::test]
async fn a_start_right_after_a_kill_finds_everything_committed() {
    let Some(place) = place("data").await else { return };
    let mut server = place.start().await;
    for round in 0..3 {
        remember(&server, &format!("round {round}")).await;
        drop(server);
        let started = Instant::now();
        server = place.start().await;
        eprintln!("start after a kill {} ms", started.elapsed().as_millis());
        assert_eq!(words(&server).await.len(), round + 1);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_lost_its_guard_is_stopped_by_the_next_start() {
    let Some(place) = place("data").await else { return };
    let server = place.start().await;
    remember(&server, "kept").await;
    let orphan = place.server_pid();
    server.owned.unwrap().guard.abandon_server().await;
    assert!(is_alive(orphan));

    let server = place.start().await;
    assert!(!is_alive(orphan));
    assert_ne!(place.server_pid(), orphan);
    assert_eq!(words(&server).await, ["kept"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_is_reported_and_recovers_at_the_next_start() {
    let Some(place) = place("data").await else { return };
    let mut server = place.start().await;
    remember(&server, "kept").await;
    kill(Pid::from_raw(place.server_pid()), Signal::SIGKILL).unwrap();
    let error = tokio::time::timeout(Duration::from_secs(10), server.died()).await.unwrap();
    assert!(error.to_string().contains("ended with"), "{error}");
    server.stop().await.unwrap();

    let server = place.start().await;
    assert_eq!(words(&server).await, ["kept"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_start_quotes_the_servers_last_words() {
    let Some(place) = place("data").await else { return };
    place.start().await.stop().await.unwrap();
    fs::write(place.cluster().join("postgresql.conf"), "no_such_setting = 1\n").unwrap();
    let error = Embedded::start(&place.config).await.unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
    assert!(matches!(ownership::claim(&place.config.data_dir, Role::Serve).unwrap(), ownership::Claim::Granted(_)));
}

#[tokio::test]
async fn a_deep_data_directory_works_too() {
    let deep = ["long-directory-name"; 8].join("/");
    let Some(place) = place(&deep).await else { return };
    let server = place.start().await;
    remember(&server, "deep").await;
    assert!(server.connect_options().get_socket().unwrap().as_os_str().len() < 90);
    let beside = Embedded::attach(&place.config).await.unwrap();
    assert_eq!(words(&beside).await, ["deep"]);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_killed_first_start_left_is_cleared_away() {
    let Some(place) = place("data").await else { return };
    let unfinished = place.config.data_dir.join("postgres.new-0123");
    fs::create_dir_all(&unfinished).unwrap();
    fs::set_permissions(&place.config.data_dir, Permissions::from_mode(0o755)).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    place.start().await.stop().await.unwrap();
    assert!(!unfinished.exists());
}

#[tokio::test]
async fn root_in_a_closed_directory_keeps_the_database_elsewhere() {
    let Some(place) = place("closed/data").await else { return };
    if !geteuid().is_root() {
        eprintln!("skipped: only root drops to another account");
        return;
    }
    let closed = place.config.data_dir.parent().unwrap();
    fs::create_dir_all(closed).unwrap();
    fs::set_permissions(closed, Permissions::from_mode(0o700)).unwrap();
    for round in 0..2 {
        let server = place.start().await;
        remember(&server, &format!("round {round}")).await;
        assert_eq!(words(&server).await.len(), round + 1);
        server.stop().await.unwrap();
    }
    let target = fs::read_link(place.cluster()).unwrap();
    assert!(target.starts_with(&place.config.closed_data_dir_fallback), "{}", target.display());

    let elsewhere = &place.config.closed_data_dir_fallback;
    fs::set_permissions(elsewhere, Permissions::from_mode(0o700)).unwrap();
    let error = Embedded::start(&place.config).await.unwrap_err().to_string();
    assert!(error.contains(&format!("chmod o+x {}", elsewhere.display())), "{error}");
}

#[tokio::test]
async fn an_open_connection_does_not_hold_a_stop_up() {
    let Some(place) = place("data").await else { return };
    let server = place.start().await;
    let _open = connection(&server).await;
    let started = Instant::now();
    server.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(4));
    assert!(!place.cluster().join("postmaster.pid").exists());
}
