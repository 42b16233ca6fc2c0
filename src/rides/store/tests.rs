//! The group commit against a real database: order, repetition, restoration.

use sqlx::PgPool;
use uuid::Uuid;

use super::commit::commit;
use super::*;
use crate::dispatch::{Decision, Fact, ReleaseReason, RideEnd};
use crate::ids::StreamSeq;
use crate::rides::desk::{Actor, Batch, NewEvent, Remark};
use crate::rides::ride::tests::ride as any_ride;
use crate::vault::Vault;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

pub(super) async fn insert_rider(pool: &PgPool, n: u128) -> RiderId {
    let id = Uuid::from_u128(n);
    sqlx::query(
        "INSERT INTO users (id, first_name, last_name, language, role, created_at, updated_at)
         VALUES ($1, 'A', 'B', 'rw', 'customer', now(), now())",
    )
    .bind(id)
    .execute(pool)
    .await
    .expect("a valid user");
    id.into()
}

async fn insert_driver(pool: &PgPool, n: u128) -> DriverId {
    let id = insert_rider(pool, n).await.0;
    sqlx::query(
        "INSERT INTO drivers (user_id, status, licence_category, licence_expires_on, plate, vehicle_make, vehicle_model,
             vehicle_year, vehicle_colour, fuel, ride_types, insurance_expires_on, created_at, updated_at)
         VALUES ($1, 'approved', 'A', '2030-01-01', $2, 'm', 'm', 2024, 'c', 'petrol', '{boda}', '2030-01-01', now(), now())",
    )
    .bind(id)
    .bind(format!("RC{n:03}A"))
    .execute(pool)
    .await
    .expect("a valid driver");
    id.into()
}

fn ride(n: u128, rider: RiderId, status: RideStatus, driver: Option<DriverId>) -> Ride {
    Ride { id: RideId(Uuid::from_u128(0xA000 + n)), rider, status, driver, requested_at: NOW, ..any_ride() }
}

fn event(ride: &Ride, seq: u32, fact: Fact) -> NewEvent {
    let decision = Decision { ride: ride.id, seq, at: NOW, fact };
    // Any place will do that no other event has.
    let stream_seq = StreamSeq(u64::try_from(ride.id.0.as_u128() % 1_000_000).expect("small") * 100 + u64::from(seq));
    NewEvent { decision, stream_seq, is_heard: true, actor: Actor::SYSTEM, remark: Remark::None }
}

fn offer(ride: &Ride, ordinal: u16, driver: DriverId) -> Offer {
    Offer {
        id: OfferId { ride: ride.id, ordinal },
        driver,
        pickup_eta: Span::from_secs(60),
        pickup_distance_m: 300,
        offered_at: NOW,
        deadline: NOW + Span::from_secs(15),
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn what_ends_is_written_before_what_begins(pool: PgPool) {
    let (aline, eric) = (insert_rider(&pool, 1).await, insert_rider(&pool, 2).await);
    let driver = insert_driver(&pool, 3).await;
    let first = ride(1, aline, RideStatus::DriverAssigned, Some(driver));
    let batch = Batch {
        rides: vec![first.clone()],
        offers: vec![(offer(&first, 1, driver), None)],
        events: vec![event(&first, 1, Fact::Requested { rider: aline })],
        ..Batch::default()
    };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    // One commit: the driver's ride ends and the same driver gets the next one, the same rider books again.
    let ended = Ride { status: RideStatus::Completed, ..first.clone() };
    let next = ride(2, eric, RideStatus::DriverAssigned, Some(driver));
    let again = ride(3, aline, RideStatus::Requested, None);
    let closing = Closing { outcome: "accepted", reason: None, at: NOW };
    let batch = Batch {
        rides: vec![next.clone(), again.clone(), ended],
        offers: vec![(offer(&next, 1, driver), None), (offer(&first, 1, driver), Some(closing))],
        events: vec![
            event(&first, 2, Fact::Ended(RideEnd::Completed)),
            event(&next, 1, Fact::Requested { rider: eric }),
            event(&again, 1, Fact::Requested { rider: aline }),
        ],
        ..Batch::default()
    };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("the unique indexes hold at every statement");
    assert_eq!(live_rides(&pool, &Vault::for_tests()).await.expect("reads").len(), 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_batch_written_twice_counts_once(pool: PgPool) {
    let rider = insert_rider(&pool, 1).await;
    let driver = insert_driver(&pool, 3).await;
    let requested = ride(1, rider, RideStatus::InProgress, Some(driver));
    let start = Batch {
        rides: vec![requested.clone()],
        events: vec![event(&requested, 1, Fact::Requested { rider })],
        ..Batch::default()
    };
    commit(&pool, &Vault::for_tests(), &start).await.expect("fits");
    let completed = Ride { status: RideStatus::Completed, ended_at: Some(NOW), ..requested.clone() };
    let batch = Batch {
        rides: vec![completed],
        events: vec![event(&requested, 2, Fact::Ended(RideEnd::Completed))],
        ..Batch::default()
    };
    for _ in 0..2 {
        commit(&pool, &Vault::for_tests(), &batch).await.expect("a repeated batch is no fault");
    }
    let completed: i32 =
        sqlx::query_scalar("SELECT rides_completed FROM drivers").fetch_one(&pool).await.expect("one driver");
    assert_eq!(completed, 1);
    assert_eq!(events(&pool, requested.id).await.expect("reads").len(), 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_batch_is_there_as_a_whole_or_not_at_all(pool: PgPool) {
    let (aline, eric) = (insert_rider(&pool, 1).await, insert_rider(&pool, 2).await);
    let driver = insert_driver(&pool, 3).await;
    let good = ride(1, aline, RideStatus::DriverAssigned, Some(driver));
    let double = ride(2, eric, RideStatus::DriverAssigned, Some(driver));
    let batch = Batch {
        events: vec![
            event(&good, 1, Fact::Requested { rider: aline }),
            event(&double, 1, Fact::Requested { rider: eric }),
        ],
        rides: vec![good.clone(), double],
        ..Batch::default()
    };
    let refused = commit(&pool, &Vault::for_tests(), &batch).await.expect_err("one driver, two live rides");
    let constraint = refused.as_database_error().and_then(|error| error.constraint().map(str::to_owned));
    assert_eq!(constraint.as_deref(), Some("rides_one_live_per_driver"));
    assert!(find(&pool, &Vault::for_tests(), good.id).await.expect("reads").is_none());
}

#[sqlx::test(migrations = "./migrations")]
async fn drivers_change_rides_in_one_batch_in_a_circle_even(pool: PgPool) {
    let riders = [insert_rider(&pool, 1).await, insert_rider(&pool, 2).await];
    let (eric, jean) = (insert_driver(&pool, 3).await, insert_driver(&pool, 4).await);
    let assigned = |n: usize, driver| ride(n as u128, riders[n], RideStatus::DriverAssigned, Some(driver));
    let (first, second) = (assigned(0, eric), assigned(1, jean));
    let begun = |ride: &Ride| event(ride, 1, Fact::Requested { rider: ride.rider });
    let events = vec![begun(&first), begun(&second)];
    let batch = Batch { rides: vec![first.clone(), second.clone()], events, ..Batch::default() };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    // Each has the other's now; whichever row came first would find its driver taken.
    let released = |ride: &Ride, driver| event(ride, 2, Fact::Released { driver, reason: ReleaseReason::BetterDriver });
    let events = vec![released(&first, eric), released(&second, jean)];
    let batch = Batch { rides: vec![assigned(0, jean), assigned(1, eric)], events, ..Batch::default() };
    for _ in 0..2 {
        commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    }
    for (ride, driver) in [(&first, jean), (&second, eric)] {
        assert_eq!(
            find(&pool, &Vault::for_tests(), ride.id).await.expect("reads").expect("is there").driver,
            Some(driver)
        );
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_has_one_ride_under_way_and_one_after_it(pool: PgPool) {
    let mut riders = Vec::new();
    for n in 0..4 {
        riders.push(insert_rider(&pool, n).await);
    }
    let driver = insert_driver(&pool, 9).await;
    let with = |n: usize, status, is_next| Ride { is_next, ..ride(n as u128, riders[n], status, Some(driver)) };
    let begun = |ride: &Ride| event(ride, 1, Fact::Requested { rider: ride.rider });
    let under_way = with(0, RideStatus::InProgress, false);
    let next = with(1, RideStatus::DriverAssigned, true);
    let events = vec![begun(&under_way), begun(&next)];
    let batch = Batch { rides: vec![next.clone(), under_way.clone()], events, ..Batch::default() };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("one under way, one next");
    for (n, is_next) in [(2, true), (2, false)] {
        let third = with(n, RideStatus::DriverAssigned, is_next);
        let batch = Batch { events: vec![begun(&third)], rides: vec![third], ..Batch::default() };
        commit(&pool, &Vault::for_tests(), &batch).await.expect_err("the driver has enough to do");
    }
    // The first is over, the next is under way, and another one is next: its row may come first.
    let done = Ride { ended_at: Some(NOW), ..with(0, RideStatus::Completed, false) };
    let (now, new) = (Ride { is_next: false, ..next }, with(2, RideStatus::DriverAssigned, true));
    let events = vec![event(&done, 2, Fact::Ended(RideEnd::Completed)), event(&now, 2, Fact::OnTheWay), begun(&new)];
    let batch = Batch { rides: vec![new.clone(), now.clone(), done], events, ..Batch::default() };
    for _ in 0..2 {
        commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    }
    let live = live_rides(&pool, &Vault::for_tests()).await.expect("reads");
    let mut live: Vec<_> = live.into_iter().map(|live| (live.ride.id, live.ride.is_next)).collect();
    live.sort_unstable();
    assert_eq!(live, [(now.id, false), (new.id, true)]);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_for_later_is_restored_and_does_not_keep_its_rider_from_riding_now(pool: PgPool) {
    let rider = insert_rider(&pool, 1).await;
    let (later, now) = (ride(1, rider, RideStatus::Scheduled, None), ride(2, rider, RideStatus::Requested, None));
    let events = [&later, &now].map(|ride| event(ride, 1, Fact::Requested { rider })).to_vec();
    let batch = Batch { rides: vec![later.clone(), now.clone()], events, ..Batch::default() };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    let live = live_rides(&pool, &Vault::for_tests()).await.expect("reads");
    assert_eq!(live.iter().map(|live| live.ride.id).collect::<Vec<_>>(), [later.id, now.id]);
    let with_driver = Ride { driver: Some(insert_driver(&pool, 3).await), ..later };
    let batch =
        Batch { events: vec![event(&with_driver, 2, Fact::SearchBegan)], rides: vec![with_driver], ..Batch::default() };
    commit(&pool, &Vault::for_tests(), &batch).await.expect_err("nobody has a ride whose time has not come");
}

#[sqlx::test(migrations = "./migrations")]
async fn every_outcome_of_an_offer_has_its_place_in_the_table(pool: PgPool) {
    let (rider, driver) = (insert_rider(&pool, 1).await, insert_driver(&pool, 2).await);
    let ride = ride(1, rider, RideStatus::Requested, None);
    let outcomes = ["accepted", "declined", "expired", "driver_lost", "cancelled", "withdrawn", "taken"];
    let closed = outcomes
        .iter()
        .zip(1..)
        .map(|(outcome, ordinal)| (offer(&ride, ordinal, driver), Some(Closing { outcome, reason: None, at: NOW })));
    let offers = closed.collect();
    let events = vec![event(&ride, 1, Fact::Requested { rider })];
    let batch = Batch { rides: vec![ride.clone()], offers, events, ..Batch::default() };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_survives_the_trip_through_its_row(pool: PgPool) {
    let rider = insert_rider(&pool, 1).await;
    let driver = insert_driver(&pool, 3).await;
    let mut before = ride(1, rider, RideStatus::InProgress, Some(driver));
    before.notes = Some("near the \"blue\" gate; O'Brien \\ é".into());
    before.pickup.address = Some("Nyabugogo".into());
    before.offers_made = 2;
    before.assigned_at = Some(NOW + Span::from_millis(1));
    before.started_at = Some(NOW + Span::from_millis(2));
    let closing = Closing { outcome: "accepted", reason: None, at: NOW };
    let lapsed = Closing { outcome: "expired", reason: None, at: NOW };
    let other = insert_driver(&pool, 4).await;
    let batch = Batch {
        rides: vec![before.clone()],
        offers: vec![(offer(&before, 1, other), Some(lapsed)), (offer(&before, 2, driver), Some(closing))],
        events: vec![event(&before, 1, Fact::Requested { rider }), event(&before, 2, Fact::Started)],
        ..Batch::default()
    };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    let after = find(&pool, &Vault::for_tests(), before.id).await.expect("reads").expect("is there");
    assert_eq!(format!("{}", after.pin), format!("{}", before.pin));
    assert!(after == before, "nothing is lost on the way");
    let live = live_rides(&pool, &Vault::for_tests()).await.expect("reads").pop().expect("one is live");
    let facts: Vec<_> = live.timeline.into_iter().map(|recorded| recorded.decision.fact).collect();
    assert_eq!(facts, [Fact::Requested { rider }, Fact::Started]);
}

#[sqlx::test(migrations = "./migrations")]
async fn the_timeline_cannot_be_changed(pool: PgPool) {
    let rider = insert_rider(&pool, 1).await;
    let ride = ride(1, rider, RideStatus::Requested, None);
    let batch = Batch {
        rides: vec![ride.clone()],
        events: vec![event(&ride, 1, Fact::Requested { rider })],
        ..Batch::default()
    };
    commit(&pool, &Vault::for_tests(), &batch).await.expect("fits");
    for statement in ["UPDATE ride_events SET kind = 'x'", "DELETE FROM ride_events"] {
        assert!(sqlx::query(statement).execute(&pool).await.is_err(), "{statement}");
    }
}
