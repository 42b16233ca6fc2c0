//! The audit log from outside: who is on record for what, who may read it, and that it verifies.
//!
//! That *every* privileged route leaves a record is seen by the access table: one that does not is answered 500.

use serde_json::{Value, json};

use crate::house::shared;
use crate::people::{Person, text};

/// The newest record of an admin, as another admin reads it.
async fn newest_of(reader: &Person, who: &str, action: &str) -> Value {
    let path = format!("/admin/audit?who={who}&action={action}&limit=1");
    reader.api.get(&path).await.expect(200)["items"][0].clone()
}

#[tokio::test]
async fn what_admins_see_and_do_is_on_record_with_the_request_behind_it() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    let admin = house.admin().await;
    for (path, action) in [
        (format!("/rides/{id}"), "rides.read"),
        (format!("/rides/{id}/track"), "rides.read"),
        (format!("/admin/rides/{id}/decision"), "rides.decision_read"),
        ("/admin/jobs".to_owned(), "jobs.listed"),
        ("/admin/ledger/trial-balance".to_owned(), "ledger.balance_read"),
        ("/admin/analytics/rides".to_owned(), "analytics.rides_read"),
        ("/admin/geofences".to_owned(), "geofences.listed"),
        ("/admin/road-closures".to_owned(), "roads.closures_listed"),
        ("/admin/agent-actions".to_owned(), "agents.actions_read"),
        ("/admin/breaches".to_owned(), "breaches.listed"),
    ] {
        let answer = admin.api.get(&path).await;
        let request = answer.header("x-request-id").map(str::to_owned);
        answer.expect(200);
        let request = request.expect("every answer has one");
        // The admin is shared with other tests, which record as well.
        let page = format!("/admin/audit?who={}&action={action}&limit=100", admin.id);
        let page = admin.api.get(&page).await.expect(200);
        let records = page["items"].as_array().expect("a list");
        let record = records.iter().find(|record| record["request_id"] == *request);
        let record = record.unwrap_or_else(|| panic!("{path} left no {action}"));
        assert_eq!((&record["role"], &record["client"]), (&"admin".into(), &"127.0.0.1".into()));
        if action == "rides.read" {
            let whose: Vec<_> = record["whose"].as_array().expect("a list").iter().map(text).collect();
            assert!(whose.contains(&rider.id.as_str()) && whose.contains(&driver.id.as_str()), "{record}");
        }
    }
    let mine = rider.api.get("/me/access-log").await.expect(200);
    let seen: Vec<_> = mine["items"].as_array().expect("a list").iter().map(|item| text(&item["action"])).collect();
    assert!(seen.contains(&"rides.read") && seen.contains(&"rides.decision_read"), "{mine}");
    assert!(!mine.to_string().contains(&admin.id), "by office, not by clerk");
}

#[tokio::test]
async fn officials_ask_for_a_purpose_and_the_person_reads_it() {
    let house = shared();
    let (rider, police) = (Person::rider(&house).await, Person::official_of(&house, "RNP").await);
    let body = json!({"kind": "accident", "severity": "high", "description": "we slid on the wet road"});
    let incident = rider.api.post("/safety/incidents", &body).await.expect(201);
    let path = "/government/incidents?limit=100";
    police.api.asking(None, None).get(path).await.refused(422, "invalid_value");
    police.api.get("/government/reports/rides").await.refused(403, "agency_not_allowed");
    let purpose = Some("Black spots of November");
    let found = |page: Value| {
        let items = page["items"].as_array().expect("a list");
        items.iter().find(|item| item["id"] == incident["id"]).expect("is listed").clone()
    };
    let masked = found(police.api.asking(purpose, None).get(path).await.expect(200));
    assert_eq!((&masked["reporter_id"], &masked["description"]), (&Value::Null, &Value::Null));
    let mine = rider.api.get("/me/access-log").await.expect(200);
    let access = &mine["items"][0];
    assert_eq!((&access["by"], &access["agency"]), (&"government".into(), &"RNP".into()));
    assert_eq!(access["purpose"], "Black spots of November");
    let whole = found(police.api.asking(purpose, Some("RNP/2026/417")).get(path).await.expect(200));
    assert_eq!(whole["reporter_id"], rider.id);
    assert_eq!(rider.api.get("/me/access-log").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    let watch = Person::official_of(&house, "NCSA").await;
    let log = watch.api.get("/government/access-log?limit=100").await.expect(200);
    let cases = log["items"].as_array().expect("a list").iter().filter(|item| item["case_number"] == "RNP/2026/417");
    assert!(cases.count() >= 1, "{log}");
    let admin = house.admin().await;
    let record = newest_of(&admin, &police.id, "government.incidents_listed").await;
    assert_eq!((&record["agency"], &record["detail"]["case"]), (&"RNP".into(), &"RNP/2026/417".into()));
}

#[tokio::test]
async fn the_log_verifies_beside_a_running_server() {
    let house = shared();
    house.admin().await.api.get("/admin/jobs").await.expect(200);
    for (arguments, code, words) in [
        (&["audit", "publish"][..], 0, "occasion=command"),
        (&["audit", "verify"], 0, "the audit log is whole"),
        (&["audit", "list", "--limit", "2"], 0, "audit.read"),
        (&["audit", "heads"], 0, "occasion=start"),
        (&["audit", "show", "1"], 0, "\"seq\":1"),
        (&["audit", "show", "999999999"], 1, ""),
        (&["audit", "list", "--agency", "FBI"], 64, ""),
    ] {
        let mut command = house.command(arguments);
        let output = command.arg("--data-dir").arg(house.data_dir()).output().expect("boda can be started");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
        assert!(out.contains(words), "{arguments:?}: {out}");
    }
}
