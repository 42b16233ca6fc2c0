//! The sections about money: payments, providers, payouts, reconciliation, promotions.
//!
//! The reason of every number stands in `config/default.toml`; here stand the bounds within which the program works.

use super::reader::Reader;
use crate::money::BasisPoints;
use crate::payments;

pub fn payments(reader: &mut Reader<'_>) -> payments::Config {
    let commission = reader.section("payments").whole("commission_basis_points", 0..=BasisPoints::WHOLE.0);
    payments::Config { commission: BasisPoints(commission) }
}
