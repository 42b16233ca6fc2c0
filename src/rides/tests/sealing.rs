//! Contacts at rest: what an earlier version left open in stops and parcels is sealed, and the ride reads as before.

use serde_json::json;
use sqlx::PgPool;

use crate::db::fixture::{self, Ride};
use crate::rides::seal_open_contacts;
use crate::rides::store::find;
use crate::vault::Vault;

#[sqlx::test(migrations = "./migrations")]
async fn contacts_of_an_earlier_version_are_sealed_and_read_as_before(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let contact = json!({"name": "Mukamana", "phone": "+250788999111"});
    let stops = json!([{"lat": -1.95, "lng": 30.07, "address": null, "landmark": null, "note": null, "contact": contact,
        "reached_at": null, "waiting_ms": 0}]);
    let parcel = json!({"sender": null, "receiver": contact, "description": "a book", "size": "small",
        "handover_pin": "0042"});
    let open = "ALTER TABLE rides DROP CONSTRAINT rides_contacts_sealed";
    sqlx::query(open).execute(&pool).await.expect("as before");
    let mut rides = Vec::new();
    for _ in 0..450 {
        let ride = Ride::without_driver(rider, "no_driver_found", fixture::at("2026-11-26T06:00:00Z"));
        rides.push(ride.insert(&pool).await);
    }
    let sql = "UPDATE rides SET ride_type = 'delivery', stops = $1, parcel = $2, has_contacts = true, ended_at = now(),
               request_hash = decode(repeat('00', 32), 'hex')";
    sqlx::query(sql).bind(&stops).bind(&parcel).execute(&pool).await.expect("as before");
    let vault = Vault::for_tests();
    let (one, other) = tokio::join!(seal_open_contacts(&pool, &vault), seal_open_contacts(&pool, &vault));
    assert_eq!(one.expect("sealed") + other.expect("sealed"), 450);
    let left = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM rides WHERE rides::text LIKE '%88999111%'");
    assert_eq!(left.fetch_one(&pool).await.expect("counted"), 0);
    let ride = find(&pool, &vault, rides[0]).await.expect("read").expect("is there");
    let receiver = ride.product.parcel.and_then(|parcel| parcel.receiver).expect("known");
    assert_eq!((receiver.name.as_str(), receiver.phone.as_str()), ("Mukamana", "+250788999111"));
    assert_eq!(ride.product.stops[0].contact, Some(receiver));
    // With a damaged document there is a ride still.
    let damage = sqlx::query("UPDATE rides SET contacts_sealed = '\\x0102' WHERE id = $1").bind(rides[1].0);
    damage.execute(&pool).await.expect("damaged");
    let ride = find(&pool, &vault, rides[1]).await.expect("read").expect("is there");
    assert!(!ride.product.has_contacts());
}
