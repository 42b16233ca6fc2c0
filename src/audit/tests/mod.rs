//! Records against a real Postgres: chained as described, refused to be changed, gapless under contention.

mod tampering;

use chrono::{DateTime, Utc};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use super::encoding::{BEFORE_ALL, Content, link};
use super::*;
use crate::db::fixture::at;

fn admin() -> UserId {
    UserId(Uuid::from_u128(9))
}

fn now() -> Timestamp {
    at("2026-11-26T05:00:00.123Z")
}

fn act() -> Act<'static> {
    Act { whose: Some(UserId(Uuid::from_u128(1))), ..Act::of(admin(), Role::Admin, "drivers.approved") }
}

/// Reads the chain as an auditor would, with nothing but the description.
async fn chain(pool: &PgPool) -> Vec<(i64, Content, Vec<u8>)> {
    let rows =
        sqlx::query("SELECT *, detail::text AS detail_text FROM audit_records ORDER BY seq").fetch_all(pool).await;
    let content = |row: &sqlx::postgres::PgRow| Content {
        at_us: row.get::<DateTime<Utc>, _>("at").timestamp_micros(),
        actor: row.get("actor"),
        actor_id: row.get("actor_id"),
        role: row.get("role"),
        agency: row.get("agency"),
        action: row.get("action"),
        whose: row.get("whose"),
        subject_kind: row.get("subject_kind"),
        subject_id: row.get("subject_id"),
        why: row.get("why"),
        request_id: row.get("request_id"),
        client: row.get("client"),
        detail: row.get("detail_text"),
    };
    rows.expect("reads").iter().map(|row| (row.get("seq"), content(row), row.get("hash"))).collect()
}

#[sqlx::test(migrations = "./migrations")]
async fn records_form_a_chain_that_anybody_can_check(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    record(&mut conn, &act(), now()).await.expect("recorded");
    let official = Act {
        actor: Actor::Official(admin(), Agency::Rura),
        action: "government.drivers_listed",
        whose: None,
        subject: Some(("ride", Uuid::from_u128(5))),
        why: Some("inspection\nof \u{0}licences"),
        detail: serde_json::json!({ "b": 1, "a": [1.5, "ü"] }),
    };
    RequestId::scope("request-1".to_owned(), record_seen(&mut conn, &official, &[admin(), UserId(Uuid::nil())], now()))
        .await
        .expect("recorded");
    record(&mut conn, &Act { actor: Actor::System, ..act() }, now()).await.expect("recorded");

    let mut before = BEFORE_ALL;
    let records = chain(&pool).await;
    for (place, (seq, content, hash)) in records.iter().enumerate() {
        assert_eq!(*seq, i64::try_from(place).expect("few") + 1);
        before = link(&before, *seq, &content.bytes());
        assert_eq!(hash.as_slice(), before, "record {seq}");
    }
    let (_, second, _) = &records[1];
    assert_eq!((second.role.as_deref(), second.agency.as_deref()), (Some("government"), Some("RURA")));
    assert_eq!(second.whose, [Uuid::nil(), admin().0]);
    assert_eq!(second.why.as_deref(), Some("inspection of  licences"));
    assert_eq!(second.request_id.as_deref(), Some("request-1"));
    let head = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(&pool).await.expect("reads");
    assert_eq!((head.get::<i64, _>("seq"), head.get::<Vec<u8>, _>("hash")), (3, before.to_vec()));
}

#[sqlx::test(migrations = "./migrations")]
async fn nothing_recorded_can_be_changed_or_removed(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    record(&mut conn, &act(), now()).await.expect("recorded");
    for statement in [
        "UPDATE audit_records SET why = 'x'",
        "DELETE FROM audit_records",
        "TRUNCATE audit_records",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "INSERT INTO audit_head (one, seq, hash) SELECT one, seq, hash FROM audit_head",
        "UPDATE audit_head SET seq = 0",
        "UPDATE audit_head SET hash = decode(repeat('00', 32), 'hex')",
    ] {
        let refused = sqlx::query(statement).execute(&pool).await.expect_err(statement);
        assert_eq!(refused.as_database_error().and_then(|error| error.code()).as_deref(), Some("42501"), "{statement}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn who_gives_up_leaves_no_gap(pool: PgPool) {
    let mut tx = pool.begin().await.expect("begins");
    record(&mut tx, &act(), now()).await.expect("recorded");
    tx.rollback().await.expect("given up");
    let mut tx = pool.begin().await.expect("begins");
    {
        let mut savepoint = sqlx::Acquire::begin(&mut *tx).await.expect("a savepoint");
        record(&mut savepoint, &act(), now()).await.expect("recorded");
        savepoint.rollback().await.expect("given up");
    }
    record(&mut tx, &Act { action: "kept", ..act() }, now()).await.expect("recorded");
    tx.commit().await.expect("kept");
    let records = chain(&pool).await;
    assert_eq!(records.iter().map(|(seq, kept, _)| (*seq, kept.action.as_str())).collect::<Vec<_>>(), [(1, "kept")]);
}

#[sqlx::test(migrations = "./migrations")]
async fn many_at_once_are_recorded_one_after_the_other(pool: PgPool) {
    let writers = (0..8u128).map(|writer| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                let mut tx = pool.begin().await.expect("begins");
                let person = UserId(Uuid::from_u128(writer));
                record(&mut tx, &Act { whose: Some(person), ..act() }, now()).await.expect("recorded");
                tx.commit().await.expect("kept");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let mut before = BEFORE_ALL;
    let records = chain(&pool).await;
    assert_eq!(records.len(), 200);
    for (seq, content, hash) in records {
        before = link(&before, seq, &content.bytes());
        assert_eq!(hash, before, "record {seq}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_long_page_and_a_long_detail_are_bounded(pool: PgPool) {
    let mut conn = pool.acquire().await.expect("a connection");
    let people: Vec<_> = (0..2_500).map(|person| UserId(Uuid::from_u128(person))).collect();
    let why = "é".repeat(5_000);
    let long = Act { why: Some(&why), detail: Value::String("x".repeat(10_000)), ..act() };
    record_seen(&mut conn, &long, &people, now()).await.expect("recorded");
    let records = chain(&pool).await;
    assert_eq!(records.iter().map(|(_, content, _)| content.whose.len()).collect::<Vec<_>>(), [1_000, 1_000, 500]);
    assert_eq!(records[0].1.why.as_ref().map(|why| why.chars().count()), Some(WHY_CHARS_MAX));
    assert_eq!(records[0].1.detail, r#"{"left_out_bytes":10002}"#);
}

#[sqlx::test(migrations = "./migrations")]
async fn who_watches_is_recorded_once_in_a_while(pool: PgPool) {
    let watching = Watching::new(pool.clone());
    let act = Act::of_admin(admin(), "city.watched");
    for second in [0, 1, 60, 899, 900, 901] {
        watching.record(&act, admin(), now() + crate::time::Span::from_secs(second)).await.expect("recorded");
    }
    watching.record(&act, UserId(Uuid::nil()), now()).await.expect("recorded");
    assert_eq!(chain(&pool).await.len(), 3);
}
