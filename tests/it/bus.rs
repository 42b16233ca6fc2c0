//! With Redis: rides work as without, and other programs hear of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::people::{Person, text};
use crate::redis::Redis;

#[tokio::test]
async fn ride_events_are_published_on_redis_and_the_ride_does_not_depend_on_it() {
    let Some(redis) = Redis::start() else {
        eprintln!("skipped: redis-server is not installed");
        return;
    };
    let mut house = House::start(&[("redis.url", &redis.url())]);
    let corner = house.corner().await;
    let mut events = redis.subscribe("boda.ride_events");
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    wheel.command(json!({"type": "start", "ride_id": id, "pin": ride["pin"]})).await;
    wheel.command(json!({"type": "complete", "ride_id": id})).await;
    let told = ["requested", "offer_made", "driver_assigned", "driver_arrived", "started", "completed"];
    for (event, seq) in told.into_iter().zip(1..) {
        let message = events.message();
        // In front stands which node said it, so that a node passes by what it said itself.
        let (_node, message) = message.split_once(' ').expect("node and message");
        let message: Value = serde_json::from_str(message).unwrap_or_else(|error| panic!("{message}: {error}"));
        assert_eq!(message["event"], format!("ride.{event}"), "{message}");
        assert_eq!((&message["ride_id"], &message["seq"]), (&ride["id"], &seq.into()));
        for personal in [&driver.phone, &rider.phone, &driver.id, &rider.id] {
            assert!(!message.to_string().contains(personal.as_str()), "{message}");
        }
    }
    assert!(events.is_silent(Duration::from_millis(100)), "and nothing else");
    let ready = crate::api::Api::outside(house.url()).get("/health/ready").await.expect(200);
    assert_eq!(ready["checks"]["bus"], "ok");

    // A notice goes the long way round, through Redis, and arrives.
    let suspend = format!("/admin/drivers/{}/suspend", driver.id);
    house.admin().await.api.post(&suspend, &json!({"reason": "for the test"})).await.expect(200);
    wheel.notice("account_suspended").await;

    // Without Redis no fact is lost.
    house.expect_complaint("edis");
    drop(redis);
    let restore = format!("/admin/drivers/{}/restore", driver.id);
    house.admin().await.api.post_empty(&restore).await.expect(200);
    driver.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
    let second = rider.book(&corner.booking()).await;
    assert_eq!(driver.accept_offer().await["id"], second["id"]);
}
