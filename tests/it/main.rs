//! Black-box tests of the built program.
//!
//! One binary, so that it is linked once.

mod cli;
