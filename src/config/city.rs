//! The sections of the city: where it is, its drivers, travel times, dispatch, rides.
//!
//! Separate from the machine room's because these numbers are about people in traffic. The reason of every number stands
//! in `config/default.toml`; here stand the bounds within which the program works.

use std::path::PathBuf;

use super::reader::Reader;
use super::riding;
use crate::geo::{Area, LatLng, RWANDA};
use crate::locations::{geofences, history};
use crate::matching::costs::Weights;
use crate::matching::record::Prior;
use crate::money::BasisPoints;
use crate::road::{correction, traffic};
use crate::{dispatch, index, locations, maps, rides};

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

pub fn map(reader: &mut Reader<'_>) -> maps::Config {
    let mut s = reader.section("map");
    let half_life = s.span("half_life_days", 1..=365);
    maps::Config {
        file: s.optional_text("file").map(PathBuf::from),
        town: s.flag("town"),
        reweigh: s.span("reweigh_s", 1..=3_600),
        persist: s.span("persist_s", 1..=86_400),
        observations_max: s.whole("observations_max", 1..=10_000_000),
        snap_m_max: s.number("snap_m_max", 1.0..=10_000.0),
        closures_max: s.whole("closures_max", 1..=10_000),
        speeds: traffic::Config {
            entries_max: s.whole("learned_hours_max", 0..=100_000_000),
            half_life,
            live_half_life: s.span("live_half_life_s", 10..=3_600),
        },
        corrections: correction::Config {
            entries_max: s.whole("corrected_hours_max", 0..=10_000_000),
            half_life,
            legs_max: s.whole("eta_error_legs_max", 1..=100_000),
        },
    }
}

fn dispatch(reader: &mut Reader<'_>) -> dispatch::Config {
    let (weights, solve_steps_max) = matching(reader);
    let mut s = reader.section("dispatch");
    let policies = [("batch", dispatch::Policy::Batch), ("greedy", dispatch::Policy::Greedy)];
    let config = dispatch::Config {
        policy: s.choice("policy", &policies),
        weights,
        solve_steps_max,
        at_once_drivers: s.whole("at_once_drivers", 1..=1_000),
        at_once_reach: s.span("at_once_reach_s", 0..=7_200),
        gather: s.span("gather_ms", 0..=10_000),
        round_interval: s.span("round_interval_ms", 100..=60_000),
        round_gap: s.span("round_gap_ms", 1..=10_000),
        search_interval: s.span("search_interval_ms", 100..=60_000),
        round_rides_max: s.whole("round_rides_max", 1..=10_000),
        considered_max: s.whole("considered_max", 1..=1_000),
        offer_ttl: s.span("offer_ttl_s", 1..=120),
        lost_grace: s.span("lost_grace_ms", 0..=60_000),
        search_max: s.span("search_max_s", 1..=3_600),
        offers_max: s.whole("offers_max", 1..=1_000),
        parallel_after: s.whole("parallel_after", 1..=1_000),
        parallel_max: s.whole("parallel_max", 1..=10),
        rematches_max: s.whole("rematches_max", 0..=100),
        stand_by_interval: s.span("stand_by_interval_s", 0..=600),
        stand_by_rides_max: s.whole("stand_by_rides_max", 1..=10_000),
        next_late_max: s.span("next_late_max_s", 0..=3_600),
        dark_after: s.span("dark_after_s", 10..=3_600),
        nudge_grace: s.span("nudge_grace_s", 5..=3_600),
        nudge_memory: s.span("nudge_memory_s", 5..=86_400),
        pin_attempts_max: s.whole("pin_attempts_max", 1..=20),
        pin_lock: s.span("pin_lock_s", 1..=3_600),
        lost_shift_max: s.span("lost_shift_max_s", 10..=86_400),
        remember_ended: s.span("remember_ended_s", 60..=86_400),
    };
    s.require(
        config.search_max >= config.offer_ttl,
        "search_max_s",
        "dispatch.offer_ttl_s",
        "is less than offer_ttl_s",
    );
    s.require(
        config.nudge_memory > config.nudge_grace,
        "nudge_memory_s",
        "dispatch.nudge_grace_s",
        "is not more than nudge_grace_s: no driver would ever be replaced",
    );
    config
}

/// What a pairing costs, and how much work a round may be.
fn matching(reader: &mut Reader<'_>) -> (Weights, u64) {
    let mut s = reader.section("matching");
    let weights = Weights {
        patience: s.span("patience_s", 60..=86_400),
        waiting_permille: s.whole("waiting_permille", 0..=100_000),
        refusal: s.span("refusal_s", 0..=600),
        acceptance_prior: Prior {
            kept: s.whole("acceptance_prior_kept", 0..=1_000),
            broken: s.whole("acceptance_prior_broken", 0..=1_000),
        },
        cancellation_prior: Prior {
            kept: s.whole("cancellation_prior_kept", 0..=1_000),
            broken: s.whole("cancellation_prior_broken", 0..=1_000),
        },
        cancellation_permille: s.whole("cancellation_permille", 0..=10_000),
        idle_permille: s.whole("idle_permille", 0..=1_000),
        idle_max: s.span("idle_max_s", 0..=3_600),
        place_permille: s.whole("place_permille", 0..=10_000),
        queue: s.span("queue_s", 0..=86_400),
        favourite: s.span("favourite_s", 0..=3_600),
        switching: s.span("switching_s", 0..=3_600),
        stand_by: s.span("stand_by_s", 0..=3_600),
        express_permille: s.whole("express_permille", 1_000..=10_000),
    };
    (weights, s.whole("solve_steps_max", 1_000..=1_000_000_000))
}

fn products(reader: &mut Reader<'_>) -> rides::product::Config {
    let mut s = reader.section("products");
    let config = rides::product::Config {
        lead_min: s.span("lead_min_minutes", 1..=1_440),
        horizon: s.span("horizon_hours", 1..=8_760),
        scheduled_max: s.whole("scheduled_max", 1..=100),
        search_lead: s.span("search_lead_s", 1..=86_400),
        promise: s.span("promise_s", 1..=86_400),
        reminder_lead: s.span("reminder_lead_minutes", 1..=1_440),
        stops_max: s.whole("stops_max", 0..=20),
        stop_left_m: s.number("stop_left_m", 10.0..=1_000.0),
        express_supplement: BasisPoints(s.whole("express_supplement_basis_points", 0..=10_000)),
        contacts_kept: s.span("contacts_kept_days", 1..=365),
    };
    s.require(
        config.lead_min >= config.search_lead,
        "lead_min_minutes",
        "products.search_lead_s",
        "is less than search_lead_s: the search would begin before the booking",
    );
    s.require(
        config.horizon > config.lead_min,
        "horizon_hours",
        "products.lead_min_minutes",
        "is no more than lead_min_minutes: nothing could be scheduled",
    );
    config
}

fn asking(reader: &mut Reader<'_>) -> rides::asking::Config {
    let mut s = reader.section("asking");
    rides::asking::Config {
        finishing_max: s.whole("finishing_max", 0..=100),
        finishing_scan_max: s.whole("finishing_scan_max", 1..=1_000),
        finishing_radius_m: s.number("finishing_radius_m", 50.0..=50_000.0),
        finishing_rest_max: s.span("finishing_rest_max_s", 1..=3_600),
        handover: s.span("handover_s", 0..=600),
    }
}

fn pickup(reader: &mut Reader<'_>) -> rides::pickup::Config {
    let mut s = reader.section("pickup");
    let dark_after = s.span("dark_after_s", 1..=3_600);
    rides::pickup::Config {
        is_on: s.flag("watch"),
        look_every: s.span("look_every_s", 0..=60),
        rules: rides::pickup::Rules {
            near_m: s.number("near_m", 0.0..=5_000.0),
            progress_m: s.number("progress_m", 1.0..=5_000.0),
            stalled_after: s.span("stalled_after_s", 1..=3_600),
            away_m: s.number("away_m", 1.0..=20_000.0),
            away_looks: s.whole("away_looks", 1..=60),
            gap_max: dark_after,
        },
        dark_after,
        sweep_every: s.span("sweep_every_s", 1..=600),
    }
}

fn decisions(reader: &mut Reader<'_>) -> rides::decisions::Config {
    let mut s = reader.section("decisions");
    rides::decisions::Config {
        rounds_max: s.whole("rounds_max", 1..=1_000),
        considered_max: s.whole("considered_max", 2..=1_000),
        retention: s.span("retention_days", 1..=3_650),
        why_not_for: s.span("why_not_minutes", 1..=1_440),
        why_not_rounds_max: s.whole("why_not_rounds_max", 100..=10_000_000),
    }
}

pub fn rides(reader: &mut Reader<'_>) -> rides::Config {
    let dispatch = dispatch(reader);
    let products = products(reader);
    let (asking, pickup, decisions) = (asking(reader), pickup(reader), decisions(reader));
    let mut s = reader.section("dispatch");
    let inbox_max = s.whole("inbox_max", 16..=1 << 20);
    let batch_max = s.whole("batch_max", 1..=10_000);
    let answer_within = s.span("answer_within_s", 1..=120);
    let (relations, agents, pairing) = (riding::relations(reader), riding::agents(reader), riding::pairing(reader));
    let mut s = reader.section("rides");
    rides::Config {
        dispatch,
        inbox_max,
        batch_max,
        answer_within,
        quote_lifetime: s.span("quote_lifetime_s", 1..=86_400),
        ride_distance_m_max: s.whole("ride_distance_max_m", 1_000..=1_000_000),
        detour_charged_max_percent: s.whole("detour_charged_max_percent", 0..=100),
        arrival: rides::arrival::Config {
            radius_m: s.number("arrival_radius_m", 0.0..=500.0),
            after: s.span("arrival_after_s", 0..=600),
        },
        products,
        restored_decisions_max: s.whole("restored_decisions_max", 0..=10_000_000),
        queue: super::shortage::ride_queue(reader),
        asking,
        pickup,
        decisions,
        relations,
        agents,
        pairing,
    }
}

/// What a ping meets of `[geofences]`; for as many drivers as the index holds.
fn fences(reader: &mut Reader<'_>, drivers_max: usize) -> geofences::FencesConfig {
    let mut s = reader.section("geofences");
    let rules = geofences::Rules {
        enter_fixes: s.whole("enter_fixes", 1..=60),
        exit_fixes: s.whole("exit_fixes", 1..=60),
        exit_margin_m: s.number("exit_margin_m", 0.0..=1_000.0),
        dwell: s.span("dwell_s", 1..=86_400),
    };
    geofences::FencesConfig { rules, events_waiting_max: s.whole("events_waiting_max", 1..=1_000_000), drivers_max }
}

pub fn geofences(reader: &mut Reader<'_>) -> geofences::Config {
    let mut s = reader.section("geofences");
    geofences::Config {
        corners_max: s.whole("corners_max", 3..=1_000),
        zones_max: s.whole("zones_max", 1..=100_000),
        batch_rows_max: s.whole("batch_rows_max", 1..=10_000),
        retry: s.span("retry_ms", 50..=600_000).to_duration(),
        refresh: s.span("refresh_ms", 100..=3_600_000).to_duration(),
        retention_days: s.whole("retention_days", 1..=3_650),
    }
}

pub fn locations(reader: &mut Reader<'_>, demo_speed: f64) -> locations::Config {
    let drivers_max = reader.section("city").whole("drivers_max", 1..=4_000_000);
    let fences = fences(reader, drivers_max as usize);
    let stage_rules = super::shortage::stage_rules(reader);
    let mut s = reader.section("city");
    let south_west = LatLng::new(s.number("lat_min", -90.0..=90.0), s.number("lng_min", -180.0..=180.0));
    let north_east = LatLng::new(s.number("lat_max", -90.0..=90.0), s.number("lng_max", -180.0..=180.0));
    let area = match (south_west, north_east) {
        (Ok(south_west), Ok(north_east)) => Area::new(south_west, north_east),
        // Refused above already, each coordinate by name.
        _ => Ok(RWANDA),
    };
    if let Err(error) = &area {
        s.fault("lat_min", format!("and the other corner make no area: {error}"));
    }
    let config = locations::Config {
        area: area.unwrap_or(RWANDA),
        cell_m: s.number("cell_m", 10.0..=100_000.0),
        drivers_max,
        position_age_max: s.span("position_age_max_s", 1..=3_600),
        ping_age_max: s.span("ping_age_max_s", 1..=3_600),
        reach: locations::Reach {
            // A simulated city's drivers ride faster than time.
            speed_mps_max: s.number("jump_speed_mps_max", 1.0..=1_000_000.0) * demo_speed,
            slack_m: s.number("jump_slack_m", 1.0..=1_000_000.0),
        },
        browse: locations::browse::Config {
            tile_m: s.number("browse_tile_m", 100.0..=100_000.0),
            every: s.span("browse_every_ms", 100..=60_000),
            drivers_max: s.whole("browse_drivers_max", 1..=1_000),
        },
        fences,
        stages: stage_rules,
        ping_ahead_max: s.span("ping_ahead_max_s", 0..=3_600),
        search_radius_m: s.number("search_radius_m", 100.0..=100_000.0),
        candidates_max: s.whole("candidates_max", 1..=1_000),
        scan_max: s.whole("scan_max", 1..=100_000),
    };
    let index = index::Config { area: config.area, cell_m: config.cell_m, drivers_max: config.drivers_max };
    if let Err(error) = index.check() {
        s.require(false, "cell_m", "city.drivers_max", &format!("makes no index: {error}"));
    }
    config
}

pub fn history(reader: &mut Reader<'_>) -> history::Config {
    let mut s = reader.section("history");
    history::Config {
        sample: s.span("sample_ms", 50..=60_000),
        retention_days: s.whole("retention_days", 1..=3_650),
        days_ahead: s.whole("days_ahead", 1..=30),
        buffer_segments_max: s.whole("buffer_segments_max", 1..=10_000_000),
        copy_rows_max: s.whole("copy_rows_max", 1..=1_000_000),
        copy_within: s.span("copy_within_ms", 100..=600_000).to_duration(),
        retry: s.span("retry_ms", 50..=600_000).to_duration(),
        read_within: s.span("read_within_ms", 50..=60_000).to_duration(),
        path_span_max: s.span("path_max_hours", 1..=72),
        track_points_max: s.whole("track_points_max", 2..=100_000),
    }
}
