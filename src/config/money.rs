//! The sections about money: payments, providers, payouts, reconciliation, promotions.
//!
//! The reason of every number stands in `config/default.toml`; here stand the bounds within which the program works.

use super::reader::Reader;
use crate::money::{BasisPoints, Francs};
use crate::payments;
use crate::pricing;
use crate::time::Span;

pub fn payments(reader: &mut Reader<'_>) -> payments::Config {
    let commission = reader.section("payments").whole("commission_basis_points", 0..=BasisPoints::WHOLE.0);
    payments::Config { commission: BasisPoints(commission), promotions: promotions(reader), receipts: receipts(reader) }
}

fn promotions(reader: &mut Reader<'_>) -> payments::promotions::Config {
    let mut section = reader.section("promotions");
    let mut francs = |name: &str, most: i64| Francs(section.whole(name, 0..=most));
    let approval_above = francs("approval_above_rwf", 1_000_000_000);
    let referral_reward = francs("referral_reward_rwf", 100_000);
    let referral_budget = francs("referral_budget_rwf", 1_000_000_000);
    let (tip_min, tip_max) = (francs("tip_min_rwf", 10_000), francs("tip_max_rwf", 1_000_000));
    section.require(
        Francs(1) <= tip_min && tip_min <= tip_max,
        "tip_min_rwf",
        "tip_max_rwf",
        "must be at least 1 and no more than it",
    );
    let tip_within = Span::from_minutes(section.whole("tip_days", 1..=365) * 24 * 60);
    let sweep_every = section.span("sweep_s", 1..=3_600);
    payments::promotions::Config {
        approval_above,
        referral_reward,
        referral_budget,
        tip_min,
        tip_max,
        tip_within,
        sweep_every,
    }
}

fn receipts(reader: &mut Reader<'_>) -> payments::receipts::Config {
    let mut section = reader.section("receipts");
    payments::receipts::Config {
        seller: section.text("seller"),
        tin: section.optional_text("tin"),
        address: section.optional_text("address"),
    }
}

pub fn prices(reader: &mut Reader<'_>, commission: BasisPoints) -> pricing::Config {
    let mut s = reader.section("pricing");
    let days: i64 = s.whole("dispute_within_days", 1..=365);
    pricing::Config {
        commission,
        reload_every: s.span("reload_every_s", 1..=60),
        dispute_within: Span::from_secs(days * 86_400),
    }
}
