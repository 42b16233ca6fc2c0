//! From positions to the streets that were ridden, while they are being ridden.
//!
//! Separate from routing because it looks back: a [`Matcher`] belongs to one driver on one ride, takes one fix at a time, and
//! keeps a bounded memory of it. What it answers has two parts: what is settled, which only ever grows, and the likely end,
//! which may still be seen otherwise. The parts:
//! - `intake`: which fixes to believe, and several put together as one sample;
//! - `lattice`: the hidden Markov model over the last samples, with ways found by `walk`;
//! - `gap`: ways where nobody saw the driver;
//! - `record`: how far, and when along which arcs;
//! - `events`: off the planned way, against a one-way street.
//!
//! Gaps are filled by routing, by [`LongRoutes`] where the caller has a router. A way that is far longer than what was ridden
//! in a straight line is not believed: then the straight line counts, as it does where there is no street in the map.

mod config;
#[cfg(test)]
mod drive;
mod events;
mod gap;
mod intake;
mod lattice;
mod record;
#[cfg(test)]
mod tests;
mod walk;

use crate::geo::LatLng;
use crate::index::Fix;
use crate::road::network::{ArcId, Network};
use crate::road::snap::Snapper;
use crate::road::turns::TurnGraph;
use crate::time::Timestamp;

pub use config::Config;
pub use events::Patience;
pub use gap::LongRoutes;
pub use lattice::Scratch;
pub use record::Pass;
pub use walk::Spot;

use events::Watch;
use gap::{Gap, fill};
use intake::{Intake, Sample, Taken};
use lattice::{Lattice, Settled};
use record::Record;

/// The map as the matcher needs it.
#[derive(Clone, Copy)]
pub struct RoadView<'a> {
    /// Streets.
    pub network: &'a Network,
    /// Turns between them.
    pub turns: &'a TurnGraph,
    /// Where they are.
    pub snapper: &'a Snapper,
    /// A router for long ways; without one, gaps of a few kilometres are filled all the same.
    pub routes: Option<&'a dyn LongRoutes>,
}

/// What became of a fix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Not newer than the one before: ignored.
    Old,
    /// Nobody can have got there: ignored until others agree.
    OutOfReach,
    /// Put together with those that follow.
    Waits,
    /// The driver stands.
    Stands,
    /// No street is near, or no way leads there.
    Unmatched,
    /// On a street.
    Matched,
}

/// What is known after a fix.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step {
    /// What became of the fix.
    pub fate: Fate,
    /// The most likely place now, and the arc of it.
    pub place: Option<(Spot, LatLng)>,
    /// Metres ridden for certain: never less than before.
    pub settled_m: f64,
    /// Metres ridden in all probability.
    pub length_m: f64,
    /// Left the planned way, as of this fix.
    pub off_route: bool,
    /// Rides against a one-way street, as of this fix: its arc.
    pub wrong_way: Option<ArcId>,
}

/// What a ride was.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// Metres ridden.
    pub length_m: f64,
    /// Of these, metres that nobody saw: gaps filled by routing.
    pub filled_m: f64,
    /// Of these, metres where the map has no street, as the crow flies.
    pub unmapped_m: f64,
    /// Fixes that came.
    pub fixes: u32,
    /// Of these, such as nobody can have reached.
    pub out_of_reach: u32,
    /// How often the planned way was left.
    pub off_route: u32,
    /// How often a one-way street was ridden against.
    pub wrong_way: u32,
}

/// Where samples were that fit no street.
#[derive(Clone, Copy, Debug)]
struct Stray {
    place: LatLng,
    length_m: f64,
    samples: u32,
}

/// From the first of the samples while standing, which may have been a bad one, so many times as far as from their mean.
const STAND_TIMES: f64 = 1.6;
/// So many samples in one place are a driver who stands.
const STANDING_SAMPLES: u32 = 3;

/// Follows one driver on one ride.
#[derive(Debug)]
pub struct Matcher {
    config: Config,
    intake: Intake,
    lattice: Lattice,
    record: Record,
    gap: Option<Gap>,
    stray: Option<Stray>,
    /// The last sample, if it did not fit a driver who stands.
    doubted: Option<Sample>,
    /// Arcs of the planned way, sorted.
    plan: Vec<ArcId>,
    off_route: Watch,
    wrong_way: Watch,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    fixes: u32,
    out_of_reach: u32,
    off_route: u32,
    wrong_way: u32,
}

impl Matcher {
    /// Nothing ridden yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            intake: Intake::default(),
            lattice: Lattice::default(),
            record: Record::default(),
            gap: None,
            stray: None,
            doubted: None,
            plan: Vec::new(),
            off_route: Watch::default(),
            wrong_way: Watch::default(),
            counts: Counts::default(),
        }
    }

    /// The way that the driver should take from now on; an empty one is none, and cannot be left.
    pub fn plan(&mut self, arcs: &[ArcId]) {
        self.plan.clear();
        self.plan.extend_from_slice(arcs);
        self.plan.sort_unstable();
        self.off_route = Watch::default();
    }

    /// Takes in a fix.
    pub fn push(&mut self, view: &RoadView<'_>, scratch: &mut Scratch, fix: Fix) -> Step {
        self.counts.fixes = self.counts.fixes.saturating_add(1);
        let events = Events::default();
        match self.intake.take(fix, &self.config) {
            Taken::Old => self.step(Fate::Old, events),
            Taken::OutOfReach => {
                self.counts.out_of_reach += 1;
                self.step(Fate::OutOfReach, events)
            }
            Taken::Waits => self.step(Fate::Waits, events),
            Taken::Sample(sample) => self.sample(view, scratch, sample),
        }
    }

    /// Settles everything. What comes after begins anew.
    pub fn finish(&mut self, view: &RoadView<'_>, scratch: &mut Scratch) -> Summary {
        if let Some(rest) = self.intake.rest().or(self.doubted) {
            // There is nothing more to wait for.
            self.doubted = Some(rest);
            self.sample(view, scratch, rest);
        }
        let end = self.lattice.newest();
        self.settle(view, scratch, true);
        self.lattice = Lattice::default();
        if let Some((_, _, until)) = end {
            self.record.end(until);
        }
        let metres = |dm: u64| dm as f64 / 10.0;
        Summary {
            length_m: metres(self.record.length_dm()),
            filled_m: metres(self.record.filled_dm()),
            unmapped_m: metres(self.record.unmapped_dm()),
            fixes: self.counts.fixes,
            out_of_reach: self.counts.out_of_reach,
            off_route: self.counts.off_route,
            wrong_way: self.counts.wrong_way,
        }
    }

    /// What was ridden for certain since this was last asked, in order; a few hundred at most are kept.
    pub fn passes(&mut self) -> impl Iterator<Item = Pass> + '_ {
        self.record.passes()
    }

    fn sample(&mut self, view: &RoadView<'_>, scratch: &mut Scratch, sample: Sample) -> Step {
        let Some((place, _, until)) = self.lattice.newest() else {
            let fate = self.begin(view, scratch, sample);
            return self.step(fate, Events::default());
        };
        let length_m = place.flat_distance_m(sample.place);
        if self.stands(sample, length_m) {
            return self.step(Fate::Stands, Events::default());
        }
        let is_gap = sample.is_elsewhere
            || sample.at.since(until) > self.config.gap_max
            || length_m > self.config.gap_m_max
            || self.stray.is_some_and(|stray| stray.samples >= self.config.misses_max);
        if is_gap {
            let fate = self.cross_gap(view, scratch, sample);
            return self.step(fate, Events::default());
        }
        if !self.lattice.extend(view, scratch, &self.config, sample) {
            let length_m = self.go_astray(place, sample);
            let events = self.see(view, sample.at, length_m, None);
            return self.step(Fate::Unmatched, events);
        }
        self.stray = None;
        let best = self.lattice.best().map(|state| (state.spot, f64::from(state.length_dm) / 10.0));
        let events = match best {
            Some((spot, length_m)) => self.see(view, sample.at, length_m, Some(spot)),
            None => Events::default(),
        };
        self.settle(view, scratch, false);
        self.step(Fate::Matched, events)
    }

    /// Whether the driver is where the newest sample was. Of one who stands for longer, a single sample a little off proves
    /// nothing yet.
    fn stands(&mut self, sample: Sample, length_m: f64) -> bool {
        let Some((mean, samples)) = self.lattice.standing() else { return false };
        if self.stray.is_some() || sample.is_elsewhere {
            return false;
        }
        let stand_m = self.config.stand_m;
        let off_m = mean.flat_distance_m(sample.place);
        let is_there = off_m < stand_m && length_m < stand_m * STAND_TIMES;
        let is_doubted = !is_there && self.doubted.is_none() && off_m < stand_m * 3.0 && samples >= STANDING_SAMPLES;
        self.doubted = is_doubted.then_some(sample);
        if is_there {
            self.lattice.stand(sample);
        }
        is_there || is_doubted
    }

    /// Begins, or begins again after a gap.
    fn begin(&mut self, view: &RoadView<'_>, scratch: &mut Scratch, sample: Sample) -> Fate {
        if self.lattice.begin(view, scratch, &self.config, sample) {
            self.stray = None;
            self.settle(view, scratch, false);
            Fate::Matched
        } else {
            Fate::Unmatched
        }
    }

    /// One more sample that fits no street; how far it is from the one before.
    fn go_astray(&mut self, from: LatLng, sample: Sample) -> f64 {
        let stray = self.stray.unwrap_or(Stray { place: from, length_m: 0.0, samples: 0 });
        let length_m = stray.place.flat_distance_m(sample.place);
        self.stray =
            Some(Stray { place: sample.place, length_m: stray.length_m + length_m, samples: stray.samples + 1 });
        length_m
    }

    /// Ends what was matched so far, and begins anew where a street is near.
    fn cross_gap(&mut self, view: &RoadView<'_>, scratch: &mut Scratch, sample: Sample) -> Fate {
        let Some((place, _, until)) = self.lattice.newest() else { return Fate::Unmatched };
        let mut next = Lattice::default();
        if !next.begin(view, scratch, &self.config, sample) {
            self.go_astray(place, sample);
            return Fate::Unmatched;
        }
        self.settle(view, scratch, true);
        let stray = self.stray.take().unwrap_or(Stray { place, length_m: 0.0, samples: 0 });
        let straight_m = stray.length_m + stray.place.flat_distance_m(sample.place);
        let seconds = sample.at.since(until).to_duration().as_secs_f64();
        // Who was suddenly elsewhere has not ridden there.
        let straight_m = straight_m.min(self.config.jump_m + self.config.speed_mps_max * seconds);
        let from = self.record.last();
        self.record.end(until);
        self.gap = from.map(|from| Gap { from, at: until, straight_m, until: sample.at });
        self.lattice = next;
        self.settle(view, scratch, false);
        Fate::Matched
    }

    /// Moves what is certain from the lattice to the record.
    fn settle(&mut self, view: &RoadView<'_>, scratch: &mut Scratch, is_all: bool) {
        let Self { lattice, record, gap, config, .. } = self;
        let take = |settled: Settled<'_>| match settled {
            Settled::Begins(spot, at) => match gap.take() {
                Some(gap) => fill(record, view, scratch, config, gap, spot),
                None => record.begin(spot, at),
            },
            Settled::Rode(stretch) => record.rode(view.network, &stretch, false),
        };
        if is_all {
            lattice.settle_all(take);
        } else {
            lattice.settle(take);
        }
    }

    fn see(&mut self, view: &RoadView<'_>, at: Timestamp, length_m: f64, spot: Option<Spot>) -> Events {
        let mut events = Events::default();
        let is_planned = |spot: Spot| {
            let is_in = |arc: ArcId| self.plan.binary_search(&arc).is_ok();
            is_in(spot.arc) || view.network.twin(spot.arc).is_some_and(is_in)
        };
        let is_off = !self.plan.is_empty() && !spot.is_some_and(is_planned);
        if self.off_route.see(is_off, at, length_m, self.config.off_route) {
            self.counts.off_route += 1;
            events.off_route = true;
        }
        let is_against = spot.is_some_and(|spot| spot.is_against);
        if self.wrong_way.see(is_against, at, length_m, self.config.wrong_way) {
            self.counts.wrong_way += 1;
            events.wrong_way = spot.map(|spot| spot.arc);
        }
        events
    }

    fn step(&self, fate: Fate, Events { off_route, wrong_way }: Events) -> Step {
        let settled_dm = self.record.length_dm();
        let gap_dm = self.gap.map_or(0, |gap| (gap.straight_m * 10.0) as u64);
        Step {
            fate,
            place: self.lattice.best().map(|state| (state.spot, state.point)),
            settled_m: settled_dm as f64 / 10.0,
            length_m: (settled_dm + gap_dm + self.lattice.tentative_dm()) as f64 / 10.0,
            off_route,
            wrong_way,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Events {
    off_route: bool,
    wrong_way: Option<ArcId>,
}
