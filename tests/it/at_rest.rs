//! Personal data at rest: what lies open in the database, and the life of the keys that seal the rest.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::city::Corner;
use crate::house::House;
use crate::patience::eventually;
use crate::people::{Person, code_sent_to, fresh_phone, messages_to, register, text};

const NATIONAL_ID: &str = "1199480012345012";
const DRIVERS_NATIONAL_ID: &str = "1198580054321078";
const PASSWORD: &str = "inyange yera mu gishanga";

/// Words that may lie open, and where: reviewed. Given names are shown to the other party of a ride, and what is told to people is
/// kept for them to read again; both are taken away when a person is erased. Everything else is found nowhere.
const OPEN: &[(&str, &[&str])] = &[
    ("Aline", &["users.first_name"]),
    ("Eric", &["users.first_name", "jobs.payload", "notifications.text"]),
    ("Nyiramana", &["users.first_name"]),
];

fn delivery(corner: Corner, receiver: &str) -> Value {
    let mut wish = corner.booking();
    let contact = |name: &str, phone: &str| json!({"name": name, "phone": phone});
    wish["ride_type"] = "delivery".into();
    wish["stops"] =
        json!([{"place": corner.pickup.east(700.0).json(), "contact": contact("Mugabekazi", "0788 000 001")}]);
    wish["parcel"] = json!({"receiver": contact("Mugishawimana", receiver), "description": "a book", "size": "small"});
    wish
}

/// A driver brings a parcel to its receiver.
async fn brought(house: &House, driver: &Person, rider: &Person, wish: &Value) -> Value {
    let booked = rider.book(wish).await;
    let id = text(&booked["id"]).to_owned();
    driver.accept_offer().await;
    driver.drive(&id, "arrive").await;
    driver.api.post(&format!("/rides/{id}/start"), &json!({"pin": booked["pin"]})).await.expect(200);
    let sandbox = house.sandbox().await;
    let receiver = text(&wish["parcel"]["receiver"]["phone"]).to_owned();
    eventually("the receiver's SMS", async || messages_to(&sandbox, &receiver).await.first().cloned()).await;
    driver.api.post_empty(&format!("/rides/{id}/stops/1/reached")).await.expect(200);
    let pin = json!({"pin": booked["parcel"]["handover_pin"]});
    driver.api.post(&format!("/rides/{id}/complete"), &pin).await.expect(200);
    booked
}

/// An agent books for somebody who called, and calls it off.
async fn called(house: &House, corner: Corner) -> (Person, String) {
    let (phone, guest, password) = (fresh_phone(), fresh_phone(), "telefoni ku meza yanjye");
    let body =
        json!({"phone": phone, "first_name": "Diane", "last_name": "Ingabire", "role": "agent", "password": password});
    house.admin().await.api.post("/admin/users", &body).await.expect(201);
    let agent = Person::with_password(house, &phone, password).await;
    let call = json!({
        "rider": {"phone": guest, "first_name": "Nyiramana", "language": "en"},
        "pickup": corner.pickup.json(), "destination": corner.destination.json(),
    });
    let ride = agent.api.post("/agent/rides", &call).await.expect(201);
    agent
        .api
        .post(&format!("/agent/rides/{}/cancel", text(&ride["id"])), &json!({"reason": "changed_mind"}))
        .await
        .expect(200);
    (agent, guest)
}

/// The nine digits that are in every spelling of a number.
fn digits(phone: &str) -> String {
    phone[phone.len() - 9..].to_owned()
}

#[tokio::test]
async fn what_is_sealed_lies_open_nowhere_in_the_database() {
    let house = House::start(&[]);
    let (corner, far) = (house.corner().await, house.corner().await);
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    let id = json!({"national_id": {"type": "nid16", "number": NATIONAL_ID}, "cell": "Rukiri I", "village": "Amahoro"});
    let paper = json!({"kind": "national_id", "number": DRIVERS_NATIONAL_ID});
    driver.api.post("/drivers/me/documents", &paper).await.expect(201);
    let papers = driver.api.get("/drivers/me").await.expect(200);
    let profile = rider.api.patch("/me", &id).await.expect(200);
    assert_eq!((&profile["national_id"]["masked"], &profile["village"]), (&"****012".into(), &"Amahoro".into()));
    rider.api.put("/me/password", &json!({"new_password": PASSWORD})).await.expect(204);
    let receiver = fresh_phone();
    let booked = brought(&house, &driver, &rider, &delivery(corner, &receiver)).await;
    let rating = json!({"stars": 5, "comment": "murakoze"});
    rider.api.post(&format!("/rides/{}/rating", text(&booked["id"])), &rating).await.expect(201);
    let (agent, guest) = called(&house, far).await;
    // Somebody who never proves the number, and a wrong guess at the code.
    let stranger = fresh_phone();
    register(&house.api(), &stranger, "customer", "Nyiramana").await;
    let code = code_sent_to(&house, &stranger).await;
    house.api().post("/auth/verify", &json!({"phone": stranger, "code": "0000"})).await.refused(401, "wrong_code");

    let phones: Vec<String> = [&driver.phone, &rider.phone, &receiver, &agent.phone, &guest, &stranger]
        .into_iter()
        .map(|phone| digits(phone))
        .chain(["788000001".to_owned()])
        .collect();
    let secrets = [
        NATIONAL_ID,
        DRIVERS_NATIONAL_ID,
        text(&papers["licence_number"]),
        text(&papers["insurance_number"]),
        PASSWORD,
        "Mugabekazi",
        "Mugishawimana",
        &code,
        rider.api.token(),
        &rider.refresh_token,
        driver.api.token(),
    ];
    let open = OPEN.iter().map(|(word, _)| *word);
    let words: Vec<&str> = phones.iter().map(String::as_str).chain(secrets).chain(open).collect();
    let is_reviewed = |(word, place): &(String, String)| {
        OPEN.iter().any(|(open, places)| open == word && places.contains(&place.as_str()))
    };
    let found = house.database().places_of(&words);
    let unexpected: Vec<_> = found.iter().filter(|found| !is_reviewed(found)).collect();
    assert!(unexpected.is_empty(), "these lie open: {unexpected:?}");
    assert!(found.iter().any(|(_, place)| place == "users.first_name"), "the search finds what is there");
}

fn keys(house: &House, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command: Command = house.command(&[&["keys"], arguments].concat());
    let Output { status, stdout, stderr } = command.output().expect("boda can be started");
    (status.code(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
}

#[tokio::test]
async fn a_key_is_rotated_beside_a_running_server_and_a_lost_one_keeps_it_from_starting() {
    let settings = [("vault.refresh_every_s", "1"), ("vault.rotation_grace_s", "2")];
    let mut house = House::start(&settings);
    let corner = house.corner().await;
    let (driver, rider) = (Person::driver_at(&house, corner.pickup).await, Person::rider(&house).await);
    rider.book(&delivery(corner, &fresh_phone())).await;
    let (code, listed) = keys(&house, &["list"]);
    assert!(code == Some(0) && listed.contains("0001  seals") && listed.contains("rides.contacts 1"), "{listed}");
    assert_eq!(keys(&house, &["rotate", "vault", "--prepare"]).0, Some(0));
    assert!(keys(&house, &["list"]).1.contains("0002  prepared"));
    let (code, rotated) = keys(&house, &["rotate", "vault"]);
    assert!(code == Some(0) && rotated.starts_with("key 2 seals from "), "{rotated}");
    eventually("the new key's time", async || keys(&house, &["list"]).1.contains("0002  seals").then_some(())).await;
    let (code, resealed) = keys(&house, &["reseal"]);
    assert!(code == Some(0) && resealed.contains("rides.contacts: 1 sealed anew"), "{resealed}");
    assert!(keys(&house, &["reseal"]).1.contains("values sealed anew: 0"), "nothing is left");
    for sample in [&["check"][..], &["check", "--sample", "10"]] {
        let (code, checked) = keys(&house, sample);
        assert!(code == Some(0) && checked.contains("values looked at: "), "{checked}");
    }
    // The running server reads what the other process sealed anew, and seals with the new key.
    let offered = driver.accept_offer().await;
    assert_eq!(offered["parcel"]["receiver"]["name"], "Mugishawimana");
    let newcomer = Person::rider(&house).await;
    assert_eq!(newcomer.api.get("/me").await.expect(200)["phone"], newcomer.phone.as_str());
    newcomer.api.put("/me/password", &json!({"new_password": PASSWORD})).await.expect(204);
    let (code, token) = keys(&house, &["rotate", "tokens"]);
    assert!(code == Some(0) && token.starts_with("token-"), "{token}");

    assert_eq!(house.stop().code(), Some(0));
    let index = house.data_dir().join("keys/index.key");
    let aside = house.data_dir().join("index.aside");
    std::fs::rename(&index, &aside).expect("moved");
    let refused = house.command(&["serve", "--listen", "127.0.0.1:0"]).output().expect("boda can be started");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("keys/index.key is missing"), "{said}");
    std::fs::rename(&aside, &index).expect("moved back");
    house.restart();
    // The number is found by its index.
    let back = Person::with_password(&house, &newcomer.phone, PASSWORD).await;
    assert_eq!(back.id, newcomer.id);
}
