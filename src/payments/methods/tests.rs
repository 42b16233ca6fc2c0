//! Saved wallets against a real Postgres and a provider that says what it is told to say.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;
use chrono::NaiveDate;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture::{self, at};
use crate::notifications::{Language, Recipient};
use crate::payments::http;
use crate::payments::providers::{
    Hint, Holder, Operation, Order, OwnBalance, Provider, Providers, Query, Standing, StatementLine, Submitted,
};
use crate::web::Role;
use crate::web::probe::Probe;

/// Everybody's own telephone here.
pub const OWN: &str = "+250788000001";

/// A provider that answers as it is told, and is never asked for money.
pub struct Fake {
    id: ProviderId,
    holder: Mutex<Result<Holder, Trouble>>,
    available: Mutex<Result<Francs, Trouble>>,
}

impl Fake {
    pub fn new(id: ProviderId) -> Arc<Self> {
        let holder = Ok(holder(true, "UWASE KEZA"));
        Arc::new(Self { id, holder: Mutex::new(holder), available: Mutex::new(Ok(Francs(100_000_000))) })
    }

    pub fn says(&self, holder: Result<Holder, Trouble>) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = holder;
    }

    pub fn has(&self, available: Result<Francs, Trouble>) {
        *self.available.lock().unwrap_or_else(PoisonError::into_inner) = available;
    }
}

pub fn holder(is_active: bool, name: &str) -> Holder {
    Holder { is_active, first_name: Some(name.to_owned()), last_name: None }
}

impl Provider for Fake {
    fn id(&self) -> ProviderId {
        self.id
    }

    fn base_url(&self) -> &str {
        "http://fake"
    }

    fn submit<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Submitted> {
        std::future::ready(Submitted::Unknown { reason: "fake" }).boxed()
    }

    fn standing<'a>(&'a self, _: &'a Query) -> BoxFuture<'a, Standing> {
        std::future::ready(Standing::Pending).boxed()
    }

    fn holder(&self, _: Phone) -> BoxFuture<'_, Result<Holder, Trouble>> {
        std::future::ready(self.holder.lock().unwrap_or_else(PoisonError::into_inner).clone()).boxed()
    }

    fn balances(&self) -> BoxFuture<'_, Result<Vec<OwnBalance>, Trouble>> {
        let available = self.available.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let balances = available.map(|available| vec![OwnBalance { operation: Operation::Payout, available }]);
        std::future::ready(balances).boxed()
    }

    fn statement(&self, _: NaiveDate) -> BoxFuture<'_, Result<Vec<StatementLine>, Trouble>> {
        std::future::ready(Err(Trouble::Unsupported)).boxed()
    }

    fn read_callback(&self, _: &HeaderMap, _: &[u8]) -> Option<Hint> {
        None
    }
}

/// The service with MTN and Airtel, both of which say that every wallet is active and Keza Uwase's.
pub fn service(pool: &PgPool) -> (Payments, Arc<Fake>, Arc<Fake>) {
    let (mtn, airtel) = (Fake::new(ProviderId::Mtn), Fake::new(ProviderId::Airtel));
    let all: [Arc<dyn Provider>; 2] = [mtn.clone(), airtel.clone()];
    let own = Recipient { phone: Phone::parse(OWN).expect("a number"), language: Language::Rw };
    let parts = Parts {
        providers: Providers::new(all),
        recipients: Arc::new(move |_| std::future::ready(Ok(Some(own))).boxed()),
        ..Parts::for_tests(pool.clone())
    };
    (Payments::new(parts), mtn, airtel)
}

fn new_method(provider: Option<&str>, number: Option<&str>) -> NewMethod {
    NewMethod {
        provider: provider.map(str::to_owned),
        number: number.map(str::to_owned),
        label: None,
        is_default: false,
    }
}

const NOW: &str = "2026-11-25T08:00:00Z";

#[sqlx::test(migrations = "./migrations")]
async fn a_number_tells_the_provider_and_the_person_knows_better(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let rider = fixture::rider(&pool, 1).await;
    let save = async |provider, number| {
        payments.save_method(rider, &new_method(provider, number), at(NOW)).await.expect("saved")
    };
    let own = save(None, None).await;
    assert_eq!((own.provider, own.is_default, own.name_matches), (ProviderId::Mtn, true, Some(true)));
    let airtel = save(None, Some("0731234567")).await;
    assert_eq!((airtel.provider, airtel.is_default), (ProviderId::Airtel, false));
    let carried = save(Some("airtel"), Some("0788123456")).await;
    assert_eq!(carried.provider, ProviderId::Airtel);
    let full = payments.save_method(rider, &new_method(None, Some("0788123457")), at(NOW)).await;
    assert_eq!(full.expect_err("three are the most").code(), "too_many_methods");

    // The wallet that a payer is asked through.
    let mut conn = pool.acquire().await.expect("a connection");
    let mut wallet = async |provider, saved| {
        let found = wallet_of(&mut conn, &payments.parts, UserId(rider.0), provider, saved).await;
        found.map(|phone| phone.map(|phone| phone.as_str().to_owned()))
    };
    assert_eq!(wallet(ProviderId::Mtn, None).await.expect("found").as_deref(), Some(OWN));
    assert_eq!(wallet(ProviderId::Airtel, None).await.expect("found").as_deref(), Some("+250731234567"));
    let found = wallet(ProviderId::Airtel, Some(carried.id)).await.expect("found");
    assert_eq!(found.as_deref(), Some("+250788123456"));
    assert_eq!(wallet(ProviderId::Card, None).await.expect("none"), None);
    assert!(wallet(ProviderId::Mtn, Some(carried.id)).await.is_err(), "of another provider");
    assert!(wallet(ProviderId::Mtn, Some(Uuid::nil())).await.is_err(), "of nobody");

    payments.remove_method(rider, own.id).await.expect("forgotten");
    let left = payments.methods_of(rider).await.expect("reads");
    assert_eq!(left.iter().map(|method| method.is_default).collect::<Vec<_>>(), [true, false]);
    payments.change_method(rider, carried.id, Some("yanjye"), true).await.expect("changed");
    let left = payments.methods_of(rider).await.expect("reads");
    assert_eq!(left.iter().map(|method| method.is_default).collect::<Vec<_>>(), [false, true]);
}

#[sqlx::test(migrations = "./migrations")]
async fn somebody_elses_number_is_saved_only_if_the_provider_knows_it(pool: PgPool) {
    let (payments, mtn, _) = service(&pool);
    let rider = fixture::rider(&pool, 1).await;
    let other = new_method(None, Some("0788123456"));
    for (says, code) in [
        (Err(Trouble::NoSuchWallet), "invalid_value"),
        (Ok(holder(false, "Keza")), "invalid_value"),
        (Err(Trouble::Away("timeout")), "unavailable"),
        (Err(Trouble::Unsupported), "wallet_not_checkable"),
    ] {
        mtn.says(says);
        assert_eq!(payments.save_method(rider, &other, at(NOW)).await.expect_err(code).code(), code);
    }
    mtn.says(Err(Trouble::Away("timeout")));
    let own = payments.save_method(rider, &new_method(None, None), at(NOW)).await.expect("one's own needs no proof");
    assert_eq!((own.verified_at, own.name_matches), (None, None));
    mtn.says(Ok(holder(true, "Eric Kamanzi")));
    let other = payments.save_method(rider, &other, at(NOW)).await.expect("active");
    assert_eq!(other.name_matches, Some(false));
    let again = payments.save_method(rider, &new_method(None, None), at(NOW)).await.expect_err("there already");
    assert_eq!(again.code(), "method_exists");
}

#[sqlx::test(migrations = "./migrations")]
async fn numbers_lie_sealed_and_are_shown_masked_and_a_holders_name_never(pool: PgPool) {
    let (payments, ..) = service(&pool);
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let probe = Probe::new(http::routes(), payments.clone());
    let me = Some((UserId(rider.0), Role::Customer));
    let (status, saved) = probe.post(me, "/riders/me/payment-methods", &json!({"number": "0788123456"})).await;
    assert_eq!((status.as_u16(), &saved["number"]), (201, &json!("+25078****456")));
    let (_, listed) = probe.get(me, "/riders/me/payment-methods").await;
    assert!(!listed.to_string().contains("UWASE"), "{listed}");
    for (body, field) in [
        (json!({"number": "12"}), "number"),
        (json!({"provider": "bank"}), "provider"),
        (json!({"provider": "card", "number": "0788123456"}), "number"),
    ] {
        let (status, answer) = probe.post(me, "/riders/me/payment-methods", &body).await;
        assert_eq!((status.as_u16(), &answer["faults"][0]["field"]), (422, &json!(field)), "{answer}");
    }
    let (status, _) = probe.delete(me, &format!("/riders/me/payment-methods/{}", Uuid::nil())).await;
    assert_eq!(status.as_u16(), 404);
    payments.put_payout_wallet(driver, (None, Some("0788123456")), at(NOW)).await.expect("put");
    let stored: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT wallet_sealed FROM payment_methods UNION ALL SELECT wallet_sealed FROM payout_wallets",
    )
    .fetch_all(&pool)
    .await
    .expect("reads");
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|sealed| !sealed.windows(9).any(|bytes| bytes == b"788123456")));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_wallet_that_changes_is_held_and_looked_at(pool: PgPool) {
    let (payments, mtn, _) = service(&pool);
    let driver = fixture::driver(&pool, 2).await;
    let put = async |number, now| payments.put_payout_wallet(driver, (None, Some(number)), at(now)).await;
    let first = put("0788123456", NOW).await.expect("put");
    assert_eq!((first.held_until, first.name_matches), (at(NOW), Some(true)), "the first one is not held");
    let same = put("0788 123 456", "2026-11-25T09:00:00Z").await.expect("put");
    assert_eq!((same.changes, same.changed_at), (0, at(NOW)), "the same one is no change");
    mtn.says(Ok(holder(true, "Eric Kamanzi")));
    let second = put("0788123457", "2026-11-25T09:00:00Z").await.expect("put");
    assert_eq!((second.changes, second.held_until), (1, at("2026-11-26T09:00:00Z")));
    assert_eq!(second.name_matches, Some(false));
    let cases: Vec<String> = sqlx::query_scalar("SELECT kind FROM money_cases").fetch_all(&pool).await.expect("reads");
    assert_eq!(cases, ["wallet_changed"]);
    let admin = fixture::person(&pool, 3, "admin").await;
    let accepted = payments.accept_payout_wallet(admin, driver, "paper of the marriage seen", at(NOW)).await;
    assert_eq!(accepted.expect("accepted").name_matches, Some(true));
    let stranger = fixture::person(&pool, 4, "driver").await;
    let refused = payments.put_payout_wallet(DriverId(stranger.0), (None, None), at(NOW)).await.expect_err("no papers");
    assert_eq!(refused.code(), "papers_missing");
}
