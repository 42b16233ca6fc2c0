//! Demand from a file of real orders, moved to Kigali and compressed in time.
//!
//! The orders are motorcycle courier orders of another city: their rhythm and the shape of their distances are real, the
//! places they are moved to are synthetic. Several days are laid over each other to make one day that is busy enough
//! for the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::schedule::{Demand, Planned};
use crate::world::{Area, Journey, KIGALI, Point};

/// Where the orders come from.
const SOURCE: Point = Point { lat: -1.2833, lng: 36.8200 };
/// That city is larger; its distances are shrunk by this.
const SHRINK: f64 = 0.6;
/// Orders over less than this are not rides.
const RIDE_M_MIN: f64 = 100.0;
/// Speed of a motorcycle in town.
pub const TOWN_MPS: f64 = 22.0 / 3.6;
/// What a ride takes beside riding, however time is compressed: looking at the offer, boarding, the one-second steps.
const HANDLING_S: f64 = 4.0;
/// How far a driver comes from on average.
const PICKUP_M: f64 = 500.0;
/// The days chosen make the busiest minutes ask for this share of what the fleet can do.
const PEAK_SHARE: f64 = 0.5;
/// The peak is the busiest of these slices of the run.
const SLICE: Duration = Duration::from_secs(10);

/// One order of the file, moved to Kigali.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Order {
    day: u32,
    placed_s: f64,
    journey: Journey,
}

/// Which part of the orders to play, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Local second of the day at which the run begins.
    pub from_s: f64,
    /// Length of the run.
    pub seconds: u64,
    /// Seconds of the orders in one second of the run.
    pub speedup: f64,
    /// How many days to lay over each other; chosen for the fleet when absent.
    pub days: Option<u32>,
    /// Drivers of the fleet.
    pub drivers: usize,
}

/// What was chosen; part of the report.
#[derive(Clone, Debug, Serialize)]
pub struct Choice {
    /// Orders in the file.
    pub in_file: usize,
    /// Orders played.
    pub used: usize,
    /// Orders of the window left out because they go nowhere.
    pub too_short: usize,
    /// First and last day of the month that were laid over each other.
    pub days: (u32, u32),
    /// Time of day covered, local.
    pub window: String,
    /// Seconds of the orders in one second of the run.
    pub speedup: f64,
    /// Bookings a minute in the busiest ten seconds.
    pub peak_per_minute: f64,
    /// Rides a minute the fleet should manage.
    pub capacity_per_minute: f64,
    /// What the positions are.
    pub positions: &'static str,
}

/// Orders ready to be played.
#[derive(Debug)]
pub struct Selection {
    /// For the report.
    pub choice: Choice,
    planned: Vec<Planned>,
}

impl Selection {
    /// Every pickup, for placing the drivers.
    pub fn pickups(&self) -> Vec<Point> {
        self.planned.iter().map(|planned| planned.journey.pickup).collect()
    }

    /// The schedule.
    pub fn demand(self) -> Demand {
        Box::new(self.planned.into_iter())
    }
}

#[derive(Deserialize)]
struct Row {
    day_of_month: u32,
    placed_s: f64,
    pickup_lat: f64,
    pickup_lon: f64,
    dest_lat: f64,
    dest_lon: f64,
}

/// Reads a file of orders and moves them to Kigali. The error names the file and the line.
pub fn read(path: &Path) -> Result<Vec<Order>, String> {
    let named = |err: &dyn std::fmt::Display| format!("orders file {}: {err}", path.display());
    let file = std::fs::File::open(path).map_err(|err| named(&err))?;
    let orders = parsed(file).map_err(|err| named(&err))?;
    if orders.is_empty() {
        return Err(named(&"it holds no orders"));
    }
    Ok(orders)
}

fn parsed(input: impl std::io::Read) -> Result<Vec<Order>, csv::Error> {
    csv::Reader::from_reader(input)
        .deserialize::<Row>()
        .map(|row| {
            let row = row?;
            let pickup = moved(Point { lat: row.pickup_lat, lng: row.pickup_lon });
            let destination = moved(Point { lat: row.dest_lat, lng: row.dest_lon });
            Ok(Order { day: row.day_of_month, placed_s: row.placed_s, journey: Journey { pickup, destination } })
        })
        .collect()
}

fn moved(point: Point) -> Point {
    Point { lat: KIGALI.lat + (point.lat - SOURCE.lat) * SHRINK, lng: KIGALI.lng + (point.lng - SOURCE.lng) * SHRINK }
}

/// Chooses the days and lays the orders of the window over each other. The error says why nothing can be played.
pub fn select(orders: &[Order], window: &Window, area: &Area) -> Result<Selection, String> {
    let span_s = window.seconds as f64 * window.speedup;
    let until_s = window.from_s + span_s;
    let mut by_day: BTreeMap<u32, Vec<Planned>> = BTreeMap::new();
    let mut short: BTreeMap<u32, usize> = BTreeMap::new();
    for order in orders.iter().filter(|order| (window.from_s..until_s).contains(&order.placed_s)) {
        let (pickup, destination) = (area.clamped(order.journey.pickup), area.clamped(order.journey.destination));
        if pickup.distance_m(destination) < RIDE_M_MIN {
            *short.entry(order.day).or_default() += 1;
            continue;
        }
        let at = Duration::from_secs_f64((order.placed_s - window.from_s) / window.speedup);
        by_day.entry(order.day).or_default().push(Planned { at, journey: Journey { pickup, destination } });
    }
    if by_day.is_empty() {
        return Err(format!("no orders between {} and {}", clock_time(window.from_s), clock_time(until_s)));
    }
    let capacity = capacity_per_minute(&by_day, window);
    let days = chosen_days(&by_day, window.days, capacity * PEAK_SHARE)?;
    let mut planned: Vec<Planned> =
        by_day.iter().filter(|(day, _)| days.contains(day)).flat_map(|(_, planned)| planned.clone()).collect();
    planned.sort_by_key(|planned| planned.at);
    let (first, last) = (days.iter().next().copied().unwrap_or(0), days.iter().next_back().copied().unwrap_or(0));
    let choice = Choice {
        in_file: orders.len(),
        used: planned.len(),
        too_short: short.iter().filter(|(day, _)| days.contains(day)).map(|(_, count)| count).sum(),
        days: (first, last),
        window: format!("{}-{}", clock_time(window.from_s), clock_time(until_s)),
        speedup: window.speedup,
        peak_per_minute: peak_per_minute(planned.iter()),
        capacity_per_minute: (capacity * 10.0).round() / 10.0,
        positions: "synthetic: real courier orders of another city, moved to Kigali",
    };
    Ok(Selection { choice, planned })
}

/// Rides a minute that the fleet can serve when everybody is busy all the time.
fn capacity_per_minute(by_day: &BTreeMap<u32, Vec<Planned>>, window: &Window) -> f64 {
    let lengths =
        by_day.values().flatten().map(|planned| planned.journey.pickup.distance_m(planned.journey.destination));
    let (sum, count) = lengths.fold((0.0, 0_u32), |(sum, count), length| (sum + length, count + 1));
    let cycle_s = (sum / f64::from(count) + PICKUP_M) / (TOWN_MPS * window.speedup) + HANDLING_S;
    window.drivers as f64 * 60.0 / cycle_s
}

/// The busiest run of consecutive days: as many as asked for, or as many as stay below `peak_max` bookings a minute.
fn chosen_days(
    by_day: &BTreeMap<u32, Vec<Planned>>,
    asked: Option<u32>,
    peak_max: f64,
) -> Result<BTreeSet<u32>, String> {
    let days: Vec<u32> = by_day.keys().copied().collect();
    let busiest = |count: usize| {
        let load = |run: &[u32]| run.iter().map(|day| by_day[day].len()).sum::<usize>();
        days.windows(count).max_by_key(|run| load(run)).map(<[u32]>::to_vec)
    };
    let peak_of = |run: &[u32]| peak_per_minute(run.iter().flat_map(|day| by_day[day].iter()));
    if let Some(asked) = asked {
        let run = busiest(asked as usize).filter(|_| asked > 0);
        let run = run.ok_or_else(|| format!("--days {asked}: the file has orders of {} days", days.len()))?;
        return Ok(run.into_iter().collect());
    }
    let fitting = (1..=days.len()).filter_map(busiest).take_while(|run| peak_of(run) <= peak_max).last();
    let run = fitting.or_else(|| busiest(1)).ok_or_else(|| "the file has no days".to_owned())?;
    Ok(run.into_iter().collect())
}

fn peak_per_minute<'a>(planned: impl Iterator<Item = &'a Planned>) -> f64 {
    let mut slices: BTreeMap<u64, u32> = BTreeMap::new();
    for one in planned {
        *slices.entry(one.at.as_secs() / SLICE.as_secs()).or_default() += 1;
    }
    let peak = slices.values().copied().max().unwrap_or(0);
    f64::from(peak) * 60.0 / SLICE.as_secs_f64()
}

fn clock_time(second_of_day: f64) -> String {
    let minutes = (second_of_day / 60.0).round() as u64;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { lat_min: -2.1, lat_max: -1.8, lng_min: 29.9, lng_max: 30.3 };
    const HEAD: &str = "order,day_of_month,placed_s,pickup_lat,pickup_lon,dest_lat,dest_lon,split\n";

    fn window(days: Option<u32>, drivers: usize) -> Window {
        Window { from_s: 32_400.0, seconds: 300, speedup: 60.0, days, drivers }
    }

    /// Days with this many orders each, spread evenly over the window.
    fn days(counts: &[u32]) -> Vec<Order> {
        let journey = Journey { pickup: KIGALI, destination: KIGALI.moved(3_000.0, 0.0) };
        let mut orders = Vec::new();
        for (day, count) in (1..).zip(counts) {
            orders.extend((0..*count).map(|n| {
                let placed_s = 32_400.0 + f64::from(n) * 18_000.0 / f64::from(*count);
                Order { day, placed_s, journey }
            }));
        }
        orders
    }

    #[test]
    fn an_order_is_moved_and_shrunk() {
        let text = format!("{HEAD}10504,1,25682,-1.3833,36.9200,-1.2833,36.8200,train\n");
        let orders = parsed(text.as_bytes()).expect("parses");
        assert_eq!((orders.len(), orders[0].day, orders[0].placed_s), (1, 1, 25_682.0));
        assert_eq!(orders[0].journey.destination, KIGALI);
        assert!((orders[0].journey.pickup.lat - (KIGALI.lat - 0.06)).abs() < 1e-9);
        assert!((orders[0].journey.pickup.lng - (KIGALI.lng + 0.06)).abs() < 1e-9);
    }

    #[test]
    fn a_bad_line_and_a_missing_file_are_named() {
        let text = format!("{HEAD}1,1,noon,-1.3,36.9,-1.2,36.8,train\n");
        let err = parsed(text.as_bytes()).expect_err("noon is no number").to_string();
        assert!(err.contains("line: 2"), "{err}");
        let err = read(Path::new("no/such/orders.csv")).expect_err("is not there");
        assert!(err.contains("no/such/orders.csv"), "{err}");
    }

    #[test]
    fn the_window_is_compressed_and_in_order() {
        let selection = select(&days(&[100, 300, 200]), &window(Some(2), 500), &AREA).expect("plays");
        assert_eq!((selection.choice.used, selection.choice.days), (500, (2, 3)));
        assert_eq!(selection.choice.window, "09:00-14:00");
        let demand: Vec<_> = selection.demand().collect();
        assert!(demand.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(demand.iter().all(|one| one.at < Duration::from_secs(300)));
    }

    #[test]
    fn the_days_fit_the_fleet() {
        let orders = days(&[600; 20]);
        let few = select(&orders, &window(None, 100), &AREA).expect("plays").choice;
        let many = select(&orders, &window(None, 500), &AREA).expect("plays").choice;
        assert!(few.used < many.used, "{few:?} {many:?}");
        assert!(many.peak_per_minute <= many.capacity_per_minute * PEAK_SHARE, "{many:?}");
    }

    #[test]
    fn orders_that_go_nowhere_are_left_out() {
        let mut orders = days(&[10]);
        orders[0].journey.destination = orders[0].journey.pickup;
        let choice = select(&orders, &window(None, 500), &AREA).expect("plays").choice;
        assert_eq!((choice.used, choice.too_short), (9, 1));
        let night = Window { from_s: 0.0, seconds: 60, ..window(None, 500) };
        assert!(select(&orders, &night, &AREA).is_err());
        assert!(select(&orders, &window(Some(3), 500), &AREA).is_err());
    }

    #[test]
    fn the_real_file_fills_five_hours_when_it_is_there() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nairobi_moto_orders.csv"));
        if !file.exists() {
            eprintln!("skipped: {} is not there", file.display());
            return;
        }
        let orders = read(file).expect("reads");
        assert_eq!(orders.len(), 18_820);
        let choice = select(&orders, &window(None, 500), &AREA).expect("plays").choice;
        eprintln!("{choice:?}");
        assert!(choice.used > 1_000 && choice.peak_per_minute <= choice.capacity_per_minute * PEAK_SHARE, "{choice:?}");
    }
}
