//! The process's own figures from `/proc`: processor time, memory, open files.
//!
//! Separate and small instead of a library: four figures, read when somebody scrapes. Where there is no `/proc` only
//! the uptime is shown.

use std::fmt::Write;
use std::fs;
use std::io;
use std::time::Duration;

/// Clock ticks of `/proc/self/stat` in a second: fixed for programs by the Linux interface, whatever the kernel uses.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc` says; each figure is absent where it cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    open_files: Option<u64>,
}

/// Reads the figures now; a few tens of microseconds.
pub fn read() -> Figures {
    let text = |path: &str| fs::read_to_string(path).ok();
    Figures {
        cpu_seconds: text("/proc/self/stat").as_deref().and_then(cpu_seconds),
        resident_bytes: text("/proc/self/status").as_deref().and_then(resident_bytes),
        open_files: open_files("/proc/self/fd").ok(),
    }
}

/// Appends the figures as Prometheus text.
pub fn write(out: &mut String, figures: Figures, uptime: Duration) {
    let Figures { cpu_seconds, resident_bytes, open_files } = figures;
    let mut figure = |name: &str, shape: &str, help: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {shape}\n{name} {value}\n\n");
        }
    };
    let text = |value: Option<u64>| value.map(|value| value.to_string());
    figure(
        "boda_process_cpu_seconds_total",
        "counter",
        "Processor time used by the process.",
        cpu_seconds.map(|seconds| seconds.to_string()),
    );
    figure("boda_process_resident_memory_bytes", "gauge", "Memory resident in RAM.", text(resident_bytes));
    figure("boda_process_open_files", "gauge", "Open file descriptors, sockets included.", text(open_files));
    let uptime_s = format!("{:.3}", uptime.as_secs_f64());
    figure("boda_process_uptime_seconds", "gauge", "Time since the process began.", Some(uptime_s));
}

/// User and system time together. The program's name may hold spaces and brackets, so fields count from its end.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    Some((f64::from(ticks()?) + f64::from(ticks()?)) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Newer kernels give the number as the folder's size; older ones give zero and the entries must be counted.
fn open_files(folder: &str) -> io::Result<u64> {
    match fs::metadata(folder)?.len() {
        // One of the entries is the folder itself, open for this very count.
        0 => Ok(fs::read_dir(folder)?.zip(0_u64..).map(|(_, index)| index).last().unwrap_or(0)),
        files => Ok(files),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_proc_are_understood() {
        let stat = "4242 (a (bad) name) S 1 4242 4242 0 -1 4194560 9023 0 0 0 1234 566 0 0 20 0 9 0 881 1 2 3";
        assert_eq!(cpu_seconds(stat), Some(18.0));
        assert_eq!(resident_bytes("Name:\tboda\nVmRSS:\t   20480 kB\nThreads:\t9\n"), Some(20_971_520));
        assert_eq!((cpu_seconds("gibberish"), resident_bytes("")), (None, None));
    }

    #[test]
    fn where_there_is_proc_every_figure_is_read() {
        let figures = read();
        let has_proc = fs::exists("/proc/self/stat").expect("looking is allowed");
        let is_read = [figures.cpu_seconds.is_some(), figures.resident_bytes > Some(0), figures.open_files > Some(0)];
        assert_eq!(is_read, [has_proc; 3], "{figures:?}");
    }

    #[test]
    fn figures_that_are_absent_are_left_out() {
        let mut out = String::new();
        write(&mut out, Figures { open_files: Some(7), ..Figures::default() }, Duration::from_millis(1_500));
        assert!(out.contains("\nboda_process_open_files 7\n"), "{out}");
        assert!(out.contains("\nboda_process_uptime_seconds 1.500\n"), "{out}");
        assert!(!out.contains("cpu"), "{out}");
    }
}
