//! Ways across gaps, where nobody saw the driver.
//!
//! Separate from the matcher because it is a guess, and says when to make none: the quickest way is believed when it is
//! neither much shorter nor much longer than the straight lines between the last samples that were seen.

use super::lattice::{Scratch, Stretch};
use super::record::Record;
use super::walk::{Bounds, Spot};
use super::{Config, RoadView};
use crate::road::network::{ArcId, Snap};
use crate::road::router::{Router, Snapped};
use crate::time::Timestamp;

/// The quickest way over any distance.
pub trait LongRoutes {
    /// The arcs from the one place to the other, the first and the last included; `None` where no way leads.
    fn arcs(&self, from: Snap, to: Snap) -> Option<Vec<ArcId>>;
}

impl LongRoutes for Router {
    fn arcs(&self, from: Snap, to: Snap) -> Option<Vec<ArcId>> {
        let arcs = self.path_between(Snapped { snap: from, is_either_way: false }, to)?.arcs;
        // The router may end on the other side of the street.
        (arcs.len() > 1 && arcs.last() == Some(&to.arc)).then_some(arcs)
    }
}

/// The end of what was matched, before a gap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub from: Spot,
    pub at: Timestamp,
    /// The straight lines from there to where it ends.
    pub straight_m: f64,
    /// When it ends.
    pub until: Timestamp,
}

/// Streets that are looked at to fill a gap where the caller has no router.
const FILL: Bounds = Bounds { length_dm_max: 60_000, settled_max: 5_000 };
/// A way across a gap is believed up to so many times the straight line,
const FILL_TIMES: f64 = 2.5;
/// and this much farther;
const FILL_M: f64 = 200.0;
/// and nobody rides less than nearly the straight lines.
const FILL_TIMES_MIN: f64 = 0.85;

/// Crosses a gap: by the quickest way, or, where that would be a long way round, in a straight line.
pub(super) fn fill(
    record: &mut Record,
    view: &RoadView<'_>,
    scratch: &mut Scratch,
    config: &Config,
    gap: Gap,
    to: Spot,
) {
    let seconds = gap.until.since(gap.at).to_duration().as_secs_f64();
    let length_m_max = (gap.straight_m * FILL_TIMES + FILL_M).min(config.jump_m + config.speed_mps_max * seconds);
    let length_m_min = gap.straight_m * FILL_TIMES_MIN - FILL_M / 4.0;
    let is_likely = |dm: u32| (length_m_min..=length_m_max).contains(&(f64::from(dm) / 10.0));
    let found = route(view, scratch, gap.from, to).filter(|(_, dm)| is_likely(*dm));
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
