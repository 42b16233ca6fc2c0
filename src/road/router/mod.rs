//! Ways and riding times on the streets, as they are now.
//!
//! Separate from the hierarchy because it knows what the vertices mean: it turns places into arcs with a part already
//! ridden, and ways through the graph of turns into streets. The streets are shared and never change; the [live](Live)
//! riding times are swapped as a whole, and whoever began to ask with the old ones ends with them. Nothing waits here:
//! searches take their memory from a pool, and one more is made where all are in use.
//!
//! Where a motorcycle stands without saying where it points, both directions of a two-way street are open to it. A street
//! that is closed can be left, at the pace it was built for, but neither entered nor ridden to.

mod ends;
mod kept;
mod live;
mod memory;
mod nearest;
mod path;
mod pool;
mod travel;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use ends::Snapped;
pub use kept::Kept;
pub use live::Live;
pub use nearest::{Near, NearestByRoad, OnStreets};
pub use path::RoutePath;

use super::hierarchy::{Graph, Hierarchy, HierarchyError, Search};
use super::matching::RoadView;
use super::network::{ArcId, Network, NodeId, Snap};
use super::snap::Snapper;
use super::turns::TurnGraph;
use super::{NoRoute, Origin};
use crate::geo::LatLng;
use ends::{Ends, Start};
use live::Swap;
use nearest::Incoming;
use pool::{Pool, Scratch};

/// Orders and contracts the turns of a network, at import.
///
/// # Errors
/// [`HierarchyError`].
pub fn contract(network: &Network, turns: &TurnGraph) -> Result<Hierarchy, HierarchyError> {
    let place = |vertex| {
        let arc = turns.arc_of(vertex);
        let ends = [network.tail(arc), network.head(arc)].map(|node: NodeId| network.node(node));
        // The middle, near enough for an order.
        ((ends[0].lat() + ends[1].lat()) as f32 / 2.0, (ends[0].lng() + ends[1].lng()) as f32 / 2.0)
    };
    let places: Vec<(f32, f32)> = (0..turns.vertex_count() as u32).map(place).collect();
    Hierarchy::new(Graph { first_out: &turns.first_turn, heads: &turns.heads, places: &places })
}

/// Why parts make no router.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RouterError {
    /// They are of different maps.
    #[error("{what} of {found} do not belong to {expected}")]
    Mismatch {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
}

fn same(what: &'static str, found: usize, expected: usize) -> Result<(), RouterError> {
    if found == expected { Ok(()) } else { Err(RouterError::Mismatch { what, found, expected }) }
}

/// Answers [`TravelTime`](super::TravelTime) by road.
#[derive(Debug)]
pub struct Router {
    network: Arc<Network>,
    turns: Arc<TurnGraph>,
    hierarchy: Arc<Hierarchy>,
    snapper: Arc<Snapper>,
    off_road_m_max: f64,
    /// Vertices that remember how an arc was come to: the arc and the vertex, in order.
    copies: Vec<(u32, u32)>,
    incoming: Incoming,
    live: Swap,
    pool: Pool,
}

impl Router {
    /// A router with the riding times as built. Places farther than `off_road_m_max` from any street have no way.
    ///
    /// # Errors
    /// [`RouterError`].
    pub fn new(
        network: Arc<Network>,
        turns: Arc<TurnGraph>,
        hierarchy: Arc<Hierarchy>,
        snapper: Arc<Snapper>,
        off_road_m_max: f64,
    ) -> Result<Self, RouterError> {
        same("turns", turns.arc_count as usize, network.arc_count())?;
        same("vertices of the hierarchy", hierarchy.vertex_count(), turns.vertex_count())?;
        same("edges of the hierarchy", hierarchy.edge_count(), turns.turn_count())?;
        let mut copies: Vec<(u32, u32)> =
            (turns.arc_count..).zip(&turns.copies).map(|(vertex, arc)| (*arc, vertex)).collect();
        copies.sort_unstable();
        let live = Swap::new(&network, &turns, &hierarchy);
        let incoming = Incoming::new(&network);
        Ok(Self { incoming, network, turns, hierarchy, snapper, off_road_m_max, copies, live, pool: Pool::default() })
    }

    /// The streets.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// What map matching needs of the map, gaps filled by this router.
    pub fn view(&self) -> RoadView<'_> {
        RoadView { network: &self.network, turns: &self.turns, snapper: &self.snapper, routes: Some(self) }
    }

    /// The riding times of now.
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Swaps the riding times: one for each arc, in milliseconds, [`CLOSED`](super::turns::CLOSED) where nobody may ride. Searches that have
    /// begun go on with those before; none waits. Two callers at a time wait for each other.
    ///
    /// # Errors
    /// [`RouterError`] when there are more or fewer than arcs.
    pub fn reweigh(&self, durations_ms: Vec<u32>) -> Result<(), RouterError> {
        same("riding times", durations_ms.len(), self.network.arc_count())?;
        self.live.swap(&self.network, &self.turns, &self.hierarchy, &durations_ms);
        Ok(())
    }

    /// The street that a motorcycle is on; `None` when none is within reach.
    pub fn snap(&self, origin: Origin) -> Option<Snapped> {
        match origin.bearing_deg {
            None => self.snap_place(origin.place).map(|snap| Snapped { snap, is_either_way: true }),
            Some(bearing_deg) => {
                let bearing_deg = Some(f64::from(bearing_deg));
                let snap = self.snapper.nearest_heading(&self.network, origin.place, bearing_deg, self.off_road_m_max);
                snap.map(|snap| Snapped { snap, is_either_way: false })
            }
        }
    }

    /// The street that a place is at; `None` when none is within reach.
    pub fn snap_place(&self, place: LatLng) -> Option<Snap> {
        self.snapper.nearest(&self.network, place, self.off_road_m_max)
    }

    /// Riding times in milliseconds from each of many places on the streets to one; `None` where nobody can ride. `out` is
    /// cleared first.
    pub fn durations_to(&self, froms: &[Snapped], to: Snap, out: &mut Vec<Option<u32>>) {
        let nothing = Kept::default();
        self.durations_kept(froms.iter().map(|from| (*from, &nothing)), to, out);
    }

    /// The quickest way between two places.
    ///
    /// # Errors
    /// [`NoRoute`].
    pub fn path(&self, from: Origin, to: LatLng) -> Result<RoutePath, NoRoute> {
        let from = self.snap(from).ok_or(NoRoute::FromOffRoad)?;
        let to = self.snap_place(to).ok_or(NoRoute::ToOffRoad)?;
        self.path_between(from, to).ok_or(NoRoute::Unconnected)
    }

    /// The quickest way between two places on the streets; `None` where nobody can ride.
    pub fn path_between(&self, from: Snapped, to: Snap) -> Option<RoutePath> {
        let mut paths = Vec::with_capacity(1);
        self.paths_to([from], to, &mut paths);
        paths.pop()?
    }

    /// The quickest way from each of many places on the streets to one; `None` where nobody can ride. `out` is cleared first.
    pub fn paths_to(&self, froms: impl IntoIterator<Item = Snapped>, to: Snap, out: &mut Vec<Option<RoutePath>>) {
        let live = self.live.load();
        let mut scratch = self.pool.take(&self.hierarchy);
        let ends = self.aim(&live, to, &mut scratch);
        out.clear();
        out.extend(froms.into_iter().map(|from| self.path_aimed(&live, from, (to, &ends), &mut scratch)));
    }

    /// The quickest way to where a search is set on.
    fn path_aimed(
        &self,
        live: &Live,
        from: Snapped,
        (to, ends): (Snap, &Ends),
        scratch: &mut Scratch,
    ) -> Option<RoutePath> {
        let (start, duration_ms) = self.best_start(live, (from, &Kept::default()), ends, &mut scratch.search)?;
        let begin = Snap { arc: start.arc, along_dm: start.along_dm, ..from.snap };
        let mut arcs = vec![start.arc];
        if let Some(vertex) = start.leaves_by {
            let Scratch { search, way, .. } = scratch;
            let edges = |vertex| self.edges(live, vertex);
            search.path((&self.hierarchy, &live.metric), vertex, edges, way);
            let begun = usize::from(vertex == start.arc.0);
            arcs.extend(way[begun..].iter().map(|vertex| self.turns.arc_of(*vertex)));
        }
        let last = *arcs.last().expect("one at least");
        let end = if last == to.arc { to } else { ends::turned(&self.network, to, last) };
        Some(RoutePath::new(&self.network, arcs, [begin, end], duration_ms))
    }

    /// The turns out of a vertex, each with its weight of now.
    fn edges<'a>(&'a self, live: &'a Live, vertex: u32) -> impl Iterator<Item = (u32, u32)> + 'a {
        let weight = |(head, cost)| (head, live.weight(self.turns.arc_of(head), cost));
        self.turns.turns(vertex).map(weight)
    }

    /// The vertices that stand for an arc besides itself.
    fn copies_of(&self, arc: ArcId) -> &[(u32, u32)] {
        let of_arcs = |arc: u32| self.copies.partition_point(|(other, _)| *other < arc);
        &self.copies[of_arcs(arc.0)..of_arcs(arc.0 + 1)]
    }

    /// Sets a search on its target.
    fn aim(&self, live: &Live, to: Snap, scratch: &mut Scratch) -> Ends {
        let ends = Ends::new(&self.network, live, to);
        ends.vertices(|arc| self.copies_of(arc), &mut scratch.targets);
        scratch.search.aim(&self.hierarchy, &live.metric, &scratch.targets);
        ends
    }

    /// The better of the directions that one may begin in, and the riding time in milliseconds.
    fn best_start(
        &self,
        live: &Live,
        (from, kept): (Snapped, &Kept),
        ends: &Ends,
        search: &mut Search,
    ) -> Option<(Start, u32)> {
        let directions = from.directions(&self.network).into_iter().flatten();
        let times = directions.filter_map(|snap| {
            let start = Start::new(&self.network, live, snap.arc, snap.along_dm);
            self.time(live, (start, kept), ends, search)
        });
        times.min_by_key(|(_, duration_ms)| *duration_ms)
    }

    /// The riding time from a beginning, and how the way leaves the arc that it begins on.
    fn time(
        &self,
        live: &Live,
        (mut start, kept): (Start, &Kept),
        ends: &Ends,
        search: &mut Search,
    ) -> Option<(Start, u32)> {
        if let Some(duration_ms) = ends.straight_on(&start) {
            return Some((start, duration_ms));
        }
        let (leaves_by, distance) = if ends.is_on(start.arc) {
            // The end is behind: out of the arc, and round to where it begins.
            let round = self.edges(live, start.arc.0).map(|(head, weight)| {
                (head, weight.saturating_add(search.distance(&self.hierarchy, &live.metric, head)))
            });
            round.min_by_key(|(_, distance)| *distance)?
        } else {
            let kept = kept.distance(live, start.arc, search);
            (start.arc.0, kept.unwrap_or_else(|| search.distance(&self.hierarchy, &live.metric, start.arc.0)))
        };
        let duration_ms = ends.duration_ms(&start, distance)?;
        start.leaves_by = Some(leaves_by);
        Some((start, duration_ms))
    }
}
