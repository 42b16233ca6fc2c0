//! What a run costs: processor time, context switches and memory of whole families of processes, and the machine's own state.
//!
//! Separate from the scenarios because every row of a comparison must be charged alike: all processes on the server's side,
//! in nanoseconds of the scheduler, on a processor of their own.

pub mod family;
pub mod figures;
pub mod machine;
pub mod memory;
pub mod metrics;
pub mod statements;
