//! The queue of riders where a whole area is short of drivers: who is next, and how long it may take.
//!
//! Separate from dispatch, which needs no queue: its credit for waiting serves those first who wait longest, and this says
//! to people what that comes to. A searching ride stands in the queue when no free driver is in reach of its pickup; before
//! it are those of its H3 cell and the ring around that were requested earlier. The wait is the place times how long
//! drivers took there lately from one ride to the next.
//!
//! Worked out once a second from the live rides and told when it changed; nothing of it is kept. A view of a ride shows it
//! where it is read, never in a control message: what those say follows from what was committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Rides, wrong_state};
use crate::clock;
use crate::demand::Cell;
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::realtime::Delivery;
use crate::realtime::protocol::server::{LatestKind, RideQueueView, ServerMessage};
use crate::realtime::protocol::view::RideView;
use crate::telemetry::names;
use crate::time::{Span, Timestamp};
use crate::web::{Caller, Role};

/// Numbers of the queue.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A searching ride without a free driver this near stands in the queue.
    pub reach_m: f64,
    /// How often it is worked out.
    pub refresh: Span,
}

/// Waits are told in steps: the estimate is no better, and a phone need not hear of every second.
const STEP: Span = Span::from_secs(30);
/// A longer wait is told as this: nobody plans by more.
const WAIT_MAX: Span = Span::from_secs(3_600);

/// A ride without a driver in reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranded {
    /// Which.
    pub ride: RideId,
    /// Where it begins.
    pub cell: Cell,
    /// When it was requested.
    pub requested_at: Timestamp,
}

/// The place of each, from how long drivers take between two rides in some cells.
pub fn places(
    stranded: &[Stranded],
    time_between: impl Fn(&[Cell]) -> Option<Span>,
) -> BTreeMap<RideId, RideQueueView> {
    let mut by_cell: BTreeMap<Cell, Vec<(Timestamp, RideId)>> = BTreeMap::new();
    for one in stranded {
        by_cell.entry(one.cell).or_default().push((one.requested_at, one.ride));
    }
    by_cell.values_mut().for_each(|rides| rides.sort_unstable());
    let mut found = BTreeMap::new();
    for (cell, rides) in &by_cell {
        let around = cell.disk(1);
        let every = time_between(&around);
        for ride in rides {
            let earlier =
                |cell: &Cell| by_cell.get(cell).map_or(0, |rides| rides.partition_point(|other| other < ride));
            let before: usize = around.iter().map(earlier).sum();
            let position = u32::try_from(before + 1).unwrap_or(u32::MAX);
            let expected_wait_s = every.map(|every| wait(every, position).as_secs());
            found.insert(ride.1, RideQueueView { position, expected_wait_s });
        }
    }
    found
}

/// So many rides after one another, rounded up to a step.
fn wait(every: Span, position: u32) -> Span {
    let exact = every.as_millis().saturating_mul(position.into()).min(WAIT_MAX.as_millis());
    let steps = exact.max(1).div_euclid(STEP.as_millis()) + i64::from(exact.max(1) % STEP.as_millis() != 0);
    Span::from_millis(steps * STEP.as_millis())
}

/// The places as they were worked out last.
#[derive(Default)]
pub struct RideQueue {
    places: ArcSwap<BTreeMap<RideId, RideQueueView>>,
    /// What each rider was told last.
    told: Mutex<BTreeMap<RideId, (RiderId, RideQueueView)>>,
}

impl RideQueue {
    /// The place of a ride, if it has one.
    pub fn place_of(&self, ride: RideId) -> Option<RideQueueView> {
        self.places.load().get(&ride).copied()
    }

    /// A rider's app has come back and knows nothing.
    fn forget_told(&self, rider: RiderId) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (told, _)| *told != rider);
    }
}

impl Rides {
    /// The place of a searching ride in the queue of its area; `None` while drivers are in reach.
    ///
    /// # Errors
    /// Not found unless the caller may see the ride; `wrong_state` once it is not searched for any more.
    pub async fn queue_of(&self, caller: Caller, id: RideId) -> Result<Option<RideQueueView>, Error> {
        let (ride, _) = self.visible(caller, id).await?;
        if !ride.status.is_searching() {
            return Err(wrong_state(Some(&ride)));
        }
        Ok(self.inner.queue.place_of(id))
    }

    /// A view with the ride's place in the queue of its area.
    pub(super) fn with_queue(&self, view: RideView) -> RideView {
        let queue = if view.status.is_searching() { self.inner.queue.place_of(view.id) } else { None };
        RideView { queue, ..view }
    }

    /// An app has come back: what is only told by its newest state is told again.
    pub fn tell_queue_again(&self, caller: Caller) {
        if caller.role == Role::Customer {
            self.inner.queue.forget_told(caller.user.into());
        }
    }

    fn work_out_queue(&self, now: Timestamp) {
        let Config { reach_m, .. } = self.inner.config.queue;
        let mut searching = Vec::new();
        self.inner.live.for_each(|ride| {
            if ride.status.is_searching() && ride.driver.is_none() {
                searching.push((ride.id, ride.rider, ride.pickup.at, ride.ride_type.class(), ride.requested_at));
            }
        });
        let mut riders = BTreeMap::new();
        let mut stranded = Vec::new();
        for (ride, rider, pickup, class, requested_at) in searching {
            if !self.inner.locations.is_free_near(pickup, class, reach_m, now) {
                riders.insert(ride, rider);
                stranded.push(Stranded { ride, cell: Cell::of(pickup), requested_at });
            }
        }
        let places = places(&stranded, |cells| self.inner.steering.time_between(cells));
        metrics::gauge!(names::RIDES_QUEUED).set(places.len() as f64);
        self.inner.queue.places.store(Arc::new(places.clone()));
        let mut told = self.inner.queue.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|ride, (rider, _)| {
            let stays = places.contains_key(ride);
            if !stays {
                self.show_queue(*rider, *ride, None);
            }
            stays
        });
        for (ride, rider) in riders {
            let Some(place) = places.get(&ride) else { continue };
            let is_new = told.get(&ride).is_none_or(|(_, known)| known != place);
            if is_new && self.show_queue(rider, ride, Some(*place)) == Delivery::Queued {
                told.insert(ride, (rider, *place));
            }
        }
    }

    fn show_queue(&self, rider: RiderId, ride_id: RideId, queue: Option<RideQueueView>) -> Delivery {
        let message = ServerMessage::RideQueue { ride_id, queue };
        self.inner.hub.show_latest(rider.into(), LatestKind::RideQueue, &message)
    }
}

/// Works out the queue until told to stop.
pub async fn keep_queue(rides: Rides, stop: CancellationToken) {
    let mut ticks = interval(rides.inner.config.queue.refresh.to_duration());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => rides.work_out_queue(clock::now()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::geo::LatLng;

    fn cell(number: usize) -> Cell {
        let disk = Cell::of(LatLng::new(-1.9441, 30.0619).expect("on the globe")).disk(3);
        disk[number % disk.len()]
    }

    fn stranded(number: u128, cell: Cell, second: i64) -> Stranded {
        let requested_at = Timestamp::from_millis(1_790_000_000_000) + Span::from_secs(second);
        Stranded { ride: RideId(Uuid::from_u128(number)), cell, requested_at }
    }

    proptest! {
        #[test]
        fn before_a_ride_are_all_around_it_that_were_requested_earlier(
            rides in prop::collection::vec((0..37_usize, 0..20_i64), 0..60), every_s in prop::option::of(1..600_i64),
        ) {
            let all: Vec<Stranded> =
                (1..).zip(&rides).map(|(number, (at, second))| stranded(number, cell(*at), *second)).collect();
            let found = places(&all, |cells| {
                assert_eq!(cells.len(), 7, "a cell and its ring");
                every_s.map(Span::from_secs)
            });
            prop_assert_eq!(found.len(), all.len());
            for one in &all {
                let is_before = |other: &&Stranded| {
                    one.cell.disk(1).contains(&other.cell)
                        && (other.requested_at, other.ride) < (one.requested_at, one.ride)
                };
                let position = all.iter().filter(is_before).count() as i64 + 1;
                let place = found[&one.ride];
                prop_assert_eq!(i64::from(place.position), position);
                let exact_s = every_s.map(|every_s| (every_s * position).min(3_600));
                prop_assert_eq!(place.expected_wait_s.is_some(), exact_s.is_some());
                if let (Some(told_s), Some(exact_s)) = (place.expected_wait_s, exact_s) {
                    prop_assert!(told_s % 30 == 0 && (exact_s..exact_s + 30).contains(&told_s), "{told_s} for {exact_s}");
                }
            }
        }
    }
}
