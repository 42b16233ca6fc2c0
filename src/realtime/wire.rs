//! The bytes of one connection: a frame that is only half there, and bytes that a slow phone has not taken yet.
//!
//! Separate from the session so that the session reads as what it does, not as how bytes move. Reading goes into a buffer
//! that all sessions of a thread share, writing comes out of another; what a connection keeps of its own is usually nothing
//! at all. When the other side does not read, what is left of one write waits here and nothing more is gathered.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::realtime::frame::{FrameError, Opcode, put_close, take_frame};
use crate::realtime::protocol::close::CloseCode;

/// Room for what one read brings: dozens of pings, or the largest message several times.
const READ_BYTES: usize = 16 * 1024;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// We close it, with this code.
    Close(CloseCode),
    /// The other side closed it, or the connection broke.
    Gone,
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::TooLarge => Self::Close(CloseCode::FrameTooLarge),
            FrameError::Broken(_) => Self::Close(CloseCode::ProtocolViolation),
        }
    }
}

/// A whole message from the app, or a sign of life.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A WebSocket ping, to be answered with the same bytes.
    Ping(&'a [u8]),
    /// A WebSocket pong.
    Pong,
    /// The app is about to go, for this reason if it gave one.
    Close(Option<u16>),
    /// A part of a message whose end has not come.
    Part,
}

/// A message that comes in parts.
struct Fragments {
    opcode: Opcode,
    bytes: Vec<u8>,
}

/// One connection after its handshake.
pub struct Wire {
    stream: TcpStream,
    /// The start of a frame whose rest has not come.
    partial: Vec<u8>,
    fragments: Option<Box<Fragments>>,
    /// Written by us, not yet taken by the kernel.
    unsent: Vec<u8>,
}

/// What one read brought.
pub struct Filled {
    /// How many bytes of the buffer are to be looked at, earlier ones included.
    pub length: usize,
    /// Whether the kernel had no more.
    pub is_drained: bool,
}

impl Wire {
    /// Takes over an upgraded stream; `read_already` is what came in behind the handshake.
    pub fn new(stream: TcpStream, read_already: Vec<u8>) -> Self {
        Self { stream, partial: read_already, fragments: None, unsent: Vec::new() }
    }

    /// The connection, for entering and leaving a lane.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads once into the shared buffer, behind what was left of the last time. `None` when there is nothing to look at.
    pub fn fill(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Filled>, End> {
        let before = self.partial.len();
        if buffer.len() < before + READ_BYTES {
            buffer.resize(before + READ_BYTES, 0);
        }
        buffer[..before].copy_from_slice(&self.partial);
        match self.stream.read(&mut buffer[before..]) {
            Ok(0) => Err(End::Gone),
            Ok(read) => {
                self.partial.clear();
                // Less than there was room for: the kernel had no more, and what comes now raises a new edge.
                Ok(Some(Filled { length: before + read, is_drained: before + read < buffer.len() }))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                self.partial.clear();
                // Whole messages may wait here that came before they could be taken.
                Ok((before > 0).then_some(Filled { length: before, is_drained: true }))
            }
            Err(_) => Err(End::Gone),
        }
    }

    /// Keeps the start of a frame for the next read, in no more memory than it needs.
    pub fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.reserve_exact(rest.len());
            self.partial.extend_from_slice(rest);
        }
    }

    /// Appends close code and reason to what is unsent, whatever the bounds: it is the last.
    pub fn put_goodbye(&mut self, code: u16, reason: &str) {
        put_close(&mut self.unsent, code, reason);
    }

    /// Whether something waits for the other side to read.
    pub fn is_congested(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Writes what is in `out`, behind what waits already, and empties it. Whether all was taken by the kernel.
    pub fn write(&mut self, out: &mut Vec<u8>, unsent_bytes_max: usize) -> Result<bool, End> {
        if self.is_congested() {
            if self.unsent.len() + out.len() > unsent_bytes_max {
                return Err(End::Close(CloseCode::TooSlow));
            }
            self.unsent.append(out);
            return self.write_unsent();
        }
        let written = write_some(&mut self.stream, out)?;
        if written < out.len() {
            if out.len() - written > unsent_bytes_max {
                return Err(End::Close(CloseCode::TooSlow));
            }
            self.unsent.reserve_exact(out.len() - written);
            self.unsent.extend_from_slice(&out[written..]);
        }
        out.clear();
        Ok(!self.is_congested())
    }

    /// Writes what waits. Whether all was taken by the kernel.
    pub fn write_unsent(&mut self) -> Result<bool, End> {
        let written = write_some(&mut self.stream, &self.unsent)?;
        if written == self.unsent.len() {
            self.unsent = Vec::new();
        } else {
            self.unsent.drain(..written);
        }
        Ok(!self.is_congested())
    }

    /// Says that nothing more will be written.
    pub fn finish(&self) {
        // Broken already, or about to be.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Throws away what the other side still says. How much that was; an error when it is gone.
    pub fn discard(&mut self, buffer: &mut [u8]) -> Result<usize, End> {
        match self.stream.read(buffer) {
            Ok(0) => Err(End::Gone),
            Ok(read) => Ok(read),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(_) => Err(End::Gone),
        }
    }

    /// Takes the message at the start of `bytes`, with its length on the wire; `None` when more bytes are needed.
    pub fn take<'b>(
        &mut self,
        bytes: &'b mut [u8],
        message_bytes_max: usize,
    ) -> Result<Option<(usize, Incoming<'b>)>, End> {
        let Some(frame) = take_frame(bytes, message_bytes_max)? else { return Ok(None) };
        let size = frame.payload.end;
        let payload = &bytes[frame.payload];
        let message = match frame.opcode {
            Opcode::Ping => Incoming::Ping(payload),
            Opcode::Pong => Incoming::Pong,
            Opcode::Close => Incoming::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            Opcode::Text | Opcode::Binary if self.fragments.is_some() => {
                return Err(FrameError::Broken("a message begins before the last one ended").into());
            }
            Opcode::Text if frame.is_final => {
                Incoming::Text(std::str::from_utf8(payload).map_err(|_| not_utf8())?.into())
            }
            Opcode::Binary if frame.is_final => Incoming::Binary(payload.into()),
            Opcode::Text | Opcode::Binary => {
                self.fragments = Some(Box::new(Fragments { opcode: frame.opcode, bytes: payload.to_vec() }));
                Incoming::Part
            }
            Opcode::Continuation => self.join(payload, frame.is_final, message_bytes_max)?,
        };
        Ok(Some((size, message)))
    }

    /// Adds a part to the message that it belongs to.
    fn join(&mut self, part: &[u8], is_final: bool, message_bytes_max: usize) -> Result<Incoming<'static>, End> {
        let mut fragments = self.fragments.take().ok_or(FrameError::Broken("a continuation of nothing"))?;
        if fragments.bytes.len() + part.len() > message_bytes_max {
            return Err(FrameError::TooLarge.into());
        }
        fragments.bytes.extend_from_slice(part);
        if !is_final {
            self.fragments = Some(fragments);
            return Ok(Incoming::Part);
        }
        Ok(match fragments.opcode {
            Opcode::Text => Incoming::Text(String::from_utf8(fragments.bytes).map_err(|_| not_utf8())?.into()),
            _ => Incoming::Binary(fragments.bytes.into()),
        })
    }
}

fn not_utf8() -> End {
    FrameError::Broken("the text is not UTF-8").into()
}

fn write_some(stream: &mut impl Write, bytes: &[u8]) -> Result<usize, End> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err(End::Gone),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Err(End::Gone),
        }
    }
    Ok(written)
}

/// Sets the small buffers of the kernel, and that an offer does not wait for an acknowledgement of the position before it.
///
/// # Errors
/// When the connection is gone already.
pub fn set_up(stream: &std::net::TcpStream, receive_bytes: usize, send_bytes: usize) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    // The end of a relay has no such option, and needs none; whatever else fails here fails below, too.
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    socket.set_recv_buffer_size(receive_bytes)?;
    socket.set_send_buffer_size(send_bytes)
}
