//! The ports of the providers.
//!
//! By hand rather than by the framework's `serve`, since a fault may be that a connection ends without an answer, which no
//! handler of the framework can bring about.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::wire::{Call, Dropped, Reply};
use super::world::{Provider, World};

/// Connections at once, each port for itself; one more waits.
const CONNECTIONS_MAX: usize = 4_096;

/// How long a client may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How long to wait when the system gives no more connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers one provider's calls until `stop`; then those that run end.
pub async fn serve(listener: TcpListener, provider: Provider, world: Arc<World>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (world, stop) = (Arc::clone(&world), stop.clone());
        open.spawn(async move {
            connection(stream, provider, world, stop).await;
            drop(place);
        });
    }
    open.close();
    open.wait().await;
}

async fn connection(stream: TcpStream, provider: Provider, world: Arc<World>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| answer(request, provider, Arc::clone(&world)));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // A dropped answer is an error of the connection by intent; others are the client's.
            let _ = connection.await;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    provider: Provider,
    world: Arc<World>,
) -> Result<Response<axum::body::Body>, Dropped> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > super::BODY_BYTES_MAX as u64 {
        return Ok(response(Reply::empty(413)));
    }
    let Ok(body) = axum::body::to_bytes(axum::body::Body::new(body), super::BODY_BYTES_MAX).await else {
        return Ok(response(Reply::empty(413)));
    };
    let call = Call {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    world.serve(provider, &call).await.map(response)
}

fn response(reply: Reply) -> Response<axum::body::Body> {
    let Reply { status, content_type, headers, body } = reply;
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    if let Some(content_type) = content_type {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
