//! The simulated store: takes the batches that PostgreSQL would take, in the order in which `rides::store::commit` writes
//! them, and refuses what its constraints refuse.

use std::collections::BTreeMap;

use boda::dispatch::{Decision, Fact, RestoredShift};
use boda::ids::{DriverId, OfferId, RideId, RiderId, StreamSeq};
use boda::matching::record::Record;
use boda::realtime::protocol::view::RideStatus;
use boda::rides::desk::{Batch, Closing, LiveRide, Recorded, Stored};
use boda::rides::ride::{Offer, Ride};
use boda::time::Timestamp;

use crate::rules::{Checked, Rule, hold};

/// The tables.
#[derive(Default)]
pub struct Store {
    pub rides: BTreeMap<RideId, Ride>,
    pub offers: BTreeMap<OfferId, (Offer, Option<Closing>)>,
    pub timelines: BTreeMap<RideId, Vec<Recorded>>,
    /// Open shifts, and since when.
    pub shifts: BTreeMap<DriverId, Timestamp>,
    /// Who was ever on shift.
    pub drivers: BTreeMap<DriverId, Timestamp>,
    last_seq: StreamSeq,
    under_way: BTreeMap<DriverId, RideId>,
    next: BTreeMap<DriverId, RideId>,
    of_rider: BTreeMap<RiderId, RideId>,
    open: BTreeMap<DriverId, OfferId>,
}

impl Store {
    /// Writes a batch, all of it; a batch that is there already changes nothing.
    pub fn apply(&mut self, batch: &Batch) -> Checked {
        let is_there = |decision: &Decision| {
            self.timelines
                .get(&decision.ride)
                .and_then(|line| line.get(decision.seq as usize - 1))
                .map(|at| &at.decision)
        };
        let there = batch.events.iter().filter(|event| is_there(&event.decision).is_some()).count();
        if there > 0 {
            let same = batch.events.iter().all(|event| is_there(&event.decision) == Some(&event.decision));
            return hold(same, Rule::AppendOnly, || format!("events are written anew: {:?}", batch.events));
        }
        let (ended, live): (Vec<_>, Vec<_>) = batch.rides.iter().partition(|ride| !ride.status.is_live());
        for ride in ended {
            self.put_ride(ride)?;
        }
        // As `free_drivers` does.
        for event in &batch.events {
            if matches!(event.decision.fact, Fact::Released { .. } | Fact::OnTheWay)
                && let Some(ride) = self.rides.get(&event.decision.ride).cloned()
                && matches!(ride.status, RideStatus::DriverAssigned | RideStatus::DriverArrived)
            {
                self.put_ride(&Ride { driver: None, is_next: false, status: RideStatus::Requested, ..ride })?;
            }
        }
        for ride in live {
            self.put_ride(ride)?;
        }
        for (offer, closing) in batch.offers.iter().filter(|(_, closing)| closing.is_some()) {
            self.put_offer(offer, closing.as_ref())?;
        }
        for (offer, _) in batch.offers.iter().filter(|(_, closing)| closing.is_none()) {
            self.put_offer(offer, None)?;
        }
        for event in &batch.events {
            let decision = event.decision.clone();
            let line = self.timelines.entry(decision.ride).or_default();
            hold(decision.seq as usize == line.len() + 1, Rule::AppendOnly, || {
                format!("fact {} of ride {} follows on {} facts", decision.seq, decision.ride, line.len())
            })?;
            hold(event.stream_seq > self.last_seq, Rule::StreamGrows, || {
                format!("{} after {}", event.stream_seq, self.last_seq)
            })?;
            self.last_seq = event.stream_seq;
            line.push(Recorded { decision, seq: event.stream_seq, is_heard: event.is_heard });
        }
        for shift in &batch.shifts {
            if shift.opened {
                self.shifts.entry(shift.driver).or_insert(shift.at);
                self.drivers.entry(shift.driver).or_insert(shift.at);
            } else {
                self.shifts.remove(&shift.driver);
            }
        }
        Ok(())
    }

    fn put_ride(&mut self, ride: &Ride) -> Checked {
        if let Some(before) = self.rides.get(&ride.id) {
            hold(before.status.is_live(), Rule::AppendOnly, || format!("ride {} changes after its end", ride.id))?;
            let (rider, driver) = (before.rider, before.driver);
            let leave = |at: Option<&RideId>| at == Some(&ride.id);
            if let Some(driver) = driver {
                if leave(self.under_way.get(&driver)) {
                    self.under_way.remove(&driver);
                }
                if leave(self.next.get(&driver)) {
                    self.next.remove(&driver);
                }
            }
            if leave(self.of_rider.get(&rider)) {
                self.of_rider.remove(&rider);
            }
        }
        let is_waiting = matches!(ride.status, RideStatus::Scheduled | RideStatus::Requested);
        hold(!is_waiting || ride.driver.is_none(), Rule::OneUnderWay, || {
            format!("ride {} waits and has a driver", ride.id)
        })?;
        if ride.status.is_under_way() {
            let other = self.of_rider.insert(ride.rider, ride.id);
            hold(other.is_none(), Rule::OneForRider, || format!("{} has {} and {other:?}", ride.rider, ride.id))?;
        }
        if let Some(driver) = ride.driver.filter(|_| ride.status.is_live()) {
            let (rule, of) =
                if ride.is_next { (Rule::OneNext, &mut self.next) } else { (Rule::OneUnderWay, &mut self.under_way) };
            let other = of.insert(driver, ride.id);
            hold(other.is_none(), rule, || format!("driver {driver} has {} and {other:?}", ride.id))?;
        }
        self.rides.insert(ride.id, ride.clone());
        Ok(())
    }

    fn put_offer(&mut self, offer: &Offer, closing: Option<&Closing>) -> Checked {
        let before = self.offers.get(&offer.id).map(|(_, closing)| closing.is_some());
        hold(before != Some(true), Rule::AppendOnly, || format!("offer {} ends twice", offer.id))?;
        if self.open.get(&offer.driver) == Some(&offer.id) {
            self.open.remove(&offer.driver);
        }
        if closing.is_none() {
            let other = self.open.insert(offer.driver, offer.id);
            hold(other.is_none(), Rule::OneOffer, || {
                format!("driver {} has {} and {other:?}", offer.driver, offer.id)
            })?;
        }
        self.offers.insert(offer.id, (offer.clone(), closing.cloned()));
        Ok(())
    }

    /// Whether a decision is written.
    pub fn has(&self, decision: &Decision) -> bool {
        let line = self.timelines.get(&decision.ride);
        line.and_then(|line| line.get(decision.seq as usize - 1)).is_some_and(|at| at.decision == *decision)
    }

    /// Whether a ride has had a fact like this.
    pub fn had(&self, ride: RideId, like: impl Fn(&Fact) -> bool) -> bool {
        self.timelines.get(&ride).is_some_and(|line| line.iter().any(|at| like(&at.decision.fact)))
    }

    /// Rides that have not ended.
    pub fn live(&self) -> impl Iterator<Item = &Ride> {
        self.rides.values().filter(|ride| ride.status.is_live())
    }

    /// Offers that wait for an answer.
    pub fn open_offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.values().filter(|(_, closing)| closing.is_none()).map(|(offer, _)| offer)
    }

    /// What a restart reads.
    pub fn stored(&self) -> Stored {
        let live = |ride: &Ride| LiveRide { timeline: self.timelines[&ride.id].clone(), ride: ride.clone() };
        let mut rides: Vec<LiveRide> = self.live().map(live).collect();
        rides.sort_by_key(|live| (live.ride.requested_at, live.ride.id));
        let shift = |(&driver, &since): (&DriverId, &Timestamp)| {
            let ended = self.rides.values().filter(|ride| ride.driver == Some(driver)).filter_map(|ride| ride.ended_at);
            RestoredShift { driver, record: Record::default(), idle_since: ended.max().unwrap_or(since).max(since) }
        };
        Stored {
            rides,
            offers: self.open_offers().cloned().collect(),
            on_shift: self.shifts.iter().map(shift).collect(),
            standings: Default::default(),
            last_seq: self.last_seq,
            rounds: Default::default(),
        }
    }
}
