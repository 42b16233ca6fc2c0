//! The second factor, forgotten passwords, new numbers, ended sessions and partners, from outside.

use boda::clock;
use serde_json::{Value, json};

use crate::house::{House, shared};
use crate::patience::eventually;
use crate::people::{ADMIN_PASSWORD, Person, code_in, fresh_phone, messages_to, text};

/// The code in the newest message to a phone whose text has these words.
async fn code_with(house: &House, phone: &str, words: &str) -> String {
    let sandbox = house.sandbox().await;
    eventually(&format!("a message with {words:?}"), async || {
        let messages = messages_to(&sandbox, phone).await;
        let texts = messages.iter().filter_map(|message| message["text"].as_str());
        texts.filter(|text| text.contains(words)).find_map(code_in)
    })
    .await
}

#[tokio::test]
async fn an_admin_enrols_before_anything_else_and_gives_both_ever_after() {
    let house = shared();
    let admin = Person::admin(&house).await;
    let login = json!({"phone": admin.phone, "password": ADMIN_PASSWORD});
    let first = house.api().post("/auth/login", &login).await.expect(200);
    assert_eq!(first["second_factor"], "due");
    let half = house.api().with_token(text(&first["access_token"]));
    half.get("/city").await.refused(403, "second_factor_required");
    half.get("/me").await.refused(403, "second_factor_required");
    half.put("/me/password", &json!({"new_password": "umujura yinjiye"})).await.refused(403, "second_factor_required");
    half.post("/me/second-factor", &json!({})).await.refused(403, "second_factor_required");
    half.post("/auth/second-factor", &json!({"code": "000000"})).await.refused(403, "wrong_second_factor");
    half.post_empty("/auth/logout").await.expect(204);
    half.get("/me/second-factor").await.refused(401, "unauthenticated");

    let fresh = fresh_phone();
    let body = json!({
        "phone": fresh, "first_name": "Ada", "last_name": "Uwase", "role": "admin", "password": ADMIN_PASSWORD,
    });
    admin.api.post("/admin/users", &body).await.expect(201);
    let bare = Person::with_password(&house, &fresh, ADMIN_PASSWORD).await;
    bare.api.get("/city").await.refused(403, "second_factor_enrolment_required");
    assert_eq!(bare.api.get("/me/second-factor").await.expect(200)["is_mandatory"], true);
    let (colleague, authenticator) = bare.enrol(&house).await;
    colleague.api.get("/city").await.expect(200);
    bare.api.get("/city").await.refused(403, "second_factor_enrolment_required");
    let code = json!({"code": authenticator.code(clock::now()).expose()});
    bare.api.post("/auth/second-factor", &code).await.refused(403, "wrong_second_factor");
    colleague.api.post("/me/second-factor/remove", &code).await.refused(409, "second_factor_mandatory");
}

#[tokio::test]
async fn a_rider_may_have_one_and_signs_in_with_a_recovery_code() {
    let house = shared();
    let rider = Person::rider(&house).await;
    rider.api.put("/me/password", &json!({"new_password": "amata n'ubuki"})).await.expect(204);
    let secret = rider.api.post("/me/second-factor", &json!({})).await.expect(200);
    assert!(text(&secret["uri"]).starts_with("otpauth://totp/boda:"));
    rider.api.post("/me/second-factor/confirm", &json!({"code": "000000"})).await.refused(403, "wrong_second_factor");
    let (_, _) = rider.enrol(&house).await;
    let codes =
        async |person: &Person| person.api.get("/me/second-factor").await.expect(200)["recovery_codes_left"].clone();
    let login = json!({"phone": rider.phone, "password": "amata n'ubuki"});
    let first = house.api().post("/auth/login", &login).await.expect(200);
    let half = Person::signed_in(&house, &first);
    assert_eq!(codes(&half).await, 10);
    half.api.get("/rides/active").await.refused(403, "second_factor_required");
}

#[tokio::test]
async fn an_operator_takes_a_lost_second_factor_away() {
    let house = shared();
    let admin = Person::admin(&house).await;
    let reset = ["user", "second-factor", "reset", "--phone", &admin.phone, "--reason", "lost telephone"];
    let mut command = house.command(&reset);
    let output = command.arg("--data-dir").arg(house.data_dir()).output().expect("boda can be started");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // Another process did it, and without Redis: this one reads it in the store.
    eventually("the admin to be signed out", async || (admin.api.get("/city").await.status == 401).then_some(())).await;
    let bare = Person::with_password(&house, &admin.phone, ADMIN_PASSWORD).await;
    bare.api.get("/city").await.refused(403, "second_factor_enrolment_required");
    bare.enrol(&house).await.0.api.get("/city").await.expect(200);
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_sms_and_all_devices_are_signed_out() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let ask = async |phone: &str| house.api().post("/auth/password/reset", &json!({"phone": phone})).await;
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let known = ask(&rider.phone).await.expect(202);
    let stranger = ask(&fresh_phone()).await.expect(202);
    assert_eq!(keys(&known), keys(&stranger));
    ask(&rider.phone).await.refused(429, "rate_limited");
    let code = code_with(&house, &rider.phone, "ijambobanga").await;
    let body = json!({"phone": rider.phone, "code": code, "new_password": "ikivuguto cyiza"});
    house.api().post("/auth/password/reset/confirm", &body).await.expect(204);
    rider.api.get("/me").await.refused(401, "unauthenticated");
    house.api().post("/auth/password/reset/confirm", &body).await.refused(401, "wrong_code");
    Person::with_password(&house, &rider.phone, "ikivuguto cyiza").await;
}

#[tokio::test]
async fn a_number_changes_with_codes_to_both_and_the_old_one_is_told() {
    let house = shared();
    let rider = Person::rider(&house).await;
    let new = fresh_phone();
    rider.api.post("/me/phone", &json!({"phone": new})).await.expect(202);
    let old_code = code_with(&house, &rider.phone, "guhindura nimero").await;
    let new_code = code_with(&house, &new, "guhindura nimero").await;
    let swapped = json!({"phone": new, "old_code": new_code, "new_code": old_code});
    rider.api.post("/me/phone/confirm", &swapped).await.refused(403, "wrong_code");
    let body = json!({"phone": new, "old_code": old_code, "new_code": new_code});
    assert_eq!(rider.api.post("/me/phone/confirm", &body).await.expect(200)["phone"], new);
    let sandbox = house.sandbox().await;
    eventually("the old number to be told", async || {
        let messages = messages_to(&sandbox, &rider.phone).await;
        messages
            .iter()
            .any(|message| message["text"].as_str().is_some_and(|text| text.contains("indi nimero")))
            .then_some(())
    })
    .await;
    assert_eq!(rider.api.get("/me").await.expect(200)["phone"], new);

    let lost = fresh_phone();
    let body = json!({"phone": lost, "reason": "lost telephone, card seen"});
    let path = format!("/admin/users/{}/phone", rider.id);
    assert_eq!(house.admin().await.api.put(&path, &body).await.expect(200)["phone"], lost);
    rider.api.get("/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn signed_out_devices_are_out_at_once_and_so_are_their_sockets() {
    let house = shared();
    let (rider, mut app) = Person::rider_app(&house).await;
    rider.api.put("/me/password", &json!({"new_password": "amata n'ubuki"})).await.expect(204);
    let tablet = Person::with_password(&house, &rider.phone, "amata n'ubuki").await;
    let ended = tablet.api.post_empty("/auth/sessions/end-others").await.expect(200);
    assert_eq!(ended["sessions_ended"], 1);
    rider.api.get("/me").await.refused(401, "unauthenticated");
    assert_eq!(app.closed().await, 4501);
    tablet.api.get("/me").await.expect(200);
    tablet.api.post_empty("/auth/logout").await.expect(204);
    tablet.api.get("/me").await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_partner_sees_what_its_scopes_say_and_nothing_of_people() {
    let house = shared();
    let admin = house.admin().await;
    let made = admin.api.post("/admin/partners", &json!({"name": "City of Kigali", "scopes": ["places:read"]})).await;
    let made = made.expect(201);
    let ask = json!({"partner_id": made["id"], "secret": made["secret"]});
    let token = house.api().post("/auth/partner/token", &ask).await.expect(200);
    assert_eq!((&token["scope"], &token["expires_in_s"]), (&json!("places:read"), &json!(900)));
    let partner = house.api().with_token(text(&token["access_token"]));
    partner.get("/places?q=nyabugogo").await.expect(200);
    partner.get("/heatmap").await.refused(403, "scope_missing");
    partner.get("/admin/analytics/rides").await.refused(403, "scope_missing");
    for path in ["/me", "/rides", "/admin/users?phone=0788123456", "/government/reports/rides", "/auth/sessions"] {
        partner.get(path).await.refused(403, "forbidden");
    }
    let wrong = json!({"partner_id": made["id"], "secret": "0123456789abcdef"});
    house.api().post("/auth/partner/token", &wrong).await.refused(401, "wrong_credentials");
    let listed = admin.api.get("/admin/partners").await.expect(200);
    let mine =
        listed["items"].as_array().expect("a list").iter().find(|item| item["id"] == made["id"]).expect("listed");
    assert!(mine["last_used_at"].is_string() && mine.get("secret").is_none(), "{mine}");
    let revoke = format!("/admin/partners/{}/revoke", text(&made["id"]));
    admin.api.post(&revoke, &json!({"reason": "the contract ended"})).await.expect(204);
    partner.get("/places?q=nyabugogo").await.refused(401, "unauthenticated");
    house.api().post("/auth/partner/token", &ask).await.refused(401, "wrong_credentials");

    let reports = json!({"name": "Statistics", "scopes": ["reports:read"], "expires_in_days": 30});
    let made = admin.api.post("/admin/partners", &reports).await.expect(201);
    let ask = json!({"partner_id": made["id"], "secret": made["secret"]});
    let token = house.api().post("/auth/partner/token", &ask).await.expect(200);
    house.api().with_token(text(&token["access_token"])).get("/admin/analytics/rides").await.expect(200);
}

#[tokio::test]
async fn a_new_key_takes_over_without_a_restart_and_nobody_is_signed_out() {
    let house = House::start(&[
        ("auth.keys_read_s", "1"),
        ("auth.key_announced_s", "0"),
        ("auth.refreshes_per_minute_max", "1000"),
    ]);
    let rider = Person::rider(&house).await;
    let keys = house.api().get("/auth/keys").await.expect(200);
    let well_known = crate::api::Api::outside(house.url()).get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(keys, well_known);
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("OKP"), &json!("EdDSA")));
    let folder = house.data_dir().join("keys");
    let first = text(&keys["keys"][0]["kid"]).to_owned();
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("random");
    let beside = folder.join(".new");
    std::fs::write(&beside, document.as_ref()).expect("written");
    std::fs::set_permissions(&beside, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("made private");
    std::fs::rename(&beside, folder.join("token-99991231.pk8")).expect("moved");
    let signs = |token: &str| {
        let head = token.split('.').next().expect("a head");
        jsonwebtoken::decode_header(format!("{head}.e30.e30")).expect("a head").kid.expect("a key id")
    };
    assert_eq!(signs(rider.api.token()), first);
    let mut refresh = rider.refresh_token.clone();
    let renewed = eventually("the new key to sign", async || {
        let tokens = house.api().post("/auth/refresh", &json!({"refresh_token": refresh})).await;
        if tokens.status == 429 {
            return None;
        }
        let tokens = tokens.expect(200);
        refresh = text(&tokens["refresh_token"]).to_owned();
        (signs(text(&tokens["access_token"])) == "token-99991231").then_some(tokens)
    })
    .await;
    house.api().with_token(text(&renewed["access_token"])).get("/me").await.expect(200);
    rider.api.get("/me").await.expect(200);
    assert_eq!(house.api().get("/auth/keys").await.expect(200)["keys"].as_array().map(Vec::len), Some(2));
    // A key that is taken away verifies nothing any more.
    std::fs::remove_file(folder.join(format!("{first}.pk8"))).expect("removed");
    eventually("the old key to be gone", async || (rider.api.get("/me").await.status == 401).then_some(())).await;
    house.api().with_token(text(&renewed["access_token"])).get("/me").await.expect(200);
}
