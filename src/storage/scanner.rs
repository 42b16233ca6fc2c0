//! The hook for a malware scanner: what somebody sent is looked at before it is kept.
//!
//! Separate because the scanner is another program, or none. A scanner that is away is no reason to let a file through: it
//! is refused for the moment.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::error::Error;
use crate::time::Span;

/// The daemon reads a file in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;
/// Longest answer that is read: a line.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// What a scanner says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It knows nothing bad of it.
    Clean,
    /// It knows it for malware.
    Infected,
}

/// Looks at files.
pub trait Scanner: Send + Sync {
    /// Looks at one.
    fn scan<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Verdict, Error>>;
}

/// No scanner: everything passes.
#[derive(Clone, Copy, Debug)]
pub struct NoScanner;

impl Scanner for NoScanner {
    fn scan<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Verdict, Error>> {
        std::future::ready(Ok(Verdict::Clean)).boxed()
    }
}

/// Where the daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// ClamAV's daemon, by its command `INSTREAM`.
#[derive(Clone, Debug)]
pub struct Clamd {
    address: Address,
    timeout: Duration,
}

impl Clamd {
    /// The daemon at this address, which must have answered within `timeout`.
    pub fn new(address: Address, timeout: Span) -> Self {
        Self { address, timeout: timeout.to_duration() }
    }

    async fn ask(&self, bytes: &[u8]) -> std::io::Result<String> {
        match &self.address {
            Address::Tcp(address) => converse(TcpStream::connect(address).await?, bytes).await,
            Address::Unix(path) => converse(UnixStream::connect(path).await?, bytes).await,
        }
    }

    async fn verdict(&self, bytes: &[u8]) -> Result<Verdict, Error> {
        let answer = match tokio::time::timeout(self.timeout, self.ask(bytes)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(away(error)),
            Err(_) => return Err(away("the malware scanner did not answer in time")),
        };
        // `stream: OK`, `stream: Eicar-Test-Signature FOUND`, `INSTREAM size limit exceeded. ERROR`.
        match answer.trim_matches(['\0', '\n', ' ']) {
            "stream: OK" => Ok(Verdict::Clean),
            found if found.starts_with("stream: ") && found.ends_with(" FOUND") => Ok(Verdict::Infected),
            _ => Err(away("the malware scanner could not scan")),
        }
    }
}

impl Scanner for Clamd {
    fn scan<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Verdict, Error>> {
        self.verdict(bytes).boxed()
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, bytes: &[u8]) -> std::io::Result<String> {
    stream.write_all(b"zINSTREAM\0").await?;
    for piece in bytes.chunks(PIECE_BYTES) {
        let length = u32::try_from(piece.len()).map_err(std::io::Error::other)?;
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(piece).await?;
    }
    stream.write_all(&[0; 4]).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn away(cause: impl Into<crate::error::Cause>) -> Error {
    Error::Unavailable { retry_after: Span::from_secs(10), cause: Some(cause.into()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// The harmless file that every scanner takes for malware, in two pieces so that this file is not one.
    pub fn eicar() -> Vec<u8> {
        [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
    }

    /// A daemon that knows one piece of malware; its address.
    pub async fn clamd() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        address
    }

    async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
        let mut command = [0; 10];
        stream.read_exact(&mut command).await?;
        assert_eq!(&command, b"zINSTREAM\0");
        let mut bytes = Vec::new();
        loop {
            let length = stream.read_u32().await?;
            if length == 0 {
                break;
            }
            let mut piece = vec![0; usize::try_from(length).expect("32 bits")];
            stream.read_exact(&mut piece).await?;
            bytes.extend(piece);
        }
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|piece| piece == wanted);
        let answer: &[u8] = if has(&eicar()) {
            b"stream: Win.Test.EICAR_HDB-1 FOUND\0"
        } else if has(b"too large") {
            b"INSTREAM size limit exceeded. ERROR\0"
        } else {
            b"stream: OK\0"
        };
        stream.write_all(answer).await
    }

    #[tokio::test]
    async fn the_daemon_is_asked_and_understood() {
        let clamd = Clamd::new(Address::Tcp(clamd().await), Span::from_secs(5));
        assert_eq!(clamd.scan(b"hello").await.expect("asked"), Verdict::Clean);
        let hidden = [vec![7; 3 * PIECE_BYTES], eicar()].concat();
        assert_eq!(clamd.scan(&hidden).await.expect("asked"), Verdict::Infected);
        let refused = clamd.scan(b"too large").await.expect_err("no verdict");
        assert_eq!(refused.code(), "unavailable");
    }

    #[tokio::test]
    async fn without_the_daemon_nothing_passes() {
        let dir = tempfile::tempdir().expect("a directory");
        let nobody = Clamd::new(Address::Unix(dir.path().join("clamd.sock")), Span::from_secs(1));
        assert_eq!(nobody.scan(b"hello").await.expect_err("away").code(), "unavailable");
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = silent.local_addr().expect("bound").to_string();
        let slow = Clamd::new(Address::Tcp(address), Span::from_millis(50));
        assert_eq!(slow.scan(b"hello").await.expect_err("no answer").code(), "unavailable");
    }

    #[tokio::test]
    async fn a_socket_in_the_file_system_does_as_well() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("clamd.sock");
        let listener = tokio::net::UnixListener::bind(&path).expect("bound");
        let answered = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody comes");
            let mut all = vec![0; 10 + 4 + 5 + 4];
            stream.read_exact(&mut all).await.expect("read");
            stream.write_all(b"stream: OK\0").await.expect("written");
            all
        });
        let clamd = Clamd::new(Address::Unix(path), Span::from_secs(5));
        assert_eq!(clamd.scan(b"hello").await.expect("asked"), Verdict::Clean);
        assert_eq!(answered.await.expect("served"), b"zINSTREAM\0\0\0\0\x05hello\0\0\0\0");
    }
}
