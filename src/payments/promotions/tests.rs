//! Promotions against a real Postgres: budgets under many bookings at once, four eyes, referral.

use sqlx::PgPool;
use uuid::Uuid;

use super::admin::NewPromotion;
use super::*;
use crate::db::fixture::{self, Ride};
use crate::ids::{DriverId, UserId};
use crate::payments::split::Split;
use crate::payments::{Parts, PaymentMethod, Plan};

fn now() -> Timestamp {
    fixture::at("2026-11-20T08:00:00Z")
}

fn payments(pool: &PgPool) -> Payments {
    Payments::new(Parts::for_tests(pool.clone()))
}

fn wished(code: &str, budget_rwf: i64) -> NewPromotion {
    NewPromotion {
        code: code.to_owned(),
        percent: None,
        cap_rwf: None,
        flat_rwf: Some(200),
        ride_types: vec!["boda".to_owned()],
        valid_from: fixture::at("2026-11-01T00:00:00Z").into(),
        valid_until: fixture::at("2026-12-01T00:00:00Z").into(),
        new_riders_only: false,
        is_shown: true,
        uses_per_rider: 1,
        budget_rwf,
    }
}

async fn admin(pool: &PgPool, number: u32) -> UserId {
    fixture::person(pool, number, "admin").await
}

fn code_of<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.expect_err("refused").code()
}

async fn committed(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT committed_rwf FROM promotions").fetch_one(pool).await.expect("there is one")
}

fn intent(ride: RideId, rider: RiderId, fare: i64, purpose: Purpose, kept: Option<Uuid>) -> NewIntent {
    NewIntent {
        purpose,
        ride,
        payer: rider,
        driver: Some(DriverId(Uuid::nil())),
        split: Split::new(Francs(fare), Francs::ZERO, Francs::ZERO).expect("sound"),
        method: PaymentMethod::Cash,
        plan: Plan { promotion: kept, ..Plan::default() },
        at: now(),
    }
}

async fn redeemed(pool: &PgPool, intent: &NewIntent) -> i64 {
    let mut conn = pool.acquire().await.expect("a connection");
    redeem(&mut conn, intent.plan.promotion, intent, now()).await.expect("redeems").amount()
}

#[test]
fn a_discount_is_never_more_than_the_fare_or_its_cap() {
    let share = Discount::Share(BasisPoints(2_500), Francs(300));
    for (fare, off) in [(0, 0), (400, 100), (1_199, 300), (1_000_000, 300)] {
        assert_eq!(share.of(Francs(fare)), Francs(off), "25 % of {fare}");
    }
    assert_eq!(Discount::Flat(Francs(500)).of(Francs(400)), Francs(400));
    assert_eq!(Discount::Flat(Francs(500)).of(Francs(-1)), Francs::ZERO);
}

#[sqlx::test(migrations = "./migrations")]
async fn fifty_bookings_at_once_never_overspend_a_budget(pool: PgPool) {
    let payments = payments(&pool);
    payments.propose_promotion(admin(&pool, 1).await, &wished("MURAHO", 3_100), now()).await.expect("made");
    let mut riders = Vec::new();
    for number in 100..150 {
        riders.push(fixture::rider(&pool, number).await);
    }
    let bookings = riders.into_iter().map(|rider| {
        let payments = payments.clone();
        tokio::spawn(async move {
            let ride = RideId(Uuid::now_v7());
            payments.reserve_promotion(rider, "muraho", ride, Francs(1_000), "boda", now()).await
        })
    });
    let (mut kept, mut spent) = (0, 0);
    for booking in bookings.collect::<Vec<_>>() {
        match booking.await.expect("no panic") {
            Ok(Some(_)) => kept += 1,
            Ok(None) => panic!("there is something to take off"),
            Err(error) => {
                assert_eq!(error.code(), "promotion_spent");
                spent += 1;
            }
        }
    }
    // 15 times 200 is 3 000; for a sixteenth there are only 100 left.
    assert_eq!((kept, spent, committed(&pool).await), (15, 35, 3_000));
}

#[sqlx::test(migrations = "./migrations")]
async fn one_rider_at_ten_phones_uses_a_code_once(pool: PgPool) {
    let (payments, rider) = (payments(&pool), fixture::rider(&pool, 100).await);
    payments.propose_promotion(admin(&pool, 1).await, &wished("MURAHO", 90_000), now()).await.expect("made");
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let payments = payments.clone();
            tokio::spawn(async move {
                let ride = RideId(Uuid::now_v7());
                payments.reserve_promotion(rider, "MURAHO", ride, Francs(1_000), "boda", now()).await
            })
        })
        .collect();
    let mut kept = 0;
    for one in tries {
        match one.await.expect("no panic") {
            Ok(_) => kept += 1,
            Err(error) => assert_eq!(error.code(), "promotion_used_up"),
        }
    }
    assert_eq!((kept, committed(&pool).await), (1, 200));
}

#[sqlx::test(migrations = "./migrations")]
async fn what_was_kept_is_used_once_and_the_rest_goes_back(pool: PgPool) {
    let (payments, rider) = (payments(&pool), fixture::rider(&pool, 100).await);
    let wish = NewPromotion {
        uses_per_rider: 9,
        percent: Some(50),
        cap_rwf: Some(400),
        flat_rwf: None,
        ..wished("KIMWE", 5_000)
    };
    payments.propose_promotion(admin(&pool, 1).await, &wish, now()).await.expect("made");
    let reserve =
        async |ride| payments.reserve_promotion(rider, "KIMWE", ride, Francs(700), "boda", now()).await.expect("kept");
    let ride = RideId(Uuid::now_v7());
    let kept = reserve(ride).await;
    assert_eq!(reserve(ride).await, kept, "asked again for the same ride it is the same");
    assert_eq!(committed(&pool).await, 350);
    // The ride became longer: what was promised is the most; and it is used once.
    assert_eq!(redeemed(&pool, &intent(ride, rider, 900, Purpose::Ride, kept)).await, 350);
    assert_eq!(redeemed(&pool, &intent(ride, rider, 900, Purpose::Ride, kept)).await, 350);
    payments.release_promotion(ride, now()).await.expect("releases");
    assert_eq!(committed(&pool).await, 350, "what was used does not come back");
    // A shorter ride gives the rest back, one called off all of it.
    let shorter = RideId(Uuid::now_v7());
    let kept = reserve(shorter).await;
    assert_eq!(redeemed(&pool, &intent(shorter, rider, 400, Purpose::Ride, kept)).await, 200);
    assert_eq!(committed(&pool).await, 550);
    let called_off = RideId(Uuid::now_v7());
    let kept = reserve(called_off).await;
    assert_eq!(redeemed(&pool, &intent(called_off, rider, 300, Purpose::Cancellation, kept)).await, 0);
    assert_eq!(redeemed(&pool, &intent(called_off, rider, 300, Purpose::Ride, kept)).await, 0);
    assert_eq!(committed(&pool).await, 550);
    // Somebody else's ride is not paid with it.
    assert_eq!(redeemed(&pool, &intent(RideId(Uuid::now_v7()), rider, 900, Purpose::Ride, kept)).await, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_code_says_why_it_is_refused(pool: PgPool) {
    let (payments, rider) = (payments(&pool), fixture::rider(&pool, 100).await);
    let boss = admin(&pool, 1).await;
    let wish = NewPromotion { new_riders_only: true, ..wished("NEWONLY", 5_000) };
    let made = payments.propose_promotion(boss, &wish, now()).await.expect("made");
    let quote = async |code: &str, kind: &str, at| payments.quote_promotion(rider, code, Francs(900), kind, at).await;
    assert_eq!(quote("NEWONLY", "boda", now()).await.expect("good"), Francs(200));
    for code in ["", "nobody's", "OTHER"] {
        assert_eq!(code_of(quote(code, "boda", now()).await), "invalid_value");
    }
    assert_eq!(code_of(quote("NEWONLY", "delivery", now()).await), "promotion_other_rides");
    assert_eq!(code_of(quote("NEWONLY", "boda", fixture::at("2026-10-31T00:00:00Z")).await), "promotion_not_yet");
    assert_eq!(code_of(quote("NEWONLY", "boda", fixture::at("2026-12-01T00:00:00Z")).await), "promotion_over");
    Ride::completed(rider, fixture::driver(&pool, 7).await, now(), 900).insert(&pool).await;
    assert_eq!(code_of(quote("NEWONLY", "boda", now()).await), "promotion_new_riders_only");
    payments.end_promotion(boss, made.id, "over", now()).await.expect("ends");
    assert_eq!(code_of(quote("NEWONLY", "boda", now()).await), "promotion_over");
    let again = payments.propose_promotion(boss, &wished("newonly", 5_000), now()).await;
    assert_eq!(code_of(again), "promotion_code_taken");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_large_budget_needs_another_admin(pool: PgPool) {
    let (payments, rider) = (payments(&pool), fixture::rider(&pool, 100).await);
    let (first, second) = (admin(&pool, 1).await, admin(&pool, 2).await);
    let small = payments.propose_promotion(first, &wished("SMALL", 100_000), now()).await.expect("made");
    assert_eq!(small.state, State::Active);
    let large = payments.propose_promotion(first, &wished("LARGE", 100_001), now()).await.expect("made");
    assert_eq!(large.state, State::Proposed);
    let quote = async || payments.quote_promotion(rider, "LARGE", Francs(900), "boda", now()).await;
    assert_eq!(code_of(quote().await), "invalid_value", "nobody is told of it yet");
    assert_eq!(code_of(payments.approve_promotion(first, large.id, now()).await), "same_admin");
    payments.approve_promotion(second, large.id, now()).await.expect("approves");
    assert_eq!(code_of(payments.approve_promotion(second, large.id, now()).await), "promotion_not_proposed");
    assert_eq!(quote().await.expect("good"), Francs(200));
    let acts: Vec<String> =
        sqlx::query_scalar("SELECT action FROM audit_records ORDER BY seq").fetch_all(&pool).await.expect("reads");
    assert_eq!(acts, ["promotions.proposed", "promotions.proposed", "promotions.approved"]);
}

#[sqlx::test(migrations = "./migrations")]
async fn money_kept_for_rides_that_never_were_comes_back(pool: PgPool) {
    let (payments, rider) = (payments(&pool), fixture::rider(&pool, 100).await);
    let wish = NewPromotion { uses_per_rider: 9, ..wished("MURAHO", 5_000) };
    payments.propose_promotion(admin(&pool, 1).await, &wish, now()).await.expect("made");
    let never = RideId(Uuid::now_v7());
    let unserved = Ride::without_driver(rider, "no_driver_found", now()).insert(&pool).await;
    sqlx::query("UPDATE rides SET ended_at = requested_at").execute(&pool).await.expect("ends");
    let done = Ride::completed(rider, fixture::driver(&pool, 7).await, now(), 900).insert(&pool).await;
    for ride in [never, unserved, done] {
        payments.reserve_promotion(rider, "MURAHO", ride, Francs(900), "boda", now()).await.expect("kept");
    }
    payments.sweep_promotions(now() + Span::from_minutes(1)).await.expect("sweeps");
    assert_eq!(committed(&pool).await, 600, "a booking may be on its way");
    payments.sweep_promotions(now() + Span::from_minutes(20)).await.expect("sweeps");
    assert_eq!(committed(&pool).await, 200, "only what a completed ride is paid with stays");
}

/// What the platform owes a rider.
async fn credit(pool: &PgPool, rider: RiderId) -> i64 {
    let sum = "SELECT coalesce(-sum(e.amount_rwf), 0)::bigint FROM ledger_entries e
               JOIN ledger_accounts a ON a.id = e.account_id WHERE a.kind = 'rider_credit' AND a.owner_id = $1";
    sqlx::query_scalar(sum).bind(rider.0).fetch_one(pool).await.expect("reads")
}

async fn paid_ride(pool: &PgPool, rider: RiderId, driver: DriverId) {
    let ride = Ride::completed(rider, driver, now(), 900).insert(pool).await;
    sqlx::query(
        "INSERT INTO payment_intents (id, purpose, ride_id, payer_id, driver_id, amount_rwf, driver_rwf, platform_rwf, tax_rwf,
             paid_rwf, state, method, created_at, updated_at)
         VALUES ($1, 'ride', $2, $3, $4, 900, 900, 0, 0, 900, 'succeeded', 'cash', now(), now())",
    )
    .bind(Uuid::now_v7())
    .bind(ride.0)
    .bind(rider.0)
    .bind(driver.0)
    .execute(pool)
    .await
    .expect("a paid intent");
}

#[sqlx::test(migrations = "./migrations")]
async fn both_are_rewarded_once_when_the_newcomer_has_paid(pool: PgPool) {
    let (payments, driver) = (payments(&pool), fixture::driver(&pool, 7).await);
    let (old, new, third) =
        (fixture::rider(&pool, 100).await, fixture::rider(&pool, 101).await, fixture::rider(&pool, 102).await);
    let code = payments.referral(old, now()).await.expect("a code").code;
    assert_eq!(payments.referral(old, now()).await.expect("a code").code, code, "it stays the same");
    let other = payments.referral(third, now()).await.expect("a code").code;
    assert_eq!(code_of(payments.give_referral(old, &code, now()).await), "referral_own_code");
    assert_eq!(code_of(payments.give_referral(new, "NOBODYS", now()).await), "invalid_value");
    let given = payments.give_referral(new, &code.to_lowercase(), now()).await.expect("given");
    assert_eq!(given.own.as_deref(), Some("waiting"));
    payments.give_referral(new, &code, now()).await.expect("again changes nothing");
    assert_eq!(code_of(payments.give_referral(new, &other, now()).await), "referral_given");

    payments.sweep_promotions(now()).await.expect("sweeps");
    assert_eq!((credit(&pool, old).await, credit(&pool, new).await), (0, 0), "not before a ride is paid");
    paid_ride(&pool, new, driver).await;
    let (first, second) = tokio::join!(payments.sweep_promotions(now()), payments.sweep_promotions(now()));
    first.and(second).expect("both sweep");
    payments.sweep_promotions(now()).await.expect("sweeps");
    assert_eq!((credit(&pool, old).await, credit(&pool, new).await), (500, 500));
    let standing = payments.referral(old, now()).await.expect("reads");
    assert_eq!((standing.invited, standing.rewarded, standing.earned), (1, 1, Francs(500)));

    paid_ride(&pool, third, driver).await;
    assert_eq!(code_of(payments.give_referral(third, &code, now()).await), "referral_not_new");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_month_of_referrals_costs_no_more_than_its_budget(pool: PgPool) {
    let mut parts = Parts::for_tests(pool.clone());
    parts.config.promotions.referral_budget = Francs(1_999);
    let (payments, driver) = (Payments::new(parts), fixture::driver(&pool, 7).await);
    let old = fixture::rider(&pool, 100).await;
    let code = payments.referral(old, now()).await.expect("a code").code;
    for number in 101..104 {
        let new = fixture::rider(&pool, number).await;
        payments.give_referral(new, &code, now()).await.expect("given");
        paid_ride(&pool, new, driver).await;
    }
    payments.sweep_promotions(now()).await.expect("sweeps");
    assert_eq!(credit(&pool, old).await, 500, "1 000 each, and 1 999 are enough for one");
    let unfunded: i64 = sqlx::query_scalar("SELECT count(*) FROM referrals WHERE state = 'unfunded'")
        .fetch_one(&pool)
        .await
        .expect("counts");
    assert_eq!(unfunded, 2);
}
