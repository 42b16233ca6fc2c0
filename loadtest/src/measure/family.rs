//! Processor time and context switches of a process with all its descendants, from the scheduler's own books.
//!
//! `schedstat` counts nanoseconds where `stat` counts ticks of 10 ms, which would be several per cent of a short round.
//! A thread that ends between two readings takes its time with it; servers end none while they are measured, and the
//! number of threads that vanished is reported so that a row that lost some is seen.

use std::collections::BTreeMap;
use std::fs;

/// Counters of one thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Thread {
    cpu_ns: u64,
    voluntary: u64,
    involuntary: u64,
}

/// A reading of a family: every thread of every process.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    threads: BTreeMap<u32, Thread>,
}

/// What a family did between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Processor time, nanoseconds.
    pub cpu_ns: u64,
    /// Times a thread gave up the processor to wait: wake-ups, in other words.
    pub voluntary: u64,
    /// Times a thread was made to give it up.
    pub involuntary: u64,
    /// Threads of the first reading that were gone in the second; their last work is missing above.
    pub vanished: u64,
}

/// Processes with all their descendants as of now.
pub fn with_descendants(roots: &[u32]) -> Vec<u32> {
    descendants(roots, &parents())
}

/// Reads processes, without looking for descendants. Those that ended are left out.
pub fn read_of(pids: &[u32]) -> Reading {
    let mut threads = BTreeMap::new();
    for pid in pids {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for tid in tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse::<u32>().ok()) {
            let base = format!("/proc/{pid}/task/{tid}");
            let (Ok(schedstat), Ok(status)) =
                (fs::read_to_string(format!("{base}/schedstat")), fs::read_to_string(format!("{base}/status")))
            else {
                continue;
            };
            if let Some(thread) = parsed(&schedstat, &status) {
                threads.insert(tid, thread);
            }
        }
    }
    Reading { threads }
}

impl Reading {
    /// What happened since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Spent {
        let mut spent = Spent::default();
        for (tid, now) in &self.threads {
            let then = earlier.threads.get(tid).copied().unwrap_or_default();
            spent.cpu_ns += now.cpu_ns.saturating_sub(then.cpu_ns);
            spent.voluntary += now.voluntary.saturating_sub(then.voluntary);
            spent.involuntary += now.involuntary.saturating_sub(then.involuntary);
        }
        let gone = earlier.threads.keys().filter(|tid| !self.threads.contains_key(tid));
        spent.vanished = gone.count() as u64;
        spent
    }
}

/// Every process with its parent.
fn parents() -> BTreeMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// The processes whose line of ancestors meets one of `roots`, the roots included.
fn descendants(roots: &[u32], parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let mut family: Vec<u32> = roots.to_vec();
    let mut at = 0;
    while at < family.len() {
        let parent = family[at];
        let children = parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid);
        let new: Vec<u32> = children.filter(|pid| !family.contains(pid)).collect();
        family.extend(new);
        at += 1;
    }
    family
}

/// The parent in a line of `/proc/PID/stat`. The name may hold spaces and brackets.
fn parent_in(stat: &str) -> Option<u32> {
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
}

fn parsed(schedstat: &str, status: &str) -> Option<Thread> {
    let cpu_ns = schedstat.split_whitespace().next()?.parse().ok()?;
    let count = |name: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
    };
    let (voluntary, involuntary) = (count("voluntary_ctxt_switches")?, count("nonvoluntary_ctxt_switches")?);
    Some(Thread { cpu_ns, voluntary, involuntary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_the_roots_and_all_below() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 99)]);
        assert_eq!(descendants(&[2], &parents), [2, 3, 4]);
        assert_eq!(descendants(&[2, 4, 5], &parents), [2, 4, 5, 3, 6]);
    }

    #[test]
    fn the_kernels_lines_are_read() {
        let status = "Name:\tboda\nvoluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t3\n";
        let thread = parsed("94460 1549797 2\n", status).expect("well formed");
        assert_eq!(thread, Thread { cpu_ns: 94_460, voluntary: 17, involuntary: 3 });
        assert_eq!(parsed("", status), None);
        assert_eq!(parent_in("42 (a (b) c) S 7 42"), Some(7));
    }

    #[test]
    fn only_what_came_after_the_first_reading_counts() {
        let thread = |cpu_ns| Thread { cpu_ns, voluntary: cpu_ns / 10, involuntary: 0 };
        let earlier = Reading { threads: BTreeMap::from([(1, thread(100)), (2, thread(50))]) };
        let later = Reading { threads: BTreeMap::from([(1, thread(160)), (3, thread(40))]) };
        assert_eq!(later.since(&earlier), Spent { cpu_ns: 100, voluntary: 10, involuntary: 0, vanished: 1 });
    }

    #[test]
    fn this_process_spends_processor_time() {
        let before = read_of(&[std::process::id()]);
        let mut sum = 0_u64;
        while read_of(&[std::process::id()]).since(&before).cpu_ns == 0 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
