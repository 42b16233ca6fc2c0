//! What a socket over TLS costs beside a plain one: the real server and its relay, an echo in place of a reactor.
//!
//! Has a main of its own, because it counts the processor time and the memory of a server in a process of its own, which
//! criterion does not. `cargo bench --bench tls_relay`; figures in docs/PERFORMANCE.md.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::routing::get;
use boda::time::Span;
use boda::web::server::{Bounds, Door, serve};
use boda::web::takeover::take_over;
use boda::web::tls::{self, Tls};
use hyper::upgrade::OnUpgrade;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

const SOCKETS: usize = 1_000;
const MESSAGES_PER_S: u32 = 4_000;
const MEASURED: Duration = Duration::from_secs(8);
/// A ping in JSON, and its answer in binary.
const PING_BYTES: usize = 100;
const ANSWER_BYTES: usize = 22;
const SERVE: &str = "--serve-with";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("threads can be made");
    if let Some(place) = arguments.iter().position(|argument| argument == SERVE) {
        return runtime.block_on(server(&arguments[place + 1]));
    }
    // `cargo test` runs every bench once; there is nothing to test here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory can be made");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
    std::fs::write(dir.path().join("chain.pem"), made.cert.pem()).expect("written");
    std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("written");
    for files in ["", dir.path().to_str().expect("a plain path")] {
        runtime.block_on(measure(files));
    }
}

/// Serves until its standard input ends. `files` is a directory with a certificate and its key, or nothing.
async fn server(files: &str) {
    let (hand_over, taken) = mpsc::channel();
    std::thread::spawn(move || echo(&taken));
    let upgrade = move |mut request: Request| {
        let hand_over = hand_over.clone();
        async move {
            let upgrade = request.extensions_mut().remove::<OnUpgrade>().expect("it asks for one");
            tokio::spawn(async move {
                let taken = take_over(upgrade.await.expect("it becomes one")).expect("it is still there");
                hand_over.send(taken.stream).expect("somebody echoes");
                if let Some(relay) = taken.relay {
                    relay.run().await;
                }
            });
            (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, "echo")])
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("bound"));
    let tls = (!files.is_empty()).then(|| {
        let file = |name: &str| std::path::Path::new(files).join(name);
        let (certificate_file, key_file) = (file("chain.pem"), file("key.pem"));
        let config = tls::Config { certificate_file, key_file, look_every: Span::from_secs(3_600) };
        Tls::load(config).expect("a good pair").acceptor()
    });
    let bounds = Bounds {
        connections_max: SOCKETS * 2,
        head_within: Duration::from_secs(10),
        head_bytes_max: 16_384,
        head_lines_max: 64,
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve(Door { listener, tls }, Router::new().route("/", get(upgrade)), bounds, stop));
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .expect("no panic")
        .expect("read");
}

/// Answers every message, as a thread that owns sockets does: one call of the kernel for all of them.
fn echo(taken: &mpsc::Receiver<std::net::TcpStream>) {
    let (mut poll, mut events) = (Poll::new().expect("a poll"), Events::with_capacity(1_024));
    let (mut sockets, mut buffer) = (Vec::new(), [0; 16_384]);
    loop {
        for stream in taken.try_iter() {
            let mut stream = mio::net::TcpStream::from_std(stream);
            let token = Token(sockets.len());
            poll.registry().register(&mut stream, token, Interest::READABLE).expect("registered");
            sockets.push(stream);
        }
        poll.poll(&mut events, Some(Duration::from_millis(20))).expect("polled");
        for event in &events {
            let socket = &mut sockets[event.token().0];
            while let Ok(read) = socket.read(&mut buffer)
                && read > 0
            {
                // One that hangs up is no longer read.
                let _ = socket.write_all(&buffer[..ANSWER_BYTES]);
            }
        }
    }
}

/// Loads a server of one kind and prints what it took.
async fn measure(files: &str) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([SERVE, files])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started again");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("it says where");
    let address: SocketAddr = line.trim().parse().expect("an address");
    let before = memory_bytes(&child);
    let begun = cpu(&child);
    let mut sockets = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        sockets.push(open(address, files).await);
    }
    let opening = cpu(&child) - begun;
    let memory = memory_bytes(&child).saturating_sub(before);
    let (spent_before, begun, mut there_and_back) = (cpu(&child), Instant::now(), Vec::new());
    let mut answer = [0; ANSWER_BYTES];
    for turn in 0_u32.. {
        let due = Duration::from_secs(1) * turn / MESSAGES_PER_S;
        if due >= MEASURED {
            break;
        }
        tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        let sent = Instant::now();
        let socket = &mut sockets[turn as usize % SOCKETS];
        socket.write_all(&[7; PING_BYTES]).await.expect("sent");
        socket.read_exact(&mut answer).await.expect("answered");
        there_and_back.push(sent.elapsed());
    }
    there_and_back.sort();
    let messages = there_and_back.len();
    let each = (cpu(&child) - spent_before) / u32::try_from(messages).expect("some thousands");
    println!(
        "{:<6} processor for a message and its answer {each:?}, there and back p50 {:?} p99 {:?}, opening {:?}, {} KiB a socket",
        if files.is_empty() { "plain" } else { "relay" },
        there_and_back[messages / 2],
        there_and_back[messages * 99 / 100],
        opening / u32::try_from(SOCKETS).expect("a thousand"),
        memory / SOCKETS as u64 / 1_024,
    );
    drop(child.stdin.take());
    child.wait().expect("it ends");
}

/// A connection after its upgrade.
async fn open(address: SocketAddr, files: &str) -> Box<dyn Stream> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    let mut stream: Box<dyn Stream> =
        if files.is_empty() { Box::new(stream) } else { Box::new(encrypt(stream, files).await) };
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    stream
}

async fn encrypt(stream: TcpStream, files: &str) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(std::path::Path::new(files).join("chain.pem"));
    roots.add(certificate.expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("they agree")
}

/// The processor time of a process, all its threads together.
fn cpu(child: &Child) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{}/task", child.id())).expect("it lives");
    let spent = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok());
    Duration::from_nanos(spent.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}

/// What a process has in memory.
fn memory_bytes(child: &Child) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/statm", child.id())).expect("it lives");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4_096
}
