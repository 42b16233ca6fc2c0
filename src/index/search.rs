//! The k nearest free drivers.
//!
//! Separate from the index because it only reads, and takes no lock. A search walks the [`Rings`] around a place, at first
//! with the [`Shortlist`], and when that is not certain of its answer, with the [`Thorough`] sieve. The great-circle
//! distance is computed at the very end, for about k.

use super::grid::Horizon;
use super::lists::Entry;
use super::rings::{Rings, Sieve};
use super::shortlist::{LARGE, SMALL, Shortlist, wanted};
use super::slot::Sighting;
use super::{DriverIndex, RideClasses};
use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// How many more than 4 k drivers may be undecided (nearly as far as the k-th) before they are told apart by their true
/// distances: as if all drivers stood at one corner.
const UNDECIDED_MAX: usize = 64;

/// What to look for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Nearest<'a> {
    /// How many drivers at most.
    pub k: usize,
    /// The age of a position beyond which it is not trusted.
    pub max_age: Span,
    /// How far away a driver may be, in metres along the great circle.
    pub radius_m_max: f64,
    /// The driver must serve one of these ride types.
    pub classes: RideClasses,
    /// Drivers not wanted: those who were asked already.
    pub exclude: &'a [DriverId],
}

/// A driver found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Neighbour {
    /// Who.
    pub driver: DriverId,
    /// Where.
    pub position: LatLng,
    /// How far, in metres along the great circle.
    pub distance_m: f64,
    /// How long ago.
    pub age: Span,
    /// Which way the motorcycle points, where it moves; degrees clockwise from north.
    pub bearing_deg: Option<u16>,
}

impl DriverIndex {
    /// Fills `out` with the nearest free drivers, nearest first, by great-circle distance and, where that is equal, by
    /// id. `out` is cleared first.
    pub fn nearest(&self, from: LatLng, query: &Nearest<'_>, now: Timestamp, out: &mut Vec<Neighbour>) {
        out.clear();
        if query.k == 0 || query.radius_m_max.is_nan() || query.radius_m_max < 0.0 {
            return;
        }
        let horizon = Horizon::new(from, query.radius_m_max);
        let judge = Judge {
            index: self,
            from,
            query,
            now,
            oldest: now - query.max_age,
            limit: horizon.far(query.radius_m_max),
            within: horizon.near(query.radius_m_max),
            horizon: &horizon,
        };
        let rings = Rings::new(self, &horizon, from);
        let wanted = wanted(query);
        let is_done = if horizon.is_blind() || wanted > LARGE {
            false
        } else if wanted > SMALL {
            Shortlist::<{ LARGE + 2 }>::new(&judge, &horizon, wanted).fill(&rings, out)
        } else {
            Shortlist::<{ SMALL + 1 }>::new(&judge, &horizon, wanted).fill(&rings, out)
        };
        if is_done {
            return;
        }
        out.clear();
        let mut thorough = Thorough { judge: &judge, limit: judge.limit, found: out };
        rings.walk(&mut thorough);
        decide(&judge, out);
    }
}

/// Who may be in the answer.
pub(super) struct Judge<'a> {
    index: &'a DriverIndex,
    from: LatLng,
    pub(super) query: &'a Nearest<'a>,
    now: Timestamp,
    /// The instant before which a position is too old.
    oldest: Timestamp,
    /// Who ranks above this is beyond the largest radius.
    pub(super) limit: f64,
    /// Who ranks up to this is within the largest radius.
    within: f64,
    horizon: &'a Horizon,
}

impl Judge<'_> {
    /// Looks at a slot. The driver there, if wanted, with the rank in place of the distance.
    #[inline]
    pub(super) fn admit(&self, slot: u32) -> Option<Neighbour> {
        // A vacant entry, met while a list was changed, names no slot.
        let seen = self.index.records.get(slot as usize)?.sight()?;
        let rank = self.horizon.rank(seen.position);
        if !seen.classes.meets(self.query.classes)
            || seen.at < self.oldest
            || rank > self.limit
            || self.query.exclude.contains(&seen.driver)
        {
            return None;
        }
        if rank > self.within && self.from.distance_m(seen.position) > self.query.radius_m_max {
            return None;
        }
        let age = self.now.since(seen.at);
        let Sighting { driver, position, bearing_deg, .. } = seen;
        Some(Neighbour { driver, position, distance_m: rank, age, bearing_deg })
    }

    /// The rank of a driver of whom the list does not tell where.
    #[cold]
    pub(super) fn rank(&self, slot: u32) -> f64 {
        self.index.records.get(slot as usize).map_or(f64::INFINITY, |record| self.horizon.rank(record.position()))
    }

    /// Asks for a slot's line before it is needed.
    #[inline]
    pub(super) fn touch(&self, slot: u32) {
        if let Some(record) = self.index.records.get(slot as usize) {
            record.tag();
        }
    }
}

/// The sieve that judges everybody at once who is near enough: any k, any filter, any place on the globe.
struct Thorough<'a> {
    judge: &'a Judge<'a>,
    limit: f64,
    /// In order of rank, which stands in place of the distance until all is [decided](decide): the k first, and those
    /// whom rank alone does not tell from them.
    found: &'a mut Vec<Neighbour>,
}

impl Sieve for Thorough<'_> {
    fn limit(&self) -> f64 {
        self.limit
    }

    fn consider(&mut self, entry: Entry, _flat: f64) {
        let Some(neighbour) = self.judge.admit(entry.slot()) else { return };
        // A driver on the move between two cells is met in both.
        let is_known = self.found.iter().any(|other| other.driver == neighbour.driver);
        if neighbour.distance_m <= self.limit && !is_known {
            let place = self.found.partition_point(|other| other.distance_m <= neighbour.distance_m);
            self.found.insert(place, neighbour);
            self.narrow();
        }
    }
}

impl Thorough<'_> {
    /// Sets the limit by the k-th driver found.
    fn narrow(&mut self) {
        let k = self.judge.query.k;
        let Some(last) = self.found.get(k - 1) else { return };
        self.limit = self.limit.min(self.judge.horizon.spread(last.distance_m));
        while self.found.last().is_some_and(|other| other.distance_m > self.limit) {
            self.found.pop();
        }
        if self.found.len() > k.saturating_mul(4).saturating_add(UNDECIDED_MAX) {
            decide(self.judge, self.found);
            self.limit = self.limit.min(self.judge.horizon.far(self.found[k - 1].distance_m));
            for neighbour in self.found.iter_mut() {
                neighbour.distance_m = self.judge.horizon.rank(neighbour.position);
            }
            self.found.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        }
    }
}

/// Leaves the k nearest, with their distances, in order.
pub(super) fn decide(judge: &Judge<'_>, found: &mut Vec<Neighbour>) {
    let distance_m = judge.from.distances_m();
    for neighbour in found.iter_mut() {
        neighbour.distance_m = distance_m(neighbour.position);
    }
    found.sort_unstable_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.driver.cmp(&b.driver)));
    found.truncate(judge.query.k);
}
