//! A rider of the simulated city: opens the app, books, waits, tells the PIN, rides, rates, closes the app.
//!
//! The rider's app believes the server, as the driver's does. A rider who finds a ride of an earlier life still going on
//! (the city was started again) rides that one to its end.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};
use uuid::Uuid;

use crate::realtime::protocol::server::ServerMessage;
use crate::realtime::protocol::view::{RideStatus, RideView};
use crate::simulation::account::Account;
use crate::simulation::api::{Call, Failure};
use crate::simulation::demand::Trip;
use crate::simulation::meeting::Saying;
use crate::simulation::person::Person;
use crate::simulation::places::Named;
use crate::simulation::socket::{End, Socket};
use crate::simulation::tally::{Presence, add};
use crate::simulation::world::World;
use crate::web::Role;

/// Share of riders who change their mind while they wait.
const CHANGE_OF_MIND: f64 = 0.03;
/// How long a rider waits for the motorcycle at most, in seconds.
const PATIENCE_S: f64 = 900.0;
/// An app that only listens says this often that it is there.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(25);
/// Whatever happens, nobody keeps the app open longer than this.
const APP_OPEN_MAX: Duration = Duration::from_secs(2 * 3_600);

/// A rider with a phone.
pub struct Rider {
    account: Account,
    dice: StdRng,
}

/// A booked ride, and what the rider means to do about it.
struct Wait {
    ride: RideView,
    cancel_at: Option<(Instant, &'static str)>,
    tell_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Quote {
    quote_id: Uuid,
}

#[derive(Deserialize)]
struct Rides {
    items: Vec<RideView>,
}

impl Rider {
    /// Rider `index` of the city.
    pub fn new(seed: u64, index: u32) -> Self {
        let (person, dice) = Person::new(seed, Role::Customer, index);
        Self { account: Account::new(person), dice }
    }

    /// One ride, from the wish to the rating.
    pub async fn ride(&mut self, world: &Arc<World>, trip: Trip) {
        let _present = Presence::new(&world.tally.riders_active);
        let mut socket = Socket::new();
        let outing = tokio::time::timeout(APP_OPEN_MAX, self.outing(world, trip, &mut socket));
        match outing.await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                add(&world.tally.wishes_dropped);
                tracing::debug!(error = %failure, "a simulated rider got no ride");
            }
            Err(_) => tracing::debug!("a simulated rider closed the app on a ride that would not end"),
        }
        socket.close().await;
    }

    async fn outing(&mut self, world: &World, trip: Trip, socket: &mut Socket) -> Result<(), Failure> {
        self.account.sign_in(&world.api).await?;
        let welcome = socket.open(&world.api, &mut self.account, &mut self.dice, &world.tally).await;
        let ride = match welcome.ride {
            Some(ride) => ride,
            None => self.book(world, trip).await?,
        };
        let ended = self.wait_for_end(world, socket, ride).await?;
        if ended.status != RideStatus::Completed {
            add(&world.tally.rides_ended_otherwise);
            return Ok(());
        }
        add(&world.tally.rides_completed);
        sleep(world.pace(self.dice.random_range(2.0..10.0))).await;
        if self.dice.random_bool(0.9) {
            let (path, body) = (format!("/rides/{}/rating", ended.id), json!({"stars": stars(&mut self.dice)}));
            let rated: Result<IgnoredAny, _> = self.account.call(&world.api, Call::post(&path, &body)).await;
            rated.map_or_else(|error| tracing::debug!(%error, "a simulated rider could not rate"), drop);
        }
        Ok(())
    }

    async fn book(&mut self, world: &World, trip: Trip) -> Result<RideView, Failure> {
        let (pickup, destination) = (place(&trip.pickup), place(&trip.destination));
        let wish = json!({"pickup": pickup, "destination": destination, "ride_type": "boda"});
        let quote: Quote = self.account.call(&world.api, Call::post("/quotes", &wish)).await?;
        sleep(world.pace(self.dice.random_range(0.5..3.0))).await;
        let mut booking = wish;
        booking["payment_method"] = "cash".into();
        booking["quote_id"] = json!(quote.quote_id);
        // Made fresh, not from the seed: a city that is started again must not repeat the keys of its earlier life.
        let key = Uuid::new_v4().to_string();
        let booked = self.account.call(&world.api, Call::post("/rides", &booking).with_key(&key)).await;
        match booked {
            Ok(ride) => {
                add(&world.tally.rides_booked);
                Ok(ride)
            }
            Err(failure) if failure.code() == "ride_in_progress" => {
                let live: Rides = self.account.call(&world.api, Call::get("/rides/active")).await?;
                live.items.into_iter().next().ok_or(failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Follows the ride until it has ended, in whatever way.
    async fn wait_for_end(&mut self, world: &World, socket: &mut Socket, ride: RideView) -> Result<RideView, Failure> {
        let now = Instant::now();
        let cancel_at = if self.dice.random_bool(CHANGE_OF_MIND) {
            (now + world.pace(self.dice.random_range(2.0..60.0)), "changed_mind")
        } else {
            (now + world.pace(PATIENCE_S), "driver_too_far")
        };
        let mut wait = Wait { ride, cancel_at: Some(cancel_at), tell_at: None };
        let mut saying: Option<Saying<'_>> = None;
        let mut heartbeats = interval_at(now + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while wait.ride.status.is_live() {
            self.plan(world, &mut wait, saying.is_some());
            let act_at = wait.tell_at.or(wait.cancel_at.map(|(at, _)| at));
            let message = tokio::select! {
                message = socket.next() => message,
                _ = heartbeats.tick() => {
                    match socket.send(r#"{"type":"heartbeat"}"#.to_owned()).await {
                        Ok(()) => continue,
                        Err(end) => Err(end),
                    }
                }
                () = sleep_until(act_at.unwrap_or_else(Instant::now)), if act_at.is_some() => {
                    if wait.tell_at.take().is_some() {
                        saying = wait.ride.pin.clone().map(|pin| world.meeting.say(wait.ride.id, pin));
                    } else if let Some((_, reason)) = wait.cancel_at.take() {
                        wait.ride = self.cancel(world, &wait.ride, reason).await?;
                    }
                    continue;
                }
            };
            match message {
                // An older view may come after a newer one: a ride never goes back.
                Ok(ServerMessage::Ride { ride, .. }) if ride.id == wait.ride.id && ride.status >= wait.ride.status => {
                    wait.ride = *ride;
                }
                Ok(_) => {}
                Err(end) => wait.ride = self.come_back(world, socket, &end, wait.ride).await?,
            }
        }
        Ok(wait.ride)
    }

    /// What is to be done next, given where the ride stands.
    fn plan(&mut self, world: &World, wait: &mut Wait, has_told: bool) {
        if !matches!(wait.ride.status, RideStatus::Requested | RideStatus::DriverAssigned) {
            wait.cancel_at = None;
        }
        if wait.ride.status == RideStatus::DriverArrived && !has_told && wait.tell_at.is_none() {
            // From the shade to the motorcycle.
            wait.tell_at = Some(Instant::now() + world.pace(self.dice.random_range(3.0..20.0)));
        }
    }

    /// Cancels; when it is too late for that, the ride goes on.
    async fn cancel(&mut self, world: &World, ride: &RideView, reason: &str) -> Result<RideView, Failure> {
        let (path, body) = (format!("/rides/{}/cancel", ride.id), json!({"reason": reason}));
        match self.account.call(&world.api, Call::post(&path, &body)).await {
            Err(failure) if failure.is_status(409) => self.look_up(world, ride).await,
            other => other,
        }
    }

    async fn look_up(&mut self, world: &World, ride: &RideView) -> Result<RideView, Failure> {
        self.account.call(&world.api, Call::get(&format!("/rides/{}", ride.id))).await
    }

    /// Opens the socket again and learns what happened to the ride meanwhile.
    async fn come_back(
        &mut self,
        world: &World,
        socket: &mut Socket,
        end: &End,
        ride: RideView,
    ) -> Result<RideView, Failure> {
        socket.ended(end, &mut self.account, &mut self.dice, &world.tally).await;
        let welcome = socket.open(&world.api, &mut self.account, &mut self.dice, &world.tally).await;
        match welcome.ride {
            Some(live) if live.id == ride.id => Ok(live),
            _ => self.look_up(world, &ride).await,
        }
    }
}

fn place(named: &Named) -> Value {
    let round = |degrees: f64| (degrees * 1e6).round() / 1e6;
    json!({"lat": round(named.at.lat()), "lng": round(named.at.lng()), "address": named.name})
}

/// Mostly content.
fn stars(dice: &mut impl Rng) -> u8 {
    match dice.random_range(0..100) {
        0..68 => 5,
        68..93 => 4,
        93..97 => 3,
        97..99 => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn most_ratings_are_good_and_all_are_possible() {
        let mut dice = StdRng::seed_from_u64(1);
        let drawn: Vec<_> = (0..10_000).map(|_| stars(&mut dice)).collect();
        assert!(drawn.iter().filter(|stars| **stars >= 4).count() > 9_000);
        for wanted in 1..=5 {
            assert!(drawn.contains(&wanted));
        }
    }

    #[test]
    fn the_same_seed_is_the_same_rider() {
        let (mut one, mut other) = (Rider::new(3, 8), Rider::new(3, 8));
        assert_eq!(one.account.person.phone, other.account.person.phone);
        assert_eq!(one.dice.random::<u64>(), other.dice.random::<u64>());
    }
}
