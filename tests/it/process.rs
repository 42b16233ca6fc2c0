//! A program that these tests start: its lines are kept, and it cannot outlive us.
//!
//! Separate from the house because Redis and workers are held the same way. A shell holds the reading end of a pipe whose
//! writing end only this test run has: when that closes, by an orderly stop or by any death of ours, the shell asks the
//! program to stop. Houses that are shared by many tests are never dropped, and end that way.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience::blocking;

/// Stops the process whose number is the first argument when standard input ends.
const WATCH: &str = "read -r _; kill -TERM \"$0\" 2>/dev/null";

/// A running program.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    watcher: Child,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
}

/// What a program has printed so far.
#[derive(Debug, Default)]
struct Lines {
    state: Mutex<Printed>,
    grew: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn state(&self) -> MutexGuard<'_, Printed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(source: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let kept = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                kept.state().lines.push(String::from_utf8_lossy(&line).into_owned());
                kept.grew.notify_all();
            }
            kept.state().ended = true;
            kept.grew.notify_all();
        });
        lines
    }

    /// The first line for which `wanted` finds something, waiting for it.
    fn find<T>(&self, within: Duration, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let give_up = Instant::now() + within;
        let mut state = self.state();
        loop {
            if let Some(found) = state.lines.iter().find_map(|line| wanted(line)) {
                return Some(found);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self.grew.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Process {
    /// Starts `command`; `name` is for messages.
    pub fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        let mut watcher = Command::new("/bin/sh");
        watcher.args(["-c", WATCH, &child.id().to_string()]).stdin(Stdio::piped());
        let watcher = watcher.spawn().expect("there is a shell");
        let stdout = Lines::follow(child.stdout.take().expect("stdout was asked to be piped"));
        let stderr = Lines::follow(child.stderr.take().expect("stderr was asked to be piped"));
        Self { name: name.to_owned(), child, watcher, stdout, stderr }
    }

    /// What `wanted` finds in a line of standard output, waiting for it.
    pub fn wait_for_output<T>(&self, within: Duration, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = self.stdout.find(within, wanted);
        found.unwrap_or_else(|| {
            panic!("{} did not print what was waited for; it said:\n{}", self.name, self.last_words())
        })
    }

    /// Everything on standard output so far.
    pub fn output(&self) -> Vec<String> {
        self.stdout.state().lines.clone()
    }

    /// Everything on standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr.state().lines.clone()
    }

    /// The end of the log, for a message.
    pub fn last_words(&self) -> String {
        let state = self.stderr.state();
        state.lines[state.lines.len().saturating_sub(40)..].join("\n")
    }

    /// Asks it to stop; its status, or `None` when it is still there after `within`.
    pub fn terminate(&mut self, within: Duration) -> Option<ExitStatus> {
        self.signal(Signal::SIGTERM);
        self.wait(within)
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait(Duration::from_secs(10)).expect("SIGKILL cannot be refused");
    }

    /// Sends a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("process numbers are small"));
            // It may end at this very moment; then there is nobody to tell.
            let _ = kill(pid, signal);
        }
    }

    /// Its status once it has ended and said its last word; `None` when it is still there after `within`.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let status = blocking(within, || self.child.try_wait().ok().flatten())?;
        // Something it left behind may hold the pipe; a moment is enough for the rest.
        let _ = blocking(Duration::from_secs(1), || self.stderr.state().ended.then_some(()));
        Some(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // First the watcher: the number it knows may belong to somebody else afterwards.
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
