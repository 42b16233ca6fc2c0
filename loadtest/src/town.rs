//! A server of our own with thousands of people who are signed in: the ground on which the proofs play.
//!
//! People come from `boda seed`, which writes them into the database in bulk; with a server that cannot do that they
//! register through the public doors, which takes minutes for thousands.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::api::{Api, Outages};
use crate::apps::{App, Apps, Manners, Pass, Role};
use crate::child::Pinned;
use crate::generator::fleet::Fleet;
use crate::generator::ping::Dialect;
use crate::generator::stage::Stage;
use crate::measure::metrics::Page;
use crate::people::{self, Person, Registry};
use crate::play::Stop;
use crate::report::Progress;
use crate::server::{Server, Setup};
use crate::world::{KIGALI, Point};

/// Radius of the town; 9,000 drivers in it are about 45 to the square kilometre.
const RADIUS_M: f64 = 8_000.0;
/// Longest wait for everybody to be welcome.
const GATHER_WITHIN: Duration = Duration::from_secs(120);
/// A fleet is gathered faster than a city comes back, which is `storm`'s to measure.
const GATHERING: (&str, &str) = ("sockets.handshakes_per_s", "20000");
/// How tokens live through a long run on a server without `seed`.
const TOKEN_MINUTES: (&str, &str) = ("BODA__AUTH__ACCESS_TOKEN_LIFETIME_MINUTES", "1440");

/// How a town is founded.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The server's program.
    pub program: &'a Path,
    /// Drivers, all on shift.
    pub drivers: usize,
    /// Riders.
    pub riders: usize,
    /// Keys of the server's configuration that differ, as `section.key`; those that it does not know are left out.
    pub settings: Vec<(&'static str, String)>,
}

/// A town.
#[derive(Debug)]
pub struct Town {
    /// Its server.
    pub server: Server,
    /// Its drivers.
    pub drivers: Arc<Vec<Pass>>,
    /// Its riders.
    pub riders: Arc<Vec<Pass>>,
    /// The HTTP client of its people.
    pub http: reqwest::Client,
    /// Keys of the plan that the server does not know.
    pub unknown_keys: Vec<&'static str>,
}

impl Town {
    /// Founds a town: settings, people, start.
    ///
    /// # Errors
    /// When the server cannot be started or people cannot be made.
    pub async fn found(plan: &Plan<'_>, progress: Progress) -> Result<Self, Stop> {
        let setup = Setup { settings: vec![owned(TOKEN_MINUTES)], pinned: Pinned::ToServerCore, is_sandboxed: true };
        let mut server = Server::prepare(plan.program, setup)?;
        let known = server.keys().await?;
        let mut unknown_keys = Vec::new();
        for (key, value) in [(GATHERING.0, GATHERING.1.to_owned())].iter().chain(&plan.settings) {
            if known.iter().any(|known| known == key) {
                server.set(&variable(key), value);
            } else {
                unknown_keys.push(*key);
            }
        }
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).timeout(Duration::from_secs(15)).build();
        let http = http.map_err(|err| Stop::Failed(err.to_string()))?;
        progress.say(&format!("a town of {} drivers and {} riders", plan.drivers, plan.riders));
        let people = match server.help_of("seed").await {
            Some(help) => {
                let people = seeded(&mut server, &help, plan).await?;
                server.run().await?;
                people
            }
            None => {
                server.run().await?;
                registered(&mut server, plan).await?
            }
        };
        let (drivers, riders) = people.into_iter().partition(|pass| pass.role == Role::Driver);
        Ok(Self { server, drivers: Arc::new(drivers), riders: Arc::new(riders), http, unknown_keys })
    }

    /// From its next start on, the server signs people on as fast as it does for real.
    pub fn admits_as_usual(&mut self) {
        self.server.unset(&variable(GATHERING.0));
    }

    /// Places for drivers, always the same ones: spread evenly over the town.
    pub fn homes(count: usize) -> Vec<Point> {
        let mut rng = SmallRng::seed_from_u64(7);
        let mut home = || {
            let (angle, distance) =
                (rng.random_range(0.0..std::f64::consts::TAU), rng.random_range(0.0_f64..1.0).sqrt());
            KIGALI.moved(RADIUS_M * distance * angle.cos(), RADIUS_M * distance * angle.sin())
        };
        (0..count).map(|_| home()).collect()
    }

    /// Apps of some drivers and of the first `riders`, drivers first, connected by nobody yet. A driver who was seen in one
    /// part of the town is not believed in another a moment later, so scenarios that place drivers elsewhere take others.
    ///
    /// # Errors
    /// When there are not so many people, or no epoll.
    pub fn stage(
        &self,
        dialect: Dialect,
        drivers: Range<usize>,
        riders: usize,
        manners: Manners,
    ) -> Result<Stage<Apps>, Stop> {
        if drivers.end > self.drivers.len() || riders > self.riders.len() {
            return Err(Stop::Failed("the town has too few people for this scenario".to_owned()));
        }
        let passes = self.drivers[drivers.clone()].iter().chain(&self.riders[..riders]);
        let apps =
            passes.zip(Self::homes(drivers.len() + riders)).map(|(pass, home)| App::new(pass.clone(), home)).collect();
        let address =
            self.server.address().parse().map_err(|_| Stop::Failed("the server has no address".to_owned()))?;
        let fleet = Fleet::new(address, drivers.len() + riders).map_err(Stop::Failed)?;
        let phones = Apps::new(self.server.address().to_owned(), dialect, apps, manners);
        Ok(Stage { fleet, phones, pinging: None })
    }

    /// The server's own figures.
    ///
    /// # Errors
    /// When it does not show them.
    pub async fn metrics(&self) -> Result<Page, Stop> {
        let failed = |err: reqwest::Error| Stop::Failed(format!("/metrics: {err}"));
        let answer = self.http.get(format!("http://{}/metrics", self.server.address())).send().await.map_err(failed)?;
        Ok(Page::parse(&answer.text().await.map_err(failed)?))
    }
}

/// Dials everybody and waits until all are welcome, drivers on shift.
///
/// # Errors
/// When somebody is not within two minutes.
pub async fn gathered(mut stage: Stage<Apps>) -> Result<Stage<Apps>, Stop> {
    let all = stage.phones.apps.len();
    stage.fleet.dial(0..all);
    let give_up = std::time::Instant::now() + GATHER_WITHIN;
    let lost = |phones: &Apps| phones.told.losses.total() > 0;
    let over = move |phones: &Apps, now| phones.ready() == all || now >= give_up || lost(phones);
    let stage = stage.play(over).await.map_err(Stop::Failed)?;
    let ready = stage.phones.ready();
    if ready < all {
        let told = &stage.phones.told;
        let (losses, errors) = (told.losses.snapshot(), told.errors.snapshot());
        let words = told.words.first().cloned().unwrap_or_default();
        return Err(Stop::Failed(format!("only {ready} of {all} apps are welcome: {losses:?} {errors:?} {words}")));
    }
    Ok(stage)
}

/// The environment's name of a key of the configuration.
fn variable(key: &str) -> String {
    format!("BODA__{}", key.to_ascii_uppercase().replace('.', "__"))
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Has the server's program write people into its database.
async fn seeded(server: &mut Server, help: &str, plan: &Plan<'_>) -> Result<Vec<Pass>, Stop> {
    let file = server.data_dir().with_file_name("people.jsonl");
    let (drivers, riders, out) = (plan.drivers.to_string(), plan.riders.to_string(), file.display().to_string());
    let mut arguments = vec!["seed", "--drivers", &drivers, "--riders", &riders, "--token-lifetime-s", "14400"];
    arguments.extend(["--on-shift", "--out", &out]);
    if help.contains("--sandbox-data") {
        arguments.push("--sandbox-data");
    }
    server.command(&arguments).await?;
    let text = std::fs::read_to_string(&file).map_err(|err| Stop::Failed(format!("{out}: {err}")))?;
    let passes = text.lines().map(serde_json::from_str).collect::<Result<Vec<Pass>, _>>();
    passes.map_err(|err| Stop::Failed(format!("{out}: {err}")))
}

/// Registers people through the public doors.
async fn registered(server: &mut Server, plan: &Plan<'_>) -> Result<Vec<Pass>, Stop> {
    let api =
        Api::new(server.address().to_owned(), Outages::Unexpected).map_err(|err| Stop::Failed(err.to_string()))?;
    let mut registry = Registry::new();
    let (phone, password) = (registry.phone(), Alphanumeric.sample_string(&mut rand::rng(), 24));
    let login = server.create_admin(phone, password).await?;
    let admin = Person::log_in(&api, &login).await?;
    let drivers = people::drivers(&api, &mut registry, &admin, plan.drivers).await?;
    let riders = people::riders(&api, &mut registry, plan.riders).await?;
    let mut passes = Vec::with_capacity(drivers.len() + riders.len());
    for (people, role) in [(drivers, Role::Driver), (riders, Role::Customer)] {
        for person in people {
            passes.push(Pass { role, token: person.token(&api).await?.to_string() });
        }
    }
    Ok(passes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_always_the_same_and_in_town() {
        let homes = Town::homes(500);
        assert_eq!(homes, Town::homes(500));
        assert!(homes.iter().all(|home| home.distance_m(KIGALI) <= RADIUS_M * 1.01));
        assert!(homes.iter().filter(|home| home.distance_m(KIGALI) > RADIUS_M / 2.0).count() > 300, "spread by area");
    }
}
