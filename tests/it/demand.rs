//! A part of the city that is short of drivers: riders stand in a queue, drivers see it on the map and are sent there, and
//! the price stays what the regulator says.

use serde_json::{Value, json};

use crate::app::App;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

/// Counts every second, shows what three riders make, takes everybody for idle.
const SHORT: &[(&str, &str)] = &[
    ("demand.sample_s", "1"),
    ("demand.shown_requests_min", "3"),
    ("demand.surge_requests_min", "1"),
    ("demand.idle_after_s", "0"),
    ("demand.queue_refresh_ms", "100"),
];

async fn hot_cells(person: &Person) -> Vec<Value> {
    let map = person.api.get("/heatmap").await.expect(200);
    assert_eq!(map["type"], "FeatureCollection");
    map["features"].as_array().expect("a list").clone()
}

/// Reads `ride_queue` messages until one says this position.
async fn told(phone: &mut App, position: u32) -> Value {
    loop {
        let message = phone.expect("ride_queue").await;
        if message["queue"]["position"] == position {
            return message;
        }
    }
}

#[tokio::test]
async fn where_drivers_are_short_riders_queue_and_drivers_are_sent_at_the_regulated_price() {
    let house = House::start(SHORT);
    let corner = house.corner().await;
    let (first, mut first_phone) = Person::rider_app(&house).await;
    let (second, mut second_phone) = Person::rider_app(&house).await;
    let mut rides = Vec::new();
    for rider in [&first, &second] {
        rides.push(text(&rider.book(&corner.booking()).await["id"]).to_owned());
    }
    let message = told(&mut first_phone, 1).await;
    assert_eq!((text(&message["ride_id"]), &message["queue"]["expected_wait_s"]), (rides[0].as_str(), &Value::Null));
    told(&mut second_phone, 2).await;
    assert_eq!(second.ride(&rides[1]).await["queue"]["position"], 2);
    let asked = second.api.get(&format!("/rides/{}/queue", rides[1])).await.expect(200);
    assert_eq!(asked, json!({"ride_id": rides[1], "queue": {"position": 2, "expected_wait_s": null}}));
    // Two riders are nobody's business, three are a cell on the map.
    let driver = Person::driver(&house).await;
    assert_eq!(hot_cells(&driver).await, Vec::<Value>::new());
    let third = Person::rider(&house).await;
    let last = text(&third.book(&corner.booking()).await["id"]).to_owned();
    let hot = eventually("a hot cell", async || hot_cells(&driver).await.first().cloned()).await;
    let intensity = hot["properties"]["intensity"].as_i64().expect("a number");
    assert!((10..=100).contains(&intensity) && intensity % 10 == 0, "{hot}");
    let quote = third.api.post("/quotes", &corner.question()).await.expect(200);
    assert_eq!(quote["breakdown"]["surge_basis_points"], 10_000, "a regulated tariff knows no surge: {quote}");
    // The first gives up: everybody moves up, and the ride has no queue any more.
    first.api.post(&format!("/rides/{}/cancel", rides[0]), &json!({"reason": "changed_mind"})).await.expect(200);
    told(&mut second_phone, 1).await;
    while !first_phone.expect("ride_queue").await["queue"].is_null() {}
    first.api.get(&format!("/rides/{}/queue", rides[0])).await.refused(409, "wrong_state");
    assert!(first.ride(&rides[0]).await["queue"].is_null());
    for (rider, ride) in [(&second, &rides[1]), (&third, &last)] {
        rider.api.post(&format!("/rides/{ride}/cancel"), &json!({"reason": "changed_mind"})).await.expect(200);
    }
    // A driver a kilometre away, free, is sent there.
    let (idle, mut wheel) = Person::driver_app_at(&house, corner.pickup.east(1_200.0)).await;
    let hint = loop {
        let message = wheel.expect("hint").await["hint"].clone();
        if !message.is_null() {
            break message;
        }
    };
    assert_eq!(hint["cell"], hot["properties"]["cell"]);
    let asked = idle.api.get("/driver/hints").await.expect(200);
    assert_eq!(asked["items"][0]["cell"], hint["cell"]);
    // Who comes back is told again.
    let mut wheel = App::open(&house, &idle).await;
    assert_eq!(wheel.expect("hint").await["hint"]["cell"], hint["cell"]);
    idle.api.post_empty("/drivers/me/offline").await.expect(200);
    eventually("no hint", async || {
        let items = idle.api.get("/driver/hints").await.expect(200)["items"].clone();
        (items == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn with_a_driver_in_reach_nobody_stands_in_a_queue() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    assert!(ride["queue"].is_null(), "{ride}");
    driver.accept_offer().await;
    rider.api.get(&format!("/rides/{id}/queue")).await.refused(409, "wrong_state");
    let stranger = Person::rider(&house).await;
    stranger.api.get(&format!("/rides/{id}/queue")).await.refused(404, "not_found");
    rider.api.get("/rides/nonsense/queue").await.refused(422, "invalid_value");
    rider.api.get("/heatmap").await.refused(403, "forbidden");
    rider.api.get("/driver/hints").await.refused(403, "forbidden");
}
