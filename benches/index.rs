//! The live index at 100,000 drivers beside an R*-tree and H3 buckets: what a ping costs, and what a search costs.
//!
//! Separate from the tests because only a release build says anything about time. All three play the same moves and
//! answer the same searches in the same run; before that, their answers are compared.

mod city;
mod rivals;

use std::hint::black_box;

use boda::geo::{Area, LatLng};
use boda::ids::DriverId;
use boda::index::{DriverIndex, Nearest, Slot};
use boda::time::{Span, Timestamp};
use city::{BODA, City};
use criterion::{Criterion, criterion_group, criterion_main};
use rivals::h3_buckets::H3Index;
use rivals::rtree::RtreeIndex;
use rivals::{Driver, Question};

const DRIVERS: u32 = 100_000;
const STEPS: usize = 1 << 19;
const SEARCHES: usize = 4_096;

/// More than any bench makes, and whole rounds of moves, so that the moves after it are later and begin at the beginning.
const TICKS: u64 = (2 * STEPS as u64) << 16;

/// Everybody, in all three.
struct Field {
    city: City,
    ours: DriverIndex,
    slots: Vec<Slot>,
    rtree: RtreeIndex,
    h3: H3Index,
    riders: Vec<Rider>,
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
        Self { city, ours, slots, rtree, h3, riders }
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

    /// All moves for all three, so that each holds everybody where the others do.
    fn play(&mut self) {
        for tick in 0..self.city.moves.len() as u64 {
            let tick = tick + TICKS;
            let (slot, fix) = self.city.ping(&self.slots, tick);
            self.ours.update(slot, fix);
            let (number, to) = self.city.step(tick);
            let moved = Driver { at_ms: tick as i64, ..driver(&self.city, number, to) };
            self.rtree.update(moved);
            self.h3.update(moved);
        }
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
    group.bench_function("boda", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let rider = field.rider(tick);
            field.ours.nearest(rider.place, &query(&rider.names), Timestamp::EPOCH, &mut ours);
            black_box(ours.len())
        });
    });
    group.bench_function("rstar", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let rider = field.rider(tick);
            field.rtree.nearest(rider.place, &question(&rider.numbers), &mut theirs);
            black_box(theirs.len())
        });
    });
    group.bench_function("h3 buckets", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let rider = field.rider(tick);
            field.h3.nearest(rider.place, &question(&rider.numbers), &mut theirs);
            black_box(theirs.len())
        });
    });
    group.finish();
}

/// Time goes on, so that no ping is stale; the moves go there and back again.
fn updates(criterion: &mut Criterion, field: &mut Field) {
    let mut group = criterion.benchmark_group("update, 100k free drivers");
    let mut tick = 0;
    group.bench_function("boda", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let (slot, fix) = field.city.ping(&field.slots, tick);
            field.ours.update(slot, fix)
        });
    });
    let mut tick = 0;
    group.bench_function("rstar", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let (number, to) = field.city.step(tick);
            field.rtree.update(Driver { at_ms: tick as i64, ..driver(&field.city, number, to) });
        });
    });
    let mut tick = 0;
    group.bench_function("h3 buckets", |bencher| {
        bencher.iter(|| {
            tick += 1;
            let (number, to) = field.city.step(tick);
            field.h3.update(Driver { at_ms: tick as i64, ..driver(&field.city, number, to) });
        });
    });
    group.finish();
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
    let field = Field::new(9);
    searches(criterion, "nearest 10, 10k free and 90k busy drivers", &field);
}

criterion_group!(benches, index);
criterion_main!(benches);
