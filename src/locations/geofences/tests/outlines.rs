//! Outlines that are drawn, and zones by place.

use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};

use super::*;

fn drawn(corners: &[(f64, f64)]) -> Result<Outline, OutlineError> {
    Outline::new(corners.iter().map(|(lat, lng)| at(*lat, *lng)).collect(), 6)
}

#[test]
fn an_outline_that_crosses_or_touches_itself_is_refused_and_told_where() {
    for (corners, refusal) in [
        (vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)], None),
        // Closed, as GeoJSON has it, and the other way round.
        (vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)], None),
        (vec![(0.0, 0.0), (0.0, 1.0), (1.0, 0.5)], None),
        // A corner on a straight way is none, and allowed.
        (vec![(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (1.0, 0.5)], None),
        // A bow tie.
        (vec![(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], Some(OutlineError::Crossing(2, 4))),
        // A corner on another side.
        (vec![(0.0, 0.0), (0.0, 2.0), (1.0, 2.0), (0.0, 1.0), (1.0, 0.0)], Some(OutlineError::Crossing(1, 3))),
        // There and back again.
        (vec![(0.0, 0.0), (0.0, 1.0), (0.0, 0.5), (1.0, 0.5)], Some(OutlineError::Crossing(1, 2))),
        (vec![(0.0, 0.0), (0.0, 1.0), (1.0, 1.5), (0.0, 2.0)], Some(OutlineError::Crossing(1, 4))),
        (vec![(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (1.0, 0.5)], Some(OutlineError::Repeated(3))),
    ] {
        match (drawn(&corners), refusal) {
            (Ok(_), None) => {}
            (Err(error), Some(refusal)) if error == refusal => {}
            (drawn, refusal) => panic!("{corners:?}: {drawn:?} instead of {refusal:?}"),
        }
    }
    let many: Vec<_> = (0..7).map(|corner| (f64::from(corner), f64::from(corner * corner))).collect();
    assert_eq!(drawn(&many).expect_err("seven").to_string(), "has 7 corners; 6 are allowed");
    assert_eq!(
        drawn(&[(0.0, 0.0), (0.0, 1.0)]).expect_err("two").to_string(),
        "a polygon of 2 corners is out of range 3..=10000"
    );
    assert_eq!(
        drawn(&[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]).expect_err("a bow tie").to_string(),
        "crosses or touches itself: side 2 meets side 4"
    );
}

/// A star around a place: by its corners' distances from it, in metres, one in each direction in turn.
fn star(middle: LatLng, reaches_m: &[f64]) -> Vec<LatLng> {
    let step = 360.0 / reaches_m.len() as f64;
    (0..).zip(reaches_m).map(|(at, metres)| middle.destination(f64::from(at) * step, *metres)).collect()
}

fn reaches() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(50.0..2_000.0_f64, 4..20)
}

/// The winding number by angles: how often the outline goes round a place. Another way than casting a ray.
fn goes_round(corners: &[LatLng], place: LatLng) -> bool {
    let seen_from = |corner: LatLng| {
        let (north, east) = (corner.lat() - place.lat(), corner.lng() - place.lng());
        north.atan2(east)
    };
    let turns: f64 = (0..corners.len())
        .map(|corner| {
            let turn = seen_from(corners[(corner + 1) % corners.len()]) - seen_from(corners[corner]);
            (turn + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU) - std::f64::consts::PI
        })
        .sum();
    turns.abs() > std::f64::consts::PI
}

proptest! {
    #[test]
    fn a_star_is_an_outline_and_with_two_corners_exchanged_it_is_none(reaches in reaches(), first in 0..20_usize) {
        let corners = star(centre(), &vec![1_000.0; reaches.len()]);
        prop_assert!(Outline::new(star(centre(), &reaches), 20).is_ok());
        prop_assert!(Outline::new(corners.clone(), 20).is_ok());
        let mut crossed = corners;
        let first = first % crossed.len();
        let second = (first + 2) % crossed.len();
        crossed.swap(first, second);
        prop_assert_eq!(Outline::new(crossed.clone(), 20).is_ok(), crossed.len() == 4, "four corners are mirrored only");
    }

    #[test]
    fn the_border_is_as_far_as_the_nearest_of_many_points_on_it(
        reaches in reaches(), bearing in 0.0..360.0_f64, metres in 0.0..4_000.0_f64,
    ) {
        let corners = star(centre(), &reaches);
        let place = centre().destination(bearing, metres);
        let mut nearest = f64::INFINITY;
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            for step in 0..=1_000 {
                let share = f64::from(step) / 1_000.0;
                let between = |a: f64, b: f64| a + share * (b - a);
                let point = at(between(from.lat(), to.lat()), between(from.lng(), to.lng()));
                nearest = nearest.min(place.distance_m(point));
            }
        }
        let border_m = Outline::new(corners, 20).expect("a star").border_m(place);
        // Points are up to four metres apart.
        prop_assert!((border_m - nearest).abs() < 2.1 + nearest * 0.001, "{border_m} m, not {nearest} m");
    }

    #[test]
    fn zones_hold_what_their_outlines_surround(
        stars in proptest::collection::vec((0.0..360.0_f64, 0.0..5_000.0_f64, reaches()), 0..12),
        bearing in 0.0..360.0_f64, metres in 0.0..6_000.0_f64,
    ) {
        let outlines: Vec<Vec<LatLng>> =
            stars.iter().map(|(bearing, metres, reaches)| star(centre().destination(*bearing, *metres), reaches)).collect();
        let zones = (0..).zip(&outlines).map(|(number, corners)| {
            zone(number, ZoneKind::Other, Outline::new(corners.clone(), 20).expect("a star"))
        });
        let zones = ZoneSet::new(zones.collect());
        let place = centre().destination(bearing, metres);
        let mut holding: Vec<u128> = zones.holding(place).map(|zone| zone.id.0.as_u128()).collect();
        holding.sort_unstable();
        let slow: Vec<u128> =
            (0..).zip(&outlines).filter(|(_, corners)| goes_round(corners, place)).map(|(number, _)| number).collect();
        prop_assert_eq!(&holding, &slow);
        if let Some(quiet) = zones.quiet_around(place) {
            prop_assert!(quiet.holds(place) && holding.is_empty());
            for bearing in 0..36 {
                let near = place.destination(f64::from(bearing) * 10.0, 1_100.0);
                let is_outside = outlines.iter().all(|corners| !goes_round(corners, near));
                prop_assert!(is_outside || !quiet.holds(near), "a zone at {near} in the quiet");
            }
        }
    }
}
