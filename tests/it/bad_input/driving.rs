//! Bodies about drivers, their papers, where they are and what admins decide.

use reqwest::Method;
use serde_json::{Value, json};

use super::endpoint::Kind::{List, Number, Text, Whole};
use super::endpoint::{Endpoint, long};
use crate::house::House;
use crate::people::{Person, now_ms, papers};

/// Nobody has this id.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub async fn endpoints(house: &House) -> Vec<Endpoint> {
    let corner = house.corner().await;
    let (driver, admin) = (Person::applicant(house).await, house.admin().await);
    let papers = papers(house).await;
    let document =
        json!({"kind": "photo", "number": "A-12345", "expires_on": papers["insurance_expires_on"], "note": "x"});
    let mut located = corner.pickup.json();
    located["t_ms"] = now_ms().into();
    located["bearing_deg"] = 87.into();
    located["speed_mps"] = 6.1.into();
    let decide = |verb: &str| {
        let path = format!("/admin/drivers/{NOBODY}/{verb}");
        Endpoint::post(&admin, path, json!({"reason": "x"})).must(Text, &["reason"]).name("reason")
    };
    vec![
        Endpoint::post(&driver, "/drivers/me/online", corner.pickup.json()).place("lat", "lng"),
        Endpoint::post(&driver, "/drivers/me/location", located)
            .place("lat", "lng")
            .may(Whole, &["t_ms"])
            .may(Number, &["bearing_deg", "speed_mps"])
            .wrong("t_ms", [0, i64::MAX, i64::MIN].map(Value::from))
            .wrong("bearing_deg", [361, -1].map(Value::from))
            .wrong("speed_mps", [-0.1, 1e38].map(Value::from)),
        of_papers(Endpoint::post(&driver, "/drivers/me", papers).by(Method::PUT)),
        Endpoint::post(&driver, "/drivers/me/documents", document)
            .must(Text, &["kind", "number"])
            .may(Text, &["expires_on", "note", "number_type", "issuer", "first_authorised_on"])
            .wrong("kind", [json!("poem")])
            .wrong("number", [json!(""), long()])
            .wrong("expires_on", [json!("2020-01-01"), json!("soon")])
            .wrong("first_authorised_on", [json!("2999-01-01"), json!("once")])
            .wrong("number_type", [json!("passport")])
            .wrong("issuer", [long()])
            .wrong("note", [long()]),
        Endpoint::post(&driver, "/drivers/me/appeals", json!({"words": "x"}))
            .must(Text, &["words"])
            .wrong("words", [json!(""), json!("  "), long(), json!("a\u{7}b")]),
        Endpoint::post(
            &admin,
            format!("/admin/driver-appeals/{NOBODY}/decision"),
            json!({"outcome": "granted", "reason": "x"}),
        )
        .must(Text, &["outcome", "reason"])
        .wrong("outcome", [json!("perhaps")])
        .name("reason"),
        Endpoint::post(
            &admin,
            format!("/admin/drivers/{NOBODY}/documents/{NOBODY}/decision"),
            json!({"decision": "reject", "reason_code": "unreadable", "reason": "x"}),
        )
        .must(Text, &["decision"])
        .may(Text, &["reason"])
        .wrong("decision", [json!("perhaps")]),
        decide("reject"),
        decide("suspend"),
        Endpoint::post(&admin, format!("/admin/incidents/{NOBODY}/state"), json!({"state": "investigating"}))
            .must(Text, &["state"])
            .wrong("state", [json!("dreaming"), json!("")]),
    ]
}

fn of_papers(endpoint: Endpoint) -> Endpoint {
    endpoint
        .must(Text, &["licence_number", "licence_category", "licence_expires_on", "plate", "vehicle_make", "fuel"])
        .must(Whole, &["vehicle_year"])
        .must(List, &["ride_types"])
        .must(Text, &["insurance_number", "insurance_expires_on"])
        .may(Text, &["inspection_expires_on", "licence_type", "city"])
        .wrong("licence_type", [json!("provisional"), json!("forged")])
        .wrong("city", [json!("goma")])
        .name("vehicle_make")
        .name("vehicle_model")
        .wrong("licence_number", [json!("1"), long()])
        .wrong("licence_category", [json!("B"), json!("A,Z"), long()])
        .wrong("licence_expires_on", [json!("2020-01-01"), json!("2027-02-30"), json!("9999-12-31")])
        .wrong("plate", [json!("RAB123C"), json!("GRM123A"), long()])
        .wrong("vehicle_year", [1_900, i32::MAX].map(Value::from))
        .wrong("fuel", [json!("steam")])
        .wrong("ride_types", [json!([]), json!(["cab"])])
        .wrong("insurance_expires_on", [json!("2020-01-01"), json!("tomorrow")])
        .wrong("inspection_expires_on", [json!("soon")])
}
