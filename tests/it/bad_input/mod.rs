//! Every body and every way to get it wrong: the answer is a refusal that names the field, never a fault of ours.
//!
//! The bodies stand in files of their own; what is done to all of them stands here.

mod accounts;
mod driving;
mod endpoint;
mod rides;

use serde_json::{Value, json};

use crate::api::Answer;
use crate::house::{House, shared};
use crate::people::Person;

use endpoint::{Endpoint, Kind, changed};

/// Every endpoint with a body, asked by somebody who may.
async fn all(house: &House) -> Vec<Endpoint> {
    let mut all = accounts::endpoints(house).await;
    all.extend(rides::endpoints(house).await);
    all.extend(driving::endpoints(house).await);
    all
}

fn check(answer: &Answer, what: &dyn std::fmt::Display) {
    assert!((400..500).contains(&answer.status), "{what}: {answer}");
    assert!(!matches!(answer.status, 401 | 403 | 429), "{what} was not looked at: {answer}");
}

#[tokio::test]
async fn a_body_that_is_no_json_or_no_object_is_refused() {
    let house = shared();
    for endpoint in all(&house).await {
        for text in ["", "{", "}", "nonsense", "{\"a\":1e999}", "{\"a\":NaN}", "\u{feff}{}", "{\"a\":\"\\ud800\"}"] {
            let answer = endpoint.send_text(text.to_owned()).await;
            answer.refused(400, "malformed_body");
            assert_eq!(answer.json()["faults"].as_array().map(Vec::len), Some(1), "{answer}");
        }
        let invented = format!("{{\"{}\":\"{}\"}}", "n".repeat(10_000), "v".repeat(10_000));
        let answer = endpoint.send_text(invented).await;
        assert!((400..500).contains(&answer.status) && answer.text.len() < 2_000, "{answer}");
        for body in [json!(null), json!(7), json!("text"), json!(true)] {
            endpoint.send(&body).await.refused(400, "malformed_body");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        endpoint.send_text(deep).await.refused(400, "malformed_body");
        let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
        endpoint.send_text(huge).await.refused(413, "body_too_large");
        let form = |request: reqwest::RequestBuilder| request.header("content-type", "text/plain").body("{}");
        let answer = endpoint.api.send(endpoint.method.clone(), &endpoint.path, form).await;
        answer.refused(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_or_missing_is_named() {
    let house = shared();
    for endpoint in all(&house).await {
        for (field, kind, is_required) in &endpoint.fields {
            let values = [
                (Kind::Text, json!("text")),
                (Kind::Number, json!(1.5)),
                (Kind::Whole, json!(7)),
                (Kind::List, json!([])),
                (Kind::Object, json!({})),
            ];
            let fits = |of: Kind| of == *kind || (*kind == Kind::Number && of == Kind::Whole);
            // A struct may be written as a list of its fields; an empty one lacks them all the same.
            let wrong = values.into_iter().filter(|(of, _)| !fits(*of)).map(|(_, value)| value);
            for value in wrong.chain([json!(true)]) {
                let answer = endpoint.send(&changed(&endpoint.body, field, Some(value.clone()))).await;
                check(&answer, &format_args!("{field} = {value}"));
                assert!(answer.blames(field), "{field} = {value}: {answer}");
            }
            if *is_required {
                for absent in [changed(&endpoint.body, field, None), changed(&endpoint.body, field, Some(Value::Null))]
                {
                    let answer = endpoint.send(&absent).await;
                    check(&answer, &format_args!("without {field}"));
                    let name = field.rsplit('.').next().unwrap_or(field);
                    assert!(answer.blames(field) || answer.blames(name), "without {field}: {answer}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_is_named_with_the_reason() {
    let house = shared();
    for endpoint in all(&house).await {
        for (field, value) in &endpoint.wrong {
            let answer = endpoint.send(&changed(&endpoint.body, field, Some(value.clone()))).await;
            let shown: String = value.to_string().chars().take(60).collect();
            check(&answer, &format_args!("{field} = {shown}"));
            assert!(answer.blames(field), "{field} = {shown}: {answer}");
            let body = answer.json();
            let fault = &body["faults"][0];
            assert!(fault["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
            assert!(answer.text.len() < 2_000, "the value is shortened: {} bytes", answer.text.len());
            // The code of a promotion hangs on every wall.
            for secret in ["password", "pin", "code"].into_iter().filter(|_| *field != "promo_code") {
                assert!(!field.ends_with(secret) || fault["value"].is_null(), "a secret is repeated: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let house = shared();
    let (rider, corner) = (Person::rider(&house).await, house.corner().await);
    let mut body = corner.booking();
    body["pickup"]["lat"] = 91.into();
    body["destination"]["landmark"] = "x".repeat(201).into();
    body["ride_type"] = "cab".into();
    body["payment_method"] = "barter".into();
    body["notes"] = "x".repeat(501).into();
    let answer = rider.api.post("/rides", &body).await;
    answer.refused(422, "invalid_value");
    for field in ["pickup.lat", "destination.landmark", "ride_type", "payment_method", "notes"] {
        assert!(answer.blames(field), "{field}: {answer}");
    }
}

#[tokio::test]
async fn questions_in_the_address_are_checked_too() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let admin = &house.admin().await.api;
    let official = Person::official(&house).await;
    for (api, path) in [
        (&rider.api, "/drivers/nearby"),
        (&rider.api, "/drivers/nearby?lat=x&lng=30"),
        (&rider.api, "/drivers/nearby?lat=91&lng=30"),
        (&rider.api, "/drivers/nearby?lat=NaN&lng=30"),
        (&rider.api, "/drivers/nearby?lat=-1.9&lng=inf"),
        (&rider.api, "/drivers/nearby?lat=-1.9&lng=30&limit=0"),
        (&rider.api, "/drivers/nearby?lat=-1.9&lng=30&limit=-1"),
        (&rider.api, "/drivers/nearby?lat=-1.9&lng=30&limit=99999999999999999999"),
        (&rider.api, "/rides/not-an-id"),
        (&rider.api, "/rides/%00/events"),
        (&rider.api, "/rides?cursor=%00"),
        (&rider.api, "/rides?status=%FF%FE"),
        (&rider.api, "/rides?from=999999-01-01T00:00:00Z"),
        (&rider.api, "/notifications?limit=1000"),
        (&rider.api, "/safety/incidents?state=x"),
        (admin, "/admin/drivers?status=x"),
        (admin, "/admin/drivers/x"),
        (admin, "/admin/users"),
        (admin, "/admin/users?phone=x"),
        (admin, "/admin/jobs?limit=0"),
        (admin, "/admin/analytics/rides?from=x"),
        (admin, "/admin/analytics/rides?from=2026-01-02&to=2026-01-01"),
        (admin, "/admin/analytics/rides?from=0001-01-01&to=9999-01-01"),
        (&official.api, "/government/drivers?status=x"),
        (&official.api, "/government/reports/rides?from=x"),
    ] {
        let answer = api.get(path).await;
        check(&answer, &path);
        assert!(answer.json()["faults"].as_array().is_some_and(|faults| !faults.is_empty()), "{answer}");
    }
}
