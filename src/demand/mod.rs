//! Demand: where rides are asked for and where drivers are, and what follows from the difference. Pure.
//!
//! The part without IO of what `steering` does: counts by H3 cell and minute, the picture of a moment, who is sent where.
//! On this floor because the same arithmetic serves the running city, its tests and a simulated one.

mod cell;
mod counts;
mod picture;
mod spread;
#[cfg(test)]
mod tests;

pub use cell::{Cell, steps_of};
pub use counts::{Counts, Happening, MINUTES, Totals};
pub use picture::{Balance, Hot, Picture, Rules};
pub use spread::{Idle, spread};
