//! Calling a ride off: by whom, when, and what the other one hears.

use serde_json::{Value, json};

use crate::app::App;
use crate::house::{Visit, shared};
use crate::people::{Person, text};

/// How far a ride has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Searching,
    Offered,
    Assigned,
    Arrived,
    InProgress,
    Completed,
}

/// A ride that has come so far, and its people.
struct Scene {
    house: Visit,
    rider: Person,
    phone: App,
    driver: Person,
    wheel: App,
    id: String,
}

impl Scene {
    async fn at(stage: Stage) -> Self {
        let house = shared();
        let corner = house.corner().await;
        let (rider, phone) = Person::rider_app(&house).await;
        // While nobody is to be found, the driver stands a kilometre too far away.
        let distance = if stage == Stage::Searching { 1_000.0 } else { 100.0 };
        let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup.north(-distance)).await;
        let ride = rider.book(&corner.booking()).await;
        let id = text(&ride["id"]).to_owned();
        if stage >= Stage::Offered {
            let offer = wheel.offer().await;
            if stage >= Stage::Assigned {
                wheel.command(json!({"type": "accept_offer", "offer_id": offer["offer_id"]})).await;
            }
        }
        let pin = ride["pin"].clone();
        let steps = [
            (Stage::Arrived, json!({"type": "arrive", "ride_id": id})),
            (Stage::InProgress, json!({"type": "start", "ride_id": id, "pin": pin})),
            (Stage::Completed, json!({"type": "complete", "ride_id": id})),
        ];
        for (_, command) in steps.into_iter().filter(|(reached, _)| *reached <= stage) {
            wheel.command(command).await;
        }
        Self { house, rider, phone, driver, wheel, id }
    }

    async fn cancel(&self, by: &Person, reason: &str) -> crate::api::Answer {
        by.api.post(&format!("/rides/{}/cancel", self.id), &json!({"reason": reason, "note": "for the test"})).await
    }
}

#[tokio::test]
async fn a_rider_may_cancel_until_the_ride_starts() {
    for stage in [Stage::Searching, Stage::Offered, Stage::Assigned, Stage::Arrived] {
        let mut scene = Scene::at(stage).await;
        let ride = scene.cancel(&scene.rider, "changed_mind").await.expect(200);
        assert_eq!(ride["status"], "cancelled_by_customer", "{stage:?}");
        let why = if stage >= Stage::Assigned { "in_time" } else { "no_driver" };
        let expected = json!({
            "by": "customer", "reason": "changed_mind", "note": "for the test", "fee_rwf": 0, "fee_reason": why,
            "compensation_rwf": 0,
        });
        assert_eq!(ride["cancellation"], expected, "{stage:?}");
        assert_eq!(ride["pin"], Value::Null);
        scene.phone.ride("cancelled_by_customer").await;
        match stage {
            Stage::Searching => {}
            Stage::Offered => {
                let withdrawn = scene.wheel.expect("offer_withdrawn").await;
                assert_eq!(withdrawn["reason"], "cancelled");
                assert_eq!(scene.driver.api.get("/offers").await.expect(200)["items"], json!([]));
            }
            _ => assert_eq!(scene.wheel.ride("cancelled_by_customer").await["cancellation"]["reason"], "changed_mind"),
        }
        assert_eq!(scene.driver.api.get("/rides/active").await.expect(200)["items"], json!([]), "{stage:?}");
        // The driver is free: able to leave.
        scene.wheel.command(json!({"type": "go_offline"})).await;
        // Sent again, it is answered as the first time; the other party cannot cancel what is over.
        scene.cancel(&scene.rider, "changed_mind").await.expect(200);
        let late = scene.cancel(&scene.driver, "other").await;
        if stage >= Stage::Assigned {
            late.refused(409, "wrong_state")
        } else {
            late.refused(404, "not_found")
        };
    }
}

#[tokio::test]
async fn a_driver_may_cancel_between_accepting_and_starting() {
    for stage in [Stage::Assigned, Stage::Arrived] {
        let mut scene = Scene::at(stage).await;
        let command =
            json!({"type": "cancel", "ride_id": scene.id, "reason": "rider_no_show", "note": "waited 10 minutes"});
        let reply = scene.wheel.command(command).await;
        assert_eq!(reply["ride"]["status"], "cancelled_by_driver", "{stage:?}");
        let told = scene.phone.ride("cancelled_by_driver").await;
        assert_eq!(
            (&told["cancellation"]["by"], &told["cancellation"]["reason"]),
            (&"driver".into(), &"rider_no_show".into())
        );
        let another = scene.rider.api.get("/rides/active").await.expect(200);
        assert_eq!(another["items"], json!([]), "{stage:?}");
    }
    for stage in [Stage::Searching, Stage::Offered] {
        let scene = Scene::at(stage).await;
        scene.cancel(&scene.driver, "other").await.refused(404, "not_found");
        assert_eq!(scene.rider.ride(&scene.id).await["status"], "requested", "not the driver's ride yet: {stage:?}");
    }
}

#[tokio::test]
async fn with_the_rider_on_the_bike_only_an_operator_ends_it() {
    let mut scene = Scene::at(Stage::InProgress).await;
    scene.cancel(&scene.rider, "changed_mind").await.refused(409, "wrong_state");
    scene.cancel(&scene.driver, "vehicle_problem").await.refused(409, "wrong_state");
    let admin = scene.house.admin().await;
    let ride = scene.cancel(&admin, "operator").await.expect(200);
    assert_eq!((&ride["status"], &ride["cancellation"]["by"]), (&"cancelled_by_system".into(), &"system".into()));
    scene.phone.ride("cancelled_by_system").await;
    scene.wheel.ride("cancelled_by_system").await;
}

#[tokio::test]
async fn an_operator_may_end_a_ride_at_any_stage_before_its_end() {
    for stage in [Stage::Searching, Stage::Offered, Stage::Assigned, Stage::Arrived] {
        let mut scene = Scene::at(stage).await;
        let admin = scene.house.admin().await;
        assert_eq!(scene.cancel(&admin, "operator").await.expect(200)["status"], "cancelled_by_system", "{stage:?}");
        scene.phone.ride("cancelled_by_system").await;
    }
}

#[tokio::test]
async fn what_is_completed_is_not_cancelled() {
    let scene = Scene::at(Stage::Completed).await;
    scene.cancel(&scene.rider, "changed_mind").await.refused(409, "wrong_state");
    scene.cancel(&scene.driver, "other").await.refused(409, "wrong_state");
    scene.cancel(&scene.house.admin().await, "operator").await.refused(409, "wrong_state");
    assert_eq!(scene.rider.ride(&scene.id).await["status"], "completed");
}

#[tokio::test]
async fn everybody_has_reasons_of_their_own() {
    let scene = Scene::at(Stage::Assigned).await;
    for (person, reason) in [(&scene.rider, "rider_no_show"), (&scene.driver, "changed_mind"), (&scene.rider, "bored")]
    {
        let answer = scene.cancel(person, reason).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames("reason"), "{answer}");
    }
    let stranger = Person::rider(&scene.house).await;
    scene.cancel(&stranger, "other").await.refused(404, "not_found");
    let official = Person::official(&scene.house).await;
    scene.cancel(&official, "other").await.refused(403, "forbidden");
    assert_eq!(scene.rider.ride(&scene.id).await["status"], "driver_assigned", "all of which changed nothing");
}

#[tokio::test]
async fn a_driver_whose_ride_was_cancelled_is_asked_again() {
    let scene = Scene::at(Stage::Assigned).await;
    let ride = scene.rider.ride(&scene.id).await;
    scene.cancel(&scene.rider, "driver_too_far").await.expect(200);
    let booking = json!({"pickup": ride["pickup"], "destination": ride["destination"]});
    let again = scene.rider.api.post("/rides", &booking).await.expect(201);
    assert_eq!(scene.driver.accept_offer().await["id"], again["id"]);
}
