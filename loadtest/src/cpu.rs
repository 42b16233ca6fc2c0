//! Processor time of processes, from `/proc`: what a run cost the server, its database and the generator itself.
//!
//! Best effort: where there is no `/proc` the figures are absent, not zero.

use std::fs;
use std::path::Path;

/// Clock ticks a second in `/proc`; 100 on every Linux that matters.
const TICKS_PER_S: f64 = 100.0;

/// User and system seconds of a process so far.
pub fn seconds_of(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(parsed(&stat)?.0)
}

/// The same for a process and its children that are alive now.
pub fn seconds_of_family(parent: u32) -> Option<f64> {
    let own = seconds_of(parent)?;
    let children: f64 = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| parsed(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .filter(|(_, ppid)| *ppid == parent)
        .map(|(seconds, _)| seconds)
        .sum();
    Some(own + children)
}

/// The live process that holds a Postgres data directory below `dir`, by its pid file.
pub fn postmaster_below(dir: &Path) -> Option<u32> {
    let pid = postmaster_within(dir, 3)?;
    // The file of a killed server may name a process that is somebody else by now.
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    name.starts_with("postgres").then_some(pid)
}

fn postmaster_within(dir: &Path, depth: u32) -> Option<u32> {
    if let Ok(text) = fs::read_to_string(dir.join("postmaster.pid")) {
        return text.lines().next()?.trim().parse().ok();
    }
    let deeper = depth.checked_sub(1)?;
    fs::read_dir(dir)
        .ok()?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .find_map(|entry| postmaster_within(&entry.path(), deeper))
}

/// (processor seconds, parent) of a line of `/proc/PID/stat`. The name may hold spaces and brackets.
fn parsed(stat: &str) -> Option<(f64, u32)> {
    let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some((ticks as f64 / TICKS_PER_S, fields.get(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_an_awkward_name_is_read() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 4 0 1000 0 0";
        assert_eq!(parsed(line), Some((3.0, 7)));
        assert_eq!(parsed("nonsense"), None);
    }

    #[test]
    fn a_pid_file_is_found_a_few_folders_down() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inner = dir.path().join("postgres").join("data");
        fs::create_dir_all(&inner).expect("folders");
        assert_eq!(postmaster_within(dir.path(), 3), None);
        fs::write(inner.join("postmaster.pid"), format!("{}\n/x\n", std::process::id())).expect("a file");
        assert_eq!(postmaster_within(dir.path(), 3), Some(std::process::id()));
        assert_eq!(postmaster_below(dir.path()), None, "this process is no Postgres");
    }
}
