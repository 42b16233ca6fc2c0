//! What is asked of rides that are scheduled or carry parcels.

use sqlx::PgPool;

use super::RideRow;
use crate::error::Error;
use crate::ids::{RideId, RiderId};
use crate::rides::ride::Ride;
use crate::time::{Span, Timestamp};
use crate::vault::Vault;

/// A rider's rides whose search has not begun, soonest first.
pub async fn scheduled_of(pool: &PgPool, vault: &Vault, rider: RiderId, most: u16) -> Result<Vec<Ride>, Error> {
    let rows = sqlx::query_as!(
        RideRow,
        "SELECT * FROM rides WHERE rider_id = $1 AND status = 'scheduled' AND pickup_at IS NOT NULL AND ended_at IS NULL
         ORDER BY pickup_at, id LIMIT $2",
        rider.0,
        i64::from(most)
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| row.ride(vault)).collect()
}

/// How far away the driver was who accepted.
pub async fn accepted_eta(pool: &PgPool, id: RideId) -> Result<Option<Span>, Error> {
    let eta_s = sqlx::query_scalar!(
        "SELECT pickup_eta_s FROM offers WHERE ride_id = $1 AND outcome = 'accepted' ORDER BY ordinal DESC LIMIT 1",
        id.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(eta_s.map(|eta_s| Span::from_secs(i64::from(eta_s))))
}

/// Takes names and telephones of people without an account out of rides that ended before; how many rides.
pub async fn forget_contacts(pool: &PgPool, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE rides SET contacts_sealed = NULL, has_contacts = false
         WHERE id IN (SELECT id FROM rides WHERE has_contacts AND contacts_sealed IS NOT NULL AND ended_at < $1 LIMIT $2)",
        chrono::DateTime::<chrono::Utc>::from(before),
        limit
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::dispatch::{Decision, Fact, Pin};
    use crate::ids::StreamSeq;
    use crate::money::BasisPoints;
    use crate::phone::Phone;
    use crate::realtime::protocol::view::RideStatus;
    use crate::rides::desk::{Actor, Batch, NewEvent, Remark};
    use crate::rides::product::tests::{config, stop};
    use crate::rides::product::{Contact, Parcel, Product};
    use crate::rides::ride::tests::ride;
    use crate::rides::store::commit::commit;
    use crate::rides::store::find;
    use crate::rides::store::tests::insert_rider;
    use crate::rides::words::{ParcelSize, RideType};

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    async fn write(pool: &PgPool, ride: &Ride, seq: u32) {
        let decision = Decision { ride: ride.id, seq, at: NOW, fact: Fact::Requested { rider: ride.rider } };
        let stream_seq = StreamSeq(u64::try_from(ride.id.0.as_u128()).expect("small") * 100 + u64::from(seq));
        let event = NewEvent { decision, stream_seq, is_heard: true, actor: Actor::SYSTEM, remark: Remark::None };
        let batch = Batch { rides: vec![ride.clone()], events: vec![event], ..Batch::default() };
        commit(pool, &Vault::for_tests(), &batch).await.expect("fits");
    }

    fn express_delivery(number: u128, rider: RiderId, pickup_at: Timestamp) -> Ride {
        let contact = || Contact { name: "Keza".into(), phone: Phone::parse("0788123456").expect("valid") };
        let mut waiting = stop(-1.945, 30.07);
        waiting.contact = Some(contact());
        waiting.note = Some("third floor".into());
        let parcel = Parcel {
            sender: Some(contact()),
            receiver: Some(contact()),
            description: "a book".into(),
            size: ParcelSize::Large,
            handover: Pin::from_random(42),
        };
        let product = Product {
            schedule: Some(config().schedule(pickup_at)),
            stops: vec![waiting, stop(-1.947, 30.08)],
            parcel: Some(parcel),
            express: Some(BasisPoints(1_500)),
        };
        let (id, status, ride_type) = (RideId(Uuid::from_u128(number)), RideStatus::Scheduled, RideType::Delivery);
        Ride { id, rider, status, ride_type, product, ..ride() }
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn a_product_comes_back_as_it_was_written_and_rides_are_listed_by_their_time(pool: PgPool) {
        let (rider, other) = (insert_rider(&pool, 1).await, insert_rider(&pool, 2).await);
        let hours = |hours: i64| NOW + Span::from_minutes(60 * hours);
        let mut late = express_delivery(10, rider, hours(5));
        for ride in [&late, &express_delivery(11, rider, hours(3)), &express_delivery(12, other, hours(4))] {
            write(&pool, ride, 1).await;
        }
        assert!(
            find(&pool, &Vault::for_tests(), late.id).await.expect("reads").expect("is there") == late,
            "nothing is lost on the way"
        );
        let listed = async |most| {
            let rides = scheduled_of(&pool, &Vault::for_tests(), rider, most).await.expect("reads");
            rides.into_iter().map(|ride| ride.id.0.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(listed(9).await, [11, 10]);
        assert_eq!(listed(1).await, [11]);
        // Moved, priced anew, and then under way with a stop behind it.
        late.product.schedule = Some(config().schedule(hours(2)));
        late.price.quoted = crate::money::Francs(1_999);
        write(&pool, &late, 2).await;
        assert_eq!(listed(9).await, [10, 11]);
        late.status = RideStatus::Requested;
        late.product.reached(1, hours(2));
        late.product.waited(1, Span::from_secs(61));
        write(&pool, &late, 3).await;
        assert!(
            find(&pool, &Vault::for_tests(), late.id).await.expect("reads").expect("is there") == late,
            "nor of what changes"
        );
        assert_eq!(listed(9).await, [11]);
    }

    #[sqlx::test(migrations = "./migrations")]
    async fn people_without_an_account_are_forgotten_and_nothing_else_is(pool: PgPool) {
        let rider = insert_rider(&pool, 1).await;
        let ended = |number, at| Ride {
            status: RideStatus::CancelledByCustomer,
            ended_at: Some(at),
            ..express_delivery(number, rider, NOW)
        };
        let (old, fresh) = (ended(10, NOW), ended(11, NOW + Span::from_secs(2)));
        write(&pool, &old, 1).await;
        write(&pool, &fresh, 1).await;
        let before = NOW + Span::from_secs(1);
        assert_eq!(forget_contacts(&pool, before, 100).await.expect("writes"), 1);
        assert_eq!(forget_contacts(&pool, before, 100).await.expect("writes"), 0, "once");
        let mut expected = old.clone();
        expected.product.stops[0].contact = None;
        if let Some(parcel) = &mut expected.product.parcel {
            (parcel.sender, parcel.receiver) = (None, None);
        }
        assert!(find(&pool, &Vault::for_tests(), old.id).await.expect("reads").expect("is there") == expected);
        assert!(find(&pool, &Vault::for_tests(), fresh.id).await.expect("reads").expect("is there") == fresh);
        let open = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM rides WHERE rides::text LIKE '%88123456%'");
        assert_eq!(open.fetch_one(&pool).await.expect("counts"), 0, "nowhere in a row");
    }
}
