//! The configuration: read once, checked whole, handed out as one plain struct for each module.
//!
//! Separate so that no other module knows a default, a key or a variable of the environment. It stands above everything
//! it builds: each module owns a plain `Config` without defaults, and only `app` and `cli` import this one. Layers, later
//! ones winning: `config/default.toml` (compiled in, the only place where a default is written), the file of `--config`,
//! `BODA__SECTION__KEY` of the environment, flags of the command line.
//!
//! Invariants: *all* faults are reported at once, each with its key and where it came from; no fault and no print shows a
//! secret; the environment is read here and nowhere else; the default file and the code that reads it have the same keys.

mod city;
mod edge;
mod fault;
mod machine;
mod money;
mod papers;
mod people;
mod privacy;
mod providers;
mod reader;
mod riding;
mod settings;
mod shortage;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::clock;
use crate::notifications::sms;
use crate::time::Span;
use crate::{
    audit, auth, bus, db, drivers, jobs, locations, maps, payments, pricing, realtime, rides, steering, storage,
    telemetry, vault,
};
use reader::Reader;
use settings::Settings;

pub use city::TravelConfig;
pub use edge::EdgeConfig;
pub use fault::{Error, Fault, Origin};
pub use machine::ServerConfig;
pub use people::{DemoConfig, SandboxConfig, TokensConfig};

/// Every key with its default and its reason.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Everything that can be set. Every value has been checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// HTTP, and the process as a whole.
    pub server: ServerConfig,
    /// Who is believed, who may ask how often, what browsers are told, encryption.
    pub edge: EdgeConfig,
    /// Holds the private PostgreSQL, and the keys unless they lie elsewhere.
    pub data_dir: PathBuf,
    /// The keys.
    pub vault: vault::Config,
    /// The database.
    pub database: db::Config,
    /// The log of privileged acts.
    pub audit: audit::Config,
    /// Events between tasks and nodes.
    pub bus: bus::Config,
    /// The workers.
    pub jobs: jobs::Config,
    /// What is logged and how.
    pub log: telemetry::Config,
    /// The sockets.
    pub sockets: realtime::Config,
    /// Travel times without a map.
    pub travel: TravelConfig,
    /// The streets, and what is learned of them.
    pub map: maps::Config,
    /// Where drivers are.
    pub locations: locations::Config,
    /// Where drivers were.
    pub history: locations::history::Config,
    /// Zones that admins draw.
    pub geofences: locations::geofences::Config,
    /// Queues of drivers at stages.
    pub stages: locations::stages::Config,
    /// What is done where drivers are short.
    pub steering: steering::Config,
    /// Dispatch, quotes and bookings.
    pub rides: rides::Config,
    /// Accounts.
    pub auth: auth::Config,
    /// How long an access token is good for.
    pub access_token_lifetime: Span,
    /// What a token check remembers, and how soon it hears of changes.
    pub tokens: TokensConfig,
    /// Which SMS gateway; not asked with the sandbox on.
    pub sms: sms::Config,
    /// Drivers' papers.
    pub drivers: drivers::Config,
    /// Who is asked whether papers are what they say; nobody with `None`.
    pub authority: Option<drivers::authority::Config>,
    /// Files that people hand in.
    pub storage: storage::Config,
    /// Money.
    pub payments: payments::Config,
    /// Tariffs and terms.
    pub prices: pricing::Config,
    /// Who moves money; not asked with the sandbox on.
    pub providers: payments::providers::Config,
    /// People's data: rights, how long it is kept, where it lies.
    pub privacy: crate::privacy::Config,
    /// Stand-ins for the outside world.
    pub sandbox: SandboxConfig,
    /// A simulated city.
    pub demo: DemoConfig,
}

/// Where a configuration comes from, beside its defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file in TOML with the keys that differ.
    pub file: Option<PathBuf>,
    /// The environment; variables that do not begin with `BODA__` are passed by.
    pub environment: BTreeMap<OsString, OsString>,
    /// What the command line says.
    pub flags: Vec<Flag>,
}

/// A key set by a flag of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// As typed: `--listen`.
    pub flag: &'static str,
    /// What it sets: `server.listen`.
    pub key: &'static str,
    /// To what.
    pub value: String,
}

impl Sources {
    /// A file, the flags and the environment of this process.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        Self { file, environment: std::env::vars_os().collect(), flags }
    }

    /// Reads and checks everything.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn load(&self) -> Result<Config, Error> {
        self.read().map(|(config, _)| config)
    }

    /// The values in force as TOML, without comments, secrets redacted.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn print(&self) -> Result<String, Error> {
        self.read().map(|(_, settings)| settings.print())
    }

    fn read(&self) -> Result<(Config, Settings), Error> {
        let mut faults = Vec::new();
        let mut settings = Settings::of_defaults(DEFAULTS);
        if let Some(path) = &self.file {
            match fs::read_to_string(path) {
                Ok(text) => settings.lay_file(path, &text, &mut faults),
                Err(error) => {
                    let reason = format!("cannot be read: {error}");
                    faults.push(Fault::new(path.display().to_string(), reason, Origin::Flag("--config")));
                }
            }
        }
        settings.lay_environment(&self.environment, &mut faults);
        for Flag { flag, key, value } in &self.flags {
            settings.lay_text(key, value, Origin::Flag(flag), &mut faults);
        }
        let mut reader = Reader::new(&settings, faults);
        let config = build(&mut reader);
        let faults = reader.finish();
        if faults.is_empty() { Ok((config, settings)) } else { Err(Error { faults }) }
    }
}

/// The typed configuration. Where a value is refused a harmless one stands in its place, and the reader has the fault.
fn build(reader: &mut Reader<'_>) -> Config {
    let data_dir = reader.section("").path("data_dir");
    let demo = people::demo(reader);
    let sandbox = people::sandbox(reader, &demo);
    let (sms, bus) = (people::sms(reader, &sandbox), machine::bus(reader));
    let database = machine::database(reader, data_dir.clone());
    let drivers = papers::drivers(reader, &demo);
    let export_bytes_max = privacy::export_bytes_max(reader);
    let storage = papers::storage(reader, &drivers, export_bytes_max);
    let stores = privacy::Stores { database: &database, bus: &bus, storage: &storage, sms: &sms };
    let vault = machine::vault(reader, &data_dir);
    let privacy = privacy::privacy(reader, stores, export_bytes_max, clock::now());
    let payments = money::payments(reader);
    let config = Config {
        server: machine::server(reader, &demo),
        edge: edge::edge(reader, demo.enabled),
        sms,
        database,
        audit: machine::audit(reader, &data_dir, vault.keys_dir.clone()),
        vault,
        bus,
        jobs: machine::jobs(reader),
        log: machine::log(reader),
        sockets: machine::sockets(reader),
        travel: city::travel(reader),
        map: city::map(reader),
        locations: city::locations(reader, if demo.enabled { demo.speed_factor.max(1.0) } else { 1.0 }),
        history: city::history(reader),
        geofences: city::geofences(reader),
        stages: shortage::stages(reader),
        steering: shortage::steering(reader),
        rides: city::rides(reader),
        auth: people::auth(reader),
        access_token_lifetime: people::access_token_lifetime(reader),
        storage,
        privacy,
        authority: papers::authority(reader, &sandbox),
        drivers,
        tokens: people::tokens(reader),
        prices: money::prices(reader, payments.commission),
        payments,
        providers: providers::providers(reader, &sandbox),
        data_dir,
        sandbox,
        demo,
    };
    check_together(reader, &config);
    config
}

/// What is right by itself and wrong together, across sections.
fn check_together(reader: &mut Reader<'_>, config: &Config) {
    let Config { server, database, jobs, rides, .. } = config;
    let mut s = reader.section("jobs");
    s.require(
        jobs.drain_max <= server.drain_max,
        "drain_max_s",
        "server.drain_max_s",
        "is more than server.drain_max_s",
    );
    let reason = "is not less than database.connections_max, and other work needs connections too";
    let workers_fit = jobs.workers_max < database.connections_max as usize;
    s.require(workers_fit, "workers_max", "database.connections_max", reason);
    let reason = "is not more than dispatch.answer_within_s: a booking that takes too long would get the wrong answer";
    let answer_fits = rides.answer_within < server.request_timeout;
    reader.section("server").require(answer_fits, "request_timeout_s", "dispatch.answer_within_s", reason);
}
