//! The search from a row that has no answer: the shortest path to a column that nobody has, or to a row that rather goes out.
//!
//! Separate from the search from columns because prices rise here and fall there.

use super::Problem;
use super::solver::{NONE, OUT, Solver, State, Tree};

/// Where the best path so far ends.
#[derive(Clone, Copy)]
enum End {
    /// At a row that goes out.
    Out(u32),
    /// At a column that nobody has, reached from a row.
    Column { column: u32, from: u32 },
}

impl Solver {
    /// Gives the row its answer, and whoever must make room another one; false when the steps ran out first, and nothing has
    /// changed then.
    pub(super) fn search_from_row(&mut self, problem: &Problem, prices: &mut [i64], root: u32) -> bool {
        let Self { state, tree, .. } = self;
        tree.begin();
        let row = problem.row(root as usize);
        let mut cheapest = row.unassigned;
        for edge in problem.edges_up_to(row, cheapest) {
            cheapest = cheapest.min(edge.cost + prices[edge.column as usize]);
        }
        state.row_prices[root as usize] = cheapest;
        let mut end = End::Out(root);
        let mut bound = row.unassigned - cheapest;
        let (mut from, mut base) = (root, 0);
        loop {
            let row = problem.row(from as usize);
            let edges = problem.edges_of(row);
            if state.steps_left < edges.len() as u64 {
                return false;
            }
            // What an edge adds to the way is its cost and price, less what the row pays.
            let offset = base - state.row_prices[from as usize];
            let mut looked_at = 0;
            for edge in edges {
                looked_at += 1;
                let least = offset + edge.cost;
                if least >= bound {
                    if looked_at <= row.sorted {
                        break;
                    }
                    continue;
                }
                let distance = least + prices[edge.column as usize];
                if distance >= bound {
                    continue;
                }
                if state.row_of[edge.column as usize] == NONE {
                    bound = distance;
                    end = End::Column { column: edge.column, from };
                } else {
                    tree.reach(edge.column, distance, from);
                }
            }
            state.steps_left -= u64::from(looked_at);
            let Some(column) = tree.settle_next(bound) else { break };
            from = state.row_of[column as usize];
            base = tree.distances[column as usize];
            let out = base + problem.row(from as usize).unassigned - state.row_prices[from as usize];
            if out < bound {
                bound = out;
                end = End::Out(from);
            }
        }
        raise(state, tree, prices, bound);
        state.row_prices[root as usize] += bound;
        augment(state, tree, end, root);
        true
    }
}

/// Brings all prices to where the whole path is tight.
fn raise(state: &mut State, tree: &Tree, prices: &mut [i64], bound: i64) {
    for column in &tree.settled {
        let rise = bound - tree.distances[*column as usize];
        prices[*column as usize] += rise;
        state.row_prices[state.row_of[*column as usize] as usize] += rise;
    }
}

/// Everybody on the path gives up their column and takes the next.
fn augment(state: &mut State, tree: &Tree, end: End, root: u32) {
    let (mut column, mut row) = match end {
        End::Column { column, from } => (column, from),
        End::Out(row) => (OUT, row),
    };
    loop {
        let before = std::mem::replace(&mut state.column_of[row as usize], column);
        if column != OUT {
            state.row_of[column as usize] = row;
        }
        if row == root {
            return;
        }
        (column, row) = (before, tree.parents[before as usize]);
    }
}
