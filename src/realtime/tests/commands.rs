//! Commands: in order, one at a time, never in the way of events.

use super::{Server, config, notice, ride_id, user};
use crate::realtime::{Config, Delivery};

const OFFER: &str = "8f1b2c3d-0000-8000-8000-000000000001.1";

fn arrive(id: &str) -> String {
    format!(r#"{{"type":"arrive","id":"{id}","ride_id":"{}"}}"#, ride_id())
}

#[tokio::test]
async fn a_command_is_answered_with_its_id_and_the_ride() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    server.gate.add_permits(1);
    phone.send(r#"{"type":"go_online","id":"a","lat":-1.94,"lng":30.06}"#).await;
    assert_eq!(phone.read().await, serde_json::json!({"type": "reply", "id": "a"}));
    phone.send(arrive("b")).await;
    let reply = phone.read().await;
    assert_eq!((reply["type"].as_str(), reply["id"].as_str()), (Some("reply"), Some("b")));
    assert_eq!(reply["ride"]["status"], "driver_arrived");
}

#[tokio::test]
async fn a_refused_command_is_an_error_with_its_id() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    phone.send(format!(r#"{{"type":"cancel","id":"c","ride_id":"{}","reason":"unsafe"}}"#, ride_id())).await;
    let error = phone.read_error("wrong_state").await;
    assert_eq!((error["id"].as_str(), error["message"].as_str()), (Some("c"), Some("the ride has ended")));
}

#[tokio::test]
async fn a_fault_of_ours_is_told_as_constant_text_and_a_panic_too() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    phone.send(format!(r#"{{"type":"accept_offer","id":"d","offer_id":"{OFFER}"}}"#)).await;
    let fault = phone.read_error("internal").await;
    assert!(!fault.to_string().contains("secret"));
    phone.send(format!(r#"{{"type":"complete","id":"e","ride_id":"{}"}}"#, ride_id())).await;
    let panicked = phone.read_error("internal").await;
    assert_eq!((panicked["id"].as_str(), &panicked["message"]), (Some("e"), &fault["message"]));
    phone.check_alive().await;
}

#[tokio::test]
async fn a_rider_sends_no_drivers_commands() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("customer-7").await;
    phone.send(arrive("f")).await;
    assert_eq!(phone.read_error("forbidden").await["id"], "f");
}

#[tokio::test]
async fn a_slow_command_holds_up_neither_events_nor_heartbeats() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    phone.send(arrive("slow")).await;
    phone.check_alive().await;
    assert_eq!(server.hub.send(user(1), notice("meanwhile")), Delivery::Queued);
    assert_eq!(phone.read().await["type"], "notice");
    server.gate.add_permits(1);
    assert_eq!(phone.read().await["id"], "slow");
}

#[tokio::test]
async fn commands_are_answered_in_order_and_a_flood_of_them_is_refused_beyond_the_queue() {
    let server = Server::start(Config { commands_max: 3, ..config() }).await;
    let mut phone = server.phone("driver-1").await;
    for id in 0..6 {
        phone.send(arrive(&id.to_string())).await;
    }
    // One runs, three wait, two are refused at once.
    for id in ["4", "5"] {
        assert_eq!(phone.read_error("too_many_commands").await["id"], id);
    }
    server.gate.add_permits(4);
    for id in ["0", "1", "2", "3"] {
        assert_eq!(phone.read().await["id"], id);
    }
    server.gate.add_permits(1);
    phone.send(arrive("6")).await;
    assert_eq!(phone.read().await["id"], "6");
}

#[tokio::test]
async fn a_command_is_carried_out_although_the_phone_drops_out() {
    let server = Server::start(config()).await;
    let mut phone = server.phone("driver-1").await;
    phone.send(arrive("g")).await;
    phone.check_alive().await;
    drop(phone);
    server.until("the socket is gone", |server| !server.hub.is_connected(user(1))).await;
    server.gate.add_permits(1);
    server.until("the command ran to its end", |server| server.gate.available_permits() == 0).await;
}
