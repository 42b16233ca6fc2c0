//! Looking back: the list of rides, its pages and filters, and what both think of each other.

use serde_json::{Value, json};

use crate::city::Corner;
use crate::house::{House, shared};
use crate::people::{Person, text};

/// Books and calls off; the id.
async fn cancelled_ride(rider: &Person, corner: Corner) -> String {
    let id = text(&rider.book(&corner.booking()).await["id"]).to_owned();
    rider.api.post(&format!("/rides/{id}/cancel"), &json!({"reason": "changed_mind"})).await.expect(200);
    id
}

/// A ride that took place; the id.
async fn completed_ride(rider: &Person, driver: &Person, corner: Corner) -> String {
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]).to_owned();
    driver.accept_offer().await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    driver.drive(&id, "complete").await;
    id
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list").iter().map(|ride| text(&ride["id"]).to_owned()).collect()
}

async fn pair(house: &House, corner: Corner) -> (Person, Person) {
    (Person::rider(house).await, Person::driver_at(house, corner.pickup).await)
}

#[tokio::test]
async fn pages_are_newest_first_and_every_ride_is_on_one() {
    let house = shared();
    let corner = house.corner().await;
    let rider = Person::rider(&house).await;
    let mut booked = Vec::new();
    for _ in 0..7 {
        booked.insert(0, cancelled_ride(&rider, corner).await);
    }
    assert_eq!(ids(&rider.api.get("/rides").await.expect(200)), booked);
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = rider.api.get(&format!("/rides?limit=3&cursor={cursor}")).await.expect(200);
        found.extend(ids(&page));
        pages += 1;
        if pages == 1 {
            // What is booked while one reads does not move what was there before.
            booked.insert(0, cancelled_ride(&rider, corner).await);
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!((&found[..], pages), (&booked[1..], 3));
}

#[tokio::test]
async fn the_list_can_be_narrowed_by_state_and_time() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, driver) = pair(&house, corner).await;
    let done = completed_ride(&rider, &driver, corner).await;
    driver.api.post_empty("/drivers/me/offline").await.expect(200);
    let dropped = cancelled_ride(&rider, corner).await;
    let listed = async |query: &str| ids(&rider.api.get(&format!("/rides?{query}")).await.expect(200));
    assert_eq!(listed("status=completed").await, [done.as_str()]);
    assert_eq!(listed("status=cancelled_by_customer").await, [dropped.as_str()]);
    assert_eq!(listed("status=completed,cancelled_by_customer").await, [dropped.as_str(), done.as_str()]);
    assert!(listed("status=requested").await.is_empty());
    let at = text(&rider.ride(&dropped).await["requested_at"]).to_owned();
    assert_eq!(listed(&format!("from={at}")).await, [dropped.as_str()]);
    assert_eq!(listed(&format!("to={at}")).await, [done.as_str()]);
    for (query, field) in [
        ("status=flying", "status"),
        ("from=yesterday", "from"),
        ("to=yesterday", "to"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=many", "limit"),
        ("cursor=zz", "cursor"),
        ("from=2026-02-02T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
    ] {
        let answer = rider.api.get(&format!("/rides?{query}")).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames(field) || answer.blames("query"), "{query}: {answer}");
    }
    assert_eq!(ids(&driver.api.get("/rides").await.expect(200)), [done.as_str()], "a driver sees the rides driven");
    let everybodys = house.admin().await.api.get("/rides?limit=100").await.expect(200);
    assert!(ids(&everybodys).contains(&dropped));
}

#[tokio::test]
async fn rider_and_driver_rate_each_other_once() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, driver) = pair(&house, corner).await;
    let id = completed_ride(&rider, &driver, corner).await;
    let path = format!("/rides/{id}/rating");
    rider.api.post(&path, &json!({"stars": 4, "comment": "neza cyane"})).await.expect(201);
    driver.api.post(&path, &json!({"stars": 5})).await.expect(201);
    rider.api.post(&path, &json!({"stars": 1})).await.refused(409, "already_rated");
    let view = driver.api.get("/drivers/me").await.expect(200);
    assert_eq!((view["rating"].as_f64(), &view["ratings_count"]), (Some(4.0), &1.into()), "{view}");
    assert_eq!(view["rides_completed"], 1);
    let second = completed_ride(&rider, &driver, corner).await;
    rider.api.post(&format!("/rides/{second}/rating"), &json!({"stars": 5})).await.expect(201);
    assert_eq!(driver.api.get("/drivers/me").await.expect(200)["rating"].as_f64(), Some(4.5));
}

#[tokio::test]
async fn what_did_not_take_place_is_not_rated() {
    let house = shared();
    let corner = house.corner().await;
    let (rider, driver) = pair(&house, corner).await;
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    let path = format!("/rides/{id}/rating");
    driver.accept_offer().await;
    rider.api.post(&path, &json!({"stars": 5})).await.refused(409, "wrong_state");
    driver.api.post(&path, &json!({"stars": 5})).await.refused(409, "wrong_state");
    for stars in [json!(0), json!(6), json!(-1), json!(9_999_999_999_i64)] {
        let answer = rider.api.post(&path, &json!({"stars": stars})).await;
        answer.refused(422, "invalid_value");
        assert!(answer.blames("stars"), "{answer}");
    }
}

#[tokio::test]
async fn the_reports_count_what_took_place() {
    let house = House::start(&[]);
    let corner = house.corner().await;
    let (rider, driver) = pair(&house, corner).await;
    completed_ride(&rider, &driver, corner).await;
    driver.api.post_empty("/drivers/me/offline").await.expect(200);
    cancelled_ride(&rider, corner).await;
    let today = house.admin().await.api.get("/admin/analytics/rides").await.expect(200);
    let counted = ["rides_requested", "rides_completed", "cancelled_by_customer", "active_drivers", "unique_customers"];
    assert_eq!(counted.map(|key| today[key].as_i64()), [Some(2), Some(1), Some(1), Some(1), Some(1)], "{today}");
    let official = Person::official(&house).await;
    let days = official.api.get("/government/reports/rides").await.expect(200);
    assert!(days["items"].as_array().is_some_and(|days| !days.is_empty()), "{days}");
    let roster = official.api.get("/government/drivers").await.expect(200);
    let entry = &roster["items"][0];
    assert_eq!(entry["status"], "approved");
    assert!(text(&entry["licence_number_masked"]).starts_with("****"), "{entry}");
    assert!(!roster.to_string().contains(&driver.phone), "no telephone numbers for officials");
}
