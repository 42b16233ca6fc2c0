//! What a driver has ridden for certain: how far, and when along which streets.
//!
//! Separate from the lattice because what is here never changes again. Times at junctions are interpolated between samples,
//! as if each stretch had been ridden at one speed.

use std::collections::VecDeque;

use super::lattice::Stretch;
use super::walk::Spot;
use crate::road::network::{ArcId, Network};
use crate::time::{Span, Timestamp};

/// An arc that was ridden, or the part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pass {
    /// The arc.
    pub arc: ArcId,
    /// Where it was entered, in decimetres from its tail: not zero where the ride begins.
    pub from_dm: u32,
    /// Where it was left: not its length where the ride ends.
    pub to_dm: u32,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// When it was left.
    pub left_at: Timestamp,
    /// Nobody saw it: a gap between samples was filled with the quickest way.
    pub is_filled: bool,
}

/// Passes that nobody has fetched; older ones are dropped.
const PASSES_MAX: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Open {
    arc: ArcId,
    from_dm: u32,
    entered_at: Timestamp,
    is_filled: bool,
}

/// The settled part of a ride.
#[derive(Debug, Default)]
pub(super) struct Record {
    length_dm: u64,
    filled_dm: u64,
    unmapped_dm: u64,
    open: Option<Open>,
    passes: VecDeque<Pass>,
    last: Option<Spot>,
}

impl Record {
    pub(super) fn length_dm(&self) -> u64 {
        self.length_dm
    }

    pub(super) fn filled_dm(&self) -> u64 {
        self.filled_dm
    }

    pub(super) fn unmapped_dm(&self) -> u64 {
        self.unmapped_dm
    }

    /// The last settled place.
    pub(super) fn last(&self) -> Option<Spot> {
        self.last
    }

    pub(super) fn passes(&mut self) -> impl Iterator<Item = Pass> + '_ {
        self.passes.drain(..)
    }

    /// The driver is somewhere, without a known way to it from where they were.
    pub(super) fn begin(&mut self, spot: Spot, at: Timestamp) {
        self.open = (!spot.is_against).then_some(Open {
            arc: spot.arc,
            from_dm: spot.along_dm,
            entered_at: at,
            is_filled: false,
        });
        self.last = Some(spot);
    }

    /// Ridden where there is no street.
    pub(super) fn unmapped(&mut self, length_m: f64) {
        let length_dm = (length_m * 10.0).round() as u64;
        self.unmapped_dm += length_dm;
        self.length_dm += length_dm;
    }

    /// Ends the last arc where it is now.
    pub(super) fn end(&mut self, at: Timestamp) {
        if let Some(last) = self.last
            && self.open.is_some_and(|open| open.arc == last.arc && open.from_dm < last.along_dm)
        {
            self.leave(last.along_dm, at);
        }
        self.open = None;
    }

    pub(super) fn rode(&mut self, network: &Network, stretch: &Stretch<'_>, is_filled: bool) {
        self.length_dm += u64::from(stretch.length_dm);
        if is_filled {
            self.filled_dm += u64::from(stretch.length_dm);
            if let Some(open) = &mut self.open {
                open.is_filled = true;
            }
        }
        self.last = Some(stretch.to);
        if stretch.arcs.is_empty() {
            return;
        }
        let ms = stretch.to_at.since(stretch.from_at).as_millis().max(0);
        let after = |ridden_dm: u32| {
            let part = f64::from(ridden_dm) / f64::from(stretch.length_dm.max(1));
            stretch.from_at + Span::from_millis((ms as f64 * part.min(1.0)).round() as i64)
        };
        let first_dm = network.length_dm(stretch.from.arc);
        if stretch.is_turned {
            // From where one turned, as seen on the way there; the way back begins at the same place.
            let turned_dm = stretch.from.along_dm.max(first_dm.saturating_sub(stretch.to.along_dm));
            let at = after(turned_dm - stretch.from.along_dm);
            self.leave(turned_dm, at);
            self.enter(stretch.to, first_dm.saturating_sub(turned_dm), at, is_filled);
            return;
        }
        let mut ridden_dm = first_dm.saturating_sub(stretch.from.along_dm);
        self.leave(first_dm, after(ridden_dm));
        let last = stretch.arcs.len() - 1;
        for arc in &stretch.arcs[..last] {
            let spot = Spot { arc: *arc, along_dm: 0, is_against: false };
            self.enter(spot, 0, after(ridden_dm), is_filled);
            ridden_dm += network.length_dm(*arc);
            self.leave(network.length_dm(*arc), after(ridden_dm));
        }
        self.enter(stretch.to, 0, after(ridden_dm), is_filled);
    }

    fn enter(&mut self, spot: Spot, from_dm: u32, entered_at: Timestamp, is_filled: bool) {
        self.open = (!spot.is_against).then_some(Open { arc: spot.arc, from_dm, entered_at, is_filled });
    }

    fn leave(&mut self, to_dm: u32, left_at: Timestamp) {
        let Some(Open { arc, from_dm, entered_at, is_filled }) = self.open.take() else { return };
        if self.passes.len() == PASSES_MAX {
            self.passes.pop_front();
        }
        self.passes.push_back(Pass { arc, from_dm, to_dm, entered_at, left_at, is_filled });
    }
}
