//! The search from a column that nobody has although it has a price: that price must fall, until somebody wants it or it is
//! nothing.
//!
//! Separate because only a start from old prices needs it: it is the mirror image of the search from rows.

use super::Problem;
use super::problem::Taker;
use super::solver::{NONE, OUT, Solver};

/// Where the best path so far ends.
#[derive(Clone, Copy)]
enum End {
    /// At a column that nobody has then, and that costs nothing.
    Idle(u32),
    /// At a row that was out, reached from a column.
    Row { row: u32, from: u32 },
}

impl Solver {
    /// Mends those of the loose columns that nobody has although they have a price; false when the steps ran out.
    pub(super) fn mend_columns(&mut self, problem: &Problem, prices: &mut [i64]) -> bool {
        while let Some(column) = self.loose.pop() {
            let is_idle = prices[column as usize] != 0 && self.state.row_of[column as usize] == NONE;
            if is_idle && !self.search_from_column(problem, prices, column) {
                return false;
            }
        }
        true
    }

    fn search_from_column(&mut self, problem: &Problem, prices: &mut [i64], root: u32) -> bool {
        let Self { state, tree, .. } = self;
        tree.begin();
        let mut end = End::Idle(root);
        let mut bound = prices[root as usize];
        let (mut from, mut base) = (root, 0);
        loop {
            let offset = base + prices[from as usize];
            let mut looked_at = 0;
            for Taker { row, cost } in problem.takers(from) {
                looked_at += 1;
                let distance = offset + cost - state.row_prices[row as usize];
                if distance >= bound {
                    continue;
                }
                if state.column_of[row as usize] == OUT {
                    bound = distance;
                    end = End::Row { row, from };
                } else {
                    tree.reach(row, distance, from);
                }
            }
            if state.steps_left < looked_at {
                return false;
            }
            state.steps_left -= looked_at;
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
