//! The door: an HTTP request becomes a socket.
//!
//! Done by hand rather than by the framework's extractor, because the extractor hides the connection behind a box and its
//! buffers behind defaults. Here the plain TCP stream is taken back out of the HTTP server, so a socket costs one task,
//! one small buffer and nothing in between.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::FutureExt;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use uuid::Uuid;

use crate::clock;
use crate::error::Error;
use crate::ids::ConnectionId;
use crate::realtime::Sockets;
use crate::realtime::handler::Handler;
use crate::realtime::hub::Pending;
use crate::realtime::protocol::SUBPROTOCOL_JSON;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::session;
use crate::realtime::wire::Wire;
use crate::time::Span;
use crate::web::{ApiError, Caller, ErrorBody, RequestId};

/// Where the socket lives under the API's prefix.
pub const SOCKET_PATH: &str = "/socket";

/// When to try a full node again.
const FULL_RETRY_AFTER: Span = Span::from_secs(5);

/// Length of sixteen bytes in base64.
const KEY_CHARS: usize = 24;

/// The route of the socket, for `app` to nest under the API's prefix.
pub fn router<H: Handler>(sockets: Arc<Sockets<H>>) -> Router {
    Router::new().route(SOCKET_PATH, get(upgrade::<H>)).with_state(sockets)
}

async fn upgrade<H: Handler>(State(sockets): State<Arc<Sockets<H>>>, mut request: Request) -> Response {
    let key = match check_handshake(request.headers()) {
        Ok(key) => key,
        Err(refused) => return refused.into_response(),
    };
    // A route for GET answers HEAD too, and a HEAD cannot become a socket.
    let upgrade = if request.method() == Method::GET { request.extensions_mut().remove::<OnUpgrade>() } else { None };
    let Some(upgrade) = upgrade else {
        return HandshakeRefused::bad("this request cannot become a WebSocket").into_response();
    };
    let claim = bearer(request.headers()).map(|token| sockets.authenticate(token, clock::now()));
    let user = claim.as_ref().and_then(|caller| caller.as_ref().ok()).map(|caller| caller.user);
    if !sockets.hub.has_room(user) {
        return ApiError::from(Error::Unavailable { retry_after: FULL_RETRY_AFTER, cause: None }).into_response();
    }
    let pending = sockets.hub.open(ConnectionId(Uuid::now_v7()));
    let id = pending.connection.id;
    let tasks = sockets.hub.tasks.clone();
    tasks.spawn(async move {
        let hub = Arc::clone(&sockets.hub);
        if AssertUnwindSafe(serve(sockets, pending, upgrade, claim)).catch_unwind().await.is_err() {
            hub.metrics.panics.increment(1);
            tracing::error!(session.id = %id, "a socket session panicked; it alone ends");
        }
    });
    switching_protocols(&key)
}

/// Waits for the stream and runs the session on it.
async fn serve<H: Handler>(
    sockets: Arc<Sockets<H>>,
    pending: Pending,
    upgrade: OnUpgrade,
    claim: Option<Result<Caller, CloseCode>>,
) {
    let Some(upgraded) = upgraded_in_time(upgrade, &pending).await else { return };
    match downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => {
            let stream = parts.io.into_inner();
            // An offer must not wait for an acknowledgement of the position before it. If this fails, so will the rest.
            let _ = stream.set_nodelay(true);
            let wire = Wire::new(stream, parts.read_buf.to_vec(), &sockets.config).await;
            session::run(sockets, pending, wire, claim).await;
        }
        // Not a plain TCP connection below: slower, not wrong. Boxed, so that only those pay for its size.
        Err(upgraded) => {
            let wire = Wire::new(TokioIo::new(upgraded), Vec::new(), &sockets.config).await;
            Box::pin(session::run(sockets, pending, wire, claim)).await;
        }
    }
}

/// The stream, unless the client leaves or dawdles before the answer to its handshake is written.
async fn upgraded_in_time(mut upgrade: OnUpgrade, pending: &Pending) -> Option<Upgraded> {
    std::future::poll_fn(|cx| {
        if pending.connection.mailbox.poll_close(cx).is_some() {
            return std::task::Poll::Ready(None);
        }
        upgrade.poll_unpin(cx).map(Result::ok)
    })
    .await
}

fn switching_protocols(key: &HeaderValue) -> Response {
    let accept = derive_accept_key(key.as_bytes());
    let accept = HeaderValue::from_str(&accept).expect("base64 is plain ASCII");
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL_JSON)),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Why a request does not become a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HandshakeRefused {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl HandshakeRefused {
    const fn bad(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_handshake", message }
    }

    const fn upgrade(message: &'static str) -> Self {
        Self { status: StatusCode::UPGRADE_REQUIRED, code: "upgrade_required", message }
    }
}

impl IntoResponse for HandshakeRefused {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            code: self.code.to_owned(),
            message: self.message.to_owned(),
            request_id: RequestId::current(),
            faults: Vec::new(),
        };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL_JSON));
        }
        response
    }
}

/// The client's key, when the headers ask for a WebSocket that we speak.
fn check_handshake(headers: &HeaderMap) -> Result<HeaderValue, HandshakeRefused> {
    if !lists(headers, &header::UPGRADE, "websocket") || !lists(headers, &header::CONNECTION, "upgrade") {
        return Err(HandshakeRefused::upgrade("this address is a WebSocket"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        return Err(HandshakeRefused::upgrade("only WebSocket version 13 is spoken here"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or(HandshakeRefused::bad("Sec-WebSocket-Key is missing or not sixteen bytes of base64"))?;
    if !lists(headers, &header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL_JSON) {
        return Err(HandshakeRefused::upgrade("ask for the sub-protocol boda.v1.json in Sec-WebSocket-Protocol"));
    }
    Ok(key.clone())
}

fn is_key(key: &HeaderValue) -> bool {
    let bytes = key.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    bytes.len() == KEY_CHARS && bytes.ends_with(b"==") && bytes[..KEY_CHARS - 2].iter().all(plain)
}

/// Whether a header that holds a comma-separated list has this word, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// The token of the handshake. A header that is not a bearer token is an empty token: refused like a bad one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    })
}
