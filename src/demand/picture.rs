//! Where drivers are short: supply and demand of each cell, smoothed, and what follows for prices and drivers.
//!
//! Separate from the counting, because this is judgement, made of one moment's totals:
//! - *Demand* of a cell are the rides requested in the window. *Supply* are those that a driver took, and the free drivers
//!   that stood there on average: who could have taken another. *Shortage* is what demand has more.
//! - A cell is smoothed with its ring, 40 % its own and 10 % of each neighbour's: a rider on one side of a street is served
//!   from the other. Nothing is lost or made by that, so that a shortage is not counted twice.
//! - Prices follow the ratio of both, but only where enough was requested to speak of a ratio.
//! - Others are shown only cells with at least `shown_requests_min` requests of their own, smoothed from such cells alone:
//!   one rider's way home is nobody's business.
//!
//! Numbers are whole thousandths of a ride or driver.

use std::collections::BTreeMap;

use super::cell::Cell;
use super::counts::Totals;
use crate::money::BasisPoints;

const OWN_PERMILLE: u64 = 400;
const NEIGHBOUR_PERMILLE: u64 = 100;
/// Prices move in steps, so that two riders side by side see the same and nobody watches them flicker.
const SURGE_STEP: u64 = 500;
/// Intensities are shown in steps: more digits would tell single rides.
const INTENSITY_STEP: u64 = 10;

/// What is made of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Requests in the window, smoothed, below which prices stay.
    pub surge_requests_min: u32,
    /// Whatever a tariff allows.
    pub surge_max: BasisPoints,
    /// Own requests of a cell in the window below which it is shown to nobody.
    pub shown_requests_min: u32,
    /// So many riders short are full intensity.
    pub full_riders: u32,
}

/// A cell's balance, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Rides requested.
    pub demand: u64,
    /// Rides taken, and free drivers on average.
    pub supply: u64,
}

impl Balance {
    /// What demand has more.
    pub const fn shortage(self) -> u64 {
        self.demand.saturating_sub(self.supply)
    }
}

/// A cell as it may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    /// Which.
    pub cell: Cell,
    /// How short of drivers, 10 to 100.
    pub intensity: u8,
    /// Riders for whom there is no driver, rounded up.
    pub short: u32,
}

/// The city at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Every cell with demand or supply, smoothed.
    pub balances: BTreeMap<Cell, Balance>,
    /// The cells that may be shown, and are short of drivers; ascending.
    pub hot: Vec<Hot>,
}

impl Picture {
    /// Of these totals of a window in which drivers were counted so many times.
    pub fn new(totals: &BTreeMap<Cell, Totals>, samples: u32, rules: &Rules) -> Self {
        let balance = |totals: &Totals| Balance {
            demand: u64::from(totals.requested) * 1_000,
            supply: u64::from(totals.served) * 1_000 + u64::from(totals.free) * 1_000 / u64::from(samples.max(1)),
        };
        let balances = smooth(totals.iter().map(|(cell, totals)| (*cell, balance(totals))));
        // What may be shown is made of what may be shown; of supply all, since free drivers are on the map anyway.
        let is_shown = |totals: &Totals| totals.requested >= rules.shown_requests_min;
        let showable = smooth(totals.iter().map(|(cell, totals)| {
            let whole = balance(totals);
            (*cell, if is_shown(totals) { whole } else { Balance { demand: 0, ..whole } })
        }));
        let hot = totals.iter().filter(|(_, totals)| is_shown(totals)).filter_map(|(cell, _)| {
            let shortage = showable.get(cell).copied().unwrap_or_default().shortage();
            let intensity = (shortage * 100 / (u64::from(rules.full_riders.max(1)) * 1_000)).min(100);
            let intensity = intensity.next_multiple_of(INTENSITY_STEP) as u8;
            let short = u32::try_from(shortage.div_ceil(1_000)).unwrap_or(u32::MAX);
            (intensity > 0).then_some(Hot { cell: *cell, intensity, short })
        });
        let hot = hot.collect();
        Self { balances, hot }
    }

    /// What a ride from a cell costs more, before any tariff's cap. Never below one.
    pub fn surge(&self, cell: Cell, rules: &Rules) -> BasisPoints {
        let whole = u64::from(BasisPoints::WHOLE.0);
        let balance = self.balances.get(&cell).copied().unwrap_or_default();
        if balance.demand < u64::from(rules.surge_requests_min) * 1_000 {
            return BasisPoints::WHOLE;
        }
        // With less than one driver a ratio says more about the window than about the street.
        let ratio = balance.demand * whole / balance.supply.max(1_000);
        let stepped = ratio / SURGE_STEP * SURGE_STEP;
        let capped = stepped.min(u64::from(rules.surge_max.0)).max(whole);
        BasisPoints(u32::try_from(capped).unwrap_or(BasisPoints::WHOLE.0))
    }

    /// A cell as it may be shown, if it may.
    pub fn hot_at(&self, cell: Cell) -> Option<&Hot> {
        self.hot.binary_search_by_key(&cell, |hot| hot.cell).ok().map(|at| &self.hot[at])
    }
}

/// Gives each cell's numbers to itself and its ring.
fn smooth(cells: impl Iterator<Item = (Cell, Balance)>) -> BTreeMap<Cell, Balance> {
    let mut smoothed: BTreeMap<Cell, Balance> = BTreeMap::new();
    let mut give = |cell: Cell, of: Balance, permille: u64| {
        let balance = smoothed.entry(cell).or_default();
        balance.demand += of.demand * permille / 1_000;
        balance.supply += of.supply * permille / 1_000;
    };
    for (cell, balance) in cells {
        let ring = cell.neighbours();
        // A pentagon keeps the share of the neighbour that it lacks.
        give(cell, balance, 1_000 - NEIGHBOUR_PERMILLE * ring.len() as u64);
        for neighbour in ring {
            give(neighbour, balance, NEIGHBOUR_PERMILLE);
        }
    }
    debug_assert_eq!(1_000 - 6 * NEIGHBOUR_PERMILLE, OWN_PERMILLE);
    smoothed
}
