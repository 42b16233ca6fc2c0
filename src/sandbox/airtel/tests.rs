//! Each rule of Airtel's wire, by HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt as _, KeyIvInit as _};
use reqwest::Method;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use serde_json::{Value, json};

use super::{CLIENT_ID, PIN};
use crate::sandbox::hand::{Hand, json_of, text_of};

fn payment(id: &str, msisdn: &str) -> Value {
    json!({
        "reference": "Trip8842", "subscriber": {"country": "RW", "currency": "RWF", "msisdn": msisdn},
        "transaction": {"amount": 1500, "country": "RW", "currency": "RWF", "id": id},
    })
}

async fn pay(hand: &Hand, token: &str, body: &Value) -> Value {
    let call = hand.airtel_call(token, Method::POST, "/merchant/v1/payments/").json(body);
    json_of(call.send().await.expect("answered"), 200).await
}

async fn standing(hand: &Hand, token: &str, id: &str) -> Value {
    let call = hand.airtel_call(token, Method::GET, &format!("/standard/v1/payments/{id}"));
    json_of(call.send().await.expect("answered"), 200).await
}

async fn key(hand: &Hand, token: &str) -> RsaPublicKey {
    let call = hand.airtel_call(token, Method::GET, "/v1/rsa/encryption-keys").send().await.expect("answered");
    let body = json_of(call, 200).await;
    let der = STANDARD.decode(body["data"]["key"].as_str().expect("text")).expect("base64");
    RsaPublicKey::from_public_key_der(&der).expect("a key")
}

#[tokio::test]
async fn a_token_is_good_for_three_minutes_and_says_so_in_text() {
    let hand = Hand::new().await;
    let mint = |secret: &str| {
        let body = json!({"client_id": CLIENT_ID, "client_secret": secret, "grant_type": "client_credentials"});
        hand.airtel(Method::POST, "/auth/oauth2/token").json(&body).send()
    };
    let body = json_of(mint(super::CLIENT_SECRET).await.expect("answered"), 200).await;
    assert_eq!((&body["expires_in"], &body["token_type"]), (&json!("180"), &json!("bearer")));
    let refused = json_of(mint("wrong").await.expect("answered"), 400).await;
    assert_eq!(refused, json!({"error_description": "Invalid client authentication", "error": "invalid_client"}));
    let token = body["access_token"].as_str().expect("text");
    let balance = || hand.airtel_call(token, Method::GET, "/standard/v1/users/balance").send();
    assert_eq!(json_of(balance().await.expect("answered"), 200).await["data"]["currency"], "RWF");
    hand.advance(181).await;
    assert_eq!(json_of(balance().await.expect("answered"), 401).await["error"], "invalid_token");
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_mostly_answered_with_200() {
    let hand = Hand::new().await;
    let token = hand.airtel_token().await;
    let bare =
        || hand.airtel(Method::POST, "/merchant/v1/payments/").bearer_auth(&token).json(&payment("A1", "730000001"));
    let (status, text) = text_of(bare().send().await.expect("answered")).await;
    assert_eq!((status, text.contains("ROUTER110") && text.contains("status_code")), (400, true), "{text}");
    let no_currency = json_of(bare().header("X-Country", "RW").send().await.expect("answered"), 200).await;
    assert_eq!(
        (&no_currency["status"]["success"], &no_currency["status"]["result_code"]),
        (&json!(false), &json!("ESB000008"))
    );
    let with = |place: &str, value: Value| {
        let mut body = payment("A1", "730000001");
        *body.pointer_mut(place).expect("there") = value;
        body
    };
    for body in [
        with("/subscriber/msisdn", json!("250730000001")),
        with("/subscriber/msisdn", json!("0730000001")),
        with("/transaction/amount", json!("1500")),
        with("/transaction/amount", json!(0)),
        with("/transaction/amount", json!(10.5)),
        with("/transaction/id", json!("")),
        with("/transaction/currency", json!("EUR")),
        with("/reference", json!("abc")),
    ] {
        assert_eq!(pay(&hand, &token, &body).await["status"]["success"], false, "{body}");
    }
    assert_eq!(pay(&hand, &token, &payment("A1", "730000001")).await["status"]["success"], true);
    let again = pay(&hand, &token, &payment("A1", "730000001")).await;
    assert_eq!((&again["status"]["success"], &again["status"]["result_code"]), (&json!(false), &json!("ESB000041")));
    let unknown = standing(&hand, &token, "A2").await;
    assert_eq!(unknown["status"]["response_code"], "DP00800001025");
    assert_eq!(hand.look("/journal").await["items"].as_array().map(Vec::len), Some(1));
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn every_scenario_number_ends_as_documented() {
    let hand = Hand::new().await;
    for (tail, seconds, word, code) in [
        ("001", 0, "TS", "01001"),
        ("039", 0, "TF", "01008"),
        ("049", 0, "TF", "01007"),
        ("029", 0, "TF", "01010"),
        ("019", 0, "TF", "01003"),
        ("059", 0, "TIP", "01006"),
        ("059", 300, "TE", "01029"),
        ("129", 3_000, "TIP", "01006"),
        ("139", 0, "TA", "01000"),
        ("139", 30, "TS", "01001"),
        ("149", 0, "", "01025"),
        ("149", 20, "TS", "01001"),
        ("159", 1_800, "TS", "01001"),
    ] {
        let (token, id) = (hand.airtel_token().await, format!("A{tail}x{seconds}"));
        let prompted = pay(&hand, &token, &payment(&id, &format!("730000{tail}"))).await;
        assert_eq!(prompted["data"]["transaction"], json!({"id": id, "status": "SUCCESS"}), "{tail}");
        hand.advance(seconds).await;
        let body = standing(&hand, &hand.airtel_token().await, &id).await;
        assert_eq!(body["status"]["response_code"], format!("DP008000{code}"), "{tail}");
        let transaction = &body["data"]["transaction"];
        assert_eq!(transaction["status"].as_str().unwrap_or_default(), word, "{tail}");
        assert_eq!(transaction["airtel_money_id"].is_string(), word == "TS", "{tail}");
    }
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn a_payout_wants_the_pin_in_either_padding_and_v3_a_signature() {
    let hand = Hand::new().await;
    let token = hand.airtel_token().await;
    let key = key(&hand, &token).await;
    let seal = |pin: &str| STANDARD.encode(key.encrypt(&mut OsRng, Pkcs1v15Encrypt, pin.as_bytes()).expect("short"));
    let newer =
        STANDARD.encode(key.encrypt(&mut OsRng, Oaep::new::<rsa::sha2::Sha256>(), PIN.as_bytes()).expect("short"));
    let body = |id: &str, pin: &str| {
        json!({
            "payee": {"msisdn": "730000002", "currency": "RWF", "wallet_type": "NORMAL"}, "reference": "Payout1",
            "pin": pin, "transaction": {"amount": 700, "id": id, "type": "B2C"},
        })
    };
    let send = async |version: u8, body: &Value, signed: bool| {
        let text = body.to_string();
        let path = format!("/standard/v{version}/disbursements/");
        let mut call = hand.airtel_call(&token, Method::POST, &path).header("Content-Type", "application/json");
        if signed {
            let (aes_key, iv) = ([7_u8; 32], [9_u8; 16]);
            let cipher = cbc::Encryptor::<aes::Aes256>::new(&aes_key.into(), &iv.into());
            let signature = STANDARD.encode(cipher.encrypt_padded_vec::<Pkcs7>(text.as_bytes()));
            let x_key = format!("{}:{}", STANDARD.encode(aes_key), STANDARD.encode(iv));
            let x_key = STANDARD.encode(key.encrypt(&mut OsRng, Pkcs1v15Encrypt, x_key.as_bytes()).expect("short"));
            call = call.header("x-signature", signature).header("x-key", x_key);
        }
        json_of(call.body(text).send().await.expect("answered"), 200).await["status"]["response_code"].clone()
    };
    assert_eq!(send(1, &body("D1", &seal(PIN)), false).await, "DP00900001001");
    assert_eq!(send(1, &body("D1", &seal(PIN)), false).await, "DP00900001011");
    assert_eq!(send(2, &body("D2", &newer), false).await, "DP00900001001");
    assert_eq!(send(2, &body("D3", &seal("0000")), false).await, "DP00900001009");
    assert_eq!(send(2, &body("D3", "open"), false).await, "DP00900001009");
    assert_eq!(send(3, &body("D3", &newer), false).await, "DP00900001016");
    assert_eq!(send(3, &body("D3", &newer), true).await, "DP00900001001");
    hand.arrange("/switches", json!({"airtel_signing": true})).await;
    assert_eq!(send(2, &body("D4", &newer), false).await, "DP00900001016");
    assert_eq!(send(2, &body("D4", &newer), true).await, "DP00900001001");
    let seen = hand.look("/requests?op=disbursements&limit=100").await.to_string();
    assert!(!seen.contains(&newer) && seen.contains("[redacted]"));
    let call = hand.airtel_call(&token, Method::GET, "/standard/v2/disbursements/D2?transactionType=B2C");
    let body = json_of(call.send().await.expect("answered"), 200).await;
    assert_eq!(body["data"]["transaction"]["status"], "TS");
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn a_payment_is_given_back_once_and_the_summary_lists_it() {
    let hand = Hand::new().await;
    let token = hand.airtel_token().await;
    pay(&hand, &token, &payment("A1", "730000001")).await;
    let named = standing(&hand, &token, "A1").await["data"]["transaction"]["airtel_money_id"].clone();
    let refund = async || {
        let body = json!({"transaction": {"airtel_money_id": named}});
        let call = hand.airtel_call(&token, Method::POST, "/standard/v1/payments/refund").json(&body);
        json_of(call.send().await.expect("answered"), 200).await
    };
    let done = refund().await;
    assert_eq!(done["data"]["transaction"], json!({"airtel_money_id": named, "status": "SUCCESS"}));
    assert_eq!(refund().await["status"]["success"], false);
    let wallet = hand.look("/wallets?msisdn=0730000001").await;
    assert_eq!((&wallet["debits"], &wallet["credits"]), (&json!(1), &json!(1)));
    let summary = hand.airtel_call(&token, Method::GET, "/merchant/v1/transactions?limit=10&offset=0").send().await;
    let summary = json_of(summary.expect("answered"), 200).await;
    let kinds: Vec<_> =
        summary["data"]["transactions"].as_array().expect("a list").iter().map(|line| &line["service_type"]).collect();
    assert_eq!(kinds, ["MERCHPAY", "REFUND"]);
    hand.arrange("/wallets", json!({"msisdn": "0730000001", "first_name": "Keza", "active": false})).await;
    let kyc = hand.airtel_call(&token, Method::GET, "/standard/v1/users/730000001").send().await.expect("answered");
    let kyc = json_of(kyc, 200).await;
    assert_eq!((&kyc["data"]["first_name"], &kyc["data"]["is_barred"]), (&json!("Keza"), &json!(true)));
    hand.sandbox.stop().await;
}
