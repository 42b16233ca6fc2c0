//! From the handshake to the welcome, and who may stay.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::{Server, config, notice, user};
use crate::realtime::{AdmissionBounds, Config, Delivery};
use crate::time::Span;
use crate::web::Role;

#[tokio::test]
async fn a_token_in_the_handshake_is_welcomed() {
    let server = Server::start(config()).await;
    let mut phone = server.connect("driver-1").await;
    let welcome = phone.read().await;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["user_id"], user(1).to_string());
    assert_eq!((welcome["role"].as_str(), welcome["online"].as_bool()), (Some("driver"), Some(false)));
    assert_eq!(welcome["heartbeat_s"], 30);
    assert!(server.hub.is_connected(user(1)));
    phone.check_alive().await;
}

#[tokio::test]
async fn a_token_in_the_first_frame_is_welcomed() {
    let server = Server::start(config()).await;
    let mut phone = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    phone.send(r#"{"type":"hello","token":"customer-7"}"#).await;
    let welcome = phone.read().await;
    assert_eq!((welcome["type"].as_str(), welcome["role"].as_str()), (Some("welcome"), Some("customer")));
    assert!(welcome["online"].is_null());
}

#[tokio::test]
async fn frames_sent_together_with_the_handshake_are_not_lost() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start(config()).await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("the server listens");
    let head = format!(
        "GET /api/v1/socket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: x, boda.v1.json\r\n\r\n",
        server.address
    );
    let hello = br#"{"type":"hello","token":"driver-1"}"#;
    // A masked text frame with a mask of zeros.
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&[0x81, 0x80 | u8::try_from(hello.len()).expect("short"), 0, 0, 0, 0]);
    bytes.extend_from_slice(hello);
    stream.write_all(&bytes).await.expect("written");
    let mut answer = Vec::new();
    while !answer.windows(9).any(|window| window == br#""welcome""#) {
        let mut chunk = [0; 512];
        let read =
            tokio::time::timeout(super::PATIENCE, stream.read(&mut chunk)).await.expect("in time").expect("open");
        assert!(read > 0, "closed early: {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..read]);
    }
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "the key of RFC 6455: {answer}");
    assert!(answer.contains("sec-websocket-protocol: boda.v1.json"));
}

#[tokio::test]
async fn a_bad_token_closes_with_4501_by_either_way() {
    let server = Server::start(config()).await;
    assert_eq!(server.connect("nonsense").await.read_close().await, 4501);
    let mut phone = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    phone.send(r#"{"type":"hello","token":"nonsense"}"#).await;
    assert_eq!(phone.read_close().await, 4501);
    assert_eq!(server.hub.counters().drivers_connected, 0);
}

#[tokio::test]
async fn a_role_without_a_socket_is_closed_with_4503() {
    let server = Server::start(config()).await;
    assert_eq!(server.connect("admin-1").await.read_close().await, 4503);
}

#[tokio::test]
async fn without_a_hello_in_time_the_socket_is_closed_with_4500() {
    let server = Server::start(Config { hello_within: Span::from_millis(100), ..config() }).await;
    let began = Instant::now();
    let mut phone = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    phone.send_message(Message::Ping(Vec::new().into())).await;
    assert_eq!(phone.read_close().await, 4500);
    assert!(began.elapsed() >= Duration::from_millis(100));
}

#[tokio::test]
async fn a_first_frame_that_is_no_hello_closes_with_4500() {
    let server = Server::start(config()).await;
    for first in [Message::text(r#"{"type":"heartbeat"}"#), Message::text("{"), Message::binary(vec![1])] {
        let mut phone = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
        phone.send_message(first).await;
        assert_eq!(phone.read_close().await, 4500);
    }
}

#[tokio::test]
async fn a_newer_connection_of_the_same_user_replaces_the_older_one() {
    let server = Server::start(config()).await;
    let mut old = server.phone("driver-1").await;
    let mut new = server.phone("driver-1").await;
    assert_eq!(old.read_close().await, 4502);
    new.check_alive().await;
    assert_eq!(server.hub.send(user(1), notice("for the new one")), Delivery::Queued);
    assert_eq!(new.read().await["text"], "for the new one");
    assert_eq!(server.hub.counters().drivers_connected, 1);
    assert!(server.closed.lock().expect("not poisoned").is_empty(), "the user was never away");
    drop(new);
    server.until("the user is gone", |server| !server.hub.is_connected(user(1))).await;
    server.until("the services are told", |server| server.closed.lock().expect("not poisoned").len() == 1).await;
    assert_eq!(server.closed.lock().expect("not poisoned")[0].role, Role::Driver);
    assert_eq!(server.hub.send(user(1), notice("too late")), Delivery::Offline);
}

#[tokio::test]
async fn what_happens_while_the_welcome_is_made_follows_it() {
    let server = Server::start(config()).await;
    let all = server.welcome_gate.forget_permits(usize::MAX);
    let mut phone = server.connect("driver-1").await;
    server.until("the user has a place", |server| server.hub.is_connected(user(1))).await;
    assert_eq!(server.hub.send(user(1), notice("meanwhile")), Delivery::Queued);
    server.welcome_gate.add_permits(all);
    assert_eq!(phone.read().await["type"], "welcome");
    let event = phone.read().await;
    assert_eq!((event["type"].as_str(), event["text"].as_str()), (Some("notice"), Some("meanwhile")));
}

#[tokio::test]
async fn a_welcome_that_cannot_be_made_closes_with_a_code_that_says_reconnect() {
    let server = Server::start(config()).await;
    assert_eq!(server.connect("driver-13").await.read_close().await, 4004);
    assert_eq!(server.connect("driver-14").await.read_close().await, 4004);
    server.phone("driver-1").await.check_alive().await;
}

#[tokio::test]
async fn a_full_node_refuses_strangers_and_lets_its_own_reconnect() {
    let server = Server::start(Config { connections_max: 1, ..config() }).await;
    let mut own = server.phone("driver-1").await;
    match server.try_connect(server.request(Some("driver-2")), None).await {
        Err(WsError::Http(answer)) => {
            assert_eq!(answer.status(), 503);
            let retry_after: u32 = answer.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
            assert!((5..=10).contains(&retry_after), "{retry_after}");
        }
        other => panic!("not refused: {:?}", other.err()),
    }
    // Who does not say who they are until after the handshake is told by a close code.
    own.check_alive().await;
    let mut again = server.phone("driver-1").await;
    assert_eq!(own.read_close().await, 4502);
    again.check_alive().await;
}

#[tokio::test]
async fn a_stranger_who_finds_the_node_full_after_the_handshake_is_closed_with_4003() {
    let server = Server::start(Config { connections_max: 1, ..config() }).await;
    let mut phone = server.try_connect(server.request(None), None).await.expect("there is room yet");
    let _own = server.phone("driver-1").await;
    phone.send(r#"{"type":"hello","token":"driver-2"}"#).await;
    assert_eq!(phone.read_close().await, 4003);
}

#[tokio::test]
async fn handshakes_without_a_hello_are_bounded() {
    let server = Server::start(Config { pending_max: 2, ..config() }).await;
    let _one = server.try_connect(server.request(None), None).await.expect("there is room");
    let two = server.try_connect(server.request(None), None).await.expect("there is room");
    assert!(
        matches!(server.try_connect(server.request(None), None).await, Err(WsError::Http(answer)) if answer.status() == 503)
    );
    drop(two);
    server.until("the place is free again", |server| server.hub.has_room(None)).await;
    assert!(server.try_connect(server.request(None), None).await.is_ok());
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_answered_in_http_with_the_usual_error_body() {
    let server = Server::start(config()).await;
    let complete = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "boda.v1.json"),
    ];
    for (changed, value, status, code) in [
        ("Connection", "close", "426", "upgrade_required"),
        ("Upgrade", "h2c", "426", "upgrade_required"),
        ("Sec-WebSocket-Version", "8", "426", "upgrade_required"),
        ("Sec-WebSocket-Key", "short", "400", "bad_handshake"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j\u{e9}Q==", "400", "bad_handshake"),
        ("Sec-WebSocket-Protocol", "boda.v9.json", "426", "upgrade_required"),
    ] {
        let mut head = format!("GET /api/v1/socket HTTP/1.1\r\nHost: {}\r\n", server.address);
        for (name, good) in complete {
            head.push_str(&format!("{name}: {}\r\n", if name == changed { value } else { good }));
        }
        head.push_str("Connection: close\r\n\r\n");
        let answer = server.raw(&head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{changed}: {answer}");
        assert!(answer.contains(&format!(r#""code":"{code}""#)) && answer.contains(r#""request_id":"#), "{answer}");
    }
}

#[tokio::test]
async fn shutting_down_closes_every_socket_with_4000_and_takes_no_new_ones() {
    let server = Server::start(config()).await;
    let mut signed_on = server.phone("driver-1").await;
    let mut unknown = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    let hub = std::sync::Arc::clone(&server.hub);
    let shutdown = tokio::spawn(async move { hub.shutdown(Span::from_secs(5)).await });
    assert_eq!(signed_on.read_close().await, 4000);
    assert_eq!(unknown.read_close().await, 4000);
    drop((signed_on, unknown));
    assert!(shutdown.await.expect("no panic"), "every session ended in time");
    assert!(
        matches!(server.try_connect(server.request(None), None).await, Err(WsError::Http(answer)) if answer.status() == 503)
    );
}

#[tokio::test]
async fn a_door_that_closes_before_the_hub_does_sends_everybody_away_with_a_word() {
    let server = Server::start(config()).await;
    let mut signed_on = server.phone("driver-1").await;
    let mut unknown = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    // The HTTP server ends, and with it the last that could hand sockets over.
    server.stop.cancel();
    assert_eq!(signed_on.read_close().await, 4000);
    assert_eq!(unknown.read_close().await, 4000);
}

#[tokio::test]
async fn too_many_handshakes_are_told_to_come_back_a_little_later() {
    let admission = AdmissionBounds { handshakes_per_s: 3, handshakes_per_address_per_s: 2, ..config().admission };
    let server = Server::start(Config { admission, ..config() }).await;
    let _phones = (server.phone("driver-1").await, server.phone("driver-2").await);
    match server.try_connect(server.request(Some("driver-3")), None).await {
        Err(WsError::Http(answer)) => {
            assert_eq!(answer.status(), 429);
            assert!(answer.headers().contains_key("retry-after"));
        }
        other => panic!("not refused: {:?}", other.err()),
    }
}

#[tokio::test]
async fn a_close_that_says_reconnect_says_when() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    server.hub.close_all(crate::realtime::protocol::close::CloseCode::ShuttingDown);
    let (code, reason) = phone.read_goodbye().await;
    assert_eq!(code, 4000);
    let hint_ms: u32 = reason.strip_prefix("shutting_down retry_ms=").expect("a hint").parse().expect("a number");
    assert!((250..=5_000).contains(&hint_ms), "{reason}");
}
