//! Encryption against a real client: versions, what is offered inside, a new pair, a broken one, somebody who speaks plainly.

use std::fs;

use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsConnector;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

struct Files {
    dir: TempDir,
    made: Made<rcgen::KeyPair>,
}

impl Files {
    fn write() -> Self {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
        let files = Self { dir: tempfile::tempdir().expect("a directory"), made };
        files.put();
        files
    }

    fn put(&self) {
        let config = self.config();
        fs::write(config.certificate_file, self.made.cert.pem()).expect("written");
        fs::write(config.key_file, self.made.signing_key.serialize_pem()).expect("written");
    }

    /// Another pair in the same place.
    fn renew(&mut self) {
        self.made = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
        self.put();
    }

    fn config(&self) -> Config {
        let (certificate_file, key_file) = (self.dir.path().join("chain.pem"), self.dir.path().join("key.pem"));
        Config { certificate_file, key_file, look_every: Span::from_secs(3_600) }
    }

    /// A client that trusts this pair and no other.
    fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.made.cert.der().clone()).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("versions we speak");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

/// Serves one connection with what it says.
async fn serve_one(acceptor: Acceptor) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("somebody comes");
        if let Some(mut stream) = acceptor.accept(stream, PATIENCE).await {
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// What is said to a client, over which version, and what is spoken inside.
async fn hear(acceptor: Acceptor, client: TlsConnector) -> std::io::Result<(String, Option<u16>, Option<Vec<u8>>)> {
    let address = serve_one(acceptor).await;
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = client.connect(name, stream).await?;
    let mut said = String::new();
    stream.read_to_string(&mut said).await?;
    let (_, session) = stream.get_ref();
    Ok((said, session.protocol_version().map(u16::from), session.alpn_protocol().map(<[u8]>::to_vec)))
}

#[tokio::test]
async fn both_versions_are_spoken_and_http_1_inside() {
    let files = Files::write();
    let tls = Tls::load(files.config()).expect("a good pair");
    for (version, number) in [(&rustls::version::TLS13, 0x0304), (&rustls::version::TLS12, 0x0303)] {
        let heard = hear(tls.acceptor(), files.client(&[version])).await.expect("they agree");
        assert_eq!(heard, ("hello".to_owned(), Some(number), Some(b"http/1.1".to_vec())));
    }
}

#[tokio::test]
async fn a_new_pair_is_for_new_connections_and_a_broken_one_for_nobody() {
    let mut files = Files::write();
    let old = files.client(rustls::ALL_VERSIONS);
    let mut tls = Tls::load(files.config()).expect("a good pair");
    fs::write(files.config().key_file, "-----BEGIN PRIVATE KEY-----\nnonsense").expect("written");
    tls.look();
    assert!(hear(tls.acceptor(), old.clone()).await.is_ok(), "the old pair goes on");
    // A certificate whose key has not been written yet.
    let stranger = Files::write();
    files.put();
    fs::copy(stranger.config().certificate_file, files.config().certificate_file).expect("copied");
    tls.look();
    assert!(hear(tls.acceptor(), old.clone()).await.is_ok(), "the old pair goes on");
    // One that was here goes on with its session; one that trusts the old pair and was not finds another.
    let newcomer = files.client(rustls::ALL_VERSIONS);
    files.renew();
    tls.look();
    assert!(hear(tls.acceptor(), files.client(rustls::ALL_VERSIONS)).await.is_ok());
    assert!(hear(tls.acceptor(), newcomer).await.is_err(), "the old pair is gone");
}

#[tokio::test]
async fn who_asks_for_a_look_need_not_wait() {
    let mut files = Files::write();
    let tls = Tls::load(files.config()).expect("a good pair");
    let acceptor = tls.acceptor();
    files.renew();
    let (ask, asked) = tokio::sync::mpsc::channel(1);
    let stop = CancellationToken::new();
    let fresh = tokio::spawn(tls.keep_fresh(asked, stop.clone()));
    ask.send(()).await.expect("somebody listens");
    // There is room for one that waits: when a second fits, the first was taken, and a third was looked at before it ends.
    for _ in 0..2 {
        ask.send(()).await.expect("somebody listens");
    }
    assert!(hear(acceptor, files.client(rustls::ALL_VERSIONS)).await.is_ok());
    stop.cancel();
    fresh.await.expect("it ends");
}

#[tokio::test]
async fn who_speaks_plainly_is_told_so() {
    let files = Files::write();
    let tls = Tls::load(files.config()).expect("a good pair");
    let mut stream = TcpStream::connect(serve_one(tls.acceptor()).await).await.expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    stream.shutdown().await.expect("said everything");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 400") && head.contains(&format!("content-length: {}", body.len())), "{answer}");
}

#[test]
fn what_is_wrong_with_a_pair_is_said_by_file() {
    let files = Files::write();
    let config = files.config();
    let refused = |config: &Config| Tls::load(config.clone()).err().expect("it cannot be used").to_string();
    let missing = Config { key_file: "/nowhere/key.pem".into(), ..config.clone() };
    assert_eq!(refused(&missing), "/nowhere/key.pem cannot be read");
    let swapped = Config { certificate_file: config.key_file.clone(), ..config.clone() };
    assert!(refused(&swapped).ends_with("holds no certificate in PEM"), "{}", refused(&swapped));
    fs::write(&config.key_file, "").expect("written");
    assert!(refused(&config).ends_with("holds no private key in PEM"));
}
