//! The sections about money: payments, providers, payouts, reconciliation, promotions.
//!
//! The reason of every number stands in `config/default.toml`; here stand the bounds within which the program works.

use std::collections::BTreeMap;

use super::reader::Reader;
use crate::money::{BasisPoints, Francs};
use crate::payments::{self, ProviderId, engine};

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
    payments::Config { commission, outstanding_max, tells_of_success, engine }
}
