//! The drivers that the index's benches play with.
//!
//! Separate because two benches use them. Of the drivers of Kigali, 60 % are around twenty centres and the rest anywhere;
//! they move at most 40 m a ping, so that about one ping in eight changes the cell of the 250 m grid. Nobody leaves the
//! service area, since such pings are refused before they come to the index.

use boda::geo::{KIGALI, LatLng};
use boda::ids::DriverId;
use boda::index::{Config, DriverIndex, DriverState, RideClasses, Slot};
use boda::time::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// The ride type that all drivers serve.
pub const BODA: RideClasses = RideClasses(1);

/// Drivers, and where they go: there and back again, so that every move can be made as often as one likes.
pub struct City {
    /// Where each is before the first move.
    pub homes: Vec<LatLng>,
    /// Who moves where, one step at a time, and after all of them the same steps backwards.
    pub moves: Vec<(u32, LatLng)>,
    /// Of ten drivers, how many are busy.
    pub busy_of_ten: u32,
    /// By number.
    pub names: Vec<DriverId>,
    /// For whoever needs more of it.
    pub rng: StdRng,
}

impl City {
    /// A city of so many drivers and moves; the same one every time.
    pub fn new(drivers: u32, steps: usize, busy_of_ten: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let (low, high) = (KIGALI.south_west(), KIGALI.north_east());
        let anywhere = |rng: &mut StdRng| {
            LatLng::new(rng.random_range(low.lat()..high.lat()), rng.random_range(low.lng()..high.lng()))
                .expect("inside")
        };
        let centres: Vec<LatLng> = (0..20).map(|_| anywhere(&mut rng)).collect();
        let mut homes = Vec::new();
        for _ in 0..drivers {
            homes.push(if rng.random_ratio(6, 10) {
                let centre = centres[rng.random_range(0..centres.len())];
                inside(centre.destination(rng.random_range(0.0..360.0), rng.random_range(0.0..2_500.0)))
            } else {
                anywhere(&mut rng)
            });
        }
        let mut now = homes.clone();
        let (mut there, mut back) = (Vec::new(), Vec::new());
        for _ in 0..steps {
            let who = rng.random_range(0..drivers);
            let from = now[who as usize];
            let to = inside(from.destination(rng.random_range(0.0..360.0), rng.random_range(0.0..40.0)));
            now[who as usize] = to;
            there.push((who, to));
            back.push((who, from));
        }
        there.extend(back.into_iter().rev());
        let names = (0..drivers).map(|number| DriverId(Uuid::from_u64_pair(rng.random(), number.into()))).collect();
        Self { homes, moves: there, busy_of_ten, names, rng }
    }

    /// Whether a driver can be found.
    pub fn is_free(&self, number: u32) -> bool {
        number % 10 >= self.busy_of_ten
    }

    /// Our index with these drivers in it, and their handles.
    pub fn index(&self) -> (DriverIndex, Vec<Slot>) {
        let config = Config { area: KIGALI, cell_m: 250.0, drivers_max: self.homes.len() as u32 };
        let index = DriverIndex::new(config).expect("sound");
        let mut slots = Vec::new();
        for (number, (driver, place)) in (0..).zip(self.names.iter().zip(&self.homes)) {
            slots.push(index.go_online(*driver, *place, Timestamp::EPOCH, BODA).expect("there is room"));
            if !self.is_free(number) {
                index.set_state(*driver, DriverState::OnTrip);
            }
        }
        (index, slots)
    }

    /// Places of riders: where drivers are, since that is where people are.
    pub fn riders(&mut self, count: usize) -> Vec<LatLng> {
        (0..count).map(|_| self.homes[self.rng.random_range(0..self.homes.len())]).collect()
    }

    /// The moves as our index hears of them.
    pub fn pings(&self, slots: &[Slot]) -> Vec<(Slot, LatLng)> {
        self.moves.iter().map(|(who, to)| (slots[*who as usize], *to)).collect()
    }
}

/// The place, or the nearest in the service area.
fn inside(place: LatLng) -> LatLng {
    let (low, high) = (KIGALI.south_west(), KIGALI.north_east());
    let lat_e7 = place.lat_e7().clamp(low.lat_e7(), high.lat_e7());
    let lng_e7 = place.lng_e7().clamp(low.lng_e7(), high.lng_e7());
    LatLng::from_e7(lat_e7, lng_e7).expect("between two corners")
}
