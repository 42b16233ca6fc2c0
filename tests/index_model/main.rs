//! The index's slots and lists under a model checker (loom): every order in which a few threads can meet, and every value
//! that the memory model lets a load return.
//!
//! Separate because the source files of the index are compiled here a second time, against loom's atomics instead of the
//! machine's: what is checked is the very code that ships. The models are small, since the number of orders grows
//! without measure: each is one of the encounters that the comments in `slot.rs` and `lists.rs` argue about.
//! `LOOM_MAX_PREEMPTIONS=4` looks deeper than the test does.

/// What `src/index/sync.rs` is to the index.
mod sync {
    pub use loom::hint::spin_loop;
    pub use loom::sync::Mutex;
    pub use loom::sync::atomic::{AtomicI64, AtomicU16, AtomicU32, AtomicU64, Ordering, fence};
    pub use loom::thread::yield_now;
}

#[path = "../../src/index/lists.rs"]
#[expect(dead_code, reason = "the models use some of it")]
mod lists;
#[path = "../../src/index/slot.rs"]
#[expect(dead_code, reason = "the models use some of it")]
mod slot;
#[path = "../../src/index/turn.rs"]
mod turn;

use boda::geo::{self, LatLng};
use boda::ids::{self, DriverId};
use boda::index::{DriverState, Fix, RideClasses};
use boda::time::{self, Timestamp};
use lists::{ENTRIES, Entry, Lists};
use loom::sync::Arc;
use loom::thread;
use slot::{Record, Tag};
use uuid::Uuid;

/// How often a thread may be interrupted where it need not wait. Nearly all faults of such code need one or two.
const PREEMPTIONS: usize = 2;

/// The cells of the models.
const HERE: u32 = 0;
const THERE: u32 = 1;

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS));
    builder.max_branches = 20_000;
    builder.check(model);
}

/// Slots, and lists of two cells.
struct City {
    slots: Vec<Record>,
    lists: Lists,
}

impl City {
    /// With so many drivers listed here, the rest nowhere.
    fn new(drivers: u32, listed: u32) -> Arc<Self> {
        let city = Self { slots: (0..drivers).map(|_| Record::new()).collect(), lists: Lists::with_chunks(2, 4) };
        for slot in 0..listed {
            city.lists.list(&city.slots, HERE, entry(slot, 0));
            city.slots[slot as usize].set_cell(&city.slots[slot as usize].lock(), HERE);
        }
        Arc::new(city)
    }

    /// What a search sees in a cell: as `DriverIndex::nearest`, until a scan was whole.
    fn scan(&self, cell: u32) -> Vec<Entry> {
        let mut seen = Vec::new();
        while !self.lists.scan(cell, |entries, count| seen.extend_from_slice(&entries[..count])) {}
        seen
    }

    fn shift(&self, slot: u32, lat_e7: i64) {
        let record = &self.slots[slot as usize];
        let _held = record.lock();
        self.lists.shift(&self.slots, record.cell(), entry(slot, lat_e7));
    }

    fn relist(&self, slot: u32, to: u32) {
        let record = &self.slots[slot as usize];
        let held = record.lock();
        self.lists.relist(&self.slots, record.cell(), to, entry(slot, 0));
        record.set_cell(&held, to);
    }

    fn unlist(&self, slot: u32) {
        let record = &self.slots[slot as usize];
        let _held = record.lock();
        self.lists.unlist(&self.slots, record.cell(), slot);
    }

    /// When all threads are done, a cell lists exactly these, once each.
    fn assert_lists(&self, cell: u32, mut expected: Vec<(u32, i32)>) {
        let mut listed: Vec<_> = self.scan(cell).iter().map(|entry| (entry.slot(), entry.lat_e7())).collect();
        listed.sort_unstable();
        expected.sort_unstable();
        assert_eq!(listed, expected);
    }
}

fn entry(slot: u32, lat_e7: i64) -> Entry {
    Entry::new(slot, lat_e7, 0)
}

fn knows(seen: &[Entry], slot: u32) -> bool {
    seen.iter().any(|entry| entry.slot() == slot)
}

#[test]
fn a_search_misses_nobody_who_stays_while_another_leaves() {
    check(|| {
        let city = City::new(3, 3);
        let other = Arc::clone(&city);
        let leaving = thread::spawn(move || other.unlist(0));
        let seen = city.scan(HERE);
        assert!(knows(&seen, 1) && knows(&seen, 2));
        leaving.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 0), (2, 0)]);
    });
}

#[test]
fn a_search_misses_nobody_who_stays_while_one_leaves_and_one_comes() {
    check(|| {
        let city = City::new(4, 3);
        let other = Arc::clone(&city);
        let writing = thread::spawn(move || {
            other.unlist(0);
            other.lists.list(&other.slots, HERE, entry(3, 0));
        });
        let seen = city.scan(HERE);
        assert!(knows(&seen, 1) && knows(&seen, 2));
        writing.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 0), (2, 0), (3, 0)]);
    });
}

#[test]
fn a_search_misses_nobody_who_stays_while_a_chunk_goes_to_another_cell() {
    check(|| {
        let city = City::new(ENTRIES + 2, ENTRIES + 1);
        let other = Arc::clone(&city);
        let writing = thread::spawn(move || {
            // The last of the list takes the first's place, so the second chunk is empty, and the next list gets it.
            other.unlist(0);
            other.lists.list(&other.slots, THERE, entry(ENTRIES + 1, 0));
        });
        let seen = city.scan(HERE);
        assert!((1..=ENTRIES).all(|slot| knows(&seen, slot)));
        writing.join().expect("no panic");
        city.assert_lists(THERE, vec![(ENTRIES + 1, 0)]);
    });
}

#[test]
fn a_driver_who_crosses_over_is_in_one_cell_or_the_other_at_every_instant() {
    check(|| {
        let city = City::new(2, 2);
        let other = Arc::clone(&city);
        let crossing = thread::spawn(move || other.relist(0, THERE));
        // Not in the old list (any more): then in the new one.
        if !knows(&city.scan(HERE), 0) {
            assert!(knows(&city.scan(THERE), 0));
        }
        crossing.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 0)]);
        city.assert_lists(THERE, vec![(0, 0)]);
    });
}

#[test]
fn a_ping_is_not_lost_while_the_list_is_closed_up_with_its_driver() {
    check(|| {
        let city = City::new(2, 2);
        let other = Arc::clone(&city);
        let pinging = thread::spawn(move || {
            other.shift(1, 5);
            other.shift(1, 6);
        });
        city.unlist(0);
        pinging.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 6)]);
    });
}

#[test]
fn a_ping_hits_nobody_else_when_its_place_was_given_away() {
    check(|| {
        let city = City::new(3, 2);
        let other = Arc::clone(&city);
        let pinging = thread::spawn(move || other.shift(1, 5));
        city.unlist(0);
        city.lists.list(&city.slots, HERE, entry(2, 7));
        pinging.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 5), (2, 7)]);
    });
}

#[test]
fn drivers_who_change_places_do_not_block_each_other() {
    check(|| {
        let city = City::new(2, 1);
        city.lists.list(&city.slots, THERE, entry(1, 0));
        city.slots[1].set_cell(&city.slots[1].lock(), THERE);
        let other = Arc::clone(&city);
        let crossing = thread::spawn(move || other.relist(0, THERE));
        city.relist(1, HERE);
        crossing.join().expect("no panic");
        city.assert_lists(HERE, vec![(1, 0)]);
        city.assert_lists(THERE, vec![(0, 0)]);
    });
}

fn fix(step: i32) -> Fix {
    let position = LatLng::from_e7(step, step).expect("on the globe");
    Fix { position, at: Timestamp::from_millis(i64::from(step)), bearing_deg: Some(step as u16), speed_mps: None }
}

/// Puts a driver into a vacant slot, as `DriverIndex::go_online` does.
fn occupy(record: &Record, driver: u128, step: i32) {
    let mut held = record.lock();
    record.set_driver(&mut held, DriverId(Uuid::from_u128(driver)));
    record.set_fix(&mut held, fix(step));
    let tag = Tag { state: Some(DriverState::Free), classes: RideClasses::ANY, ..record.tag() };
    record.set_tag(&mut held, tag);
}

/// And out of it.
fn vacate(record: &Record) {
    let mut held = record.lock();
    let tag = record.tag();
    record.set_tag(&mut held, Tag { state: None, generation: tag.generation + 1, ..tag });
}

#[test]
fn a_search_sees_no_position_older_than_its_instant() {
    check(|| {
        let record = Arc::new(Record::new());
        occupy(&record, 1, 1);
        let other = Arc::clone(&record);
        let pinging = thread::spawn(move || {
            for step in 2..4 {
                let mut held = other.lock();
                other.set_fix(&mut held, fix(step));
            }
        });
        let seen = record.sight().expect("free all the time");
        assert!(i64::from(seen.position.lat_e7()) >= seen.at.as_millis());
        pinging.join().expect("no panic");
    });
}

#[test]
fn a_search_takes_no_driver_for_the_next_one_in_the_slot() {
    check(|| {
        let record = Arc::new(Record::new());
        occupy(&record, 1, 1);
        let other = Arc::clone(&record);
        let changing = thread::spawn(move || {
            vacate(&other);
            occupy(&other, 2 << 64 | 2, 2);
        });
        if let Some(seen) = record.sight() {
            let step = seen.at.as_millis();
            assert_eq!(seen.position, fix(step as i32).position);
            assert_eq!(seen.driver.0.as_u128(), if step == 1 { 1 } else { 2 << 64 | 2 });
        }
        changing.join().expect("no panic");
    });
}

#[test]
fn a_snapshot_is_of_one_instant() {
    check(|| {
        let record = Arc::new(Record::new());
        occupy(&record, 1, 1);
        let other = Arc::clone(&record);
        let changing = thread::spawn(move || {
            let mut held = other.lock();
            other.set_fix(&mut held, fix(2));
            drop(held);
            vacate(&other);
        });
        let seen = record.snapshot();
        assert_eq!(seen.fix, fix(seen.fix.at.as_millis() as i32));
        assert!(seen.tag.is_free() || seen.fix == fix(2));
        changing.join().expect("no panic");
    });
}
