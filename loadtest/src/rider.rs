//! A rider's phone: waits at home for a booking to be due, books, follows the ride to its end, rates, goes home.
//!
//! A rider has one ride at a time. News comes over the socket; a rider without news asks by REST now and then, so a
//! lost frame delays the rider and never strands them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::api::{Call, Failure, Outages};
use crate::checks::Command;
use crate::people::Person;
use crate::scene::{POLL_EVERY, REGRET_S, Scene};
use crate::socket::{End, HEARTBEAT, HEARTBEAT_EVERY, Link};
use crate::wire::{Frame, Kind, RideView, Status};
use crate::witness::Booking;
use crate::world::Journey;

/// A booking the schedule hands to a rider.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// When the request is meant to be sent.
    pub intended: Instant,
    /// From where to where.
    pub journey: Journey,
}

/// One simulated rider.
#[derive(Debug)]
struct Phone {
    scene: Arc<Scene>,
    person: Arc<Person>,
    link: Link,
    rng: SmallRng,
    heartbeat_at: Instant,
}

/// Plays a rider until `stop` says so. Tells `home` its number whenever it is ready for the next booking.
pub async fn live(
    scene: Arc<Scene>,
    person: Arc<Person>,
    seed: u64,
    mut jobs: mpsc::Receiver<Job>,
    home: mpsc::UnboundedSender<usize>,
    mut stop: watch::Receiver<bool>,
) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let link = Link::new(person.clone(), SmallRng::from_rng(&mut rng));
    let mut phone = Phone { scene, person, link, rng, heartbeat_at: Instant::now() + HEARTBEAT_EVERY };
    let life = async {
        phone.open().await;
        // The other end is gone only when the run is over.
        let _ = home.send(phone.person.index);
        loop {
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => {
                        phone.ride(job).await;
                        let _ = home.send(phone.person.index);
                    }
                    None => return,
                },
                // Views that arrive at home belong to rides that are over; they still are evidence.
                _ = phone.news() => {}
            }
        }
    };
    tokio::select! {
        () = life => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    phone.link.close().await;
}

impl Phone {
    /// Opens the socket; the welcome shows the live ride, if any.
    async fn open(&mut self) -> Option<RideView> {
        let welcome = self.link.open(&self.scene.api).await?;
        self.saw(welcome.ride)
    }

    /// The next view of a ride, keeping the line alive meanwhile. Never returns when there is no line and no news;
    /// returns `Lost` once after each reconnect, because news may have been missed. Cancel safe between frames.
    async fn news(&mut self) -> News {
        loop {
            if !self.link.is_open() {
                if self.link.is_gone() {
                    return std::future::pending().await;
                }
                return match self.open().await {
                    Some(view) => News::View(view),
                    None => News::Lost,
                };
            }
            let heartbeat = sleep_until(self.heartbeat_at);
            let end = tokio::select! {
                frame = self.link.next(&self.scene.api.errors) => match frame {
                    Ok(frame) => match self.view_of(frame) {
                        Some(view) => return News::View(view),
                        None => continue,
                    },
                    Err(end) => end,
                },
                () = heartbeat => {
                    self.heartbeat_at = Instant::now() + HEARTBEAT_EVERY;
                    match self.link.send(HEARTBEAT.to_owned()).await {
                        Ok(()) => continue,
                        Err(end) => end,
                    }
                }
            };
            self.dropped(&end).await;
        }
    }

    async fn dropped(&mut self, end: &End) {
        self.scene.witness.counters.reconnects.fetch_add(1, Ordering::Relaxed);
        self.link.ended(end, &self.scene.api).await;
    }

    fn view_of(&self, frame: Frame) -> Option<RideView> {
        match frame.kind {
            Kind::Ride => self.saw(frame.ride),
            Kind::Error => {
                self.scene.api.errors.add(&format!("rider's frame refused: {}", frame.code.unwrap_or_default()));
                None
            }
            _ => None,
        }
    }

    fn saw(&self, view: Option<RideView>) -> Option<RideView> {
        let view = view?;
        self.scene.witness.rider_saw(&view);
        if let Some(pin) = &view.pin {
            self.scene.meeting.tell(view.id, pin);
        }
        Some(view)
    }

    /// One ride from booking to rating.
    async fn ride(&mut self, job: Job) {
        let Some(view) = self.book(job).await else { return };
        let ride = view.id;
        let regret = self.rng.random_bool(self.scene.habits.cancel);
        let regret_after = Duration::from_secs_f64(self.rng.random_range(REGRET_S.0..REGRET_S.1));
        let regret_at = regret.then(|| job.intended + regret_after);
        let status = self.follow(view, regret_at).await;
        self.scene.meeting.part(ride);
        self.scene.witness.counters.rides_ended.fetch_add(1, Ordering::Relaxed);
        if status == Status::Completed {
            self.scene.witness.counters.rides_completed.fetch_add(1, Ordering::Relaxed);
            if self.rng.random_bool(self.scene.habits.rate) {
                self.rate(ride).await;
            }
        }
    }

    async fn book(&mut self, job: Job) -> Option<RideView> {
        let key = Uuid::from_u128(self.rng.random());
        let body = json!({
            "pickup": job.journey.pickup, "destination": job.journey.destination,
            "ride_type": "boda", "payment_method": "cash",
        });
        self.scene.witness.counters.sent(job.intended);
        let booking = Booking { rider: self.person.index, intended: job.intended };
        let view = match self.post_ride(key, &body).await {
            Ok((_, view)) => view,
            Err(failure) => {
                self.scene.witness.counters.bookings_failed.fetch_add(1, Ordering::Relaxed);
                self.scene.api.errors.add(&format!("booking failed: {}", failure.code()));
                return None;
            }
        };
        self.scene.witness.booked(key, booking, &view);
        let view = self.saw(Some(view))?;
        if self.rng.random_bool(self.scene.habits.replay) {
            self.scene.witness.counters.replays.fetch_add(1, Ordering::Relaxed);
            match self.post_ride(key, &body).await {
                Ok((status, again)) => {
                    if status != 200 {
                        self.scene.api.errors.add(&format!("replay answered {status}"));
                    }
                    self.scene.witness.booked(key, booking, &again);
                }
                Err(failure) => self.scene.api.errors.add(&format!("replay refused: {}", failure.code())),
            }
        }
        Some(view)
    }

    async fn post_ride(&self, key: Uuid, body: &Value) -> Result<(u16, RideView), Failure> {
        let key = key.to_string();
        let call = Call { key: Some(&key), body: Some(body), ..Call::new(Method::POST, "/rides") };
        let answer = self.person.call_with_key::<RideView>(&self.scene.api, call).await?;
        Ok((answer.status, answer.body))
    }

    /// Waits for the end of a ride; asks when there was no news for a while, and calls it off when it is time to.
    async fn follow(&mut self, mut view: RideView, mut regret_at: Option<Instant>) -> Status {
        let ride = view.id;
        let mut poll_at = Instant::now() + POLL_EVERY;
        while !view.status.is_final() {
            let wake = regret_at.map_or(poll_at, |at| at.min(poll_at));
            tokio::select! {
                news = self.news() => match news {
                    News::View(seen) if seen.id == ride => {
                        view = seen;
                        poll_at = Instant::now() + POLL_EVERY;
                    }
                    News::View(_) => {}
                    News::Lost => poll_at = Instant::now(),
                },
                () = sleep_until(wake) => {
                    if regret_at.take_if(|at| *at <= Instant::now()).is_some() {
                        self.cancel(ride).await;
                    }
                    if let Some(seen) = self.look(ride).await {
                        view = seen;
                    }
                    poll_at = Instant::now() + POLL_EVERY;
                }
            }
        }
        view.status
    }

    async fn look(&mut self, ride: Uuid) -> Option<RideView> {
        let path = format!("/rides/{ride}");
        match self.person.call::<RideView>(&self.scene.api, Method::GET, &path, None).await {
            Ok(answer) => self.saw(Some(answer.body)),
            Err(failure) => {
                self.scene.api.errors.add(&format!("ride not shown: {}", failure.code()));
                None
            }
        }
    }

    async fn cancel(&mut self, ride: Uuid) {
        let path = format!("/rides/{ride}/cancel");
        let body = json!({"reason": "changed_mind"});
        match self.person.call::<RideView>(&self.scene.api, Method::POST, &path, Some(&body)).await {
            Ok(answer) => self.scene.witness.acknowledged(Command::CancelByRider, &answer.body),
            // Too late: the ride has started or is over. That is an answer, not an error.
            Err(failure) if failure.is_status(409) => {}
            Err(failure) => self.scene.api.errors.add(&format!("cancel failed: {}", failure.code())),
        }
    }

    async fn rate(&mut self, ride: Uuid) {
        let path = format!("/rides/{ride}/rating");
        let body = json!({"stars": self.rng.random_range(3..=5)});
        match self.person.call::<IgnoredAny>(&self.scene.api, Method::POST, &path, Some(&body)).await {
            Ok(_) => self.scene.witness.findings().evidence.rated(ride),
            // An earlier try was heard although its answer was lost.
            Err(failure) if failure.is_status(409) && self.scene.api.outages() == Outages::Planned => {}
            Err(failure) => self.scene.api.errors.add(&format!("rating failed: {}", failure.code())),
        }
    }
}

/// What a waiting rider hears.
#[derive(Debug)]
enum News {
    /// A view of a ride.
    View(RideView),
    /// The line was down and the welcome shows no live ride: it may have ended meanwhile.
    Lost,
}
