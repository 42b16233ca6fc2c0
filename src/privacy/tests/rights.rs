//! What hinders an erasure, what ends it, who proves what; consent and restriction.

use super::consent::{Channel, Purpose, Version};
use super::*;
use crate::notifications::Language;

async fn state(privacy: &Privacy, person: UserId) -> (String, Option<String>) {
    let erasure = privacy.erasure_of(person).await.expect("known");
    (erasure.state, erasure.obstacle)
}

#[sqlx::test(migrations = "./migrations")]
async fn an_erasure_waits_until_nothing_hinders_it(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, rider) = pair(&pool).await;
    let (person, admin) = (UserId::from(driver), fixture::person(&pool, 3, "admin").await);
    let refused = async || privacy.ask_for_erasure(person, NOW).await.expect_err("hindered").code();
    let ride = fixture::Ride::completed(rider, driver, NOW, 1_000).insert(&pool).await;
    execute(&pool, "UPDATE rides SET status = 'in_progress', ended_at = NULL WHERE id = $1", &[ride.0]).await;
    assert_eq!(refused().await, "live_ride");
    execute(&pool, "UPDATE rides SET status = 'completed', ended_at = now() WHERE id = $1", &[ride.0]).await;

    let settle = payments::jobs::SettleRide {
        ride_id: ride,
        driver_id: driver,
        fare_rwf: crate::money::Francs(1_000),
        payment_method: payments::PaymentMethod::Cash,

        rider_id: None,
        plan: payments::Plan::default(),
        ride_type: "boda".into(),
        terms: None,
        completed_at: NOW,
    };
    privacy.inner.payments.settle_ride(&settle).await.expect("posted");
    assert_eq!(refused().await, "money_owed");
    // Paid by hand: the same amount the other way.
    execute(
        &pool,
        "WITH paid AS (INSERT INTO ledger_transactions (id, cause, at, memo) VALUES ($1, 'paid', now(), 'paid') RETURNING id),
              sums AS (SELECT account_id, sum(amount_rwf) AS amount FROM ledger_entries GROUP BY account_id)
         INSERT INTO ledger_entries SELECT paid.id, row_number() OVER (), account_id, -amount FROM paid, sums",
        &[Uuid::now_v7()],
    )
    .await;

    for (kind, subject) in [("person", person.0), ("ride", ride.0)] {
        let hold = privacy.hold(admin, (kind, subject), "case 114/2026", NOW).await.expect("held");
        let twice = privacy.hold(admin, (kind, subject), "case 114/2026", NOW).await.expect_err("held already");
        assert_eq!(twice.code(), "already_held");
        assert_eq!(refused().await, "legal_hold");
        privacy.lift_hold(admin, hold.id, NOW).await.expect("lifted");
        assert_eq!(privacy.lift_hold(admin, hold.id, NOW).await.expect_err("once").code(), "not_found");
    }
    assert_eq!(privacy.hold(admin, ("house", ride.0), "x", NOW).await.expect_err("no house").code(), "invalid_value");

    // What comes up between the asking and its time hinders it as well, and it goes on when that is over.
    let erasure = privacy.ask_for_erasure(person, NOW).await.expect("nothing hinders it");
    assert_eq!(privacy.ask_for_erasure(person, NOW).await.expect_err("asked already").code(), "erasure_open");
    let hold = privacy.hold(admin, ("person", person.0), "case 115/2026", NOW).await.expect("held");
    privacy.erase(erasure.id, NOW).await.expect("looked at");
    assert_eq!(state(&privacy, person).await, ("waiting".into(), Some("legal_hold".into())));
    privacy.lift_hold(admin, hold.id, NOW).await.expect("lifted");
    let tomorrow = NOW + DAY;
    assert_eq!(privacy.resume_erasures(tomorrow).await.expect("looked for"), 1);
    privacy.erase(erasure.id, tomorrow).await.expect("erased");
    assert_eq!(state(&privacy, person).await, ("done".into(), None));
    assert_eq!(privacy.ask_for_erasure(person, NOW).await.expect_err("nobody").code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_erasure_can_be_called_off_until_it_is_due(pool: PgPool) {
    let privacy = privacy(&pool, Config { erasure_grace: DAY, ..config() });
    let person = UserId::from(fixture::rider(&pool, 2).await);
    let erasure = privacy.ask_for_erasure(person, NOW).await.expect("asked");
    assert_eq!(erasure.due_at, NOW + DAY);
    let early = privacy.erase(erasure.id, NOW + Span::from_secs(60)).await.expect("looked at");
    assert!(matches!(early, erasing::Erased::NotYet { .. }), "{early:?}");
    privacy.cancel_erasure(person, NOW).await.expect("called off");
    assert_eq!(privacy.cancel_erasure(person, NOW).await.expect_err("once").code(), "not_found");
    privacy.erase(erasure.id, NOW + DAY).await.expect("looked at");
    assert_eq!(state(&privacy, person).await.0, "cancelled");
    assert!(!privacy.inner.auth.people(&[person]).await.expect("read").is_empty(), "still there");
}

#[sqlx::test(migrations = "./migrations")]
async fn whoever_is_on_shift_is_taken_off_it_before_they_are_forgotten(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, _) = pair(&pool).await;
    let person = UserId::from(driver);
    execute(&pool, "INSERT INTO shifts (id, driver_id, started_at) VALUES (gen_random_uuid(), $1, now())", &[person.0])
        .await;
    let erasure = privacy.ask_for_erasure(person, NOW).await.expect("asked");
    let waiting = privacy.erase(erasure.id, NOW).await.expect("begun");
    assert!(matches!(waiting, erasing::Erased::NotYet { .. }), "{waiting:?}");
    let without_standing = privacy.inner.drivers.on_shift_without_standing(NOW).await.expect("read");
    assert_eq!(without_standing, [driver], "so that `app` takes them off");
    execute(&pool, "UPDATE shifts SET ended_at = now() WHERE driver_id = $1", &[person.0]).await;
    privacy.erase(erasure.id, NOW).await.expect("erased");
    assert_eq!(state(&privacy, person).await.0, "done");
}

fn saying(purpose: Purpose, given: bool) -> Saying {
    let language = Language::Fr;
    Saying { purpose, given, language, version: Some(purpose.version(language)) }
}

#[sqlx::test(migrations = "./migrations")]
async fn consent_is_asked_given_taken_back_and_never_rewritten(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let person = UserId::from(fixture::rider(&pool, 2).await);
    let may = async |purpose| privacy.may(purpose, person).await.expect("read");
    let say = async |saying| privacy.say(person, saying, Scribe::Themselves, NOW).await;
    assert!(!may(Purpose::Marketing).await && may(Purpose::Hints).await);
    for version in [None, Some(Version([1; 32]))] {
        let blind = Saying { version, ..saying(Purpose::Marketing, true) };
        assert_eq!(say(blind).await.expect_err("not the words of today").code(), "text_changed");
    }
    say(saying(Purpose::Marketing, true)).await.expect("noted");
    assert!(may(Purpose::Marketing).await);
    privacy.restrict(person, NOW).await.expect("restricted");
    assert!(!may(Purpose::Marketing).await && !may(Purpose::Hints).await, "nothing while restricted");
    assert_eq!(privacy.objectors(Purpose::Hints).await.expect("read"), [person]);
    privacy.lift_restriction(person, person, NOW).await.expect("lifted");
    say(Saying { version: None, ..saying(Purpose::Marketing, false) }).await.expect("a no needs no words");
    say(saying(Purpose::Hints, false)).await.expect("an objection");
    assert!(!may(Purpose::Marketing).await && !may(Purpose::Hints).await);
    assert_eq!(privacy.objectors(Purpose::Hints).await.expect("read"), [person]);
    let admin = fixture::person(&pool, 3, "admin").await;
    let on_paper = Scribe::Admin(admin, Channel::Paper);
    privacy.say(person, saying(Purpose::Hints, true), on_paper, NOW + DAY).await.expect("noted");
    assert_eq!(privacy.objectors(Purpose::Hints).await.expect("read"), []);
    let log = privacy.consent_log(person).await.expect("read");
    assert_eq!(log.len(), 4);
    assert_eq!((log[0].channel, log[0].given), (Channel::Paper, true));
    for sql in ["UPDATE consents SET given = true", "DELETE FROM consents"] {
        let refused = sqlx::query(sql).execute(&pool).await.expect_err(sql).to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_child_does_not_consent_alone(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let person = UserId::from(fixture::rider(&pool, 2).await);
    let year = NOW.kigali_day();
    sqlx::query("UPDATE users SET date_of_birth = $1 - interval '15 years' WHERE id = $2")
        .bind(year)
        .bind(person.0)
        .execute(&pool)
        .await
        .expect("born");
    let yes = privacy.say(person, saying(Purpose::Marketing, true), Scribe::Themselves, NOW).await;
    assert_eq!(yes.expect_err("too young").code(), "guardian_needed");
    privacy.say(person, saying(Purpose::Marketing, false), Scribe::Themselves, NOW).await.expect("a no is always fine");
    let later = NOW + Span::from_minutes(366 * 24 * 60);
    privacy.say(person, saying(Purpose::Marketing, true), Scribe::Themselves, later).await.expect("sixteen by then");
}
