//! The log under the hands of somebody who owns the database: a hundred deeds of every kind, and none goes unseen.
//!
//! The deeds are done as such a person would: the guards are switched off and on again, and whoever is thorough hashes
//! everything behind anew and sets the end of the chain to match.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::audit::chain::Head;
use crate::audit::encoding::BEFORE_ALL;
use crate::audit::heads::{self, Occasion};
use crate::audit::signing::Signer;
use crate::audit::{Deed, Finding, store, verify};

const RECORDS: i64 = 40;
/// The record of the head that was published.
const PUBLISHED: i64 = 25;
const DEEDS: u64 = 100;

/// A log with records of every shape, and what was published of it.
struct Scene {
    pool: PgPool,
    published: String,
    key: crate::audit::PublicKey,
}

impl Scene {
    async fn set(pool: PgPool) -> Self {
        let mut conn = pool.acquire().await.expect("a connection");
        let directory = tempfile::tempdir().expect("a directory");
        let (file, signer) = (directory.path().join("heads"), Signer::for_tests());
        for number in 1..=RECORDS {
            let people: Vec<_> = (0..number % 4).map(|person| UserId(Uuid::from_u128(person as u128 + 1))).collect();
            let why = format!("reason {number}");
            let act = Act {
                actor: match number % 4 {
                    0 => Actor::System,
                    1 => Actor::Official(admin(), Agency::Rnp),
                    _ => Actor::Person(admin(), Role::Admin),
                },
                why: (number % 3 > 0).then_some(why.as_str()),
                subject: (number % 2 > 0).then(|| ("ride", Uuid::from_u128(number as u128))),
                detail: serde_json::json!({ "number": number }),
                whose: None,
                action: "tests.acted",
            };
            record_seen(&mut conn, &act, &people, now()).await.expect("recorded");
            if number == PUBLISHED {
                let head = store::head(&mut conn).await.expect("reads").expect("there");
                heads::append(&file, &signer, head, Occasion::Daily, now()).expect("published");
            }
        }
        // It would keep the tamperer from shifting records in one go, not from anything else.
        sqlx::query("ALTER TABLE audit_records DROP CONSTRAINT audit_records_seq_check")
            .execute(&mut *conn)
            .await
            .expect("dropped");
        for copy in ["records", "head"] {
            let statement = format!("CREATE TABLE kept_{copy} AS TABLE audit_{copy}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *conn).await.expect("kept");
        }
        let published = heads::load(&file).expect("reads").expect("there");
        Self { pool, published, key: signer.public_key() }
    }

    async fn findings(&self) -> Vec<Finding> {
        let verdict = verify(&self.pool, std::slice::from_ref(&self.published), &[self.key], |_, _| {}).await;
        verdict.expect("reads").findings
    }

    /// Everything as it was.
    async fn restore(&self) {
        let statement = "SET session_replication_role = replica;
             TRUNCATE audit_records, audit_head;
             INSERT INTO audit_records SELECT * FROM kept_records; INSERT INTO audit_head SELECT * FROM kept_head;
             SET session_replication_role = origin;";
        sqlx::raw_sql(statement).execute(&self.pool).await.expect("restored");
    }

    /// As the owner of the database, with the guards off.
    async fn run(&self, statements: &str) {
        let mut conn = self.pool.acquire().await.expect("a connection");
        let whole =
            format!("SET session_replication_role = replica; {statements}; SET session_replication_role = origin;");
        sqlx::raw_sql(sqlx::AssertSqlSafe(whole)).execute(&mut *conn).await.expect(statements);
    }

    /// Numbers and hashes everything anew, and sets the end to match, as if nothing had been.
    async fn cover_up(&self) {
        self.run(
            "UPDATE audit_records SET seq = -seq;
                  UPDATE audit_records SET seq = renumbered.n
                  FROM (SELECT seq, row_number() OVER (ORDER BY seq DESC) AS n FROM audit_records) AS renumbered
                  WHERE audit_records.seq = renumbered.seq",
        )
        .await;
        let mut conn = self.pool.acquire().await.expect("a connection");
        let mut at = Head { seq: 0, hash: BEFORE_ALL };
        let mut statements = String::new();
        for row in store::page(&mut conn, i64::MIN, 1_000).await.expect("reads") {
            let hash = link(&at.hash, row.seq, row.content.as_ref().expect("readable"));
            at = Head { seq: row.seq, hash };
            statements += &format!("UPDATE audit_records SET hash = '\\x{}' WHERE seq = {};", hex(&hash), row.seq);
        }
        statements += &format!("UPDATE audit_head SET seq = {}, hash = '\\x{}'", at.seq, hex(&at.hash));
        drop(conn);
        self.run(&statements).await;
    }
}

/// What is done to one record.
fn change(rng: &mut StdRng, seq: i64) -> String {
    const CHANGES: &[&str] = &[
        "at = at + interval '1 microsecond'",
        "actor = CASE actor WHEN 'system' THEN 'operator' ELSE 'system' END",
        "actor_id = gen_random_uuid()",
        "role = coalesce(role, '') || 'x'",
        "agency = CASE agency WHEN 'RURA' THEN NULL ELSE 'RURA' END",
        "action = action || ' '",
        "whose = whose || gen_random_uuid()",
        "whose = whose || NULL::uuid",
        "whose = '[2:2]={00000000-0000-0000-0000-000000000001}'",
        "subject_kind = coalesce(subject_kind, '') || 'x'",
        "subject_id = gen_random_uuid()",
        "why = CASE WHEN why IS NULL THEN '' ELSE NULL END",
        "request_id = 'other'",
        "client = '192.0.2.1'",
        "detail = (detail::text || ' ')::json",
    ];
    format!("UPDATE audit_records SET {} WHERE seq = {seq}", CHANGES[rng.random_range(0..CHANGES.len())])
}

/// Moves everything from `from` on by `by` places.
fn shift(from: i64, by: i64) -> String {
    format!(
        "UPDATE audit_records SET seq = -seq WHERE seq >= {from}; UPDATE audit_records SET seq = {by} - seq WHERE seq < 0"
    )
}

/// One deed, and where it must be found.
async fn deed(scene: &Scene, kind: u64, rng: &mut StdRng) -> (String, Option<Deed>) {
    let seq = rng.random_range(2..RECORDS - 5);
    let early = rng.random_range(1..PUBLISHED);
    let count = rng.random_range(1..4);
    let last = RECORDS - count;
    match kind {
        0..=3 => (change(rng, seq), Some(Deed::Changed { seq })),
        4 => (
            format!("UPDATE audit_records SET hash = sha256('x') WHERE seq = {seq}"),
            Some(Deed::HashChanged { seq }),
        ),
        5 => (
            format!("DELETE FROM audit_records WHERE seq >= {seq} AND seq < {seq} + {count}"),
            Some(Deed::Removed { seq, count }),
        ),
        6 => {
            let renumber = shift(seq + count, -count);
            let statement = format!("DELETE FROM audit_records WHERE seq >= {seq} AND seq < {seq} + {count}; {renumber}");
            (statement, Some(Deed::Removed { seq, count }))
        }
        7 => (
            format!("DELETE FROM audit_records WHERE seq > {last}"),
            Some(Deed::CutOff { last, expected: RECORDS }),
        ),
        8 => (
            format!("UPDATE audit_records SET seq = 0 - seq WHERE seq IN ({seq}, {seq} + 1);
                     UPDATE audit_records SET seq = 2 * {seq} + 1 + seq WHERE seq < 0"),
            Some(Deed::Reordered { seq, found_at: seq + 1 }),
        ),
        9 => (
            format!("UPDATE audit_records SET seq = 1000 WHERE seq = {seq}"),
            Some(Deed::Reordered { seq, found_at: 1_000 }),
        ),
        10 => {
            let forged = format!(
                "INSERT INTO audit_records SELECT {seq}, at, actor, actor_id, role, agency, 'forged', whose, subject_kind,
                     subject_id, why, request_id, client, detail, hash FROM audit_records WHERE seq = 1"
            );
            (format!("{}; {forged}", shift(seq, 1)), Some(Deed::Inserted { seq, count: 1 }))
        }
        11 => (
            format!("INSERT INTO audit_records SELECT {RECORDS} + 1, at, actor, actor_id, role, agency, action, whose,
                         subject_kind, subject_id, why, request_id, client, detail, hash FROM audit_records WHERE seq = 3"),
            Some(Deed::Changed { seq: RECORDS + 1 }),
        ),
        12 => (
            "UPDATE audit_head SET hash = sha256('x')".to_owned(),
            Some(Deed::HeadChanged { seq: RECORDS }),
        ),
        13 => (
            format!("UPDATE audit_head SET seq = {seq}, hash = (SELECT hash FROM audit_records WHERE seq = {seq})"),
            Some(Deed::HeadChanged { seq: RECORDS }),
        ),
        14 => ("DELETE FROM audit_head".to_owned(), None),
        // From here on the tracks are covered, and only the published head tells.
        15 => {
            scene.run(&format!("UPDATE audit_records SET whose = whose || gen_random_uuid() WHERE seq = {early}")).await;
            scene.cover_up().await;
            (String::new(), Some(Deed::Rewritten { after: 0, up_to: PUBLISHED }))
        }
        16 => {
            scene.run(&format!("DELETE FROM audit_records WHERE seq = {early}")).await;
            scene.cover_up().await;
            (String::new(), Some(Deed::Rewritten { after: 0, up_to: PUBLISHED }))
        }
        17 => {
            scene.run(&format!("DELETE FROM audit_records WHERE seq >= {early}")).await;
            scene.cover_up().await;
            (String::new(), Some(Deed::CutOff { last: early - 1, expected: PUBLISHED }))
        }
        18 => {
            scene.run("TRUNCATE audit_records").await;
            scene.cover_up().await;
            (String::new(), Some(Deed::CutOff { last: 0, expected: PUBLISHED }))
        }
        _ => {
            let (one, other) = (early, early % (PUBLISHED - 1) + 1);
            scene
                .run(&format!(
                    "UPDATE audit_records SET seq = -seq WHERE seq IN ({one}, {other});
                     UPDATE audit_records SET seq = {one} + {other} + seq WHERE seq < 0"
                ))
                .await;
            scene.cover_up().await;
            (String::new(), Some(Deed::Rewritten { after: 0, up_to: PUBLISHED }))
        }
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_hundred_deeds_are_done_and_a_hundred_found(pool: PgPool) {
    let scene = Scene::set(pool).await;
    assert_eq!(scene.findings().await, [], "untouched");
    let mut found = 0;
    for seed in 0..DEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let (statements, expected) = deed(&scene, seed % 20, &mut rng).await;
        if !statements.is_empty() {
            scene.run(&statements).await;
        }
        let findings = scene.findings().await;
        let first = findings.first().unwrap_or_else(|| panic!("seed {seed}: {statements} goes unseen"));
        match expected {
            Some(deed) => assert_eq!(first, &Finding::Chain(deed), "seed {seed}: {statements}"),
            None => assert!(findings.contains(&Finding::HeadMissing), "seed {seed}: {findings:?}"),
        }
        found += 1;
        scene.restore().await;
    }
    assert_eq!((found, scene.findings().await), (DEEDS, vec![]));
}

#[sqlx::test(migrations = "./migrations")]
async fn guards_that_were_taken_away_are_missed(pool: PgPool) {
    let mut conn: sqlx::pool::PoolConnection<_> = pool.acquire().await.expect("a connection");
    let run = async |conn: &mut PgConnection, statement: &'static str| {
        sqlx::raw_sql(statement).execute(conn).await.expect(statement);
    };
    run(&mut conn, "ALTER TABLE audit_records DISABLE TRIGGER audit_records_append_only").await;
    run(&mut conn, "DROP TRIGGER audit_head_moves_on ON audit_head").await;
    drop(conn);
    let findings = verify(&pool, &[], &[], |_, _| {}).await.expect("reads").findings;
    let unguarded = |name: &str| Finding::Unguarded(name.to_owned());
    assert_eq!(findings, [unguarded("audit_head_moves_on"), unguarded("audit_records_append_only")]);
}
