//! `boda seed`: a database full of made-up people, for rehearsals and load tests.
//!
//! They are those of the simulated city, so that a simulation with the same number plays the same people.

use super::commands::with_database;
use super::services::Basics;
use super::{Error, schema};
use crate::auth::{MadeUp, Seeded};
use crate::clock;
use crate::config::Config;
use crate::drivers::{Begin, Papers, PapersRequest};
use crate::error::Error as ServiceError;
use crate::ids::DriverId;
use crate::redact::Secret;
use crate::simulation::Person;
use crate::telemetry::Telemetry;
use crate::time::{Span, Timestamp};
use crate::web::Role;

/// Who is to be made up.
#[derive(Debug)]
pub struct Seeding {
    /// Approved drivers.
    pub drivers: u32,
    /// Riders.
    pub riders: u32,
    /// Who they are: the same number is the same people.
    pub seed: u32,
    /// How long their access tokens are good for.
    pub token_lifetime: Span,
    /// Whether the drivers are at work.
    pub begin: Begin,
    /// The same for all, if they have one.
    pub password: Option<Secret<String>>,
}

/// Makes up drivers and riders, drivers first, each with an access token. Works beside a running server.
///
/// # Errors
/// [`Error`] when the database cannot be reached, or holds real people: the text says why.
pub async fn seed(config: Config, seeding: Seeding) -> Result<Vec<Seeded>, Error> {
    Telemetry::install(&config.log)?;
    let config = Config { access_token_lifetime: seeding.token_lifetime, ..config };
    with_database(&config, async |database| {
        let vault = schema::bring_up_to_date(&config, database).await?;
        let basics = Basics::build(&config, database, vault, None)?;
        fill(&basics, seeding, clock::now()).await.map_err(|error| Error::service("nobody was made up", error))
    })
    .await
}

async fn fill(basics: &Basics, seeding: Seeding, now: Timestamp) -> Result<Vec<Seeded>, ServiceError> {
    let Seeding { drivers, riders, seed, token_lifetime: _, begin, password } = seeding;
    let person = |role| move |index| Person::new(seed.into(), role, index).0;
    let drivers: Vec<Person> = (0..drivers).map(person(Role::Driver)).collect();
    let people: Vec<MadeUp> = drivers
        .iter()
        .cloned()
        .chain((0..riders).map(person(Role::Customer)))
        .map(|person| MadeUp {
            seed,
            index: person.index,
            role: person.role,
            phone: person.phone,
            first_name: person.first_name.to_owned(),
            last_name: person.last_name.to_owned(),
        })
        .collect();
    let seeded = basics.auth.seed(&people, password, now).await?;
    let papers = drivers.iter().zip(&people).map(|(driver, made_up)| {
        let request: PapersRequest = serde_json::from_value(driver.papers(now)).map_err(ServiceError::internal)?;
        Ok((made_up.id().into(), request.check(now)?))
    });
    let papers: Vec<(DriverId, Papers)> = papers.collect::<Result<_, ServiceError>>()?;
    basics.drivers.seed(&papers, begin, now).await?;
    Ok(seeded)
}
