//! Stages: who came first is first, told over REST and the socket, kept over a restart, moved by operators.

use serde_json::{Value, json};

use crate::app::App;
use crate::city::Place;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, now_ms, text};

/// Draws a stage of 400 m around a place; its id.
async fn stage(house: &House, middle: Place) -> String {
    let corners = [(-200.0, -200.0), (-200.0, 200.0), (200.0, 200.0), (200.0, -200.0), (-200.0, -200.0)];
    let ring = corners.map(|(north, east)| {
        let corner = middle.north(north).east(east);
        [corner.lng, corner.lat]
    });
    let feature = json!({
        "type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": "Nyabugogo", "kind": "stage"},
    });
    text(&house.admin().await.api.post("/admin/geofences", &feature).await.expect(201)["id"]).to_owned()
}

/// Sends positions, each later than the one before.
async fn pings(wheel: &mut App, place: Place, times: usize) {
    for _ in 0..times {
        let before = now_ms();
        eventually("a millisecond to pass", async || (now_ms() > before).then_some(())).await;
        wheel.ping(place).await;
    }
}

async fn arrives(house: &House, place: Place) -> (Person, App) {
    let (driver, mut wheel) = Person::driver_app_at(house, place).await;
    pings(&mut wheel, place, 3).await;
    (driver, wheel)
}

async fn place(driver: &Person) -> Value {
    driver.api.get("/driver/stage").await.expect(200)["place"].clone()
}

/// Reads `stage` messages until one says this place.
async fn told(wheel: &mut App, place: u32, waiting: u32) -> Value {
    loop {
        let message = wheel.expect("stage").await["place"].clone();
        if message["place"] == place && message["waiting"] == waiting {
            return message;
        }
    }
}

async fn order(house: &House, stage: &str) -> Vec<String> {
    let queue = house.admin().await.api.get(&format!("/admin/stages/{stage}/queue")).await.expect(200);
    queue["places"].as_array().expect("a list").iter().map(|place| text(&place["driver_id"]).to_owned()).collect()
}

#[tokio::test]
async fn who_came_first_is_first_until_a_ride_ends_the_place() {
    let house = House::start(&[("stages.sweep_ms", "50")]);
    let corner = house.corner().await;
    let stage = stage(&house, corner.pickup).await;
    // The second stands where the rider will be.
    let (first, mut first_wheel) = arrives(&house, corner.pickup.north(150.0)).await;
    let (second, mut second_wheel) = arrives(&house, corner.pickup).await;
    assert_eq!((place(&first).await, place(&second).await), (json!(1), json!(2)));
    let message = told(&mut first_wheel, 1, 2).await;
    assert_eq!((text(&message["stage_id"]), &message["name"]), (stage.as_str(), &json!("Nyabugogo")));
    told(&mut second_wheel, 2, 2).await;
    assert_eq!(order(&house, &stage).await, [first.id.clone(), second.id.clone()]);
    let near = format!("/stages?lat={}&lng={}", corner.pickup.lat, corner.pickup.lng);
    let shown = house.api().get(&near).await.expect(200)["items"][0].clone();
    assert_eq!((text(&shown["id"]), &shown["waiting"], &shown["distance_m"]), (stage.as_str(), &json!(2), &json!(0)));
    // A rider at the stage gets the head of its queue, who is not the nearest.
    let rider = Person::rider(&house).await;
    rider.book(&corner.booking()).await;
    first.accept_offer().await;
    first.api.get("/driver/stage").await.refused(409, "no_place");
    assert_eq!(place(&second).await, 1);
    told(&mut second_wheel, 1, 1).await;
    while !first_wheel.expect("stage").await["place"].is_null() {}
}

#[tokio::test]
async fn who_leaves_comes_back_in_time_and_who_goes_off_shift_is_out() {
    let house = House::start(&[("stages.sweep_ms", "50"), ("stages.reentry_grace_s", "2")]);
    let corner = house.corner().await;
    let stage = stage(&house, corner.pickup).await;
    let (first, mut first_wheel) = arrives(&house, corner.pickup).await;
    let (second, _second_wheel) = arrives(&house, corner.pickup).await;
    // Out and in again.
    pings(&mut first_wheel, corner.pickup.north(400.0), 3).await;
    let own = first.api.get("/driver/stage").await.expect(200);
    assert!(own["place"] == 1 && own["away_until"].is_string(), "{own}");
    pings(&mut first_wheel, corner.pickup, 3).await;
    let own = first.api.get("/driver/stage").await.expect(200);
    assert!(own["place"] == 1 && own["away_until"].is_null(), "{own}");
    // Out for longer.
    pings(&mut first_wheel, corner.pickup.north(400.0), 3).await;
    eventually("the place to be lost", async || (order(&house, &stage).await.len() == 1).then_some(())).await;
    first.api.get("/driver/stage").await.refused(409, "not_at_stage");
    pings(&mut first_wheel, corner.pickup, 3).await;
    assert_eq!(order(&house, &stage).await, [second.id.clone(), first.id.clone()]);
    second.api.post_empty("/drivers/me/offline").await.expect(200);
    second.api.get("/driver/stage").await.refused(409, "not_online");
    assert_eq!(order(&house, &stage).await, [first.id.as_str()]);
}

#[tokio::test]
async fn who_declines_the_riders_of_the_stage_waits_at_its_end() {
    let house = House::start(&[("stages.declines_max", "1"), ("stages.sweep_ms", "50")]);
    let corner = house.corner().await;
    let stage = stage(&house, corner.pickup).await;
    let (first, mut first_wheel) = arrives(&house, corner.pickup).await;
    // The second comes when the offer is out, so that the first has it for sure.
    let rider = Person::rider(&house).await;
    rider.book(&corner.booking()).await;
    let offer = first_wheel.offer().await;
    let (second, _second_wheel) = arrives(&house, corner.pickup).await;
    assert_eq!(order(&house, &stage).await, [first.id.clone(), second.id.clone()]);
    first_wheel.command(json!({"type": "decline_offer", "offer_id": offer["offer_id"]})).await;
    eventually("the first at the end", async || {
        (order(&house, &stage).await == [second.id.clone(), first.id.clone()]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_queue_survives_a_kill_and_what_operators_did_is_on_record() {
    let mut house = House::start(&[("stages.sweep_ms", "50")]);
    let corner = house.corner().await;
    let stage = stage(&house, corner.pickup).await;
    let (first, mut first_wheel) = arrives(&house, corner.pickup).await;
    let (second, mut second_wheel) = arrives(&house, corner.pickup).await;
    let admin = house.admin().await.api.clone();
    let path = format!("/admin/stages/{stage}/queue/{}", second.id);
    admin
        .post(&format!("{path}/move"), &json!({"place": 1, "reason": "Came first, the phone was off"}))
        .await
        .expect(204);
    told(&mut second_wheel, 1, 2).await;
    told(&mut first_wheel, 2, 2).await;
    // Told after a sweep, which writes first or next: the following sweep has certainly written.
    let (third, mut third_wheel) = arrives(&house, corner.pickup).await;
    told(&mut third_wheel, 3, 3).await;
    third.api.post_empty("/drivers/me/offline").await.expect(200);
    told(&mut first_wheel, 2, 2).await;
    house.process().kill();
    house.restart();
    assert_eq!(order(&house, &stage).await[..2], [second.id.clone(), first.id.clone()], "before anybody was heard");
    let first = first.back(&house);
    let mut first_wheel = App::open(&house, &first).await;
    pings(&mut first_wheel, corner.pickup, 3).await;
    let own = first.api.get("/driver/stage").await.expect(200);
    assert!(own["place"] == 2 && own["away_until"].is_null(), "{own}");
    let admin = house.api().with_token(admin.token());
    let path = format!("/admin/stages/{stage}/queue/{}", second.id);
    admin.post(&format!("{path}/remove"), &json!({"reason": "Went home"})).await.expect(204);
    let history = admin.get(&format!("/admin/stages/{stage}/overrides")).await.expect(200);
    let reasons: Vec<&str> =
        history["items"].as_array().expect("a list").iter().map(|row| text(&row["reason"])).collect();
    assert_eq!(reasons, ["Went home", "Came first, the phone was off"]);
    assert_eq!(place(&first).await, 1);
}

#[tokio::test]
async fn what_is_asked_wrongly_changes_nothing() {
    let house = shared();
    let corner = house.corner().await;
    let stage = stage(&house, corner.pickup).await;
    let off_shift = Person::driver(&house).await;
    off_shift.api.get("/driver/stage").await.refused(409, "not_online");
    // Beside the fence: no place, and none is made by asking.
    let (outside, mut wheel) = Person::driver_app_at(&house, corner.pickup.north(350.0)).await;
    pings(&mut wheel, corner.pickup.north(350.0), 3).await;
    outside.api.get("/driver/stage").await.refused(409, "not_at_stage");
    assert_eq!(order(&house, &stage).await, Vec::<String>::new());
    let (inside, mut wheel) = arrives(&house, corner.pickup).await;
    let admin = &house.admin().await.api;
    let nobody = "00000000-0000-4000-8000-000000000000";
    let of_inside = format!("/admin/stages/{stage}/queue/{}", inside.id);
    for (path, body, field) in [
        ("move", json!({"place": 0, "reason": "x"}), "place"),
        ("move", json!({"place": -3, "reason": "x"}), "place"),
        ("move", json!({"place": 2, "reason": ""}), "reason"),
        ("remove", json!({"reason": "x".repeat(501)}), "reason"),
    ] {
        let answer = admin.post(&format!("{of_inside}/{path}"), &body).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field), "{answer}");
    }
    let body = json!({"place": 1, "reason": "x"});
    admin.post(&format!("/admin/stages/{stage}/queue/{}/move", outside.id), &body).await.refused(409, "no_place");
    admin.post(&format!("/admin/stages/{nobody}/queue/{}/move", inside.id), &body).await.refused(404, "not_found");
    admin.get(&format!("/admin/stages/{nobody}/queue")).await.refused(404, "not_found");
    admin.get(&format!("/admin/stages/{nobody}/overrides")).await.refused(404, "not_found");
    for (question, field) in [("lat=x&lng=30", "lat"), ("lat=-1.9", "lng"), ("lat=-1.9&lng=30&limit=0", "limit")] {
        let answer = house.api().get(&format!("/stages?{question}")).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field) || field == "lat", "{answer}");
    }
    assert_eq!(order(&house, &stage).await, [inside.id.as_str()]);
    told(&mut wheel, 1, 1).await;
    admin.delete(&format!("/admin/geofences/{stage}")).await.expect(204);
    inside.api.get("/driver/stage").await.refused(409, "not_at_stage");
    while !wheel.expect("stage").await["place"].is_null() {}
}
