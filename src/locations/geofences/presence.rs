//! Where a driver stands with the zones around, and what a new fix makes of it. Pure.
//!
//! Separate because this is where noise is kept from becoming news. A receiver in town strays by five to twenty metres, so
//! near a border every other fix is on the other side. A driver has come in after some fixes inside in a row, and has gone
//! out after some in a row that are outside *and* further from the border than a margin; between the border and the margin
//! nothing changes. So a driver who stands at a border, or rides along it, comes in once at most.

use super::zone::{EventKind, Outline, Zone};
use super::zones::ZoneSet;
use crate::geo::LatLng;
use crate::ids::ZoneId;
use crate::time::{Span, Timestamp};

/// Zones that lie over one another and are followed at once; of more, the last to be reached are not.
pub const STAYS_MAX: usize = 8;

/// When a driver is taken to be in a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Fixes in a row inside, to have come in.
    pub enter_fixes: u8,
    /// Fixes in a row outside and beyond the margin, to have gone out.
    pub exit_fixes: u8,
    /// How far outside of the border a driver still counts as inside, in metres.
    pub exit_margin_m: f64,
    /// After how long inside a driver is said to dwell.
    pub dwell: Span,
}

/// What happened: the zone, what, and the fix in which it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Which zone.
    pub zone: ZoneId,
    /// What.
    pub kind: EventKind,
    /// Of the first of the fixes that made it sure.
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Stay {
    zone: ZoneId,
    /// Since the first fix inside; `None` before it is sure.
    entered_at: Option<Timestamp>,
    has_dwelt: bool,
    /// Fixes in a row that speak for a change: inside while coming, beyond the margin while going.
    turning: u8,
    /// The first of them.
    turning_at: Timestamp,
}

/// A driver's stays, also those about to begin.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    stays: Vec<Stay>,
    newest: Option<Timestamp>,
}

impl Presence {
    /// In no zone and about to be in none.
    pub fn is_empty(&self) -> bool {
        self.stays.is_empty()
    }

    /// Takes in a fix. One that is not newer than the newest changes nothing. Zones that are gone are forgotten in silence.
    pub fn follow(
        &mut self,
        zones: &ZoneSet,
        rules: &Rules,
        place: LatLng,
        at: Timestamp,
        tell: &mut impl FnMut(Step),
    ) {
        if self.newest.is_some_and(|newest| at <= newest) {
            return;
        }
        self.newest = Some(at);
        self.stays.retain_mut(|stay| {
            let Some(zone) = zones.find(stay.zone) else { return false };
            stay.look(&Look { zone, rules, place, at }, tell)
        });
        for zone in zones.holding(place) {
            let is_known = self.stays.iter().any(|stay| stay.zone == zone.id);
            if !is_known && self.stays.len() < STAYS_MAX {
                let mut stay = Stay { zone: zone.id, entered_at: None, has_dwelt: false, turning: 0, turning_at: at };
                if stay.look(&Look { zone, rules, place, at }, tell) {
                    self.stays.push(stay);
                }
            }
        }
    }

    /// Ends every stay, at the newest fix.
    pub fn end(self, tell: &mut impl FnMut(Step)) {
        let Some(at) = self.newest else { return };
        for stay in self.stays.iter().filter(|stay| stay.entered_at.is_some()) {
            tell(Step { zone: stay.zone, kind: EventKind::Exit, at });
        }
    }
}

/// A fix, seen from one zone.
struct Look<'l> {
    zone: &'l Zone,
    rules: &'l Rules,
    place: LatLng,
    at: Timestamp,
}

impl Stay {
    /// Whether it goes on.
    fn look(&mut self, look: &Look<'_>, tell: &mut impl FnMut(Step)) -> bool {
        match self.entered_at {
            None => self.come(look, tell),
            Some(entered_at) => self.go_on(look, entered_at, tell),
        }
    }

    /// Not sure yet to be inside.
    fn come(&mut self, look: &Look<'_>, tell: &mut impl FnMut(Step)) -> bool {
        if !look.zone.outline.contains(look.place) {
            return false;
        }
        self.turning += 1;
        if self.turning >= look.rules.enter_fixes {
            self.entered_at = Some(self.turning_at);
            self.turning = 0;
            tell(Step { zone: self.zone, kind: EventKind::Enter, at: self.turning_at });
            self.dwell(look, self.turning_at, tell);
        }
        true
    }

    /// Inside so far.
    fn go_on(&mut self, look: &Look<'_>, entered_at: Timestamp, tell: &mut impl FnMut(Step)) -> bool {
        if !is_beyond(&look.zone.outline, look.place, look.rules.exit_margin_m) {
            self.turning = 0;
            self.dwell(look, entered_at, tell);
            return true;
        }
        if self.turning == 0 {
            self.turning_at = look.at;
        }
        self.turning += 1;
        let is_out = self.turning >= look.rules.exit_fixes;
        if is_out {
            tell(Step { zone: self.zone, kind: EventKind::Exit, at: self.turning_at });
        }
        !is_out
    }

    fn dwell(&mut self, look: &Look<'_>, entered_at: Timestamp, tell: &mut impl FnMut(Step)) {
        if !self.has_dwelt && look.at.since(entered_at) >= look.rules.dwell {
            self.has_dwelt = true;
            tell(Step { zone: self.zone, kind: EventKind::Dwell, at: look.at });
        }
    }
}

/// Outside, and further from the border than the margin.
fn is_beyond(outline: &Outline, place: LatLng, margin_m: f64) -> bool {
    !outline.contains(place) && outline.border_m(place) > margin_m
}
