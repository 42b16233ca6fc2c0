//! Memory of a process: what it holds itself, and what the kernel holds for everybody's sockets.
//!
//! Resident memory hides the kernel's share (some 5 KiB for each end of a connection), so both are reported.

use std::fs;

use serde::Serialize;

/// Memory at one moment, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Resident, shared pages included.
    pub resident: u64,
    /// Resident and nobody else's.
    pub private: u64,
    /// The kernel's slabs, of the whole machine: sockets of both ends are in it.
    pub kernel_slab: u64,
}

/// Reads the memory of one process.
pub fn read(pid: u32) -> Option<Memory> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let private = kib(&rollup, "Private_Clean")? + kib(&rollup, "Private_Dirty")?;
    Some(Memory { resident: kib(&rollup, "Rss")?, private, kernel_slab: kib(&machine, "Slab")? })
}

/// The bytes on a line `Name:  123 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}

/// What each of `count` added, from two readings of one figure; less than nothing counts as such.
pub fn each(before: u64, after: u64, count: usize) -> f64 {
    (after as f64 - before as f64) / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read_in_bytes() {
        let text = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:                1234 kB\nPrivate_Clean:  10 kB\n";
        assert_eq!(kib(text, "Rss"), Some(1_234 * 1_024));
        assert_eq!(kib(text, "Private_Clean"), Some(10 * 1_024));
        assert_eq!(kib(text, "Private"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = read(std::process::id()).expect("Linux tells");
        assert!(memory.resident >= memory.private && memory.private > 0);
    }

    #[test]
    fn shrinking_is_a_negative_share() {
        assert_eq!(each(1_000, 3_000, 4), 500.0);
        assert_eq!(each(3_000, 1_000, 4), -500.0);
    }
}
