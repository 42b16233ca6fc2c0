//! Geofences from an admin's drawing to what drivers did with it; and places on a server without a map.

use serde_json::{Value, json};

use crate::app::App;
use crate::city::Place;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, now_ms, text};

/// A closed ring around a place, so many metres from its middle to its sides.
fn square(middle: Place, half_m: f64) -> Value {
    let corners = [(-half_m, -half_m), (-half_m, half_m), (half_m, half_m), (half_m, -half_m), (-half_m, -half_m)];
    let ring = corners.map(|(north, east)| {
        let corner = middle.north(north).east(east);
        [corner.lng, corner.lat]
    });
    json!({"type": "Polygon", "coordinates": [ring]})
}

fn feature(middle: Place, kind: &str) -> Value {
    let properties = json!({"name": "Ku isoko", "kind": kind});
    json!({"type": "Feature", "geometry": square(middle, 200.0), "properties": properties})
}

/// Sends some positions, each later than the one before.
async fn pings(wheel: &mut App, place: Place, times: usize) {
    for _ in 0..times {
        let before = now_ms();
        eventually("a millisecond to pass", async || (now_ms() > before).then_some(())).await;
        wheel.ping(place).await;
    }
}

/// Waits until these events, newest first, are all that is told of a zone.
async fn told(admin: &Person, zone: &str, wanted: &[&str]) -> Vec<Value> {
    eventually(&format!("the events {wanted:?}"), async || {
        let page = admin.api.get(&format!("/admin/geofences/{zone}/events")).await.expect(200);
        let items = page["items"].as_array().expect("a list").clone();
        items.iter().map(|event| text(&event["kind"])).eq(wanted.iter().copied()).then_some(items)
    })
    .await
}

#[tokio::test]
async fn a_driver_comes_into_a_zone_stays_and_leaves_and_the_admin_reads_of_it() {
    let house = House::start(&[("geofences.dwell_s", "1")]);
    let corner = house.corner().await;
    let admin = house.admin().await;
    let outside = corner.pickup.north(1_000.0);
    let (driver, mut wheel) = Person::driver_app_at(&house, outside).await;
    pings(&mut wheel, outside, 2).await;
    let drawn = admin.api.post("/admin/geofences", &feature(corner.pickup, "stage")).await.expect(201);
    let zone = text(&drawn["id"]);
    // Within a jump's slack of each other.
    for metres in [600.0, 300.0] {
        pings(&mut wheel, corner.pickup.north(metres), 1).await;
    }
    pings(&mut wheel, corner.pickup, 3).await;
    let came = told(&admin, zone, &["enter"]).await;
    assert_eq!(came[0]["driver_id"], driver.id.as_str());
    eventually("a dwell", async || {
        pings(&mut wheel, corner.pickup, 1).await;
        let page = admin.api.get(&format!("/admin/geofences/{zone}/events")).await.expect(200);
        (page["items"][0]["kind"] == "dwell").then_some(())
    })
    .await;
    // At the border, in and out.
    for _ in 0..5 {
        pings(&mut wheel, corner.pickup.north(210.0), 1).await;
        pings(&mut wheel, corner.pickup.north(190.0), 1).await;
    }
    pings(&mut wheel, corner.pickup.north(400.0), 3).await;
    let all = told(&admin, zone, &["exit", "dwell", "enter"]).await;
    assert_eq!(all[2], came[0]);
    // Off shift is out as well.
    pings(&mut wheel, corner.pickup, 3).await;
    driver.api.post_empty("/drivers/me/offline").await.expect(200);
    told(&admin, zone, &["exit", "enter", "exit", "dwell", "enter"]).await;
    admin.api.delete(&format!("/admin/geofences/{zone}")).await.expect(204);
    admin.api.get(&format!("/admin/geofences/{zone}")).await.refused(404, "not_found");
    told(&admin, zone, &["exit", "enter", "exit", "dwell", "enter"]).await;
}

#[tokio::test]
async fn no_ride_begins_or_ends_in_a_no_go_zone() {
    let house = shared();
    let (corner, admin, rider) = (house.corner().await, house.admin().await, Person::rider(&house).await);
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    let drawn = admin.api.post("/admin/geofences", &feature(corner.destination, "high_risk")).await.expect(201);
    let zone = format!("/admin/geofences/{}", text(&drawn["id"]));
    rider.api.post("/quotes", &corner.question()).await.expect(200);
    // Sent back as it was read, but for its kind.
    let mut changed = drawn.clone();
    changed["properties"]["kind"] = "no_go".into();
    admin.api.put(&zone, &changed).await.expect(200);
    admin.api.put(&zone, &changed).await.refused(409, "geofence_changed");
    rider.api.post("/quotes", &corner.question()).await.refused(409, "no_go_zone");
    let mut back = corner.question();
    back["pickup"] = corner.destination.json();
    back["destination"] = corner.pickup.json();
    rider.api.post("/quotes", &back).await.refused(409, "no_go_zone");
    let mut booking = corner.booking();
    booking["quote_id"] = quote["quote_id"].clone();
    assert!(!booking["quote_id"].is_null(), "{quote}");
    rider.api.post("/rides", &booking).await.refused(409, "no_go_zone");
    admin.api.delete(&zone).await.expect(204);
    rider.api.post("/quotes", &corner.question()).await.expect(200);
}

#[tokio::test]
async fn without_a_map_no_place_is_found_and_no_point_has_an_address() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let found = rider.api.get("/places?q=nyabu&lat=-1.95&lng=30.06&limit=5&lang=fr").await.expect(200);
    assert_eq!(found["items"], json!([]));
    rider.api.get("/places/reverse?lat=-1.95&lng=30.06").await.refused(409, "no_map");
    for (path, field) in [
        ("/places", "q"),
        ("/places?q=", "q"),
        ("/places?q=x&limit=0", "limit"),
        ("/places?q=x&limit=51", "limit"),
        ("/places?q=x&lat=1", "lng"),
        ("/places?q=x&lat=91&lng=0", "lat"),
        ("/places?q=x&lang=sw", "lang"),
        ("/places/reverse?lat=-1.9", "lng"),
        ("/places/reverse?lat=-1.9&lng=200", "lng"),
    ] {
        let answer = rider.api.get(path).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field), "{answer}");
    }
}
