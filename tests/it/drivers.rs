//! Who may drive: papers, review, standing.

use serde_json::{Value, json};

use crate::app::App;
use crate::house::shared;
use crate::patience::eventually;
use crate::people::{Person, messages_to, papers, text};

#[tokio::test]
async fn nobody_drives_before_an_admin_has_seen_the_papers() {
    let house = shared();
    let place = house.corner().await.pickup;
    let driver = Person::driver_without_papers(&house).await;
    let online = |person: &Person| {
        let api = person.api.clone();
        async move { api.post("/drivers/me/online", &place.json()).await }
    };
    online(&driver).await.refused(403, "driver_not_approved");
    driver.api.get("/drivers/me").await.refused(404, "not_found");
    let mine = papers(&house).await;
    let view = driver.api.put("/drivers/me", &mine).await.expect(200);
    assert_eq!((&view["status"], &view["plate"]), (&"pending".into(), &mine["plate"]));
    online(&driver).await.refused(403, "driver_not_approved");

    let admin = house.admin().await;
    let decide = async |verb: &str, body: &Value| {
        admin.api.post(&format!("/admin/drivers/{}/{verb}", driver.id), body).await.expect(200)
    };
    let rejected = decide("reject", &json!({"reason": "the picture is blurred"})).await;
    assert_eq!(rejected["status"], "rejected");
    let refused = online(&driver).await.refused(403, "driver_not_approved");
    assert!(text(&refused["message"]).contains("blurred"), "{refused}");
    assert_eq!(decide("approve", &json!({})).await["status"], "approved");
    online(&driver).await.expect(200);
    assert_eq!(driver.api.get("/drivers/me").await.expect(200)["online"], true);
    assert_eq!(decide("suspend", &json!({"reason": "complaints"})).await["status"], "suspended");
    eventually("the suspended driver to be off the road", async || {
        (driver.api.get("/drivers/me").await.expect(200)["online"] == false).then_some(())
    })
    .await;
    online(&driver).await.refused(403, "driver_not_approved");
    decide("restore", &json!({})).await;
    online(&driver).await.expect(200);
}

#[tokio::test]
async fn a_driver_is_told_of_the_decision_by_sms_socket_and_list() {
    let house = shared();
    let driver = Person::applicant(&house).await;
    let mut app = App::open(&house, &driver).await;
    let mut command = house.corner().await.pickup.json();
    command["type"] = "go_online".into();
    app.refused(command, "driver_not_approved").await;
    let approve = format!("/admin/drivers/{}/approve", driver.id);
    house.admin().await.api.post_empty(&approve).await.expect(200);
    let notice = app.notice("account_approved").await;
    let list = driver.api.get("/notifications").await.expect(200);
    let item = &list["items"][0];
    assert_eq!((&item["key"], &item["text"], &item["read_at"]), (&notice["key"], &notice["text"], &Value::Null));
    let read = format!("/notifications/{}/read", text(&item["id"]));
    assert!(driver.api.post_empty(&read).await.expect(200)["read_at"].is_string());
    Person::rider(&house).await.api.post_empty(&read).await.refused(404, "not_found");
    let sandbox = house.sandbox().await;
    eventually("the SMS", async || {
        let messages = messages_to(&sandbox, &driver.phone).await;
        messages.iter().any(|message| message["text"] == notice["text"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_plate_belongs_to_one_driver() {
    let house = shared();
    let (first, second) = (Person::driver_without_papers(&house).await, Person::driver_without_papers(&house).await);
    let mine = papers(&house).await;
    first.api.put("/drivers/me", &mine).await.expect(200);
    let mut theirs = papers(&house).await;
    theirs["plate"] = mine["plate"].clone();
    second.api.put("/drivers/me", &theirs).await.refused(409, "plate_taken");
}

#[tokio::test]
async fn new_papers_go_back_to_review_and_the_same_ones_do_not() {
    let house = shared();
    let driver = Person::driver_without_papers(&house).await;
    let mut mine = papers(&house).await;
    driver.api.put("/drivers/me", &mine).await.expect(200);
    let approve = format!("/admin/drivers/{}/approve", driver.id);
    house.admin().await.api.post_empty(&approve).await.expect(200);
    assert_eq!(driver.api.put("/drivers/me", &mine).await.expect(200)["status"], "approved");
    mine["vehicle_colour"] = "green".into();
    assert_eq!(driver.api.put("/drivers/me", &mine).await.expect(200)["status"], "pending");
}

#[tokio::test]
async fn documents_are_kept_and_listed() {
    let house = shared();
    let driver = Person::applicant(&house).await;
    let mine = papers(&house).await;
    let body = json!({"kind": "authorisation", "number": "rura-77", "expires_on": mine["insurance_expires_on"]});
    let document = driver.api.post("/drivers/me/documents", &body).await.expect(201);
    assert_eq!(document["kind"], "authorisation");
    let list = driver.api.get("/drivers/me/documents").await.expect(200);
    assert_eq!(list["items"][0], document, "the newest first");
    let kinds = list["items"].as_array().expect("a list").iter().map(|item| text(&item["kind"]));
    let sent = ["authorisation", "inspection", "insurance", "vehicle", "licence"];
    assert_eq!(kinds.collect::<Vec<_>>(), sent, "those of PUT /drivers/me as well");
    let shown = house.admin().await.api.get(&format!("/admin/drivers/{}", driver.id)).await.expect(200);
    assert_eq!(shown["status"], "pending");
}

#[tokio::test]
async fn an_admin_pages_through_the_drivers_who_wait() {
    let house = shared();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(Person::applicant(&house).await.id);
    }
    let admin = &house.admin().await.api;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/admin/drivers?status=pending&limit=2&cursor={cursor}")).await.expect(200);
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= 2 && items.iter().all(|driver| driver["status"] == "pending"), "{page}");
        found.extend(items.iter().map(|driver| text(&driver["driver_id"]).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    let newest: Vec<_> = found.iter().filter(|id| waiting.contains(id)).collect();
    assert_eq!(newest, waiting.iter().rev().collect::<Vec<_>>(), "newest first, each once");
    let answer = admin.get("/admin/drivers?status=asleep").await;
    answer.refused(422, "invalid_value");
    assert!(answer.blames("status"), "{answer}");
}
