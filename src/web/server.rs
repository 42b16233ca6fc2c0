//! The HTTP server: accepts connections, bounds them, and lets them end in peace.
//!
//! By hand rather than by the framework's `serve`, which sets no limit to how many connections there are nor to how long one
//! may take to say what it wants: a few thousand clients that send a byte a minute would hold the door shut. Plain or
//! encrypted, the same holds.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::{Request, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::telemetry::names;
use crate::web::client::IsSecure;
use crate::web::tls::Acceptor;
use crate::web::unread::Unread;

/// How long to wait when the system gives no more connections: some end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of the server.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at once; one more is closed unread. Sockets do not count: they are no longer the server's.
    pub connections_max: usize,
    /// How long the head of a request may take, also the next one of a connection that is kept open.
    pub head_within: Duration,
    /// Largest head of a request, its address included; a larger one is answered 431.
    pub head_bytes_max: usize,
    /// Lines of a head.
    pub head_lines_max: usize,
}

/// Where clients come in.
pub struct Door {
    /// Listens already.
    pub listener: TcpListener,
    /// Encrypts, if that is done here.
    pub tls: Option<Acceptor>,
}

/// Serves until `stop`, then lets the requests that are being answered end. Whoever waits for this future may give up.
pub async fn serve(door: Door, router: Router, bounds: Bounds, stop: CancellationToken) {
    let Door { listener, tls } = door;
    let places = Arc::new(Semaphore::new(bounds.connections_max.min(Semaphore::MAX_PERMITS)));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
                    let connection = Connection { address, is_secure: tls.is_some(), router, bounds, stop };
                    open.spawn(async move {
                        connection.begin(stream, tls).await;
                        drop(place);
                    });
                }
                Err(_) => metrics::counter!(names::HTTP_CONNECTIONS_REFUSED_TOTAL).increment(1),
            },
            Err(error) => {
                // The one that was about to come is gone, or there are no descriptors left: neither is for ever.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// One connection, to its end or to its upgrade.
struct Connection {
    address: SocketAddr,
    is_secure: bool,
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
}

impl Connection {
    async fn begin(self, stream: TcpStream, tls: Option<Acceptor>) {
        // Small answers must not wait for more to come. If this fails, so will the rest.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else { return self.converse(stream).await };
        let encrypted = self.stop.run_until_cancelled(tls.accept(stream, self.bounds.head_within)).await;
        if let Some(Some(encrypted)) = encrypted {
            self.converse(encrypted).await;
        }
    }

    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Self { address, is_secure, router, bounds, stop } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            if is_secure {
                request.extensions_mut().insert(IsSecure);
            }
            let router = router.clone();
            async move {
                Ok::<_, Infallible>(
                    router
                        .oneshot(request.map(|body| axum::body::Body::new(Unread::new(body))))
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head_within)
            .max_buf_size(bounds.head_bytes_max)
            .max_headers(bounds.head_lines_max)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // How it ends is the client's business: a reset, a head that never came.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn bounds(connections_max: usize, head_within: Duration) -> Bounds {
        Bounds { connections_max, head_within, head_bytes_max: 16_384, head_lines_max: 64 }
    }

    async fn start(bounds: Bounds) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let router = Router::new()
            .route("/", get(|ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.ip().to_string() }));
        let server = tokio::spawn(serve(Door { listener, tls: None }, router, bounds, stop.clone()));
        (address, stop, server)
    }

    async fn read_all(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("in time").expect("text");
        text
    }

    #[tokio::test]
    async fn a_request_is_answered_and_knows_where_it_comes_from() {
        let (address, stop, server) = start(bounds(10, PATIENCE)).await;
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("written");
        let answer = read_all(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        stop.cancel();
        tokio::time::timeout(PATIENCE, server).await.expect("ends").expect("no panic");
    }

    #[tokio::test]
    async fn who_never_finishes_the_head_of_a_request_is_cut_off() {
        let (address, _stop, _server) = start(bounds(1, Duration::from_millis(100))).await;
        let mut slow = TcpStream::connect(address).await.expect("it listens");
        slow.write_all(b"GET / HT").await.expect("written");
        // With one place only, others are turned away until then, and served after.
        let answer = read_all(&mut slow).await;
        assert!(!answer.contains("200"), "{answer}");
        let mut next = TcpStream::connect(address).await.expect("it listens");
        next.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("written");
        assert!(read_all(&mut next).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_stop_ends_connections_that_say_nothing() {
        let (address, stop, server) = start(bounds(10, PATIENCE * 6)).await;
        let mut idle = TcpStream::connect(address).await.expect("it listens");
        idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("written");
        let mut head = [0; 15];
        idle.read_exact(&mut head).await.expect("an answer");
        stop.cancel();
        tokio::time::timeout(PATIENCE, server).await.expect("ends").expect("no panic");
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused_before_it_is_understood() {
        let (address, _stop, _server) = start(bounds(10, PATIENCE)).await;
        let long = "x".repeat(20_000);
        let many: String = (0..100).map(|n| format!("x-{n}: y\r\n")).collect();
        for head in [format!("x: {long}\r\n"), many] {
            let mut stream = TcpStream::connect(address).await.expect("it listens");
            let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{head}Connection: close\r\n\r\n");
            // The server may hang up before everything is written.
            let _ = stream.write_all(request.as_bytes()).await;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(&answer, b"HTTP/1.1 431", "{}", String::from_utf8_lossy(&answer));
        }
    }
}
