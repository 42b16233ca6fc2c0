//! The server encrypts by itself: requests and sockets over TLS, a new certificate without a break, and plain speech refused.

use std::fs;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::Signal;
use rcgen::generate_simple_self_signed;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::api::Api;
use crate::house::House;
use crate::patience::{PATIENCE, eventually};
use crate::people::{fresh_phone, messages_to};

/// A directory with a certificate and its key.
struct Pair {
    dir: TempDir,
    certificate: CertificateDer<'static>,
}

impl Pair {
    fn write() -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let certificate = Self::write_into(&dir);
        Self { dir, certificate }
    }

    fn write_into(dir: &TempDir) -> CertificateDer<'static> {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
        fs::write(dir.path().join("chain.pem"), made.cert.pem()).expect("written");
        fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("written");
        made.cert.der().clone()
    }

    fn house(&self) -> House {
        let file = |name: &str| self.dir.path().join(name).to_str().expect("a plain path").to_owned();
        House::start(&[("tls.certificate_file", &file("chain.pem")), ("tls.key_file", &file("key.pem"))])
    }
}

/// A connection that trusts this certificate and no other.
async fn connect(house: &House, certificate: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(house.address()).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// A request on a kept connection; head and body of the answer.
async fn send(stream: &mut TlsStream<TcpStream>, method: &str, path: &str, body: &str) -> String {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = vec![0; 8_192];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.expect("in time").expect("an answer");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

async fn ask(stream: &mut TlsStream<TcpStream>, path: &str) -> String {
    send(stream, "GET", path, "").await
}

/// The body of an answer that is a success.
fn body(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{answer}: {error}"))
}

/// The access token of somebody who has just registered over this connection.
async fn token(stream: &mut TlsStream<TcpStream>) -> String {
    let about = body(&ask(stream, "/api/v1/server").await);
    let phone = fresh_phone();
    let registration = json!({"phone": phone, "first_name": "Aline", "last_name": "Uwase", "role": "customer"});
    body(&send(stream, "POST", "/api/v1/auth/register", &registration.to_string()).await);
    let sandbox = Api::outside(about["sandbox_url"].as_str().expect("it runs"));
    let code = eventually("a code", async || {
        let messages = messages_to(&sandbox, &phone).await;
        let words = messages.first()?["text"].as_str()?.split(|c: char| !c.is_ascii_digit());
        words.map(str::to_owned).find(|digits| digits.len() == 6)
    })
    .await;
    let proof = json!({"phone": phone, "code": code});
    let tokens = body(&send(stream, "POST", "/api/v1/auth/verify", &proof.to_string()).await);
    tokens["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_new_certificate_breaks_no_connection() {
    let pair = Pair::write();
    let mut house = pair.house();
    assert!(house.url().starts_with("https://"), "{}", house.url());
    let mut old = connect(&house, &pair.certificate).await.expect("it is trusted");
    let answer = ask(&mut old, "/health/live").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("strict-transport-security: max-age="), "{answer}");
    let renewed = Pair::write_into(&pair.dir);
    house.process().signal(Signal::SIGHUP);
    eventually("the new certificate", async || connect(&house, &renewed).await.ok()).await;
    assert!(connect(&house, &pair.certificate).await.is_err(), "the old one is gone");
    assert!(ask(&mut old, "/health/live").await.starts_with("HTTP/1.1 200"), "the connection stands");
    let mut plain = TcpStream::connect(house.address()).await.expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("written");
    plain.shutdown().await.expect("said everything");
    let mut told = String::new();
    plain.read_to_string(&mut told).await.expect("an answer");
    assert!(told.starts_with("HTTP/1.1 400") && told.contains("speaks HTTPS only"), "{told}");
}

#[tokio::test]
async fn a_socket_works_over_an_encrypted_connection() {
    let pair = Pair::write();
    let mut house = pair.house();
    let mut stream = connect(&house, &pair.certificate).await.expect("it is trusted");
    let token = token(&mut stream).await;
    let mut request = "wss://localhost/api/v1/socket".into_client_request().expect("an address");
    request.headers_mut().insert("sec-websocket-protocol", "boda.v1.json".parse().expect("a header"));
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.expect("it becomes a socket");
    socket.send(Message::text(json!({"type": "hello", "token": token}).to_string())).await.expect("sent");
    let welcome = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open").expect("a frame");
    assert!(welcome.to_text().expect("text").contains("\"welcome\""), "{welcome}");
    // Back and forth, more than one buffer of the relay in all.
    for turn in 0..200_u32 {
        let bytes = format!("{turn:0>120}").into_bytes();
        socket.send(Message::Ping(bytes.clone().into())).await.expect("sent");
        let answer = timeout(PATIENCE, socket.next()).await.expect("in time").expect("open").expect("a frame");
        assert_eq!(answer, Message::Pong(bytes.into()));
    }
    // Sockets over relays are told of the end like all others, and do not hold it up.
    assert_eq!(house.stop().code(), Some(0));
    let last = timeout(PATIENCE, socket.next()).await.expect("in time").expect("a word").expect("a frame");
    assert!(matches!(&last, Message::Close(Some(frame)) if u16::from(frame.code) >= 4_000), "{last:?}");
}
