//! Whether a driver gets nearer to the pickup: by looks at how far there is left to go. Pure.
//!
//! Separate from the watch that looks, so that it can be shown every way there is and compared with a slow reader of the
//! whole history. A look is a distance left by road, and so a detour that leads there is no trouble, while a way along
//! the far side of the valley is. Everything has two thresholds: what begins a trouble is more than what ends it, or
//! positions that stray by metres would ring and rest and ring again.

use crate::time::{Span, Timestamp};

/// What counts as trouble on the way to a pickup.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rules {
    /// Nearer than this, in metres, nobody is in trouble: who stands there looks for the rider.
    pub near_m: f64,
    /// This much nearer, in metres, is progress; less is noise.
    pub progress_m: f64,
    /// Without progress for so long a driver has stalled.
    pub stalled_after: Span,
    /// This much farther than the nearest so far, in metres, is going away.
    pub away_m: f64,
    /// For so many looks in a row.
    pub away_looks: u8,
    /// Not seen for so long, nothing is known of the time between: the next look is the first one again.
    pub gap_max: Span,
}

/// How a driver does on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// Gets there, as far as can be seen.
    Fine,
    /// Has not come nearer for too long.
    Stalled,
    /// Goes somewhere else.
    GoingAway,
}

/// What is remembered of a driver's looks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Detector {
    last_at: Timestamp,
    /// Farthest since the last progress, and when that was.
    high_m: f64,
    progress_at: Timestamp,
    /// Nearest so far.
    low_m: f64,
    /// Looks in a row that were far beyond the nearest.
    away_in_a_row: u8,
    is_away: bool,
}

impl Detector {
    /// The first look.
    pub const fn new(left_m: f64, at: Timestamp) -> Self {
        Self { last_at: at, high_m: left_m, progress_at: at, low_m: left_m, away_in_a_row: 0, is_away: false }
    }

    /// The next look. One that is older than the last says nothing.
    pub fn look(&mut self, rules: &Rules, left_m: f64, at: Timestamp) -> Course {
        if at.since(self.last_at) > rules.gap_max {
            *self = Self::new(left_m, at);
        }
        if at >= self.last_at {
            self.last_at = at;
            self.follow(rules, left_m, at);
        }
        self.course(rules, left_m)
    }

    fn follow(&mut self, rules: &Rules, left_m: f64, at: Timestamp) {
        self.high_m = self.high_m.max(left_m);
        // Here is where the driver is to be; where they stood on the way there does not matter any more.
        if self.high_m - left_m >= rules.progress_m || left_m <= rules.near_m {
            (self.high_m, self.progress_at) = (left_m, at);
        }
        self.low_m = self.low_m.min(left_m);
        let beyond_m = left_m - self.low_m;
        self.away_in_a_row = if beyond_m >= rules.away_m { self.away_in_a_row.saturating_add(1) } else { 0 };
        if self.away_in_a_row >= rules.away_looks {
            self.is_away = true;
        } else if beyond_m < rules.away_m / 2.0 {
            self.is_away = false;
        }
    }

    fn course(&self, rules: &Rules, left_m: f64) -> Course {
        if left_m <= rules.near_m {
            Course::Fine
        } else if self.is_away {
            Course::GoingAway
        } else if self.last_at.since(self.progress_at) >= rules.stalled_after {
            Course::Stalled
        } else {
            Course::Fine
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules {
        near_m: 150.0,
        progress_m: 60.0,
        stalled_after: Span::from_secs(120),
        away_m: 400.0,
        away_looks: 3,
        gap_max: Span::from_secs(60),
    };

    type Look = (i64, f64);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    /// What the detector says after each look.
    fn courses(looks: &[Look]) -> Vec<Course> {
        let mut detector: Option<Detector> = None;
        let mut look = |&(second, left_m): &Look| match &mut detector {
            Some(detector) => detector.look(&RULES, left_m, at(second)),
            None => detector.insert(Detector::new(left_m, at(second))).look(&RULES, left_m, at(second)),
        };
        looks.iter().map(&mut look).collect()
    }

    fn last(looks: impl IntoIterator<Item = Look>) -> Course {
        *courses(&looks.into_iter().collect::<Vec<_>>()).last().expect("at least one look")
    }

    /// The same by reading the whole history again at each look, as the rules are told.
    fn slow(looks: &[Look]) -> Course {
        // What is older than a gap is forgotten.
        let seen_in_order: Vec<Look> = looks
            .iter()
            .enumerate()
            .filter(|(n, look)| looks[..*n].iter().all(|before| before.0 <= look.0))
            .map(|(_, look)| *look)
            .collect();
        let gap_s = RULES.gap_max.as_secs();
        let begins = (1..seen_in_order.len()).rev().find(|n| seen_in_order[*n].0 - seen_in_order[n - 1].0 > gap_s);
        let history = &seen_in_order[begins.unwrap_or(0)..];
        let (now_s, _) = history[history.len() - 1];
        let here_m = looks[looks.len() - 1].1;
        if here_m <= RULES.near_m {
            return Course::Fine;
        }
        let nearest = |n: usize| history[..=n].iter().map(|look| look.1).fold(f64::INFINITY, f64::min);
        let is_beyond = |n: usize, m: f64| history[n].1 - nearest(n) >= m;
        // Away since the last time of `away_looks` looks in a row, unless back by half since.
        let rings = |n: usize| {
            let row = usize::from(RULES.away_looks);
            n + 1 >= row && (n + 1 - row..=n).all(|m| is_beyond(m, RULES.away_m))
        };
        let rang = (0..history.len()).rev().find(|n| rings(*n));
        let is_away = rang.is_some_and(|n| (n..history.len()).all(|m| is_beyond(m, RULES.away_m / 2.0)));
        if is_away {
            return Course::GoingAway;
        }
        let mut progress = 0;
        for n in 0..history.len() {
            let farthest = history[progress..=n].iter().map(|look| look.1).fold(0.0, f64::max);
            if farthest - history[n].1 >= RULES.progress_m || history[n].1 <= RULES.near_m {
                progress = n;
            }
        }
        let stood_s = now_s - history[progress].0;
        if stood_s >= RULES.stalled_after.as_secs() { Course::Stalled } else { Course::Fine }
    }

    #[test]
    fn who_comes_nearer_is_fine_however_slowly_and_by_whatever_detour() {
        assert_eq!(last((0..600).step_by(5).map(|s| (s, 3_000.0 - 2.0 * s as f64))), Course::Fine);
        // A turn was missed: 800 m more at once, then straight on to the pickup, which takes long.
        let missed = (0..40).map(|n| (n * 5, if n < 4 { 1_000.0 } else { 1_800.0 - 30.0 * (n - 4) as f64 }));
        assert!(courses(&missed.collect::<Vec<_>>())[7..].contains(&Course::GoingAway), "for a while");
        assert_eq!(
            last((0..40).map(|n| (n * 5, if n < 4 { 1_000.0 } else { 1_800.0 - 30.0 * (n - 4) as f64 }))),
            Course::Fine
        );
    }

    #[test]
    fn who_stands_still_has_stalled_at_the_second_and_moving_on_ends_it() {
        let stand = |until: i64| (0..=until).step_by(5).map(|s| (s, 900.0 + if s % 2 == 0 { 15.0 } else { -15.0 }));
        assert_eq!(last(stand(115)), Course::Fine);
        assert_eq!(last(stand(120)), Course::Stalled);
        assert_eq!(last(stand(120).chain([(125, 890.0)])), Course::Stalled, "noise is no progress");
        assert_eq!(last(stand(120).chain([(125, 850.0)])), Course::Fine);
    }

    #[test]
    fn who_stands_at_the_pickup_is_in_no_trouble() {
        assert_eq!(last((0..600).step_by(5).map(|s| (s, 120.0))), Course::Fine);
        // Nor was the time there spent standing still, for who has to go round the block after all.
        assert_eq!(last((0..600).step_by(5).map(|s| (s, 120.0)).chain([(600, 300.0)])), Course::Fine);
    }

    #[test]
    fn one_stray_position_is_not_going_away() {
        assert_eq!(last([(0, 1_000.0), (5, 1_500.0), (10, 990.0), (15, 1_600.0)]), Course::Fine);
        assert_eq!(last([(0, 1_000.0), (5, 1_500.0), (10, 1_500.0), (15, 1_600.0)]), Course::GoingAway);
    }

    #[test]
    fn going_away_ends_only_when_half_of_it_is_made_good() {
        let away = [(0, 1_000.0), (5, 1_500.0), (10, 1_500.0), (15, 1_500.0)];
        let then = |left_m| last(away.into_iter().chain([(20, left_m)]));
        assert_eq!(then(1_390.0), Course::GoingAway);
        assert_eq!(then(1_210.0), Course::GoingAway);
        assert_eq!(then(1_190.0), Course::Fine);
    }

    #[test]
    fn of_a_time_that_nobody_saw_nothing_is_said() {
        let before = (0..100).step_by(5).map(|s| (s, 900.0));
        assert_eq!(last(before.chain([(200, 900.0)])), Course::Fine);
        assert_eq!(
            last([(10, 1_000.0), (9, 5_000.0), (8, 5_000.0), (7, 5_000.0)]),
            Course::Fine,
            "late ones say nothing"
        );
    }

    fn looks() -> impl Strategy<Value = Vec<Look>> {
        // Mostly about one place: with nothing but leaps nobody would ever stall.
        let farther = prop_oneof![4 => -15..20_i32, 1 => -450..450_i32];
        let step = (prop_oneof![9 => 1..20_i64, 1 => 50..80_i64, 1 => -5..0_i64], farther);
        prop::collection::vec(step, 1..80).prop_map(|steps| {
            let (mut second, mut left_m) = (0, 2_000.0_f64);
            let mut walk = |(later, farther): (i64, i32)| {
                second += later;
                left_m = (left_m + f64::from(farther)).max(0.0);
                (second, left_m)
            };
            steps.into_iter().map(&mut walk).collect()
        })
    }

    proptest! {
        #[test]
        fn it_says_what_a_reader_of_the_whole_history_says(looks in looks()) {
            let said = courses(&looks);
            let read: Vec<_> = (1..=looks.len()).map(|n| slow(&looks[..n])).collect();
            prop_assert_eq!(said, read);
        }

        #[test]
        fn who_makes_progress_in_time_is_never_in_trouble(
            steps in prop::collection::vec((1..60_i64, 60..200_i32, -40..40_i32), 1..60),
        ) {
            let (mut second, mut left_m) = (0, 20_000.0);
            let mut walk = |(later, nearer, _): &(i64, i32, i32)| {
                (second, left_m) = (second + later, left_m - f64::from(*nearer));
                (second, left_m)
            };
            let looks: Vec<Look> = steps.iter().map(&mut walk).collect();
            prop_assert!(courses(&looks).iter().all(|course| *course == Course::Fine));
        }
    }
}
