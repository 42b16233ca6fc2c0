//! Distance, bearing and destination on a sphere.
//!
//! Separate from the coordinate because this is where the shape of the Earth is decided, once: a sphere of the mean
//! radius. Against the ellipsoid that is wrong by at most 0.56 %; a moto ride is priced by its road, which no straight
//! line knows to one percent.

use super::LatLng;

/// Mean radius R1 of the GRS 80 ellipsoid, in metres (Moritz, "Geodetic Reference System 1980", J. Geodesy 2000).
pub const EARTH_RADIUS_M: f64 = 6_371_008.771_4;

impl LatLng {
    /// Great-circle distance in metres (haversine: accurate from centimetres to half the globe). Symmetric, bit for bit.
    pub fn distance_m(self, other: Self) -> f64 {
        self.distance_from(self.lat_cosine(), other)
    }

    /// Measures from here to many places: bit for bit what [`distance_m`](Self::distance_m) says.
    pub fn distances_m(self) -> impl Fn(Self) -> f64 {
        let cosine = self.lat_cosine();
        move |other| self.distance_from(cosine, other)
    }

    fn lat_cosine(self) -> f64 {
        self.lat().to_radians().cos()
    }

    #[inline]
    fn distance_from(self, cosine: f64, other: Self) -> f64 {
        let half_lat = ((f64::from(self.lat_e7) - f64::from(other.lat_e7)) / super::E7).to_radians() / 2.0;
        let half_lng = ((f64::from(self.lng_e7) - f64::from(other.lng_e7)) / super::E7).to_radians() / 2.0;
        let cosines = cosine * other.lat_cosine();
        let h = sine(half_lat).powi(2) + cosines * sine(half_lng).powi(2);
        // Rounding can carry the haversine of two antipodes past one.
        2.0 * EARTH_RADIUS_M * arcsine(h.sqrt().min(1.0))
    }

    /// Distance in metres on the flat map that touches the Earth halfway between the two: one cosine, no arcsine.
    /// Within 0.2 % of [`distance_m`](Self::distance_m) up to 100 km and 60° of latitude. Not for order or money.
    pub fn flat_distance_m(self, other: Self) -> f64 {
        let lat = (other.lat() - self.lat()).to_radians();
        let lng = (other.lng() - self.lng() + 540.0).rem_euclid(360.0) - 180.0;
        let middle = ((self.lat() + other.lat()) / 2.0).to_radians();
        EARTH_RADIUS_M * (lat.powi(2) + (lng.to_radians() * middle.cos()).powi(2)).sqrt()
    }

    /// The direction in which the great circle to `other` leaves here: degrees clockwise from north, 0 ≤ b < 360.
    /// Zero when the two are the same place.
    pub fn bearing_deg(self, other: Self) -> f64 {
        let (lat, other_lat) = (self.lat().to_radians(), other.lat().to_radians());
        let lng = (other.lng() - self.lng()).to_radians();
        let east = lng.sin() * other_lat.cos();
        let north = lat.cos() * other_lat.sin() - lat.sin() * other_lat.cos() * lng.cos();
        let degrees = east.atan2(north).to_degrees().rem_euclid(360.0);
        // rem_euclid of the smallest negative rounds up to 360 itself.
        if degrees < 360.0 { degrees } else { 0.0 }
    }

    /// Where one arrives after `metres` along the great circle that leaves at `bearing_deg` (degrees clockwise from north).
    /// Not finite arguments leave one where one is.
    #[must_use]
    pub fn destination(self, bearing_deg: f64, metres: f64) -> Self {
        if !bearing_deg.is_finite() || !metres.is_finite() {
            return self;
        }
        let (lat, bearing, angle) = (self.lat().to_radians(), bearing_deg.to_radians(), metres / EARTH_RADIUS_M);
        let sin_lat = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos()).clamp(-1.0, 1.0);
        let east = bearing.sin() * angle.sin() * lat.cos();
        let lng = self.lng() + east.atan2(angle.cos() - lat.sin() * sin_lat).to_degrees();
        Self::rounded(sin_lat.asin().to_degrees(), (lng + 540.0).rem_euclid(360.0) - 180.0)
    }
}

/// Below this, four terms of a series are as exact as the library, at a third of its time. In metres: 127 km.
const SMALL: f64 = 0.01;

fn sine(x: f64) -> f64 {
    if x.abs() > SMALL {
        return x.sin();
    }
    let square = x * x;
    x - x * square * (1.0 / 6.0 - square * (1.0 / 120.0 - square / 5_040.0))
}

fn arcsine(x: f64) -> f64 {
    if x.abs() > SMALL {
        return x.asin();
    }
    let square = x * x;
    x + x * square * (1.0 / 6.0 + square * (3.0 / 40.0 + square * (15.0 / 336.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    /// Stops of the Kigali bus network (RURA's GTFS feed, 2024-25).
    fn stop(name: &str) -> LatLng {
        let (lat, lng) = match name {
            "Nyabugogo" => (-1.940645, 30.044477),
            "Downtown" => (-1.943838, 30.056937),
            "CHUK" => (-1.956014, 30.061023),
            "Kacyiru" => (-1.936693, 30.081353),
            "Convention Centre" => (-1.952573, 30.094775),
            "King Faisal" => (-1.945332, 30.094270),
            "Stade" => (-1.956506, 30.115228),
            "Remera" => (-1.958409, 30.119131),
            "Kimironko" => (-1.949596, 30.125570),
            "Airport" => (-1.962186, 30.134380),
            "Kicukiro" => (-1.983847, 30.103971),
            "Nyamirambo" => (-1.980121, 30.041981),
            "Kabuga" => (-1.979014, 30.223064),
            _ => panic!("no stop {name}"),
        };
        place(lat, lng)
    }

    #[test]
    fn distances_across_kigali_are_the_published_ones() {
        for (from, to, km) in [
            ("Nyabugogo", "Kicukiro", 8.17),
            ("Nyabugogo", "Kimironko", 9.07),
            ("Downtown", "Remera", 7.10),
            ("Downtown", "Nyamirambo", 4.36),
            ("King Faisal", "CHUK", 3.88),
            ("Kacyiru", "Convention Centre", 2.31),
            ("Remera", "Airport", 1.75),
            ("Kimironko", "Stade", 1.38),
            ("Downtown", "Kabuga", 18.87),
        ] {
            let distance_km = stop(from).distance_m(stop(to)) / 1_000.0;
            assert!((distance_km - km).abs() <= 0.005, "{from} to {to}: {distance_km} km, not {km}");
        }
    }

    #[test]
    fn distances_across_the_globe_are_those_of_a_sphere() {
        let quarter_m = EARTH_RADIUS_M * std::f64::consts::FRAC_PI_2;
        for (from, to, metres) in [
            (place(0.0, 0.0), place(0.0, 90.0), quarter_m),
            (place(0.0, 0.0), place(90.0, 123.0), quarter_m),
            (place(-45.0, -90.0), place(45.0, 90.0), 2.0 * quarter_m),
            (place(0.0, 179.5), place(0.0, -179.5), quarter_m / 90.0),
            // Nashville to Los Angeles, the worked example of Rosetta Code ("Haversine formula"), there with 6 372.8 km.
            (place(36.12, -86.67), place(33.94, -118.40), 2_887_259.95 / 6_372_800.0 * EARTH_RADIUS_M),
        ] {
            let distance_m = from.distance_m(to);
            assert!((distance_m - metres).abs() < 0.5, "{from} to {to}: {distance_m} m, not {metres}");
        }
    }

    #[test]
    fn bearings_are_clockwise_from_north() {
        let here = place(-1.95, 30.06);
        for (to, bearing) in [
            (place(-1.94, 30.06), 0.0),
            (place(-1.95, 30.07), 90.0),
            (place(-1.96, 30.06), 180.0),
            (place(-1.95, 30.05), 270.0),
            (here, 0.0),
        ] {
            let bearing_deg = here.bearing_deg(to);
            assert!((bearing_deg - bearing).abs() < 0.01, "to {to}: {bearing_deg}, not {bearing}");
        }
    }

    #[test]
    fn a_destination_that_is_nowhere_is_here() {
        let here = place(-1.95, 30.06);
        assert_eq!(here.destination(f64::NAN, 100.0), here);
        assert_eq!(here.destination(90.0, f64::INFINITY), here);
        assert_eq!(place(0.0, 179.999).destination(90.0, 1_000.0).lng().signum(), -1.0);
    }

    proptest! {
        #[test]
        fn the_series_are_as_exact_as_the_library(x in -0.02..0.02_f64, exponent in -12..1_i32) {
            let x = x * 10.0_f64.powi(exponent);
            prop_assert!((sine(x) - x.sin()).abs() <= x.abs() * 4e-16, "sine of {x}");
            prop_assert!((arcsine(x) - x.asin()).abs() <= x.abs() * 4e-16, "arcsine of {x}");
        }

        #[test]
        fn distances_from_one_place_are_the_distances(
            a in -90.0..=90.0_f64, b in -180.0..=180.0_f64, c in -90.0..=90.0_f64, d in -180.0..=180.0_f64,
        ) {
            let (from, to) = (place(a, b), place(c, d));
            prop_assert_eq!(from.distances_m()(to), from.distance_m(to));
        }

        #[test]
        fn distance_is_symmetric_and_bounded(
            a in -90.0..=90.0_f64, b in -180.0..=180.0_f64, c in -90.0..=90.0_f64, d in -180.0..=180.0_f64,
        ) {
            let (from, to) = (place(a, b), place(c, d));
            let distance_m = from.distance_m(to);
            prop_assert_eq!(distance_m, to.distance_m(from));
            prop_assert!((0.0..=EARTH_RADIUS_M * std::f64::consts::PI).contains(&distance_m));
            prop_assert_eq!(from.distance_m(from), 0.0);
        }

        #[test]
        fn going_and_measuring_agree(lat in -60.0..60.0_f64, lng in -180.0..180.0_f64, bearing in 0.0..360.0_f64, metres in 10.0..100_000.0_f64) {
            let from = place(lat, lng);
            let to = from.destination(bearing, metres);
            // The destination is rounded to 1.1 cm in each direction.
            prop_assert!((from.distance_m(to) - metres).abs() < 0.02, "{} m", from.distance_m(to));
            prop_assert!((from.flat_distance_m(to) / metres - 1.0).abs() < 0.002);
            let turn = (from.bearing_deg(to) - bearing + 540.0).rem_euclid(360.0) - 180.0;
            prop_assert!(turn.abs() * metres < 5.0, "left at {} degrees", from.bearing_deg(to));
            prop_assert!((0.0..360.0).contains(&to.bearing_deg(from)));
        }

        #[test]
        fn going_back_leads_back(lat in -3.0..-1.0_f64, lng in 28.8..31.0_f64, bearing in 0.0..360.0_f64, metres in 1.0..50_000.0_f64) {
            let from = place(lat, lng);
            let to = from.destination(bearing, metres);
            let back = to.destination(to.bearing_deg(from), from.distance_m(to));
            prop_assert!(from.distance_m(back) < 0.05, "{} m away", from.distance_m(back));
        }
    }
}
