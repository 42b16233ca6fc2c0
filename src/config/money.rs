//! The sections about money: payments, providers, payouts, reconciliation, promotions.
//!
//! The reason of every number stands in `config/default.toml`; here stand the bounds within which the program works.

use super::reader::Reader;
use crate::money::BasisPoints;
use crate::payments;
use crate::pricing;
use crate::time::Span;

pub fn payments(reader: &mut Reader<'_>) -> payments::Config {
    let commission = reader.section("payments").whole("commission_basis_points", 0..=BasisPoints::WHOLE.0);
    payments::Config { commission: BasisPoints(commission) }
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
