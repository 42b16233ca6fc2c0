//! Sockets over real loopback TCP: an HTTP server with the socket route, a handler for tests, and phones.

mod browsing;
mod commands;
mod delivery;
mod frames;
mod resuming;
mod signing_on;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{DriverId, RideId, SessionId, StreamSeq, UserId};
use crate::realtime::protocol::client::{Command, Ping};
use crate::realtime::protocol::view::{PersonView, Place, RideStatus, RideView};
use crate::realtime::{Config, Event, Handler, Hub, Notice, PingRefused, Reply, Snapshot, Sockets, Told, router};
use crate::time::{Span, Timestamp};
use crate::web::server::{Bounds, Door, serve};
use crate::web::{Caller, Role};

/// Long enough for a busy machine, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(10);

fn config() -> Config {
    Config::for_tests()
}

/// Tokens read `ROLE-NUMBER`. `arrive` waits for a permit of `gate`, `complete` panics, `cancel` conflicts, `accept_offer`
/// meets a fault of ours. Pings north of the equator lie outside of the service area, one at 0.5 panics.
struct TestHandler {
    gate: Arc<Semaphore>,
    welcome_gate: Arc<Semaphore>,
    closed: Arc<Mutex<Vec<Caller>>>,
}

impl Handler for TestHandler {
    /// Counts the pings of a connection.
    type Track = u32;

    fn authenticate(&self, token: &str, _now: Timestamp) -> Result<Caller, Error> {
        let refused = || Error::unauthenticated("unauthenticated", "no");
        let (role, number) = token.split_once('-').ok_or_else(refused)?;
        Ok(Caller {
            user: user(number.parse().map_err(|_| refused())?),
            role: Role::from_name(role).ok_or_else(refused)?,
            session: SessionId(Uuid::nil()),
        })
    }

    async fn welcome(&self, caller: Caller) -> Result<Snapshot, Error> {
        let _permit = self.welcome_gate.acquire().await.expect("never closed");
        if caller.user == user(13) {
            return Err(Error::Unavailable { retry_after: Span::from_secs(1), cause: None });
        }
        assert!(caller.user != user(14), "a welcome that panics");
        Ok(Snapshot {
            online: (caller.role == Role::Driver).then_some(false),
            ride: None,
            next_ride: None,
            offers: Vec::new(),
        })
    }

    fn ping(&self, _driver: DriverId, track: &mut u32, ping: &Ping, _now: Timestamp) -> Result<(), PingRefused> {
        *track += 1;
        assert!(ping.place.lat_e7() != 5_000_000, "a ping that panics");
        if ping.place.lat() > 0.0 { Err(PingRefused::OutsideServiceArea) } else { Ok(()) }
    }

    async fn command(&self, _caller: Caller, command: Command) -> Result<Reply, Error> {
        match command {
            Command::Arrive { ride } => {
                self.gate.acquire().await.expect("never closed").forget();
                Ok(Reply { ride: Some(ride_view(ride)) })
            }
            Command::Complete { .. } => panic!("a command that panics"),
            Command::Cancel { .. } => Err(Error::conflict("wrong_state", "the ride has ended")),
            Command::AcceptOffer { .. } => Err(Error::internal("secret of the house")),
            _ => Ok(Reply::default()),
        }
    }

    fn closed(&self, caller: Caller) {
        self.closed.lock().expect("not poisoned").push(caller);
    }
}

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn ride_id() -> RideId {
    RideId(Uuid::from_u128(0x1de))
}

fn ride_view(id: RideId) -> RideView {
    let place = Place { lat: -1.94, lng: 30.06, address: None, landmark: None };
    RideView {
        id,
        status: RideStatus::DriverArrived,
        ride_type: "boda".into(),
        express: false,
        payment_method: "cash".into(),
        pickup: place.clone(),
        stops: Vec::new(),
        destination: place,
        parcel: None,
        notes: None,
        pickup_at: None,
        pickup_window: None,
        estimated_distance_m: 1,
        estimated_duration_s: 1,
        matched_distance_m: None,
        fare_rwf: 400,
        fare_final: false,
        service_fee_rwf: 0,
        to_pay_rwf: 845,
        surge_basis_points: 10_000,
        pin: None,
        rider: PersonView { id: user(7), first_name: "Aline".into() },
        driver: None,
        queue: None,
        is_next: false,
        cancellation: None,
        requested_at: Timestamp::EPOCH,
        assigned_at: None,
        arrived_at: None,
        started_at: None,
        ended_at: None,
    }
}

fn notice(text: impl Into<String>) -> Notice {
    Notice { key: "test".into(), text: text.into() }
}

/// A control message that can be told from others, and the decision behind it.
fn told(seq: u64) -> (Told, Event) {
    let decided = std::time::Instant::now();
    (Told { seq: StreamSeq(seq), decided }, Event::Ride(Box::new(ride_view(ride_id()))))
}

/// A running server.
struct Server {
    address: SocketAddr,
    hub: Arc<Hub>,
    gate: Arc<Semaphore>,
    welcome_gate: Arc<Semaphore>,
    closed: Arc<Mutex<Vec<Caller>>>,
    stop: CancellationToken,
}

impl Server {
    async fn start(config: Config) -> Self {
        let hub = Hub::start(config);
        let gate = Arc::new(Semaphore::new(0));
        let welcome_gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let closed = Arc::new(Mutex::new(Vec::new()));
        let handler = TestHandler {
            gate: Arc::clone(&gate),
            welcome_gate: Arc::clone(&welcome_gate),
            closed: Arc::clone(&closed),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let sockets = Sockets::start(Arc::clone(&hub), handler).expect("threads and descriptors");
        let routes = axum::Router::new().nest("/api/v1", router(sockets));
        let bounds =
            Bounds { connections_max: 1_000, head_within: PATIENCE, head_bytes_max: 16_384, head_lines_max: 64 };
        let stop = CancellationToken::new();
        tokio::spawn(serve(Door { listener, tls: None }, routes, bounds, stop.clone()));
        Self { address, hub, gate, welcome_gate, closed, stop }
    }

    fn request(&self, token: Option<&str>) -> Request {
        self.request_with(token, "boda.v1.json", "")
    }

    fn request_with(&self, token: Option<&str>, subprotocol: &str, query: &str) -> Request {
        let request = Request::builder()
            .uri(format!("ws://{}/api/v1/socket{query}", self.address))
            .header("host", self.address.to_string())
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header("sec-websocket-protocol", subprotocol);
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        request.body(()).expect("a good request")
    }

    async fn try_connect(&self, request: Request, receive_buffer: Option<u32>) -> Result<Phone, WsError> {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes).expect("a size");
        }
        let stream = socket.connect(self.address).await.expect("the server listens");
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        Ok(Phone { socket })
    }

    /// A phone whose handshake carries the token.
    async fn connect(&self, token: &str) -> Phone {
        self.try_connect(self.request(Some(token)), None).await.expect("the handshake succeeds")
    }

    /// A phone that has read its welcome.
    async fn phone(&self, token: &str) -> Phone {
        let mut phone = self.connect(token).await;
        assert_eq!(phone.read().await["type"], "welcome");
        phone
    }

    /// Sends a raw request head and returns the answer as text.
    async fn raw(&self, head: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.write_all(head.as_bytes()).await.expect("written");
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("in time").expect("text");
        answer
    }

    async fn until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(tokio::time::Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// An app.
struct Phone {
    socket: WebSocketStream<TcpStream>,
}

impl Phone {
    async fn send(&mut self, frame: impl Into<String>) {
        self.send_message(Message::text(frame.into())).await;
    }

    async fn send_message(&mut self, message: Message) {
        self.socket.send(message).await.expect("the socket is open");
    }

    async fn next(&mut self) -> Option<Result<Message, WsError>> {
        tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the server says something in time")
    }

    async fn read(&mut self) -> Value {
        match self.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("valid JSON"),
            other => panic!("not a text frame: {other:?}"),
        }
    }

    async fn read_binary(&mut self) -> Vec<u8> {
        match self.next().await {
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
            other => panic!("not a binary frame: {other:?}"),
        }
    }

    /// The next frame, an `error` of this code.
    async fn read_error(&mut self, code: &str) -> Value {
        let frame = self.read().await;
        assert_eq!((frame["type"].as_str(), frame["code"].as_str()), (Some("error"), Some(code)), "{frame}");
        frame
    }

    /// The server still answers.
    async fn check_alive(&mut self) {
        self.send(r#"{"type":"heartbeat"}"#).await;
        assert_eq!(self.read().await["type"], "heartbeat");
    }

    /// Reads on to the close frame.
    async fn read_close(&mut self) -> u16 {
        self.read_goodbye().await.0
    }

    /// Reads on to the close frame: its code and its reason.
    async fn read_goodbye(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }
}
