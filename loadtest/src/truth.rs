//! Asking the server, at the end, what became of everything: each ride by its rider, each driver's history and ratings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::sleep;
use uuid::Uuid;

use crate::api::{Api, Failure};
use crate::checks::Truth;
use crate::people::Person;
use crate::scene::Scene;
use crate::wire::RideView;

/// How many questions are under way at once.
const AT_ONCE: usize = 16;
/// Pages of a history that are read at most; a run never gives one driver more rides than this many hundreds.
const PAGES_MAX: usize = 50;
/// Ratings may be summed a moment after they were accepted.
const RATINGS_TRIES: usize = 4;

#[derive(Deserialize)]
struct Page {
    items: Vec<RideView>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct DriverView {
    #[serde(default)]
    ratings_count: Option<u64>,
}

/// Collects the truth about everything the witness heard of.
pub async fn collect(scene: &Scene, drivers: &[Arc<Person>], riders: &[Arc<Person>]) -> Result<Truth, Failure> {
    let (asks, of_drivers, rated) = {
        let findings = scene.witness.findings();
        let of_drivers = findings.evidence.rides_of_drivers();
        let takers: BTreeMap<Uuid, usize> =
            of_drivers.iter().flat_map(|(driver, rides)| rides.iter().map(|ride| (*ride, *driver))).collect();
        let asks: Vec<(Uuid, Arc<Person>)> = findings
            .evidence
            .rides()
            .into_iter()
            .filter_map(|ride| {
                let booked = findings.bookings.get(&ride).map(|booking| riders[booking.rider].clone());
                Some((ride, booked.or_else(|| Some(drivers[*takers.get(&ride)?].clone()))?))
            })
            .collect();
        let rated: BTreeMap<usize, u64> =
            of_drivers.iter().map(|(driver, rides)| (*driver, findings.evidence.ratings_for(rides))).collect();
        (asks, of_drivers.into_keys().collect::<BTreeSet<_>>(), rated)
    };
    let api = &scene.api;
    let rides = many(asks.into_iter().map(|(ride, person)| async move { shown(api, ride, &person).await })).await?;
    let mut truth = Truth { rides: rides.into_iter().collect(), ..Truth::default() };
    let active = many(riders.iter().map(|person| async move {
        Ok(person.call::<Page>(api, Method::GET, "/rides/active", None).await?.body.items)
    }))
    .await?;
    truth.live = active.into_iter().flatten().map(|view| view.id).collect();
    let histories = many(of_drivers.into_iter().map(|driver| {
        let (person, rated) = (drivers[driver].clone(), rated.get(&driver).copied().unwrap_or(0));
        async move { Ok((driver, history(api, &person).await?, ratings(api, &person, rated).await?)) }
    }))
    .await?;
    for (driver, history, ratings) in histories {
        // A ride that nobody of us heard of is still checked against the others of its driver.
        truth.histories.insert(driver, history);
        truth.ratings.extend(ratings.map(|ratings| (driver, ratings)));
    }
    Ok(truth)
}

async fn shown(api: &Api, ride: Uuid, person: &Person) -> Result<(Uuid, Option<RideView>), Failure> {
    match person.call::<RideView>(api, Method::GET, &format!("/rides/{ride}"), None).await {
        Ok(answer) => Ok((ride, Some(answer.body))),
        Err(failure) if failure.is_status(404) => Ok((ride, None)),
        Err(failure) => Err(failure),
    }
}

async fn history(api: &Api, person: &Person) -> Result<Vec<RideView>, Failure> {
    let mut path = "/rides?limit=100".to_owned();
    let mut rides = Vec::new();
    for _ in 0..PAGES_MAX {
        let page: Page = person.call(api, Method::GET, &path, None).await?.body;
        rides.extend(page.items);
        let Some(cursor) = page.next_cursor else { break };
        path = format!("/rides?limit=100&cursor={cursor}");
    }
    Ok(rides)
}

async fn ratings(api: &Api, person: &Person, expected: u64) -> Result<Option<u64>, Failure> {
    let mut counted = None;
    for attempt in 0..RATINGS_TRIES {
        if attempt > 0 {
            sleep(Duration::from_secs(1)).await;
        }
        counted = person.call::<DriverView>(api, Method::GET, "/drivers/me", None).await?.body.ratings_count;
        if counted.is_none_or(|counted| counted >= expected) {
            break;
        }
    }
    Ok(counted)
}

async fn many<T, F: Future<Output = Result<T, Failure>>>(work: impl Iterator<Item = F>) -> Result<Vec<T>, Failure> {
    let done: Vec<_> = futures_util::stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect()
}
