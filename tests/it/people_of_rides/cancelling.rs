//! What calling a ride off costs, as riders are shown it. That the rules are applied is tested beside them, with a clock.

use serde_json::{Value, json};

use crate::house::shared;
use crate::people::{Person, text};

#[tokio::test]
async fn everybody_may_read_the_rules_and_a_quote_and_a_booking_show_them() {
    let house = shared();
    let rules = house.api().get("/cancellation-rules").await.expect(200);
    let in_force = &rules["in_force"];
    assert_eq!(rules["items"].as_array().and_then(|items| items.last()), Some(in_force));
    let amount = |key: &str| in_force[key].as_i64().unwrap_or_else(|| panic!("{key} in {rules}"));
    assert!(0 < amount("on_the_way_rwf") && amount("on_the_way_rwf") <= amount("no_show_rwf"), "{rules}");
    assert!(amount("free_after_assigned_s") >= 60, "{rules}");
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let quote = rider.api.post("/quotes", &corner.question()).await.expect(200);
    assert_eq!(&quote["cancellation"], in_force);
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(&ride["cancellation_rules"], in_force);
    assert_eq!(ride["cancellation"], Value::Null, "nothing was called off");
}

#[tokio::test]
async fn the_cost_of_calling_off_is_told_before_and_recorded_after() {
    let house = shared();
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    let cost = format!("/rides/{}/cancellation-cost", text(&ride["id"]));
    let searching = rider.api.get(&cost).await.expect(200);
    let free = json!({"fee_rwf": 0, "fee_reason": "no_driver", "compensation_rwf": 0, "free_until": null});
    assert_eq!(searching, free);
    driver.accept_offer().await;
    let assigned = rider.api.get(&cost).await.expect(200);
    assert_eq!((&assigned["fee_rwf"], &assigned["fee_reason"]), (&0.into(), &"in_time".into()));
    assert!(text(&assigned["free_until"]) > text(&rider.ride(text(&ride["id"])).await["assigned_at"]), "{assigned}");
    assert_eq!(driver.api.get(&cost).await.expect(200)["fee_reason"], "by_driver");
    let stranger = Person::rider(&house).await;
    stranger.api.get(&cost).await.refused(404, "not_found");
    let cancel = format!("/rides/{}/cancel", text(&ride["id"]));
    let over = rider.api.post(&cancel, &json!({"reason": "changed_mind"})).await.expect(200);
    let expected = json!({
        "by": "customer", "reason": "changed_mind", "note": null, "fee_rwf": 0, "fee_reason": "in_time",
        "compensation_rwf": 0,
    });
    assert_eq!(over["cancellation"], expected);
    rider.api.get(&cost).await.refused(409, "wrong_state");
}
