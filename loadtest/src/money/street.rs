//! Rides by REST: each driver at a corner of its own takes one rider after the other, and each rider pays in another way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Somebody;
use crate::play::Stop;
use crate::world::{KIGALI, Point};

/// Metres between the corners of two drivers: a search does not reach the next one's.
const SPACING_M: f64 = 1_100.0;
/// How far a ride goes.
const RIDE_M: f64 = 900.0;
/// Pause between two looks for an offer.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// A step that does not succeed for so long is given up; a killed server needs some seconds.
const STEP_WITHIN: Duration = Duration::from_secs(45);
/// Pause after an answer that says "not now", or none.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What came of riding.
#[derive(Clone, Debug, Default)]
pub struct Rides {
    /// Completed.
    pub completed: u64,
    /// Not.
    pub failed: u64,
    /// What the first that failed was told.
    pub first_failure: Option<String>,
}

/// The street.
#[derive(Debug)]
pub struct Street {
    http: Client,
    base: String,
    seed: u64,
}

/// How the rider of this number pays: mostly by wallet.
fn method(rng: &mut SmallRng) -> &'static str {
    match rng.random_range(0..100) {
        0..50 => "mtn_momo",
        50..85 => "airtel_money",
        _ => "cash",
    }
}

/// The corner of a driver: on a grid around the middle of town.
fn corner(number: usize, of: usize) -> Point {
    let side = (of as f64).sqrt().ceil() as usize;
    let place = |at: usize| (at as f64 - side as f64 / 2.0) * SPACING_M;
    KIGALI.moved(place(number % side), place(number / side))
}

impl Street {
    /// At a server.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(address: &str, seed: u64) -> Result<Self, Stop> {
        let http = Client::builder().no_proxy().tcp_nodelay(true).timeout(Duration::from_secs(10)).build();
        let http = http.map_err(|err| Stop::Failed(err.to_string()))?;
        Ok(Self { http, base: format!("http://{address}/api/v1"), seed })
    }

    /// Every rider rides once.
    pub async fn play(&self, drivers: &[Somebody], riders: &[Somebody]) -> Rides {
        let next = AtomicUsize::new(0);
        let shifts = drivers.iter().enumerate().map(|(number, driver)| {
            let (next, here) = (&next, corner(number, drivers.len()));
            async move {
                let mut rides = Rides::default();
                let mut rng = SmallRng::seed_from_u64(self.seed ^ (number as u64) << 20);
                while let Some(rider) = riders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match self.ride(driver, rider, here, method(&mut rng)).await {
                        Ok(()) => rides.completed += 1,
                        Err(told) => {
                            rides.failed += 1;
                            rides.first_failure.get_or_insert(told);
                        }
                    }
                }
                rides
            }
        });
        let mut all = Rides::default();
        for one in join_all(shifts).await {
            all.completed += one.completed;
            all.failed += one.failed;
            all.first_failure = all.first_failure.or(one.first_failure);
        }
        all
    }

    async fn ride(&self, driver: &Somebody, rider: &Somebody, here: Point, method: &str) -> Result<(), String> {
        let body = json!({"lat": here.lat, "lng": here.lng});
        // After a kill the shift is still there; then this is a position like any other.
        self.step(Method::POST, "/drivers/me/online", driver, Some(&body), None).await?;
        let booking = json!({
            "pickup": here, "destination": here.moved(RIDE_M, 0.0), "ride_type": "boda", "payment_method": method,
        });
        let key = Uuid::new_v4().to_string();
        let ride = self.step(Method::POST, "/rides", rider, Some(&booking), Some(&key)).await?;
        let (id, pin) = (text(&ride, "id")?, ride["pin"].clone());
        self.accept(driver, &id).await?;
        self.step(Method::POST, &format!("/rides/{id}/arrive"), driver, None, None).await?;
        self.step(Method::POST, &format!("/rides/{id}/start"), driver, Some(&json!({"pin": pin})), None).await?;
        self.step(Method::POST, &format!("/rides/{id}/complete"), driver, None, None).await?;
        Ok(())
    }

    /// Takes the offer of this ride as soon as it is there.
    async fn accept(&self, driver: &Somebody, ride: &str) -> Result<(), String> {
        let give_up = Instant::now() + STEP_WITHIN;
        while Instant::now() < give_up {
            let offers = self.step(Method::GET, "/offers", driver, None, None).await?;
            let offers = offers["items"].as_array().cloned().unwrap_or_default();
            if let Some(offer) = offers.first() {
                let accept = format!("/offers/{}/accept", text(offer, "offer_id")?);
                match self.step(Method::POST, &accept, driver, None, None).await {
                    Ok(_) => return Ok(()),
                    // It lapsed, or was answered before the server was killed: then the ride says so.
                    Err(_) if self.has(driver, ride).await => return Ok(()),
                    Err(_) => {}
                }
            } else if self.has(driver, ride).await {
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
        Err(format!("the ride {ride} was not offered in time"))
    }

    async fn has(&self, driver: &Somebody, ride: &str) -> bool {
        let seen = self.step(Method::GET, &format!("/rides/{ride}"), driver, None, None).await;
        seen.is_ok_and(|ride| ride["status"] == "driver_assigned")
    }

    /// One request, repeated until it is answered: every command is idempotent.
    async fn step(
        &self,
        method: Method,
        path: &str,
        who: &Somebody,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, String> {
        let give_up = Instant::now() + STEP_WITHIN;
        loop {
            let mut request = self.http.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(&who.token);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let told = match request.send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let text = answer.text().await.unwrap_or_default();
                    match status {
                        200..300 => return Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
                        429 | 500.. => format!("{path}: {status} {text}"),
                        _ => return Err(format!("{path}: {status} {text}")),
                    }
                }
                Err(err) => format!("{path}: {err}"),
            };
            if Instant::now() > give_up {
                return Err(told);
            }
            sleep(AGAIN_AFTER).await;
        }
    }
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("{name} is missing in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_out_of_reach_of_each_other() {
        let corners: Vec<_> = (0..40).map(|number| corner(number, 40)).collect();
        for (number, one) in corners.iter().enumerate() {
            for other in &corners[..number] {
                assert!(one.distance_m(*other) > 1_000.0);
            }
        }
    }
}
