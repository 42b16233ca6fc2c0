//! Demand from a file of real orders, moved to Kigali.
//!
//! The orders are motorcycle courier orders of another city: their rhythm over the day and the shape of their distances
//! are real, the places they are moved to are synthetic. Separate from made-up demand because it is read, once, for all
//! seeds.

use std::io::Read;

use rand::Rng;
use serde::Deserialize;

use super::World;
use super::ground::Place;
use super::wishes::clamped;
use crate::time::Span;

/// Where the orders come from, latitude and longitude,
const SOURCE: (f64, f64) = (-1.2833, 36.8200);
/// and where they go.
const KIGALI: (f64, f64) = (-1.9536, 30.0606);
/// That city is larger; its distances are shrunk by this.
const SHRINK: f64 = 0.6;
/// Orders over less than this are not rides.
const RIDE_M_MIN: f64 = 300.0;
/// Local second of the day at which a trial begins: the busy part of the file's day.
const BEGINS_S: f64 = 9.0 * 3_600.0;

/// One order, moved.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Order {
    placed_s: f64,
    from: (f64, f64),
    to: (f64, f64),
}

/// Orders of all days of the file.
#[derive(Clone, Debug)]
pub struct Orders(Vec<Order>);

#[derive(Deserialize)]
struct Row {
    placed_s: f64,
    pickup_lat: f64,
    pickup_lon: f64,
    dest_lat: f64,
    dest_lon: f64,
}

impl Orders {
    /// Reads a table with `placed_s`, `pickup_lat`, `pickup_lon`, `dest_lat`, `dest_lon`.
    ///
    /// # Errors
    /// A sentence that names the line.
    pub fn read(input: impl Read) -> Result<Self, String> {
        let mut orders = Vec::new();
        for row in csv::Reader::from_reader(input).deserialize::<Row>() {
            let row = row.map_err(|error| error.to_string())?;
            let (from, to) = (moved(row.pickup_lat, row.pickup_lon), moved(row.dest_lat, row.dest_lon));
            orders.push(Order { placed_s: row.placed_s, from, to });
        }
        orders.retain(|order| order.placed_s >= BEGINS_S && order.length_m() >= RIDE_M_MIN);
        orders.sort_by(|a, b| a.placed_s.total_cmp(&b.placed_s));
        if orders.is_empty() { Err("it holds no order after nine in the morning".to_owned()) } else { Ok(Self(orders)) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// As many orders of the first `span` of the day as are wanted, all days laid over each other, each moved by up to half
    /// a minute: with their moment since the beginning, in order. Taken more than once when there are not enough.
    pub(super) fn chosen(&self, rng: &mut impl Rng, span: Span, wanted: usize) -> Vec<(Span, usize)> {
        let span_s = span.as_millis() as f64 / 1_000.0;
        let end = self.0.partition_point(|order| order.placed_s < BEGINS_S + span_s);
        if end == 0 {
            return Vec::new();
        }
        let mut chosen: Vec<(Span, usize)> = (0..wanted)
            .map(|_| {
                let number = rng.random_range(0..end);
                let since_s = self.0[number].placed_s - BEGINS_S + rng.random_range(-30.0..30.0);
                (Span::from_millis((since_s.clamp(0.0, span_s) * 1_000.0) as i64), number)
            })
            .collect();
        chosen.sort_unstable();
        chosen
    }

    /// Where an order begins and ends, on this ground; none where no street is near.
    pub(super) fn ends(&self, number: usize, world: &World) -> Option<(Place, Place)> {
        // Spread over the file, so that a small sample is of the whole day.
        let order = self.0.get(number % self.0.len())?;
        let place = |(lat, lng)| world.ground.place(clamped(world.service, lat, lng)?);
        Some((place(order.from)?, place(order.to)?))
    }
}

impl Order {
    fn length_m(&self) -> f64 {
        let metre_per_degree = 111_195.0;
        let (north, east) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        north.hypot(east) * metre_per_degree
    }
}

fn moved(lat: f64, lng: f64) -> (f64, f64) {
    (KIGALI.0 + (lat - SOURCE.0) * SHRINK, KIGALI.1 + (lng - SOURCE.1) * SHRINK)
}

#[cfg(test)]
mod tests {
    use super::super::chance::{About, chance};
    use super::*;

    const HEAD: &str = "order,day_of_month,placed_s,pickup_lat,pickup_lon,dest_lat,dest_lon\n";

    #[test]
    fn orders_are_moved_shrunk_and_chosen_in_order() {
        let mut text = HEAD.to_owned();
        for n in 0..50 {
            text.push_str(&format!("{n},1,{},-1.3833,36.9200,-1.2833,36.8200\n", 32_400 + n * 60));
        }
        text.push_str("1,1,100,-1.3833,36.9200,-1.2833,36.8200\n9,1,40000,-1.3833,36.9200,-1.3833,36.9200\n");
        let orders = Orders::read(text.as_bytes()).expect("reads");
        assert_eq!(orders.count(), 50, "the night and the order to nowhere are left out");
        let first = orders.0[0];
        assert!((first.from.0 - (KIGALI.0 - 0.06)).abs() < 1e-9 && (first.to.1 - KIGALI.1).abs() < 1e-9);
        let draw = |seed| orders.chosen(&mut chance(seed, About::Wishes, 0, 0), Span::from_minutes(30), 400);
        let chosen = draw(1);
        assert_eq!(chosen.len(), 400);
        assert!(chosen.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert!(chosen.iter().all(|(at, number)| *at <= Span::from_minutes(30) && *number < 30));
        assert_ne!(chosen, draw(2));
    }

    #[test]
    fn a_bad_line_is_named() {
        let text = format!("{HEAD}1,1,noon,-1.3,36.9,-1.2,36.8\n");
        assert!(Orders::read(text.as_bytes()).expect_err("noon").contains("line: 2"));
        assert!(Orders::read(HEAD.as_bytes()).expect_err("nothing").contains("no order"));
    }

    #[test]
    fn the_real_file_is_read_when_it_is_there() {
        let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/nairobi_moto_orders.csv"));
        let Ok(file) = std::fs::File::open(file) else {
            eprintln!("skipped: the orders are not there");
            return;
        };
        let orders = Orders::read(file).expect("reads");
        assert!((15_000..18_820).contains(&orders.count()), "{}", orders.count());
    }
}
