//! The proof that a solution is the cheapest.
//!
//! Separate from the solver, and without a line of its code: what checks must not share the mistakes of what is checked.

use super::{Problem, Solution};

/// Why a solution is not proven.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Uncertified {
    /// The solution or the prices are of another problem.
    #[error("a solution of {rows} rows and {columns} columns, for a problem of other size")]
    Size {
        /// As many as the solution has.
        rows: usize,
        /// As many as have prices.
        columns: usize,
    },
    /// Two rows have one column.
    #[error("row {row} has column {column}, which another row has")]
    Taken {
        /// The later row.
        row: usize,
        /// The column.
        column: u32,
    },
    /// A row has a column that it has no edge to.
    #[error("row {row} has column {column}, to which it has no edge")]
    NoEdge {
        /// The row.
        row: usize,
        /// The column.
        column: u32,
    },
    /// A price below zero.
    #[error("column {column} has a price of {price}, below zero")]
    Negative {
        /// The column.
        column: u32,
        /// Its price.
        price: i64,
    },
    /// A row could have it cheaper at these prices.
    #[error("row {row} pays {price}, and could pay {cheaper}")]
    Dear {
        /// The row.
        row: usize,
        /// What it pays by the solution.
        price: i64,
        /// What it could pay.
        cheaper: i64,
    },
    /// A row's price is not what it pays.
    #[error("row {row} is said to pay {price}, and pays {paid}")]
    Loose {
        /// The row.
        row: usize,
        /// What it pays by the solution.
        price: i64,
        /// Its cost and the price of its column.
        paid: i64,
    },
    /// A column that nobody has costs something.
    #[error("column {column} has a price of {price}, and nobody has it")]
    Idle {
        /// The column.
        column: u32,
        /// Its price.
        price: i64,
    },
    /// The parts do not add up.
    #[error("the cost is said to be {said}, and is {sum}")]
    Sum {
        /// As the solution has it.
        said: i64,
        /// As it is.
        sum: i64,
    },
}

/// Proves that the solution is the cheapest there is, from the prices that came with it, in one pass over the edges.
///
/// # Errors
/// The first fault in the proof. A [`Means::Greedy`](super::Means::Greedy) solution has one, unless it is optimal by luck.
pub fn certify(problem: &Problem, solution: &Solution, prices: &[i64]) -> Result<(), Uncertified> {
    let Solution { column_of, row_prices, cost, .. } = solution;
    let row_count = problem.row_count();
    if [column_of.len(), row_prices.len()] != [row_count; 2] || prices.len() != problem.column_count() {
        return Err(Uncertified::Size { rows: column_of.len().min(row_prices.len()), columns: prices.len() });
    }
    if let Some((column, price)) = (0..).zip(prices).find(|(_, price)| **price < 0) {
        return Err(Uncertified::Negative { column, price: *price });
    }
    let mut is_taken = vec![false; prices.len()];
    let mut sum: i64 = 0;
    for (row, (column, price)) in column_of.iter().zip(row_prices).enumerate() {
        if let Some(column) = *column {
            let taken = is_taken.get_mut(column as usize).ok_or(Uncertified::NoEdge { row, column })?;
            if std::mem::replace(taken, true) {
                return Err(Uncertified::Taken { row, column });
            }
        }
        sum = sum.saturating_add(certify_row(problem, row, *column, *price, prices)?);
    }
    if let Some((column, (_, price))) =
        (0..).zip(is_taken.iter().zip(prices)).find(|(_, (is_taken, price))| !**is_taken && **price != 0)
    {
        return Err(Uncertified::Idle { column, price: *price });
    }
    if sum != *cost {
        return Err(Uncertified::Sum { said: *cost, sum });
    }
    Ok(())
}

/// What the row costs, when nothing is cheaper for it at these prices.
fn certify_row(
    problem: &Problem,
    row: usize,
    column: Option<u32>,
    price: i64,
    prices: &[i64],
) -> Result<i64, Uncertified> {
    let mut cheapest = problem.unassigned(row);
    let mut own = column.is_none().then_some(cheapest);
    for edge in problem.edges(row) {
        cheapest = cheapest.min(edge.cost.saturating_add(prices[edge.column as usize]));
        if Some(edge.column) == column {
            own = Some(own.map_or(edge.cost, |own| own.min(edge.cost)));
        }
    }
    let column_price = column.map_or(0, |column| prices[column as usize]);
    let Some(own) = own else { return Err(Uncertified::NoEdge { row, column: column.unwrap_or(u32::MAX) }) };
    let paid = own.saturating_add(column_price);
    if paid != price {
        return Err(Uncertified::Loose { row, price, paid });
    }
    if cheapest < price {
        return Err(Uncertified::Dear { row, price, cheaper: cheapest });
    }
    Ok(own)
}
