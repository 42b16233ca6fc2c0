//! Encryption of this process: read at the start, looked at again in the background and when SIGHUP asks for it.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::config::Config;
use crate::web::tls::{Acceptor, Tls};

/// What encrypts, and the task that keeps it fresh; `None` when that is left to others.
pub(super) fn start(config: &Config, stop: &CancellationToken) -> Result<Option<(Acceptor, JoinHandle<()>)>, Error> {
    let Some(config) = &config.edge.tls else { return Ok(None) };
    let tls = Tls::load(config.clone())?;
    let acceptor = tls.acceptor();
    let mut hangups = signal(SignalKind::hangup()).map_err(|error| {
        Error::service("the signal that asks for a look at the certificate cannot be received", error)
    })?;
    let (ask, asked) = mpsc::channel(1);
    let stop = stop.clone();
    let fresh = tokio::spawn(async move {
        let listen = async {
            while hangups.recv().await.is_some() {
                // One that waits already will do for both.
                let _ = ask.try_send(());
            }
        };
        tokio::select! {
            () = tls.keep_fresh(asked, stop.clone()) => {}
            () = listen => stop.cancelled().await,
        }
    });
    Ok(Some((acceptor, fresh)))
}
