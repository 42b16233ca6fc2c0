//! The engine: sends what is prepared, asks about what is open, and writes down what providers say.
//!
//! Separate because it is the only place that talks to providers about orders. What an answer means is decided in
//! [`super::attempt`]; what follows for rides, refunds and payouts in their rooms, in the same transaction.

mod prepare;

#[expect(unused_imports, reason = "the rooms that use it come next")]
pub(in crate::payments) use prepare::prepare;
