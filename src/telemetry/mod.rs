//! What the process says about itself: log lines, metrics, error chains.
//!
//! Separate because every floor below speaks through it, and because the two global registries that the `tracing` and
//! `metrics` crates bring are installed here and nowhere else.

pub mod names;

mod errors;

pub use errors::chain;
