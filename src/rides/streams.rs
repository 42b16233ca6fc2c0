//! The control messages of the last minutes, rebuilt from the store: what an app that comes back after a restart missed.
//!
//! Separate from the shard, which is not running yet. Reads in bulk, so that no resume reads anything. The names in the
//! messages are those of now; everything else is as it was told: both ways go through [`Said`].

use std::sync::Arc;

use rustc_hash::FxHashMap;
use sqlx::PgPool;

use super::people::People;
use super::ride::Ride;
use super::said::{Said, first_at};
use super::store;
use super::view::Cast;
use crate::error::Error;
use crate::ids::RideId;
use crate::realtime::RestoredStreams;
use crate::time::Timestamp;

/// People looked up by one statement.
const PEOPLE_MAX: usize = 10_000;

/// What is told since an instant, of more than `decisions_max` decisions of the newest.
///
/// # Errors
/// When the store cannot be read.
pub async fn rebuild(
    pool: &PgPool,
    people: &People,
    since: Timestamp,
    decisions_max: u32,
) -> Result<RestoredStreams, Error> {
    let epoch = store::epoch(pool).await?;
    let stored = store::stream_after(pool, first_at(since), decisions_max).await?;
    let horizon = stored.horizon;
    let rides = store::rides_of(pool, people.vault(), &stored.rides).await?;
    let casts = casts(people, rides.iter()).await?;
    let timelines = store::timelines(pool, rides.iter()).await?;
    let mut messages = Vec::new();
    for ride in &rides {
        let (Some(timeline), Some(cast)) = (timelines.get(&ride.id), casts.get(&ride.id)) else {
            return Err(Error::internal(format!("ride {} has no timeline", ride.id)));
        };
        for said in Said::again(ride, timeline).filter(|said| said.seq > horizon) {
            messages.extend(said.messages(cast).map(|(user, event)| (user, said.seq, event)));
        }
    }
    // What one decision tells its parties stays in its order.
    messages.sort_by_key(|(_, seq, _)| *seq);
    Ok(RestoredStreams { epoch, horizon, messages })
}

/// The people of rides, a bounded number at a time.
///
/// # Errors
/// When the store cannot be read.
pub async fn casts(people: &People, rides: impl Iterator<Item = &Ride>) -> Result<FxHashMap<RideId, Arc<Cast>>, Error> {
    let rides: Vec<&Ride> = rides.collect();
    let mut casts = FxHashMap::default();
    for rides in rides.chunks(PEOPLE_MAX) {
        let found = people.casts(rides).await?;
        casts.extend(rides.iter().map(|ride| ride.id).zip(found.into_iter().map(Arc::new)));
    }
    Ok(casts)
}
