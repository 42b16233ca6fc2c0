//! Each rule of MTN's wire, by HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sandbox::hand::{Hand, MtnUser, fresh, json_of, key_of, text_of};
use crate::sandbox::mtn::{API_KEY, API_USER, COLLECTION_KEY, DISBURSEMENT_KEY};

const PAY: &str = "/collection/v1_0/requesttopay";

fn pay(currency: &str, number: &str) -> Value {
    json!({
        "amount": "1500", "currency": currency, "externalId": "att-1",
        "payer": {"partyIdType": "MSISDN", "partyId": number},
        "payerMessage": "Trip 8842", "payeeNote": "trip 8842",
    })
}

fn transfer(currency: &str, number: &str) -> Value {
    json!({
        "amount": "700", "currency": currency, "externalId": "pay-1",
        "payee": {"partyIdType": "MSISDN", "partyId": number}, "payerMessage": "", "payeeNote": "",
    })
}

/// As a customer of the sandbox begins.
async fn provision(hand: &Hand, host: &str) -> MtnUser {
    let user = fresh();
    let key = ("Ocp-Apim-Subscription-Key", COLLECTION_KEY);
    let made = hand.mtn(Method::POST, "/v1_0/apiuser").header(key.0, key.1).header("X-Reference-Id", &user);
    let made = made.json(&json!({"providerCallbackHost": host})).send().await.expect("answered");
    assert_eq!(text_of(made).await, (201, String::new()));
    let path = format!("/v1_0/apiuser/{user}");
    let known = hand.mtn(Method::GET, &path).header(key.0, key.1).send().await.expect("answered");
    assert_eq!(json_of(known, 200).await, json!({"providerCallbackHost": host, "targetEnvironment": "sandbox"}));
    let made = hand.mtn(Method::POST, &format!("{path}/apikey")).header(key.0, key.1).header("Content-Length", "0");
    let made = json_of(made.send().await.expect("answered"), 201).await;
    let key = made["apiKey"].as_str().expect("a key").to_owned();
    assert_eq!(key.len(), 32);
    MtnUser { user, key, target: "sandbox", currency: "EUR" }
}

/// Sends an order; its reference, and what it was answered.
async fn order(hand: &Hand, user: &MtnUser, token: &str, path: &str, body: &Value) -> (String, u16, String) {
    let reference = fresh();
    let call = hand.mtn_call(user, token, Method::POST, path).header("X-Reference-Id", &reference).json(body);
    let (status, text) = text_of(call.send().await.expect("answered")).await;
    (reference, status, text)
}

async fn standing(hand: &Hand, user: &MtnUser, token: &str, path: &str, reference: &str) -> Value {
    let call = hand.mtn_call(user, token, Method::GET, &format!("{path}/{reference}"));
    json_of(call.send().await.expect("answered"), 200).await
}

/// As a public client goes, in the sandbox in euros and in Rwanda in francs.
#[tokio::test]
async fn a_typical_client_is_served_from_its_first_call_to_the_balance() {
    let hand = Hand::new().await;
    for user in [provision(&hand, "webhook.site").await, MtnUser::rwanda()] {
        let token = hand.mtn_token(&user, "collection").await;
        let balance = async |path: &str| {
            let call = hand.mtn_call(&user, &token, Method::GET, path);
            json_of(call.send().await.expect("answered"), 200).await
        };
        let before = balance("/collection/v1_0/account/balance").await;
        assert_eq!(before["currency"], user.currency);
        let (reference, status, text) = order(&hand, &user, &token, PAY, &pay(user.currency, "250788000001")).await;
        assert_eq!((status, text.as_str()), (202, ""));
        let paid = standing(&hand, &user, &token, PAY, &reference).await;
        assert!(paid["financialTransactionId"].as_str().is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_digit())));
        let mut expected = pay(user.currency, "250788000001");
        expected["status"] = json!("SUCCESSFUL");
        expected["financialTransactionId"] = paid["financialTransactionId"].clone();
        assert_eq!(paid, expected);
        // In Rwanda the provider keeps one per cent.
        let gain = if user.currency == "EUR" { 1_500 } else { 1_485 };
        let amount =
            |balance: &Value| balance["availableBalance"].as_str().expect("text").parse::<i64>().expect("whole");
        let after = balance(&format!("/collection/v1_0/account/balance/{}", user.currency)).await;
        assert_eq!(amount(&after) - amount(&before), gain);
        let told = json!({"notificationMessage": "Murakoze"});
        let told =
            hand.mtn_call(&user, &token, Method::POST, &format!("{PAY}/{reference}/deliverynotification")).json(&told);
        assert_eq!(text_of(told.send().await.expect("answered")).await, (200, String::new()));
        for path in [
            "/collection/v1_0/accountholder/msisdn/250788000001/active",
            "/collection/v1_0/accountholder/MSISDN/250788000001/active",
        ] {
            assert_eq!(balance(path).await, json!({"result": true}));
        }
        let token = hand.mtn_token(&user, "disbursement").await;
        for path in ["/disbursement/v1_0/transfer", "/disbursement/v2_0/deposit"] {
            let (sent, status, _) = order(&hand, &user, &token, path, &transfer(user.currency, "250788000002")).await;
            assert_eq!(status, 202, "{path}");
            assert_eq!(standing(&hand, &user, &token, path, &sent).await["status"], "SUCCESSFUL");
        }
        let back = json!({"amount": "500", "currency": user.currency, "externalId": "r", "payerMessage": "", "payeeNote": "", "referenceIdToRefund": reference});
        let (back, status, _) = order(&hand, &user, &token, "/disbursement/v2_0/refund", &back).await;
        assert_eq!(status, 202);
        assert_eq!(standing(&hand, &user, &token, "/disbursement/v1_0/refund", &back).await["status"], "SUCCESSFUL");
        let token = hand.mtn_token(&user, "remittance").await;
        for path in ["/remittance/v1_0/transfer", "/remittance/v2_0/cashtransfer"] {
            let (sent, status, _) = order(&hand, &user, &token, path, &transfer(user.currency, "250788000002")).await;
            assert_eq!(status, 202, "{path}");
            assert_eq!(standing(&hand, &user, &token, path, &sent).await["status"], "SUCCESSFUL");
        }
    }
    let journal = hand.look("/journal?msisdn=0788000001").await;
    let deltas: Vec<_> =
        journal["items"].as_array().expect("a list").iter().map(|entry| entry["delta"].clone()).collect();
    assert_eq!(deltas, [json!(-1_500), json!(500), json!(-1_500), json!(500)]);
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn the_token_has_its_traps() {
    let hand = Hand::new().await;
    let post = |user: &str, key: &str, subscription: &str| {
        hand.mtn(Method::POST, "/collection/token/")
            .basic_auth(user, Some(key))
            .header("Ocp-Apim-Subscription-Key", subscription)
    };
    let own = || post(API_USER, API_KEY, COLLECTION_KEY);
    // No length: as this very client does by itself.
    let unmeasured = own().send().await.expect("answered");
    assert!(unmeasured.headers()["content-type"].to_str().expect("ASCII").starts_with("text/html"));
    assert_eq!(text_of(unmeasured).await.0, 411);
    let form = own().form(&[("grant_type", "client_credentials")]).send().await.expect("answered");
    assert!(form.headers()["content-type"].to_str().expect("ASCII").starts_with("text/html"));
    assert_eq!(text_of(form).await.0, 200);
    let json = own().json(&json!({"grant_type": "client_credentials"})).send().await.expect("answered");
    let json = json_of(json, 200).await;
    assert_eq!((&json["token_type"], &json["expires_in"]), (&json!("access_token"), &json!(3_600)));
    for (user, key, subscription, error) in [
        (API_USER, "wrong", COLLECTION_KEY, json!({"error": "login_failed"})),
        ("nobody", API_KEY, COLLECTION_KEY, json!({"error": "login_failed"})),
    ] {
        let answer = post(user, key, subscription).header("Content-Length", "0").send().await.expect("answered");
        assert_eq!(json_of(answer, 401).await, error);
    }
    for subscription in ["unknown", DISBURSEMENT_KEY] {
        let answer =
            post(API_USER, API_KEY, subscription).header("Content-Length", "0").send().await.expect("answered");
        let answer = json_of(answer, 401).await;
        assert!(answer["message"].as_str().expect("text").contains("invalid subscription key"), "{answer}");
    }
    let bare =
        hand.mtn(Method::POST, "/collection/token/").basic_auth(API_USER, Some(API_KEY)).header("Content-Length", "0");
    let bare = json_of(bare.send().await.expect("answered"), 401).await;
    assert!(bare["message"].as_str().expect("text").contains("missing subscription key"), "{bare}");
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn a_token_is_of_one_product_and_not_for_ever() {
    let hand = Hand::new().await;
    let user = MtnUser::rwanda();
    let token = hand.mtn_token(&user, "collection").await;
    let status = async |token: &str, path: &str| {
        text_of(hand.mtn_call(&user, token, Method::GET, path).send().await.expect("answered")).await
    };
    assert_eq!(status(&token, "/collection/v1_0/account/balance").await.0, 200);
    assert_eq!(status(&token, "/disbursement/v1_0/account/balance").await, (401, String::new()));
    assert_eq!(status("made-up", "/collection/v1_0/account/balance").await, (401, String::new()));
    hand.advance(3_601).await;
    assert_eq!(status(&token, "/collection/v1_0/account/balance").await, (401, String::new()));
    let token = hand.mtn_token(&user, "collection").await;
    assert_eq!(status(&token, "/collection/v1_0/account/balance").await.0, 200);
    hand.arrange("/tokens/revoke", json!({"provider": "mtn"})).await;
    assert_eq!(status(&token, "/collection/v1_0/account/balance").await, (401, String::new()));
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn a_wrong_order_is_refused_and_consumes_no_reference() {
    let hand = Hand::new().await;
    let user = MtnUser::rwanda();
    let token = hand.mtn_token(&user, "collection").await;
    let call = || hand.mtn(Method::POST, PAY).bearer_auth(&token).header("Ocp-Apim-Subscription-Key", COLLECTION_KEY);
    let reference = fresh();
    let good = pay("RWF", "250788000001");
    let version_7 = uuid::Uuid::now_v7().to_string();
    for (target, named, status, code) in [
        (None, reference.as_str(), 400, ""),
        (Some("sandbox"), &reference, 500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
        (Some("mtnrwanda"), "1", 400, ""),
        (Some("mtnrwanda"), &version_7, 400, ""),
        (Some("mtnrwanda"), API_USER, 400, ""),
    ] {
        let call = call().header("X-Reference-Id", named).json(&good);
        let call = target.into_iter().fold(call, |call, target| call.header("X-Target-Environment", target));
        let (is, text) = text_of(call.send().await.expect("answered")).await;
        assert!(is == status && text.contains(code) && (!code.is_empty() || text.is_empty()), "{named}: {is} {text}");
    }
    let call = || call().header("X-Target-Environment", "mtnrwanda");
    assert_eq!(text_of(call().json(&good).send().await.expect("answered")).await, (400, String::new()));
    let call = || call().header("X-Reference-Id", &reference);
    for (url, status, code) in
        [("https://example.rw/back", 500, "INVALID_CALLBACK_URL_HOST"), ("not an address", 400, ""), ("", 400, "")]
    {
        let answer = call().header("X-Callback-Url", url).json(&good).send().await.expect("answered");
        let (is, text) = text_of(answer).await;
        assert!(is == status && text.contains(code), "{url}: {is} {text}");
    }
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let long = "x".repeat(161);
    let plus = json!({"partyIdType": "MSISDN", "partyId": "+250788000001"});
    let strange = json!({"partyIdType": "PIGEON", "partyId": "250788000001"});
    for (body, status, code) in [
        (with("amount", json!(1500)), 400, "VALIDATION_ERROR"),
        (with("amount", json!("0")), 400, "VALIDATION_ERROR"),
        (with("amount", json!("-5")), 400, "VALIDATION_ERROR"),
        (with("amount", json!("10.5")), 400, "VALIDATION_ERROR"),
        (with("amount", json!("99999999999999999999")), 400, "VALIDATION_ERROR"),
        (with("payerMessage", json!(long)), 400, "VALIDATION_ERROR"),
        (with("payeeNote", json!(long)), 400, "VALIDATION_ERROR"),
        (with("payer", plus), 400, "VALIDATION_ERROR"),
        (with("payer", strange), 400, "VALIDATION_ERROR"),
        (with("payer", Value::Null), 400, "VALIDATION_ERROR"),
        (with("currency", json!("EUR")), 500, "INVALID_CURRENCY"),
        (json!("text"), 400, ""),
    ] {
        let (is, text) = text_of(call().json(&body).send().await.expect("answered")).await;
        assert!(is == status && text.contains(code), "{body}: {is} {text}");
    }
    let call = || call().header("X-Callback-Url", "http://127.0.0.1:1/back");
    assert_eq!(text_of(call().json(&good).send().await.expect("answered")).await.0, 202);
    let again = json_of(call().json(&with("amount", json!("9"))).send().await.expect("answered"), 409).await;
    assert_eq!(again["code"], "RESOURCE_ALREADY_EXIST");
    assert_eq!(standing(&hand, &user, &token, PAY, &reference).await["amount"], "1500");
    let unknown = hand.mtn_call(&user, &token, Method::GET, &format!("{PAY}/{}", fresh()));
    let unknown = json_of(unknown.send().await.expect("answered"), 404).await;
    assert_eq!(unknown, json!({"code": "RESOURCE_NOT_FOUND", "message": "Requested resource was not found."}));
    let requests = hand.look("/requests?op=requesttopay&limit=1").await;
    let headers = requests["items"][0]["headers"].to_string();
    assert!(headers.contains("Bearer [redacted]") && !headers.contains(&token) && !headers.contains(COLLECTION_KEY));
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn provisioning_is_checked() {
    let hand = Hand::new().await;
    let post = |reference: &str, body: Value| {
        let call = hand.mtn(Method::POST, "/v1_0/apiuser").header("Ocp-Apim-Subscription-Key", DISBURSEMENT_KEY);
        call.header("X-Reference-Id", reference).json(&body).send()
    };
    let (id, host) = (fresh(), json!({"providerCallbackHost": "localhost"}));
    assert_eq!(post("7", host.clone()).await.expect("answered").status(), 400);
    assert_eq!(post(&id, json!({})).await.expect("answered").status(), 400);
    assert_eq!(post(&id, host.clone()).await.expect("answered").status(), 201);
    assert_eq!(post(&id, host).await.expect("answered").status(), 409);
    let bare = hand.mtn(Method::GET, &format!("/v1_0/apiuser/{id}")).send().await.expect("answered");
    assert_eq!(bare.status(), 401);
    for path in [format!("/v1_0/apiuser/{}/apikey", fresh()), format!("/v1_0/apiuser/{API_USER}/apikey")] {
        let call = hand.mtn(Method::POST, &path).header("Ocp-Apim-Subscription-Key", COLLECTION_KEY);
        assert_eq!(call.send().await.expect("answered").status(), 404, "{path}");
    }
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn the_numbers_of_the_sandbox_in_euros_end_as_documented() {
    let hand = Hand::new().await;
    let user = provision(&hand, "localhost").await;
    let token = hand.mtn_token(&user, "collection").await;
    let ended = async |number: u64| {
        let (reference, status, _) = order(&hand, &user, &token, PAY, &pay("EUR", &number.to_string())).await;
        assert_eq!(status, 202);
        let body = standing(&hand, &user, &token, PAY, &reference).await;
        (body["status"].as_str().expect("text").to_owned(), body["reason"].as_str().unwrap_or_default().to_owned())
    };
    for (number, status, reason) in [
        (450, "FAILED", "INTERNAL_PROCESSING_ERROR"),
        (451, "FAILED", "APPROVAL_REJECTED"),
        (452, "FAILED", "EXPIRED"),
        (453, "PENDING", ""),
        (454, "CREATED", ""),
        (455, "FAILED", "PAYER_NOT_FOUND"),
        (463, "FAILED", "COULD_NOT_PERFORM_TRANSACTION"),
        (464, "SUCCESSFUL", ""),
    ] {
        assert_eq!(ended(46_733_123_000 + number).await, (status.to_owned(), reason.to_owned()), "{number}");
        // Status reads are counted by the second here.
        hand.advance(1).await;
    }
    hand.advance(30).await;
    let delayed = hand.look("/transactions?msisdn=46733123454").await;
    assert_eq!(delayed["items"][0]["status"], "SUCCESSFUL");
    hand.arrange("/switches", json!({"config_errors_on_post": true, "reason_object": true})).await;
    let token = hand.mtn_token(&user, "collection").await;
    let (_, status, text) = order(&hand, &user, &token, PAY, &pay("EUR", "46733123457")).await;
    assert!(status == 500 && text.contains("NOT_ALLOWED"), "{text}");
    let (reference, ..) = order(&hand, &user, &token, PAY, &pay("EUR", "46733123451")).await;
    assert_eq!(standing(&hand, &user, &token, PAY, &reference).await["reason"]["code"], "APPROVAL_REJECTED");
    let active = async |number: u64| {
        let path = format!("/collection/v1_0/accountholder/msisdn/46733123{number}/active");
        text_of(hand.mtn_call(&user, &token, Method::GET, &path).send().await.expect("answered")).await
    };
    assert_eq!(active(450).await.0, 404);
    assert_eq!(active(451).await, (200, "{\"result\":false}".to_owned()));
    assert_eq!(
        (active(452).await.0, active(453).await.0, active(454).await.0, active(455).await.0),
        (500, 500, 500, 503)
    );
    assert_eq!(active(456).await, (200, "{\"result\":true}".to_owned()));
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn every_scenario_number_of_rwanda_ends_as_documented() {
    let hand = Hand::new().await;
    let user = MtnUser::rwanda();
    for (tail, answered, seconds, status, reason) in [
        ("001", 202, 0, "SUCCESSFUL", ""),
        ("039", 202, 0, "FAILED", "APPROVAL_REJECTED"),
        ("049", 202, 0, "FAILED", "NOT_ENOUGH_FUNDS"),
        ("029", 202, 0, "FAILED", "PAYER_NOT_FOUND"),
        ("019", 202, 0, "FAILED", "PAYER_LIMIT_REACHED"),
        ("059", 202, 0, "PENDING", ""),
        ("059", 202, 300, "FAILED", "EXPIRED"),
        ("129", 202, 2_000, "PENDING", ""),
        ("139", 500, 0, "SUCCESSFUL", ""),
        ("149", 202, 0, "", ""),
        ("149", 202, 20, "SUCCESSFUL", ""),
        ("159", 202, 1_790, "PENDING", ""),
        ("159", 202, 1_800, "SUCCESSFUL", ""),
        ("169", 202, 0, "SUCCESSFUL", ""),
    ] {
        let token = hand.mtn_token(&user, "collection").await;
        let (reference, is, _) = order(&hand, &user, &token, PAY, &pay("RWF", &format!("250788000{tail}"))).await;
        assert_eq!(is, answered, "{tail}");
        hand.advance(seconds).await;
        let token = hand.mtn_token(&user, "collection").await;
        let asked = hand.mtn_call(&user, &token, Method::GET, &format!("{PAY}/{reference}")).send().await;
        let asked = asked.expect("answered");
        if status.is_empty() {
            assert_eq!(asked.status(), 404, "{tail}");
            continue;
        }
        let body = json_of(asked, 200).await;
        assert_eq!(body["status"], status, "{tail}");
        assert_eq!(body["reason"].as_str().unwrap_or_default(), reason, "{tail}");
        assert_eq!(body["amount"], if tail == "169" { "1600" } else { "1500" }, "{tail}");
        let moved = hand.look(&format!("/journal?reference={reference}")).await;
        assert_eq!(moved["items"].as_array().map(Vec::len), Some(usize::from(status == "SUCCESSFUL")), "{tail}");
    }
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn status_reads_are_limited_by_the_second() {
    let hand = Hand::new().await;
    for (user, is_limited) in [(provision(&hand, "localhost").await, true), (MtnUser::rwanda(), false)] {
        let token = hand.mtn_token(&user, "collection").await;
        let mut refused = 0;
        for _ in 0..30 {
            let call = hand.mtn_call(&user, &token, Method::GET, &format!("{PAY}/{}", fresh()));
            let answer = call.send().await.expect("answered");
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "1");
                refused += 1;
            }
        }
        assert_eq!(refused > 0, is_limited, "{refused}");
    }
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn mandates_invoices_payments_and_consent_are_there() {
    let hand = Hand::new().await;
    let user = provision(&hand, "localhost").await;
    let token = hand.mtn_token(&user, "collection").await;
    let payer = json!({"partyIdType": "MSISDN", "partyId": "46733123499"});
    let mandate = json!({"payer": payer, "payerCurrency": "EUR", "payerMessage": "m", "validityTime": 3600});
    let path = "/collection/v2_0/preapproval";
    let (reference, status, _) = order(&hand, &user, &token, path, &mandate).await;
    assert_eq!(status, 202);
    assert_eq!(standing(&hand, &user, &token, path, &reference).await["status"], "SUCCESSFUL");
    let list = hand.mtn_call(&user, &token, Method::GET, "/collection/v1_0/preapprovals/MSISDN/46733123499");
    assert_eq!(json_of(list.send().await.expect("answered"), 200).await[0]["status"], "APPROVED");
    let gone = hand.mtn_call(&user, &token, Method::DELETE, &format!("/collection/v1_0/preapproval/{reference}"));
    assert_eq!(gone.send().await.expect("answered").status(), 200);
    let invoice = json!({
        "externalId": "i1", "amount": "20", "currency": "EUR", "validityDuration": "360",
        "intendedPayer": {"partyIdType": "MSISDN", "partyId": "46733123453"},
        "payee": {"partyIdType": "MSISDN", "partyId": "46733123499"}, "description": "d",
    });
    let path = "/collection/v2_0/invoice";
    let (reference, status, _) = order(&hand, &user, &token, path, &invoice).await;
    assert_eq!(status, 202);
    let open = standing(&hand, &user, &token, path, &reference).await;
    assert_eq!((&open["status"], &open["referenceId"]), (&json!("PENDING"), &json!(reference)));
    let gone =
        hand.mtn_call(&user, &token, Method::DELETE, &format!("{path}/{reference}")).json(&json!({"externalId": "i1"}));
    assert_eq!(gone.send().await.expect("answered").status(), 200);
    assert_eq!(standing(&hand, &user, &token, path, &reference).await["status"], "CANCELLED");
    let payment = json!({
        "externalTransactionId": "p1", "money": {"amount": "5", "currency": "EUR"}, "customerReference": "46733123499",
        "serviceProviderUserName": "x",
    });
    let path = "/collection/v2_0/payment";
    let (reference, status, _) = order(&hand, &user, &token, path, &payment).await;
    assert_eq!(status, 202);
    assert_eq!(standing(&hand, &user, &token, path, &reference).await["status"], "SUCCESSFUL");
    let (reference, status, _) =
        order(&hand, &user, &token, "/collection/v2_0/requesttowithdraw", &pay("EUR", "46733123499")).await;
    assert_eq!(status, 202);
    let path = "/collection/v1_0/requesttowithdraw";
    assert_eq!(standing(&hand, &user, &token, path, &reference).await["status"], "SUCCESSFUL");

    let form = [("login_hint", "ID:46733123499/MSISDN"), ("scope", "profile"), ("access_type", "online")];
    let asked = hand.mtn_call(&user, &token, Method::POST, "/collection/v1_0/bc-authorize").form(&form);
    let asked = json_of(asked.send().await.expect("answered"), 200).await;
    let request = asked["auth_req_id"].as_str().expect("text");
    let form = [("grant_type", "urn:openid:params:grant-type:ciba"), ("auth_req_id", request)];
    let granted = hand.mtn(Method::POST, "/collection/oauth2/token/").basic_auth(&user.user, Some(&user.key));
    let granted =
        granted.header("Ocp-Apim-Subscription-Key", COLLECTION_KEY).form(&form).send().await.expect("answered");
    let granted = json_of(granted, 200).await;
    let consent = granted["access_token"].as_str().expect("text");
    let info = hand.mtn_call(&user, consent, Method::GET, "/collection/oauth2/v1_0/userinfo").send().await;
    assert_eq!(json_of(info.expect("answered"), 200).await["given_name"], "Sand");
    let info = hand.mtn_call(&user, &token, Method::GET, "/collection/oauth2/v1_0/userinfo").send().await;
    assert_eq!(info.expect("answered").status(), 401);
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn only_a_payment_is_given_back_and_no_more_than_there_was() {
    let hand = Hand::new().await;
    let user = MtnUser::rwanda();
    let token = hand.mtn_token(&user, "collection").await;
    let (paid, ..) = order(&hand, &user, &token, PAY, &pay("RWF", "250788000001")).await;
    let token = hand.mtn_token(&user, "disbursement").await;
    let path = "/disbursement/v1_0/refund";
    let refund = async |named: &str, amount: &str| {
        let body = json!({"amount": amount, "currency": "RWF", "externalId": "r", "referenceIdToRefund": named});
        let (reference, status, _) = order(&hand, &user, &token, path, &body).await;
        assert_eq!(status, 202);
        let body = standing(&hand, &user, &token, path, &reference).await;
        (reference, body["reason"].as_str().unwrap_or("none").to_owned())
    };
    let (first, reason) = refund(&paid, "1000").await;
    assert_eq!(reason, "none");
    assert_eq!(refund(&paid, "501").await.1, "NOT_ALLOWED");
    assert_eq!(refund(&first, "100").await.1, "PAYER_NOT_FOUND");
    assert_eq!(refund(&paid, "500").await.1, "none");
    // A payout to a closed wallet, and one that the float does not cover.
    hand.arrange("/wallets", json!({"msisdn": "0788000005", "active": false})).await;
    let (sent, ..) = order(&hand, &user, &token, "/disbursement/v1_0/transfer", &transfer("RWF", "250788000005")).await;
    let sent = standing(&hand, &user, &token, "/disbursement/v1_0/transfer", &sent).await;
    assert_eq!(sent["reason"], "PAYEE_NOT_ALLOWED_TO_RECEIVE");
    let mut large = transfer("RWF", "250788000006");
    large["amount"] = json!("999999999999");
    let (sent, ..) = order(&hand, &user, &token, "/disbursement/v1_0/transfer", &large).await;
    let sent = standing(&hand, &user, &token, "/disbursement/v1_0/transfer", &sent).await;
    assert_eq!(sent["reason"], "NOT_ENOUGH_FUNDS");
    assert_eq!(key_of("remittance").len(), 32);
    hand.sandbox.stop().await;
}
