//! Whose a wallet is, what lies in the customer's own, and the summary of what moved.

use serde_json::{Value, json};

use super::codes::{self, COLLECTION};
use super::{gate, standing};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{AccountKey, Flow, Provider, Status, World};
use crate::time::Timestamp;

/// Transactions in one answer.
const SUMMARY_MAX: usize = 1_000;

/// `GET /standard/v1/users/{msisdn}`
pub fn kyc(world: &World, call: &Call, msisdn: &str) -> Result<Reply, Reply> {
    gate::pass(world, call, COLLECTION)?;
    let is_number = msisdn.len() == 9 && msisdn.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || msisdn.ends_with("029") {
        let status = codes::status(false, "DP02200000002", "ESB000011", "User not found");
        return Err(Reply::json(200, &json!({"status": status})));
    }
    let wallet = world.with(|state, _| state.wallets.wallet(Provider::Airtel, &format!("250{msisdn}")));
    let data = json!({
        "first_name": wallet.first_name,
        "last_name": wallet.last_name,
        "msisdn": msisdn,
        "is_barred": !wallet.active,
        "is_pin_set": true,
        "grade": "SUBS",
        "registration": {"id": "", "status": "SUBS"},
    });
    let status = codes::status(true, "DP02200000001", "ESB000010", "SUCCESS");
    Ok(Reply::json(200, &json!({"data": data, "status": status})))
}

/// `GET /standard/v1/users/balance`, `GET /standard/v2/users/balance?type=COLL`
pub fn balance(world: &World, call: &Call) -> Result<Reply, Reply> {
    let tenant = gate::pass(world, call, COLLECTION)?;
    let product = match call.query("type").unwrap_or_default().to_ascii_uppercase().as_str() {
        "DISB" | "CASHIN" => "disbursement",
        _ => "collection",
    };
    let key = AccountKey { provider: Provider::Airtel, tenant, product, currency: "RWF" };
    let balance = world.with(|state, _| state.wallets.account(&key).balance);
    let data = json!({"balance": balance.to_string(), "currency": "RWF", "account_status": "Active"});
    let status = codes::status(true, "DP02300001001", "ESB000010", "SUCCESS");
    Ok(Reply::json(200, &json!({"data": data, "status": status})))
}

/// `GET /merchant/v1/transactions?from&to&limit&offset`; from and to in milliseconds or seconds since 1970.
pub fn summary(world: &World, call: &Call) -> Result<Reply, Reply> {
    let tenant = gate::pass(world, call, COLLECTION)?;
    let number = |name: &str| call.query(name).and_then(|text| text.parse::<i64>().ok());
    let time = |name: &str| {
        // Nobody means 1970 by a number of eleven digits.
        let time = number(name)?;
        Some(Timestamp::from_millis(if time < 100_000_000_000 { time.saturating_mul(1_000) } else { time }))
    };
    let (from, to) = (time("from"), time("to"));
    let offset = usize::try_from(number("offset").unwrap_or(0)).unwrap_or(0);
    let limit = usize::try_from(number("limit").unwrap_or(100)).unwrap_or(0).clamp(1, SUMMARY_MAX);
    world.with(|state, _| {
        let wanted: Vec<Value> = state
            .book
            .all()
            .filter(|order| order.provider == Provider::Airtel && order.tenant == tenant)
            .filter_map(|order| {
                let at = order.ended?;
                let is_within = from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
                let service = match order.flow {
                    Flow::In => "MERCHPAY",
                    Flow::Out => "DISBURSEMENT",
                    Flow::Back => "REFUND",
                    Flow::Nowhere => return None,
                };
                is_within.then(|| {
                    json!({
                        "airtel_money_id": state.stated_reference(order),
                        "id": order.reference,
                        "reference": order.external_id,
                        "service_type": service,
                        "amount": order.moves,
                        "charges": {"service": order.fee},
                        "currency": "RWF",
                        "msisdn": order.party.trim_start_matches("250"),
                        "status": standing::word(order).0,
                        "is_successful": order.status == Status::Successful,
                        "transaction_date": at,
                    })
                })
            })
            .collect();
        let count = wanted.len();
        let page: Vec<Value> = wanted.into_iter().skip(offset).take(limit).collect();
        let status = codes::status(true, &COLLECTION.code("01001"), "ESB000010", "SUCCESS");
        Ok(Reply::json(200, &json!({"data": {"count": count, "transactions": page}, "status": status})))
    })
}
