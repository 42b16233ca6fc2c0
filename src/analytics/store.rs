//! All SQL of the reports: it reads the `reporting` schema only.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::{HOURS, RideSummary};
use crate::money::Francs;
use crate::time::Span;
use crate::web::period::Period;

/// One statement, so that all numbers are of one moment.
pub(super) async fn ride_summary(pool: &PgPool, period: Period) -> Result<RideSummary, sqlx::Error> {
    let row = sqlx::query!(
        r#"WITH ride AS MATERIALIZED (
               SELECT * FROM reporting.rides WHERE requested_at >= $1 AND requested_at < $2)
           SELECT count(*) AS "requested!",
                  count(*) FILTER (WHERE status = 'completed') AS "completed!",
                  count(*) FILTER (WHERE status = 'cancelled_by_customer') AS "cancelled_by_customer!",
                  count(*) FILTER (WHERE status = 'cancelled_by_driver') AS "cancelled_by_driver!",
                  count(*) FILTER (WHERE status = 'cancelled_by_system') AS "cancelled_by_system!",
                  count(*) FILTER (WHERE status = 'no_driver_found') AS "no_driver_found!",
                  coalesce(sum(fare_rwf) FILTER (WHERE status = 'completed'), 0)::bigint AS "revenue_rwf!",
                  coalesce(sum(estimated_distance_m) FILTER (WHERE status = 'completed'), 0)::bigint AS "distance_m!",
                  coalesce(extract(epoch FROM sum(ended_at - started_at) FILTER (WHERE status = 'completed')) * 1000,
                           0)::bigint AS "duration_ms!",
                  count(DISTINCT driver_id) FILTER (WHERE status = 'completed') AS "active_drivers!",
                  count(DISTINCT rider_id) AS "unique_customers!",
                  ARRAY(SELECT count(ride.id)
                        FROM generate_series(0, 23) AS hour LEFT JOIN ride ON ride.kigali_hour = hour
                        GROUP BY hour ORDER BY hour) AS "by_hour!"
           FROM ride"#,
        DateTime::<Utc>::from(period.from()),
        DateTime::<Utc>::from(period.to()),
    )
    .fetch_one(pool)
    .await?;
    let by_hour: [i64; HOURS] = row.by_hour.try_into().map_err(|hours: Vec<i64>| {
        sqlx::Error::Decode(format!("a day of {} hours instead of {HOURS}", hours.len()).into())
    })?;
    Ok(RideSummary {
        requested: row.requested,
        completed: row.completed,
        cancelled_by_customer: row.cancelled_by_customer,
        cancelled_by_driver: row.cancelled_by_driver,
        cancelled_by_system: row.cancelled_by_system,
        no_driver_found: row.no_driver_found,
        revenue: Francs(row.revenue_rwf),
        distance_m: row.distance_m,
        duration: Span::from_millis(row.duration_ms),
        active_drivers: row.active_drivers,
        unique_customers: row.unique_customers,
        by_hour,
    })
}
