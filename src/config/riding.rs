//! The parts of `[rides]` and the sections about people who ride together: relations, agents, pairing.
//!
//! Separate from the city's sections because nothing here moves. The reason of every number stands in
//! `config/default.toml`; here stand the bounds within which the program works.

use super::reader::Reader;
use crate::rides::{agents, pairing, relations};

pub fn relations(reader: &mut Reader<'_>) -> relations::Config {
    let mut s = reader.section("relations");
    relations::Config {
        blocked_max: s.whole("blocked_max", 1..=1_000),
        favourites_max: s.whole("favourites_max", 1..=1_000),
        record_span: s.span("record_days", 1..=365),
        record_newest_max: s.whole("record_newest_max", 1..=1_000),
    }
}

pub fn agents(reader: &mut Reader<'_>) -> agents::Config {
    let mut s = reader.section("agents");
    agents::Config {
        live_rides_max: s.whole("live_rides_max", 1..=10_000),
        actions_per_hour_max: s.whole("actions_per_hour_max", 1..=100_000),
    }
}

pub fn pairing(reader: &mut Reader<'_>) -> pairing::Config {
    let mut s = reader.section("pairing");
    pairing::Config {
        code_lifetime: s.span("code_lifetime_s", 10..=3_600),
        codes_apart_m: s.number("codes_apart_m", 0.0..=100_000.0),
        distance_m_max: s.number("distance_max_m", 1.0..=5_000.0),
        guesses_max: s.whole("guesses_max", 1..=1_000),
        guess_window: s.span("guess_window_s", 10..=86_400),
        driver_kit_lifetime: s.span("driver_kit_minutes", 10..=10_080),
        rider_kit_lifetime: s.span("rider_kit_days", 1..=90),
        clock_ahead_max: s.span("clock_ahead_max_s", 0..=3_600),
        handed_in_within: s.span("handed_in_within_minutes", 1..=10_080),
    }
}
