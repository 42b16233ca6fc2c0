//! The beginning of a solution: what follows from the prices alone, then a few rounds of an auction.
//!
//! Separate from the searches because all of it could be left out: it answers most rows in a few steps each, and the
//! searches answer the rest.

use super::problem::{PRICE_MAX, Row};
use super::solver::{NONE, OUT, Solver};
use super::{Edge, Problem};

/// How often those who were outbid may bid again.
const BIDDING_ROUNDS: usize = 2;

/// Bids in a round, for each row of the problem: rows that outbid one another by little would go on for long.
const BIDS_PER_ROW: usize = 4;

/// What a row would pay at the prices for what is cheapest, and for what is next.
struct Best {
    /// [`OUT`] where staying out is cheaper than any column.
    column: u32,
    value: i64,
    second_column: u32,
    second_value: i64,
}

/// Ties go to columns before staying out, and to what stands first among the edges.
fn best_two(edges: &[Edge], row: &Row, prices: &[i64], steps_left: &mut u64) -> Best {
    let (column, value) = (OUT, row.unassigned);
    let mut best = Best { column, value, second_column: column, second_value: value };
    let mut looked_at = 0;
    for edge in edges {
        looked_at += 1;
        if edge.cost > best.second_value {
            if looked_at <= row.sorted {
                break;
            }
            continue;
        }
        let value = edge.cost + prices[edge.column as usize];
        if value < best.value || (best.column == OUT && value == best.value) {
            (best.second_column, best.second_value) = (best.column, best.value);
            (best.column, best.value) = (edge.column, value);
        } else if value < best.second_value {
            (best.second_column, best.second_value) = (edge.column, value);
        }
    }
    *steps_left = steps_left.saturating_sub(u64::from(looked_at));
    best
}

impl Solver {
    /// Takes prices and hints as they come, and keeps what of them is consistent.
    pub(super) fn start(&mut self, problem: &Problem, prices: &mut [i64]) {
        let row_count = problem.row_count();
        self.state.clear(row_count, prices.len());
        self.waiting.clear();
        let mut is_hinted = false;
        for (row, number) in problem.rows().iter().zip(0..) {
            let Some(hint) = row.hint() else { continue };
            is_hinted = true;
            let holder = &mut self.state.row_of[hint as usize];
            if *holder == NONE {
                *holder = number;
            }
        }
        // A price without anybody who pays it is of no use, where it is known who paid.
        for (price, holder) in prices.iter_mut().zip(&self.state.row_of) {
            *price = if is_hinted && *holder == NONE { 0 } else { (*price).clamp(0, PRICE_MAX) };
        }
        for (row, number) in problem.rows().iter().zip(0..) {
            if !self.begin_row(problem.edges_of(row), row, number, prices) {
                self.waiting.push(number);
            }
        }
        self.loose.clear();
        self.loose.extend((0..).zip(prices.iter()).filter(|(_, price)| **price != 0).map(|(column, _)| column));
    }

    /// Takes everything as it was, but the rows that have changed or are new.
    pub(super) fn start_again(&mut self, problem: &Problem, prices: &[i64], changed: &[u32]) {
        self.waiting.clear();
        self.loose.clear();
        let row_count = problem.row_count();
        let pushed = self.state.column_of.len() as u32..row_count as u32;
        self.state.column_of.resize(row_count, NONE);
        self.state.row_prices.resize(row_count, 0);
        for row in changed {
            let column = std::mem::replace(&mut self.state.column_of[*row as usize], NONE);
            if column < OUT {
                self.state.row_of[column as usize] = NONE;
                self.loose.push(column);
            }
        }
        // Who is named twice begins once.
        let mut open = std::mem::take(&mut self.waiting);
        open.extend(changed.iter().copied().chain(pushed));
        open.sort_unstable();
        open.dedup();
        open.retain(|number| {
            let row = problem.row(*number as usize);
            !self.begin_row(problem.edges_of(row), row, *number, prices)
        });
        self.waiting = open;
    }

    /// Gives the row what is cheapest for it, if that is what it has or if nobody has it.
    fn begin_row(&mut self, edges: &[Edge], row: &Row, number: u32, prices: &[i64]) -> bool {
        let state = &mut self.state;
        let hint = row.hint().filter(|hint| state.row_of[*hint as usize] == number).unwrap_or(NONE);
        let (mut column, mut value, mut hint_value) = (OUT, row.unassigned, i64::MAX);
        let mut looked_at = 0;
        for edge in edges {
            looked_at += 1;
            if edge.cost > value {
                if looked_at <= row.sorted {
                    break;
                }
                continue;
            }
            let here = edge.cost + prices[edge.column as usize];
            if here < value || (here == value && column == OUT) {
                (column, value) = (edge.column, here);
            }
            if edge.column == hint {
                hint_value = hint_value.min(here);
            }
        }
        state.steps_left = state.steps_left.saturating_sub(u64::from(looked_at));
        if hint_value == value {
            column = hint;
        } else if hint != NONE {
            state.row_of[hint as usize] = NONE;
        }
        if column != OUT {
            if ![NONE, number].contains(&state.row_of[column as usize]) {
                return false;
            }
            state.row_of[column as usize] = number;
        }
        state.column_of[number as usize] = column;
        state.row_prices[number as usize] = value;
        true
    }

    /// An auction: every waiting row takes what is cheapest for it, and raises its price until it is no dearer than the next
    /// best; who had it waits now.
    pub(super) fn bid(&mut self, problem: &Problem, prices: &mut [i64]) {
        let mut bids_left = problem.row_count() * BIDS_PER_ROW;
        for _ in 0..BIDDING_ROUNDS {
            let mut kept = 0;
            for at in 0..self.waiting.len() {
                let mut number = self.waiting[at];
                while bids_left > 0 && self.state.steps_left > 0 {
                    bids_left -= 1;
                    match self.bid_for(problem, prices, number) {
                        Bid::Outbid(other) => number = other,
                        Bid::Even(other) => {
                            number = other;
                            break;
                        }
                        Bid::Done => {
                            number = NONE;
                            break;
                        }
                    }
                }
                if number != NONE {
                    self.waiting[kept] = number;
                    kept += 1;
                }
            }
            self.waiting.truncate(kept);
        }
    }

    fn bid_for(&mut self, problem: &Problem, prices: &mut [i64], number: u32) -> Bid {
        let state = &mut self.state;
        let row = problem.row(number as usize);
        let best = best_two(problem.edges_of(row), row, prices, &mut state.steps_left);
        let is_even = best.second_value == best.value;
        let column = match best.column {
            OUT => OUT,
            column if state.row_of[column as usize] == NONE => column,
            // The next best is as good, and perhaps nobody has it.
            _ if is_even && (best.second_column == OUT || state.row_of[best.second_column as usize] == NONE) => {
                best.second_column
            }
            column => {
                prices[column as usize] += best.second_value - best.value;
                state.row_prices[number as usize] = best.second_value;
                let other = state.give(column, number);
                return if is_even { Bid::Even(other) } else { Bid::Outbid(other) };
            }
        };
        state.row_prices[number as usize] = best.value;
        match column {
            OUT => state.column_of[number as usize] = OUT,
            column => {
                state.give(column, number);
            }
        }
        Bid::Done
    }

    /// When the steps ran out: every row that waits takes the cheapest column that nobody has.
    pub(super) fn take_what_is_left(&mut self, problem: &Problem, prices: &[i64]) {
        let state = &mut self.state;
        for number in self.waiting.drain(..) {
            let row = problem.row(number as usize);
            let left = problem.edges_of(row).iter().filter(|edge| state.row_of[edge.column as usize] == NONE);
            let Some(edge) = left.min_by_key(|edge| (edge.cost, edge.column)) else {
                state.row_prices[number as usize] = row.unassigned;
                state.column_of[number as usize] = OUT;
                continue;
            };
            state.row_prices[number as usize] = edge.cost + prices[edge.column as usize];
            state.give(edge.column, number);
        }
    }
}

/// What came of a bid.
enum Bid {
    /// The row has its answer, and nobody lost theirs.
    Done,
    /// It took a column from a row, which bids next.
    Outbid(u32),
    /// It took a column from a row at the same price, so that these two might go on for ever.
    Even(u32),
}
