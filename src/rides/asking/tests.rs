//! Who is named for a ride, and who is not: drivers in memory, wishes out of a real database.

use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::clock;
use crate::db::fixture;
use crate::ids::RideId;
use crate::index::{Fix, RideClasses};
use crate::rides::ride::tests::ride;
use crate::rides::tests::{config, parts};

/// A city with one ride that wants a driver; its pickup is where places are measured from.
struct Town {
    asking: Asking,
    ride: Ride,
    now: Timestamp,
}

impl Town {
    fn new(pool: &PgPool) -> Self {
        let parts = parts(pool);
        let asking = Asking::new(config().asking, parts.locations, parts.drivers);
        Self { asking, ride: ride(), now: clock::now() }
    }

    fn north(&self, metres: f64) -> LatLng {
        self.ride.pickup.at.destination(0.0, metres)
    }

    /// A free driver so many metres north of the pickup.
    fn free(&self, driver: DriverId, metres: f64) {
        let fix = Fix::new(self.north(metres), self.now);
        self.asking.locations.begin_shift(driver, RideClasses::ANY, Some(fix));
    }

    /// A driver at `at` metres north with a rider who goes to `to` metres north.
    fn on_trip(&mut self, driver: DriverId, at: f64, to: f64) {
        self.free(driver, at);
        self.asking.locations.set_availability(driver, crate::dispatch::Availability::OnTrip);
        let id = RideId(Uuid::from_u128(driver.0.as_u128() + 1_000));
        let mut under_way = Ride { id, driver: Some(driver), ..ride() };
        under_way.destination.at = self.north(to);
        let decision = Decision { ride: id, seq: 5, at: self.now, fact: Fact::Started };
        self.asking.follow(&under_way, &decision);
    }

    fn ask(&self, passed: &[DriverId], holder: Option<DriverId>) -> Asked {
        let wanted = Wanted { ride: self.ride.id, passed: passed.to_vec(), holder };
        self.asking.candidates(&self.ride, &wanted, self.now)
    }

    fn named(&self) -> Vec<DriverId> {
        self.ask(&[], None).candidates.iter().map(|candidate| candidate.driver).collect()
    }
}

fn driver(number: u128) -> DriverId {
    DriverId(Uuid::from_u128(number))
}

/// Riding time in the towns of tests.
fn ride_s(metres: f64) -> f64 {
    metres * 1.33 * 3.6 / 22.0
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_about_to_finish_near_by_is_named_with_the_rest_of_that_ride(pool: PgPool) {
    let mut town = Town::new(&pool);
    town.free(driver(1), 2_000.0);
    town.on_trip(driver(2), 700.0, 300.0);
    let asked = town.ask(&[], None);
    let [soon, late] = &asked.candidates[..] else { panic!("{asked:?}") };
    assert_eq!((soon.driver, late.driver, late.finishing), (driver(2), driver(1), None), "soonest first");
    let rest_s = ride_s(400.0) + 45.0;
    assert!((soon.finishing.expect("finishing").as_millis() as f64 / 1_000.0 - rest_s).abs() < 1.0, "{soon:?}");
    assert!((soon.pickup_eta.as_millis() as f64 / 1_000.0 - rest_s - ride_s(300.0)).abs() < 1.0, "{soon:?}");
    assert!((390..410).contains(&soon.pickup_distance_m), "from where they will be free: {soon:?}");
}

#[sqlx::test(migrations = "./migrations")]
async fn who_finishes_too_late_or_far_away_or_has_passed_is_not_named(pool: PgPool) {
    let mut town = Town::new(&pool);
    // Two kilometres to go, and an end that is too far away.
    town.on_trip(driver(1), 2_100.0, 100.0);
    town.on_trip(driver(2), 1_700.0, 1_600.0);
    town.on_trip(driver(3), 300.0, 200.0);
    let asked = town.ask(&[driver(3)], None);
    assert!(asked.candidates.is_empty(), "{asked:?}");
    let left_out: Vec<_> = asked.left_out.iter().map(|looked| (looked.driver, looked.reason)).collect();
    assert_eq!(left_out, [(driver(1), Reason::FinishesTooLate)]);
    assert_eq!(town.named(), [driver(3)]);
    // The ride ends, and its driver is free or gone: in any case not finishing.
    let over = Ride { driver: Some(driver(3)), status: RideStatus::InProgress, ..ride() };
    let ended = Fact::Ended(crate::dispatch::RideEnd::Completed);
    town.asking.follow(&over, &Decision { ride: over.id, seq: 6, at: town.now, fact: ended });
    assert!(town.named().is_empty());
}

#[sqlx::test(migrations = "./migrations")]
async fn so_many_finishing_drivers_are_named_and_none_who_would_come_after_the_free_ones(pool: PgPool) {
    let mut town = Town::new(&pool);
    for number in 1..=6 {
        town.on_trip(driver(number), 100.0 + 10.0 * number as f64, 100.0);
    }
    assert_eq!(town.named().len(), config().asking.finishing_max);
    for number in 11..=18 {
        town.free(driver(number), 20.0);
    }
    assert!(town.named().iter().all(|named| *named > driver(10)), "eight are there before anybody could be done");
}

#[sqlx::test(migrations = "./migrations")]
async fn whoever_has_the_ride_is_answered_for_free_or_not(pool: PgPool) {
    let mut town = Town::new(&pool);
    town.free(driver(1), 500.0);
    town.asking.locations.set_availability(driver(1), crate::dispatch::Availability::ToPickup);
    assert!(town.named().is_empty());
    let asked = town.ask(&[], Some(driver(1)));
    assert_eq!(asked.candidates.len(), 1);
    assert!((asked.candidates[0].pickup_eta.as_millis() as f64 / 1_000.0 - ride_s(500.0)).abs() < 1.0, "{asked:?}");
    // Of a holder who finishes another ride first the rest of that counts.
    town.on_trip(driver(2), 9_000.0, 4_000.0);
    let far = town.ask(&[], Some(driver(2))).candidates;
    assert!(far[0].finishing.is_some_and(|rest| rest.as_millis() as f64 / 1_000.0 > ride_s(4_900.0)), "{far:?}");
    assert!(town.ask(&[], Some(driver(9))).candidates.is_empty(), "nothing is known of a driver who is not there");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_wish_takes_a_driver_out_and_the_next_ones_are_looked_at_instead(pool: PgPool) {
    let town = Town::new(&pool);
    let mut choosy = Vec::new();
    for number in 1..=8 {
        let driver = fixture::driver(&pool, number).await;
        let wishes = serde_json::from_value(json!({"fare_rwf_min": 5_000})).expect("of the right form");
        town.asking.drivers.put_wishes(driver, &wishes, town.now).await.expect("wished");
        town.free(driver, 50.0 + f64::from(number));
        choosy.push(driver);
    }
    town.free(driver(1), 400.0);
    let asked = town.ask(&[], None);
    assert_eq!(asked.candidates.iter().map(|candidate| candidate.driver).collect::<Vec<_>>(), [driver(1)]);
    let left_out: Vec<_> = asked.left_out.iter().map(|looked| (looked.driver, looked.reason)).collect();
    assert_eq!(left_out, choosy.iter().map(|driver| (*driver, Reason::FareTooLow)).collect::<Vec<_>>());
    let holder = town.ask(&[], Some(choosy[0]));
    assert!(holder.candidates.iter().any(|candidate| candidate.driver == choosy[0]), "a holder has taken it already");
}
