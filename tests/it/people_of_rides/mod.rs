//! What people wish of each other and do for each other: wishes, blocks and favourites, agents, meetings at the roadside, and
//! what it costs to let somebody down.

mod agents;
mod cancelling;
mod pairing;
mod relations;
mod wishes;

use crate::house::House;
use crate::people::{Person, fresh_phone};
use serde_json::json;

/// Somebody who books for people who call, made by the admin.
async fn agent(house: &House) -> Person {
    let (phone, password) = (fresh_phone(), "telefoni ku meza yanjye");
    let body = json!({
        "phone": phone, "first_name": "Diane", "last_name": "Ingabire", "role": "agent", "password": password,
    });
    house.admin().await.api.post("/admin/users", &body).await.expect(201);
    Person::with_password(house, &phone, password).await
}
