//! The live index at 100,000 drivers: what a ping costs, and what a search costs.
//!
//! Separate from the tests because only a release build says anything about time. In the city, 60 % of the drivers are
//! around twenty centres and the rest anywhere; they move at most 40 m a ping, so that about one ping in eight changes
//! the cell of the 250 m grid.

use std::hint::black_box;

use boda::geo::{KIGALI, LatLng};
use boda::ids::DriverId;
use boda::index::{Config, DriverIndex, DriverState, Fix, Nearest, RideClasses, Slot};
use boda::time::{Span, Timestamp};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

const DRIVERS: u32 = 100_000;
const PINGS: usize = 1 << 20;
const BODA: RideClasses = RideClasses(1);

struct City {
    index: DriverIndex,
    slots: Vec<Slot>,
    homes: Vec<LatLng>,
    rng: StdRng,
}

impl City {
    fn new(busy_of_ten: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let index = DriverIndex::new(Config { area: KIGALI, cell_m: 250.0, drivers_max: DRIVERS }).expect("sound");
        let (low, high) = (KIGALI.south_west(), KIGALI.north_east());
        let anywhere = |rng: &mut StdRng| {
            LatLng::new(rng.random_range(low.lat()..high.lat()), rng.random_range(low.lng()..high.lng()))
                .expect("inside")
        };
        let centres: Vec<LatLng> = (0..20).map(|_| anywhere(&mut rng)).collect();
        let mut homes = Vec::new();
        let mut slots = Vec::new();
        for number in 0..DRIVERS {
            let place = if rng.random_ratio(6, 10) {
                let centre = centres[rng.random_range(0..centres.len())];
                centre.destination(rng.random_range(0.0..360.0), rng.random_range(0.0..2_500.0))
            } else {
                anywhere(&mut rng)
            };
            let driver = DriverId(Uuid::from_u64_pair(rng.random(), number.into()));
            slots.push(index.go_online(driver, place, Timestamp::EPOCH, BODA).expect("there is room"));
            if number % 10 < busy_of_ten {
                index.set_state(driver, DriverState::OnTrip);
            }
            homes.push(place);
        }
        Self { index, slots, homes, rng }
    }

    /// Pings of random drivers, each a short step from where the driver was.
    fn pings(&mut self) -> Vec<(Slot, Fix)> {
        (0..PINGS)
            .map(|tick| {
                let who = self.rng.random_range(0..self.slots.len());
                let (bearing_deg, metres) = (self.rng.random_range(0.0..360.0), self.rng.random_range(0.0..40.0));
                self.homes[who] = self.homes[who].destination(bearing_deg, metres);
                (self.slots[who], Fix::new(self.homes[who], Timestamp::from_millis(tick as i64)))
            })
            .collect()
    }
}

fn index(criterion: &mut Criterion) {
    let mut city = City::new(0);
    let pings = city.pings();
    let mut round = Span::ZERO;
    let mut next = 0;
    criterion.bench_function("index/update, 100k drivers", |bencher| {
        bencher.iter(|| {
            let (slot, mut fix) = pings[next];
            // The same walk again is as good as a new one, as long as time goes on.
            fix.at = fix.at + round;
            next += 1;
            if next == PINGS {
                next = 0;
                round = Span::from_millis(round.as_millis() + PINGS as i64);
            }
            city.index.update(slot, fix)
        });
    });

    let riders: Vec<LatLng> = (0..4_096).map(|_| city.homes[city.rng.random_range(0..city.homes.len())]).collect();
    let query =
        Nearest { k: 10, max_age: Span::from_millis(i64::MAX), radius_m_max: 5_000.0, classes: BODA, exclude: &[] };
    let search = |city: &City, number: usize, out: &mut Vec<_>| {
        city.index.nearest(riders[number % riders.len()], &query, Timestamp::EPOCH, out);
        black_box(out.len())
    };
    let (mut number, mut out) = (0, Vec::with_capacity(10));
    criterion.bench_function("index/nearest 10, 100k free drivers", |bencher| {
        bencher.iter(|| {
            number += 1;
            search(&city, number, &mut out)
        });
    });

    let busy = City::new(9);
    criterion.bench_function("index/nearest 10, 10k free and 90k busy drivers", |bencher| {
        bencher.iter(|| {
            number += 1;
            search(&busy, number, &mut out)
        });
    });
}

criterion_group!(benches, index);
criterion_main!(benches);
