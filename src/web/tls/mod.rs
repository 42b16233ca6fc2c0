//! Encrypted connections, ended by this process: certificate and key from files, taken anew when the files change.
//!
//! Separate from the server, which asks for a stream and does not care how it came about. TLS 1.2 and 1.3 and nothing
//! older; HTTP/1.1 and nothing else is offered inside. A new pair is for new connections; those that stand keep theirs. A
//! pair that cannot be used (half written, not belonging together) is warned of, and the old one goes on.

mod pair;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

pub use pair::PairError;

use crate::telemetry::{chain, names};
use crate::time::Span;
use pair::Pair;

/// The first byte of every TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// What somebody is told who speaks plainly here.
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 52\r\nconnection: close\r\n\r\nThis port speaks HTTPS only: ask again at https://.\n";

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct Config {
    /// The certificate and those that vouch for it, in PEM, the server's own first.
    pub certificate_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
    /// How often the files are looked at.
    pub look_every: Span,
}

/// The pair in use.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Makes encrypted connections of plain ones.
pub struct Tls {
    config: Config,
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    /// What is in use.
    pair: Pair,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`PairError`] when they cannot be used.
    pub fn load(config: Config) -> Result<Self, PairError> {
        let pair = Pair::read(&config)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(pair.certified()?)));
        let provider = Arc::new(ring::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&versions);
        let builder = builder.map_err(PairError::unusable)?;
        let mut server = builder.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A phone that comes back does so in one round trip less.
        server.ticketer = ring::Ticketer::new().map_err(PairError::unusable)?;
        Ok(Self { config, acceptor: TlsAcceptor::from(Arc::new(server)), current, pair })
    }

    /// What makes connections; it goes on with the pair in use when that changes.
    pub fn acceptor(&self) -> Acceptor {
        Acceptor(self.acceptor.clone())
    }

    /// Looks at the files again and again, and at once when `asked` says so, until `stop`.
    pub async fn keep_fresh(mut self, mut asked: tokio::sync::mpsc::Receiver<()>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.config.look_every.to_duration()) => {}
                Some(()) = asked.recv() => {}
            }
            self.look();
        }
    }

    /// Takes the pair in the files into use if it is another one and good.
    fn look(&mut self) {
        let read = Pair::read(&self.config);
        if read.as_ref().is_ok_and(|pair| *pair == self.pair) {
            return;
        }
        match read.and_then(|pair| Ok((pair.certified()?, pair))) {
            Ok((certified, pair)) => {
                self.current.0.store(Arc::new(certified));
                self.pair = pair;
                metrics::counter!(names::TLS_RELOADS_TOTAL, "outcome" => "loaded").increment(1);
                tracing::info!("a new certificate is in use");
            }
            Err(error) => {
                metrics::counter!(names::TLS_RELOADS_TOTAL, "outcome" => "refused").increment(1);
                tracing::warn!(error = %chain(&error), "the new certificate cannot be used; the old one goes on");
            }
        }
    }
}

/// Makes encrypted connections. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// The encrypted side of a connection; `None` when it does not come about in time, or the other side speaks plainly.
    pub async fn accept(&self, stream: TcpStream, within: Duration) -> Option<TlsStream<TcpStream>> {
        let refused = |reason| metrics::counter!(names::TLS_REFUSED_TOTAL, "reason" => reason).increment(1);
        match tokio::time::timeout(within, self.shake_hands(stream)).await {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(reason)) => refused(reason),
            Err(_) => refused("slow"),
        }
        None
    }

    async fn shake_hands(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, &'static str> {
        let mut first = [0];
        if stream.peek(&mut first).await.is_ok_and(|read| read == 1) && first[0] != HANDSHAKE {
            answer_plainly(stream).await;
            return Err("plain");
        }
        self.0.accept(stream).await.map_err(|_| "failed")
    }
}

/// Says what is spoken here, and reads what comes so that the words are not lost in a reset.
async fn answer_plainly(mut stream: TcpStream) {
    let said = async {
        stream.write_all(PLAIN_ANSWER).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1_024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether it was heard is the client's business.
    let _ = said.await;
}
