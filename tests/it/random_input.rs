//! Random JSON at everything that reads a body: never a fault of ours, and the connection stays.
//!
//! proptest prints the smallest body that breaks this, and the seed.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::house::{House, shared};
use crate::people::{Person, now_ms};
use crate::raw::Connection;

/// Names that mean something somewhere, so that random objects get past the first check.
const NAMES: &[&str] = &[
    "phone",
    "first_name",
    "last_name",
    "role",
    "email",
    "language",
    "password",
    "code",
    "device_name",
    "refresh_token",
    "new_password",
    "pickup",
    "destination",
    "lat",
    "lng",
    "address",
    "landmark",
    "ride_type",
    "payment_method",
    "quote_id",
    "notes",
    "reason",
    "note",
    "stars",
    "comment",
    "pin",
    "t_ms",
    "bearing_deg",
    "speed_mps",
    "licence_number",
    "plate",
    "vehicle_year",
    "ride_types",
    "kind",
    "number",
    "expires_on",
    "severity",
    "description",
    "ride_id",
    "state",
    "x",
];

/// Words that are right somewhere.
const WORDS: &[&str] = &[
    "boda",
    "cash",
    "other",
    "customer",
    "driver",
    "too_far",
    "rw",
    "0788123456",
    "+250788123456",
    "123456",
    "1234",
    "photo",
    "accident",
    "high",
    "2027-06-30",
    "RC123B",
    "00000000-0000-4000-8000-000000000000",
    "",
    "\u{0}",
    "🛵",
    "-1",
];

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(WORDS).prop_map(str::to_owned), ".{0,40}", "\\PC{0,600}"]
}

fn any_json() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        (-3.0..-1.0_f64).prop_map(|number| json!(number)),
        (28.0..31.0_f64).prop_map(|number| json!(number)),
        (-1..7_i64).prop_map(|number| json!(number)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        numbers,
        any_text().prop_map(Value::String)
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let name = prop_oneof![4 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => any_text()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((name, inner), 0..8).prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

/// An endpoint, who asks, and a body that gets far.
struct Target {
    method: &'static str,
    path: String,
    token: String,
    body: Value,
}

async fn targets(house: &House) -> Vec<Target> {
    let corner = house.corner().await;
    let (rider, driver) = (Person::rider(house).await, Person::driver(house).await);
    let admin = house.admin().await;
    let target = |method, path: &str, person: &Person, body| Target {
        method,
        path: path.to_owned(),
        token: person.api.token().to_owned(),
        body,
    };
    let nobody = "00000000-0000-4000-8000-000000000000";
    let registration = json!({"phone": "0788123456", "first_name": "Yves", "last_name": "Gatete", "role": "customer"});
    vec![
        target("POST", "/auth/register", &rider, registration),
        target("POST", "/auth/code", &rider, json!({"phone": "0788123456"})),
        target("POST", "/auth/verify", &rider, json!({"phone": "0788123456", "code": "123456"})),
        target("POST", "/auth/second-factor", &rider, json!({"code": "123456"})),
        target("POST", "/me/second-factor", &rider, json!({"code": "123456"})),
        target(
            "POST",
            "/auth/password/reset/confirm",
            &rider,
            json!({"phone": "0788123456", "code": "123456", "new_password": "amata n'ubuki"}),
        ),
        target("POST", &format!("/admin/partners/{nobody}/revoke"), &admin, json!({"reason": "x"})),
        target("POST", "/auth/partner/token", &rider, json!({"partner_id": nobody, "secret": "x"})),
        target("POST", "/auth/refresh", &rider, json!({"refresh_token": "x"})),
        target(
            "PATCH",
            "/me",
            &rider,
            json!({"language": "fr", "date_of_birth": "1994-07-01", "email": "a@example.rw"}),
        ),
        target("POST", "/quotes", &rider, corner.question()),
        target("POST", "/rides", &rider, corner.booking()),
        target("POST", &format!("/rides/{nobody}/cancel"), &rider, json!({"reason": "other", "note": "x"})),
        target("POST", &format!("/rides/{nobody}/rating"), &rider, json!({"stars": 5, "comment": "x"})),
        target("POST", &format!("/rides/{nobody}/start"), &driver, json!({"pin": "1234"})),
        target("POST", &format!("/offers/{nobody}.1/decline"), &driver, json!({"reason": "other"})),
        target(
            "POST",
            "/drivers/me/location",
            &driver,
            json!({"lat": -1.95, "lng": 30.06, "t_ms": 0, "speed_mps": 1.5}),
        ),
        target("POST", "/drivers/me/documents", &driver, json!({"kind": "photo", "number": "A-12345"})),
        target(
            "POST",
            "/safety/incidents",
            &rider,
            json!({"kind": "accident", "severity": "high", "description": "x"}),
        ),
        target("POST", &format!("/admin/drivers/{nobody}/reject"), &admin, json!({"reason": "x"})),
        target("POST", &format!("/admin/incidents/{nobody}/state"), &admin, json!({"state": "closed"})),
        target(
            "POST",
            "/admin/users",
            &admin,
            json!({"phone": "0788123456", "first_name": "A", "last_name": "B", "role": "king"}),
        ),
    ]
}

/// The good body with some fields replaced, or something else altogether.
fn spoilt(good: &Value, changes: &[(prop::sample::Index, Value)], is_whole: bool) -> Value {
    let Some((_, anything)) = changes.first().filter(|_| is_whole) else {
        let mut body = good.clone();
        let object = body.as_object_mut().expect("bodies are objects");
        let names: Vec<String> = object.keys().cloned().collect();
        for (index, value) in changes {
            object.insert(index.get(&names).clone(), value.clone());
        }
        return body;
    };
    anything.clone()
}

#[test]
fn no_body_brings_the_server_into_trouble() {
    let house = shared();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let targets = runtime.block_on(targets(&house));
    let connection = RefCell::new(runtime.block_on(Connection::open(&house)));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..4);
    let strategy = (any::<prop::sample::Index>(), changes, prop::bool::weighted(0.25));
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |(target, changes, is_whole)| {
        let target = target.get(&targets);
        let body = spoilt(&target.body, &changes, is_whole).to_string();
        let mut connection = connection.borrow_mut();
        let ask = connection.ask(target.method, &target.path, &target.token, body.as_bytes());
        let (status, answer) = runtime.block_on(ask);
        prop_assert!(status < 500, "{} {} {body} → {status} {answer}", target.method, target.path);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Commands and pings, and what they carry.
const FRAMES: &[&str] = &[
    "ping",
    "accept_offer",
    "decline_offer",
    "arrive",
    "start",
    "reach_stop",
    "complete",
    "cancel",
    "heartbeat",
    "hello",
    "welcome",
];
const FIELDS: &[&str] = &[
    "id",
    "t_ms",
    "lat",
    "lng",
    "speed_mps",
    "bearing_deg",
    "ack",
    "offer_id",
    "ride_id",
    "pin",
    "stop",
    "reason",
    "note",
];

#[test]
fn no_frame_brings_the_server_into_trouble() {
    // Nothing is dropped as too much, so every frame is looked at.
    let plenty =
        [("sockets.frames_per_s", "10000"), ("sockets.frames_burst_max", "100000"), ("sockets.bad_frames_max", "1000")];
    let house = House::start(&plenty);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let place = runtime.block_on(house.corner()).pickup;
    let (_, app) = runtime.block_on(Person::driver_app_at(&house, place));
    let app = RefCell::new(app);
    let fields = prop::collection::vec((prop::sample::select(FIELDS), any_json()), 0..6);
    let strategy = (prop::sample::select(FRAMES), fields);
    let config = Config { cases: 300, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |(kind, fields)| {
        let mut frame = json!({"type": kind, "id": "1", "t_ms": now_ms(), "lat": place.lat, "lng": place.lng,
            "offer_id": "8f1b2c3d-0000-8000-8000-000000000001.1", "ride_id": "8f1b2c3d-0000-8000-8000-000000000001", "pin": "1234"});
        for (name, value) in fields {
            frame[name] = value;
        }
        let text = frame.to_string();
        prop_assume!(text.len() <= 4_096);
        let mut app = app.borrow_mut();
        runtime.block_on(async {
            app.send_text(&text).await;
            // Whatever it was, the socket goes on to take a position.
            app.ping(place).await;
        });
        prop_assert!(app.unread().all(|frame| frame["code"] != "internal"), "{text}: {:?}", app.unread().last());
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
