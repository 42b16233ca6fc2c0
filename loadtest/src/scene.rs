//! What all simulated people share: the way to the server, the witness, the city and their habits.

use std::time::Duration;

use crate::api::Api;
use crate::meeting::Meeting;
use crate::witness::Witness;
use crate::world::World;

/// A driver this near to where they are going has arrived.
pub const NEAR_M: f64 = 60.0;
/// How long a driver looks at an offer before answering, seconds.
pub const CONSIDER_S: (f64, f64) = (0.3, 1.5);
/// How long boarding takes, seconds.
pub const BOARD_S: (f64, f64) = (0.5, 1.5);
/// When a rider who changes their mind does so after booking, seconds.
pub const REGRET_S: (f64, f64) = (0.5, 15.0);
/// A rider without news asks the server this often.
pub const POLL_EVERY: Duration = Duration::from_secs(10);

/// How people behave; shares are 0.0..=1.0.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Share of offers accepted.
    pub accept: f64,
    /// Share of offers declined; the rest is ignored until it lapses.
    pub decline: f64,
    /// Speed with an errand.
    pub speed_mps: f64,
    /// Speed of a free driver.
    pub roam_mps: f64,
    /// Share of bookings the rider cancels.
    pub cancel: f64,
    /// Share of completed rides the rider rates.
    pub rate: f64,
    /// Share of bookings sent twice with the same key on purpose.
    pub replay: f64,
    /// Share of rides where the driver first mistypes the PIN.
    pub mistype: f64,
}

impl Habits {
    /// The usual crowd, on motorcycles of this speed.
    pub fn usual(speed_mps: f64, cancel: f64) -> Self {
        Self {
            accept: 0.95,
            decline: 0.03,
            speed_mps,
            roam_mps: speed_mps * 0.3,
            cancel,
            rate: 0.5,
            replay: 0.03,
            mistype: 0.01,
        }
    }
}

/// Shared by every simulated person of a run.
#[derive(Debug)]
pub struct Scene {
    /// The way to the server.
    pub api: Api,
    /// Who sees everything.
    pub witness: Witness,
    /// Where PINs are spoken.
    pub meeting: Meeting,
    /// Where drivers roam.
    pub world: World,
    /// How people behave.
    pub habits: Habits,
}
