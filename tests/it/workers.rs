//! Jobs in a process of their own.

use std::time::Duration;

use serde_json::json;

use crate::house::House;
use crate::patience::eventually;
use crate::people::{Person, code_sent_to, fresh_phone, messages_to, register, text};
use crate::process::Process;

#[tokio::test]
async fn a_worker_does_the_jobs_of_a_server_that_does_none() {
    let house = House::start(&[("jobs.workers_max", "0")]);
    let phone = fresh_phone();
    register(&house.api(), &phone, "customer", "Yves").await;
    let sandbox = house.sandbox().await;
    assert!(messages_to(&sandbox, &phone).await.is_empty(), "nobody works");

    let mut command = house.command(&["worker", "--data-dir"]);
    command.arg(house.data_dir()).env("BODA__JOBS__WORKERS_MAX", "4");
    command.env("BODA__SMS__PROVIDER", "africastalking").env("BODA__SMS__USERNAME", "sandbox");
    command.env("BODA__SMS__API_KEY", "sandbox-key");
    command.env("BODA__SMS__BASE_URL", text(&house.about().await["sandbox_url"]));
    let mut worker = Process::start("boda worker", command);
    let code = code_sent_to(&house, &phone).await;
    house.api().post("/auth/verify", &json!({"phone": phone, "code": code})).await.expect(200);

    // The books are kept by the worker as well.
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let ride = rider.book(&corner.booking()).await;
    let id = text(&ride["id"]);
    driver.accept_offer().await;
    driver.drive(id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": ride["pin"]})).await.expect(200);
    driver.drive(id, "complete").await;
    eventually("the books to show the ride", async || {
        let balance = driver.api.get("/drivers/me/balance").await.expect(200);
        (balance["cash_collected_rwf"] == ride["fare_rwf"]).then_some(())
    })
    .await;
    let status = worker.terminate(Duration::from_secs(30)).expect("it stops");
    assert_eq!(status.code(), Some(0), "{}", worker.last_words());
    let warned = worker.log().into_iter().find(|line| line.contains("\"ERROR\"") || line.contains("\"WARN\""));
    assert_eq!(warned, None);
}
