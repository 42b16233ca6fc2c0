//! What is only told by its newest state: a driver's place at a stage, where a driver is wanted, a rider's place in the
//! queue of a short area.
//!
//! Separate from control messages because nothing follows from these that an app could miss: the next one says it all
//! again, so one that waits makes way for a newer one and none is kept for who was away.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::ZoneId;
use crate::time::Timestamp;

/// Which of them. A session holds one of each at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatestKind {
    /// A driver's place at a stage.
    Stage,
    /// Where a driver is wanted.
    Hint,
    /// A rider's place in the queue of a short area.
    RideQueue,
}

impl LatestKind {
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// A driver's place in the queue of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StagePlaceView {
    /// The stage, a geofence.
    #[schema(value_type = Uuid)]
    pub stage_id: ZoneId,
    /// What people call it.
    #[schema(example = "Nyabugogo")]
    pub name: String,
    /// 1 is the head: the next rider of the stage is offered to this driver.
    #[schema(example = 2)]
    pub place: u32,
    /// How many wait, this driver included.
    #[schema(example = 7)]
    pub waiting: u32,
    /// Since when.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub joined_at: Timestamp,
    /// The driver is outside: the place is lost then; null inside.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    pub away_until: Option<Timestamp>,
}

/// Where a driver is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HintView {
    /// The H3 cell.
    #[schema(example = "886ad36a31fffff")]
    pub cell: String,
    /// Its middle, degrees north.
    #[schema(example = -1.9441)]
    pub lat: f64,
    /// Degrees east.
    #[schema(example = 30.0619)]
    pub lng: f64,
    /// As the crow flies, when it was given.
    #[schema(example = 1340)]
    pub distance_m: i64,
    /// How short of drivers it is, 10 to 100.
    #[schema(example = 40)]
    pub intensity: u8,
    /// Until when it is meant.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    pub expires_at: Timestamp,
}

/// A rider's place in the queue of an area that is short of drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RideQueueView {
    /// 1 is the next to be served.
    #[schema(example = 3)]
    pub position: u32,
    /// How long it will take, by what drivers took here lately; null when that says nothing.
    #[schema(example = 240)]
    pub expected_wait_s: Option<i64>,
}
