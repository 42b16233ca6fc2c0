//! Data directories, the private PostgreSQL, and several programs side by side.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::house::{House, program};
use crate::patience::blocking;
use crate::people::{Person, text};
use crate::process::Process;

#[tokio::test]
async fn with_a_private_postgres_two_cities_live_side_by_side() {
    let (kigali, huye) = (House::start_embedded(&[]), House::start_embedded(&[]));
    assert_eq!(kigali.output(), [format!("ready {}", kigali.url())], "one line, and nothing else");
    let corner = kigali.corner().await;
    let driver = Person::driver_at(&kigali, corner.pickup).await;
    let here = Person::rider(&kigali).await;
    let there = Person::rider(&huye).await;
    let (ride, other) = (here.book(&corner.booking()).await, there.book(&corner.booking()).await);
    assert_eq!(driver.accept_offer().await["id"], ride["id"]);
    assert_eq!(there.ride(text(&other["id"])).await["status"], "requested");
    huye.api().with_token(here.api.token()).get("/me").await.refused(401, "unauthenticated");
    // A second server in the same directory is told so, and the first one does not mind.
    let (status, said) = second_serve(&kigali);
    assert_eq!(status, Some(1), "{said}");
    let holder = kigali.data_dir().to_str().expect("a plain path");
    assert!(said.contains("in use") && said.contains(holder) && said.contains("--data-dir"), "{said}");
    assert_eq!(driver.drive(text(&ride["id"]), "arrive").await["status"], "driver_arrived");
}

/// Starts `boda serve` once more on the same directory; its status and what it said.
fn second_serve(house: &House) -> (Option<i32>, String) {
    let mut command = house.command(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(house.data_dir());
    let mut second = Process::start("the second boda serve", command);
    let status = second.wait(Duration::from_secs(30)).expect("it gives up");
    assert!(second.output().is_empty(), "it is not ready: {:?}", second.output());
    (status.code(), second.log().join("\n"))
}

#[tokio::test]
async fn a_private_postgres_survives_a_kill_and_stops_with_its_house() {
    let mut house = House::start_embedded(&[("dispatch.offer_ttl_s", "60")]);
    let corner = house.corner().await;
    let driver = Person::driver_at(&house, corner.pickup).await;
    let rider = Person::rider(&house).await;
    let ride = rider.book(&corner.booking()).await;
    driver.accept_offer().await;
    house.process().kill();
    house.restart();
    let (driver, rider) = (driver.back(&house), rider.back(&house));
    assert_eq!(rider.ride(text(&ride["id"])).await["status"], "driver_assigned");
    driver.drive(text(&ride["id"]), "arrive").await;
    assert_eq!(house.stop().code(), Some(0));
    let left = blocking(Duration::from_secs(10), || postmasters(&house).is_empty().then_some(()));
    assert!(left.is_some(), "its PostgreSQL still runs: {:?}", postmasters(&house));
}

/// Processes that have the house's directory on their command line.
fn postmasters(house: &House) -> Vec<String> {
    let needle = house.data_dir().to_str().expect("a plain path");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let command_lines = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    command_lines.filter(|line| line.contains(needle)).map(|line| line.replace('\0', " ")).collect()
}

#[tokio::test]
async fn a_taken_address_is_said_before_anything_is_ready() {
    let house = House::start(&[]);
    let other = tempfile::tempdir().expect("a directory can be made");
    let mut command = house.command(&["serve", "--listen", house.address(), "--data-dir"]);
    command.arg(other.path());
    let mut second = Process::start("boda serve on a taken address", command);
    let status = second.wait(Duration::from_secs(30)).expect("it gives up");
    let said = second.log().join("\n");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(house.address()) && said.contains("--listen"), "{said}");
    house.api().get("/server").await.expect(200);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said_with_its_address() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let mut command = program();
    command.env("BODA__DATABASE__URL", "postgres://nobody:geheim@127.0.0.1:1/boda");
    command.env("BODA__DATABASE__CONNECT_TIMEOUT_S", "1");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path());
    let mut serve = Process::start("boda serve without a database", command);
    let status = serve.wait(Duration::from_secs(30)).expect("it gives up");
    let said = serve.log().join("\n");
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("127.0.0.1:1") && !said.contains("geheim"), "{said}");
}

#[tokio::test]
async fn a_user_is_made_beside_a_running_house_with_a_private_postgres() {
    let house = House::start_embedded(&[]);
    let admin = house.admin().await;
    assert_eq!(admin.api.get("/me").await.expect(200)["role"], "admin");
    // The same number a second time is refused, in words.
    let arguments =
        ["user", "create", "--role", "admin", "--phone", &admin.phone, "--first-name", "A", "--last-name", "B"];
    let mut command = house.command(&arguments);
    command.arg("--data-dir").arg(house.data_dir()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().expect("boda can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
    assert!(said.contains("phone") || said.contains("account"), "{said}");
    assert_eq!(house.api().post("/auth/code", &json!({"phone": admin.phone})).await.status, 202);
}
