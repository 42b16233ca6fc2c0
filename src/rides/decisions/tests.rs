//! The record against a real database.

use sqlx::PgPool;
use uuid::Uuid;

use super::round::tests::{driver, round, weighed};
use super::round::{Reason, RideRound, Weighed};
use super::store::{self, Asked};
use crate::db::fixture;
use crate::ids::{DriverId, RideId};
use crate::time::{Span, Timestamp};
use crate::web::page::{PageRequest, Position};

const FIRST: PageRequest = PageRequest { limit: 10, before: None };

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000) + Span::from_secs(second)
}

async fn write(pool: &PgPool, rounds: &[(RideId, RideRound)]) {
    let mut conn = pool.acquire().await.expect("a connection");
    store::insert(&mut conn, rounds).await.expect("written");
}

/// A ride that this driver drove.
async fn driven(pool: &PgPool, number: u32, by: Option<DriverId>) -> RideId {
    let rider = fixture::rider(pool, 1_000 + number).await;
    let ride = match by {
        Some(driver) => fixture::Ride::completed(rider, driver, at(0), 800),
        None => fixture::Ride::without_driver(rider, "no_driver_found", at(0)),
    };
    ride.insert(pool).await
}

fn of(driver: DriverId, weighed: Weighed) -> Weighed {
    Weighed { driver, ..weighed }
}

#[sqlx::test(migrations = "./migrations")]
async fn what_was_written_is_read_again_and_writing_it_twice_is_once(pool: PgPool) {
    let ride = RideId(Uuid::from_u128(5));
    let busy = Weighed { excluded: Some(Reason::Busy), ..weighed(3, 70) };
    let first = RideRound { runner_up: Some(driver(2)), ..round(vec![weighed(1, 40), weighed(2, 60), busy], Some(1)) };
    let second = RideRound { round: 2, at: at(9), offer: None, chosen: None, ..round(vec![], None) };
    let rounds = [(ride, first.clone()), (ride, second.clone())];
    write(&pool, &rounds).await;
    write(&pool, &rounds).await;
    assert_eq!(store::rounds(&pool, ride).await.expect("read"), [first, second]);
    let counts = store::counts(&pool, &[ride, RideId(Uuid::from_u128(6))]).await.expect("counted");
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(ride, 2)]);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_finds_the_rides_for_which_they_were_looked_at_and_that_somebody_else_drove(pool: PgPool) {
    let (asks, other) = (fixture::driver(&pool, 1).await, fixture::driver(&pool, 2).await);
    let mut rides = Vec::new();
    for (number, by) in [(0, Some(other)), (1, Some(other)), (2, Some(asks)), (3, None)] {
        rides.push(driven(&pool, number, by).await);
    }
    let both = || vec![of(asks, weighed(0, 90)), of(other, weighed(0, 30))];
    let chosen = |second, round_no, weighed| RideRound {
        round: round_no,
        at: at(second),
        chosen: Some(other),
        ..round(weighed, None)
    };
    let nobody = RideRound { round: 2, at: at(50), chosen: None, ..round(both(), None) };
    write(
        &pool,
        &[
            (rides[0], chosen(10, 1, both())),
            (rides[0], nobody),
            (rides[1], chosen(20, 1, vec![of(other, weighed(0, 30))])),
            (rides[1], chosen(30, 2, both())),
            (rides[2], chosen(40, 1, both())),
            (rides[3], chosen(40, 1, both())),
        ],
    )
    .await;
    let find = async |asked, page: &PageRequest| {
        let found = store::went_elsewhere(&pool, asks, asked, page).await.expect("found");
        found.into_iter().map(|missed| (missed.ride, missed.round.round)).collect::<Vec<_>>()
    };
    let all = Asked::Since(at(0), 1_000);
    assert_eq!(find(all, &FIRST).await, [(rides[1], 2), (rides[0], 1)], "newest first, and those with a choice");
    assert_eq!(find(Asked::Since(at(15), 1_000), &FIRST).await.len(), 2, "the round in vain is of now");
    assert_eq!(find(Asked::Since(at(15), 3), &FIRST).await, [(rides[0], 2)], "of so many rounds only");
    assert_eq!(find(Asked::Ride(rides[1]), &FIRST).await, [(rides[1], 2)]);
    assert!(find(Asked::Ride(rides[2]), &FIRST).await.is_empty(), "their own");
    let after = PageRequest { limit: 10, before: Some(Position { at: at(30), id: rides[1].0 }) };
    assert_eq!(find(all, &after).await, [(rides[0], 1)]);
}

#[sqlx::test(migrations = "./migrations")]
async fn an_offer_was_passed_on_only_by_who_did_not_take_it(pool: PgPool) {
    let (asks, other) = (fixture::driver(&pool, 1).await, fixture::driver(&pool, 2).await);
    let ride = driven(&pool, 0, Some(other)).await;
    let chosen = RideRound { offer: Some(1), chosen: Some(asks), ..round(vec![of(asks, weighed(0, 30))], None) };
    write(&pool, &[(ride, chosen)]).await;
    let was_passed = async || {
        let found = store::went_elsewhere(&pool, asks, Asked::Ride(ride), &FIRST).await.expect("found");
        found.into_iter().map(|missed| missed.was_passed).collect::<Vec<_>>()
    };
    assert_eq!(was_passed().await, [false], "nothing is known of the offer");
    let insert = sqlx::query(
        "INSERT INTO offers (ride_id, ordinal, driver_id, pickup_eta_s, pickup_distance_m, offered_at, deadline)
         VALUES ($1, 1, $2, 60, 300, now(), now())",
    );
    insert.bind(ride.0).bind(asks.0).execute(&pool).await.expect("an offer");
    for (outcome, expected) in [
        ("declined", true),
        ("expired", true),
        ("driver_lost", true),
        ("accepted", false),
        ("cancelled", false),
        ("withdrawn", false),
        ("taken", false),
    ] {
        let close = sqlx::query("UPDATE offers SET outcome = $2, closed_at = now() WHERE ride_id = $1");
        close.bind(ride.0).bind(outcome).execute(&pool).await.expect("closed");
        assert_eq!(was_passed().await, [expected], "{outcome}");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_too_old_is_deleted_batch_by_batch(pool: PgPool) {
    let ride = RideId(Uuid::from_u128(5));
    let rounds: Vec<_> = (1..=5)
        .map(|number| (ride, RideRound { round: number, at: at(number.into()), ..round(vec![], None) }))
        .collect();
    write(&pool, &rounds).await;
    assert_eq!(store::delete_before(&pool, at(4), 2).await.expect("deleted"), 2);
    assert_eq!(store::delete_before(&pool, at(4), 2).await.expect("deleted"), 1);
    assert_eq!(store::delete_before(&pool, at(4), 2).await.expect("deleted"), 0);
    let left: Vec<u16> = store::rounds(&pool, ride).await.expect("read").iter().map(|round| round.round).collect();
    assert_eq!(left, [4, 5]);
}
