//! The machine a run is made on: which processor is whose, how many files may be open, how busy it is.
//!
//! A generator that shares a core with what it measures measures itself, so servers get the first core and we the second.
//! On a machine with one core nothing is pinned, and the report says so.

use std::fs;
use std::thread::available_parallelism;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use serde::Serialize;

/// The core of everything on the server's side.
pub const SERVER_CORE: usize = 0;
/// The core of the generator.
pub const GENERATOR_CORE: usize = 1;

/// What the report says about the machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Machine {
    /// Processors this process could use before it was pinned.
    pub processors: usize,
    /// The model of the processor.
    pub processor: String,
    /// The kernel.
    pub kernel: String,
    /// True when server and generator have a core each.
    pub pinned: bool,
    /// One-minute load average before anything was started: others' work disturbs ours.
    pub load_before: f64,
}

/// Looks at the machine, raises the limit of open files and takes the generator's core. Call it before any thread starts:
/// threads and children inherit the core.
pub fn prepare() -> Machine {
    let processors = available_parallelism().map_or(1, usize::from);
    // A limit that stays low shows as a connection that cannot be opened, with the reason.
    let _ = raise_open_files();
    Machine {
        processors,
        processor: processor().unwrap_or_default(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        pinned: processors > 1 && pin(GENERATOR_CORE).is_ok(),
        load_before: load_average().unwrap_or(0.0),
    }
}

/// Binds the calling process (or the child that calls this before it becomes a server) to one core.
///
/// # Errors
/// When there is no such core.
pub fn pin(core: usize) -> nix::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &cores)
}

fn raise_open_files() -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
}

/// Runnable processes over the last minute.
pub fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_does_not_exist_is_refused() {
        assert!(pin(1_000_000).is_err());
    }

    #[test]
    fn the_load_of_this_machine_is_a_number() {
        assert!(load_average().is_some_and(|load| load >= 0.0));
    }
}
