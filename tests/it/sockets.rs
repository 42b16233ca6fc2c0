//! The socket's own rules: who gets one, what it takes, and that a bad one hurts nobody else.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::app::{App, handshake};
use crate::city::Place;
use crate::house::{House, shared};
use crate::people::{Person, now_ms};

#[tokio::test]
async fn a_token_in_the_handshake_is_as_good_as_a_hello() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let mut request = handshake(&house);
    let bearer = HeaderValue::from_str(&format!("Bearer {}", rider.api.token())).expect("plain");
    request.headers_mut().insert("authorization", bearer);
    let mut app = App::with_request(&house, request).await;
    let welcome = app.expect("welcome").await;
    assert_eq!((&welcome["user_id"], &welcome["role"]), (&rider.id.as_str().into(), &"customer".into()));
    assert_eq!(welcome["heartbeat_s"], 30);
}

#[tokio::test]
async fn who_cannot_say_who_they_are_is_closed_out() {
    let house = shared();
    let mut app = App::strange(&house).await;
    app.send(&json!({"type": "hello", "token": "nonsense"})).await;
    assert_eq!(app.closed().await, 4501);
    let mut app = App::strange(&house).await;
    app.send(&json!({"type": "heartbeat"})).await;
    assert_eq!(app.closed().await, 4500);
    let mut app = App::strange(&house).await;
    app.send(&json!({"type": "hello", "token": house.admin().await.api.token()})).await;
    assert_eq!(app.closed().await, 4503, "an admin has no socket");
    let mut request = handshake(&house);
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer nonsense"));
    assert_eq!(App::with_request(&house, request).await.closed().await, 4501);
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let house = House::start(&[("sockets.hello_within_s", "1"), ("sockets.heartbeat_s", "1")]);
    let mut silent = App::strange(&house).await;
    assert_eq!(silent.closed().await, 4500);
    let rider = Person::rider(&house).await;
    let mut app = App::open(&house, &rider).await;
    assert_eq!(app.closed().await, 4001, "no heartbeat");
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused_in_http() {
    let house = shared();
    house.api().get("/socket").await.refused(426, "upgrade_required");
    for (header, value, status) in [
        ("sec-websocket-protocol", "mqtt", 426),
        ("sec-websocket-version", "8", 426),
        ("sec-websocket-key", "short", 400),
    ] {
        let mut request = handshake(&house);
        request.headers_mut().insert(header, HeaderValue::from_static(value));
        match App::shake_hands(&house, request).await {
            Err(WsError::Http(response)) => assert_eq!(response.status(), status, "{header}: {value}"),
            other => panic!("{header}: {value} → {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_newer_connection_replaces_the_older() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let mut older = App::open(&house, &rider).await;
    let mut newer = App::open(&house, &rider).await;
    assert_eq!(older.closed().await, 4502);
    newer.send(&json!({"type": "heartbeat"})).await;
    assert!(newer.expect("heartbeat").await["server_time_ms"].as_i64() > Some(0));
}

#[tokio::test]
async fn a_socket_full_of_nonsense_is_closed_and_hurts_nobody_else() {
    let house = shared();
    let place = house.corner().await.pickup;
    let (bad, good) = (Person::rider(&house).await, Person::driver_app_at(&house, place).await);
    let (_, mut good) = good;
    let mut bad = App::open(&house, &bad).await;
    let nonsense = ["", "{", "[]", "null", "42", "{\"type\":\"pong\"}", "{\"id\":\"1\"}", "\u{0}", "\"ping\""];
    for text in nonsense {
        bad.send_text(text).await;
        let answer = bad.expect("error").await;
        assert_eq!(answer["code"], "invalid_frame", "{text:?} → {answer}");
    }
    bad.send_text("one too many").await;
    assert_eq!(bad.closed().await, 4500);
    good.ping(place).await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_or_binary_is_refused() {
    let house = shared();
    let (rider, mut app) = Person::rider_app(&house).await;
    app.send_message(Message::binary(vec![1, 2, 3])).await.expect("open");
    assert_eq!(app.expect("error").await["code"], "invalid_frame");
    let huge = json!({"type": "heartbeat", "padding": "x".repeat(5_000)});
    app.send(&huge).await;
    assert_eq!(app.closed().await, 1009);
    App::open(&house, &rider).await;
}

#[tokio::test]
async fn a_ping_must_be_of_here_and_now() {
    let house = shared();
    let place = house.corner().await.pickup;
    let (_, mut app) = Person::driver_app_at(&house, place).await;
    let good = json!({"type": "ping", "t_ms": now_ms(), "lat": place.lat, "lng": place.lng});
    let refused = [
        ("lat", json!(91.2), "lat"),
        ("lng", json!(-181), "lng"),
        ("lat", json!(48.85), "lat"),
        ("lat", json!("north"), "lat"),
        ("lat", Value::Null, "lat"),
        ("t_ms", json!(now_ms() - 120_000), "t_ms"),
        ("t_ms", json!(now_ms() + 120_000), "t_ms"),
        ("t_ms", json!(i64::MIN), "t_ms"),
        ("t_ms", json!(i64::MAX), "t_ms"),
        ("t_ms", json!(1e300), "t_ms"),
        ("speed_mps", json!(-1), "speed_mps"),
        ("bearing_deg", json!(720), "bearing_deg"),
        ("accuracy_m", json!("good"), "accuracy_m"),
    ];
    for (key, value, field) in refused {
        let mut ping = good.clone();
        ping[key] = value;
        app.send(&ping).await;
        let error = app.expect("error").await;
        assert_eq!(error["code"], "invalid_value", "{ping} → {error}");
        assert!(error["faults"].to_string().contains(&format!("\"{field}\"")), "{ping} → {error}");
    }
    app.ping(place).await;
}

#[tokio::test]
async fn who_jumps_across_town_is_not_believed() {
    let house = House::start(&[("city.jump_slack_m", "500")]);
    let place = house.corner().await.pickup;
    let (driver, mut app) = Person::driver_app_at(&house, place).await;
    app.ping(place).await;
    app.ping(place.north(300.0)).await;
    let there = place.north(20_000.0);
    app.send(&json!({"type": "ping", "t_ms": now_ms(), "lat": there.lat, "lng": there.lng})).await;
    let error = app.expect("error").await;
    assert_eq!(error["code"], "invalid_value", "{error}");
    assert!(error["message"].to_string().contains("m from where you were"), "{error}");
    // Another connection may be anywhere: people travel while they are away.
    let mut app = App::open(&house, &driver).await;
    app.ping(there).await;
}

#[tokio::test]
async fn a_rider_who_browses_sees_free_drivers_around_and_no_names() {
    let house = House::start(&[("city.browse_every_ms", "100")]);
    let place = house.corner().await.pickup;
    let (_, mut phone) = Person::rider_app(&house).await;
    let mut browse = place.json();
    browse["type"] = "browse".into();
    phone.command(browse.clone()).await;
    let (driver, mut wheel) = Person::driver_app_at(&house, place.north(50.0)).await;
    let seen = loop {
        let frame = phone.expect("drivers_nearby").await;
        if let Some(driver) = frame["drivers"].as_array().and_then(|drivers| drivers.first()) {
            break driver.clone();
        }
    };
    assert!(!seen.to_string().contains(driver.id.as_str()), "{seen}");
    assert!((seen["lat"].as_f64().expect("a latitude") - place.north(50.0).lat).abs() < 1e-5, "{seen}");
    wheel.command(json!({"type": "go_offline"})).await;
    while phone.expect("drivers_nearby").await["drivers"] != json!([]) {}
    phone.command(json!({"type": "stop_browsing"})).await;
    browse["lat"] = 48.85.into();
    phone.refused(browse.clone(), "invalid_value").await;
    browse["lat"] = place.lat.into();
    wheel.refused(browse, "forbidden").await;
}

#[tokio::test]
async fn commands_are_checked_before_they_are_carried_out() {
    let house = shared();
    let place = house.corner().await.pickup;
    let driver = Person::driver(&house).await;
    let mut app = App::open(&house, &driver).await;
    let ride = "8f1b2c3d-0000-8000-8000-000000000001";
    let offer = format!("{ride}.1");
    let ping = json!({"type": "ping", "t_ms": now_ms(), "lat": place.lat, "lng": place.lng});
    app.send(&ping).await;
    assert_eq!(app.expect("error").await["code"], "not_online");
    for (command, code) in [
        (json!({"type": "go_online", "lat": 91.0, "lng": 30.0}), "invalid_value"),
        (json!({"type": "go_online", "lat": 48.85, "lng": 2.35}), "invalid_value"),
        (json!({"type": "go_online"}), "invalid_value"),
        (json!({"type": "accept_offer", "offer_id": "x"}), "invalid_value"),
        (json!({"type": "accept_offer", "offer_id": offer}), "offer_gone"),
        (json!({"type": "decline_offer", "offer_id": offer, "reason": "rain"}), "invalid_value"),
        (json!({"type": "arrive", "ride_id": "x"}), "invalid_value"),
        (json!({"type": "arrive", "ride_id": ride}), "not_found"),
        (json!({"type": "start", "ride_id": ride, "pin": "12"}), "invalid_value"),
        (json!({"type": "start", "ride_id": ride, "pin": "1234"}), "not_found"),
        (json!({"type": "complete", "ride_id": ride}), "not_found"),
        (json!({"type": "cancel", "ride_id": ride, "reason": "bored"}), "invalid_value"),
        (json!({"type": "cancel", "ride_id": ride, "reason": "other"}), "not_found"),
    ] {
        app.refused(command, code).await;
    }
    app.command(json!({"type": "go_offline"})).await;
    let (_, mut phone) = Person::rider_app(&house).await;
    phone.refused(json!({"type": "go_online", "lat": place.lat, "lng": place.lng}), "forbidden").await;
}

#[tokio::test]
async fn a_flood_of_frames_is_thinned_and_the_socket_stays() {
    let house = shared();
    let (_, mut app) = Person::rider_app(&house).await;
    for _ in 0..200 {
        app.send_text("{\"type\":\"heartbeat\"}").await;
    }
    assert_eq!(rate_limited(&mut app).await["code"], "rate_limited");
    let answered = app.unread().filter(|frame| frame["type"] == "heartbeat").count();
    assert!((1..=60).contains(&answered), "{answered} of 200 were let through at once");
}

async fn rate_limited(app: &mut App) -> Value {
    app.expect("error").await
}

#[tokio::test]
async fn a_riders_position_is_not_asked_for() {
    let house = shared();
    let Place { lat, lng } = house.corner().await.pickup;
    let (_, mut app) = Person::rider_app(&house).await;
    app.send(&json!({"type": "ping", "t_ms": now_ms(), "lat": lat, "lng": lng})).await;
    assert_eq!(app.expect("error").await["code"], "forbidden");
}
