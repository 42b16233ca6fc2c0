//! Reports against numbers that were added up by hand.

use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, Ride, at};
use crate::ids::{SessionId, UserId};
use crate::web::period::{PeriodLimits, PeriodParams};
use crate::web::probe::Probe;
use crate::web::{Caller, Role};

fn admin() -> Asker {
    let session = SessionId(Uuid::nil());
    Asker::Person(Caller { user: UserId(Uuid::nil()), role: Role::Admin, session })
}

fn period(from: &str, to: &str) -> Period {
    let params = PeriodParams { from: Some(from.to_owned()), to: Some(to.to_owned()) };
    params.check(at("2026-11-23T08:00:00Z"), PeriodLimits::REPORT).expect("a period")
}

#[sqlx::test(migrations = "./migrations")]
async fn the_summary_of_nothing_is_zeroes_without_rates(pool: PgPool) {
    let summary = Analytics::new(pool)
        .ride_summary(period("2026-11-16", "2026-11-22"), admin(), at("2026-11-23T08:00:00Z"))
        .await
        .expect("reads");
    assert_eq!((summary.requested, summary.revenue, summary.duration), (0, Francs::ZERO, Span::ZERO));
    assert_eq!((summary.completion_rate(), summary.cancellation_rate()), (None, None));
    assert_eq!((summary.rides_per_driver(), summary.peak_hour()), (None, None));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_summary_adds_up_to_what_was_counted_by_hand(pool: PgPool) {
    let (driver, other) = (fixture::driver(&pool, 1).await, fixture::driver(&pool, 2).await);
    let idle = fixture::driver(&pool, 3).await;
    let rider = fixture::rider(&pool, 10).await;
    let often = fixture::rider(&pool, 11).await;
    // Midnight (the first instant of the period), 07:50 and 17:05 in Kigali.
    for (when, driver, fare) in [
        ("2026-11-15T22:00:00Z", driver, 400),
        ("2026-11-16T05:50:00Z", driver, 751),
        ("2026-11-16T15:05:00Z", other, 1_186),
    ] {
        Ride::completed(often, driver, at(when), fare).insert(&pool).await;
    }
    for (when, status, driver) in [
        ("2026-11-16T05:10:00Z", "cancelled_by_customer", None),
        ("2026-11-16T15:30:00Z", "cancelled_by_driver", Some(idle)),
        ("2026-11-16T15:31:00Z", "cancelled_by_system", None),
        ("2026-11-17T15:32:00Z", "no_driver_found", None),
        ("2026-11-17T21:59:59Z", "requested", None),
    ] {
        Ride { driver, ..Ride::without_driver(rider, status, at(when)) }.insert(&pool).await;
    }
    // Outside of the period on either side.
    for when in ["2026-11-15T21:59:59Z", "2026-11-17T22:00:00Z"] {
        Ride::completed(often, other, at(when), 99_999).insert(&pool).await;
    }

    let analytics = Analytics::new(pool.clone());
    let summary = analytics
        .ride_summary(period("2026-11-16", "2026-11-17"), admin(), at("2026-11-23T08:00:00Z"))
        .await
        .expect("reads");
    let mut by_hour = [0; HOURS];
    by_hour[0] = 1;
    by_hour[7] = 2;
    by_hour[17] = 4;
    by_hour[23] = 1;
    let expected = RideSummary {
        requested: 8,
        completed: 3,
        cancelled_by_customer: 1,
        cancelled_by_driver: 1,
        cancelled_by_system: 1,
        no_driver_found: 1,
        revenue: Francs(400 + 751 + 1_186),
        distance_m: 3 * 4_200,
        duration: Span::from_minutes(30),
        active_drivers: 2,
        unique_customers: 2,
        by_hour,
    };
    assert_eq!(summary, expected);
    assert_eq!((summary.cancelled(), summary.ended(), summary.live()), (3, 7, 1));
    // 3 of 7.
    assert_eq!((summary.completion_rate(), summary.cancellation_rate()), (Some(0.4286), Some(0.4286)));
    assert_eq!((summary.rides_per_driver(), summary.peak_hour()), (Some(1.5), Some(17)));
}

#[test]
fn of_two_peaks_the_earlier_hour_is_named() {
    let mut by_hour = [0; HOURS];
    (by_hour[8], by_hour[18]) = (5, 5);
    let summary = RideSummary {
        requested: 10,
        completed: 0,
        cancelled_by_customer: 0,
        cancelled_by_driver: 0,
        cancelled_by_system: 0,
        no_driver_found: 0,
        revenue: Francs::ZERO,
        distance_m: 0,
        duration: Span::ZERO,
        active_drivers: 0,
        unique_customers: 1,
        by_hour,
    };
    assert_eq!(summary.peak_hour(), Some(8));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_door_lets_in_admins_with_a_sound_period(pool: PgPool) {
    let probe = Probe::new(http::routes(), Analytics::new(pool));
    let as_role = |role| Some((UserId(Uuid::nil()), role));
    for (who, path, status) in [
        (None, "/admin/analytics/rides", 401),
        (as_role(Role::Government), "/admin/analytics/rides", 403),
        (as_role(Role::Admin), "/admin/analytics/rides?from=yesterday", 422),
        (as_role(Role::Admin), "/admin/analytics/rides?from=2024-01-01&to=2026-01-01", 422),
    ] {
        assert_eq!(probe.get(who, path).await.0.as_u16(), status, "{path}");
    }
    let path = "/admin/analytics/rides?from=2026-11-16&to=2026-11-22";
    let (status, summary) = probe.get(as_role(Role::Admin), path).await;
    assert_eq!(
        (status.as_u16(), &summary["rides_requested"], &summary["completion_rate"]),
        (200, &0.into(), &().into())
    );
    assert_eq!(summary["rides_by_hour"].as_array().map(Vec::len), Some(HOURS));
    assert_eq!(
        (&summary["from"], &summary["to"]),
        (&"2026-11-15T22:00:00.000Z".into(), &"2026-11-22T22:00:00.000Z".into())
    );
}
