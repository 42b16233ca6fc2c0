//! A motorcycle on its way: along a line of points, each piece at its own speed. Pure.
//!
//! Separate because positions, bearings and arrival have to agree with each other on every ping. Where the line comes
//! from, the streets or a straight line, is not known here.

use std::time::Duration;

use crate::geo::LatLng;

/// Where there is no street to say how fast one is, everybody averages this: 26 km/h.
const STRAIGHT_MPS: f64 = 7.2;
/// Nearer than this is there.
const THERE_M: f64 = 1.0;

/// The line to a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What it was made for: where to, in the words of who asked.
    pub target: LatLng,
    /// Points still to come with the speed on the piece that leads to each, the last one first.
    rest: Vec<(LatLng, f64)>,
}

impl Way {
    /// A way over points, each with the speed in metres a second on the piece that leads to it.
    pub fn over(target: LatLng, points: impl IntoIterator<Item = (LatLng, f64)>) -> Self {
        let mut rest: Vec<_> = points.into_iter().map(|(point, mps)| (point, mps.max(0.5))).collect();
        rest.reverse();
        Self { target, rest }
    }

    /// As the crow flies.
    pub fn straight(target: LatLng) -> Self {
        Self::over(target, [(target, STRAIGHT_MPS)])
    }
}

/// Where a motorcycle is and where it looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Motion {
    /// Where it is.
    pub at: LatLng,
    /// Direction of travel, degrees clockwise from north.
    pub bearing_deg: f64,
    /// Speed of the last step.
    pub speed_mps: f64,
}

impl Motion {
    /// Standing still.
    pub fn standing(at: LatLng, bearing_deg: f64) -> Self {
        Self { at, bearing_deg, speed_mps: 0.0 }
    }

    /// Drives along a way for `elapsed`, `pace` times as fast as it says. True when it is at the end.
    pub fn drive(&mut self, way: &mut Way, pace: f64, elapsed: Duration) -> bool {
        let mut left_s = elapsed.as_secs_f64();
        while let Some((next, mps)) = way.rest.last().copied() {
            let (away_m, mps) = (self.at.distance_m(next), mps * pace);
            if away_m > THERE_M {
                self.bearing_deg = self.at.bearing_deg(next);
            }
            self.speed_mps = mps;
            if away_m > (mps * left_s).max(THERE_M) {
                self.at = self.at.destination(self.bearing_deg, mps * left_s);
                return false;
            }
            self.at = next;
            left_s = (left_s - away_m / mps).max(0.0);
            way.rest.pop();
        }
        self.speed_mps = 0.0;
        true
    }

    /// Stays where it is.
    pub fn stand(&mut self) {
        self.speed_mps = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    #[test]
    fn a_motorcycle_arrives_when_distance_over_speed_says() {
        let (from, to) = (place(-1.9438, 30.0569), place(-1.9584, 30.1191));
        let (mut motion, mut way) = (Motion::standing(from, 0.0), Way::straight(to));
        let seconds = (1..).find(|_| motion.drive(&mut way, 0.9, SECOND)).expect("it arrives");
        let expected = (from.distance_m(to) / (0.9 * STRAIGHT_MPS)).ceil();
        assert!((f64::from(seconds) - expected).abs() <= 1.0, "{seconds} s, expected {expected}");
        assert_eq!(motion.at, to);
        assert_eq!(motion.speed_mps, 0.0);
    }

    #[test]
    fn it_looks_where_it_goes_and_never_overshoots() {
        let (from, to) = (place(-1.95, 30.06), place(-1.95, 30.07));
        let (mut motion, mut way) = (Motion::standing(from, 0.0), Way::straight(to));
        let mut left_m = from.distance_m(to);
        while !motion.drive(&mut way, 1.0, SECOND) {
            assert!((motion.bearing_deg - 90.0).abs() < 0.5, "{}", motion.bearing_deg);
            let now_m = motion.at.distance_m(to);
            assert!(now_m < left_m);
            left_m = now_m;
        }
    }

    #[test]
    fn corners_are_turned_and_each_piece_has_its_own_speed() {
        let (from, corner, to) = (place(-1.95, 30.06), place(-1.95, 30.061), place(-1.949, 30.061));
        let mut way = Way::over(to, [(corner, 10.0), (to, 5.0)]);
        let mut motion = Motion::standing(from, 0.0);
        let (mut east, mut north, mut steps) = (0, 0, 0);
        while !motion.drive(&mut way, 1.0, SECOND) {
            steps += 1;
            let is_on_the_line =
                motion.at.lat_e7().abs_diff(from.lat_e7()) < 20 || motion.at.lng_e7().abs_diff(to.lng_e7()) < 20;
            assert!(is_on_the_line, "{:?}", motion.at);
            east += u32::from(motion.speed_mps == 10.0 && (motion.bearing_deg - 90.0).abs() < 1.0);
            north += u32::from(motion.speed_mps == 5.0 && motion.bearing_deg.min(360.0 - motion.bearing_deg) < 1.0);
        }
        assert_eq!(east + north, steps);
        // 111 m at 10 m/s, then as many at 5.
        assert!((11..=12).contains(&east) && (21..=23).contains(&north), "{east} {north}");
    }

    #[test]
    fn many_short_pieces_are_driven_in_one_step() {
        let points: Vec<_> = (1..=50).map(|step| (place(-1.95, 30.06 + f64::from(step) * 1e-5), 10.0)).collect();
        let to = points[49].0;
        let (mut motion, mut way) = (Motion::standing(place(-1.95, 30.06), 0.0), Way::over(to, points));
        assert!(!motion.drive(&mut way, 1.0, SECOND * 3));
        assert!((motion.at.distance_m(place(-1.95, 30.06)) - 30.0).abs() < 0.2);
        assert!(motion.drive(&mut way, 1.0, SECOND * 3));
    }

    #[test]
    fn who_is_there_already_has_arrived() {
        let here = place(-1.95, 30.06);
        assert!(Motion::standing(here, 12.0).drive(&mut Way::straight(here), 1.0, SECOND));
    }
}
