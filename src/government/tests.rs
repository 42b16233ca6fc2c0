//! What officials see, against a real Postgres: masked, filtered, counted by hand, held back where it must be.

use sqlx::PgPool;
use uuid::Uuid;

use super::roster::Breach;
use super::*;
use crate::db::fixture::{self, Ride, at, day};
use crate::money::Francs;
use crate::time::Span;
use crate::vault::Vault;
use crate::web::Role;
use crate::web::page::PageParams;
use crate::web::period::{PeriodLimits, PeriodParams};
use crate::web::probe::Probe;

fn official() -> UserId {
    UserId(Uuid::from_u128(9))
}

fn now() -> Timestamp {
    at("2026-11-23T08:00:00Z")
}

fn inquiry(case: Option<&str>) -> Inquiry {
    let (purpose, case) = ("Inspection of licences".to_owned(), case.map(str::to_owned));
    Inquiry { official: official(), agency: Agency::Rura, purpose, case }
}

async fn roster(government: &Government, filter: RosterFilter) -> Vec<RosterEntry> {
    let page = PageParams::default().check().expect("valid");
    government.drivers(&inquiry(None), &filter, &page, now()).await.expect("reads").items
}

#[sqlx::test(migrations = "./migrations")]
async fn the_roster_is_masked_and_says_who_may_drive(pool: PgPool) {
    let lawful = fixture::driver(&pool, 101).await;
    fixture::authorisation(&pool, lawful, day(2026, 1, 1)).await;
    fixture::authorisation(&pool, lawful, day(2027, 1, 1)).await;
    let _without_authorisation = fixture::driver(&pool, 102).await;

    let government = Government::new(pool, Vault::for_tests());
    let drivers = roster(&government, RosterFilter::default()).await;
    let plates: Vec<_> = drivers.iter().map(|driver| driver.plate.as_str()).collect();
    assert_eq!(plates, ["RC102A", "RC101A"], "the newest first");
    assert_eq!(drivers[0].breaches, [Breach::AuthorisationMissing]);
    assert!(drivers[1].is_compliant(), "the newer authorisation counts");
    assert_eq!(drivers[1].licence_number_masked, "********101");
    assert_eq!(drivers[1].authorisation_number_masked.as_deref(), Some("****1"));
    assert_ne!(drivers[1].driver_ref, lawful.0);
    assert_eq!(drivers, roster(&government, RosterFilter::default()).await, "a reference is always the same");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_plate_is_found_however_it_is_typed_and_nonsense_is_refused(pool: PgPool) {
    for number in 1..=3 {
        fixture::driver(&pool, number).await;
    }
    let government = Government::new(pool, Vault::for_tests());
    let by_plate = |plate: &str| RosterFilter { plate: Some(plate.to_owned()), status: None };
    for typed in ["RC002A", "rc 002 a", " RC 002A "] {
        let found = roster(&government, by_plate(typed)).await;
        assert_eq!(found.iter().map(|driver| driver.plate.as_str()).collect::<Vec<_>>(), ["RC002A"], "{typed}");
    }
    assert_eq!(roster(&government, by_plate("RC999Z")).await, []);
    let suspended = RosterFilter { plate: None, status: Some("suspended".to_owned()) };
    assert_eq!(roster(&government, suspended).await, []);
    let nonsense = RosterFilter { plate: Some("' OR 1=1".to_owned()), status: Some("gone".to_owned()) };
    let page = PageParams::default().check().expect("valid");
    let error = government.drivers(&inquiry(None), &nonsense, &page, now()).await.expect_err("nonsense");
    assert_eq!(error.faults().iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["plate", "status"]);
}

#[sqlx::test(migrations = "./migrations")]
async fn the_roster_is_paged_without_gaps_or_repeats(pool: PgPool) {
    for number in 1..=5 {
        fixture::driver(&pool, number).await;
    }
    let government = Government::new(pool, Vault::for_tests());
    let (mut plates, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageParams { limit: Some(2), cursor }.check().expect("valid");
        let drivers = government.drivers(&inquiry(None), &RosterFilter::default(), &page, now()).await.expect("reads");
        plates.extend(drivers.items.into_iter().map(|driver| driver.plate));
        cursor = drivers.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(plates, ["RC005A", "RC004A", "RC003A", "RC002A", "RC001A"]);
}

async fn days(pool: &PgPool, from: &str, to: &str) -> Vec<DayReport> {
    let params = PeriodParams { from: Some(from.to_owned()), to: Some(to.to_owned()) };
    let period = params.check(now(), PeriodLimits::REPORT).expect("a period");
    Government::new(pool.clone(), Vault::for_tests()).rides_by_day(&inquiry(None), period, now()).await.expect("reads")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_day_is_counted_as_by_hand_and_a_quiet_one_held_back(pool: PgPool) {
    let (driver, other) = (fixture::driver(&pool, 1).await, fixture::driver(&pool, 2).await);
    sqlx::query("UPDATE drivers SET fuel = 'petrol' WHERE user_id = $1")
        .bind(other.0)
        .execute(&pool)
        .await
        .expect("set");
    let rider = fixture::rider(&pool, 10).await;
    // Monday the 16th in Kigali: five completed, three not. Its first and its last second count.
    for (when, driver, fare, waiting_s) in [
        ("2026-11-15T22:00:00Z", driver, 400, 0),
        ("2026-11-16T06:00:00Z", driver, 500, 60),
        ("2026-11-16T07:00:00Z", driver, 600, 0),
        ("2026-11-16T08:00:00Z", other, 700, 30),
        ("2026-11-16T09:00:00Z", other, 801, 0),
    ] {
        Ride { waiting_s, ..Ride::completed(rider, driver, at(when), fare) }.insert(&pool).await;
    }
    for (when, status) in [
        ("2026-11-16T10:00:00Z", "cancelled_by_customer"),
        ("2026-11-16T11:00:00Z", "cancelled_by_driver"),
        ("2026-11-16T21:59:59Z", "no_driver_found"),
    ] {
        Ride::without_driver(rider, status, at(when)).insert(&pool).await;
    }
    // Tuesday: four rides. Wednesday: none. Thursday: six rides, of which one was completed.
    for hour in 6..10 {
        let when = at("2026-11-17T00:00:00Z") + Span::from_minutes(hour * 60);
        Ride::completed(rider, driver, when, 999).insert(&pool).await;
    }
    Ride::completed(rider, driver, at("2026-11-19T06:00:00Z"), 12_345).insert(&pool).await;
    for hour in 7..12 {
        let when = at("2026-11-19T00:00:00Z") + Span::from_minutes(hour * 60);
        Ride::without_driver(rider, "cancelled_by_customer", when).insert(&pool).await;
    }
    sqlx::query(
        "INSERT INTO incidents (id, reporter_id, kind, severity, state, description, created_at, updated_at)
         VALUES (gen_random_uuid(), $1, 'accident', 'low', 'reported', 'slid', $2, $2)",
    )
    .bind(rider.0)
    .bind(chrono::DateTime::<chrono::Utc>::from(at("2026-11-16T12:00:00Z")))
    .execute(&pool)
    .await
    .expect("an incident is inserted");

    let days = days(&pool, "2026-11-16", "2026-11-19").await;
    assert_eq!(days.iter().map(|day| day.day).collect::<Vec<_>>(), [16, 17, 18, 19].map(|date| day(2026, 11, date)));
    let monday = days[0].figures.clone().expect("enough rides");
    assert_eq!((monday.requested, monday.completed, monday.cancelled, monday.no_driver_found), (8, 5, 2, 1));
    assert_eq!(monday.incidents, 1);
    let completed = monday.of_completed.expect("enough completed rides");
    assert_eq!((completed.rides, completed.cash, completed.cashless()), (5, 5, 0));
    assert_eq!((completed.electric, completed.active_drivers), (3, 2));
    assert_eq!((completed.distance_m, completed.riding), (5 * 4_200, Span::from_minutes(50)));
    assert_eq!(completed.waiting, Span::from_secs(90));
    // 3 001 / 5 = 600.2.
    let fares = (completed.fare_min, completed.fare_mean, completed.fare_max);
    assert_eq!(fares, (Francs(400), Francs(600), Francs(801)));
    assert_eq!((days[1].figures.as_ref(), days[2].figures.as_ref()), (None, None));
    let thursday = days[3].figures.clone().expect("enough rides");
    assert_eq!((thursday.requested, thursday.completed, thursday.of_completed), (6, 1, None));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_period_is_widened_to_whole_days(pool: PgPool) {
    let (driver, rider) = (fixture::driver(&pool, 1).await, fixture::rider(&pool, 10).await);
    for hour in 6..12 {
        let when = at("2026-11-16T00:00:00Z") + Span::from_minutes(hour * 60);
        Ride::completed(rider, driver, when, 658).insert(&pool).await;
    }
    let days = days(&pool, "2026-11-16T10:30:00Z", "2026-11-16T11:30:00Z").await;
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].figures.as_ref().map(|figures| figures.requested), Some(6));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_doors_let_in_officials_and_nothing_personal_out(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let inspector = official_of(&pool, 2, Agency::Rura).await;
    let probe = Probe::new(http::routes(), Government::new(pool, Vault::for_tests()));
    let as_role = |role| Some((inspector, role));
    for path in ["/government/drivers", "/government/reports/rides", "/government/incidents", "/government/access-log"]
    {
        assert_eq!(probe.get(None, path).await.0.as_u16(), 401, "{path}");
        for role in [Role::Customer, Role::Driver, Role::Admin] {
            assert_eq!(probe.get(as_role(role), path).await.0.as_u16(), 403, "{path} {role:?}");
        }
        let (status, refused) = probe.get(as_role(Role::Government), path).await;
        assert_eq!((status.as_u16(), &refused["faults"][0]["field"]), (422, &"x-purpose".into()), "{path}");
        let without_agency = Some((official(), Role::Government));
        let (status, refused) = probe.get_with(without_agency, path, PURPOSE).await;
        assert_eq!((status.as_u16(), &refused["code"]), (403, &"no_agency".into()), "{path}");
    }
    let official = as_role(Role::Government);
    assert_eq!(probe.get_with(official, "/government/drivers?plate=%27", PURPOSE).await.0.as_u16(), 422);
    assert_eq!(probe.get_with(official, "/government/reports/rides?to=x", PURPOSE).await.0.as_u16(), 422);
    let path = "/government/drivers?plate=rc%20001%20a&status=approved";
    let (_, roster) = probe.get_with(official, path, PURPOSE).await;
    assert_eq!(roster["items"][0]["reasons"], serde_json::json!(["authorisation_missing"]));
    let text = roster.to_string();
    for personal in ["Keza", "Uwase", "+25078", "LIC00000001", &driver.to_string()] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
    let path = "/government/reports/rides?from=2026-11-16&to=2026-11-17";
    let (_, days) = probe.get_with(official, path, PURPOSE).await;
    assert_eq!(days["items"].as_array().map(Vec::len), Some(2));
    assert_eq!((&days["items"][0]["suppressed"], &days["items"][0]["rides_requested"]), (&true.into(), &().into()));
}

const PURPOSE: (&str, &str) = ("x-purpose", "Ubugenzuzi bw'impushya z'abamotari");

async fn official_of(pool: &PgPool, number: u32, agency: Agency) -> UserId {
    let official = fixture::person(pool, number, "government").await;
    sqlx::query("UPDATE users SET agency = $2 WHERE id = $1")
        .bind(official.0)
        .bind(agency.as_str())
        .execute(pool)
        .await
        .expect("set");
    official
}

#[sqlx::test(migrations = "./migrations")]
async fn in_a_case_persons_are_seen_and_every_look_is_on_record(pool: PgPool) {
    let driver = fixture::driver(&pool, 1).await;
    let (police, watch) = (official_of(&pool, 2, Agency::Rnp).await, official_of(&pool, 3, Agency::Ncsa).await);
    let reporter = fixture::rider(&pool, 4).await;
    let report = safety::Report {
        kind: "accident".into(),
        severity: "high".into(),
        description: "slid".into(),
        ..safety::Report::default()
    };
    let session = crate::ids::SessionId(Uuid::nil());
    let caller = crate::web::Caller { user: reporter.into(), role: Role::Customer, session };
    Safety::new(pool.clone()).report(&caller, &report, now()).await.expect("is noted");
    let government = Government::new(pool.clone(), Vault::for_tests());
    let said = |case: Option<&str>| Said { purpose: Some(PURPOSE.1.into()), case: case.map(str::to_owned) };
    let ask = async |official, report, case| government.inquiry(official, report, &said(case)).await;
    let page = PageParams::default().check().expect("valid");

    let masked = ask(police, Report::Incidents, None).await.expect("may");
    let seen = government.incidents(&masked, &safety::Filter::default(), &page, now()).await.expect("reads").items;
    assert_eq!((seen.len(), seen[0].reporter, seen[0].description.as_deref()), (1, None, None));
    let in_case = ask(police, Report::Incidents, Some("RNP/2026/7")).await.expect("may");
    let seen = government.incidents(&in_case, &safety::Filter::default(), &page, now()).await.expect("reads").items;
    assert_eq!((seen[0].reporter, seen[0].description.as_deref()), (Some(reporter.into()), Some("slid")));
    let in_case = ask(police, Report::Drivers, Some("RNP/2026/7")).await.expect("may");
    let seen = government.drivers(&in_case, &RosterFilter::default(), &page, now()).await.expect("reads").items;
    assert_eq!(seen[0].licence_number.as_deref(), Some("LIC00000001"));
    assert_eq!(ask(watch, Report::Drivers, None).await.expect_err("has no mandate").code(), "agency_not_allowed");

    let turn = audit::Turn { before: None, limit: 10 };
    let inquiry = ask(watch, Report::AccessLog, None).await.expect("may");
    let log = government.access_log(&inquiry, turn, now()).await.expect("reads").items;
    let told: Vec<_> =
        log.iter().map(|record| (record.agency.as_deref(), record.action.as_str(), record.whose.as_slice())).collect();
    let (reporter, driver): (Uuid, Uuid) = (UserId::from(reporter).0, driver.into());
    assert_eq!(
        told,
        [
            (Some("NCSA"), "government.access_log_read", [].as_slice()),
            (Some("RNP"), "government.drivers_listed", &[driver]),
            (Some("RNP"), "government.incidents_listed", &[reporter]),
            (Some("RNP"), "government.incidents_listed", &[reporter]),
        ]
    );
    assert_eq!(log[1].detail["case"], "RNP/2026/7");
    let own = ask(police, Report::AccessLog, None).await.expect("may");
    let own = government.access_log(&own, turn, now()).await.expect("reads").items;
    assert!(own.iter().all(|record| record.agency.as_deref() == Some("RNP")) && own.len() == 4);

    // What the reporter is told: the first look at once, the one in a case in a quarter of a year and without its purpose.
    let log = audit::Log::new(pool, Span::from_minutes(90 * 24 * 60));
    let (told, _) = log.of_person(UserId(reporter), turn, now()).await.expect("reads");
    assert_eq!(told.iter().map(|access| access.purpose.as_deref()).collect::<Vec<_>>(), [Some(PURPOSE.1)]);
    assert_eq!((told[0].by.as_str(), told[0].agency.as_deref()), ("government", Some("RNP")));
    let later = now() + Span::from_minutes(91 * 24 * 60);
    let (told, _) = log.of_person(UserId(reporter), turn, later).await.expect("reads");
    assert_eq!(told.iter().map(|access| access.purpose.as_deref()).collect::<Vec<_>>(), [None, Some(PURPOSE.1)]);
}
