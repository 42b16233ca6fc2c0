//! The hand on the world: faults, time, callbacks, statements.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing::any;
use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::sandbox::airtel::CALLBACK_KEY;
use crate::sandbox::hand::{Hand, MtnUser, fresh, json_of, text_of};

const PAY: &str = "/collection/v1_0/requesttopay";

fn body(external: &str, number: &str) -> Value {
    json!({
        "amount": "1500", "currency": "RWF", "externalId": external,
        "payer": {"partyIdType": "MSISDN", "partyId": number}, "payerMessage": "", "payeeNote": "",
    })
}

/// What was called back.
struct Heard {
    method: Method,
    path: String,
    signature: Option<String>,
    body: String,
}

/// A customer's own server.
struct Customer {
    url: String,
    heard: mpsc::Receiver<Heard>,
    server: tokio::task::JoinHandle<()>,
}

impl Customer {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (say, heard) = mpsc::channel(100);
        let listen = any(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 10_000).await.expect("a body");
            let signature = head.headers.get("signature").map(|value| value.to_str().expect("ASCII").to_owned());
            let body = String::from_utf8(body.to_vec()).expect("text");
            let heard = Heard { method: head.method, path: head.uri.path().to_owned(), signature, body };
            let _ = say.send(heard).await;
        });
        let router = Router::new().fallback(listen);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, heard, server }
    }

    async fn hears(&mut self) -> Heard {
        tokio::time::timeout(Duration::from_secs(20), self.heard.recv()).await.expect("in time").expect("a callback")
    }
}

impl Drop for Customer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pay(hand: &Hand, token: &str, number: &str, callback: Option<&str>) -> Result<(String, u16), reqwest::Error> {
    let reference = fresh();
    let user = MtnUser::rwanda();
    let call = hand.mtn_call(&user, token, Method::POST, PAY).header("X-Reference-Id", &reference);
    let call = callback.into_iter().fold(call, |call, url| call.header("X-Callback-Url", url));
    let answer = call.json(&body(&reference, number)).send().await?;
    Ok((reference, answer.status().as_u16()))
}

async fn debits(hand: &Hand) -> u64 {
    hand.look("/journal/sums").await["debits"].as_u64().expect("a number")
}

#[tokio::test]
async fn every_fault_befalls_a_call_as_it_says() {
    let hand = Hand::new().await;
    let token = hand.mtn_token(&MtnUser::rwanda(), "collection").await;
    let mut expected = 0;
    // Kind, further fields, the status (none: no answer), whether the money moved all the same.
    for (kind, more, status, moves) in [
        ("drop_before", json!({}), None, false),
        ("drop_after_commit", json!({}), None, true),
        ("delay_ms", json!({"ms": 20}), Some(202), true),
        ("status", json!({}), Some(503), false),
        ("status", json!({"status": 500, "commits": true}), Some(500), true),
        ("status", json!({"status": 429}), Some(429), false),
        ("html_page", json!({}), Some(200), false),
        ("empty_400", json!({}), Some(400), false),
        ("truncated_json", json!({}), Some(202), true),
    ] {
        let mut fault =
            json!({"match": {"provider": "mtn", "op": "submit", "msisdn": "+250788000007"}, "kind": kind, "count": 1});
        fault.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        hand.arrange("/faults", fault).await;
        // Another number is not hit.
        assert_eq!(pay(&hand, &token, "250788000008", None).await.expect("answered").1, 202);
        let answered = pay(&hand, &token, "250788000007", None).await;
        assert_eq!(answered.ok().map(|(_, status)| status), status, "{kind}");
        expected += 1 + u64::from(moves);
        assert_eq!(debits(&hand).await, expected, "{kind}");
    }
    let (reference, _) = pay(&hand, &token, "250788000039", None).await.expect("answered");
    for (kind, is_object) in [("reason_object", true), ("reason_string", false)] {
        hand.arrange("/faults", json!({"match": {"op": "status"}, "kind": kind, "count": 1})).await;
        let call = hand.mtn_call(&MtnUser::rwanda(), &token, Method::GET, &format!("{PAY}/{reference}"));
        let body = json_of(call.send().await.expect("answered"), 200).await;
        assert_eq!(body["reason"].is_object(), is_object, "{body}");
    }
    let hits = hand.look("/faults").await;
    assert!(hits["items"].as_array().expect("a list").iter().all(|fault| fault["hits"] == 1), "{hits}");
    for bad in
        [json!({"kind": "nonsense"}), json!({"kind": "status", "probability": 2.0}), json!({"kind": "status", "x": 1})]
    {
        let url = format!("{}/_sim/faults", hand.sandbox.addresses().base);
        assert_eq!(hand.http.post(url).body(bad.to_string()).send().await.expect("answered").status(), 422, "{bad}");
    }
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn callbacks_come_once_or_as_the_fault_says() {
    let hand = Hand::new().await;
    let mut customer = Customer::new().await;
    let token = hand.mtn_token(&MtnUser::rwanda(), "collection").await;
    let url = format!("{}/back", customer.url);
    let (reference, _) = pay(&hand, &token, "250788000001", Some(&url)).await.expect("answered");
    let heard = customer.hears().await;
    let said: Value = serde_json::from_str(&heard.body).expect("JSON");
    assert_eq!((heard.method, heard.path.as_str()), (Method::PUT, "/back"));
    assert_eq!((&said["status"], &said["externalId"]), (&json!("SUCCESSFUL"), &json!(reference)));
    // Says the contrary of what happened.
    pay(&hand, &token, "250788000179", Some(&url)).await.expect("answered");
    assert!(customer.hears().await.body.contains("FAILED"));
    let before = debits(&hand).await;
    assert_eq!(before, 2);
    hand.arrange("/switches", json!({"callback_method": "POST"})).await;
    let fault = |kind: &str, more: Value| {
        let mut fault = json!({"match": {"op": "requesttopay"}, "kind": kind, "count": 1});
        fault.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        fault
    };
    hand.arrange("/faults", fault("callback_none", json!({}))).await;
    hand.arrange("/faults", fault("callback_dup", json!({"times": 3}))).await;
    hand.arrange("/faults", fault("callback_wrong_id", json!({}))).await;
    hand.arrange("/faults", fault("callback_late", json!({"ms": 60_000}))).await;
    let mut references = Vec::new();
    for _ in 0..4 {
        references.push(pay(&hand, &token, "250788000001", Some(&url)).await.expect("answered").0);
    }
    // None of the first, three of the second, one that names nobody; they are under way at once, so in any order.
    let mut repeated = 0;
    for _ in 0..4 {
        let heard = customer.hears().await;
        assert_eq!(heard.method, Method::POST);
        let named: Vec<_> = references.iter().filter(|reference| heard.body.contains(*reference)).collect();
        assert!(named.is_empty() || named == [&references[1]], "{}", heard.body);
        repeated += named.len();
    }
    assert_eq!(repeated, 3);
    hand.advance(61).await;
    assert!(customer.hears().await.body.contains(&references[3]));
    assert_eq!(debits(&hand).await, before + 4);
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn airtel_and_the_card_gateway_sign_what_they_call_back() {
    let hand = Hand::new().await;
    let mut customer = Customer::new().await;
    hand.sandbox.call_back_at(&customer.url);
    let token = hand.airtel_token().await;
    let order = json!({
        "reference": "Trip8842", "subscriber": {"country": "RW", "currency": "RWF", "msisdn": "730000001"},
        "transaction": {"amount": 1500, "country": "RW", "currency": "RWF", "id": "A1"},
    });
    hand.airtel_call(&token, Method::POST, "/merchant/v1/payments/").json(&order).send().await.expect("answered");
    let heard = customer.hears().await;
    assert_eq!((heard.method, heard.path.as_str()), (Method::POST, "/airtel"));
    let said: Value = serde_json::from_str(&heard.body).expect("JSON");
    assert_eq!(said["transaction"]["status_code"], "TS");
    let signed = heard.body.strip_prefix("{\"transaction\":").expect("first");
    let signed = &signed[..=signed.find('}').expect("an end")];
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, CALLBACK_KEY.as_bytes());
    let tag = ring::hmac::sign(&key, signed.as_bytes());
    assert_eq!(said["hash"], base64::engine::general_purpose::STANDARD.encode(tag));
    let session = json!({"reference": "c1", "amount": 1_539, "currency": "RWF"});
    let call = hand.card(Method::POST, "/v1/checkout/sessions").bearer_auth(crate::sandbox::card::API_KEY);
    call.header("Idempotency-Key", "c1").json(&session).send().await.expect("answered");
    let heard = customer.hears().await;
    let said: Value = serde_json::from_str(&heard.body).expect("JSON");
    assert_eq!(said, json!({"type": "checkout.session.failed", "reference": "c1"}));
    assert!(heard.signature.expect("signed").starts_with("t="));
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn a_statement_has_the_mistakes_that_were_wished_for() {
    let hand = Hand::new().await;
    let token = hand.mtn_token(&MtnUser::rwanda(), "collection").await;
    let mut references = Vec::new();
    for number in ["250788000001", "250788000002", "250788000003", "250788000004", "250788000039"] {
        references.push(pay(&hand, &token, number, None).await.expect("answered").0);
    }
    let lines = async || hand.look("/statement?provider=mtn").await["lines"].as_array().expect("a list").clone();
    let right = lines().await;
    let of = |line: &Value| {
        (line["our_reference"].clone(), line["amount"].clone(), line["fee"].clone(), line["status"].clone())
    };
    assert_eq!(right.iter().map(|line| line["our_reference"].clone()).collect::<Vec<_>>(), references);
    assert_eq!(of(&right[0]), (json!(references[0]), json!(1_500), json!(15), json!("SUCCESSFUL")));
    assert_eq!((&right[4]["status"], &right[4]["fee"]), (&json!("FAILED"), &json!(0)));
    for kind in ["missing_there", "amount_differs", "status_differs", "duplicate", "missing_here"] {
        hand.arrange("/statement/discrepancies", json!({"provider": "mtn", "kind": kind})).await;
    }
    let wrong = lines().await;
    assert_eq!(wrong.len(), 6);
    assert_eq!(of(&wrong[0]), (json!(references[1]), json!(1_600), json!(15), json!("SUCCESSFUL")));
    assert_eq!(wrong[1]["status"], "FAILED");
    assert_eq!(wrong[2], wrong[3]);
    assert!(wrong[5]["provider_reference"].as_str().expect("text").starts_with("MADEUP"));
    let url = format!("{}/_sim/statement?provider=mtn&format=csv", hand.sandbox.addresses().base);
    let (status, table) = text_of(hand.http.get(url).send().await.expect("answered")).await;
    assert_eq!((status, table.lines().count()), (200, 7));
    assert!(table.starts_with("provider_reference,our_reference,"), "{table}");
    hand.sim(Method::DELETE, "/statement/discrepancies", Value::Null).await;
    assert_eq!(lines().await, right);
    hand.advance(24 * 3_600).await;
    assert!(lines().await.is_empty(), "another day");
    hand.sandbox.stop().await;
}

#[tokio::test]
async fn wallets_decide_and_a_reset_forgets() {
    let hand = Hand::new().await;
    let token = hand.mtn_token(&MtnUser::rwanda(), "collection").await;
    for (arranged, reason) in [
        (json!({"msisdn": "0788000001", "balance": 1_499}), "NOT_ENOUGH_FUNDS"),
        (json!({"msisdn": "0788000001", "balance": 2_000_000, "active": false}), "SENDER_ACCOUNT_NOT_ACTIVE"),
    ] {
        hand.arrange("/wallets", arranged).await;
        let (reference, _) = pay(&hand, &token, "250788000001", None).await.expect("answered");
        let order = hand.look(&format!("/transactions?reference={reference}")).await;
        assert_eq!(order["items"][0]["reason"], reason);
    }
    hand.arrange("/wallets", json!({"msisdn": "0788000001", "active": true, "kyc": "tier1"})).await;
    let mut large = body("x", "250788000001");
    large["amount"] = json!("100001");
    let call = hand.mtn_call(&MtnUser::rwanda(), &token, Method::POST, PAY).header("X-Reference-Id", fresh());
    call.json(&large).send().await.expect("answered");
    let order = hand.look("/transactions?limit=1").await;
    assert_eq!(order["items"][0]["reason"], "PAYER_LIMIT_REACHED");
    assert_eq!(debits(&hand).await, 0);
    hand.arrange("/switches", json!({"prompt_delay_ms": 60_000})).await;
    let (reference, _) = pay(&hand, &token, "250788000002", None).await.expect("answered");
    let order = async || hand.look(&format!("/transactions?reference={reference}")).await["items"][0]["status"].clone();
    assert_eq!(order().await, "PENDING");
    hand.advance(60).await;
    assert_eq!(order().await, "SUCCESSFUL");
    assert_eq!(debits(&hand).await, 1);
    let index = hand.look("").await;
    assert_eq!(index["addresses"]["mtn"], hand.sandbox.addresses().mtn);
    hand.arrange("/reset", Value::Null).await;
    assert_eq!(debits(&hand).await, 0);
    assert!(hand.look("/transactions").await["items"].as_array().expect("a list").is_empty());
    assert_eq!(hand.look("/switches").await["prompt_delay_ms"], 0);
    let url = format!("{}/_sim/requests", hand.sandbox.addresses().mtn);
    assert_eq!(hand.http.get(url).send().await.expect("answered").status(), 404, "not on a provider's port");
    hand.sandbox.stop().await;
}
