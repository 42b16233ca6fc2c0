//! The search from a column that nobody has although it has a price: that price must fall, until somebody wants it or it is
//! nothing.
//!
//! Separate because only a start from old prices needs it: it is the mirror image of the search from rows, over edges by
//! column.

use super::Problem;
use super::solver::{NONE, OUT, Solver};

/// Edges by column; made when first needed.
#[derive(Default)]
pub(super) struct ByColumn {
    begins: Vec<u32>,
    edges: Vec<Back>,
}

/// An edge as its column sees it.
#[derive(Clone, Copy, Default)]
struct Back {
    row: u32,
    cost: i64,
}

impl ByColumn {
    /// Row prices only fall from here on, and no column's price below zero: an edge that costs more than its row pays now
    /// will never be taken.
    fn fill(&mut self, problem: &Problem, row_prices: &[i64]) {
        self.begins.clear();
        self.begins.resize(problem.column_count() + 1, 0);
        for (row, price) in problem.rows().iter().zip(row_prices) {
            problem.edges_up_to(row, *price).for_each(|edge| self.begins[edge.column as usize] += 1);
        }
        let mut sum = 0;
        for begin in &mut self.begins {
            sum += *begin;
            *begin = sum;
        }
        self.edges.clear();
        self.edges.resize(sum as usize, Back::default());
        for ((row, price), number) in problem.rows().iter().zip(row_prices).zip(0..) {
            for edge in problem.edges_up_to(row, *price) {
                let begin = &mut self.begins[edge.column as usize];
                *begin -= 1;
                self.edges[*begin as usize] = Back { row: number, cost: edge.cost };
            }
        }
    }

    fn edges(&self, column: u32) -> &[Back] {
        &self.edges[self.begins[column as usize] as usize..self.begins[column as usize + 1] as usize]
    }
}

/// Where the best path so far ends.
#[derive(Clone, Copy)]
enum End {
    /// At a column that nobody has then, and that costs nothing.
    Idle(u32),
    /// At a row that was out, reached from a column.
    Row { row: u32, from: u32 },
}

impl Solver {
    /// Mends every column that nobody has although it has a price; false when the steps ran out.
    pub(super) fn mend_columns(&mut self, problem: &Problem, prices: &mut [i64]) -> bool {
        let mut is_filled = false;
        for column in 0..prices.len() {
            if prices[column] == 0 || self.state.row_of[column] != NONE {
                continue;
            }
            if !is_filled {
                self.by_column.fill(problem, &self.state.row_prices);
                is_filled = true;
            }
            if !self.search_from_column(prices, column as u32) {
                return false;
            }
        }
        true
    }

    fn search_from_column(&mut self, prices: &mut [i64], root: u32) -> bool {
        let Self { state, tree, by_column, .. } = self;
        tree.begin();
        let mut end = End::Idle(root);
        let mut bound = prices[root as usize];
        let (mut from, mut base) = (root, 0);
        loop {
            let edges = by_column.edges(from);
            if state.steps_left < edges.len() as u64 {
                return false;
            }
            state.steps_left -= edges.len() as u64;
            let offset = base + prices[from as usize];
            for edge in edges {
                let distance = offset + edge.cost - state.row_prices[edge.row as usize];
                if distance >= bound {
                    continue;
                }
                if state.column_of[edge.row as usize] == OUT {
                    bound = distance;
                    end = End::Row { row: edge.row, from };
                } else {
                    tree.reach(edge.row, distance, from);
                }
            }
            let Some(row) = tree.settle_next(bound) else { break };
            from = state.column_of[row as usize];
            base = tree.distances[row as usize];
            let idle = base + prices[from as usize];
            if idle < bound {
                bound = idle;
                end = End::Idle(from);
            }
        }
        for row in &tree.settled {
            let fall = bound - tree.distances[*row as usize];
            state.row_prices[*row as usize] -= fall;
            prices[state.column_of[*row as usize] as usize] -= fall;
        }
        prices[root as usize] -= bound;
        let (mut row, mut column) = match end {
            End::Row { row, from } => (row, from),
            End::Idle(column) => (std::mem::replace(&mut state.row_of[column as usize], NONE), NONE),
        };
        // From the end backwards, each row takes the column from which it was reached.
        while row != NONE {
            if column == NONE {
                column = tree.parents[row as usize];
            }
            state.column_of[row as usize] = column;
            row = std::mem::replace(&mut state.row_of[column as usize], row);
            column = NONE;
        }
        true
    }
}
