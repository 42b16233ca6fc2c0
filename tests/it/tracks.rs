//! The way of a ride: recorded beside the pings, stored by the minute, shown to those whose ride it is.

use serde_json::{Value, json};

use crate::api::Api;
use crate::app::App;
use crate::city::{Corner, Place};
use crate::house::House;
use crate::patience::eventually;
use crate::people::{Person, now_ms, text};

/// Positions are looked at so often that a test need not wait for it.
const OFTEN: (&str, &str) = ("history.sample_ms", "50");

/// A figure of `/metrics`.
async fn figure(house: &House, sample: &str) -> f64 {
    let metrics = Api::outside(house.url()).get("/metrics").await.text;
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample));
    line.map_or(0.0, |value| value.trim().parse().expect("a number"))
}

/// Waits until so many positions are in the history.
async fn recorded(house: &House, samples: f64) {
    eventually(&format!("{samples} positions in the history"), async || {
        (figure(house, "boda_history_samples_total ").await >= samples).then_some(())
    })
    .await;
}

/// Waits until a position of now is later than one of before, and than what happened before, also in the history's
/// hundredths of a second.
async fn later() {
    let hundredth = now_ms() / 10;
    eventually("a hundredth of a second to pass", async || (now_ms() / 10 > hundredth).then_some(())).await;
}

/// Drives past these places; each is recorded before the next one is reached.
async fn drive(house: &House, wheel: &mut App, places: &[Place]) {
    for place in places {
        let before = figure(house, "boda_history_samples_total ").await;
        later().await;
        wheel.ping(*place).await;
        recorded(house, before + 1.0).await;
        later().await;
    }
}

async fn path(person: &Person, ride: &str) -> Value {
    person.api.get(&format!("/rides/{ride}/track")).await.expect(200)["path"].clone()
}

/// The points are these places, in this order.
#[track_caller]
fn assert_leads(path: &Value, places: &[Place]) {
    let points = path["points"].as_array().unwrap_or_else(|| panic!("no points in {path}"));
    assert_eq!((points.len(), &path["points_recorded"]), (places.len(), &places.len().into()), "{path}");
    for (point, place) in points.iter().zip(places) {
        let (lat, lng) = (point[1].as_f64().expect("a number"), point[2].as_f64().expect("a number"));
        assert!((lat - place.lat).abs() < 1e-6 && (lng - place.lng).abs() < 1e-6, "{point} is not {place:?}");
    }
    let instants: Vec<i64> = points.iter().filter_map(|point| point[0].as_i64()).collect();
    assert!(instants.len() == points.len() && instants.is_sorted() && instants.iter().all(|at| *at <= now_ms()));
}

/// A completed ride: three places on the way to the rider, four on the way with the rider. Its id.
async fn ride(house: &House, corner: Corner, driver: (&Person, &mut App), rider: &Person) -> String {
    let (driver, wheel) = driver;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]).to_owned();
    driver.accept_offer().await;
    drive(house, wheel, &to_pickup(corner)).await;
    assert_leads(&path(rider, &id).await, &[]);
    assert_leads(&path(driver, &id).await, &to_pickup(corner));
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await.expect(200);
    drive(house, wheel, &to_destination(corner)).await;
    assert_leads(&path(rider, &id).await, &to_destination(corner));
    driver.drive(&id, "complete").await;
    id
}

fn to_pickup(corner: Corner) -> Vec<Place> {
    [300.0, 200.0, 100.0].map(|metres| corner.pickup.east(metres)).into()
}

fn to_destination(corner: Corner) -> Vec<Place> {
    [0.0, 500.0, 1_000.0, 2_000.0].map(|metres| corner.pickup.north(metres)).into()
}

#[tokio::test]
async fn the_way_of_a_ride_can_be_read_during_it_after_it_and_after_an_orderly_stop() {
    let mut house = House::start(&[OFTEN]);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup.east(400.0)).await;
    recorded(&house, 1.0).await;
    let (rider, stranger) = (Person::rider(&house).await, Person::rider(&house).await);
    let id = ride(&house, corner, (&driver, &mut wheel), &rider).await;
    // Where the driver goes on is not part of it.
    drive(&house, &mut wheel, &[corner.pickup.north(2_500.0)]).await;
    let whole = [to_pickup(corner), to_destination(corner)].concat();
    let admin = house.admin().await;
    for round in ["from memory", "from the store"] {
        let (driver, rider, admin) =
            (driver.clone().back(&house), rider.clone().back(&house), admin.clone().back(&house));
        let riders = path(&rider, &id).await;
        assert_leads(&riders, &to_destination(corner));
        assert_eq!((&riders["thinned"], riders["distance_m"].as_i64()), (&false.into(), Some(2_000)), "{round}");
        assert_leads(&path(&driver, &id).await, &whole);
        assert_leads(&path(&admin, &id).await, &whole);
        let stranger = stranger.clone().back(&house);
        stranger.api.get(&format!("/rides/{id}/track")).await.refused(404, "not_found");
        if round == "from memory" {
            assert_eq!(house.stop().code(), Some(0));
            house.restart();
        }
    }
}

#[tokio::test]
async fn a_long_way_is_shown_thinned() {
    let house = House::start(&[OFTEN, ("history.track_points_max", "3")]);
    let corner = house.corner().await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    driver.accept_offer().await;
    let places: Vec<Place> = (1..=5).map(|step| corner.pickup.north(f64::from(step) * 100.0)).collect();
    drive(&house, &mut wheel, &places).await;
    let way = path(&driver, id).await;
    assert_eq!((&way["thinned"], &way["points_recorded"], &way["distance_m"]), (&true.into(), &5.into(), &400.into()));
    let lats: Vec<f64> =
        way["points"].as_array().expect("a list").iter().filter_map(|point| point[1].as_f64()).collect();
    let wanted = [places[0].lat, places[2].lat, places[4].lat];
    assert!(lats.len() == 3 && lats.iter().zip(wanted).all(|(lat, wanted)| (lat - wanted).abs() < 1e-6), "{way}");
}

#[tokio::test]
async fn without_the_database_minutes_wait_the_oldest_are_dropped_and_pings_go_on() {
    let mut house = House::start_remote(&[
        OFTEN,
        ("history.buffer_segments_max", "2"),
        ("history.retry_ms", "100"),
        ("history.read_within_ms", "300"),
        ("database.acquire_timeout_ms", "300"),
        // So that the test can be minutes ahead.
        ("city.ping_ahead_max_s", "3600"),
    ]);
    for words in
        ["database", "something is away", "job", "who may not drive", "attempts of payments", "prices could not"]
    {
        house.expect_complaint(words);
    }
    let corner = house.corner().await;
    let (rider, mut phone) = Person::rider_app(&house).await;
    let (driver, mut wheel) = Person::driver_app_at(&house, corner.pickup).await;
    let booked = rider.book(&corner.booking()).await;
    let id = text(&booked["id"]);
    driver.accept_offer().await;
    phone.ride("driver_assigned").await;
    recorded(&house, 1.0).await;

    house.wire().cut();
    let begin = now_ms();
    for minute in 1..=5 {
        let before = figure(&house, "boda_history_samples_total ").await;
        let mut ping = corner.pickup.north(f64::from(minute) * 100.0).json();
        let at = json!({"type": "ping", "t_ms": begin + i64::from(minute) * 60_000, "ack": true});
        ping.as_object_mut().expect("an object").extend(at.as_object().expect("an object").clone());
        wheel.send(&ping).await;
        wheel.expect("ack").await;
        phone.expect("driver_position").await;
        recorded(&house, before + 1.0).await;
    }
    // Six minutes were begun: the last is being written, two wait, three had no room.
    let waiting = "boda_history_segments{state=\"waiting\"} ";
    assert_eq!(figure(&house, "boda_history_dropped_total{reason=\"buffer_full\"} ").await, 3.0);
    assert_eq!(figure(&house, waiting).await, 2.0);
    let track = driver.api.get(&format!("/rides/{id}/track")).await.expect(200);
    assert!(track["driver_position"].is_object() && track["path"].is_null(), "{track}");

    let stored_before = figure(&house, "boda_history_rows_total ").await;
    house.wire().mend();
    eventually("what waited to be stored", async || (figure(&house, waiting).await == 0.0).then_some(())).await;
    assert_eq!(figure(&house, "boda_history_rows_total ").await, stored_before + 2.0);
    assert!(path(&driver, id).await.is_object());
}
