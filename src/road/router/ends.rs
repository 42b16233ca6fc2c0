//! Beginnings and ends of a way, as vertices of the graph of turns.
//!
//! Separate because here all the exceptions live. The weight of a turn contains the arc it leads to, so from a place on
//! arc `a` to a place on arc `b` the time is what remains of `a`, plus the distance from `a` to `b`, less `b` itself, plus
//! what is ridden of `b`. As searches add nothing negative, all ends are put off by the longest of their arcs.

use crate::road::network::{ArcId, Network, Snap};
use crate::road::router::live::Live;
use crate::road::turns::CLOSED;

/// A place on the streets where a way begins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Snapped {
    /// The place.
    pub snap: Snap,
    /// One may ride off against the arc, too, where that is legal: nobody knows which way the motorcycle points.
    pub is_either_way: bool,
}

/// A beginning in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) arc: ArcId,
    pub(super) along_dm: u32,
    /// Of the arc, what has been ridden, and what remains.
    ridden_ms: u32,
    pub(super) remaining_ms: u32,
    /// The vertex that the way goes on from: its own, or the first after it when it comes back to this arc. None when the
    /// way ends on this arc straight ahead.
    pub(super) leaves_by: Option<u32>,
}

impl Snapped {
    /// The place in the directions one may begin in.
    pub(super) fn directions(&self, network: &Network) -> [Option<Snap>; 2] {
        let twin = network.twin(self.snap.arc).filter(|_| self.is_either_way);
        [Some(self.snap), twin.map(|twin| turned(network, self.snap, twin))]
    }
}

impl Start {
    pub(super) fn new(network: &Network, live: &Live, arc: ArcId, along_dm: u32) -> Self {
        let duration_ms = match live.durations_ms()[arc.0 as usize] {
            CLOSED => network.durations_ms()[arc.0 as usize],
            duration_ms => duration_ms,
        };
        let ridden_ms = part_ms(network.length_dm(arc), along_dm, duration_ms);
        let remaining_ms = duration_ms - ridden_ms;
        Self { arc, along_dm, ridden_ms, remaining_ms, leaves_by: None }
    }
}

/// The same place on the other direction of its street.
pub(super) fn turned(network: &Network, snap: Snap, twin: ArcId) -> Snap {
    Snap { arc: twin, along_dm: network.length_dm(twin).saturating_sub(snap.along_dm), ..snap }
}

/// Of the riding time of an arc, what leads up to a place on it.
fn part_ms(length_dm: u32, along_dm: u32, duration_ms: u32) -> u32 {
    (u64::from(duration_ms) * u64::from(along_dm.min(length_dm)) / u64::from(length_dm)) as u32
}

/// An end in one direction.
#[derive(Clone, Copy, Debug)]
struct End {
    arc: ArcId,
    along_dm: u32,
    ridden_ms: u32,
    duration_ms: u32,
}

/// Where a way may end.
#[derive(Debug)]
pub(super) struct Ends {
    ends: [Option<End>; 2],
    /// What was added to all distances.
    put_off_ms: u32,
}

impl Ends {
    /// A place may be come to from both sides, where both are open.
    pub(super) fn new(network: &Network, live: &Live, to: Snap) -> Self {
        let end = |snap: Snap| {
            let duration_ms = live.durations_ms()[snap.arc.0 as usize];
            let ridden_ms = part_ms(network.length_dm(snap.arc), snap.along_dm, duration_ms);
            (duration_ms < CLOSED).then_some(End { arc: snap.arc, along_dm: snap.along_dm, ridden_ms, duration_ms })
        };
        let ends = [end(to), network.twin(to.arc).and_then(|twin| end(turned(network, to, twin)))];
        let put_off_ms = ends.iter().flatten().map(|end| end.duration_ms).max().unwrap_or(0);
        Self { ends, put_off_ms }
    }

    /// The vertices, copies included, with what is added when a way ends there.
    pub(super) fn vertices<'c>(&self, copies_of: impl Fn(ArcId) -> &'c [(u32, u32)], out: &mut Vec<(u32, u32)>) {
        out.clear();
        for end in self.ends.iter().flatten() {
            let offset = self.put_off_ms - end.duration_ms + end.ridden_ms;
            out.push((end.arc.0, offset));
            out.extend(copies_of(end.arc).iter().map(|(_, vertex)| (*vertex, offset)));
        }
    }

    /// The arcs that a way may end on, and the time ridden on each.
    pub(super) fn arcs(&self) -> impl Iterator<Item = (ArcId, u32)> + '_ {
        self.ends.iter().flatten().map(|end| (end.arc, end.ridden_ms))
    }

    /// Whether the way may end on an arc.
    pub(super) fn is_on(&self, arc: ArcId) -> bool {
        self.ends.iter().flatten().any(|end| end.arc == arc)
    }

    /// The riding time when the end lies ahead on the arc that one begins on. No way around is quicker: it would pass here.
    pub(super) fn straight_on(&self, start: &Start) -> Option<u32> {
        let ahead = |end: &&End| end.arc == start.arc && end.along_dm >= start.along_dm;
        self.ends.iter().flatten().find(ahead).map(|end| end.ridden_ms - start.ridden_ms)
    }

    /// The riding time, given the distance that a search found.
    pub(super) fn duration_ms(&self, start: &Start, distance: u32) -> Option<u32> {
        (distance < CLOSED).then(|| (distance - self.put_off_ms.min(distance)).saturating_add(start.remaining_ms))
    }
}
