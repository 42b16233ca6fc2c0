//! The register against a real Postgres: the way of a breach, what is refused, what is on record.

use sqlx::PgPool;

use super::*;
use crate::db::fixture::at;
use crate::web::page::PageParams;

const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn now() -> Timestamp {
    at("2026-11-26T08:00:00Z")
}

fn known() -> Known {
    Known {
        aware_at: now() - Span::from_minutes(49 * 60),
        nature: " A backup was readable ".into(),
        categories: vec!["phone".into()],
        people: 120,
        records: 300,
        consequences: "unwanted calls".into(),
        measures: "the backup was withdrawn".into(),
        plan: "an SMS to each within a week".into(),
    }
}

fn organisation() -> Organisation {
    let (name, officer_contact) = ("boda".into(), "dpo@boda.example".into());
    Organisation { name, registration: None, officer_contact, places: Vec::new() }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_breach_goes_from_open_to_closed_and_every_step_is_on_record(pool: PgPool) {
    let breaches = Breaches::new(pool.clone(), organisation());
    let breach = breaches.record(known(), ADMIN, now()).await.expect("is recorded");
    assert_eq!((breach.notice(now()).overdue, breach.report(now()).overdue), (true, false));
    assert_eq!(store::overdue(&pool, now()).await.expect("reads"), (1, 0));
    let id = breach.id;
    assert_eq!(breaches.advance(id, State::Reported, ADMIN, now()).await.expect_err("too soon").code(), "wrong_state");
    let notified = breaches.advance(id, State::Notified, ADMIN, now()).await.expect("notified");
    assert_eq!((notified.notice(now()).late, store::overdue(&pool, now()).await.expect("reads")), (true, (0, 0)));
    let more = Known { people: 150, ..known() };
    assert_eq!(breaches.amend(id, more, ADMIN, now()).await.expect("amended").known.people, 150);
    breaches.advance(id, State::Reported, ADMIN, now()).await.expect("reported");
    assert_eq!(breaches.amend(id, known(), ADMIN, now()).await.expect_err("sent").code(), "wrong_state");
    assert_eq!(breaches.advance(id, State::Closed, ADMIN, now()).await.expect_err("open").code(), "not_decided");
    breaches.decide(id, Inform::StrongMeasures, "it was encrypted", (ADMIN, now())).await.expect("decided");
    let closed = breaches.advance(id, State::Closed, ADMIN, now()).await.expect("closed");
    let page = PageParams::default().check().expect("valid");
    assert_eq!(breaches.list(&page, ADMIN, now()).await.expect("reads").items, std::slice::from_ref(&closed));
    assert_eq!(breaches.show(id, ADMIN, now()).await.expect("reads"), closed);
    let text = breaches.report_text(&closed, now());
    for part in [
        "A backup was readable",
        "150",
        "300",
        "dpo@boda.example",
        "withdrawn",
        "unwanted calls",
        "an SMS",
        "strong measures",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let turn = audit::Turn { before: None, limit: 100 };
    let records = audit::select(&pool, &audit::Filter::default(), turn).await.expect("reads").items;
    assert_eq!(records.len(), 8);
}

#[sqlx::test(migrations = "./migrations")]
async fn every_wrong_field_is_named(pool: PgPool) {
    let breaches = Breaches::new(pool, organisation());
    let wrong = Known {
        aware_at: now() + Span::from_secs(1),
        nature: String::new(),
        categories: Vec::new(),
        people: -1,
        ..known()
    };
    let error = breaches.record(wrong, ADMIN, now()).await.expect_err("is refused");
    let fields: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["aware_at", "nature", "categories", "people"]);
    assert_eq!(breaches.show(Uuid::nil(), ADMIN, now()).await.expect_err("none").code(), "not_found");
}
