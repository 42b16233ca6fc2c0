//! The ledger against a real Postgres: what holds when jobs run twice, at once, or with a fault in them.

use sqlx::PgPool;
use uuid::Uuid;

use super::jobs::SettleRide;
use super::*;
use crate::db::fixture::{self, Ride};
use crate::ids::{JobId, UserId};
use crate::jobs::{Context, Failure};
use crate::time::Span;
use crate::web::Role;
use crate::web::page::PageParams;
use crate::web::probe::Probe;

fn payments(pool: &PgPool) -> Payments {
    Payments::new(Parts::for_tests(pool.clone()))
}

/// A completed cash ride and the job that settles it.
async fn cash_ride(pool: &PgPool, rider_number: u32, driver: DriverId, fare_rwf: i64) -> SettleRide {
    let requested_at = fixture::at("2026-11-20T08:00:00Z") + Span::from_secs(rider_number.into());
    let rider = fixture::rider(pool, rider_number).await;
    SettleRide {
        ride_id: Ride::completed(rider, driver, requested_at, fare_rwf).insert(pool).await,
        driver_id: driver,
        fare_rwf: Francs(fare_rwf),
        payment_method: PaymentMethod::Cash,
        rider_id: None,
        plan: Plan::default(),
        ride_type: "boda".into(),
        terms: None,
        completed_at: requested_at + Span::from_minutes(15),
    }
}

fn balance(cash: i64, owed: i64) -> DriverBalance {
    DriverBalance { cash_collected: Francs(cash), commission_owed: Francs(owed) }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_settled_cash_ride_is_in_the_drivers_hands_and_its_commission_owed(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    assert_eq!(payments.balance(driver).await.expect("reads"), balance(0, 0));
    for (rider_number, fare) in [(10, 1_186), (11, 751)] {
        let job = cash_ride(&pool, rider_number, driver, fare).await;
        assert_eq!(payments.settle_ride(&job).await.expect("settles"), Settled::Posted);
    }
    // 9 % of 1 186 is 106.74, of 751 is 67.59: each is rounded by itself.
    assert_eq!(payments.balance(driver).await.expect("reads"), balance(1_937, 107 + 68));
    let stranger = fixture::driver(&pool, 2).await;
    assert_eq!(payments.balance(stranger).await.expect("reads"), balance(0, 0));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_is_posted_once_however_often_it_is_settled(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    let job = cash_ride(&pool, 10, driver, 1_186).await;
    assert_eq!(payments.settle_ride(&job).await.expect("settles"), Settled::Posted);
    assert_eq!(payments.settle_ride(&job).await.expect("settles"), Settled::AlreadyPosted);
    assert_eq!(payments.balance(driver).await.expect("reads"), balance(1_186, 107));
}

#[sqlx::test(migrations = "./migrations")]
async fn concurrent_settlements_post_each_ride_once_and_never_block_each_other_for_good(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    let first = cash_ride(&pool, 10, driver, 1_186).await;
    let second = cash_ride(&pool, 11, driver, 751).await;
    // All four meet on accounts that do not exist yet, two and two on the same cause.
    let (a, b, c, d) = tokio::join!(
        payments.settle_ride(&first),
        payments.settle_ride(&second),
        payments.settle_ride(&first),
        payments.settle_ride(&second),
    );
    let outcomes = [a, b, c, d].map(|outcome| outcome.expect("settles"));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settled::Posted).count(), 2, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settled::AlreadyPosted).count(), 2, "{outcomes:?}");
    assert_eq!(payments.balance(driver).await.expect("reads"), balance(1_937, 175));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_job_is_harmless_to_repeat_and_dies_on_impossible_numbers_only(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let mut job = cash_ride(&pool, 10, driver, 0).await;
    let payments = payments(&pool);
    let run = |job: SettleRide| super::jobs::settle_ride(payments.clone(), job, context());
    assert_eq!(run(job.clone()).await, Ok(()), "a fare of nothing is nothing to post");
    job.fare_rwf = Francs(-5);
    assert!(matches!(run(job.clone()).await, Err(Failure::Dead { .. })));
    job.fare_rwf = Francs(1_186);
    job.ride_id = RideId(Uuid::nil());
    assert!(matches!(run(job).await, Err(Failure::Retry { .. })), "a ride that is not there yet may come");
}

fn context() -> Context {
    let now = fixture::at("2026-11-20T08:15:00Z");
    Context { job_id: JobId(Uuid::nil()), attempt: 1, request_id: None, now }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_reads_his_own_lines_newest_first_page_by_page(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    let other = fixture::driver(&pool, 2).await;
    let mut rides = Vec::new();
    for rider_number in 10..15 {
        let job = cash_ride(&pool, rider_number, driver, 1_000).await;
        payments.settle_ride(&job).await.expect("settles");
        rides.push(Some(job.ride_id));
    }
    payments.settle_ride(&cash_ride(&pool, 20, other, 9_999).await).await.expect("settles");
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageParams { limit: Some(2), cursor }.check().expect("valid");
        let page = payments.driver_ledger(driver, &request).await.expect("reads");
        assert!(page.items.len() <= 2);
        for transaction in &page.items {
            let lines: Vec<_> = transaction.entries.iter().map(|entry| (entry.kind, entry.amount.amount())).collect();
            assert_eq!(lines, [(Kind::DriverCash, 1_000), (Kind::DriverPayable, -910)]);
            seen.push(transaction.ride);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    rides.reverse();
    assert_eq!(seen, rides);
}

#[sqlx::test(migrations = "./migrations")]
async fn the_trial_balance_comes_to_zero(pool: PgPool) {
    let payments = payments(&pool);
    let empty = payments.trial_balance(UserId(Uuid::nil()), fixture::at("2026-11-23T08:00:00Z")).await.expect("reads");
    assert_eq!((empty.kinds.len(), empty.difference), (Kind::ALL.len(), Francs::ZERO));
    for number in 1..=3 {
        let driver = fixture::driver(&pool, number).await;
        payments.settle_ride(&cash_ride(&pool, 10 + number, driver, 1_000).await).await.expect("settles");
    }
    let books = payments.trial_balance(UserId(Uuid::nil()), fixture::at("2026-11-23T08:00:00Z")).await.expect("reads");
    let used = books.kinds.iter().filter(|total| total.accounts > 0);
    let rows: Vec<_> = used.map(|total| (total.kind, total.accounts, total.balance().amount())).collect();
    let expected = [(Kind::DriverCash, 3, 3_000), (Kind::DriverPayable, 3, -2_730), (Kind::CommissionIncome, 1, -270)];
    assert_eq!((rows.as_slice(), books.difference), (expected.as_slice(), Francs::ZERO));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_database_itself_refuses_unbalanced_books_and_any_change_of_them(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    payments.settle_ride(&cash_ride(&pool, 10, driver, 1_186).await).await.expect("settles");
    let message = |error: sqlx::Error| error.into_database_error().expect("Postgres refuses").message().to_owned();

    let mut transaction = pool.begin().await.expect("begins");
    let lopsided = "WITH head AS (INSERT INTO ledger_transactions (id, cause, at, memo)
                                  VALUES (gen_random_uuid(), 'test', now(), 'lopsided') RETURNING id)
                    INSERT INTO ledger_entries SELECT head.id, 1, account.id, 5
                    FROM head, ledger_accounts account WHERE account.kind = 'commission_income'";
    sqlx::query(lopsided).execute(&mut *transaction).await.expect("is checked at commit only");
    let refused = message(transaction.commit().await.expect_err("off balance"));
    assert!(refused.ends_with("is off by 5 RWF"), "{refused}");

    for change in [
        "UPDATE ledger_entries SET amount_rwf = amount_rwf * 2",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "UPDATE ledger_transactions SET memo = 'other'",
        "DELETE FROM ledger_transactions",
    ] {
        let refused = message(sqlx::query(change).execute(&pool).await.expect_err(change));
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
    let houseless = "INSERT INTO ledger_accounts (kind) VALUES ('driver_cash')";
    assert!(message(sqlx::query(houseless).execute(&pool).await.expect_err("nobody's")).contains("owned"));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_doors_let_in_whom_they_are_for(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 1).await);
    for rider_number in [10, 11] {
        payments.settle_ride(&cash_ride(&pool, rider_number, driver, 1_186).await).await.expect("settles");
    }
    let probe = Probe::new(http::routes(), payments);
    let (driver, rider) = (Some((driver.into(), Role::Driver)), Some((UserId(Uuid::nil()), Role::Customer)));
    let admin = Some((UserId(Uuid::nil()), Role::Admin));
    for (who, path, status) in [
        (None, "/drivers/me/balance", 401),
        (rider, "/drivers/me/balance", 403),
        (None, "/drivers/me/ledger", 401),
        (rider, "/drivers/me/ledger", 403),
        (driver, "/drivers/me/ledger?limit=0", 422),
        (driver, "/drivers/me/ledger?cursor=x", 422),
        (None, "/admin/ledger/trial-balance", 401),
        (driver, "/admin/ledger/trial-balance", 403),
    ] {
        assert_eq!(probe.get(who, path).await.0.as_u16(), status, "{path}");
    }
    let (_, balance) = probe.get(driver, "/drivers/me/balance").await;
    assert_eq!((&balance["cash_collected_rwf"], &balance["commission_owed_rwf"]), (&2_372.into(), &214.into()));
    let (_, page) = probe.get(driver, "/drivers/me/ledger?limit=1").await;
    assert_eq!((&page["items"][0]["owed_change_rwf"], page["items"].as_array().map(Vec::len)), (&107.into(), Some(1)));
    let next = format!("/drivers/me/ledger?limit=1&cursor={}", page["next_cursor"].as_str().expect("another page"));
    let (_, last) = probe.get(driver, &next).await;
    assert!(last["next_cursor"].is_null() && last["items"][0]["id"] != page["items"][0]["id"]);
    let (_, books) = probe.get(admin, "/admin/ledger/trial-balance").await;
    assert_eq!((&books["difference_rwf"], &books["kinds"][8]["credit_rwf"]), (&0.into(), &214.into()));
}
