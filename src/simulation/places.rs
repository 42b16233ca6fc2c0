//! Where people of the simulated city are: hot spots of Kigali with weights, and places drawn around them.
//!
//! Separate because riders and drivers draw from the same city. The coordinates are the bus terminals and stops of the
//! Kigali network (RURA's GTFS feed, 2024-25); the weights are an assumption, guided by how many bus lines meet there.

use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;

use crate::geo::{Area, LatLng};

/// A place where many rides begin and end.
#[derive(Clone, Copy, Debug)]
struct Spot {
    name: &'static str,
    lat: f64,
    lng: f64,
    /// Share of all rides, relative to the other spots.
    weight: f64,
}

const fn spot(name: &'static str, lat: f64, lng: f64, weight: f64) -> Spot {
    Spot { name, lat, lng, weight }
}

const SPOTS: [Spot; 22] = [
    spot("Nyabugogo", -1.940645, 30.044477, 14.0),
    spot("Downtown", -1.943838, 30.056937, 14.0),
    spot("Kimironko", -1.949596, 30.125570, 10.0),
    spot("Remera", -1.958409, 30.119131, 10.0),
    spot("Nyamirambo", -1.980121, 30.041981, 8.0),
    spot("Kicukiro Centre", -1.983847, 30.103971, 7.0),
    spot("Kacyiru", -1.936693, 30.081353, 6.0),
    spot("Sonatube", -1.968132, 30.101791, 4.0),
    spot("Amahoro Stadium", -1.956506, 30.115228, 4.0),
    spot("Kigali Convention Centre", -1.952573, 30.094775, 4.0),
    spot("Kigali Airport", -1.962186, 30.134380, 4.0),
    spot("Nyanza", -2.001041, 30.091375, 4.0),
    spot("CHUK", -1.956014, 30.061023, 3.0),
    spot("KBC", -1.952388, 30.092496, 3.0),
    spot("Gishushu", -1.953871, 30.102399, 3.0),
    spot("Rwandex", -1.969383, 30.086747, 3.0),
    spot("Batsinda", -1.906775, 30.080270, 3.0),
    spot("Kinyinya", -1.913391, 30.109343, 3.0),
    spot("King Faisal Hospital", -1.945332, 30.094270, 2.0),
    spot("Kanombe", -1.985908, 30.179103, 2.0),
    spot("Masaka", -1.997499, 30.192041, 1.0),
    spot("Kabuga", -1.979014, 30.223064, 1.0),
];

/// Standard deviation of places around their spot, in metres, in each direction.
const SPREAD_M: f64 = 450.0;
/// The same for somebody who is out in the quarters between the spots.
const SCATTER_M: f64 = 1_600.0;
/// Draws before a place is taken that is surely inside.
const DRAWS_MAX: usize = 16;

/// The spots that lie in the service area.
#[derive(Clone, Debug)]
pub struct City {
    spots: Vec<(LatLng, &'static str)>,
    weights: WeightedIndex<f64>,
    area: Area,
}

/// A place with the name people would give it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Named {
    /// Where.
    pub at: LatLng,
    /// The nearest place that everybody knows.
    pub name: &'static str,
}

impl City {
    /// The city inside `area`, or `None` when no spot lies in it.
    pub fn within(area: Area) -> Option<Self> {
        let inside = |spot: &Spot| {
            let at = LatLng::new(spot.lat, spot.lng).ok().filter(|at| area.contains(*at))?;
            Some((at, spot.name, spot.weight))
        };
        let inside: Vec<_> = SPOTS.iter().filter_map(inside).collect();
        let weights = WeightedIndex::new(inside.iter().map(|(_, _, weight)| *weight)).ok()?;
        Some(Self { spots: inside.into_iter().map(|(at, name, _)| (at, name)).collect(), weights, area })
    }

    /// Whether a place can be served.
    pub fn contains(&self, place: LatLng) -> bool {
        self.area.contains(place)
    }

    /// Somewhere near a hot spot.
    pub fn near_spot(&self, rng: &mut impl Rng) -> Named {
        self.around_spot(rng, SPREAD_M)
    }

    /// Somewhere in town, hot spot or not.
    pub fn scattered(&self, rng: &mut impl Rng) -> Named {
        self.around_spot(rng, SCATTER_M)
    }

    /// What people call this place.
    pub fn named(&self, at: LatLng) -> Named {
        let nearest = self.spots.iter().min_by(|a, b| a.0.distance_m(at).total_cmp(&b.0.distance_m(at)));
        Named { at, name: nearest.map_or("Kigali", |(_, name)| name) }
    }

    fn around_spot(&self, rng: &mut impl Rng, spread_m: f64) -> Named {
        let (centre, name) = self.spots[self.weights.sample(rng)];
        for _ in 0..DRAWS_MAX {
            // Direction and a Rayleigh distance: together a two-dimensional bell.
            let distance_m = spread_m * (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
            let at = centre.destination(rng.random_range(0.0..360.0), distance_m);
            if self.area.contains(at) {
                return Named { at, name };
            }
        }
        Named { at: centre, name }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::geo::KIGALI;

    #[test]
    fn everybody_is_in_the_service_area() {
        let city = City::within(KIGALI).expect("Kigali has spots");
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..2_000 {
            assert!(city.contains(city.near_spot(&mut rng).at));
            assert!(city.contains(city.scattered(&mut rng).at));
        }
    }

    #[test]
    fn busy_spots_are_drawn_more_often() {
        let city = City::within(KIGALI).expect("Kigali has spots");
        let mut rng = StdRng::seed_from_u64(2);
        let drawn: Vec<_> = (0..5_000).map(|_| city.near_spot(&mut rng).name).collect();
        let count = |name: &str| drawn.iter().filter(|drawn| **drawn == name).count();
        assert!(count("Nyabugogo") > 5 * count("Kabuga"));
        assert!(count("Kabuga") > 0);
    }

    #[test]
    fn an_area_without_spots_is_no_city() {
        let corner = |lat, lng| LatLng::new(lat, lng).expect("on the globe");
        let elsewhere = Area::new(corner(10.0, 10.0), corner(11.0, 11.0)).expect("a box");
        assert!(City::within(elsewhere).is_none());
    }

    #[test]
    fn a_place_is_called_after_the_nearest_spot() {
        let city = City::within(KIGALI).expect("Kigali has spots");
        assert_eq!(city.named(LatLng::new(-1.9410, 30.0450).expect("on the globe")).name, "Nyabugogo");
    }
}
