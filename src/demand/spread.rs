//! Who is sent where: idle drivers to cells that are short of them, a few to each.
//!
//! Separate because the rule is easily got wrong and easily checked: nearest first over the whole city, one hint a driver, no
//! cell more than it is short of. Sending everybody to the hottest cell empties the rest of the town and makes the hint a
//! lie for all but the first who come.

use std::collections::{BTreeMap, BTreeSet};

use super::cell::{Cell, steps_of};
use crate::geo::LatLng;
use crate::ids::DriverId;

/// A driver who could go somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// Who.
    pub driver: DriverId,
    /// Where.
    pub place: LatLng,
}

/// Sends each driver to one cell at most and to each cell no more than its budget: of all pairs within reach the nearest
/// first. Who is in a cell that is short stays there. By driver, ascending.
pub fn spread(idle: &[Idle], budgets: &BTreeMap<Cell, u32>, reach_m: f64) -> Vec<(DriverId, Cell)> {
    let mut by_cell: BTreeMap<Cell, Vec<usize>> = BTreeMap::new();
    for (number, driver) in idle.iter().enumerate() {
        let cell = Cell::of(driver.place);
        if !budgets.contains_key(&cell) {
            by_cell.entry(cell).or_default().push(number);
        }
    }
    let mut pairs: Vec<(u32, DriverId, Cell)> = Vec::new();
    for (cell, _) in budgets.iter().filter(|(_, budget)| **budget > 0) {
        let centre = cell.centre();
        let near = cell.disk(steps_of(reach_m)).into_iter().filter_map(|cell| by_cell.get(&cell)).flatten();
        for driver in near.map(|number| idle[*number]) {
            let metres = driver.place.distance_m(centre);
            if metres <= reach_m {
                pairs.push((metres as u32, driver.driver, *cell));
            }
        }
    }
    pairs.sort_unstable();
    let (mut left, mut sent, mut hints) = (budgets.clone(), BTreeSet::new(), Vec::new());
    for (_, driver, cell) in pairs {
        let Some(budget) = left.get_mut(&cell).filter(|budget| **budget > 0) else { continue };
        if sent.insert(driver) {
            *budget -= 1;
            hints.push((driver, cell));
        }
    }
    hints.sort_unstable();
    hints
}
