//! What came of an import, for the person who made it.
//!
//! Separate because most steps add to it.

use super::{ImportedBoundary, ImportedPlace};
use crate::road::network::Parts;

/// Counts. What was left out is counted as well as what was kept.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct Summary {
    /// Ways of the extract that the profile can use.
    pub ways: u32,
    /// Junctions and ends of streets.
    pub junctions: u32,
    /// Stretches of street between them.
    pub segments: u32,
    /// Their legal directions.
    pub arcs: u32,
    /// Length of all segments, in metres.
    pub length_m: f64,
    /// Length of the largest part in which everybody reaches everybody, in metres.
    pub largest_component_m: f64,
    /// Parts of that kind that were kept, the largest among them.
    pub components: u32,
    /// Parts that were too small, and were dropped.
    pub islands_dropped: u32,
    /// Length of what was dropped, one-way dead ends included, in metres.
    pub dropped_m: f64,
    /// Nodes that ways refer to and the extract does not have; the ways were cut there.
    pub nodes_missing: u32,
    /// Turn restrictions that are obeyed.
    pub restrictions_used: u32,
    /// Those that need no obedience, because they are about streets that are not there or not for this vehicle.
    pub restrictions_moot: u32,
    /// Those that are not understood: ambiguous, or with a hole.
    pub restrictions_unclear: u32,
    /// Ways through the network that they forbid.
    pub forbidden_ways: u32,
    /// Street names.
    pub street_names: u32,
    /// Places with a name.
    pub places: u32,
    /// Boundaries.
    pub boundaries: u32,
    /// Those whose outline is not closed in this extract, and were left out.
    pub boundaries_incomplete: u32,
}

impl Summary {
    pub(super) fn count(&mut self, parts: &Parts, places: &[ImportedPlace], boundaries: &[ImportedBoundary]) {
        self.junctions = parts.nodes.len() as u32;
        self.segments = parts.segments.len() as u32;
        let directions = |forward: bool, backward: bool| u32::from(forward) + u32::from(backward);
        let segments = parts.segments.iter();
        self.arcs =
            segments.map(|segment| directions(segment.forward_ms.is_some(), segment.backward_ms.is_some())).sum();
        self.street_names = parts.names.len() as u32;
        self.places = places.len() as u32;
        self.boundaries = boundaries.len() as u32;
        self.forbidden_ways = parts.restrictions.len() as u32;
    }
}
