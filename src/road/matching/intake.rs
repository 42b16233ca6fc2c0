//! From what a phone sends to what is worth matching.
//!
//! Separate because nothing here knows a street: fixes that come twice are dropped, fixes that nobody can have reached are
//! held back until others agree with them, and fixes that follow each other closely are put together, because the mean of
//! four is twice as exact as each of them and costs a quarter of the work.

use super::Config;
use crate::geo::LatLng;
use crate::index::Fix;
use crate::time::{Span, Timestamp};

/// A few fixes put together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sample {
    pub place: LatLng,
    pub at: Timestamp,
    pub fixes: u32,
    /// The driver was suddenly elsewhere, and insists.
    pub is_elsewhere: bool,
}

/// What became of a fix.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Taken {
    /// Not newer than the one before.
    Old,
    /// Nobody can have got there.
    OutOfReach,
    /// Waits for others.
    Waits,
    /// Ready to be matched.
    Sample(Sample),
}

/// What one driver's fixes have been so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Intake {
    last: Option<Fix>,
    /// A place that could not be reached, and how often it was confirmed.
    suspect: Option<(Fix, u32)>,
    group: Option<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first: Fix,
    last: Fix,
    fixes: u32,
    is_elsewhere: bool,
    /// Sums of differences to the first.
    lat_e7: i64,
    lng_e7: i64,
    ms: i64,
}

impl Group {
    fn new(first: Fix, is_elsewhere: bool) -> Self {
        Self { first, last: first, fixes: 1, is_elsewhere, lat_e7: 0, lng_e7: 0, ms: 0 }
    }

    fn add(&mut self, fix: Fix) {
        self.last = fix;
        self.fixes += 1;
        self.lat_e7 += i64::from(fix.position.lat_e7()) - i64::from(self.first.position.lat_e7());
        self.lng_e7 += i64::from(fix.position.lng_e7()) - i64::from(self.first.position.lng_e7());
        self.ms += fix.at.since(self.first.at).as_millis();
    }

    fn sample(&self) -> Sample {
        let fixes = i64::from(self.fixes);
        let first = self.first.position;
        let mean = |first: i32, sum: i64| (i64::from(first) + sum / fixes) as i32;
        let place = LatLng::from_e7(mean(first.lat_e7(), self.lat_e7), mean(first.lng_e7(), self.lng_e7));
        Sample {
            place: place.unwrap_or(first),
            at: self.first.at + Span::from_millis(self.ms / fixes),
            fixes: self.fixes,
            is_elsewhere: self.is_elsewhere,
        }
    }
}

impl Intake {
    /// Takes in a fix.
    pub(super) fn take(&mut self, fix: Fix, config: &Config) -> Taken {
        let Some(last) = self.last else {
            self.last = Some(fix);
            return Taken::Sample(Group::new(fix, false).sample());
        };
        if fix.at <= last.at {
            return Taken::Old;
        }
        let mut is_elsewhere = false;
        if !can_reach(last, fix, config) {
            let confirmed = match self.suspect {
                Some((suspect, times)) if fix.at > suspect.at && can_reach(suspect, fix, config) => times + 1,
                _ => 1,
            };
            if confirmed < config.jump_fixes {
                self.suspect = Some((fix, confirmed));
                return Taken::OutOfReach;
            }
            is_elsewhere = true;
            self.group = None;
        }
        self.suspect = None;
        self.last = Some(fix);
        let interval = fix.at.since(last.at);
        match &mut self.group {
            Some(group) => group.add(fix),
            None => self.group = Some(Group::new(fix, is_elsewhere)),
        }
        let Some(group) = self.group else { return Taken::Waits };
        let is_full = (group.last.at + interval).since(group.first.at) >= config.group_span
            || group.first.position.flat_distance_m(fix.position) >= config.group_m;
        if is_full {
            self.group = None;
            return Taken::Sample(group.sample());
        }
        Taken::Waits
    }

    /// What still waits.
    pub(super) fn rest(&mut self) -> Option<Sample> {
        self.group.take().map(|group| group.sample())
    }
}

fn can_reach(from: Fix, to: Fix, config: &Config) -> bool {
    let seconds = to.at.since(from.at).to_duration().as_secs_f64();
    from.position.flat_distance_m(to.position) <= config.jump_m + config.speed_mps_max * seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(east_m: f64, at_ms: i64) -> Fix {
        let from = LatLng::new(-1.95, 30.06).expect("on the globe");
        Fix::new(from.destination(90.0, east_m), Timestamp::from_millis(at_ms))
    }

    #[test]
    fn five_fixes_of_a_second_become_one_and_those_of_ten_seconds_stay() {
        let config = Config::MOTORCYCLE;
        let count = |every_ms: i64, step_m: f64| {
            let mut intake = Intake::default();
            let samples = (0..40).filter_map(|n| match intake.take(fix(n as f64 * step_m, n * every_ms), &config) {
                Taken::Sample(sample) => Some(sample),
                _ => None,
            });
            samples.collect::<Vec<_>>()
        };
        let by_second = count(1_000, 8.0);
        assert_eq!(by_second.len(), 1 + 39 / 5);
        assert_eq!((by_second[1].at.as_millis(), by_second[1].fixes), (3_000, 5), "the middle of 1 to 5 seconds");
        assert!(by_second[1].place.distance_m(fix(24.0, 0).position) < 0.1);
        assert_eq!(count(10_000, 80.0).len(), 40);
    }

    #[test]
    fn what_comes_twice_or_from_nowhere_is_dropped_until_it_insists() {
        let config = Config::MOTORCYCLE;
        let mut intake = Intake::default();
        assert!(matches!(intake.take(fix(0.0, 0), &config), Taken::Sample(_)));
        assert_eq!(intake.take(fix(3.0, 0), &config), Taken::Old);
        assert_eq!(intake.take(fix(2_000.0, 1_000), &config), Taken::OutOfReach);
        assert_eq!(intake.take(fix(16.0, 2_000), &config), Taken::Waits);
        for second in 3..3 + i64::from(config.jump_fixes) - 1 {
            assert_eq!(intake.take(fix(9_000.0, second * 1_000), &config), Taken::OutOfReach);
        }
        for second in 6..8 {
            let _ = intake.take(fix(9_000.0, second * 1_000), &config);
        }
        let sample = intake.rest().expect("insisted");
        assert!(sample.is_elsewhere && sample.place.distance_m(fix(9_000.0, 0).position) < 1.0);
    }
}
