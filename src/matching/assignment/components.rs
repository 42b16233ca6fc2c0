//! Which rows have to do with each other at all.
//!
//! Separate because no search ever leaves its component anyway: this only says in which order to go, so that when the steps
//! run out, they run out in the largest component and everything else is solved.

use super::Problem;

/// Disjoint sets of columns.
#[derive(Default)]
pub(super) struct Components {
    parents: Vec<u32>,
    /// By column at the root of its set: how many edges.
    sizes: Vec<u32>,
}

impl Components {
    /// Brings rows into the order of their components, smaller ones first.
    pub fn order(&mut self, problem: &Problem, rows: &mut [u32]) {
        self.parents.clear();
        self.parents.extend(0..problem.column_count() as u32);
        self.sizes.clear();
        self.sizes.resize(problem.column_count(), 0);
        for row in 0..problem.row_count() {
            let Some((first, rest)) = problem.edges(row).split_first() else { continue };
            let mut root = self.root(first.column);
            for edge in rest {
                let other = self.root(edge.column);
                let (low, high) = (root.min(other), root.max(other));
                self.parents[high as usize] = low;
                root = low;
            }
        }
        for row in 0..problem.row_count() {
            if let [first, ..] = problem.edges(row) {
                let root = self.root(first.column);
                self.sizes[root as usize] += problem.edges(row).len() as u32;
            }
        }
        rows.sort_by_cached_key(|row| {
            let root = problem.edges(*row as usize).first().map(|edge| self.root(edge.column));
            (root.map(|root| self.sizes[root as usize]), root, *row)
        });
    }

    fn root(&mut self, column: u32) -> u32 {
        let mut at = column;
        while self.parents[at as usize] != at {
            let above = self.parents[at as usize];
            self.parents[at as usize] = self.parents[above as usize];
            at = above;
        }
        at
    }
}
