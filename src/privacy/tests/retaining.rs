//! The daily job: what is too old goes, what is not stays, and what is held stays whatever its age.

use super::retention::Class;
use super::*;

/// Old and fresh rows of every class that the job sees to: (sql, how many of it are too old).
async fn rows(pool: &PgPool) -> (DriverId, RiderId) {
    let (driver, rider) = pair(pool).await;
    for days in [0, 31, 366, 731, 1_826] {
        let at = NOW - Span::from_minutes(days * 24 * 60);
        let ride = fixture::Ride::completed(rider, driver, at - DAY, 1_000).insert(pool).await;
        sqlx::query(
            "WITH note AS (INSERT INTO notifications (id, user_id, channel, key, text, status, created_at)
                     SELECT gen_random_uuid(), $1, channel, 'k', 'words', 'sent', $3 FROM unnest(ARRAY['sms', 'in_app']) AS channel),
                  said AS (INSERT INTO ratings (ride_id, by_role, by_id, about_id, stars, comment, created_at)
                     VALUES ($4, 'customer', $1, $2, 5, 'words', $3)),
                  duty AS (INSERT INTO shifts (id, driver_id, started_at, ended_at) VALUES (gen_random_uuid(), $2, $3, $3))
             INSERT INTO incidents (id, reporter_id, kind, severity, state, description, lat, lng, created_at, updated_at)
             VALUES (gen_random_uuid(), $1, 'other', 'low', 'closed', 'words', -1.9, 30.1, $3, $3),
                    (gen_random_uuid(), $1, 'other', 'low', 'reported', 'open', -1.9, 30.1, $3, $3)",
        )
        .bind(rider.0)
        .bind(driver.0)
        .bind(sql_time(at))
        .bind(ride.0)
        .execute(pool)
        .await
        .expect("rows");
    }
    (driver, rider)
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_too_old_goes_once_and_a_dry_run_says_so_before(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (_, rider) = rows(&pool).await;
    let export = privacy.ask_for_export(rider.into(), Asker::Themselves, NOW - days(8)).await.expect("asked");
    privacy.make_export(export.id, NOW - days(8)).await.expect("made");
    let expected = Swept::from([
        (Class::Notifications, 8),
        (Class::SmsRecords, 3),
        (Class::Rides, 1),
        (Class::Comments, 2),
        (Class::Incidents, 1),
        (Class::Shifts, 2),
        (Class::Exports, 1),
        (Class::Papers, 0),
    ]);
    assert_eq!(privacy.sweep_dry(NOW).await.expect("counted"), expected);
    assert_eq!(privacy.sweep_dry(NOW).await.expect("counted"), expected, "nothing was changed");
    assert_eq!(privacy.sweep(NOW).await.expect("swept"), expected);
    let nothing: Swept = expected.keys().map(|class| (*class, 0)).collect();
    assert_eq!(privacy.sweep(NOW).await.expect("swept"), nothing, "once");
    let left = |sql| count(&pool, sql, rider.0);
    assert_eq!(left("SELECT count(*) FROM rides WHERE rider_id = $1 AND pickup_lat = -1.9438").await, 4);
    assert_eq!(left("SELECT count(*) FROM rides WHERE rider_id = $1 AND fare_rwf = 1000").await, 5, "the books stay");
    assert_eq!(left("SELECT count(*) FROM incidents WHERE reporter_id = $1 AND description = 'open'").await, 5);
    assert_eq!(privacy.export(export.id).await.expect("known").state, "expired");
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_held_stays_whatever_its_age(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, rider) = rows(&pool).await;
    let admin = fixture::person(&pool, 3, "admin").await;
    let mut holds = Vec::new();
    for person in [driver.0, rider.0] {
        holds.push(privacy.hold(admin, ("person", person), "case 1/2026", NOW).await.expect("held").id);
    }
    assert!(privacy.sweep(NOW).await.expect("swept").values().all(|rows| *rows == 0));
    // Their positions are copied before the day is dropped, and stay as long as the hold.
    let minute = i32::try_from((NOW - days(89)).as_millis() / 60_000).expect("a minute");
    let partition = format!(
        "CREATE TABLE position_segments_old PARTITION OF position_segments FOR VALUES FROM ({minute}) TO ({})",
        minute + 1
    );
    sqlx::query(sqlx::AssertSqlSafe(partition)).execute(&pool).await.expect("a partition");
    sqlx::query("INSERT INTO position_segments VALUES ($1, $2, '\\x01')")
        .bind(driver.0)
        .bind(minute)
        .execute(&pool)
        .await
        .expect("a minute");
    let kept = || count(&pool, "SELECT count(*) FROM held_position_segments WHERE driver_id = $1", driver.0);
    for _ in 0..2 {
        privacy.sweep(NOW).await.expect("swept");
        assert_eq!(kept().await, 1, "once");
    }
    for hold in holds {
        privacy.lift_hold(admin, hold, NOW).await.expect("lifted");
    }
    assert!(privacy.sweep(NOW).await.expect("swept").values().any(|rows| *rows > 0));
    assert_eq!(kept().await, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn papers_go_a_year_after_the_account_was_closed(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let admin = fixture::person(&pool, 9, "admin").await;
    let mut drivers = Vec::new();
    // Three were closed long ago, one lately, one never; the third is held.
    for (number, closed) in [(1, Some(366)), (2, Some(400)), (3, Some(400)), (4, Some(364)), (5, None)] {
        let driver = fixture::driver(&pool, number).await;
        execute(
            &pool,
            "INSERT INTO driver_files VALUES ($1, $1, '\\x01', 'image/jpeg', 1, 'kept', now())",
            &[driver.0],
        )
        .await;
        sqlx::query("INSERT INTO shifts (id, driver_id, started_at, ended_at) VALUES (gen_random_uuid(), $1, $2, $2)")
            .bind(driver.0)
            .bind(sql_time(NOW - days(500)))
            .execute(&pool)
            .await
            .expect("a shift");
        sqlx::query("UPDATE users SET disabled_at = $2 WHERE id = $1")
            .bind(driver.0)
            .bind(closed.map(|ago| sql_time(NOW - days(ago))))
            .execute(&pool)
            .await
            .expect("closed");
        drivers.push(driver.0);
    }
    privacy.hold(admin, ("person", drivers[2]), "case 2/2026", NOW).await.expect("held");
    assert_eq!(privacy.sweep_dry(NOW).await.expect("counted")[&Class::Papers], 2);
    assert_eq!(privacy.sweep(NOW).await.expect("swept")[&Class::Papers], 2);
    assert_eq!(privacy.sweep(NOW).await.expect("swept")[&Class::Papers], 0, "once");
    let mut left = Vec::new();
    for driver in drivers {
        let numbers = "SELECT count(*) FROM drivers WHERE user_id = $1 AND licence_number_sealed IS NOT NULL";
        let keys =
            "SELECT count(*) FROM driver_files WHERE driver_id = $1 AND key_sealed IS NOT NULL AND state = 'kept'";
        left.push((count(&pool, numbers, driver).await, count(&pool, keys, driver).await));
        assert_eq!(
            count(&pool, "SELECT count(*) FROM shifts WHERE driver_id = $1", driver).await,
            1,
            "have their own time"
        );
    }
    assert_eq!(left, [(0, 0), (0, 0), (1, 1), (1, 1), (1, 1)]);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_held_incident_keeps_its_ride(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, rider) = pair(&pool).await;
    let admin = fixture::person(&pool, 3, "admin").await;
    let ride = fixture::Ride::completed(rider, driver, NOW - days(1_827), 1_000).insert(&pool).await;
    let incident = Uuid::now_v7();
    execute(
        &pool,
        "INSERT INTO incidents (id, reporter_id, ride_id, kind, severity, state, description, created_at, updated_at)
         VALUES ($1, $2, $3, 'other', 'low', 'reported', 'words', now(), now())",
        &[incident, rider.0, ride.0],
    )
    .await;
    let hold = privacy.hold(admin, ("incident", incident), "case 1/2026", NOW).await.expect("held");
    assert_eq!(privacy.held().await.expect("read").rides, [ride.0]);
    assert_eq!(privacy.sweep(NOW).await.expect("swept")[&Class::Rides], 0);
    privacy.lift_hold(admin, hold.id, NOW).await.expect("lifted");
    assert_eq!(privacy.sweep(NOW).await.expect("swept")[&Class::Rides], 1);
}
