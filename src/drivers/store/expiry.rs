//! SQL of the daily round: whose papers end, who was told, whose rating is to be looked at.

use chrono::{DateTime, NaiveDate};
use sqlx::{PgConnection, PgPool};

use crate::drivers::DocumentKind;
use crate::ids::DriverId;
use crate::time::Timestamp;

/// An approved driver with the last days of papers without which nobody drives.
#[derive(Clone, Copy, Debug)]
pub struct Expiring {
    pub driver: DriverId,
    pub licence: NaiveDate,
    pub insurance: NaiveDate,
    pub inspection: Option<NaiveDate>,
    pub authorisation: Option<NaiveDate>,
}

impl Expiring {
    /// Each paper with its last day.
    pub fn papers(&self) -> impl Iterator<Item = (DocumentKind, NaiveDate)> {
        [
            (DocumentKind::Licence, Some(self.licence)),
            (DocumentKind::Insurance, Some(self.insurance)),
            (DocumentKind::Inspection, self.inspection),
            (DocumentKind::Authorisation, self.authorisation),
        ]
        .into_iter()
        .filter_map(|(kind, last)| Some((kind, last?)))
    }
}

/// Approved drivers of whose papers one ends on this day or before, in the order of their ids.
pub async fn expiring(
    pool: &PgPool,
    until: NaiveDate,
    after: Option<DriverId>,
    rows_max: i64,
) -> sqlx::Result<Vec<Expiring>> {
    let rows = sqlx::query!(
        "SELECT user_id, licence_expires_on, insurance_expires_on, inspection_expires_on, authorisation_expires_on
         FROM drivers
         WHERE status = 'approved' AND ($2::uuid IS NULL OR user_id > $2)
           AND least(licence_expires_on, insurance_expires_on, inspection_expires_on, authorisation_expires_on) <= $1
         ORDER BY user_id LIMIT $3",
        until,
        after.map(|driver| driver.0),
        rows_max
    )
    .fetch_all(pool)
    .await?;
    let drivers = rows.into_iter().map(|row| Expiring {
        driver: DriverId(row.user_id),
        licence: row.licence_expires_on,
        insurance: row.insurance_expires_on,
        inspection: row.inspection_expires_on,
        authorisation: row.authorisation_expires_on,
    });
    Ok(drivers.collect())
}

/// A notice about a paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub kind: DocumentKind,
    pub expires_on: NaiveDate,
    /// Before the last day; -1 of the suspension.
    pub days: i32,
}

/// Notes that a notice goes out; false when it went out before.
pub async fn note_notice(conn: &mut PgConnection, driver: DriverId, due: Due, now: Timestamp) -> sqlx::Result<bool> {
    let noted = sqlx::query!(
        "INSERT INTO driver_expiry_notices (driver_id, kind, expires_on, days, sent_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
        driver.0,
        due.kind.as_str(),
        due.expires_on,
        due.days,
        DateTime::from(now),
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Puts ratings before a reviewer that fell under the bound, after so many since one last looked. How many.
pub async fn flag_ratings(pool: &PgPool, below_hundredths: i64, after: i32, now: Timestamp) -> sqlx::Result<u64> {
    let flagged = sqlx::query!(
        "UPDATE drivers SET rating_flagged_at = $3
         WHERE status = 'approved' AND rating_flagged_at IS NULL AND rating_count - rating_reviewed_count >= $2
           AND rating_sum < $1::bigint * rating_count",
        below_hundredths,
        after,
        DateTime::from(now),
    )
    .execute(pool)
    .await?;
    Ok(flagged.rows_affected())
}

/// A reviewer has looked at a rating; it comes up again after as many new ones.
pub async fn rating_reviewed(conn: &mut PgConnection, driver: DriverId) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE drivers SET rating_flagged_at = NULL, rating_reviewed_count = rating_count WHERE user_id = $1",
        driver.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
