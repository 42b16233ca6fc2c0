//! What a ride can be beyond "now, from here to there": scheduled, over stops, a parcel, express. Each booked, driven and
//! completed from outside, and each asked for wrongly.

use std::time::Duration;

use boda::time::{Span, Timestamp};
use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::city::{Corner, Place};
use crate::house::{House, hasty, shared};
use crate::patience::eventually;
use crate::people::{Person, fresh_phone, messages_to, now_ms, papers, text};

/// An instant so many seconds from now, as the server writes it.
fn in_seconds(seconds: i64) -> String {
    Timestamp::from_millis(now_ms() + seconds * 1_000).to_string()
}

/// The same instant as somebody in Kigali writes it.
fn kigali(instant: &str) -> String {
    let utc: Timestamp = serde_json::from_value(instant.into()).expect("RFC 3339");
    let local = (utc + Span::from_minutes(120)).to_string();
    format!("{}+02:00", local.trim_end_matches('Z'))
}

/// The corner's booking with more in it.
fn booking(corner: Corner, more: &Value) -> Value {
    let mut booking = corner.booking();
    for (field, value) in more.as_object().expect("an object") {
        booking[field] = value.clone();
    }
    booking
}

fn stop(place: Place) -> Value {
    json!({"place": place.json(), "contact": {"name": "Keza", "phone": "0788 000 001"}, "note": "third floor"})
}

fn delivery(corner: Corner, receiver: &str) -> Value {
    let parcel = json!({
        "receiver": {"name": "Mugisha", "phone": receiver}, "description": "a book", "size": "small",
    });
    booking(corner, &json!({"ride_type": "delivery", "parcel": parcel}))
}

/// From the acceptance to the rider on the motorcycle.
async fn pick_up(driver: &Person, booked: &Value) {
    driver.accept_offer().await;
    meet(driver, booked).await;
}

/// Comes to the pickup and sets off.
async fn meet(driver: &Person, booked: &Value) {
    let id = text(&booked["id"]);
    driver.drive(id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await.expect(200);
}

async fn complete(driver: &Api, id: &str, body: &Value) -> crate::api::Answer {
    driver.post(&format!("/rides/{id}/complete"), body).await
}

/// A house in which a ride can be scheduled for the next minute; its search begins some seconds later.
fn punctual(more: &[(&str, &str)]) -> House {
    let soon = [
        ("city.search_radius_m", "400"),
        ("dispatch.round_interval_ms", "200"),
        ("dispatch.at_once_drivers", "1"),
        ("products.lead_min_minutes", "1"),
        ("products.scheduled_max", "2"),
    ];
    House::start(&[&soon, more].concat())
}

#[tokio::test]
async fn a_ride_over_stops_is_priced_driven_and_shown_stop_by_stop() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let places = [corner.pickup.east(700.0), corner.pickup.north(900.0)];

    let mut question = corner.question();
    let direct = rider.api.post("/quotes", &question).await.expect(200);
    question["stops"] = json!(places.map(Place::json));
    let quote = rider.api.post("/quotes", &question).await.expect(200);
    assert!(quote["distance_m"].as_i64() > direct["distance_m"].as_i64(), "{quote}");
    assert!(quote["fare_rwf"].as_i64() > direct["fare_rwf"].as_i64(), "all legs are paid: {quote}");

    let wish = json!({"stops": places.map(stop), "quote_id": quote["quote_id"]});
    let booked = rider.book(&booking(corner, &wish)).await;
    let id = text(&booked["id"]).to_owned();
    assert_eq!((&booked["fare_rwf"], &booked["estimated_distance_m"]), (&quote["fare_rwf"], &quote["distance_m"]));
    let offer = wheel.offer().await;
    assert_eq!(offer["stops"].as_array().map(Vec::len), Some(2), "{offer}");
    assert!(!offer.to_string().contains("Keza"), "who waits at a stop is not told with an offer: {offer}");
    pick_up(&driver, &booked).await;
    let at_stop = |number: u8| format!("/rides/{id}/stops/{number}/reached");
    let refused = driver.api.post_empty(&at_stop(2)).await.refused(409, "stop_out_of_order");
    assert!(text(&refused["message"]).contains("number 1"), "{refused}");
    for number in [0, 3] {
        driver.api.post_empty(&at_stop(number)).await.refused(409, "stop_out_of_order");
    }
    for _ in 0..2 {
        let ride = driver.api.post_empty(&at_stop(1)).await.expect(200);
        assert!(ride["stops"][0]["reached_at"].is_string() && ride["stops"][1]["reached_at"].is_null(), "{ride}");
        assert_eq!(ride["stops"][1]["contact"], json!({"name": "Keza", "phone": "+250788000001"}));
    }
    let shown = phone.ride_where("the first stop", |ride| ride["stops"][0]["reached_at"].is_string()).await;
    assert_eq!(shown["status"], "in_progress");
    wheel.refused(json!({"type": "reach_stop", "ride_id": id, "stop": 0}), "invalid_value").await;
    wheel.command(json!({"type": "reach_stop", "ride_id": id, "stop": 2})).await;
    let done = driver.drive(&id, "complete").await;
    assert_eq!(done["fare_rwf"], quote["fare_rwf"], "nobody waited long");
    assert!(done["stops"][0]["contact"].is_null(), "the driver has no more to do with them: {done}");
    let seen = rider.ride(&id).await;
    assert_eq!(seen["stops"][1]["contact"], json!({"name": "Keza", "phone": null}));
    assert!(seen["stops"][1]["reached_at"].is_string(), "{seen}");
    let kinds = timeline(&rider, &id).await;
    assert_eq!(kinds[kinds.len() - 4..], ["started", "stop_reached", "stop_reached", "completed"]);
}

async fn timeline(person: &Person, id: &str) -> Vec<String> {
    let events = person.api.get(&format!("/rides/{id}/events")).await.expect(200);
    events["items"].as_array().expect("a list").iter().map(|event| text(&event["kind"]).to_owned()).collect()
}

#[tokio::test]
async fn a_stop_is_reached_by_the_driver_of_the_ride_and_under_way() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let (rider, other) = (Person::rider(&house).await, Person::driver(&house).await);
    let booked = rider.book(&booking(corner, &json!({"stops": [stop(corner.pickup.east(700.0))]}))).await;
    let path = format!("/rides/{}/stops/1/reached", text(&booked["id"]));
    driver.accept_offer().await;
    driver.api.post_empty(&path).await.refused(409, "wrong_state");
    other.api.post_empty(&path).await.refused(404, "not_found");
    rider.api.post_empty(&path).await.refused(403, "forbidden");
    house.api().post_empty(&path).await.refused(401, "unauthenticated");
    let unknown = format!("/rides/{}/stops/x/reached", text(&booked["id"]));
    driver.api.post_empty(&unknown).await.refused(422, "invalid_value");
}

#[tokio::test]
async fn a_parcel_is_handed_over_against_the_pin_that_its_receiver_was_sent() {
    let house = hasty();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let receiver = fresh_phone();
    let sandbox = house.sandbox().await;
    let booked = rider.book(&delivery(corner, &receiver)).await;
    let id = text(&booked["id"]).to_owned();
    assert_eq!((&booked["ride_type"], &booked["parcel"]["size"]), (&"delivery".into(), &"small".into()));
    let offer = driver.offer().await;
    assert_eq!((&offer["ride_type"], &offer["parcel_size"]), (&"delivery".into(), &"small".into()));
    assert!(!offer.to_string().contains("Mugisha"), "{offer}");
    assert!(messages_to(&sandbox, &receiver).await.is_empty(), "nothing is on its way yet");
    pick_up(&driver, &booked).await;
    phone.ride("in_progress").await;

    let seen = driver.ride(&id).await;
    assert_eq!(seen["parcel"]["receiver"], json!({"name": "Mugisha", "phone": receiver}));
    assert!(seen["parcel"]["handover_pin"].is_null(), "the driver hears it from the receiver");
    let sms = eventually("the receiver's SMS", async || messages_to(&sandbox, &receiver).await.first().cloned()).await;
    let pin = text(&booked["parcel"]["handover_pin"]).to_owned();
    assert!(text(&sms["text"]).contains(&pin) && text(&sms["text"]).contains("RC"), "PIN and plate: {sms}");

    let wrong = if pin == "1234" { "4321" } else { "1234" };
    driver.api.post_empty(&format!("/rides/{id}/complete")).await.refused(409, "handover_pin_needed");
    complete(&driver.api, &id, &json!({})).await.refused(409, "handover_pin_needed");
    let refused = complete(&driver.api, &id, &json!({"pin": "12"})).await;
    refused.refused(422, "invalid_value");
    assert!(refused.blames("pin") && !refused.text.contains("\"12\""), "{refused}");
    complete(&driver.api, &id, &json!({"pin": wrong})).await.refused(409, "wrong_pin");
    for _ in 0..2 {
        assert_eq!(complete(&driver.api, &id, &json!({"pin": pin})).await.expect(200)["status"], "completed");
    }
    let done = rider.ride(&id).await;
    assert_eq!(done["parcel"]["receiver"], json!({"name": "Mugisha", "phone": null}));
    assert!(done["parcel"]["handover_pin"].is_null(), "{done}");
    assert!(driver.ride(&id).await["parcel"]["receiver"].is_null(), "the driver forgets whom it was for");
    let operator = house.admin().await.ride(&id).await;
    assert!(operator["parcel"]["receiver"].is_null() && operator["parcel"]["handover_pin"].is_null(), "{operator}");
    let told = eventually("the rider's SMS", async || {
        let messages = messages_to(&sandbox, &rider.phone).await;
        messages.into_iter().find(|message| text(&message["text"]).contains("Frw"))
    });
    assert!(!text(&told.await["text"]).contains("Mugisha"));
}

#[tokio::test]
async fn a_parcel_goes_to_drivers_who_carry_parcels() {
    let house = shared();
    let corner = house.corner().await;
    let people_only = Person::driver_without_papers(&house).await;
    let mut theirs = papers(&house).await;
    theirs["ride_types"] = json!(["boda"]);
    people_only.api.put("/drivers/me", &theirs).await.expect(200);
    let approve = format!("/admin/drivers/{}/approve", people_only.id);
    house.admin().await.api.post_empty(&approve).await.expect(200);
    people_only.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
    let carrier = Person::driver_at(&house, corner.pickup.north(300.0)).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&delivery(corner, &fresh_phone())).await;
    assert_eq!(carrier.offer().await["ride_id"], booked["id"], "the farther one");
    assert_eq!(people_only.api.get("/offers").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_handover_pin_too_often_locks_the_handover_for_a_while() {
    let house = hasty();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let booked = rider.book(&delivery(corner, &fresh_phone())).await;
    let id = text(&booked["id"]).to_owned();
    pick_up(&driver, &booked).await;
    let pin = text(&booked["parcel"]["handover_pin"]);
    let wrong = if pin == "1234" { "4321" } else { "1234" };
    for _ in 0..4 {
        complete(&driver.api, &id, &json!({"pin": wrong})).await.refused(409, "wrong_pin");
    }
    complete(&driver.api, &id, &json!({"pin": wrong})).await.refused(409, "pin_locked");
    let opened = eventually("the lock to open", async || {
        let answer = complete(&driver.api, &id, &json!({"pin": pin})).await;
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(opened.await["status"], "completed");
}

#[tokio::test]
async fn express_costs_who_rides_nothing_and_a_parcel_what_the_operator_says() {
    let house = House::start(&[("products.express_supplement_basis_points", "2000")]);
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let ask = async |ride_type: &str, express: bool| {
        let mut question = corner.question();
        question["ride_type"] = ride_type.into();
        question["express"] = express.into();
        let quote = rider.api.post("/quotes", &question).await.expect(200);
        (quote["fare_rwf"].as_i64(), quote["breakdown"]["express_rwf"].as_i64())
    };
    let (plain, none) = ask("boda", false).await;
    assert_eq!(none, Some(0));
    assert_eq!(ask("boda", true).await, (plain, Some(0)), "the regulated tariff knows no supplement");
    assert_eq!(ask("delivery", false).await, (plain, Some(0)));
    let (dearer, supplement) = ask("delivery", true).await;
    assert_eq!(dearer.zip(plain).map(|(dearer, plain)| dearer - plain), supplement);
    assert!(supplement > Some(0));
    let mut wish = delivery(corner, &fresh_phone());
    wish["express"] = true.into();
    let booked = rider.book(&wish).await;
    assert_eq!((booked["fare_rwf"].as_i64(), &booked["express"]), (dearer, &true.into()));
}

#[tokio::test]
async fn a_quote_is_for_the_same_stops_the_same_time_and_the_same_haste() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let place = corner.pickup.east(700.0);
    let pickup_at = in_seconds(7_200);
    let mut question = corner.question();
    question["stops"] = json!([place.json()]);
    question["pickup_at"] = kigali(&pickup_at).into();
    let quote = rider.api.post("/quotes", &question).await.expect(200);
    let right = json!({"stops": [stop(place)], "pickup_at": pickup_at, "quote_id": quote["quote_id"]});
    for (field, other) in [
        ("stops", json!([])),
        ("stops", json!([stop(corner.pickup.east(900.0))])),
        ("pickup_at", json!(in_seconds(7_300))),
        ("pickup_at", Value::Null),
        ("express", json!(true)),
    ] {
        let mut wish = booking(corner, &right);
        wish[field] = other.clone();
        rider.api.post("/rides", &wish).await.refused(409, "quote_differs");
    }
    let booked = rider.book(&booking(corner, &right)).await;
    assert_eq!(booked["fare_rwf"], quote["fare_rwf"]);
}

#[tokio::test]
async fn a_scheduled_ride_waits_until_its_search_begins_and_then_is_a_ride_like_any() {
    let house = punctual(&[("products.search_lead_s", "57")]);
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let pickup_at = in_seconds(62);
    let wish = booking(corner, &json!({"pickup_at": kigali(&pickup_at)}));
    let booked = rider.api.book("friday", &wish).await.expect(201);
    let id = text(&booked["id"]).to_owned();
    assert_eq!((&booked["status"], &booked["pickup_at"]), (&"scheduled".into(), &pickup_at.as_str().into()));
    let window = &booked["pickup_window"];
    assert!(text(&window["from"]) < pickup_at.as_str() && pickup_at.as_str() < text(&window["to"]), "{booked}");
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]), "nobody is asked yet");
    let again = rider.api.book("friday", &wish).await;
    assert_eq!((again.expect(200)["id"].as_str(), again.header("idempotent-replayed")), (Some(&*id), Some("true")));
    let moved = booking(corner, &json!({"pickup_at": in_seconds(90)}));
    rider.api.book("friday", &moved).await.refused(409, "idempotency_key_reused");

    let offer = driver.offer().await;
    assert_eq!((&offer["ride_id"], &offer["pickup_at"]), (&booked["id"], &pickup_at.as_str().into()));
    driver.accept_offer().await;
    // Only while the driver is on the way: later it would be no news.
    let sandbox = house.sandbox().await;
    eventually("word of the driver", async || {
        let messages = messages_to(&sandbox, &rider.phone).await;
        messages.into_iter().find(|message| text(&message["text"]).contains("RC"))
    })
    .await;
    meet(&driver, &booked).await;
    phone.ride("in_progress").await;
    let done = driver.drive(&id, "complete").await;
    assert_eq!(done["fare_rwf"], booked["fare_rwf"]);
    let kinds = timeline(&rider, &id).await;
    assert_eq!(kinds[..3], ["requested", "search_began", "offer_made"]);
}

#[tokio::test]
async fn scheduled_rides_are_listed_moved_called_off_and_do_not_stand_in_the_way_of_a_ride_now() {
    let house = punctual(&[("products.search_lead_s", "30")]);
    let corner = house.corner().await;
    let (rider, other) = (Person::rider(&house).await, Person::rider(&house).await);
    let schedule = async |seconds: i64| rider.book(&booking(corner, &json!({"pickup_at": in_seconds(seconds)}))).await;
    let (late, early) = (schedule(7_200).await, schedule(3_600).await);
    let third = rider.api.post("/rides", &booking(corner, &json!({"pickup_at": in_seconds(5_000)}))).await;
    let refused = third.refused(409, "too_many_scheduled");
    assert!(text(&refused["message"]).contains('2'), "it says how many: {refused}");
    let listed = async || {
        let items = rider.api.get("/rides/scheduled").await.expect(200)["items"].clone();
        items.as_array().expect("a list").iter().map(|ride| ride["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [early["id"].clone(), late["id"].clone()]);
    assert_eq!(other.api.get("/rides/scheduled").await.expect(200)["items"], json!([]));
    assert_eq!(rider.api.get("/rides/active").await.expect(200)["items"], json!([]), "none is live yet");

    let now = rider.book(&corner.booking()).await;
    assert_eq!(rider.api.get("/rides/active").await.expect(200)["items"][0]["id"], now["id"]);
    let cancel = format!("/rides/{}/cancel", text(&now["id"]));
    rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);

    let reschedule = format!("/rides/{}/reschedule", text(&early["id"]));
    let to = in_seconds(10_800);
    other.api.post(&reschedule, &json!({"pickup_at": to})).await.refused(404, "not_found");
    let answer = rider.api.post(&reschedule, &json!({"pickup_at": in_seconds(-60)})).await;
    assert!(answer.blames("pickup_at"), "{answer}");
    for _ in 0..2 {
        let moved = rider.api.post(&reschedule, &json!({"pickup_at": kigali(&to)})).await.expect(200);
        assert_eq!((&moved["pickup_at"], &moved["status"]), (&to.as_str().into(), &"scheduled".into()));
    }
    assert_eq!(listed().await, [late["id"].clone(), early["id"].clone()]);
    assert_eq!(rider.ride(text(&early["id"])).await["pickup_at"], to.as_str());

    let cancel = format!("/rides/{}/cancel", text(&late["id"]));
    other.api.post(&cancel, &json!({"reason": "changed_mind"})).await.refused(404, "not_found");
    let gone = rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    assert_eq!((&gone["status"], &gone["cancellation"]["fee_rwf"]), (&"cancelled_by_customer".into(), &0.into()));
    assert_eq!(listed().await, [early["id"].clone()]);
    let reschedule = format!("/rides/{}/reschedule", text(&late["id"]));
    rider.api.post(&reschedule, &json!({"pickup_at": to})).await.refused(409, "wrong_state");
    let history = rider.api.get("/rides?status=scheduled").await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history}");
}

#[tokio::test]
async fn a_rider_is_reminded_of_a_ride_that_is_still_to_come() {
    let house = punctual(&[("products.search_lead_s", "5"), ("products.reminder_lead_minutes", "1")]);
    let corner = house.corner().await;
    let (rider, fickle) = (Person::rider(&house).await, Person::rider(&house).await);
    let mut phone = App::open(&house, &rider).await;
    let pickup_at = in_seconds(63);
    let wish = booking(corner, &json!({"pickup_at": pickup_at}));
    let called_off = fickle.book(&wish).await;
    let cancel = format!("/rides/{}/cancel", text(&called_off["id"]));
    fickle.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    rider.book(&wish).await;
    let notice = phone.expect("notice").await;
    assert_eq!(notice["key"], "ride_reminder");
    let time = kigali(&pickup_at)[11..16].to_owned();
    assert!(text(&notice["text"]).contains(&time), "{notice} says {time}");
    let sandbox = house.sandbox().await;
    eventually("the reminder", async || {
        let messages = messages_to(&sandbox, &rider.phone).await;
        messages.into_iter().find(|message| text(&message["text"]).contains(&time))
    })
    .await;
    let messages = messages_to(&sandbox, &fickle.phone).await;
    assert!(messages.iter().all(|message| !text(&message["text"]).contains(&time)), "{messages:?}");
}

#[tokio::test]
async fn a_scheduled_ride_and_a_parcel_survive_a_kill() {
    let mut house = punctual(&[("products.search_lead_s", "50")]);
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let receiver = fresh_phone();
    let mut wish = delivery(corner, &receiver);
    wish["stops"] = json!([stop(corner.pickup.east(700.0))]);
    wish["pickup_at"] = in_seconds(65).into();
    let id = text(&rider.book(&wish).await["id"]).to_owned();
    let booked = rider.ride(&id).await;
    house.process().kill();
    house.restart();
    let (driver, rider) = (driver.back(&house), rider.back(&house));
    assert_eq!(rider.ride(&id).await, booked, "nothing of it is lost");
    driver.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
    pick_up(&driver, &booked).await;
    driver.api.post_empty(&format!("/rides/{id}/stops/1/reached")).await.expect(200);
    house.process().kill();
    house.restart();
    let driver = driver.back(&house);
    driver.api.post_empty(&format!("/rides/{id}/complete")).await.refused(409, "handover_pin_needed");
    let pin = json!({"pin": booked["parcel"]["handover_pin"]});
    assert_eq!(complete(&driver.api, &id, &pin).await.expect(200)["status"], "completed");
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_named_with_its_limit_and_books_nothing() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let place = corner.pickup.east(700.0);
    let contact = |name: &str, phone: &str| json!({"name": name, "phone": phone});
    let parcel = |field: &str, value: Value| {
        let mut wish = delivery(corner, "0788000001");
        wish["parcel"][field] = value;
        wish
    };
    let with_stop = |field: &str, value: Value| {
        let mut stop = stop(place);
        stop[field] = value;
        booking(corner, &json!({"stops": [stop]}))
    };
    let at = |text: &str| booking(corner, &json!({"pickup_at": text}));
    let rows = [
        (at(&in_seconds(-1)), "pickup_at", "in the past"),
        (at(&in_seconds(60)), "pickup_at", "sooner than 20 minutes"),
        (at(&in_seconds(8 * 86_400)), "pickup_at", "beyond the 168 hours"),
        (at("2026-11-27T07:30:00"), "pickup_at", "with its offset"),
        (at("tomorrow"), "pickup_at", "with its offset"),
        (booking(corner, &json!({"stops": vec![stop(place); 4]})), "stops", "more than 3 stops"),
        (booking(corner, &json!({"stops": [stop(corner.pickup)]})), "stops[0]", "from the pickup"),
        (with_stop("place", json!({"lat": 48.85, "lng": 2.35})), "stops[0]", "outside of the service area"),
        (with_stop("contact", contact("", "0788000001")), "stops[0].contact.name", "is empty"),
        (with_stop("contact", contact("Keza", "0751234567")), "stops[0].contact.phone", "mobile range"),
        (with_stop("note", "x".repeat(201).into()), "stops[0].note", "longer than 200"),
        (booking(corner, &json!({"ride_type": "delivery"})), "parcel", "is missing"),
        (booking(corner, &json!({"parcel": delivery(corner, "0788000001")["parcel"]})), "parcel", "ride_type delivery"),
        (parcel("size", json!("huge")), "parcel.size", "small, medium, large"),
        (parcel("description", json!(" ")), "parcel.description", "is empty"),
        (parcel("receiver", contact("Mugisha", "07881")), "parcel.receiver.phone", "digits"),
        (parcel("sender", contact("a\u{7}b", "0788000001")), "parcel.sender.name", "control characters"),
    ];
    for (wish, field, reason) in rows {
        let answer = rider.api.post("/rides", &wish).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field), "{field}: {answer}");
        assert!(answer.text.contains(reason), "{field} {reason}: {answer}");
    }
    for wish in
        [parcel("receiver", json!({"name": "Mugisha"})), parcel("weight_kg", json!(3)), with_stop("x", json!(1))]
    {
        rider.api.post("/rides", &wish).await.refused(400, "malformed_body");
    }
    assert_eq!(rider.api.get("/rides").await.expect(200)["items"], json!([]));
}

/// Telephones of people without an account are in no log line of the whole life of a delivery.
#[tokio::test]
async fn nobodys_telephone_is_logged() {
    let house = House::start(&[("log.filter", "debug,sqlx=warn,hyper=warn")]);
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let receiver = fresh_phone();
    let mut wish = delivery(corner, &receiver);
    wish["stops"] = json!([stop(corner.pickup.east(700.0))]);
    let booked = rider.book(&wish).await;
    pick_up(&driver, &booked).await;
    let sandbox = house.sandbox().await;
    eventually("the receiver's SMS", async || messages_to(&sandbox, &receiver).await.first().cloned()).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        let pin = json!({"pin": booked["parcel"]["handover_pin"]});
        driver.api.post_empty(&format!("/rides/{}/stops/1/reached", text(&booked["id"]))).await.expect(200);
        complete(&driver.api, text(&booked["id"]), &pin).await.expect(200)
    })
    .await
    .expect("in time");
    // The stand-in for the outside world shows what it was sent: that is what it is for.
    let ours: Vec<_> = house.log().into_iter().filter(|line| !line.contains(r#""target":"sandbox""#)).collect();
    let log = ours.join("\n");
    for secret in [&receiver[4..], "788000001", "Mugisha", "Keza"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
