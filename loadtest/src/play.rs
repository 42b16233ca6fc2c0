//! What `city` and `crash` have in common: a server, a crowd with accounts, and the report at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::distr::{Alphanumeric, SampleString};

use crate::api::{Api, Failure, Outages, ServerInfo};
use crate::args::Common;
use crate::checks::verdict;
use crate::cpu;
use crate::people::{self, Login, Person, Registry};
use crate::report::{Progress, Quantiles, Report};
use crate::scene::{Habits, Scene};
use crate::schedule::LATE_SHARE_MAX;
use crate::server::{Server, Trouble};
use crate::truth;
use crate::world::World;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The user asked for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The run failed.
    #[error("{0}")]
    Failed(String),
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoProgram(_) => Self::Usage(trouble.to_string()),
            Trouble::Machine { .. } | Trouble::Server { .. } => Self::Failed(trouble.to_string()),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

/// Which server is played against.
#[derive(Debug)]
pub enum Host {
    /// One of our own, started for the run.
    Own(Box<Server>),
    /// A running one, with an administrator of it.
    Target {
        /// `host:port`.
        address: String,
        /// How the administrator signs in.
        login: Login,
    },
}

impl Host {
    /// Starts the server that `common` names.
    pub async fn own(common: &Common, progress: Progress) -> Result<Self, Stop> {
        progress.say(&format!("starting {}", common.server.display()));
        Ok(Self::Own(Box::new(Server::start(&common.server).await?)))
    }

    fn address(&self) -> &str {
        match self {
            Self::Own(server) => server.address(),
            Self::Target { address, .. } => address,
        }
    }

    fn cpu_s(&self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Own(server) => (server.cpu_s(), server.postgres_cpu_s()),
            Self::Target { .. } => (None, None),
        }
    }

    /// The server of our own, if it is one.
    pub fn server(&mut self) -> Option<&mut Server> {
        match self {
            Self::Own(server) => Some(server),
            Self::Target { .. } => None,
        }
    }
}

/// A way to the server before anybody lives there.
#[derive(Debug)]
pub struct Gate {
    /// The client.
    pub api: Api,
    /// What the server says of itself.
    pub info: ServerInfo,
    admin: Person,
    registry: Registry,
}

/// Connects, and signs an administrator in.
pub async fn enter(host: &mut Host, outages: Outages) -> Result<Gate, Stop> {
    let api = Api::new(host.address().to_owned(), outages).map_err(|err| Stop::Failed(err.to_string()))?;
    let info = api.server().await?;
    if info.sandbox_url.is_none() {
        return Err(Stop::Usage("the target runs without --sandbox: nobody can read its SMS codes".to_owned()));
    }
    let mut registry = Registry::new();
    let login = match host {
        Host::Own(server) => {
            let (phone, password) = (registry.phone(), Alphanumeric.sample_string(&mut rand::rng(), 24));
            server.create_admin(phone, password).await?
        }
        Host::Target { login, .. } => login.clone(),
    };
    let admin = Person::log_in(&api, &login).await?;
    Ok(Gate { api, info, admin, registry })
}

/// Everything a run needs, people included.
#[derive(Debug)]
pub struct Setting {
    /// Shared by all simulated people.
    pub scene: Arc<Scene>,
    /// The drivers, approved.
    pub drivers: Vec<Arc<Person>>,
    /// The riders.
    pub riders: Vec<Arc<Person>>,
    version: String,
    cpu_s: (Option<f64>, Option<f64>),
    own_cpu_s: Option<f64>,
}

/// How big the crowd is, where it lives and how it behaves.
#[derive(Debug)]
pub struct Cast {
    /// Drivers.
    pub drivers: usize,
    /// Riders.
    pub riders: usize,
    /// Where.
    pub world: World,
    /// How.
    pub habits: Habits,
}

/// Registers the crowd.
pub async fn settle(mut gate: Gate, cast: Cast, host: &Host, progress: Progress) -> Result<Setting, Stop> {
    progress.say(&format!("registering {} drivers and {} riders", cast.drivers, cast.riders));
    let drivers = people::drivers(&gate.api, &mut gate.registry, &gate.admin, cast.drivers).await?;
    let riders = people::riders(&gate.api, &mut gate.registry, cast.riders).await?;
    let scene = Scene {
        api: gate.api,
        witness: crate::witness::Witness::new(),
        meeting: crate::meeting::Meeting::default(),
        world: cast.world,
        habits: cast.habits,
    };
    Ok(Setting {
        scene: Arc::new(scene),
        drivers,
        riders,
        version: gate.info.version,
        cpu_s: host.cpu_s(),
        own_cpu_s: cpu::seconds_of(std::process::id()),
    })
}

impl Setting {
    /// Notes what the run has cost so far; called when the last ride is over and before the checks.
    pub fn costs(&self, host: &Host) -> Report {
        let (server, postgres) = host.cpu_s();
        let since = |now: Option<f64>, then: Option<f64>| Some(((now? - then?).max(0.0) * 100.0).round() / 100.0);
        Report {
            server_cpu_s: since(server, self.cpu_s.0),
            postgres_cpu_s: since(postgres, self.cpu_s.1),
            client_cpu_s: since(cpu::seconds_of(std::process::id()), self.own_cpu_s),
            ..Report::default()
        }
    }

    /// Asks for the truth, compares, and fills the report in.
    pub async fn report(&self, common: &Common, begun: Report) -> Result<Report, Stop> {
        let truth = truth::collect(&self.scene, &self.drivers, &self.riders).await?;
        let counters = &self.scene.witness.counters;
        let of = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let findings = self.scene.witness.findings();
        let verdict = verdict(&findings.evidence, &truth);
        let requested = findings.bookings.len() as u64;
        let completed = verdict.ended_by_state.get("completed").copied().unwrap_or(0);
        let ended: u64 = verdict.ended_by_state.values().sum();
        let (sends, late) = (of(&counters.scheduled_sends), of(&counters.late_sends));
        let late_share = if sends == 0 { 0.0 } else { late as f64 / sends as f64 };
        Ok(Report {
            server_version: self.version.clone(),
            seed: common.seed,
            drivers: self.drivers.len(),
            riders: self.riders.len(),
            bookings_due: of(&counters.bookings_due),
            bookings_without_rider: of(&counters.bookings_without_rider),
            bookings_failed: of(&counters.bookings_failed),
            rides_requested: requested,
            rides_completed: completed,
            rides_ended_otherwise: ended - completed,
            rides_unfinished: verdict.rides_unfinished,
            completion_percent: (completed as f64 * 10_000.0 / requested.max(1) as f64).round() / 100.0,
            ended_by_state: verdict.ended_by_state,
            double_assignments: verdict.double_assignments,
            lost_acknowledgements: verdict.lost_acknowledgements,
            duplicate_rides: verdict.duplicate_rides,
            replays: of(&counters.replays),
            errors: self.scene.api.errors.total(),
            errors_by_kind: self.scene.api.errors.snapshot(),
            http_errors_by_code: self.scene.api.refusals.snapshot(),
            request_to_offer_ms: Quantiles::from(&findings.request_to_offer()),
            booking_ms: Quantiles::from(&findings.booking),
            accept_to_rider_told_ms: Quantiles::from(&findings.accept_to_told),
            ping_ack_ms: Quantiles::from(&findings.ping_ack),
            pings_sent: of(&counters.pings_sent),
            late_sends: late,
            late_send_percent: (late_share * 100_000.0).round() / 1_000.0,
            generator_on_time: late_share <= LATE_SHARE_MAX,
            reconnects: of(&counters.reconnects),
            violations: verdict.violations,
            ..begun
        })
    }
}

/// Stops a server of our own; says where the log is when something needs explaining.
pub async fn leave(host: Host, report: &Report) -> Result<(), Stop> {
    let Host::Own(mut server) = host else { return Ok(()) };
    if !report.is_clean() {
        eprintln!("the server's log is {}", server.keep_log().display());
    }
    Ok(server.stop().await?)
}
