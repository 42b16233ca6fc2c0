//! The drivers who are nearest by riding time, exactly.
//!
//! Separate because it asks another question than the hierarchy answers: not how far these are, but who is near. Where
//! thousands of drivers are about, the ten nearest are a few streets away, and a search that spreads backwards from the
//! pickup, street by street, is done before a hierarchy has begun.
//!
//! Why it is exact: vertices are settled in the order of the riding time from their end to the pickup (Dijkstra, 1959).
//! Whoever is on one needs at least that time; so once the time of the next vertex is beyond that of the k-th driver
//! found, every driver not seen yet is farther. A driver who can ride off in two directions is on two arcs, and counted
//! with the better.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ends::{Ends, Start};
use super::{Live, Router, Snapped};
use crate::geo::LatLng;
use crate::road::network::{ArcId, Network, NodeId, Snap};
use crate::road::turns::CLOSED;

const NONE: u32 = u32::MAX;

/// Which drivers are on which arc. A driver is a small number that the owner gives out.
#[derive(Clone, Debug)]
pub struct OnStreets {
    /// By arc, the first place in its list.
    first: Vec<u32>,
    /// Two for each driver: either direction.
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    arc: u32,
    along_dm: u32,
    next: u32,
    before: u32,
}

const NOWHERE: Place = Place { arc: NONE, along_dm: 0, next: NONE, before: NONE };

impl OnStreets {
    /// Nobody is on the streets.
    pub fn new(network: &Network) -> Self {
        Self { first: vec![NONE; network.arc_count()], places: Vec::new() }
    }

    /// Puts a driver on a street, and off the one before. Numbers are as good as memory: 32 bytes for each up to the
    /// highest.
    pub fn put(&mut self, network: &Network, driver: u32, at: Snapped) {
        self.remove(driver);
        let places = 2 * driver as usize;
        if self.places.len() < places + 2 {
            self.places.resize(places + 2, NOWHERE);
        }
        for (place, snap) in (2 * driver..).zip(at.directions(network)) {
            let Some(Snap { arc, along_dm, .. }) = snap else { continue };
            let next = std::mem::replace(&mut self.first[arc.0 as usize], place);
            self.places[place as usize] = Place { arc: arc.0, along_dm, next, before: NONE };
            if let Some(next) = self.places.get_mut(next as usize) {
                next.before = place;
            }
        }
    }

    /// Takes a driver off the streets.
    pub fn remove(&mut self, driver: u32) {
        for place in [2 * driver as usize, 2 * driver as usize + 1] {
            let Some(Place { arc, next, before, .. }) = self.places.get(place).copied() else { continue };
            if arc == NONE {
                continue;
            }
            self.places[place] = NOWHERE;
            match self.places.get_mut(before as usize) {
                Some(before) => before.next = next,
                None => self.first[arc as usize] = next,
            }
            if let Some(next) = self.places.get_mut(next as usize) {
                next.before = before;
            }
        }
    }

    /// Who is on an arc, and how far along.
    fn on(&self, arc: ArcId) -> impl Iterator<Item = (u32, u32)> + '_ {
        let first = self.first[arc.0 as usize];
        let places =
            std::iter::successors(self.places.get(first as usize).map(|place| (first, place)), |(_, place)| {
                self.places.get(place.next as usize).map(|next| (place.next, next))
            });
        places.map(|(number, place)| (number / 2, place.along_dm))
    }
}

/// A driver, and the riding time to the pickup.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Near {
    /// In milliseconds.
    pub duration_ms: u32,
    /// The number of the driver.
    pub driver: u32,
}

/// Whom to look for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NearestByRoad {
    /// The pickup.
    pub to: Snap,
    /// How many at most.
    pub k: usize,
    /// No farther than this.
    pub duration_ms_max: u32,
}

/// The memory of a backward search.
#[derive(Default, Debug)]
pub(super) struct Spread {
    /// By vertex: the time from its end to the pickup, as far as known.
    after_ms: Vec<u32>,
    touched: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Spread {
    fn begin(&mut self, vertex_count: usize) {
        self.after_ms.resize(vertex_count, NONE);
        for vertex in self.touched.drain(..) {
            self.after_ms[vertex as usize] = NONE;
        }
        self.heap.clear();
    }

    fn offer(&mut self, vertex: u32, after_ms: u32) {
        let known = &mut self.after_ms[vertex as usize];
        if after_ms < *known {
            if *known == NONE {
                self.touched.push(vertex);
            }
            *known = after_ms;
            self.heap.push(Reverse((after_ms, vertex)));
        }
    }
}

/// The arcs that end at each junction. Those of two-way streets are the twins of the arcs that begin there; one-ways are
/// listed.
#[derive(Debug)]
pub(super) struct Incoming {
    first: Vec<u32>,
    one_ways: Vec<u32>,
}

impl Incoming {
    pub(super) fn new(network: &Network) -> Self {
        let arcs = (0..network.arc_count() as u32).map(ArcId);
        let mut one_ways: Vec<ArcId> = arcs.filter(|arc| network.twin(*arc).is_none()).collect();
        one_ways.sort_by_key(|arc| network.head(*arc));
        let mut first = vec![0; network.node_count() + 1];
        one_ways.iter().for_each(|arc| first[network.head(*arc).0 as usize + 1] += 1);
        (1..first.len()).for_each(|node| first[node] += first[node - 1]);
        Self { first, one_ways: one_ways.into_iter().map(|arc| arc.0).collect() }
    }

    fn arcs_to<'a>(&'a self, network: &'a Network, node: NodeId) -> impl Iterator<Item = ArcId> + 'a {
        let range = self.first[node.0 as usize] as usize..self.first[node.0 as usize + 1] as usize;
        let twins = network.arcs_from(node).filter_map(|arc| network.twin(arc));
        twins.chain(self.one_ways[range].iter().map(|arc| ArcId(*arc)))
    }

    pub(super) fn byte_count(&self) -> usize {
        (self.first.len() + self.one_ways.len()) * 4
    }
}

/// The best so far, nearest first.
struct Found<'o> {
    k: usize,
    limit_ms: u32,
    out: &'o mut Vec<Near>,
}

impl Found<'_> {
    fn add(&mut self, near: Near) {
        if near.duration_ms > self.limit_ms {
            return;
        }
        if let Some(known) = self.out.iter().position(|known| known.driver == near.driver) {
            if self.out[known] <= near {
                return;
            }
            self.out.remove(known);
        }
        let at = self.out.partition_point(|known| *known < near);
        self.out.insert(at, near);
        self.out.truncate(self.k);
        if self.out.len() == self.k {
            self.limit_ms = self.out.last().map_or(self.limit_ms, |last| last.duration_ms);
        }
    }
}

impl Router {
    /// The nearest drivers by riding time, nearest first, and by number where that is equal. `accept` says who is wanted;
    /// it may be asked twice about one. `out` is cleared first.
    pub fn nearest(
        &self,
        drivers: &OnStreets,
        query: &NearestByRoad,
        accept: impl Fn(u32) -> bool,
        out: &mut Vec<Near>,
    ) {
        out.clear();
        if query.k == 0 {
            return;
        }
        let live = self.live.load();
        let mut scratch = self.pool.take(&self.hierarchy);
        let ends = Ends::new(&self.network, &live, query.to);
        let mut found = Found { k: query.k, limit_ms: query.duration_ms_max, out };
        self.backwards(&live, &ends, &mut scratch.spread, |arc, after_ms| {
            self.collect(&live, (arc, after_ms), &ends, (drivers, &accept), &mut found);
            found.limit_ms
        });
    }

    /// How far from a place somebody can be, in metres as the crow flies, who gets to the street at it within a riding time:
    /// beside any street that leads there in time, as far off it as the rest of the time allows at `off_road_mps`.
    pub(super) fn reach_m(&self, place: LatLng, to: Snap, riding_ms: u32, off_road_mps: f64) -> f64 {
        let live = self.live.load();
        let mut scratch = self.pool.take(&self.hierarchy);
        let ends = Ends::new(&self.network, &live, to);
        let distance_m = place.distances_m();
        let mut reach_m = 0.0_f64;
        self.backwards(&live, &ends, &mut scratch.spread, |arc, after_ms| {
            let left_ms = riding_ms.saturating_sub(after_ms.unwrap_or(0));
            let beside_m = (f64::from(left_ms) / 1_000.0 * off_road_mps).min(self.off_road_m_max);
            let points = self.network.points(self.network.directed(arc).segment);
            let farthest_m = points.iter().map(|point| distance_m(*point)).fold(0.0, f64::max);
            reach_m = reach_m.max(farthest_m + beside_m);
            riding_ms
        });
        // Along a street drawn with few points one is a little off the line between them.
        reach_m + 1.0
    }

    /// Visits the arcs from which one gets to a place, in the order of the time from their end; those that the place is on
    /// first, without a time. `visit` says which time is the last of interest.
    fn backwards(
        &self,
        live: &Live,
        ends: &Ends,
        spread: &mut Spread,
        mut visit: impl FnMut(ArcId, Option<u32>) -> u32,
    ) {
        spread.begin(self.turns.vertex_count());
        let mut limit_ms = CLOSED - 1;
        for (arc, ridden_ms) in ends.arcs() {
            limit_ms = visit(arc, None);
            self.spread_before(arc.0, ridden_ms, spread);
            for (_, copy) in self.copies_of(arc) {
                self.spread_before(*copy, ridden_ms, spread);
            }
        }
        while let Some(Reverse((after_ms, vertex))) = spread.heap.pop() {
            if after_ms > limit_ms {
                break;
            }
            if spread.after_ms[vertex as usize] < after_ms {
                continue;
            }
            let arc = self.turns.arc_of(vertex);
            if vertex == arc.0 {
                limit_ms = visit(arc, Some(after_ms));
            }
            let duration_ms = live.durations_ms()[arc.0 as usize];
            if duration_ms < CLOSED {
                self.spread_before(vertex, after_ms.saturating_add(duration_ms), spread);
            }
        }
    }

    /// Those on an arc: who has the pickup ahead, or, given the time from the end of the arc, all others.
    fn collect(
        &self,
        live: &Live,
        (arc, after_ms): (ArcId, Option<u32>),
        ends: &Ends,
        (drivers, accept): (&OnStreets, &impl Fn(u32) -> bool),
        found: &mut Found<'_>,
    ) {
        for (driver, along_dm) in drivers.on(arc).filter(|(driver, _)| accept(*driver)) {
            let start = Start::new(&self.network, live, arc, along_dm);
            let duration_ms = match (ends.straight_on(&start), after_ms) {
                (None, Some(after_ms)) => after_ms.saturating_add(start.remaining_ms),
                (Some(duration_ms), None) => duration_ms,
                _ => continue,
            };
            found.add(Near { duration_ms, driver });
        }
    }

    /// Offers the vertices that a vertex can follow, given the time from its beginning to the pickup.
    fn spread_before(&self, vertex: u32, from_begin_ms: u32, spread: &mut Spread) {
        let tail = self.network.tail(self.turns.arc_of(vertex));
        for arc in self.incoming.arcs_to(&self.network, tail) {
            let copies = self.copies_of(arc).iter().map(|(_, copy)| *copy);
            for before in std::iter::once(arc.0).chain(copies) {
                let turn = self.turns.turns(before).find(|(head, _)| *head == vertex);
                if let Some((_, cost_ms)) = turn {
                    spread.offer(before, from_begin_ms.saturating_add(cost_ms));
                }
            }
        }
    }
}
