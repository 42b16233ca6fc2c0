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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, copy_buf};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// What the relay reads at once from an app: dozens of pings.
const FROM_CLIENT_BYTES: usize = 1_024;
/// And for one: the largest message in a few reads.
const TO_CLIENT_BYTES: usize = 4_096;

/// How long a client may go on speaking after the stream was closed from here.
const LINGER: Duration = Duration::from_secs(2);
/// How long a client may leave unread what was written to it. Without this a client that neither reads nor hangs up would
/// keep its relay for ever, also after our end was closed.
const UNREAD_MAX: Duration = Duration::from_secs(30);

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
            deliver(from_us, &mut to_client, UNREAD_MAX).await;
            let _ = timeout(LINGER, to_client.shutdown()).await;
        };
        let (mut inwards, mut outwards) = (pin!(inwards), pin!(outwards));
        tokio::select! {
            () = &mut inwards => outwards.await,
            () = &mut outwards => {
                // A client that never hangs up holds nothing here for longer.
                let _ = timeout(LINGER, inwards).await;
            }
        }
    }
}

/// Writes to the client what is written to the stream, until either end is closed or the client reads no more.
async fn deliver(mut from_us: impl AsyncRead + Unpin, to_client: &mut (impl AsyncWrite + Unpin), unread_max: Duration) {
    let mut piece = vec![0; TO_CLIENT_BYTES];
    while let Ok(length @ 1..) = from_us.read(&mut piece).await {
        let written = timeout(unread_max, async {
            to_client.write_all(&piece[..length]).await?;
            to_client.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_reads_no_more_is_left() {
        let (mut stream, from_us) = tokio::io::duplex(64);
        let (mut to_client, unread) = tokio::io::duplex(8);
        stream.write_all(b"more than it takes").await.expect("room");
        deliver(from_us, &mut to_client, Duration::from_millis(1)).await;
        drop(unread);
    }
}
