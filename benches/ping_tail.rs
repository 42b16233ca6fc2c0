//! Does a search make a ping wait? The time of single pings with and without searches beside them, round by round.
//!
//! Separate from the criterion benches because those know means only, and the question is about the slowest pings. Both
//! threads run at a pace: pings 100,000 a second, searches 1,000 a second, so that a machine with two cores can do both.
//! Rounds alternate, so that what else the machine does falls on both alike; the figure is the median of the rounds.

mod city;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use boda::geo::LatLng;
use boda::index::{DriverIndex, Fix, Nearest, Slot};
use boda::time::{Span, Timestamp};
use city::{BODA, City};

const DRIVERS: u32 = 100_000;
const ROUNDS: usize = 15;
const PINGS: usize = 50_000;
const PING_EVERY: Duration = Duration::from_micros(10);
const SEARCH_EVERY: Duration = Duration::from_millis(1);

/// The slowest pings of a round, in nanoseconds.
struct Tail {
    p50: u64,
    p99: u64,
    p999: u64,
}

fn main() {
    let mut city = City::new(DRIVERS, 1 << 19, 0);
    let (index, slots) = city.index();
    let riders = city.riders(4_096);
    let pings = city.pings(&slots);
    let tick = AtomicU64::new(0);
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let mut searches = 0;
    round(&pings, &index, &tick);
    for _ in 0..ROUNDS {
        quiet.push(round(&pings, &index, &tick));
        let running = AtomicBool::new(true);
        thread::scope(|scope| {
            let searching = scope.spawn(|| search(&index, &riders, &tick, &running));
            busy.push(round(&pings, &index, &tick));
            running.store(false, Ordering::Relaxed);
            searches += searching.join().expect("the searches panicked");
        });
    }
    let rate = searches as f64 / (ROUNDS * PINGS) as f64 / PING_EVERY.as_secs_f64();
    println!(
        "pings at {DRIVERS} drivers, median of {ROUNDS} rounds each of {PINGS} pings; {rate:.0} searches/s beside"
    );
    for (name, of) in
        [("p50", (|tail| tail.p50) as fn(&Tail) -> u64), ("p99", |tail| tail.p99), ("p99.9", |tail| tail.p999)]
    {
        let (without, with) = (median(&quiet, of), median(&busy, of));
        println!("{name:>6}: {without:>6} ns without, {with:>6} ns with: {:.2} times", with as f64 / without as f64);
    }
}

/// One round of pings at their pace. What is measured is the call, and a look at the clock.
fn round(pings: &[(Slot, LatLng)], index: &DriverIndex, tick: &AtomicU64) -> Tail {
    let mut times_ns = Vec::with_capacity(PINGS);
    let mut due = Instant::now();
    for _ in 0..PINGS {
        due += PING_EVERY;
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        let tick = tick.fetch_add(1, Ordering::Relaxed);
        let (slot, to) = pings[tick as usize % pings.len()];
        let fix = Fix::new(to, Timestamp::from_millis(tick as i64));
        let begin = Instant::now();
        index.update(slot, fix);
        times_ns.push(begin.elapsed().as_nanos() as u64);
    }
    times_ns.sort_unstable();
    let at = |share: f64| times_ns[(times_ns.len() as f64 * share) as usize];
    Tail { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
}

/// Searches at their pace until told to stop; how many.
fn search(index: &DriverIndex, riders: &[LatLng], tick: &AtomicU64, running: &AtomicBool) -> usize {
    let query = Nearest { k: 10, max_age: Span::from_secs(3_600), radius_m_max: 5_000.0, classes: BODA, exclude: &[] };
    let (mut count, mut out, mut due) = (0, Vec::new(), Instant::now());
    while running.load(Ordering::Relaxed) {
        due += SEARCH_EVERY;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let now = Timestamp::from_millis(tick.load(Ordering::Relaxed) as i64);
        index.nearest(riders[count % riders.len()], &query, now, &mut out);
        assert!(!out.is_empty());
        count += 1;
    }
    count
}

fn median(tails: &[Tail], of: fn(&Tail) -> u64) -> u64 {
    let mut all: Vec<u64> = tails.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}
