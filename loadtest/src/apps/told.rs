//! What the apps of a scenario heard, for the scenario to judge.

use std::collections::BTreeSet;
use std::time::Instant;

use hdrhistogram::Histogram;
use uuid::Uuid;

use super::stream::{Place, Streams};
use crate::generator::line::End;
use crate::measure::figures::histogram;
use crate::tally::Tally;

/// Oddities kept word for word.
const WORDS_MAX: usize = 20;

/// An app that came back.
#[derive(Clone, Copy, Debug)]
pub struct Recovery {
    /// Which.
    pub who: usize,
    /// When it was welcome again.
    pub at: Instant,
    /// Whether the server replays what was missed.
    pub recovered: Option<bool>,
}

/// The record of a run.
#[derive(Debug)]
pub struct Told {
    /// Ping to acknowledgement, microseconds from the intended moment.
    pub ack: Histogram<u64>,
    /// Ping to the rider's app, microseconds from the intended moment.
    pub position: Histogram<u64>,
    /// Positions of drivers on rides delivered.
    pub positions: u64,
    /// Frames with free drivers delivered.
    pub nearby_frames: u64,
    /// Positions in them.
    pub nearby_positions: u64,
    /// Offers heard: ride and moment.
    pub offers: Vec<(Uuid, Instant)>,
    /// States of rides told to an app in control messages.
    pub states: BTreeSet<(usize, Uuid, &'static str)>,
    /// The streams, summed up.
    pub streams: Streams,
    /// Who came back, and how.
    pub recoveries: Vec<Recovery>,
    /// Errors and oddities by kind.
    pub errors: Tally,
    /// Losses by kind, of apps that were in.
    pub losses: Tally,
    /// Handshakes refused for now, by kind.
    pub refusals: Tally,
    /// The first oddities in words.
    pub words: Vec<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            ack: histogram(),
            position: histogram(),
            positions: 0,
            nearby_frames: 0,
            nearby_positions: 0,
            offers: Vec::new(),
            states: BTreeSet::new(),
            streams: Streams::default(),
            recoveries: Vec::new(),
            errors: Tally::default(),
            losses: Tally::default(),
            refusals: Tally::default(),
            words: Vec::new(),
        }
    }
}

impl Told {
    /// A control message was heard.
    pub(super) fn stream(&mut self, who: usize, seq: u64, place: Place) {
        self.streams.note(place);
        if place != Place::Next && self.words.len() < WORDS_MAX {
            self.words.push(format!("app {who}: {place:?} at {seq}"));
        }
    }

    /// A connection was lost.
    pub(super) fn lost(&mut self, who: usize, end: &End) {
        let (kind, words) = match end {
            End::Closed(code, reason) => (format!("closed {code}"), reason.clone()),
            End::Refused(status, _) => (format!("refused {status}"), String::new()),
            End::Broken(what) => ("broken".to_owned(), what.clone()),
        };
        if self.words.len() < WORDS_MAX {
            self.words.push(format!("app {who}: {kind} {words}"));
        }
        self.losses.add(&kind);
    }
}
