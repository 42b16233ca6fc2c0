//! The card gateway's bytes, and answers that are not as they should be.

use std::sync::Arc;

use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_oneof, proptest};
use ring::hmac;
use serde_json::json as value;

use super::*;
use crate::money::Francs;
use crate::payments::providers::stub::{self, Say, Stub, empty, html, json, order, query, reply, truncated};
use crate::payments::providers::{Moved, Refusal};
use crate::time::Timestamp;

const RIDER: &str = "+250788000001";
const REFERENCE: &str = "6f1ec0de-0000-4000-8000-00000000b0da";
const NOW_S: i64 = 1_764_000_000;

fn client(url: &str) -> Card {
    let config = Config {
        base_url: url.to_owned(),
        currency: "RWF".to_owned(),
        api_key: Secret::new("card-key".to_owned()),
        webhook_key: Some(Secret::new("webhook-key".to_owned())),
    };
    Card::new(config, stub::outgoing(), stub::clock())
}

fn opened(url: &str) -> String {
    value!({"id": "cs_1", "reference": REFERENCE, "url": url, "status": "open"}).to_string()
}

async fn submitted(answer: Say) -> Submitted {
    let stub = Stub::saying(vec![answer]).await;
    client(&stub.url).submit(&order(Operation::Collection, RIDER)).await
}

#[tokio::test]
async fn orders_go_out_to_the_byte() {
    let page = "https://pay.gateway.example/cs_1";
    let stub = Stub::saying(vec![json(201, &opened(page)), json(201, &opened(page))]).await;
    let mut order = order(Operation::Collection, RIDER);
    order.callback_url = Some("https://pay.example.rw/api/v1/callbacks/card".to_owned());
    let accepted = Submitted::Accepted { provider_reference: Some("cs_1".into()), page_url: Some(page.into()) };
    assert_eq!(client(&stub.url).submit(&order).await, accepted);
    assert_eq!(stub.seen()[0].golden(), include_str!("golden/session.request"));
    let refund = stub::order(Operation::Refund, RIDER);
    assert!(matches!(client(&stub.url).submit(&refund).await, Submitted::Accepted { .. }));
    assert_eq!(stub.seen()[0].golden(), include_str!("golden/refund.request"));
}

#[tokio::test]
async fn an_order_is_refused_only_where_nothing_can_have_been_created() {
    let page = "https://pay.gateway.example/cs_1";
    for (answer, expected) in [
        (json(200, &opened(page)), "accepted"),
        (json(201, &opened("http://pay.gateway.example/cs_1")), "unknown"),
        (json(201, &opened(page).replace("6f1ec0de", "00000000")), "unknown"),
        (json(201, "{}"), "unknown"),
        (json(201, "{"), "unknown"),
        (html(200), "unknown"),
        (html(503), "unknown"),
        (empty(404), "unknown"),
        (empty(302), "unknown"),
        (truncated("{"), "unknown"),
        (Say::Nothing, "unknown"),
        (empty(409), "exists"),
        (json(400, "{}"), "refused"),
        (empty(401), "refused"),
        (empty(422), "refused"),
        (empty(429), "not_sent"),
    ] {
        let text = format!("{answer:?}");
        let got = match submitted(answer).await {
            Submitted::Accepted { .. } => "accepted",
            Submitted::AlreadyExists => "exists",
            Submitted::Refused(_) => "refused",
            Submitted::NotSent { .. } => "not_sent",
            Submitted::Unknown { .. } => "unknown",
        };
        assert_eq!(got, expected, "{text}");
    }
    let stub = Stub::saying(vec![]).await;
    let payout = client(&stub.url).submit(&order(Operation::Payout, RIDER)).await;
    assert!(matches!(payout, Submitted::Refused(_)) && stub.seen().is_empty());
}

#[tokio::test]
async fn a_page_is_asked_about_by_our_reference() {
    let told = |status: &str, code: Option<&str>| {
        json(
            200,
            &value!({"id": "cs_1", "reference": REFERENCE, "amount": 1500, "currency": "RWF", "status": status,
            "failure_code": code})
            .to_string(),
        )
    };
    let moved = Moved {
        amount: Some(Ok(Francs(1_500))),
        is_our_currency: Some(true),
        is_our_reference: Some(true),
        provider_reference: Some("cs_1".to_owned()),
    };
    let failed = |reason, code: &str| Standing::Failed(Refusal { reason, code: code.to_owned() });
    for (answer, expected) in [
        (told("open", None), Standing::Pending),
        (told("something", None), Standing::Pending),
        (told("paid", None), Standing::Succeeded(moved)),
        (told("failed", Some("insufficient_funds")), failed(Reason::InsufficientFunds, "insufficient_funds")),
        (told("failed", Some("card_declined")), failed(Reason::PayerDeclined, "card_declined")),
        (told("failed", Some("4111111111111111")), failed(Reason::Other, "unlisted")),
        (told("failed", None), failed(Reason::Other, "failed")),
        (told("expired", None), failed(Reason::PayerTimeout, "expired")),
        (json(404, "{}"), Standing::NotFound),
    ] {
        let stub = Stub::saying(vec![answer]).await;
        assert_eq!(client(&stub.url).standing(&query(Operation::Collection, &stub.url)).await, expected);
        assert_eq!(stub.seen()[0].path(), format!("/v1/checkout/sessions/by-reference/{REFERENCE}"));
    }
    let stub = Stub::saying(vec![told("succeeded", None), json(200, r#"{"available":900,"currency":"RWF"}"#)]).await;
    let standing = client(&stub.url).standing(&query(Operation::Refund, &stub.url)).await;
    assert!(matches!(standing, Standing::Succeeded(_)));
    let balances = client(&stub.url).balances().await.unwrap();
    assert_eq!(balances[0].available, Francs(900));
    assert_eq!(stub.seen()[0].path(), format!("/v1/refunds/by-reference/{REFERENCE}"));
}

fn tag(time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"webhook-key");
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn an_event_is_believed_only_when_it_is_signed_and_young() {
    let body = format!(r#"{{"type":"checkout.session.paid","reference":"{REFERENCE}"}}"#);
    let read = |signature: &str, body: &str| {
        wire::hint(signature, body.as_bytes(), "webhook-key", Timestamp::from_millis(NOW_S * 1_000))
    };
    for (age, is_believed) in [(0, true), (300, true), (301, false), (-300, true), (-301, false)] {
        let time = NOW_S - age;
        let signature = format!("t={time},v1={}", tag(time, &body));
        assert_eq!(read(&signature, &body).is_some(), is_believed, "{age} s");
    }
    let good = tag(NOW_S, &body);
    let two = format!("t={NOW_S}, v1={}, v1={good}", "0".repeat(64));
    assert_eq!(read(&two, &body).unwrap().attempt, Some(stub::ATTEMPT));
    assert!(read(&format!("t={NOW_S},v1={good}"), &body.replace("paid", "open")).is_none());
    for signature in [
        "",
        "t=",
        "v1=",
        &format!("v1={good}"),
        &format!("t={NOW_S}"),
        &format!("t={NOW_S},v1=zz"),
        &format!("t={NOW_S},v1="),
        &format!("t={},v1={good}", i64::MAX),
    ] {
        assert!(read(signature, &body).is_none(), "{signature}");
    }

    let headers =
        |signature: String| HeaderMap::from_iter([("signature".parse().unwrap(), signature.parse().unwrap())]);
    let client = client("http://127.0.0.1:1");
    assert!(client.read_callback(&headers(format!("t={NOW_S},v1={good}")), body.as_bytes()).is_some());
    assert!(client.read_callback(&HeaderMap::new(), body.as_bytes()).is_none());
    let deaf = Card {
        config: Config { webhook_key: None, ..client.config.clone() },
        clock: Arc::clone(&client.clock),
        outgoing: stub::outgoing(),
    };
    assert!(deaf.read_callback(&headers(format!("t={NOW_S},v1={good}")), body.as_bytes()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn nothing_is_final_that_was_not_said(
        status in prop_oneof![Just(200_u16), 100_u16..600],
        is_json in any::<bool>(),
        state in prop_oneof![Just("paid".to_owned()), Just("failed".to_owned()), Just("expired".to_owned()), ".{0,10}"],
        code in ".{0,20}",
        place in 0_usize..3,
    ) {
        let body = value!({"status": state, "failure_code": code, "reference": REFERENCE}).to_string();
        let (operation, reply) = (Operation::ALL[place], reply(status, is_json, &body));
        match wire::standing(stub::ATTEMPT, operation, "RWF", &reply) {
            Standing::Failed(refusal) => {
                prop_assert!(status == 200 && is_json && (state == "failed" || state == "expired"));
                prop_assert!(refusal.code.len() <= 64);
            }
            Standing::Succeeded(_) => prop_assert!(status == 200 && is_json),
            Standing::NotFound | Standing::Pending | Standing::Unknown { .. } => {}
        }
        if let Submitted::Refused(_) = wire::submitted(&order(operation, RIDER), &reply) {
            prop_assert!([400, 401, 403, 422].contains(&status));
        }
    }
}
