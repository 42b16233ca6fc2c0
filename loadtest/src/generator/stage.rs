//! A fleet with its phones and pings, played on a thread of its own while the harness goes on.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Phones, Pinging};

/// What plays.
#[derive(Debug)]
pub struct Stage<P> {
    /// The connections.
    pub fleet: Fleet,
    /// The people.
    pub phones: P,
    /// Their pings, if any are sent.
    pub pinging: Option<Pinging>,
}

impl<P: Phones + Send + 'static> Stage<P> {
    /// Plays until `over` says so.
    ///
    /// # Errors
    /// When the thread panicked.
    pub async fn play(mut self, over: impl FnMut(&P, Instant) -> bool + Send + 'static) -> Result<Self, String> {
        let played = tokio::task::spawn_blocking(move || {
            self.fleet.run(&mut self.phones, self.pinging.as_mut(), over);
            self
        });
        played.await.map_err(|err| format!("the generator broke: {err}"))
    }

    /// Plays for this long.
    ///
    /// # Errors
    /// As `play`.
    pub async fn play_for(self, time: Duration) -> Result<Self, String> {
        let until = Instant::now() + time;
        self.play(move |_, now| now >= until).await
    }
}
