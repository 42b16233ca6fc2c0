//! How close streets lie to each other: close at the hubs, wide in the quarters around, none in the hills beyond.
//!
//! Separate because main and local streets ask the same question.

use super::Hub;
use super::plane::Point;

/// Distance between parallel streets at the heart of a hub.
const HEART_M: f64 = 128.0;
/// How much further apart they are for each metre from the hub.
const GROWTH: f64 = 0.085;
/// Streets that would be further apart are country, and are left out.
const COUNTRY_M: f64 = 330.0;

/// Side of the squares that have one density each.
const SQUARE_M: f64 = 80.0;

#[derive(Debug)]
pub(super) struct Density {
    half: Point,
    columns: usize,
    spacings_m: Vec<f64>,
}

impl Density {
    pub(super) fn new(hubs: &[(Point, &Hub)], half: Point) -> Self {
        // Where the heart of each hub ends.
        let hearts: Vec<(Point, f64)> = hubs.iter().map(|(at, hub)| (*at, 120.0 + 28.0 * hub.weight)).collect();
        let count = |half: f64| (2.0 * half / SQUARE_M) as usize + 1;
        let (columns, rows) = (count(half.x), count(half.y));
        let spacing_m = |square: usize| {
            let (column, row) = ((square % columns) as f64 + 0.5, (square / columns) as f64 + 0.5);
            let at = Point::new(column, row).times(SQUARE_M).minus(half);
            let away =
                hearts.iter().map(|(heart, reach)| (heart.distance(at) - reach).max(0.0)).fold(f64::MAX, f64::min);
            (HEART_M + GROWTH * away).min(2.0 * COUNTRY_M)
        };
        Self { half, columns, spacings_m: (0..columns * rows).map(spacing_m).collect() }
    }

    /// Metres between neighbouring streets.
    pub(super) fn spacing_m(&self, point: Point) -> f64 {
        let at = point.plus(self.half).times(1.0 / SQUARE_M);
        let is_outside = at.x < 0.0 || at.y < 0.0 || at.x >= self.columns as f64;
        let square = at.y as usize * self.columns + at.x as usize;
        if is_outside { 2.0 * COUNTRY_M } else { self.spacings_m.get(square).copied().unwrap_or(2.0 * COUNTRY_M) }
    }

    /// Whether there are local streets at all.
    pub(super) fn is_town(&self, point: Point) -> bool {
        self.spacing_m(point) < COUNTRY_M
    }
}
