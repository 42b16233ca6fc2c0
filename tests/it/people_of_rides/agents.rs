//! Agents book for people who call.

use serde_json::{Value, json};

use super::agent;
use crate::city::Corner;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, code_sent_to, fresh_phone, messages_to, register, text};

fn call(corner: Corner, phone: &str) -> Value {
    json!({
        "rider": {"phone": phone, "first_name": "Keza", "language": "en"},
        "pickup": corner.pickup.json(), "destination": corner.destination.json(), "notes": "by the church",
    })
}

/// Waits for an SMS that says this.
async fn sms_with(house: &House, phone: &str, words: &str) -> String {
    let sandbox = house.sandbox().await;
    eventually(&format!("an SMS with {words:?}"), async || {
        let messages = messages_to(&sandbox, phone).await;
        messages
            .iter()
            .filter_map(|message| message["text"].as_str())
            .find(|text| text.contains(words))
            .map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn somebody_without_an_app_is_driven_home() {
    let house = shared();
    let corner = house.corner().await;
    let (agent, driver) = (agent(&house).await, Person::driver_at(&house, corner.pickup).await);
    let phone = fresh_phone();
    let ride = agent.api.post("/agent/rides", &call(corner, &phone)).await.expect(201);
    let id = text(&ride["id"]).to_owned();
    assert_eq!((&ride["rider"]["first_name"], &ride["status"]), (&"Keza".into(), &"requested".into()));
    let taken = driver.accept_offer().await;
    assert_eq!((&taken["id"], &taken["notes"]), (&ride["id"], &"by the church".into()));
    let sms = sms_with(&house, &phone, "is coming").await;
    let plate = text(&driver.api.get("/drivers/me").await.expect(200)["plate"]).to_owned();
    let pin = text(&ride["pin"]).to_owned();
    assert!(sms.contains("Eric") && sms.contains(&plate) && sms.contains(&pin), "{sms}");
    // The PIN is in the message and nowhere else.
    let stored = house.admin().await.api.get("/admin/jobs?limit=100").await.expect(200).to_string();
    assert!(!stored.contains(&format!("\"{pin}\"")), "no PIN in a job");
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": pin})).await.expect(200);
    driver.drive(&id, "complete").await;
    sms_with(&house, &phone, "Trip finished").await;
    assert_eq!(agent.api.get(&format!("/agent/rides/{id}")).await.expect(200)["status"], "completed");
    let listed = agent.api.get("/agent/rides").await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    let trail = house.admin().await.api.get(&format!("/admin/agent-actions?agent_id={}", agent.id)).await.expect(200);
    let actions: Vec<&Value> = trail["items"].as_array().expect("a list").iter().map(|line| &line["action"]).collect();
    assert_eq!(actions, ["booked", "guest_made"]);
    // Whoever proves the number later finds the ride in their history.
    register(&house.api(), &phone, "customer", "Keza").await;
    let code = code_sent_to(&house, &phone).await;
    let tokens = house.api().post("/auth/verify", &json!({"phone": phone, "code": code})).await.expect(200);
    let keza = house.api().with_token(text(&tokens["access_token"]));
    assert_eq!(keza.get("/rides").await.expect(200)["items"][0]["id"], ride["id"]);
}

#[tokio::test]
async fn an_agent_books_for_a_rider_who_has_the_app() {
    let house = shared();
    let corner = house.corner().await;
    let agent = agent(&house).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let (driver, _wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let ride = agent.api.post("/agent/rides", &call(corner, &rider.phone)).await.expect(201);
    assert_eq!(ride["rider"]["first_name"], "Aline", "a proven account keeps its name");
    driver.accept_offer().await;
    assert_eq!(phone.ride("driver_assigned").await["id"], ride["id"]);
    rider.api.post("/rides", &corner.booking()).await.refused(409, "ride_in_progress");
    agent.api.post("/agent/rides", &call(corner, &rider.phone)).await.refused(409, "ride_in_progress");
    let cancel = format!("/agent/rides/{}/cancel", text(&ride["id"]));
    let over = agent.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    assert_eq!((&over["status"], &over["cancellation"]["by"]), (&"cancelled_by_customer".into(), &"customer".into()));
    assert_eq!(phone.ride("cancelled_by_customer").await["id"], ride["id"]);
}

#[tokio::test]
async fn the_same_key_of_an_agent_is_the_same_ride() {
    let house = shared();
    let corner = house.corner().await;
    let agent = agent(&house).await;
    let body = call(corner, &fresh_phone());
    let book = async |body: &Value| {
        let post = reqwest::Method::POST;
        agent.api.send(post, "/agent/rides", |request| request.header("idempotency-key", "call-1").json(body)).await
    };
    let first = book(&body).await.expect(201);
    let again = book(&body).await;
    assert_eq!(
        (again.expect(200)["id"].clone(), again.header("idempotent-replayed")),
        (first["id"].clone(), Some("true"))
    );
    let mut differs = body.clone();
    differs["notes"] = "by the bank".into();
    book(&differs).await.refused(409, "idempotency_key_reused");
    let mut differs = body.clone();
    differs["rider"]["phone"] = fresh_phone().into();
    book(&differs).await.refused(409, "idempotency_key_reused");
}

#[tokio::test]
async fn an_agent_sees_their_own_bookings_and_nothing_else() {
    let house = shared();
    let corner = house.corner().await;
    let (mine, theirs) = (agent(&house).await, agent(&house).await);
    let rider = Person::rider(&house).await;
    let own = rider.book(&corner.booking()).await;
    let booked = theirs.api.post("/agent/rides", &call(corner, &fresh_phone())).await.expect(201);
    for ride in [&own, &booked] {
        let address = format!("/agent/rides/{}", text(&ride["id"]));
        mine.api.get(&address).await.refused(404, "not_found");
        let cancel = format!("{address}/cancel");
        mine.api.post(&cancel, &json!({"reason": "changed_mind"})).await.refused(404, "not_found");
        mine.api.get(&format!("/rides/{}", text(&ride["id"]))).await.refused(404, "not_found");
    }
    mine.api.get("/rides").await.refused(403, "forbidden");
    mine.api.post("/rides", &corner.booking()).await.refused(403, "forbidden");
    let cancel = format!("/rides/{}/cancel", text(&booked["id"]));
    theirs.api.post(&cancel, &json!({"reason": "changed_mind"})).await.refused(403, "forbidden");
    mine.api.get("/admin/agent-actions").await.refused(403, "forbidden");
    rider.api.get("/agent/rides").await.refused(403, "forbidden");
    rider.api.post("/agent/rides", &call(corner, &fresh_phone())).await.refused(403, "forbidden");
    house.admin().await.api.get("/agent/rides").await.refused(403, "forbidden");
    house.api().get("/agent/rides").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_call_that_makes_no_sense_is_refused_by_field() {
    let house = shared();
    let corner = house.corner().await;
    let agent = agent(&house).await;
    let driver = Person::driver(&house).await;
    agent.api.post("/agent/rides", &call(corner, &driver.phone)).await.refused(409, "phone_not_a_rider");
    for (field, value) in [("phone", json!("12")), ("first_name", json!(" ")), ("language", json!("tlh"))] {
        let mut body = call(corner, &fresh_phone());
        body["rider"][field] = value;
        let answer = agent.api.post("/agent/rides", &body).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(&format!("rider.{field}")), "{answer}");
    }
    let mut body = call(corner, &fresh_phone());
    body["pickup"]["lat"] = 51.0.into();
    assert!(agent.api.post("/agent/rides", &body).await.blames("pickup"));
    let mut body = call(corner, &fresh_phone());
    body["ride_type"] = "delivery".into();
    assert!(agent.api.post("/agent/rides", &body).await.blames("ride_type"), "a parcel needs a receiver");
    assert_eq!(agent.api.get("/agent/rides").await.expect(200)["items"], json!([]));
}
