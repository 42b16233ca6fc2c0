//! The cheapest assignment of rows (rides) to columns (drivers), exactly, with a proof.
//!
//! Separate because it is a theorem and no policy: what a cost means is its caller's business. A row has *edges* to a few
//! columns and a price at which it rather stays unassigned; a column takes one row at most.
//!
//! The proof is a price for each column, in the sense of linear programming duals: a row pays the cost of its edge and the
//! price of the column. When every row has what is cheapest for it at these prices, and columns that nobody has cost
//! nothing, no other assignment is cheaper. [`certify`] checks this in one pass over the edges and trusts nobody.
//!
//! Prices of one round are a good guess for the next: the solver starts from them, and mends what has changed.

mod certificate;
mod columns;
mod components;
mod problem;
mod queue;
mod rows;
mod solver;
mod start;

pub use certificate::{Uncertified, certify};
pub use problem::{COST_MAX, Edge, Problem};
pub use solver::Solver;

/// Which column each row gets, and the rows' side of the proof. The columns' side are the prices that
/// [`Solver::solve`] leaves in its argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Solution {
    /// By row; none where it stays unassigned.
    pub column_of: Vec<Option<u32>>,
    /// By row: what the row pays, the price of its column included. It would pay no less with any other.
    pub row_prices: Vec<i64>,
    /// Of all edges taken and all rows left out, without prices.
    pub cost: i64,
    /// Whether this is the optimum.
    pub means: Means,
}

/// How a solution came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// It is the cheapest, and its certificate holds.
    Exact,
    /// The steps ran out: who had no column yet took the cheapest that was left. Feasible, and no more than that.
    Greedy,
}

#[cfg(test)]
mod tests;
