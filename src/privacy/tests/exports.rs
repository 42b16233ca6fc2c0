//! What is in an export, who gets it, and for how long.

use std::io::{Cursor, Read};

use serde_json::Value;

use super::*;
use crate::audit::{self, Act, Actor};
use crate::vault::Place;
use crate::web::{Agency, Role};

/// The files of an archive.
fn read(bytes: Vec<u8>) -> std::collections::BTreeMap<String, Value> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).expect("is there");
            let mut text = String::new();
            file.read_to_string(&mut text).expect("text");
            (file.name().expect("a name").into_owned(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

#[sqlx::test(migrations = "./migrations")]
async fn an_export_has_what_is_the_persons_and_not_what_is_the_other_ones(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, rider) = pair(&pool).await;
    let person = UserId::from(driver);
    let ride = fixture::Ride::completed(rider, driver, NOW, 1_000).insert(&pool).await;
    execute(&pool, "UPDATE rides SET notes = 'third floor', pickup_landmark = 'my house' WHERE id = $1", &[ride.0])
        .await;
    let export = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect("asked");
    assert_eq!((export.state.as_str(), export.steps_done), ("waiting", 0));
    privacy.make_export(export.id, NOW).await.expect("made");
    let ready = privacy.export(export.id).await.expect("known");
    assert_eq!((ready.state.as_str(), ready.steps_done), ("ready", ready.steps));

    let bytes = privacy.export_file(person, export.id, NOW).await.expect("fetched");
    let files = read(bytes);
    let readme = &files["README.json"];
    assert_eq!(readme["person"], Value::from(person.to_string()));
    assert!(readme["retention"].as_array().is_some_and(|rows| rows.len() == retention::Class::ALL.len()));
    assert!(readme["processing"].as_array().is_some_and(|rows| !rows.is_empty()));
    assert_eq!(readme["files"].as_array().map(Vec::len), Some(files.len() - 1));
    assert_eq!(files["profile.json"]["first_name"], "Keza");
    assert_eq!(files["profile.json"]["phone"], "+250780001234");
    assert_eq!(files["driver.json"]["plate"], "RC234A");
    let driven = &files["rides_as_driver.json"][0];
    assert_eq!((&driven["id"], &driven["fare_rwf"]), (&Value::from(ride.to_string()), &Value::from(1_000)));
    let everything = files.values().map(Value::to_string).collect::<String>();
    for private in ["third floor", "my house", "+250780000002", "password_hash", "'0000'"] {
        assert!(!everything.contains(private), "{private} is the rider's, or nobody's to see");
    }

    let other = privacy.export_file(UserId::from(rider), export.id, NOW).await.expect_err("not theirs");
    assert_eq!(other.code(), "not_found");
    let late = NOW + config().export_kept;
    assert_eq!(privacy.export_file(person, export.id, late).await.expect_err("too late").code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_sealed_is_opened_for_whom_it_belongs_to(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let (driver, rider) = pair(&pool).await;
    let ride = fixture::Ride::completed(rider, driver, NOW, 1_000).insert(&pool).await;
    let contacts = r#"{"sender": null, "receiver": {"name": "Mukamana", "phone": "+250788999111"}, "stops": []}"#;
    let sealed = |column, row, text| Vault::for_tests().seal_text(Place::new(column, row), text).expect("sealed");
    for (sql, row, sealed) in [
        (
            "UPDATE rides SET has_contacts = true, contacts_sealed = $2 WHERE id = $1",
            ride.0,
            sealed("rides.contacts", ride.0, contacts),
        ),
        (
            "UPDATE users SET national_id_type = 'nid16', national_id_sealed = $2, national_id_index = $2 WHERE id = $1",
            rider.0,
            sealed("users.national_id", rider.0, "1199070012345678"),
        ),
    ] {
        sqlx::query(sql).bind(row).bind(sealed).execute(&pool).await.expect("sealed");
    }
    let files = async |person: UserId| {
        let export = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect("asked");
        privacy.make_export(export.id, NOW).await.expect("made");
        read(privacy.export_file(person, export.id, NOW).await.expect("fetched"))
    };
    let theirs = files(rider.into()).await;
    assert_eq!(theirs["profile.json"]["national_id_number"], "1199070012345678");
    assert_eq!(theirs["rides_as_rider.json"][0]["contacts"]["receiver"]["name"], "Mukamana");
    let drivers = files(driver.into()).await.values().map(Value::to_string).collect::<String>();
    assert!(!drivers.contains("Mukamana") && !drivers.contains("88999111"), "they are the rider's");
}

#[sqlx::test(migrations = "./migrations")]
async fn one_export_at_a_time_and_some_a_day(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let person = UserId::from(fixture::rider(&pool, 2).await);
    for _ in 0..3 {
        let export = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect("asked");
        let second = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect_err("one is being made");
        assert_eq!(second.code(), "export_running");
        privacy.make_export(export.id, NOW).await.expect("made");
        privacy.make_export(export.id, NOW).await.expect("made once");
    }
    let fourth = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect_err("enough for a day");
    assert_eq!(fourth.code(), "rate_limited");
    let admin = fixture::person(&pool, 3, "admin").await;
    for reason in ["", "  "] {
        let error = privacy.ask_for_export(person, Asker::Admin(admin, reason), NOW).await.expect_err("why?");
        assert_eq!(error.code(), "invalid_value");
    }
    privacy.ask_for_export(person, Asker::Admin(admin, "letter of 3 May"), NOW).await.expect("an admin may");
    privacy.ask_for_export(person, Asker::Themselves, NOW + Span::from_minutes(25 * 60)).await.expect("another day");
    let nobody = privacy.ask_for_export(UserId(Uuid::nil()), Asker::Admin(admin, "letter"), NOW).await;
    assert_eq!(nobody.expect_err("nobody").code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_export_warns_nobody_who_is_investigated(pool: PgPool) {
    let privacy = privacy(&pool, config());
    let person = UserId::from(fixture::rider(&pool, 2).await);
    let official = fixture::person(&pool, 3, "government").await;
    for (action, at, case) in [
        ("looked.openly", NOW, None),
        ("looked.lately", NOW - days(89), Some("RNP/12/2026")),
        ("looked.long_ago", NOW - days(91), Some("RNP/11/2026")),
    ] {
        let act = Act {
            actor: Actor::Official(official, Agency::Rnp),
            whose: Some(person),
            why: Some("why they looked"),
            detail: serde_json::json!({"case": case}),
            ..Act::of(official, Role::Government, action)
        };
        audit::record_read(&pool, &act, &[], at).await.expect("recorded");
    }
    let export = privacy.ask_for_export(person, Asker::Themselves, NOW).await.expect("asked");
    privacy.make_export(export.id, NOW).await.expect("made");
    let files = read(privacy.export_file(person, export.id, NOW).await.expect("fetched"));
    let log = files["access_log.json"].as_array().expect("a list");
    let told: Vec<_> = log.iter().map(|record| (record["action"].as_str(), record["purpose"].as_str())).collect();
    assert_eq!(told, [(Some("looked.long_ago"), None), (Some("looked.openly"), Some("why they looked"))]);
}
