//! The hidden Markov model: where a driver may have been at each of the last samples, and which of these places follow best.
//!
//! Separate from the matcher, which decides what is a sample and what is a gap. The formulas are those of Newson and Krumm
//! ("Hidden Markov Map Matching Through Noise and Sparseness", 2009): a place is as likely as its distance to the sample is
//! under normal noise, and a way between two places as likely as its length is near to the straight distance between the
//! samples. Costs are negative logarithms. Beyond them:
//! - A place behind the one before on the same street is the one before: noise along the street is no riding back.
//! - Riding against a one-way street is possible, and unlikely.
//! - Only the last few columns are kept. What all surviving ways agree on is settled; when the window is full, what the best
//!   says is.

use std::collections::VecDeque;

use super::intake::Sample;
use super::walk::{Bounds, End, Spot, Walk};
use super::{Config, RoadView};
use crate::geo::LatLng;
use crate::road::network::{ArcId, Snap};
use crate::road::snap::between;
use crate::time::Timestamp;

/// Columns that are kept undecided.
const WINDOW: usize = 20;
/// States of a column from which ways are searched.
const STATES_MAX: usize = 8;
/// A state that is this much less likely than the best (a natural logarithm) is given up.
const HOPELESS: f32 = 14.0;
/// What riding against a one-way street costs at each sample.
const AGAINST: f32 = 2.0;
/// A mean of more samples follows the driver too slowly.
const SAMPLES_MAX: u32 = 20;
/// Streets that are looked at from one state.
const SETTLED_MAX: u32 = 300;

/// One place where the driver may have been.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub spot: Spot,
    pub point: LatLng,
    cost: f32,
    /// The state of the column before from which it is best reached, and the way from there.
    back: u8,
    pub length_dm: u32,
    pub is_turned: bool,
    path: (u32, u32),
}

/// The places of one sample.
#[derive(Debug)]
struct Column {
    place: LatLng,
    at: Timestamp,
    /// Stood there until.
    until: Timestamp,
    /// The mean of what was seen since, standing, and of how many samples. The place itself stays: a mean creeps along with
    /// a driver who is slow.
    mean: LatLng,
    samples: u32,
    states: Vec<State>,
    arcs: Vec<ArcId>,
}

/// What was ridden from one sample to a later one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    pub from: Spot,
    pub to: Spot,
    /// The arcs after the first, up to the last: none where both ends are on the same.
    pub arcs: &'a [ArcId],
    pub length_dm: u32,
    /// Turned back in the middle of the street.
    pub is_turned: bool,
    pub from_at: Timestamp,
    pub to_at: Timestamp,
}

/// What is settled, in order.
pub(super) enum Settled<'a> {
    /// The first place of a lattice.
    Begins(Spot, Timestamp),
    Rode(Stretch<'a>),
}

/// Room for the work on one sample.
#[derive(Default)]
pub struct Scratch {
    pub(super) walk: Walk,
    snaps: Vec<Snap>,
    spots: Vec<Spot>,
    points: Vec<(LatLng, f32)>,
    best: Vec<Option<State>>,
}

/// The undecided end of a driver's way.
#[derive(Debug, Default)]
pub(super) struct Lattice {
    columns: VecDeque<Column>,
    /// The decided state of the first column.
    root: Option<usize>,
    /// Emptied columns, to be filled again.
    spare: Vec<Column>,
}

impl Lattice {
    /// How many samples are undecided.
    #[cfg(test)]
    pub(super) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Where and when the newest sample was, and until when.
    pub(super) fn newest(&self) -> Option<(LatLng, Timestamp, Timestamp)> {
        self.columns.back().map(|column| (column.place, column.at, column.until))
    }

    /// The driver has not moved since the newest sample.
    pub(super) fn stand(&mut self, sample: Sample) {
        if let Some(column) = self.columns.back_mut() {
            column.until = sample.at;
            column.samples = (column.samples + 1).min(SAMPLES_MAX);
            column.mean = between(column.mean, sample.place, 1.0 / f64::from(column.samples));
        }
    }

    /// Where the driver stands, and how many samples say so.
    pub(super) fn standing(&self) -> Option<(LatLng, u32)> {
        self.columns.back().map(|column| (column.mean, column.samples))
    }

    /// The most likely state of the newest sample.
    pub(super) fn best(&self) -> Option<State> {
        self.columns.back().and_then(|column| column.states.first()).copied()
    }

    /// Begins with a sample; false when no street is near.
    pub(super) fn begin(
        &mut self,
        view: &RoadView<'_>,
        scratch: &mut Scratch,
        config: &Config,
        sample: Sample,
    ) -> bool {
        self.clear();
        candidates(view, scratch, config, sample);
        let mut column = self.column(sample);
        for (spot, (point, cost)) in scratch.spots.iter().zip(&scratch.points) {
            let state = State {
                spot: *spot,
                point: *point,
                cost: *cost,
                back: 0,
                length_dm: 0,
                is_turned: false,
                path: (0, 0),
            };
            column.states.push(state);
        }
        self.push(column)
    }

    /// Goes on with a sample; false, and nothing changed, when no way leads to any street near it.
    pub(super) fn extend(
        &mut self,
        view: &RoadView<'_>,
        scratch: &mut Scratch,
        config: &Config,
        sample: Sample,
    ) -> bool {
        candidates(view, scratch, config, sample);
        let mut column = self.column(sample);
        let Some(before) = self.columns.back() else { return false };
        let straight_m = before.place.flat_distance_m(sample.place);
        let seconds = sample.at.since(before.until).to_duration().as_secs_f64();
        let length_m_max = config.jump_m + config.speed_mps_max * seconds;
        let reach_m = (straight_m * 1.5 + config.detour_m).min(length_m_max + config.detour_m);
        let bounds = Bounds { length_dm_max: (reach_m * 10.0) as u32, settled_max: SETTLED_MAX };
        let hold_dm = (config.hold_sigmas * config.sigma_of(sample.fixes) * 10.0) as u32;
        let beta_m = config.beta_m + config.beta_share * straight_m;
        let Scratch { walk, spots, points, best, .. } = scratch;
        best.clear();
        best.resize(spots.len(), None);
        for (back, from) in before.states.iter().enumerate() {
            walk.search(view, from.spot, spots, bounds);
            for (index, (spot, (point, emission))) in spots.iter().zip(points.iter()).enumerate() {
                let mut offer = |state: State, way: Option<super::walk::Way>| {
                    if best[index].is_none_or(|held: State| state.cost < held.cost) {
                        let begin = column.arcs.len();
                        if let Some(way) = way {
                            walk.arcs(view, state.spot, way, &mut column.arcs);
                        }
                        best[index] = Some(State { path: (begin as u32, column.arcs.len() as u32), ..state });
                    }
                };
                let transition = |length_dm: u32, penalty_dm: u32| {
                    let excess_m = (f64::from(length_dm) / 10.0 - straight_m).abs() + f64::from(penalty_dm) / 10.0;
                    from.cost + (excess_m / beta_m) as f32
                };
                let state = State { spot: *spot, point: *point, back: back as u8, is_turned: false, ..*from };
                if let Some(way) = walk.way(view, from.spot, spots, index)
                    && f64::from(way.length_dm) <= length_m_max * 10.0
                {
                    let cost = transition(way.length_dm, way.penalty_dm) + emission;
                    let is_turned = way.end == End::TurnedBack;
                    offer(State { cost, length_dm: way.length_dm, is_turned, ..state }, Some(way));
                }
                let is_behind = from.spot.arc == spot.arc
                    && from.spot.is_against == spot.is_against
                    && from.spot.along_dm > spot.along_dm
                    && from.spot.along_dm - spot.along_dm <= hold_dm;
                if is_behind {
                    let off_m = from.point.flat_distance_m(sample.place);
                    let cost = transition(0, 0) + config.emission(off_m, sample.fixes, spot.is_against);
                    offer(State { cost, length_dm: 0, spot: from.spot, point: from.point, ..state }, None);
                }
            }
        }
        column.states.extend(best.iter().flatten());
        self.push(column)
    }

    /// Sorts the states, leaves out the hopeless, and takes the column in unless it is empty.
    fn push(&mut self, mut column: Column) -> bool {
        column.states.sort_by(|one, other| one.cost.total_cmp(&other.cost));
        let Some(least) = column.states.first().map(|state| state.cost) else {
            self.spare.push(column);
            return false;
        };
        column.states.truncate(STATES_MAX);
        column.states.retain(|state| state.cost - least <= HOPELESS);
        for state in &mut column.states {
            // Only differences matter, and these stay exact.
            state.cost -= least;
        }
        self.columns.push_back(column);
        true
    }

    fn column(&mut self, sample: Sample) -> Column {
        let (states, arcs) = match self.spare.pop() {
            Some(mut spare) => {
                spare.states.clear();
                spare.arcs.clear();
                (spare.states, spare.arcs)
            }
            None => (Vec::new(), Vec::new()),
        };
        Column { place: sample.place, at: sample.at, until: sample.at, mean: sample.place, samples: 1, states, arcs }
    }

    fn clear(&mut self) {
        self.spare.extend(self.columns.drain(..));
        self.spare.truncate(WINDOW);
        self.root = None;
    }

    /// Decimetres from the last settled place to the most likely newest one.
    pub(super) fn tentative_dm(&self) -> u64 {
        let mut index = 0;
        let mut sum_dm = 0;
        for column in self.columns.iter().skip(1).rev() {
            sum_dm += u64::from(column.states[index].length_dm);
            index = usize::from(column.states[index].back);
        }
        sum_dm
    }

    /// Settles what all surviving ways have in common, or, when the window is full, the beginning of the best.
    pub(super) fn settle(&mut self, mut to: impl FnMut(Settled<'_>)) {
        let Some(newest) = self.columns.back() else { return };
        let mut alive: u32 = (1 << newest.states.len()) - 1;
        // All come from the first column's state, where that is decided.
        let undecided = usize::from(self.root.is_some());
        for last in (undecided..self.columns.len()).rev() {
            if alive.count_ones() == 1 {
                return self.commit(last, alive.trailing_zeros() as usize, &mut to);
            }
            let states = self.columns[last].states.iter().enumerate();
            alive = states.filter(|(index, _)| alive & (1 << index) != 0).fold(0, |mask, (_, s)| mask | 1 << s.back);
        }
        if self.columns.len() >= WINDOW {
            let decided = self.ancestor(0, 1);
            let keep: Vec<bool> = (0..newest.states.len()).map(|index| self.ancestor(index, 1) == decided).collect();
            let mut keep = keep.into_iter();
            if let Some(newest) = self.columns.back_mut() {
                newest.states.retain(|_| keep.next().unwrap_or(false));
            }
            self.commit(1, decided, &mut to);
        }
    }

    /// Settles the best way to its end.
    pub(super) fn settle_all(&mut self, mut to: impl FnMut(Settled<'_>)) {
        if !self.columns.is_empty() {
            self.commit(self.columns.len() - 1, 0, &mut to);
        }
    }

    /// The state of a column from which a state of the newest comes.
    fn ancestor(&self, mut index: usize, column: usize) -> usize {
        for column in self.columns.iter().skip(column + 1).rev() {
            index = usize::from(column.states[index].back);
        }
        index
    }

    fn commit(&mut self, last: usize, state: usize, to: &mut impl FnMut(Settled<'_>)) {
        let mut chosen = [0_u8; WINDOW + 1];
        let mut index = state;
        for column in (0..=last).rev() {
            chosen[column] = index as u8;
            index = usize::from(self.columns[column].states[index].back);
        }
        if self.root.is_none() {
            let first = &self.columns[0];
            to(Settled::Begins(first.states[usize::from(chosen[0])].spot, first.at));
        }
        for column in 0..last {
            let (one, next) = (&self.columns[column], &self.columns[column + 1]);
            let (from, state) = (one.states[usize::from(chosen[column])], next.states[usize::from(chosen[column + 1])]);
            to(Settled::Rode(Stretch {
                from: from.spot,
                to: state.spot,
                arcs: &next.arcs[state.path.0 as usize..state.path.1 as usize],
                length_dm: state.length_dm,
                is_turned: state.is_turned,
                from_at: one.until,
                to_at: next.at,
            }));
        }
        self.root = Some(state);
        self.spare.extend(self.columns.drain(..last));
        self.spare.truncate(WINDOW);
    }
}

/// Streets near a sample, both directions of each, and how far each is.
fn candidates(view: &RoadView<'_>, scratch: &mut Scratch, config: &Config, sample: Sample) {
    let Scratch { snaps, spots, points, .. } = scratch;
    view.snapper.within(view.network, sample.place, config.radius_m, config.candidates_max, snaps);
    spots.clear();
    points.clear();
    for snap in snaps {
        let mut push = |along_dm, is_against| {
            spots.push(Spot { arc: snap.arc, along_dm, is_against });
            let cost = config.emission(f64::from(snap.distance_m), sample.fixes, is_against);
            points.push((snap.point, cost));
        };
        push(snap.along_dm, false);
        if view.network.twin(snap.arc).is_none() {
            push(view.network.length_dm(snap.arc) - snap.along_dm, true);
        }
    }
}

impl Config {
    fn sigma_of(&self, fixes: u32) -> f64 {
        (self.sigma_m.powi(2) / f64::from(fixes.max(1)) + self.map_sigma_m.powi(2)).sqrt()
    }

    fn emission(&self, distance_m: f64, fixes: u32, is_against: bool) -> f32 {
        let deviations = distance_m / self.sigma_of(fixes);
        (deviations * deviations / 2.0) as f32 + if is_against { AGAINST } else { 0.0 }
    }
}
