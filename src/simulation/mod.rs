//! A simulated city: drivers and riders who speak the public API like real phones, over HTTP and sockets.
//!
//! Separate from everything it talks to: it imports no service and reads no table, so what works for the simulated city
//! works for phones. One task for each person, as many as the config says at most; everybody's temper comes from the
//! seed, so a city that is started again on the same data is the same people, who sign in again and go on.

mod account;
mod api;
mod backoff;
mod demand;
mod driver;
mod meeting;
mod motion;
mod person;
mod places;
mod rider;
mod routes;
mod socket;
mod tally;
pub mod trial;
mod world;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::redact::Secret;
use account::Session;
use api::{Api, Failure, Server};
use demand::{Demand, Trip};
use places::City;
use rider::Rider;
use world::World;

pub use person::Person;
pub use routes::Routes;
pub use tally::Summary;

/// How long the server may take to answer for the first time.
const SERVER_UP_MAX: Duration = Duration::from_secs(60);
/// How often the log says how the city is doing: soon after the start, then rarely.
const FIRST_REPORT: Duration = Duration::from_secs(15);
const REPORT_EVERY: Duration = Duration::from_secs(300);
/// How long people have to put their phones away at the end.
const GOODBYE_MAX: Duration = Duration::from_secs(3);
/// Wishes that lead where no street is, before one is taken all the same.
const WISHES_MAX: usize = 16;
/// A rider who came home rests while this many others are at home too.
const AT_HOME_MIN: usize = 40;

/// How the city is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// The server, `http://HOST:PORT`.
    pub target: String,
    /// Drivers.
    pub drivers: u32,
    /// Riders who exist at most, at home or out.
    pub riders_max: u32,
    /// Wishes to ride, on average.
    pub rides_per_minute: f64,
    /// Where all chance comes from, and who the people are.
    pub seed: u64,
    /// How much faster than life people drive and decide; 1 is life.
    pub speed_factor: f64,
    /// Drivers who sign up or sign in at the same time.
    pub sign_ups_max: usize,
    /// How far what a phone says of its place is beside the truth, in metres: the standard deviation in each direction.
    pub gps_noise_m: f64,
    /// The streets to drive on, if there are any.
    pub routes: Routes,
    /// Who approves the drivers.
    pub admin: Admin,
}

/// An administrator's login.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Telephone.
    pub phone: crate::phone::Phone,
    /// Password.
    pub password: Secret<String>,
    /// Secret of the second factor, in base32.
    pub second_factor: Secret<String>,
}

impl Admin {
    async fn log_in(&self, api: &Api) -> Result<Session, Failure> {
        Session::log_in(api, self).await
    }
}

/// Why the city could not come to life. Once it lives, it bears everything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not `http://HOST:PORT`.
    #[error("the target {0:?} is not of the form http://HOST:PORT")]
    Target(String),
    /// A number makes no city.
    #[error("{0}")]
    Number(&'static str),
    /// The server does not answer as it should.
    #[error("the server does not answer")]
    Server(#[source] Failed),
    /// There is no sandbox, and so no SMS to read.
    #[error("the server has no sandbox: start it with --sandbox")]
    NoSandbox,
    /// None of the places is in the service area.
    #[error("the service area holds no place of Kigali")]
    Area,
    /// The administrator cannot sign in.
    #[error("the administrator cannot sign in")]
    Admin(#[source] Failed),
}

/// A call to the server that failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failed(#[from] Failure);

/// Lives until `shutdown`, and says what happened.
///
/// # Errors
/// [`Error`] when the city cannot come to life.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<Summary, Error> {
    let Some(born) = shutdown.run_until_cancelled(found(config, shutdown.clone())).await else {
        return Ok(Summary::default());
    };
    let world = Arc::new(born?);
    tracing::info!(drivers = world.config.drivers, seed = world.config.seed, "the simulated city comes to life");
    let mut drivers = JoinSet::new();
    for index in 0..world.config.drivers {
        drivers.spawn(driver::live(world.clone(), index));
    }
    let mut riders = Riders::new(world.clone());
    riders.live().await;
    let everybody = async { while drivers.join_next().await.is_some() {} };
    // A driver on duty hears the shutdown and puts the phone away; one who is still signing up is let go.
    if timeout(GOODBYE_MAX, everybody).await.is_err() {
        drivers.shutdown().await;
    }
    Ok(world.tally.summary())
}

/// Finds server, sandbox and administrator.
async fn found(config: Config, shutdown: CancellationToken) -> Result<World, Error> {
    if !(config.speed_factor.is_finite() && (0.1..=100.0).contains(&config.speed_factor)) {
        return Err(Error::Number("speed_factor is out of range 0.1..=100"));
    }
    if !(config.rides_per_minute.is_finite() && (0.0..=100_000.0).contains(&config.rides_per_minute)) {
        return Err(Error::Number("rides_per_minute is out of range 0..=100000"));
    }
    if !(config.gps_noise_m.is_finite() && (0.0..=100.0).contains(&config.gps_noise_m)) {
        return Err(Error::Number("gps_noise_m is out of range 0..=100"));
    }
    let api = Api::new(&config.target).ok_or_else(|| Error::Target(config.target.clone()))?;
    let server = answering(&api).await.map_err(|failure| Error::Server(failure.into()))?;
    server.sandbox_url.as_ref().ok_or(Error::NoSandbox)?;
    let city = server.area().and_then(City::within).ok_or(Error::Area)?;
    let admin = config.admin.log_in(&api).await.map_err(|failure| Error::Admin(failure.into()))?;
    let sign_ups = Semaphore::new(config.sign_ups_max.max(1));
    let (meeting, tally) = Default::default();
    let routes = config.routes.clone();
    Ok(World { config, api, city, routes, meeting, tally, sign_ups, shutdown, admin: Mutex::new(admin) })
}

async fn answering(api: &Api) -> Result<Server, Failure> {
    let give_up_at = Instant::now() + SERVER_UP_MAX;
    loop {
        match api.server().await {
            Err(Failure::Unanswered(_)) if Instant::now() < give_up_at => sleep(Duration::from_millis(250)).await,
            other => return other,
        }
    }
}

/// The riders: who is out, who is at home, and who will want to go next.
struct Riders {
    world: Arc<World>,
    demand: Demand,
    out: JoinSet<Rider>,
    at_home: VecDeque<Rider>,
    born: u32,
}

impl Riders {
    fn new(world: Arc<World>) -> Self {
        let demand = Demand::new(world.config.seed);
        Self { world, demand, out: JoinSet::new(), at_home: VecDeque::new(), born: 0 }
    }

    /// Sends riders out until the shutdown.
    async fn live(&mut self) {
        let world = self.world.clone();
        let mut report_at = Instant::now() + FIRST_REPORT;
        let mut next_at = Instant::now() + self.demand.gap(world.config.rides_per_minute);
        loop {
            tokio::select! {
                () = world.shutdown.cancelled() => break,
                () = sleep_until(next_at) => {
                    let trip = self.wish();
                    // A city that is still waking up wishes less: nobody is there to drive.
                    let awake = world.tally.summary().drivers_online as f64 / f64::from(world.config.drivers.max(1));
                    if self.demand.is_kept(awake) {
                        self.send_out(trip);
                    }
                    next_at += self.demand.gap(world.config.rides_per_minute);
                }
                Some(home) = self.out.join_next() => match home {
                    Ok(rider) => self.at_home.push_back(rider),
                    Err(error) => {
                        // Whoever is lost this way is replaced by a newcomer.
                        tracing::warn!(%error, "a simulated rider's task ended badly");
                    }
                },
                () = sleep_until(report_at) => {
                    report_at = Instant::now() + REPORT_EVERY;
                    report(&world.tally.summary());
                }
            }
        }
        self.out.shutdown().await;
    }

    /// A wish between places that a street is near; nobody calls a motorcycle into the hills.
    fn wish(&mut self) -> Trip {
        let mut trip = self.demand.trip(&self.world.city);
        for _ in 0..WISHES_MAX {
            if [trip.pickup.at, trip.destination.at].into_iter().all(|at| self.world.routes.reaches(at)) {
                break;
            }
            trip = self.demand.trip(&self.world.city);
        }
        trip
    }

    fn send_out(&mut self, trip: Trip) {
        let config = &self.world.config;
        let may_be_born = self.born < config.riders_max;
        let rider = if self.at_home.len() > AT_HOME_MIN || !may_be_born { self.at_home.pop_front() } else { None };
        let rider = rider.or_else(|| {
            may_be_born.then(|| {
                self.born += 1;
                Rider::new(config.seed, self.born - 1)
            })
        });
        let Some(mut rider) = rider else {
            tally::add(&self.world.tally.wishes_dropped);
            return;
        };
        let world = self.world.clone();
        self.out.spawn(async move {
            rider.ride(&world, trip).await;
            rider
        });
    }
}

fn report(summary: &Summary) {
    tracing::info!(
        drivers_online = summary.drivers_online,
        riders_active = summary.riders_active,
        rides_booked = summary.rides_booked,
        rides_completed = summary.rides_completed,
        rides_ended_otherwise = summary.rides_ended_otherwise,
        wishes_dropped = summary.wishes_dropped,
        sockets_lost = summary.sockets_lost,
        "the simulated city lives"
    );
}
