//! The rows of a round as an assignment problem: laid out, solved, proven, read back.
//!
//! Prices are carried from round to round by driver. They are a good guess of where this round ends, and nothing depends on
//! their being right. A solution that does not hold against its proof is a mistake in the solver: then the nearest are taken
//! for this round, and its record says so.

use rustc_hash::FxHashMap;

use super::{Row, choose_nearest};
use crate::dispatch::{Dispatch, Means};
use crate::ids::DriverId;
use crate::matching::assignment::{self, Edge, Problem, Solution, Solver, Uncertified, certify};

/// Memory that is kept from round to round.
#[derive(Default)]
pub(in crate::dispatch) struct Workshop {
    solver: Solver,
    problem: Problem,
    /// The drivers of the columns, in the order in which they were named.
    drivers: Vec<DriverId>,
    /// Look-up only.
    column_of: FxHashMap<DriverId, u32>,
    prices: Vec<i64>,
    edges: Vec<Edge>,
    /// The last round's, if it was proven.
    proven: Option<Solution>,
}

impl Workshop {
    /// Whether the last proven solution still holds against its prices.
    pub(in crate::dispatch) fn check(&self) -> Result<(), Uncertified> {
        self.proven.as_ref().map_or(Ok(()), |solution| certify(&self.problem, solution, &self.prices))
    }

    /// Writes the rows down as a problem. `price_of` is what a driver was worth in the last round.
    fn lay_out(&mut self, rows: &[Row], price_of: impl Fn(DriverId) -> i64) {
        self.drivers.clear();
        self.column_of.clear();
        self.prices.clear();
        let open = || rows.iter().filter(|row| !row.outcome.is_settled);
        for (_, considered) in open().flat_map(Row::suitable) {
            self.column_of.entry(considered.driver).or_insert_with(|| {
                self.drivers.push(considered.driver);
                self.prices.push(price_of(considered.driver));
                // Bounded by the rides of a round and what each considers.
                (self.drivers.len() - 1) as u32
            });
        }
        self.problem.clear(self.drivers.len() as u32);
        for row in open() {
            self.edges.clear();
            self.edges.extend(row.suitable().filter_map(|(_, considered)| {
                let column = *self.column_of.get(&considered.driver)?;
                Some(Edge { column, cost: considered.cost_ms })
            }));
            self.problem.push_row(row.unassigned, &self.edges);
        }
    }

    /// Writes the solution into the rows.
    fn read_back(&self, rows: &mut [Row], solution: &Solution) {
        let open = rows.iter_mut().filter(|row| !row.outcome.is_settled);
        for ((row, column), price) in open.zip(&solution.column_of).zip(&solution.row_prices) {
            for considered in row.considered.iter_mut().filter(|considered| considered.excluded.is_none()) {
                let column = self.column_of.get(&considered.driver);
                considered.price_ms = column.map_or(0, |column| self.prices[*column as usize]);
            }
            let driver = column.map(|column| self.drivers[column as usize]);
            let number = driver.and_then(|driver| row.suitable().find(|(_, one)| one.driver == driver));
            let number = number.map(|(number, _)| number);
            row.settle(number, *price);
        }
    }
}

impl Dispatch {
    /// Who gets which driver, for all rows that are still open. How it came about, and whether it is proven.
    pub(super) fn assign_rows(&mut self, rows: &mut [Row]) -> (Means, bool) {
        let mut shop = std::mem::take(&mut self.rounds.workshop);
        shop.lay_out(rows, |driver| self.drivers.get(&driver).map_or(0, |driver| driver.price));
        let solution = shop.solver.solve(&shop.problem, &mut shop.prices, self.config.solve_steps_max);
        shop.proven = None;
        let (means, is_proven) = match solution.means {
            assignment::Means::Greedy => (Means::OutOfSteps, false),
            assignment::Means::Exact if certify(&shop.problem, &solution, &shop.prices).is_ok() => (Means::Exact, true),
            assignment::Means::Exact => (Means::Uncertified, false),
        };
        if means == Means::Uncertified {
            choose_nearest(rows);
        } else {
            shop.read_back(rows, &solution);
            for (driver, price) in shop.drivers.iter().zip(&shop.prices) {
                if let Some(driver) = self.drivers.get_mut(driver) {
                    driver.price = *price;
                }
            }
            shop.proven = is_proven.then_some(solution);
        }
        self.rounds.workshop = shop;
        (means, is_proven)
    }
}
