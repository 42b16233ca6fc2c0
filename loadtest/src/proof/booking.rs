//! Bookings at a constant rate over REST, each by another rider, which no answer slows down.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::apps::Pass;
use crate::town::Town;
use crate::world::Point;

/// How far riders want to go, metres.
const RIDE_M: (f64, f64) = (500.0, 2_500.0);

/// A booking that was answered with a ride.
#[derive(Clone, Copy, Debug)]
pub struct Booked {
    /// The rider's number among the riders.
    pub rider: usize,
    /// The ride.
    pub ride: Uuid,
    /// When it was meant to be sent.
    pub intended: std::time::Instant,
}

/// All bookings of a run.
#[derive(Clone, Debug, Default)]
pub struct Bookings {
    /// Those answered with a ride.
    pub booked: Vec<Booked>,
    /// The others, with what went wrong.
    pub failed: Vec<String>,
}

#[derive(Deserialize)]
struct Ride {
    id: Uuid,
}

/// Who books, and where: a town without its server, which may be restarted meanwhile.
#[derive(Clone, Debug)]
pub struct Booker {
    http: reqwest::Client,
    url: String,
    riders: Arc<Vec<Pass>>,
}

impl Booker {
    /// The riders of a town.
    pub fn of(town: &Town) -> Self {
        let url = format!("http://{}/api/v1/rides", town.server.address());
        Self { http: town.http.clone(), url, riders: town.riders.clone() }
    }
}

/// Books for the riders from number `first` on, `per_s` a second for as long as `time`, near one of `places` each.
pub async fn book(booker: Booker, first: usize, per_s: f64, time: Duration, places: &[Point]) -> Bookings {
    let begun = Instant::now();
    let count = ((per_s * time.as_secs_f64()) as usize).min(booker.riders.len().saturating_sub(first));
    let mut rng = SmallRng::seed_from_u64(first as u64 + 1);
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        let intended = begun + Duration::from_secs_f64(number as f64 / per_s);
        let near = places[rng.random_range(0..places.len())];
        let pickup = near.moved(rng.random_range(-100.0..100.0), rng.random_range(-100.0..100.0));
        let (angle, length) = (rng.random_range(0.0..std::f64::consts::TAU), rng.random_range(RIDE_M.0..RIDE_M.1));
        let destination = pickup.moved(length * f64::cos(angle), length * f64::sin(angle));
        let (booker, pass) = (booker.clone(), booker.riders[first + number].clone());
        tasks.push(tokio::spawn(async move {
            sleep_until(intended).await;
            let ride = posted(&booker, &pass, pickup, destination).await;
            ride.map(|ride| Booked { rider: first + number, ride, intended: intended.into_std() })
        }));
    }
    let mut bookings = Bookings::default();
    for task in tasks {
        match task.await {
            Ok(Ok(booked)) => bookings.booked.push(booked),
            Ok(Err(failed)) => bookings.failed.push(failed),
            Err(err) => bookings.failed.push(err.to_string()),
        }
    }
    bookings
}

async fn posted(booker: &Booker, pass: &Pass, pickup: Point, destination: Point) -> Result<Uuid, String> {
    let body = json!({"pickup": pickup, "destination": destination, "ride_type": "boda", "payment_method": "cash"});
    let request =
        booker.http.post(&booker.url).bearer_auth(&pass.token).header("idempotency-key", Uuid::new_v4().to_string());
    let answer = request.json(&body).send().await.map_err(|err| err.to_string())?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("POST /rides: {status} {}", answer.text().await.unwrap_or_default()));
    }
    answer.json::<Ride>().await.map(|ride| ride.id).map_err(|err| err.to_string())
}
