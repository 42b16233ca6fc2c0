//! The history against a real database: what was driven is read back, days come and go, the store goes away.

use std::sync::Arc;

use chrono::NaiveDate;
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::db::fixture;
use crate::geo::LatLng;
use crate::index::RideClasses;
use crate::locations::Track as PingTrack;
use crate::locations::store::Day;
use crate::road::StraightLine;

/// Numbers for tests.
pub(crate) fn config() -> Config {
    Config {
        sample: Span::from_secs(1),
        retention_days: 90,
        days_ahead: 2,
        buffer_segments_max: 1_000,
        copy_rows_max: 100,
        copy_within: Duration::from_secs(20),
        retry: Duration::from_millis(50),
        read_within: Duration::from_secs(20),
        path_span_max: Span::from_minutes(12 * 60),
        track_points_max: 1_000,
    }
}

pub(crate) fn locations() -> Locations {
    let config = crate::locations::Config { drivers_max: 100, ..crate::locations::Config::for_tests() };
    Locations::new(config, Arc::new(StraightLine::new(1.33, 22.0).expect("valid"))).expect("valid")
}

/// Drivers on the road, second by second.
struct Road {
    locations: Locations,
    history: History,
    start: Timestamp,
}

impl Road {
    fn new(pool: &PgPool, config: Config, start: &str) -> Self {
        let locations = locations();
        let history = History::new(config, pool.clone(), locations.clone());
        Self { locations, history, start: fixture::at(start) }
    }

    fn at(&self, second: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis() + second * 1_000)
    }

    /// Where a driver is in a second.
    fn place(number: u128, second: i64) -> LatLng {
        LatLng::new(-1.95 + 1e-4 * second as f64, 30.06 + 1e-3 * number as f64).expect("on the globe")
    }

    /// These drivers go on shift.
    fn begin(&self, drivers: &[u128]) {
        for number in drivers {
            self.locations.begin_shift(driver(*number), RideClasses(1), None);
        }
    }

    /// These seconds pass: each of the drivers pings in each, then all are looked at.
    fn pass(&self, drivers: &[u128], seconds: std::ops::Range<i64>) {
        for second in seconds {
            for number in drivers {
                let fix = Fix::new(Self::place(*number, second), self.at(second));
                self.locations
                    .ping(driver(*number), &mut PingTrack::default(), fix, self.at(second))
                    .expect("on shift");
            }
            self.history.sample(self.at(second), &mut Vec::new());
        }
    }

    /// The way of a driver, as the seconds in which its points lie; each point must be where the driver was.
    async fn seconds(&self, number: u128, from: i64, to: i64) -> Vec<i64> {
        let path = self.history.path(driver(number), self.at(from), self.at(to)).await.expect("the store answers");
        let second = |point: &Point| {
            let second = (point.at().as_millis() - self.start.as_millis()) / 1_000;
            assert!(point.position().distance_m(Self::place(number, second)) < 0.1, "{point:?} in second {second}");
            second
        };
        path.points.iter().map(second).collect()
    }
}

fn driver(number: u128) -> DriverId {
    DriverId(Uuid::from_u128(number))
}

async fn rows(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM position_segments").fetch_one(pool).await.expect("counted")
}

fn all(seconds: std::ops::RangeInclusive<i64>) -> Vec<i64> {
    seconds.collect()
}

#[sqlx::test(migrations = "./migrations")]
async fn a_way_is_read_from_store_and_memory_alike(pool: PgPool) {
    let road = Road::new(&pool, config(), "2026-03-05T10:00:30Z");
    road.begin(&[1, 2]);
    road.pass(&[1, 2], 0..100);
    assert_eq!(road.seconds(1, 0, 99).await, all(0..=99), "all of it in memory");
    road.history.store_everything().await.expect("stored");
    assert_eq!(rows(&pool).await, 2 * 3, "minutes 0, 1 and 2 of two drivers");
    assert_eq!(road.seconds(1, 0, 99).await, all(0..=99), "all of it stored");
    road.pass(&[1, 2], 100..130);
    assert_eq!(road.seconds(2, 10, 120).await, all(10..=120), "some of it here, some there");
    assert_eq!(road.seconds(2, 200, 300).await, Vec::<i64>::new());
    assert_eq!(road.seconds(3, 0, 99).await, Vec::<i64>::new(), "nobody's way is another's");
    road.history.store_everything().await.expect("stored");
    assert_eq!(road.seconds(1, 0, 129).await, all(0..=129));
    assert_eq!(rows(&pool).await, 2 * 4, "minute 2 in two pieces");
}

#[sqlx::test(migrations = "./migrations")]
async fn only_who_is_on_shift_is_recorded(pool: PgPool) {
    let road = Road::new(&pool, config(), "2026-03-05T10:00:00Z");
    road.begin(&[1, 2]);
    road.pass(&[1, 2], 0..10);
    road.locations.set_availability(driver(1), crate::dispatch::Availability::Off);
    road.pass(&[2], 10..20);
    assert_eq!(road.history.recorder().depth(), recorder::Depth { open: 1, waiting: 1 });
    road.history.store_everything().await.expect("stored");
    assert_eq!(road.seconds(1, 0, 100).await, all(0..=9));
    assert_eq!(road.seconds(2, 0, 100).await, all(0..=19));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_batch_written_twice_is_read_once(pool: PgPool) {
    let road = Road::new(&pool, config(), "2026-03-05T23:59:00Z");
    road.begin(&[1]);
    road.pass(&[1], 0..90);
    road.history.recorder().close_all();
    let batch = road.history.recorder().take_batch(10);
    store::make_day(&pool, Day::of(batch[0].minute)).await.expect("made");
    store::make_day(&pool, Day::of(batch[1].minute)).await.expect("made");
    store::make_day(&pool, Day::of(batch[1].minute)).await.expect("there already");
    for _ in 0..2 {
        assert_eq!(store::copy(&pool, &batch).await.expect("copied"), 2);
    }
    road.history.recorder().batch_stored();
    assert_eq!(rows(&pool).await, 4);
    let path = road.history.path(driver(1), road.at(0), road.at(89)).await.expect("read");
    assert_eq!((path.recorded, path.distance_m), (90, 990), "over midnight, and each point once");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_long_way_is_cut_and_thinned(pool: PgPool) {
    let config = Config { path_span_max: Span::from_minutes(3), track_points_max: 10, ..config() };
    let road = Road::new(&pool, config, "2026-03-05T10:00:00Z");
    road.begin(&[1]);
    road.pass(&[1], 0..300);
    road.history.store_everything().await.expect("stored");
    let path = road.history.path(driver(1), road.at(0), road.at(300)).await.expect("read");
    assert_eq!((path.points.len(), path.recorded, path.distance_m), (10, 181, 2_002));
}

#[sqlx::test(migrations = "./migrations")]
async fn days_are_made_ahead_and_dropped_when_they_are_old(pool: PgPool) {
    let config = Config { retention_days: 2, ..config() };
    let road = Road::new(&pool, config, "2026-03-05T10:00:00Z");
    let day = |day| Day(NaiveDate::from_ymd_opt(2026, 3, day).expect("a day").to_epoch_days());
    road.begin(&[1]);
    road.pass(&[1], 0..5);
    road.history.store_everything().await.expect("a day that is missing is made");
    assert_eq!(store::days(&pool).await.expect("read"), [day(5)]);
    for (now, first, last) in [(0, 5, 7), (1, 5, 8), (2, 5, 9), (2, 5, 9), (3, 6, 10), (20, 25, 27)] {
        let now = road.start + Span::from_minutes(now * 24 * 60);
        road.history.upkeep_once(now).await.expect("done");
        let kept = store::days(&pool).await.expect("read");
        assert_eq!(kept.first().zip(kept.last()), Some((&day(first), &day(last))), "{now}");
        assert_eq!(rows(&pool).await, i64::from(first == 5), "{now}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn while_the_store_refuses_the_newest_minutes_wait(pool: PgPool) {
    let config = Config { buffer_segments_max: 3, ..config() };
    let road = Road::new(&pool, config, "2026-03-05T10:00:00Z");
    sqlx::raw_sql("ALTER TABLE position_segments RENAME TO elsewhere").execute(&pool).await.expect("renamed");
    road.begin(&[1]);
    road.pass(&[1], 0..301);
    assert!(road.history.store_everything().await.is_err());
    assert_eq!(road.history.recorder().depth(), recorder::Depth { open: 0, waiting: 3 });
    sqlx::raw_sql("ALTER TABLE elsewhere RENAME TO position_segments").execute(&pool).await.expect("renamed");
    road.history.store_everything().await.expect("stored");
    assert_eq!(road.seconds(1, 0, 301).await, all(180..=300));
}

#[sqlx::test(migrations = "./migrations")]
async fn an_orderly_stop_stores_everything(pool: PgPool) {
    let road = Road::new(&pool, config(), "2026-03-05T10:00:00Z");
    let now = crate::clock::now();
    road.begin(&[1, 2]);
    for number in [1, 2] {
        road.locations
            .ping(driver(number), &mut PingTrack::default(), Fix::new(Road::place(number, 0), now), now)
            .expect("on shift");
    }
    // Told before it has looked once.
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    road.history.clone().run(stop).await;
    assert_eq!((rows(&pool).await, road.history.recorder().depth().waiting), (2, 0));
}

#[sqlx::test(migrations = "./migrations")]
async fn the_store_reads_no_more_than_it_is_asked_for(pool: PgPool) {
    let road = Road::new(&pool, config(), "2026-03-05T10:00:00Z");
    road.begin(&[1, 2]);
    road.pass(&[1, 2], 0..200);
    road.history.store_everything().await.expect("stored");
    let minutes = (Minute::of(road.at(0)), Minute::of(road.at(199)));
    let first_two = store::segments(&pool, driver(1), minutes, 2).await.expect("read");
    assert_eq!(first_two.len(), 2);
    assert!(first_two.iter().all(|segment| segment.driver == driver(1)) && first_two[0].minute < first_two[1].minute);
}
