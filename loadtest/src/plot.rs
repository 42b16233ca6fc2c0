//! `plot`: stub.

use crate::args::Plot;

/// x
pub fn run(_args: &Plot) -> Result<(), String> {
    Ok(())
}
