//! A box of latitudes and longitudes: the fence around the service.
//!
//! Separate from [`Polygon`](super::Polygon) because a box is checked on every ping and every request, and because the
//! grid of live drivers is laid over one. Edges belong to the box. A box does not cross the 180th meridian.

use super::LatLng;

/// Rwanda with a margin: the country lies within -2.8474..-1.0383, 28.8525..30.9086 in OpenStreetMap.
pub const RWANDA: Area = Area {
    south_west: LatLng::constant(-28_600_000, 288_400_000),
    north_east: LatLng::constant(-10_200_000, 309_200_000),
};

/// The box of Kigali's bus network (RURA's GTFS feed, 2024-25: -2.0511..-1.8665, 29.9606..30.2231) with a margin.
pub const KIGALI: Area = Area {
    south_west: LatLng::constant(-20_800_000, 299_400_000),
    north_east: LatLng::constant(-18_400_000, 302_600_000),
};

/// A box, from its south-west to its north-east corner, both inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    south_west: LatLng,
    north_east: LatLng,
}

impl Area {
    /// The box between two corners.
    pub fn new(south_west: LatLng, north_east: LatLng) -> Result<Self, AreaError> {
        let ordered = south_west.lat_e7() < north_east.lat_e7() && south_west.lng_e7() < north_east.lng_e7();
        if ordered { Ok(Self { south_west, north_east }) } else { Err(AreaError { south_west, north_east }) }
    }

    /// Whether the place is inside or on the edge.
    pub fn contains(self, place: LatLng) -> bool {
        (self.south_west.lat_e7()..=self.north_east.lat_e7()).contains(&place.lat_e7())
            && (self.south_west.lng_e7()..=self.north_east.lng_e7()).contains(&place.lng_e7())
    }

    /// The corner with the smallest latitude and longitude.
    pub const fn south_west(self) -> LatLng {
        self.south_west
    }

    /// The corner with the largest latitude and longitude.
    pub const fn north_east(self) -> LatLng {
        self.north_east
    }

    /// The middle of the box.
    pub fn centre(self) -> LatLng {
        let middle = |low: i32, high: i32| low.midpoint(high);
        LatLng {
            lat_e7: middle(self.south_west.lat_e7(), self.north_east.lat_e7()),
            lng_e7: middle(self.south_west.lng_e7(), self.north_east.lng_e7()),
        }
    }
}

/// Two corners that have no box between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the corner {south_west} is not south and west of {north_east}")]
pub struct AreaError {
    south_west: LatLng,
    north_east: LatLng,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    #[test]
    fn a_box_holds_its_inside_and_its_edges() {
        for (lat, lng, inside) in [
            (-1.943838, 30.056937, true),
            (-2.86, 28.84, true),
            (-1.02, 30.92, true),
            (-2.860_000_1, 30.0, false),
            (-1.95, 30.920_000_1, false),
            (-1.286389, 36.817223, false),
            (0.0, 0.0, false),
        ] {
            assert_eq!(RWANDA.contains(place(lat, lng)), inside, "{lat},{lng}");
        }
    }

    #[test]
    fn kigali_lies_in_rwanda_and_holds_its_bus_terminals() {
        assert!(RWANDA.contains(KIGALI.south_west()) && RWANDA.contains(KIGALI.north_east()));
        for (lat, lng) in
            [(-1.906775, 30.080270), (-2.001041, 30.091375), (-1.979014, 30.223064), (-1.980121, 30.041981)]
        {
            assert!(KIGALI.contains(place(lat, lng)), "{lat},{lng}");
        }
        assert!(!KIGALI.contains(place(-2.6053, 29.7402)), "Huye is not in Kigali");
        assert_eq!(KIGALI.centre(), place(-1.96, 30.10));
    }

    #[test]
    fn a_box_without_an_inside_is_refused() {
        let (low, high) = (place(-2.0, 29.0), place(-1.0, 30.0));
        assert!(Area::new(low, high).is_ok());
        assert!(Area::new(low, low).is_err());
        let error = Area::new(high, low).expect_err("corners swapped");
        assert_eq!(
            error.to_string(),
            "the corner -1.0000000,30.0000000 is not south and west of -2.0000000,29.0000000"
        );
    }
}
