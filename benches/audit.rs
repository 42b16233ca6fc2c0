//! How long verifying the audit log takes: a million records of a real table, every one hashed and compared.
//!
//! Separate from the tests because only a release build says anything about time. Starts a private PostgreSQL of its own in
//! a temporary directory, with the program's default settings, and says so where there is none.
//!
//! The records are written out and chained here, by what `src/audit/encoding.rs` says of the format and not by its code, as
//! an auditor would; would the two differ, the log would not verify and the bench would fail. Half of them are of one person,
//! one in ten is of a page of twenty, and the rest are of nobody.

mod processor;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use boda::audit;
use boda::config::{Flag, Sources};
use boda::db::embedded::Role;
use boda::db::{self, Database};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use ring::digest::{self, SHA256};
use sqlx::PgPool;
use sqlx::postgres::PgPoolCopyExt as _;
use uuid::Uuid;

use processor::Failure;

const RECORDS: i64 = 1_000_000;
/// Records of one message of the copy.
const CHUNK_RECORDS: i64 = 20_000;
const ROUNDS: usize = 5;
/// What the million may take.
const TARGET_S: f64 = 10.0;
/// 2026-11-23T06:00Z; a record every 40 ms from there.
const MORNING_US: i64 = 1_795_413_600_000_000;
const STEP_US: i64 = 40_000;
/// PostgreSQL counts from 2000.
const YEAR_2000_US: i64 = 946_684_800_000_000;
/// The first byte of a record as it is hashed.
const FORMAT: u8 = 1;
const FIELDS: i16 = 15;
const UUID_TYPE: u32 = 2_950;
const COPY: &str =
    "COPY audit_records (seq, at, actor, actor_id, role, agency, action, whose, subject_kind, subject_id, why,
    request_id, client, detail, hash) FROM STDIN (FORMAT BINARY)";
/// The head moves on by one record at a time, so for a million at once its guard is sent away, and called back.
const MOVE_HEAD: &str = "UPDATE audit_head SET seq = $1, hash = $2";
const GUARD_AWAY: &str = "ALTER TABLE audit_head DISABLE TRIGGER audit_head_moves_on";
const GUARD_BACK: &str = "ALTER TABLE audit_head ENABLE TRIGGER audit_head_moves_on; VACUUM ANALYZE audit_records";

/// Records being made: each is written twice, for the copy and for its hash.
struct Chain {
    rng: StdRng,
    copy: Vec<u8>,
    hashed: Vec<u8>,
    hash: [u8; 32],
}

impl Chain {
    fn new() -> Self {
        let copy = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        Self { rng: StdRng::seed_from_u64(6), copy, hashed: Vec::new(), hash: [0; 32] }
    }

    /// The next record.
    fn push(&mut self, seq: i64) {
        let people = [1, 0, 1, 0, 1, 20, 1, 0, 1, 0][usize::try_from(seq % 10).expect("a digit")];
        let is_official = people > 0 && seq % 4 == 0;
        let (actor, subject, whose): (Uuid, Uuid, Vec<Uuid>) =
            (self.id(), self.id(), (0..people).map(|_| self.id()).collect());
        let at_us = MORNING_US + seq * STEP_US;
        self.hashed = vec![FORMAT];
        self.hashed.extend_from_slice(&at_us.to_be_bytes());
        self.copy.extend_from_slice(&FIELDS.to_be_bytes());
        self.field(Some(&seq.to_be_bytes()));
        self.field(Some(&(at_us - YEAR_2000_US).to_be_bytes()));
        self.part(Some(b"person"));
        self.part(Some(actor.as_bytes()));
        self.part(Some(if is_official { b"government" } else { b"admin" }));
        self.part(is_official.then_some(b"RURA"));
        self.part(Some(if people == 1 { b"drivers.file_opened" } else { b"government.drivers_listed" }));
        self.people(&whose);
        self.part(Some(b"driver"));
        self.part(Some(subject.as_bytes()));
        self.part(is_official.then_some(b"inspection of licences in Nyarugenge, November 2026"));
        self.part(Some(actor.hyphenated().to_string().as_bytes()));
        self.part(Some(b"192.0.2.117"));
        self.part(Some(br#"{"kind":"driving_license","version":2,"rows":20}"#));
        let mut context = digest::Context::new(&SHA256);
        for part in [&self.hash[..], &seq.to_be_bytes(), &self.hashed] {
            context.update(part);
        }
        self.hash.copy_from_slice(context.finish().as_ref());
        let hash = self.hash;
        self.field(Some(&hash));
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.random())
    }

    /// A field of the copy.
    fn field(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.copy.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(bytes) => {
                self.copy.extend_from_slice(&length(bytes.len()));
                self.copy.extend_from_slice(bytes);
            }
        }
    }

    /// A field that is written out alike for the hash, but for its being there.
    fn part(&mut self, value: Option<&[u8]>) {
        self.hashed.push(u8::from(value.is_some()));
        if let Some(bytes) = value {
            self.hashed.extend_from_slice(&length(bytes.len()));
            self.hashed.extend_from_slice(bytes);
        }
        self.field(value);
    }

    /// An array in the copy is its dimensions, whether it has nulls, the type, its length, its first index; then the values.
    fn people(&mut self, whose: &[Uuid]) {
        self.hashed.extend_from_slice(&length(whose.len()));
        let mut array: Vec<u8> = [u32::from(!whose.is_empty()), 0, UUID_TYPE].map(u32::to_be_bytes).concat();
        if !whose.is_empty() {
            array.extend_from_slice(&length(whose.len()));
            array.extend_from_slice(&1_u32.to_be_bytes());
        }
        for person in whose {
            self.hashed.extend_from_slice(person.as_bytes());
            array.extend_from_slice(&length(person.as_bytes().len()));
            array.extend_from_slice(person.as_bytes());
        }
        self.field(Some(&array));
    }
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("short").to_be_bytes()
}

/// A log of a million records.
async fn fill(pool: &PgPool) -> Result<(), Failure> {
    let mut chain = Chain::new();
    let mut copy = pool.copy_in_raw(COPY).await?;
    for seq in 1..=RECORDS {
        chain.push(seq);
        if seq % CHUNK_RECORDS == 0 {
            copy.send(std::mem::take(&mut chain.copy)).await?;
        }
    }
    chain.copy.extend_from_slice(&(-1_i16).to_be_bytes());
    copy.send(chain.copy).await?;
    copy.finish().await?;
    sqlx::raw_sql(GUARD_AWAY).execute(pool).await?;
    sqlx::query(MOVE_HEAD).bind(RECORDS).bind(chain.hash.as_slice()).execute(pool).await?;
    sqlx::raw_sql(GUARD_BACK).execute(pool).await?;
    Ok(())
}

/// What one verification took, in seconds.
#[derive(Clone, Copy)]
struct Took {
    wall_s: f64,
    own_s: f64,
    server_s: f64,
}

async fn round(pool: &PgPool, postmaster: u32) -> Result<Took, Failure> {
    let (own, server, begun) = (processor::own_ns()?, processor::server_ns(postmaster)?, Instant::now());
    let verdict = audit::verify(pool, &[], &[], |_, _| {}).await?;
    let wall_s = begun.elapsed().as_secs_f64();
    if verdict.records != RECORDS || !verdict.findings.is_empty() {
        return Err(format!("the log does not verify: {verdict:?}").into());
    }
    let seconds = |before: u64, after: u64| after.saturating_sub(before) as f64 / 1e9;
    Ok(Took {
        wall_s,
        own_s: seconds(own, processor::own_ns()?),
        server_s: seconds(server, processor::server_ns(postmaster)?),
    })
}

async fn measure(database: &Database, data_dir: &Path) -> Result<(), Failure> {
    database.migrate().await?;
    let pool = database.pool();
    let begun = Instant::now();
    fill(pool).await?;
    let bytes: i64 = sqlx::query_scalar("SELECT pg_table_size('audit_records')").fetch_one(pool).await?;
    println!("a log of {RECORDS} records, {} MB, in {:.0} s", bytes / 1_000_000, begun.elapsed().as_secs_f64());
    let postmaster = processor::postmaster(data_dir)?;
    let mut rounds = Vec::new();
    for number in 1..=ROUNDS {
        let took = round(pool, postmaster).await?;
        let Took { wall_s, own_s, server_s } = took;
        println!("round {number}: {wall_s:.2} s; processor {own_s:.2} s here, {server_s:.2} s PostgreSQL");
        rounds.push(took);
    }
    rounds.sort_by(|one, other| one.wall_s.total_cmp(&other.wall_s));
    let Took { wall_s, own_s, server_s } = rounds[ROUNDS / 2];
    println!(
        "  median {wall_s:.2} s (target {TARGET_S:.0}), {:.0} records/s, {:.1} µs of processor time a record",
        RECORDS as f64 / wall_s,
        (own_s + server_s) * 1e6 / RECORDS as f64
    );
    println!(
        r#"A4 {{"records":{RECORDS},"seconds":{wall_s:.2},"own_cpu_s":{own_s:.2},"postgres_cpu_s":{server_s:.2},"slowest_s":{:.2}}}"#,
        rounds[ROUNDS - 1].wall_s
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let home = tempfile::Builder::new().prefix("boda-bench-").tempdir()?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
    let value = home.path().to_str().ok_or("the temporary directory has an odd name")?.to_owned();
    let flags = vec![Flag { flag: "--data-dir", key: "data_dir", value }];
    let config = Sources { flags, ..Sources::default() }.load()?;
    let (database, embedded) = match db::open(&config.database, Role::Serve).await {
        Ok(open) => open,
        Err(error) => {
            println!("audit: skipped, because no PostgreSQL can be started here: {error}");
            return Ok(());
        }
    };
    let measured = measure(&database, home.path()).await;
    database.close().await;
    if let Some(embedded) = embedded {
        embedded.stop().await?;
    }
    measured
}
