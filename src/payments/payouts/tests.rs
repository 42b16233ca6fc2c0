//! Payouts against a real Postgres: what holds when many ask at once, when a provider refuses, when a run is run again.

use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, at};
use crate::payments::attempt::{AttemptView, Ended, Outcome};
use crate::payments::effects::Effects;
use crate::payments::ledger::Transfer;
use crate::payments::methods::tests::{Fake, service};
use crate::payments::providers::{Reason, Refusal, Trouble};
use crate::payments::{cases, store as books_store};
use crate::time::Span;

/// A Wednesday.
const NOW: &str = "2026-11-25T08:00:00Z";

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey(text.to_owned())
}

async fn earn(pool: &PgPool, driver: DriverId, amount: i64) {
    let (debit, credit) = (Account::MtnCollection, Account::DriverPayable(driver));
    let posting = Posting::new(&[Transfer { debit, credit, amount: Francs(amount) }]).expect("a posting");
    write(pool, &posting).await;
}

async fn write(pool: &PgPool, posting: &Posting) {
    let new = NewTransaction { cause: format!("test:{}", Uuid::now_v7()), ride: None, at: at(NOW), memo: "test" };
    let mut conn = pool.acquire().await.expect("a connection");
    assert!(books_store::post(&mut conn, &new, posting).await.expect("posts"));
}

/// The sum of an account kind, debit positive.
async fn sum(pool: &PgPool, kind: Kind) -> i64 {
    let totals = books_store::kind_totals(pool).await.expect("reads");
    totals.iter().find(|total| total.kind == kind).map_or(0, |total| total.balance().amount())
}

/// As the engine does it: the outcome, and what follows, in one transaction.
async fn ends(pool: &PgPool, payout: &Payout, outcome: Outcome, is_late: bool) {
    let attempt = AttemptView {
        id: AttemptId(payout.attempt.expect("was sent")),
        provider: payout.provider,
        operation: Operation::Payout,
        subject: payout.id,
        person: UserId(payout.driver.0),
        amount: payout.amount,
    };
    let mut transaction = pool.begin().await.expect("begins");
    let state = if matches!(outcome, Outcome::Succeeded { .. }) { "succeeded" } else { "failed" };
    sqlx::query("UPDATE payment_attempts SET state = $2 WHERE id = $1")
        .bind(attempt.id.0)
        .bind(state)
        .execute(&mut *transaction)
        .await
        .expect("the engine's own");
    let mut effects = Effects::default();
    ended(&mut transaction, &[Ended { attempt, outcome, is_late }], at(NOW), &mut effects).await.expect("ends");
    books_store::post_all(&mut transaction, &effects.postings).await.expect("posts");
    cases::open(&mut transaction, &effects.cases, at(NOW)).await.expect("opens");
    crate::jobs::enqueue_all(&mut transaction, &effects.jobs).await.expect("enqueues");
    transaction.commit().await.expect("commits");
}

fn arrived() -> Outcome {
    Outcome::Succeeded { provider_reference: None }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Failed(Refusal { reason, code: "X".into() })
}

async fn cases_of(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM money_cases ORDER BY kind").fetch_all(pool).await.expect("reads")
}

/// A driver with a wallet who is owed an amount.
async fn earner(pool: &PgPool, payments: &Payments, number: u32, amount: i64) -> DriverId {
    let driver = fixture::driver(pool, number).await;
    let wallet = format!("0788{number:06}");
    payments.put_payout_wallet(driver, (None, Some(&wallet)), at(NOW)).await.expect("a wallet");
    if amount > 0 {
        earn(pool, driver, amount).await;
    }
    driver
}

#[sqlx::test(migrations = "./migrations")]
async fn a_payout_is_taken_from_the_account_at_once_and_arrives_once(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 5_000).await;
    // A cash ride of 1 000 at 10 %: 1 000 in the driver's hands, of which 900 are earned.
    write(&pool, &Posting::cash_ride(driver, Francs(1_000), Francs(100)).expect("a posting")).await;
    let quote = payments.payout_quote(driver, Francs(1_000), at(NOW)).await.expect("a quote");
    assert_eq!(
        (quote.available, quote.netted, quote.fee, quote.net),
        (Francs(4_900), Francs(1_000), Francs(110), Francs(890))
    );
    assert_eq!((quote.why_not, quote.next_weekly_at), (None, at("2026-11-30T02:00:00Z")));

    let ask = async |name, amount| payments.request_payout(driver, &key(name), Francs(amount), at(NOW)).await;
    let requested = ask("a", 1_000).await.expect("asked");
    assert_eq!((requested.payout.state, requested.replayed), (State::InFlight, false));
    let again = ask("a", 1_000).await.expect("asked");
    assert_eq!((again.payout.id, again.replayed), (requested.payout.id, true));
    assert_eq!(ask("a", 1_001).await.expect_err("another").code(), "idempotency_key_reused");
    for amount in [0, -1] {
        assert_eq!(ask("b", amount).await.expect_err("none").code(), "invalid_value");
    }
    assert_eq!(ask("b", 3_901).await.expect_err("too much").code(), "balance_too_low");
    let lines = payments.driver_ledger(driver, &page()).await.expect("reads");
    let memos: Vec<_> = lines.items.iter().map(|line| line.memo.as_str()).collect();
    assert!(memos.contains(&"cash settled against earnings") && memos.contains(&"payout"), "{memos:?}");
    assert_eq!((sum(&pool, Kind::DriverPayable).await, sum(&pool, Kind::DriverCash).await), (-3_900, 0));
    assert_eq!((sum(&pool, Kind::PayoutsInFlight).await, sum(&pool, Kind::PayoutFeeIncome).await), (-890, -93));

    ends(&pool, &again.payout, arrived(), false).await;
    let paid = payments.payout_of(driver, again.payout.id).await.expect("reads");
    assert_eq!(paid.state, State::Paid);
    assert_eq!((sum(&pool, Kind::PayoutsInFlight).await, sum(&pool, Kind::MtnDisbursement).await), (0, -890));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind LIKE 'notifications.%'")
        .fetch_one(&pool)
        .await
        .expect("reads");
    assert_eq!(told, 2, "by SMS and in the app");
    ends(&pool, &again.payout, refused(Reason::Other), false).await;
    assert_eq!(payments.payout_of(driver, paid.id).await.expect("reads"), paid, "what is over stays over");
    assert!(payments.payout_of(fixture::driver(&pool, 9).await, paid.id).await.is_err(), "somebody else's");
}

fn page() -> PageRequest {
    crate::web::page::PageParams::default().check().expect("valid")
}

#[sqlx::test(migrations = "./migrations")]
async fn twenty_at_once_take_no_franc_more_than_there_is(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 5_500).await;
    let asking = (0..20).map(|number| {
        let payments = payments.clone();
        async move { payments.request_payout(driver, &key(&format!("k{number}")), Francs(1_000), at(NOW)).await }
    });
    // Others post to the same account meanwhile: 20 rides of 100 earn 90 each, and leave as many cash commissions owed.
    let riding = (0..20).map(|_| {
        let pool = pool.clone();
        async move { write(&pool, &Posting::cash_ride(driver, Francs(100), Francs(10)).expect("a posting")).await }
    });
    let (asked, _) = tokio::join!(futures_util::future::join_all(asking), futures_util::future::join_all(riding));
    let (given, not): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
    assert_eq!(given.len(), 5, "5 500 are five times 1 000");
    for refusal in not {
        assert_eq!(refusal.expect_err("no more").code(), "balance_too_low");
    }
    let (payable, cash) = (sum(&pool, Kind::DriverPayable).await, sum(&pool, Kind::DriverCash).await);
    assert!(payable <= 0, "{payable}");
    assert_eq!(payable + cash, -5_500 + 200 + 5_000, "nothing is lost");
    let first = key("k0");
    let same = (0..20).map(|_| payments.request_payout(driver, &first, Francs(1_000), at(NOW)));
    let same = futures_util::future::join_all(same).await;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM payment_attempts").fetch_one(&pool).await.expect("reads");
    assert_eq!(count, 5, "a key is one order: {same:?}");
}

#[sqlx::test(migrations = "./migrations")]
async fn one_key_at_once_is_one_payout(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 50_000).await;
    let one = key("k");
    let asking = (0..10).map(|_| payments.request_payout(driver, &one, Francs(1_000), at(NOW)));
    let asked = futures_util::future::join_all(asking).await;
    let ids: std::collections::BTreeSet<_> =
        asked.iter().map(|asked| asked.as_ref().expect("asked").payout.id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(asked.iter().filter(|asked| !asked.as_ref().expect("asked").replayed).count(), 1);
    assert_eq!(sum(&pool, Kind::DriverPayable).await, -49_000);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_closed_wallet_gives_the_money_back_and_is_not_paid_to_again(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 5_000).await;
    let payout = payments.request_payout(driver, &key("a"), Francs(1_000), at(NOW)).await.expect("asked").payout;
    ends(&pool, &payout, refused(Reason::InvalidPayee), false).await;
    let failed = payments.payout_of(driver, payout.id).await.expect("reads");
    assert_eq!((failed.state, failed.failure.as_deref()), (State::Failed, Some("invalid_payee")));
    assert_eq!((sum(&pool, Kind::DriverPayable).await, sum(&pool, Kind::PayoutsInFlight).await), (-5_000, 0));
    assert_eq!((sum(&pool, Kind::PayoutFeeIncome).await, sum(&pool, Kind::TaxPayable).await), (0, 0));
    let refusal = payments.request_payout(driver, &key("b"), Francs(1_000), at(NOW)).await.expect_err("flagged");
    assert_eq!(refusal.code(), "wallet_flagged");
    // The provider is seen to have paid after all: nobody's money until a person has looked.
    ends(&pool, &payout, arrived(), true).await;
    assert_eq!((sum(&pool, Kind::Suspense).await, cases_of(&pool).await), (890, vec!["late_success".to_owned()]));
    payments.put_payout_wallet(driver, (None, Some("0788000001")), at(NOW)).await.expect("looked at anew");
    payments.request_payout(driver, &key("c"), Francs(1_000), at(NOW)).await.expect("asked");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_large_payout_waits_for_two_admins_who_are_not_the_payee(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 900_000).await;
    let (one, two) = (fixture::person(&pool, 2, "admin").await, fixture::person(&pool, 3, "admin").await);
    let ask =
        async |name| payments.request_payout(driver, &key(name), Francs(250_000), at(NOW)).await.expect("asked").payout;
    let payout = ask("a").await;
    assert_eq!((payout.state, sum(&pool, Kind::DriverPayable).await), (State::AwaitingApproval, -650_000));
    let approve = async |admin, id| payments.approve_payout(admin, id, at(NOW)).await;
    assert_eq!(approve(UserId(driver.0), payout.id).await.expect_err("the payee").code(), "payee");
    assert_eq!(approve(one, payout.id).await.expect("yes").state, State::AwaitingApproval);
    assert_eq!(approve(one, payout.id).await.expect_err("twice").code(), "approved_already");
    assert_eq!(approve(two, payout.id).await.expect("yes").state, State::InFlight);
    assert_eq!(approve(two, payout.id).await.expect_err("gone").code(), "payout_not_waiting");
    assert_eq!(
        payments.cancel_payout(driver, payout.id, at(NOW)).await.expect_err("gone").code(),
        "payout_not_waiting"
    );

    let second = ask("b").await;
    let rejected = payments.reject_payout(one, second.id, "is being looked at", at(NOW)).await.expect("no");
    assert_eq!((rejected.state, sum(&pool, Kind::DriverPayable).await), (State::Rejected, -650_000));
    let third = ask("c").await;
    payments.cancel_payout(driver, third.id, at(NOW)).await.expect("taken back");
    assert_eq!(sum(&pool, Kind::DriverPayable).await, -650_000);
    let fourth = ask("d").await;
    approve(one, fourth.id).await.expect("yes");
    payments.put_payout_wallet(driver, (None, Some("0788555555")), at(NOW)).await.expect("another wallet");
    assert_eq!(approve(two, fourth.id).await.expect_err("another wallet").code(), "wallet_on_hold");
    let later = at(NOW) + Span::from_minutes(25 * 60);
    assert_eq!(payments.approve_payout(two, fourth.id, later).await.expect_err("another").code(), "wallet_changed");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_week_is_paid_once_however_often_it_is_run(pool: PgPool) {
    let (payments, mtn, _) = service(&pool);
    let rich = earner(&pool, &payments, 1, 5_000).await;
    earner(&pool, &payments, 2, 499).await;
    let without_wallet = fixture::driver(&pool, 3).await;
    earn(&pool, without_wallet, 5_000).await;
    let run = async || payments.pay_weekly(at(NOW), at(NOW)).await.expect("runs");
    let first = run().await;
    assert_eq!((first.sent, first.skipped, first.held, first.amount), (1, 1, 0, 5_000));
    earn(&pool, rich, 5_000).await;
    let (second, third) = tokio::join!(run(), run());
    assert_eq!((second.sent, third.sent), (0, 0));
    let mine = payments.payouts_of(rich, &page()).await.expect("reads").items;
    assert_eq!((mine.len(), mine[0].amount, mine[0].fee), (1, Francs(5_000), Francs::ZERO));
    // The next Monday.
    mtn.has(Ok(Francs(100)));
    let next = at("2026-11-30T02:00:00Z");
    let held = payments.pay_weekly(next, next).await.expect("runs");
    assert_eq!((held.sent, held.held, cases_of(&pool).await), (0, 1, vec!["float_low".to_owned()]));
    assert_eq!(payments.release_held(next).await.expect("looks"), 0);
    mtn.has(Err(Trouble::Away("timeout")));
    assert_eq!(payments.release_held(next).await.expect("looks"), 0, "what is not known is not there");
    // The first one is still under way: its 5 000 are not there twice.
    mtn.has(Ok(Francs(9_999)));
    assert_eq!(payments.release_held(next).await.expect("looks"), 0);
    mtn.has(Ok(Francs(10_000)));
    assert_eq!(payments.release_held(next).await.expect("looks"), 1);
    assert_eq!(payments.release_held(next).await.expect("looks"), 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_provider_without_money_of_ours_makes_a_payout_wait_not_fail(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let driver = earner(&pool, &payments, 1, 5_000).await;
    let payout = payments.request_payout(driver, &key("a"), Francs(1_000), at(NOW)).await.expect("asked").payout;
    ends(&pool, &payout, refused(Reason::OwnAccount), false).await;
    let held = payments.payout_of(driver, payout.id).await.expect("reads");
    assert_eq!((held.state, sum(&pool, Kind::DriverPayable).await), (State::Held, -4_000));
    assert_eq!(cases_of(&pool).await, ["float_low"]);
    assert_eq!(payments.release_held(at(NOW)).await.expect("looks"), 1);
    let sent = payments.payout_of(driver, payout.id).await.expect("reads");
    assert!(sent.state == State::InFlight && sent.attempt != payout.attempt, "{sent:?}");
    ends(&pool, &sent, arrived(), false).await;
    assert_eq!((sum(&pool, Kind::MtnDisbursement).await, sum(&pool, Kind::PayoutsInFlight).await), (-890, 0));
}

#[sqlx::test(migrations = "./migrations")]
async fn who_cannot_be_paid_learns_why(pool: PgPool) {
    let (payments, mtn, _): (Payments, std::sync::Arc<Fake>, _) = service(&pool);
    let driver = fixture::driver(&pool, 1).await;
    earn(&pool, driver, 5_000).await;
    let why = async |now: Timestamp| {
        let quote = payments.payout_quote(driver, Francs(1_000), now).await.expect("a quote");
        quote.why_not.map(WhyNot::code)
    };
    assert_eq!(why(at(NOW)).await, Some("no_payout_wallet"));
    mtn.says(Ok(crate::payments::methods::tests::holder(true, "Eric Kamanzi")));
    payments.put_payout_wallet(driver, (None, Some("0788123456")), at(NOW)).await.expect("put");
    assert_eq!(why(at(NOW)).await, Some("wallet_name_differs"));
    mtn.says(Ok(crate::payments::methods::tests::holder(true, "Keza Uwase")));
    payments.put_payout_wallet(driver, (None, Some("0788123457")), at(NOW)).await.expect("put");
    assert_eq!(why(at(NOW)).await, Some("wallet_on_hold"));
    let later = at(NOW) + Span::from_minutes(24 * 60);
    assert_eq!(why(later).await, None);
    for number in 0..4 {
        let name = format!("k{number}");
        payments.request_payout(driver, &key(&name), Francs(500), later).await.expect("asked");
    }
    let kinds = cases_of(&pool).await;
    assert_eq!(kinds, ["velocity", "wallet_change_cash_out", "wallet_changed"], "each once");
}
