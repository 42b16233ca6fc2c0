//! `boda seed`: made-up people come only where nobody real lives, and are then like everybody else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::app::App;
use crate::house::House;
use crate::people::{Person, text};

/// Runs `boda seed` on the data of a house.
fn seed(house: &House, out: &Path, more: &[&str]) -> Output {
    let mut command = house.command(&["seed", "--sandbox-data", "--drivers", "3", "--riders", "2", "--out"]);
    command.arg(out).args(more).arg("--data-dir").arg(house.data_dir());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("boda can be started")
}

fn seeded(house: &House, out: &Path, more: &[&str]) -> Vec<Person> {
    let output = seed(house, out, more);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("3 drivers and 2 riders; "), "{said}");
    let lines = fs::read_to_string(out).expect("it was written");
    let person = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let (id, phone) = (text(&line["user_id"]).to_owned(), text(&line["phone"]).to_owned());
        (
            line["role"].clone(),
            Person { id, phone, refresh_token: String::new(), api: house.api().with_token(text(&line["token"])) },
        )
    };
    let (roles, people): (Vec<_>, Vec<_>) = lines.lines().map(person).unzip();
    assert_eq!(roles, ["driver", "driver", "driver", "customer", "customer"]);
    people
}

#[tokio::test]
async fn made_up_people_ride_like_everybody_else() {
    let house = House::start(&[]);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let out = folder.path().join("people.jsonl");
    let people = seeded(&house, &out, &[]);
    let mode = fs::metadata(&out).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "whoever reads it can speak for everybody");
    let (driver, rider) = (&people[0], &people[3]);
    assert_eq!(driver.api.get("/me").await.expect(200)["phone"], driver.phone.as_str());
    let papers = driver.api.get("/drivers/me").await.expect(200);
    assert_eq!((&papers["status"], &papers["online"]), (&"approved".into(), &false.into()), "{papers}");
    let corner = house.corner().await;
    driver.api.post("/drivers/me/online", &corner.pickup.json()).await.expect(200);
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(driver.accept_offer().await["id"], ride["id"]);
    assert_eq!(rider.api.get("/auth/sessions").await.expect(200)["items"].as_array().map(Vec::len), Some(1));

    // Real people who come later do not matter, and the same people get new tokens for the same one session.
    house.admin().await;
    let again = seeded(&house, &out, &["--token-lifetime-s", "60"]);
    let names = |people: &[Person]| people.iter().map(|one| (one.id.clone(), one.phone.clone())).collect::<Vec<_>>();
    assert_eq!(names(&again), names(&people));
    assert_eq!(again[3].api.get("/auth/sessions").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    let others = seeded(&house, &out, &["--seed", "2"]);
    assert_eq!(names(&[people, others].concat()).into_iter().collect::<BTreeSet<_>>().len(), 10);
}

#[tokio::test]
async fn drivers_seeded_on_shift_are_there_after_the_next_start() {
    let mut house = House::start(&[]);
    let folder = tempfile::tempdir().expect("a folder for the test");
    let people = seeded(&house, &folder.path().join("people.jsonl"), &["--on-shift"]);
    assert_eq!(App::open(&house, &people[0]).await.welcome["online"], false, "a running server is not told");
    house.process().kill();
    house.restart();
    let (driver, rider) = (people[0].clone().back(&house), people[3].clone().back(&house));
    let mut app = App::open(&house, &driver).await;
    assert_eq!(app.welcome["online"], true);
    let corner = house.corner().await;
    app.ping(corner.pickup).await;
    let ride = rider.book(&corner.booking()).await;
    assert_eq!(app.offer().await["ride_id"], ride["id"]);
}

#[tokio::test]
async fn where_real_people_live_nobody_is_made_up() {
    let house = House::start(&[]);
    house.admin().await;
    let folder = tempfile::tempdir().expect("a folder for the test");
    let out = folder.path().join("people.jsonl");
    let output = seed(&house, &out, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
    assert!(said.contains("this database holds real people"), "{said}");
    assert!(!out.exists());
    let drivers = house.admin().await.api.get("/admin/drivers").await.expect(200);
    assert_eq!(drivers["items"].as_array().map(Vec::len), Some(0), "{drivers}");
}
