//! Codes, referral, receipts and tips from outside.

use serde_json::{Value, json};

use crate::city::Corner;
use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, text};

/// A code that no other test has.
fn fresh_code() -> String {
    format!("T{}", &uuid::Uuid::new_v4().simple().to_string().to_uppercase()[..10])
}

fn wish(code: &str, budget_rwf: i64) -> Value {
    json!({
        "code": code, "flat_rwf": 200, "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2040-01-01T00:00:00Z",
        "uses_per_rider": 1, "budget_rwf": budget_rwf, "is_shown": true,
    })
}

/// A ride from its booking to its end.
async fn completed(house: &House, rider: &Person, corner: Corner) -> String {
    let driver = Person::driver_at(house, corner.pickup).await;
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]).to_owned();
    driver.accept_offer().await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    driver.drive(&id, "complete").await;
    id
}

#[tokio::test]
async fn a_code_is_made_shown_and_ended() {
    let house = shared();
    let (admin, rider) = (house.admin().await, Person::rider(&house).await);
    let code = fresh_code();
    let made = admin.api.post("/admin/promotions", &wish(&code, 5_000)).await.expect(201);
    assert_eq!((&made["state"], &made["committed_rwf"]), (&json!("active"), &json!(0)));
    admin.api.post("/admin/promotions", &wish(&code.to_lowercase(), 5_000)).await.refused(409, "promotion_code_taken");
    let shows = async |code: &str| {
        let open = rider.api.get("/riders/me/promotions").await.expect(200);
        open["items"].as_array().expect("a list").iter().any(|item| item["code"] == code)
    };
    // Fifty at most are shown, those that end first: this one ends in 2040, so it is looked up in the admin's list, too.
    let listed = admin.api.get("/admin/promotions?state=active&limit=100").await.expect(200);
    assert!(listed["items"].as_array().expect("a list").iter().any(|item| item["code"] == code), "{listed}");
    assert!(shows(&code).await);
    let end = format!("/admin/promotions/{}/end", text(&made["id"]));
    assert_eq!(admin.api.post(&end, &json!({"reason": "over"})).await.expect(200)["state"], "ended");
    assert!(!shows(&code).await);
}

#[tokio::test]
async fn a_large_budget_waits_for_another_admin() {
    let house = shared();
    let first = house.admin().await;
    let made = first.api.post("/admin/promotions", &wish(&fresh_code(), 500_000)).await.expect(201);
    assert_eq!(made["state"], "proposed");
    let approve = format!("/admin/promotions/{}/approve", text(&made["id"]));
    first.api.post_empty(&approve).await.refused(409, "same_admin");
    let second = Person::admin(&house).await;
    assert_eq!(second.api.post_empty(&approve).await.expect(200)["state"], "active");
    second.api.post_empty(&approve).await.refused(409, "promotion_not_proposed");
}

#[tokio::test]
async fn every_wrong_field_of_a_promotion_is_named() {
    let house = shared();
    let admin = house.admin().await;
    let wrong = json!({
        "code": "no spaces!", "percent": 101, "flat_rwf": 5, "ride_types": ["rocket"], "valid_from": "2040-01-01T00:00:00Z",
        "valid_until": "2039-01-01T00:00:00Z", "uses_per_rider": 0, "budget_rwf": -1,
    });
    let answer = admin.api.post("/admin/promotions", &wrong).await;
    answer.refused(422, "invalid_value");
    for field in ["code", "percent", "ride_types", "valid_until", "uses_per_rider", "budget_rwf"] {
        assert!(answer.blames(field), "{field}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_referral_is_given_once_before_the_first_ride() {
    let house = shared();
    let corner = house.corner().await;
    let (old, new) = (Person::rider(&house).await, Person::rider(&house).await);
    let mine = old.api.get("/riders/me/referral").await.expect(200);
    let code = json!({"code": mine["code"]});
    old.api.post("/riders/me/referral", &code).await.refused(409, "referral_own_code");
    new.api.post("/riders/me/referral", &json!({"code": "NOBODYS"})).await.refused(422, "invalid_value");
    assert_eq!(new.api.post("/riders/me/referral", &code).await.expect(200)["own"], "waiting");
    assert_eq!(old.api.get("/riders/me/referral").await.expect(200)["invited"], 1);
    let late = Person::rider(&house).await;
    completed(&house, &late, corner).await;
    late.api.post("/riders/me/referral", &code).await.refused(409, "referral_not_new");
}

#[tokio::test]
async fn a_receipt_is_a_page_too_and_says_that_it_is_not_fiscal() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let ride = completed(&house, &rider, corner).await;
    let path = format!("/rides/{ride}/receipt?language=fr");
    let receipt = eventually("the ride to be in the books", async || {
        let answer = rider.api.get(&path).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!((&receipt["due_rwf"], &receipt["tenders"][0]["tender"]), (&json!(0), &json!("cash")), "{receipt}");
    assert_eq!(receipt["total_rwf"], receipt["lines"][0]["amount_rwf"]);
    assert_eq!(receipt["is_fiscal"], false);
    let page = rider.api.send(reqwest::Method::GET, &path, |request| request.header("accept", "text/html")).await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script"), "{policy}");
    Person::rider(&house).await.api.get(&path).await.refused(404, "not_found");
}
