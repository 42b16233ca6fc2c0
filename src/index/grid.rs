//! The grid over the service area, and the proof of when a search may stop.
//!
//! Separate because it is geometry alone: no driver, no lock. Everything that decides which cells a search may leave out
//! is here, so that "exact" can be checked in one place.

use crate::geo::{Area, EARTH_RADIUS_M, LatLng};

/// Ten-millionths of a degree in a radian.
const E7_PER_RADIAN: f64 = 1e7 * 180.0 / std::f64::consts::PI;

/// Rounding in all the arithmetic of a distance stays far below this share of it.
const SLACK: f64 = 1.0 + 1e-9;

/// Cells of equal size in degrees, row by row from the south-west. A place outside the area belongs to the nearest cell
/// of the border: as if the border cells reached to the ends of the Earth.
pub(super) struct Grid {
    lat_min_e7: i64,
    lng_min_e7: i64,
    cell_lat_e7: u32,
    cell_lng_e7: u32,
    rows: u32,
    cols: u32,
}

/// The number of a cell, and the offset of a place from its south-west corner in ten-millionths of a degree. The offset is
/// negative or larger than the cell for a place beyond the border.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) cell: u32,
    pub(super) lat_e7: i64,
    pub(super) lng_e7: i64,
}

/// Row and column of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cell {
    pub(super) row: u32,
    pub(super) col: u32,
}

impl Grid {
    /// A grid of cells about `cell_m` metres wide and high in the middle of the area.
    pub(super) fn new(area: Area, cell_m: f64) -> Self {
        let (low, high) = (area.south_west(), area.north_east());
        let span = |low: i32, high: i32| high.abs_diff(low);
        let (lat_span, lng_span) = (span(low.lat_e7(), high.lat_e7()), span(low.lng_e7(), high.lng_e7()));
        let cell_e7 = cell_m / EARTH_RADIUS_M * E7_PER_RADIAN;
        // A float becomes the nearest integer of the type, so the narrow cells at a pole become one wide one.
        let cell_lat_e7 = (cell_e7 as u32).clamp(1, lat_span);
        let cell_lng_e7 = ((cell_e7 / area.centre().lat().to_radians().cos()) as u32).clamp(1, lng_span);
        Self {
            lat_min_e7: low.lat_e7().into(),
            lng_min_e7: low.lng_e7().into(),
            cell_lat_e7,
            cell_lng_e7,
            rows: lat_span / cell_lat_e7 + 1,
            cols: lng_span / cell_lng_e7 + 1,
        }
    }

    pub(super) fn cells(&self) -> u64 {
        u64::from(self.rows) * u64::from(self.cols)
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    pub(super) fn cols(&self) -> u32 {
        self.cols
    }

    /// The cell that a place belongs to, and where in it.
    #[inline]
    pub(super) fn spot(&self, place: LatLng) -> Spot {
        let cell = self.cell_at(place);
        let (lat_e7, lng_e7) = self.corner_e7(cell);
        Spot {
            cell: self.number(cell),
            lat_e7: i64::from(place.lat_e7()) - lat_e7,
            lng_e7: i64::from(place.lng_e7()) - lng_e7,
        }
    }

    /// Latitude and longitude of the south-west corner of a cell, in ten-millionths of a degree.
    pub(super) fn corner_e7(&self, cell: Cell) -> (i64, i64) {
        let edge = |min_e7: i64, step: u32, cell_e7: u32| min_e7 + i64::from(step) * i64::from(cell_e7);
        (edge(self.lat_min_e7, cell.row, self.cell_lat_e7), edge(self.lng_min_e7, cell.col, self.cell_lng_e7))
    }

    #[inline]
    pub(super) fn cell_at(&self, place: LatLng) -> Cell {
        let steps = |e7: i32, min_e7: i64, cell_e7: u32, count: u32| {
            // Between 0 and 3.6e9, so it fits.
            let offset = (i64::from(e7) - min_e7).max(0) as u32;
            (offset / cell_e7).min(count - 1)
        };
        Cell {
            row: steps(place.lat_e7(), self.lat_min_e7, self.cell_lat_e7, self.rows),
            col: steps(place.lng_e7(), self.lng_min_e7, self.cell_lng_e7, self.cols),
        }
    }

    pub(super) fn number(&self, cell: Cell) -> u32 {
        cell.row * self.cols + cell.col
    }

    /// The difference in latitude (ten-millionths of a degree) that every place in a row has from `place` at least,
    /// given the row of `place`.
    pub(super) fn lat_gap_e7(&self, place: LatLng, home_row: u32, row: u32) -> i64 {
        gap_e7(i64::from(place.lat_e7()) - self.lat_min_e7, self.cell_lat_e7, home_row, row)
    }

    /// As [`lat_gap_e7`](Self::lat_gap_e7), for longitudes and columns.
    pub(super) fn lng_gap_e7(&self, place: LatLng, home_col: u32, col: u32) -> i64 {
        gap_e7(i64::from(place.lng_e7()) - self.lng_min_e7, self.cell_lng_e7, home_col, col)
    }
}

/// From an offset to the near edge of a row or column. A border cell reaches outward for ever, but its inner edge, the
/// one that counts for a place in another cell, is where it is drawn.
fn gap_e7(offset_e7: i64, cell_e7: u32, home: u32, other: u32) -> i64 {
    let edge = |step: u32| i64::from(step) * i64::from(cell_e7);
    if other > home {
        edge(other) - offset_e7
    } else if other < home {
        offset_e7 - edge(other + 1)
    } else {
        0
    }
}

/// A flat map around a place, on which distances on the globe are told apart by a square sum.
///
/// Let φ be the latitude of the place, δ the angle of the reach, and Λ = asin(sin δ / cos φ) the largest difference in
/// longitude within reach. The product of the cosines of φ and of a latitude within reach lies between
/// c = cos φ · cos(|φ| + δ) and C = cos φ · cos(max(|φ| − δ, 0)). The square sum of a place is f = Δφ² + c Δλ².
///
/// *What has a large square sum is far.* For a place at angle a ≤ δ, the haversine formula and
/// x²(1 − x²/3) ≤ sin² x ≤ x² give
///
/// > (a/2)² ≥ sin²(a/2) ≥ [(Δφ/2)² + c (Δλ/2)²] (1 − Λ²/12), so f ≤ a² / (1 − Λ²/12) = a² · stretch.
///
/// A place whose square sum is larger is therefore farther than a.
///
/// *What has a small square sum is near.* Let r ≤ δ and f ≤ r² / widen, where widen = (C/c) / (1 − δ²/12) ≥ 1. Then
/// |Δφ| ≤ δ, so that C bounds the cosines, and
///
/// > sin²(a/2) ≤ (Δφ/2)² + C (Δλ/2)² ≤ (C/c) f/4 ≤ (r/2)² (1 − δ²/12) ≤ (r/2)² (1 − (r/2)²/3) ≤ sin²(r/2), so a ≤ r.
///
/// *So k places decide about all others.* If k places within reach have square sums up to F, the k-th nearest place
/// is at an angle of at most √(F · widen), and whatever is as near has a square sum of at most F · widen · stretch. In
/// a city the two factors differ from one by some hundred-thousandths: the square sum finds nearly exactly the k
/// nearest, and trigonometry is left to those.
///
/// Bounds serve as well as the values themselves, and cost less: sin δ ≤ δ and asin x ≤ x / √(1 − x²) make Λ larger,
/// cos δ ≥ 1 − δ²/2 makes c smaller, and cos δ ≤ 1 makes C larger.
///
/// All this needs the reach to stay clear of the poles and of the 180th meridian. Where it does not, the horizon is
/// *blind*: places are ranked by the square of the true distance, and nothing is told about cells.
pub(super) struct Horizon {
    from: LatLng,
    /// c above.
    cosines: f64,
    stretch: f64,
    widen: f64,
    /// Units of rank in a square metre.
    unit: f64,
    blind: bool,
}

impl Horizon {
    pub(super) fn new(from: LatLng, reach_m: f64) -> Self {
        let reach = reach_m / EARTH_RADIUS_M;
        let lat = from.lat().to_radians().abs();
        // At 80° the reach is still far enough from the pole for the root.
        if lat + reach < 80.0_f64.to_radians() {
            let (sine, cosine) = lat.sin_cos();
            let x = reach / cosine;
            let lng_reach = x / (1.0 - x * x).sqrt();
            // Not a number where x exceeds one, and then not less.
            if from.lng().to_radians().abs() + lng_reach < std::f64::consts::PI {
                let far = cosine * (1.0 - reach * reach / 2.0) - sine * reach;
                let near = (cosine + sine * reach).min(1.0);
                let (lng_loss, loss) = (1.0 - lng_reach * lng_reach / 12.0, 1.0 - reach * reach / 12.0);
                if far > 0.0 && lng_loss > 0.0 {
                    return Self {
                        from,
                        cosines: cosine * far,
                        stretch: SLACK / lng_loss,
                        widen: SLACK * (near / far) / loss,
                        unit: (E7_PER_RADIAN / EARTH_RADIUS_M).powi(2),
                        blind: false,
                    };
                }
            }
        }
        Self { from, cosines: 0.0, stretch: SLACK, widen: SLACK, unit: 1.0, blind: true }
    }

    /// Whether square sums say nothing here.
    pub(super) fn is_blind(&self) -> bool {
        self.blind
    }

    /// The square sum of two differences, in square ten-millionths of a degree.
    #[inline]
    pub(super) fn flat(&self, lat_e7: f64, lng_e7: f64) -> f64 {
        lat_e7 * lat_e7 + self.cosines * (lng_e7 * lng_e7)
    }

    /// What places are sorted by: the square sum, or if blind the square of the distance in metres.
    #[inline]
    pub(super) fn rank(&self, place: LatLng) -> f64 {
        if self.blind {
            return self.from.distance_m(place).powi(2);
        }
        let (lat_e7, lng_e7) = (f64::from(place.lat_e7()), f64::from(place.lng_e7()));
        self.flat(lat_e7 - f64::from(self.from.lat_e7()), lng_e7 - f64::from(self.from.lng_e7()))
    }

    /// A place that ranks above this is farther away than `metres`, which is within reach.
    pub(super) fn far(&self, metres: f64) -> f64 {
        metres * metres * self.unit * self.stretch
    }

    /// A place that ranks up to this is no farther away than `metres`, which is within reach.
    pub(super) fn near(&self, metres: f64) -> f64 {
        metres * metres * self.unit / self.widen
    }

    /// When k places within reach rank up to `rank`, the k nearest rank up to this.
    #[inline]
    pub(super) fn spread(&self, rank: f64) -> f64 {
        rank * (self.widen * self.stretch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assume, proptest};

    use super::*;
    use crate::geo::{KIGALI, RWANDA};

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    #[test]
    fn cells_have_the_side_asked_for() {
        for (area, cells) in [(KIGALI, 107 * 143), (RWANDA, 819 * 925)] {
            let grid = Grid::new(area, 250.0);
            assert_eq!(grid.cells(), cells);
            let here = area.centre();
            let degrees = |e7: u32| f64::from(e7) / 1e7;
            let north = place(here.lat() + degrees(grid.cell_lat_e7), here.lng());
            let east = place(here.lat(), here.lng() + degrees(grid.cell_lng_e7));
            assert!((here.distance_m(north) - 250.0).abs() < 0.1 && (here.distance_m(east) - 250.0).abs() < 0.1);
        }
    }

    #[test]
    fn a_place_outside_belongs_to_the_border() {
        let grid = Grid::new(KIGALI, 250.0);
        let (last_row, last_col) = (grid.rows() - 1, grid.cols() - 1);
        for (lat, lng, row, col) in [
            (-90.0, -180.0, 0, 0),
            (90.0, 180.0, last_row, last_col),
            (-1.84, 30.26, last_row, last_col),
            (-2.08, 29.94, 0, 0),
            (-90.0, 180.0, 0, last_col),
        ] {
            assert_eq!(grid.cell_at(place(lat, lng)), Cell { row, col }, "{lat},{lng}");
        }
    }

    proptest! {
        #[test]
        fn no_place_in_a_cell_is_nearer_than_its_gap(
            a in -2.2..-1.7_f64, b in 29.8..30.4_f64, c in -2.2..-1.7_f64, d in 29.8..30.4_f64, cell_m in 100.0..20_000.0_f64,
        ) {
            let grid = Grid::new(KIGALI, cell_m);
            let (here, there) = (place(a, b), place(c, d));
            let (home, cell) = (grid.cell_at(here), grid.cell_at(there));
            let lat_gap_e7 = grid.lat_gap_e7(here, home.row, cell.row);
            let lng_gap_e7 = grid.lng_gap_e7(here, home.col, cell.col);
            prop_assert!(lat_gap_e7 >= 0 && lng_gap_e7 >= 0);
            prop_assert!(lat_gap_e7 <= i64::from(here.lat_e7().abs_diff(there.lat_e7())));
            prop_assert!(lng_gap_e7 <= i64::from(here.lng_e7().abs_diff(there.lng_e7())));
        }

        #[test]
        fn rank_bounds_distance_from_both_sides(
            lat in -89.0..89.0_f64, lng in -180.0..180.0_f64, bearing in 0.0..360.0_f64, metres in 0.0..3_000_000.0_f64, more in 1.0..4.0_f64,
        ) {
            let here = place(lat, lng);
            let there = here.destination(bearing, metres);
            let distance_m = here.distance_m(there);
            let horizon = Horizon::new(here, distance_m * more);
            let rank = horizon.rank(there);
            prop_assert!(rank <= horizon.far(distance_m));
            prop_assert!(rank * 1.000_001 >= horizon.near(distance_m * 0.999_999));
            prop_assert!(rank <= horizon.spread(rank));
        }

        #[test]
        fn whoever_ranks_beyond_the_spread_is_farther(
            lat in -79.0..79.0_f64, lng in -179.0..179.0_f64, reach_m in 1_000.0..2_000_000.0_f64,
            a in 0.0..360.0_f64, b in 0.0..360.0_f64, near in 0.0..1.0_f64, ratio in 0.9..1.1_f64,
        ) {
            let here = place(lat, lng);
            let horizon = Horizon::new(here, reach_m);
            let (one, other) = (here.destination(a, near * reach_m), here.destination(b, near * reach_m * ratio));
            let within = |place: LatLng| here.distance_m(place) <= reach_m;
            prop_assume!(within(one));
            if horizon.rank(other) > horizon.spread(horizon.rank(one)) {
                prop_assert!(here.distance_m(other) > here.distance_m(one));
            }
            if horizon.rank(other) <= horizon.near(reach_m) {
                prop_assert!(within(other));
            }
        }

        #[test]
        fn in_a_city_the_horizon_is_tight(bearing in 0.0..360.0_f64, metres in 10.0..20_000.0_f64) {
            let here = place(-1.95, 30.06);
            let there = here.destination(bearing, metres);
            let horizon = Horizon::new(here, 20_000.0);
            prop_assert!(horizon.rank(there) > horizon.far(here.distance_m(there) * 0.999));
            prop_assert!(horizon.spread(1.0) < 1.001);
        }
    }
}
