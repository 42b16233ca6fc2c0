//! The engine against a world of wallets in which everything goes wrong that can, by a seed, in virtual time, with a real
//! database. Charges are counted by the debits of wallets, never by our own rows.
//!
//! `MONEY_SEEDS=2000 cargo test payments::engine` runs more; `MONEY_SEED=17 cargo test …` runs one again.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, Ride};
use crate::ids::{DriverId, RideId, RiderId};
use crate::money::Francs;
use crate::notifications::{Language, Recipient};
use crate::payments::intents::PayRide;
use crate::payments::jobs::SettleRide;
use crate::payments::providers::{AttemptId, Provider, Providers};
use crate::payments::{Parts, PaymentMethod, Plan};
use crate::phone::Phone;
use crate::web::IdempotencyKey;

use world::{Fate, World};

const SEEDS: u64 = 50;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

struct Bench {
    pool: PgPool,
    payments: Payments,
    world: Arc<World>,
    now: Arc<AtomicI64>,
}

impl Bench {
    fn new(pool: &PgPool, world: World, now: Timestamp) -> Self {
        let world = Arc::new(world);
        let providers: Vec<Arc<dyn Provider>> =
            ProviderId::ALL.map(|id| Arc::new(world::Side { id, world: Arc::clone(&world) }) as _).to_vec();
        let recipients: crate::notifications::Recipients = Arc::new(|_| {
            let phone = Phone::parse("0788000001").expect("a number");
            std::future::ready(Ok(Some(Recipient { phone, language: Language::En }))).boxed()
        });
        let parts = Parts { recipients, providers: Providers::new(providers), ..Parts::for_tests(pool.clone()) };
        let now = Arc::new(AtomicI64::new(now.as_millis()));
        Self { pool: pool.clone(), payments: Payments::new(parts), world, now }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }

    fn set(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::Relaxed);
        self.world.set(now);
    }

    fn engine(&self) -> Engine {
        let now = Arc::clone(&self.now);
        let clock: Clock = Arc::new(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
        Engine::new(self.payments.clone(), clock)
    }

    /// Claims, calls and writes; dies on the way where `dies` says so. Answers how many were claimed.
    async fn turn(&self, dies: Dies) -> usize {
        let engine = self.engine();
        let claimed = engine.claim(BATCH_MAX, self.now()).await.expect("claims");
        let count = claimed.len();
        if dies == Dies::AfterClaim {
            return count;
        }
        let answered = join_all(claimed.into_iter().map(|claimed| engine.call(claimed))).await;
        if dies == Dies::AfterCall {
            return count;
        }
        engine.write(&answered, self.now()).await;
        count
    }

    async fn next_due(&self) -> Option<Timestamp> {
        let next: Option<chrono::DateTime<chrono::Utc>> = sqlx::query_scalar(
            "SELECT min(greatest(next_at, leased_until)) FROM payment_attempts WHERE next_at IS NOT NULL",
        )
        .fetch_one(&self.pool)
        .await
        .expect("reads");
        next.map(Timestamp::from)
    }

    async fn one(&self, sql: &'static str, id: Uuid) -> i64 {
        sqlx::query_scalar(sql).bind(id).fetch_one(&self.pool).await.expect("a number")
    }

    /// A ride that was completed, and its intent.
    async fn ride(&self, rider: RiderId, driver: DriverId, fare: i64, method: PaymentMethod) -> RideId {
        let now = self.now();
        let ride = Ride::completed(rider, driver, now, fare).insert(&self.pool).await;
        let settle = SettleRide {
            ride_id: ride,
            driver_id: driver,
            fare_rwf: Francs(fare),
            payment_method: method,
            rider_id: Some(rider),
            plan: Plan::default(),
            ride_type: "boda".into(),
            terms: None,
            completed_at: now,
        };
        self.payments.open_ride(&settle, rider, now).await.expect("opens");
        ride
    }

    async fn attempts_of(&self, ride: RideId) -> Vec<Uuid> {
        sqlx::query_scalar(
            "SELECT a.id FROM payment_attempts a JOIN payment_intents i ON i.id = a.subject_id WHERE i.ride_id = $1",
        )
        .bind(ride.0)
        .fetch_all(&self.pool)
        .await
        .expect("reads")
    }

    async fn state(&self, ride: RideId) -> String {
        sqlx::query_scalar("SELECT state FROM payment_intents WHERE ride_id = $1")
            .bind(ride.0)
            .fetch_one(&self.pool)
            .await
            .expect("a state")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Never,
    AfterClaim,
    AfterCall,
}

/// What people do meanwhile.
#[derive(Clone, Copy, Debug)]
enum Act {
    Pay(usize, PaymentMethod, Option<i64>),
    TwoPhones(usize, PaymentMethod),
    Cash(usize),
    CashReceived(usize),
    /// Somebody sends callbacks of everything.
    Callbacks,
}

fn method(dice: &mut StdRng) -> PaymentMethod {
    [PaymentMethod::MtnMomo, PaymentMethod::AirtelMoney, PaymentMethod::Card][dice.random_range(0..3)]
}

fn acts(dice: &mut StdRng, rides: usize) -> Vec<(i64, Act)> {
    let mut acts: Vec<_> = (0..dice.random_range(0..8))
        .map(|_| {
            let ride = dice.random_range(0..rides);
            let act = match dice.random_range(0..7) {
                0 | 1 => Act::Pay(ride, method(dice), dice.random_bool(0.5).then(|| dice.random_range(1..1_500))),
                2 => Act::TwoPhones(ride, method(dice)),
                3 => Act::Cash(ride),
                4 => Act::CashReceived(ride),
                _ => Act::Callbacks,
            };
            (dice.random_range(0..900_000), act)
        })
        .collect();
    acts.sort_by_key(|(at, _)| *at);
    acts
}

async fn run_seed(pool: &PgPool, people: (RiderId, DriverId), seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let start = fixture::at("2026-11-20T08:00:00Z") + Span::from_secs(i64::try_from(seed).expect("small") * 400_000);
    let bench = Bench::new(pool, World::new(seed, start), start);
    let count = dice.random_range(1..4);
    let mut rides = Vec::new();
    for _ in 0..count {
        let (fare, method) = (dice.random_range(300..3_000), method(&mut dice));
        rides.push(bench.ride(people.0, people.1, fare, method).await);
    }
    let mut acts = acts(&mut dice, count);
    let end = start + Span::from_millis(DAY_MS + 7_200_000);
    for turn in 0..4_000 {
        while acts.first().is_some_and(|(at, _)| bench.now() >= start + Span::from_millis(*at)) {
            let (_, act) = acts.remove(0);
            perform(&bench, people, &rides, act, &format!("{seed}-{turn}")).await;
        }
        let dies = match dice.random_range(0..10) {
            0 => Dies::AfterClaim,
            1 => Dies::AfterCall,
            _ => Dies::Never,
        };
        // Two engines at once.
        tokio::join!(bench.turn(dies), bench.turn(Dies::Never));
        let act = acts.first().map(|(at, _)| start + Span::from_millis(*at));
        let next = [bench.next_due().await, act].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next < end) else { break };
        bench.set(next.max(bench.now() + Span::from_millis(1)));
    }
    reconcile(&bench, end).await;
    for ride in &rides {
        check(&bench, *ride, seed).await;
    }
    sqlx::query("UPDATE payment_attempts SET next_at = NULL").execute(pool).await.expect("the next seed is alone");
}

async fn perform(bench: &Bench, people: (RiderId, DriverId), rides: &[RideId], act: Act, key: &str) {
    let now = bench.now();
    let payments = &bench.payments;
    let pay =
        |method, amount: Option<i64>| PayRide { method, saved_method: None, phone: None, amount: amount.map(Francs) };
    // Refusals are part of it.
    match act {
        Act::Pay(ride, method, amount) => {
            let key = IdempotencyKey(key.to_owned());
            let first = payments.pay_ride(rides[ride], people.0, &pay(method, amount), &key, now).await;
            let again = payments.pay_ride(rides[ride], people.0, &pay(method, amount), &key, now).await;
            assert!(first.is_err() || again.is_ok(), "the same key meets the same payment: {again:?}");
        }
        Act::TwoPhones(ride, method) => {
            let (one, other) = (IdempotencyKey(format!("{key}-a")), IdempotencyKey(format!("{key}-b")));
            let wanted = pay(method, None);
            let (first, second) = tokio::join!(
                payments.pay_ride(rides[ride], people.0, &wanted, &one, now),
                payments.pay_ride(rides[ride], people.0, &wanted, &other, now),
            );
            assert!(first.is_err() || second.is_err(), "two phones cannot both pay");
        }
        Act::Cash(ride) => drop(payments.choose_cash(rides[ride], people.0, now).await),
        Act::CashReceived(ride) => drop(payments.cash_received(rides[ride], people.1, now).await),
        Act::Callbacks => {
            let tokens: Vec<String> = sqlx::query_scalar("SELECT callback_token FROM payment_attempts")
                .fetch_all(&bench.pool)
                .await
                .expect("reads");
            crate::payments::store::attempts::hint(&bench.pool, &tokens, &[], now).await.expect("writes");
        }
    }
}

/// The statement of the day: what the wallets were debited for and we think failed.
async fn reconcile(bench: &Bench, now: Timestamp) {
    bench.set(now);
    for (attempt, _) in bench.world.debits() {
        let mut transaction = bench.pool.begin().await.expect("begins");
        let mut effects = crate::payments::effects::Effects::default();
        super::late_success(&mut transaction, &bench.payments.parts, attempt, None, now, &mut effects)
            .await
            .expect("is known");
        effects.write(&mut transaction, now).await.expect("writes");
        transaction.commit().await.expect("commits");
    }
}

async fn check(bench: &Bench, ride: RideId, seed: u64) {
    let attempts = bench.attempts_of(ride).await;
    let (mut debited, mut strange) = (0, 0);
    for attempt in &attempts {
        let debits: Vec<i64> =
            bench.world.debits().into_iter().filter(|(id, _)| id.0 == *attempt).map(|(_, amount)| amount).collect();
        assert!(debits.len() <= 1, "seed {seed}: the wallet paid one order twice");
        let captures = bench.one("SELECT count(*) FROM payment_captures WHERE attempt_id = $1", *attempt).await;
        let cases = bench
            .one("SELECT count(*) FROM money_cases WHERE attempt_id = $1 AND kind = 'integrity_failure'", *attempt)
            .await;
        let fate = bench.world.fate(AttemptId(*attempt));
        if cases == 1 {
            assert_eq!(fate, Some(Fate::AnotherAmount), "seed {seed}");
            assert_eq!(captures, 0, "seed {seed}: what moved is for a person to say");
            strange += debits.iter().sum::<i64>();
            continue;
        }
        let wanted = i64::try_from(debits.len()).expect("small");
        assert_eq!(captures, wanted, "seed {seed}: attempt {attempt} ({fate:?}): every debit is one capture");
        debited += debits.iter().sum::<i64>();
    }
    let captured = bench
        .one(
            "SELECT coalesce(sum(c.amount_rwf + c.surplus_rwf), 0)::bigint FROM payment_captures c
             JOIN payment_intents i ON i.id = c.intent_id WHERE i.ride_id = $1 AND c.attempt_id IS NOT NULL",
            ride.0,
        )
        .await;
    assert_eq!(captured, debited, "seed {seed}: no franc of a wallet is lost or invented ({strange} are with people)");
    let odd = bench
        .one(
            "SELECT count(*) FROM payment_intents i WHERE i.ride_id = $1 AND i.paid_rwf <> coalesce(
                 (SELECT sum(amount_rwf) FROM payment_captures c WHERE c.intent_id = i.id), 0)",
            ride.0,
        )
        .await;
    assert_eq!(odd, 0, "seed {seed}: what is paid is what was captured");
    let booked = bench
        .one(
            "SELECT coalesce(sum(e.amount_rwf), 0)::bigint FROM ledger_transactions t
             JOIN ledger_entries e ON e.transaction_id = t.id JOIN ledger_accounts a ON a.id = e.account_id
             WHERE t.ride_id = $1 AND a.kind LIKE '%\\_collection'",
            ride.0,
        )
        .await;
    assert_eq!(booked, debited, "seed {seed}: the books say what the wallets say");
    // A second debit for one ride is only ever one that the provider had called off, or that overlapped with cash.
    let surplus = bench
        .one(
            "SELECT coalesce(sum(c.surplus_rwf), 0)::bigint FROM payment_captures c
             JOIN payment_intents i ON i.id = c.intent_id WHERE i.ride_id = $1",
            ride.0,
        )
        .await;
    if surplus > 0 {
        let cash = bench
            .one(
                "SELECT count(*) FROM payment_captures c JOIN payment_intents i ON i.id = c.intent_id
                 WHERE i.ride_id = $1 AND c.tender = 'cash'",
                ride.0,
            )
            .await;
        let late = attempts.iter().any(|attempt| bench.world.fate(AttemptId(*attempt)) == Some(Fate::FailsThenPays));
        assert!(cash > 0 || late, "seed {seed}: {surplus} francs too much without a reason");
    }
}

async fn run_seeds(pool: &PgPool, part: u64) {
    let people = (fixture::rider(pool, 10).await, fixture::driver(pool, 1).await);
    if let Some(seed) = number("MONEY_SEED") {
        run_seed(pool, people, seed).await;
        return;
    }
    let seeds = number("MONEY_SEEDS").map_or(SEEDS, |all| all / 4);
    for seed in part * seeds..(part + 1) * seeds {
        let run = std::panic::AssertUnwindSafe(run_seed(pool, people, seed));
        if let Err(panic) = run.catch_unwind().await {
            eprintln!("run it again with MONEY_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test without a configuration is told its seed by the environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[sqlx::test(migrations = "./migrations")]
async fn no_schedule_of_faults_charges_twice_or_loses_a_franc_1(pool: PgPool) {
    run_seeds(&pool, 0).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn no_schedule_of_faults_charges_twice_or_loses_a_franc_2(pool: PgPool) {
    run_seeds(&pool, 1).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn no_schedule_of_faults_charges_twice_or_loses_a_franc_3(pool: PgPool) {
    run_seeds(&pool, 2).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn no_schedule_of_faults_charges_twice_or_loses_a_franc_4(pool: PgPool) {
    run_seeds(&pool, 3).await;
}

async fn calm(pool: &PgPool, fate: Fate) -> (Bench, RiderId, DriverId) {
    let start = fixture::at("2026-11-20T08:00:00Z");
    let bench = Bench::new(pool, World::calm(start, fate), start);
    (bench, fixture::rider(pool, 10).await, fixture::driver(pool, 1).await)
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_is_paid_by_a_wallet_and_both_are_told(pool: PgPool) {
    let (bench, rider, driver) = calm(&pool, Fate::PaysAfter(5)).await;
    let ride = bench.ride(rider, driver, 1_500, PaymentMethod::MtnMomo).await;
    assert_eq!(bench.state(ride).await, "processing");
    assert_eq!(bench.turn(Dies::Never).await, 1);
    assert_eq!(bench.turn(Dies::Never).await, 0, "not due before ten seconds");
    bench.set(bench.now() + Span::from_secs(10));
    assert_eq!(bench.turn(Dies::Never).await, 1);
    assert_eq!(bench.state(ride).await, "succeeded");
    let balance = bench.payments.balance(driver).await.expect("reads");
    assert_eq!(balance.commission_owed, Francs(135 - 1_500), "9 % less, and nothing in the driver's hands");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_callback_that_overtakes_the_answer_is_not_forgotten(pool: PgPool) {
    let (bench, rider, driver) = calm(&pool, Fate::PaysAfter(0)).await;
    let ride = bench.ride(rider, driver, 1_500, PaymentMethod::AirtelMoney).await;
    let engine = bench.engine();
    let claimed = engine.claim(BATCH_MAX, bench.now()).await.expect("claims");
    let token = claimed[0].callback_token.clone();
    let answered = engine.call(claimed.into_iter().next().expect("one")).await;
    attempts::hint(&pool, &[token], &[], bench.now()).await.expect("heard");
    engine.write(&[answered], bench.now()).await;
    assert_eq!(bench.turn(Dies::Never).await, 1, "asked at once");
    assert_eq!(bench.state(ride).await, "succeeded");
}

#[sqlx::test(migrations = "./migrations")]
async fn who_pays_cash_and_then_the_prompt_too_has_credit(pool: PgPool) {
    let (bench, rider, driver) = calm(&pool, Fate::PaysAfter(60)).await;
    let ride = bench.ride(rider, driver, 1_500, PaymentMethod::MtnMomo).await;
    bench.turn(Dies::Never).await;
    let refused = bench.payments.cash_received(ride, driver, bench.now()).await.expect_err("the rider is asked");
    assert_eq!(refused.code(), "payment_in_progress");
    bench.payments.choose_cash(ride, rider, bench.now()).await.expect("chooses");
    bench.payments.cash_received(ride, driver, bench.now()).await.expect("receives");
    assert_eq!(bench.state(ride).await, "succeeded");
    bench.set(bench.now() + Span::from_secs(61));
    bench.turn(Dies::Never).await;
    let credit = -bench
        .one(
            "SELECT coalesce(sum(e.amount_rwf), 0)::bigint FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account_id
             WHERE a.kind = 'rider_credit' AND a.owner_id = $1",
            rider.0,
        )
        .await;
    assert_eq!(credit, 1_500);
    // The next ride is paid by it, and the wallet is asked for the rest only.
    let next = bench.ride(rider, driver, 2_000, PaymentMethod::MtnMomo).await;
    let asked = bench
        .one(
            "SELECT a.amount_rwf FROM payment_attempts a JOIN payment_intents i ON i.id = a.subject_id WHERE i.ride_id = $1",
            next.0,
        )
        .await;
    assert_eq!(asked, 500);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_provider_that_is_down_is_left_alone_and_people_are_told_to_pay_otherwise(pool: PgPool) {
    let (bench, rider, driver) = calm(&pool, Fate::PaysAfter(0)).await;
    let before = bench.ride(rider, driver, 1_000, PaymentMethod::MtnMomo).await;
    bench.turn(Dies::Never).await;
    bench.world.break_connections(true);
    let mut last = before;
    for _ in 0..6 {
        last = bench.ride(rider, driver, 1_000, PaymentMethod::MtnMomo).await;
    }
    bench.turn(Dies::Never).await;
    let more = bench.ride(rider, driver, 1_000, PaymentMethod::MtnMomo).await;
    assert_eq!(bench.state(more).await, "requires_payment", "nobody is asked while it is down");
    bench.set(bench.now() + Span::from_secs(21));
    bench.turn(Dies::Never).await;
    assert_eq!(bench.state(last).await, "requires_payment", "what never left is given up");
    assert_eq!(bench.state(before).await, "succeeded", "how old orders stand is asked all the same");
    let other = IdempotencyKey("k".into());
    let pay = PayRide { method: PaymentMethod::MtnMomo, saved_method: None, phone: None, amount: None };
    let refused = bench.payments.pay_ride(more, rider, &pay, &other, bench.now()).await.expect_err("down");
    assert_eq!(refused.code(), "provider_unavailable");
    bench.world.break_connections(false);
    bench.set(bench.now() + Span::from_secs(60));
    bench.payments.pay_ride(more, rider, &pay, &other, bench.now()).await.expect("one probe goes out");
    bench.turn(Dies::Never).await;
    assert_eq!(bench.state(more).await, "processing");
}
