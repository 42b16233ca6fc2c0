//! What a request must say to become a socket: the headers of RFC 6455 and our own.
//!
//! Separate from the door because it reads headers and nothing else.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::ids::StreamSeq;
use crate::realtime::protocol::Encoding;
use crate::realtime::protocol::client::Resume;
use crate::web::{ErrorBody, RequestId};

/// Length of sixteen bytes in base64.
const KEY_CHARS: usize = 24;

/// What is spoken here, for those who asked for something else.
const SUBPROTOCOLS: &str = "boda.v1.bin, boda.v1.json";

/// Why a request does not become a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeRefused {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl HandshakeRefused {
    /// The request is broken.
    pub const fn bad(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_handshake", message }
    }

    /// The request asks for something else than is spoken here.
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
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOLS));
        }
        response
    }
}

/// The client's key and how it wants to be spoken to, when the headers ask for a WebSocket that we speak.
///
/// # Errors
/// What to answer otherwise.
pub fn check_handshake(headers: &HeaderMap) -> Result<(HeaderValue, Encoding), HandshakeRefused> {
    if !lists(headers, &header::UPGRADE, "websocket") || !lists(headers, &header::CONNECTION, "upgrade") {
        return Err(HandshakeRefused::upgrade("this address is a WebSocket"));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        return Err(HandshakeRefused::upgrade("only WebSocket version 13 is spoken here"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let key = key.ok_or(HandshakeRefused::bad("Sec-WebSocket-Key is missing or not sixteen bytes of base64"))?;
    let encoding = Encoding::choose(items(headers, &header::SEC_WEBSOCKET_PROTOCOL)).ok_or(
        HandshakeRefused::upgrade("ask for the sub-protocol boda.v1.json or boda.v1.bin in Sec-WebSocket-Protocol"),
    )?;
    Ok((key.clone(), encoding))
}

fn is_key(key: &HeaderValue) -> bool {
    let bytes = key.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    bytes.len() == KEY_CHARS && bytes.ends_with(b"==") && bytes[..KEY_CHARS - 2].iter().all(plain)
}

/// The items of a header that holds a comma-separated list.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether such a header has this word, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    items(headers, name).any(|item| item.eq_ignore_ascii_case(word))
}

/// The token of the handshake. A header that is not a bearer token is an empty token: refused like a bad one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    Some(match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => "",
    })
}

/// `epoch` and `after` of the query: both or neither.
///
/// # Errors
/// What to answer when they are not what a welcome gave.
pub fn resume_of(query: &str) -> Result<Option<Resume>, HandshakeRefused> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    match (value("epoch"), value("after")) {
        (None, None) => Ok(None),
        (Some(epoch), Some(after)) => match (epoch.parse(), after.parse()) {
            (Ok(epoch), Ok(after)) => Ok(Some(Resume { epoch, after: StreamSeq(after) })),
            _ => Err(HandshakeRefused::bad("epoch is a UUID and after a whole number, as the welcome gave them")),
        },
        _ => Err(HandshakeRefused::bad("epoch and after go together")),
    }
}
