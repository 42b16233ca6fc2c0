//! The service against a real database: exports, erasures over all tables, retention, holds.

mod everywhere;
mod exports;
mod large;
mod retaining;
mod rights;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture;
use crate::drivers::{HomeConfig, PapersConfig};
use crate::ids::{DriverId, RiderId};
use crate::payments;
use crate::redact::Secret;
use crate::time::{Span, Timestamp};
use crate::web::TokenKeys;

/// When all of this happens.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);
const DAY: Span = Span::from_minutes(24 * 60);

pub(super) const fn days(days: i64) -> Span {
    Span::from_minutes(days * 24 * 60)
}

/// As in `config/default.toml`, but without grace.
pub(super) fn config() -> Config {
    Config {
        erasure_grace: Span::ZERO,
        proof_age_max: Span::from_minutes(10),
        second_pass_after: Span::from_minutes(16),
        exports_per_day_max: 3,
        export_kept: days(7),
        export_bytes_max: 64 << 20,
        case_hidden_for: days(90),
        consent_age_min: 16,
        objectors_max: 1_000,
        retention_rows_max: 2,
        periods: retention::Periods {
            sign_in_codes: days(1),
            sessions: days(30),
            positions: days(90),
            zone_events: days(90),
            decisions: days(60),
            contacts: days(7),
            quotes: days(1),
            notifications: days(30),
            sms_records: days(365),
            rides: days(1_825),
            comments: days(730),
            incidents: days(1_825),
            shifts: days(730),
            exports: days(7),
            papers: days(365),
            ledger: days(3_650),
            consents: days(3_650),
            audit: days(3_650),
        },
        organisation: register::Organisation {
            name: "boda".into(),
            registration: None,
            officer_contact: "dpo@boda.example".into(),
            places: Vec::new(),
        },
    }
}

/// The service on a database.
pub(super) fn privacy(pool: &PgPool, config: Config) -> Privacy {
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("random");
    let tokens = TokenKeys::new(&[("a".to_owned(), document.as_ref().to_vec())], Span::from_secs(900)).expect("valid");
    let (code_key, vault) = (Secret::new([7; 32]), Vault::for_tests());
    let auth_config = crate::auth::tests::config();
    let auth = Auth::new(pool.clone(), auth_config, &code_key, Arc::new(tokens), vault.clone()).expect("random");
    let storage = Storage::for_tests();
    let home = HomeConfig::FOR_TESTS;
    let drivers_config = crate::drivers::Config {
        cards_remembered_max: 100,
        card_age_max: Span::from_minutes(60),
        home,
        papers: PapersConfig::FOR_TESTS,
    };
    let drivers = Drivers::new(pool.clone(), auth.clone(), vault.clone(), storage.clone(), &drivers_config);
    let payments = Payments::new(payments::Parts::for_tests(pool.clone()));
    let announce = Arc::new(|_| {});
    Privacy::new(Parts { config, pool: pool.clone(), vault, storage, auth, drivers, payments, announce })
}

/// Asks for an erasure that is due at once, and carries it out.
pub(super) async fn forget(privacy: &Privacy, person: UserId) {
    let erasure = privacy.ask_for_erasure(person, NOW).await.expect("nothing hinders it");
    privacy.erase(erasure.id, NOW).await.expect("erased");
    assert_eq!(privacy.erasure_of(person).await.expect("known").state, "done");
}

pub(super) fn sql_time(at: Timestamp) -> DateTime<Utc> {
    at.into()
}

async fn execute(pool: &PgPool, sql: &'static str, ids: &[Uuid]) {
    let mut query = sqlx::query(sql);
    for id in ids {
        query = query.bind(id);
    }
    query.execute(pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn count(pool: &PgPool, sql: &'static str, id: Uuid) -> i64 {
    sqlx::query_scalar(sql).bind(id).fetch_one(pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn pair(pool: &PgPool) -> (DriverId, RiderId) {
    (fixture::driver(pool, 1_234).await, fixture::rider(pool, 2).await)
}
