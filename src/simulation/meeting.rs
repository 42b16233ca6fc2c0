//! Where a rider tells a driver the PIN: the one thing of the simulated city that does not go through the server, because
//! two people who stand next to each other do not either.

use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::ids::RideId;

/// What riders are saying to drivers at this moment.
#[derive(Debug, Default)]
pub struct Meeting {
    // One entry for each ride at its pickup; the rider takes it away again.
    said: Mutex<FxHashMap<RideId, String>>,
}

/// A rider who has said the PIN. Leaving takes it back.
#[derive(Debug)]
pub struct Saying<'a> {
    meeting: &'a Meeting,
    ride: RideId,
}

impl Meeting {
    /// The rider says the PIN, for as long as the answer is kept.
    #[must_use = "the PIN is taken back when this is dropped"]
    pub fn say(&self, ride: RideId, pin: String) -> Saying<'_> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(ride, pin);
        Saying { meeting: self, ride }
    }

    /// What the driver has heard.
    pub fn hear(&self, ride: RideId) -> Option<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&ride).cloned()
    }
}

impl Drop for Saying<'_> {
    fn drop(&mut self) {
        self.meeting.said.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.ride);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_pin_is_heard_while_it_is_said() {
        let (meeting, ride) = (Meeting::default(), RideId(Uuid::from_u128(1)));
        let saying = meeting.say(ride, "4821".to_owned());
        assert_eq!(meeting.hear(ride).as_deref(), Some("4821"));
        assert_eq!(meeting.hear(RideId(Uuid::from_u128(2))), None);
        drop(saying);
        assert_eq!(meeting.hear(ride), None);
    }
}
