//! The sections about people and their money, and about their stand-ins: auth, payments, sandbox, demo.
//!
//! Separate from the city's sections because nothing here moves. The reason of every number stands in
//! `config/default.toml`; here stand the bounds within which the program works.

use std::net::SocketAddr;

use super::reader::Reader;
use crate::money::BasisPoints;
use crate::payments;
use crate::time::Span;

/// Stand-ins for the outside world.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// Whether `serve` starts them; always so in demo mode.
    pub enabled: bool,
    /// Where; port 0 takes a free one. Loopback.
    pub listen: SocketAddr,
}

/// A simulated city.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Whether `serve` starts it.
    pub enabled: bool,
    /// Drivers on the road.
    pub drivers: u32,
    /// Wishes to ride, on average.
    pub rides_per_minute: f64,
    /// Where all chance comes from.
    pub seed: u64,
}

pub fn access_token_lifetime(reader: &mut Reader<'_>) -> Span {
    reader.section("auth").span("access_token_lifetime_minutes", 1..=1_440)
}

pub fn payments(reader: &mut Reader<'_>) -> payments::Config {
    let commission = reader.section("payments").whole("commission_basis_points", 0..=BasisPoints::WHOLE.0);
    payments::Config { commission: BasisPoints(commission) }
}

pub fn demo(reader: &mut Reader<'_>) -> DemoConfig {
    let mut s = reader.section("demo");
    DemoConfig {
        enabled: s.flag("enabled"),
        drivers: s.whole("drivers", 1..=100_000),
        rides_per_minute: s.number("rides_per_minute", 0.0..=100_000.0),
        seed: s.whole("seed", 0..=i64::MAX.unsigned_abs()),
    }
}

pub fn sandbox(reader: &mut Reader<'_>, demo: &DemoConfig) -> SandboxConfig {
    let mut s = reader.section("sandbox");
    let config = SandboxConfig { enabled: s.flag("enabled") || demo.enabled, listen: s.address("listen") };
    let reason = "is not a loopback address, and whoever reaches the sandbox reads every sign-in code";
    s.require(config.listen.ip().is_loopback(), "listen", reason);
    config
}
