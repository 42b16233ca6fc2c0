//! On the way to a pickup: drivers who stall, go away or go dark are nudged and then lose the ride; and drivers who are
//! about to finish another ride near by are asked before they are free.

use serde_json::{Value, json};

use crate::app::App;
use crate::city::{Corner, Place};
use crate::house::House;
use crate::patience::eventually;
use crate::people::{Person, now_ms, text};

/// Watchful: a look at every position, and a nudge that is followed up at once.
fn watchful(more: &[(&str, &str)]) -> House {
    let settings = [
        ("city.search_radius_m", "600"),
        ("dispatch.nudge_grace_s", "5"),
        ("dispatch.stand_by_interval_s", "0"),
        ("pickup.look_every_s", "0"),
        ("pickup.near_m", "50.0"),
        ("pickup.progress_m", "20.0"),
        ("pickup.stalled_after_s", "6"),
        ("pickup.away_m", "150.0"),
        ("pickup.away_looks", "2"),
        ("pickup.sweep_every_s", "1"),
    ];
    House::start(&[&settings[..], more].concat())
}

/// A driver who has the ride, their app, and the rider's; the driver is 400 m east of the pickup.
struct OnTheWay {
    driver: Person,
    wheel: App,
    phone: App,
    ride: Value,
    corner: Corner,
}

async fn on_the_way(house: &House) -> OnTheWay {
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(house, corner.pickup.east(400.0)).await;
    let (rider, mut phone) = Person::rider_app(house).await;
    let ride = rider.book(&corner.booking()).await;
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    phone.ride("driver_assigned").await;
    OnTheWay { driver, wheel, phone, ride, corner }
}

impl OnTheWay {
    /// Drives so many metres east of the pickup at these seconds from now on, by the phone's clock.
    async fn drive(&mut self, way: &[(i64, f64)]) {
        let now_ms = now_ms();
        for (second, metres) in way {
            self.wheel.ping_at(self.corner.pickup.east(*metres), now_ms + second * 1_000).await;
        }
    }

    async fn is_nudged(&mut self, trouble: &str) {
        let nudge = self.wheel.expect("nudge").await;
        assert_eq!((&nudge["ride_id"], &nudge["trouble"]), (&self.ride["id"], &trouble.into()));
    }

    /// The ride is taken from the driver and goes to another, who is there by now.
    async fn comes_to_be_released(mut self, reason: &str, other: &Person) {
        let released = self.wheel.expect("ride_released").await;
        assert_eq!((&released["ride_id"], &released["reason"]), (&self.ride["id"], &reason.into()));
        self.phone.ride("requested").await;
        assert_eq!(other.accept_offer().await["id"], self.ride["id"]);
        assert_eq!(self.phone.ride("driver_assigned").await["driver"]["id"], other.id);
        let wheel = self.driver.api.get("/rides/active").await.expect(200);
        assert_eq!(wheel["items"], json!([]), "nothing is left of it with the first driver");
    }
}

/// Pings until somebody hears of it: the grace passes by the server's clock, and positions go on.
async fn keeps_pinging(way: &mut OnTheWay, place: Place) {
    eventually("the ride to be taken away", async || {
        let mut frame = place.json();
        frame["type"] = "ping".into();
        // Later than what was sent by the phone's clock before.
        frame["t_ms"] = (now_ms() + 15_000).into();
        way.wheel.send(&frame).await;
        let shown = way.driver.api.get("/rides/active").await.expect(200);
        (shown["items"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_driver_who_stalls_is_nudged_and_then_loses_the_ride() {
    let house = watchful(&[]);
    let mut way = on_the_way(&house).await;
    way.drive(&[(1, 400.0), (3, 395.0), (5, 402.0)]).await;
    way.drive(&[(8, 398.0)]).await;
    way.is_nudged("stalled").await;
    let other = Person::driver_at(&house, way.corner.pickup.north(200.0)).await;
    let place = way.corner.pickup.east(400.0);
    keeps_pinging(&mut way, place).await;
    way.comes_to_be_released("stalled", &other).await;
}

#[tokio::test]
async fn a_driver_who_goes_on_after_a_nudge_keeps_the_ride() {
    let house = watchful(&[]);
    let mut way = on_the_way(&house).await;
    way.drive(&[(1, 400.0), (8, 400.0)]).await;
    way.is_nudged("stalled").await;
    way.drive(&[(9, 350.0), (10, 300.0), (11, 250.0), (12, 200.0), (13, 100.0), (14, 30.0)]).await;
    let id = text(&way.ride["id"]).to_owned();
    way.wheel.command(json!({"type": "arrive", "ride_id": id})).await;
    assert_eq!(way.phone.ride("driver_arrived").await["driver"]["id"], way.driver.id);
    assert!(way.wheel.unread().all(|frame| frame["type"] != "ride_released"));
}

#[tokio::test]
async fn a_driver_who_goes_away_is_nudged_and_then_loses_the_ride() {
    let house = watchful(&[]);
    let mut way = on_the_way(&house).await;
    way.drive(&[(1, 400.0), (2, 500.0), (3, 560.0), (4, 580.0), (5, 590.0)]).await;
    way.is_nudged("going_away").await;
    let other = Person::driver_at(&house, way.corner.pickup.north(200.0)).await;
    let place = way.corner.pickup.east(590.0);
    keeps_pinging(&mut way, place).await;
    way.comes_to_be_released("went_away", &other).await;
}

#[tokio::test]
async fn a_driver_who_goes_dark_is_nudged_and_then_loses_the_ride() {
    let house = watchful(&[("pickup.dark_after_s", "2")]);
    let mut way = on_the_way(&house).await;
    // The socket is open, and no position comes over it.
    way.is_nudged("dark").await;
    let other = Person::driver_at(&house, way.corner.pickup.north(200.0)).await;
    way.comes_to_be_released("went_dark", &other).await;
}

#[tokio::test]
async fn a_driver_about_to_finish_takes_the_next_ride_and_goes_on_to_it() {
    let house = House::start(&[("city.search_radius_m", "600"), ("asking.handover_s", "0")]);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let (first, second) = (Person::rider(&house).await, Person::rider_app(&house).await);
    let ride = first.book(&corner.booking()).await;
    let id = text(&ride["id"]).to_owned();
    let offer = wheel.offer().await;
    wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    let (rider, mut phone) = second;
    let booking = json!({
        "pickup": corner.destination.east(150.0).json(), "destination": corner.pickup.json(),
        "ride_type": "boda", "payment_method": "cash",
    });
    // Two kilometres from the end nobody asks the driver yet.
    let next = rider.book(&booking).await;
    let next_id = text(&next["id"]).to_owned();
    assert_eq!(driver.api.get("/offers").await.expect(200)["items"], json!([]));
    wheel.ping(corner.destination.north(-120.0)).await;
    let offer = wheel.offer().await;
    assert_eq!(offer["ride_id"], next["id"], "asked before the first ride is over");
    assert!(offer["pickup_eta_s"].as_i64().is_some_and(|seconds| (30..120).contains(&seconds)), "{offer}");
    let taken = wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
    assert_eq!((&taken["ride"]["id"], &taken["ride"]["is_next"]), (&next["id"], &true.into()), "{taken}");
    assert_eq!(phone.ride("driver_assigned").await["driver"]["id"], driver.id);
    // Not before its turn.
    let early = wheel.ask(json!({"type": "arrive", "ride_id": next_id})).await;
    assert_eq!((&early["type"], &early["code"]), (&"error".into(), &"wrong_state".into()));
    assert_eq!(driver.drive(&id, "complete").await["status"], "completed");
    let on_the_way = phone.ride("driver_assigned").await;
    assert_eq!((&on_the_way["id"], &on_the_way["is_next"]), (&next["id"], &false.into()), "now it is ridden to");
    wheel.ping(corner.destination.east(60.0)).await;
    assert_eq!(phone.expect("driver_position").await["ride_id"], next["id"]);
    driver.drive(&next_id, "arrive").await;
    driver.api.post(&format!("/rides/{next_id}/start"), &json!({"pin": next["pin"]})).await.expect(200);
    assert_eq!(driver.drive(&next_id, "complete").await["status"], "completed");
    let decision = house.admin().await.api.get(&format!("/admin/rides/{next_id}/decision")).await.expect(200);
    let rounds = decision["rounds"].as_array().expect("a list");
    let chosen = rounds.iter().find(|round| round["offer_id"] == offer["offer_id"]).expect("the round of the offer");
    assert_eq!(chosen["chosen"], driver.id, "{chosen}");
}
