//! One app's stream of control messages, checked: nothing missing, nothing twice.
//!
//! Pure. Positions grow but are not consecutive, so a gap shows in `prev`: the message before this one was never heard.

use serde::Serialize;
use uuid::Uuid;

/// Where a message stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Right after what was heard.
    Next,
    /// Something between was never heard.
    Gap,
    /// It was heard before: the app drops it.
    Duplicate,
}

/// What an app knows of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    epoch: Option<Uuid>,
    last: u64,
}

impl Stream {
    /// What a handshake asks to resume from; none before the first welcome.
    pub fn resume(&self) -> Option<(Uuid, u64)> {
        Some((self.epoch?, self.last))
    }

    /// A session begins. Unless the missed messages follow, the welcome itself says how things stand, and the stream goes
    /// on after `seq`.
    pub fn welcomed(&mut self, epoch: Option<Uuid>, seq: Option<u64>, recovered: Option<bool>) {
        let is_same = self.epoch.is_some() && self.epoch == epoch;
        self.epoch = epoch;
        if !(is_same && recovered == Some(true)) {
            self.last = seq.unwrap_or(0);
        }
    }

    /// A control message was heard.
    pub fn heard(&mut self, seq: u64, prev: u64) -> Place {
        if seq <= self.last {
            return Place::Duplicate;
        }
        let place = if prev > self.last { Place::Gap } else { Place::Next };
        self.last = seq;
        place
    }
}

/// Streams of all apps, summed up.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Streams {
    /// Control messages heard.
    pub messages: u64,
    /// Messages before which something was missing.
    pub gaps: u64,
    /// Messages heard twice.
    pub duplicates: u64,
}

impl Streams {
    /// Notes where a message stood.
    pub fn note(&mut self, place: Place) {
        self.messages += 1;
        self.gaps += u64::from(place == Place::Gap);
        self.duplicates += u64::from(place == Place::Duplicate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Option<Uuid> = Some(Uuid::from_u128(1));

    fn welcomed(seq: u64) -> Stream {
        let mut stream = Stream::default();
        assert_eq!(stream.resume(), None);
        stream.welcomed(EPOCH, Some(seq), None);
        stream
    }

    #[test]
    fn a_message_follows_the_one_before_it() {
        let mut stream = welcomed(100);
        for (seq, prev, place) in [
            (110, 0, Place::Next),
            (120, 110, Place::Next),
            (120, 110, Place::Duplicate),
            (115, 110, Place::Duplicate),
            (140, 130, Place::Gap),
            (150, 140, Place::Next),
        ] {
            assert_eq!(stream.heard(seq, prev), place, "{seq} after {prev}");
        }
        assert_eq!(stream.resume(), Some((Uuid::from_u128(1), 150)));
    }

    #[test]
    fn a_recovered_stream_must_bring_what_was_missed() {
        let mut stream = welcomed(100);
        stream.welcomed(EPOCH, Some(130), Some(true));
        assert_eq!(stream.heard(120, 100), Place::Next);
        assert_eq!(stream.heard(130, 125), Place::Gap, "125 was missed and did not come");
    }

    #[test]
    fn a_stream_that_could_not_be_recovered_goes_on_after_the_welcome() {
        for (epoch, recovered) in [(EPOCH, Some(false)), (EPOCH, None), (Some(Uuid::from_u128(2)), Some(true))] {
            let mut stream = welcomed(100);
            stream.welcomed(epoch, Some(130), recovered);
            assert_eq!(stream.heard(140, 130), Place::Next);
        }
    }
}
