//! A phone's WebSocket: opened with the access token, read frame by frame, and opened again as the close code says.
//!
//! Separate from drivers and riders, who only hear messages and ends. Buffers are small: one process plays hundreds of
//! phones, and the library would give each of them 128 KiB.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WebSocketError;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::realtime::protocol::SUBPROTOCOL_JSON;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::{ServerMessage, Welcome};
use crate::simulation::account::Account;
use crate::simulation::api::Api;
use crate::simulation::backoff::Backoff;
use crate::simulation::tally::Tally;
use crate::web::API_PREFIX;

/// Longest wait for connection, handshake and welcome together.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// A write that takes longer means that nobody reads.
const SEND_MAX: Duration = Duration::from_secs(10);
/// A node that is full asks for at least this.
const NODE_FULL_PAUSE: Duration = Duration::from_secs(5);
/// A socket that lasted so long was worth opening.
const STEADY_AFTER: Duration = Duration::from_secs(10);
/// When the app must not come back by itself, the person opens it again after a while.
const BY_HAND_PAUSE: Duration = Duration::from_secs(60);

/// How a socket ended, or why it could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed it with this code.
    Closed(u16),
    /// The handshake was answered with this HTTP status.
    Refused(u16),
    /// The connection broke or could not be made, or no token was to be had.
    Broken,
    /// This side has lost track of the ride and wants a new welcome.
    Lost,
}

impl End {
    /// The shortest pause before opening again, by the rule of the protocol.
    fn pause_min(&self) -> Duration {
        match self {
            Self::Closed(code) if *code == CloseCode::NodeFull.code() => NODE_FULL_PAUSE,
            Self::Refused(503) => NODE_FULL_PAUSE,
            // A new token and the app may come back at once.
            Self::Closed(code) if *code == CloseCode::NotAuthenticated.code() => Duration::ZERO,
            Self::Refused(401) => Duration::ZERO,
            Self::Closed(1009 | 4500..=4999) | Self::Refused(400..=499) => BY_HAND_PAUSE,
            Self::Closed(_) | Self::Refused(_) | Self::Broken | Self::Lost => Duration::ZERO,
        }
    }

    fn is_about_the_token(&self) -> bool {
        *self == Self::Closed(CloseCode::NotAuthenticated.code()) || *self == Self::Refused(401)
    }
}

/// The socket of one person.
#[derive(Debug)]
pub struct Socket {
    stream: Option<WebSocketStream<TcpStream>>,
    backoff: Backoff,
    opened_at: Instant,
}

impl Socket {
    /// Not open yet.
    pub fn new() -> Self {
        Self { stream: None, backoff: Backoff::new(), opened_at: Instant::now() }
    }

    /// Opens the socket, as often as it takes, and returns the welcome.
    pub async fn open(&mut self, api: &Api, account: &mut Account, dice: &mut StdRng, tally: &Tally) -> Box<Welcome> {
        loop {
            match self.open_once(api, account).await {
                Ok(welcome) => {
                    self.opened_at = Instant::now();
                    return welcome;
                }
                Err(end) => {
                    tally.socket_ended(&end);
                    if end.is_about_the_token() {
                        account.distrust();
                    }
                    let pause = self.backoff.pause(dice).max(end.pause_min());
                    tracing::debug!(?end, pause_ms = pause.as_millis(), "a simulated phone has no socket");
                    sleep(pause).await;
                }
            }
        }
    }

    /// Takes note of an end: waits as the close code asks.
    pub async fn ended(&mut self, end: &End, account: &mut Account, dice: &mut StdRng, tally: &Tally) {
        tally.socket_ended(end);
        self.close().await;
        if end.is_about_the_token() {
            account.distrust();
        }
        let pause = self.backoff.pause(dice).max(end.pause_min());
        tracing::debug!(?end, pause_ms = pause.as_millis(), "a simulated phone lost its socket");
        sleep(pause).await;
    }

    /// The next message. Cancel safe. After an `Err` the socket is to be opened again.
    pub async fn next(&mut self) -> Result<ServerMessage, End> {
        loop {
            let Some(stream) = &mut self.stream else { return Err(End::Broken) };
            match stream.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                    Ok(message) => {
                        // A socket that ends right after it began was no success.
                        if self.opened_at.elapsed() >= STEADY_AFTER {
                            self.backoff.reset();
                        }
                        return Ok(message);
                    }
                    // A newer server may know messages that this app does not.
                    Err(error) => tracing::debug!(%error, "a simulated phone does not understand a message"),
                },
                Some(Ok(Message::Close(frame))) => {
                    return Err(End::Closed(frame.map_or(1005, |frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Broken),
            }
        }
    }

    /// Sends one message.
    pub async fn send(&mut self, message: String) -> Result<(), End> {
        let Some(stream) = &mut self.stream else { return Err(End::Broken) };
        match timeout(SEND_MAX, stream.send(Message::text(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Broken),
        }
    }

    /// Says good-bye.
    pub async fn close(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            // A failure changes nothing: the phone is being put away.
            let _ = timeout(Duration::from_secs(1), stream.close(None)).await;
        }
    }

    async fn open_once(&mut self, api: &Api, account: &mut Account) -> Result<Box<Welcome>, End> {
        self.stream = None;
        let token = account.token(api).await.map_err(|failure| {
            tracing::debug!(%failure, "a simulated person cannot sign in");
            End::Broken
        })?;
        let request = handshake(&api.authority, token).ok_or(End::Broken)?;
        timeout(OPEN_MAX, self.shake_hands(&api.authority, request)).await.unwrap_or(Err(End::Broken))
    }

    async fn shake_hands(&mut self, authority: &str, request: Request<()>) -> Result<Box<Welcome>, End> {
        let stream = TcpStream::connect(authority).await.map_err(|_| End::Broken)?;
        stream.set_nodelay(true).map_err(|_| End::Broken)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(256 * 1024));
        let (stream, _) =
            client_async_with_config(request, stream, Some(config)).await.map_err(|error| match error {
                WebSocketError::Http(answer) => End::Refused(answer.status().as_u16()),
                _ => End::Broken,
            })?;
        let stream = self.stream.insert(stream);
        match stream.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                Ok(ServerMessage::Welcome(welcome)) => Ok(welcome),
                _ => Err(End::Broken),
            },
            Some(Ok(Message::Close(frame))) => Err(End::Closed(frame.map_or(1005, |frame| frame.code.into()))),
            _ => Err(End::Broken),
        }
    }
}

fn handshake(authority: &str, token: &str) -> Option<Request<()>> {
    let mut request = format!("ws://{authority}{API_PREFIX}/socket").into_client_request().ok()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL_JSON));
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_close_code_says_when_to_come_back() {
        for (end, pause_min) in [
            (End::Closed(4000), Duration::ZERO),
            (End::Closed(4001), Duration::ZERO),
            (End::Closed(4003), NODE_FULL_PAUSE),
            (End::Refused(503), NODE_FULL_PAUSE),
            (End::Closed(4500), BY_HAND_PAUSE),
            (End::Closed(4501), Duration::ZERO),
            (End::Closed(4502), BY_HAND_PAUSE),
            (End::Closed(1009), BY_HAND_PAUSE),
            (End::Refused(426), BY_HAND_PAUSE),
            (End::Closed(1006), Duration::ZERO),
            (End::Broken, Duration::ZERO),
        ] {
            assert_eq!(end.pause_min(), pause_min, "{end:?}");
        }
        assert!(End::Closed(4501).is_about_the_token() && End::Refused(401).is_about_the_token());
    }
}
