//! The reference points: what a team would otherwise assemble, and what the machine charges at least.
//!
//! They live in this program as hidden subcommands, each in a process of its own, so that the same build flags, allocator
//! and machine apply, and so that their processor time can be counted. Both are small on purpose: no reference is slowed
//! down, none is tuned beyond what its documentation says.

pub mod floor;
pub mod process;
pub mod textbook;

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Answers each line on standard input with the count so far: how the harness learns what arrived, off the measured path.
fn count_on_request(count: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() {
                return;
            }
            println!("{}", count.load(Ordering::Relaxed));
        }
    });
}
