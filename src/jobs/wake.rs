//! Being woken by Postgres when a job is committed.
//!
//! Separate because it is only a matter of speed: a notification that is lost costs one poll interval, never a job.

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::telemetry::chain;
use crate::time::Span;

/// The channel that the trigger on `jobs` notifies.
const CHANNEL: &str = "boda_jobs";

/// Turns notifications into `woken` until `stop`. A lost connection is opened again after `pause`, and the workers are
/// woken then, because what was committed in between was not heard.
pub async fn listen(pool: &PgPool, woken: &Notify, pause: Span, stop: &CancellationToken) {
    let mut is_deaf = false;
    let listen = async {
        loop {
            let error = hear(pool, woken, &mut is_deaf).await;
            if !std::mem::replace(&mut is_deaf, true) {
                tracing::warn!(error = %chain(&error), "no notifications of new jobs; the queue is polled");
            }
            tokio::time::sleep(pause.to_duration()).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = listen => {}
    }
}

/// Listens until the connection is lost; answers with the cause.
async fn hear(pool: &PgPool, woken: &Notify, is_deaf: &mut bool) -> sqlx::Error {
    let mut listener = match PgListener::connect_with(pool).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    if let Err(error) = listener.listen(CHANNEL).await {
        return error;
    }
    if std::mem::replace(is_deaf, false) {
        tracing::info!("notifications of new jobs are heard again");
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
