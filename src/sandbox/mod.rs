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
pub mod mtn;
pub mod airtel;
pub mod card;

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
    addresses: Addresses,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

/// Base URLs of the stand-ins, `http://127.0.0.1:PORT` each, without a slash at the end. Providers of payments have a port
/// each, as clients written by others expect their paths at the root; what controls the world is on none of those.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Addresses {
    /// The control of the world, the SMS gateway and the authority.
    pub base: String,
    /// MTN MoMo.
    pub mtn: String,
    /// Airtel Money.
    pub airtel: String,
    /// The card gateway.
    pub card: String,
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
    /// Starts the stand-ins on a loopback address: the base on this port, MTN, Airtel and the card gateway on the three that
    /// follow; port 0 takes any free ones.
    ///
    /// # Errors
    /// [`StartError`] when an address cannot be used.
    pub async fn start(listen: SocketAddr) -> Result<Self, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        let mut urls = Vec::new();
        for (place, router) in [router(), Router::new(), Router::new(), Router::new()].into_iter().enumerate() {
            let place = u16::try_from(place).unwrap_or_default();
            let port = if listen.port() == 0 { 0 } else { listen.port().saturating_add(place) };
            let address = SocketAddr::new(listen.ip(), port);
            let cannot = |source| StartError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(cannot)?;
            urls.push(format!("http://{}", listener.local_addr().map_err(cannot)?));
            let stopped = stop.clone().cancelled_owned();
            let serve = axum::serve(listener, router).with_graceful_shutdown(stopped);
            tasks.push(tokio::spawn(async move { serve.await }));
        }
        let mut urls = urls.into_iter();
        let mut next = || urls.next().unwrap_or_default();
        let addresses = Addresses { base: next(), mtn: next(), airtel: next(), card: next() };
        Ok(Self { addresses, stop, tasks })
    }

    /// Where the stand-ins are.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end: the base URL of everything but payments.
    pub fn url(&self) -> String {
        self.addresses.base.clone()
    }

    /// Stops listening and waits a moment for requests that run.
    pub async fn stop(self) {
        self.stop.cancel();
        for mut task in self.tasks {
            if tokio::time::timeout(STOP_MAX, &mut task).await.is_err() {
                task.abort();
            }
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
