//! Bodies about people and how they sign in.

use reqwest::Method;
use serde_json::json;

use super::endpoint::Kind::Text;
use super::endpoint::{Endpoint, long};
use crate::house::House;
use crate::people::{Person, fresh_phone};

pub async fn endpoints(house: &House) -> Vec<Endpoint> {
    let (anybody, rider, admin) = (house.api(), Person::rider(house).await, house.admin().await);
    let registration = json!({
        "phone": fresh_phone(), "first_name": "Yves", "last_name": "Gatete", "role": "customer",
        "email": "yves@example.rw", "language": "fr", "password": "amata n'ubuki",
    });
    let official = json!({
        "phone": fresh_phone(), "first_name": "A", "last_name": "B", "role": "government", "language": "rw",
        "agency": "RURA",
        "password": "amata n'ubuki",
    });
    let proof = json!({"phone": fresh_phone(), "code": "123456", "device_name": "x"});
    let login = json!({"phone": fresh_phone(), "password": "x", "device_name": "x"});
    let profile = json!({"first_name": "Aline", "email": "a@example.rw", "language": "rw", "gender": "female"});
    let passwords = json!({"current_password": "x", "new_password": "amata n'ubuki"});
    let reset = json!({"phone": fresh_phone(), "code": "123456", "new_password": "amata n'ubuki"});
    let new_phone = json!({"phone": fresh_phone(), "old_code": "123456", "new_code": "123456"});
    let partner = json!({"partner_id": "00000000-0000-4000-8000-000000000000", "secret": "x"});
    vec![
        Endpoint::strange(&anybody, "/auth/register", registration)
            .phone()
            .must(Text, &["first_name", "last_name", "role"])
            .may(Text, &["email", "language", "password"])
            .name("first_name")
            .name("last_name")
            .wrong("role", [json!("admin"), json!("king"), long()])
            .wrong("email", [json!("yves"), long()])
            .wrong("language", [json!("sw"), json!("")])
            .wrong("password", [json!("short"), long()]),
        Endpoint::strange(&anybody, "/auth/code", json!({"phone": fresh_phone()})).phone(),
        Endpoint::strange(&anybody, "/auth/verify", proof).phone().must(Text, &["code"]).may(Text, &["device_name"]),
        Endpoint::strange(&anybody, "/auth/login", login).phone().must(Text, &["password"]).may(Text, &["device_name"]),
        Endpoint::strange(&anybody, "/auth/refresh", json!({"refresh_token": "x"})).must(Text, &["refresh_token"]),
        Endpoint::post(&rider, "/me", profile)
            .by(Method::PATCH)
            .may(Text, &["first_name", "email", "language", "gender"])
            .name("first_name")
            .wrong("email", [json!("nobody"), long()])
            .wrong("language", [json!("sw")])
            .wrong("gender", [json!("moto")])
            .wrong("date_of_birth", [json!("1994-13-01"), json!("2999-01-01"), json!("1799-01-01")])
            .wrong("district", [long()]),
        Endpoint::post(&rider, "/me/password", passwords)
            .by(Method::PUT)
            .must(Text, &["new_password"])
            .may(Text, &["current_password"])
            .wrong("new_password", [json!("short"), long()]),
        Endpoint::strange(&anybody, "/auth/password/reset", json!({"phone": fresh_phone()})).phone(),
        Endpoint::strange(&anybody, "/auth/password/reset/confirm", reset)
            .phone()
            .must(Text, &["code", "new_password"])
            .wrong("new_password", [json!("short"), long()]),
        Endpoint::strange(&anybody, "/auth/partner/token", partner).must(Text, &["secret"]),
        Endpoint::post(&rider, "/auth/second-factor", json!({"code": "123456"})).must(Text, &["code"]),
        Endpoint::post(&rider, "/me/phone", json!({"phone": fresh_phone()})).phone(),
        Endpoint::post(&rider, "/me/phone/confirm", new_phone).phone().must(Text, &["old_code", "new_code"]),
        Endpoint::post(&admin, "/admin/partners", json!({"name": "x", "scopes": ["places:read"]}))
            .must(Text, &["name"])
            .name("name")
            .wrong("scopes", [json!([]), json!(["rides:write"])])
            .wrong("expires_in_days", [json!(0), json!(731)]),
        Endpoint::post(&admin, "/admin/users", official)
            .phone()
            .must(Text, &["first_name", "last_name", "role"])
            .may(Text, &["language", "password"])
            .name("first_name")
            .wrong("role", [json!("customer"), json!("king")])
            .wrong("language", [json!("sw")])
            .wrong("password", [json!("short")]),
    ]
}
