//! A day against a real Postgres: what is booked, what becomes a case, and that a second time changes nothing. And how cases
//! with money in suspense end, and what the check of the books finds.

use chrono::NaiveDate;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, Ride};
use crate::payments::cases::Ending;
use crate::payments::store::cases::Wanted;
use crate::payments::{DriverId, Parts};
use crate::web::page::PageParams;

const DAY: &str = "2026-11-25";

fn day() -> NaiveDate {
    DAY.parse().expect("a day")
}

fn now() -> Timestamp {
    fixture::at("2026-11-26T00:30:00Z")
}

fn payments(pool: &PgPool) -> Payments {
    Payments::new(Parts::for_tests(pool.clone()))
}

/// Two admins.
async fn admins(pool: &PgPool) -> (UserId, UserId) {
    // Any account will do: doors are not what is tested here.
    (fixture::rider(pool, 90).await.into(), fixture::rider(pool, 91).await.into())
}

/// An order that we know, as it would be after it ended.
async fn attempt(pool: &PgPool, number: u32, state: &str, amount: i64) -> Uuid {
    let (id, person) = (Uuid::new_v4(), UserId::from(fixture::rider(pool, number).await));
    let finished = if state == "pending" { "null" } else { "'2026-11-25T09:00:00Z'" };
    let sql = format!(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, state, base_url,
                                       callback_token, provider_reference, created_at, finished_at)
         VALUES ($1, 'collection', 'mtn', gen_random_uuid(), $2, $3, $4, 'http://x', gen_random_uuid()::text, 'P' || $5, now(), {finished})"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(id)
        .bind(person.0)
        .bind(amount)
        .bind(state)
        .bind(number.to_string())
        .execute(pool)
        .await
        .expect("an order");
    id
}

fn line(theirs: &str, ours: Option<Uuid>, amount: i64, fee: i64) -> StatementLine {
    StatementLine {
        provider_reference: theirs.into(),
        our_reference: ours.map(|id| id.to_string()),
        operation: Operation::Collection,
        amount: Francs(amount),
        fee: Francs(fee),
        is_successful: true,
        at: fixture::at("2026-11-25T09:00:00Z"),
    }
}

async fn held(payments: &Payments, kind: &str) -> i64 {
    let balance = payments.trial_balance_unseen(None).await.expect("reads");
    assert_eq!(balance.difference, Francs::ZERO);
    balance.kinds.iter().find(|total| total.kind.as_str() == kind).expect("a kind").balance().amount()
}

async fn cases_of(payments: &Payments, admin: UserId) -> Vec<(String, Uuid)> {
    let page = PageParams { limit: Some(100), cursor: None }.check().expect("valid");
    let cases = payments.cases(admin, &Wanted::default(), &page, now()).await.expect("reads");
    let mut cases: Vec<_> = cases.items.into_iter().map(|case| (case.kind, case.id)).collect();
    cases.sort();
    cases
}

#[sqlx::test(migrations = "./migrations")]
async fn every_class_is_booked_or_made_a_case_once_however_often_the_day_is_reconciled(pool: PgPool) {
    let (payments, (admin, _)) = (payments(&pool), admins(&pool).await);
    let matched = attempt(&pool, 1, "succeeded", 1_000).await;
    let other_amount = attempt(&pool, 2, "succeeded", 2_000).await;
    attempt(&pool, 3, "succeeded", 3_000).await;
    let failed = attempt(&pool, 4, "failed", 4_000).await;
    let twice = attempt(&pool, 5, "succeeded", 5_000).await;
    let lines = vec![
        line("P1", Some(matched), 1_000, 10),
        line("P2", Some(other_amount), 1_999, 20),
        line("P4", Some(failed), 4_000, 40),
        line("P5", Some(twice), 5_000, 50),
        line("Q5", Some(twice), 5_000, 50),
        line("X9", None, 700, 7),
    ];
    for round in 0..3 {
        let mut lines = lines.clone();
        lines.rotate_left(round);
        let done = payments.reconcile(ProviderId::Mtn, day(), Source::File(lines), now()).await.expect("reconciles");
        let counts: Vec<_> = done.counts.iter().filter(|(_, count)| **count > 0).map(|(c, n)| (*c, *n)).collect();
        let expected = [
            ("amount_differs", 1),
            ("duplicate", 1),
            ("matched", 2),
            ("missing_here", 1),
            ("missing_there", 1),
            ("status_differs", 1),
        ];
        assert_eq!(counts, expected, "round {round}");
        assert_eq!((done.fees_rwf, done.cases_opened), if round == 0 { (177, 5) } else { (0, 0) }, "round {round}");
        assert!(!done.is_clean());
    }
    assert_eq!(held(&payments, "provider_fees").await, 177);
    // What nobody knows, and what was taken twice.
    assert_eq!(held(&payments, "suspense").await, -5_700);
    assert_eq!(held(&payments, "mtn_collection").await, 5_700 - 177);
    let kinds: Vec<_> = cases_of(&payments, admin).await.into_iter().map(|case| case.0).collect();
    assert_eq!(kinds, ["amount_differs", "duplicate", "missing_here", "missing_there", "status_differs"]);
    let shown = payments.reconciliations(admin, day(), now()).await.expect("reads");
    assert_eq!((shown.len(), shown[0].source.as_str(), &shown[0].counts["matched"]), (1, "file", &json!(2)));
}

#[sqlx::test(migrations = "./migrations")]
async fn what_was_in_the_statement_of_the_day_before_is_not_missing(pool: PgPool) {
    let payments = payments(&pool);
    let order = attempt(&pool, 1, "succeeded", 1_000).await;
    let before = day().pred_opt().expect("a day before");
    let lines = vec![line("P1", Some(order), 1_000, 0)];
    let done = payments.reconcile(ProviderId::Mtn, before, Source::File(lines), now()).await.expect("reconciles");
    assert_eq!(done.counts["matched"], 1);
    let done = payments.reconcile(ProviderId::Mtn, day(), Source::File(Vec::new()), now()).await.expect("reconciles");
    assert!(done.is_clean(), "{done:?}");
}

#[sqlx::test(migrations = "./migrations")]
async fn without_a_statement_nothing_is_called_missing(pool: PgPool) {
    let payments = payments(&pool);
    attempt(&pool, 1, "succeeded", 1_000).await;
    let done = payments.reconcile(ProviderId::Mtn, day(), Source::Provider, now()).await.expect("reconciles");
    assert_eq!((done.source, done.is_clean()), ("none", true));
}

#[sqlx::test(migrations = "./migrations")]
async fn money_in_suspense_finds_its_place_by_two_admins(pool: PgPool) {
    let (payments, (one, two)) = (payments(&pool), admins(&pool).await);
    let rider = UserId::from(fixture::rider(&pool, 10).await);
    let lines = vec![line("X9", None, 700, 0)];
    payments.reconcile(ProviderId::Mtn, day(), Source::File(lines), now()).await.expect("reconciles");
    let (_, id) = cases_of(&payments, one).await.remove(0);
    let ending = |resolution: &str, account: Option<&str>, owner_id| Ending {
        resolution: resolution.into(),
        reason: "paid at the stage".into(),
        account: account.map(str::to_owned),
        owner_id,
    };
    let code = |error: Error| error.code().to_owned();
    let to_rider = ending("posted", Some("rider_credit"), Some(rider.0));
    assert_eq!(code(payments.approve_case(two, id, now()).await.expect_err("nothing yet")), "nothing_proposed");
    let refused = payments.resolve_case(one, id, &ending("explained", None, None), now()).await;
    assert_eq!(code(refused.expect_err("the money has no place")), "money_in_suspense");
    for wrong in [
        ending("posted", Some("commission_income"), None),
        ending("posted", Some("rider_credit"), None),
        ending("posted", Some("driver_payable"), Some(rider.0)),
        ending("posted", None, None),
        ending("gone", None, None),
    ] {
        let refused = payments.resolve_case(one, id, &wrong, now()).await.expect_err("no such place");
        assert_eq!(code(refused), "invalid_value", "{wrong:?}");
    }
    assert_eq!(payments.take_case(one, id, now()).await.expect("takes").state, "taken");
    assert_eq!(code(payments.take_case(two, id, now()).await.expect_err("taken")), "case_taken");
    let proposed = payments.resolve_case(one, id, &to_rider, now()).await.expect("proposes");
    assert_eq!((proposed.state.as_str(), proposed.proposed_by), ("taken", Some(one)));
    assert_eq!(code(payments.approve_case(one, id, now()).await.expect_err("the same eyes")), "four_eyes");
    assert_eq!(held(&payments, "suspense").await, -700, "nothing moved yet");
    assert_eq!(payments.approve_case(two, id, now()).await.expect("approves").state, "resolved");
    assert_eq!(code(payments.approve_case(two, id, now()).await.expect_err("over")), "case_resolved");
    assert_eq!((held(&payments, "suspense").await, held(&payments, "rider_credit").await), (0, -700));
    assert_eq!(payments.rider_credit(rider).await.expect("reads"), Francs(700));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_check_of_the_books_names_what_is_wrong(pool: PgPool) {
    let payments = payments(&pool);
    let driver = fixture::driver(&pool, 1).await;
    let settle = async |number: u32| {
        let rider = fixture::rider(&pool, number).await;
        let at = fixture::at("2026-11-20T08:00:00Z") + Span::from_secs(number.into());
        let ride = Ride::completed(rider, driver, at, 1_000).insert(&pool).await;
        let posting = Posting::cash_ride(driver, Francs(1_000), Francs(90)).expect("a posting");
        let new = NewTransaction { cause: format!("ride:{ride}:cash"), ride: Some(ride), at, memo: "cash fare" };
        let mut conn = pool.acquire().await.expect("a connection");
        store::post(&mut conn, &new, &posting).await.expect("posts");
    };
    settle(10).await;
    settle(11).await;
    let sound = payments.check_books().await.expect("checks");
    assert_eq!((sound.findings.as_slice(), sound.transactions, sound.accounts), ([].as_slice(), 2, 3));

    attempt(&pool, 20, "succeeded", 1_000).await;
    for tamper in [
        "UPDATE ledger_balances SET debit_rwf = debit_rwf + 5 WHERE debit_rwf > 0",
        "INSERT INTO ledger_transactions (id, cause, at, memo) VALUES (gen_random_uuid(), 'test', now(), 'empty')",
    ] {
        sqlx::query(tamper).execute(&pool).await.expect("tampers");
    }
    let found = payments.check_books().await.expect("checks");
    let checks: Vec<_> = found.findings.iter().map(|finding| finding.check).collect();
    let expected = ["kept_balances", "transactions_have_entries", "attempts_are_captured", "books_come_to_zero"];
    assert_eq!(checks, expected, "{:?}", found.findings);
    assert!(found.findings[0].what.contains("driver_cash"), "{:?}", found.findings);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_statement_runs_in_order_of_booking_and_balances_fit(pool: PgPool) {
    let payments = payments(&pool);
    let driver: DriverId = fixture::driver(&pool, 1).await;
    let mut conn = pool.acquire().await.expect("a connection");
    let started = crate::clock::now();
    // The second is booked later and happened earlier, on the day before.
    for (number, at) in [(1_i64, "2026-11-25T08:00:00Z"), (2, "2026-11-24T08:00:00Z"), (3, "2026-11-25T21:59:59Z")] {
        let posting = Posting::cash_ride(driver, Francs(1_000 * number), Francs(100 * number)).expect("a posting");
        let cause = format!("intent:{number}:cash");
        let new = NewTransaction { cause, ride: None, at: fixture::at(at), memo: "cash fare" };
        store::post(&mut conn, &new, &posting).await.expect("posts");
    }
    let page = |cursor| PageParams { limit: Some(2), cursor }.check().expect("valid");
    let owed = |item: &crate::payments::StatementItem| {
        let sum: i64 = item.after.iter().map(|held| held.amount.amount()).sum();
        (item.cause.clone(), sum)
    };
    let first = payments.driver_ledger(driver, &page(None)).await.expect("reads");
    let items: Vec<_> = first.items.iter().map(owed).collect();
    assert_eq!(items, [("intent:3:cash".into(), 600), ("intent:2:cash".into(), 300)]);
    let last = payments.driver_ledger(driver, &page(first.next_cursor)).await.expect("reads");
    assert_eq!(last.items.iter().map(owed).collect::<Vec<_>>(), [("intent:1:cash".into(), 100)]);
    let period = crate::payments::books::period(Some(day()), Some(day())).expect("a period");
    let of_day = payments.driver_statement(driver, period, &page(None)).await.expect("reads");
    let items: Vec<_> = of_day.items.iter().map(owed).collect();
    assert_eq!(items, [("intent:3:cash".into(), 600), ("intent:1:cash".into(), 100)], "a day in Kigali");
    let before = payments.trial_balance_unseen(Some(started)).await.expect("reads");
    assert!(before.kinds.iter().all(|total| total.debit == Francs::ZERO && total.credit == Francs::ZERO), "{before:?}");
    let later = payments.trial_balance_unseen(Some(started + Span::from_minutes(5))).await.expect("reads");
    assert_eq!(later, payments.trial_balance_unseen(None).await.expect("reads"));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_cooperative_sees_its_own_drivers(pool: PgPool) {
    let (payments, (admin, _)) = (payments(&pool), admins(&pool).await);
    let (member, stranger) = (fixture::driver(&pool, 1).await, fixture::driver(&pool, 2).await);
    sqlx::query(
        "INSERT INTO driver_documents (id, driver_id, kind, issuer, state, created_at)
         VALUES (gen_random_uuid(), $1, 'cooperative', 'Cotamoki ', 'approved', now())",
    )
    .bind(member.0)
    .execute(&pool)
    .await
    .expect("a paper");
    let mut conn = pool.acquire().await.expect("a connection");
    for (number, driver) in [(1, member), (2, member), (3, stranger)] {
        let posting = Posting::cash_ride(driver, Francs(1_000), Francs(100)).expect("a posting");
        let at = fixture::at("2026-11-25T08:00:00Z");
        let new = NewTransaction { cause: format!("intent:{number}:cash"), ride: None, at, memo: "cash fare" };
        store::post(&mut conn, &new, &posting).await.expect("posts");
    }
    let period = crate::payments::books::period(Some(day()), Some(day())).expect("a period");
    let drivers = payments.cooperative_statement(admin, "COTAMOKI", period, now()).await.expect("reads");
    assert_eq!(drivers.len(), 1);
    assert_eq!((drivers[0].driver_id, drivers[0].earned_rwf, drivers[0].cash_collected_rwf), (member.0, 1_800, 2_000));
    let none = payments.cooperative_statement(admin, "nobody's", period, now()).await.expect_err("no such");
    assert_eq!(none.code(), "not_found");
}
