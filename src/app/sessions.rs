//! What a token check must know that tokens do not say: which sessions were ended, and which keys there are.
//!
//! Separate because it joins rooms that do not know each other: the service that ends sessions, the bus that carries the
//! news to other nodes, the sockets, and the folder of keys. The bus is fast and may lose a message; so the store is read
//! every few seconds as well, and at the start.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::auth::{self, Auth, EndedSession};
use crate::bus::{Bus, Message, Topic};
use crate::clock;
use crate::config::TokensConfig;
use crate::realtime::Hub;
use crate::telemetry::chain;
use crate::web::TokenKeys;

/// Refuses the tokens of ended sessions and closes their sockets, wherever they were ended.
pub(super) async fn keep_ended(config: TokensConfig, (auth, bus, hub): (Auth, Bus, Arc<Hub>), stop: CancellationToken) {
    let mut here = auth.ended_sessions();
    let mut anywhere = bus.subscribe(Topic::SessionsEnded);
    let mut reading = interval(config.ended_read_every.to_duration());
    reading.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            ended = here.recv() => match ended {
                Ok(ended) => publish(&bus, &ended),
                // The others read it in the store.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            message = anywhere.recv() => match message {
                None => return,
                Some(Message::Missed) => read(&auth, &hub).await,
                Some(Message::Event(text)) => match serde_json::from_str::<EndedSession>(&text) {
                    Ok(ended) => {
                        auth.hear_of_ended(&[ended], clock::now());
                        hub.close_session(ended.user, ended.session);
                    }
                    Err(error) => tracing::warn!(%error, "a message on the bus is not an ended session"),
                },
            },
            _ = reading.tick() => read(&auth, &hub).await,
        }
    }
}

fn publish(bus: &Bus, ended: &EndedSession) {
    match serde_json::to_string(ended) {
        Ok(text) => bus.publish(Topic::SessionsEnded, text),
        Err(error) => tracing::error!(%error, "an ended session cannot be written as JSON"),
    }
}

async fn read(auth: &Auth, hub: &Hub) {
    match auth.read_ended(clock::now()).await {
        Ok(ended) => ended.iter().for_each(|ended| hub.close_session(ended.user, ended.session)),
        Err(error) => tracing::warn!(error = %chain(&error), "the sessions that were ended could not be read"),
    }
}

/// Takes over keys that were put into the folder, or taken away.
pub(super) async fn keep_keys(config: TokensConfig, dir: PathBuf, tokens: Arc<TokenKeys>, stop: CancellationToken) {
    let mut looking = interval(config.keys_read_every.to_duration());
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looking.tick() => {}
        }
        let folder = dir.clone();
        let read = tokio::task::spawn_blocking(move || auth::keys::token_keys(&folder)).await;
        let documents = match read {
            Ok(Ok(documents)) => documents,
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the keys that sign tokens cannot be read; those before go on");
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "reading the keys that sign tokens panicked");
                continue;
            }
        };
        match tokens.replace(&documents, config.announced_for, clock::now()) {
            Ok(false) => {}
            Ok(true) => {
                tracing::info!(
                    keys = documents.len(),
                    signs = tokens.signing_id(),
                    "the keys that sign tokens changed"
                );
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "a key that signs tokens is unusable; those before go on");
            }
        }
    }
}
