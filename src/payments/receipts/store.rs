//! What a receipt is written from.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::ids::{RideId, RiderId};
use crate::money::Francs;
use crate::payments::intent::Purpose;
use crate::time::Timestamp;

/// The ride, and who drove it.
#[derive(Clone, Debug)]
pub struct Ridden {
    /// `boda`, `delivery`.
    pub ride_type: String,
    /// Where it stands.
    pub status: String,
    /// From.
    pub pickup: Option<String>,
    /// To.
    pub destination: Option<String>,
    /// Along the streets, as matched or else as estimated.
    pub distance_m: i32,
    /// The fare at the end, without the platform's fees.
    pub fare: Francs,
    /// When it was booked.
    pub requested_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The driver's given name.
    pub driver: Option<String>,
    /// The motorcycle's plate.
    pub plate: Option<String>,
    /// The language of who rode.
    pub language: String,
}

/// Something that was owed.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What for.
    pub purpose: Purpose,
    /// How much.
    pub amount: Francs,
    /// Of it, the driver's.
    pub driver: Francs,
    /// Of it, the platform's, its tax included.
    pub platform: Francs,
    /// What of it is paid.
    pub paid: Francs,
}

/// A piece that was paid.
#[derive(Clone, Debug)]
pub struct Paid {
    /// `cash`, `mtn`, `airtel`, `card`, `credit`, `promotion`.
    pub tender: String,
    /// Counted for what was owed.
    pub amount: Francs,
    /// Beyond it: it became credit.
    pub surplus: Francs,
    /// When.
    pub at: Timestamp,
    /// The provider's own name of it.
    pub reference: Option<String>,
}

/// Money that went back to a wallet.
#[derive(Clone, Debug)]
pub struct Refunded {
    /// How much.
    pub amount: Francs,
    /// When.
    pub at: Timestamp,
    /// The provider's own name of it.
    pub reference: Option<String>,
}

/// A rider's ride.
pub async fn ride(pool: &PgPool, rider: RiderId, ride: RideId) -> Result<Option<Ridden>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT ride.ride_type, ride.status, ride.pickup_address, ride.destination_address,
                  coalesce(ride.matched_distance_m, ride.estimated_distance_m) AS "distance_m!", ride.fare_rwf,
                  ride.requested_at, ride.started_at, ride.ended_at, driving.first_name AS "first_name?",
                  driver.plate AS "plate?", person.language
           FROM rides ride JOIN users person ON person.id = ride.rider_id
           LEFT JOIN drivers driver ON driver.user_id = ride.driver_id
           LEFT JOIN users driving ON driving.id = ride.driver_id
           WHERE ride.id = $1 AND ride.rider_id = $2"#,
        ride.0,
        rider.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Ridden {
        ride_type: row.ride_type,
        status: row.status,
        pickup: row.pickup_address,
        destination: row.destination_address,
        distance_m: row.distance_m,
        fare: Francs(row.fare_rwf),
        requested_at: row.requested_at.into(),
        started_at: row.started_at.map(Timestamp::from),
        ended_at: row.ended_at.map(Timestamp::from),
        driver: row.first_name,
        plate: row.plate,
        language: row.language,
    }))
}

/// What was owed for a ride, in the order in which it came to be.
pub async fn owed(pool: &PgPool, ride: RideId) -> Result<Vec<Owed>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT purpose, amount_rwf, driver_rwf, platform_rwf, paid_rwf FROM payment_intents
         WHERE ride_id = $1 AND state <> 'cancelled' ORDER BY created_at, id",
        ride.0
    )
    .fetch_all(pool)
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let unknown = || sqlx::Error::Decode(format!("{:?} is no purpose", row.purpose).into());
        all.push(Owed {
            purpose: Purpose::from_name(&row.purpose).ok_or_else(unknown)?,
            amount: Francs(row.amount_rwf),
            driver: Francs(row.driver_rwf),
            platform: Francs(row.platform_rwf),
            paid: Francs(row.paid_rwf),
        });
    }
    Ok(all)
}

/// What was paid for a ride, in order.
pub async fn paid(pool: &PgPool, ride: RideId) -> Result<Vec<Paid>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT c.tender, c.amount_rwf, c.surplus_rwf, c.at, a.provider_reference AS "provider_reference?"
           FROM payment_captures c JOIN payment_intents i ON i.id = c.intent_id
           LEFT JOIN payment_attempts a ON a.id = c.attempt_id
           WHERE i.ride_id = $1 ORDER BY c.at, c.id"#,
        ride.0
    )
    .fetch_all(pool)
    .await?;
    let piece = |tender, amount, surplus, at: DateTime<Utc>, reference| Paid {
        tender,
        amount: Francs(amount),
        surplus: Francs(surplus),
        at: at.into(),
        reference,
    };
    Ok(rows
        .into_iter()
        .map(|row| piece(row.tender, row.amount_rwf, row.surplus_rwf, row.at, row.provider_reference))
        .collect())
}

/// What went back to wallets, in order.
pub async fn refunded(pool: &PgPool, ride: RideId) -> Result<Vec<Refunded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT back.amount_rwf, back.finished_at AS "finished_at!", back.provider_reference
           FROM payment_intents i
           JOIN payment_attempts paid ON paid.subject_id = i.id AND paid.operation = 'collection'
           JOIN payment_attempts back ON back.refunds_id = paid.id AND back.operation = 'refund' AND back.state = 'succeeded'
           WHERE i.ride_id = $1 AND back.finished_at IS NOT NULL ORDER BY back.finished_at, back.id"#,
        ride.0
    )
    .fetch_all(pool)
    .await?;
    let back = |amount, at: DateTime<Utc>, reference| Refunded { amount: Francs(amount), at: at.into(), reference };
    Ok(rows.into_iter().map(|row| back(row.amount_rwf, row.finished_at, row.provider_reference)).collect())
}
