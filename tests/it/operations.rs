//! What operators and machines look at: health, metrics, description, ids of requests.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

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
async fn the_description_says_of_every_route_what_it_does_and_answers() {
    let house = shared();
    let document = outside(&house).get("/api/openapi.json").await.expect(200);
    assert!(text(&document["openapi"]).starts_with("3.1"), "{}", document["openapi"]);
    for (path, methods) in document["paths"].as_object().expect("an object") {
        for (method, operation) in methods.as_object().expect("an object") {
            let name = format!("{} {path}", method.to_uppercase());
            let answers = operation["responses"].as_object();
            let is_success = |status: &String| status.starts_with('2');
            assert!(answers.is_some_and(|answers| answers.keys().any(is_success)), "{name} has no success");
            assert!(operation["summary"].is_string(), "{name} has no summary");
        }
    }
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
async fn what_is_not_described_is_not_served() {
    let house = shared();
    let admin = &house.admin().await.api;
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
