//! Receipts against a real Postgres: what they add up to, who sees them, and that nobody's words become tags.

use axum::http::StatusCode;
use sqlx::PgPool;

use super::*;
use crate::db::fixture::{self, Ride};
use crate::payments::Parts;
use crate::web::Role;
use crate::web::probe::Probe;

struct Scene {
    probe: Probe,
    rider: RiderId,
    ride: RideId,
}

/// A ride of 900 francs with a service fee of 100, paid by a promotion, credit and MTN, and a tip.
async fn scene(pool: &PgPool) -> Scene {
    let (rider, driver) = (fixture::rider(pool, 1).await, fixture::driver(pool, 2).await);
    let at = fixture::at("2026-11-20T08:00:00Z");
    let ride = Ride::completed(rider, driver, at, 900).insert(pool).await;
    sqlx::query("UPDATE rides SET pickup_address = '<script>alert(1)</script>' WHERE id = $1")
        .bind(ride.0)
        .execute(pool)
        .await
        .expect("an address");
    for (number, purpose, amount, driver_part, platform, tax, paid, state) in [
        (1_u128, "ride", 1_000_i64, 819_i64, 181_i64, 28_i64, 1_000_i64, "succeeded"),
        (2, "tip", 200, 200, 0, 0, 0, "processing"),
    ] {
        sqlx::query(
            "INSERT INTO payment_intents (id, purpose, ride_id, payer_id, driver_id, amount_rwf, driver_rwf, platform_rwf,
                 tax_rwf, paid_rwf, state, method, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'mtn_momo', now(), now())",
        )
        .bind(Uuid::from_u128(number))
        .bind(purpose)
        .bind(ride.0)
        .bind(rider.0)
        .bind(driver.0)
        .bind(amount)
        .bind(driver_part)
        .bind(platform)
        .bind(tax)
        .bind(paid)
        .bind(state)
        .execute(pool)
        .await
        .expect("an intent");
    }
    sqlx::query(
        "INSERT INTO payment_attempts (id, operation, provider, subject_id, person_id, amount_rwf, state, base_url,
             callback_token, provider_reference, created_at, finished_at)
         VALUES ($1, 'collection', 'mtn', $2, $3, 750, 'succeeded', 'http://x', 'x', '77<1', now(), now())",
    )
    .bind(Uuid::from_u128(9))
    .bind(Uuid::from_u128(1))
    .bind(rider.0)
    .execute(pool)
    .await
    .expect("an attempt");
    for (number, tender, amount, surplus) in
        [(1_u128, "promotion", 200_i64, 0_i64), (2, "credit", 50, 0), (3, "mtn", 750, 40)]
    {
        sqlx::query(
            "INSERT INTO payment_captures (id, intent_id, tender, amount_rwf, surplus_rwf, attempt_id, at)
             VALUES ($1, $2, $3, $4, $5, $6, now())",
        )
        .bind(Uuid::from_u128(number))
        .bind(Uuid::from_u128(1))
        .bind(tender)
        .bind(amount)
        .bind(surplus)
        .bind((tender == "mtn").then_some(Uuid::from_u128(9)))
        .execute(pool)
        .await
        .expect("a capture");
    }
    let payments = Payments::new(Parts::for_tests(pool.clone()));
    Scene { probe: Probe::new(http::routes(), payments), rider, ride }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_receipt_adds_up_and_says_what_was_paid_how(pool: PgPool) {
    let scene = scene(&pool).await;
    let path = format!("/rides/{}/receipt?language=en", scene.ride);
    let who = Some((scene.rider.into(), Role::Customer));
    let (status, receipt) = scene.probe.get(who, &path).await;
    assert_eq!(status, StatusCode::OK, "{receipt}");
    let sum = |list: &str, field: &str| -> i64 {
        receipt[list].as_array().expect("a list").iter().filter_map(|one| one[field].as_i64()).sum()
    };
    assert_eq!((sum("lines", "amount_rwf"), receipt["total_rwf"].as_i64()), (1_200, Some(1_200)));
    assert_eq!((sum("tenders", "amount_rwf"), receipt["paid_rwf"].as_i64()), (1_000, Some(1_000)));
    assert_eq!((sum("taxes", "amount_rwf"), &receipt["due_rwf"]), (1_200, &200.into()));
    // The service fee of 100 contains 100 × 18 / 118 = 15.25; the fare and the tip are the driver's.
    let letters: Vec<_> =
        receipt["taxes"].as_array().expect("a list").iter().map(|tax| (&tax["letter"], &tax["tax_rwf"])).collect();
    assert_eq!(letters, [(&"B".into(), &15.into()), (&"D".into(), &0.into())]);
    assert_eq!(receipt["notice"], "THIS IS NOT A FISCAL RECEIPT.");
    assert_eq!(receipt["ride"]["booked"], "20/11/2026 10:00");
    assert_eq!(receipt["tenders"][2]["surplus_rwf"], 40);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_receipt_is_its_riders_own(pool: PgPool) {
    let scene = scene(&pool).await;
    let path = format!("/rides/{}/receipt", scene.ride);
    let stranger = fixture::rider(&pool, 5).await;
    assert_eq!(scene.probe.get(None, &path).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(scene.probe.get(Some((stranger.into(), Role::Customer)), &path).await.0, StatusCode::NOT_FOUND);
    let who = Some((scene.rider.into(), Role::Customer));
    let (status, refused) = scene.probe.get(who, &format!("{path}?language=sw")).await;
    assert_eq!((status, &refused["faults"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &"language".into()));
    let unpaid =
        Ride::without_driver(scene.rider, "no_driver_found", fixture::at("2026-11-21T08:00:00Z")).insert(&pool).await;
    let (status, refused) = scene.probe.get(who, &format!("/rides/{unpaid}/receipt")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &"no_receipt".into()));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_page_has_no_tags_but_its_own(pool: PgPool) {
    let scene = scene(&pool).await;
    let payments = Payments::new(Parts::for_tests(pool.clone()));
    for language in Language::ALL {
        let receipt =
            payments.receipt(scene.rider, scene.ride, Some(language), fixture::at("2026-11-20T09:00:00Z")).await;
        let page = receipt.expect("a receipt").page();
        assert!(!page.contains("<script"), "{page}");
        for part in ["&lt;script&gt;alert(1)&lt;/script&gt;", "Boda &lt;Kigali&gt; &amp; Co", "77&lt;1", "lang=\""] {
            assert!(page.contains(part), "{part} is missing in {page}");
        }
        assert!(page.contains(&page::escaped(Word::NotFiscal.in_language(language))));
    }
}
