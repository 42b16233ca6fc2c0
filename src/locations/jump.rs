//! Whether a phone can have got where it says it is.
//!
//! A receiver between tall buildings, a cold start, a mocked position: now and then a phone claims a place that nobody can
//! have reached. Such a fix is refused, so that no rider is promised a driver who is not there. Compared within one
//! connection only: who signs on anew may have travelled meanwhile. What is allowed grows with the time, so a phone that
//! insists is believed after a while.

use crate::geo::LatLng;
use crate::index::Fix;
use crate::time::{Span, Timestamp};

/// How far a driver can get.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Fastest motorcycle that is believed, in metres per second.
    pub speed_mps_max: f64,
    /// On top of that, in metres: what receivers are off by, and pings that were lost.
    pub slack_m: f64,
}

/// A place that could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// From the last place.
    pub distance_m: u32,
    /// Since then.
    pub within: Span,
}

/// The last believed place of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastSeen(Option<(LatLng, Timestamp)>);

/// A ten-millionth of a degree of latitude, in metres; of longitude it is less.
const METRES_PER_E7: f64 = 0.011_13;

impl LastSeen {
    /// Believes a fix, unless it lies out of reach.
    ///
    /// # Errors
    /// [`Jump`]; the last place stands.
    pub fn follow(&mut self, fix: &Fix, reach: Reach) -> Result<(), Jump> {
        if let Some((place, at)) = self.0 {
            // An older one is ignored by whoever comes next, and nothing is measured against it.
            if fix.at < at {
                return Ok(());
            }
            let e7 = place.lat_e7().abs_diff(fix.position.lat_e7()) + place.lng_e7().abs_diff(fix.position.lng_e7());
            // Nearly every ping is told to be near without a cosine.
            if f64::from(e7) * METRES_PER_E7 > reach.slack_m {
                let within = fix.at.since(at);
                let distance_m = place.distance_m(fix.position);
                if distance_m > reach.slack_m + reach.speed_mps_max * within.to_duration().as_secs_f64() {
                    return Err(Jump { distance_m: distance_m as u32, within });
                }
            }
        }
        self.0 = Some((fix.position, fix.at));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: Reach = Reach { speed_mps_max: 50.0, slack_m: 500.0 };

    fn fix(north_m: f64, at_ms: i64) -> Fix {
        let from = LatLng::new(-1.95, 30.06).expect("on the globe");
        Fix::new(from.destination(0.0, north_m), Timestamp::from_millis(at_ms))
    }

    #[test]
    fn what_a_motorcycle_can_do_is_believed_and_what_it_cannot_is_not() {
        for (metres, after_ms, is_believed) in [
            (0.0, 0, true),
            (499.0, 0, true),
            (501.0, 0, false),
            (549.0, 1_000, true),
            (551.0, 1_000, false),
            (10_000.0, 60_000, false),
        ] {
            let mut last = LastSeen::default();
            last.follow(&fix(0.0, 0), REACH).expect("the first is believed");
            let followed = last.follow(&fix(metres, after_ms), REACH);
            assert_eq!(followed.is_ok(), is_believed, "{metres} m after {after_ms} ms: {followed:?}");
        }
    }

    #[test]
    fn a_phone_that_insists_is_believed_after_a_while_and_an_older_fix_counts_for_nothing() {
        let mut last = LastSeen::default();
        last.follow(&fix(0.0, 0), REACH).expect("the first is believed");
        let refused =
            (1..1_000).take_while(|second| last.follow(&fix(10_000.0, second * 1_000), REACH).is_err()).count();
        assert_eq!(refused, 189, "(10,000 - 500) / 50");
        assert_eq!(last.follow(&fix(-90_000.0, 1), REACH), Ok(()), "older: somebody else's business");
        assert!(last.follow(&fix(10_001.0, 300_000), REACH).is_ok());
    }
}
