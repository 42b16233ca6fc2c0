//! The service against a real database: what strangers, thieves and hurried people get.

mod doors;
mod recovery;
mod second_factor;
mod throttling;
mod sealing;

use std::collections::BTreeMap;

use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::phone::Phone;
use crate::time::Timestamp;
use crate::vault::Vault;
use crate::web::{Caller, Role};

/// The same on every node: RFC 8410, section 7.
const KEY: [u8; 48] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20, 0xd4, 0xee, 0x72,
    0xdb, 0xf9, 0x13, 0x58, 0x4a, 0xd5, 0xb6, 0xd8, 0xf1, 0xf7, 0x69, 0xf8, 0xad, 0x3a, 0xfe, 0x7c, 0x28, 0xcb, 0xf1,
    0xd4, 0xfb, 0xe0, 0x97, 0xa8, 0x8f, 0x44, 0x75, 0x58, 0x42,
];

const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// Bounds for tests, also of services that are built on this one.
pub fn config() -> Config {
    Config {
        code_lifetime: Span::from_minutes(5),
        code_attempts_max: 5,
        resend_cooldown: Span::from_secs(45),
        codes_per_hour_max: 5,
        refresh_lifetime: Span::from_minutes(30 * 24 * 60),
        sessions_per_user_max: 3,
        hashing_max: 2,
        hashing_queue_max: 100,
        hashing_wait_max: Span::from_secs(60),
        login_attempts_max: 3,
        login_window: Span::from_minutes(15),
        second_factor_within: Span::from_minutes(10),
        throttle: ThrottleConfig {
            delay_min: Span::from_secs(30),
            delay_max: Span::from_minutes(60),
            code_guesses_max: 30,
            second_factor_guesses_max: 5,
            address_failures_max: 8,
            device_failures_max: 4,
            address_codes_max: 6,
            refreshes_per_minute_max: 10,
        },
        people_remembered_max: 100,
        people_age_max: Span::from_secs(60),
    }
}

fn auth(pool: &PgPool) -> Auth {
    let documents = [("a".to_owned(), KEY.to_vec())];
    let tokens = TokenKeys::new(&documents, Span::from_secs(900)).expect("valid");
    Auth::new(pool.clone(), config(), &Secret::new([7; 32]), Arc::new(tokens), Vault::for_tests()).expect("random")
}

fn phone() -> Phone {
    Phone::parse("0788123456").expect("valid")
}

fn s(seconds: i64) -> Timestamp {
    T0 + Span::from_secs(seconds)
}

fn device() -> Device {
    Device { name: Some("Keza's phone".into()), user_agent: None, ip: None, id: None }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn registration(password: Option<&str>) -> Registration {
    Registration {
        phone: phone(),
        first_name: "Keza".into(),
        last_name: "Uwase".into(),
        role: Role::Customer,
        email: None,
        language: crate::notifications::Language::Rw,
        password: password.map(secret),
    }
}

/// The code that the newest message to this test's phone holds.
async fn code(auth: &Auth) -> String {
    let newest =
        store::newest_code(&auth.inner.pool, &auth.index_of(phone())).await.expect("read").expect("a code was sent");
    auth.inner.code_key.code(newest.id).into_exposed()
}

async fn signed_in(auth: &Auth) -> Tokens {
    auth.register(registration(None), &device(), T0).await.expect("registered");
    auth.verify(phone(), &code(auth).await, &device(), T0).await.expect("right")
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn jobs_waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar::<_, i64>("SELECT count(*) FROM jobs WHERE kind = 'auth.send_code'")
        .fetch_one(pool)
        .await
        .expect("counted")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_code_proves_the_phone_once_and_no_code_is_stored(pool: PgPool) {
    let auth = auth(&pool);
    let sent = auth.register(registration(None), &device(), T0).await.expect("registered");
    assert_eq!(sent, CodeSent { expires_at: s(300), resend_after: Span::from_secs(45) });
    let code = code(&auth).await;
    let stored: String = sqlx::query_scalar(
        "SELECT (SELECT string_agg(j::text, '') FROM jobs j) || (SELECT string_agg(c::text, '') FROM sign_in_codes c)",
    )
    .fetch_one(&pool)
    .await
    .expect("read");
    assert!(!stored.contains(&code) && !stored.contains("788123456"), "{stored}");
    assert!(!auth.find_by_phone(phone()).await.expect("read").expect("is there").is_verified);

    let tokens = auth.verify(phone(), &code, &device(), s(10)).await.expect("right");
    let caller = auth.inner.tokens.verify(tokens.access.expose(), s(10)).expect("valid");
    assert_eq!((caller.user, caller.role), (tokens.profile.id, Role::Customer));
    assert!(tokens.profile.is_verified);
    let again = auth.verify(phone(), &code, &device(), s(11)).await.expect_err("used");
    assert_eq!(again.code(), "wrong_code");
    assert_eq!(auth.sessions(caller.user, s(11)).await.expect("read").len(), 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn guessing_in_parallel_gains_nothing(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(None), &device(), T0).await.expect("registered");
    let code = code(&auth).await;
    let guess = wrong(&code).to_owned();
    let guesses = (0..20).map(|_| {
        let (auth, guess) = (auth.clone(), guess.clone());
        tokio::spawn(async move { auth.verify(phone(), &guess, &device(), s(1)).await })
    });
    let mut answers: BTreeMap<&str, u32> = BTreeMap::new();
    for guess in guesses.collect::<Vec<_>>() {
        let error = guess.await.expect("no panic").expect_err("a wrong guess");
        *answers.entry(error.code()).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([("wrong_code", 5), ("code_exhausted", 15)]));
    let attempts: i32 = sqlx::query_scalar("SELECT attempts FROM sign_in_codes").fetch_one(&pool).await.expect("read");
    assert_eq!(attempts, 5);
    let late = auth.verify(phone(), &code, &device(), s(2)).await.expect_err("even the right one");
    assert_eq!(late.code(), "code_exhausted");
}

#[sqlx::test(migrations = "./migrations")]
async fn of_many_right_answers_at_once_one_signs_in(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(None), &device(), T0).await.expect("registered");
    let code = code(&auth).await;
    let attempts = (0..4).map(|_| {
        let (auth, code) = (auth.clone(), code.clone());
        tokio::spawn(async move { auth.verify(phone(), &code, &device(), s(1)).await.is_ok() })
    });
    let mut signed_in = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        signed_in += u32::from(attempt.await.expect("no panic"));
    }
    assert_eq!(signed_in, 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn known_and_unknown_phones_are_answered_alike(pool: PgPool) {
    let auth = auth(&pool);
    signed_in(&auth).await;
    let stranger = Phone::parse("0722000001").expect("valid");
    let mut answers = Vec::new();
    // Another node, which remembers nothing of what was asked here.
    let other_node = self::auth(&pool);
    for phone in [phone(), stranger] {
        let mut said = Vec::new();
        for (node, at) in [(&auth, 1_000), (&other_node, 1_010), (&other_node, 1_050)] {
            said.push(node.request_code(phone, &device(), s(at)).await.map_err(|error| error.to_string()));
        }
        for n in 0..7 {
            let error = auth.verify(phone, "00000x", &device(), s(1_060 + n)).await.expect_err("wrong");
            said.push(Err(error.code().to_owned()));
        }
        for (node, at) in [(&auth, 1_400), (&other_node, 1_400), (&auth, 20_000)] {
            let error = node.verify(phone, "00000x", &device(), s(at)).await.expect_err("late");
            said.push(Err(error.code().to_owned()));
        }
        let reset = auth.request_password_reset(phone, &device(), s(1_400)).await;
        said.push(reset.map_err(|error| error.to_string()));
        let error = auth.login(phone, secret("not the one"), &device(), s(1_400)).await.expect_err("wrong");
        said.push(Err(error.code().to_owned()));
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][8], Err("code_exhausted".to_owned()));
    for late in &answers[0][10..13] {
        assert_eq!(*late, Err("code_expired".to_owned()));
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn asking_again_repeats_the_code_and_asking_too_often_is_refused(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(None), &device(), T0).await.expect("registered");
    let first = code(&auth).await;
    let hurried = auth.request_code(phone(), &device(), s(44)).await.expect_err("too soon");
    assert!(matches!(hurried, Error::RateLimited { retry_after } if retry_after == Span::from_secs(1)), "{hurried}");
    assert_eq!(auth.request_code(phone(), &device(), s(45)).await.expect("sent").expires_at, s(300));
    assert_eq!(code(&auth).await, first);
    assert_eq!(jobs_waiting(&pool).await, 2);
    assert_eq!(auth.request_code(phone(), &device(), s(250)).await.expect("sent").expires_at, s(550));
    assert_ne!(code(&auth).await, first, "a code about to expire is replaced");
    let old = auth.verify(phone(), &first, &device(), s(251)).await.expect_err("replaced");
    assert_eq!(old.code(), "wrong_code");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_proven_account_is_not_changed_by_a_stranger_and_an_unproven_one_is_no_trap(pool: PgPool) {
    let auth = auth(&pool);
    // A thief registers somebody's phone with a password; the owner then asks for a code and proves it.
    auth.register(registration(Some("thief's password")), &device(), T0).await.expect("registered");
    auth.request_code(phone(), &device(), s(60)).await.expect("sent");
    let tokens = auth.verify(phone(), &code(&auth).await, &device(), s(61)).await.expect("right");
    assert!(!tokens.profile.has_password);
    let theft = auth.login(phone(), secret("thief's password"), &device(), s(62)).await.expect_err("dropped");
    assert_eq!(theft.code(), "wrong_credentials");

    let other = Registration { first_name: "Mallory".into(), role: Role::Driver, ..registration(Some("another one")) };
    auth.register(other, &device(), s(600)).await.expect("the same answer");
    let profile = auth.profile(tokens.profile.id).await.expect("is there");
    assert_eq!((profile.first_name.as_str(), profile.role, profile.has_password), ("Keza", Role::Customer, false));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_password_signs_in_and_too_many_wrong_ones_lock_the_phone_for_a_while(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(Some("moto kigali 2026")), &device(), T0).await.expect("registered");
    let unproven = auth.login(phone(), secret("moto kigali 2026"), &device(), s(1)).await.expect_err("unproven");
    assert_eq!(unproven.code(), "wrong_credentials");
    auth.verify(phone(), &code(&auth).await, &device(), s(2)).await.expect("right");
    auth.login(phone(), secret("moto kigali 2026"), &device(), s(3)).await.expect("right");
    for n in 0..3 {
        let error = auth.login(phone(), secret("moto kigali 2025"), &device(), s(4 + n)).await.expect_err("wrong");
        assert_eq!(error.code(), "wrong_credentials");
    }
    let locked = auth.login(phone(), secret("moto kigali 2026"), &device(), s(8)).await.expect_err("locked");
    assert_eq!(locked.code(), "rate_limited");
    auth.login(phone(), secret("moto kigali 2026"), &device(), s(3_600)).await.expect("unlocked");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_new_password_needs_the_old_one_and_ends_the_other_sessions(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let caller = auth.inner.tokens.verify(tokens.access.expose(), T0).expect("valid");
    let who = (caller.user, caller.session);
    auth.set_password(who, None, secret("first password"), s(1)).await.expect("none was set");
    let other = auth.login(phone(), secret("first password"), &device(), s(2)).await.expect("right");
    for current in [None, Some(secret("a guess"))] {
        let error = auth.set_password(who, current, secret("second password"), s(3)).await.expect_err("wrong");
        assert_eq!(error.code(), "wrong_credentials");
    }
    auth.set_password(who, Some(secret("first password")), secret("second password"), s(4)).await.expect("right");
    let ended = auth.refresh(&other.refresh, s(5)).await.expect_err("ended");
    assert_eq!(ended.code(), "refresh_invalid");
    auth.refresh(&tokens.refresh, s(6)).await.expect("this session goes on");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_refresh_token_used_twice_ends_its_session(pool: PgPool) {
    let auth = auth(&pool);
    let first = signed_in(&auth).await;
    let second = auth.refresh(&first.refresh, s(60)).await.expect("fresh");
    let Caller { session, user, .. } = auth.inner.tokens.verify(second.access.expose(), s(60)).expect("valid");
    assert!(auth.is_session_live(session, s(60)).await.expect("read"));
    let reused = auth.refresh(&first.refresh, s(61)).await.expect_err("used");
    assert_eq!(reused.code(), "refresh_reused");
    assert!(!auth.is_session_live(session, s(61)).await.expect("read"));
    assert!(auth.sessions(user, s(61)).await.expect("read").is_empty());
    let newest = auth.refresh(&second.refresh, s(62)).await.expect_err("the family died");
    assert_eq!(newest.code(), "refresh_invalid");
}

#[sqlx::test(migrations = "./migrations")]
async fn of_two_exchanges_at_once_at_most_one_succeeds(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let (a, b) = tokio::join!(auth.refresh(&tokens.refresh, s(1)), auth.refresh(&tokens.refresh, s(1)));
    let errors: Vec<_> = [a.err(), b.err()].into_iter().flatten().map(|error| error.code()).collect();
    assert_eq!(errors, ["refresh_reused"]);
}

#[sqlx::test(migrations = "./migrations")]
async fn an_expired_or_unknown_refresh_token_and_a_closed_account_are_refused(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    for token in ["", "abc", &"f".repeat(64), &"f".repeat(100_000)] {
        assert_eq!(auth.refresh(&secret(token), s(1)).await.expect_err("unknown").code(), "refresh_invalid");
    }
    let late = auth.refresh(&tokens.refresh, T0 + config().refresh_lifetime).await.expect_err("expired");
    assert_eq!(late.code(), "refresh_invalid");
    sqlx::query("UPDATE users SET disabled_at = now()").execute(&pool).await.expect("closed");
    assert_eq!(auth.refresh(&tokens.refresh, s(1)).await.expect_err("closed").code(), "account_disabled");
    auth.request_code(phone(), &device(), s(100)).await.expect("the answer does not tell");
    let closed = auth.verify(phone(), &code(&auth).await, &device(), s(101)).await.expect_err("closed");
    assert_eq!(closed.code(), "account_disabled");
    assert!((auth.recipients())(tokens.profile.id).await.expect("read").is_none());
}

#[sqlx::test(migrations = "./migrations")]
async fn signing_out_ends_one_session_and_only_ones_own(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let caller = auth.inner.tokens.verify(tokens.access.expose(), T0).expect("valid");
    let foreign = auth.end_session(UserId(Uuid::from_u128(1)), caller.session, s(1)).await.expect_err("foreign");
    assert_eq!(foreign.code(), "not_found");
    auth.end_session(caller.user, caller.session, s(2)).await.expect("ended");
    assert_eq!(auth.refresh(&tokens.refresh, s(3)).await.expect_err("ended").code(), "refresh_invalid");
}

#[sqlx::test(migrations = "./migrations")]
async fn one_session_too_many_ends_the_oldest(pool: PgPool) {
    let auth = auth(&pool);
    let first = signed_in(&auth).await;
    let who = auth.inner.tokens.verify(first.access.expose(), T0).expect("valid");
    auth.set_password((who.user, who.session), None, secret("a password"), s(1)).await.expect("set");
    for n in 0..3 {
        auth.login(phone(), secret("a password"), &device(), s(10 + n)).await.expect("right");
    }
    assert_eq!(auth.sessions(who.user, s(20)).await.expect("read").len(), 3);
    assert_eq!(auth.refresh(&first.refresh, s(20)).await.expect_err("ended").code(), "refresh_invalid");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_profile_changes_where_it_was_told_to(pool: PgPool) {
    let auth = auth(&pool);
    let me = signed_in(&auth).await.profile.id;
    let ids = [me, UserId(Uuid::from_u128(1))];
    assert_eq!(auth.people(&ids).await.expect("read")[&me].first_name, "Keza");
    let change = |json: serde_json::Value| {
        serde_json::from_value::<ChangeRequest>(json).expect("well-formed").check(T0).expect("valid")
    };
    let first = serde_json::json!({"first_name": " Aline ", "email": "a@example.rw", "sector": "Remera",
                                   "date_of_birth": "1994-07-01", "gender": "female", "language": "fr"});
    auth.change_profile(me, &change(first), s(2)).await.expect("changed");
    let profile = auth.change_profile(me, &change(serde_json::json!({"sector": ""})), s(3)).await.expect("changed");
    assert_eq!((profile.first_name.as_str(), profile.last_name.as_str()), ("Aline", "Uwase"));
    assert_eq!((profile.email.as_deref(), profile.sector), (Some("a@example.rw"), None));
    assert_eq!((profile.gender, profile.language.as_str()), (Some(Gender::Female), "fr"));
    let people = auth.people(&ids).await.expect("read");
    assert_eq!((people.len(), people[&me].first_name.as_str()), (1, "Aline"), "the change is seen at once");

    let mut conn = pool.acquire().await.expect("connected");
    for stars in [5, 4] {
        record_rating(&mut conn, me, stars).await.expect("recorded");
    }
    auth.forget_person(me);
    assert_eq!(auth.people(&ids).await.expect("read")[&me].rating_hundredths, Some(450));
}

#[sqlx::test(migrations = "./migrations")]
async fn an_account_made_by_an_admin_is_proven_and_a_proven_phone_is_taken(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(Some("thief's password")), &device(), T0).await.expect("registered, never proven");
    let new = |role| NewUser {
        phone: phone(),
        first_name: "Jean".into(),
        last_name: "Mugabo".into(),
        role,
        agency: (role == Role::Government).then_some(crate::web::Agency::Rura),
        language: crate::notifications::Language::En,
        password: Some(secret("admin password")),
    };
    let id = auth.create_user(new(Role::Admin), s(1)).await.expect("made");
    let tokens = auth.login(phone(), secret("admin password"), &device(), s(2)).await.expect("right");
    assert_eq!((tokens.profile.id, tokens.profile.role), (id, Role::Admin));
    let taken = auth.create_user(new(Role::Government), s(3)).await.expect_err("taken");
    assert_eq!(taken.code(), "phone_taken");
    let short = NewUser { password: Some(secret("short")), first_name: String::new(), ..new(Role::Admin) };
    assert_eq!(auth.create_user(short, s(4)).await.expect_err("two faults").faults().len(), 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_sweep_forgets_the_old_and_reopens_no_trap(pool: PgPool) {
    let auth = auth(&pool);
    auth.register(registration(Some("thief's password")), &device(), T0).await.expect("registered, never proven");
    let day = Span::from_minutes(24 * 60);
    let nothing = Swept { codes: 0, proofs: 0, throttles: 0, refresh_tokens: 0, sessions: 0 };
    assert_eq!(auth.sweep(100, T0 + day).await.expect("swept"), nothing, "the code expired less than a day ago");
    let later = T0 + day + Span::from_minutes(10);
    assert_eq!(auth.sweep(100, later).await.expect("swept"), Swept { codes: 1, ..nothing });
    auth.request_code(phone(), &device(), later).await.expect("sent");
    let tokens = auth.verify(phone(), &code(&auth).await, &device(), later).await.expect("right");
    assert!(!tokens.profile.has_password, "the only code left is the owner's, and the password is gone all the same");

    auth.refresh(&tokens.refresh, later).await.expect("fresh");
    let long_after = later + config().refresh_lifetime + day;
    assert_eq!(
        auth.sweep(100, long_after).await.expect("swept"),
        Swept { codes: 1, throttles: 1, refresh_tokens: 2, ..nothing }
    );
    let much_later = long_after + Span::from_minutes(91 * 24 * 60);
    assert_eq!(auth.sweep(100, much_later).await.expect("swept"), Swept { sessions: 1, ..nothing });
}
