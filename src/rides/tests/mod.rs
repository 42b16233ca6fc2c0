//! The service against a real database: whole rides, commands sent again, a restart, a database in trouble.

mod matched;
mod people;
mod sealing;
mod streams;

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::bus::{self, Bus};
use crate::db::fixture;
use crate::geo::{Area, LatLng};
use crate::ids::{RiderId, SessionId, UserId};
use crate::maps::Maps;
use crate::realtime::protocol::view::RideStatus;
use crate::redact::Secret;
use crate::road::StraightLine;
use crate::storage::Storage;
use crate::vault::Vault;
use crate::web::{Caller, IdempotencyKey, Role, TokenKeys};

/// One process of the service. Another one may be opened on the same pool after [`House::stop`].
struct House {
    rides: Rides,
    shard: tokio::task::JoinHandle<Result<(), Error>>,
    stop: CancellationToken,
}

impl House {
    async fn open(pool: &PgPool) -> Self {
        Self::open_on(parts(pool)).await
    }

    async fn open_on(parts: Parts) -> Self {
        let stop = CancellationToken::new();
        let Started { rides, shard } = Rides::open(parts, stop.clone()).await.expect("opens");
        Self { rides, shard, stop }
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), self.shard).await.expect("stops when told");
        ended.expect("did not panic").expect("did not fail");
    }

    async fn book(&self, rider: RiderId, key: &str) -> Result<Booked, Error> {
        self.rides.book(rider, Some(&IdempotencyKey(key.to_owned())), &booking()).await
    }

    /// A driver at the pickup, on shift, with the ride on offer.
    async fn offered(&self, driver: DriverId, rider: RiderId) -> (RideView, OfferId) {
        self.rides.go_online(driver, place(-1.94)).await.expect("approved");
        let ride = self.book(rider, "k").await.expect("booked").ride;
        let offer = self.rides.offers(driver).pop().expect("the only driver is asked");
        assert_eq!(offer.ride_id, ride.id);
        (ride, offer.offer_id)
    }
}

/// What the service is built from, on a store.
pub(super) fn parts(pool: &PgPool) -> Parts {
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new());
    let documents = [("a".to_owned(), document.expect("random").as_ref().to_vec())];
    let tokens = Arc::new(TokenKeys::new(&documents, Span::from_secs(900)).expect("valid"));
    let auth = crate::auth::Auth::new(
        pool.clone(),
        crate::auth::tests::config(),
        &Secret::new([7; 32]),
        tokens,
        Vault::for_tests(),
    );
    let auth = auth.expect("random");
    let home = crate::drivers::HomeConfig::FOR_TESTS;
    let papers = crate::drivers::PapersConfig::FOR_TESTS;
    let cards =
        crate::drivers::Config { cards_remembered_max: 100, card_age_max: Span::from_minutes(60), home, papers };
    let travel = Arc::new(StraightLine::new(1.33, 22.0).expect("valid"));
    let locations = Locations::new(location_config(), travel).expect("valid");
    let hub = Hub::start(crate::realtime::Config::for_tests());
    Parts {
        config: config(),
        pool: pool.clone(),
        steering: Steering::new(crate::steering::tests::config(), locations.clone(), Arc::clone(&hub)),
        hub,
        bus: Bus::connect(&bus::Config { queue_max: 16, redis: None }).expect("in process"),
        drivers: Drivers::new(pool.clone(), auth.clone(), Vault::for_tests(), Storage::for_tests(), &cards),
        auth,
        history: History::new(crate::locations::history::tests::config(), pool.clone(), locations.clone()),
        maps: Maps::new(crate::maps::tests::config(), pool.clone(), None),
        locations,
        prices: crate::pricing::Prices::for_tests(pool.clone()),
        payments: crate::payments::Payments::new(crate::payments::Parts::for_tests(pool.clone())),
        streets: None,
    }
}

pub(super) fn config() -> Config {
    Config {
        dispatch: dispatch::Config::for_tests(),
        inbox_max: 100,
        batch_max: 16,
        answer_within: Span::from_secs(10),
        quote_lifetime: Span::from_secs(300),
        ride_distance_m_max: 60_000,
        detour_charged_max_percent: 0,
        arrival: crate::rides::arrival::Config { radius_m: 0.0, after: crate::time::Span::ZERO },
        products: crate::rides::product::tests::config(),
        restored_decisions_max: 10_000,
        queue: queue::Config { reach_m: 3_000.0, refresh: Span::from_secs(1) },
        asking: asking::Config {
            finishing_max: 4,
            finishing_scan_max: 8,
            finishing_radius_m: 1_500.0,
            finishing_rest_max: Span::from_secs(300),
            handover: Span::from_secs(45),
        },
        pickup: pickup::Config {
            is_on: true,
            look_every: Span::from_secs(5),
            rules: pickup::Rules {
                near_m: 150.0,
                progress_m: 60.0,
                stalled_after: Span::from_secs(150),
                away_m: 500.0,
                away_looks: 4,
                gap_max: Span::from_secs(90),
            },
            dark_after: Span::from_secs(90),
            sweep_every: Span::from_secs(5),
        },
        decisions: decisions::Config {
            rounds_max: 40,
            considered_max: 24,
            retention: Span::from_minutes(60 * 24 * 60),
            why_not_for: Span::from_minutes(60),
            why_not_rounds_max: 20_000,
        },
        relations: relations::Config {
            blocked_max: 2,
            favourites_max: 1,
            record_span: Span::from_minutes(30 * 24 * 60),
            record_newest_max: 100,
        },
        agents: agents::Config { live_rides_max: 2, actions_per_hour_max: 9 },
        pairing: pairing::Config {
            code_lifetime: Span::from_secs(180),
            codes_apart_m: 5_000.0,
            distance_m_max: 150.0,
            guesses_max: 3,
            guess_window: Span::from_secs(600),
            driver_kit_lifetime: Span::from_minutes(960),
            rider_kit_lifetime: Span::from_minutes(7 * 24 * 60),
            clock_ahead_max: Span::from_secs(120),
            handed_in_within: Span::from_minutes(24 * 60),
        },
    }
}

fn location_config() -> crate::locations::Config {
    let corner = |lat, lng| LatLng::new(lat, lng).expect("on the globe");
    crate::locations::Config {
        area: Area::new(corner(-2.1, 29.9), corner(-1.8, 30.3)).expect("an area"),
        drivers_max: 100,
        ping_age_max: Span::from_secs(60),
        ..crate::locations::Config::for_tests()
    }
}

fn place(lat: f64) -> LatLng {
    LatLng::new(lat, 30.06).expect("on the globe")
}

fn booking() -> BookRide {
    let spot = |lat| PlaceRequest { lat, lng: 30.06, address: None, landmark: None };
    BookRide {
        pickup: spot(-1.94),
        destination: spot(-1.97),
        ride_type: None,
        payment_method: None,
        payment: PaymentChoice::default(),
        quote_id: None,
        notes: None,
        product: crate::rides::product::request::ProductRequest::default(),
    }
}

fn caller(user: impl Into<UserId>, role: Role) -> Caller {
    Caller { user: user.into(), role, session: SessionId(Uuid::from_u128(1)) }
}

fn code(answer: Result<RideView, Error>) -> &'static str {
    answer.expect_err("refused").code()
}

#[sqlx::test(migrations = "./migrations")]
async fn every_command_sent_again_is_answered_as_the_first_time_also_after_a_restart(pool: PgPool) {
    let (rider, driver, other) =
        (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await);
    let mut house = House::open(&pool).await;
    let (booked, offer) = house.offered(driver, rider).await;
    let (id, pin) = (booked.id, booked.pin.expect("the rider's own PIN"));
    assert_eq!(code(house.rides.accept(other, offer).await), "offer_gone");
    let wrong = if pin == "0000" { "0001" } else { "0000" };
    house.rides.accept(driver, offer).await.expect("accepted");
    house.rides.arrive(driver, id).await.expect("arrived");
    assert_eq!(code(house.rides.start(driver, id, wrong).await), "wrong_pin");
    house.rides.start(driver, id, &pin).await.expect("started");
    for round in ["while it is remembered", "from the store"] {
        for view in [
            house.rides.complete(driver, id, None).await,
            house.rides.accept(driver, offer).await,
            house.rides.arrive(driver, id).await,
            house.rides.start(driver, id, &pin).await,
            house.rides.complete(driver, id, None).await,
        ] {
            let view = view.unwrap_or_else(|error| panic!("{round}: {error}"));
            assert_eq!((view.status, view.pin), (RideStatus::Completed, None), "{round}");
        }
        let again = house.book(rider, "k").await.expect("replayed");
        assert!(again.replayed && again.ride.id == id, "{round}");
        assert_eq!(code(house.rides.accept(other, offer).await), "offer_gone", "{round}");
        assert_eq!(code(house.rides.complete(other, id, None).await), "not_found", "{round}");
        let stranger = house.rides.cancel(caller(other, Role::Driver), id, "other", None).await;
        assert_eq!(code(stranger), "not_found", "{round}");
        house.stop().await;
        house = House::open(&pool).await;
    }
    assert!(house.rides.inner.locations.is_on_shift(driver), "the shift goes on over a restart");
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_live_ride_goes_on_after_a_restart_and_its_driver_never_sees_the_pin(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open(&pool).await;
    let (booked, offer) = house.offered(driver, rider).await;
    house.stop().await;
    let house = House::open(&pool).await;
    let shown = house.rides.offers(driver).pop().expect("the offer is still open");
    assert_eq!(shown.offer_id, offer);
    let accepted = house.rides.accept(driver, offer).await.expect("accepted");
    assert_eq!((accepted.status, accepted.pin), (RideStatus::DriverAssigned, None));
    let to_driver = house.rides.show(caller(driver, Role::Driver), booked.id).await.expect("a party");
    assert_eq!(to_driver.pin, None);
    let to_rider = house.rides.show(caller(rider, Role::Customer), booked.id).await.expect("a party");
    assert_eq!(to_rider.pin, booked.pin);
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn nobody_without_an_account_books_and_dispatch_lives_on(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let house = House::open(&pool).await;
    let refused = house.book(RiderId(Uuid::from_u128(9)), "k").await.expect_err("no such account");
    assert_eq!(refused.code(), "unauthenticated");
    house.book(rider, "k").await.expect("booked");
    house.stop().await;
}

/// Holds every write of a ride up until dropped or told to let go.
async fn hold_up(pool: &PgPool) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut held = pool.begin().await.expect("a connection");
    sqlx::query("LOCK TABLE rides IN SHARE ROW EXCLUSIVE MODE").execute(&mut *held).await.expect("locked");
    held
}

/// The server processes that wait for a lock; waits until there is one.
async fn held_up(pool: &PgPool) -> Vec<i32> {
    loop {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting: Vec<i32> = sqlx::query_scalar(sql).fetch_all(pool).await.expect("read");
        if !waiting.is_empty() {
            return waiting;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Another pool on the same database, so that the one under test cannot run dry.
async fn beside(pool: &PgPool) -> PgPool {
    let options = (*pool.connect_options()).clone();
    PgPoolOptions::new().max_connections(3).connect_with(options).await.expect("connects")
}

#[sqlx::test(migrations = "./migrations")]
async fn an_order_to_stop_during_a_commit_is_obeyed_after_it(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let beside = beside(&pool).await;
    let house = House::open(&pool).await;
    let held = hold_up(&beside).await;
    let rides = house.rides.clone();
    let booking = tokio::spawn(async move { rides.book(rider, None, &booking()).await });
    held_up(&beside).await;
    house.stop.cancel();
    held.rollback().await.expect("let go");
    booking.await.expect("no panic").expect("what was taken in is committed and answered");
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_connection_that_breaks_in_a_commit_costs_time_and_nothing_else(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let beside = beside(&pool).await;
    let house = House::open(&pool).await;
    let held = hold_up(&beside).await;
    let rides = house.rides.clone();
    let booking = tokio::spawn(async move { rides.book(rider, None, &booking()).await });
    for pid in held_up(&beside).await {
        sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&beside).await.expect("ended");
    }
    held.rollback().await.expect("let go");
    let booked = booking.await.expect("no panic").expect("written over another connection");
    let events = house.rides.events(caller(rider, Role::Customer), booked.ride.id).await.expect("a party");
    assert_eq!(events.len(), 1, "written once");
    house.stop().await;
}
