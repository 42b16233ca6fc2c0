//! Accounts from outside: registering, codes by SMS, passwords, sessions.

use serde_json::{Value, json};

use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{Person, code_sent_to, fresh_phone, messages_to, register, text};

/// A code that is not this one.
fn other_than(code: &str) -> &'static str {
    if code == "111111" { "222222" } else { "111111" }
}

#[tokio::test]
async fn registering_says_the_same_to_a_stranger_and_to_somebody_known() {
    let house = shared();
    let known = Person::rider(&house).await;
    let body = |phone: &str| json!({"phone": phone, "first_name": "Yves", "last_name": "Gatete", "role": "driver"});
    let stranger = fresh_phone();
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let fresh = house.api().post("/auth/register", &body(&stranger)).await.expect(202);
    assert_eq!(keys(&fresh), ["code_expires_at", "phone", "resend_after_s"]);
    // Whoever was sent a code just now waits; that too is the same for both.
    house.api().post("/auth/register", &body(&stranger)).await.refused(429, "rate_limited");
    house.api().post("/auth/register", &body(&known.phone)).await.refused(429, "rate_limited");
    let nobody = fresh_phone();
    let sent = house.api().post("/auth/code", &json!({"phone": nobody})).await.expect(202);
    assert_eq!(keys(&sent), keys(&fresh));
    house.api().post("/auth/code", &json!({"phone": nobody})).await.refused(429, "rate_limited");
    let me = known.api.get("/me").await.expect(200);
    assert_eq!((&me["first_name"], &me["role"]), (&"Aline".into(), &"customer".into()), "nothing was changed");
}

#[tokio::test]
async fn a_number_is_one_number_however_it_is_spelled() {
    let house = shared();
    let phone = fresh_phone();
    let national = format!("0{}", &phone[4..]);
    let body = json!({"phone": national, "first_name": "Yves", "last_name": "Gatete", "role": "customer"});
    assert_eq!(house.api().post("/auth/register", &body).await.expect(202)["phone"], phone);
    let code = code_sent_to(&house, &phone).await;
    let spaced = format!("250 {} {} {}", &phone[4..7], &phone[7..10], &phone[10..]);
    let tokens = house.api().post("/auth/verify", &json!({"phone": spaced, "code": code})).await.expect(200);
    assert_eq!(tokens["user"]["phone"], phone);
    assert_eq!((&tokens["token_type"], &tokens["expires_in_s"]), (&"Bearer".into(), &900.into()));
}

#[tokio::test]
async fn a_wrong_code_signs_nobody_in_and_too_many_use_the_code_up() {
    let house = House::start(&[("auth.resend_cooldown_s", "1")]);
    let phone = fresh_phone();
    let api = house.api();
    register(&api, &phone, "customer", "Yves").await;
    let code = code_sent_to(&house, &phone).await;
    let verify = async |code: &str| api.post("/auth/verify", &json!({"phone": phone, "code": code})).await;
    for _ in 0..5 {
        verify(other_than(&code)).await.refused(401, "wrong_code");
    }
    verify(&code).await.refused(401, "code_exhausted");
    // A new one is sent on request, once the old message is not brand-new.
    eventually("another code to be allowed", async || {
        let answer = api.post("/auth/code", &json!({"phone": phone})).await;
        (answer.status == 202).then_some(())
    })
    .await;
    let sandbox = house.sandbox().await;
    eventually("a second SMS", async || (messages_to(&sandbox, &phone).await.len() == 2).then_some(())).await;
    let second = code_sent_to(&house, &phone).await;
    assert_ne!(second, code);
    verify(&code).await.refused(401, "wrong_code");
    verify(&second).await.expect(200);
    verify(&second).await.refused(401, "wrong_code");
}

#[tokio::test]
async fn a_code_that_is_good_is_sent_again_as_it_is() {
    let house = House::start(&[("auth.resend_cooldown_s", "1")]);
    let phone = fresh_phone();
    register(&house.api(), &phone, "customer", "Yves").await;
    let first = code_sent_to(&house, &phone).await;
    eventually("the code to be sent again", async || {
        (house.api().post("/auth/code", &json!({"phone": phone})).await.status == 202).then_some(())
    })
    .await;
    let sandbox = house.sandbox().await;
    eventually("a second SMS", async || (messages_to(&sandbox, &phone).await.len() == 2).then_some(())).await;
    assert_eq!(code_sent_to(&house, &phone).await, first, "the older message is not a trap");
    house.api().post("/auth/verify", &json!({"phone": phone, "code": first})).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_stolen_one_ends_the_session() {
    let mut house = House::start(&[]);
    house.expect_complaint("a refresh token was used twice");
    let rider = Person::rider(&house).await;
    let refresh = async |token: &str| house.api().post("/auth/refresh", &json!({"refresh_token": token})).await;
    let second = refresh(&rider.refresh_token).await.expect(200);
    assert_eq!(second["user"]["id"], rider.id);
    let third = refresh(text(&second["refresh_token"])).await.expect(200);
    house.api().with_token(text(&third["access_token"])).get("/me").await.expect(200);
    refresh(&rider.refresh_token).await.refused(401, "refresh_reused");
    refresh(text(&third["refresh_token"])).await.refused(401, "refresh_invalid");
    refresh("0123456789abcdef").await.refused(401, "refresh_invalid");
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let house = House::start(&[("auth.resend_cooldown_s", "1")]);
    let rider = Person::rider(&house).await;
    rider.api.put("/me/password", &json!({"new_password": "amata n'ubuki"})).await.expect(204);
    let tablet = Person::with_password(&house, &rider.phone, "amata n'ubuki").await;
    let sessions = tablet.api.get("/auth/sessions").await.expect(200);
    let current: Vec<_> =
        sessions["items"].as_array().expect("a list").iter().map(|item| &item["is_current"]).collect();
    assert_eq!(current.iter().filter(|is_current| **is_current == true).count(), 1, "{sessions}");
    assert_eq!(current.len(), 2);
    rider.api.post_empty("/auth/logout").await.expect(204);
    let refresh = json!({"refresh_token": rider.refresh_token});
    house.api().post("/auth/refresh", &refresh).await.refused(401, "refresh_invalid");
    let left = tablet.api.get("/auth/sessions").await.expect(200);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(1));
    let own = format!("/auth/sessions/{}", text(&left["items"][0]["id"]));
    tablet.api.delete(&own).await.expect(204);
    let refresh = json!({"refresh_token": tablet.refresh_token});
    house.api().post("/auth/refresh", &refresh).await.refused(401, "refresh_invalid");
}

#[tokio::test]
async fn passwords_are_set_changed_and_limited() {
    let house = House::start(&[("auth.login_attempts_max", "3")]);
    let rider = Person::rider(&house).await;
    let login = async |password: &str| {
        house.api().post("/auth/login", &json!({"phone": rider.phone, "password": password})).await
    };
    login("none is set").await.refused(401, "wrong_credentials");
    let set = async |body: Value| rider.api.put("/me/password", &body).await;
    set(json!({"new_password": "amata n'ubuki"})).await.expect(204);
    assert_eq!(rider.api.get("/me").await.expect(200)["has_password"], true);
    set(json!({"new_password": "ikivuguto cyiza"})).await.refused(403, "wrong_credentials");
    let both = json!({"current_password": "amata n'ubuki", "new_password": "ikivuguto cyiza"});
    set(both).await.expect(204);
    login("amata n'ubuki").await.refused(401, "wrong_credentials");
    login("ikivuguto cyiza").await.expect(200);
    for _ in 0..3 {
        login("guess").await.refused(401, "wrong_credentials");
    }
    login("ikivuguto cyiza").await.refused(429, "rate_limited");
    let nobody = json!({"phone": fresh_phone(), "password": "ikivuguto cyiza"});
    house.api().post("/auth/login", &nobody).await.refused(401, "wrong_credentials");
}

#[tokio::test]
async fn a_profile_changes_where_it_is_told_to() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let before = rider.api.get("/me").await.expect(200);
    let change =
        json!({"language": "fr", "email": "aline@example.rw", "date_of_birth": "1994-07-01", "district": "Gasabo"});
    let after = rider.api.patch("/me", &change).await.expect(200);
    for key in ["language", "email", "date_of_birth", "district"] {
        assert_eq!(after[key], change[key]);
    }
    for key in ["id", "phone", "first_name", "last_name", "role", "created_at"] {
        assert_eq!(after[key], before[key]);
    }
    assert_eq!(rider.api.patch("/me", &json!({"email": ""})).await.expect(200)["email"], Value::Null);
    let answer = rider.api.patch("/me", &json!({"language": "sw", "first_name": "", "email": "aline"})).await;
    answer.refused(422, "invalid_value");
    for field in ["language", "first_name", "email"] {
        assert!(answer.blames(field), "{answer}");
    }
    rider.api.patch("/me", &json!({"role": "admin"})).await.refused(400, "malformed_body");
    assert_eq!(rider.api.get("/me").await.expect(200)["language"], "fr");
}

#[tokio::test]
async fn only_admins_make_officials() {
    let house = shared();
    let body = json!({"phone": fresh_phone(), "first_name": "A", "last_name": "B", "role": "admin"});
    let answer = house.api().post("/auth/register", &body).await;
    answer.refused(422, "invalid_value");
    assert!(answer.blames("role"), "{answer}");
    let official = Person::official(&house).await;
    assert_eq!(official.api.get("/me").await.expect(200)["role"], "government");
    let taken = json!({"phone": official.phone, "first_name": "A", "last_name": "B", "role": "admin"});
    house.admin().await.api.post("/admin/users", &taken).await.refused(409, "phone_taken");
    let path = format!("/admin/users?phone={}", official.phone.replace('+', "%2B"));
    let found = house.admin().await.api.get(&path).await.expect(200);
    assert_eq!(found["items"][0]["id"], official.id);
}
