//! All SQL of this service: what is read here, what a group commit writes in [`commit`], the rows in [`row`].

pub mod agents;
mod approach;
pub mod commit;
pub mod fare_proofs;
pub mod pairing;
mod products;
pub mod relations;
mod restore;
mod row;
mod sealing;
mod streams;
#[cfg(test)]
mod tests;
mod timelines;

use sqlx::PgPool;
use uuid::Uuid;

pub use approach::{approach, gave_back};
pub use products::{accepted_eta, forget_contacts, scheduled_of};
pub use restore::{last_ended, live_rides, open_offers};
use row::PriceBasis;
pub use row::{CONTACTS, RideRow};
pub use sealing::{lock_open_contacts, replace_open_contacts};
pub use streams::{epoch, last_seq, rides_of, stream_after};
pub use timelines::timelines;

use crate::error::Error;
use crate::geo::LatLng;
use crate::ids::{DriverId, OfferId, QuoteId, RideId, RiderId, UserId};
use crate::money::{BasisPoints, Francs};
use crate::realtime::protocol::view::RideStatus;
use crate::rides::desk::Closing;
use crate::rides::quote::{Quote, Way, Wish};
use crate::rides::ride::{Offer, Price, Ride};
use crate::rides::words::RideType;
use crate::time::{Span, Timestamp};
use crate::vault::Vault;
use crate::web::page::PageRequest;

/// A ride by its id.
pub async fn find(pool: &PgPool, vault: &Vault, id: RideId) -> Result<Option<Ride>, Error> {
    let row = sqlx::query_as!(RideRow, "SELECT * FROM rides WHERE id = $1", id.0).fetch_optional(pool).await?;
    row.map(|row| row.ride(vault)).transpose()
}

/// Whose history is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Party {
    /// Rides taken.
    Rider(RiderId),
    /// Rides driven.
    Driver(DriverId),
    /// Rides booked by an agent.
    BookedBy(UserId),
    /// All rides, for an operator.
    Anyone,
}

/// Which rides of a history.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these; empty means all.
    pub statuses: Vec<RideStatus>,
    /// Requested at or after.
    pub from: Option<Timestamp>,
    /// Requested before.
    pub to: Option<Timestamp>,
}

/// Rides newest first, one more than the page holds.
pub async fn history(
    pool: &PgPool,
    vault: &Vault,
    party: Party,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Vec<Ride>, Error> {
    let (rider, driver, agent) = match party {
        Party::Rider(rider) => (Some(rider.0), None, None),
        Party::Driver(driver) => (None, Some(driver.0), None),
        Party::BookedBy(agent) => (None, None, Some(agent.0)),
        Party::Anyone => (None, None, None),
    };
    let statuses: Vec<String> = filter.statuses.iter().map(|status| status.as_str().to_owned()).collect();
    let before = page.before;
    let rows = sqlx::query_as!(
        RideRow,
        "SELECT * FROM rides
         WHERE ($1::uuid IS NULL OR rider_id = $1) AND ($2::uuid IS NULL OR driver_id = $2)
           AND (cardinality($3::text[]) = 0 OR status = ANY($3))
           AND ($4::timestamptz IS NULL OR requested_at >= $4) AND ($5::timestamptz IS NULL OR requested_at < $5)
           AND ($6::timestamptz IS NULL OR (requested_at, id) < ($6, $7::uuid))
           AND ($9::uuid IS NULL OR booked_by = $9)
         ORDER BY requested_at DESC, id DESC LIMIT $8",
        rider,
        driver,
        &statuses,
        filter.from.map(chrono::DateTime::<chrono::Utc>::from),
        filter.to.map(chrono::DateTime::<chrono::Utc>::from),
        before.map(|position| chrono::DateTime::<chrono::Utc>::from(position.at)),
        before.map(|position| position.id),
        page.limit + 1,
        agent,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| row.ride(vault)).collect()
}

/// One entry of a ride's timeline.
#[derive(Clone, Debug)]
pub struct Event {
    /// Position in the timeline, from 1.
    pub seq: i32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// By whom: `customer`, `driver`, `admin`, `system`.
    pub actor: String,
    /// Details.
    pub data: serde_json::Value,
}

/// The whole timeline of a ride: bounded by the offers one ride may make.
pub async fn events(pool: &PgPool, id: RideId) -> Result<Vec<Event>, Error> {
    let rows = sqlx::query!("SELECT seq, at, kind, actor, data FROM ride_events WHERE ride_id = $1 ORDER BY seq", id.0)
        .fetch_all(pool)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| Event { seq: row.seq, at: row.at.into(), kind: row.kind, actor: row.actor, data: row.data })
        .collect())
}

/// Keeps what a rider was shown.
pub async fn save_quote(pool: &PgPool, quote: &Quote) -> Result<(), Error> {
    sqlx::query!(
        "INSERT INTO quotes (id, rider_id, pickup_lat, pickup_lng, destination_lat, destination_lng, ride_type, distance_m,
                             duration_s, surge_basis_points, tariff, fare_rwf, created_at, expires_at, stops, pickup_at,
                             express_basis_points, price_basis)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        quote.id.0,
        quote.rider.0,
        quote.way.pickup.lat(),
        quote.way.pickup.lng(),
        quote.way.destination.lat(),
        quote.way.destination.lng(),
        quote.wish.ride_type.as_str(),
        i32::try_from(quote.price.distance_m).unwrap_or(i32::MAX),
        i32::try_from(quote.price.duration.as_secs()).unwrap_or(i32::MAX),
        i32::try_from(quote.price.surge.0).unwrap_or(i32::MAX),
        quote.price.tariff,
        quote.price.quoted.amount(),
        chrono::DateTime::<chrono::Utc>::from(quote.created_at),
        chrono::DateTime::<chrono::Utc>::from(quote.expires_at),
        places_json(&quote.way.stops),
        quote.wish.pickup_at.map(chrono::DateTime::<chrono::Utc>::from),
        quote.express.map(|supplement| i32::try_from(supplement.0).unwrap_or(i32::MAX)),
        serde_json::to_value(PriceBasis::of(&quote.price)).map_err(Error::internal)?,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A rider's own quote.
pub async fn find_quote(pool: &PgPool, rider: RiderId, id: QuoteId) -> Result<Option<Quote>, Error> {
    let row = sqlx::query!("SELECT * FROM quotes WHERE id = $1 AND rider_id = $2", id.0, rider.0)
        .fetch_optional(pool)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let place = |lat, lng| LatLng::new(lat, lng).map_err(Error::internal);
    let ride_type =
        RideType::from_word(&row.ride_type).ok_or_else(|| Error::internal("unknown ride type in quotes"))?;
    let basis: PriceBasis = serde_json::from_value(row.price_basis).map_err(Error::internal)?;
    Ok(Some(Quote {
        id,
        rider,
        way: Way {
            pickup: place(row.pickup_lat, row.pickup_lng)?,
            stops: places_of(row.stops)?,
            destination: place(row.destination_lat, row.destination_lng)?,
        },
        wish: Wish {
            ride_type,
            is_express: row.express_basis_points.is_some(),
            pickup_at: row.pickup_at.map(Timestamp::from),
        },
        express: row.express_basis_points.map(|supplement| BasisPoints(supplement.unsigned_abs())),
        price: Price {
            quote: Some(id),
            tariff: row.tariff,
            begins_at: basis.begins_at.unwrap_or_else(|| row.pickup_at.unwrap_or(row.created_at).into()),
            terms: basis.terms,
            service_fee: Francs(basis.service_fee_rwf),
            surge: BasisPoints(row.surge_basis_points.unsigned_abs()),
            distance_m: row.distance_m.unsigned_abs(),
            duration: Span::from_secs(i64::from(row.duration_s)),
            quoted: Francs(row.fare_rwf),
        },
        fare: None,
        promotion: None,
        created_at: row.created_at.into(),
        expires_at: row.expires_at.into(),
    }))
}

/// Places of a quote as they are stored: `[[lat, lng], …]`.
fn places_json(places: &[LatLng]) -> serde_json::Value {
    places.iter().map(|place| serde_json::json!([place.lat(), place.lng()])).collect()
}

fn places_of(json: serde_json::Value) -> Result<Vec<LatLng>, Error> {
    let places: Vec<(f64, f64)> = serde_json::from_value(json).map_err(Error::internal)?;
    places.into_iter().map(|(lat, lng)| LatLng::new(lat, lng).map_err(Error::internal)).collect()
}

/// A party's opinion of the other.
#[derive(Clone, Debug)]
pub struct Rating {
    /// Of which ride.
    pub ride: RideId,
    /// `customer` or `driver`.
    pub by_role: &'static str,
    /// Who rated.
    pub by: UserId,
    /// Who was rated.
    pub about: UserId,
    /// 1 to 5.
    pub stars: i16,
    /// In their own words.
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Keeps a rating, once for each party of a ride.
pub async fn save_rating(conn: &mut sqlx::PgConnection, rating: &Rating) -> Result<Saved, Error> {
    let inserted = sqlx::query!(
        "INSERT INTO ratings (ride_id, by_role, by_id, about_id, stars, comment, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT ratings_once DO NOTHING",
        rating.ride.0,
        rating.by_role,
        rating.by.0,
        rating.about.0,
        rating.stars,
        rating.comment,
        chrono::DateTime::<chrono::Utc>::from(rating.at),
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Saved::New);
    }
    let stars = sqlx::query_scalar!(
        "SELECT stars FROM ratings WHERE ride_id = $1 AND by_role = $2",
        rating.ride.0,
        rating.by_role
    )
    .fetch_one(conn)
    .await?;
    Ok(if stars == rating.stars { Saved::Before } else { Saved::Otherwise })
}

/// What became of a rating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is kept.
    New,
    /// The very same was kept before.
    Before,
    /// Another one was kept before; this one is not.
    Otherwise,
}

/// An offer as persisted, to answer a repeated command about one the core has forgotten.
pub async fn offer_outcome(pool: &PgPool, id: OfferId, driver: DriverId) -> Result<Option<Option<String>>, Error> {
    let ordinal = i32::from(id.ordinal);
    let row = sqlx::query!(
        "SELECT outcome FROM offers WHERE ride_id = $1 AND ordinal = $2 AND driver_id = $3",
        id.ride.0,
        ordinal,
        driver.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| row.outcome))
}

/// Deletes quotes nobody booked, a while after they expired. Returns how many.
pub async fn delete_stale_quotes(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM quotes WHERE id IN (
             SELECT q.id FROM quotes q WHERE q.expires_at < $1 AND NOT EXISTS (SELECT 1 FROM rides r WHERE r.quote_id = q.id)
             LIMIT $2)",
        chrono::DateTime::<chrono::Utc>::from(before),
        limit
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// An offer as a row of the table `offers`.
fn offer_json(offer: &Offer, closing: Option<&Closing>) -> serde_json::Value {
    serde_json::json!({
        "ride_id": offer.id.ride.0,
        "ordinal": offer.id.ordinal,
        "driver_id": Uuid::from(offer.driver),
        "pickup_eta_s": offer.pickup_eta.as_secs(),
        "pickup_distance_m": offer.pickup_distance_m,
        "offered_at": offer.offered_at,
        "deadline": offer.deadline,
        "outcome": closing.map(|closing| closing.outcome),
        "reason": closing.and_then(|closing| closing.reason),
        "closed_at": closing.map(|closing| closing.at),
    })
}
