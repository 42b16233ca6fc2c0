//! Who may do what: no token, the wrong role, somebody else's things.
//!
//! What everybody may do on every route stands in `matrix.tsv`, which a person has reviewed and `matrix.rs` holds against
//! the server. Here stand the stories behind some of its cells.

mod bodies;
mod cast;
mod matrix;
mod schema;

use serde_json::json;

use crate::house::shared;
use crate::people::{Person, text};

#[tokio::test]
async fn a_ride_of_others_does_not_exist() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    let (other_rider, other_driver) = (Person::rider(&house).await, Person::driver(&house).await);
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (person, id) in [(&other_rider, id), (&other_driver, id), (&rider, nobody), (&driver, nobody)] {
        for path in ["", "/events", "/track", "/queue"] {
            person.api.get(&format!("/rides/{id}{path}")).await.refused(404, "not_found");
        }
        let cancel = format!("/rides/{id}/cancel");
        person.api.post(&cancel, &json!({"reason": "other"})).await.refused(404, "not_found");
        person.api.post(&format!("/rides/{id}/rating"), &json!({"stars": 1})).await.refused(404, "not_found");
    }
    for id in [id, nobody] {
        for command in ["arrive", "complete"] {
            other_driver.api.post_empty(&format!("/rides/{id}/{command}")).await.refused(404, "not_found");
        }
        let start = format!("/rides/{id}/start");
        other_driver.api.post(&start, &json!({"pin": ride["pin"]})).await.refused(404, "not_found");
    }
    let incident = json!({"kind": "accident", "severity": "low", "description": "not mine", "ride_id": id});
    other_rider.api.post("/safety/incidents", &incident).await.refused(404, "not_found");
    assert_eq!(rider.ride(id).await["status"], "driver_assigned", "all of which changed nothing");
}

#[tokio::test]
async fn sessions_of_others_do_not_exist() {
    let house = shared();
    let (mine, theirs) = (Person::rider(&house).await, Person::rider(&house).await);
    let sessions = theirs.api.get("/auth/sessions").await.expect(200);
    let path = format!("/auth/sessions/{}", text(&sessions["items"][0]["id"]));
    mine.api.delete(&path).await.refused(404, "not_found");
    assert_eq!(theirs.api.get("/auth/sessions").await.expect(200), sessions);
}

#[tokio::test]
async fn incidents_are_seen_by_who_reported_them_and_by_who_must() {
    let house = shared();
    let (rider, other, official) =
        (Person::rider(&house).await, Person::rider(&house).await, Person::official(&house).await);
    let body = json!({"kind": "accident", "severity": "high", "description": "we slid on the wet road"});
    let incident = rider.api.post("/safety/incidents", &body).await.expect(201);
    let sees = async |person: &Person| {
        let is_official = person.id == official.id;
        let path = if is_official { "/government/incidents?limit=100" } else { "/safety/incidents?limit=100" };
        let page = person.api.get(path).await.expect(200);
        page["items"].as_array().expect("a list").iter().any(|item| item["id"] == incident["id"])
    };
    assert!(sees(&rider).await && sees(&house.admin().await).await && sees(&official).await);
    assert!(!sees(&other).await);
    official.api.get("/safety/incidents").await.refused(403, "forbidden");
    official.api.post("/safety/incidents", &body).await.refused(403, "forbidden");
    let contacts = house.api().get("/safety/contacts").await.expect(200);
    assert!(contacts["items"].as_array().is_some_and(|items| !items.is_empty()), "for everybody");
}
