//! The solver: starts from prices, lets rows bid, then mends one row or column after another along shortest paths.
//!
//! At every moment no row pays more than what is cheapest for it at the prices (dual feasibility), and who has a column
//! pays exactly that. What is still wrong is counted: rows without an answer, and columns that nobody has although they have
//! a price. Each search mends one of them and breaks nothing, so that the end is optimal whatever the beginning was.

use super::components::Components;
use super::queue::Queue;
use super::{Means, Problem, Solution};

/// Of a row: it has no answer yet. Of a column: nobody has it.
pub(super) const NONE: u32 = u32::MAX;
/// Of a row: it stays unassigned.
pub(super) const OUT: u32 = u32::MAX - 1;

/// When less than one in so many rows waits, searches alone are as quick as bids, and leave lower prices.
const FEW: usize = 8;

/// Solves problems one after another, in memory that it keeps.
#[derive(Default)]
pub struct Solver {
    pub(super) state: State,
    components: Components,
    /// Rows without an answer.
    pub(super) waiting: Vec<u32>,
    pub(super) tree: Tree,
    /// Columns that may be idle at a price.
    pub(super) loose: Vec<u32>,
    /// The prices of the last solution, if it was the optimum.
    last_prices: Option<Vec<i64>>,
}

/// Who has what, as far as it is known.
#[derive(Default)]
pub(super) struct State {
    /// By row: its column, or [`NONE`] or [`OUT`].
    pub column_of: Vec<u32>,
    /// By column: its row, or [`NONE`].
    pub row_of: Vec<u32>,
    /// By row: what is cheapest for it at the prices; meaningless where `column_of` is [`NONE`].
    pub row_prices: Vec<i64>,
    /// Edges that may still be looked at.
    pub steps_left: u64,
}

impl State {
    /// Nobody has anything.
    pub fn clear(&mut self, row_count: usize, column_count: usize) {
        self.column_of.clear();
        self.column_of.resize(row_count, NONE);
        self.row_of.clear();
        self.row_of.resize(column_count, NONE);
        self.row_prices.clear();
        self.row_prices.resize(row_count, 0);
    }

    /// Gives the column to the row; whoever had it is left without an answer, and returned.
    pub fn give(&mut self, column: u32, row: u32) -> u32 {
        self.column_of[row as usize] = column;
        let before = std::mem::replace(&mut self.row_of[column as usize], row);
        if before != NONE {
            self.column_of[before as usize] = NONE;
        }
        before
    }
}

/// A tree of shortest paths; its vertices are columns in a search from a row, and rows in one from a column.
#[derive(Default)]
pub(super) struct Tree {
    /// By vertex; meaningless unless `seen` has the number of this search.
    pub distances: Vec<i64>,
    pub seen: Vec<u32>,
    /// By vertex: whence it was reached.
    pub parents: Vec<u32>,
    pub queue: Queue,
    /// Vertices whose distance is final.
    pub settled: Vec<u32>,
    search: u32,
}

impl Tree {
    /// Makes room for so many vertices.
    pub fn resize(&mut self, vertex_count: usize) {
        if self.distances.len() < vertex_count {
            self.distances.resize(vertex_count, 0);
            self.parents.resize(vertex_count, NONE);
            self.seen.resize(vertex_count, 0);
        }
    }

    /// Begins a search.
    pub fn begin(&mut self) {
        self.settled.clear();
        self.queue.clear();
        self.search = self.search.wrapping_add(1);
        if self.search == 0 {
            self.seen.fill(0);
            self.search = 1;
        }
    }

    /// Notes a way to a vertex, when it is the shortest so far.
    #[inline]
    pub fn reach(&mut self, vertex: u32, distance: i64, parent: u32) {
        let at = vertex as usize;
        if self.seen[at] == self.search && self.distances[at] <= distance {
            return;
        }
        self.seen[at] = self.search;
        self.distances[at] = distance;
        self.parents[at] = parent;
        self.queue.push(distance, vertex);
    }

    /// The nearest vertex that is not settled; it is now.
    #[inline]
    pub fn settle_next(&mut self, bound: i64) -> Option<u32> {
        while let Some((distance, vertex)) = self.queue.pop() {
            if distance >= bound {
                return None;
            }
            if self.distances[vertex as usize] == distance {
                self.settled.push(vertex);
                return Some(vertex);
            }
        }
        None
    }
}

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
        self.state.steps_left = steps_max;
        self.start(problem, prices);
        self.finish(problem, prices)
    }

    /// As [`Solver::solve`], for the problem that this solver solved last, with some rows replaced or pushed since: who
    /// knows the difference need not look at everything again. `changed` names the replaced ones. Where the last solution
    /// was not the optimum, or the prices are not those that it left, this solves the problem as a whole.
    ///
    /// # Panics
    /// When there are not as many prices as columns, or a changed row is none.
    pub fn solve_again(&mut self, problem: &Problem, prices: &mut [i64], changed: &[u32], steps_max: u64) -> Solution {
        let is_known = self.last_prices.as_deref() == Some(prices) && self.state.column_of.len() <= problem.row_count();
        if !is_known {
            return self.solve(problem, prices, steps_max);
        }
        self.state.steps_left = steps_max;
        self.start_again(problem, prices, changed);
        self.finish(problem, prices)
    }

    /// Whatever is wrong is put right.
    fn finish(&mut self, problem: &Problem, prices: &mut [i64]) -> Solution {
        if self.waiting.len() as u64 * problem.edge_count() as u64 > self.state.steps_left {
            // Steps may run out: what is apart from the rest comes first, the smaller the sooner.
            self.components.order(problem, &mut self.waiting);
        }
        if self.waiting.len() * FEW > problem.row_count() {
            self.bid(problem, prices);
        }
        let is_exact = self.mend(problem, prices);
        let mut last_prices = self.last_prices.take().unwrap_or_default();
        if is_exact {
            last_prices.clear();
            last_prices.extend_from_slice(prices);
            self.last_prices = Some(last_prices);
        } else {
            self.take_what_is_left(problem, prices);
        }
        self.solution(prices, is_exact)
    }

    /// Searches from whatever is wrong; false when the steps ran out before all is right.
    fn mend(&mut self, problem: &Problem, prices: &mut [i64]) -> bool {
        self.tree.resize(problem.column_count().max(problem.row_count()));
        for at in 0..self.waiting.len() {
            let row = self.waiting[at];
            if !self.search_from_row(problem, prices, row) {
                self.waiting.drain(..at);
                return false;
            }
        }
        self.waiting.clear();
        self.mend_columns(problem, prices)
    }

    fn solution(&self, prices: &[i64], is_exact: bool) -> Solution {
        let State { column_of, row_of, row_prices, .. } = &self.state;
        // Everybody pays the cost of their edge and the price of their column.
        let paid: i64 = row_prices.iter().sum();
        let taken = prices.iter().zip(row_of).filter(|(_, row)| is_exact || **row != NONE);
        Solution {
            column_of: column_of.iter().map(|column| (*column < OUT).then_some(*column)).collect(),
            row_prices: row_prices.clone(),
            cost: paid - taken.map(|(price, _)| price).sum::<i64>(),
            means: if is_exact { Means::Exact } else { Means::Greedy },
        }
    }
}
