//! Rides on streets: how far they went is kept with them.

use super::*;
use crate::clock;
use crate::index::Fix;
use crate::locations::Track;
use crate::road::network::{Network, NodeId, Parts as Streets, RoadClass, Segment};
use crate::road::router::{Router, contract};
use crate::road::snap::Snapper;
use crate::road::turns::{TurnCosts, TurnGraph};

/// One long street to the south, by way of the pickup and the destination of every booking here.
fn street() -> Arc<Router> {
    let nodes: Vec<_> = (0..6).map(|step| place(-1.93 - 0.01 * f64::from(step))).collect();
    let segment = |from: u32| Segment {
        from: NodeId(from),
        to: NodeId(from + 1),
        shape: Vec::new(),
        class: RoadClass::Residential,
        name: None,
        is_roundabout: false,
        forward_ms: Some(100_000),
        backward_ms: Some(100_000),
    };
    let streets = Streets { segments: (0..5).map(segment).collect(), nodes, ..Streets::default() };
    let network = Network::new(streets).expect("a street").0;
    let turns = TurnGraph::new(&network, &[], &TurnCosts::FREE);
    let hierarchy = contract(&network, &turns).expect("a graph");
    let snapper = Arc::new(Snapper::new(&network));
    let router = Router::new(Arc::new(network), Arc::new(turns), Arc::new(hierarchy), snapper, 500.0);
    Arc::new(router.expect("parts of one map"))
}

impl House {
    /// Rides to the south from the pickup: a position for each of these seconds, 20 m apart. How far.
    fn ride_south(&self, driver: DriverId, seconds: std::ops::RangeInclusive<i32>) -> i64 {
        let (now, mut track) = (clock::now(), Track::default());
        let ridden_m = 20 * i64::from(seconds.end() - seconds.start());
        for second in seconds {
            let at = now + Span::from_secs(i64::from(second));
            let fix = Fix::new(place(-1.94).destination(180.0, 20.0 * f64::from(second)), at);
            self.rides.ping(driver, &mut track, fix, now).expect("taken in");
        }
        ridden_m
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn how_far_a_ride_went_is_kept_and_the_way_to_the_pickup_is_not_part_of_it(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open_on(Parts { streets: Some(street()), ..parts(&pool) }).await;
    let (booked, offer) = house.offered(driver, rider).await;
    house.rides.accept(driver, offer).await.expect("accepted");
    house.ride_south(driver, 1..=3);
    house.rides.arrive(driver, booked.id).await.expect("arrived");
    house.rides.start(driver, booked.id, &booked.pin.expect("the rider's own")).await.expect("started");
    let ridden_m = house.ride_south(driver, 5..=14);
    let done = house.rides.complete(driver, booked.id, None).await.expect("completed");
    let matched_m = done.matched_distance_m.expect("there is a map");
    assert!((matched_m - ridden_m).abs() <= 30, "{matched_m} m of {ridden_m} m");
    assert_eq!(done.fare_rwf, booked.fare_rwf, "seen in part: the quote holds");
    house.stop().await;
    let house = House::open(&pool).await;
    let stored = house.rides.show(caller(rider, Role::Customer), booked.id).await.expect("a party");
    assert_eq!(stored.matched_distance_m, Some(matched_m));
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_that_outlives_the_program_or_has_no_map_is_not_measured(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open_on(Parts { streets: Some(street()), ..parts(&pool) }).await;
    let (booked, offer) = house.offered(driver, rider).await;
    house.rides.accept(driver, offer).await.expect("accepted");
    house.rides.arrive(driver, booked.id).await.expect("arrived");
    house.rides.start(driver, booked.id, &booked.pin.expect("the rider's own")).await.expect("started");
    house.ride_south(driver, 1..=5);
    house.stop().await;
    let house = House::open_on(Parts { streets: Some(street()), ..parts(&pool) }).await;
    let done = house.rides.complete(driver, booked.id, None).await.expect("completed");
    assert_eq!((done.matched_distance_m, done.fare_rwf), (None, booked.fare_rwf));
    house.stop().await;
}
