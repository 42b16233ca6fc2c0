//! Search labels that are kept while a driver stays on a street.
//!
//! Separate because they are the caller's: one for each driver, about a kilobyte for each direction. A label does not
//! depend on where on the arc the driver is, only on the arc and on the riding times it was made with.

use super::{Live, Router, Snapped};
use crate::road::hierarchy::{Label, Search};
use crate::road::network::{ArcId, Snap};

/// What is kept of one driver's searches. Empty at first.
#[derive(Clone, Default, Debug)]
pub struct Kept {
    version: u64,
    directions: [Option<(ArcId, Label)>; 2],
}

impl Kept {
    /// What it takes in memory.
    pub fn byte_count(&self) -> usize {
        let labels = self.directions.iter().flatten().map(|(_, label)| label.byte_count() - size_of::<Label>());
        size_of::<Self>() + labels.sum::<usize>()
    }

    fn is_of(&self, live: &Live, arc: ArcId) -> impl Iterator<Item = &Label> {
        let labels = if self.version == live.version() { &self.directions[..] } else { &[] };
        labels.iter().flatten().filter(move |(other, _)| *other == arc).map(|(_, label)| label)
    }

    /// The distance from an arc to the target of a search, where the label is good.
    pub(super) fn distance(&self, live: &Live, arc: ArcId, search: &Search) -> Option<u32> {
        self.is_of(live, arc).next().map(|label| search.distance_of(label))
    }
}

impl Router {
    /// Makes the labels of a driver anew where the street or the riding times are not those they were made for.
    pub fn keep(&self, at: Snapped, kept: &mut Kept) {
        let live = self.live.load();
        let directions = at.directions(&self.network).map(|snap| snap.map(|Snap { arc, .. }| arc));
        let is_good = |arc: &ArcId| kept.is_of(&live, *arc).next().is_some();
        if directions.iter().flatten().all(is_good) {
            return;
        }
        let mut scratch = self.pool.take(&self.hierarchy);
        kept.version = live.version();
        for (arc, direction) in directions.into_iter().zip(&mut kept.directions) {
            let (_, mut label) = direction.take().unwrap_or((ArcId(0), Label::default()));
            if let Some(arc) = arc {
                scratch.labeller.label(&self.hierarchy, &live.metric, arc.0, &mut label);
                *direction = Some((arc, label));
            }
        }
    }

    /// As [`durations_to`](Self::durations_to), with what was [kept](Self::keep) for each driver. What is kept for another
    /// street or older riding times is not used: the answer is the same, only later.
    pub fn durations_kept<'k>(
        &self,
        drivers: impl IntoIterator<Item = (Snapped, &'k Kept)>,
        to: Snap,
        out: &mut Vec<Option<u32>>,
    ) {
        let live = self.live.load();
        let mut scratch = self.pool.take(&self.hierarchy);
        let ends = self.aim(&live, to, &mut scratch);
        out.clear();
        out.extend(drivers.into_iter().map(|(from, kept)| {
            let (_, duration_ms) = self.best_start(&live, (from, kept), &ends, &mut scratch.search)?;
            Some(duration_ms)
        }));
    }
}
