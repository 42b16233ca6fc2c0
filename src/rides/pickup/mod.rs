//! Drivers on the way to a pickup who do not get there: stalled, going away, gone dark.
//!
//! Separate from the core, which knows neither places nor positions: it is told of the trouble and decides what follows
//! (the driver is nudged first; when nothing has changed after the grace the ride goes to somebody else). Who stalls or
//! goes away is found by the driver's own positions, as an arrival is; who has gone dark sends none, so a round looks
//! for them. What is told is told again for as long as it lasts, so that a message which did not fit into the inbox is
//! made good by the next, and so that the core hears that a grace has passed in vain.
//!
//! A ride that a driver has accepted while still on the one before is not watched: nobody rides to it yet.

mod detector;
mod watch;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use rustc_hash::FxBuildHasher;

use crate::dispatch::Trouble;
use crate::ids::{DriverId, RideId};
use crate::rides::store::commit::trouble_word;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};

pub use detector::Rules;
pub(super) use watch::is_ridden_to;
pub use watch::watch_pickups;

use detector::{Course, Detector};

/// Numbers of the watch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Whether anybody is watched.
    pub is_on: bool,
    /// Between two looks at the way of one driver: each asks the router once.
    pub look_every: Span,
    /// What counts as trouble.
    pub rules: Rules,
    /// Without a position for so long a driver has gone dark.
    pub dark_after: Span,
    /// How often it is looked who has.
    pub sweep_every: Span,
}

/// The drivers who are watched.
pub struct Pickups {
    config: Config,
    watched: DashMap<DriverId, Watched, FxBuildHasher>,
}

struct Watched {
    ride: RideId,
    looked_at: Timestamp,
    detector: Detector,
    course: Course,
    is_dark: bool,
}

impl Pickups {
    /// Nobody is watched yet.
    pub fn new(config: Config) -> Self {
        Self { config, watched: DashMap::default() }
    }

    /// Numbers.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A driver on the way to a pickup is at a place at `at`. `left_m` says how far it is from there by road, if there is a
    /// way, and is asked seldom. What is wrong, if anything is, at every look for as long as it lasts.
    pub fn see(
        &self,
        driver: DriverId,
        ride: RideId,
        at: Timestamp,
        left_m: impl FnOnce() -> Option<f64>,
    ) -> Option<Trouble> {
        if !self.config.is_on {
            return None;
        }
        let rules = &self.config.rules;
        let mut watched = match self.watched.entry(driver) {
            Entry::Occupied(entry) if entry.get().ride == ride => entry.into_ref(),
            entry => {
                let detector = Detector::new(left_m()?, at);
                entry.insert(Watched { ride, looked_at: at, detector, course: Course::Fine, is_dark: false });
                return None;
            }
        };
        watched.is_dark = false;
        if at.since(watched.looked_at) < self.config.look_every {
            return None;
        }
        watched.looked_at = at;
        // From where no street leads there nothing can be said of the way.
        let course = watched.detector.look(rules, left_m()?, at);
        let before = std::mem::replace(&mut watched.course, course);
        let trouble = match course {
            Course::Fine => None,
            Course::Stalled => Some(Trouble::Stalled),
            Course::GoingAway => Some(Trouble::GoingAway),
        };
        trouble.inspect(|trouble| {
            if before != course {
                count(*trouble);
            }
        })
    }

    /// Whether a driver on the way since `since`, last seen at `seen`, has gone dark.
    pub fn is_dark(&self, driver: DriverId, ride: RideId, silent: Span) -> bool {
        if !self.config.is_on || silent < self.config.dark_after {
            return false;
        }
        // Counted once for each time; of a driver who was never seen on this way there is nothing to remember.
        if let Some(mut watched) = self.watched.get_mut(&driver).filter(|watched| watched.ride == ride)
            && !std::mem::replace(&mut watched.is_dark, true)
        {
            count(Trouble::Dark);
        }
        true
    }

    /// The driver is no longer on the way to a pickup.
    pub fn forget(&self, driver: DriverId) {
        self.watched.remove(&driver);
    }

    /// Forgets whoever is not on the way to the ride any more.
    fn keep(&self, mut is_on_the_way: impl FnMut(DriverId, RideId) -> bool) {
        self.watched.retain(|driver, watched| is_on_the_way(*driver, watched.ride));
    }
}

fn count(trouble: Trouble) {
    metrics::counter!(names::RIDES_PICKUP_TROUBLE_TOTAL, "trouble" => trouble_word(trouble)).increment(1);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use uuid::Uuid;

    use super::*;

    const DRIVER: DriverId = DriverId(Uuid::from_u128(1));

    fn pickups(is_on: bool) -> Pickups {
        let rules = Rules {
            near_m: 100.0,
            progress_m: 50.0,
            stalled_after: Span::from_secs(60),
            away_m: 300.0,
            away_looks: 2,
            gap_max: Span::from_secs(40),
        };
        let dark_after = Span::from_secs(40);
        Pickups::new(Config { is_on, look_every: Span::from_secs(5), rules, dark_after, sweep_every: dark_after })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + second * 1_000)
    }

    fn ride(number: u128) -> RideId {
        RideId(Uuid::from_u128(number))
    }

    #[test]
    fn the_router_is_asked_seldom_however_often_a_phone_pings() {
        let (pickups, asked) = (pickups(true), Cell::new(0));
        let left_m = || {
            asked.set(asked.get() + 1);
            Some(900.0)
        };
        for second in 0..=30 {
            pickups.see(DRIVER, ride(1), at(second), left_m);
        }
        assert_eq!(asked.get(), 7, "once at the beginning, and every five seconds");
    }

    #[test]
    fn trouble_is_told_at_every_look_for_as_long_as_it_lasts() {
        let pickups = pickups(true);
        let see = |second, metres| pickups.see(DRIVER, ride(1), at(second), || Some(metres));
        assert!((0..60).step_by(5).all(|second| see(second, 900.0).is_none()));
        assert_eq!((see(60, 900.0), see(65, 890.0)), (Some(Trouble::Stalled), Some(Trouble::Stalled)));
        assert_eq!(see(67, 890.0), None, "not between looks");
        assert_eq!((see(70, 830.0), see(75, 1_140.0)), (None, None));
        assert_eq!((see(80, 1_140.0), see(85, 500.0)), (Some(Trouble::GoingAway), None));
    }

    #[test]
    fn another_ride_begins_anew_and_where_there_is_no_way_nothing_is_said() {
        let pickups = pickups(true);
        let see = |number, second, left_m| pickups.see(DRIVER, ride(number), at(second), || left_m);
        assert!((0..60).step_by(5).all(|second| see(1, second, Some(900.0)).is_none()));
        assert_eq!((see(2, 60, Some(900.0)), see(2, 65, None)), (None, None));
        assert!((70..120).step_by(5).all(|second| see(2, second, Some(900.0)).is_none()));
        assert_eq!(see(2, 120, Some(900.0)), Some(Trouble::Stalled));
        pickups.forget(DRIVER);
        assert_eq!(see(2, 125, Some(900.0)), None);
        pickups.keep(|driver, kept| driver == DRIVER && kept == ride(1));
        assert!(pickups.watched.is_empty(), "the ride is not this driver's any more");
    }

    #[test]
    fn who_is_silent_for_long_enough_is_dark_seen_before_or_not() {
        let on = pickups(true);
        assert!(!on.is_dark(DRIVER, ride(1), Span::from_secs(39)) && on.is_dark(DRIVER, ride(1), Span::from_secs(40)));
        on.see(DRIVER, ride(1), at(0), || Some(900.0));
        assert!(on.is_dark(DRIVER, ride(1), Span::from_secs(41)) && on.is_dark(DRIVER, ride(1), Span::from_secs(46)));
        let off = pickups(false);
        assert!(!off.is_dark(DRIVER, ride(1), Span::from_secs(400)));
        assert!(
            (0..200).all(|second| off.see(DRIVER, ride(1), at(second), || Some(900.0)).is_none()),
            "nobody watches"
        );
    }
}
