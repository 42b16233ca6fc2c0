//! The map before a booking, and the binary encoding that makes it cheap.

use tokio_tungstenite::tungstenite::Message;

use super::{Server, config, user};
use crate::realtime::Picture;
use crate::realtime::protocol::client::HEARTBEAT_FRAME;
use crate::realtime::protocol::server::NearbyDriver;

fn picture(tile: u32, keys: &[u32]) -> Picture {
    let driver = |key: &u32| NearbyDriver { key: *key, lat: -1.9, lng: 30.0, bearing_deg: Some(87) };
    Picture::new(tile, keys.iter().map(driver).collect())
}

#[tokio::test]
async fn who_browses_is_shown_changes_of_the_tiles_around_and_of_no_others() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("customer-7").await;
    server.hub.browse(user(7), vec![1, 2]);
    assert_eq!(server.hub.browsed_tiles(), [1, 2]);
    server.hub.show_tile(picture(1, &[5]));
    server.hub.show_tile(picture(3, &[6]));
    let frame = phone.read().await;
    assert_eq!((frame["type"].as_str(), frame["tile"].as_u64()), (Some("drivers_nearby"), Some(1)));
    assert_eq!(frame["drivers"], serde_json::json!([{"key": 5, "lat": -1.9, "lng": 30.0, "bearing_deg": 87}]));
    server.hub.show_tile(picture(1, &[5]));
    phone.check_alive().await;
    server.hub.show_tile(picture(1, &[]));
    assert_eq!(phone.read().await["drivers"], serde_json::json!([]));
    drop(phone);
    server.until("nobody browses", |server| server.hub.browsed_tiles().is_empty()).await;
}

#[tokio::test]
async fn a_binary_session_pings_in_22_bytes_and_is_answered_in_kind() {
    let server = Server::start(config()).await;
    let request = server.request_with(Some("driver-1"), "boda.v1.json, boda.v1.bin", "");
    let mut phone = server.try_connect(request, None).await.expect("the handshake succeeds");
    assert_eq!(phone.read().await["type"], "welcome", "what is sent rarely stays JSON");
    let mut ping = vec![0x01, 0x01];
    ping.extend_from_slice(&[0, 0, 0, 0, 0, 9]);
    ping.extend_from_slice(&(-19_400_000_i32).to_be_bytes());
    ping.extend_from_slice(&300_600_000_i32.to_be_bytes());
    ping.resize(22, 0);
    phone.send_message(Message::binary(ping)).await;
    assert_eq!(phone.read_binary().await, [0x81, 0, 0, 0, 0, 0, 9]);
    phone.send_message(Message::binary(HEARTBEAT_FRAME.to_vec())).await;
    assert_eq!(phone.read_binary().await[0], 0x84);
    phone.send(r#"{"type":"ping","t_ms":10,"lat":-1.94,"lng":30.06,"ack":true}"#).await;
    assert_eq!(phone.read_binary().await, [0x81, 0, 0, 0, 0, 0, 10]);
    phone.send_message(Message::binary(vec![0x77])).await;
    phone.read_error("invalid_frame").await;
    assert_eq!(server.hub.counters().pings_total, 2);
}
