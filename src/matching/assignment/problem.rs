//! What is to be assigned: rows with their edges, in one array.
//!
//! Separate because it is filled by the caller and only read by the solver, and because here costs are brought into the
//! range in which no sum can overflow.

use super::Solution;
use super::queue::COUNT_MAX;

/// Costs and prices of rows lie within so much of zero; what is beyond counts as this. In milliseconds it is 35 years.
pub const COST_MAX: i64 = 1 << 40;

/// No price of a column is higher: the dearest row less the cheapest edge.
pub(super) const PRICE_MAX: i64 = 2 * COST_MAX;

/// So many of a row's edges, its cheapest, stand in order before the others, which then need seldom be looked at.
const SORTED_MAX: usize = 32;

/// A column that a row may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Which one.
    pub column: u32,
    /// What it costs.
    pub cost: i64,
}

/// Rows, with what each may have.
#[derive(Clone, Default, Debug)]
pub struct Problem {
    column_count: u32,
    rows: Vec<Row>,
    edges: Vec<Edge>,
    /// As many as edges.
    links: Vec<Link>,
    /// By column: the edge that was added last; [`NO_EDGE`] where there is none.
    last_edges: Vec<u32>,
    /// Edges of rows that have been replaced.
    stale: usize,
}

const NO_EDGE: u32 = u32::MAX;

/// What an edge's column needs to know of it.
#[derive(Clone, Copy, Debug)]
struct Link {
    row: u32,
    /// The edge of the same column that was added before.
    before: u32,
}

/// One row, in the solver's words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What it costs to leave it out.
    pub unassigned: i64,
    /// The first of its edges.
    begin: u32,
    end: u32,
    /// The column that it is likely to get; `u32::MAX` for none.
    hint: u32,
    /// So many of its edges stand cheapest first, and none after them is cheaper.
    pub sorted: u32,
}

impl Row {
    /// The column that it is likely to get.
    pub fn hint(&self) -> Option<u32> {
        (self.hint != u32::MAX).then_some(self.hint)
    }
}

impl Problem {
    /// No rows yet, and so many columns.
    ///
    /// # Panics
    /// When there are more than 2²² columns, or later rows.
    pub fn new(column_count: u32) -> Self {
        let mut problem = Self::default();
        problem.clear(column_count);
        problem
    }

    /// As new, with the memory of before.
    pub fn clear(&mut self, column_count: u32) {
        assert!(column_count as usize <= COUNT_MAX, "{column_count} columns, more than 2²²");
        self.column_count = column_count;
        self.rows.clear();
        self.forget_edges();
    }

    fn forget_edges(&mut self) {
        self.edges.clear();
        self.links.clear();
        self.last_edges.clear();
        self.last_edges.resize(self.column_count(), NO_EDGE);
        self.stale = 0;
    }

    /// Adds a row: what it costs to leave it out, and what it may have. An edge that costs more than leaving the row out is
    /// as good as none. Pairs that cannot be are simply not among the edges.
    ///
    /// # Panics
    /// When an edge names a column that there is not.
    pub fn push_row(&mut self, unassigned: i64, edges: &[Edge]) {
        assert!(self.rows.len() < COUNT_MAX, "more than 2²² rows");
        let row = self.add_edges(self.rows.len(), unassigned, edges);
        self.rows.push(row);
    }

    /// Puts another row in the place of one: a ride whose drivers have moved, or a new ride where one has gone. A row that is
    /// of no more use is replaced by one without edges.
    ///
    /// # Panics
    /// When there is no such row, or as [`Problem::push_row`].
    pub fn replace_row(&mut self, row: usize, unassigned: i64, edges: &[Edge]) {
        self.stale += self.edges(row).len();
        self.rows[row] = self.add_edges(row, unassigned, edges);
        if self.stale > self.edge_count() {
            self.compact();
        }
    }

    /// Adds edges behind all others, the cheapest of them in order.
    fn add_edges(&mut self, row: usize, unassigned: i64, edges: &[Edge]) -> Row {
        let unassigned = unassigned.clamp(-COST_MAX, COST_MAX);
        let begin = self.edges.len();
        let clamped = edges.iter().map(|edge| {
            assert!(edge.column < self.column_count, "an edge to column {} of {}", edge.column, self.column_count);
            Edge { column: edge.column, cost: edge.cost.clamp(-COST_MAX, COST_MAX) }
        });
        self.edges.extend(clamped.filter(|edge| edge.cost <= unassigned));
        let own = &mut self.edges[begin..];
        let sorted = own.len().min(SORTED_MAX);
        if sorted < own.len() {
            own.select_nth_unstable_by_key(sorted, |edge| (edge.cost, edge.column));
        }
        own[..sorted].sort_unstable_by_key(|edge| (edge.cost, edge.column));
        self.link(begin, row as u32);
        let [begin, end] = [begin, self.edges.len()].map(|at| u32::try_from(at).expect("fewer than 2³² edges"));
        Row { unassigned, begin, end, hint: u32::MAX, sorted: sorted as u32 }
    }

    /// Links the edges from `begin` on, all of one row, to their columns.
    fn link(&mut self, begin: usize, row: u32) {
        for (edge, number) in self.edges[begin..].iter().zip(begin as u32..) {
            let before = std::mem::replace(&mut self.last_edges[edge.column as usize], number);
            self.links.push(Link { row, before });
        }
    }

    /// Drops the edges of rows that have been replaced.
    fn compact(&mut self) {
        let edges = std::mem::take(&mut self.edges);
        self.forget_edges();
        for number in 0..self.rows.len() {
            let Row { begin, end, .. } = self.rows[number];
            let first = self.edges.len();
            self.edges.extend_from_slice(&edges[begin as usize..end as usize]);
            self.link(first, number as u32);
            (self.rows[number].begin, self.rows[number].end) = (first as u32, self.edges.len() as u32);
        }
    }

    /// Says that the row pushed last probably gets this column, as it did in the last round. This makes the solver quicker
    /// when it starts from that round's prices; it never makes a solution dearer.
    pub fn expect_column(&mut self, column: u32) {
        if let Some(row) = self.rows.last_mut().filter(|_| column < self.column_count) {
            row.hint = column;
        }
    }

    /// Says of every row that it probably gets what it has in `last`, which was solved of a problem with the same rows.
    pub fn expect(&mut self, last: &Solution) {
        for (row, column) in self.rows.iter_mut().zip(&last.column_of) {
            row.hint = column.filter(|column| *column < self.column_count).unwrap_or(u32::MAX);
        }
    }

    /// How many rows.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// How many columns.
    pub fn column_count(&self) -> usize {
        self.column_count as usize
    }

    /// How many edges, without those that cost more than leaving their row out.
    pub fn edge_count(&self) -> usize {
        self.edges.len() - self.stale
    }

    /// What it costs to leave a row out.
    pub fn unassigned(&self, row: usize) -> i64 {
        self.rows[row].unassigned
    }

    /// The edges of a row that are worth taking.
    pub fn edges(&self, row: usize) -> &[Edge] {
        self.edges_of(&self.rows[row])
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, row: usize) -> &Row {
        &self.rows[row]
    }

    pub(super) fn edges_of(&self, row: &Row) -> &[Edge] {
        &self.edges[row.begin as usize..row.end as usize]
    }

    /// The edges of a row that cost no more than so much.
    #[inline]
    pub(super) fn edges_up_to(&self, row: &Row, cost_max: i64) -> impl Iterator<Item = &Edge> {
        let (sorted, others) = self.edges_of(row).split_at(row.sorted as usize);
        let near = sorted.iter().take_while(move |edge| edge.cost <= cost_max);
        near.chain(others.iter().filter(move |edge| edge.cost <= cost_max))
    }

    /// The rows that may have a column, and for how much.
    #[inline]
    pub(super) fn takers(&self, column: u32) -> impl Iterator<Item = Taker> {
        let mut next = self.last_edges[column as usize];
        std::iter::from_fn(move || {
            while next != NO_EDGE {
                let (number, link) = (next, self.links[next as usize]);
                next = link.before;
                let Row { begin, end, .. } = self.rows[link.row as usize];
                // Else the row has been replaced.
                if (begin..end).contains(&number) {
                    return Some(Taker { row: link.row, cost: self.edges[number as usize].cost });
                }
            }
            None
        })
    }
}

/// An edge as its column sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taker {
    pub row: u32,
    pub cost: i64,
}
