//! Being woken by Postgres when work is committed: a job, or an order to a payment provider.
//!
//! Separate because it is only a matter of speed: a notification that is lost costs one poll interval, never the work.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::telemetry::chain;
use crate::time::Span;

/// The channel that the trigger on `jobs` notifies.
pub(super) const CHANNEL: &str = "boda_jobs";
/// One loss is a connection that somebody closed; two in a row are a database that is away.
const WARN_AT_LOSSES: u32 = 2;

/// Turns notifications of a channel into `woken` until `stop`. A lost connection is opened again at once, and after `pause` when that
/// fails; the workers are woken whenever it is open, because what was committed in between was not heard.
pub async fn listen(channel: &'static str, pool: &PgPool, woken: &Notify, pause: Span, stop: &CancellationToken) {
    let mut losses = 0;
    let listen = async {
        loop {
            let error = hear(channel, pool, woken, &mut losses).await;
            losses += 1;
            if losses == WARN_AT_LOSSES {
                tracing::warn!(error = %chain(&error), channel, "no notifications of new work; the queue is polled");
            }
            if losses >= WARN_AT_LOSSES {
                tokio::time::sleep(pause.to_duration()).await;
            }
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listen => {}
    }
}

/// Listens until the connection is lost; answers with the cause. `losses` counts from the last time it could listen.
async fn hear(channel: &'static str, pool: &PgPool, woken: &Notify, losses: &mut u32) -> sqlx::Error {
    let mut listener = match PgListener::connect_with(pool).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if let Err(error) = listener.listen(channel).await {
        return error;
    }
    if std::mem::replace(losses, 0) >= WARN_AT_LOSSES {
        tracing::info!(channel, "notifications of new work are heard again");
    }
    loop {
        woken.notify_one();
        match listener.try_recv().await {
            Ok(Some(_)) => while listener.next_buffered().is_some() {},
            // The connection was lost and is opened again by the next call.
            Ok(None) => {}
            Err(error) => return error,
        }
    }
}
