//! The sections about money: payments, providers, payouts, reconciliation, promotions.
//!
//! The reason of every number stands in `config/default.toml`; here stand the bounds within which the program works.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::money::{BasisPoints, Francs};
use crate::payments::{self, ProviderId, engine};
use crate::pricing;
use crate::time::Span;

pub fn payments(reader: &mut Reader<'_>) -> payments::Config {
    let mut section = reader.section("payments");
    let commission = BasisPoints(section.whole("commission_basis_points", 0..=BasisPoints::WHOLE.0));
    let outstanding_max = Francs(section.whole("outstanding_max_rwf", 0..=1_000_000));
    let tells_of_success = section.flag("notices_of_success");
    let calls_max = section.whole("calls_max", 1..=4_096);
    let per_s = 1..=100_000_u32;
    let status_reads_per_s = BTreeMap::from([
        (ProviderId::Mtn, section.whole("mtn_status_reads_per_s", per_s.clone())),
        (ProviderId::Airtel, section.whole("airtel_status_reads_per_s", per_s.clone())),
        (ProviderId::Card, section.whole("card_status_reads_per_s", per_s)),
    ]);
    let callback_base_url = Some(section.text("callback_base_url")).filter(|url| !url.is_empty());
    let engine = engine::Config { calls_max, status_reads_per_s, callback_base_url };
    let saved_max = section.whole("saved_methods_max", 1..=50);
    let adjustment_max = Francs(section.whole("adjustment_rwf_max", 1..=100_000_000));
    let (hold, payouts) = payouts(reader);
    payments::Config {
        commission,
        outstanding_max,
        tells_of_success,
        engine,
        methods: payments::methods::Config { saved_max, hold },
        payouts,
        adjustment_max,
        watch: watch(reader),
        promotions: promotions(reader),
        receipts: receipts(reader),
    }
}

fn payouts(reader: &mut Reader<'_>) -> (Span, payments::payouts::terms::Config) {
    let mut section = reader.section("payouts");
    let hold = Span::from_minutes(section.whole::<i64>("wallet_hold_hours", 0..=720).saturating_mul(60));
    let config = payments::payouts::terms::Config {
        amount_min: Francs(section.whole("amount_rwf_min", 1..=1_000_000)),
        amount_max: Francs(section.whole("amount_rwf_max", 1..=10_000_000)),
        fee: Francs(section.whole("fee_rwf", 0..=100_000)),
        fee_share: BasisPoints(section.whole("fee_basis_points", 0..=5_000)),
        tax: BasisPoints(section.whole("tax_basis_points", 0..=BasisPoints::WHOLE.0)),
        a_day_max: section.whole("a_day_max", 1..=1_000),
        approval_from: Francs(section.whole("approval_rwf_from", 1..=1_000_000_000)),
        weekly_min: Francs(section.whole("weekly_rwf_min", 1..=1_000_000)),
    };
    let is_sound = config.amount_min <= config.amount_max;
    section.require(is_sound, "amount_rwf_min", "payouts.amount_rwf_max", "is more than payouts.amount_rwf_max");
    (hold, config)
}

fn watch(reader: &mut Reader<'_>) -> payments::watch::Config {
    let mut section = reader.section("watch");
    payments::watch::Config {
        single_from: Francs(section.whole("single_rwf_from", 1..=1_000_000_000)),
        day_from: Francs(section.whole("day_rwf_from", 1..=1_000_000_000)),
        payouts_a_day_max: section.whole("payouts_to_wallet_a_day_max", 1..=1_000),
        small_fare: Francs(section.whole("small_fare_rwf", 1..=1_000_000)),
        small_rides_a_day_max: section.whole("small_rides_of_pair_a_day_max", 1..=1_000),
        declines_a_day_max: section.whole("declines_a_day_max", 1..=1_000),
        wallet_change_window: Span::from_minutes(
            section.whole::<i64>("wallet_change_hours", 1..=720).saturating_mul(60),
        ),
        attempts_an_hour_max: section.whole("attempts_an_hour_max", 1..=1_000),
    }
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
