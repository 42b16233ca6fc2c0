//! The assignment of rides to drivers: how long a round takes, from nothing and from the round before.
//!
//! Separate from the tests because only a release build says anything about time. The letters are those of the targets in
//! docs/PERFORMANCE.md. Without arguments it prints our figures; with one it serves `benches/peers/assignment.py`, which
//! sets them beside scipy's, in turns: `write FILE COUNT SIZE_MAX` writes random batches, `check FILE` compares with the costs
//! in it, `serve FILE` solves the batch of these places whenever a line says so.

mod batches;

use std::io::{BufRead, Write};
use std::time::Instant;

use batches::{Batch, Places, place};
use boda::matching::assignment::{Edge, Means, Problem, Solution, Solver, certify};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// No time is more than half an hour; who waits costs more.
const UNASSIGNED: i64 = 100_000_000;
/// Of the rides, one in so many is another one in the next round.
const CHANGE: usize = 20;
const ROUNDS: usize = 61;
const SIZES: &[(u32, u32, usize)] = &[
    (100, 300, 20),
    (1_000, 3_000, 20),
    (2_000, 6_000, 20),
    (1_000, 1_200, 20),
    (1_000, 1_000, 20),
    (1_400, 1_000, 20),
    (500, 500, 500),
];
/// Where drivers are short somebody must stay out, and quarter of an hour is what others may be kept waiting for that.
const UNASSIGNED_SHORT: i64 = 900_000;

/// A city between two rounds.
struct City {
    places: Places,
    k: usize,
    unassigned: i64,
    edges: Vec<Vec<Edge>>,
    rng: StdRng,
    problem: Problem,
    prices: Vec<i64>,
    solver: Solver,
}

/// Microseconds: to build a problem and solve it from nothing, to edit the last one and solve it again, to solve a new one from
/// the prices and columns of the last, and to prove it.
struct Times {
    build: f64,
    cold: f64,
    certify: f64,
    edit: f64,
    again: f64,
    hinted: f64,
}

impl City {
    fn new(places: Places, k: usize) -> Self {
        let is_short = k < places.drivers.len() && places.drivers.len() < 3 * places.riders.len();
        let unassigned = if is_short { UNASSIGNED_SHORT } else { UNASSIGNED };
        let (edges, column_count) = (places.edges(k), places.drivers.len());
        let rng = StdRng::seed_from_u64(1);
        let problem = Problem::new(column_count as u32);
        let mut city = Self {
            places,
            k,
            unassigned,
            edges,
            rng,
            problem,
            prices: vec![0; column_count],
            solver: Solver::default(),
        };
        city.build();
        city.solve();
        city
    }

    fn build(&mut self) {
        self.problem.clear(self.places.drivers.len() as u32);
        self.edges.iter().for_each(|edges| self.problem.push_row(self.unassigned, edges));
    }

    fn solve(&mut self) -> Solution {
        self.solver.solve(&self.problem, &mut self.prices, u64::MAX)
    }

    fn proven(&self, solution: &Solution) {
        assert_eq!((certify(&self.problem, solution, &self.prices), solution.means), (Ok(()), Means::Exact));
    }

    /// One round: a twentieth of the rides is replaced, and solved in all ways.
    fn round(&mut self) -> Times {
        let first = self.rng.random_range(0..CHANGE);
        let changed: Vec<u32> = (first..self.edges.len()).step_by(CHANGE).map(|row| row as u32).collect();
        for row in &changed {
            self.edges[*row as usize] = self.places.nearest(place(&mut self.rng), self.k);
        }
        let before = self.prices.clone();
        let last = self.solve();
        let (edit, _) = timed(|| {
            for row in &changed {
                self.problem.replace_row(*row as usize, self.unassigned, &self.edges[*row as usize]);
            }
        });
        let steps = u64::MAX;
        let (again, solution) = timed(|| self.solver.solve_again(&self.problem, &mut self.prices, &changed, steps));
        self.proven(&solution);
        let cost = solution.cost;
        let after = std::mem::replace(&mut self.prices, before);
        let (build, _) = timed(|| self.build());
        self.problem.expect(&last);
        let (hinted, solution) = timed(|| self.solve());
        self.proven(&solution);
        assert_eq!(solution.cost, cost, "warm as cold");
        self.prices.fill(0);
        self.build();
        let (cold, solution) = timed(|| self.solve());
        let (certify, ()) = timed(|| self.proven(&solution));
        assert_eq!(solution.cost, cost, "warm as cold");
        self.prices = after;
        self.solver.solve(&self.problem, &mut self.prices, u64::MAX);
        Times { build, cold, certify, edit, again, hinted }
    }
}

/// In microseconds, without those in which others had the processor.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let waited = waited_us();
    let begin = Instant::now();
    let done = work();
    let took_us = begin.elapsed().as_secs_f64() * 1e6;
    ((took_us - (waited_us() - waited)).max(0.0), done)
}

/// Time in microseconds that this thread has stood ready while others ran, as Linux counts it; elsewhere 0.
fn waited_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').nth(1).and_then(|ns| ns.parse::<f64>().ok()).map_or(0.0, |ns| ns / 1e3)
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn figures() {
    println!("medians of {ROUNDS} rounds, in microseconds; one ride in {CHANGE} is another one in each");
    for (rider_count, driver_count, k) in SIZES {
        let places = Places::random(*rider_count, *driver_count, &mut StdRng::seed_from_u64(2));
        let mut city = City::new(places, *k);
        let rounds: Vec<Times> = (0..ROUNDS).map(|_| city.round()).collect();
        let of = |part: fn(&Times) -> f64| median(rounds.iter().map(part));
        println!(
            "M2 {rider_count} x {driver_count}, k = {k}: cold {:.1} and {:.1} to build it, again {:.1} and {:.1} to edit it: {:.1} x \
             faster as a whole, {:.1} x the solver alone; from hints {:.1}, certified in {:.1}",
            of(|it| it.cold),
            of(|it| it.build),
            of(|it| it.again),
            of(|it| it.edit),
            of(|it| (it.build + it.cold) / (it.edit + it.again)),
            of(|it| it.cold / it.again),
            of(|it| it.hinted),
            of(|it| it.certify),
        );
    }
}

/// M1: as cheap as the costs in the file, with a certificate each, also from prices that are not true.
fn check(path: &str) {
    let batches = Batch::read(&std::fs::read_to_string(path).expect("the file of batches"));
    let (mut misses, mut uncertified, mut solver) = (0, 0, Solver::default());
    let mut rng = StdRng::seed_from_u64(7);
    for batch in &batches {
        let problem = batch.problem();
        for is_warm in [false, true] {
            let price = |_| if is_warm { rng.random_range(0..50_000) } else { 0 };
            let mut prices: Vec<i64> = (0..batch.column_count).map(price).collect();
            let solution = solver.solve(&problem, &mut prices, u64::MAX);
            misses += usize::from(Some(solution.cost) != batch.cost);
            uncertified += usize::from(certify(&problem, &solution, &prices).is_err());
        }
    }
    println!(
        "M1 {} batches, each from nothing and from random prices: {misses} costs that are not the peer's, {uncertified} \
         without a certificate",
        batches.len()
    );
    assert_eq!((misses, uncertified), (0, 0), "every batch as cheap, with a certificate");
}

/// One line of answers for each line that comes: microseconds of a cold solve and of one after a change, and the cost.
fn serve(path: &str, k: usize) {
    let mut city = City::new(Places::read(&std::fs::read_to_string(path).expect("the file of places")), k);
    city.unassigned = UNASSIGNED;
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            return;
        }
        city.build();
        city.prices.fill(0);
        let (cold, solution) = timed(|| city.solve());
        city.proven(&solution);
        let left_out = solution.column_of.iter().filter(|column| column.is_none()).count();
        println!("{cold:.1} {} {left_out}", solution.cost);
        std::io::stdout().flush().expect("the peer listens");
    }
}

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("a number");
    match words.as_slice() {
        ["write", path, count, size_max] => {
            let mut text = String::new();
            (0..number(count)).for_each(|seed| Batch::random(seed, number(size_max) as u32).write(&mut text));
            std::fs::write(path, text).expect("the file of batches is written");
        }
        ["places", path, riders, drivers] => {
            let [riders, drivers] = [riders, drivers].map(|word| number(word) as u32);
            let places = Places::random(riders, drivers, &mut StdRng::seed_from_u64(2));
            std::fs::write(path, places.write()).expect("the file of places is written");
        }
        ["check", path] => check(path),
        ["serve", path, k] => serve(path, number(k) as usize),
        _ => figures(),
    }
}
