//! Stand-ins for the outside world: they speak the real wire protocols on a port of their own, so that the engine runs
//! on a machine without a single contract and its clients of the outside are the real ones.
//!
//! Separate because nothing of it is part of the engine: the engine only ever sees a base URL. What a person would see
//! on their phone is shown here, in answers and in the log, since these are not real people's phones; for that reason
//! the sandbox listens on loopback only and must not be started beside real customers.
//!
//! Control, for tests and for the curious: `GET /_sim/sms?to=%2B250788123456&limit=20` (newest first) and
//! `POST /_sim/reset`. Memory is bounded; the oldest is forgotten first.

mod authority;
mod sms;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use authority::{API_KEY as AUTHORITY_API_KEY, PATH as AUTHORITY_PATH};
pub use sms::{API_KEY as SMS_API_KEY, USERNAME as SMS_USERNAME};

use sms::Phones;

/// Largest request.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a stop waits for requests that run.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The stand-ins, running.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It shows codes to whoever asks.
    #[error("the sandbox cannot listen on {0}: it shows sign-in codes, so it listens on loopback addresses only")]
    NotLoopback(SocketAddr),
    /// The port is taken, or may not be used.
    #[error("the sandbox cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it cannot.
        #[source]
        source: io::Error,
    },
}

impl Sandbox {
    /// Starts the stand-ins on a loopback address; port 0 takes any free one.
    ///
    /// # Errors
    /// [`StartError`] when the address cannot be used.
    pub async fn start(listen: SocketAddr) -> Result<Self, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let cannot = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serve = axum::serve(listener, router()).with_graceful_shutdown(stopped);
        let task = tokio::spawn(async move { serve.await });
        Ok(Self { address, stop, task })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end: the base URL of every stand-in.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and waits a moment for requests that run.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(STOP_MAX, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// The routes of all stand-ins; a world of its own for each call.
fn router() -> Router {
    let phones = Arc::new(Phones::new());
    Router::new()
        .merge(sms::routes())
        .merge(authority::routes())
        .route("/_sim/reset", post(reset))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(phones)
}

async fn reset(State(phones): State<Arc<Phones>>) -> StatusCode {
    phones.forget();
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests;
