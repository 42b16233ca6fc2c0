//! The proofs: scenarios that measure one promise of the hot path each, and `compare`, which makes them all in one job
//! beside the reference points.
//!
//! Separate from `city` and `crash`, which check that a whole city stays right: here few things happen, and each is
//! weighed. Servers run on one core, the generator on another; processor time is that of all processes on the server's side.

pub mod auth;
pub mod booking;
pub mod compare;
pub mod fanout;
pub mod idle;
pub mod ingest;
pub mod nearby;
pub mod offers;
pub mod outcome;
pub mod sharing;
pub mod storm;
