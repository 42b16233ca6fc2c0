//! What is kept of the drivers on shift until it is stored: the segments being written, and the closed ones that wait.
//!
//! Separate from the tasks around it because it is pure: fixes and the time come in, segments go out. Invariants: of a
//! driver only fixes newer than the newest recorded one are taken; a segment is open, waiting or in a batch, in exactly one
//! of the three, until it is stored or dropped; never more than `waiting_max` wait, those in a batch included: beyond that
//! the oldest goes.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::segment::{Draft, Minute, Point, Segment};
use crate::ids::DriverId;
use crate::index::Fix;
use crate::time::{Span, Timestamp};

/// How long after its end a minute waits for a last fix of a driver of whom nothing newer comes. A fix that takes longer
/// begins a second segment of that minute, which costs a few bytes and nothing else.
const GRACE: Span = Span::from_secs(5);

/// The history that is in memory.
#[derive(Debug, Default)]
pub struct Recorder {
    tracks: FxHashMap<DriverId, Track>,
    open: usize,
    waiting: VecDeque<Segment>,
    batch: Arc<Vec<Segment>>,
    waiting_max: usize,
    /// Dropped and not yet told.
    dropped: u64,
    round: u32,
}

/// A driver on shift.
#[derive(Debug)]
struct Track {
    newest: Point,
    /// The last round in which the driver was seen.
    round: u32,
    draft: Option<Draft>,
}

/// How much is in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Depth {
    /// Segments being written.
    pub open: usize,
    /// Closed ones that are not stored yet.
    pub waiting: usize,
}

impl Recorder {
    /// Nothing recorded; at most `waiting_max` segments will wait.
    pub fn new(waiting_max: usize) -> Self {
        Self { waiting_max, ..Self::default() }
    }

    /// A driver is on shift, with this as the newest fix. True when it was recorded, because it is newer than the last.
    pub fn see(&mut self, driver: DriverId, fix: &Fix) -> bool {
        let point = Point::new(fix.at, fix.position);
        let Some(track) = self.tracks.get_mut(&driver) else {
            let track = Track { newest: point, round: self.round, draft: Some(Draft::new(point)) };
            self.tracks.insert(driver, track);
            self.open += 1;
            return true;
        };
        track.round = self.round;
        if point.at() <= track.newest.at() {
            return false;
        }
        track.newest = point;
        if track.draft.as_mut().is_some_and(|draft| draft.push(point)) {
            return true;
        }
        // Of another minute: the one being written is complete.
        match track.draft.replace(Draft::new(point)) {
            Some(complete) => self.wait(segment(driver, &complete)),
            None => self.open += 1,
        }
        true
    }

    /// Every driver on shift has been seen once: closes the minutes that are over and forgets who is off shift.
    pub fn end_round(&mut self, now: Timestamp) {
        let round = self.round;
        self.close(|track, minute| track.round != round || now >= minute.end() + GRACE);
        self.tracks.retain(|_, track| track.round == round);
        self.round = round.wrapping_add(1);
    }

    /// Closes everything: nothing more will be seen.
    pub fn close_all(&mut self) {
        self.close(|_, _| true);
        self.tracks.clear();
    }

    fn close(&mut self, is_over: impl Fn(&Track, Minute) -> bool) {
        let mut closed = Vec::new();
        for (driver, track) in &mut self.tracks {
            let over = track.draft.as_ref().is_some_and(|draft| is_over(track, draft.minute()));
            if over && let Some(draft) = track.draft.take() {
                closed.push(segment(*driver, &draft));
            }
        }
        self.open -= closed.len();
        // The map has no order: the oldest must be the first to go when there is no room.
        closed.sort_unstable_by_key(|segment| (segment.minute, segment.driver));
        for segment in closed {
            self.wait(segment);
        }
    }

    fn wait(&mut self, segment: Segment) {
        self.waiting.push_back(segment);
        self.drop_surplus();
    }

    fn drop_surplus(&mut self) {
        let room = self.waiting_max.saturating_sub(self.batch.len());
        let surplus = self.waiting.len().saturating_sub(room);
        self.waiting.drain(..surplus);
        self.dropped += surplus as u64;
    }

    /// The longest waiting ones, `rows_max` at most, to be stored; the caller says then what became of them. Ordered by
    /// driver: neighbours in the store's index are written together. Empty when nothing waits.
    pub fn take_batch(&mut self, rows_max: usize) -> Arc<Vec<Segment>> {
        let count = self.waiting.len().min(rows_max);
        let mut batch: Vec<Segment> = self.waiting.drain(..count).collect();
        batch.sort_unstable_by_key(|segment| (segment.driver, segment.minute));
        self.batch = Arc::new(batch);
        Arc::clone(&self.batch)
    }

    /// The batch is stored.
    pub fn batch_stored(&mut self) {
        self.batch = Arc::default();
    }

    /// The batch is not stored: it waits again, before all others.
    pub fn batch_returned(&mut self) {
        let mut batch = Arc::unwrap_or_clone(std::mem::take(&mut self.batch));
        batch.sort_unstable_by_key(|segment| (segment.minute, segment.driver));
        for segment in batch.into_iter().rev() {
            self.waiting.push_front(segment);
        }
        self.drop_surplus();
    }

    /// Gives up all that waits; how many.
    pub fn give_up(&mut self) -> usize {
        let lost = self.waiting.len();
        self.waiting.clear();
        lost
    }

    /// How many were dropped since the last time this was asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// How much is in memory.
    pub fn depth(&self) -> Depth {
        Depth { open: self.open, waiting: self.waiting.len() + self.batch.len() }
    }

    /// A driver's segments that are in memory and touch these minutes, the one being written as far as it is. Looks at all
    /// that wait: tens of thousands in the worst case, for a question that people ask.
    pub fn of_driver(&self, driver: DriverId, from: Minute, to: Minute) -> Vec<Segment> {
        let closed = self.batch.iter().chain(&self.waiting).filter(|segment| segment.driver == driver).cloned();
        let open = self.tracks.get(&driver).and_then(|track| track.draft.as_ref());
        closed
            .chain(open.map(|draft| segment(driver, draft)))
            .filter(|segment| (from..=to).contains(&segment.minute))
            .collect()
    }
}

fn segment(driver: DriverId, draft: &Draft) -> Segment {
    Segment { driver, minute: draft.minute(), packed: draft.packed() }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::segment::decode;
    use super::*;
    use crate::geo::LatLng;

    const START: i64 = 1_782_000_000_000;

    fn driver(number: u128) -> DriverId {
        DriverId(Uuid::from_u128(number))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(START + second * 1_000)
    }

    fn fix(second: i64) -> Fix {
        Fix::new(LatLng::new(-1.95 + second as f64 * 1e-4, 30.06).expect("on the globe"), at(second))
    }

    /// The seconds of all points in some segments.
    fn seconds(segments: &[Segment]) -> Vec<i64> {
        let points = segments.iter().flat_map(|segment| decode(segment.minute, &segment.packed).expect("ours"));
        points.map(|point| (point.at().as_millis() - START) / 1_000).collect()
    }

    fn depth(recorder: &Recorder) -> (usize, usize) {
        let Depth { open, waiting } = recorder.depth();
        (open, waiting)
    }

    /// A round in which these drivers are on shift.
    fn round(recorder: &mut Recorder, drivers: &[u128], second: i64) {
        for number in drivers {
            recorder.see(driver(*number), &fix(second));
        }
        recorder.end_round(at(second));
    }

    #[test]
    fn a_fix_is_recorded_once_and_never_after_a_newer_one() {
        let mut recorder = Recorder::new(10);
        let seen: Vec<bool> = [3, 3, 2, 4, 4, 64, 63, 65].map(|second| recorder.see(driver(1), &fix(second))).into();
        assert_eq!(seen, [true, false, false, true, false, true, false, true]);
        assert_eq!(depth(&recorder), (1, 1));
        let all = recorder.of_driver(driver(1), Minute::of(at(0)), Minute::of(at(65)));
        assert_eq!(seconds(&all), [3, 4, 64, 65]);
        assert_eq!(seconds(&recorder.of_driver(driver(1), Minute::of(at(60)), Minute::of(at(65)))), [64, 65]);
        assert!(recorder.of_driver(driver(2), Minute::of(at(0)), Minute::of(at(65))).is_empty());
    }

    #[test]
    fn a_minute_closes_when_the_next_begins_or_when_nothing_more_can_come() {
        let mut recorder = Recorder::new(10);
        round(&mut recorder, &[1, 2], 30);
        assert_eq!(depth(&recorder), (2, 0));
        recorder.see(driver(1), &fix(61));
        recorder.see(driver(2), &fix(30));
        recorder.end_round(at(61));
        assert_eq!(depth(&recorder), (2, 1), "the silent one may still say something of that minute");
        recorder.see(driver(1), &fix(61));
        recorder.see(driver(2), &fix(30));
        recorder.end_round(at(66));
        assert_eq!(depth(&recorder), (1, 2));
        recorder.see(driver(2), &fix(30));
        assert_eq!(depth(&recorder), (1, 2), "what is recorded stays recorded");
        assert!(recorder.see(driver(2), &fix(31)), "late, but newer");
        assert_eq!(depth(&recorder), (2, 2));
    }

    #[test]
    fn who_goes_off_shift_is_closed_and_forgotten() {
        let mut recorder = Recorder::new(10);
        round(&mut recorder, &[1, 2], 0);
        round(&mut recorder, &[2], 1);
        assert_eq!(depth(&recorder), (1, 1));
        assert_eq!(seconds(&recorder.take_batch(10)), [0]);
        recorder.batch_stored();
        round(&mut recorder, &[1, 2], 2);
        assert_eq!(depth(&recorder), (2, 0));
        recorder.close_all();
        assert_eq!(depth(&recorder), (0, 2));
        assert_eq!(seconds(&recorder.take_batch(10)), [2, 0, 1, 2], "driver by driver");
    }

    #[test]
    fn the_oldest_are_dropped_when_too_many_wait() {
        let mut recorder = Recorder::new(3);
        for minute in 0..5 {
            round(&mut recorder, &[1], minute * 60);
        }
        assert_eq!((depth(&recorder), recorder.take_dropped()), ((1, 3), 1));
        // What is being stored counts too, and is not dropped while it is.
        assert_eq!(seconds(&recorder.take_batch(2)), [60, 120]);
        round(&mut recorder, &[1], 300);
        assert_eq!((depth(&recorder), recorder.take_dropped()), ((1, 3), 1));
        recorder.batch_returned();
        assert_eq!((depth(&recorder), recorder.take_dropped()), ((1, 3), 0));
        assert_eq!(seconds(&recorder.take_batch(9)), [60, 120, 240]);
        recorder.batch_stored();
        assert_eq!(depth(&recorder), (1, 0));
        assert_eq!(seconds(&recorder.of_driver(driver(1), Minute(0), Minute(i32::MAX))), [300]);
    }

    #[test]
    fn what_is_being_stored_can_still_be_read() {
        let mut recorder = Recorder::new(9);
        round(&mut recorder, &[1], 0);
        round(&mut recorder, &[1], 60);
        let batch = recorder.take_batch(9);
        assert_eq!(seconds(&recorder.of_driver(driver(1), Minute(0), Minute(i32::MAX))), [0, 60]);
        drop(batch);
        recorder.batch_returned();
        assert_eq!(recorder.give_up(), 1);
        assert_eq!(seconds(&recorder.of_driver(driver(1), Minute(0), Minute(i32::MAX))), [60]);
    }
}
