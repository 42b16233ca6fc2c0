//! SQL of the proofs of fares: written once, with the completion.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::RideId;
use crate::rides::fare_proof::FareProof;
use crate::time::Timestamp;

/// Writes the proofs of rides that were completed.
pub async fn insert(conn: &mut PgConnection, proofs: &[(RideId, Timestamp, FareProof)]) -> Result<(), sqlx::Error> {
    if proofs.is_empty() {
        return Ok(());
    }
    let rides: Vec<Uuid> = proofs.iter().map(|(ride, ..)| ride.0).collect();
    let times: Vec<DateTime<Utc>> = proofs.iter().map(|(_, at, _)| (*at).into()).collect();
    let written = proofs.iter().map(|(.., proof)| serde_json::to_value(proof)).collect::<Result<Vec<_>, _>>();
    let written = written.map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query!(
        "INSERT INTO fare_proofs (ride_id, at, proof)
         SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[])
         ON CONFLICT (ride_id) DO NOTHING",
        &rides,
        &times,
        &written,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The proof of a ride's fare; none of rides that were not completed, or before proofs were kept.
pub async fn find(pool: &PgPool, ride: RideId) -> Result<Option<FareProof>, Error> {
    let proof =
        sqlx::query_scalar!("SELECT proof FROM fare_proofs WHERE ride_id = $1", ride.0).fetch_optional(pool).await?;
    proof.map(serde_json::from_value).transpose().map_err(Error::internal)
}
