//! The sections of the city: travel times, dispatch.
//!
//! Separate from the machine room's because these numbers are about people in traffic. The reason of every number stands
//! in `config/default.toml`; here stand the bounds within which the program works.

use super::reader::Reader;
use crate::dispatch;

/// Travel times without a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TravelConfig {
    /// Length of the road over the straight line.
    pub detour_factor: f64,
    /// What a moto averages along the road, km/h.
    pub speed_kmh: f64,
}

pub fn travel(reader: &mut Reader<'_>) -> TravelConfig {
    let mut s = reader.section("travel");
    let detour_factor = s.number("detour_factor", 1.0..=10.0);
    let speed_kmh = s.number("speed_kmh", 1.0..=150.0);
    TravelConfig { detour_factor, speed_kmh }
}

pub fn dispatch(reader: &mut Reader<'_>) -> dispatch::Config {
    let mut s = reader.section("dispatch");
    let config = dispatch::Config {
        offer_ttl: s.span("offer_ttl_s", 5..=120),
        lost_grace: s.span("lost_grace_ms", 0..=60_000),
        search_interval: s.span("search_interval_ms", 100..=60_000),
        search_max: s.span("search_max_s", 5..=3_600),
        offers_max: s.whole("offers_max", 1..=1_000),
        pin_attempts_max: s.whole("pin_attempts_max", 1..=20),
        pin_lock: s.span("pin_lock_s", 1..=3_600),
        lost_shift_max: s.span("lost_shift_max_s", 10..=86_400),
        remember_ended: s.span("remember_ended_s", 60..=86_400),
    };
    s.require(config.search_max >= config.offer_ttl, "search_max_s", "is less than offer_ttl_s");
    config
}
