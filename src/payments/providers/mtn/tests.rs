//! MTN's bytes, and answers that are not as they should be.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use serde_json::json as value;

use super::codes::{Class, class};
use super::*;
use crate::money::Francs;
use crate::payments::providers::stub::{self, Say, Stub, empty, html, json, order, query, reply, truncated};
use crate::payments::providers::{FractionalAmount, Moved, Refusal};
use crate::time::Span;

const RIDER: &str = "+250788000001";

fn token() -> Say {
    json(200, r#"{"access_token":"T1","token_type":"access_token","expires_in":3600}"#)
}

fn config(url: &str) -> Config {
    let secret = |text: &str| Secret::new(text.to_owned());
    Config {
        base_url: url.to_owned(),
        target_environment: "mtnrwanda".to_owned(),
        currency: "RWF".to_owned(),
        api_user: "user".to_owned(),
        api_key: secret("key"),
        collection: Keys { primary: secret("collection-1"), secondary: Some(secret("collection-2")) },
        disbursement: Some(Keys { primary: secret("disbursement-1"), secondary: None }),
        callback_host: None,
        refund_as: RefundAs::RefundV2,
    }
}

fn client(url: &str) -> Mtn {
    Mtn::new(config(url), stub::outgoing(), stub::clock())
}

/// What is sent for an order, and what became of it when the provider says `answer`.
async fn submitted(answer: Say) -> Submitted {
    let stub = Stub::saying(vec![token(), answer]).await;
    client(&stub.url).submit(&order(Operation::Collection, RIDER)).await
}

async fn standing(answer: Say) -> Standing {
    let stub = Stub::saying(vec![token(), answer]).await;
    client(&stub.url).standing(&query(Operation::Collection, &stub.url)).await
}

#[tokio::test]
async fn orders_go_out_to_the_byte() {
    let accepted = Submitted::Accepted { provider_reference: None, page_url: None };
    for (operation, expected) in [
        (Operation::Collection, include_str!("golden/requesttopay.request")),
        (Operation::Payout, include_str!("golden/transfer.request")),
        (Operation::Refund, include_str!("golden/refund.request")),
    ] {
        let stub = Stub::saying(vec![token(), empty(202)]).await;
        let mut order = order(operation, RIDER);
        order.callback_url = Some("http://127.0.0.1:8080/api/v1/callbacks/mtn/token".to_owned());
        assert_eq!(client(&stub.url).submit(&order).await, accepted, "{operation:?}");
        let sent: Vec<String> = stub.seen().iter().map(super::super::stub::Request::golden).collect();
        if operation == Operation::Collection {
            assert_eq!(sent[0], include_str!("golden/token.request"));
        }
        assert_eq!((sent.len(), sent[1].as_str()), (2, expected));
    }
}

#[tokio::test]
async fn questions_go_to_where_the_order_was_sent() {
    let (here, there) = (Stub::saying(vec![]).await, Stub::saying(vec![token(), json(200, "{}")]).await);
    let client = client(&here.url);
    client.standing(&query(Operation::Collection, &there.url)).await;
    let sent = there.seen();
    assert_eq!(sent[1].golden(), include_str!("golden/status.request"));
    assert!(here.seen().is_empty());
}

#[tokio::test]
async fn a_status_is_read_leniently() {
    let moved = |amount, provider_reference: Option<&str>| {
        Standing::Succeeded(Moved {
            amount,
            is_our_currency: Some(true),
            is_our_reference: Some(true),
            provider_reference: provider_reference.map(str::to_owned),
        })
    };
    let told = include_str!("golden/successful.response");
    assert_eq!(standing(json(200, told)).await, moved(Some(Ok(Francs(1_500))), Some("23503452")));
    let read = |change: serde_json::Value| {
        let mut body: serde_json::Value = serde_json::from_str(told).unwrap();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let reply = reply(200, true, &body.to_string());
        wire::standing(stub::ATTEMPT, Operation::Collection, "RWF", &reply)
    };
    assert_eq!(read(value!({"amount": "1500.0"})), moved(Some(Ok(Francs(1_500))), Some("23503452")));
    assert_eq!(read(value!({"amount": 1500.5})), moved(Some(Err(FractionalAmount)), Some("23503452")));
    assert_eq!(read(value!({"amount": null, "financialTransactionId": null})), moved(None, None));
    let Standing::Succeeded(other) = read(value!({"externalId": "another", "currency": "UGX"})) else { panic!() };
    assert_eq!((other.is_our_reference, other.is_our_currency), (Some(false), Some(false)));
    let failed = |reason, code: &str| Standing::Failed(Refusal { reason, code: code.to_owned() });
    for (change, expected) in [
        (value!({"reason": "NOT_ENOUGH_FUNDS"}), failed(Reason::InsufficientFunds, "NOT_ENOUGH_FUNDS")),
        (value!({"reason": {"code": "EXPIRED", "message": "x"}}), failed(Reason::PayerTimeout, "EXPIRED")),
        (value!({"reason": {"code": ["?"]}}), failed(Reason::Other, "FAILED")),
        (value!({"reason": 250_788_000_001_i64}), failed(Reason::Other, "unlisted")),
        (value!({"reason": "INVALID_CURRENCY"}), failed(Reason::Misconfigured, "INVALID_CURRENCY")),
        (value!({"reason": "INTERNAL_PROCESSING_ERROR"}), failed(Reason::Other, "INTERNAL_PROCESSING_ERROR")),
        (value!({}), failed(Reason::Other, "FAILED")),
        (value!({"reason": "PAYER_DELAYED"}), Standing::Pending),
        (value!({"reason": "RESOURCE_ALREADY_EXIST"}), Standing::Pending),
    ] {
        let mut body = value!({"status": "FAILED"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(read(body), expected, "{change}");
    }
    for status in ["PENDING", "CREATED", "ONGOING", "failed", ""] {
        assert_eq!(read(value!({"status": status})), Standing::Pending, "{status}");
    }
}

#[tokio::test]
async fn a_status_without_an_answer_is_unknown() {
    for (answer, expected) in [
        (json(404, r#"{"code":"RESOURCE_NOT_FOUND","message":"Requested resource was not found."}"#), Ok(())),
        (empty(404), Ok(())),
        (html(404), Err(true)),
        (html(200), Err(true)),
        (html(503), Err(true)),
        (empty(500), Err(true)),
        (empty(400), Err(false)),
        (json(200, "{"), Err(true)),
        (json(200, "[1]"), Err(false)),
        (json(200, r#"{"status":{"a":1}}"#), Err(false)),
        (truncated(r#"{"status":"FAILED""#), Err(true)),
        (json(200, &format!(r#"{{"status":"FAILED","x":"{}"}}"#, "x".repeat(300_000))), Err(true)),
        (empty(302), Err(false)),
        (Say::Nothing, Err(true)),
    ] {
        let text = format!("{answer:?}");
        let text = text.get(..200).unwrap_or(&text).to_owned();
        match (standing(answer).await, expected) {
            (Standing::NotFound, Ok(())) => {}
            (Standing::Unknown { is_trouble, .. }, Err(expected)) => assert_eq!(is_trouble, expected, "{text}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
    let limited = r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 7 seconds."}"#;
    let Standing::Unknown { retry_after, is_trouble, .. } = standing(json(429, limited)).await else { panic!() };
    assert_eq!((retry_after, is_trouble), (Some(Span::from_secs(7)), false));
}

#[tokio::test]
async fn an_order_is_refused_only_where_nothing_can_have_been_created() {
    let refused = |reason, code: &str| Some(Submitted::Refused(Refusal { reason, code: code.to_owned() }));
    let coded = |status, code: &str| json(status, &format!(r#"{{"code":"{code}","message":"x"}}"#));
    let ours = Reason::Misconfigured;
    for (answer, expected) in [
        (empty(400), refused(ours, "400")),
        (coded(400, "PAYER_NOT_FOUND"), refused(Reason::InvalidPayer, "PAYER_NOT_FOUND")),
        (coded(404, "PAYER_NOT_FOUND"), refused(Reason::InvalidPayer, "PAYER_NOT_FOUND")),
        (coded(500, "INVALID_CURRENCY"), refused(ours, "INVALID_CURRENCY")),
        (coded(500, "INVALID_CALLBACK_URL_HOST"), refused(ours, "INVALID_CALLBACK_URL_HOST")),
        (coded(403, "FORBIDDEN_IP"), refused(ours, "FORBIDDEN_IP")),
        (html(411), refused(ours, "411")),
        (coded(409, "RESOURCE_ALREADY_EXIST"), Some(Submitted::AlreadyExists)),
        (html(409), Some(Submitted::AlreadyExists)),
        (coded(500, "INTERNAL_PROCESSING_ERROR"), None),
        (coded(500, "PAYER_NOT_FOUND"), None),
        (coded(400, "INTERNAL_PROCESSING_ERROR"), None),
        (coded(503, "SERVICE_UNAVAILABLE"), None),
        (coded(404, "RESOURCE_NOT_FOUND"), None),
        (html(500), None),
        (html(200), None),
        (empty(302), None),
        (empty(408), None),
        (empty(418), None),
        (Say::Nothing, None),
        (truncated("{"), None),
    ] {
        let text = format!("{answer:?}");
        match (submitted(answer).await, expected) {
            (Submitted::Unknown { .. }, None) => {}
            (got, expected) => assert_eq!(Some(got), expected, "{text}"),
        }
    }
    let limited = "HTTP/1.1 429 X\r\nretry-after: 9\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let Submitted::NotSent { retry_after, is_trouble, .. } = submitted(Say::Raw(limited.into())).await else {
        panic!()
    };
    assert_eq!((retry_after, is_trouble), (Some(Span::from_secs(9)), false));
}

#[tokio::test]
async fn what_was_not_sent_is_told_from_what_was_lost() {
    // Nobody listens there any more.
    let gone = Stub::saying(vec![]).await.url.clone();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let answer = client(&nobody).submit(&order(Operation::Collection, RIDER)).await;
    assert!(matches!(answer, Submitted::NotSent { is_trouble: true, .. }), "{answer:?} {gone}");

    let stub = Stub::saying(vec![token(), Say::Hang]).await;
    let hasty = Mtn::new(config(&stub.url), stub::impatient(), stub::clock());
    let answer = hasty.submit(&order(Operation::Collection, RIDER)).await;
    assert!(matches!(answer, Submitted::Unknown { reason: "no answer in time" }), "{answer:?}");

    // A token that does not come: the order was not sent.
    for answer in [Say::Nothing, html(200), html(503), json(200, "{}"), json(200, "{"), empty(429)] {
        let stub = Stub::saying(vec![answer]).await;
        let submitted = client(&stub.url).submit(&order(Operation::Collection, RIDER)).await;
        assert!(matches!(submitted, Submitted::NotSent { .. }), "{submitted:?}");
        assert_eq!(stub.seen().len(), 1);
    }
    let stub = Stub::saying(vec![json(401, r#"{"error":"login_failed"}"#)]).await;
    let submitted = client(&stub.url).submit(&order(Operation::Collection, RIDER)).await;
    let refusal = Refusal { reason: Reason::Misconfigured, code: "token_refused".to_owned() };
    assert_eq!(submitted, Submitted::Refused(refusal));
}

#[tokio::test]
async fn a_token_is_minted_again_once_and_a_key_changed_once() {
    let stub = Stub::saying(vec![token(), empty(401), token(), empty(202)]).await;
    let client = client(&stub.url);
    assert!(matches!(client.submit(&order(Operation::Collection, RIDER)).await, Submitted::Accepted { .. }));
    assert_eq!(stub.seen().len(), 4);

    let stub = Stub::saying(vec![token(), empty(401), token(), empty(401), token()]).await;
    let client = self::client(&stub.url);
    assert!(matches!(client.submit(&order(Operation::Collection, RIDER)).await, Submitted::Refused(_)));
    assert_eq!(stub.seen().len(), 4, "once, not twice");

    let key = r#"{"statusCode":401,"message":"Access denied due to invalid subscription key."}"#;
    let stub = Stub::saying(vec![json(401, key), token(), empty(202), empty(202)]).await;
    let client = self::client(&stub.url);
    for _ in 0..2 {
        assert!(matches!(client.submit(&order(Operation::Collection, RIDER)).await, Submitted::Accepted { .. }));
    }
    let keys: Vec<String> = stub.seen().iter().map(|seen| seen.headers["ocp-apim-subscription-key"].clone()).collect();
    assert_eq!(keys, ["collection-1", "collection-2", "collection-2", "collection-2"]);
}

#[tokio::test]
async fn a_hundred_orders_at_once_mint_one_token_of_each_product() {
    let minted = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&minted);
    let stub = Stub::start(move |request| {
        if request.path().ends_with("/token/") {
            count.fetch_add(1, Ordering::Relaxed);
            return token();
        }
        empty(202)
    })
    .await;
    let client = client(&stub.url);
    let orders: Vec<Order> = (0..100)
        .map(|number| order(if number % 2 == 0 { Operation::Collection } else { Operation::Payout }, RIDER))
        .collect();
    let answers = futures_util::future::join_all(orders.iter().map(|order| client.submit(order))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Submitted::Accepted { .. })));
    assert_eq!((minted.load(Ordering::Relaxed), stub.seen().len()), (2, 102));
}

#[test]
fn a_callback_address_is_sent_only_where_it_is_registered() {
    let sent = |environment: &str, host: Option<&str>, url: &str| {
        let config = Config {
            target_environment: environment.to_owned(),
            callback_host: host.map(str::to_owned),
            ..config("https://proxy.momoapi.mtn.com")
        };
        Mtn::new(config, stub::outgoing(), stub::clock()).callback(Some(url)).is_some()
    };
    let host = Some("pay.example.rw");
    assert!(sent("mtnrwanda", host, "https://pay.example.rw/api/v1/callbacks/mtn/x"));
    assert!(sent("sandbox", host, "http://pay.example.rw/api/v1/callbacks/mtn/x"));
    assert!(!sent("mtnrwanda", host, "http://pay.example.rw/x"));
    assert!(!sent("mtnrwanda", host, "https://other.example.rw/x"));
    assert!(!sent("mtnrwanda", None, "https://pay.example.rw/x"));
    assert!(!sent("sandbox", Some("127.0.0.1"), "http://127.0.0.1/x"));
    assert!(!sent("mtnrwanda", host, "pay.example.rw") && !sent("mtnrwanda", host, ""));
}

#[tokio::test]
async fn orders_that_cannot_be_are_refused_before_a_byte_is_sent() {
    let stub = Stub::saying(vec![]).await;
    let mut config = config(&stub.url);
    config.disbursement = None;
    let client = Mtn::new(config, stub::outgoing(), stub::clock());
    let mut nothing = order(Operation::Collection, RIDER);
    nothing.amount = Francs(0);
    let mut nobody = order(Operation::Collection, RIDER);
    nobody.wallet = None;
    let mut alone = order(Operation::Refund, RIDER);
    alone.original = None;
    for order in [nothing, nobody, alone, order(Operation::Payout, RIDER)] {
        assert!(matches!(client.submit(&order).await, Submitted::Refused(_)), "{order:?}");
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn a_refund_can_go_out_as_a_transfer_and_is_found_in_either_form() {
    let not_found = || json(404, r#"{"code":"RESOURCE_NOT_FOUND"}"#);
    let stub = Stub::saying(vec![token(), empty(202), not_found(), json(200, r#"{"status":"PENDING"}"#)]).await;
    let config = Config { refund_as: RefundAs::Payout, ..config(&stub.url) };
    let client = Mtn::new(config, stub::outgoing(), stub::clock());
    assert!(matches!(client.submit(&order(Operation::Refund, RIDER)).await, Submitted::Accepted { .. }));
    assert_eq!(client.standing(&query(Operation::Refund, &stub.url)).await, Standing::Pending);
    let paths: Vec<String> = stub.seen().iter().map(|seen| seen.path().to_owned()).collect();
    let id = "6f1ec0de-0000-4000-8000-00000000b0da";
    assert_eq!(paths[1], "/disbursement/v1_0/transfer");
    assert_eq!(paths[2..], [format!("/disbursement/v1_0/transfer/{id}"), format!("/disbursement/v1_0/refund/{id}")]);
}

#[tokio::test]
async fn holders_and_balances_are_read() {
    let info = r#"{"given_name":"Keza","family_name":"Uwase","birthdate":"2000-01-01","locale":"rw","gender":"f"}"#;
    let stub = Stub::saying(vec![token(), json(200, r#"{"result":true}"#), json(200, info)]).await;
    let wallet = Phone::parse(RIDER).unwrap();
    let holder = client(&stub.url).holder(wallet).await.unwrap();
    assert_eq!((holder.is_active, holder.first_name.as_deref()), (true, Some("Keza")));
    let paths: Vec<String> = stub.seen().iter().map(|seen| seen.path().to_owned()).collect();
    let account = "/collection/v1_0/accountholder/msisdn/250788000001";
    assert_eq!(paths[1..], [format!("{account}/active"), format!("{account}/basicuserinfo")]);
    let stub = Stub::saying(vec![token(), empty(404)]).await;
    assert_eq!(client(&stub.url).holder(wallet).await, Err(Trouble::NoSuchWallet));
    let stub = Stub::saying(vec![token(), json(200, r#"{"result":"yes"}"#)]).await;
    assert!(matches!(client(&stub.url).holder(wallet).await, Err(Trouble::Away(_))));

    let balance = |text: &str| json(200, &format!(r#"{{"availableBalance":"{text}","currency":"RWF"}}"#));
    let stub = Stub::saying(vec![token(), balance("1000"), token(), balance("5.0")]).await;
    let balances = client(&stub.url).balances().await.unwrap();
    let amounts: Vec<_> = balances.iter().map(|balance| (balance.operation, balance.available)).collect();
    assert_eq!(amounts, [(Operation::Collection, Francs(1_000)), (Operation::Payout, Francs(5))]);
}

#[test]
fn a_callback_is_a_name_and_nothing_else() {
    let read = |body: &str| wire::hint(body.as_bytes());
    let named = read(r#"{"externalId":"6f1ec0de-0000-4000-8000-00000000b0da","status":"FAILED","amount":"9"}"#);
    assert_eq!(named.unwrap().attempt, Some(stub::ATTEMPT));
    assert_eq!(read(r#"{"externalId":"x"}"#).unwrap().attempt, None);
    for nonsense in ["", "{", "[]", "7", "\"6f1ec0de-0000-4000-8000-00000000b0da\""] {
        assert!(read(nonsense).is_none(), "{nonsense}");
    }
}

fn codes() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("PAYER_NOT_FOUND".to_owned()),
        Just("NOT_ENOUGH_FUNDS".to_owned()),
        Just("INVALID_CURRENCY".to_owned()),
        Just("INTERNAL_PROCESSING_ERROR".to_owned()),
        Just("RESOURCE_NOT_FOUND".to_owned()),
        Just("RESOURCE_ALREADY_EXIST".to_owned()),
        Just("ONGOING".to_owned()),
        "[A-Z_]{0,20}",
        ".{0,20}",
    ]
}

fn bodies() -> impl Strategy<Value = String> {
    let told = (codes(), codes(), prop_oneof![Just("FAILED"), Just("SUCCESSFUL"), Just("PENDING"), Just("failed")]);
    prop_oneof![
        4 => told.prop_map(|(code, reason, status)| value!({"code": code, "reason": reason, "status": status}).to_string()),
        2 => codes().prop_map(|code| value!({"reason": {"code": code}, "status": "FAILED"}).to_string()),
        1 => ".{0,60}",
        1 => Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_final_that_is_not_in_the_table(
        status in 100_u16..600, is_json in any::<bool>(), body in bodies(), place in 0_usize..3,
    ) {
        let (operation, reply) = (Operation::ALL[place], reply(status, is_json, &body));
        let told = reply.json().unwrap_or_default();
        let code = told["code"].as_str().unwrap_or_default();
        if let Submitted::Refused(refusal) = wire::submitted(operation, &reply) {
            let is_listed = matches!(class(code, operation), Some(Class::Final(_) | Class::Ours));
            prop_assert!([400, 401, 403, 411].contains(&status) || (is_listed && [404, 500].contains(&status)));
            prop_assert!(refusal.code.len() <= 64);
        }
        match wire::standing(stub::ATTEMPT, operation, "RWF", &reply) {
            Standing::Failed(_) => prop_assert!(status == 200 && is_json && told["status"] == "FAILED"),
            Standing::Succeeded(_) => prop_assert!(status == 200 && is_json && told["status"] == "SUCCESSFUL"),
            Standing::NotFound => prop_assert!(status == 404),
            Standing::Pending | Standing::Unknown { .. } => {}
        }
    }
}
