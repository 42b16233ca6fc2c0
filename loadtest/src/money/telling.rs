//! Riders' apps that wait to be told: a socket each, and when it said that a ride is paid.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::Somebody;
use super::outside::now_ms;

/// Apps that listen; more would be sockets that say nothing new.
const APPS_MAX: usize = 1_000;
/// Before an app whose line broke comes back.
const PAUSE: Duration = Duration::from_millis(500);

/// When which ride was told to be paid, milliseconds since 1970.
pub type Heard = BTreeMap<String, f64>;

/// Apps that listen until this is dropped.
#[derive(Debug)]
pub struct Telling {
    heard: Arc<Mutex<Heard>>,
    apps: Vec<JoinHandle<()>>,
}

impl Telling {
    /// What was heard so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.apps.iter().for_each(JoinHandle::abort);
    }
}

/// Lets riders listen.
pub fn listen(address: &str, riders: &[Somebody]) -> Telling {
    let heard = Arc::new(Mutex::new(Heard::new()));
    let app = |rider: &Somebody| {
        let (url, token, heard) = (format!("ws://{address}/api/v1/socket"), rider.token.clone(), Arc::clone(&heard));
        tokio::spawn(async move {
            loop {
                hear(&url, &token, &heard).await;
                sleep(PAUSE).await;
            }
        })
    };
    let apps = riders.iter().take(APPS_MAX).map(app).collect();
    Telling { heard, apps }
}

/// One connection, until it ends.
async fn hear(url: &str, token: &str, heard: &Mutex<Heard>) -> Option<()> {
    let mut request = url.into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("boda.v1.json"));
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    let (mut socket, _) = connect_async(request).await.ok()?;
    while let Some(Ok(message)) = socket.next().await {
        let at = now_ms();
        let Ok(text) = message.to_text() else { continue };
        if !text.contains("\"payment\"") {
            continue;
        }
        let Ok(frame) = serde_json::from_str::<Value>(text) else { continue };
        let is_paid = frame["type"] == "payment" && frame["purpose"] == "ride" && frame["state"] == "succeeded";
        if is_paid && let Some(ride) = frame["ride_id"].as_str() {
            heard.lock().unwrap_or_else(PoisonError::into_inner).entry(ride.to_owned()).or_insert(at);
        }
    }
    Some(())
}
