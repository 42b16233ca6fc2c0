//! Over HTTP: who may enter, and what a wrong field answers.

use serde_json::{Value, json};

use super::*;
use crate::web::probe::Probe;

fn fields(answer: &Value) -> Vec<&str> {
    let faults = answer["faults"].as_array().expect("a list");
    faults.iter().map(|fault| fault["field"].as_str().expect("a name")).collect()
}

#[sqlx::test(migrations = "./migrations")]
async fn a_stranger_registers_and_signs_in(pool: PgPool) {
    let auth = auth(&pool);
    let probe = Probe::new(http::routes(), auth.clone());
    let body = json!({"phone": "0788 123 456", "first_name": "Keza", "last_name": "Uwase", "role": "customer"});
    let (status, answer) = probe.post(None, "/auth/register", &body).await;
    assert_eq!(
        (status.as_u16(), &answer["phone"], &answer["resend_after_s"]),
        (202, &json!("+250788123456"), &json!(45))
    );
    assert!(answer["code_expires_at"].as_str().is_some_and(|at| at.ends_with('Z')));
    let (status, answer) = probe.post(None, "/auth/register", &body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (429, &json!("rate_limited")));

    let code = code(&auth).await;
    let (status, answer) =
        probe.post(None, "/auth/verify", &json!({"phone": "0788123456", "code": wrong(&code)})).await;
    assert_eq!((status.as_u16(), &answer["code"]), (401, &json!("wrong_code")));
    let (status, tokens) = probe.post(None, "/auth/verify", &json!({"phone": "0788123456", "code": code})).await;
    assert_eq!((status.as_u16(), &tokens["token_type"], &tokens["expires_in_s"]), (200, &json!("Bearer"), &json!(900)));
    let user = &tokens["user"];
    let expected = json!({
        "id": user["id"], "phone": "+250788123456", "first_name": "Keza", "last_name": "Uwase", "email": null,
        "language": "rw", "role": "customer", "date_of_birth": null, "gender": null, "province": null,
        "district": null, "sector": null, "cell": null, "village": null, "national_id": null, "has_password": false, "created_at": user["created_at"],
    });
    assert_eq!(user, &expected);

    let me = Some((user["id"].as_str().expect("an id").parse().expect("a UUID"), Role::Customer));
    assert_eq!(probe.get(me, "/me").await, (axum::http::StatusCode::OK, expected));
    let (_, sessions) = probe.get(me, "/auth/sessions").await;
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1));
    let (status, next) = probe.post(None, "/auth/refresh", &json!({"refresh_token": tokens["refresh_token"]})).await;
    assert_eq!((status.as_u16(), &next["user"]["first_name"]), (200, &json!("Keza")));
    let (status, answer) = probe.post(None, "/auth/refresh", &json!({"refresh_token": tokens["refresh_token"]})).await;
    assert_eq!((status.as_u16(), &answer["code"]), (401, &json!("refresh_reused")));
}

#[sqlx::test(migrations = "./migrations")]
async fn wrong_bodies_are_answered_with_their_fields(pool: PgPool) {
    let probe = Probe::new(http::routes(), auth(&pool));
    let body =
        json!({"phone": "0751234567", "first_name": "", "last_name": "Uwase", "role": "admin", "language": "sw"});
    let (status, answer) = probe.post(None, "/auth/register", &body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (422, &json!("invalid_value")));
    assert_eq!(fields(&answer), ["phone", "first_name", "role", "language"]);
    for (path, body, expected) in [
        ("/auth/register", json!({"phone": "0788123456"}), (400, "first_name")),
        ("/auth/code", json!({"phone": 788}), (400, "phone")),
        ("/auth/code", json!({"phone": "+256788123456"}), (422, "phone")),
        ("/auth/verify", json!({"phone": "0788123456"}), (400, "code")),
        ("/auth/login", json!([]), (400, "body")),
    ] {
        let (status, answer) = probe.post(None, path, &body).await;
        assert_eq!((status.as_u16(), fields(&answer)), (expected.0, vec![expected.1]), "{path} {body}");
    }
    let secret = json!({"phone": "0788123456", "code": 123_456});
    let (_, answer) = probe.post(None, "/auth/verify", &secret).await;
    assert_eq!(answer["faults"][0]["value"], Value::Null);
}

#[sqlx::test(migrations = "./migrations")]
async fn accounts_of_officials_are_made_and_looked_up_by_admins_only(pool: PgPool) {
    let probe = Probe::new(http::routes(), auth(&pool));
    let admin = Some((UserId(Uuid::from_u128(1)), Role::Admin));
    let mut body = json!({"phone": "0788123456", "first_name": "Jean", "last_name": "Mugabo", "role": "government"});
    assert_eq!(probe.post(None, "/admin/users", &body).await.0.as_u16(), 401);
    for role in [Role::Customer, Role::Driver, Role::Government] {
        let somebody = Some((UserId(Uuid::from_u128(1)), role));
        assert_eq!(probe.post(somebody, "/admin/users", &body).await.0.as_u16(), 403, "{role:?}");
        assert_eq!(probe.get(somebody, "/admin/users?phone=0788123456").await.0.as_u16(), 403, "{role:?}");
    }
    let (status, answer) = probe.post(admin, "/admin/users", &body).await;
    assert_eq!((status.as_u16(), fields(&answer)), (422, vec!["agency"]));
    body["agency"] = "RURA".into();
    let (status, made) = probe.post(admin, "/admin/users", &body).await;
    assert_eq!((status.as_u16(), &made["role"], &made["is_verified"]), (201, &json!("government"), &json!(true)));
    let (status, answer) = probe.post(admin, "/admin/users", &body).await;
    assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("phone_taken")));
    let rider = json!({"phone": "0788123457", "first_name": "", "last_name": "Mugabo", "role": "customer"});
    let (status, answer) = probe.post(admin, "/admin/users", &rider).await;
    assert_eq!((status.as_u16(), fields(&answer)), (422, vec!["role"]));
    for phone in ["0788123456", "%2B250788123456", "+250788123456"] {
        let (_, found) = probe.get(admin, &format!("/admin/users?phone={phone}")).await;
        assert_eq!(found["items"][0]["id"], made["id"], "{phone}");
    }
    let (_, nobody) = probe.get(admin, "/admin/users?phone=0788999999").await;
    assert_eq!(nobody, json!({"items": []}));
    assert_eq!(probe.get(admin, "/admin/users?phone=x").await.0.as_u16(), 422);
    assert_eq!(probe.get(admin, "/admin/users").await.0.as_u16(), 422);
}
