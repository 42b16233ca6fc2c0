//! Who gets which driver: the arithmetic behind a round of dispatch.
//!
//! Separate from `dispatch`, which knows rides and offers, because here are numbers only: rows that want columns, at a
//! price. Costs are whole milliseconds of pickup time, so that sums are exact and an optimum can be proven.

pub mod assignment;
pub mod costs;
pub mod record;
pub mod values;
