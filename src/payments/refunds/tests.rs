//! Refunds and adjustments against a real Postgres: what holds when two people are needed and many ask at once.

use sqlx::PgPool;
use uuid::Uuid;

use super::adjustments::{AdjustmentState, NewAdjustment, On};
use super::*;
use crate::db::fixture::{self, at};
use crate::payments::attempt::{AttemptView, Ended, Outcome};
use crate::payments::effects::Effects;
use crate::payments::ledger::Kind;
use crate::payments::methods::tests::service;
use crate::payments::providers::{Reason, Refusal};
use crate::payments::{cases, payouts, store as books};
use crate::vault::{Place, Vault};

const NOW: &str = "2026-11-25T08:00:00Z";

/// A ride of 1 000 that was paid by a wallet.
struct Paid {
    rider: UserId,
    driver: DriverId,
    attempt: AttemptId,
    admins: [UserId; 2],
}

async fn paid(pool: &PgPool, provider: &str) -> Paid {
    let (rider, driver) = (fixture::rider(pool, 1).await, fixture::driver(pool, 2).await);
    let ride = fixture::Ride::completed(rider, driver, at(NOW), 1_000).insert(pool).await;
    let (intent, attempt) = (Uuid::now_v7(), Uuid::new_v4());
    let sealed = Vault::for_tests().seal_text(Place::new("payment_attempts.wallet", attempt), "+250788000001");
    sqlx::query(
        "INSERT INTO payment_intents (id, purpose, ride_id, payer_id, driver_id, amount_rwf, driver_rwf, platform_rwf, tax_rwf,
                                      paid_rwf, state, method, created_at, updated_at, succeeded_at)
         VALUES ($1, 'ride', $2, $3, $4, 1000, 910, 90, 0, 1000, 'succeeded', 'mtn_momo', now(), now(), now())",
    )
    .bind(intent)
    .bind(ride.0)
    .bind(rider.0)
    .bind(driver.0)
    .execute(pool)
    .await
    .expect("an intent");
    sqlx::query(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, wallet_sealed, wallet_index,
                                       state, base_url, callback_token, created_at)
         VALUES ($1, 'collection', $2, $3, $4, 1000, $5, '\\x01', 'succeeded', '', 'token', now())",
    )
    .bind(attempt)
    .bind(provider)
    .bind(intent)
    .bind(rider.0)
    .bind(sealed.expect("sealed"))
    .execute(pool)
    .await
    .expect("an attempt");
    sqlx::query(
        "INSERT INTO payment_captures (id, intent_id, tender, amount_rwf, attempt_id, at) VALUES ($1, $2, $3, 1000, $1, now())",
    )
    .bind(attempt)
    .bind(intent)
    .bind(provider)
    .execute(pool)
    .await
    .expect("a capture");
    let admins = [fixture::person(pool, 3, "admin").await, fixture::person(pool, 4, "admin").await];
    Paid { rider: UserId(rider.0), driver, attempt: AttemptId(attempt), admins }
}

fn refund(paid: &Paid, amount: Option<i64>, destination: Destination, bearer: Bearer) -> NewRefund {
    NewRefund {
        collection: paid.attempt,
        amount: amount.map(Francs),
        destination,
        bearer,
        reason: "did not ride".into(),
    }
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey(text.to_owned())
}

async fn sum(pool: &PgPool, kind: Kind) -> i64 {
    let totals = books::kind_totals(pool).await.expect("reads");
    totals.iter().find(|total| total.kind == kind).map_or(0, |total| total.balance().amount())
}

async fn cases_of(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM money_cases ORDER BY kind").fetch_all(pool).await.expect("reads")
}

/// The order that a refund has open: which, and what kind.
async fn order(pool: &PgPool, refund: Uuid) -> (Uuid, String) {
    sqlx::query_as("SELECT id, operation FROM payment_attempts WHERE subject_id = $1 AND state = 'prepared'")
        .bind(refund)
        .fetch_one(pool)
        .await
        .expect("an order")
}

/// As the engine does it.
async fn ends(pool: &PgPool, refund: &Refund, provider: ProviderId, outcome: Outcome) {
    let (id, operation) = order(pool, refund.id).await;
    let mut transaction = pool.begin().await.expect("begins");
    sqlx::query("UPDATE payment_attempts SET state = 'failed' WHERE id = $1")
        .bind(id)
        .execute(&mut *transaction)
        .await
        .expect("the engine's own");
    let operation = Operation::from_name(&operation).expect("an operation");
    let (id, subject) = (AttemptId(id), refund.id);
    let attempt = AttemptView { id, provider, operation, subject, person: refund.rider, amount: refund.amount };
    let (end, mut effects) = (Ended { attempt, outcome, is_late: false }, Effects::default());
    match operation {
        Operation::Payout => payouts::ended(&mut transaction, &[end], at(NOW), &mut effects).await.expect("ends"),
        _ => ended(&mut transaction, &[end], at(NOW), &mut effects).await.expect("ends"),
    }
    books::post_all(&mut transaction, &effects.postings).await.expect("posts");
    cases::open(&mut transaction, &effects.cases, at(NOW)).await.expect("opens");
    crate::jobs::enqueue_all(&mut transaction, &effects.jobs).await.expect("enqueues");
    transaction.commit().await.expect("commits");
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Failed(Refusal { reason, code: "X".into() })
}

#[sqlx::test(migrations = "./migrations")]
async fn a_refund_needs_two_admins_and_arrives_in_the_wallet(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "mtn").await;
    let [one, two] = paid.admins;
    let new = refund(&paid, Some(400), Destination::Wallet, Bearer::Platform);
    let proposed = payments.propose_refund(one, &key("a"), &new, at(NOW)).await.expect("proposed");
    let again = payments.propose_refund(one, &key("a"), &new, at(NOW)).await.expect("the same");
    assert_eq!((again.id, sum(&pool, Kind::Adjustments).await), (proposed.id, 0));
    let other = refund(&paid, Some(401), Destination::Wallet, Bearer::Platform);
    let reused = payments.propose_refund(one, &key("a"), &other, at(NOW)).await.expect_err("another");
    assert_eq!(reused.code(), "idempotency_key_reused");
    let decide = async |admin| payments.decide_refund(admin, proposed.id, Decision::Approve, at(NOW)).await;
    assert_eq!(decide(one).await.expect_err("own proposal").code(), "four_eyes");
    assert_eq!(decide(paid.rider).await.expect_err("own money").code(), "own_account");
    assert_eq!(decide(UserId(paid.driver.0)).await.expect_err("own money").code(), "own_account");
    let sent = decide(two).await.expect("approved");
    assert_eq!((sent.state, sum(&pool, Kind::RefundsInFlight).await), (State::InFlight, -400));
    assert_eq!(decide(two).await.expect_err("twice").code(), "already_decided");
    assert_eq!(order(&pool, sent.id).await.1, "refund");
    ends(&pool, &sent, ProviderId::Mtn, Outcome::Succeeded { provider_reference: None }).await;
    assert_eq!((sum(&pool, Kind::RefundsInFlight).await, sum(&pool, Kind::MtnDisbursement).await), (0, -400));
    let page = crate::web::page::PageParams::default().check().expect("valid");
    let mine = payments.refunds_of(RiderId(paid.rider.0), &page).await.expect("reads").items;
    assert_eq!((mine.len(), mine[0].state), (1, State::Done));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE payload->>'key' = 'refund_approved'")
        .fetch_one(&pool)
        .await
        .expect("reads");
    assert_eq!(told, 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn never_more_is_given_back_than_was_collected_however_many_ask_at_once(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "mtn").await;
    let [one, two] = paid.admins;
    let asking = (0..10).map(|number| {
        let (payments, new) = (payments.clone(), refund(&paid, Some(300), Destination::Credit, Bearer::Platform));
        async move { payments.propose_refund(one, &key(&format!("k{number}")), &new, at(NOW)).await }
    });
    let asked = futures_util::future::join_all(asking).await;
    let given: Vec<_> = asked.iter().filter_map(|asked| asked.as_ref().ok()).collect();
    assert_eq!(given.len(), 3, "three times 300 of 1 000");
    assert!(asked.iter().filter_map(|asked| asked.as_ref().err()).all(|error| error.code() == "more_than_collected"));
    // What is rejected can be given back after all; what is left out is all that is left.
    let no = Decision::Reject("it took place");
    payments.decide_refund(two, given[0].id, no, at(NOW)).await.expect("rejected");
    let rest = refund(&paid, None, Destination::Credit, Bearer::Driver);
    let rest = payments.propose_refund(two, &key("rest"), &rest, at(NOW)).await.expect("proposed");
    assert_eq!(rest.amount, Francs(400));
    for (admin, refund) in [(two, given[1].id), (two, given[2].id), (one, rest.id)] {
        let done = payments.decide_refund(admin, refund, Decision::Approve, at(NOW)).await.expect("approved");
        assert_eq!(done.state, State::Done);
    }
    assert_eq!((sum(&pool, Kind::RiderCredit).await, sum(&pool, Kind::Adjustments).await), (-1_000, 600));
    assert_eq!(sum(&pool, Kind::DriverPayable).await, 400, "a refund may leave the driver a debt");
    let more = refund(&paid, Some(1), Destination::Credit, Bearer::Platform);
    assert_eq!(
        payments.propose_refund(one, &key("x"), &more, at(NOW)).await.expect_err("none left").code(),
        "more_than_collected"
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn a_refund_of_a_refund_is_none(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "mtn").await;
    let [one, two] = paid.admins;
    let new = refund(&paid, Some(400), Destination::Wallet, Bearer::Platform);
    let first = payments.propose_refund(one, &key("a"), &new, at(NOW)).await.expect("proposed");
    payments.decide_refund(two, first.id, Decision::Approve, at(NOW)).await.expect("approved");
    let (attempt, _) = order(&pool, first.id).await;
    for (collection, code) in [(attempt, "not_refundable"), (Uuid::nil(), "not_found")] {
        let again = NewRefund { collection: AttemptId(collection), ..new.clone() };
        assert_eq!(payments.propose_refund(one, &key("b"), &again, at(NOW)).await.expect_err(code).code(), code);
    }
    for amount in [0, -5] {
        let none = NewRefund { amount: Some(Francs(amount)), ..new.clone() };
        assert_eq!(
            payments.propose_refund(one, &key("c"), &none, at(NOW)).await.expect_err("none").code(),
            "invalid_value"
        );
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn what_a_provider_does_not_take_as_a_refund_is_sent_as_a_payment(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "mtn").await;
    let [one, two] = paid.admins;
    let new = refund(&paid, Some(400), Destination::Wallet, Bearer::Platform);
    let sent = payments.propose_refund(one, &key("a"), &new, at(NOW)).await.expect("proposed");
    let sent = payments.decide_refund(two, sent.id, Decision::Approve, at(NOW)).await.expect("approved");
    ends(&pool, &sent, ProviderId::Mtn, refused(Reason::Misconfigured)).await;
    assert_eq!(sum(&pool, Kind::RefundsInFlight).await, -400, "still set aside");
    for _ in 0..2 {
        payments.resend_refund(sent.id, at(NOW)).await.expect("sent once more");
    }
    assert_eq!(order(&pool, sent.id).await.1, "payout");
    ends(&pool, &sent, ProviderId::Mtn, refused(Reason::Misconfigured)).await;
    assert_eq!((sum(&pool, Kind::RefundsInFlight).await, sum(&pool, Kind::Adjustments).await), (0, 0), "put back");
    assert_eq!(cases_of(&pool).await, ["refund_failed"]);
    // It may be proposed anew.
    payments.propose_refund(one, &key("b"), &NewRefund { amount: None, ..new }, at(NOW)).await.expect("proposed");
}

#[sqlx::test(migrations = "./migrations")]
async fn airtel_gives_back_all_or_is_paid_a_part(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "airtel").await;
    let [one, two] = paid.admins;
    let new = refund(&paid, Some(400), Destination::Wallet, Bearer::Platform);
    let part = payments.propose_refund(one, &key("a"), &new, at(NOW)).await.expect("proposed");
    let part = payments.decide_refund(two, part.id, Decision::Approve, at(NOW)).await.expect("approved");
    assert_eq!(order(&pool, part.id).await.1, "payout");
    ends(&pool, &part, ProviderId::Airtel, Outcome::Succeeded { provider_reference: None }).await;
    assert_eq!((sum(&pool, Kind::RefundsInFlight).await, sum(&pool, Kind::AirtelDisbursement).await), (0, -400));
}

#[sqlx::test(migrations = "./migrations")]
async fn an_adjustment_needs_two_admins_and_takes_no_more_credit_than_there_is(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let paid = paid(&pool, "mtn").await;
    let [one, two] = paid.admins;
    let new = |amount| NewAdjustment {
        on: On::RiderCredit,
        person: paid.rider,
        amount: Francs(amount),
        reason: "sorry".into(),
    };
    let propose = async |name, amount| payments.propose_adjustment(one, &key(name), &new(amount), at(NOW)).await;
    for amount in [0, 100_001, -100_001, i64::MIN, i64::MAX] {
        assert_eq!(propose("x", amount).await.expect_err("no amount").code(), "invalid_value");
    }
    let given = propose("a", 500).await.expect("proposed");
    assert_eq!(propose("a", 500).await.expect("the same").id, given.id);
    assert_eq!(propose("a", 501).await.expect_err("another").code(), "idempotency_key_reused");
    let decide = async |admin, id| payments.decide_adjustment(admin, id, Decision::Approve, at(NOW)).await;
    assert_eq!(decide(one, given.id).await.expect_err("own proposal").code(), "four_eyes");
    assert_eq!(decide(two, given.id).await.expect("approved").state, AdjustmentState::Done);
    assert_eq!(decide(two, given.id).await.expect_err("twice").code(), "already_decided");
    assert_eq!(sum(&pool, Kind::RiderCredit).await, -500);
    let taken = propose("b", -501).await.expect("proposed");
    assert_eq!(decide(two, taken.id).await.expect_err("too much").code(), "credit_too_low");
    let taken = propose("c", -500).await.expect("proposed");
    decide(two, taken.id).await.expect("approved");
    assert_eq!((sum(&pool, Kind::RiderCredit).await, sum(&pool, Kind::Adjustments).await), (0, 0));
    let nobody = NewAdjustment { person: UserId(Uuid::nil()), ..new(5) };
    assert_eq!(
        payments.propose_adjustment(one, &key("d"), &nobody, at(NOW)).await.expect_err("nobody").code(),
        "invalid_value"
    );
}
