//! Incidents against a real Postgres: who may report what, who reads what, and how an incident moves.

use serde_json::json;
use sqlx::PgPool;

use super::*;
use crate::db::fixture::{self, Ride};
use crate::ids::SessionId;
use crate::time::Span;
use crate::web::page::PageParams;
use crate::web::probe::Probe;

const CONTROL: &str = "bell\u{7}";

fn caller(user: impl Into<UserId>, role: Role) -> Caller {
    Caller { user: user.into(), role, session: SessionId(Uuid::nil()) }
}

const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn now() -> Timestamp {
    fixture::at("2026-11-23T08:00:00Z")
}

fn report() -> Report {
    Report {
        kind: "accident".into(),
        severity: "high".into(),
        description: " We slid on wet road. ".into(),
        ride: None,
        lat: Some(-1.949596),
        lng: Some(30.12557),
    }
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageParams { limit: Some(limit), cursor }.check().expect("valid")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_report_is_kept_as_it_was_made(pool: PgPool) {
    let safety = Safety::new(pool.clone());
    let rider = caller(fixture::rider(&pool, 1).await, Role::Customer);
    let noted = safety.report(&rider, &report(), now()).await.expect("is noted");
    assert_eq!((noted.state, noted.description.as_deref()), (State::Reported, Some("We slid on wet road.")));
    let mine = safety.list(&rider, &Filter::default(), &page(10, None), now()).await.expect("reads");
    assert_eq!(mine.items, [noted]);
}

#[sqlx::test(migrations = "./migrations")]
async fn every_wrong_field_is_named_at_once(pool: PgPool) {
    let safety = Safety::new(pool.clone());
    let rider = caller(fixture::rider(&pool, 1).await, Role::Customer);
    let check = async |report: Report, fields: &[&str]| {
        let error = safety.report(&rider, &report, now()).await.expect_err("has wrong fields");
        let named: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(named, fields, "{error}");
    };
    let nonsense =
        Report { kind: "fun".into(), severity: "grave".into(), description: " ".into(), ..Report::default() };
    check(nonsense, &["kind", "severity", "description"]).await;
    check(Report { description: "x".repeat(2_001), ..report() }, &["description"]).await;
    check(Report { description: CONTROL.into(), ..report() }, &["description"]).await;
    // Nairobi, the Atlantic, and what is no number.
    check(Report { lat: Some(-1.2864), lng: Some(36.8172), ..report() }, &["lng"]).await;
    check(Report { lat: Some(0.0), lng: Some(0.0), ..report() }, &["lat", "lng"]).await;
    check(Report { lat: Some(f64::NAN), ..report() }, &["lat"]).await;
    check(Report { lng: Some(f64::INFINITY), ..report() }, &["lng"]).await;
    check(Report { lng: None, ..report() }, &["lng"]).await;
    check(Report { lat: None, ..report() }, &["lat"]).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn only_the_parties_of_a_ride_can_report_on_it(pool: PgPool) {
    let safety = Safety::new(pool.clone());
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let (stranger, admin) = (fixture::rider(&pool, 3).await, fixture::person(&pool, 4, "admin").await);
    let official = fixture::person(&pool, 5, "government").await;
    let ride = Ride::completed(rider, driver, now(), 658).insert(&pool).await;
    let on_ride = Report { ride: Some(ride), ..report() };
    for party in [caller(rider, Role::Customer), caller(driver, Role::Driver), caller(admin, Role::Admin)] {
        assert!(safety.report(&party, &on_ride, now()).await.is_ok(), "{party:?}");
    }
    let refused = safety.report(&caller(stranger, Role::Customer), &on_ride, now()).await.expect_err("not theirs");
    assert_eq!(refused.code(), "not_found");
    let nowhere = Report { ride: Some(RideId(Uuid::nil())), ..report() };
    assert_eq!(
        safety.report(&caller(admin, Role::Admin), &nowhere, now()).await.expect_err("none").code(),
        "not_found"
    );
    let official = caller(official, Role::Government);
    assert_eq!(safety.report(&official, &report(), now()).await.expect_err("reads only").code(), "forbidden");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_person_reads_their_own_and_an_admin_all(pool: PgPool) {
    let safety = Safety::new(pool.clone());
    let (first, second) = (fixture::rider(&pool, 1).await, fixture::rider(&pool, 2).await);
    let first = caller(first, Role::Customer);
    for (minutes, severity) in [(0, "low"), (1, "critical"), (2, "low")] {
        let report = Report { severity: severity.into(), ..report() };
        safety.report(&first, &report, now() + Span::from_minutes(minutes)).await.expect("is noted");
    }
    safety.report(&caller(second, Role::Customer), &report(), now()).await.expect("is noted");

    let list = async |caller: Caller, severity: Option<&str>| {
        let filter = Filter { state: Some("reported".into()), severity: severity.map(str::to_owned) };
        safety.list(&caller, &filter, &page(10, None), now()).await.expect("reads").items
    };
    let admin = caller(fixture::person(&pool, 4, "admin").await, Role::Admin);
    let official = caller(fixture::person(&pool, 5, "government").await, Role::Government);
    assert_eq!(list(first, None).await.len(), 3);
    assert_eq!(list(caller(second, Role::Customer), None).await.len(), 1);
    assert_eq!(list(admin, None).await.len(), 4);
    assert_eq!(list(admin, Some("low")).await.len(), 2);
    let refused = safety.list(&official, &Filter::default(), &page(10, None), now()).await.expect_err("elsewhere");
    assert_eq!(refused.code(), "forbidden");

    let start = safety.list(&first, &Filter::default(), &page(2, None), now()).await.expect("reads");
    let rest = safety.list(&first, &Filter::default(), &page(2, start.next_cursor), now()).await.expect("reads");
    assert_eq!((start.items.len(), rest.items.len(), rest.next_cursor), (2, 1, None));
    assert_eq!(rest.items[0].created_at, now(), "the oldest comes last");

    let filter = Filter { state: Some("open".into()), severity: Some("grave".into()) };
    let error = safety.list(&first, &filter, &page(2, None), now()).await.expect_err("two wrong words");
    assert_eq!(error.faults().len(), 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn an_incident_moves_forward_and_two_admins_cannot_move_it_both_ways(pool: PgPool) {
    let safety = Safety::new(pool.clone());
    let rider = caller(fixture::rider(&pool, 1).await, Role::Customer);
    let id = safety.report(&rider, &report(), now()).await.expect("is noted").id;
    let later = now() + Span::from_minutes(5);
    let moved = safety.change_state(id, "investigating", ADMIN, later).await.expect("moves");
    assert_eq!((moved.state, moved.updated_at, moved.created_at), (State::Investigating, later, now()));
    let again = safety.change_state(id, "investigating", ADMIN, later + Span::from_minutes(1)).await.expect("stays");
    assert_eq!(again, moved);

    let (closed, resolved) = tokio::join!(
        safety.change_state(id, "closed", ADMIN, later),
        // Lawful before the other, unlawful after it.
        safety.change_state(id, "resolved", ADMIN, later),
    );
    assert!(closed.is_ok());
    if let Err(error) = resolved {
        assert_eq!(error.code(), "wrong_state");
    }
    let reopened = safety.change_state(id, "investigating", ADMIN, later).await.expect_err("closed for good");
    assert_eq!(reopened.code(), "wrong_state");
    assert_eq!(safety.change_state(Uuid::nil(), "closed", ADMIN, later).await.expect_err("none").code(), "not_found");
    assert_eq!(safety.change_state(id, "open", ADMIN, later).await.expect_err("no state").code(), "invalid_value");
}

#[sqlx::test(migrations = "./migrations")]
async fn the_doors_let_in_whom_they_are_for(pool: PgPool) {
    let rider = Some((fixture::rider(&pool, 1).await.into(), Role::Customer));
    let admin = Some((fixture::person(&pool, 2, "admin").await, Role::Admin));
    let probe = Probe::new(http::routes(), Safety::new(pool));
    let (status, contacts) = probe.get(None, "/safety/contacts").await;
    assert_eq!((status.as_u16(), &contacts["items"][0]["number"]), (200, &json!("112")));

    let body = json!({"kind": "theft", "severity": "low", "description": "A helmet.", "lat": -1.95, "lng": 30.06});
    let (status, incident) = probe.post(rider, "/safety/incidents", &body).await;
    assert_eq!((status.as_u16(), &incident["state"], &incident["lat"]), (201, &json!("reported"), &json!(-1.95)));
    for (who, body, status) in [
        (None, body.clone(), 401),
        (rider, json!({"kind": "theft"}), 400),
        (rider, json!({"kind": "theft", "severity": "low", "description": "x", "place": "here"}), 400),
        (rider, json!({"kind": "theft", "severity": "low", "description": "x", "ride_id": "mine"}), 400),
        (rider, json!({"kind": "theft", "severity": "low", "description": "x", "ride_id": Uuid::nil()}), 404),
        (rider, json!({"kind": "fun", "severity": "low", "description": "x"}), 422),
    ] {
        assert_eq!(probe.post(who, "/safety/incidents", &body).await.0.as_u16(), status, "{body}");
    }
    let (_, mine) = probe.get(rider, "/safety/incidents?state=reported&limit=5").await;
    assert_eq!(mine["items"].as_array().map(Vec::len), Some(1));

    let path = format!("/admin/incidents/{}/state", incident["id"].as_str().expect("an id"));
    for (who, path, state, status) in [
        (rider, path.as_str(), "closed", 403),
        (admin, path.as_str(), "open", 422),
        (admin, path.as_str(), "closed", 200),
        (admin, path.as_str(), "investigating", 409),
        (admin, "/admin/incidents/00000000-0000-0000-0000-000000000000/state", "closed", 404),
    ] {
        let (answered, body) = probe.post(who, path, &json!({"state": state})).await;
        assert_eq!(answered.as_u16(), status, "{path} {state}: {body}");
    }
}
