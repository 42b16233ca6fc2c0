//! The sections `stages` and `demand`: drivers who wait for riders, and riders who wait for drivers.

use super::reader::Reader;
use crate::locations::stages;
use crate::money::BasisPoints;
use crate::rides::queue;
use crate::{demand, steering};

/// What makes and ends a place at a stage.
pub fn stage_rules(reader: &mut Reader<'_>) -> stages::Rules {
    let mut s = reader.section("stages");
    stages::Rules {
        reentry_grace: s.span("reentry_grace_s", 0..=3_600),
        dark_grace: s.span("dark_grace_s", 10..=86_400),
        declines_max: s.whole("declines_max", 0..=100),
        places_max: s.whole("places_max", 1..=10_000),
    }
}

pub fn stages(reader: &mut Reader<'_>) -> stages::Config {
    stages::Config { sweep: reader.section("stages").span("sweep_ms", 50..=60_000) }
}

pub fn steering(reader: &mut Reader<'_>) -> steering::Config {
    let mut s = reader.section("demand");
    steering::Config {
        sample: s.span("sample_s", 1..=600),
        window_minutes: s.whole("window_minutes", 1..=60),
        cells_max: s.whole("cells_max", 10..=1_000_000),
        rules: demand::Rules {
            surge_requests_min: s.whole("surge_requests_min", 1..=1_000_000),
            surge_max: BasisPoints(s.whole("surge_max_basis_points", 10_000..=100_000)),
            shown_requests_min: s.whole("shown_requests_min", 1..=1_000),
            full_riders: s.whole("full_riders", 1..=100_000),
        },
        hint_reach_m: s.number("hint_reach_m", 100.0..=20_000.0),
        hint_lifetime: s.span("hint_lifetime_s", 10..=3_600),
        hint_budget_max: s.whole("hint_budget_max", 0..=1_000),
        idle_after: s.span("idle_after_s", 0..=86_400),
    }
}

/// The queue of riders.
pub fn ride_queue(reader: &mut Reader<'_>) -> queue::Config {
    let mut s = reader.section("demand");
    queue::Config {
        reach_m: s.number("queue_reach_m", 100.0..=20_000.0),
        refresh: s.span("queue_refresh_ms", 100..=60_000),
    }
}
