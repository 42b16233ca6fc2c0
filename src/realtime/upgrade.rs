//! The door: an HTTP request becomes a socket.
//!
//! Done by hand rather than by the framework's extractor, because the extractor hides the connection behind a box and its
//! buffers behind defaults. Here the plain stream is taken back out of the HTTP server and handed to a reactor, and
//! nothing of the handshake stays behind. Of an encrypted connection the end of a relay is handed on (`web::takeover`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::upgrade::{OnUpgrade, Upgraded};
use rand::Rng;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::clock;
use crate::error::Error;
use crate::realtime::Sockets;
use crate::realtime::admission::{self, Seat};
use crate::realtime::handler::Handler;
use crate::realtime::handshake::{HandshakeRefused, bearer, check_handshake, resume_of};
use crate::realtime::membership::Pending;
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::client::Resume;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::session::Opening;
use crate::realtime::wire;
use crate::time::Span;
use crate::web::takeover::{Relay, Taken, take_over};
use crate::web::{ApiError, Caller};

/// Where the socket lives under the API's prefix.
pub const SOCKET_PATH: &str = "/socket";

/// When to try a full node again, in seconds: from and to.
const FULL_RETRY_S: (i64, i64) = (5, 10);

/// When to try again after too many came at once.
const BUSY_RETRY_S: (i64, i64) = (1, 4);

/// The route of the socket, for `app` to nest under the API's prefix.
pub fn router<H: Handler>(sockets: Arc<Sockets<H>>) -> Router {
    Router::new().route(SOCKET_PATH, get(upgrade::<H>)).with_state(sockets)
}

async fn upgrade<H: Handler>(State(sockets): State<Arc<Sockets<H>>>, mut request: Request) -> Response {
    let (key, encoding) = match check_handshake(request.headers()) {
        Ok(checked) => checked,
        Err(refused) => return refused.into_response(),
    };
    let resume = match request.uri().query().map_or(Ok(None), resume_of) {
        Ok(resume) => resume,
        Err(refused) => return refused.into_response(),
    };
    // A route for GET answers HEAD too, and a HEAD cannot become a socket.
    let upgrade = if request.method() == Method::GET { request.extensions_mut().remove::<OnUpgrade>() } else { None };
    let Some(upgrade) = upgrade else {
        return HandshakeRefused::bad("this request cannot become a WebSocket").into_response();
    };
    let shared = &sockets.shared;
    // Before the token is looked at: a flood must not cost signatures.
    let seat = match shared.admission.admit(address_of(&request), clock::now()) {
        Ok(seat) => seat,
        Err(refused) => {
            shared.hub.metrics.handshake_refused(refused);
            return not_admitted(refused);
        }
    };
    let claim = bearer(request.headers()).map(|token| shared.authenticate(token, clock::now()));
    let user = claim.as_ref().and_then(|caller| caller.as_ref().ok()).map(|caller| caller.user);
    if !shared.hub.has_room(user) {
        return ApiError::from(Error::Unavailable { retry_after: jittered(FULL_RETRY_S), cause: None }).into_response();
    }
    let pending = shared.hub.open();
    let opening = Unopened { pending, seat, claim, resume, encoding };
    let tasks = shared.hub.tasks.clone();
    tasks.spawn(async move {
        let within = sockets.shared.config.hello_within.to_duration();
        // A client that leaves or dawdles before the answer to its handshake is written is given up.
        let Ok(Ok(upgraded)) = tokio::time::timeout(within, upgrade).await else { return };
        let Some((opening, relay)) = opening.on(upgraded, &sockets) else { return };
        sockets.hand_over(opening);
        if let Some(relay) = relay {
            relay.run().await;
        }
    });
    switching_protocols(&key, encoding)
}

/// A socket whose connection is still the HTTP server's.
struct Unopened {
    pending: Pending,
    seat: Seat,
    claim: Option<Result<Caller, CloseCode>>,
    resume: Option<Resume>,
    encoding: Encoding,
}

impl Unopened {
    /// Takes the connection out of the HTTP server and of the runtime; an encrypted one leaves a relay there, to be run for
    /// as long as the socket lives. `None` when it is gone already.
    fn on<H: Handler>(self, upgraded: Upgraded, sockets: &Sockets<H>) -> Option<(Opening, Option<Relay>)> {
        let Taken { stream, read_already, relay } = take_over(upgraded).ok()?;
        let config = &sockets.shared.config;
        wire::set_up(&stream, config.receive_buffer_bytes, config.send_buffer_bytes).ok()?;
        let Self { pending, seat, claim, resume, encoding } = self;
        Some((Opening { stream, read_already, pending, seat, claim, resume, encoding }, relay))
    }
}

/// Where a request comes from.
fn address_of(request: &Request) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip())
}

/// A time to come back at that differs from one client to the next.
fn jittered((from_s, to_s): (i64, i64)) -> Span {
    Span::from_secs(rand::rng().random_range(from_s..=to_s))
}

fn not_admitted(refused: admission::Refused) -> Response {
    match refused {
        admission::Refused::NodeBusy => {
            ApiError::from(Error::Unavailable { retry_after: jittered(BUSY_RETRY_S), cause: None }).into_response()
        }
        admission::Refused::AddressBusy | admission::Refused::AddressFull => {
            ApiError::from(Error::RateLimited { retry_after: jittered(BUSY_RETRY_S) }).into_response()
        }
    }
}

fn switching_protocols(key: &HeaderValue, encoding: Encoding) -> Response {
    let accept = derive_accept_key(key.as_bytes());
    let accept = HeaderValue::from_str(&accept).expect("base64 is plain ASCII");
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(encoding.subprotocol())),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
