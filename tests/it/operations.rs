//! What operators and machines look at: health, metrics, description, ids of requests.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

/// Every route of the API; `documented` and `served` are held against it below.
const ROUTES: &[&str] = &[
    "GET /server",
    "GET /city",
    "GET /city/streets",
    "POST /auth/register",
    "POST /auth/code",
    "POST /auth/verify",
    "POST /auth/login",
    "POST /auth/refresh",
    "POST /auth/logout",
    "GET /auth/sessions",
    "DELETE /auth/sessions/{id}",
    "GET /me",
    "PATCH /me",
    "PUT /me/password",
    "GET /notifications",
    "POST /notifications/{id}/read",
    "GET /drivers/me",
    "PUT /drivers/me",
    "GET /drivers/me/documents",
    "POST /drivers/me/documents",
    "GET /drivers/me/documents/{kind}/file",
    "PUT /drivers/me/documents/{kind}/file",
    "GET /drivers/me/onboarding",
    "GET /drivers/me/history",
    "GET /drivers/me/appeals",
    "POST /drivers/me/appeals",
    "GET /drivers/me/shifts",
    "GET /drivers/me/wishes",
    "PUT /drivers/me/wishes",
    "GET /drivers/me/riders",
    "PUT /drivers/me/riders/{id}",
    "DELETE /drivers/me/riders/{id}",
    "GET /drivers/me/pairing-code",
    "GET /riders/me/drivers",
    "PUT /riders/me/drivers/{id}",
    "DELETE /riders/me/drivers/{id}",
    "GET /riders/me/pairing-code",
    "POST /drivers/me/online",
    "POST /drivers/me/offline",
    "POST /drivers/me/location",
    "GET /drivers/nearby",
    "GET /places",
    "GET /places/reverse",
    "GET /drivers/me/balance",
    "GET /drivers/me/ledger",
    "POST /quotes",
    "POST /rides",
    "GET /rides",
    "GET /rides/active",
    "GET /rides/scheduled",
    "POST /rides/{id}/reschedule",
    "POST /rides/{id}/stops/{n}/reached",
    "GET /rides/{id}",
    "GET /rides/{id}/events",
    "GET /rides/{id}/track",
    "POST /rides/{id}/cancel",
    "GET /rides/{id}/cancellation-cost",
    "GET /cancellation-rules",
    "POST /rides/pair",
    "POST /rides/{id}/rating",
    "POST /rides/{id}/arrive",
    "POST /rides/{id}/start",
    "POST /rides/{id}/complete",
    "GET /rides/{id}/queue",
    "GET /driver/stage",
    "GET /driver/hints",
    "GET /heatmap",
    "GET /stages",
    "GET /admin/stages/{id}/queue",
    "POST /admin/stages/{id}/queue/{driver_id}/move",
    "POST /admin/stages/{id}/queue/{driver_id}/remove",
    "GET /admin/stages/{id}/overrides",
    "GET /offers",
    "GET /driver/why-not",
    "POST /offers/{offer_id}/accept",
    "POST /offers/{offer_id}/decline",
    "GET /safety/contacts",
    "GET /safety/incidents",
    "POST /safety/incidents",
    "POST /admin/incidents/{id}/state",
    "POST /agent/rides",
    "GET /agent/rides",
    "GET /agent/rides/{id}",
    "POST /agent/rides/{id}/cancel",
    "GET /admin/agent-actions",
    "GET /admin/users",
    "POST /admin/users",
    "GET /admin/drivers",
    "GET /admin/drivers/{id}",
    "POST /admin/drivers/{id}/approve",
    "POST /admin/drivers/{id}/reject",
    "POST /admin/drivers/{id}/suspend",
    "POST /admin/drivers/{id}/restore",
    "POST /admin/drivers/{id}/claim",
    "DELETE /admin/drivers/{id}/claim",
    "GET /admin/drivers/{id}/documents/{document_id}/file",
    "POST /admin/drivers/{id}/documents/{document_id}/decision",
    "GET /admin/drivers/{id}/onboarding",
    "GET /admin/drivers/{id}/history",
    "POST /admin/drivers/{id}/rating-review",
    "GET /admin/driver-reviews",
    "GET /admin/driver-appeals",
    "POST /admin/driver-appeals/{id}/decision",
    "GET /admin/road-closures",
    "POST /admin/road-closures",
    "DELETE /admin/road-closures/{id}",
    "GET /admin/rides/{id}/decision",
    "GET /admin/analytics/rides",
    "GET /admin/ledger/trial-balance",
    "GET /admin/geofences",
    "POST /admin/geofences",
    "GET /admin/geofences/{id}",
    "PUT /admin/geofences/{id}",
    "DELETE /admin/geofences/{id}",
    "GET /admin/geofences/{id}/events",
    "GET /admin/jobs",
    "POST /admin/jobs/{id}/retry",
    "GET /government/drivers",
    "GET /government/reports/rides",
];

fn outside(house: &House) -> Api {
    Api::outside(house.url())
}

#[tokio::test]
async fn health_is_told_by_parts() {
    let house = shared();
    assert_eq!(outside(&house).get("/health/live").await.expect(200)["status"], "live");
    let ready = outside(&house).get("/health/ready").await.expect(200);
    assert_eq!(ready["status"], "ready");
    let checks = ready["checks"].as_object().expect("an object");
    assert!(checks.len() >= 3 && checks.values().all(|word| word == "ok"), "{ready}");
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let house = shared();
    let about = house.about().await;
    assert_eq!((&about["name"], &about["demo"]), (&"boda".into(), &false.into()));
    assert!(text(&about["sandbox_url"]).starts_with("http://127.0.0.1:"));
    assert!(text(&about["server_time"]).ends_with('Z'));
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn metrics_are_in_prometheus_form_and_count() {
    let house = shared();
    let rider = Person::rider(&house).await;
    rider.api.get("/me").await.expect(200);
    let answer = outside(&house).get("/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{answer}");
    let samples: Vec<&str> = answer.text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    for sample in &samples {
        let (name, value) = sample.rsplit_once(' ').unwrap_or_else(|| panic!("{sample}"));
        assert!(value.parse::<f64>().is_ok() && !name.is_empty(), "{sample}");
    }
    for name in ["boda_http_requests_total", "boda_sockets_open", "boda_jobs_", "boda_db_connections", "process_"] {
        assert!(answer.text.contains(name), "{name} is missing in\n{}", answer.text);
    }
    assert!(!answer.text.contains(&rider.id), "no ids in labels");
    assert!(!answer.text.contains("NaN"), "{}", answer.text);
}

#[tokio::test]
async fn the_description_has_every_route_and_every_answer() {
    let house = shared();
    let document = outside(&house).get("/api/openapi.json").await.expect(200);
    assert!(text(&document["openapi"]).starts_with("3.1"), "{}", document["openapi"]);
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("an object") {
        for (method, operation) in methods.as_object().expect("an object") {
            let name = format!("{} {}", method.to_uppercase(), path.strip_prefix("/api/v1").unwrap_or(path));
            let answers = operation["responses"].as_object();
            let is_success = |status: &String| status.starts_with('2');
            assert!(answers.is_some_and(|answers| answers.keys().any(is_success)), "{name} has no success");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            described.insert(name);
        }
    }
    let expected: BTreeSet<_> = ROUTES.iter().map(|route| (*route).to_owned()).collect();
    let missing: Vec<_> = expected.difference(&described).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    let unknown: Vec<_> = described.difference(&expected).filter(|name| !name.contains("/socket")).collect();
    assert!(unknown.is_empty(), "described, but not in the list of this test: {unknown:?}");
    check_references(&document, &document);
}

#[tokio::test]
async fn the_description_of_the_sockets_is_served_and_shares_its_views_with_that_of_the_routes() {
    let house = shared();
    let routes = outside(&house).get("/api/openapi.json").await.expect(200);
    let sockets = outside(&house).get("/api/asyncapi.json").await.expect(200);
    assert_eq!(sockets["asyncapi"], "3.0.0");
    let of_routes = routes["components"]["schemas"].as_object().expect("an object");
    let of_sockets = sockets["components"]["schemas"].as_object().expect("an object");
    let mut shared_names = BTreeSet::new();
    for (name, schema) in of_sockets {
        if let Some(other) = of_routes.get(name) {
            assert_eq!(schema, other, "{name} is described in two ways");
            shared_names.insert(name.as_str());
        }
    }
    let views = ["DriverPosition", "DriverView", "OfferView", "PersonView", "Place", "RideStatus", "RideView"];
    let missing: Vec<_> = views.into_iter().filter(|view| !shared_names.contains(view)).collect();
    assert!(missing.is_empty(), "not shared: {missing:?}");
}

/// Every `$ref` leads somewhere.
fn check_references(document: &Value, part: &Value) {
    match part {
        Value::Object(object) => {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
            object.values().for_each(|value| check_references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}

#[tokio::test]
async fn every_described_route_is_served() {
    let house = shared();
    let admin = &house.admin().await.api;
    for route in ROUTES {
        let (method, path) = route.split_once(' ').expect("method and path");
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        let path = path.replace("{driver_id}", "00000000-0000-4000-8000-000000000000");
        let path = path.replace("{n}", "1");
        let path = path.replace("{offer_id}", "00000000-0000-4000-8000-000000000000.1");
        let is_own_session = path.starts_with("/auth/logout");
        let api = if is_own_session { &house.api() } else { admin };
        let answer = api.send(method.parse().expect("a method"), &path, |request| request).await;
        let code = if answer.status < 400 { Value::Null } else { answer.json()["code"].clone() };
        let is_unknown = code == "method_not_allowed" || answer.text.contains("no such address");
        assert!(!is_unknown && answer.status < 500, "{answer}");
    }
    admin.get("/nowhere").await.refused(404, "not_found");
    admin.delete("/rides").await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn the_docs_and_the_city_page_are_served_whole() {
    let house = shared();
    let page = outside(&house).get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page}");
    assert!(page.header("content-security-policy").is_some());
    for word in ["src=\"http", "href=\"http", "@import", "//cdn"] {
        assert!(!page.text.contains(word), "the page fetches from elsewhere: {word}");
    }
    let mut docs = outside(&house).get("/api/docs").await;
    if let Some(place) = docs.header("location").map(str::to_owned) {
        docs = outside(&house).get(&place).await;
    }
    assert_eq!(docs.status, 200);
    assert!(docs.text.contains("swagger-ui"), "{docs}");
    let script = outside(&house).get("/api/docs/swagger-ui-bundle.js").await;
    assert!(script.status == 200 && script.text.len() > 10_000, "served locally");
}

#[tokio::test]
async fn the_city_is_shown_to_admins_only_unless_it_is_public() {
    let house = shared();
    house.api().get("/city").await.refused(401, "unauthenticated");
    let place = house.corner().await.pickup;
    let _driver = Person::driver_at(&house, place).await;
    let city = house.admin().await.api.get("/city").await.expect(200);
    let drivers = city["drivers"].as_array().expect("a list");
    let is_at = |value: &Value, degrees: f64| (value.as_f64().unwrap_or_default() - degrees).abs() < 1e-5;
    let stands_there = |driver: &&Value| is_at(&driver[0], place.lat) && is_at(&driver[1], place.lng);
    let shown = drivers.iter().find(stands_there).expect("the driver is on the map");
    assert_eq!(shown[3], 0, "free");
    assert!(city["counters"]["drivers_online"].as_i64() >= Some(1), "{}", city["counters"]);
}

#[tokio::test]
async fn a_public_city_is_shown_to_everybody() {
    let house = House::start(&[("server.city_page_public", "true")]);
    let counters = &house.api().get("/city").await.expect(200)["counters"];
    assert_eq!(counters["rides_live"], 0);
    // It has no map, and so no streets.
    assert_eq!(house.api().get("/city/streets").await.status, 204);
}

#[tokio::test]
async fn the_streets_are_told_once_to_who_keeps_them() {
    let house = House::start(&[("server.city_page_public", "true"), ("map.town", "true")]);
    let answer = house.api().get("/city/streets").await;
    let tag = answer.header("etag").expect("a tag").to_owned();
    let streets = answer.expect(200);
    assert_eq!(streets["attribution"], "generated town");
    assert_eq!(streets["classes"][0]["class"], "trunk");
    assert_eq!(streets["is_partial"], false);
    let ask = async |tag: &str| {
        let tag = tag.to_owned();
        house.api().send(Method::GET, "/city/streets", |request| request.header("if-none-match", tag)).await
    };
    let again = ask(&tag).await;
    assert_eq!((again.status, again.text.len()), (304, 0));
    assert_eq!(ask("\"another\"").await.status, 200);
}

#[tokio::test]
async fn a_request_keeps_its_id_if_it_is_fit_to_be_logged() {
    let house = shared();
    let ask = async |id: &'static [u8]| {
        let header = reqwest::header::HeaderValue::from_bytes(id).expect("bytes of a header");
        house.api().send(Method::GET, "/server", |request| request.header("x-request-id", header)).await
    };
    let echoed = ask(b"it-1.2_Z").await;
    assert_eq!(echoed.header("x-request-id"), Some("it-1.2_Z"));
    let long = b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for bad in [&b"a b"[..], b"<script>", b"\xff\xfe", long] {
        let replaced = ask(bad).await;
        let id = replaced.header("x-request-id").expect("made").to_owned();
        assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }
}

#[tokio::test]
async fn the_id_of_a_request_reaches_the_jobs_it_leaves_behind() {
    let house = shared();
    let applicant = Person::applicant(&house).await;
    let admin = &house.admin().await.api;
    let id = format!("approve-{}", applicant.id);
    let path = format!("/admin/drivers/{}/approve", applicant.id);
    admin.send(Method::POST, &path, |request| request.header("x-request-id", &id)).await.expect(200);
    eventually("the job of the notice", async || {
        let jobs = admin.get("/admin/jobs?limit=100").await.expect(200);
        jobs["items"].as_array()?.iter().find(|job| job["request_id"] == id.as_str() && job["state"] == "done").cloned()
    })
    .await;
    let counts = admin.get("/admin/jobs?state=dead").await.expect(200);
    assert_eq!(counts["items"], json!([]));
    admin.get("/admin/jobs?state=asleep").await.refused(422, "invalid_value");
    let nobody = "/admin/jobs/00000000-0000-4000-8000-000000000000/retry";
    admin.post_empty(nobody).await.refused(404, "not_found");
    eventually("a log line of it", async || house.log().iter().any(|line| line.contains(&id)).then_some(())).await;
}

#[tokio::test]
async fn the_log_knows_no_names_numbers_or_tokens() {
    let house = House::start(&[("log.filter", "debug,sqlx=info,hyper=info")]);
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let mut booking = corner.booking();
    booking["notes"] = "umuryango w'ubururu".into();
    rider.book(&booking).await;
    driver.accept_offer().await;
    let secrets =
        [&driver.phone, &rider.phone, rider.api.token(), &rider.refresh_token, "Aline", "Uwase", "umuryango w'ubururu"];
    for line in house.log() {
        // The sandbox is not the house: it is the phones of people who do not exist.
        if serde_json::from_str::<Value>(&line).is_ok_and(|line| line["target"] == "sandbox") {
            continue;
        }
        for secret in secrets {
            assert!(!line.contains(secret), "{secret} in the log: {line}");
        }
    }
}
