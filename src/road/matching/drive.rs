//! Drives for tests: a way through a network, and the fixes that a phone with a bad receiver sends from it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{RoadView, Spot};
use crate::geo::LatLng;
use crate::index::Fix;
use crate::road::network::{ArcId, Directed, Network, NodeId, Parts, RoadClass, Segment};
use crate::road::snap::{Snapper, between};
use crate::road::turns::{CLOSED, TurnCosts, TurnGraph};
use crate::time::{Span, Timestamp};

/// Numbers without a pattern (a linear congruential generator).
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn below(&mut self, range: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(range)) as u32
    }

    fn part(&mut self) -> f64 {
        (f64::from(self.below(1 << 24)) + 0.5) / f64::from(1 << 24)
    }

    /// Normal, with mean 0 and deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.part().ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos()
    }

    /// A place near another, off by normal noise in both directions.
    pub(super) fn near(&mut self, place: LatLng, sigma_m: f64) -> LatLng {
        place.destination(90.0, self.normal() * sigma_m).destination(0.0, self.normal() * sigma_m)
    }
}

/// A network with its turns and its index.
pub(super) struct Roads {
    pub network: Network,
    pub turns: TurnGraph,
    pub snapper: Snapper,
}

impl Roads {
    pub(super) fn new(parts: Parts) -> Self {
        let (network, restrictions) = Network::new(parts).expect("a network");
        let turns = TurnGraph::new(&network, &restrictions, &TurnCosts::FREE);
        Self { snapper: Snapper::new(&network), network, turns }
    }

    pub(super) fn view(&self) -> RoadView<'_> {
        RoadView { network: &self.network, turns: &self.turns, snapper: &self.snapper, routes: None }
    }

    /// A place on an arc.
    pub(super) fn place(&self, arc: ArcId, along_dm: f64) -> LatLng {
        let Directed { segment, is_forward } = self.network.directed(arc);
        let points = self.network.points(segment);
        let along_dm = if is_forward { along_dm } else { f64::from(self.network.length_dm(arc)) - along_dm };
        let mut left_m = along_dm / 10.0;
        for pair in points.windows(2) {
            let length_m = pair[0].distance_m(pair[1]);
            if left_m <= length_m {
                return between(pair[0], pair[1], (left_m / length_m.max(1e-9)).max(0.0));
            }
            left_m -= length_m;
        }
        points[points.len() - 1]
    }

    /// The quickest way from the end of one arc to the beginning of the next, both included.
    pub(super) fn quickest(&self, from: ArcId, to: ArcId) -> Option<Vec<ArcId>> {
        let durations_ms = self.network.durations_ms();
        let mut reached = vec![(u32::MAX, u32::MAX); self.turns.vertex_count()];
        let mut heap = BinaryHeap::from([Reverse((0, from.0, u32::MAX))]);
        while let Some(Reverse((cost_ms, vertex, parent))) = heap.pop() {
            if reached[vertex as usize].0 != u32::MAX {
                continue;
            }
            reached[vertex as usize] = (cost_ms, parent);
            if self.turns.arc_of(vertex) == to {
                let mut arcs = vec![to];
                let mut parent = parent;
                while parent != u32::MAX {
                    arcs.push(self.turns.arc_of(parent));
                    parent = reached[parent as usize].1;
                }
                arcs.reverse();
                return Some(arcs);
            }
            for (next, turn_ms) in self.turns.turns(vertex) {
                let duration_ms = durations_ms[self.turns.arc_of(next).0 as usize];
                if duration_ms != CLOSED {
                    heap.push(Reverse((cost_ms + turn_ms + duration_ms, next, vertex)));
                }
            }
        }
        None
    }
}

/// A town of square blocks, a little crooked: every fourth street one-way, some streets winding.
pub(super) fn town(side: u32, block_m: f64, dice: &mut Dice) -> Parts {
    let corner = LatLng::new(-1.95, 30.06).expect("on the globe");
    let mut node = |east: u32, north: u32| {
        let place = corner.destination(90.0, f64::from(east) * block_m).destination(0.0, f64::from(north) * block_m);
        dice.near(place, block_m / 20.0)
    };
    let nodes: Vec<_> = (0..side * side).map(|index| node(index % side, index / side)).collect();
    let mut segments = Vec::new();
    for index in 0..side * side {
        let (east, north) = (index % side, index / side);
        let ends =
            [(east + 1 < side).then_some((index + 1, north)), (north + 1 < side).then_some((index + side, east))];
        for (to, street) in ends.into_iter().flatten() {
            let (one, other) = (nodes[index as usize], nodes[to as usize]);
            let bend = |part: f64| dice.near(between(one, other, part), block_m / 15.0);
            let shape: Vec<_> = if street % 3 == 1 { [0.3, 0.6].map(bend).to_vec() } else { Vec::new() };
            let ms = (one.distance_m(other) * 100.0) as u32;
            segments.push(Segment {
                from: NodeId(index),
                to: NodeId(to),
                shape,
                class: RoadClass::Residential,
                name: None,
                is_roundabout: false,
                forward_ms: Some(ms),
                backward_ms: (street % 4 != 2).then_some(ms),
            });
        }
    }
    Parts { nodes, segments, ..Parts::default() }
}

/// A way that was driven: from the middle of its first arc to the middle of its last.
pub(super) struct Drive {
    pub arcs: Vec<ArcId>,
    pub from_dm: f64,
    pub length_m: f64,
}

impl Drive {
    pub(super) fn new(roads: &Roads, arcs: Vec<ArcId>) -> Self {
        let length = |arc: &ArcId| f64::from(roads.network.length_dm(*arc));
        let from_dm = length(&arcs[0]) / 2.0;
        let last_dm = length(arcs.last().expect("not empty"));
        let all_dm: f64 = arcs.iter().map(length).sum();
        Self { arcs, from_dm, length_m: (all_dm - from_dm - last_dm / 2.0) / 10.0 }
    }

    /// The quickest way between two random arcs, at least so long.
    pub(super) fn random(roads: &Roads, dice: &mut Dice, length_m_min: f64) -> Self {
        loop {
            let mut arc = || ArcId(dice.below(roads.network.arc_count() as u32));
            let (from, to) = (arc(), arc());
            let Some(arcs) = roads.quickest(from, to).filter(|arcs| arcs.len() > 1) else { continue };
            // Nobody sets out by turning back, and a map's dead ends make it longer than anybody drives.
            if arcs.windows(2).any(|pair| roads.network.twin(pair[0]) == Some(pair[1])) {
                continue;
            }
            let drive = Self::new(roads, arcs);
            if drive.length_m >= length_m_min {
                return drive;
            }
        }
    }

    /// Turn by turn at random, never back.
    pub(super) fn wander(roads: &Roads, dice: &mut Dice, length_m_min: f64) -> Self {
        let mut arcs = vec![ArcId(dice.below(roads.network.arc_count() as u32))];
        loop {
            let last = arcs[arcs.len() - 1];
            let is_on = |next: &ArcId| roads.network.twin(last) != Some(*next);
            let turns = roads.turns.turns(last.0).map(|(next, _)| roads.turns.arc_of(next)).filter(is_on);
            let turns: Vec<_> = turns.collect();
            if turns.is_empty() {
                arcs = vec![ArcId(dice.below(roads.network.arc_count() as u32))];
                continue;
            }
            arcs.push(turns[dice.below(turns.len() as u32) as usize]);
            let drive = Self::new(roads, arcs.clone());
            if drive.length_m >= length_m_min {
                return drive;
            }
        }
    }

    /// Where one is after so many metres.
    pub(super) fn spot(&self, roads: &Roads, ridden_m: f64) -> Spot {
        let mut along_dm = self.from_dm + ridden_m * 10.0;
        for arc in &self.arcs {
            let length_dm = f64::from(roads.network.length_dm(*arc));
            if along_dm <= length_dm {
                return Spot { arc: *arc, along_dm: along_dm as u32, is_against: false };
            }
            along_dm -= length_dm;
        }
        let arc = self.arcs[self.arcs.len() - 1];
        Spot { arc, along_dm: roads.network.length_dm(arc), is_against: false }
    }

    /// The fixes of the drive, at about 9 m/s and with pauses now and then, one every `every`, off by `sigma_m`.
    pub(super) fn fixes(&self, roads: &Roads, dice: &mut Dice, every: Span, sigma_m: f64) -> Vec<Fix> {
        let (mut ridden_m, mut ms, mut speed_mps) = (0.0, 0_i64, 9.0_f64);
        let mut fixes = Vec::new();
        let mut pause_s = 0;
        loop {
            if ms % every.as_millis() == 0 || ridden_m >= self.length_m {
                let spot = self.spot(roads, ridden_m);
                let place = roads.place(spot.arc, f64::from(spot.along_dm));
                fixes.push(Fix::new(dice.near(place, sigma_m), Timestamp::from_millis(1_790_000_000_000 + ms)));
            }
            if ridden_m >= self.length_m {
                return fixes;
            }
            ms += 1_000;
            if pause_s > 0 {
                pause_s -= 1;
                continue;
            }
            speed_mps = (speed_mps + dice.normal()).clamp(3.0, 15.0);
            ridden_m = (ridden_m + speed_mps).min(self.length_m);
            if dice.below(60) == 0 {
                pause_s = dice.below(30);
            }
        }
    }
}

/// The fixes of a ride along a straight line at 9 m/s, one a second.
pub(super) fn straight_fixes(from: LatLng, to: LatLng, dice: &mut Dice, sigma_m: f64) -> Vec<Fix> {
    let seconds = (from.distance_m(to) / 9.0).ceil() as i64;
    let fix = |second: i64| {
        let place = between(from, to, second as f64 / seconds as f64);
        Fix::new(dice.near(place, sigma_m), Timestamp::from_millis(1_790_000_000_000 + second * 1_000))
    };
    (0..=seconds).map(fix).collect()
}

/// Two streets of three stretches each, 200 m apart, with rungs between them; the middle of the lower one is one-way to the
/// east.
pub(super) fn ladder(at: &impl Fn(f64, f64) -> LatLng) -> Parts {
    let nodes = (0..8).map(|index| at(f64::from(index % 4) * 400.0, f64::from(index / 4) * 200.0)).collect();
    let mut segments = vec![street(0, 1, false), street(1, 2, true), street(2, 3, false)];
    segments.extend((4..7).map(|node| street(node, node + 1, false)));
    segments.extend((0..4).map(|node| street(node, node + 4, false)));
    Parts { nodes, segments, ..Parts::default() }
}

/// A straight street that takes 40 s.
pub(super) fn street(from: u32, to: u32, is_one_way: bool) -> Segment {
    Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Residential,
        name: None,
        is_roundabout: false,
        forward_ms: Some(40_000),
        backward_ms: (!is_one_way).then_some(40_000),
    }
}
