//! A provider of a few lines, for tests: it notes what it is sent, to the byte, and answers as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::outgoing::{Limits, Outgoing, Reply};
use super::{AttemptId, Operation, Order, Query};
use crate::jobs::Clock;
use crate::money::Francs;
use crate::phone::Phone;
use crate::time::{Span, Timestamp};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Say {
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing, and the connection ends.
    Nothing,
    /// Nothing, and the connection stays.
    Hang,
}

type Answer = dyn Fn(&Request) -> Say + Send + Sync;

/// The stand-in. It ends with the value.
pub struct Stub {
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stub {
    /// Answers with `answer`.
    pub async fn start(answer: impl Fn(&Request) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::<Mutex<Vec<Request>>>::default();
        let (noted, answer): (_, Arc<Answer>) = (Arc::clone(&seen), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&noted), Arc::clone(&answer)));
            }
        });
        Self { url, seen, task }
    }

    /// Answers these in turn, and nothing when there are no more.
    pub async fn saying(answers: Vec<Say>) -> Self {
        let left = Mutex::new(answers.into_iter());
        Self::start(move |_| left.lock().unwrap().next().unwrap_or(Say::Nothing)).await
    }

    /// What came since the last time.
    pub fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Request>>>, answer: Arc<Answer>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).expect("a head of text");
    let mut lines = head.split("\r\n");
    let line = lines.next().expect("a request line").to_owned();
    let headers: BTreeMap<String, String> = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = Request { line, headers, body: bytes[head_end + 4..].to_vec() };
    let said = answer(&request);
    seen.lock().unwrap().push(request);
    match said {
        Say::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Say::Nothing => {}
        Say::Hang => {
            // Until the other side gives up.
            let _ = stream.read_buf(&mut bytes).await;
        }
    }
}

impl Request {
    /// As in a golden file: without what differs between runs and versions, headers by name.
    pub fn golden(&self) -> String {
        let mut text = format!("{}\n", self.line);
        for (name, value) in &self.headers {
            if !["host", "user-agent"].contains(&name.as_str()) {
                text += &format!("{name}: {value}\n");
            }
        }
        assert!(self.headers["user-agent"].starts_with("boda/"), "our own name");
        text + "\n"
            + std::str::from_utf8(&self.body).expect("a body of text")
            + if self.body.is_empty() { "" } else { "\n" }
    }

    /// The path, with its query.
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).expect("a path")
    }
}

/// An answer of that kind.
pub fn say(status: u16, kind: &str, body: &str) -> Say {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    Say::Raw((head + body).into_bytes())
}

/// A JSON answer.
pub fn json(status: u16, body: &str) -> Say {
    say(status, "application/json;charset=utf-8", body)
}

/// An answer without a body.
pub fn empty(status: u16) -> Say {
    Say::Raw(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes())
}

/// A page of a firewall.
pub fn html(status: u16) -> Say {
    say(status, "text/html", "<html><body>The requested URL was rejected.</body></html>")
}

/// An answer that ends before its length.
pub fn truncated(body: &str) -> Say {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\nconnection: close\r\n\r\n";
    Say::Raw((head.to_owned() + body).into_bytes())
}

/// A client that is quick to give up.
pub fn outgoing() -> Outgoing {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = Limits { connect: Span::from_secs(2), total: Span::from_secs(10) };
    Outgoing::new(limits, true).expect("a client")
}

/// As [`outgoing`], quicker.
pub fn impatient() -> Outgoing {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = Limits { connect: Span::from_millis(300), total: Span::from_millis(300) };
    Outgoing::new(limits, true).expect("a client")
}

/// A clock that stands.
pub fn clock() -> Clock {
    Arc::new(|| Timestamp::from_millis(1_764_000_000_000))
}

/// The attempt of all golden files.
pub const ATTEMPT: AttemptId = AttemptId(Uuid::from_u128(0x6f1e_c0de_0000_4000_8000_0000_0000_b0da));

/// The collection that refunds of golden files give back.
pub const ORIGINAL: AttemptId = AttemptId(Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef));

/// An order for 1 500 francs.
pub fn order(operation: Operation, wallet: &str) -> Order {
    let original =
        super::Original { attempt: ORIGINAL, provider_reference: Some("MP0001".to_owned()), amount: Francs(1_500) };
    Order {
        attempt: ATTEMPT,
        operation,
        amount: Francs(1_500),
        wallet: Some(Phone::parse(wallet).expect("a number")),
        note: "Trip 8842".to_owned(),
        callback_url: None,
        original: (operation == Operation::Refund).then_some(original),
    }
}

/// A question about that order.
pub fn query(operation: Operation, base_url: &str) -> Query {
    let original = order(operation, "+250788000001").original;
    Query { attempt: ATTEMPT, operation, base_url: base_url.to_owned(), provider_reference: None, original }
}

/// An answer that was read.
pub fn reply(status: u16, is_json: bool, body: &str) -> Reply {
    let status = reqwest::StatusCode::from_u16(status).expect("a status");
    Reply { status, is_json, body: body.as_bytes().to_vec(), retry_after: None }
}
