//! The map before a booking: free drivers by tiles of the city, shown to riders who look.
//!
//! Tiles rather than a search for each rider: all who look at the same part of the city share one picture, made once a
//! second and only of tiles that somebody looks at. Drivers have no name here, only a key that tells them apart while the
//! process runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Locations;
use crate::clock;
use crate::geo::{Area, LatLng};
use crate::realtime::protocol::server::NearbyDriver;
use crate::realtime::{Hub, Picture};
use crate::time::{Span, Timestamp};

/// Numbers of browsing.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Side of a tile in metres.
    pub tile_m: f64,
    /// How often a tile is looked at.
    pub every: Span,
    /// Drivers shown of one tile at most.
    pub drivers_max: usize,
}

/// Ten-millionths of a degree of latitude in a metre.
const E7_PER_METRE: f64 = 1e7 / 111_319.5;

/// Makes keys of slots that do not show how many drivers there are. Odd, so different slots have different keys.
const KEY_FACTOR: u32 = 0x9e37_79b1;

/// The tiles over the service area, row by row from the south-west, numbered from 0.
#[derive(Clone, Copy, Debug)]
pub struct Tiles {
    area: Area,
    lat_e7: i32,
    lng_e7: i32,
    cols: u32,
    rows: u32,
}

impl Tiles {
    /// Tiles about `tile_m` metres wide and high in the middle of the area.
    pub fn new(area: Area, tile_m: f64) -> Self {
        let (low, high) = (area.south_west(), area.north_east());
        let lat_e7 = ((tile_m * E7_PER_METRE) as i32).max(1);
        let lng_e7 = ((tile_m * E7_PER_METRE / area.centre().lat().to_radians().cos()) as i32).max(1);
        let count = |low: i32, high: i32, step: i32| high.abs_diff(low) / step.unsigned_abs() + 1;
        let rows = count(low.lat_e7(), high.lat_e7(), lat_e7);
        Self { area, lat_e7, lng_e7, cols: count(low.lng_e7(), high.lng_e7(), lng_e7), rows }
    }

    /// The tile of a place of the area and those around it, ascending.
    pub fn around(&self, place: LatLng) -> Vec<u32> {
        let low = self.area.south_west();
        let row = place.lat_e7().saturating_sub(low.lat_e7()).max(0) as u32 / self.lat_e7.unsigned_abs();
        let col = place.lng_e7().saturating_sub(low.lng_e7()).max(0) as u32 / self.lng_e7.unsigned_abs();
        let near = |middle: u32, count: u32| middle.saturating_sub(1)..(middle + 2).min(count);
        near(row, self.rows).flat_map(|row| near(col, self.cols).map(move |col| row * self.cols + col)).collect()
    }

    /// The box of a tile, its northern and eastern edges left out; `None` for a number that is no tile's.
    pub fn bounds(&self, tile: u32) -> Option<Area> {
        let (row, col) = (tile / self.cols, tile % self.cols);
        let low = self.area.south_west();
        let corner = |row: u32, col: u32, less: i64| {
            let lat = i64::from(low.lat_e7()) + i64::from(row) * i64::from(self.lat_e7) - less;
            let lng = i64::from(low.lng_e7()) + i64::from(col) * i64::from(self.lng_e7) - less;
            LatLng::from_e7(lat.min(900_000_000) as i32, lng.min(1_800_000_000) as i32).ok()
        };
        if row >= self.rows {
            return None;
        }
        Area::new(corner(row, col, 0)?, corner(row + 1, col + 1, 1)?).ok()
    }
}

impl Locations {
    /// The tiles that a rider at this place looks at.
    pub fn tiles_around(&self, place: LatLng) -> Vec<u32> {
        self.inner.tiles.around(place)
    }

    /// The free drivers of a tile, by key.
    fn tile(&self, tile: u32, now: Timestamp) -> Picture {
        let mut drivers = Vec::new();
        if let Some(area) = self.inner.tiles.bounds(tile) {
            self.inner.index.free_in(area, self.inner.config.position_age_max, now, |slot, place, bearing_deg| {
                let key = slot.wrapping_mul(KEY_FACTOR);
                drivers.push(NearbyDriver { key, lat: place.lat(), lng: place.lng(), bearing_deg });
            });
        }
        // By key, so that the same drivers are shown from one picture to the next, and the same tile looks the same.
        drivers.sort_unstable_by_key(|driver| driver.key);
        drivers.dedup_by_key(|driver| driver.key);
        drivers.truncate(self.inner.config.browse.drivers_max);
        Picture::new(tile, drivers)
    }
}

/// Shows browsed tiles until told to stop.
pub async fn show_tiles(locations: Locations, hub: Arc<Hub>, stop: CancellationToken) {
    let every: Duration = locations.inner.config.browse.every.to_duration();
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let now = clock::now();
        for tile in hub.browsed_tiles() {
            hub.show_tile(locations.tile(tile, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::geo::KIGALI;

    proptest! {
        #[test]
        fn every_place_is_in_one_tile_which_is_in_the_middle_of_those_around(
            lat in -2.08..-1.84_f64, lng in 29.94..30.26_f64, tile_m in 200.0..5_000.0_f64,
        ) {
            let tiles = Tiles::new(KIGALI, tile_m);
            let place = LatLng::new(lat, lng).expect("on the globe");
            let around = tiles.around(place);
            prop_assert!((4..=9).contains(&around.len()) && around.is_sorted());
            let own: Vec<u32> = (0..tiles.rows * tiles.cols)
                .filter(|tile| tiles.bounds(*tile).is_some_and(|area| area.contains(place)))
                .collect();
            prop_assert_eq!(own.len(), 1);
            prop_assert!(around.contains(&own[0]));
        }
    }

    #[test]
    fn a_number_beyond_the_area_is_no_tile() {
        let tiles = Tiles::new(KIGALI, 1_000.0);
        assert!(tiles.bounds(tiles.rows * tiles.cols - 1).is_some());
        assert!(tiles.bounds(tiles.rows * tiles.cols).is_none() && tiles.bounds(u32::MAX).is_none());
    }
}
