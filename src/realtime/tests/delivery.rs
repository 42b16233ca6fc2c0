//! Events and positions: order, conflation, and those who do not read.

use futures_util::FutureExt;

use super::{Phone, Server, config, notice, ride_id, user};
use crate::geo::LatLng;
use crate::ids::{DriverId, RiderId};
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::{Config, Delivery, Position};
use crate::time::{Span, Timestamp};

fn position(t_ms: i64) -> Position {
    Position {
        at: Timestamp::from_millis(t_ms),
        place: LatLng::new(-1.94, 30.06).expect("on the globe"),
        bearing_deg: Some(87.0),
        eta_s: Some(95),
    }
}

fn rider(number: u128) -> RiderId {
    user(number).into()
}

fn driver(number: u128) -> DriverId {
    user(number).into()
}

/// Whether nothing more arrives: an answer to a heartbeat is the next frame.
async fn nothing_before_heartbeat(phone: &mut Phone) {
    phone.check_alive().await;
}

#[tokio::test]
async fn events_arrive_in_order_without_gaps() {
    let server = Server::start(Config { events_max: 1_000, ..config() }).await;
    let mut phone = server.phone("driver-1").await;
    for index in 0..1_000 {
        assert_eq!(server.hub.send(user(1), notice(index.to_string())), Delivery::Queued);
        if index % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for index in 0..1_000_u64 {
        let event = phone.read().await;
        assert_eq!(event["text"].as_str(), Some(index.to_string().as_str()));
    }
}

#[tokio::test]
async fn the_watching_rider_hears_where_the_driver_is_and_nobody_else_does() {
    let server = Server::start(config()).await;
    let mut watching = server.phone("customer-7").await;
    let mut other = server.phone("customer-8").await;
    server.hub.position_changed(driver(1), position(1));
    assert_eq!(server.hub.watched_ride(driver(1)), None);
    server.hub.watch(rider(7), driver(1), ride_id());
    assert_eq!(server.hub.watched_ride(driver(1)), Some(ride_id()));
    server.hub.position_changed(driver(1), position(2));
    let frame = watching.read().await;
    assert_eq!(frame["type"], "driver_position");
    assert_eq!((frame["ride_id"].as_str(), frame["t_ms"].as_i64()), (Some(ride_id().to_string().as_str()), Some(2)));
    assert_eq!((frame["bearing_deg"].as_i64(), frame["eta_s"].as_i64()), (Some(87), Some(95)));
    server.hub.unwatch(rider(7));
    server.hub.position_changed(driver(1), position(3));
    nothing_before_heartbeat(&mut watching).await;
    nothing_before_heartbeat(&mut other).await;
}

#[tokio::test]
async fn of_positions_that_wait_for_the_welcome_the_newest_arrives_and_events_go_before_it() {
    let server = Server::start(config()).await;
    let permits = server.welcome_gate.forget_permits(usize::MAX);
    let mut phone = server.connect("customer-7").await;
    server.until("the user has a place", |server| server.hub.is_connected(user(7))).await;
    server.hub.watch(rider(7), driver(1), ride_id());
    for t_ms in 0..500 {
        server.hub.position_changed(driver(1), position(t_ms));
    }
    assert_eq!(server.hub.send(user(7), notice("first")), Delivery::Queued);
    server.welcome_gate.add_permits(permits);
    assert_eq!(phone.read().await["type"], "welcome");
    assert_eq!(phone.read().await["type"], "notice");
    assert_eq!(phone.read().await["t_ms"], 499);
    nothing_before_heartbeat(&mut phone).await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_with_4002_and_others_are_not_slowed() {
    let server = Server::start(config()).await;
    let request = server.request(Some("driver-1"));
    let mut slow = server.try_connect(request, Some(4_096)).await.expect("the handshake succeeds");
    assert_eq!(slow.read().await["type"], "welcome");
    let mut healthy = server.phone("driver-2").await;
    let numbered = |sent: u64| format!("{sent} {}", "x".repeat(3_000));
    let mut sent = 0;
    let mut last = Delivery::Queued;
    // The kernel buffers megabytes on loopback; after that the queue of 64 fills.
    while last == Delivery::Queued && sent < 20_000 {
        last = server.hub.send(user(1), notice(numbered(sent)));
        sent += 1;
        if sent % 16 == 0 {
            assert_eq!(server.hub.send(user(2), notice(sent.to_string())), Delivery::Queued);
            assert_eq!(healthy.read().await["text"], sent.to_string());
        }
    }
    assert_eq!(last, Delivery::Offline, "after {sent} events");
    server.until("the slow one has lost its place", |server| !server.hub.is_connected(user(1))).await;
    // When it reads again at last, it finds every event up to the close without a gap, and the code that says reconnect.
    let mut next = 0;
    let code = loop {
        match slow.next().await {
            Some(Ok(tokio_tungstenite::tungstenite::Message::Text(text))) => {
                let event: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
                assert_eq!(event["text"], numbered(next));
                next += 1;
            }
            Some(Ok(tokio_tungstenite::tungstenite::Message::Close(Some(frame)))) => break u16::from(frame.code),
            other => panic!("no close frame: {other:?}"),
        }
    };
    assert_eq!(code, CloseCode::TooSlow.code());
    healthy.check_alive().await;
}

#[tokio::test]
async fn a_reader_that_stalls_keeps_only_the_newest_position() {
    let server = Server::start(config()).await;
    let request = server.request(Some("customer-7"));
    let mut slow = server.try_connect(request, Some(4_096)).await.expect("the handshake succeeds");
    assert_eq!(slow.read().await["type"], "welcome");
    server.hub.watch(rider(7), driver(1), ride_id());
    const MANY: i64 = 60_000;
    for t_ms in 0..MANY {
        server.hub.position_changed(driver(1), position(t_ms));
        if t_ms % 8 == 0 {
            tokio::task::yield_now().await;
        }
    }
    assert!(server.hub.is_connected(user(7)), "positions never close a socket");
    let (mut received, mut newest) = (0, -1);
    while newest < MANY - 1 {
        let t_ms = slow.read().await["t_ms"].as_i64().expect("a position");
        assert!(t_ms > newest, "never an older one");
        (received, newest) = (received + 1, t_ms);
    }
    assert!(received < MANY, "{received} of {MANY}");
}

#[tokio::test]
async fn a_user_can_be_closed_from_outside() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    server.hub.close(user(1), CloseCode::NotAuthenticated);
    assert_eq!(phone.read_close().await, 4501);
    assert!(phone.next().now_or_never().is_none() || !server.hub.is_connected(user(1)));
}

#[tokio::test]
async fn who_leaves_unread_what_it_was_sent_is_closed_after_a_while() {
    let server =
        Server::start(Config { stall_max: Span::from_secs(1), hello_within: Span::from_secs(1), ..config() }).await;
    let request = server.request(Some("customer-7"));
    let mut slow = server.try_connect(request, Some(4_096)).await.expect("the handshake succeeds");
    assert_eq!(slow.read().await["type"], "welcome");
    server.hub.watch(rider(7), driver(1), ride_id());
    let mut t_ms = 0;
    server
        .until("its place is given up", |server| {
            // As much as the buffers of the kernel take, and then some.
            for _ in 0..100 {
                t_ms += 1;
                server.hub.position_changed(driver(1), position(t_ms));
            }
            !server.hub.is_connected(user(7))
        })
        .await;
}
