//! Good frames, bad frames, too many frames, and no frames.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use super::{Server, config, user};
use crate::realtime::{Config, Rate};
use crate::time::Span;

fn ping(t_ms: i64, lat: f64, ack: bool) -> String {
    format!(r#"{{"type":"ping","t_ms":{t_ms},"lat":{lat},"lng":30.06,"ack":{ack}}}"#)
}

#[tokio::test]
async fn a_ping_is_acknowledged_when_it_asks_for_it_and_counted() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    for t_ms in 0..10 {
        phone.send(ping(t_ms, -1.94, t_ms == 9)).await;
    }
    assert_eq!(phone.read().await, serde_json::json!({"type": "ack", "t_ms": 9}));
    assert_eq!(server.hub.counters().pings_total, 10);
}

#[tokio::test]
async fn a_refused_ping_names_field_value_and_reason_and_does_not_hurt_the_socket() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    // More often than bad frames are forgiven: a wrong value is not a bad frame.
    for _ in 0..10 {
        phone.send(ping(1, 1.5, true)).await;
        let error = phone.read_error("invalid_value").await;
        assert_eq!(error["faults"][0]["field"], "lat");
        assert_eq!(error["faults"][0]["value"], "1.5");
        assert_eq!(error["faults"][0]["reason"], "is outside of the service area");
        phone.send(ping(1, 91.0, true)).await;
        assert_eq!(phone.read_error("invalid_value").await["faults"][0]["reason"], "is out of range -90..=90");
    }
    assert_eq!(server.hub.counters().pings_total, 0);
    phone.check_alive().await;
}

#[tokio::test]
async fn a_rider_does_not_send_positions() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("customer-7").await;
    phone.send(ping(1, -1.94, true)).await;
    phone.read_error("forbidden").await;
    phone.check_alive().await;
}

#[tokio::test]
async fn garbage_is_answered_and_the_socket_works_on() {
    let server = Server::start(Config { bad_frames_max: 100, ..config() }).await;
    let mut phone = server.phone("driver-1").await;
    let mut other = server.phone("driver-2").await;
    for garbage in
        ["", "{", "[]", "null", "\u{0}\u{1}", r#"{"type":"pong"}"#, r#"{"type":"hello","token":"driver-1"}"#, "NaN"]
    {
        phone.send(garbage).await;
        phone.read_error("invalid_frame").await;
    }
    phone.send_message(Message::binary(vec![0; 24])).await;
    phone.read_error("invalid_frame").await;
    phone.check_alive().await;
    other.check_alive().await;
}

#[tokio::test]
async fn too_many_bad_frames_close_with_4500_and_leave_others_alone() {
    let server = Server::start(config()).await;
    let mut other = server.phone("driver-2").await;
    let mut phone = server.phone("driver-1").await;
    for _ in 0..3 {
        phone.send("{").await;
    }
    for _ in 0..3 {
        phone.read_error("invalid_frame").await;
    }
    assert_eq!(phone.read_close().await, 4500);
    other.check_alive().await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_closes_with_1009_whole_or_in_fragments() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    phone.send(" ".repeat(4_096)).await;
    phone.read_error("invalid_frame").await;
    phone.send(" ".repeat(200_000)).await;
    assert_eq!(phone.read_close().await, 1009);

    // Three fragments of 2,000 bytes: each is allowed, the message is not.
    let mut phone = server.phone("driver-1").await;
    let stream = phone.socket.get_mut();
    for (index, opcode) in [0x01_u8, 0x00, 0x80].into_iter().enumerate() {
        let mut fragment = vec![opcode, 0x80 | 126, 0x07, 0xd0, 0, 0, 0, 0];
        fragment.resize(fragment.len() + 2_000, b' ');
        if stream.write_all(&fragment).await.is_err() {
            assert!(index > 0, "the first fragment is within bounds");
        }
    }
    assert_eq!(phone.read_close().await, 1009);
}

#[tokio::test]
async fn frames_that_break_websocket_itself_close_with_4500() {
    let server = Server::start(config()).await;
    for (what, bytes) in [
        ("unmasked", &[0x81, 0x02, b'{', b'}'][..]),
        ("not UTF-8", &[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]),
        ("a reserved opcode", &[0x83, 0x80, 0, 0, 0, 0]),
        ("a continuation of nothing", &[0x80, 0x80, 0, 0, 0, 0]),
        ("a reserved bit", &[0xc1, 0x80, 0, 0, 0, 0]),
    ] {
        let mut phone = server.phone("driver-1").await;
        phone.socket.get_mut().write_all(bytes).await.expect("written");
        assert_eq!(phone.read_close().await, 4500, "{what}");
    }
}

#[tokio::test]
async fn a_flood_costs_the_one_who_floods() {
    let server = Server::start(Config { frames: Rate { per_s: 20, burst_max: 40 }, ..config() }).await;
    let mut flooder = server.phone("driver-1").await;
    let mut other = server.phone("driver-2").await;
    for t_ms in 0..1_000 {
        flooder.send(ping(t_ms, -1.94, false)).await;
    }
    flooder.read_error("rate_limited").await;
    other.send(ping(1, -1.94, true)).await;
    assert_eq!(other.read().await["type"], "ack");
    let taken = server.hub.counters().pings_total;
    assert!((41..200).contains(&taken), "{taken} of 1,001");
    // The budget refills: the socket was not closed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    flooder.check_alive().await;
}

#[tokio::test]
async fn silence_closes_with_4001_and_a_heartbeat_prevents_it() {
    let server = Server::start(Config { heartbeat: Span::from_millis(400), ..config() }).await;
    let mut silent = server.phone("driver-1").await;
    let mut alive = server.phone("driver-2").await;
    let began = Instant::now();
    let keep_alive = tokio::spawn(async move {
        // Until long after the silent one is closed.
        while began.elapsed() < Duration::from_millis(1_600) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            alive.check_alive().await;
        }
    });
    assert_eq!(silent.read_close().await, 4001);
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    keep_alive.await.expect("the other stayed");
}

#[tokio::test]
async fn a_panic_ends_its_own_socket_only() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    let mut other = server.phone("driver-2").await;
    phone.send(ping(1, 0.5, true)).await;
    let mut rest = Vec::new();
    let read = phone.socket.get_mut().read_to_end(&mut rest);
    tokio::time::timeout(super::PATIENCE, read).await.expect("closed in time").ok();
    server.until("the place is given up", |server| !server.hub.is_connected(user(1))).await;
    server.until("the services are told", |server| server.closed.lock().expect("not poisoned").len() == 1).await;
    other.check_alive().await;
    assert_eq!(server.hub.counters().drivers_connected, 1);
}
