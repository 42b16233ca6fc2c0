//! The rules against a real Postgres: each finds its pattern, once.

use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, at};
use crate::payments::Config as PaymentsConfig;
use crate::payments::methods::tests::service;
use crate::time::Timestamp;

const NOW: &str = "2026-11-25T08:00:00Z";

async fn attempt(pool: &PgPool, person: UserId, amount: i64, state: &str, at: Timestamp) {
    sqlx::query(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, wallet_sealed, wallet_index,
                                       state, base_url, callback_token, created_at)
         VALUES ($1, 'collection', 'mtn', $1, $2, $3, '\\x01', '\\x01', $4, '', gen_random_uuid()::text, $5)",
    )
    .bind(Uuid::new_v4())
    .bind(person.0)
    .bind(amount)
    .bind(state)
    .bind(chrono::DateTime::<chrono::Utc>::from(at))
    .execute(pool)
    .await
    .expect("an attempt");
}

async fn cases(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT kind || ' ' || (detail->>'rule') FROM money_cases ORDER BY 1")
        .fetch_all(pool)
        .await
        .expect("reads")
}

#[sqlx::test(migrations = "./migrations")]
async fn each_pattern_opens_one_case_however_often_it_is_looked_at(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let person = UserId(rider.0);
    assert_eq!(payments.watch(at(NOW)).await.expect("looks"), 0, "nothing happened");
    attempt(&pool, person, 9_999_999, "pending", at(NOW)).await;
    attempt(&pool, person, 10_000_000, "pending", at(NOW)).await;
    for _ in 0..4 {
        attempt(&pool, person, 100, "failed", at(NOW)).await;
    }
    for number in 0_u32..4 {
        let ride = fixture::Ride::completed(rider, driver, at(NOW) - Span::from_minutes(number.into()), 900)
            .insert(&pool)
            .await;
        sqlx::query(
            "WITH intent AS (
                 INSERT INTO payment_intents (id, purpose, ride_id, payer_id, driver_id, amount_rwf, driver_rwf, platform_rwf,
                                              tax_rwf, paid_rwf, state, method, created_at, updated_at, succeeded_at)
                 VALUES (gen_random_uuid(), 'ride', $1, $2, $3, 900, 900, 0, 0, 900, 'succeeded', 'cash', $4, $4, $4)
                 RETURNING id)
             INSERT INTO payment_captures (id, intent_id, tender, amount_rwf, at) SELECT id, id, 'cash', 900, $4 FROM intent",
        )
        .bind(ride.0)
        .bind(rider.0)
        .bind(driver.0)
        .bind(chrono::DateTime::<chrono::Utc>::from(at(NOW)))
        .execute(&pool)
        .await
        .expect("a paid ride");
    }
    payments.put_payout_wallet(driver, (None, Some("0788123456")), at(NOW)).await.expect("a wallet");
    let same = crate::payments::methods::NewMethod {
        provider: None,
        number: Some("0788123456".into()),
        label: None,
        is_default: false,
    };
    payments.save_method(rider, &same, at(NOW)).await.expect("the same wallet");
    assert_eq!(payments.watch(at(NOW)).await.expect("looks"), 4);
    let (one, two) = tokio::join!(payments.watch(at(NOW)), payments.watch(at(NOW)));
    assert_eq!((one.expect("looks"), two.expect("looks")), (0, 0));
    let found =
        ["aml_threshold single", "same_pair small_rides", "shared_wallet rider_and_driver", "velocity declined"];
    assert_eq!(cases(&pool).await, found);
    // Cash counts as well.
    sqlx::query("UPDATE payment_captures SET amount_rwf = 2500000").execute(&pool).await.expect("a lot of cash");
    assert_eq!(payments.watch(at(NOW)).await.expect("looks"), 1);
    // One wallet that several people are declined through.
    let other = fixture::rider(&pool, 3).await;
    attempt(&pool, UserId(other.0), 100, "failed", at(NOW)).await;
    assert_eq!(payments.watch(at(NOW)).await.expect("looks"), 2, "one for each of them");
}

#[sqlx::test(migrations = "./migrations")]
async fn who_tries_too_often_has_to_wait_until_the_oldest_try_is_an_hour_old(pool: PgPool) {
    let person = UserId(fixture::rider(&pool, 1).await.0);
    let mut conn = pool.acquire().await.expect("a connection");
    let config = PaymentsConfig::for_tests().watch;
    for minute in 0..3 {
        may_try(&mut conn, &config, person, at(NOW)).await.expect("may try");
        attempt(&pool, person, 100, "failed", at(NOW) + Span::from_minutes(minute)).await;
    }
    let later = at(NOW) + Span::from_minutes(20);
    let refused = may_try(&mut conn, &config, person, later).await.expect_err("too often");
    assert_eq!(refused.code(), "too_many_payment_attempts");
    assert!(
        matches!(refused, Error::TooMany { retry_after, .. } if retry_after == Span::from_minutes(40)),
        "{refused}"
    );
    may_try(&mut conn, &config, person, at(NOW) + Span::from_minutes(60)).await.expect("may try");
}
