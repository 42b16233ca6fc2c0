//! Forgotten passwords, changed numbers, ended sessions and partners against a real database.

use sqlx::PgPool;

use super::*;
use crate::web::{Caller, Scopes, Subject};

/// The code of the newest proof for a purpose.
async fn proof_code(auth: &Auth, pool: &PgPool, purpose: &str) -> String {
    let newest: Uuid =
        sqlx::query_scalar("SELECT id FROM phone_proofs WHERE purpose = $1 ORDER BY created_at DESC LIMIT 1")
            .bind(purpose)
            .fetch_one(pool)
            .await
            .expect("a code was asked for");
    auth.inner.code_key.code(newest).into_exposed()
}

async fn proofs_sent(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = 'auth.send_proof'")
        .fetch_one(pool)
        .await
        .expect("counted")
}

fn caller_of(auth: &Auth, tokens: &Tokens, now: Timestamp) -> Caller {
    auth.inner.tokens.verify(tokens.access.expose(), now).expect("valid")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_password_is_reset_by_a_code_of_its_own_and_every_session_ends(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    auth.request_password_reset(phone(), &device(), s(100)).await.expect("sent");
    assert_eq!(proofs_sent(&pool).await, 1);
    let reset = proof_code(&auth, &pool, "password_reset").await;
    auth.request_code(phone(), &device(), s(100)).await.expect("sent");
    let sign_in = code(&auth).await;
    let reset_with = async |code: &str, at: i64| {
        auth.reset_password(phone(), code, secret("a new password"), &device(), s(at)).await
    };
    assert_eq!(reset_with(&sign_in, 101).await.expect_err("of another purpose").code(), "wrong_code");
    let other = auth.verify(phone(), &reset, &device(), s(101)).await.expect_err("of another purpose");
    assert_eq!(other.code(), "wrong_code");
    let short = auth.reset_password(phone(), &reset, secret("short"), &device(), s(102)).await.expect_err("short");
    assert_eq!(short.code(), "invalid_value");
    reset_with(&reset, 103).await.expect("right");
    assert_eq!(reset_with(&reset, 104).await.expect_err("used").code(), "wrong_code");
    let dead = auth.inner.tokens.verify(tokens.access.expose(), s(104)).expect_err("its tokens are dead at once");
    assert_eq!(dead.code(), "unauthenticated");
    assert_eq!(auth.refresh(&tokens.refresh, s(104)).await.expect_err("ended").code(), "refresh_invalid");
    auth.login(phone(), secret("a new password"), &device(), s(105)).await.expect("the new password");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_reset_is_answered_alike_for_known_and_unknown_phones(pool: PgPool) {
    let auth = auth(&pool);
    signed_in(&auth).await;
    let stranger = Phone::parse("0722000001").expect("valid");
    let mut answers = Vec::new();
    for phone in [phone(), stranger] {
        let mut said = Vec::new();
        for at in [1_000, 1_010, 1_050] {
            let sent = auth.request_password_reset(phone, &device(), s(at)).await;
            said.push(sent.map_err(|error| error.to_string()));
        }
        for n in 0..7 {
            let reset = auth.reset_password(phone, "00000x", secret("a new password"), &device(), s(1_060 + n)).await;
            said.push(Err(reset.expect_err("wrong").code().to_owned()));
        }
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(proofs_sent(&pool).await, 2, "to the one that somebody has, twice");
    let stored: String =
        sqlx::query_scalar("SELECT string_agg(p::text, '') FROM phone_proofs p").fetch_one(&pool).await.expect("read");
    assert!(!stored.contains("788123456") && !stored.contains("722000001"), "{stored}");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_number_changes_with_both_codes_only(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let who = caller_of(&auth, &tokens, T0);
    auth.set_password((who.user, who.session), None, secret("a password"), T0).await.expect("set");
    let tablet = auth.login(phone(), secret("a password"), &device(), s(1)).await.expect("right");
    let new = Phone::parse("0722000001").expect("valid");
    let same = auth.request_phone_change(who.user, phone(), &device(), s(2)).await.expect_err("no change");
    assert_eq!(same.code(), "invalid_value");
    auth.request_phone_change(who.user, new, &device(), s(2)).await.expect("sent");
    assert_eq!(proofs_sent(&pool).await, 2);
    let old_code = proof_code(&auth, &pool, "phone_change_old").await;
    let new_code = proof_code(&auth, &pool, "phone_change_new").await;
    for codes in [(wrong(&old_code), new_code.as_str()), (&old_code, wrong(&new_code)), (&new_code, &old_code)] {
        assert_eq!(auth.change_phone(who, new, codes, s(3)).await.expect_err("wrong").code(), "wrong_code");
    }
    let changed = auth.change_phone(who, new, (&old_code, &new_code), s(4)).await.expect("both are right");
    assert_eq!(changed.phone, new);
    assert_eq!(auth.people(&[who.user]).await.expect("read")[&who.user].phone, new);
    auth.refresh(&tablet.refresh, s(5)).await.expect_err("the other sessions end");
    auth.refresh(&tokens.refresh, s(5)).await.expect("this one goes on");
    auth.login(phone(), secret("a password"), &device(), s(6)).await.expect_err("nobody has the old number");
    auth.login(new, secret("a password"), &device(), s(6)).await.expect("the new number");
    let farewell: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = 'auth.tell_old_number'")
        .fetch_one(&pool)
        .await
        .expect("counted");
    assert_eq!(farewell, 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn codes_that_went_to_the_old_number_are_good_for_nothing(pool: PgPool) {
    let auth = auth(&pool);
    let user = signed_in(&auth).await.profile.id;
    auth.request_code(phone(), &device(), s(100)).await.expect("sent");
    let sign_in = code(&auth).await;
    auth.request_password_reset(phone(), &device(), s(100)).await.expect("sent");
    let reset = proof_code(&auth, &pool, "password_reset").await;
    let new = Phone::parse("0722000001").expect("valid");
    auth.assign_phone(UserId(Uuid::from_u128(1)), user, new, "lost", s(101)).await.expect("assigned");
    for phone in [phone(), new] {
        let error = auth.verify(phone, &sign_in, &device(), s(102)).await.expect_err("of the old number");
        assert_eq!(error.code(), "wrong_code");
        let password = secret("a new password");
        let error = auth.reset_password(phone, &reset, password, &device(), s(102)).await.expect_err("likewise");
        assert_eq!(error.code(), "wrong_code");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn somebody_elses_number_is_not_taken_and_does_not_show(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let who = caller_of(&auth, &tokens, T0);
    let taken = Phone::parse("0722000001").expect("valid");
    let unproven = Phone::parse("0722000002").expect("valid");
    let admins = NewUser {
        phone: taken,
        first_name: "Jean".into(),
        last_name: "Mugabo".into(),
        role: Role::Agent,
        agency: None,
        language: crate::notifications::Language::En,
        password: None,
    };
    auth.create_user(admins, T0).await.expect("made");
    auth.register(Registration { phone: unproven, ..registration(None) }, &device(), T0).await.expect("never proven");
    auth.request_phone_change(who.user, taken, &device(), s(100)).await.expect("the answer does not tell");
    assert_eq!(proofs_sent(&pool).await, 1, "to the old number only");
    let codes =
        (proof_code(&auth, &pool, "phone_change_old").await, proof_code(&auth, &pool, "phone_change_new").await);
    let error = auth.change_phone(who, taken, (&codes.0, &codes.1), s(101)).await.expect_err("never right");
    assert_eq!(error.code(), "wrong_code");
    auth.request_phone_change(who.user, unproven, &device(), s(200)).await.expect("sent");
    let codes =
        (proof_code(&auth, &pool, "phone_change_old").await, proof_code(&auth, &pool, "phone_change_new").await);
    auth.change_phone(who, unproven, (&codes.0, &codes.1), s(201)).await.expect("nobody had proven it");

    let admin = UserId(Uuid::from_u128(1));
    let error = auth.assign_phone(admin, who.user, taken, "lost", s(300)).await.expect_err("taken");
    assert_eq!(error.code(), "phone_taken");
    auth.assign_phone(admin, who.user, phone(), "lost telephone, card seen", s(301)).await.expect("assigned");
    assert!(auth.inner.tokens.verify(tokens.access.expose(), s(301)).is_err(), "all sessions end");
    let hung_on = Phone::parse("0722000003").expect("valid");
    auth.register(Registration { phone: hung_on, ..registration(None) }, &device(), T0).await.expect("never proven");
    let holder = auth.account_of(hung_on).await.expect("read").expect("registered");
    sqlx::query("INSERT INTO second_factors (user_id) VALUES ($1)")
        .bind(holder.0)
        .execute(&pool)
        .await
        .expect("hung on");
    let error = auth.assign_phone(admin, who.user, hung_on, "lost", s(302)).await.expect_err("something hangs on it");
    assert_eq!(error.code(), "phone_taken");
    let nobody = auth.assign_phone(admin, admin, unproven, "lost", s(302)).await.expect_err("no such account");
    assert_eq!(nobody.code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_ended_session_is_dead_here_at_once_and_elsewhere_once_it_is_read(pool: PgPool) {
    let auth = auth(&pool);
    let tokens = signed_in(&auth).await;
    let who = caller_of(&auth, &tokens, T0);
    auth.set_password((who.user, who.session), None, secret("a password"), T0).await.expect("set");
    let tablet = auth.login(phone(), secret("a password"), &device(), s(1)).await.expect("right");
    let mut news = auth.ended_sessions();
    let elsewhere = TokenKeys::new(&[("a".to_owned(), KEY.to_vec())], Span::from_secs(900)).expect("valid");
    let node = Auth::new(pool.clone(), config(), &Secret::new([7; 32]), Arc::new(elsewhere), Vault::for_tests());
    let node = node.expect("random");
    node.inner.tokens.verify(tablet.access.expose(), s(2)).expect("the same keys");
    assert_eq!(auth.end_other_sessions(who.user, who.session, s(2)).await.expect("ended"), 1);
    assert!(auth.inner.tokens.verify(tablet.access.expose(), s(2)).is_err());
    assert!(auth.inner.tokens.verify(tokens.access.expose(), s(2)).is_ok());
    assert_eq!(news.try_recv().expect("told").user, who.user);
    assert_eq!(node.read_ended(s(3)).await.expect("read").len(), 1);
    assert!(node.inner.tokens.verify(tablet.access.expose(), s(3)).is_err());
    assert!(node.inner.tokens.verify(tokens.access.expose(), s(3)).is_ok());
}

#[sqlx::test(migrations = "./migrations")]
async fn a_partner_gets_tokens_until_it_is_revoked_or_expires(pool: PgPool) {
    let auth = auth(&pool);
    let admin = signed_in(&auth).await.profile.id;
    let new = NewPartner {
        name: "City of Kigali".into(),
        scopes: Scopes::parse("places:read reports:read").expect("scopes"),
        expires_at: s(10_000),
    };
    let (id, key) = auth.create_partner(admin, &new, T0).await.expect("made");
    let stored: String = sqlx::query_scalar("SELECT p::text FROM partners p").fetch_one(&pool).await.expect("read");
    assert!(!stored.contains(key.expose()));
    let token = auth.partner_token(id, &key, &device(), s(1)).await.expect("right");
    let subject = auth.inner.tokens.read(token.access.expose(), s(1)).expect("valid");
    assert_eq!(subject, Subject::Partner(id, new.scopes));
    for wrong in ["", "abc", &"f".repeat(64), &"f".repeat(100_000)] {
        let error = auth.partner_token(id, &secret(wrong), &device(), s(2)).await.expect_err("wrong");
        assert_eq!(error.code(), "wrong_credentials");
    }
    assert_eq!(
        auth.partner_token(id, &key, &device(), s(10_000)).await.expect_err("expired").code(),
        "wrong_credentials"
    );
    let listed = auth.partners(admin, s(3)).await.expect("read");
    assert_eq!((listed.len(), listed[0].last_used_at, listed[0].revoked_at), (1, Some(s(1)), None));
    auth.revoke_partner(admin, id, "the contract ended", s(4)).await.expect("revoked");
    assert!(auth.inner.tokens.read(token.access.expose(), s(4)).is_err(), "its token is dead at once");
    assert_eq!(auth.partner_token(id, &key, &device(), s(5)).await.expect_err("revoked").code(), "wrong_credentials");
    assert_eq!(auth.revoke_partner(admin, id, "again", s(6)).await.expect_err("gone").code(), "not_found");
}
