//! A phone's WebSocket: opening it, reading frames with their sequence checked, and what to do when it closes.
//!
//! Buffers are small on purpose: a process plays thousands of phones, and the library would give each 128 KiB.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::Rng;
use rand::rngs::SmallRng;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::api::{Api, Outages};
use crate::apps::stream::{Place, Stream};
use crate::people::Person;
use crate::tally::Tally;
use crate::wire::{Frame, Kind};

/// Longest wait for connection, handshake and welcome, each.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// Reconnect pauses: doubled from the first up to the last, each with jitter.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Close code 4003 asks for at least this.
const NODE_FULL_PAUSE: Duration = Duration::from_secs(5);

/// How a socket ended, or why it could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The server closed it with this code (1005 when it gave none).
    Closed(u16),
    /// The handshake was answered with this HTTP status.
    Refused(u16),
    /// The connection broke or could not be made.
    Broken(String),
    /// The server broke the protocol.
    Nonsense(String),
}

/// What a phone does after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Connect again after this pause.
    Retry(Duration),
    /// Get another token, then connect again.
    NewToken,
    /// Stay away.
    Stop,
}

impl End {
    /// The rule of the protocol: 4000–4499 reconnect, 4500–4999 do not; a broken line reconnects.
    pub fn then(&self, pause: Duration) -> Then {
        match self {
            Self::Closed(4501) | Self::Refused(401) => Then::NewToken,
            Self::Closed(4003) | Self::Refused(429 | 503) => Then::Retry(pause.max(NODE_FULL_PAUSE)),
            Self::Closed(1009 | 4500..=4999) | Self::Refused(400..=499) | Self::Nonsense(_) => Then::Stop,
            Self::Closed(_) | Self::Refused(_) | Self::Broken(_) => Then::Retry(pause),
        }
    }

    /// A short name for counting.
    fn name(&self) -> String {
        match self {
            Self::Closed(code) => format!("socket closed {code}"),
            Self::Refused(status) => format!("socket refused {status}"),
            Self::Broken(_) => "socket broken".to_owned(),
            Self::Nonsense(what) => format!("socket nonsense: {what}"),
        }
    }
}

/// The socket of one person, reopened whenever it breaks.
#[derive(Debug)]
pub struct Link {
    person: Arc<Person>,
    socket: Option<WebSocketStream<TcpStream>>,
    rng: SmallRng,
    pause: Duration,
    stream: Stream,
    gone: bool,
    /// How often it was opened again.
    pub reopened: u64,
}

impl Link {
    /// A link that is not open yet.
    pub fn new(person: Arc<Person>, rng: SmallRng) -> Self {
        Self { person, socket: None, rng, pause: PAUSE_FIRST, stream: Stream::default(), gone: false, reopened: 0 }
    }

    /// True while frames can flow.
    pub fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// True when the server told this phone to stay away.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Opens the socket, as often as it takes, and returns the welcome. None when the server does not want it.
    pub async fn open(&mut self, api: &Api) -> Option<Frame> {
        loop {
            if self.gone {
                return None;
            }
            match self.open_once(api).await {
                Ok(welcome) => {
                    self.pause = PAUSE_FIRST;
                    return Some(welcome);
                }
                Err(end) => self.ended(&end, api).await,
            }
        }
    }

    /// The next frame; cancel safe. After an `Err` the link is closed and `open` brings it back.
    pub async fn next(&mut self, errors: &Tally) -> Result<Frame, End> {
        loop {
            let Some(socket) = &mut self.socket else { return Err(End::Broken("not open".to_owned())) };
            let end = match socket.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<Frame>(text.as_str()) {
                    Ok(frame) => {
                        self.check_sequence(&frame, errors);
                        return Ok(frame);
                    }
                    Err(err) => End::Nonsense(format!("frame: {err}")),
                },
                Some(Ok(Message::Close(close))) => End::Closed(close.map_or(1005, |close| close.code.into())),
                Some(Ok(Message::Binary(_))) => End::Nonsense("binary frame".to_owned()),
                Some(Ok(_)) => continue,
                Some(Err(err)) => broken(err),
                None => End::Broken("end of stream".to_owned()),
            };
            return Err(end);
        }
    }

    /// Sends one text frame.
    pub async fn send(&mut self, text: String) -> Result<(), End> {
        let Some(socket) = &mut self.socket else { return Err(End::Broken("not open".to_owned())) };
        socket.send(Message::text(text)).await.map_err(broken)
    }

    /// Takes note of an end: counts it when nobody planned it, and waits as the close code asks.
    pub async fn ended(&mut self, end: &End, api: &Api) {
        self.socket = None;
        self.reopened += 1;
        let jittered = self.pause.mul_f64(self.rng.random_range(0.5..1.5));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        let planned = api.outages() == Outages::Planned
            && matches!(end, End::Broken(_) | End::Closed(4000 | 1001 | 1005 | 1006) | End::Refused(503));
        if !planned {
            api.errors.add(&end.name());
        }
        match end.then(jittered) {
            Then::Retry(pause) => sleep(pause).await,
            Then::NewToken => {
                if let Ok(token) = self.person.token(api).await {
                    self.person.forget_token(&token).await;
                }
                sleep(jittered).await;
            }
            Then::Stop => self.gone = true,
        }
    }

    /// Says good-bye.
    pub async fn close(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            // Nothing to do about a failure: the phone is being put away.
            let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
        }
    }

    async fn open_once(&mut self, api: &Api) -> Result<Frame, End> {
        let token = self.person.token(api).await.map_err(|failure| End::Broken(failure.to_string()))?;
        let deadline = Instant::now() + OPEN_WITHIN;
        let stream = within(deadline, TcpStream::connect(api.address())).await?;
        stream.set_nodelay(true).map_err(|err| End::Broken(err.to_string()))?;
        let mut request = format!("ws://{}/api/v1/socket", api.address()).into_client_request().map_err(broken)?;
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("boda.v1.json"));
        // Both ways of saying who one is are in use in the field; every eighth phone says hello.
        let says_hello = self.person.index % 8 == 7;
        if !says_hello {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            headers.insert("authorization", bearer.map_err(|_| End::Nonsense("token is not a header".to_owned()))?);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(4 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(64 * 1024)
            .max_message_size(Some(256 * 1024));
        let (socket, _) = within_ws(deadline, client_async_with_config(request, stream, Some(config))).await?;
        self.socket = Some(socket);
        if says_hello {
            self.send(format!(r#"{{"type":"hello","token":"{token}"}}"#)).await?;
        }
        match timeout(OPEN_WITHIN, self.next(&api.errors)).await {
            Ok(Ok(frame)) if frame.kind == Kind::Welcome => Ok(frame),
            Ok(Ok(frame)) => Err(End::Nonsense(format!("first frame is {:?}", frame.kind))),
            Ok(Err(end)) => Err(end),
            Err(_) => Err(End::Broken("no welcome in time".to_owned())),
        }
    }

    /// Control messages come once each, in the order of the stream, and none is left out.
    fn check_sequence(&mut self, frame: &Frame, errors: &Tally) {
        match frame.kind {
            Kind::Welcome => self.stream.welcomed(frame.epoch, frame.seq, frame.recovered),
            kind if kind.is_control() => match (frame.seq, frame.prev) {
                (Some(seq), Some(prev)) => match self.stream.heard(seq, prev) {
                    Place::Next => {}
                    Place::Gap => errors.add("socket sequence gap"),
                    Place::Duplicate => errors.add("socket sequence repeated"),
                },
                _ => errors.add("socket control message without seq and prev"),
            },
            _ => {}
        }
    }
}

/// The wait before a phone's next heartbeat: well inside the 30 s the server asks for.
pub const HEARTBEAT_EVERY: Duration = Duration::from_secs(20);
/// The frame it sends then.
pub const HEARTBEAT: &str = r#"{"type":"heartbeat"}"#;

async fn within<T>(deadline: Instant, work: impl Future<Output = std::io::Result<T>>) -> Result<T, End> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(done) => done.map_err(|err| End::Broken(err.to_string())),
        Err(_) => Err(End::Broken("connecting took too long".to_owned())),
    }
}

async fn within_ws<T>(deadline: Instant, work: impl Future<Output = Result<T, WsError>>) -> Result<T, End> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(done) => done.map_err(broken),
        Err(_) => Err(End::Broken("the handshake took too long".to_owned())),
    }
}

fn broken(err: WsError) -> End {
    match err {
        WsError::Http(response) => End::Refused(response.status().as_u16()),
        WsError::Io(_) | WsError::ConnectionClosed | WsError::AlreadyClosed => End::Broken(err.to_string()),
        WsError::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            End::Broken(err.to_string())
        }
        // A server that dies in the middle of the handshake looks like this.
        WsError::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::HandshakeIncomplete) => {
            End::Broken(err.to_string())
        }
        other => End::Nonsense(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_close_code_says_whether_to_come_back() {
        let pause = Duration::from_millis(100);
        for (end, then) in [
            (End::Closed(4000), Then::Retry(pause)),
            (End::Closed(4002), Then::Retry(pause)),
            (End::Closed(4003), Then::Retry(NODE_FULL_PAUSE)),
            (End::Closed(4500), Then::Stop),
            (End::Closed(4501), Then::NewToken),
            (End::Closed(4502), Then::Stop),
            (End::Closed(1009), Then::Stop),
            (End::Closed(1005), Then::Retry(pause)),
            (End::Refused(401), Then::NewToken),
            (End::Refused(403), Then::Stop),
            (End::Refused(503), Then::Retry(NODE_FULL_PAUSE)),
            (End::Refused(429), Then::Retry(NODE_FULL_PAUSE)),
            (End::Broken(String::new()), Then::Retry(pause)),
        ] {
            assert_eq!(end.then(pause), then, "{end:?}");
        }
    }
}
