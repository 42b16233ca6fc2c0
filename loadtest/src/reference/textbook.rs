//! The textbook stack: tokio, tokio-tungstenite, serde_json and Redis through fred, each as its documentation shows.
//!
//! A task for each connection, the library's own buffers, a typed struct for a ping, one GEOADD awaited for each (fred
//! pipelines what several tasks send at the same time). Nothing is left out that the engine does not also leave out: there
//! is no authentication, no area check and no rate limit here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fred::interfaces::{ClientLike, GeoInterface};
use fred::types::config::Config;
use fred::types::geo::{GeoPosition, GeoUnit, GeoValue};
use fred::types::{Builder, SortOrder, Value};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use super::count_on_request;

/// The set of all drivers.
const KEY: &str = "drivers";

/// What an app sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromApp {
    /// Where a driver is.
    Ping(Ping),
    /// Who is near: ten at most within 500 m, nearest first.
    Nearby {
        /// Degrees north.
        lat: f64,
        /// Degrees east.
        lng: f64,
    },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "a ping is decoded whole, as the engine does, whatever is stored of it")]
struct Ping {
    t_ms: u64,
    lat: f64,
    lng: f64,
    speed_mps: Option<f32>,
    bearing_deg: Option<u16>,
    accuracy_m: Option<f32>,
    #[serde(default)]
    ack: bool,
}

/// Serves until it is killed. Prints the address it listens on.
///
/// # Errors
/// A sentence, when it cannot listen or Redis is not there.
pub fn serve(redis_port: u16) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|err| err.to_string())?;
    runtime.block_on(async {
        let config = Config::from_url(&format!("redis://127.0.0.1:{redis_port}")).map_err(|err| err.to_string())?;
        let redis = Builder::from_config(config).build().map_err(|err| err.to_string())?;
        redis.init().await.map_err(|err| format!("no Redis: {err}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|err| err.to_string())?;
        println!("{}", listener.local_addr().map_err(|err| err.to_string())?);
        let count = Arc::new(AtomicU64::new(0));
        count_on_request(count.clone());
        loop {
            let (stream, peer) = listener.accept().await.map_err(|err| err.to_string())?;
            tokio::spawn(session(stream, peer, redis.clone(), count.clone()));
        }
    })
}

async fn session(stream: TcpStream, peer: SocketAddr, redis: fred::clients::Client, count: Arc<AtomicU64>) {
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let driver = peer.to_string();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(message) = serde_json::from_str::<FromApp>(&text) else { continue };
        match message {
            FromApp::Ping(ping) => {
                let place = GeoValue {
                    coordinates: GeoPosition { longitude: ping.lng, latitude: ping.lat },
                    member: Value::from(driver.as_str()),
                };
                if redis.geoadd::<i64, _, _>(KEY, None, false, place).await.is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                if ping.ack {
                    let _ = socket.send(Message::text(format!(r#"{{"type":"ack","t_ms":{}}}"#, ping.t_ms))).await;
                }
            }
            FromApp::Nearby { lat, lng } => {
                let from = GeoPosition { longitude: lng, latitude: lat };
                let within = Some((500.0, GeoUnit::Meters));
                let found = redis.geosearch::<Value, _>(
                    KEY,
                    None,
                    Some(from),
                    within,
                    None,
                    Some(SortOrder::Asc),
                    Some((10, false)),
                    true,
                    true,
                    false,
                );
                let found = found.await.map_or(0, |found| found.array_len().unwrap_or(0));
                let _ = socket.send(Message::text(format!(r#"{{"type":"nearby","count":{found}}}"#))).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_understands_what_the_generator_sends() {
        let text = r#"{"type":"ping","t_ms":1790000000000,"lat":-1.9440700,"lng":30.0618800,"speed_mps":6.0,"bearing_deg":87,"accuracy_m":8}"#;
        let Ok(FromApp::Ping(ping)) = serde_json::from_str(text) else { panic!("a ping") };
        assert_eq!((ping.t_ms, ping.ack), (1_790_000_000_000, false));
        assert!((ping.lat + 1.94407).abs() < 1e-9 && (ping.lng - 30.06188).abs() < 1e-9);
    }
}
