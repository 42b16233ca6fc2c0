//! Who may do what: no token, the wrong role, somebody else's things.

use serde_json::json;

use crate::house::shared;
use crate::people::{Person, text};

/// Method, path, and whether customers, drivers, admins and officials get past the door.
const DOORS: &[(&str, &str, [bool; 4])] = &[
    ("GET", "/me", [true, true, true, true]),
    ("GET", "/auth/sessions", [true, true, true, true]),
    ("GET", "/notifications", [true, true, true, true]),
    ("GET", "/rides", [true, true, true, false]),
    ("GET", "/rides/active", [true, true, true, true]),
    ("POST", "/quotes", [true, false, false, false]),
    ("POST", "/rides", [true, false, false, false]),
    ("GET", "/drivers/nearby?lat=-1.95&lng=30.06", [true, false, false, false]),
    ("GET", "/places?q=nyabu", [true, true, true, true]),
    ("GET", "/places/reverse?lat=-1.95&lng=30.06", [true, true, true, true]),
    ("PUT", "/drivers/me", [false, true, false, false]),
    ("GET", "/drivers/me", [false, true, false, false]),
    ("GET", "/drivers/me/documents", [false, true, false, false]),
    ("POST", "/drivers/me/documents", [false, true, false, false]),
    ("GET", "/drivers/me/onboarding", [false, true, false, false]),
    ("GET", "/drivers/me/history", [false, true, false, false]),
    ("GET", "/drivers/me/appeals", [false, true, false, false]),
    ("POST", "/drivers/me/appeals", [false, true, false, false]),
    ("GET", "/drivers/me/shifts", [false, true, false, false]),
    ("GET", "/drivers/me/documents/photo/file", [false, true, false, false]),
    ("PUT", "/drivers/me/documents/photo/file", [false, true, false, false]),
    ("POST", "/drivers/me/online", [false, true, false, false]),
    ("POST", "/drivers/me/offline", [false, true, false, false]),
    ("POST", "/drivers/me/location", [false, true, false, false]),
    ("GET", "/drivers/me/balance", [false, true, false, false]),
    ("GET", "/drivers/me/ledger", [false, true, false, false]),
    ("GET", "/offers", [false, true, false, false]),
    ("POST", "/offers/8f1b2c3d-0000-8000-8000-000000000001.1/accept", [false, true, false, false]),
    ("POST", "/rides/8f1b2c3d-0000-8000-8000-000000000001/arrive", [false, true, false, false]),
    ("POST", "/rides/8f1b2c3d-0000-8000-8000-000000000001/start", [false, true, false, false]),
    ("GET", "/admin/drivers", [false, false, true, false]),
    ("GET", "/admin/driver-reviews", [false, false, true, false]),
    ("GET", "/admin/driver-appeals", [false, false, true, false]),
    ("POST", "/admin/driver-appeals/8f1b2c3d-0000-8000-8000-000000000001/decision", [false, false, true, false]),
    ("POST", "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/claim", [false, false, true, false]),
    ("DELETE", "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/claim", [false, false, true, false]),
    ("GET", "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/onboarding", [false, false, true, false]),
    ("GET", "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/history", [false, false, true, false]),
    ("POST", "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/rating-review", [false, false, true, false]),
    (
        "GET",
        "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/documents/8f1b2c3d-0000-8000-8000-000000000001/file",
        [false, false, true, false],
    ),
    (
        "POST",
        "/admin/drivers/8f1b2c3d-0000-8000-8000-000000000001/documents/8f1b2c3d-0000-8000-8000-000000000001/decision",
        [false, false, true, false],
    ),
    ("GET", "/admin/geofences", [false, false, true, false]),
    ("POST", "/admin/geofences", [false, false, true, false]),
    ("GET", "/admin/geofences/8f1b2c3d-0000-8000-8000-000000000001", [false, false, true, false]),
    ("PUT", "/admin/geofences/8f1b2c3d-0000-8000-8000-000000000001", [false, false, true, false]),
    ("DELETE", "/admin/geofences/8f1b2c3d-0000-8000-8000-000000000001", [false, false, true, false]),
    ("GET", "/admin/geofences/8f1b2c3d-0000-8000-8000-000000000001/events", [false, false, true, false]),
    ("GET", "/driver/stage", [false, true, false, false]),
    ("GET", "/driver/hints", [false, true, false, false]),
    ("GET", "/heatmap", [false, true, true, false]),
    ("GET", "/admin/stages/8f1b2c3d-0000-8000-8000-000000000001/queue", [false, false, true, false]),
    ("GET", "/admin/stages/8f1b2c3d-0000-8000-8000-000000000001/overrides", [false, false, true, false]),
    (
        "POST",
        "/admin/stages/8f1b2c3d-0000-8000-8000-000000000001/queue/8f1b2c3d-0000-8000-8000-000000000002/move",
        [false, false, true, false],
    ),
    (
        "POST",
        "/admin/stages/8f1b2c3d-0000-8000-8000-000000000001/queue/8f1b2c3d-0000-8000-8000-000000000002/remove",
        [false, false, true, false],
    ),
    ("GET", "/admin/jobs", [false, false, true, false]),
    ("GET", "/admin/users?phone=0788123456", [false, false, true, false]),
    ("POST", "/admin/users", [false, false, true, false]),
    ("GET", "/admin/road-closures", [false, false, true, false]),
    ("POST", "/admin/road-closures", [false, false, true, false]),
    ("DELETE", "/admin/road-closures/8f1b2c3d-0000-8000-8000-000000000001", [false, false, true, false]),
    ("GET", "/admin/analytics/rides", [false, false, true, false]),
    ("GET", "/admin/ledger/trial-balance", [false, false, true, false]),
    ("GET", "/city", [false, false, true, false]),
    ("GET", "/city/streets", [false, false, true, false]),
    ("GET", "/government/drivers", [false, false, false, true]),
    ("GET", "/government/reports/rides", [false, false, false, true]),
];

#[tokio::test]
async fn every_role_has_its_own_doors() {
    let house = shared();
    let driver = Person::driver_without_papers(&house).await;
    let (rider, official) = (Person::rider(&house).await, Person::official(&house).await);
    let people =
        [("customer", &rider), ("driver", &driver), ("admin", &house.admin().await), ("government", &official)];
    for (method, path, open) in DOORS {
        for ((role, person), open) in people.iter().zip(open) {
            let method = method.parse().expect("a method");
            let answer = person.api.send(method, path, |request| request.json(&json!({}))).await;
            let is_shut = answer.status == 403 && answer.json()["code"] == "forbidden";
            assert_eq!(is_shut, !open, "{role}: {answer}");
            assert!(answer.status != 401 && answer.status < 500, "{role}: {answer}");
        }
    }
}

#[tokio::test]
async fn without_a_good_token_every_door_is_shut() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let (head, signature) = rider.api.token().rsplit_once('.').expect("a token has three parts");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for (method, path, _) in DOORS {
        for token in [None, Some("nonsense"), Some(forged.as_str())] {
            let api = token.map_or_else(|| house.api(), |token| house.api().with_token(token));
            let method = method.parse().expect("a method");
            let answer = api.send(method, path, |request| request.json(&json!({}))).await;
            answer.refused(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some(), "{answer}");
        }
    }
}

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
        let page = person.api.get("/safety/incidents?limit=100").await.expect(200);
        page["items"].as_array().expect("a list").iter().any(|item| item["id"] == incident["id"])
    };
    assert!(sees(&rider).await && sees(&house.admin().await).await && sees(&official).await);
    assert!(!sees(&other).await);
    official.api.post("/safety/incidents", &body).await.refused(403, "forbidden");
    let contacts = house.api().get("/safety/contacts").await.expect(200);
    assert!(contacts["items"].as_array().is_some_and(|items| !items.is_empty()), "for everybody");
}
