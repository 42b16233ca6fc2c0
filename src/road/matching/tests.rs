//! Traces made by driving, matched again.

use std::path::{Path, PathBuf};

use proptest::prelude::{prop_assert, proptest};

use super::drive::{Dice, Drive, Roads, straight_fixes, town};
use super::*;
use crate::road::network::Parts;
use crate::road::profile::Profile;
use crate::time::Span;

fn matched(roads: &Roads, plan: &[ArcId], fixes: &[Fix]) -> (Summary, Vec<Pass>) {
    let (mut matcher, mut scratch) = (Matcher::new(Config::MOTORCYCLE), Scratch::default());
    matcher.plan(plan);
    let (mut settled_m, mut off_route, mut wrong_way) = (0.0, 0, 0);
    let mut passes = Vec::new();
    for fix in fixes {
        let step = matcher.push(&roads.view(), &mut scratch, *fix);
        assert!(step.settled_m >= settled_m && step.length_m >= step.settled_m, "what is settled never grows less");
        settled_m = step.settled_m;
        off_route += u32::from(step.off_route);
        wrong_way += u32::from(step.wrong_way.is_some());
        passes.extend(matcher.passes());
    }
    let summary = matcher.finish(&roads.view(), &mut scratch);
    passes.extend(matcher.passes());
    assert_eq!((summary.off_route, summary.wrong_way), (off_route, wrong_way));
    (summary, passes)
}

/// By how much the matched length is wrong, in percent of the true one.
fn error_pct(roads: &Roads, drive: &Drive, fixes: &[Fix]) -> f64 {
    (matched(roads, &[], fixes).0.length_m / drive.length_m - 1.0) * 100.0
}

/// Drives within the largest error allowed for their noise, at 1 s and at 10 s, and far within it on average. `strays` of
/// them may err up to twice as much.
fn check_lengths(roads: &Roads, drives: &[Drive], strays: usize) {
    let mut dice = Dice(7);
    for (every_s, sigma_m, pct_max) in
        [(1, 5.0, 2.0), (10, 5.0, 2.0), (1, 10.0, 3.0), (10, 10.0, 3.0), (1, 20.0, 6.0), (10, 20.0, 6.0)]
    {
        let every = Span::from_secs(every_s);
        let error = |drive: &Drive| error_pct(roads, drive, &drive.fixes(roads, &mut dice, every, sigma_m)).abs();
        let mut errors_pct: Vec<f64> = drives.iter().map(error).collect();
        errors_pct.sort_by(f64::total_cmp);
        let mean_pct = errors_pct.iter().sum::<f64>() / errors_pct.len() as f64;
        let within = errors_pct.iter().filter(|pct| **pct <= pct_max).count();
        let worst_pct = errors_pct[errors_pct.len() - 1];
        let what = format!("{sigma_m} m every {every_s} s: {errors_pct:.1?} %");
        assert!(mean_pct <= pct_max / 2.0 && within + strays >= drives.len() && worst_pct <= pct_max * 2.5, "{what}");
    }
}

fn roads(seed: u64) -> Roads {
    Roads::new(town(16, 150.0, &mut Dice(seed)))
}

#[test]
fn the_matched_length_of_a_drive_is_its_length() {
    let (roads, mut dice) = (roads(1), Dice(2));
    let quick = (0..12).map(|_| Drive::random(&roads, &mut dice, 2_500.0));
    check_lengths(&roads, &quick.collect::<Vec<_>>(), 0);
    let wandering = (0..8).map(|_| Drive::wander(&roads, &mut dice, 4_000.0));
    check_lengths(&roads, &wandering.collect::<Vec<_>>(), 0);
}

#[test]
fn the_arcs_are_those_that_were_driven_and_their_times_follow_each_other() {
    let (roads, mut dice) = (roads(3), Dice(4));
    for _ in 0..10 {
        let drive = Drive::random(&roads, &mut dice, 2_000.0);
        let fixes = drive.fixes(&roads, &mut dice, Span::from_secs(1), 3.0);
        let (summary, passes) = matched(&roads, &drive.arcs, &fixes);
        let arcs: Vec<_> = passes.iter().map(|pass| pass.arc).collect();
        assert_eq!(arcs, drive.arcs);
        assert!(passes.windows(2).all(|pair| pair[0].left_at == pair[1].entered_at));
        let (first, last) = (passes[0], passes[passes.len() - 1]);
        assert!(first.entered_at >= fixes[0].at && last.left_at <= fixes[fixes.len() - 1].at);
        let ridden_dm: u32 = passes.iter().map(|pass| pass.to_dm - pass.from_dm).sum();
        assert!((f64::from(ridden_dm) / 10.0 - summary.length_m).abs() < 1.0, "{ridden_dm} dm of {summary:?}");
        assert_eq!((summary.off_route, summary.wrong_way, summary.filled_m, summary.unmapped_m), (0, 0, 0.0, 0.0));
    }
}

#[test]
fn gaps_doubles_and_jumps_change_little() {
    let (roads, mut dice) = (roads(5), Dice(6));
    for _ in 0..12 {
        let drive = Drive::random(&roads, &mut dice, 2_500.0);
        let whole = drive.fixes(&roads, &mut dice, Span::from_secs(1), 8.0);
        let seconds = |fix: &Fix| fix.at.since(whole[0].at).as_secs();
        let half_a_minute: Vec<_> = whole.iter().filter(|fix| !(60..90).contains(&seconds(fix))).copied().collect();
        let two_minutes: Vec<_> = whole.iter().filter(|fix| !(40..160).contains(&seconds(fix))).copied().collect();
        let doubled: Vec<_> = whole.iter().flat_map(|fix| [*fix, *fix]).collect();
        let mut jumping = whole.clone();
        for index in [50, 51, 120] {
            jumping[index].position = jumping[index].position.destination(f64::from(dice.below(360)), 2_000.0);
        }
        for (what, fixes, pct_max) in [
            ("30 s", half_a_minute, 3.0),
            ("120 s", two_minutes, 12.0),
            ("doubled", doubled, 3.0),
            ("jumps", jumping, 3.0),
        ] {
            let pct = error_pct(&roads, &drive, &fixes);
            assert!(pct.abs() <= pct_max, "{what}: {pct:.2} % of {:.0} m", drive.length_m);
        }
    }
}

#[test]
fn standing_still_adds_nothing() {
    let (roads, mut dice) = (roads(8), Dice(9));
    for sigma_m in [5.0, 10.0, 20.0] {
        for _ in 0..4 {
            let drive = Drive::random(&roads, &mut dice, 2_500.0);
            let fixes = drive.fixes(&roads, &mut dice, Span::from_secs(1), sigma_m);
            let mut standing = fixes[..100].to_vec();
            let middle = fixes[98].position;
            let still = (1..=300).map(|s| Fix::new(dice.near(middle, sigma_m), fixes[99].at + Span::from_secs(s)));
            standing.extend(still);
            let later = |fix: &Fix| Fix { at: fix.at + Span::from_secs(300), ..*fix };
            standing.extend(fixes[100..].iter().map(later));
            let (without, with) = (matched(&roads, &[], &fixes).0, matched(&roads, &[], &standing).0);
            let added_m = with.length_m - without.length_m;
            assert!(added_m < drive.length_m / 100.0, "{added_m:.1} m of {:.0} m at {sigma_m} m", drive.length_m);
        }
    }
}

#[test]
fn who_is_suddenly_elsewhere_and_insists_is_believed_but_not_paid_for_the_flight() {
    let roads = roads(10);
    let mut dice = Dice(11);
    let drive = Drive::random(&roads, &mut dice, 2_000.0);
    let fixes = drive.fixes(&roads, &mut dice, Span::from_secs(1), 5.0);
    let mut torn = fixes[..40].to_vec();
    torn.extend_from_slice(&fixes[fixes.len() - 40..]);
    for (index, fix) in torn.iter_mut().enumerate() {
        fix.at = fixes[0].at + Span::from_secs(index as i64);
    }
    let summary = matched(&roads, &[], &torn).0;
    assert!(summary.out_of_reach >= 3, "{summary:?}");
    assert!(summary.length_m < 80.0 * 12.0 + 400.0, "{summary:?} of {:.0} m", drive.length_m);
}

#[test]
fn a_way_that_is_left_is_told_once() {
    let (roads, mut dice) = (roads(12), Dice(13));
    for _ in 0..10 {
        let drive = Drive::random(&roads, &mut dice, 2_500.0);
        let fixes = drive.fixes(&roads, &mut dice, Span::from_secs(1), 10.0);
        assert_eq!(matched(&roads, &drive.arcs, &fixes).0.off_route, 0);
        let half = &drive.arcs[..drive.arcs.len() / 2];
        assert_eq!(matched(&roads, half, &fixes).0.off_route, 1);
        assert_eq!(matched(&roads, &[], &fixes).0.off_route, 0, "without a plan nothing can be left");
    }
}

#[test]
fn a_one_way_street_that_is_ridden_against_is_told_once_and_measured() {
    let corner = LatLng::new(-1.95, 30.06).expect("on the globe");
    let at = |east_m: f64, north_m: f64| corner.destination(90.0, east_m).destination(0.0, north_m);
    let roads = Roads::new(super::drive::ladder(&at));
    let mut dice = Dice(14);
    for sigma_m in [3.0, 8.0] {
        for (from, to, wrong_way) in [(at(0.0, 0.0), at(1_200.0, 0.0), 0), (at(1_200.0, 0.0), at(0.0, 0.0), 1)] {
            let fixes = straight_fixes(from, to, &mut dice, sigma_m);
            let summary = matched(&roads, &[], &fixes).0;
            assert_eq!(summary.wrong_way, wrong_way, "{sigma_m} m: {summary:?}");
            assert!((summary.length_m - 1_200.0).abs() < 40.0, "{sigma_m} m: {summary:?}");
        }
    }
}

#[test]
fn where_the_map_has_no_street_the_straight_line_counts() {
    let corner = LatLng::new(-1.95, 30.06).expect("on the globe");
    let at = |east_m: f64, north_m: f64| corner.destination(90.0, east_m).destination(0.0, north_m);
    let roads = Roads::new(super::drive::ladder(&at));
    let mut dice = Dice(15);
    // Off the street to the south, far along nothing, and back onto another.
    let mut fixes = straight_fixes(at(100.0, 0.0), at(100.0, -900.0), &mut dice, 5.0);
    let mut last = fixes[fixes.len() - 1].at;
    for (from, to) in [(at(100.0, -900.0), at(1_000.0, -900.0)), (at(1_000.0, -900.0), at(1_000.0, 0.0))] {
        let begin = last + Span::from_secs(1);
        let first = fixes[0].at;
        fixes.extend(straight_fixes(from, to, &mut dice, 5.0).iter().map(|fix| {
            let at = begin + Span::from_millis(fix.at.since(first).as_millis());
            Fix { at, ..*fix }
        }));
        last = fixes[fixes.len() - 1].at;
    }
    let summary = matched(&roads, &[], &fixes).0;
    assert!((summary.length_m - 2_700.0).abs() < 200.0, "{summary:?}");
    assert!(summary.unmapped_m > 1_000.0, "{summary:?}");
}

#[test]
fn far_from_any_street_nothing_is_ridden() {
    let roads = roads(16);
    let sea = LatLng::new(-30.0, -20.0).expect("on the globe");
    let summary = matched(&roads, &[], &straight_fixes(sea, sea.destination(90.0, 3_000.0), &mut Dice(17), 5.0)).0;
    assert_eq!(summary.length_m, 0.0);
}

proptest! {
    #[test]
    fn no_trace_whatever_breaks_it(seed in 0..u64::MAX, count in 0..400_usize, step_ms in 0..200_000_u32, spread_m in 0.0..4_000.0_f64) {
        let (roads, mut dice) = (Roads::new(town(6, 150.0, &mut Dice(seed))), Dice(seed ^ 1));
        let (mut matcher, mut scratch) = (Matcher::new(Config::MOTORCYCLE), Scratch::default());
        matcher.plan(&[ArcId(3), ArcId(1)]);
        let middle = roads.network.node(crate::road::network::NodeId(14));
        let mut ms = 0_i64;
        let mut settled_m = 0.0;
        for _ in 0..count {
            ms += i64::from(dice.below(step_ms + 1)) - i64::from(step_ms / 8);
            let fix = Fix::new(dice.near(middle, spread_m), Timestamp::from_millis(ms));
            let step = matcher.push(&roads.view(), &mut scratch, fix);
            prop_assert!(step.settled_m >= settled_m && step.length_m >= step.settled_m && step.length_m.is_finite());
            settled_m = step.settled_m;
            prop_assert!(matcher.lattice.columns() <= 20, "bounded");
        }
        prop_assert!(matcher.finish(&roads.view(), &mut scratch).length_m >= settled_m);
        prop_assert!(matcher.passes().count() <= 256);
    }
}

/// Streets of Kigali, where the shared data is.
fn kigali() -> Option<Roads> {
    let path = shared("kigali.osm.pbf")?;
    let mut open = || std::fs::File::open(&path);
    let imported = crate::road::import::import(&mut open, &Profile::moto(), None, &mut |_| {}).expect("a map");
    Some(Roads::new(imported.parts))
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no {}", path.display());
    None
}

#[test]
fn drives_through_kigali_have_their_length() {
    let Some(roads) = kigali() else { return };
    let mut dice = Dice(18);
    let drives: Vec<_> = (0..16).map(|_| Drive::random(&roads, &mut dice, 3_000.0)).collect();
    check_lengths(&roads, &drives, 1);
}

#[test]
fn a_real_trace_on_a_map_of_elsewhere_rides_nothing_and_on_streets_of_its_own_its_length() {
    let Some(path) = shared("gps/munich_car_1hz.csv") else { return };
    let text = std::fs::read_to_string(path).expect("readable");
    let first = text.lines().filter(|line| line.starts_with("x0001-001,"));
    let fixes: Vec<Fix> = first.filter_map(munich_fix).collect();
    assert_eq!(fixes.len(), 1_194);
    let elsewhere = matched(&roads(19), &[], &fixes).0;
    assert_eq!(elsewhere.length_m, 0.0);
    // Streets made of every twentieth place of the trace itself: what is left to disagree about is its noise.
    let nodes: Vec<_> = fixes.iter().step_by(20).map(|fix| fix.position).collect();
    let segments = (1..nodes.len() as u32).map(|to| super::drive::street(to - 1, to, false)).collect();
    let roads = Roads::new(Parts { segments, nodes: nodes.clone(), ..Parts::default() });
    let length_m: f64 = nodes.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum();
    let summary = matched(&roads, &[], &fixes).0;
    assert!((summary.length_m / length_m - 1.0).abs() < 0.1, "{summary:?} of {length_m:.0} m");
}

/// "x0001-001,2014-09-10 06:54:07+0200,48.163507,11.564388"
fn munich_fix(line: &str) -> Option<Fix> {
    let mut fields = line.split(',').skip(1);
    let time = chrono::DateTime::parse_from_str(fields.next()?, "%Y-%m-%d %H:%M:%S%z").ok()?;
    let mut degrees = || fields.next()?.parse::<f64>().ok();
    let place = LatLng::new(degrees()?, degrees()?).ok()?;
    Some(Fix::new(place, Timestamp::from_millis(time.timestamp_millis())))
}
