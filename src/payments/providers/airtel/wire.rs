//! The shapes of Airtel's wire and what its answers mean. Pure.
//!
//! Separate from the calls so that every answer, true or hostile, can be tried without a connection. The trap of this wire: a
//! failure comes with HTTP status 200, and "in doubt" (`TA`) looks like one.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::codes::{Class, class, reason_of_failure};
use super::crypto::is_hash_of;
use super::{Disbursements, RefundAs};
use crate::money::Francs;
use crate::payments::providers::lenient;
use crate::payments::providers::outgoing::{Reply, refused, unknown};
use crate::payments::providers::{
    AttemptId, Hint, Holder, Moved, Operation, Order, Query, Reason, Refusal, Standing, StatementLine, Submitted,
    Trouble,
};
use crate::phone::Phone;
use crate::time::Timestamp;

/// Longest reference that a payer reads.
const REFERENCE_CHARS: std::ops::RangeInclusive<usize> = 4..=64;

const NOT_UNDERSTOOD: &str = "the answer was not understood";

#[derive(Serialize)]
struct Subscriber<'a> {
    country: &'a str,
    currency: &'a str,
    msisdn: String,
}

#[derive(Serialize)]
struct Transaction<'a> {
    amount: i64,
    country: &'a str,
    currency: &'a str,
    id: String,
}

#[derive(Serialize)]
struct Collection<'a> {
    reference: String,
    subscriber: Subscriber<'a>,
    transaction: Transaction<'a>,
}

#[derive(Serialize)]
struct Payee<'a> {
    msisdn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wallet_type: Option<&'static str>,
}

#[derive(Serialize)]
struct PaidOut {
    amount: i64,
    id: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
}

#[derive(Serialize)]
struct Disbursement<'a> {
    payee: Payee<'a>,
    reference: String,
    pin: &'a str,
    transaction: PaidOut,
}

/// Our reference on the wire: letters and digits only.
pub fn id(attempt: AttemptId) -> String {
    attempt.0.simple().to_string()
}

/// The national part, without a zero before it.
pub fn msisdn(wallet: Phone) -> String {
    wallet.as_str().trim_start_matches("+250").to_owned()
}

fn reference(order: &Order) -> String {
    let note = lenient::note(&order.note, |c| c.is_ascii_alphanumeric(), *REFERENCE_CHARS.end());
    if note.len() < *REFERENCE_CHARS.start() { format!("boda{note}") } else { note }
}

/// The body of a collection.
pub fn collection(order: &Order, payer: Phone, country: &str, currency: &str) -> Vec<u8> {
    bytes(&Collection {
        reference: reference(order),
        subscriber: Subscriber { country, currency, msisdn: msisdn(payer) },
        transaction: Transaction { amount: order.amount.amount(), country, currency, id: id(order.attempt) },
    })
}

/// The body of a payout.
pub fn disbursement(order: &Order, payee: Phone, currency: &str, pin: &str, version: Disbursements) -> Vec<u8> {
    let is_first = version == Disbursements::V1;
    bytes(&Disbursement {
        payee: Payee {
            msisdn: msisdn(payee),
            currency: (!is_first).then_some(currency),
            wallet_type: (version == Disbursements::V3).then_some("NORMAL"),
        },
        reference: reference(order),
        pin,
        transaction: PaidOut {
            amount: order.amount.amount(),
            id: id(order.attempt),
            kind: (!is_first).then_some("B2C"),
        },
    })
}

/// The body of a refund: all of an earlier collection, named as Airtel does.
pub fn refund(airtel_money_id: &str) -> Vec<u8> {
    bytes(&serde_json::json!({"transaction": {"airtel_money_id": airtel_money_id}}))
}

fn bytes(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts and numbers are always JSON")
}

/// The codes of an answer: of the envelope, or of the flat shape that a router in front answers with.
fn codes(body: &Value) -> [Option<String>; 3] {
    [["status", "response_code"].as_slice(), &["status", "result_code"], &["status_code"]]
        .map(|path| lenient::text(body, path))
}

fn classes(codes: &[Option<String>; 3], operation: Operation) -> Vec<(&str, Class)> {
    let known = |code: &'_ str| class(code, operation);
    codes.iter().flatten().filter_map(|code| known(code).map(|class| (code.as_str(), class))).collect()
}

/// Whether the token is refused, which a new one may mend.
pub fn is_about_token(reply: &Reply) -> bool {
    reply.status == StatusCode::UNAUTHORIZED
        || (reply.status == StatusCode::FORBIDDEN
            && reply.json().and_then(|body| lenient::text(&body, &["error"])).as_deref() == Some("invalid_token"))
}

/// Whether the signature is refused, which a new key may mend.
pub fn is_about_signature(operation: Operation, reply: &Reply) -> bool {
    let codes = codes(&reply.json().unwrap_or_default());
    classes(&codes, operation).iter().any(|(_, class)| *class == Class::Signature)
}

/// What became of an order.
pub fn submitted(operation: Operation, original: Option<&str>, reply: &Reply) -> Submitted {
    let body = reply.json().unwrap_or_default();
    let codes = codes(&body);
    let classes = classes(&codes, operation);
    let has = |wanted: Class| classes.iter().any(|(_, class)| *class == wanted);
    match reply.status {
        StatusCode::CONFLICT => return Submitted::AlreadyExists,
        StatusCode::TOO_MANY_REQUESTS => {
            return Submitted::NotSent { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false };
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return refused(Reason::Misconfigured, reply.status.as_u16().to_string());
        }
        StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::BAD_REQUEST => {}
        status if status.is_server_error() => return Submitted::Unknown { reason: "the provider is in trouble" },
        _ => return Submitted::Unknown { reason: NOT_UNDERSTOOD },
    }
    let is_good = reply.status.is_success();
    let success = body.pointer("/status/success").and_then(Value::as_bool);
    // Whatever else is said: the reference is known there.
    if has(Class::Exists) {
        return Submitted::AlreadyExists;
    }
    if is_good && success == Some(true) {
        let told = lenient::reference(&body, &["data", "transaction", "airtel_money_id"]);
        let provider_reference = match operation {
            // A refund has no name of ours: that this one is known is how its success is remembered.
            Operation::Refund => told.or_else(|| original.map(str::to_owned)),
            Operation::Collection | Operation::Payout => told,
        };
        return Submitted::Accepted { provider_reference, page_url: None };
    }
    if has(Class::Unclear) || has(Class::Taken) || has(Class::NotFound) {
        return Submitted::Unknown { reason: "a failure whose code says nothing of the end" };
    }
    let is_failure = !is_good || success == Some(false);
    if has(Class::Signature) && is_failure {
        return refused(Reason::Misconfigured, "signature");
    }
    for (code, class) in &classes {
        if let (Class::Final(reason), true) = (*class, is_failure) {
            return refused(reason, *code);
        }
    }
    if reply.status == StatusCode::BAD_REQUEST && !has(Class::Generic) {
        return refused(Reason::Misconfigured, "400");
    }
    Submitted::Unknown { reason: NOT_UNDERSTOOD }
}

/// How an order stands.
pub fn standing(query: &Query, currency: &str, reply: &Reply) -> Standing {
    match (reply.status, reply.json()) {
        (StatusCode::OK | StatusCode::BAD_REQUEST, Some(body)) => told(query, currency, reply.status, &body),
        (StatusCode::NOT_FOUND, Some(_)) => Standing::NotFound,
        (StatusCode::NOT_FOUND, None) if reply.is_empty() => Standing::NotFound,
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            Standing::Unknown { reason: "asked too often", retry_after: reply.retry_after, is_trouble: false }
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => unknown("our credentials are refused", true),
        (status, _) if status.is_server_error() => unknown("the provider is in trouble", true),
        (StatusCode::REQUEST_TIMEOUT, _) => unknown("the provider did not answer in time", true),
        (_, None) if !reply.is_empty() => unknown("the answer is no JSON", true),
        _ => unknown(NOT_UNDERSTOOD, false),
    }
}

fn told(query: &Query, currency: &str, status: StatusCode, body: &Value) -> Standing {
    let operation = query.operation;
    let codes = codes(body);
    let classes = classes(&codes, operation);
    let has = |wanted: Class| classes.iter().any(|(_, class)| *class == wanted);
    let state = lenient::text(body, &["data", "transaction", "status"]).filter(|_| status == StatusCode::OK);
    let code = codes[0].clone().unwrap_or_default();
    match state.as_deref() {
        Some("TS") => Standing::Succeeded(Moved {
            amount: lenient::amount(body, &["data", "transaction", "amount"]),
            is_our_currency: lenient::text(body, &["data", "transaction", "currency"])
                .map(|told| told.eq_ignore_ascii_case(currency)),
            // Seen as `false` and null: only a text that is another reference is one.
            is_our_reference: body
                .pointer("/data/transaction/id")
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(|text| lenient::attempt(text) == Some(query.attempt)),
            provider_reference: lenient::reference(body, &["data", "transaction", "airtel_money_id"]),
        }),
        // In doubt, whatever the state says.
        Some("TF") if code.ends_with("00001000") => Standing::Pending,
        Some("TF") => {
            let refusal = Refusal { reason: reason_of_failure(&code, operation), code: lenient::code(&code) };
            Standing::Failed(if code.is_empty() { Refusal { code: "TF".to_owned(), ..refusal } } else { refusal })
        }
        Some("TE") => {
            let reason = if operation == Operation::Collection { Reason::PayerTimeout } else { Reason::Other };
            Standing::Failed(Refusal { reason, code: "TE".to_owned() })
        }
        // TIP and TI; TA, which is in doubt and not a failure; whatever comes to their minds.
        Some(_) => Standing::Pending,
        None if has(Class::NotFound) => Standing::NotFound,
        None if has(Class::Unclear) || has(Class::Generic) || has(Class::Taken) => Standing::Pending,
        None => unknown(NOT_UNDERSTOOD, false),
    }
}

/// How a refund stands that has no name of ours: it is done when its answer said so, and else nobody knows.
pub fn standing_of_nameless(query: &Query, refund_as: RefundAs) -> Option<Standing> {
    if query.operation != Operation::Refund || refund_as != RefundAs::Refund {
        return None;
    }
    Some(match &query.provider_reference {
        Some(reference) => Standing::Succeeded(Moved {
            amount: None,
            is_our_currency: None,
            is_our_reference: None,
            provider_reference: Some(reference.clone()),
        }),
        None => unknown("a refund without an answer cannot be asked about", false),
    })
}

/// Whose a wallet is.
pub fn holder(reply: &Reply) -> Result<Holder, Trouble> {
    let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
    let [code, ..] = codes(&body);
    match code.as_deref() {
        Some("DP02200000001") => {
            let is_barred = body.pointer("/data/is_barred").and_then(Value::as_bool);
            let name = |field: &str| lenient::text(&body, &["data", field]).filter(|name| !name.is_empty());
            Ok(Holder {
                is_active: is_barred == Some(false),
                first_name: name("first_name"),
                last_name: name("last_name"),
            })
        }
        Some("DP02200000002") => Err(Trouble::NoSuchWallet),
        _ => Err(Trouble::Away(NOT_UNDERSTOOD)),
    }
}

/// What lies in an account. A fraction of a franc is not ours to use.
pub fn balance(reply: &Reply, currency: &str) -> Result<Francs, Trouble> {
    let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
    let is_ours = lenient::text(&body, &["data", "currency"]).is_none_or(|told| told == currency);
    let text = lenient::text(&body, &["data", "balance"]).filter(|_| is_ours);
    let whole = text.as_ref().map(|text| text.replace(',', ""));
    let whole = whole.as_deref().and_then(|text| text.split('.').next()).map(lenient::francs);
    whole.and_then(Result::ok).ok_or(Trouble::Away(NOT_UNDERSTOOD))
}

/// The lines of a page of the summary.
pub fn statement(reply: &Reply) -> Result<Vec<StatementLine>, Trouble> {
    let body = reply.json().filter(|_| reply.status == StatusCode::OK).unwrap_or_default();
    let lines = body.pointer("/data/transactions").and_then(Value::as_array).ok_or(Trouble::Away(NOT_UNDERSTOOD))?;
    // A line that is passed over would be a discrepancy that nobody sees.
    lines
        .iter()
        .map(|line| statement_line(line).ok_or(Trouble::Away("a line of the statement was not understood")))
        .collect()
}

fn statement_line(line: &Value) -> Option<StatementLine> {
    let find = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| lenient::text(line, &["transaction", name]).or_else(|| lenient::text(line, &[name])))
    };
    let kind = find(&["service_type", "transaction_type", "type"])?.to_ascii_uppercase();
    let operation = if kind.contains("REFUND") || kind.contains("REVERS") {
        Operation::Refund
    } else if kind.contains("B2C") || kind.contains("DISB") || kind.contains("CASHIN") {
        Operation::Payout
    } else if kind.contains("MERCH") || kind.contains("COLL") || kind.contains("PAYMENT") {
        Operation::Collection
    } else {
        return None;
    };
    let fee = lenient::text(line, &["charges", "service"]).or_else(|| find(&["fee", "charge", "charges"]));
    let status = find(&["status", "transaction_status"])?.to_ascii_uppercase();
    Some(StatementLine {
        provider_reference: find(&["airtel_money_id", "transaction_id"])?,
        our_reference: find(&["id", "reference_no", "reference_number", "external_id"]),
        operation,
        amount: lenient::francs(&find(&["amount", "transaction_amount"])?).ok()?,
        fee: fee.map_or(Ok(Francs::ZERO), |fee| lenient::francs(&fee)).ok()?,
        is_successful: status == "TS" || status.contains("SUCCESS"),
        at: moment(&find(&["created_at", "transaction_datetime", "transaction_date", "date"])?)?,
    })
}

/// A time as they write it: milliseconds or seconds since 1970, or a date with or without a time, in Kigali.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        // Seconds pass eleven digits in the year 5138.
        return Some(Timestamp::from_millis(if number.abs() < 100_000_000_000 { number * 1_000 } else { number }));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp::from_millis(at.timestamp_millis()));
    }
    let here = |at: NaiveDateTime| {
        let into_day = at.and_utc().timestamp_millis().rem_euclid(86_400_000);
        Timestamp::from_millis(Timestamp::start_of_kigali_day(at.date()).as_millis() + into_day)
    };
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok().map(here))
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Timestamp::start_of_kigali_day))
}

#[derive(Deserialize)]
struct Callback<'a> {
    #[serde(borrow)]
    transaction: &'a RawValue,
    hash: Option<String>,
}

/// Whom a callback speaks of; with a key only when it is signed with it.
pub fn hint(body: &[u8], key: Option<&str>) -> Option<Hint> {
    let Callback { transaction, hash } = serde_json::from_slice(body).ok()?;
    if let Some(key) = key
        && !hash.is_some_and(|hash| is_hash_of(&hash, transaction.get(), key))
    {
        return None;
    }
    let transaction: Value = serde_json::from_str(transaction.get()).ok()?;
    Some(Hint { attempt: lenient::attempt(&lenient::text(&transaction, &["id"])?) })
}
