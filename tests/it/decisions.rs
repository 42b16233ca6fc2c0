//! Why a ride went to whom: all of it for an operator, plain words for a driver who did not get it.

use serde_json::Value;

use crate::house::shared;
use crate::people::{Person, text};

/// The rounds of a ride as an operator sees them.
async fn rounds(admin: &Person, ride: &str) -> Vec<Value> {
    let decision = admin.api.get(&format!("/admin/rides/{ride}/decision")).await.expect(200);
    assert_eq!(decision["ride_id"], ride);
    decision["rounds"].as_array().expect("a list").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// The rides that a driver did not get.
async fn why_not(driver: &Person) -> Vec<Value> {
    driver.api.get("/driver/why-not").await.expect(200)["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn an_operator_sees_who_was_weighed_and_what_each_would_have_cost() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup.north(60.0)).await;
    let far = Person::driver_at(&house, corner.pickup.east(250.0)).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let offer = near.offer().await;
    let rounds = rounds(&house.admin().await, text(&booked["id"])).await;
    let [round] = &rounds[..] else { panic!("one round, one offer: {rounds:?}") };
    assert_eq!((&round["round"], &round["offer_id"]), (&1.into(), &offer["offer_id"]));
    assert_eq!((text(&round["chosen"]), text(&round["runner_up"])), (near.id.as_str(), far.id.as_str()));
    assert_eq!((&round["means"], &round["certified"]), (&"exact".into(), &true.into()), "{round}");
    let candidates = round["candidates"].as_array().expect("a list");
    let who: Vec<&str> = candidates.iter().map(|candidate| text(&candidate["driver_id"])).collect();
    assert_eq!(who, [near.id.as_str(), far.id.as_str()], "the cheapest first");
    for candidate in candidates {
        let parts: f64 = candidate["parts"].as_object().expect("an object").values().map(number).sum();
        assert!((parts - number(&candidate["cost_s"])).abs() < 0.001, "the cost is the sum of its parts: {candidate}");
        assert_eq!(candidate["excluded"], Value::Null);
    }
    assert_eq!(candidates[0]["pickup_distance_m"], offer["pickup_distance_m"]);
    assert!(number(&candidates[0]["parts"]["pickup_s"]) < number(&candidates[1]["parts"]["pickup_s"]));
    assert!(number(&round["unassigned_s"]) > number(&candidates[1]["cost_s"]), "waiting on would have cost more");
}

#[tokio::test]
async fn a_driver_who_did_not_get_a_ride_hears_why_and_nothing_about_anybody_else() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup.north(10.0)).await;
    let far = Person::driver_at(&house, corner.pickup.east(280.0)).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    assert!(why_not(&far).await.is_empty(), "nobody has it yet");
    near.accept_offer().await;
    let missed = why_not(&far).await;
    let [one] = &missed[..] else { panic!("one ride: {missed:?}") };
    assert_eq!((&one["ride_id"], &one["reason"]), (&ride["id"], &"nearer".into()), "{one}");
    assert!(text(&one["text"]).starts_with("Undi mumotari yari hafi"), "drivers begin in Kinyarwanda: {one}");
    assert_eq!(one["pickup_minutes"], 1, "{one}");
    let fields: Vec<&String> = one.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["at", "pickup_minutes", "reason", "ride_id", "text"], "and nothing else");
    far.api.patch("/me", &serde_json::json!({"language": "en"})).await.expect(200);
    let by_ride = far.api.get(&format!("/driver/why-not?ride_id={}", text(&ride["id"]))).await.expect(200);
    let words = text(&by_ride["items"][0]["text"]);
    // How many seconds is learned from all that was driven in this house so far.
    assert!(words.starts_with("Another driver was ") && words.ends_with(" s nearer."), "{by_ride}");
    assert!(why_not(&near).await.is_empty(), "who got it needs no explanation");
}

#[tokio::test]
async fn who_declined_is_told_so_and_the_record_has_every_round() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup.north(10.0)).await;
    let far = Person::driver_at(&house, corner.pickup.east(200.0)).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    let offer = near.offer().await;
    let decline = format!("/offers/{}/decline", text(&offer["offer_id"]));
    near.api.post(&decline, &serde_json::json!({"reason": "low_fare"})).await.expect(204);
    far.accept_offer().await;
    let rounds = rounds(&house.admin().await, text(&ride["id"])).await;
    let chosen: Vec<&str> = rounds.iter().map(|round| text(&round["chosen"])).collect();
    assert_eq!(chosen, [near.id.as_str(), far.id.as_str()]);
    let missed = why_not(&near).await;
    assert_eq!((missed.len(), &missed[0]["reason"]), (1, &"passed".into()), "{missed:?}");
}

#[tokio::test]
async fn what_a_driver_missed_comes_in_pages_newest_first() {
    let house = shared();
    let corner = house.corner().await;
    let near = Person::driver_at(&house, corner.pickup.north(10.0)).await;
    let far = Person::driver_at(&house, corner.pickup.east(250.0)).await;
    let mut missed = Vec::new();
    for _ in 0..3 {
        let rider = Person::rider(&house).await;
        let ride = rider.book(&corner.booking()).await;
        let id = text(&ride["id"]).to_owned();
        near.accept_offer().await;
        near.drive(&id, "arrive").await;
        near.api.post(&format!("/rides/{id}/start"), &serde_json::json!({"pin": ride["pin"]})).await.expect(200);
        near.drive(&id, "complete").await;
        missed.insert(0, id);
    }
    let first = far.api.get("/driver/why-not?limit=2").await.expect(200);
    let cursor = text(&first["next_cursor"]);
    let second = far.api.get(&format!("/driver/why-not?limit=2&cursor={cursor}")).await.expect(200);
    assert_eq!(second["next_cursor"], Value::Null);
    let pages = [first["items"].as_array(), second["items"].as_array()];
    let shown: Vec<&str> = pages.into_iter().flatten().flatten().map(|item| text(&item["ride_id"])).collect();
    assert_eq!(shown, missed);
}

#[tokio::test]
async fn only_those_concerned_may_ask_and_nonsense_is_refused_by_name() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let stranger = Person::driver_at(&house, corner.destination.north(3_000.0)).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    let decision = format!("/admin/rides/{}/decision", text(&ride["id"]));
    driver.accept_offer().await;
    for person in [&driver, &rider, &Person::official(&house).await] {
        person.api.get(&decision).await.refused(403, "forbidden");
    }
    let admin = house.admin().await;
    rider.api.get("/driver/why-not").await.refused(403, "forbidden");
    admin.api.get("/driver/why-not").await.refused(403, "forbidden");
    house.api().get(&decision).await.refused(401, "unauthenticated");
    let nobody = "00000000-0000-4000-8000-000000000000";
    admin.api.get(&format!("/admin/rides/{nobody}/decision")).await.refused(404, "not_found");
    for ride in [nobody, text(&ride["id"])] {
        // A ride that is not there, and one for which nobody looked at this driver, look the same.
        stranger.api.get(&format!("/driver/why-not?ride_id={ride}")).await.refused(404, "not_found");
    }
    for (query, field) in
        [("limit=0", "limit"), ("limit=101", "limit"), ("cursor=zz", "cursor"), ("ride_id=7", "ride_id")]
    {
        let answer = driver.api.get(&format!("/driver/why-not?{query}")).await;
        assert!(matches!(answer.status, 400 | 422) && answer.blames(field), "{query}: {answer}");
    }
}
