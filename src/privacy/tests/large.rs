//! A driver of five thousand rides: an export and an erasure take ten seconds at most.

use std::time::Instant;

use sqlx::AssertSqlSafe;

use super::*;
use crate::locations::history::segment::{Draft, Minute, Point};

const WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Years of work, written by the database itself.
async fn hard_worker(pool: &PgPool) -> DriverId {
    let (driver, rider) = pair(pool).await;
    let minute = Minute::of(NOW).0;
    let partition = format!(
        "CREATE TABLE position_segments_all PARTITION OF position_segments FOR VALUES FROM ({}) TO ({})",
        minute - 1_440 * 100,
        minute + 1_440
    );
    sqlx::query(AssertSqlSafe(partition)).execute(pool).await.expect("a partition");
    for sql in [
        "INSERT INTO rides (id, rider_id, driver_id, status, ride_type, payment_method, pickup_lat, pickup_lng, pickup_address,
             destination_lat, destination_lng, notes, request_hash, estimated_distance_m, estimated_duration_s, tariff,
             surge_basis_points, quoted_fare_rwf, fare_rwf, pin, requested_at, started_at, ended_at)
         SELECT gen_random_uuid(), $2, $1, 'completed', 'boda', 'cash', -1.9438, 30.0569, 'KN 3 Rd', -1.9584, 30.1191,
                'by the church', '\\x01', 4200, 687, 'test', 10000, 1000, 1000, '1234', at, at, at
         FROM generate_series(1, 5000) AS n, LATERAL (SELECT now() - n * interval '2 hours') AS times (at)",
        "INSERT INTO offers (ride_id, ordinal, driver_id, pickup_eta_s, pickup_distance_m, offered_at, deadline, outcome, closed_at)
         SELECT id, 1, driver_id, 60, 500, requested_at, requested_at, 'accepted', requested_at FROM rides
         WHERE driver_id = $1 AND rider_id = $2",
        "INSERT INTO ratings (ride_id, by_role, by_id, about_id, stars, comment, created_at)
         SELECT id, 'customer', $2, $1, 5, 'a good ride', requested_at FROM rides WHERE driver_id = $1",
        "INSERT INTO notifications (id, user_id, channel, key, text, status, created_at)
         SELECT gen_random_uuid(), who, 'in_app', 'driver_assigned', 'Keza (RC234A) is coming', 'sent', requested_at
         FROM rides, unnest(ARRAY[$1, $2]) AS who",
        "INSERT INTO ledger_accounts (kind, owner_id) SELECT 'driver_cash', $1 WHERE $2 IS NOT NULL UNION ALL
         SELECT 'driver_payable', $1 UNION ALL SELECT 'commission_income', NULL",
        "INSERT INTO ledger_transactions (id, cause, ride_id, at, memo)
         SELECT id, 'ride:' || id, id, requested_at, 'cash fare' FROM rides WHERE driver_id = $1 AND rider_id = $2",
        "INSERT INTO ledger_entries (transaction_id, line, account_id, amount_rwf)
         SELECT rides.id, line, account.id, amount FROM rides,
             (VALUES (1, 'driver_cash', 1000), (2, 'driver_payable', -1000)) AS lines (line, kind, amount),
             ledger_accounts account
         WHERE driver_id = $1 AND rider_id = $2 AND account.kind = lines.kind",
    ] {
        execute(pool, sql, &[driver.0, rider.0]).await;
    }
    let mut draft = Draft::new(Point::new(NOW, crate::geo::LatLng::new(-1.94, 30.05).expect("on the globe")));
    for second in 1..40 {
        let place = crate::geo::LatLng::new(-1.94, 30.05 + f64::from(second) / 1e4).expect("on the globe");
        draft.push(Point::new(NOW + Span::from_millis(i64::from(second) * 100), place));
    }
    // Ninety days of eight hours.
    sqlx::query(
        "INSERT INTO position_segments SELECT $1, $2 - day * 1440 - minute, $3
         FROM generate_series(0, 89) AS day, generate_series(0, 479) AS minute",
    )
    .bind(driver.0)
    .bind(minute)
    .bind(draft.packed().to_vec())
    .execute(pool)
    .await
    .expect("a way");
    sqlx::query("ANALYZE").execute(pool).await.expect("analysed");
    driver
}

#[sqlx::test(migrations = "./migrations")]
async fn five_thousand_rides_are_exported_and_forgotten_within_ten_seconds_each(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let person = UserId::from(hard_worker(&pool).await);
    let begun = Instant::now();
    let export = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect("asked");
    privacy.make_export(export.id, NOW).await.expect("made");
    let exported = begun.elapsed();
    let size = privacy.export(export.id).await.expect("known").size_bytes;
    let begun = Instant::now();
    forget(&privacy, person).await;
    let erased = begun.elapsed();
    println!("5,000 rides: exported in {exported:?} ({size:?} bytes), erased in {erased:?}");
    assert!(exported < WITHIN, "the export took {exported:?}");
    assert!(erased < WITHIN, "the erasure took {erased:?}");
    assert_eq!(count(&pool, "SELECT count(*) FROM position_segments WHERE driver_id = $1", person.0).await, 0);
    assert_eq!(count(&pool, "SELECT count(*) FROM rides WHERE driver_id = $1", person.0).await, 5_000);
    let told =
        "SELECT count(*) FROM notifications WHERE text LIKE '%RC234A%' AND created_at > now() - interval '50 days'
                AND $1::uuid IS NOT NULL";
    assert_eq!(count(&pool, told, person.0).await, 0, "nobody keeps the plate");
}
