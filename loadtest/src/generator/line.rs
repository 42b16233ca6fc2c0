//! One phone's connection: connecting without waiting, the handshake, and bytes in both directions.
//!
//! Memory is spent only on what is unfinished: a frame that arrived in part, a frame the kernel did not take.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

use super::frame::{self, Frame, Split};

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there.
    Down,
    /// TCP is being set up.
    Connecting,
    /// The handshake is out, its answer is not in.
    Upgrading,
    /// Frames flow.
    Open,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Closed by the server with a code and a reason.
    Closed(u16, String),
    /// The handshake was refused with this status, and when to try again if the server said so.
    Refused(u16, Option<u64>),
    /// Broken off.
    Broken(String),
}

/// A connection.
#[derive(Debug)]
pub struct Line {
    stream: Option<TcpStream>,
    /// How far it is.
    pub state: State,
    partial: Vec<u8>,
    unsent: Vec<u8>,
}

impl Line {
    /// One that is down.
    pub fn new() -> Self {
        Self { stream: None, state: State::Down, partial: Vec::new(), unsent: Vec::new() }
    }

    /// Begins to connect from an address of its own: one source address has ports for 28,000 connections only.
    /// `receive_bytes` makes the kernel's receive buffer small, for readers that are to be slow.
    ///
    /// # Errors
    /// What the machine says.
    pub fn connect(&mut self, to: SocketAddr, number: usize, receive_bytes: Option<usize>) -> std::io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % 200) as u8);
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())?;
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(err) if err.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {}
            Err(err) => return Err(err),
        }
        self.stream = Some(socket.into());
        self.state = State::Connecting;
        self.partial.clear();
        self.unsent.clear();
        Ok(())
    }

    /// The socket, for the poller.
    pub fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    /// Hangs up.
    pub fn drop_now(&mut self) {
        self.stream = None;
        self.state = State::Down;
        self.partial = Vec::new();
        self.unsent = Vec::new();
    }

    /// Sends the handshake once TCP stands.
    pub fn upgrade(&mut self, request: &[u8]) -> Result<(), End> {
        let Some(stream) = &self.stream else { return Err(End::Broken("not connected".to_owned())) };
        if let Ok(Some(err)) = stream.take_error() {
            return Err(End::Broken(err.to_string()));
        }
        self.state = State::Upgrading;
        self.write(request).map(|_| ())
    }

    /// Writes bytes, or keeps what the kernel does not take. Returns true when all of it is out.
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool, End> {
        let Some(stream) = &mut self.stream else { return Ok(true) };
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(false);
        }
        match stream.write(bytes) {
            Ok(written) if written == bytes.len() => Ok(true),
            Ok(written) => {
                self.unsent.extend_from_slice(&bytes[written..]);
                Ok(false)
            }
            Err(err) if err.kind() == ErrorKind::WouldBlock => {
                self.unsent.extend_from_slice(bytes);
                Ok(false)
            }
            Err(err) => Err(End::Broken(err.to_string())),
        }
    }

    /// True while bytes wait for the kernel.
    pub fn is_clogged(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Goes on with what was kept. Returns true when all of it is out.
    pub fn flush(&mut self) -> Result<bool, End> {
        let kept = std::mem::take(&mut self.unsent);
        if kept.is_empty() { Ok(true) } else { self.write(&kept) }
    }

    /// Reads once into the shared `buffer` and hands every whole frame to `hear`. Handshake answers are taken off first.
    pub fn read(&mut self, buffer: &mut [u8], mut hear: impl FnMut(Frame<'_>)) -> Result<(), End> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let count = match stream.read(buffer) {
            Ok(0) => return Err(End::Broken("end of stream".to_owned())),
            Ok(count) => count,
            Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(err) => return Err(End::Broken(err.to_string())),
        };
        let mut joined = std::mem::take(&mut self.partial);
        let mut bytes: &[u8] = &buffer[..count];
        if !joined.is_empty() {
            joined.extend_from_slice(bytes);
            bytes = &joined;
        }
        if self.state == State::Upgrading {
            match after_upgrade(bytes)? {
                Some(rest) => {
                    self.state = State::Open;
                    bytes = rest;
                }
                None => {
                    self.partial = bytes.to_vec();
                    return Ok(());
                }
            }
        }
        let mut close = None;
        while close.is_none() {
            match frame::split(bytes) {
                Split::Frame(frame, used) => {
                    if frame.opcode == frame::CLOSE {
                        let (code, reason) = frame::close_of(frame.payload);
                        close = Some(End::Closed(code, reason.to_owned()));
                    } else {
                        hear(frame);
                    }
                    bytes = &bytes[used..];
                }
                Split::More => break,
                Split::Broken => close = Some(End::Broken("a frame no server may send".to_owned())),
            }
        }
        if !bytes.is_empty() {
            self.partial = bytes.to_vec();
        }
        close.map_or(Ok(()), Err)
    }
}

/// What follows the answer to a handshake; none while it is not whole.
fn after_upgrade(bytes: &[u8]) -> Result<Option<&[u8]>, End> {
    const BLANK: &[u8] = b"\r\n\r\n";
    let Some(end) = bytes.windows(BLANK.len()).position(|window| window == BLANK) else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
    let wait_s = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("retry-after").then(|| value.trim().parse().ok())?
    });
    match head.split(' ').nth(1).and_then(|status| status.parse().ok()) {
        Some(101) => Ok(Some(&bytes[end + BLANK.len()..])),
        Some(status) => Err(End::Refused(status, wait_s)),
        None => Err(End::Broken("not an answer of HTTP".to_owned())),
    }
}

/// The bytes of a handshake.
pub fn handshake(host: &str, query: &str, subprotocol: Option<&str>, token: Option<&str>) -> Vec<u8> {
    let mut text = format!(
        "GET /api/v1/socket{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    if let Some(name) = subprotocol {
        text.push_str(&format!("Sec-WebSocket-Protocol: {name}\r\n"));
    }
    if let Some(token) = token {
        text.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshakes_answer_is_taken_off_whole() {
        assert_eq!(after_upgrade(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n"), Ok(None));
        let rest: &[u8] = b"\x81\x00";
        assert_eq!(after_upgrade(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00"), Ok(Some(rest)));
        let full = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\n\r\n";
        assert_eq!(after_upgrade(full), Err(End::Refused(503, Some(7))));
        assert_eq!(after_upgrade(b"nonsense\r\n\r\n"), Err(End::Broken("not an answer of HTTP".to_owned())));
    }

    #[test]
    fn a_handshake_carries_what_it_is_given() {
        let text = String::from_utf8(handshake("h:1", "?after=3", Some("boda.v1.bin"), Some("T"))).expect("ASCII");
        assert!(text.starts_with("GET /api/v1/socket?after=3 HTTP/1.1\r\nHost: h:1\r\n"));
        assert!(text.contains("\r\nSec-WebSocket-Protocol: boda.v1.bin\r\n") && text.ends_with("Bearer T\r\n\r\n"));
        let plain = String::from_utf8(handshake("h:1", "", None, None)).expect("ASCII");
        assert!(!plain.contains("Authorization") && !plain.contains("Protocol:"));
    }
}
