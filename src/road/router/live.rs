//! The riding times of now, and how they are swapped.
//!
//! Separate because readers and the one writer meet here. The writer customizes beside what is in use, in the memory of
//! what was in use before that, if nobody looks at it any more.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use crate::road::hierarchy::{Customizer, Hierarchy, Metric};
use crate::road::network::{ArcId, Network};
use crate::road::turns::{CLOSED, TurnGraph, weight_ms};

/// One set of riding times.
#[derive(Default, Debug)]
pub struct Live {
    version: u64,
    durations_ms: Vec<u32>,
    /// The best speed of any arc.
    fastest_dm_per_ms: f32,
    pub(super) metric: Metric,
}

impl Live {
    /// Counts the swaps; the times as built are 0.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Riding time of each arc in milliseconds; [`CLOSED`] where nobody may ride.
    pub fn durations_ms(&self) -> &[u32] {
        &self.durations_ms
    }

    /// The best speed of any arc, in decimetres a millisecond.
    pub(super) fn fastest_dm_per_ms(&self) -> f32 {
        self.fastest_dm_per_ms
    }

    /// Looks for the best speed among the riding times.
    fn note_fastest(&mut self, network: &Network) {
        let speeds = network.lengths_dm.iter().zip(&self.durations_ms).map(|(dm, ms)| *dm as f32 / *ms as f32);
        // Up to the next float: a bound must not be rounded down.
        self.fastest_dm_per_ms = speeds.fold(0.0, f32::max).next_up();
    }

    /// What it takes in memory.
    pub fn byte_count(&self) -> usize {
        self.durations_ms.capacity() * 4 + self.metric.byte_count()
    }

    /// The weight of a turn that costs so much into an arc: as [`TurnGraph::weights`] has it.
    #[inline]
    pub(super) fn weight(&self, into: ArcId, cost_ms: u32) -> u32 {
        weight_ms(self.durations_ms[into.0 as usize], cost_ms)
    }
}

#[derive(Debug)]
pub(super) struct Swap {
    live: ArcSwap<Live>,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Writer {
    customizer: Customizer,
    weights: Vec<u32>,
    /// What was live before.
    spare: Arc<Live>,
}

impl Swap {
    pub(super) fn new(network: &Network, turns: &TurnGraph, hierarchy: &Hierarchy) -> Self {
        let mut customizer = Customizer::new(hierarchy);
        let mut live = Live { durations_ms: network.durations_ms().to_vec(), ..Live::default() };
        live.note_fastest(network);
        let weights = turns.weights(&live.durations_ms);
        customizer.customize(hierarchy, &weights, &mut live.metric);
        let writer = Mutex::new(Writer { customizer, weights, spare: Arc::default() });
        Self { live: ArcSwap::from_pointee(live), writer }
    }

    #[inline]
    pub(super) fn load(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    pub(super) fn load_full(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Makes the times live. The memory of those before the last ones is used again.
    pub(super) fn swap(&self, network: &Network, turns: &TurnGraph, hierarchy: &Hierarchy, durations_ms: &[u32]) {
        // A writer that panicked left nothing half done that the next one would not do anew.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Writer { customizer, weights, spare } = &mut *writer;
        let mut next = Arc::try_unwrap(std::mem::take(spare)).unwrap_or_default();
        next.durations_ms.clear();
        // Nothing takes no time: a way is found by how the rest of it grows shorter.
        next.durations_ms.extend(durations_ms.iter().map(|duration_ms| (*duration_ms).clamp(1, CLOSED)));
        next.note_fastest(network);
        next.version = self.live.load().version + 1;
        turns.fill_weights(&next.durations_ms, weights);
        customizer.customize(hierarchy, weights, &mut next.metric);
        *spare = self.live.swap(Arc::new(next));
    }
}
