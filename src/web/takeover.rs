//! A connection after its upgrade, taken out of the HTTP server as a plain stream of the operating system.
//!
//! Separate because whoever takes it over (the threads that own sockets) waits for many streams with one call of the
//! kernel and wants nothing but that: no runtime, no encryption. A plain connection is handed on as it is. An encrypted one
//! is handed on as one end of a local pair of sockets, and a relay between the other end and the client encrypts: one copy
//! and one small task more for each socket. `docs/PERFORMANCE.md` says what that costs, and when a proxy in front is cheaper.

use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, BufReader, copy_buf};
use tokio_rustls::server::TlsStream;

/// What the relay reads at once from an app: dozens of pings.
const FROM_CLIENT_BYTES: usize = 1_024;
/// And for one: the largest message in a few reads.
const TO_CLIENT_BYTES: usize = 4_096;

/// How long a client may go on speaking after the stream was closed from here.
const LINGER: Duration = Duration::from_secs(2);

type Encrypted = TlsStream<tokio::net::TcpStream>;

/// A connection that is no longer the HTTP server's.
pub struct Taken {
    /// What to read and write; not blocking.
    pub stream: TcpStream,
    /// What came in behind the request already.
    pub read_already: Vec<u8>,
    /// To be run for as long as the stream lives, of an encrypted connection.
    pub relay: Option<Relay>,
}

/// Encrypts what is written to the stream, and the other way round.
pub struct Relay {
    client: Encrypted,
    ours: tokio::net::UnixStream,
}

impl Relay {
    /// Until the stream is closed and the client has had a moment to say what it still had to say.
    pub async fn run(self) {
        let (from_client, mut to_client) = tokio::io::split(self.client);
        let (from_us, mut to_us) = self.ours.into_split();
        // How they end is the business of the two: a reset, a phone without network.
        let inwards = async {
            let _ = copy_buf(&mut BufReader::with_capacity(FROM_CLIENT_BYTES, from_client), &mut to_us).await;
            let _ = to_us.shutdown().await;
        };
        let outwards = async {
            let _ = copy_buf(&mut BufReader::with_capacity(TO_CLIENT_BYTES, from_us), &mut to_client).await;
            let _ = to_client.shutdown().await;
        };
        let (mut inwards, mut outwards) = (pin!(inwards), pin!(outwards));
        tokio::select! {
            () = &mut inwards => outwards.await,
            () = &mut outwards => {
                // A client that never hangs up holds nothing here for longer.
                let _ = tokio::time::timeout(LINGER, inwards).await;
            }
        }
    }
}

/// Takes it over.
///
/// # Errors
/// When the connection is gone already, or is of a kind that this program's server never makes.
pub fn take_over(upgraded: Upgraded) -> io::Result<Taken> {
    let upgraded = match upgraded.downcast::<TokioIo<tokio::net::TcpStream>>() {
        Ok(parts) => {
            let stream = parts.io.into_inner().into_std()?;
            return Ok(Taken { stream, read_already: parts.read_buf.to_vec(), relay: None });
        }
        Err(upgraded) => upgraded,
    };
    let parts = upgraded
        .downcast::<TokioIo<Encrypted>>()
        .map_err(|_| io::Error::other("the connection is neither plain nor encrypted by this program"))?;
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    let relay = Relay { client: parts.io.into_inner(), ours: tokio::net::UnixStream::from_std(ours)? };
    // The threads behind it only read, write, wait and close, which is the same for every kind of stream socket.
    let stream = TcpStream::from(OwnedFd::from(theirs));
    Ok(Taken { stream, read_already: parts.read_buf.to_vec(), relay: Some(relay) })
}
