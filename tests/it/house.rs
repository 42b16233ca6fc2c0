//! A running `boda serve`, from outside.
//!
//! When a house goes out of scope it is asked to stop and must do so in time, with status 0, without a word of warning in
//! its log and without a job that was given up. A test that breaks something on purpose says which words it expects.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::api::Api;
use crate::city::{Area, Corner};
use crate::database::Database;
use crate::people::Person;
use crate::process::Process;
use crate::proxy::Proxy;

/// A start with an empty embedded PostgreSQL runs initdb.
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Settings that let many tests live in one city: a search does not reach the next test's corner, and one driver, which is
/// what most tests have, is enough to be asked at once.
const NEIGHBOURLY: &[(&str, &str)] = &[
    ("city.search_radius_m", "400"),
    ("dispatch.round_interval_ms", "200"),
    ("dispatch.at_once_drivers", "1"),
    // The rides of one test end where those of the next begin.
    ("asking.finishing_max", "0"),
];

/// Where a house keeps its facts.
#[derive(Debug)]
enum Store {
    /// In a database of its own on the server that the tests are given.
    Given(Database),
    /// As `Given`, at the other end of a wire that can be cut.
    Remote(Database, Proxy),
    /// In the private PostgreSQL of its data directory.
    Embedded,
}

/// A running server with a data directory of its own.
#[derive(Debug)]
pub struct House {
    process: Process,
    url: String,
    data_dir: TempDir,
    store: Store,
    settings: Vec<(String, String)>,
    expected: Vec<&'static str>,
    about: OnceCell<Value>,
    corners: AtomicU32,
    admin: OnceCell<Person>,
}

/// A test's use of a house that others use as well.
#[derive(Debug)]
pub struct Visit {
    house: &'static House,
    /// Where the log stood when the test began.
    log_from: usize,
}

/// The house most tests share: offers and searches are as patient as in production.
pub fn shared() -> Visit {
    static HOUSE: OnceLock<House> = OnceLock::new();
    Visit::of(HOUSE.get_or_init(|| House::start(NEIGHBOURLY)))
}

/// The shared house for tests that wait for something to lapse.
pub fn hasty() -> Visit {
    static HOUSE: OnceLock<House> = OnceLock::new();
    Visit::of(HOUSE.get_or_init(|| {
        let hasty = [
            ("dispatch.offer_ttl_s", "2"),
            ("dispatch.search_max_s", "5"),
            ("dispatch.lost_grace_ms", "300"),
            ("dispatch.pin_lock_s", "1"),
        ];
        House::start(&[NEIGHBOURLY, &hasty].concat())
    }))
}

impl Visit {
    fn of(house: &'static House) -> Self {
        Self { house, log_from: house.process.log().len() }
    }
}

impl Deref for Visit {
    type Target = House;

    fn deref(&self) -> &House {
        self.house
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let complaints = self.house.complaints(self.log_from);
            assert!(complaints.is_empty(), "the server complained:\n{}", complaints.join("\n"));
        }
    }
}

impl House {
    /// A house with a fresh database and these settings (`section.key`, value), ready for work.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::open(Store::Given(Database::create()), settings)
    }

    /// As [`House::start`], with a private PostgreSQL in its data directory.
    pub fn start_embedded(settings: &[(&str, &str)]) -> Self {
        Self::open(Store::Embedded, settings)
    }

    /// As [`House::start`], with a wire to PostgreSQL that can be cut.
    pub fn start_remote(settings: &[(&str, &str)]) -> Self {
        Self::open(Store::Remote(Database::create(), Proxy::start(Database::upstream())), settings)
    }

    fn open(store: Store, settings: &[(&str, &str)]) -> Self {
        let data_dir = tempfile::Builder::new().prefix("boda-it-").tempdir().expect("a directory can be made");
        // Started by root, the private PostgreSQL gives up its privileges and must still reach its data.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(data_dir.path(), open).expect("it is ours");
        let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let (process, url) = serve(data_dir.path(), &store, &settings);
        Self {
            process,
            url,
            data_dir,
            store,
            settings,
            expected: Vec::new(),
            about: OnceCell::new(),
            corners: AtomicU32::new(0),
            admin: OnceCell::new(),
        }
    }

    /// `http://127.0.0.1:PORT`, or `https://`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_start_matches("https://")
    }

    /// Of `--data-dir`.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// A client that has not signed in.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// `GET /api/v1/server`.
    pub async fn about(&self) -> &Value {
        self.about.get_or_init(async || self.api().get("/server").await.expect(200)).await
    }

    /// The stand-ins of the outside world.
    pub async fn sandbox(&self) -> Api {
        let url = self.about().await["sandbox_url"].as_str().expect("the sandbox runs");
        Api::outside(url)
    }

    /// A place in the city that no other test uses.
    pub async fn corner(&self) -> Corner {
        let area = Area::from_view(&self.about().await["service_area"]);
        area.corner(self.corners.fetch_add(1, Ordering::Relaxed))
    }

    /// The administrator of this house, with a client of the caller's own: a client cannot leave its test.
    pub async fn admin(&self) -> Person {
        self.admin.get_or_init(async || Person::admin(self).await).await.clone().back(self)
    }

    /// `boda` with these arguments, on this house's data and settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = boda(self.data_dir(), &self.store, &self.settings);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Lets a warning or error pass whose line has these words.
    pub fn expect_complaint(&mut self, words: &'static str) {
        self.expected.push(words);
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.process.log()
    }

    /// What it has printed on standard output.
    pub fn output(&self) -> Vec<String> {
        self.process.output()
    }

    /// Its database, of a house that has one on the tests' server.
    pub fn database(&self) -> &Database {
        match &self.store {
            Store::Given(database) | Store::Remote(database, _) => database,
            Store::Embedded => panic!("this house keeps its database to itself"),
        }
    }

    /// The wire to PostgreSQL, of a house that was started with one.
    pub fn wire(&self) -> &Proxy {
        match &self.store {
            Store::Remote(_, wire) => wire,
            Store::Given(_) | Store::Embedded => panic!("this house has no wire to cut"),
        }
    }

    /// Its process, for rough treatment.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Changes a setting from the next start on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(known, _)| known != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Starts it again on the same data, after it was killed or stopped. It has another address then.
    pub fn restart(&mut self) {
        let (process, url) = serve(self.data_dir.path(), &self.store, &self.settings);
        (self.process, self.url, self.about) = (process, url, OnceCell::new());
    }

    /// Asks it to stop and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        let status = self.process.terminate(STOP_WITHIN);
        status
            .unwrap_or_else(|| panic!("the server did not stop within {STOP_WITHIN:?}:\n{}", self.process.last_words()))
    }

    /// Lines from `from` on that say that something is wrong.
    fn complaints(&self, from: usize) -> Vec<String> {
        let is_complaint = |line: &String| {
            let level = serde_json::from_str::<Value>(line).ok().map(|line| line["level"].clone());
            // What is not a line of the log is a panic, or a library that prints.
            !matches!(level.as_ref().and_then(Value::as_str), Some("INFO" | "DEBUG" | "TRACE"))
        };
        let is_expected = |line: &String| self.expected.iter().any(|words| line.contains(words));
        let log = self.process.log();
        log.into_iter().skip(from).filter(|line| is_complaint(line) && !is_expected(line)).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the last words of the server were:\n{}", self.process.last_words());
            return;
        }
        let status = self.stop();
        let complaints = self.complaints(0);
        assert!(complaints.is_empty(), "the server complained:\n{}", complaints.join("\n"));
        assert_eq!(status.code(), Some(0), "it ended with {status}:\n{}", self.process.last_words());
        if let Store::Given(database) | Store::Remote(database, _) = &self.store {
            let dead = database.dead_jobs();
            assert!(dead.is_empty(), "jobs were given up:\n{}", dead.join("\n"));
        }
    }
}

/// The program with the environment of a house.
fn boda(data_dir: &Path, store: &Store, settings: &[(String, String)]) -> Command {
    let mut command = program();
    let mut set = |key: &str, value: &str| {
        command.env(format!("BODA__{}", key.replace('.', "__").to_uppercase()), value);
    };
    set("data_dir", data_dir.to_str().expect("a plain path"));
    set("log.format", "json");
    set("database.connections_max", "10");
    // Drivers of these tests show licence, motorcycle and insurance, as data; the whole list is a story of its own.
    set("drivers.papers_complete", "false");
    // Phones of these tests do not ride, they are where the story needs them; what jumps cost is a test of its own.
    set("city.jump_slack_m", "100000");
    // Everybody in these tests is at one address, and does in seconds what people do in hours; limits are a test of its own.
    set("limits.exempt", "127.0.0.0/8");
    match store {
        Store::Given(database) => set("database.url", &database.url()),
        Store::Remote(database, wire) => set("database.url", &database.url_through(wire)),
        Store::Embedded => {}
    }
    for (key, value) in settings {
        set(key, value);
    }
    command
}

/// The program that is tested, free of what the environment of the test run may say.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boda"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("BODA__") {
            command.env_remove(name);
        }
    }
    command
}

fn serve(data_dir: &Path, store: &Store, settings: &[(String, String)]) -> (Process, String) {
    let mut command = boda(data_dir, store, settings);
    command.args(["serve", "--listen", "127.0.0.1:0", "--sandbox", "--data-dir"]).arg(data_dir);
    let process = Process::start("boda serve", command);
    let url = process.wait_for_output(READY_WITHIN, |line| line.strip_prefix("ready ").map(str::to_owned));
    assert!(url.starts_with("http://127.0.0.1:") || url.starts_with("https://127.0.0.1:"), "{url}");
    (process, url)
}
