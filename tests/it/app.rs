//! An app on its socket: frames as the protocol writes them, and what holds for every session.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request, Response};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::city::Place;
use crate::house::House;
use crate::patience::PATIENCE;
use crate::people::{Person, now_ms};

/// A socket that has been welcomed.
#[derive(Debug)]
pub struct App {
    socket: WebSocketStream<TcpStream>,
    /// Frames that were read while another was waited for.
    unread: VecDeque<Value>,
    /// The first frame.
    pub welcome: Value,
    commands: u32,
    last_seq: u64,
}

/// What comes next on a socket.
#[derive(Debug)]
enum Next {
    Frame(Value),
    /// Closed with this code.
    Closed(u16),
}

impl App {
    /// Signs on with `hello`.
    pub async fn open(house: &House, person: &Person) -> Self {
        let mut app = Self::strange(house).await;
        app.send(&json!({"type": "hello", "token": person.api.token()})).await;
        app.welcome = app.expect("welcome").await;
        assert_eq!(app.welcome["user_id"], person.id, "{}", app.welcome);
        app
    }

    /// Comes back: goes on after the last control message that this session of the same person dealt with. What was missed
    /// must follow, and is checked like everything else that comes.
    pub async fn resume(self, house: &House, person: &Person) -> Self {
        let (epoch, after) = (self.welcome["epoch"].clone(), self.last_seq);
        let mut app = Self::strange(house).await;
        app.last_seq = after;
        app.send(&json!({"type": "hello", "token": person.api.token(), "epoch": epoch, "after": after})).await;
        app.welcome = app.expect("welcome").await;
        assert_eq!((&app.welcome["recovered"], app.welcome["seq"].as_u64()), (&true.into(), Some(after)));
        app
    }

    /// Closes the socket; the session can be resumed.
    pub async fn leave(&mut self) {
        // Broken already is as good.
        let _ = timeout(PATIENCE, self.socket.close(None)).await.expect("there is room to say goodbye");
        while timeout(PATIENCE, self.next()).await.is_ok_and(|next| matches!(next, Next::Frame(_))) {}
    }

    /// A socket that has not said who it is.
    pub async fn strange(house: &House) -> Self {
        Self::with_request(house, handshake(house)).await
    }

    /// A socket by a request of one's own.
    pub async fn with_request(house: &House, request: Request<()>) -> Self {
        let (socket, response) = Self::shake_hands(house, request).await.expect("the handshake succeeds");
        assert_eq!(response.headers().get("sec-websocket-protocol"), Some(&HeaderValue::from_static("boda.v1.json")));
        Self { socket, unread: VecDeque::new(), welcome: Value::Null, commands: 0, last_seq: 0 }
    }

    /// Only the handshake.
    pub async fn shake_hands(
        house: &House,
        request: Request<()>,
    ) -> Result<(WebSocketStream<TcpStream>, Response<Option<Vec<u8>>>), WsError> {
        let stream = TcpStream::connect(house.address()).await.expect("the server listens");
        timeout(PATIENCE, client_async(request, stream)).await.expect("the handshake is answered")
    }

    /// Sends an object.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends anything.
    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await.expect("the socket is open");
    }

    /// Sends any message; the server may have closed the socket.
    pub async fn send_message(&mut self, message: Message) -> Result<(), WsError> {
        timeout(PATIENCE, self.socket.send(message)).await.expect("there is room to send")
    }

    /// Sends a position of now.
    pub async fn ping(&mut self, place: Place) {
        self.ping_at(place, now_ms()).await;
    }

    /// Sends a position of an instant, in milliseconds since 1970 UTC.
    pub async fn ping_at(&mut self, place: Place, t_ms: i64) {
        let mut frame = place.json();
        frame["type"] = "ping".into();
        frame["t_ms"] = t_ms.into();
        frame["bearing_deg"] = 87.into();
        frame["ack"] = true.into();
        self.send(&frame).await;
        // Of this position: there may be others that nobody has read.
        self.find("ack", |answer| answer["type"] == "ack" && answer["t_ms"] == frame["t_ms"]).await;
    }

    /// Sends a command and returns its `reply`, or its `error`.
    pub async fn ask(&mut self, mut command: Value) -> Value {
        self.commands += 1;
        let id = format!("c{}", self.commands);
        command["id"] = id.as_str().into();
        self.send(&command).await;
        self.find(&format!("answer to {command}"), |frame| {
            matches!(frame["type"].as_str(), Some("reply" | "error")) && frame["id"] == id.as_str()
        })
        .await
    }

    /// Sends a command that is to succeed.
    pub async fn command(&mut self, command: Value) -> Value {
        let answer = self.ask(command.clone()).await;
        assert_eq!(answer["type"], "reply", "{command} → {answer}");
        answer
    }

    /// Sends a command that is to be refused with this code.
    pub async fn refused(&mut self, command: Value, code: &str) -> Value {
        let answer = self.ask(command.clone()).await;
        assert_eq!((&answer["type"], &answer["code"]), (&"error".into(), &code.into()), "{command} → {answer}");
        answer
    }

    /// The next frame of a type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        self.find(kind, |frame| frame["type"] == kind).await
    }

    /// The offer that comes next; `expect("offer")` without its envelope.
    pub async fn offer(&mut self) -> Value {
        self.expect("offer").await["offer"].clone()
    }

    /// The next news of a ride in this state.
    pub async fn ride(&mut self, status: &str) -> Value {
        let is_it = |frame: &Value| frame["type"] == "ride" && frame["ride"]["status"] == status;
        self.find(&format!("a ride that is {status}"), is_it).await["ride"].clone()
    }

    /// The next notice of this kind.
    pub async fn notice(&mut self, key: &str) -> Value {
        self.find(&format!("the notice {key}"), |frame| frame["type"] == "notice" && frame["key"] == key).await
    }

    /// The next view of a ride of which this is true.
    pub async fn ride_where(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.find(what, |frame| frame["type"] == "ride" && wanted(&frame["ride"])).await["ride"].clone()
    }

    /// The next frame that is wanted; others are kept for later.
    async fn find(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&wanted) {
            return self.unread.remove(index).expect("found just now");
        }
        loop {
            match timeout(PATIENCE, self.next()).await {
                Ok(Next::Frame(frame)) if wanted(&frame) => return frame,
                Ok(Next::Frame(frame)) => self.unread.push_back(frame),
                Ok(Next::Closed(code)) => panic!("waiting for {what}: closed with {code}; unread: {:?}", self.unread),
                Err(_) => panic!("in vain waited {PATIENCE:?} for: {what}; unread: {:?}", self.unread),
            }
        }
    }

    /// What was read and not asked for.
    pub fn unread(&self) -> impl Iterator<Item = &Value> {
        self.unread.iter()
    }

    /// Reads until the server closes; its code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.next()).await.expect("the server closes the socket") {
                Next::Frame(frame) => self.unread.push_back(frame),
                Next::Closed(code) => return code,
            }
        }
    }

    async fn next(&mut self) -> Next {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                    self.count(&frame);
                    return Next::Frame(frame);
                }
                Some(Ok(Message::Close(close))) => return Next::Closed(close.map_or(1005, |close| close.code.into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("not a frame of the protocol: {other:?}"),
                // Without a close frame.
                Some(Err(_)) | None => return Next::Closed(1006),
            }
        }
    }

    /// The control messages are a chain: each comes once and names the one before it. The welcome says where it goes on.
    fn count(&mut self, frame: &Value) {
        let seq = frame["seq"].as_u64();
        match frame["type"].as_str() {
            Some("welcome") => self.last_seq = seq.expect("a welcome says where the stream goes on"),
            Some("offer" | "offer_withdrawn" | "ride" | "ride_released" | "nudge") => {
                let seq = seq.expect("a control message has a place in the stream");
                let prev = frame["prev"].as_u64().expect("a control message names the one before it");
                assert!(prev <= self.last_seq && self.last_seq < seq, "after {}: {frame}", self.last_seq);
                self.last_seq = seq;
            }
            _ => assert_eq!(seq, None, "{frame}"),
        }
    }
}

/// The request for a socket.
pub fn handshake(house: &House) -> Request<()> {
    let mut request = format!("ws://{}/api/v1/socket", house.address()).into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("boda.v1.json"));
    request
}
