//! Bodies about rides.

use serde_json::{Value, json};

use super::endpoint::Kind::{List, Number, Object, Text, Whole};
use super::endpoint::{Endpoint, long};
use crate::city::Corner;
use crate::house::House;
use crate::people::Person;

/// No ride has this id.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub async fn endpoints(house: &House) -> Vec<Endpoint> {
    let corner = house.corner().await;
    let (rider, driver) = (Person::rider(house).await, Person::applicant(house).await);
    let mut question = corner.question();
    question["pickup"]["address"] = "Nyabugogo".into();
    let mut booking = question.clone();
    booking["payment_method"] = "cash".into();
    booking["notes"] = "x".into();
    booking["quote_id"] = Value::Null;
    let path = |command: &str| format!("/rides/{NOBODY}/{command}");
    vec![
        from_here_to_there(Endpoint::post(&rider, "/quotes", question), corner)
            .wrong("stops", [json!(vec![corner.pickup.json(); 4])]),
        from_here_to_there(Endpoint::post(&rider, "/rides", booking), corner)
            .may(Text, &["payment_method", "quote_id", "notes"])
            .wrong("payment_method", [json!("barter"), json!("")])
            .wrong("quote_id", [json!("x"), json!(NOBODY)])
            .wrong("notes", [json!("a\u{0}b"), long()])
            .wrong("payment_method_id", [json!("x"), json!(NOBODY)])
            .wrong("use_credit", [json!("yes"), json!(1)])
            .wrong("promo_code", [long()])
            .may(Object, &["parcel"])
            .wrong("parcel", [parcel()])
            .wrong("stops", [json!(vec![json!({"place": corner.pickup.json()}); 4])]),
        from_here_to_there(Endpoint::post(&rider, "/rides", delivery(corner)), corner)
            .must(Object, &["parcel.receiver"])
            .must(Text, &["parcel.description", "parcel.size", "parcel.receiver.name", "parcel.receiver.phone"])
            .may(Object, &["parcel.sender"])
            .name("parcel.description")
            .name("parcel.receiver.name")
            .wrong("parcel.size", [json!("huge"), json!(""), long()])
            .wrong("parcel.receiver.phone", [json!("0751234567"), json!(""), json!("+1 555"), long()]),
        Endpoint::post(&rider, path("reschedule"), json!({"pickup_at": "2026-11-27T07:30:00+02:00"}))
            .must(Text, &["pickup_at"]),
        Endpoint::post(&rider, path("cancel"), json!({"reason": "other", "note": "x"}))
            .must(Text, &["reason"])
            .may(Text, &["note"])
            .wrong("reason", [json!("bored"), json!(""), json!("rider_no_show")])
            .wrong("note", [long()]),
        Endpoint::post(&rider, path("fare-dispute"), json!({"reason": "other", "comment": "x"}))
            .must(Text, &["reason"])
            .may(Text, &["comment"])
            .wrong("reason", [json!("weather"), json!(""), long()])
            .wrong("comment", [long()]),
        Endpoint::post(&rider, path("rating"), json!({"stars": 5, "comment": "x"}))
            .must(Whole, &["stars"])
            .may(Text, &["comment"])
            .wrong("stars", [json!(0), json!(6), json!(i64::MIN)])
            .wrong("comment", [long()]),
        Endpoint::post(&driver, path("start"), json!({"pin": "1234"}))
            .must(Text, &["pin"])
            .wrong("pin", [json!("12"), json!("12345"), json!("abcd"), json!("١٢٣٤"), json!("+123"), long()]),
        Endpoint::post(&driver, format!("/offers/{NOBODY}.1/decline"), json!({"reason": "too_far"}))
            .may(Text, &["reason"])
            .wrong("reason", [json!("rain"), json!(""), long()]),
        Endpoint::post(&rider, "/safety/incidents", incident(corner))
            .must(Text, &["kind", "severity", "description"])
            .may(Text, &["ride_id"])
            .may(Number, &["lat", "lng"])
            .name("description")
            .wrong("kind", [json!("rain")])
            .wrong("severity", [json!("very")])
            .wrong("ride_id", [json!("x")])
            .wrong("lat", [json!(91), json!(48.85), Value::Null])
            .wrong("lng", [json!(-181), json!(2.35), Value::Null]),
    ]
}

fn from_here_to_there(endpoint: Endpoint, corner: Corner) -> Endpoint {
    endpoint
        .must(Object, &["pickup", "destination"])
        .place("pickup.lat", "pickup.lng")
        .place("destination.lat", "destination.lng")
        .may(Text, &["ride_type", "pickup.address", "pickup_at"])
        .may(List, &["stops"])
        .wrong(
            "pickup_at",
            [json!("tomorrow"), json!(""), json!("2020-01-01T00:00:00Z"), json!("2026-11-27T07:30:00"), long()],
        )
        .wrong("ride_type", [json!("cab"), json!("")])
        .wrong("pickup.address", [json!("a\u{7}b"), long()])
        // No ride at all, and one longer than any.
        .wrong("destination", [corner.pickup.json(), corner.pickup.north(180_000.0).json()])
}

fn parcel() -> Value {
    json!({"receiver": {"name": "Keza", "phone": "0788000001"}, "description": "a book", "size": "small"})
}

fn delivery(corner: Corner) -> Value {
    let mut booking = corner.question();
    booking["ride_type"] = "delivery".into();
    booking["parcel"] = parcel();
    booking
}

fn incident(corner: Corner) -> Value {
    json!({
        "kind": "accident", "severity": "high", "description": "x", "ride_id": NOBODY,
        "lat": corner.pickup.lat, "lng": corner.pickup.lng,
    })
}
