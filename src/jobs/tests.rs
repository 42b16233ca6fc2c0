//! The queue against a real Postgres: what holds when workers race, die, are slow, or are stopped.
//!
//! Time is the test's own and nothing sleeps: handlers report over channels, and what is waited for has a bound.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use sqlx::PgPool;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::store::{Claim, Leased, Next, Verdict};
use super::*;
use crate::ids::JobId;
use crate::time::Timestamp;

const NOON: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Bounds for tests: polling is so rare that only a notification, or the first look, can start a job.
pub fn config() -> Config {
    Config {
        workers_max: 4,
        batch_max: 3,
        poll_interval: Span::from_minutes(60),
        lease_margin: Span::from_secs(1),
        retry_base: Span::from_secs(10),
        retry_max: Span::from_minutes(10),
        unknown_kind_delay: Span::from_secs(30),
        drain_max: Span::from_secs(10),
        housekeeping_interval: Span::from_minutes(60),
        done_retention: Span::from_minutes(60),
        delete_batch_max: 2,
    }
}

#[derive(Serialize, Deserialize)]
struct Count {
    number: u32,
}

impl Job for Count {
    const KIND: &'static str = "test.count";
    const ATTEMPTS_MAX: u16 = 2;
    const LEASE: Span = Span::from_secs(30);
}

#[derive(Serialize, Deserialize)]
struct Hurry;

impl Job for Hurry {
    const KIND: &'static str = "test.hurry";
    const ATTEMPTS_MAX: u16 = 2;
    const LEASE: Span = Span::from_millis(20);
}

/// A process's workers, and the time they believe in.
struct Workers {
    stop: CancellationToken,
    drained: JoinHandle<Drained>,
}

impl Workers {
    fn start(pool: &PgPool, now: &Arc<AtomicI64>, config: Config, registry: Registry) -> Self {
        let (stop, now) = (CancellationToken::new(), Arc::clone(now));
        let clock: Clock = Arc::new(move || Timestamp::from_millis(now.load(Ordering::SeqCst)));
        let drained = tokio::spawn(Runner::new(pool.clone(), registry, config, clock).run(stop.clone()));
        Self { stop, drained }
    }

    /// Stops; every result is noted when this returns.
    async fn stop(self) -> Drained {
        self.stop.cancel();
        soon(self.drained).await.expect("the workers do not panic")
    }
}

fn noon() -> Arc<AtomicI64> {
    Arc::new(AtomicI64::new(NOON.as_millis()))
}

/// Waits for what must come; the bound only turns a hang into a failure.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("happens at once, not after half a minute")
}

async fn put(pool: &PgPool, job: &impl Job, new: New) -> JobId {
    let mut conn = pool.acquire().await.expect("a connection");
    match enqueue(&mut conn, job, new).await.expect("enqueued") {
        Enqueued::Created(id) => id,
        Enqueued::Duplicate => panic!("no duplicate was expected"),
    }
}

async fn all(pool: &PgPool) -> Vec<JobView> {
    let mut conn = pool.acquire().await.expect("a connection");
    list(&mut conn, &Listing { state: None, kind: None, after: None, limit: 1_000 }).await.expect("listed").items
}

async fn only(pool: &PgPool) -> JobView {
    let mut jobs = all(pool).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

/// Claims up to ten jobs as `worker`, without any runner.
async fn claim(pool: &PgPool, worker: &str, now: Timestamp) -> Vec<Leased> {
    let kinds = [Count::KIND.to_owned()];
    let leases_ms = [Count::LEASE.as_millis()];
    let lease_otherwise = Span::from_secs(1);
    let claim = Claim { now, worker, limit: 10, kinds: &kinds, leases_ms: &leases_ms, lease_otherwise };
    store::claim(&mut pool.acquire().await.expect("a connection"), &claim).await.expect("claimed")
}

/// Closes a run; answers whether it was still the worker's to close.
async fn close(pool: &PgPool, worker: &str, run: &Leased, next: Next, now: Timestamp) -> bool {
    let verdict = Verdict { id: run.id, attempt: run.attempt, next };
    let settled = store::settle(&mut pool.acquire().await.expect("a connection"), worker, now, &[verdict]).await;
    settled.expect("settled").contains(&run.id)
}

fn counting(reports: &mpsc::UnboundedSender<(u32, Context)>) -> Registry {
    let reports = reports.clone();
    Registry::new().on(move |job: Count, context| {
        let sent = reports.send((job.number, context));
        async move { sent.map_err(|_| Failure::dead("the test is over")) }
    })
}

#[sqlx::test(migrations = "./migrations")]
async fn a_job_of_a_rolled_back_transaction_never_existed(pool: PgPool) {
    let mut transaction = pool.begin().await.unwrap();
    let enqueued = enqueue(&mut transaction, &Count { number: 1 }, New::at(NOON)).await.unwrap();
    assert!(matches!(enqueued, Enqueued::Created(_)));
    transaction.rollback().await.unwrap();
    assert_eq!(all(&pool).await, []);
}

#[sqlx::test(migrations = "./migrations")]
async fn one_cause_makes_one_job(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let new = |key: &str| NewJob::of(&Count { number: 1 }, New::at(NOON).dedupe(key)).unwrap();
    let batch = [new("ride 1"), new("ride 2"), new("ride 1"), NewJob::of(&Hurry, New::at(NOON)).unwrap()];
    let created = |index: usize| Enqueued::Created(batch[index].id());
    let first = enqueue_all(&mut conn, &batch).await.unwrap();
    assert_eq!(first, [created(0), created(1), Enqueued::Duplicate, created(3)]);
    let again = enqueue_all(&mut conn, &[new("ride 2"), new("ride 3")]).await.unwrap();
    assert!(matches!(again[..], [Enqueued::Duplicate, Enqueued::Created(_)]), "{again:?}");
    assert_eq!(enqueue_all(&mut conn, &[]).await.unwrap(), []);
    assert_eq!(all(&pool).await.len(), 4);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_commit_wakes_the_workers_and_the_run_knows_its_cause(pool: PgPool) {
    let (reports, mut reported) = mpsc::unbounded_channel();
    let workers = Workers::start(&pool, &noon(), config(), counting(&reports));
    for number in 0..3 {
        let id = put(&pool, &Count { number }, New::at(NOON).request("req-7")).await;
        let (ran, context) = soon(reported.recv()).await.unwrap();
        assert_eq!((ran, context.job_id, context.attempt, context.now), (number, id, 1, NOON));
        assert_eq!(context.request_id.as_deref(), Some("req-7"));
    }
    workers.stop().await;
    assert!(all(&pool).await.iter().all(|job| job.state == State::Done && job.finished_at == Some(NOON)));
}

#[sqlx::test(migrations = "./migrations")]
async fn workers_whose_connections_are_cut_go_on(pool: PgPool) {
    let (reports, mut reported) = mpsc::unbounded_channel();
    let workers = Workers::start(&pool, &noon(), config(), counting(&reports));
    for number in 0..3 {
        put(&pool, &Count { number }, New::at(NOON)).await;
        assert_eq!(soon(reported.recv()).await.unwrap().0, number);
        // Waits until they are gone, so that the next job is written over a connection that lives.
        let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::query(cut).execute(&pool).await.unwrap();
    }
    workers.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn processes_that_race_run_every_job_once_and_few_at_a_time(pool: PgPool) {
    let jobs: Vec<_> = (0..200).map(|number| NewJob::of(&Count { number }, New::at(NOON)).unwrap()).collect();
    enqueue_all(&mut pool.acquire().await.unwrap(), &jobs).await.unwrap();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let process = || {
        let (reports, busy) = (reports.clone(), Arc::new(AtomicUsize::new(0)));
        let registry = Registry::new().on(move |job: Count, _| {
            let (reports, busy) = (reports.clone(), Arc::clone(&busy));
            async move {
                let at_once = busy.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::task::yield_now().await;
                busy.fetch_sub(1, Ordering::SeqCst);
                reports.send((job.number, at_once)).map_err(|_| Failure::dead("the test is over"))
            }
        });
        Workers::start(&pool, &noon(), config(), registry)
    };
    let processes = [process(), process()];
    let mut runs = BTreeMap::new();
    while runs.len() < 200 {
        let (number, at_once) = soon(reported.recv()).await.unwrap();
        assert!(at_once <= config().workers_max, "{at_once} jobs at once");
        *runs.entry(number).or_insert(0) += 1;
    }
    for process in processes {
        process.stop().await;
    }
    assert!(reported.try_recv().is_err() && runs.values().all(|times| *times == 1), "{runs:?}");
    assert!(all(&pool).await.iter().all(|job| job.state == State::Done && job.attempts == 1));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_lease_that_ran_out_is_given_to_another_and_the_slow_run_is_not_counted(pool: PgPool) {
    put(&pool, &Count { number: 1 }, New::at(NOON)).await;
    let [slow] = &claim(&pool, "slow", NOON).await[..] else { panic!("one job was due") };
    let lease_end = NOON + Count::LEASE;
    assert!(claim(&pool, "other", lease_end - Span::from_millis(1)).await.is_empty(), "the lease still holds");
    let [second] = &claim(&pool, "other", lease_end).await[..] else { panic!("the lease ran out") };
    assert_eq!((second.id, second.attempt), (slow.id, 2));

    assert!(!close(&pool, "slow", slow, Next::Done, lease_end).await, "it is another's now");
    assert_eq!(only(&pool).await.state, State::Leased);
    assert!(!close(&pool, "other", &Leased { attempt: 1, ..second.clone() }, Next::Done, lease_end).await);
    assert!(close(&pool, "other", second, Next::Done, lease_end).await);
    let late = Next::Dead { reason: "late".to_owned() };
    assert!(!close(&pool, "other", second, late, lease_end).await, "a closed run stays closed");
    assert_eq!(only(&pool).await.state, State::Done);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_failing_job_waits_longer_each_time_and_then_is_dead_until_somebody_helps(pool: PgPool) {
    let now = noon();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let registry = Registry::new().on(move |_: Count, context| {
        reports.send(context.attempt).unwrap();
        async { Err(Failure::retry("the provider is away")) }
    });
    let id = put(&pool, &Count { number: 1 }, New::at(NOON)).await;

    let workers = Workers::start(&pool, &now, config(), registry.clone());
    assert_eq!(soon(reported.recv()).await, Some(1));
    workers.stop().await;
    let waiting = only(&pool).await;
    assert_eq!((waiting.state, waiting.attempts), (State::Ready, 1));
    assert_eq!(waiting.last_error.as_deref(), Some("the provider is away"));
    assert_eq!(waiting.run_at.since(NOON), backoff::backoff(config().retry_base, config().retry_max, id, 1));
    assert!(claim(&pool, "eager", waiting.run_at - Span::from_millis(1)).await.is_empty(), "it waits");

    now.store(waiting.run_at.as_millis(), Ordering::SeqCst);
    let workers = Workers::start(&pool, &now, config(), registry);
    assert_eq!(soon(reported.recv()).await, Some(2));
    workers.stop().await;
    let dead = only(&pool).await;
    assert_eq!((dead.state, dead.attempts, dead.finished_at), (State::Dead, 2, Some(waiting.run_at)));

    let later = NOON + Span::from_minutes(60);
    let mut conn = pool.acquire().await.unwrap();
    assert!(claim(&pool, "eager", later).await.is_empty(), "the dead do not run");
    assert!(retry_dead(&mut conn, id, later).await.unwrap());
    assert!(!retry_dead(&mut conn, id, later).await.unwrap(), "it is not dead any more");
    let (reports, mut reported) = mpsc::unbounded_channel();
    now.store(later.as_millis(), Ordering::SeqCst);
    let workers = Workers::start(&pool, &now, config(), counting(&reports));
    assert_eq!(soon(reported.recv()).await.unwrap().1.attempt, 1);
    workers.stop().await;
    assert_eq!(only(&pool).await.state, State::Done);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_panic_and_a_run_that_takes_too_long_are_failures_of_that_run_only(pool: PgPool) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let also_started = started.clone();
    let registry = Registry::new()
        .on(move |job: Count, _| {
            started.send(()).unwrap();
            assert_ne!(job.number, 1, "a fault of the handler");
            async { Ok(()) }
        })
        .on(move |_: Hurry, _| {
            also_started.send(()).unwrap();
            pending()
        });
    let mut conn = pool.acquire().await.unwrap();
    let jobs = [
        NewJob::of(&Count { number: 1 }, New::at(NOON)).unwrap(),
        NewJob::of(&Hurry, New::at(NOON)).unwrap(),
        NewJob::of(&Count { number: 2 }, New::at(NOON)).unwrap(),
    ];
    enqueue_all(&mut conn, &jobs).await.unwrap();
    let workers = Workers::start(&pool, &noon(), config(), registry);
    for _ in 0..3 {
        soon(starts.recv()).await.unwrap();
    }
    assert_eq!(workers.stop().await, Drained { given_back: 0 });
    let ended: BTreeMap<_, _> = all(&pool).await.into_iter().map(|job| (job.id, job)).collect();
    let ended = jobs.map(|job| {
        let view = &ended[&job.id()];
        (view.state, view.last_error.clone())
    });
    let [panicked, slow, good] = ended;
    assert_eq!(panicked, (State::Ready, Some("the handler panicked".to_owned())));
    assert_eq!(slow, (State::Ready, Some("the run took longer than its lease allows".to_owned())));
    assert_eq!(good, (State::Done, None));
}

#[sqlx::test(migrations = "./migrations")]
async fn draining_waits_for_what_runs_and_claims_nothing_more(pool: PgPool) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let registry = Registry::new().on({
        let release = Arc::clone(&release);
        move |_: Count, _| {
            started.send(()).unwrap();
            let release = Arc::clone(&release);
            async move {
                release.notified().await;
                Ok(())
            }
        }
    });
    let first = put(&pool, &Count { number: 1 }, New::at(NOON)).await;
    let workers = Workers::start(&pool, &noon(), config(), registry);
    soon(starts.recv()).await.unwrap();
    workers.stop.cancel();
    put(&pool, &Count { number: 2 }, New::at(NOON)).await;
    release.notify_one();
    assert_eq!(workers.stop().await, Drained { given_back: 0 });
    for job in all(&pool).await {
        assert_eq!(job.state, if job.id == first { State::Done } else { State::Ready });
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_run_that_outlasts_the_drain_is_given_back_without_losing_an_attempt(pool: PgPool) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let registry = Registry::new().on(move |_: Count, _| {
        started.send(()).unwrap();
        pending()
    });
    put(&pool, &Count { number: 1 }, New::at(NOON)).await;
    let workers = Workers::start(&pool, &noon(), Config { drain_max: Span::from_millis(5), ..config() }, registry);
    soon(starts.recv()).await.unwrap();
    assert_eq!(workers.stop().await, Drained { given_back: 1 });
    let job = only(&pool).await;
    assert_eq!((job.state, job.attempts, job.run_at), (State::Ready, 0, NOON));
    assert_eq!(claim(&pool, "next", NOON).await.len(), 1, "another process may run it at once");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_kind_that_this_process_does_not_know_waits_for_one_that_does(pool: PgPool) {
    let unknown = put(&pool, &Hurry, New::at(NOON - Span::from_secs(1))).await;
    put(&pool, &Count { number: 1 }, New::at(NOON)).await;
    let (reports, mut reported) = mpsc::unbounded_channel();
    let workers = Workers::start(&pool, &noon(), config(), counting(&reports));
    soon(reported.recv()).await.unwrap();
    workers.stop().await;
    let jobs = all(&pool).await;
    let job = jobs.iter().find(|job| job.id == unknown).unwrap();
    assert_eq!((job.state, job.attempts, job.run_at), (State::Ready, 0, NOON + config().unknown_kind_delay));
}

#[sqlx::test(migrations = "./migrations")]
async fn housekeeping_forgets_the_done_and_buries_what_never_came_back(pool: PgPool) {
    let jobs: Vec<_> =
        (0..5).map(|number| NewJob::of(&Count { number }, New::at(NOON).dedupe(number.to_string()))).collect();
    let jobs: Vec<_> = jobs.into_iter().map(Result::unwrap).collect();
    enqueue_all(&mut pool.acquire().await.unwrap(), &jobs).await.unwrap();
    for run in claim(&pool, "one", NOON).await {
        assert!(close(&pool, "one", &run, Next::Done, NOON).await);
    }
    put(&pool, &Count { number: 9 }, New::at(NOON)).await;
    let mut now = NOON;
    for attempt in 1..=i32::from(Count::ATTEMPTS_MAX) {
        assert_eq!(claim(&pool, "one", now).await[0].attempt, attempt);
        now = now + Count::LEASE;
    }
    assert!(claim(&pool, "one", now).await.is_empty(), "its attempts are used up");
    housekeeping::round(&pool, &config(), now).await.unwrap();
    let states = |jobs: &[JobView]| jobs.iter().filter(|job| job.state == State::Dead).count();
    assert_eq!((all(&pool).await.len(), states(&all(&pool).await)), (6, 1), "the done are kept for a while");

    let later = NOON + config().done_retention + Span::from_millis(1);
    housekeeping::round(&pool, &config(), later).await.unwrap();
    assert_eq!(only(&pool).await.state, State::Dead, "the dead are kept");
    put(&pool, &Count { number: 1 }, New::at(later).dedupe("1")).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn operators_page_through_jobs_without_seeing_payloads(pool: PgPool) {
    let at = |number: u32| NOON + Span::from_secs(i64::from(number) / 2);
    for number in 0..7 {
        put(&pool, &Count { number }, New::at(at(number))).await;
    }
    put(&pool, &Hurry, New::at(NOON)).await;
    let mut conn = pool.acquire().await.unwrap();
    let mut listing = Listing { state: Some(State::Ready), kind: Some(Count::KIND.to_owned()), after: None, limit: 3 };
    let mut pages = Vec::new();
    loop {
        let page = list(&mut conn, &listing).await.unwrap();
        pages.push(page.items.len());
        assert!(page.items.iter().all(|job| job.kind == Count::KIND));
        listing.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert_eq!(pages, [3, 3, 1]);
    listing.state = Some(State::Dead);
    listing.after = None;
    assert_eq!(list(&mut conn, &listing).await.unwrap(), Page { items: vec![], next: None });
    let counted = counts(&mut conn).await.unwrap();
    let counted: Vec<_> = counted.iter().map(|count| (count.kind.as_str(), count.state, count.jobs)).collect();
    assert_eq!(counted, [(Count::KIND, State::Ready, 7), (Hurry::KIND, State::Ready, 1)]);
}

#[test]
fn a_job_that_carries_too_much_is_refused() {
    #[derive(Serialize, Deserialize)]
    struct Heavy(String);
    impl Job for Heavy {
        const KIND: &'static str = "test.heavy";
        const ATTEMPTS_MAX: u16 = 1;
        const LEASE: Span = Span::from_secs(1);
    }
    let refused = NewJob::of(&Heavy("x".repeat(PAYLOAD_BYTES_MAX)), New::at(NOON));
    assert!(matches!(refused, Err(Error::PayloadTooLarge { .. })));
}
