//! The live index at 100,000 drivers beside an R*-tree and H3 buckets: what a ping costs, and what a search costs.
//!
//! Separate from the tests because only a release build says anything about time. All three play the same moves and
//! answer the same searches in the same run; before that, their answers are compared. On a machine that does other things
//! too, the times of one minute cannot be set beside those of the next: the ratios at the end are of short rounds that
//! take turns.

mod city;
mod rivals;

use std::hint::black_box;
use std::time::Instant;

use boda::geo::{Area, LatLng};
use boda::ids::DriverId;
use boda::index::{DriverIndex, Fix, Nearest, Neighbour, Slot, Update};
use boda::time::{Span, Timestamp};
use city::{BODA, City};
use criterion::{Criterion, criterion_group, criterion_main};
use rivals::h3_buckets::H3Index;
use rivals::rtree::RtreeIndex;
use rivals::{Driver, Question};

const DRIVERS: u32 = 100_000;
const STEPS: usize = 1 << 19;
const SEARCHES: usize = 4_096;

/// Rounds that the ratios are the medians of, and what is done in each: so much that most of it is done after the cache
/// has turned from the last one's memory to this one's.
const ROUNDS: usize = 31;
const MOVES: usize = 1 << 17;
const QUESTIONS: usize = 4 * SEARCHES;

/// Everybody, in all three.
struct Field {
    city: City,
    ours: DriverIndex,
    pings: Vec<(Slot, LatLng)>,
    /// Counts all moves ever made by whom; time is what it says, so that no ping is stale.
    ticks: Ticks,
    rtree: RtreeIndex,
    h3: H3Index,
    riders: Vec<Rider>,
}

/// How many moves each has made. The moves go there and back again.
#[derive(Default)]
struct Ticks {
    ours: usize,
    rtree: usize,
    h3: usize,
}

/// Where a rider is, and three drivers nearby who were asked already.
struct Rider {
    place: LatLng,
    numbers: [u32; 3],
    names: [DriverId; 3],
}

impl Field {
    fn new(busy_of_ten: u32) -> Self {
        let mut city = City::new(DRIVERS, STEPS, busy_of_ten);
        let (ours, slots) = city.index();
        let drivers: Vec<Driver> =
            (0..DRIVERS).map(|number| driver(&city, number, city.homes[number as usize])).collect();
        let (rtree, h3) = (RtreeIndex::new(&drivers), H3Index::new(&drivers));
        let places = city.riders(SEARCHES);
        let mut near = Vec::new();
        let mut rider = |place| {
            rtree.nearest(place, &Question { k: 6, ..question(&[]) }, &mut near);
            let numbers: [u32; 3] = std::array::from_fn(|number| near[2 * number].0);
            Rider { place, numbers, names: numbers.map(|number| city.names[number as usize]) }
        };
        let riders = places.into_iter().map(&mut rider).collect();
        let pings = city.pings(&slots);
        Self { city, ours, pings, ticks: Ticks::default(), rtree, h3, riders }
    }

    /// All three must find drivers as far away as each other.
    fn compare(&self) {
        let (mut ours, mut tree, mut h3) = (Vec::new(), Vec::new(), Vec::new());
        for rider in self.riders.iter().step_by(16) {
            self.ours.nearest(rider.place, &query(&rider.names), Timestamp::EPOCH, &mut ours);
            self.rtree.nearest(rider.place, &question(&rider.numbers), &mut tree);
            self.h3.nearest(rider.place, &question(&rider.numbers), &mut h3);
            for theirs in [&tree, &h3] {
                assert_eq!(theirs.len(), ours.len());
                // The flat map is off by some centimetres.
                let pairs = ours.iter().zip(theirs);
                assert!(
                    pairs.clone().all(|(a, b)| (a.distance_m - b.1).abs() < 0.1 + a.distance_m * 1e-3),
                    "a rival differs"
                );
            }
        }
    }

    fn move_ours(&mut self) -> Update {
        let (slot, to) = self.pings[self.ticks.ours % self.pings.len()];
        self.ticks.ours += 1;
        self.ours.update(slot, Fix::new(to, Timestamp::from_millis(self.ticks.ours as i64)))
    }

    fn move_rtree(&mut self) {
        let (number, to) = self.city.moves[self.ticks.rtree % self.city.moves.len()];
        self.ticks.rtree += 1;
        let moved = Driver { at_ms: self.ticks.rtree as i64, ..driver(&self.city, number, to) };
        self.rtree.update(moved);
    }

    fn move_h3(&mut self) {
        let (number, to) = self.city.moves[self.ticks.h3 % self.city.moves.len()];
        self.ticks.h3 += 1;
        let moved = Driver { at_ms: self.ticks.h3 as i64, ..driver(&self.city, number, to) };
        self.h3.update(moved);
    }

    /// The moves that lead everybody back to the beginning, for each, and not fewer than one whole round.
    fn play(&mut self) {
        let round = self.pings.len();
        (0..2 * round - self.ticks.ours % round).for_each(|_| {
            self.move_ours();
        });
        (0..2 * round - self.ticks.rtree % round).for_each(|_| self.move_rtree());
        (0..2 * round - self.ticks.h3 % round).for_each(|_| self.move_h3());
    }

    fn search_ours(&self, tick: usize, out: &mut Vec<Neighbour>) {
        let rider = self.rider(tick);
        self.ours.nearest(rider.place, &query(&rider.names), Timestamp::EPOCH, out);
        black_box(out.len());
    }

    fn search_rtree(&self, tick: usize, out: &mut Vec<(u32, f64)>) {
        let rider = self.rider(tick);
        self.rtree.nearest(rider.place, &question(&rider.numbers), out);
        black_box(out.len());
    }

    fn search_h3(&self, tick: usize, out: &mut Vec<(u32, f64)>) {
        let rider = self.rider(tick);
        self.h3.nearest(rider.place, &question(&rider.numbers), out);
        black_box(out.len());
    }

    fn rider(&self, tick: usize) -> &Rider {
        &self.riders[tick % self.riders.len()]
    }
}

fn driver(city: &City, number: u32, position: LatLng) -> Driver {
    Driver { number, position, at_ms: 0, is_free: city.is_free(number), classes: BODA }
}

fn query(exclude: &[DriverId]) -> Nearest<'_> {
    Nearest { k: 10, max_age: Span::from_secs(30), radius_m_max: 5_000.0, classes: BODA, exclude }
}

fn question(exclude: &[u32]) -> Question<'_> {
    Question { k: 10, oldest_ms: -30_000, radius_m_max: 5_000.0, classes: BODA, exclude }
}

fn searches(criterion: &mut Criterion, name: &str, field: &Field) {
    field.compare();
    let mut group = criterion.benchmark_group(name);
    let (mut tick, mut ours, mut theirs) = (0, Vec::with_capacity(16), Vec::with_capacity(16));
    let mut next = || {
        tick += 1;
        tick
    };
    group.bench_function("boda", |bencher| bencher.iter(|| field.search_ours(next(), &mut ours)));
    group.bench_function("rstar", |bencher| bencher.iter(|| field.search_rtree(next(), &mut theirs)));
    group.bench_function("h3 buckets", |bencher| bencher.iter(|| field.search_h3(next(), &mut theirs)));
    group.finish();
}

fn updates(criterion: &mut Criterion, field: &mut Field) {
    let mut group = criterion.benchmark_group("update, 100k free drivers");
    group.bench_function("boda", |bencher| bencher.iter(|| field.move_ours()));
    group.bench_function("rstar", |bencher| bencher.iter(|| field.move_rtree()));
    group.bench_function("h3 buckets", |bencher| bencher.iter(|| field.move_h3()));
    group.finish();
}

/// The time of one of many, in nanoseconds.
fn time_ns(count: usize, mut one: impl FnMut(usize)) -> f64 {
    let begin = Instant::now();
    (0..count).for_each(&mut one);
    begin.elapsed().as_nanos() as f64 / count as f64
}

/// The medians of rounds in which all three take turns, and of how many times longer the rivals took in each round.
fn print_ratios(name: &str, rounds: &[[f64; 3]]) {
    let median = |of: &dyn Fn(&[f64; 3]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let [ours, rtree, h3] = [0, 1, 2].map(|who| median(&|round| round[who]));
    let [rtree_ratio, h3_ratio] = [1, 2].map(|who| median(&|round| round[who] / round[0]));
    println!(
        "{name}: boda {ours:.0} ns, rstar {rtree:.0} ns ({rtree_ratio:.1} times), h3 buckets {h3:.0} ns ({h3_ratio:.1} times)"
    );
}

fn update_ratios(field: &mut Field) {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let ours = time_ns(MOVES, |_| {
            black_box(field.move_ours());
        });
        let rtree = time_ns(MOVES, |_| field.move_rtree());
        rounds.push([ours, rtree, time_ns(MOVES, |_| field.move_h3())]);
    }
    print_ratios("update, 100k free drivers", &rounds);
}

fn search_ratios(name: &str, field: &Field) {
    let mut rounds = Vec::new();
    let (mut ours, mut theirs) = (Vec::with_capacity(16), Vec::with_capacity(16));
    for _ in 0..ROUNDS {
        rounds.push([
            time_ns(QUESTIONS, |tick| field.search_ours(tick, &mut ours)),
            time_ns(QUESTIONS, |tick| field.search_rtree(tick, &mut theirs)),
            time_ns(QUESTIONS, |tick| field.search_h3(tick, &mut theirs)),
        ]);
    }
    print_ratios(name, &rounds);
}

/// What only our index is asked for.
fn walks(criterion: &mut Criterion, field: &Field) {
    let mut group = criterion.benchmark_group("walks, 100k free drivers");
    group.bench_function("visit everybody", |bencher| {
        bencher.iter(|| {
            let mut sum = 0;
            field.ours.visit(|online| sum += online.fix.at.as_millis());
            black_box(sum)
        });
    });
    let mut tick = 0;
    group.bench_function("free_in a box of 1 km", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let centre = field.rider(tick).place;
            let corner = |bearing_deg| centre.destination(bearing_deg, 707.0);
            let area = Area::new(corner(225.0), corner(45.0)).expect("a box");
            let mut count = 0_u32;
            field.ours.free_in(area, Span::from_secs(30), Timestamp::EPOCH, |_, _, _| count += 1);
            black_box(count)
        });
    });
    group.finish();
}

fn index(criterion: &mut Criterion) {
    let mut field = Field::new(0);
    // First the moves: what a tree is like after them is what a city would search.
    updates(criterion, &mut field);
    field.play();
    searches(criterion, "nearest 10, 100k free drivers", &field);
    walks(criterion, &field);
    let sparse = Field::new(9);
    searches(criterion, "nearest 10, 10k free and 90k busy drivers", &sparse);
    println!("medians of {ROUNDS} rounds that take turns, and of the ratio of each round");
    update_ratios(&mut field);
    search_ratios("nearest 10, 100k free drivers", &field);
    search_ratios("nearest 10, 10k free and 90k busy drivers", &sparse);
}

criterion_group!(benches, index);
criterion_main!(benches);
