//! Where rider and driver meet in person: the rider says the PIN, the driver types it.
//!
//! This is the only thing two simulated people exchange outside the public API, as in the street.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use uuid::Uuid;

/// PINs spoken aloud, by ride.
#[derive(Debug, Default)]
pub struct Meeting(Mutex<FxHashMap<Uuid, String>>);

impl Meeting {
    /// The rider stands at the pickup and knows the PIN.
    pub fn tell(&self, ride: Uuid, pin: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(ride, pin.to_owned());
    }

    /// The driver asks for it.
    pub fn ask(&self, ride: Uuid) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&ride).cloned()
    }

    /// The ride is over.
    pub fn part(&self, ride: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&ride);
    }
}
