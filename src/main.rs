//! Arguments to exit codes.
fn main() {}
