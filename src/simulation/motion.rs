//! A motorcycle on its way: straight lines at a speed, until there are roads. Pure.
//!
//! Separate because positions, bearings and arrival have to agree with each other on every ping.

use std::time::Duration;

use crate::geo::LatLng;

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

    /// Drives towards `target` for `elapsed`. True when it is there.
    pub fn drive(&mut self, target: LatLng, speed_mps: f64, elapsed: Duration) -> bool {
        let step_m = speed_mps * elapsed.as_secs_f64();
        let left_m = self.at.distance_m(target);
        if left_m <= step_m.max(1.0) {
            self.at = target;
            self.speed_mps = 0.0;
            return true;
        }
        self.bearing_deg = self.at.bearing_deg(target);
        self.at = self.at.destination(self.bearing_deg, step_m);
        self.speed_mps = speed_mps;
        false
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
        let mut motion = Motion::standing(from, 0.0);
        let seconds = (1..).find(|_| motion.drive(to, 7.0, SECOND)).expect("it arrives");
        let expected = (from.distance_m(to) / 7.0).ceil();
        assert!((f64::from(seconds) - expected).abs() <= 1.0, "{seconds} s, expected {expected}");
        assert_eq!(motion.at, to);
        assert_eq!(motion.speed_mps, 0.0);
    }

    #[test]
    fn it_looks_where_it_goes_and_never_overshoots() {
        let (from, to) = (place(-1.95, 30.06), place(-1.95, 30.07));
        let mut motion = Motion::standing(from, 0.0);
        let mut left_m = from.distance_m(to);
        while !motion.drive(to, 7.0, SECOND) {
            assert!((motion.bearing_deg - 90.0).abs() < 0.5, "{}", motion.bearing_deg);
            let now_m = motion.at.distance_m(to);
            assert!(now_m < left_m);
            left_m = now_m;
        }
    }

    #[test]
    fn who_is_there_already_has_arrived() {
        let here = place(-1.95, 30.06);
        assert!(Motion::standing(here, 12.0).drive(here, 7.0, SECOND));
    }
}
