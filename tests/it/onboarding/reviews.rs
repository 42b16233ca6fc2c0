//! Reviews: paper by paper, by two reviewers, with what the authority says; suspension, appeal, history, shifts.

use serde_json::{Value, json};

use super::{complete, complete_applicant, decide, paper, rehearsal, send_file, step};
use crate::house::House;
use crate::onboarding::jpeg;
use crate::patience::eventually;
use crate::people::{Person, papers, text};

/// Runs the daily round as on a day; what it prints.
fn expire(house: &House, as_of: &str) -> String {
    let mut command = house.command(&["drivers", "expire", "--as-of", as_of, "--data-dir"]);
    let output = command.arg(house.data_dir()).output().expect("boda can be started");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn day_after(day: &str) -> String {
    let day: chrono::NaiveDate = day.parse().expect("a day");
    day.succ_opt().expect("time goes on").to_string()
}

#[tokio::test]
async fn every_paper_is_reviewed_and_ends_and_comes_back() {
    let house = complete();
    let newcomer = Person::driver_without_papers(&house).await;
    let first = newcomer.api.get("/drivers/me/onboarding").await.expect(200);
    assert_eq!((&first["status"], &first["complete"]), (&Value::Null, &json!(false)));
    assert_eq!(step(&newcomer, "profile").await["next"], "tell_birthday");
    assert_eq!(step(&newcomer, "licence").await["next"], "send_papers");

    let (driver, last_day) = complete_applicant(&house).await;
    let admin = house.admin().await.api;
    let approve = format!("/admin/drivers/{}/approve", newcomer.id);
    newcomer.api.put("/drivers/me", &papers(&house).await).await.expect(200);
    let early = admin.post_empty(&approve).await.refused(409, "papers_missing");
    for missing in ["profile", "photo", "national_id", "licence", "authorisation", "helmet", "cooperative"] {
        assert!(text(&early["message"]).contains(missing), "{missing}: {early}");
    }
    for kind in ["licence", "vehicle"] {
        eventually("the authority to say something", async || {
            (paper(&driver, kind).await["verification"] == "valid").then_some(())
        })
        .await;
    }

    let dark = json!({"decision": "ask_again", "reason_code": "unreadable", "reason": "the lower half is dark"});
    decide(&house, &driver, "photo", &dark).await.expect(200);
    let photo = step(&driver, "photo").await;
    assert_eq!((&photo["state"], &photo["next"]), (&json!("asked_again"), &json!("send_again")));
    assert_eq!((&photo["reason_code"], &photo["reason"]), (&json!("unreadable"), &json!("the lower half is dark")));
    decide(&house, &driver, "photo", &json!({"decision": "approve"})).await.refused(409, "wrong_state");
    send_file(&driver, "photo", "image/jpeg", jpeg(640, 480)).await.expect(200);
    for kind in [
        "photo",
        "national_id",
        "licence",
        "vehicle",
        "authorisation",
        "insurance",
        "inspection",
        "helmet",
        "cooperative",
    ] {
        assert_eq!(driver.api.get("/drivers/me").await.expect(200)["status"], "pending");
        decide(&house, &driver, kind, &json!({"decision": "approve"})).await.expect(200);
    }
    assert_eq!(driver.api.get("/drivers/me").await.expect(200)["status"], "approved");
    assert_eq!(driver.api.get("/drivers/me/onboarding").await.expect(200)["complete"], true);
    let place = house.corner().await.pickup;
    driver.api.post("/drivers/me/online", &place.json()).await.expect(200);

    assert_eq!(expire(&house, &last_day), "4 notices, 0 suspended, 0 ratings to be looked at");
    assert_eq!(expire(&house, &last_day), "0 notices, 0 suspended, 0 ratings to be looked at");
    assert_eq!(expire(&house, &day_after(&last_day)), "0 notices, 1 suspended, 0 ratings to be looked at");
    let suspended = driver.api.get("/drivers/me").await.expect(200);
    assert_eq!(suspended["status"], "suspended");
    assert!(text(&suspended["status_reason"]).contains("expired"), "{suspended}");
    eventually("the driver to be off the road", async || {
        (driver.api.get("/drivers/me").await.expect(200)["online"] == false).then_some(())
    })
    .await;
    driver.api.post("/drivers/me/online", &place.json()).await.refused(403, "driver_not_approved");

    // In the server's eyes nothing has expired, so one renewed paper is enough.
    let body = json!({"kind": "insurance", "number": "SON-NEW", "expires_on": day_after(&last_day)});
    driver.api.post("/drivers/me/documents", &body).await.expect(201);
    decide(&house, &driver, "insurance", &json!({"decision": "approve"})).await.refused(409, "papers_missing");
    send_file(&driver, "insurance", "image/jpeg", jpeg(640, 480)).await.expect(200);
    decide(&house, &driver, "insurance", &json!({"decision": "approve"})).await.expect(200);
    let back = driver.api.get("/drivers/me").await.expect(200);
    assert_eq!((&back["status"], &back["insurance_expires_on"]), (&json!("approved"), &json!(day_after(&last_day))));
    let history = driver.api.get("/drivers/me/history").await.expect(200);
    let causes: Vec<_> = history["items"].as_array().expect("a list").iter().map(|item| text(&item["cause"])).collect();
    assert_eq!(causes, ["renewal", "expiry", "decision", "papers"]);
    assert!(!history.to_string().contains("\"by\""), "the driver need not know who");
    let seen = admin.get(&format!("/admin/drivers/{}/history", driver.id)).await.expect(200);
    assert_eq!(seen["items"][2]["by"], json!(house.admin().await.id));
    let today = driver.api.get("/drivers/me/shifts").await.expect(200);
    assert_eq!(today["items"].as_array().and_then(|days| days.last()).map(|day| day["shifts"].clone()), Some(json!(1)));
}

#[tokio::test]
async fn what_the_authority_says_is_shown_and_the_reviewer_decides() {
    let house = House::start(&[("authority.provider", "sandbox")]);
    for (digits, said) in [
        ("900", "valid"),
        ("901", "expired"),
        ("902", "suspended"),
        ("903", "unknown"),
        ("904", "name_mismatch"),
        ("907", "unanswered"),
    ] {
        let driver = Person::driver_without_papers(&house).await;
        let mut mine = papers(&house).await;
        mine["licence_number"] = format!("SCENARIO-{digits}").into();
        driver.api.put("/drivers/me", &mine).await.expect(200);
        eventually(&format!("the authority to say {said}"), async || {
            (paper(&driver, "licence").await["verification"] == said).then_some(())
        })
        .await;
        let shown = house.admin().await.api.get(&format!("/admin/drivers/{}", driver.id)).await.expect(200);
        assert!(shown["documents"].to_string().contains(said), "{shown}");
        assert_eq!(shown["status"], "pending", "nothing is decided by it");
        house.admin().await.api.post_empty(&format!("/admin/drivers/{}/approve", driver.id)).await.expect(200);
    }
}

#[tokio::test]
async fn the_queue_is_worked_off_by_several_reviewers() {
    let house = House::start(&[]);
    let (mut waiting, admin, second) = (Vec::new(), house.admin().await, Person::admin(&house).await);
    for _ in 0..3 {
        waiting.push(Person::applicant(&house).await.id);
    }
    let queue = async |person: &Person, more: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/admin/driver-reviews?limit=2&cursor={cursor}{more}");
            let page = person.api.get(&path).await.expect(200);
            let items = page["items"].as_array().expect("a list");
            found.extend(items.iter().map(|item| text(&item["driver_id"]).to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return found,
            }
        }
    };
    assert_eq!(queue(&admin, "").await, waiting, "the longest waiting first");
    let claim = format!("/admin/drivers/{}/claim", waiting[0]);
    admin.api.post_empty(&claim).await.expect(200);
    second.api.post_empty(&claim).await.refused(409, "claimed");
    second.api.post_empty(&format!("/admin/drivers/{}/approve", waiting[0])).await.refused(409, "claimed");
    assert_eq!(queue(&second, "&free=true").await, waiting[1..]);
    assert_eq!(queue(&admin, "&free=true").await, waiting);
    assert_eq!(queue(&admin, "&kind=photo").await, Vec::<String>::new());
    admin.api.post_empty(&format!("/admin/drivers/{}/approve", waiting[0])).await.expect(200);
    assert_eq!(queue(&admin, "&kind=licence").await, waiting[1..]);
    let claim = format!("/admin/drivers/{}/claim", waiting[1]);
    admin.api.post_empty(&claim).await.expect(200);
    admin.api.delete(&claim).await.expect(200);
    second.api.post_empty(&claim).await.expect(200);
    let nobody = "/admin/drivers/00000000-0000-4000-8000-000000000000/claim";
    second.api.post_empty(nobody).await.refused(404, "not_found");
    assert!(admin.api.get("/admin/driver-reviews?kind=poem").await.blames("kind"));
}

#[tokio::test]
async fn a_suspension_is_appealed_against_once_at_a_time() {
    let house = rehearsal();
    let driver = Person::driver(&house).await;
    let appeal = async |words: &str| driver.api.post("/drivers/me/appeals", &json!({"words": words})).await;
    appeal("why").await.refused(409, "wrong_state");
    let admin = house.admin().await.api;
    let suspend = format!("/admin/drivers/{}/suspend", driver.id);
    admin.post(&suspend, &json!({"reason": "complaints"})).await.expect(200);
    let opened = appeal("It was another motorcycle.").await.expect(201);
    appeal("Again.").await.refused(409, "appeal_open");
    let open = admin.get("/admin/driver-appeals?limit=100").await.expect(200);
    assert!(open.to_string().contains(text(&opened["id"])), "{open}");
    let decide = format!("/admin/driver-appeals/{}/decision", text(&opened["id"]));
    driver.api.post(&decide, &json!({"outcome": "granted", "reason": "me"})).await.refused(403, "forbidden");
    let answer = admin.post(&decide, &json!({"outcome": "granted", "reason": "another plate"})).await;
    assert_eq!(answer.status, 204, "{answer}");
    admin.post(&decide, &json!({"outcome": "refused", "reason": "no"})).await.refused(409, "wrong_state");
    assert_eq!(driver.api.get("/drivers/me").await.expect(200)["status"], "approved");
    let mine = driver.api.get("/drivers/me/appeals").await.expect(200);
    assert_eq!(
        (&mine["items"][0]["outcome"], &mine["items"][0]["reason"]),
        (&json!("granted"), &json!("another plate"))
    );
    let stranger = Person::driver(&house).await;
    assert_eq!(stranger.api.get("/drivers/me/appeals").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn newcomers_in_kigali_ride_electric() {
    let house = rehearsal();
    let driver = Person::driver_without_papers(&house).await;
    let mut mine = papers(&house).await;
    driver.api.put("/drivers/me", &mine).await.expect(200);
    let body = json!({"kind": "authorisation", "number": "RURA-9", "expires_on": mine["insurance_expires_on"],
                      "first_authorised_on": "2025-01-01"});
    driver.api.post("/drivers/me/documents", &body).await.expect(201);
    let vehicle = step(&driver, "vehicle").await;
    assert_eq!((&vehicle["state"], &vehicle["next"]), (&json!("rejected"), &json!("go_electric")));
    let approve = format!("/admin/drivers/{}/approve", driver.id);
    house.admin().await.api.post_empty(&approve).await.refused(409, "papers_missing");
    mine["fuel"] = "electric".into();
    driver.api.put("/drivers/me", &mine).await.expect(200);
    assert_eq!(step(&driver, "vehicle").await["state"], "submitted");
    assert_eq!(house.admin().await.api.post_empty(&approve).await.expect(200)["status"], "approved");
}
