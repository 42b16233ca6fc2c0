//! The service against a real database: drivers who come by pings, operators, a restart.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::super::*;
use crate::db::fixture;
use crate::dispatch::Availability;
use crate::index::{Fix, RideClasses};
use crate::locations::Track;
use crate::locations::geofences::{Config as GeofenceConfig, Draft, Geofences, Outline};
use crate::locations::history::tests::locations;
use crate::web::Role;
use crate::web::page::PageParams;
use crate::web::probe::Probe;

struct House {
    geofences: Geofences,
    stages: Stages,
    locations: Locations,
}

fn centre() -> LatLng {
    LatLng::new(-1.95, 30.06).expect("on the globe")
}

fn outside() -> LatLng {
    centre().destination(90.0, 600.0)
}

const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn now() -> Timestamp {
    fixture::at("2026-11-23T08:00:00Z")
}

fn after(seconds: i64) -> Timestamp {
    now() + Span::from_secs(seconds)
}

impl House {
    async fn open(pool: &PgPool, at: Timestamp) -> Self {
        let locations = locations();
        let config = GeofenceConfig {
            corners_max: 8,
            zones_max: 9,
            batch_rows_max: 9,
            retry: Duration::from_millis(20),
            refresh: Duration::from_secs(3_600),
            retention_days: 90,
        };
        let geofences = Geofences::open(config, pool.clone(), locations.clone()).await.expect("opens");
        let hub = Hub::start(crate::realtime::Config::for_tests());
        let config = Config { sweep: Span::from_secs(1) };
        let stages = Stages::open(config, pool.clone(), locations.clone(), hub, at).await.expect("opens");
        Self { geofences, stages, locations }
    }

    async fn draw(&self, admin: UserId) -> ZoneId {
        let corner = |bearing| centre().destination(bearing, 280.0);
        let outline = Outline::new([45.0, 135.0, 225.0, 315.0].map(corner).into(), 8).expect("a square");
        let draft = Draft { name: "Nyabugogo".to_owned(), kind: ZoneKind::Stage, outline, data: Map::new() };
        self.geofences.create(&draft, admin, now()).await.expect("is drawn").zone.id
    }

    /// Pings once a second from this second on.
    fn pings(&self, driver: DriverId, place: LatLng, second: i64, times: i64) {
        for number in 0..times {
            let at = after(second + number);
            self.locations.ping(driver, &mut Track::default(), Fix::new(place, at), at).expect("is taken");
        }
    }

    fn comes(&self, driver: DriverId, second: i64) {
        self.locations.begin_shift(driver, RideClasses(1), Some(Fix::new(centre(), after(second))));
        self.pings(driver, centre(), second + 1, 3);
    }

    fn place(&self, driver: DriverId) -> Result<(u32, u32), &'static str> {
        self.stages.place(driver).map(|view| (view.place, view.waiting)).map_err(|error| error.code())
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn drivers_wait_in_the_order_in_which_they_came_and_the_shard_sees_who_is_there(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let (first, second) = (fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await);
    let house = House::open(&pool, now()).await;
    house.draw(admin).await;
    assert_eq!(house.place(first), Err("not_online"));
    house.locations.begin_shift(first, RideClasses(1), Some(Fix::new(outside(), now())));
    house.pings(first, outside(), 1, 5);
    assert_eq!(house.place(first), Err("not_at_stage"));
    house.pings(first, centre(), 10, 2);
    assert_eq!(house.place(first), Err("not_at_stage"), "two fixes may be a mistake");
    house.pings(first, centre(), 12, 1);
    assert_eq!(house.place(first), Ok((1, 1)));
    house.comes(second, 20);
    assert_eq!((house.place(first), house.place(second)), (Ok((1, 2)), Ok((2, 2))));
    assert_eq!(house.locations.queue_at(centre(), after(30)), [(first, 0), (second, 1)]);
    assert_eq!(house.locations.queue_at(outside(), after(30)), []);
    // Not heard for longer than makes a position stale: passed over, with the place kept.
    house.pings(second, centre(), 70, 1);
    assert_eq!(house.locations.queue_at(centre(), after(80)), [(second, 0)]);
    house.stages.sweep(after(80));
    assert_eq!(house.place(first), Ok((1, 2)));
    house.locations.set_availability(first, Availability::Offered);
    assert_eq!(house.place(first), Ok((1, 2)));
    house.locations.set_availability(first, Availability::ToPickup);
    assert_eq!((house.place(first), house.place(second)), (Err("no_place"), Ok((1, 1))));
    house.locations.set_availability(second, Availability::Off);
    assert_eq!(house.place(second), Err("not_online"));
}

#[sqlx::test(migrations = "./migrations")]
async fn who_lets_offers_of_the_stage_pass_goes_to_the_tail_and_others_do_not_count(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let (first, second) = (fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await);
    let house = House::open(&pool, now()).await;
    house.draw(admin).await;
    house.comes(first, 0);
    house.comes(second, 10);
    for pickup in [outside(), centre(), outside()] {
        house.locations.passed_at_stage(first, pickup);
    }
    assert_eq!(house.place(first), Ok((1, 2)), "one of the stage's");
    house.locations.passed_at_stage(first, centre());
    assert_eq!((house.place(first), house.place(second)), (Ok((2, 2)), Ok((1, 2))));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_restart_keeps_the_order_for_those_who_are_heard_again(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let drivers = [fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await, fixture::driver(&pool, 4).await];
    let before = House::open(&pool, now()).await;
    let stage = before.draw(admin).await;
    for (driver, second) in drivers.iter().zip([0, 10, 20]) {
        before.comes(*driver, second);
    }
    before.stages.act((stage, drivers[2]), Act::Move(0), "was first", admin, after(30)).await.expect("moves");
    before.stages.write().await.expect("is written");
    let after_it = House::open(&pool, after(100)).await;
    let order = |house: &House| {
        let (_, places) = house.stages.queue(stage).expect("a stage");
        places.iter().map(|place| place.driver).collect::<Vec<_>>()
    };
    assert_eq!(order(&after_it), [drivers[2], drivers[0], drivers[1]]);
    assert_eq!(after_it.locations.queue_at(centre(), after(101)), [], "nobody was heard yet");
    after_it.comes(drivers[0], 110);
    after_it.comes(drivers[1], 120);
    assert_eq!(after_it.locations.queue_at(centre(), after(130)), [(drivers[0], 0), (drivers[1], 1)]);
    after_it.pings(drivers[0], centre(), 390, 1);
    after_it.pings(drivers[1], centre(), 390, 1);
    after_it.stages.sweep(after(399));
    assert_eq!(order(&after_it).len(), 3);
    after_it.stages.sweep(after(400));
    assert_eq!(order(&after_it), drivers[..2], "never came back");
    after_it.stages.write().await.expect("is written");
    let last = House::open(&pool, after(500)).await;
    assert_eq!(order(&last), drivers[..2]);
    last.geofences.remove(stage, admin, after(500)).await.expect("is removed");
    assert_eq!(last.stages.queue(stage).expect_err("is gone").code(), "not_found");
    last.stages.write().await.expect("is written");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM stage_places").fetch_one(&pool).await.expect("reads");
    assert_eq!(kept, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn what_operators_do_is_kept_with_the_reason(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let (first, second) = (fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await);
    let house = House::open(&pool, now()).await;
    let stage = house.draw(admin).await;
    house.comes(first, 0);
    house.comes(second, 10);
    let act = async |driver, act, reason, second| {
        house.stages.act((stage, driver), act, reason, admin, after(second)).await.map_err(|error| error.code())
    };
    assert_eq!(act(second, Act::Move(0), "was first", 20).await, Ok(()));
    assert_eq!(house.place(second), Ok((1, 2)));
    assert_eq!(act(first, Act::Remove, "sleeps", 30).await, Ok(()));
    assert_eq!(house.place(first), Err("no_place"));
    house.pings(first, centre(), 31, 3);
    house.stages.sweep(after(34));
    assert_eq!(house.place(first), Err("no_place"), "must leave first");
    assert_eq!(act(first, Act::Remove, "sleeps", 40).await, Err("no_place"));
    let nowhere = (ZoneId(Uuid::nil()), second);
    let refused = house.stages.act(nowhere, Act::Remove, "x", admin, after(41)).await.expect_err("no such stage");
    assert_eq!(refused.code(), "not_found");
    let page = PageParams { limit: Some(1), cursor: None }.check().expect("valid");
    let newest = house.stages.overrides(stage, &page, ADMIN, now()).await.expect("reads");
    let noted = &newest.items[0];
    assert_eq!((noted.driver, noted.from, noted.to, noted.reason.as_str()), (first, 1, None, "sleeps"));
    assert!(newest.next_cursor.is_some());
    assert!(sqlx::query("DELETE FROM stage_overrides").execute(&pool).await.is_err(), "never forgotten");
}

#[sqlx::test(migrations = "./migrations")]
async fn the_routes_say_who_waits_where_and_name_what_is_wrong(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let driver = fixture::driver(&pool, 2).await;
    let house = House::open(&pool, now()).await;
    let stage = house.draw(admin).await;
    house.comes(driver, 0);
    let probe = Probe::new(http::routes(), house.stages.clone());
    let as_driver = Some((driver.into(), Role::Driver));
    let as_admin = Some((admin, Role::Admin));
    let (status, own) = probe.get(as_driver, "/driver/stage").await;
    assert_eq!((status.as_u16(), &own["name"], &own["place"]), (200, &json!("Nyabugogo"), &json!(1)));
    let (_, near) = probe.get(None, "/stages?lat=-1.95&lng=30.06").await;
    assert_eq!((&near["items"][0]["waiting"], &near["items"][0]["distance_m"]), (&json!(1), &json!(0)));
    assert!(!near.to_string().contains(&driver.to_string()), "nobody learns who waits");
    let queue = format!("/admin/stages/{stage}/queue");
    let (_, shown) = probe.get(as_admin, &queue).await;
    assert_eq!(shown["places"][0]["driver_id"], json!(driver));
    let of_driver = format!("{queue}/{driver}");
    for (path, body, expected, field) in [
        (format!("{of_driver}/move"), json!({"place": 0, "reason": "x"}), 422, "place"),
        (format!("{of_driver}/move"), json!({"place": 1, "reason": " "}), 422, "reason"),
        (format!("{of_driver}/move"), json!({"place": "1", "reason": "x"}), 400, ""),
        (format!("{of_driver}/remove"), json!({"reason": "x".repeat(501)}), 422, "reason"),
        (format!("{of_driver}/remove"), json!({}), 400, "reason"),
        (format!("{queue}/{}/remove", Uuid::nil()), json!({"reason": "x"}), 409, ""),
        (format!("/admin/stages/{}/queue/{driver}/remove", Uuid::nil()), json!({"reason": "x"}), 404, ""),
    ] {
        let (status, error) = probe.post(as_admin, &path, &body).await;
        let named = error["faults"][0]["field"].as_str().unwrap_or_default();
        assert!(
            status.as_u16() == expected && (field.is_empty() || named == field),
            "{path} {body} → {status} {error}"
        );
        assert_eq!(probe.post(as_driver, &path, &body).await.0.as_u16(), 403);
    }
    assert_eq!(house.place(driver), Ok((1, 1)), "nothing changed");
    for (path, field) in [("lat=91&lng=0", "lat"), ("lat=0", "lng"), ("lat=0&lng=0&limit=51", "limit")] {
        let (status, error) = probe.get(None, &format!("/stages?{path}")).await;
        assert_eq!((status.as_u16(), &error["faults"][0]["field"]), (422, &json!(field)));
    }
    let (status, _) = probe.post(as_admin, &format!("{of_driver}/remove"), &json!({"reason": "sleeps"})).await;
    assert_eq!(status.as_u16(), 204);
    let (status, error) = probe.get(as_driver, "/driver/stage").await;
    assert_eq!((status.as_u16(), &error["code"]), (409, &json!("no_place")));
    let (_, history) = probe.get(as_admin, &format!("/admin/stages/{stage}/overrides")).await;
    let expected: Value = json!({"from_place": 1, "to_place": null, "reason": "sleeps"});
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&history["items"][0][key], value, "{history}");
    }
    assert_eq!(probe.get(as_driver, &queue).await.0.as_u16(), 403);
    assert_eq!(probe.get(as_admin, &format!("/admin/stages/{}/overrides", Uuid::nil())).await.0.as_u16(), 404);
}
