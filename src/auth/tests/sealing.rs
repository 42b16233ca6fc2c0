//! Phones at rest: what an earlier version left open is sealed, and nothing is ever written open again.

use std::borrow::Cow;

use sqlx::PgPool;
use sqlx::migrate::Migrator;

use super::*;

/// The migration that sealing begins with.
const SEALING: i64 = 19;

/// The schema before or after a version.
async fn migrate(pool: &PgPool, is_wanted: impl Fn(i64) -> bool) {
    let all = sqlx::migrate!("./migrations");
    let wanted = all.iter().filter(|migration| is_wanted(migration.version)).cloned().collect();
    let some = Migrator { migrations: Cow::Owned(wanted), ignore_missing: true, ..Migrator::DEFAULT };
    some.run(pool).await.expect("migrated");
}

async fn insert_open(pool: &PgPool, people: i32) -> sqlx::Result<()> {
    let sql = "INSERT INTO users (id, phone, first_name, last_name, language, role, verified_at, created_at, updated_at)
         SELECT gen_random_uuid(), '+25078' || lpad(n::text, 7, '0'), 'Keza', 'Uwase', 'rw', 'customer', now(), now(), now()
         FROM generate_series(1, $1) AS n";
    sqlx::query(sql).bind(people).execute(pool).await.map(drop)
}

async fn count(pool: &PgPool, condition: &'static str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM users WHERE {condition}")))
        .fetch_one(pool)
        .await
        .expect("counted")
}

#[sqlx::test(migrations = false)]
async fn phones_of_an_earlier_version_are_sealed_by_whoever_comes_and_none_is_lost(pool: PgPool) {
    migrate(&pool, |version| version < SEALING).await;
    insert_open(&pool, 5_500).await.expect("the earlier version's rows");
    migrate(&pool, |_| true).await;
    let vault = Vault::for_tests();

    // One that is stopped in the middle of a batch, then two at a time.
    let stopped = tokio::time::timeout(std::time::Duration::from_millis(40), seal_open_phones(&pool, &vault)).await;
    let left = count(&pool, "phone IS NOT NULL").await;
    assert_eq!(left + count(&pool, "phone_sealed IS NOT NULL").await, 5_500, "each is in exactly one place");
    let (one, other) = tokio::join!(seal_open_phones(&pool, &vault), seal_open_phones(&pool, &vault));
    let done = one.expect("sealed") + other.expect("sealed");
    // What was stopped may have been committed all the same, or may not.
    assert!(stopped.is_ok() || i64::try_from(done).expect("few") <= left);
    assert_eq!(count(&pool, "phone IS NOT NULL").await, 0);
    assert_eq!(count(&pool, "phone_sealed IS NOT NULL").await, 5_500);
    assert_eq!(seal_open_phones(&pool, &vault).await.expect("nothing left"), 0);

    let auth = auth(&pool);
    for n in [1, 1_000, 5_500] {
        let phone = Phone::parse(&format!("+25078{n:07}")).expect("valid");
        let found = auth.find_by_phone(phone).await.expect("opened").expect("is there");
        assert_eq!(found.phone, phone);
    }
    let refused = insert_open(&pool, 1).await.expect_err("open phones are not written any more").to_string();
    assert!(refused.contains("users_phone_not_open"), "{refused}");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_person_who_was_erased_is_nobody(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let user = tokens.profile.id;
    assert_eq!(auth.people(&[user]).await.expect("read").len(), 1);
    sqlx::query("UPDATE users SET phone_sealed = NULL, phone_index = NULL").execute(&pool).await.expect("erased");
    auth.forget_person(user);
    assert!(auth.people(&[user]).await.expect("read").is_empty());
    assert!((auth.recipients())(user).await.expect("read").is_none());
    assert_eq!(auth.profile(user).await.expect_err("gone").code(), "unauthenticated");
    assert!(auth.find_by_phone(phone()).await.expect("read").is_none());
    // The phone is free for whoever registers it next.
    let next = auth.register(registration(None), &device(), s(1_000)).await;
    next.expect("registered");
}
