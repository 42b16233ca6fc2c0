//! The second factor against a real database: thieves of passwords, hurried people, lost telephones.

use sqlx::PgPool;

use super::*;
use crate::auth::totp::Authenticator;
use crate::web::{Grant, SecondFactor, Subject};

fn grant(auth: &Auth, tokens: &Tokens, now: Timestamp) -> Grant {
    match auth.inner.tokens.read(tokens.access.expose(), now).expect("valid") {
        Subject::Person(grant) => grant,
        Subject::Partner(..) => panic!("a person signed in"),
    }
}

/// A rider with a password and a second factor, enrolled at `T0`.
async fn enrolled(auth: &Auth) -> (Enrolled, Authenticator) {
    let tokens = signed_in(auth).await;
    let who = grant(auth, &tokens, T0);
    auth.set_password((who.caller.user, who.caller.session), None, secret("a password"), T0).await.expect("set");
    let enrolment = auth.begin_enrolment(who, None, T0).await.expect("a secret");
    let authenticator = Authenticator::from_base32(&enrolment.secret).expect("base32");
    let code = authenticator.code(T0).into_exposed();
    (auth.confirm_enrolment(who, &code, T0).await.expect("right"), authenticator)
}

async fn login(auth: &Auth, now: Timestamp) -> Tokens {
    auth.login(phone(), secret("a password"), &device(), now).await.expect("right")
}

#[sqlx::test(migrations = "./migrations")]
async fn who_has_one_signs_in_in_two_steps(pool: PgPool) {
    let auth = auth(&pool);
    let (enrolled, authenticator) = enrolled(&auth).await;
    assert_eq!(enrolled.tokens.second_factor, SecondFactor::Given, "enrolling is giving");
    auth.inner.tokens.verify(enrolled.tokens.access.expose(), T0).expect("signed in");

    let first = login(&auth, s(60)).await;
    assert_eq!(first.second_factor, SecondFactor::Due);
    assert_eq!(first.refresh_expires_at, s(660), "ten minutes to give it");
    let refused = auth.inner.tokens.verify(first.access.expose(), s(60)).expect_err("not yet");
    assert_eq!(refused.code(), "second_factor_required");
    let refreshed = auth.refresh(&first.refresh, s(61)).await.expect("a refresh gives no more");
    assert_eq!((refreshed.second_factor, refreshed.refresh_expires_at), (SecondFactor::Due, s(660)));

    let code = authenticator.code(s(62)).into_exposed();
    let both = auth.give_second_factor(grant(&auth, &refreshed, s(62)), &code, s(62)).await.expect("right");
    assert_eq!(both.second_factor, SecondFactor::Given);
    auth.inner.tokens.verify(both.access.expose(), s(62)).expect("signed in");
    let next = auth.refresh(&both.refresh, s(63)).await.expect("fresh");
    assert_eq!(next.second_factor, SecondFactor::Given, "given once for the session");
    assert_eq!(auth.refresh(&refreshed.refresh, s(64)).await.expect_err("void").code(), "refresh_reused");
    let left = auth.second_factor(both.profile.id).await.expect("read");
    assert_eq!((left.enrolled_at, left.recovery_codes_left), (Some(T0), 10));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_code_is_good_once_also_at_the_same_moment(pool: PgPool) {
    let auth = auth(&pool);
    let (_, authenticator) = enrolled(&auth).await;
    let used = authenticator.code(T0).into_exposed();
    let first = login(&auth, s(10)).await;
    let who = grant(&auth, &first, s(10));
    let again = auth.give_second_factor(who, &used, s(10)).await.expect_err("it confirmed the enrolment");
    assert_eq!(again.code(), "wrong_second_factor");
    let code = authenticator.code(s(60)).into_exposed();
    let tries = (0..4).map(|_| {
        let (auth, code) = (auth.clone(), code.clone());
        tokio::spawn(async move { auth.give_second_factor(who, &code, s(60)).await.is_ok() })
    });
    let mut given = 0;
    for one in tries.collect::<Vec<_>>() {
        given += u32::from(one.await.expect("no panic"));
    }
    assert_eq!(given, 1);
    let earlier = authenticator.code(s(30)).into_exposed();
    let first = login(&auth, s(61)).await;
    let error = auth.give_second_factor(grant(&auth, &first, s(61)), &earlier, s(61)).await.expect_err("older");
    assert_eq!(error.code(), "wrong_second_factor");
}

#[sqlx::test(migrations = "./migrations")]
async fn guesses_are_bounded_by_person_however_many_sessions(pool: PgPool) {
    let auth = auth(&pool);
    let (_, authenticator) = enrolled(&auth).await;
    let first = login(&auth, s(60)).await;
    let who = grant(&auth, &first, s(60));
    let wrong = wrong(authenticator.code(s(60)).expose());
    let tries = (0..30).map(|_| {
        let auth = auth.clone();
        tokio::spawn(async move { auth.give_second_factor(who, wrong, s(60)).await.map(drop) })
    });
    let mut answers: BTreeMap<&str, u32> = BTreeMap::new();
    for one in tries.collect::<Vec<_>>() {
        let error = one.await.expect("no panic").expect_err("a wrong guess");
        *answers.entry(error.code()).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([("wrong_second_factor", 5), ("rate_limited", 25)]));
    let other = login(&auth, s(61)).await;
    let code = authenticator.code(s(61)).into_exposed();
    let waits =
        auth.give_second_factor(grant(&auth, &other, s(61)), &code, s(61)).await.expect_err("the right one waits");
    assert_eq!(waits.code(), "rate_limited");
    let code = authenticator.code(s(95)).into_exposed();
    auth.give_second_factor(grant(&auth, &other, s(95)), &code, s(95)).await.expect("after the wait");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_stolen_password_pushes_nobody_out(pool: PgPool) {
    let auth = auth(&pool);
    let (owner, _) = enrolled(&auth).await;
    for n in 0..20 {
        login(&auth, s(60 + n)).await;
    }
    auth.refresh(&owner.tokens.refresh, s(100)).await.expect("the owner is still signed in");
    assert_eq!(
        auth.sessions(owner.tokens.profile.id, s(100)).await.expect("read").len(),
        2,
        "one due session at a time"
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn a_recovery_code_is_good_once_and_is_not_stored(pool: PgPool) {
    let auth = auth(&pool);
    let (enrolled, _) = enrolled(&auth).await;
    let code = enrolled.recovery_codes[3].expose().clone();
    assert_eq!((enrolled.recovery_codes.len(), code.len()), (10, 11));
    let stored: String = sqlx::query_scalar("SELECT string_agg(r::text, '') || (SELECT string_agg(f::text, '') FROM second_factors f) FROM recovery_codes r")
        .fetch_one(&pool)
        .await
        .expect("read");
    assert!(!stored.contains(&code[..5]) && !stored.contains(&code[6..]));
    let first = login(&auth, s(60)).await;
    let typed = format!("  {} ", code.replace('-', "").to_uppercase());
    auth.give_second_factor(grant(&auth, &first, s(60)), &typed, s(60)).await.expect("however it is typed");
    let first = login(&auth, s(61)).await;
    let who = grant(&auth, &first, s(61));
    assert_eq!(auth.give_second_factor(who, &code, s(61)).await.expect_err("used").code(), "wrong_second_factor");
    assert_eq!(auth.second_factor(who.caller.user).await.expect("read").recovery_codes_left, 9);
    let renewed = auth
        .renew_recovery_codes(who.caller, enrolled.recovery_codes[0].expose(), s(62))
        .await
        .expect("with one of the old ones");
    let error = auth.give_second_factor(who, enrolled.recovery_codes[1].expose(), s(63)).await.expect_err("void");
    assert_eq!(error.code(), "wrong_second_factor");
    auth.give_second_factor(who, renewed[0].expose(), s(64)).await.expect("a new one");
}

#[sqlx::test(migrations = "./migrations")]
async fn it_is_renewed_and_taken_away_only_with_proof(pool: PgPool) {
    let auth = auth(&pool);
    let (owner, authenticator) = enrolled(&auth).await;
    let first = login(&auth, s(60)).await;
    let thief = grant(&auth, &first, s(60));
    let due = auth.begin_enrolment(thief, None, s(60)).await.expect_err("one proof is not enough");
    assert_eq!(due.code(), "second_factor_required");
    let nothing = auth.confirm_enrolment(thief, "000000", s(60)).await.expect_err("nothing was begun");
    assert_eq!(nothing.code(), "nothing_to_confirm");

    let who = grant(&auth, &owner.tokens, s(90));
    let unproven = auth.begin_enrolment(who, None, s(90)).await.expect_err("no code");
    assert_eq!(unproven.code(), "wrong_second_factor");
    let code = authenticator.code(s(90)).into_exposed();
    let renewal = auth.begin_enrolment(who, Some(&code), s(90)).await.expect("with a code");
    let due = auth.confirm_enrolment(thief, "000000", s(91)).await.expect_err("not the thief's to confirm");
    assert_eq!(due.code(), "nothing_to_confirm");
    let new = Authenticator::from_base32(&renewal.secret).expect("base32");
    let late = auth.confirm_enrolment(who, new.code(s(990)).expose(), s(990)).await.expect_err("too late");
    assert_eq!(late.code(), "nothing_to_confirm");
    auth.confirm_enrolment(who, new.code(s(120)).expose(), s(120)).await.expect("confirmed");
    let ended = auth.refresh(&first.refresh, s(121)).await.expect_err("all others end");
    assert_eq!(ended.code(), "refresh_invalid");

    let old = auth.remove_second_factor(who.caller, authenticator.code(s(150)).expose(), s(150)).await;
    assert_eq!(old.expect_err("the old one counts no more").code(), "wrong_second_factor");
    auth.remove_second_factor(who.caller, new.code(s(180)).expose(), s(180)).await.expect("with proof");
    assert_eq!(login(&auth, s(181)).await.second_factor, SecondFactor::None);
}

#[sqlx::test(migrations = "./migrations")]
async fn an_admin_without_one_can_do_nothing_but_enrol_and_never_takes_it_away(pool: PgPool) {
    let auth = auth(&pool);
    let new = NewUser {
        phone: phone(),
        first_name: "Ange".into(),
        last_name: "Mukamana".into(),
        role: Role::Admin,
        agency: None,
        language: crate::notifications::Language::En,
        password: Some(secret("a password")),
    };
    let (user, shared) = auth.create_user_with_second_factor(new, T0).await.expect("made");
    let authenticator = Authenticator::from_base32(&shared).expect("base32");
    let first = login(&auth, s(1)).await;
    let code = authenticator.code(s(1)).into_exposed();
    let both = auth.give_second_factor(grant(&auth, &first, s(1)), &code, s(1)).await.expect("right");
    let who = grant(&auth, &both, s(1));
    let kept = auth.remove_second_factor(who.caller, authenticator.code(s(60)).expose(), s(60)).await;
    assert_eq!(kept.expect_err("mandatory").code(), "second_factor_mandatory");

    auth.reset_second_factor(user, "lost telephone", s(70)).await.expect("reset");
    let ended = auth.inner.tokens.verify(both.access.expose(), s(70)).expect_err("its tokens are dead at once");
    assert_eq!(ended.code(), "unauthenticated");
    let again = auth.reset_second_factor(user, "lost telephone", s(71)).await.expect_err("gone already");
    assert_eq!(again.code(), "second_factor_not_enrolled");
    let bare = login(&auth, s(80)).await;
    let refused = auth.inner.tokens.verify(bare.access.expose(), s(80)).expect_err("an admin without one");
    assert_eq!(refused.code(), "second_factor_enrolment_required");
    let who = grant(&auth, &bare, s(80));
    let enrolment = auth.begin_enrolment(who, None, s(80)).await.expect("the one thing that can be done");
    let code = Authenticator::from_base32(&enrolment.secret).expect("base32").code(s(80)).into_exposed();
    let enrolled = auth.confirm_enrolment(who, &code, s(80)).await.expect("right");
    auth.inner.tokens.verify(enrolled.tokens.access.expose(), s(80)).expect("an admin again");
}
