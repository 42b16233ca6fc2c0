//! Traces made by driving, matched again.

use super::drive::{Dice, Drive, Roads, town};
use super::*;

fn matched(roads: &Roads, fixes: &[Fix]) -> (Summary, Vec<Pass>, Matcher) {
    let (mut matcher, mut scratch) = (Matcher::new(Config::MOTORCYCLE), Scratch::default());
    let mut settled_m = 0.0;
    let mut passes = Vec::new();
    for fix in fixes {
        let step = matcher.push(&roads.view(), &mut scratch, *fix);
        assert!(step.settled_m >= settled_m, "what is settled never grows less");
        settled_m = step.settled_m;
        passes.extend(matcher.passes());
    }
    let summary = matcher.finish(&roads.view(), &mut scratch);
    passes.extend(matcher.passes());
    (summary, passes, matcher)
}

/// Errors of the matched length over many drives, in percent: mean of the absolute, and worst.
fn errors_pct(roads: &Roads, drives: &[Drive], every: Span, sigma_m: f64) -> (f64, f64) {
    let mut dice = Dice(7);
    let errors = drives.iter().map(|drive| {
        let (summary, ..) = matched(roads, &drive.fixes(roads, &mut dice, every, sigma_m));
        (summary.length_m / drive.length_m - 1.0) * 100.0
    });
    let errors: Vec<f64> = errors.collect();
    if std::env::var("SHOW").is_ok() {
        println!("{errors:.1?}");
    }
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    (mean, errors.iter().map(|error| error.abs()).fold(0.0, f64::max))
}

#[test]
fn measure() {
    let mut dice = Dice(1);
    let roads = Roads::new(town(16, 150.0, &mut dice));
    for wander in [false, true] {
        let drives: Vec<_> = (0..40)
            .map(|_| {
                if wander {
                    Drive::wander(&roads, &mut dice, 3_000.0)
                } else {
                    Drive::random(&roads, &mut dice, 2_000.0)
                }
            })
            .collect();
        for s in [1, 10] {
            for sigma_m in [0.0, 5.0, 10.0, 20.0] {
                let start = std::time::Instant::now();
                println!(
                    "wander {wander} every {s} s, {sigma_m} m: {:.2?} in {:?}",
                    errors_pct(&roads, &drives, Span::from_secs(s), sigma_m),
                    start.elapsed()
                );
            }
        }
    }
}
