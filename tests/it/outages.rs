//! PostgreSQL goes away and comes back: what lives in memory goes on, what must be stored waits or is refused, and
//! nothing that was acknowledged is lost.

use serde_json::json;

use crate::api::Api;
use crate::house::House;
use crate::patience::eventually;
use crate::people::{Person, text};

#[tokio::test]
async fn a_city_lives_through_an_outage_of_its_database() {
    let mut house = House::start_remote(&[
        ("database.acquire_timeout_ms", "500"),
        ("dispatch.answer_within_s", "1"),
        ("dispatch.offer_ttl_s", "60"),
    ]);
    for words in ["database", "something is away", "job", "attempts of payments", "prices could not"] {
        house.expect_complaint(words);
    }
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let waiting = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    phone.ride("driver_assigned").await;
    let outside = Api::outside(house.url());
    outside.get("/health/ready").await.expect(200);

    house.wire().cut();
    wheel.ping(corner.pickup.north(90.0)).await;
    phone.expect("driver_position").await;
    assert_eq!(rider.ride(id).await["status"], "driver_assigned", "from memory");
    outside.get("/health/live").await.expect(200);
    let ready = outside.get("/health/ready").await.expect(503);
    assert_eq!(ready["checks"]["database"], "failed");
    waiting.api.book("in the dark", &corner.booking()).await.refused(503, "unavailable");
    waiting.api.get("/rides").await.refused(503, "unavailable");
    // Decided, and told to nobody before it is stored.
    let unsure = driver.api.post_empty(&format!("/rides/{id}/arrive")).await;
    unsure.refused(503, "unavailable");
    assert_eq!(rider.ride(id).await["status"], "driver_assigned");

    house.wire().mend();
    phone.ride("driver_arrived").await;
    eventually("the server to be ready again", async || {
        (outside.get("/health/ready").await.status == 200).then_some(())
    })
    .await;
    let booked = eventually("the booking to be taken", async || {
        let answer = waiting.api.book("in the dark", &corner.booking()).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert!(matches!(booked.status, 200 | 201), "{booked}");
    let history = waiting.api.get("/rides").await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "once: {history}");
    wheel.command(json!({"type": "start", "ride_id": id, "pin": ride["pin"]})).await;
    wheel.command(json!({"type": "complete", "ride_id": id})).await;
    let timeline = rider.api.get(&format!("/rides/{id}/events")).await.expect(200);
    let kinds: Vec<_> =
        timeline["items"].as_array().expect("a list").iter().map(|entry| text(&entry["kind"])).collect();
    assert_eq!(kinds, ["requested", "offer_made", "driver_assigned", "driver_arrived", "started", "completed"]);
    assert_eq!(driver.accept_offer().await["id"], booked.json()["id"]);
}
