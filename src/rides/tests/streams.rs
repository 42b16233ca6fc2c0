//! The city's stream over restarts: what is rebuilt is what was told, and places only grow.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::dispatch::{Canceller, Order};
use crate::ids::StreamSeq;
use crate::index::Fix;
use crate::matching::record::Record;
use crate::money::Francs;
use crate::realtime::Event;
use crate::rides::ride::Cancellation;
use crate::rides::ride::tests::ride as any_ride;
use crate::rides::shard::{Shard, persist};
use crate::rides::start::{Assembled, assemble};
use crate::rides::words::{CancelReason, RideType};
use crate::time::Timestamp;

/// Where all chance of the walk comes from.
const SEED: u64 = 20_261;

/// A city whose shard is driven by hand, at times of our choosing, and all that it has told.
struct City {
    pool: PgPool,
    rides: Rides,
    shard: Shard,
    now: Timestamp,
    dice: StdRng,
    riders: Vec<RiderId>,
    drivers: Vec<DriverId>,
    told: Vec<(UserId, StreamSeq, Event)>,
    last: StreamSeq,
    rides_made: u128,
}

impl City {
    async fn open(pool: PgPool) -> Self {
        let (mut riders, mut drivers) = (Vec::new(), Vec::new());
        for n in 0..6 {
            riders.push(fixture::rider(&pool, n).await);
            drivers.push(fixture::driver(&pool, 100 + n).await);
        }
        let Assembled { rides, shard, .. } = assemble(parts(&pool)).await.expect("opens");
        let (now, dice) = (Timestamp::from_millis(1_790_000_000_000), StdRng::seed_from_u64(SEED));
        let (told, last, rides_made) = (Vec::new(), StreamSeq::START, 0);
        Self { pool, rides, shard, now, dice, riders, drivers, told, last, rides_made }
    }

    async fn restart(&mut self) {
        let Assembled { rides, shard, .. } = assemble(parts(&self.pool)).await.expect("opens again");
        (self.rides, self.shard) = (rides, shard);
    }

    /// One round with these commands, kept as it was told.
    async fn round(&mut self, mut messages: Vec<Message>) {
        let mut decided = self.shard.decide(self.now, &mut messages);
        decided.round.close();
        persist(&self.shard.pool, self.shard.people.vault(), &decided.round.batch).await.expect("fits");
        for said in &decided.round.said {
            assert!(said.seq > self.last, "{} after {}", said.seq, self.last);
            self.last = said.seq;
            let cast = self.rides.inner.people.cast(&said.ride).await;
            self.told.extend(said.messages(&cast).map(|(user, event)| (user, said.seq, event)));
        }
        self.shard.speak(decided).await;
    }

    /// What is told of everything after a place.
    fn told_after(&self, place: StreamSeq) -> Vec<(UserId, StreamSeq, Event)> {
        self.told.iter().filter(|(_, seq, _)| *seq > place).cloned().collect()
    }

    async fn check(&self, since: Timestamp, decisions_max: u32) -> StreamSeq {
        let people = &self.rides.inner.people;
        let rebuilt = crate::rides::streams::rebuild(&self.pool, people, since, decisions_max).await.expect("reads");
        assert_eq!(rebuilt.messages, self.told_after(rebuilt.horizon), "SEED {SEED}");
        rebuilt.horizon
    }

    fn any<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.dice.random_range(0..of.len())]) }
    }

    fn book(&mut self) -> (RideId, Message) {
        self.rides_made += 1;
        let riders = self.riders.clone();
        let rider = self.any(&riders).expect("there are some");
        let id = RideId(Uuid::from_u128(self.rides_made));
        let ride = Ride { id, rider, requested_at: self.now, ..any_ride() };
        let input = Input::RequestRide { ride: id, rider, pin: ride.pin, order: Order::default() };
        (id, message(input, Details::Booking(Box::new(ride))))
    }

    fn cancel(&mut self, ride: RideId, by: Canceller) -> Message {
        let by_word = match by {
            Canceller::Rider(_) => "customer",
            Canceller::Driver { .. } => "driver",
            Canceller::System => "system",
        };
        let note = Some("as was said".to_owned());
        let cancellation = Cancellation {
            by: by_word,
            reason: CancelReason::Other,
            note,
            fee: Francs::ZERO,
            compensation: Francs::ZERO,
            cause: None,
        };
        message(Input::Cancel { ride, by }, Details::Cancellation(cancellation))
    }

    /// Something that somebody could do now.
    fn deed(&mut self) -> Vec<Message> {
        let mut live = Vec::new();
        self.rides.inner.live.for_each(|ride| live.push((ride.id, ride.rider, ride.driver, ride.status, ride.pin)));
        live.sort_unstable_by_key(|(id, ..)| *id);
        let offers: Vec<_> = self
            .drivers
            .iter()
            .filter_map(|driver| Some((*driver, self.rides.inner.live.offer_of(*driver)?.id)))
            .collect();
        let drivers = self.drivers.clone();
        let driver = self.any(&drivers).expect("there are some");
        let (ride, offer) = (self.any(&live), self.any(&offers));
        match (self.dice.random_range(0..20), ride, offer) {
            (0..3, ..) => vec![self.book().1],
            // Thinks better of it in the same moment: an offer may be made and withdrawn in one commit.
            (3, ..) => {
                let (ride, booking) = self.book();
                vec![booking, self.cancel(ride, Canceller::System)]
            }
            (4..8, _, Some((driver, offer))) => vec![message(Input::AcceptOffer { driver, offer }, Details::None)],
            (8, _, Some((driver, offer))) => {
                vec![message(Input::DeclineOffer { driver, offer }, Details::Decline(DeclineReason::TooFar))]
            }
            (9, _, Some((driver, _))) | (10, _, Some((driver, _))) => vec![Message::ConnectionChanged(driver)],
            (11, Some((ride, rider, ..)), _) => vec![self.cancel(ride, Canceller::Rider(rider))],
            (12, Some((ride, _, Some(driver), ..)), _) => {
                vec![self.cancel(ride, Canceller::Driver { driver, rematch: false })]
            }
            (13, Some((ride, ..)), _) => vec![self.cancel(ride, Canceller::System)],
            (14, ..) => vec![message(Input::GoOffline { driver }, Details::None)],
            (_, Some((ride, _, Some(driver), status, pin)), _) => match status {
                RideStatus::DriverAssigned => vec![message(Input::Arrive { driver, ride }, Details::None)],
                RideStatus::DriverArrived => vec![message(Input::Start { driver, ride, pin }, Details::None)],
                _ => vec![message(Input::Complete { driver, ride, pin: None }, Details::None)],
            },
            _ => self.everybody_online(),
        }
    }

    fn everybody_online(&self) -> Vec<Message> {
        let fix = Fix::new(place(-1.94), self.now);
        let shift = || Details::Shift { fix, ride_types: vec![RideType::Boda] };
        self.drivers
            .iter()
            .map(|driver| message(Input::GoOnline { driver: *driver, record: Record::default() }, shift()))
            .collect()
    }

    /// One step of the walk: time passes, everybody pings, some do something.
    async fn step(&mut self) {
        self.now = self.now + Span::from_millis(self.dice.random_range(0..6_000));
        for driver in self.drivers.clone() {
            // Those off shift are refused, which is fine.
            let _ = self.rides.inner.locations.ping(
                driver,
                &mut Default::default(),
                Fix::new(place(-1.94), self.now),
                self.now,
            );
        }
        let mut messages = Vec::new();
        for _ in 0..self.dice.random_range(0..4) {
            messages.extend(self.deed());
        }
        self.round(messages).await;
    }
}

fn message(input: Input, details: Details) -> Message {
    let (answer, _) = oneshot::channel();
    let command = Command { input, details, actor: Actor::SYSTEM, request_id: None };
    Message::Command(Box::new(Request { command, arrived: Instant::now(), answer }))
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("counts")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_restart_tells_again_exactly_what_was_told(pool: PgPool) {
    let mut city = City::open(pool.clone()).await;
    let mut middle = city.now;
    for step in 1..=400 {
        city.step().await;
        if step == 200 {
            // The clock is set back: the stream goes on all the same.
            city.now = city.now - Span::from_minutes(60);
            city.check(Timestamp::EPOCH, 100_000).await;
        }
        if step % 50 == 0 {
            city.restart().await;
            let online = city.everybody_online();
            city.round(online).await;
        }
        if step == 350 {
            middle = city.now;
        }
    }
    assert_eq!(city.check(Timestamp::EPOCH, 100_000).await, StreamSeq::START, "everything from the beginning");
    let horizon = city.check(Timestamp::EPOCH, 25).await;
    assert!(horizon > StreamSeq::START && !city.told_after(horizon).is_empty(), "the newest only");
    city.check(middle, 100_000).await;
    let nothing_since = city.check(city.now + Span::from_minutes(120), 100_000).await;
    assert_eq!(nothing_since, city.last, "who heard the last word missed nothing");

    let each = city.told.iter().map(|(user, seq, _)| (*user, *seq));
    assert_eq!(each.collect::<BTreeSet<_>>().len(), city.told.len(), "one decision, one message for a person");
    for kind in [
        "offer_made",
        "offer_closed",
        "driver_assigned",
        "driver_arrived",
        "started",
        "completed",
        "cancelled_by_customer",
        "cancelled_by_driver",
        "cancelled_by_system",
        "no_driver_found",
    ] {
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM ride_events WHERE kind = $1")
            .bind(kind)
            .fetch_one(&pool)
            .await
            .expect("counts");
        assert!(seen > 0, "the walk never came to {kind}");
    }
    for outcome in ["declined", "expired", "driver_lost", "cancelled"] {
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM offers WHERE outcome = $1")
            .bind(outcome)
            .fetch_one(&pool)
            .await
            .expect("counts");
        assert!(seen > 0, "no offer was {outcome}");
    }
    assert!(count(&pool, "SELECT count(*) FROM ride_events WHERE data ? 'unheard'").await > 1, "no offer was unheard");
    assert!(
        count(&pool, "SELECT count(*) FROM ride_events WHERE kind = 'offer_closed' AND NOT data ? 'unheard'").await > 1
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn an_offer_that_is_withdrawn_in_the_commit_that_made_it_is_never_told(pool: PgPool) {
    let mut city = City::open(pool).await;
    let online = city.everybody_online();
    city.round(online).await;
    let (ride, booking) = city.book();
    let cancel = city.cancel(ride, Canceller::System);
    city.round(vec![booking, cancel]).await;
    let [(_, _, Event::Ride(told))] = &city.told[..] else {
        panic!("the rider hears of the end only: {:?}", city.told)
    };
    assert_eq!((told.id, told.status), (ride, RideStatus::CancelledBySystem));
    city.check(Timestamp::EPOCH, 100).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn each_decision_of_one_commit_is_told_with_the_ride_as_it_was_then(pool: PgPool) {
    let mut city = City::open(pool).await;
    let online = city.everybody_online();
    city.round(online).await;
    let (ride, booking) = city.book();
    city.round(vec![booking]).await;
    let driver = *city.drivers.iter().find(|driver| city.rides.inner.live.offer_of(**driver).is_some()).expect("asked");
    let offer = city.rides.inner.live.offer_of(driver).expect("as found").id;
    let accept = message(Input::AcceptOffer { driver, offer }, Details::None);
    city.round(vec![accept, message(Input::Arrive { driver, ride }, Details::None)]).await;
    let told: Vec<_> = city
        .told
        .iter()
        .filter_map(|(user, _, event)| if let Event::Ride(ride) = event { Some((*user, ride.status)) } else { None })
        .collect();
    let rider = UserId::from(city.rides.inner.live.ride(ride).expect("live").rider);
    let (assigned, arrived) = (RideStatus::DriverAssigned, RideStatus::DriverArrived);
    let driver = UserId::from(driver);
    assert_eq!(told, [(rider, assigned), (driver, assigned), (rider, arrived), (driver, arrived)]);
    city.check(Timestamp::EPOCH, 100).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn whoever_comes_back_after_a_restart_is_shown_the_ride_without_the_database(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open(&pool).await;
    let (booked, offer) = house.offered(driver, rider).await;
    house.rides.accept(driver, offer).await.expect("accepted");
    house.stop().await;
    let beside = beside(&pool).await;
    let house = House::open(&beside).await;
    beside.close().await;
    for caller in [caller(rider, Role::Customer), caller(driver, Role::Driver)] {
        let shown = house.rides.snapshot(caller).await.expect("from memory").ride.expect("the live ride");
        assert_eq!((shown.id, shown.rider.first_name.as_str()), (booked.id, "Keza"));
        assert_eq!(shown.driver.map(|driver| driver.plate).as_deref(), Some("RC002A"));
    }
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_city_keeps_its_epoch(pool: PgPool) {
    let first = store::epoch(&pool).await.expect("made with the table");
    House::open(&pool).await.stop().await;
    assert_eq!(store::epoch(&pool).await.expect("is there"), first);
    assert!(sqlx::query("INSERT INTO city_stream (epoch) VALUES (gen_random_uuid())").execute(&pool).await.is_err());
}

#[sqlx::test(migrations = "./migrations")]
async fn a_decision_without_a_place_is_refused(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let house = House::open(&pool).await;
    let ride = house.book(rider, "k").await.expect("booked").ride.id;
    let insert = "INSERT INTO ride_events (ride_id, seq, at, kind, actor) VALUES ($1, 99, now(), 'started', 'system')";
    assert!(sqlx::query(insert).bind(ride.0).execute(&pool).await.is_err());
    house.stop().await;
}
