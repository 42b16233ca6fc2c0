//! Apps that come back: exactly what they missed, or the truth as it is now.

use serde_json::Value;
use uuid::Uuid;

use super::{Phone, Server, config, told, user};
use crate::ids::{Epoch, StreamSeq};
use crate::realtime::{Config, Delivery, RestoredStreams};

/// Positions about as large as real ones, so that none of them expires while the test runs.
fn base() -> u64 {
    crate::clock::now().as_millis().unsigned_abs() * StreamSeq::PER_MS
}

async fn resumed(server: &Server, epoch: &str, after: u64) -> (Phone, Value) {
    let query = format!("?epoch={epoch}&after={after}");
    let request = server.request_with(Some("driver-1"), "boda.v1.json", &query);
    let mut phone = server.try_connect(request, None).await.expect("the handshake succeeds");
    let welcome = phone.read().await;
    assert_eq!(welcome["type"], "welcome");
    (phone, welcome)
}

fn tell(server: &Server, seq: u64) -> Delivery {
    let (told, event) = told(seq);
    server.hub.tell(user(1), told, event)
}

async fn next(phone: &mut Phone) -> (u64, u64) {
    let frame = phone.read().await;
    let number = |key: &str| frame[key].as_u64().unwrap_or_else(|| panic!("no {key}: {frame}"));
    (number("seq"), number("prev"))
}

#[tokio::test]
async fn an_app_that_was_away_gets_exactly_what_it_missed() {
    let server = Server::start(config()).await;
    let base = base();
    let mut phone = server.connect("driver-1").await;
    let welcome = phone.read().await;
    assert_eq!(welcome["recovered"], Value::Null);
    let epoch = welcome["epoch"].as_str().expect("text").to_owned();
    assert_eq!(tell(&server, base + 1), Delivery::Queued);
    assert_eq!(next(&mut phone).await, (base + 1, welcome["seq"].as_u64().expect("a number")));
    drop(phone);
    server.until("the user is gone", |server| !server.hub.is_connected(user(1))).await;
    for seq in [base + 3, base + 7] {
        assert_eq!(tell(&server, seq), Delivery::Offline);
    }
    let (mut phone, welcome) = resumed(&server, &epoch, base + 1).await;
    assert_eq!((&welcome["recovered"], welcome["seq"].as_u64()), (&Value::Bool(true), Some(base + 1)));
    assert_eq!(next(&mut phone).await, (base + 3, base + 1));
    assert_eq!(next(&mut phone).await, (base + 7, base + 3));
    tell(&server, base + 8);
    assert_eq!(next(&mut phone).await, (base + 8, base + 7));
    phone.check_alive().await;
    // It has everything: nothing is told twice.
    let (mut phone, welcome) = resumed(&server, &epoch, base + 8).await;
    assert_eq!(welcome["recovered"], true);
    phone.check_alive().await;
}

#[tokio::test]
async fn what_cannot_be_replayed_is_said_to_be_so() {
    let server = Server::start(Config { resume_messages_max: 8, ..config() }).await;
    let base = base();
    let (epoch, other) = (server.hub.epoch().to_string(), Uuid::from_u128(1).to_string());
    for seq in 1..=20 {
        tell(&server, base + seq);
    }
    for (epoch, after, recovered) in [
        (&epoch, base + 12, true),
        (&epoch, base + 11, false),
        (&epoch, base + 21, false),
        (&other, base + 12, false),
        (&epoch, 0, false),
    ] {
        let (_phone, welcome) = resumed(&server, epoch, after).await;
        assert_eq!(welcome["recovered"], recovered, "after {after}");
        let goes_on = if recovered { after } else { base + 20 };
        assert_eq!(welcome["seq"].as_u64(), Some(goes_on));
    }
}

#[tokio::test]
async fn a_restart_replays_what_was_committed_before_it() {
    let server = Server::start(config()).await;
    let base = base();
    let epoch = Epoch(Uuid::from_u128(7));
    let messages = [base + 2, base + 5].map(|seq| (user(1), StreamSeq(seq), told(seq).1)).to_vec();
    server.hub.restore_streams(RestoredStreams { epoch, horizon: StreamSeq(base), messages });
    let (mut phone, welcome) = resumed(&server, &epoch.to_string(), base + 2).await;
    assert_eq!(welcome["recovered"], true);
    assert_eq!(next(&mut phone).await, (base + 5, base + 2));
    let (_phone, welcome) = resumed(&server, &epoch.to_string(), base - 1).await;
    assert_eq!(welcome["recovered"], false, "older than what was read back");
}

#[tokio::test]
async fn resuming_works_in_the_first_frame_too_and_half_of_it_is_refused() {
    let server = Server::start(config()).await;
    let (base, epoch) = (base(), server.hub.epoch());
    tell(&server, base + 1);
    tell(&server, base + 2);
    let mut phone = server.try_connect(server.request(None), None).await.expect("the handshake succeeds");
    phone.send(format!(r#"{{"type":"hello","token":"driver-1","epoch":"{epoch}","after":{}}}"#, base + 1)).await;
    assert_eq!(phone.read().await["recovered"], true);
    assert_eq!(next(&mut phone).await, (base + 2, base + 1));
    for query in ["?epoch=x&after=1", "?after=1", &format!("?epoch={epoch}&after=-1")] {
        let refused = server.try_connect(server.request_with(Some("driver-1"), "boda.v1.json", query), None).await;
        assert!(
            matches!(refused, Err(tokio_tungstenite::tungstenite::Error::Http(answer)) if answer.status() == 400),
            "{query}"
        );
    }
}
