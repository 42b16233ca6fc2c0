//! The bill of a stretch of time: what the server's side spent, what the generator spent, and the same for each message.

use serde::Serialize;

use crate::measure::family::{self, Reading};
use crate::measure::figures::rounded;

/// Readings at the beginning.
#[derive(Debug)]
pub struct Meter {
    servers: Vec<u32>,
    before: Reading,
    own: Reading,
    begun: std::time::Instant,
}

/// What a stretch cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Bill {
    /// How long it was.
    pub seconds: f64,
    /// Processor time of all processes on the server's side, microseconds.
    pub server_us: f64,
    /// The same as a share of one core, percent.
    pub server_percent: f64,
    /// Processor time of the generator as a share of one core, percent.
    pub generator_percent: f64,
    /// Wake-ups on the server's side.
    pub server_switches: u64,
    /// Wake-ups of the generator.
    pub generator_switches: u64,
    /// Threads that ended meanwhile, whose last work is missing above.
    pub threads_vanished: u64,
}

impl Meter {
    /// Begins to count. `servers` are the processes on the server's side, their children included: looking for children
    /// takes milliseconds, in which a generator on the same core would be late.
    pub fn start(servers: Vec<u32>) -> Self {
        let own = family::read_of(&[std::process::id()]);
        let before = family::read_of(&servers);
        Self { servers, before, own, begun: std::time::Instant::now() }
    }

    /// What was spent since.
    pub fn stop(&self) -> Bill {
        let seconds = self.begun.elapsed().as_secs_f64();
        let server = family::read_of(&self.servers).since(&self.before);
        let own = family::read_of(&[std::process::id()]).since(&self.own);
        let percent = |cpu_ns: u64| rounded(cpu_ns as f64 / seconds / 1e7);
        Bill {
            seconds: rounded(seconds),
            server_us: rounded(server.cpu_ns as f64 / 1_000.0),
            server_percent: percent(server.cpu_ns),
            generator_percent: percent(own.cpu_ns),
            server_switches: server.voluntary,
            generator_switches: own.voluntary,
            threads_vanished: server.vanished,
        }
    }
}

impl Bill {
    /// Microseconds of the server's side for each of `count`.
    pub fn us_each(&self, count: u64) -> f64 {
        rounded(self.server_us / count.max(1) as f64)
    }

    /// Wake-ups of server and generator for each of `count`.
    pub fn switches_each(&self, count: u64) -> (f64, f64) {
        let each = |switches: u64| rounded(switches as f64 / count.max(1) as f64);
        (each(self.server_switches), each(self.generator_switches))
    }
}
