//! From positions to the streets that were ridden, while they are being ridden.
//!
//! Separate from routing because it looks back: a [`Matcher`] belongs to one driver on one ride, takes one fix at a time, and
//! keeps a bounded memory of it. What it answers has two parts: what is settled, which only ever grows, and the likely end,
//! which may still be seen otherwise. The parts:
//! - `intake`: which fixes to believe, and several put together as one sample;
//! - `lattice`: the hidden Markov model over the last samples, with ways found by `walk`;
//! - `record`: how far, and when along which arcs;
//! - `events`: off the planned way, against a one-way street.
//!
//! Gaps are filled by routing, by [`LongRoutes`] where the caller has a router. A way that is far longer than what was ridden
//! in a straight line is not believed: then the straight line counts, as it does where there is no street in the map.

#[cfg(test)]
mod drive;
mod events;
mod intake;
mod lattice;
mod record;
#[cfg(test)]
mod tests;
mod walk;

use crate::geo::LatLng;
use crate::index::Fix;
use crate::road::network::{ArcId, Network, Snap};
use crate::road::snap::Snapper;
use crate::road::turns::TurnGraph;
use crate::time::{Span, Timestamp};

pub use events::Patience;
pub use lattice::Scratch;
pub use record::Pass;
pub use walk::Spot;

use events::Watch;
use intake::{Intake, Sample, Taken};
use lattice::{Lattice, Settled, Stretch};
use record::Record;
use walk::Bounds;

/// Numbers of map matching.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// Standard deviation of a fix, in metres.
    pub sigma_m: f64,
    /// Of what does not grow less with more fixes: the map, and receivers that err for a while.
    pub map_sigma_m: f64,
    /// By how much a way and the straight line differ on average, in metres.
    pub beta_m: f64,
    /// On top of that, as a part of the straight line.
    pub beta_share: f64,
    /// Streets farther away than this are not considered.
    pub radius_m: f64,
    /// Directions of streets that are considered at each sample.
    pub candidates_max: usize,
    /// How much farther than one and a half straight lines a way may be.
    pub detour_m: f64,
    /// Back along a street by so many standard deviations is noise.
    pub hold_sigmas: f64,
    /// Fixes within this span are put together.
    pub group_span: Span,
    /// Unless they are this far apart, in metres.
    pub group_m: f64,
    /// A sample nearer than this to the last one is the same place, in metres.
    pub stand_m: f64,
    /// Nobody rides faster, in metres per second.
    pub speed_mps_max: f64,
    /// What a fix may be off on top of that.
    pub jump_m: f64,
    /// So many fixes in a row that agree with each other are believed, however far away.
    pub jump_fixes: u32,
    /// Without a sample for this long, the way is a gap.
    pub gap_max: Span,
    /// Without a sample for this far in a straight line, likewise.
    pub gap_m_max: f64,
    /// Samples in a row that fit no street before the way is a gap.
    pub misses_max: u32,
    /// Off the planned way.
    pub off_route: Patience,
    /// Against a one-way street.
    pub wrong_way: Patience,
}

impl Config {
    /// A phone on a motorcycle. Found by riding generated traces with noise of 5 to 20 m; see the tests.
    pub const MOTORCYCLE: Self = Self {
        sigma_m: 12.0,
        map_sigma_m: 5.0,
        beta_m: 10.0,
        beta_share: 0.1,
        radius_m: 60.0,
        candidates_max: 16,
        detour_m: 150.0,
        hold_sigmas: 5.0,
        group_span: Span::from_secs(4),
        group_m: 50.0,
        stand_m: 15.0,
        speed_mps_max: 40.0,
        jump_m: 120.0,
        jump_fixes: 4,
        gap_max: Span::from_secs(75),
        gap_m_max: 1_000.0,
        misses_max: 3,
        off_route: Patience { span: Span::from_secs(20), length_m: 100.0 },
        wrong_way: Patience { span: Span::from_secs(8), length_m: 60.0 },
    };
}

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

/// The quickest way over any distance.
pub trait LongRoutes {
    /// The arcs from the one place to the other, the first and the last included; `None` where no way leads.
    fn arcs(&self, from: Snap, to: Snap) -> Option<Vec<ArcId>>;
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

/// The end of what was matched, before a gap.
#[derive(Clone, Copy, Debug)]
struct Gap {
    from: Spot,
    at: Timestamp,
    /// The straight lines from there to where it ends.
    straight_m: f64,
    /// When it ends.
    until: Timestamp,
}

/// Where samples were that fit no street.
#[derive(Clone, Copy, Debug)]
struct Stray {
    place: LatLng,
    length_m: f64,
    samples: u32,
}

/// Follows one driver on one ride.
#[derive(Debug)]
pub struct Matcher {
    config: Config,
    intake: Intake,
    lattice: Lattice,
    record: Record,
    gap: Option<Gap>,
    stray: Option<Stray>,
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
        if let Some(rest) = self.intake.rest() {
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
        if length_m < self.config.stand_m && self.stray.is_none() && !sample.is_elsewhere {
            self.lattice.stand(sample.at);
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

    /// Whether the driver is off the planned way now.
    pub fn is_off_route(&self) -> bool {
        self.off_route.is_so()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Events {
    off_route: bool,
    wrong_way: Option<ArcId>,
}

/// Streets that are looked at to fill a gap where the caller has no router.
const FILL: Bounds = Bounds { length_dm_max: 60_000, settled_max: 5_000 };
/// A way across a gap is believed up to so many times the straight line,
const FILL_TIMES: f64 = 2.5;
/// and this much farther.
const FILL_M: f64 = 200.0;

/// Crosses a gap: by the quickest way, or, where that would be a long way round, in a straight line.
fn fill(record: &mut Record, view: &RoadView<'_>, scratch: &mut Scratch, config: &Config, gap: Gap, to: Spot) {
    let seconds = gap.until.since(gap.at).to_duration().as_secs_f64();
    let length_m_max = (gap.straight_m * FILL_TIMES + FILL_M).min(config.jump_m + config.speed_mps_max * seconds);
    let found = route(view, scratch, gap.from, to).filter(|(_, dm)| f64::from(*dm) <= length_m_max * 10.0);
    let Some((arcs, length_dm)) = found else {
        record.unmapped(gap.straight_m);
        return record.begin(to, gap.until);
    };
    record.begin(gap.from, gap.at);
    let (from_at, to_at) = (gap.at, gap.until);
    let stretch = Stretch { from: gap.from, to, arcs: &arcs, length_dm, is_turned: false, from_at, to_at };
    record.rode(view.network, &stretch, true);
}

/// The arcs after the first, and the length of the way.
fn route(view: &RoadView<'_>, scratch: &mut Scratch, from: Spot, to: Spot) -> Option<(Vec<ArcId>, u32)> {
    if let Some(routes) = view.routes.filter(|_| !from.is_against && !to.is_against) {
        let snap = |spot: Spot| Snap {
            arc: spot.arc,
            along_dm: spot.along_dm,
            point: view.network.node(view.network.tail(spot.arc)),
            distance_m: 0.0,
        };
        let mut arcs = routes.arcs(snap(from), snap(to))?;
        let between: u32 = arcs.iter().map(|arc| view.network.length_dm(*arc)).sum();
        let length_dm = (between + to.along_dm).checked_sub(from.along_dm + view.network.length_dm(to.arc))?;
        arcs.remove(0);
        return Some((arcs, length_dm));
    }
    let targets = [to];
    scratch.walk.search(view, from, &targets, FILL);
    let way = scratch.walk.way(view, from, &targets, 0)?;
    let mut arcs = Vec::new();
    scratch.walk.arcs(view, to, way, &mut arcs);
    Some((arcs, way.length_dm))
}
