//! Processor time of this program and of a PostgreSQL, which the benches with a database report.
//!
//! Separate because several benches use it. On a machine on which others work, too, it says what something costs where a
//! clock on the wall says how busy the others were.

use std::fs;
use std::path::Path;

/// What ends a bench.
pub type Failure = Box<dyn std::error::Error>;

/// The process of the PostgreSQL whose data is below this directory.
pub fn postmaster(data_dir: &Path) -> Result<u32, Failure> {
    let pid_file = fs::read_to_string(data_dir.join("postgres/postmaster.pid"))?;
    Ok(pid_file.lines().next().ok_or("the server has no number")?.trim().parse()?)
}

/// Of this program so far, in nanoseconds.
pub fn own_ns() -> Result<u64, Failure> {
    let mut sum = 0;
    for task in fs::read_dir("/proc/self/task")? {
        // A thread that ends while it is looked at is gone with its time.
        sum += schedstat_ns(&task?.path()).unwrap_or(0);
    }
    Ok(sum)
}

/// Of a PostgreSQL with all its processes so far, in nanoseconds.
pub fn server_ns(postmaster: u32) -> Result<u64, Failure> {
    let fields = |stat: String| -> Vec<u64> {
        let after_name = stat[stat.rfind(')').map_or(0, |at| at + 1)..].to_owned();
        after_name.split_whitespace().map(|word| word.parse().unwrap_or(0)).collect()
    };
    // Of its children that have ended, in hundredths of a second.
    let own = fields(fs::read_to_string(format!("/proc/{postmaster}/stat"))?);
    let mut sum = (own[13] + own[14]) * 10_000_000 + schedstat_ns(Path::new(&format!("/proc/{postmaster}")))?;
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // Whoever ends while it is looked at is in the sum of the ended at the next look.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else { continue };
        if fields(stat).get(1) == Some(&u64::from(postmaster)) {
            sum += schedstat_ns(&path).unwrap_or(0);
        }
    }
    Ok(sum)
}

fn schedstat_ns(process: &Path) -> Result<u64, Failure> {
    let text = fs::read_to_string(process.join("schedstat"))?;
    Ok(text.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}
