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
