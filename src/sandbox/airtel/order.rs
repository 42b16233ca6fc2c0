//! Orders: payments, refunds and payouts. What is refused is refused with HTTP 200 and consumes no identity.

use serde_json::{Value, json};

use super::codes::{self, COLLECTION, Codes, DISBURSEMENT};
use super::{PIN, crypto, gate, standing};
use crate::sandbox::wire::{Call, Reply};
use crate::sandbox::world::{Amount, End, Flow, Order, Plan, Provider, State, Status, World, of_airtel};
use crate::time::Span;

/// Longest identity of an order.
const ID_CHARS_MAX: usize = 64;

/// What a body says.
struct Wish {
    id: String,
    reference: String,
    msisdn: String,
    amount: Amount,
}

/// `POST /merchant/v{1,2}/payments/`
pub fn collect(world: &World, call: &Call, version: u8) -> Result<Reply, Reply> {
    let tenant = gate::pass(world, call, COLLECTION)?;
    gate::signed(world, call, COLLECTION, version)?;
    let body = call.json().ok_or_else(|| COLLECTION.refused("01005", "ESB000008", "The body is not JSON"))?;
    let wish = read(&body, "subscriber", COLLECTION)?;
    world.with(|state, now| {
        let order = Order {
            provider: Provider::Airtel,
            tenant,
            product: "collection",
            family: "collection",
            kind: "payments",
            flow: Flow::In,
            reference: wish.id.clone(),
            external_id: wish.reference,
            plan: of_airtel(&wish.msisdn, state.switches.prompt_delay(), false),
            party: wish.msisdn,
            amount: wish.amount,
            currency: "RWF",
            callback: state.switches.airtel_callback_url.clone(),
            original: None,
            body: call.body.clone(),
        };
        state.submit(order, now).map_err(|_| COLLECTION.duplicate())?;
        // A prompt was sent: this says nothing about the money.
        let status = codes::status(true, &COLLECTION.code("01006"), "ESB000010", "SUCCESS");
        let data = json!({"transaction": {"id": wish.id, "status": "SUCCESS"}});
        Ok(Reply::json(200, &json!({"data": data, "status": status})))
    })
}

/// `POST /standard/v{1,2,3}/disbursements/`
pub fn disburse(world: &World, call: &Call, version: u8) -> Result<Reply, Reply> {
    let tenant = gate::pass(world, call, DISBURSEMENT)?;
    gate::signed(world, call, DISBURSEMENT, version)?;
    let body = call.json().ok_or_else(|| DISBURSEMENT.refused("01005", "ESB000008", "The body is not JSON"))?;
    let wish = read(&body, "payee", DISBURSEMENT)?;
    if version >= 2 && !matches!(body["transaction"]["type"].as_str(), Some("B2C" | "B2B")) {
        return Err(DISBURSEMENT.refused("01005", "ESB000008", "transaction.type is not B2C or B2B"));
    }
    if version >= 3 && !matches!(body["payee"]["wallet_type"].as_str(), Some("NORMAL" | "SALARY")) {
        return Err(DISBURSEMENT.refused("01005", "ESB000008", "payee.wallet_type is not NORMAL or SALARY"));
    }
    // After everything cheap: it takes milliseconds.
    let pin = body["pin"].as_str().and_then(|sealed| crypto::pin(world, sealed));
    if pin.as_deref() != Some(PIN) {
        return Err(DISBURSEMENT.refused("01009", "ROUTER114", "Invalid PIN"));
    }
    world.with(|state, now| {
        let plan = of_airtel(&wish.msisdn, state.switches.prompt_delay(), true);
        // Nobody is asked, so what is not slow by its number is done when it is answered.
        let is_usual = !plan.is_ambiguous && plan.hidden == Span::ZERO;
        let plan = match plan.ends {
            Some((after, end)) if is_usual && after <= state.switches.prompt_delay() => {
                Plan { ends: Some((Span::ZERO, end)), ..plan }
            }
            _ => plan,
        };
        let order = Order {
            provider: Provider::Airtel,
            tenant,
            product: "disbursement",
            family: "disbursement",
            kind: "disbursements",
            flow: Flow::Out,
            reference: wish.id,
            external_id: wish.reference,
            party: wish.msisdn,
            amount: wish.amount,
            currency: "RWF",
            plan,
            callback: state.switches.airtel_callback_url.clone(),
            original: None,
            body: without_pin(&body),
        };
        let number = state.submit(order, now).map_err(|_| DISBURSEMENT.duplicate())?;
        Ok(paid(state, number))
    })
}

/// What a payout is answered.
fn paid(state: &State, number: u64) -> Reply {
    let Some(order) = state.book.get(number) else { return Reply::empty(500) };
    let (word, end) = standing::word(order);
    let mut transaction = json!({"reference_id": order.provider_reference, "id": order.reference, "status": word});
    if order.status == Status::Successful {
        transaction["airtel_money_id"] = json!(order.provider_reference);
    }
    let (success, message) = match order.status {
        Status::Failed(reason) => (false, codes::words(reason)),
        _ if order.is_ambiguous => (false, "Transaction is ambiguous"),
        _ => (true, "SUCCESS"),
    };
    let result = match order.status {
        Status::Failed(_) => "ESB000011",
        _ if order.is_ambiguous => "ESB000001",
        _ => "ESB000010",
    };
    let status = codes::status(success, &end, result, message);
    Reply::json(200, &json!({"data": {"transaction": transaction}, "status": status}))
}

/// The order as it may be kept.
fn without_pin(body: &Value) -> bytes::Bytes {
    let mut body = body.clone();
    body["pin"] = Value::Null;
    body.to_string().into()
}

/// `POST /standard/v{1,2}/payments/refund`
pub fn refund(world: &World, call: &Call, version: u8) -> Result<Reply, Reply> {
    let tenant = gate::pass(world, call, COLLECTION)?;
    gate::signed(world, call, COLLECTION, version)?;
    let body = call.json().ok_or_else(|| COLLECTION.refused("01005", "ESB000008", "The body is not JSON"))?;
    let named = body["transaction"]["airtel_money_id"].as_str().unwrap_or_default().to_owned();
    world.with(|state, now| {
        let original = state.book.by_provider_reference(&named).filter(|original| {
            original.provider == Provider::Airtel && original.tenant == tenant && original.flow == Flow::In
        });
        let Some(original) = original.filter(|original| original.status == Status::Successful) else {
            return Err(COLLECTION.refused("01025", "ESB000045", "Transaction not found"));
        };
        if original.given_back.0 > 0 {
            return Err(COLLECTION.duplicate());
        }
        let order = Order {
            provider: Provider::Airtel,
            tenant,
            product: "collection",
            family: "refund",
            kind: "refund",
            flow: Flow::Back,
            reference: format!("{named}.refund"),
            external_id: original.reference.clone(),
            party: original.party.clone(),
            amount: original.moves,
            currency: "RWF",
            plan: Plan { ends: Some((Span::ZERO, End::Success)), ..Plan::success(Span::ZERO) },
            callback: None,
            original: Some(original.number),
            body: call.body.clone(),
        };
        let number = state.submit(order, now).map_err(|_| COLLECTION.duplicate())?;
        match state.book.get(number).map(|order| order.status) {
            Some(Status::Successful) => {
                let data = json!({"transaction": {"airtel_money_id": named, "status": "SUCCESS"}});
                let status = codes::status(true, &COLLECTION.code("01001"), "ESB000010", "SUCCESS");
                Ok(Reply::json(200, &json!({"data": data, "status": status})))
            }
            _ => Err(COLLECTION.refused("01005", "ESB000011", "Refund has failed")),
        }
    })
}

fn read(body: &Value, party: &str, codes: Codes) -> Result<Wish, Reply> {
    let invalid = |message: &str| codes.refused("01005", "ESB000008", message);
    let transaction = &body["transaction"];
    let id = match &transaction["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => String::new(),
    };
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX || id.contains('/') {
        return Err(invalid("transaction.id is not an identity of at most 64 characters"));
    }
    let amount = match &transaction["amount"] {
        Value::Number(number) => Amount::parse(&number.to_string()),
        _ => None,
    };
    let Some(amount) = amount.filter(|amount| amount.0 > 0 && amount.is_whole()) else {
        return Err(codes.refused("01004", "ESB000008", "transaction.amount is not a positive number"));
    };
    let msisdn = match &body[party]["msisdn"] {
        Value::String(msisdn) => msisdn.clone(),
        Value::Number(msisdn) => msisdn.to_string(),
        _ => String::new(),
    };
    if msisdn.len() != 9 || !msisdn.bytes().all(|byte| byte.is_ascii_digit()) || msisdn.starts_with('0') {
        let end = if party == "payee" { "01012" } else { "01005" };
        return Err(codes.refused(end, "ESB000033", "Invalid MSISDN Length. MSISDN Length should be 9"));
    }
    for place in ["/subscriber/currency", "/transaction/currency", "/payee/currency"] {
        if body.pointer(place).is_some_and(|currency| currency.as_str() != Some("RWF")) {
            return Err(codes.refused("01005", "ESB000035", "Invalid currency"));
        }
    }
    let reference = body["reference"].as_str().unwrap_or_default();
    // Letters and digits are asked for; clients that write more are known to be served.
    if !(4..=64).contains(&reference.chars().count()) || reference.chars().any(char::is_control) {
        return Err(invalid("reference is not a text of 4 to 64 letters and digits"));
    }
    Ok(Wish { id, reference: reference.to_owned(), msisdn: format!("250{msisdn}"), amount })
}
