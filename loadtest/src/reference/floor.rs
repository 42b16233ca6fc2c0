//! The floor: one thread, one epoll, and nothing that a ping does not need. Reads, unmasks, stores.
//!
//! What any server on this machine must pay, whatever it is written in: a wake-up, a read, a few bytes of work. It knows no
//! users, checks nothing, never answers and forgets a connection's number when it ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::count_on_request;
use crate::generator::frame;

/// The listener's number among the connections.
const LISTENER: u64 = u64::MAX;
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Where a driver was last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    t_ms: u64,
    lat_e7: i32,
    lng_e7: i32,
}

struct Connection {
    stream: TcpStream,
    is_open: bool,
    partial: Vec<u8>,
}

/// Serves until it is killed. Prints the address it listens on.
///
/// # Errors
/// A sentence, when it cannot listen.
pub fn serve() -> Result<(), String> {
    let failed = |err: std::io::Error| err.to_string();
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    println!("{}", listener.local_addr().map_err(failed)?);
    listener.set_nonblocking(true).map_err(failed)?;
    let count = Arc::new(AtomicU64::new(0));
    count_on_request(count.clone());
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(|err| err.to_string())?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER)).map_err(|err| err.to_string())?;
    let (mut connections, mut places) = (Vec::<Option<Connection>>::new(), Vec::<Place>::new());
    let (mut events, mut buffer) = ([EpollEvent::empty(); 256], vec![0_u8; 64 * 1024]);
    loop {
        let Ok(ready) = epoll.wait(&mut events, EpollTimeout::NONE) else { continue };
        for event in &events[..ready] {
            if event.data() == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).map_err(failed)?;
                    let number = connections.len() as u64;
                    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number)).map_err(|err| err.to_string())?;
                    connections.push(Some(Connection { stream, is_open: false, partial: Vec::new() }));
                    places.push(Place::default());
                }
                continue;
            }
            let Ok(number) = usize::try_from(event.data()) else { continue };
            let Some(connection) = &mut connections[number] else { continue };
            match connection.read(&mut buffer, &mut places[number]) {
                Some(stored) if stored > 0 => {
                    count.fetch_add(stored, Ordering::Relaxed);
                }
                Some(_) => {}
                None => connections[number] = None,
            }
        }
    }
}

impl Connection {
    /// Reads once and stores what came. Returns how many pings that were; none when the connection is over.
    fn read(&mut self, buffer: &mut [u8], place: &mut Place) -> Option<u64> {
        let kept = self.partial.len();
        buffer[..kept].copy_from_slice(&self.partial);
        let read = match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => return None,
            Ok(read) => read,
            Err(err) => return (err.kind() == ErrorKind::WouldBlock).then_some(0),
        };
        let mut rest = &mut buffer[..kept + read];
        self.partial.clear();
        if !self.is_open {
            let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
                self.partial.extend_from_slice(rest);
                return Some(0);
            };
            self.is_open = true;
            self.stream.write_all(ANSWER).ok()?;
            rest = &mut rest[end + 4..];
        }
        let mut stored = 0;
        while let Some((opcode, at)) = frame::unmask_first(rest) {
            let payload = &rest[at.clone()];
            let ping = if opcode == frame::BINARY { from_binary(payload) } else { from_json(payload) };
            if let Some(ping) = ping {
                *place = ping;
                stored += 1;
            }
            rest = &mut rest[at.end..];
        }
        if !rest.is_empty() {
            self.partial.extend_from_slice(rest);
        }
        Some(stored)
    }
}

fn from_binary(payload: &[u8]) -> Option<Place> {
    let bytes: &[u8; 22] = payload.try_into().ok()?;
    let t_ms = bytes[2..8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let number = |at: usize| i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Some(Place { t_ms, lat_e7: number(8), lng_e7: number(12) })
}

/// Only what this generator writes: the fields in this order, seven decimals.
fn from_json(payload: &[u8]) -> Option<Place> {
    let after = |rest: &mut &[u8], name: &[u8]| -> Option<i64> {
        let at = rest.windows(name.len()).position(|window| window == name)? + name.len();
        *rest = &rest[at..];
        let is_negative = rest.first() == Some(&b'-');
        let digits = rest.iter().skip(usize::from(is_negative)).filter(|byte| **byte != b'.');
        let number = digits
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if is_negative { -number } else { number })
    };
    let mut rest = payload;
    let t_ms = after(&mut rest, b"\"t_ms\":")?;
    let (lat, lng) = (after(&mut rest, b"\"lat\":")?, after(&mut rest, b"\"lng\":")?);
    Some(Place { t_ms: t_ms.try_into().ok()?, lat_e7: lat.try_into().ok()?, lng_e7: lng.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::ping::{self, Dialect, Round};
    use crate::world::KIGALI;

    #[test]
    fn it_stores_what_the_generator_sends() {
        let fix = Round::new(KIGALI, 0.3, 150.0).at(1_790_000_000_123);
        for dialect in [Dialect::Json, Dialect::Binary] {
            let mut bytes = Vec::new();
            ping::append(&mut bytes, &mut Vec::new(), dialect, &fix, false);
            let (opcode, at) = frame::unmask_first(&mut bytes).expect("whole");
            let payload = &bytes[at];
            let place = if opcode == frame::BINARY { from_binary(payload) } else { from_json(payload) };
            let wanted = Place { t_ms: fix.t_ms, lat_e7: fix.lat_e7, lng_e7: fix.lng_e7 };
            assert_eq!(place, Some(wanted), "{dialect:?}");
        }
        assert_eq!(from_json(b"{}"), None);
    }
}
