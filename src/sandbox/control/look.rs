//! Looking at the world.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arrange::{digits, provider_of};
use super::{Control, Refused, refused};
use crate::sandbox::world::{Amount, Discrepancy, Entry, Fault, Line, Provider, Switches, Transaction, Wallet};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 10_000;
/// Orders that were charged more than once, as listed.
const REPEATED_MAX: usize = 100;

/// What is looked for; all that is said must fit.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    provider: Option<Provider>,
    msisdn: Option<String>,
    reference: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    op: Option<String>,
    tenant: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

impl Look {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX)
    }

    fn is_of(&self, provider: Provider) -> bool {
        self.provider.is_none_or(|wanted| wanted == provider)
    }

    fn msisdn(&self) -> Option<String> {
        self.msisdn.as_deref().map(digits)
    }
}

fn is_or_none(wanted: Option<&String>, is: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == is)
}

pub async fn clock(State(control): State<Control>) -> Json<Value> {
    Json(json!({"now": control.world.now()}))
}

pub async fn switches(State(control): State<Control>) -> Json<Switches> {
    Json(control.world.with(|state, _| state.switches.clone()))
}

pub async fn faults(State(control): State<Control>) -> Json<Value> {
    let items: Vec<Fault> = control.world.with(|state, _| state.faults.clone());
    Json(json!({"items": items}))
}

pub async fn discrepancies(State(control): State<Control>) -> Json<Value> {
    let items: Vec<Discrepancy> = control.world.with(|state, _| state.discrepancies.clone());
    Json(json!({"items": items}))
}

pub async fn transactions(State(control): State<Control>, Query(look): Query<Look>) -> Json<Value> {
    let msisdn = look.msisdn();
    Json(control.world.with(|state, _| {
        let is_wanted = |order: &&Transaction| {
            look.is_of(order.provider)
                && is_or_none(msisdn.as_ref(), &order.party)
                && is_or_none(look.kind.as_ref(), order.kind)
                && is_or_none(look.status.as_ref(), order.status.as_str())
                && is_or_none(look.tenant.as_ref(), &order.tenant)
                && look.reference.as_ref().is_none_or(|reference| {
                    [&order.reference, &order.external_id, &order.provider_reference].contains(&reference)
                })
        };
        let items: Vec<_> =
            state.book.all().rev().filter(is_wanted).take(look.limit()).map(Transaction::shown).collect();
        json!({"items": items})
    }))
}

pub async fn requests(State(control): State<Control>, Query(look): Query<Look>) -> Json<Value> {
    Json(control.world.with(|state, _| {
        let seen = state.requests.iter().rev();
        let seen = seen.filter(|seen| look.is_of(seen.provider) && is_or_none(look.op.as_ref(), seen.op));
        let items: Vec<_> = seen.take(look.limit()).collect();
        json!({"items": items})
    }))
}

pub async fn callbacks(State(control): State<Control>, Query(look): Query<Look>) -> Json<Value> {
    Json(control.world.with(|state, _| {
        let told = state.told.iter().rev();
        let told =
            told.filter(|told| look.is_of(told.provider) && is_or_none(look.reference.as_ref(), &told.reference));
        let items: Vec<_> = told.take(look.limit()).collect();
        json!({"items": items})
    }))
}

pub async fn journal(State(control): State<Control>, Query(look): Query<Look>) -> Json<Value> {
    let msisdn = look.msisdn();
    Json(control.world.with(|state, _| {
        let is_wanted = |entry: &&Entry| {
            look.is_of(entry.provider)
                && look.after.is_none_or(|after| entry.number > after)
                && is_or_none(msisdn.as_ref(), &entry.msisdn)
                && is_or_none(look.kind.as_ref(), entry.kind)
                && is_or_none(look.tenant.as_ref(), &entry.tenant)
                && look
                    .reference
                    .as_ref()
                    .is_none_or(|reference| [&entry.reference, &entry.external_id].contains(&reference))
        };
        let items: Vec<_> = state.wallets.journal.iter().filter(is_wanted).take(look.limit()).collect();
        json!({"items": items, "last": state.wallets.journal.back().map_or(0, |entry| entry.number)})
    }))
}

/// What a load test wants to know at its end.
pub async fn sums(State(control): State<Control>, Query(look): Query<Look>) -> Json<Value> {
    Json(control.world.with(|state, _| {
        let (mut debits, mut credits, mut debited, mut credited) = (0_u64, 0_u64, Amount(0), Amount(0));
        let mut charged: BTreeMap<(Provider, &str), u64> = BTreeMap::new();
        let is_wanted =
            |entry: &&Entry| look.is_of(entry.provider) && look.after.is_none_or(|after| entry.number > after);
        for entry in state.wallets.journal.iter().filter(is_wanted) {
            if entry.delta.0 < 0 {
                debits += 1;
                debited.0 -= entry.delta.0;
                // By what the customer calls its order, so that an order sent under two names shows.
                let name = if entry.external_id.is_empty() || entry.provider != Provider::Mtn {
                    &entry.reference
                } else {
                    &entry.external_id
                };
                *charged.entry((entry.provider, name)).or_default() += 1;
            } else {
                credits += 1;
                credited.0 += entry.delta.0;
            }
        }
        let repeated: Vec<_> = charged
            .iter()
            .filter(|(_, count)| **count > 1)
            .take(REPEATED_MAX)
            .map(
                |((provider, reference), count)| json!({"provider": provider, "reference": reference, "debits": count}),
            )
            .collect();
        let forgotten = state.wallets.journal.front().map_or(0, |entry| entry.number - 1);
        json!({
            "debits": debits, "debited": debited, "credits": credits, "credited": credited,
            "orders_debited": charged.len(), "debited_more_than_once": repeated, "forgotten": forgotten,
        })
    }))
}

/// A wallet as it is shown.
pub fn shown(provider: Provider, msisdn: &str, wallet: &Wallet) -> Value {
    let mut shown = json!(wallet);
    shown["provider"] = json!(provider);
    shown["msisdn"] = json!(msisdn);
    shown
}

pub async fn wallet(State(control): State<Control>, Query(look): Query<Look>) -> Result<Json<Value>, Refused> {
    let Some(typed) = look.msisdn.as_deref() else { return Err(refused("msisdn is missing")) };
    let (provider, msisdn) = (look.provider.unwrap_or_else(|| provider_of(typed)), digits(typed));
    Ok(Json(control.world.with(|state, _| shown(provider, &msisdn, &state.wallets.wallet(provider, &msisdn)))))
}

pub async fn accounts(State(control): State<Control>) -> Json<Value> {
    Json(control.world.with(|state, _| {
        let items: Vec<_> = state
            .wallets
            .accounts()
            .map(|(key, account)| {
                json!({
                    "provider": key.provider, "tenant": *key.tenant, "product": key.product, "currency": key.currency,
                    "opening": account.opening, "balance": account.balance,
                })
            })
            .collect();
        json!({"items": items})
    }))
}

/// Which statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    provider: Provider,
    /// The day in Kigali; today if not said.
    day: Option<NaiveDate>,
    #[serde(default)]
    format: Format,
    tenant: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

pub async fn statement(State(control): State<Control>, Query(which): Query<Which>) -> Result<Response, Refused> {
    let (day, lines) = control.world.with(|state, now| {
        let day = which.day.unwrap_or_else(|| now.kigali_day());
        (day, state.statement(which.provider, which.tenant.as_deref(), day))
    });
    match which.format {
        Format::Json => Ok(Json(json!({"provider": which.provider, "day": day, "lines": lines})).into_response()),
        Format::Csv => {
            let table = csv(&lines).map_err(refused)?;
            Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], table).into_response())
        }
    }
}

fn csv(lines: &[Line]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record([
        "provider_reference",
        "our_reference",
        "sent_as",
        "operation",
        "amount",
        "fee",
        "currency",
        "status",
        "at",
    ])?;
    for line in lines {
        let (amount, fee, at) = (line.amount.to_string(), line.fee.to_string(), line.at.to_string());
        table.write_record([
            line.provider_reference.as_str(),
            &line.our_reference,
            &line.sent_as,
            line.operation,
            &amount,
            &fee,
            line.currency,
            line.status,
            &at,
        ])?;
    }
    table.into_inner().map_err(|error| error.into_error().into())
}
