//! Stand-ins for the outside world: they speak the real wire protocols on a port of their own, so that the engine runs
//! on a machine without a single contract and its clients of the outside are the real ones.
//!
//! Separate because nothing of it is part of the engine: the engine only ever sees a base URL. What a person would see
//! on their phone is shown here, in answers and in the log, since these are not real people's phones; for that reason
//! the sandbox listens on loopback only and must not be started beside real customers.
//!
//! What stands in for MTN, Airtel and the card gateway shares one world with one clock. Control, for tests and
//! for the curious, is under `/_sim` of the base port: `GET /_sim` lists it. Memory is bounded; the oldest is forgotten first.

mod authority;
mod sms;
mod wire;
mod world;
pub mod mtn;
pub mod airtel;
pub mod card;
mod control;
mod door;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use authority::{API_KEY as AUTHORITY_API_KEY, PATH as AUTHORITY_PATH};
pub use sms::{API_KEY as SMS_API_KEY, USERNAME as SMS_USERNAME};

use crate::time::Span;
use sms::Phones;
use world::{Provider, Switches, World};

/// Largest request.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a stop waits for requests that run.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The stand-ins, running.
pub struct Sandbox {
    addresses: Addresses,
    world: Arc<World>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
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
    /// As [`Self::start_with`], where people answer at once.
    ///
    /// # Errors
    /// As there.
    pub async fn start(listen: SocketAddr) -> Result<Self, StartError> {
        Self::start_with(listen, Span::ZERO).await
    }

    /// Starts the stand-ins on a loopback address: the base on this port, MTN, Airtel and the card gateway on the three that
    /// follow; port 0 takes any free ones. People take `prompt_delay` to answer what appears on their phones.
    ///
    /// # Errors
    /// [`StartError`] when an address cannot be used.
    pub async fn start_with(listen: SocketAddr, prompt_delay: Span) -> Result<Self, StartError> {
        if !listen.ip().is_loopback() {
            return Err(StartError::NotLoopback(listen));
        }
        let mut listeners = Vec::new();
        let mut urls = Vec::new();
        for place in 0..4_u16 {
            let port = if listen.port() == 0 { 0 } else { listen.port().saturating_add(place) };
            let address = SocketAddr::new(listen.ip(), port);
            let cannot = |source| StartError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(cannot)?;
            urls.push(format!("http://{}", listener.local_addr().map_err(cannot)?));
            listeners.push(listener);
        }
        let mut urls = urls.into_iter();
        let mut next = || urls.next().unwrap_or_default();
        let addresses = Addresses { base: next(), mtn: next(), airtel: next(), card: next() };
        let prompt_delay_ms = u32::try_from(prompt_delay.as_millis()).unwrap_or(u32::MAX);
        let (world, calls) = World::new(Switches { prompt_delay_ms, ..Switches::default() });
        let world = Arc::new(world);
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        let mut listeners = listeners.into_iter();
        if let Some(base) = listeners.next() {
            let router = router(control::Control { world: Arc::clone(&world), addresses: addresses.clone() });
            let serve = axum::serve(base, router).with_graceful_shutdown(stop.clone().cancelled_owned());
            tasks.push(tokio::spawn(async move {
                let _ = serve.await;
            }));
        }
        for (listener, provider) in listeners.zip([Provider::Mtn, Provider::Airtel, Provider::Card]) {
            tasks.push(tokio::spawn(door::serve(listener, provider, Arc::clone(&world), stop.clone())));
        }
        tasks.push(tokio::spawn(world::run(Arc::clone(&world), calls, stop.clone())));
        Ok(Self { addresses, world, stop, tasks })
    }

    /// Says in the portals where Airtel and the card gateway call back: below `base`, `/airtel` and `/card`. MTN is told with
    /// each order.
    pub fn call_back_at(&self, base: &str) {
        self.world.with(|state, _| {
            state.switches.airtel_callback_url = Some(format!("{base}/airtel"));
            state.switches.card_callback_url = Some(format!("{base}/card"));
        });
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

/// Addresses only.
impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// What there is to know for whoever develops against the stand-ins: addresses, credentials, the control.
pub fn introduction(addresses: &Addresses) -> String {
    let Addresses { base, mtn, airtel, card } = addresses;
    format!(
        "MTN MoMo      {mtn}
  mtnrwanda   RWF; API user {}, API key {}
  sandbox     EUR; make an API user by POST {mtn}/v1_0/apiuser
  keys        collection {}, disbursement {}, remittance {}
Airtel Money  {airtel}
  client      {}, secret {}, PIN {}, callback key {}
Card gateway  {card}
  key         {}, webhook key {}
SMS gateway   {base}
  account     {SMS_USERNAME}, key {SMS_API_KEY}
Authority     {base}{AUTHORITY_PATH}, key {AUTHORITY_API_KEY}
Control       {base}/_sim",
        mtn::API_USER,
        mtn::API_KEY,
        mtn::COLLECTION_KEY,
        mtn::DISBURSEMENT_KEY,
        mtn::REMITTANCE_KEY,
        airtel::CLIENT_ID,
        airtel::CLIENT_SECRET,
        airtel::PIN,
        airtel::CALLBACK_KEY,
        card::API_KEY,
        card::WEBHOOK_KEY,
    )
}

/// The routes of the base port.
fn router(control: control::Control) -> Router {
    let phones = Arc::new(Phones::new());
    let reset = post({
        let (phones, world) = (Arc::clone(&phones), Arc::clone(&control.world));
        async move || {
            phones.forget();
            world.reset();
            StatusCode::NO_CONTENT
        }
    });
    let others = Router::new().merge(sms::routes()).merge(authority::routes()).with_state(phones);
    others.merge(control::routes(control)).route("/_sim/reset", reset).layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

#[cfg(test)]
mod hand;
#[cfg(test)]
mod tests;
