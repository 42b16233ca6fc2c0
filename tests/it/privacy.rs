//! What people can do about their own data, over the API: take it along, be forgotten, say no.

use std::io::{Cursor, Read};

use serde_json::{Value, json};

use crate::api::Api;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, fresh_phone, messages_to, register, text};

/// One's newest export, once it is ready.
async fn ready(api: &Api) -> Value {
    eventually("an export", async || {
        let exports = api.get("/me/export").await.expect(200);
        let newest = &exports["items"][0];
        (newest["state"] == "ready").then(|| newest.clone())
    })
    .await
}

/// The files of an archive.
async fn files(house: &House, path: &str, token: &str) -> Vec<(String, Value)> {
    let url = format!("{}/api/v1{path}", house.url());
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.expect("answered");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut zip = zip::ZipArchive::new(Cursor::new(answer.bytes().await.expect("whole"))).expect("a ZIP");
    (0..zip.len())
        .map(|index| {
            let mut file = zip.by_index(index).expect("is there");
            let (name, mut text) = (file.name().expect("a name").into_owned(), String::new());
            file.read_to_string(&mut text).expect("text");
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

#[tokio::test]
async fn a_rider_takes_everything_along_and_nobody_else_does() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, other) = (Person::rider(&house).await, Person::rider(&house).await);
    let mut booking = corner.booking();
    booking["notes"] = "by the church".into();
    let ride = rider.book(&booking).await;
    let asked = rider.api.post_empty("/me/export").await.expect(202);
    let export = ready(&rider.api).await;
    assert_eq!((&export["id"], &export["progress_percent"]), (&asked["id"], &100.into()));
    let path = format!("/me/exports/{}/file", text(&export["id"]));
    let files = files(&house, &path, rider.api.token()).await;
    let content = |name: &str| &files.iter().find(|(file, _)| file == name).expect(name).1;
    assert_eq!(content("profile.json")["phone"], rider.phone.as_str());
    assert_eq!(content("rides_as_rider.json")[0]["id"], ride["id"]);
    assert_eq!(content("rides_as_rider.json")[0]["notes"], "by the church");
    assert_eq!(content("README.json")["person"], rider.id.as_str());
    other.api.get(&path).await.refused(404, "not_found");
    let admin = house.admin().await;
    admin.api.get(&path).await.refused(404, "not_found");

    // An admin makes one for somebody who came to the office.
    let on_paper = format!("/admin/privacy/people/{}/export", other.id);
    admin.api.post(&on_paper, &json!({"reason": ""})).await.refused(422, "invalid_value");
    let asked = admin.api.post(&on_paper, &json!({"reason": "form 17, card seen"})).await.expect(202);
    let looked_at = format!("/admin/privacy/exports/{}", text(&asked["id"]));
    eventually("the export for the office", async || {
        (admin.api.get(&looked_at).await.expect(200)["state"] == "ready").then_some(())
    })
    .await;
    let handed_over = self::files(&house, &format!("{looked_at}/file"), admin.api.token()).await;
    assert!(handed_over.iter().any(|(file, _)| file == "profile.json"));
    rider.api.get(&looked_at).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_driver_is_forgotten_and_the_number_is_free_again() {
    let house = House::start(&[("privacy.erasure_grace_hours", "0")]);
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    driver.api.post("/me/erasure", &json!({})).await.refused(409, "live_ride");
    rider.api.post_empty("/me/erasure").await.refused(409, "live_ride");
    rider.api.post(&format!("/rides/{id}/cancel"), &json!({"reason": "other", "note": "my aunt"})).await.expect(200);

    let erasure = driver.api.post("/me/erasure", &json!({})).await.expect(202);
    let kept = erasure["kept"].as_array().expect("a list");
    assert!(!kept.is_empty() && kept.iter().all(|one| one["ground"].is_string() && one["until"].is_string()));
    let admin = house.admin().await;
    let progress = format!("/admin/privacy/people/{}/erasure", driver.id);
    eventually("the driver to be off shift and forgotten", async || {
        (admin.api.get(&progress).await.expect(200)["state"] == "done").then_some(())
    })
    .await;
    let refresh = json!({"refresh_token": driver.refresh_token});
    assert_eq!(house.api().post("/auth/refresh", &refresh).await.status, 401);
    assert_eq!(driver.api.get("/me").await.status, 401, "a token that is still good is of nobody");
    let seen = rider.api.get(&format!("/rides/{id}")).await.expect(200);
    assert!(!seen.to_string().contains("Eric"), "{seen}");

    // Whoever has the number next begins anew.
    let api = house.api();
    register(&api, &driver.phone, "customer", "Solange").await;
    let sandbox = house.sandbox().await;
    eventually("a code for the new owner of the number", async || {
        (messages_to(&sandbox, &driver.phone).await.len() > 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_erasure_needs_proof_and_can_be_called_off() {
    let house = shared();
    let rider = Person::rider(&house).await;
    rider.api.put("/me/password", &json!({"new_password": "moto kigali 2026"})).await.expect(204);
    let ask = |password: &str| json!({"password": password});
    rider.api.post("/me/erasure", &ask("moto kigali 2027")).await.refused(403, "wrong_credentials");
    rider.api.get("/me/erasure").await.refused(404, "not_found");
    let asked = rider.api.post("/me/erasure", &ask("moto kigali 2026")).await.expect(202);
    assert_eq!(asked["state"], "waiting");
    rider.api.post_empty("/me/erasure").await.refused(409, "erasure_open");
    assert_eq!(rider.api.delete("/me/erasure").await.expect(200)["state"], "cancelled");
    rider.api.delete("/me/erasure").await.refused(404, "not_found");
    assert_eq!(rider.api.get("/me").await.expect(200)["first_name"], "Aline");
}

#[tokio::test]
async fn consent_is_shown_given_and_taken_back() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let consents = rider.api.get("/me/consents?language=fr").await.expect(200);
    let marketing = consents["items"].as_array().expect("a list").iter().find(|one| one["purpose"] == "marketing");
    let marketing = marketing.expect("is asked about");
    assert_eq!((&marketing["in_force"], &marketing["given"]), (&false.into(), &Value::Null));
    assert!(text(&marketing["text"]).starts_with("J'accepte"));
    assert!(consents["carried"].as_array().is_some_and(|carried| carried.iter().any(|one| one["name"] == "rides")));
    rider.api.put("/me/consents/marketing", &json!({"given": true})).await.refused(409, "text_changed");
    let yes = json!({"given": true, "language": "fr", "version": marketing["version"]});
    let given = rider.api.put("/me/consents/marketing", &yes).await.expect(200);
    assert_eq!((&given["in_force"], &given["given"]), (&true.into(), &true.into()));
    let no = rider.api.put("/me/consents/marketing", &json!({"given": false})).await.expect(200);
    assert_eq!(no["in_force"], false);
    let log = rider.api.get("/me/consents/log").await.expect(200);
    let said: Vec<_> = log["items"].as_array().expect("a list").iter().map(|line| &line["given"]).collect();
    assert_eq!(said, [&json!(false), &json!(true)]);
    rider.api.put("/me/consents/everything", &json!({"given": true})).await.refused(404, "not_found");
    let bad = json!({"given": true, "language": "sw", "version": "x"});
    assert!(rider.api.put("/me/consents/marketing", &bad).await.blames("language"));

    let born = boda::clock::now().kigali_day() - chrono::Months::new(12 * 15);
    rider.api.patch("/me", &json!({"date_of_birth": born.to_string()})).await.expect(200);
    rider.api.put("/me/consents/marketing", &yes).await.refused(403, "guardian_needed");
}

#[tokio::test]
async fn whoever_is_restricted_neither_rides_nor_drives_until_they_say_otherwise() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, driver) = (Person::rider(&house).await, Person::driver(&house).await);
    for person in [&rider, &driver] {
        person.api.put("/me/restriction", &json!({})).await.expect(204);
        assert!(person.api.get("/me/restriction").await.expect(200)["restricted_since"].is_string());
    }
    rider.api.post("/rides", &corner.booking()).await.refused(409, "processing_restricted");
    let online = driver.api.post("/drivers/me/online", &corner.pickup.json()).await;
    assert!(online.status == 403 || online.status == 409, "{online}");
    for person in [&rider, &driver] {
        person.api.delete("/me/restriction").await.expect(204);
        assert!(person.api.get("/me/restriction").await.expect(200)["restricted_since"].is_null());
    }
    rider.book(&corner.booking()).await;
    driver.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
}

#[tokio::test]
async fn the_register_is_public_as_far_as_people_need_it_and_whole_for_admins() {
    let house = shared();
    let about = house.api().get("/privacy").await.expect(200);
    assert_eq!(about["data_protection_officer"], "dpo@boda.example");
    assert!(about["rights"].as_array().is_some_and(|rights| rights.len() > 5));
    let register = house.admin().await.api.get("/admin/privacy/register").await.expect(200);
    for part in ["controller", "activities", "retention", "places", "transfers_abroad", "rights"] {
        assert!(!register[part].is_null(), "{part}: {register}");
    }
    assert!(!register.to_string().contains(&fresh_phone()));
}

#[tokio::test]
async fn a_hold_is_noted_listed_and_lifted() {
    let house = shared();
    let (admin, rider) = (house.admin().await, Person::rider(&house).await);
    let body = json!({"kind": "person", "subject": rider.id, "reason": "case 114/2026"});
    let hold = admin.api.post("/admin/privacy/holds", &body).await.expect(201);
    admin.api.post("/admin/privacy/holds", &body).await.refused(409, "already_held");
    rider.api.post_empty("/me/erasure").await.refused(409, "legal_hold");
    let listed = admin.api.get("/admin/privacy/holds").await.expect(200);
    assert!(listed["items"].as_array().is_some_and(|holds| holds.iter().any(|one| one["id"] == hold["id"])));
    let lift = format!("/admin/privacy/holds/{}", text(&hold["id"]));
    assert!(admin.api.delete(&lift).await.expect(200)["lifted_at"].is_string());
    admin.api.delete(&lift).await.refused(404, "not_found");
    rider.api.post_empty("/me/erasure").await.expect(202);
}
