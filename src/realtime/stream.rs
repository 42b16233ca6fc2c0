//! The control messages one user was told lately, so that an app that was away gets exactly what it missed.
//!
//! Separate because it is the whole promise of resuming, without sockets, locks or time. Every message has the city-wide
//! stream position of the decision behind it, so "everything after N" is well defined, also when the messages were read
//! back from the store after a restart. Invariant: positions grow from one message to the next.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::StreamSeq;

/// A control message as written on the wire, shared by everybody who holds it.
pub type Payload = Arc<[u8]>;

/// What one user was told.
pub struct Stream {
    kept: VecDeque<(StreamSeq, Payload)>,
    /// Of the newest message, or where a session began after it; zero when neither is known.
    head: StreamSeq,
    /// Every message after this position is kept; of those up to it some may be gone.
    known_from: StreamSeq,
}

impl Stream {
    /// Of a user to whom nothing was told after this position.
    pub fn new(known_from: StreamSeq) -> Self {
        Self { kept: VecDeque::new(), head: StreamSeq::START, known_from }
    }

    /// The position before the next message.
    pub fn head(&self) -> StreamSeq {
        self.head
    }

    /// Keeps a message, of which there are `kept_max` at most; the oldest goes. One that is not newer than the newest was
    /// told before, and is not kept again.
    pub fn push(&mut self, seq: StreamSeq, payload: Payload, kept_max: usize) {
        if self.kept.back().is_some_and(|(newest, _)| *newest >= seq) {
            return;
        }
        self.kept.push_back((seq, payload));
        self.head = self.head.max(seq);
        while self.kept.len() > kept_max {
            self.forget_oldest();
        }
    }

    /// A session goes on from here: the next message says so as its predecessor.
    pub fn go_on_from(&mut self, seq: StreamSeq) {
        self.head = self.head.max(seq);
    }

    /// Forgets messages that nobody may ask for any more: those up to a position.
    pub fn expire(&mut self, until: StreamSeq) {
        while self.kept.front().is_some_and(|(seq, _)| *seq <= until) {
            self.forget_oldest();
        }
        if self.kept.is_empty() {
            self.kept.shrink_to_fit();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((gone, _)) = self.kept.pop_front() {
            self.known_from = self.known_from.max(gone);
        }
    }

    /// Whether no message is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The messages after a position, in order; `None` when one of them may be gone.
    pub fn after(&self, after: StreamSeq) -> Option<impl Iterator<Item = &Payload>> {
        if after < self.known_from {
            return None;
        }
        let missed = self.kept.partition_point(|(seq, _)| *seq <= after);
        Some(self.kept.range(missed..).map(|(_, payload)| payload))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    use super::*;

    fn payload(seq: u64) -> Payload {
        seq.to_be_bytes().into()
    }

    fn missed(stream: &Stream, after: u64) -> Option<Vec<u64>> {
        let numbers = stream.after(StreamSeq(after))?;
        Some(numbers.map(|bytes| u64::from_be_bytes((**bytes).try_into().expect("eight bytes"))).collect())
    }

    proptest! {
        #[test]
        fn an_app_gets_exactly_what_it_missed_or_is_told_that_this_is_impossible(
            steps in prop::collection::vec(1..5_u64, 1..60), kept_max in 1..40_usize, after in 0..200_u64,
            known_from in 0..20_u64, expired in 0..60_u64,
        ) {
            let mut stream = Stream::new(StreamSeq(known_from));
            let (mut all, mut at) = (Vec::new(), known_from);
            for step in steps {
                at += step;
                all.push(at);
                stream.push(StreamSeq(at), payload(at), kept_max);
                stream.push(StreamSeq(at), payload(0), kept_max);
            }
            stream.expire(StreamSeq(expired));
            let too_many = all.len().saturating_sub(kept_max);
            let gone = all.iter().enumerate().filter(|(nth, seq)| *nth < too_many || **seq <= expired);
            let is_possible = after >= known_from && gone.map(|(_, seq)| *seq).all(|seq| seq <= after);
            let expected: Vec<u64> = all.iter().copied().filter(|seq| *seq > after).collect();
            prop_assert_eq!(missed(&stream, after), is_possible.then_some(expected));
            prop_assert_eq!(stream.head(), StreamSeq(at));
        }
    }
}
