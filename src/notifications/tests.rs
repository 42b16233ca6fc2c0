//! The service against a real database, with a gateway that does as it is told.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::FutureExt;

use super::*;
use crate::ids::JobId;
use crate::jobs::{Context, Failure};
use crate::time::Span;

const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Answers what it was told to, then that all is well; keeps what it was handed.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Outcome>>,
    texts: Mutex<Vec<String>>,
}

impl Provider for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn send<'a>(&'a self, sms: &'a Sms) -> BoxFuture<'a, Outcome> {
        self.texts.lock().expect("no panic").push(sms.text.expose().clone());
        let sent = Outcome::Sent { provider_message_id: Some("m1".into()) };
        std::future::ready(self.answers.lock().expect("no panic").pop_front().unwrap_or(sent)).boxed()
    }
}

struct House {
    pool: PgPool,
    gateway: Arc<Scripted>,
    published: Arc<Mutex<Vec<Uuid>>>,
    notifications: Notifications,
    recipients: Recipients,
    user: UserId,
}

async fn house(pool: PgPool, answers: impl IntoIterator<Item = Outcome>) -> House {
    let gateway = Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), ..Scripted::default() });
    let published = Arc::new(Mutex::new(Vec::new()));
    let seen = published.clone();
    let publish: Publish = Arc::new(move |_, notice| seen.lock().expect("no panic").push(notice.id));
    let notifications = Notifications::new(pool.clone(), gateway.clone(), publish);
    let phone = Phone::parse("0788123456").expect("valid");
    let recipients: Recipients =
        Arc::new(move |_| std::future::ready(Ok(Some(Recipient { phone, language: Language::En }))).boxed());
    let user = UserId(Uuid::from_u128(1));
    sqlx::query(
        "INSERT INTO users (id, first_name, last_name, language, role, created_at, updated_at)
         VALUES ($1, 'Keza', 'Uwase', 'en', 'driver', now(), now())",
    )
    .bind(user.0)
    .execute(&pool)
    .await
    .expect("inserted");
    House { pool, gateway, published, notifications, recipients, user }
}

fn context(id: u128, attempt: u16) -> Context {
    Context { job_id: JobId(Uuid::from_u128(id)), attempt, request_id: None, now: T0 }
}

impl House {
    async fn send(&self, id: u128, attempt: u16, key: Key) -> Result<(), Failure> {
        let params = [("code", "042137"), ("min", "5"), ("plate", "RC123B")];
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let job = SendSms::new(self.user, key, params, T0);
        jobs::send_sms(&self.notifications, &self.recipients, job, context(id, attempt)).await
    }

    async fn record(&self) -> (String, i32, Option<String>, Option<String>) {
        sqlx::query_as("SELECT status, attempts, text, failure FROM notifications")
            .fetch_one(&self.pool)
            .await
            .expect("one record")
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn an_sms_is_sent_once_however_often_its_job_runs(pool: PgPool) {
    let house = house(pool, []).await;
    for attempt in 1..=3 {
        assert_eq!(house.send(1, attempt, Key::DriverArrived).await, Ok(()));
    }
    let text = "Your rider has arrived. Check plate RC123B.";
    assert_eq!(*house.gateway.texts.lock().expect("no panic"), [text]);
    assert_eq!(house.record().await, ("sent".into(), 3, Some(text.into()), None));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_gateway_that_is_away_is_tried_again_until_the_attempts_are_used_up(pool: PgPool) {
    let away = || Outcome::TryAgain { reason: "502 from the gateway".into() };
    let house = house(pool, [away(), away()]).await;
    let failure = Failure::retry("502 from the gateway");
    assert_eq!(house.send(1, 1, Key::DriverArrived).await, Err(failure.clone()));
    assert_eq!(house.record().await.0, "pending");
    assert_eq!(house.send(1, <SendSms as crate::jobs::Job>::ATTEMPTS_MAX, Key::DriverArrived).await, Err(failure));
    let (status, attempts, _, reason) = house.record().await;
    assert_eq!((status.as_str(), attempts, reason.as_deref()), ("failed", 2, Some("502 from the gateway")));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_number_that_cannot_be_reached_is_final(pool: PgPool) {
    let house = house(pool, [Outcome::Refused { reason: "406 the number is blacklisted".into() }]).await;
    assert_eq!(house.send(1, 1, Key::DriverArrived).await, Ok(()));
    assert_eq!(house.record().await.0, "failed");
    assert_eq!(house.send(1, 2, Key::DriverArrived).await, Ok(()), "and stays so");
    assert_eq!(house.gateway.texts.lock().expect("no panic").len(), 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_text_that_opens_something_is_not_stored_and_a_late_one_is_not_sent(pool: PgPool) {
    let house = house(pool, []).await;
    assert_eq!(house.send(1, 1, Key::OtpCode).await, Ok(()));
    assert_eq!(house.record().await, ("sent".into(), 1, None, None));
    let job = SendSms::new(house.user, Key::NoDrivers, Params::new(), T0 - Span::from_minutes(11));
    assert_eq!(jobs::send_sms(&house.notifications, &house.recipients, job, context(2, 1)).await, Ok(()));
    assert_eq!(house.gateway.texts.lock().expect("no panic").len(), 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_notice_is_posted_and_shown_once_and_can_be_read(pool: PgPool) {
    let house = house(pool, []).await;
    let job = PostNotice { user: house.user, key: Key::AccountApproved, params: Params::new() };
    for _ in 0..2 {
        let run = jobs::post_notice(&house.notifications, &house.recipients, job.clone(), context(1, 1));
        assert_eq!(run.await, Ok(()));
    }
    house.send(2, 1, Key::DriverArrived).await.expect("sent");
    assert_eq!(*house.published.lock().expect("no panic"), [Uuid::from_u128(1)]);
    let page = PageRequest { limit: 10, before: None };
    let list = house.notifications.list(house.user, &page).await.expect("listed");
    assert_eq!(list.items.len(), 1, "an SMS is no notice");
    assert_eq!(list.items[0].text, "Your account is approved. You can take trips.");
    let id = list.items[0].id;
    let read = house.notifications.read(house.user, id, T0).await.expect("is theirs");
    let again = house.notifications.read(house.user, id, T0 + Span::from_secs(9)).await.expect("harmless");
    assert!(read.read_at.is_some() && read == again);
    let foreign = house.notifications.read(UserId(Uuid::from_u128(2)), id, T0).await.expect_err("foreign");
    assert_eq!(foreign.code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_service_tells_somebody_something_with_one_call_in_its_transaction(pool: PgPool) {
    let house = house(pool, []).await;
    let mut tx = house.pool.begin().await.expect("begun");
    let new = crate::jobs::New::at(T0);
    tell(&mut tx, house.user, Key::AccountRestored, Params::new(), new).await.expect("written");
    tx.commit().await.expect("committed");
    let kinds: Vec<String> =
        sqlx::query_scalar("SELECT kind FROM jobs ORDER BY kind").fetch_all(&house.pool).await.expect("read");
    assert_eq!(kinds, ["notifications.post_notice", "notifications.send_sms"]);
}

#[sqlx::test(migrations = "./migrations")]
async fn people_see_their_own_notices_only(pool: PgPool) {
    use crate::web::Role;
    use crate::web::probe::Probe;

    let house = house(pool, []).await;
    let job = PostNotice { user: house.user, key: Key::AccountApproved, params: Params::new() };
    jobs::post_notice(&house.notifications, &house.recipients, job, context(1, 1)).await.expect("posted");
    let probe = Probe::new(http::routes(), house.notifications.clone());
    let (me, other) = (Some((house.user, Role::Driver)), Some((UserId(Uuid::from_u128(2)), Role::Admin)));
    let (_, list) = probe.get(me, "/notifications?limit=1").await;
    assert_eq!(
        (&list["items"][0]["key"], &list["next_cursor"]),
        (&"account_approved".into(), &serde_json::Value::Null)
    );
    let address = format!("/notifications/{}/read", Uuid::from_u128(1));
    let nothing = serde_json::json!({});
    assert_eq!(probe.post(None, &address, &nothing).await.0.as_u16(), 401);
    assert_eq!(probe.post(other, &address, &nothing).await.0.as_u16(), 404);
    let (status, read) = probe.post(me, &address, &nothing).await;
    assert_eq!((status.as_u16(), read["read_at"].is_string()), (200, true));
    assert_eq!(probe.get(None, "/notifications").await.0.as_u16(), 401);
    assert_eq!(probe.get(me, "/notifications?limit=0").await.0.as_u16(), 422);
}
