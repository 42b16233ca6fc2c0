//! The books as people read them, days held against statements, and cases, through the doors and at the command line.

use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

/// A file as MTN's portal exports it, with one payment that nobody knows.
fn export(reference: &str) -> String {
    format!(
        "Partner portal export\n\"Id\",\"External id\",\"Date\",\"Status\",\"Type\",\"Amount\",\"Fee\",\"Currency\"\n\
         {reference},,2026-11-24 10:00:00,Successful,Payment,\"1,700.00\",17,RWF\n"
    )
}

async fn bring(admin: &Person, day: &str, file: String) -> Value {
    let path = format!("/admin/reconciliation/mtn/statements?day={day}");
    let form = |request: reqwest::RequestBuilder| request.header("content-type", "text/csv").body(file);
    admin.api.send(Method::POST, &path, form).await.expect(200)
}

/// What `boda` says, and its exit code.
fn boda(house: &House, arguments: &[&str]) -> (String, Option<i32>) {
    let output =
        house.command(arguments).arg("--data-dir").arg(house.data_dir()).output().expect("boda can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (said, output.status.code())
}

#[tokio::test]
async fn a_rider_without_credit_and_a_driver_without_rides_have_empty_statements() {
    let house = shared();
    let rider = Person::rider(&house).await;
    assert_eq!(rider.api.get("/riders/me/balance").await.expect(200)["credit_rwf"], 0);
    assert_eq!(rider.api.get("/riders/me/ledger").await.expect(200)["items"], json!([]));
    let driver = Person::driver(&house).await;
    let backwards = driver.api.get("/drivers/me/ledger?from=2026-11-02&to=2026-11-01").await;
    assert!(backwards.blames("to"), "{}", backwards.text);
}

#[tokio::test]
async fn a_ride_is_found_in_the_books_by_its_account_its_cause_and_its_id() {
    let house = shared();
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    driver.drive(id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    driver.drive(id, "complete").await;
    let admin = house.admin().await;
    let by_ride = format!("/admin/ledger/transactions?ride_id={id}");
    let found = eventually("the ride in the books", async || {
        let found = admin.api.get(&by_ride).await.expect(200);
        (!found["items"].as_array().expect("a list").is_empty()).then_some(found)
    })
    .await;
    let lines = found["items"][0]["lines"].as_array().expect("lines");
    assert_eq!(lines.iter().filter_map(|line| line["amount_rwf"].as_i64()).sum::<i64>(), 0);
    assert_eq!(found["items"][0]["what"], "cash_fare");
    let by_cause = format!("/admin/ledger/transactions?cause={}", text(&found["items"][0]["cause"]));
    assert_eq!(admin.api.get(&by_cause).await.expect(200)["items"][0], found["items"][0]);
    let both = admin.api.get(&format!("{by_cause}&ride_id={id}")).await;
    assert!(both.blames("cause"), "{}", both.text);
    let of_driver = format!("/admin/ledger/accounts?kind=driver_cash&owner_id={}", driver.id);
    let account = admin.api.get(&of_driver).await.expect(200);
    let cash = &account["items"][0];
    let by_account = format!("/admin/ledger/transactions?account={}", cash["id"]);
    assert_eq!(admin.api.get(&by_account).await.expect(200)["items"][0]["id"], found["items"][0]["id"]);
    let mine = driver.api.get("/drivers/me/ledger").await.expect(200);
    assert_eq!(mine["items"][0]["owed_after_rwf"], mine["items"][0]["owed_change_rwf"], "the first ride: {mine}");
    let before = admin.api.get("/admin/ledger/trial-balance?as_of=2020-01-01T00:00:00Z").await.expect(200);
    assert!(before["kinds"].as_array().expect("kinds").iter().all(|kind| kind["balance_rwf"] == 0), "{before}");
    assert!(admin.api.get("/admin/ledger/accounts?kind=gold").await.blames("kind"));
}

#[tokio::test]
async fn money_that_nobody_knows_is_found_named_and_placed_by_two_admins() {
    let house = House::start(&[]);
    let (one, two) = (house.admin().await, Person::admin(&house).await);
    let (sound, code) = boda(&house, &["ledger", "check"]);
    assert_eq!(code, Some(0), "{sound}");
    assert!(sound.contains("the books are sound"), "{sound}");

    let done = bring(&one, "2026-11-24", export("MTN-9001")).await;
    assert_eq!(
        (&done["counts"]["missing_here"], &done["fees_rwf"], &done["cases_opened"]),
        (&json!(1), &json!(17), &json!(1))
    );
    let again = bring(&one, "2026-11-24", export("MTN-9001")).await;
    assert_eq!((&again["fees_rwf"], &again["cases_opened"]), (&json!(0), &json!(0)));
    let day = one.api.get("/admin/reconciliation?day=2026-11-24").await.expect(200);
    assert_eq!(day["items"][0]["counts"]["missing_here"], 1, "{day}");

    let cases = one.api.get("/admin/money-cases?kind=missing_here&state=open&severity=high").await.expect(200);
    let id = text(&cases["items"][0]["id"]).to_owned();
    assert_eq!((&cases["items"][0]["amount_rwf"], &cases["items"][0]["age_hours"]), (&json!(1_700), &json!(0)));
    let none = one.api.get("/admin/money-cases?older_than=1").await.expect(200);
    assert_eq!(none["items"], json!([]), "nothing is an hour old");
    assert!(one.api.get("/admin/money-cases?state=lost").await.blames("state"));
    let path = |rest: &str| format!("/admin/money-cases/{id}/{rest}");
    one.api.post_empty(&path("take")).await.expect(200);
    two.api.post_empty(&path("take")).await.refused(409, "case_taken");
    let explained = json!({"resolution": "explained", "reason": "an old debt"});
    one.api.post(&path("resolve"), &explained).await.refused(409, "money_in_suspense");
    let rider = Person::rider(&house).await;
    let posted =
        json!({"resolution": "posted", "reason": "shown at the desk", "account": "rider_credit", "owner_id": rider.id});
    let proposed = one.api.post(&path("resolve"), &posted).await.expect(200);
    assert_eq!(proposed["proposal"]["account"], "rider_credit");
    one.api.post_empty(&path("approve")).await.refused(409, "four_eyes");
    assert_eq!(two.api.post_empty(&path("approve")).await.expect(200)["state"], "resolved");
    assert_eq!(rider.api.get("/riders/me/balance").await.expect(200)["credit_rwf"], 1_700);
    let statement = rider.api.get("/riders/me/ledger").await.expect(200);
    assert_eq!(
        (&statement["items"][0]["what"], &statement["items"][0]["owed_after_rwf"]),
        (&json!("correction"), &json!(-1_700))
    );

    let file = house.data_dir().join("export.csv");
    std::fs::write(&file, export("MTN-9002")).expect("writes");
    let name = file.to_str().expect("a name");
    let asked = ["reconcile", "--day", "2026-11-24", "--provider", "mtn", "--statement", name];
    let (said, code) = boda(&house, &asked);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("missing_here: MTN-9002: 1700 RWF"), "{said}");
    let (said, code) = boda(&house, &["ledger", "trial-balance", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("\"difference_rwf\":0"), "{said}");
    let (said, code) = boda(&house, &["ledger", "check", "--json"]);
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_statement_is_refused_by_its_rows() {
    let house = shared();
    let admin = house.admin().await;
    let send = async |file: &'static str| {
        let path = "/admin/reconciliation/airtel/statements?day=2026-11-24";
        admin.api.send(Method::POST, path, |request| request.body(file)).await
    };
    assert!(send("").await.blames("file"));
    assert!(send("id,amount,date\nA1,10.50,2026-11-24 10:00\n").await.blames("row 2: amount"));
    let path = "/admin/reconciliation/bank/statements?day=2026-11-24";
    assert!(admin.api.post(path, &json!({})).await.blames("provider"));
    assert!(admin.api.get("/admin/cooperatives/nobodys/statement").await.status == 404);
}

#[tokio::test]
async fn a_payment_that_the_sandbox_made_up_is_found_and_named_at_the_command_line() {
    let house = House::start(&[]);
    let base = text(&house.about().await["sandbox_url"]).to_owned();
    let wrong = json!({"provider": "mtn", "kind": "missing_here", "reference": "STRANGE1", "amount": 2_500});
    house.sandbox().await.post("/_sim/statement/discrepancies", &wrong).await.expect(201);
    let asked = ["reconcile", "--day", "2026-11-20", "--sandbox", &base, "--json"];
    let (said, code) = boda(&house, &asked);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("missing_here: STRANGE1: 2500 RWF"), "{said}");
    let admin = house.admin().await;
    let cases = admin.api.get("/admin/money-cases?kind=missing_here").await.expect(200);
    assert_eq!((&cases["items"][0]["amount_rwf"], &cases["items"][1]), (&json!(2_500), &Value::Null));
    let (said, code) = boda(&house, &["reconcile", "--day", "2026-11-20", "--provider", "airtel", "--sandbox", &base]);
    assert_eq!(code, Some(0), "{said}");
    let (said, code) = boda(&house, &["ledger", "check"]);
    assert_eq!(code, Some(0), "what is in suspense is in order: {said}");
}
