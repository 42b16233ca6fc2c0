//! Airtel's bytes, and answers that are not as they should be.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_oneof, proptest};
use rsa::pkcs8::EncodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey};
use serde_json::json as value;

use super::codes::{Class, class};
use super::*;
use crate::money::Francs;
use crate::payments::providers::stub::{self, Request, Say, Stub, empty, html, json, order, query, reply, truncated};
use crate::payments::providers::{Moved, Refusal};

const RIDER: &str = "+250730000001";
const ID: &str = "6f1ec0de00004000800000000000b0da";

/// Making one takes a while.
static KEY: LazyLock<RsaPrivateKey> = LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 1024).expect("a key"));

fn spki() -> String {
    STANDARD.encode(KEY.to_public_key().to_public_key_der().expect("DER").as_bytes())
}

fn token() -> Say {
    json(200, r#"{"access_token":"T1","expires_in":"180","token_type":"bearer"}"#)
}

fn published() -> Say {
    let data = value!({"key_id": "k1", "key": spki(), "valid_upto": "2099-12-31 23:59:59"});
    json(200, &value!({"data": data, "status": {"success": true, "response_code": "DP00800001027"}}).to_string())
}

fn config(url: &str) -> Config {
    let secret = |text: &str| Secret::new(text.to_owned());
    Config {
        base_url: url.to_owned(),
        country: "RW".to_owned(),
        currency: "RWF".to_owned(),
        client_id: "client".to_owned(),
        client_secret: secret("secret"),
        collections: Collections::V1,
        disbursements: Disbursements::V1,
        pin: Some(Pin { pin: secret("4821"), key: None, padding: Padding::Pkcs1 }),
        refund_as: RefundAs::Refund,
        callback_key: None,
    }
}

fn client(config: Config) -> Airtel {
    Airtel::new(config, stub::outgoing(), stub::clock())
}

fn envelope(success: bool, code: &str, result: &str) -> String {
    let status = value!({"response_code": code, "code": "200", "success": success, "result_code": result});
    value!({"data": {"transaction": {"id": false, "status": "SUCCESS"}}, "status": status}).to_string()
}

async fn submitted(answer: Say) -> Submitted {
    let stub = Stub::saying(vec![token(), answer]).await;
    client(config(&stub.url)).submit(&order(Operation::Collection, RIDER)).await
}

/// A golden request without what is random in it.
fn golden(request: &Request) -> String {
    let mut request = request.clone();
    for name in ["x-signature", "x-key"] {
        if let Some(value) = request.headers.get_mut(name) {
            *value = "RANDOM".to_owned();
        }
    }
    let body = String::from_utf8(request.body.clone()).expect("text");
    if let Some((before, after)) = body.split_once("\"pin\":\"") {
        let (_, rest) = after.split_once('"').expect("a PIN");
        request.body = format!("{before}\"pin\":\"RANDOM\"{rest}").into_bytes();
    }
    request.golden()
}

#[tokio::test]
async fn orders_go_out_to_the_byte() {
    let accepted = Submitted::Accepted { provider_reference: None, page_url: None };
    let answer = || json(200, include_str!("golden/prompted.response"));
    let stub = Stub::saying(vec![token(), answer()]).await;
    assert_eq!(client(config(&stub.url)).submit(&order(Operation::Collection, RIDER)).await, accepted);
    let seen = stub.seen();
    assert_eq!(golden(&seen[0]), include_str!("golden/token.request"));
    assert_eq!(golden(&seen[1]), include_str!("golden/collection_v1.request"));

    let stub = Stub::saying(vec![token(), published(), answer(), answer()]).await;
    let signed = client(Config { collections: Collections::V2, ..config(&stub.url) });
    for _ in 0..2 {
        assert_eq!(signed.submit(&order(Operation::Collection, RIDER)).await, accepted);
    }
    let seen = stub.seen();
    assert_eq!(seen.len(), 4, "one token, one key");
    assert_eq!(golden(&seen[1]), include_str!("golden/keys.request"));
    assert_eq!(golden(&seen[2]), include_str!("golden/collection_v2.request"));
    assert_ne!(seen[2].headers["x-signature"], seen[3].headers["x-signature"], "a fresh key each time");
    assert_eq!(opened(&seen[2]), seen[2].body, "exactly the bytes that were sent");
}

/// What the signature was made of.
fn opened(request: &Request) -> Vec<u8> {
    use cbc::cipher::block_padding::Pkcs7;
    use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
    let sealed = STANDARD.decode(&request.headers["x-key"]).unwrap();
    let pair = String::from_utf8(KEY.decrypt(Pkcs1v15Encrypt, &sealed).unwrap()).unwrap();
    let (key, iv) = pair.split_once(':').unwrap();
    let key: [u8; 32] = STANDARD.decode(key).unwrap().try_into().unwrap();
    let iv: [u8; 16] = STANDARD.decode(iv).unwrap().try_into().unwrap();
    let signature = STANDARD.decode(&request.headers["x-signature"]).unwrap();
    cbc::Decryptor::<aes::Aes256>::new(&key.into(), &iv.into()).decrypt_padded_vec::<Pkcs7>(&signature).unwrap()
}

#[tokio::test]
async fn payouts_go_out_in_each_generation_with_the_pin_sealed() {
    for (version, padding, expected) in [
        (Disbursements::V1, Padding::Pkcs1, include_str!("golden/disbursement_v1.request")),
        (Disbursements::V2, Padding::OaepSha256, include_str!("golden/disbursement_v2.request")),
        (Disbursements::V3, Padding::Pkcs1, include_str!("golden/disbursement_v3.request")),
    ] {
        let done = include_str!("golden/paid_out.response");
        let stub = Stub::start(move |request| match request.path() {
            "/auth/oauth2/token" => token(),
            "/v1/rsa/encryption-keys" => published(),
            _ => json(200, done),
        })
        .await;
        let mut config = Config { disbursements: version, ..config(&stub.url) };
        config.pin = config.pin.map(|pin| Pin { padding, key: (version == Disbursements::V1).then(spki), ..pin });
        let answer = client(config).submit(&order(Operation::Payout, RIDER)).await;
        let provider_reference = Some("MP0002".to_owned());
        assert_eq!(answer, Submitted::Accepted { provider_reference, page_url: None });
        let sent = stub.seen().pop().unwrap();
        assert_eq!(golden(&sent), expected);
        let body: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        let sealed = STANDARD.decode(body["pin"].as_str().unwrap()).unwrap();
        let pin = match padding {
            Padding::Pkcs1 => KEY.decrypt(Pkcs1v15Encrypt, &sealed),
            Padding::OaepSha256 => KEY.decrypt(Oaep::new::<rsa::sha2::Sha256>(), &sealed),
        };
        assert_eq!(pin.unwrap(), b"4821");
    }
}

#[tokio::test]
async fn a_refund_is_all_or_nothing_and_its_answer_is_all_there_is() {
    let done = r#"{"data":{"transaction":{"airtel_money_id":"MP0001","status":"SUCCESS"}},
        "status":{"response_code":"DP00800001001","success":true}}"#;
    let stub = Stub::saying(vec![token(), json(200, done)]).await;
    let client = client(config(&stub.url));
    let Submitted::Accepted { provider_reference, .. } = client.submit(&order(Operation::Refund, RIDER)).await else {
        panic!()
    };
    assert_eq!(golden(&stub.seen()[1]), include_str!("golden/refund.request"));
    let mut query = query(Operation::Refund, &stub.url);
    // Without an answer it may have happened: neither done nor to be repeated.
    assert!(matches!(client.standing(&query).await, Standing::Unknown { is_trouble: false, .. }));
    query.provider_reference = provider_reference;
    assert!(matches!(client.standing(&query).await, Standing::Succeeded(_)));

    let mut part = order(Operation::Refund, RIDER);
    part.amount = Francs(500);
    let refusal = Refusal { reason: Reason::Amount, code: "partial_refund".to_owned() };
    assert_eq!(client.submit(&part).await, Submitted::Refused(refusal));
    assert!(stub.seen().is_empty(), "refused here");
}

#[tokio::test]
async fn a_refund_can_go_out_as_a_disbursement_of_any_amount() {
    let tip = r#"{"data":{"transaction":{"status":"TIP"}},"status":{"success":true}}"#;
    let key = spki();
    let stub = Stub::saying(vec![token(), json(200, include_str!("golden/paid_out.response")), json(200, tip)]).await;
    let mut config = Config { refund_as: RefundAs::Disbursement, ..config(&stub.url) };
    config.pin = config.pin.map(|pin| Pin { key: Some(key), ..pin });
    let client = client(config);
    let mut part = order(Operation::Refund, RIDER);
    part.amount = Francs(500);
    assert!(matches!(client.submit(&part).await, Submitted::Accepted { .. }));
    assert_eq!(client.standing(&query(Operation::Refund, &stub.url)).await, Standing::Pending);
    let paths: Vec<String> = stub.seen().iter().map(|seen| seen.path().to_owned()).collect();
    assert_eq!(paths[1..], ["/standard/v1/disbursements/".to_owned(), format!("/standard/v1/disbursements/{ID}")]);
}

#[tokio::test]
async fn a_failure_with_status_200_is_one_only_by_its_code() {
    let refused = |reason, code: &str| Some(Submitted::Refused(Refusal { reason, code: code.to_owned() }));
    let said = |code: &str, result: &str| json(200, &envelope(false, code, result));
    let ours = Reason::Misconfigured;
    for (answer, expected) in [
        (said("DP00800001007", "ESB000011"), refused(Reason::InsufficientFunds, "DP00800001007")),
        (said("DP00800001003", ""), refused(Reason::PayerLimitReached, "DP00800001003")),
        (said("", "ESB000008"), refused(ours, "ESB000008")),
        (said("DP00800001005", "ESB000033"), refused(Reason::InvalidPayer, "ESB000033")),
        (json(400, r#"{"status_message":"x","status_code":"ROUTER110"}"#), refused(ours, "ROUTER110")),
        (empty(400), refused(ours, "400")),
        (empty(403), refused(ours, "403")),
        (said("DP00800001005", "ESB000041"), Some(Submitted::AlreadyExists)),
        (json(200, &envelope(true, "DP00900001011", "")), Some(Submitted::AlreadyExists)),
        (said("DP00800001005", "ESB000011"), None),
        (said("DP00800001000", "ESB000001"), None),
        (said("DP00800001007", "ESB000001"), None),
        (said("DP00800001024", ""), None),
        (said("DP00800001025", "ESB000045"), None),
        (said("DP00812341007", ""), None),
        (said("", ""), None),
        (json(200, r#"{"status":{"success":"false","response_code":"DP00800001007"}}"#), None),
        (json(200, "{"), None),
        (json(200, "[]"), None),
        (html(200), None),
        (html(502), None),
        (json(500, &envelope(false, "DP00800001007", "")), None),
        (empty(408), None),
        (truncated("{"), None),
        (Say::Nothing, None),
    ] {
        let text = format!("{answer:?}");
        match (submitted(answer).await, expected) {
            (Submitted::Unknown { .. }, None) => {}
            (got, expected) => assert_eq!(Some(got), expected, "{text}"),
        }
    }
}

#[tokio::test]
async fn a_status_in_doubt_is_not_a_failure() {
    let told = |operation, status: &str, code: &str| {
        let transaction = value!({"id": ID, "status": status, "airtel_money_id": "MP0001"});
        let body = value!({"data": {"transaction": transaction}, "status": {"response_code": code, "success": true}});
        let query = query(operation, "https://airtel.example");
        wire::standing(&query, "RWF", &reply(200, true, &body.to_string()))
    };
    let failed = |reason, code: &str| Standing::Failed(Refusal { reason, code: code.to_owned() });
    let collection = |status: &str, code: &str| told(Operation::Collection, status, code);
    let moved = Moved {
        amount: None,
        is_our_currency: None,
        is_our_reference: Some(true),
        provider_reference: Some("MP0001".to_owned()),
    };
    assert_eq!(collection("TS", "DP00800001001"), Standing::Succeeded(moved));
    assert_eq!(collection("TF", "DP00800001007"), failed(Reason::InsufficientFunds, "DP00800001007"));
    assert_eq!(collection("TF", "DP00800001005"), failed(Reason::Other, "DP00800001005"));
    assert_eq!(collection("TF", "DP00800001024"), failed(Reason::PayerTimeout, "DP00800001024"));
    assert_eq!(collection("TF", ""), failed(Reason::Other, "TF"));
    assert_eq!(collection("TE", "DP00800001029"), failed(Reason::PayerTimeout, "TE"));
    for (status, code) in [("TA", "DP00800001000"), ("TF", "DP00800001000"), ("TIP", ""), ("TI", ""), ("XX", "")] {
        assert_eq!(collection(status, code), Standing::Pending, "{status} {code}");
    }
    assert_eq!(told(Operation::Payout, "TF", "DP00900001007"), failed(Reason::OwnAccount, "DP00900001007"));

    let read = |status, is_json, body: &str| {
        let query = query(Operation::Collection, "https://airtel.example");
        wire::standing(&query, "RWF", &reply(status, is_json, body))
    };
    let not_found = r#"{"status":{"response_code":"DP00800001025","success":false}}"#;
    assert_eq!(read(200, true, not_found), Standing::NotFound);
    assert_eq!(read(404, true, "{}"), Standing::NotFound);
    assert_eq!(read(404, false, ""), Standing::NotFound);
    for (status, is_json, body) in [
        (404, false, "<html>"),
        (200, false, "<html>"),
        (200, true, "{"),
        (200, true, r#"{"status":{"response_code":"DP00800001007","success":false}}"#),
        (200, true, r#"{"data":{"transaction":{"status":["TF"]}}}"#),
        (503, true, r#"{"data":{"transaction":{"status":"TF"}}}"#),
        (400, true, r#"{"data":{"transaction":{"status":"TF"}}}"#),
    ] {
        assert!(matches!(read(status, is_json, body), Standing::Unknown { .. }), "{status} {body}");
    }
    let other = r#"{"data":{"transaction":{"id":"another","status":"TS"}}}"#;
    let Standing::Succeeded(moved) = read(200, true, other) else { panic!() };
    assert_eq!(moved.is_our_reference, Some(false));
    let nameless = r#"{"data":{"transaction":{"id":false,"status":"TS"}}}"#;
    let Standing::Succeeded(moved) = read(200, true, nameless) else { panic!() };
    assert_eq!(moved.is_our_reference, None);
}

#[tokio::test]
async fn questions_go_out_in_each_generation() {
    let tip = r#"{"data":{"transaction":{"status":"TIP"}}}"#;
    let (here, there) = (
        Stub::saying(vec![]).await,
        Stub::start(move |request| if request.path() == "/auth/oauth2/token" { token() } else { json(200, tip) }).await,
    );
    for (operation, version, expected) in [
        (Operation::Collection, Disbursements::V1, format!("/standard/v1/payments/{ID}")),
        (Operation::Payout, Disbursements::V1, format!("/standard/v1/disbursements/{ID}")),
        (Operation::Payout, Disbursements::V3, format!("/standard/v3/disbursements/{ID}?transactionType=B2C")),
    ] {
        let client = client(Config { disbursements: version, ..config(&here.url) });
        assert_eq!(client.standing(&query(operation, &there.url)).await, Standing::Pending);
        assert_eq!(there.seen().pop().unwrap().path(), expected);
    }
    assert!(here.seen().is_empty());
}

#[tokio::test]
async fn tokens_and_keys_are_renewed_once() {
    let invalid = || json(403, r#"{"error_description":"expired","error":"invalid_token"}"#);
    let prompted = || json(200, include_str!("golden/prompted.response"));
    let stub = Stub::saying(vec![token(), invalid(), token(), prompted()]).await;
    let answer = client(config(&stub.url)).submit(&order(Operation::Collection, RIDER)).await;
    assert!(matches!(answer, Submitted::Accepted { .. }), "{answer:?}");
    let stub = Stub::saying(vec![token(), empty(401), token(), empty(401), token()]).await;
    let answer = client(config(&stub.url)).submit(&order(Operation::Collection, RIDER)).await;
    assert!(matches!(answer, Submitted::Refused(_)), "{answer:?}");
    assert_eq!(stub.seen().len(), 4);

    let mismatch = || json(200, &envelope(false, "DP00800001026", "ESB000011"));
    let stub = Stub::saying(vec![token(), published(), mismatch(), published(), mismatch()]).await;
    let signed = client(Config { collections: Collections::V2, ..config(&stub.url) });
    let refusal = Refusal { reason: Reason::Misconfigured, code: "signature".to_owned() };
    assert_eq!(signed.submit(&order(Operation::Collection, RIDER)).await, Submitted::Refused(refusal));
    assert_eq!(stub.seen().len(), 5);

    // Three minutes, less a sixth.
    let time = Arc::new(std::sync::atomic::AtomicI64::new(0));
    let now = Arc::clone(&time);
    let clock: Clock = Arc::new(move || Timestamp::from_millis(now.load(std::sync::atomic::Ordering::Relaxed)));
    let stub = Stub::start(|request| if request.path().starts_with("/auth") { token() } else { empty(404) }).await;
    let client = Airtel::new(config(&stub.url), stub::outgoing(), clock);
    for (at, tokens) in [(0, 1), (149_999, 0), (150_000, 1)] {
        time.store(at, std::sync::atomic::Ordering::Relaxed);
        client.standing(&query(Operation::Collection, &stub.url)).await;
        let minted = stub.seen().iter().filter(|request| request.path().starts_with("/auth")).count();
        assert_eq!(minted, tokens, "at {at} ms");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_had_means_that_nothing_was_sent() {
    for answer in [html(200), json(200, r#"{"data":{"key":"%"}}"#), empty(500), Say::Nothing] {
        let stub = Stub::saying(vec![token(), answer]).await;
        let signed = client(Config { collections: Collections::V2, ..config(&stub.url) });
        let answer = signed.submit(&order(Operation::Collection, RIDER)).await;
        assert!(matches!(answer, Submitted::NotSent { is_trouble: true, .. }), "{answer:?}");
        assert_eq!(stub.seen().len(), 2);
    }
}

#[tokio::test]
async fn holders_balances_and_statements_are_read() {
    let wallet = Phone::parse(RIDER).unwrap();
    let kyc = |code: &str, is_barred: bool| {
        let data = value!({"first_name": "Keza", "last_name": "Uwase", "is_barred": is_barred});
        json(200, &value!({"data": data, "status": {"response_code": code, "success": true}}).to_string())
    };
    let stub =
        Stub::saying(vec![token(), kyc("DP02200000001", false), kyc("DP02200000002", false), kyc("", false)]).await;
    let client = client(config(&stub.url));
    let holder = client.holder(wallet).await.unwrap();
    assert_eq!((holder.is_active, holder.last_name.as_deref()), (true, Some("Uwase")));
    assert_eq!(client.holder(wallet).await, Err(Trouble::NoSuchWallet));
    assert!(matches!(client.holder(wallet).await, Err(Trouble::Away(_))));
    assert_eq!(stub.seen()[1].path(), "/standard/v1/users/730000001");

    let balance = |text: &str| json(200, &format!(r#"{{"data":{{"balance":"{text}","currency":"RWF"}}}}"#));
    let stub = Stub::saying(vec![token(), balance("1,000.50"), balance("7")]).await;
    let balances = self::client(config(&stub.url)).balances().await.unwrap();
    let amounts: Vec<_> = balances.iter().map(|balance| (balance.operation, balance.available)).collect();
    assert_eq!(amounts, [(Operation::Collection, Francs(1_000)), (Operation::Payout, Francs(7))]);

    let day = NaiveDate::from_ymd_opt(2026, 11, 26).unwrap();
    let line = |kind: &str, at: &str| {
        value!({"airtel_money_id": "MP1", "id": ID, "service_type": kind, "amount": 1500, "charges": 15,
            "status": "TS", "transaction_date": at})
    };
    let page = |lines: Vec<serde_json::Value>| json(200, &value!({"data": {"transactions": lines}}).to_string());
    let full = vec![line("MERCHPAY", "2026-11-26T10:00:00.000Z"); 100];
    let rest = vec![line("REFUND", "2026-11-26 23:59:59"), line("DISBURSEMENT", "2026-11-27T00:00:00+02:00")];
    let stub = Stub::saying(vec![token(), page(full), page(rest)]).await;
    let lines = self::client(config(&stub.url)).statement(day).await.unwrap();
    assert_eq!((lines.len(), lines[100].operation, lines[0].fee), (101, Operation::Refund, Francs(15)));
    let (from, to) = (1_795_644_000_000_i64, 1_795_730_400_000_i64);
    let expected = format!("/merchant/v1/transactions?from={from}&to={to}&limit=100&offset=100");
    assert_eq!(stub.seen()[2].path(), expected);
    let stub = Stub::saying(vec![token(), page(vec![value!({"amount": 1})])]).await;
    assert!(self::client(config(&stub.url)).statement(day).await.is_err(), "no line is passed over");
}

#[test]
fn a_callback_is_a_name_and_with_a_key_a_signed_one() {
    let body = format!(r#"{{"transaction":{{"id":"{ID}","message":"Paid","status_code":"TS"}}}}"#);
    assert_eq!(wire::hint(body.as_bytes(), None).unwrap().attempt, Some(stub::ATTEMPT));
    assert!(wire::hint(body.as_bytes(), Some("key")).is_none(), "not signed");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let transaction = format!(r#"{{"id":"{ID}","message":"Paid"}}"#);
    let hash = STANDARD.encode(ring::hmac::sign(&key, transaction.as_bytes()).as_ref());
    for spaced in [transaction.clone(), transaction.replace(':', " : ")] {
        let signed = format!(r#"{{ "transaction": {spaced}, "hash": "{hash}" }}"#);
        assert_eq!(wire::hint(signed.as_bytes(), Some("key")).unwrap().attempt, Some(stub::ATTEMPT));
        assert!(wire::hint(signed.as_bytes(), Some("other")).is_none());
    }
    for nonsense in ["", "{", "[]", "{}", r#"{"transaction":7}"#, r#"{"transaction":{"id":[]}}"#] {
        assert!(wire::hint(nonsense.as_bytes(), None).is_none(), "{nonsense}");
    }
}

#[test]
fn times_are_read_as_they_write_them() {
    for text in ["1795687200000", "1795687200", "2026-11-26T10:00:00Z", "2026-11-26 12:00:00", "2026-11-26T12:00:00"] {
        assert_eq!(wire::moment(text), Some(Timestamp::from_millis(1_795_687_200_000)), "{text}");
    }
    assert_eq!(wire::moment("2026-11-26"), Some(Timestamp::from_millis(1_795_644_000_000)));
    assert_eq!(wire::moment("tomorrow"), None);
}

fn codes() -> impl Strategy<Value = String> {
    prop_oneof![
        "DP0080000100[0-9]",
        "DP0080000102[0-9]",
        "DP0090000101[0-9]",
        "DP0090000100[0-9]",
        "ESB0000[0-4][0-9]",
        "ROUTER[01][0-9][0-9]",
        ".{0,12}",
    ]
}

fn bodies() -> impl Strategy<Value = String> {
    let states = prop_oneof![Just("TS"), Just("TF"), Just("TIP"), Just("TA"), Just("TE"), Just("tf"), Just("")];
    let full = (codes(), codes(), states, any::<bool>()).prop_map(|(code, result, state, success)| {
        let status = value!({"response_code": code, "result_code": result, "success": success});
        value!({"data": {"transaction": {"status": state}}, "status": status}).to_string()
    });
    prop_oneof![
        4 => full,
        1 => codes().prop_map(|code| value!({"status_code": code}).to_string()),
        1 => ".{0,60}",
        1 => Just(String::new()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_final_that_is_not_in_the_table(
        status in prop_oneof![Just(200_u16), 100_u16..600], is_json in any::<bool>(), body in bodies(), place in 0_usize..3,
    ) {
        let (operation, reply) = (Operation::ALL[place], reply(status, is_json, &body));
        let told = reply.json().unwrap_or_default();
        if let Submitted::Refused(_) = wire::submitted(operation, None, &reply) {
            let listed = |path: &str| {
                let code = told.pointer(path).and_then(serde_json::Value::as_str).unwrap_or_default();
                matches!(class(code, operation), Some(Class::Final(_) | Class::Signature))
            };
            let is_listed = listed("/status/response_code") || listed("/status/result_code") || listed("/status_code");
            let says_no = told["status"]["success"] == false;
            prop_assert!([400, 401, 403].contains(&status) || (status / 100 == 2 && is_listed && says_no));
        }
        let state = &told["data"]["transaction"]["status"];
        match wire::standing(&query(operation, "https://airtel.example"), "RWF", &reply) {
            Standing::Failed(_) => prop_assert!(status == 200 && (state == "TF" || state == "TE")),
            Standing::Succeeded(_) => prop_assert!(status == 200 && state == "TS"),
            Standing::NotFound | Standing::Pending | Standing::Unknown { .. } => {}
        }
    }
}
