//! The promises, checked from outside: what anybody was ever told must be true at the end.
//!
//! Pure. During the run `Evidence` collects every ride view and every acknowledgement that reached a client. At the end
//! the server is asked again for every ride, and `verdict` compares:
//! - a ride has at most one driver, ever, and a driver has at most one live ride at a time;
//! - a ride that was acknowledged exists, and has passed every state it was said to have passed;
//! - a ride whose end was told has ended that way;
//! - one idempotency key made one ride;
//! - every ride reaches a final state.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::wire::{RideView, Status};

/// Most violations described in words; all are counted.
const DESCRIBED_MAX: usize = 20;

/// Something a person asked of a ride and was told had happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// `POST /rides`.
    Book,
    /// The driver took the offer.
    Accept,
    /// The driver stands at the pickup.
    Arrive,
    /// The rider got on.
    Start,
    /// The ride ended at the destination.
    Complete,
    /// The rider called it off.
    CancelByRider,
    /// The driver called it off.
    CancelByDriver,
}

/// What was told about one ride.
#[derive(Clone, Debug, Default)]
struct Told {
    acknowledged: BTreeSet<Command>,
    drivers: BTreeSet<Uuid>,
    takers: BTreeSet<usize>,
    assigned: bool,
    arrived: bool,
    started: bool,
    ends: BTreeSet<Status>,
}

/// Everything clients were told during a run.
#[derive(Debug, Default)]
pub struct Evidence {
    rides: BTreeMap<Uuid, Told>,
    keys: BTreeMap<Uuid, BTreeSet<Uuid>>,
    ratings: BTreeMap<Uuid, u64>,
    seen_together: BTreeSet<(usize, Uuid, Uuid)>,
}

impl Evidence {
    /// Somebody saw this view: reply, event, welcome or answer.
    pub fn saw(&mut self, view: &RideView) {
        let told = self.rides.entry(view.id).or_default();
        told.drivers.extend(view.driver.as_ref().map(|driver| driver.id));
        told.assigned |= view.assigned_at.is_some() || view.status == Status::DriverAssigned;
        told.arrived |= view.arrived_at.is_some() || view.status == Status::DriverArrived;
        told.started |= view.started_at.is_some() || view.status == Status::InProgress;
        if view.status.is_final() {
            told.ends.insert(view.status);
        }
    }

    /// A booking under `key` was answered with this ride.
    pub fn booked(&mut self, key: Uuid, view: &RideView) {
        self.keys.entry(key).or_default().insert(view.id);
        self.acknowledged(Command::Book, view);
    }

    /// A command was answered with success and this view.
    pub fn acknowledged(&mut self, command: Command, view: &RideView) {
        self.saw(view);
        self.rides.entry(view.id).or_default().acknowledged.insert(command);
    }

    /// The driver with this number was told that the ride is theirs.
    pub fn taken(&mut self, driver: usize, ride: Uuid) {
        self.rides.entry(ride).or_default().takers.insert(driver);
    }

    /// A driver was given a second ride while the first was live, as seen on one socket.
    pub fn seen_together(&mut self, driver: usize, first: Uuid, second: Uuid) {
        self.seen_together.insert((driver, first, second));
    }

    /// A rating of the ride's driver was accepted.
    pub fn rated(&mut self, ride: Uuid) {
        *self.ratings.entry(ride).or_default() += 1;
    }

    /// All rides anybody heard of.
    pub fn rides(&self) -> Vec<Uuid> {
        self.rides.keys().copied().collect()
    }

    /// Rides each driver was told they have, by the driver's number.
    pub fn rides_of_drivers(&self) -> BTreeMap<usize, Vec<Uuid>> {
        let mut rides: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
        for (id, told) in &self.rides {
            for driver in &told.takers {
                rides.entry(*driver).or_default().push(*id);
            }
        }
        rides
    }

    /// Ratings accepted for these rides.
    pub fn ratings_for(&self, rides: &[Uuid]) -> u64 {
        rides.iter().filter_map(|ride| self.ratings.get(ride)).sum()
    }
}

/// What the server says at the end.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every ride that was asked for; none when the server does not know it.
    pub rides: BTreeMap<Uuid, Option<RideView>>,
    /// The history of every driver that had a ride, by the driver's number.
    pub histories: BTreeMap<usize, Vec<RideView>>,
    /// Rides that are live at the end, as their riders are told.
    pub live: BTreeSet<Uuid>,
    /// Ratings the server counts for each driver, by the driver's number.
    pub ratings: BTreeMap<usize, u64>,
}

/// The outcome of the comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Rides with two drivers, and pairs of live rides of one driver.
    pub double_assignments: u64,
    /// Things that were told and are not so.
    pub lost_acknowledgements: u64,
    /// Rides without a final state.
    pub rides_unfinished: u64,
    /// Idempotency keys that made more than one ride.
    pub duplicate_rides: u64,
    /// Acknowledged rides by their state at the end.
    pub ended_by_state: BTreeMap<&'static str, u64>,
    /// The first violations in words.
    pub violations: Vec<String>,
}

impl Verdict {
    fn describe(&mut self, text: String) {
        if self.violations.len() < DESCRIBED_MAX {
            self.violations.push(text);
        }
    }
}

/// Compares what was told with what is.
pub fn verdict(evidence: &Evidence, truth: &Truth) -> Verdict {
    let mut verdict = Verdict::default();
    for (key, rides) in evidence.keys.iter().filter(|(_, rides)| rides.len() > 1) {
        verdict.duplicate_rides += 1;
        verdict.describe(format!("idempotency key {key} made {} rides", rides.len()));
    }
    for (id, told) in &evidence.rides {
        check_ride(*id, told, truth.rides.get(id).and_then(Option::as_ref), &mut verdict);
    }
    check_drivers(evidence, truth, &mut verdict);
    // A booking that was made and never acknowledged must end too.
    let unknown = truth.live.iter().filter(|ride| !evidence.rides.contains_key(ride));
    for ride in unknown {
        verdict.rides_unfinished += 1;
        verdict.describe(format!("ride {ride}, which was never acknowledged, is still live"));
    }
    verdict
}

fn check_ride(id: Uuid, told: &Told, now: Option<&RideView>, verdict: &mut Verdict) {
    let mut drivers = told.drivers.clone();
    drivers.extend(now.and_then(|view| view.driver.as_ref()).map(|driver| driver.id));
    if drivers.len() > 1 || told.takers.len() > 1 {
        verdict.double_assignments += 1;
        verdict.describe(format!("ride {id} had {} drivers", drivers.len().max(told.takers.len())));
    }
    let Some(now) = now else {
        if !told.acknowledged.is_empty() {
            verdict.lost_acknowledgements += 1;
            verdict.describe(format!("ride {id} was acknowledged and is not there"));
        }
        return;
    };
    if told.acknowledged.contains(&Command::Book) {
        *verdict.ended_by_state.entry(now.status.name()).or_default() += 1;
    }
    if !now.status.is_final() {
        verdict.rides_unfinished += 1;
        verdict.describe(format!("ride {id} is still {}", now.status.name()));
    }
    for broken in broken_promises(told, now) {
        verdict.lost_acknowledgements += 1;
        verdict.describe(format!("ride {id} is {}: {broken}", now.status.name()));
    }
}

/// Which of the things told about a ride are not so.
fn broken_promises(told: &Told, now: &RideView) -> Vec<String> {
    let has = |command| told.acknowledged.contains(&command);
    let passed = [
        (told.assigned || has(Command::Accept), now.assigned_at.is_some() && now.driver.is_some(), "assigned"),
        (told.arrived || has(Command::Arrive), now.arrived_at.is_some(), "arrived"),
        (told.started || has(Command::Start), now.started_at.is_some(), "started"),
    ];
    let mut broken: Vec<String> = passed
        .into_iter()
        .filter(|(promised, kept, _)| *promised && !*kept)
        .map(|(_, _, what)| format!("was said to be {what}"))
        .collect();
    let mut ends = told.ends.clone();
    for (command, end) in [
        (Command::Complete, Status::Completed),
        (Command::CancelByRider, Status::CancelledByCustomer),
        (Command::CancelByDriver, Status::CancelledByDriver),
    ] {
        if has(command) {
            ends.insert(end);
        }
    }
    broken
        .extend(ends.into_iter().filter(|end| *end != now.status).map(|end| format!("was said to be {}", end.name())));
    broken
}

fn check_drivers(evidence: &Evidence, truth: &Truth, verdict: &mut Verdict) {
    let mut overlapping: BTreeSet<(usize, Uuid, Uuid)> = BTreeSet::new();
    for (driver, first, second) in &evidence.seen_together {
        overlapping.insert((*driver, *first.min(second), *first.max(second)));
    }
    for (driver, history) in &truth.histories {
        overlapping.extend(overlaps(history).into_iter().map(|(first, second)| (*driver, first, second)));
    }
    for (driver, first, second) in &overlapping {
        verdict.double_assignments += 1;
        verdict.describe(format!("driver #{driver} had rides {first} and {second} at once"));
    }
    for (driver, rides) in evidence.rides_of_drivers() {
        if let Some(history) = truth.histories.get(&driver) {
            let known: BTreeSet<_> = history.iter().map(|view| view.id).collect();
            for ride in rides.iter().filter(|ride| !known.contains(ride)) {
                verdict.lost_acknowledgements += 1;
                verdict.describe(format!("driver #{driver} was given ride {ride}, which is not in their history"));
            }
        }
        let (given, counted) = (evidence.ratings_for(&rides), truth.ratings.get(&driver).copied());
        if let Some(missing) = counted.and_then(|counted| given.checked_sub(counted)).filter(|missing| *missing > 0) {
            verdict.lost_acknowledgements += missing;
            verdict.describe(format!("driver #{driver} misses {missing} of {given} ratings"));
        }
    }
}

/// Pairs of rides of one driver that were live at the same time, by the server's own times.
fn overlaps(history: &[RideView]) -> Vec<(Uuid, Uuid)> {
    let mut spans: Vec<(&str, Option<&str>, Uuid)> = history
        .iter()
        .filter_map(|view| Some((view.assigned_at.as_deref()?, view.ended_at.as_deref(), view.id)))
        .collect();
    spans.sort_unstable();
    let mut pairs = Vec::new();
    for (index, (_, end, id)) in spans.iter().enumerate() {
        for (start, _, other) in &spans[index + 1..] {
            if end.is_none_or(|end| *start < end) {
                pairs.push((*id.min(other), *id.max(other)));
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::KIGALI;

    fn ride(n: u128, status: Status, driver: u128) -> RideView {
        let since = |wanted: bool| wanted.then(|| "2026-11-23T07:00:04.120Z".to_owned());
        RideView {
            id: Uuid::from_u128(n),
            status,
            pickup: KIGALI,
            destination: KIGALI,
            pin: None,
            driver: (driver > 0).then(|| crate::wire::Party { id: Uuid::from_u128(driver) }),
            assigned_at: since(driver > 0),
            arrived_at: since(matches!(status, Status::DriverArrived | Status::InProgress | Status::Completed)),
            started_at: since(matches!(status, Status::InProgress | Status::Completed)),
            ended_at: since(status.is_final()),
        }
    }

    fn truth(rides: &[RideView]) -> Truth {
        Truth { rides: rides.iter().map(|view| (view.id, Some(view.clone()))).collect(), ..Truth::default() }
    }

    /// (double assignments, lost acknowledgements, unfinished, duplicates)
    fn check(evidence: &Evidence, truth: &Truth, expected: (u64, u64, u64, u64)) {
        let v = verdict(evidence, truth);
        let found = (v.double_assignments, v.lost_acknowledgements, v.rides_unfinished, v.duplicate_rides);
        assert_eq!(found, expected, "{:?}", v.violations);
        assert_eq!(v.violations.is_empty(), expected == (0, 0, 0, 0));
    }

    #[test]
    fn a_ride_told_and_found_the_same_is_clean() {
        let mut evidence = Evidence::default();
        evidence.booked(Uuid::from_u128(9), &ride(1, Status::Requested, 0));
        evidence.acknowledged(Command::Accept, &ride(1, Status::DriverAssigned, 5));
        evidence.taken(0, Uuid::from_u128(1));
        evidence.acknowledged(Command::Complete, &ride(1, Status::Completed, 5));
        check(&evidence, &truth(&[ride(1, Status::Completed, 5)]), (0, 0, 0, 0));
    }

    #[test]
    fn a_ride_that_vanished_is_a_lost_acknowledgement() {
        let mut evidence = Evidence::default();
        evidence.booked(Uuid::from_u128(9), &ride(1, Status::Requested, 0));
        check(&evidence, &Truth::default(), (0, 1, 0, 0));
    }

    #[test]
    fn a_ride_that_went_back_is_a_lost_acknowledgement() {
        let mut evidence = Evidence::default();
        evidence.saw(&ride(1, Status::InProgress, 5));
        check(&evidence, &truth(&[ride(1, Status::CancelledBySystem, 5)]), (0, 2, 0, 0));
    }

    #[test]
    fn an_acknowledged_cancel_must_be_the_end() {
        let mut evidence = Evidence::default();
        evidence.acknowledged(Command::CancelByRider, &ride(1, Status::CancelledByCustomer, 0));
        check(&evidence, &truth(&[ride(1, Status::CancelledByCustomer, 0)]), (0, 0, 0, 0));
        check(&evidence, &truth(&[ride(1, Status::Completed, 5)]), (0, 1, 0, 0));
    }

    #[test]
    fn two_drivers_of_one_ride_are_found() {
        let mut evidence = Evidence::default();
        evidence.saw(&ride(1, Status::DriverAssigned, 5));
        check(&evidence, &truth(&[ride(1, Status::Completed, 6)]), (1, 0, 0, 0));
    }

    #[test]
    fn a_driver_with_two_live_rides_is_found_by_time() {
        let mut first = ride(1, Status::Completed, 5);
        let mut second = ride(2, Status::Completed, 5);
        first.ended_at = Some("2026-11-23T07:10:00.000Z".to_owned());
        second.assigned_at = Some("2026-11-23T07:10:00.000Z".to_owned());
        second.ended_at = Some("2026-11-23T07:20:00.000Z".to_owned());
        let mut evidence = Evidence::default();
        evidence.taken(3, first.id);
        evidence.taken(3, second.id);
        let mut truth = truth(&[first.clone(), second.clone()]);
        truth.histories.insert(3, vec![second.clone(), first.clone()]);
        check(&evidence, &truth, (0, 0, 0, 0));
        second.assigned_at = Some("2026-11-23T07:09:59.999Z".to_owned());
        truth.histories.insert(3, vec![second, first.clone()]);
        check(&evidence, &truth, (1, 0, 0, 0));
        truth.histories.insert(3, vec![first]);
        check(&evidence, &truth, (0, 1, 0, 0));
    }

    #[test]
    fn a_key_that_made_two_rides_is_found() {
        let mut evidence = Evidence::default();
        let rides = [ride(1, Status::Completed, 5), ride(2, Status::Completed, 6)];
        for view in &rides {
            evidence.booked(Uuid::from_u128(9), view);
        }
        check(&evidence, &truth(&rides), (0, 0, 0, 1));
    }

    #[test]
    fn live_rides_are_unfinished_and_missing_ratings_are_lost() {
        let mut evidence = Evidence::default();
        evidence.booked(Uuid::from_u128(9), &ride(1, Status::Requested, 0));
        evidence.taken(3, Uuid::from_u128(1));
        evidence.rated(Uuid::from_u128(1));
        let mut truth = truth(&[ride(1, Status::InProgress, 5)]);
        truth.ratings.insert(3, 0);
        check(&evidence, &truth, (0, 1, 1, 0));
    }
}
