//! Writing the books from many sides at once, and what the database keeps of them.

use std::collections::BTreeMap;

use sqlx::PgPool;
use uuid::Uuid;

use super::{Account, Posting, Transfer};
use crate::db::fixture;
use crate::ids::{DriverId, UserId};
use crate::money::Francs;
use crate::payments::store::{self, NewTransaction};

fn head(cause: String) -> NewTransaction {
    NewTransaction { cause, ride: None, at: fixture::at("2026-11-20T08:00:00Z"), memo: "test" }
}

fn moved(debit: Account, credit: Account, amount: i64) -> Posting {
    Posting::new(&[Transfer { debit, credit, amount: Francs(amount) }]).expect("a posting")
}

async fn kept(pool: &PgPool) -> BTreeMap<(String, Option<Uuid>), i64> {
    let rows: Vec<(String, Option<Uuid>, i64)> = sqlx::query_as(
        "SELECT kind, owner_id, sum(debit_rwf - credit_rwf)::bigint FROM ledger_balances
         JOIN ledger_accounts ON id = account_id GROUP BY kind, owner_id",
    )
    .fetch_all(pool)
    .await
    .expect("reads");
    rows.into_iter().map(|(kind, owner, sum)| ((kind, owner), sum)).collect()
}

#[sqlx::test(migrations = "./migrations")]
async fn many_postings_are_written_at_once_and_each_cause_once(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let posting =
        |n: i64| (head(format!("test:{n}")), moved(Account::MtnCollection, Account::DriverPayable(driver), n));
    let mut conn = pool.acquire().await.expect("a connection");
    assert_eq!(store::post_all(&mut conn, &[]).await.expect("posts"), [] as [bool; 0]);
    let written = store::post_all(&mut conn, &[posting(3), posting(1), posting(3)]).await.expect("posts");
    assert_eq!(written, [true, true, false]);
    let written = store::post_all(&mut conn, &[posting(1), posting(2), posting(3)]).await.expect("posts");
    assert_eq!(written, [false, true, false]);
    let kept = kept(&pool).await;
    assert_eq!(kept[&("mtn_collection".into(), None)], 6);
    assert_eq!(kept[&("driver_payable".into(), Some(driver.0))], -6);
}

#[sqlx::test(migrations = "./migrations")]
async fn eight_sessions_that_post_in_every_order_lose_nothing_and_never_wait_in_a_circle(pool: PgPool) {
    const SESSIONS: i64 = 8;
    const ROUNDS: i64 = 40;
    let mut drivers: Vec<DriverId> = Vec::new();
    for number in 1..=5 {
        drivers.push(fixture::driver(&pool, number).await);
    }
    let mut sessions = Vec::new();
    for session in 0..SESSIONS {
        let (pool, drivers) = (pool.clone(), drivers.clone());
        sessions.push(tokio::spawn(async move {
            let mut written = 0;
            for round in 0..ROUNDS {
                // Every cause is tried by two sessions; the order of drivers and causes turns with the session.
                let mut batch = Vec::new();
                for step in 0..5_i64 {
                    let turn = usize::try_from((step * (1 + session % 3) + session) % 5).expect("small");
                    let driver = Account::DriverPayable(drivers[turn]);
                    let posting = Posting::new(&[
                        Transfer { debit: Account::MtnCollection, credit: driver, amount: Francs(90) },
                        Transfer {
                            debit: Account::MtnCollection,
                            credit: Account::CommissionIncome,
                            amount: Francs(10),
                        },
                    ]);
                    let cause = format!("test:{}:{round}:{turn}", session / 2);
                    batch.push((head(cause), posting.expect("a posting")));
                }
                let mut transaction = pool.begin().await.expect("begins");
                let done = store::post_all(&mut transaction, &batch).await.expect("posts");
                transaction.commit().await.expect("commits");
                written += done.into_iter().filter(|written| *written).count();
            }
            written
        }));
    }
    let mut written = 0;
    for session in sessions {
        written += session.await.expect("no panic");
    }
    let expected = SESSIONS / 2 * ROUNDS * 5;
    assert_eq!(i64::try_from(written), Ok(expected));
    let kept = kept(&pool).await;
    assert_eq!(kept[&("mtn_collection".into(), None)], expected * 100);
    assert_eq!(kept[&("commission_income".into(), None)], -expected * 10);
    let paid: i64 = drivers.iter().map(|driver| kept[&("driver_payable".into(), Some(driver.0))]).sum();
    assert_eq!(paid, -expected * 90);
    let entries: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger_entries").fetch_one(&pool).await.expect("reads");
    assert_eq!(entries, expected * 3);
}

#[sqlx::test(migrations = "./migrations")]
async fn nobody_is_paid_or_spends_more_than_there_is_but_a_correction_may(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let rider: UserId = fixture::rider(&pool, 10).await.into();
    let (payable, credit) = (Account::DriverPayable(driver), Account::RiderCredit(rider));
    let post = async |cause: &str, posting: Posting| {
        let mut conn = pool.acquire().await.expect("a connection");
        store::post(&mut conn, &head(cause.into()), &posting).await
    };
    post("test:earned", moved(Account::MtnCollection, payable, 100)).await.expect("posts");
    post("test:given", moved(Account::Adjustments, credit, 50)).await.expect("posts");
    let refused = post("payout:1:hold", moved(payable, Account::PayoutsInFlight, 101)).await.expect_err("too much");
    assert!(store::is_overdrawn(&refused), "{refused}");
    post("payout:2:hold", moved(payable, Account::PayoutsInFlight, 100)).await.expect("exactly all of it");
    let refused = post("intent:1:credit", moved(credit, payable, 51)).await.expect_err("too much");
    assert!(store::is_overdrawn(&refused), "{refused}");
    post("intent:2:credit", moved(credit, payable, 50)).await.expect("exactly all of it");
    post("refund:1:hold", moved(payable, credit, 80)).await.expect("a decision may leave a driver owing");
    post("correction:1", moved(credit, Account::Adjustments, 90)).await.expect("a correction may go below");
    let mut conn = pool.acquire().await.expect("a connection");
    assert_eq!(store::locked_balance(&mut conn, payable).await.expect("reads"), Francs(30));
    assert_eq!(store::locked_balance(&mut conn, credit).await.expect("reads"), Francs(10));
}

#[sqlx::test(migrations = "./migrations")]
async fn two_who_spend_the_same_credit_at_once_spend_it_once(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let rider: UserId = fixture::rider(&pool, 10).await.into();
    let (payable, credit) = (Account::DriverPayable(driver), Account::RiderCredit(rider));
    let mut conn = pool.acquire().await.expect("a connection");
    let given = moved(Account::Adjustments, credit, 50);
    store::post(&mut conn, &head("test:given".into()), &given).await.expect("posts");
    let spend = async |cause: &str| {
        let mut conn = pool.acquire().await.expect("a connection");
        store::post(&mut conn, &head(cause.into()), &moved(credit, payable, 40)).await.is_ok()
    };
    let (a, b) = tokio::join!(spend("intent:1:credit"), spend("intent:2:credit"));
    assert!(a ^ b, "one of them, not both and not none: {a} {b}");
}
