//! The card gateway's wire, by HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use super::API_KEY;
use crate::sandbox::hand::{Hand, json_of, text_of};

async fn post(hand: &Hand, path: &str, body: Value) -> (u16, Value) {
    let key = body["reference"].as_str().expect("text").to_owned();
    let call = hand.card(Method::POST, path).bearer_auth(API_KEY).header("Idempotency-Key", key).json(&body);
    let (status, text) = text_of(call.send().await.expect("answered")).await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

async fn open(hand: &Hand, reference: &str, amount: i64) -> (u16, Value) {
    let body = json!({"reference": reference, "amount": amount, "currency": "RWF", "description": "Ride"});
    post(hand, "/v1/checkout/sessions", body).await
}

async fn get(hand: &Hand, path: &str) -> Value {
    json_of(hand.card(Method::GET, path).bearer_auth(API_KEY).send().await.expect("answered"), 200).await
}

#[tokio::test]
async fn the_page_decides_and_a_reference_is_one_session() {
    let hand = Hand::new().await;
    let (status, first) = open(&hand, "a1", 1_500).await;
    assert_eq!((status, &first["status"]), (201, &json!("open")));
    let (status, again) = open(&hand, "a1", 9_900).await;
    assert_eq!((status, &again["id"], &again["url"]), (200, &first["id"], &first["url"]));
    let page = hand.http.get(first["url"].as_str().expect("text")).send().await.expect("answered");
    let (status, page) = text_of(page).await;
    assert!(status == 200 && page.contains("1500 RWF") && page.contains("/complete"), "{page}");
    let by_reference = "/v1/checkout/sessions/by-reference/a1";
    assert_eq!(get(&hand, by_reference).await["status"], "open");
    let press = || hand.http.post(format!("{}/complete", first["url"].as_str().expect("text"))).send();
    assert_eq!(press().await.expect("answered").status(), 303);
    assert_eq!(press().await.expect("answered").status(), 303);
    let paid = get(&hand, by_reference).await;
    assert_eq!((&paid["status"], &paid["amount"]), (&json!("paid"), &json!(1_500)));
    let sums = hand.look("/journal/sums").await;
    assert_eq!((&sums["debits"], &sums["debited"]), (&json!(1), &json!(1_500)));
    // The fee is kept.
    let before = get(&hand, "/v1/balance").await["available"].clone();
    assert_eq!(before, json!(1_000_000 + 1_485));
    let refund = |reference: &str, amount: i64| {
        post(&hand, "/v1/refunds", json!({"reference": reference, "session": first["id"], "amount": amount}))
    };
    assert_eq!(refund("r1", 1_000).await.1["status"], "succeeded");
    assert_eq!(refund("r1", 1_000).await.0, 200);
    assert_eq!(refund("r2", 501).await.0, 409);
    assert_eq!(get(&hand, "/v1/refunds/by-reference/r1").await["status"], "succeeded");
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn amounts_and_the_control_decide_without_the_page() {
    let hand = Hand::new().await;
    for (reference, amount, status, code) in
        [("a", 1_539, "failed", json!("card_declined")), ("b", 1_549, "failed", json!("insufficient_funds"))]
    {
        assert_eq!(open(&hand, reference, amount).await.0, 201);
        let session = get(&hand, &format!("/v1/checkout/sessions/by-reference/{reference}")).await;
        assert_eq!((&session["status"], &session["failure_code"]), (&json!(status), &code));
    }
    for (reference, how, status) in [("c", "pay", "paid"), ("d", "decline", "failed"), ("e", "expire", "expired")] {
        open(&hand, reference, 1_500).await;
        hand.arrange(&format!("/card/{reference}/{how}"), Value::Null).await;
        let session = get(&hand, &format!("/v1/checkout/sessions/by-reference/{reference}")).await;
        assert_eq!(session["status"], status, "{how}");
    }
    open(&hand, "f", 1_500).await;
    hand.advance(1_800).await;
    assert_eq!(get(&hand, "/v1/checkout/sessions/by-reference/f").await["status"], "expired");
    for (body, key, status) in [
        (json!({"reference": "g", "amount": 0, "currency": "RWF"}), "g", 400),
        (json!({"reference": "g", "amount": 5, "currency": "EUR"}), "g", 400),
        (json!({"reference": "g", "amount": 5, "currency": "RWF"}), "other", 400),
    ] {
        let call = hand.card(Method::POST, "/v1/checkout/sessions").bearer_auth(API_KEY).header("Idempotency-Key", key);
        assert_eq!(call.json(&body).send().await.expect("answered").status(), status, "{body}");
    }
    let stranger = hand.card(Method::GET, "/v1/balance").bearer_auth("guess").send().await.expect("answered");
    assert_eq!(stranger.status(), 401);
    let unknown = hand.card(Method::GET, "/v1/checkout/sessions/by-reference/z").bearer_auth(API_KEY).send().await;
    assert_eq!(unknown.expect("answered").status(), 404);
    hand.sandbox.stop().await;
}
