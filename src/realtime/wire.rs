//! One WebSocket with small explicit buffers, written in batches and closed with care.
//!
//! Separate from the session so that the session reads as what it does, not as how bytes move. Messages are gathered and
//! written by one system call per flush. When the other side does not read, writing stops, and the session then stops
//! reading too: what a slow phone costs here is bounded by two small buffers.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::realtime::Config;
use crate::realtime::protocol::close::CloseCode;
use crate::realtime::protocol::server::ServerMessage;

/// Written bytes that make a flush due although more could be gathered.
const GATHER_BYTES_MAX: usize = 4 * 1024;

/// Most bytes that are read and thrown away while a closing app finishes its sentence.
const LINGER_BYTES_MAX: usize = 64 * 1024;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// We close it, with this code.
    Close(CloseCode),
    /// The other side closed it, or the connection broke.
    Gone,
}

impl From<WsError> for End {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Capacity(_) => Self::Close(CloseCode::FrameTooLarge),
            WsError::WriteBufferFull(_) => Self::Close(CloseCode::TooSlow),
            WsError::Protocol(coding_error) => match coding_error {
                // The connection ended without a goodbye: a phone that lost its network.
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => Self::Gone,
                _ => Self::Close(CloseCode::ProtocolViolation),
            },
            WsError::Utf8(_) | WsError::AttackAttempt => Self::Close(CloseCode::ProtocolViolation),
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Io(_)
            | WsError::Tls(_)
            | WsError::Url(_)
            | WsError::Http(_)
            | WsError::HttpFormat(_) => Self::Gone,
        }
    }
}

/// A WebSocket after its handshake.
pub struct Wire<S> {
    socket: WebSocketStream<S>,
    /// Bytes gathered since the last flush that went through.
    gathered_bytes: usize,
    /// Whether the last flush had to wait for the other side.
    is_blocked: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes over an upgraded stream; `read_already` is what came in behind the handshake.
    pub async fn new(stream: S, read_already: Vec<u8>, config: &Config) -> Self {
        // Every bound is given: the library's own are 128 KiB a socket for reading and no limit for writing.
        let bounds = WebSocketConfig::default()
            .read_buffer_size(config.read_buffer_bytes)
            // Nothing is written before a flush asks for it, so that one system call carries all that is ready.
            .write_buffer_size(config.write_buffer_bytes_max.saturating_sub(1))
            .max_write_buffer_size(config.write_buffer_bytes_max.max(1))
            .max_message_size(Some(config.frame_bytes_max))
            .max_frame_size(Some(config.frame_bytes_max))
            .accept_unmasked_frames(false);
        let socket = WebSocketStream::from_partially_read(stream, read_already, Role::Server, Some(bounds)).await;
        Self { socket, gathered_bytes: 0, is_blocked: false }
    }

    /// Gathers a message for the next flush.
    pub fn gather(&mut self, message: &ServerMessage) -> Result<(), End> {
        let text = message.encode();
        self.gathered_bytes += text.len();
        // `poll_ready` is left out on purpose: the sink takes messages up to its bound whether or not it could write, and
        // whoever calls this asks `is_congested` first.
        Ok(Pin::new(&mut self.socket).start_send(Message::text(text))?)
    }

    /// Whether to flush before anything more is gathered or read.
    pub fn is_congested(&self) -> bool {
        self.is_blocked || self.gathered_bytes >= GATHER_BYTES_MAX
    }

    /// Whether a flush would do something.
    pub fn has_gathered(&self) -> bool {
        self.gathered_bytes > 0
    }

    /// Writes what was gathered.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.is_blocked = flushed.is_pending();
        if flushed.is_ready() {
            self.gathered_bytes = 0;
        }
        flushed.map_err(End::from)
    }

    /// The next frame. Control frames are answered inside.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, End>> {
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => Poll::Ready(Err(End::Gone)),
            Poll::Ready(Some(frame)) => Poll::Ready(frame.map_err(End::from)),
        }
    }

    /// Says why, and gives the app `within` to read it. What it still sends is thrown away: a connection closed with
    /// unread bytes is reset, and a reset may overtake the close code.
    pub async fn close(mut self, code: CloseCode, within: Duration) {
        let goodbye = async {
            let frame = CloseFrame { code: coding::CloseCode::from(code.code()), reason: code.reason().into() };
            self.socket.send(Message::Close(Some(frame))).await.ok()?;
            let stream = self.socket.get_mut();
            stream.shutdown().await.ok()?;
            let mut left = LINGER_BYTES_MAX;
            let mut scrap = [0; 1024];
            while left > 0 {
                let read = stream.read(&mut scrap).await.ok()?;
                left = if read == 0 { 0 } else { left.saturating_sub(read) };
            }
            Some(())
        };
        // Whatever comes of it, the connection ends here.
        let _ = tokio::time::timeout(within, goodbye).await;
    }
}
