//! What people wish of each other, what a cancellation costs, agents, and meetings at the roadside, against a real database.

use super::*;
use crate::clock;
use crate::ids::DriverId;
use crate::index::Fix;
use crate::locations::Track;
use crate::matching::record::Record;
use crate::money::Francs;
use crate::rides::agents::{CallingRider, What};
use crate::rides::pairing::tokens::{Keys, Shower, Token};
use crate::rides::pairing::{PairRide, Proof};
use crate::rides::words::Relation;
use crate::time::Timestamp;
use crate::web::page::PageRequest;

const PAGE: PageRequest = PageRequest { limit: 100, before: None };

impl House {
    /// A ride that the driver took.
    async fn assigned(&self, driver: DriverId, rider: RiderId) -> RideView {
        let (ride, offer) = self.offered(driver, rider).await;
        self.rides.accept(driver, offer).await.expect("accepted");
        ride
    }

    /// The same house after a restart, with the clock of a live ride put back by so many minutes.
    async fn after_minutes(self, pool: &PgPool, ride: RideId, minutes: f64) -> Self {
        self.stop().await;
        sqlx::query(
            "UPDATE rides SET assigned_at = assigned_at - $2 * interval '1 minute',
                              arrived_at = arrived_at - $2 * interval '1 minute' WHERE id = $1",
        )
        .bind(ride.0)
        .bind(minutes)
        .execute(pool)
        .await
        .expect("put back");
        Self::open(pool).await
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_cancellation_costs_what_the_rules_say_and_that_is_kept(pool: PgPool) {
    let rider_of = |n| fixture::rider(&pool, n);
    // The driver is promised at once: the offer says how soon, and three minutes later the driver is late.
    for (n, minutes, arrives, by, reason, expected) in [
        (10, 0.0, false, Role::Customer, "changed_mind", (0, "in_time")),
        (20, 2.5, false, Role::Customer, "changed_mind", (200, "driver_on_the_way")),
        (30, 9.0, false, Role::Customer, "driver_too_far", (0, "driver_late")),
        (40, 4.0, true, Role::Customer, "changed_mind", (200, "driver_on_the_way")),
        (50, 5.5, true, Role::Customer, "changed_mind", (400, "no_show")),
        (60, 5.5, true, Role::Customer, "unsafe", (0, "unsafe")),
        (70, 5.5, true, Role::Driver, "rider_no_show", (400, "no_show")),
        (80, 2.5, true, Role::Driver, "rider_no_show", (0, "by_driver")),
        (90, 5.5, true, Role::Admin, "operator", (0, "by_platform")),
    ] {
        let (rider, driver) = (rider_of(n).await, fixture::driver(&pool, n + 1).await);
        let admin = fixture::person(&pool, n + 2, "admin").await;
        let house = House::open(&pool).await;
        let ride = house.assigned(driver, rider).await.id;
        if arrives {
            house.rides.arrive(driver, ride).await.expect("arrived");
        }
        let house = house.after_minutes(&pool, ride, minutes).await;
        let who = match by {
            Role::Driver => caller(driver, by),
            Role::Admin => caller(admin, by),
            _ => caller(rider, by),
        };
        let shown = house.rides.cancellation_cost(caller(rider, Role::Customer), ride).await.expect("a party");
        assert!((Francs::ZERO..=Francs(400)).contains(&shown.charge.fee));
        let view = house.rides.cancel(who, ride, reason, None).await.expect("cancelled");
        let of = |view: RideView| {
            let cancellation = view.cancellation.expect("called off");
            assert_eq!(cancellation.compensation_rwf, cancellation.fee_rwf, "all of it is the driver's");
            (cancellation.fee_rwf, cancellation.fee_reason.expect("there are rules"))
        };
        let expected = (expected.0, expected.1.to_owned());
        assert_eq!(of(view), expected, "{minutes} min, {reason}");
        let stored = house.rides.show(caller(admin, Role::Admin), ride).await.expect("from the store");
        assert_eq!(of(stored), expected, "{minutes} min, {reason}");
        let over = house.rides.cancellation_cost(caller(rider, Role::Customer), ride).await;
        assert_eq!(over.expect_err("it is over").code(), "wrong_state");
        let _ = house.rides.go_offline(driver).await;
        house.stop().await;
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_who_is_not_at_the_pickup_cannot_say_that_nobody_was_there(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open(&pool).await;
    let ride = house.assigned(driver, rider).await.id;
    house.rides.arrive(driver, ride).await.expect("arrived, says the driver");
    let house = house.after_minutes(&pool, ride, 5.5).await;
    let now = clock::now();
    let elsewhere = Fix::new(place(-1.945), now);
    house.rides.ping(driver, &mut Track::default(), elsewhere, now).expect("half a kilometre away");
    let view = house.rides.cancel(caller(driver, Role::Driver), ride, "rider_no_show", None).await.expect("cancelled");
    let cancellation = view.cancellation.expect("called off");
    assert_eq!((cancellation.fee_rwf, cancellation.fee_reason.as_deref()), (0, Some("by_driver")));
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn records_count_what_people_did_and_not_what_befell_them(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open(&pool).await;
    house.rides.go_online(driver, place(-1.94)).await.expect("approved");
    for n in 0..3 {
        let key = format!("ride-{n}");
        let ride = house.book(rider, &key).await.expect("booked").ride;
        let offer = house.rides.offers(driver).pop().expect("asked").offer_id;
        match n {
            // Declined: the rider then gives up, before anybody had set out.
            0 => {
                house.rides.decline(driver, offer, None).await.expect("declined");
                house.rides.cancel(caller(rider, Role::Customer), ride.id, "other", None).await.expect("cancelled");
            }
            // Taken, and called off by the rider.
            1 => {
                house.rides.accept(driver, offer).await.expect("taken");
                house.rides.cancel(caller(rider, Role::Customer), ride.id, "other", None).await.expect("cancelled");
            }
            _ => {
                house.rides.accept(driver, offer).await.expect("taken");
                house.rides.arrive(driver, ride.id).await.expect("arrived");
                house.rides.start(driver, ride.id, &ride.pin.expect("own")).await.expect("started");
                house.rides.complete(driver, ride.id, None).await.expect("completed");
            }
        }
    }
    let now = clock::now();
    assert_eq!(house.rides.record_of(driver, now).await.expect("read"), Record { kept: 2, broken: 1 });
    let standing = house.rides.standing_of(rider, now).await.expect("read");
    assert_eq!(standing.record, Record { kept: 1, broken: 1 });
    let months_later = now + Span::from_minutes(60 * 24 * 60);
    assert_eq!(house.rides.record_of(driver, months_later).await.expect("read"), Record::default());
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn relations_need_a_ride_together_and_are_bounded(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let drivers = [fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await, fixture::driver(&pool, 4).await];
    let stranger = fixture::driver(&pool, 5).await;
    let house = House::open(&pool).await;
    let at = fixture::at("2026-11-20T08:00:00Z");
    for driver in drivers {
        fixture::Ride::completed(rider, driver, at, 600).insert(&pool).await;
    }
    let relate = async |driver, word: &str| {
        let related = house.rides.relate_to_driver(rider, driver, word).await;
        related.map(|named| named.relation).map_err(|error| error.code())
    };
    assert_eq!(relate(stranger, "blocked").await, Err("not_found"));
    assert_eq!(relate(drivers[0], "adored").await, Err("invalid_value"));
    assert_eq!(relate(drivers[0], "favourite").await, Ok(Relation::Favourite));
    assert_eq!(relate(drivers[1], "favourite").await, Err("too_many_favourites"));
    assert_eq!(relate(drivers[0], "blocked").await, Ok(Relation::Blocked), "in place of the other");
    assert_eq!(relate(drivers[1], "favourite").await, Ok(Relation::Favourite));
    assert_eq!(relate(drivers[2], "blocked").await, Ok(Relation::Blocked));
    assert_eq!(relate(drivers[2], "blocked").await, Ok(Relation::Blocked), "again is once");
    assert_eq!(relate(drivers[1], "blocked").await, Err("too_many_blocked"));
    let standing = house.rides.standing_of(rider, clock::now()).await.expect("read");
    assert_eq!((standing.avoid.len(), standing.favour), (2, vec![drivers[1]]));

    // A driver blocks too, and what the rider wishes is not touched by that.
    let foreign = house.rides.block_rider(stranger, rider).await.expect_err("no ride together");
    assert_eq!(foreign.code(), "not_found");
    house.rides.block_rider(drivers[1], rider).await.expect("blocked");
    assert_eq!(house.rides.standing_of(rider, clock::now()).await.expect("read").avoid.len(), 3);
    assert_eq!(house.rides.drivers_of(rider).await.expect("listed").len(), 3, "the rider is not told");
    assert_eq!(house.rides.riders_of(drivers[1]).await.expect("listed")[0].id, UserId::from(rider));
    house.rides.unblock_rider(drivers[1], rider).await.expect("taken back");
    for driver in drivers {
        house.rides.forget_driver(rider, driver).await.expect("forgotten");
    }
    let standing = house.rides.standing_of(rider, clock::now()).await.expect("read");
    assert_eq!((standing.avoid, standing.favour), (vec![], vec![]));
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn agents_are_bounded_and_leave_a_trail(pool: PgPool) {
    let (agent, other) = (fixture::person(&pool, 1, "agent").await, fixture::person(&pool, 2, "agent").await);
    fixture::driver(&pool, 3).await;
    let house = House::open(&pool).await;
    let calling = |phone: &str| CallingRider { phone: phone.into(), first_name: "Aline".into(), language: None };
    let book = async |agent, phone: &str, key: Option<&str>| {
        let key = key.map(|key| IdempotencyKey(key.to_owned()));
        house.rides.book_for(agent, &calling(phone), key.as_ref(), &booking()).await
    };
    let driver_phone = "+250780000003";
    assert_eq!(book(agent, driver_phone, None).await.expect_err("a driver's").code(), "phone_not_a_rider");
    assert_eq!(book(agent, "12", None).await.expect_err("no number").code(), "invalid_value");
    let first = book(agent, "0788123001", Some("a")).await.expect("booked");
    let again = book(agent, "0788123001", Some("a")).await.expect("replayed");
    assert_eq!((again.replayed, again.ride.id), (true, first.ride.id));
    assert_eq!(book(other, "0788123001", Some("a")).await.expect_err("is riding").code(), "ride_in_progress");
    book(agent, "0788123002", None).await.expect("booked");
    assert_eq!(book(agent, "0788123003", None).await.expect_err("two are under way").code(), "too_many_live_rides");
    assert!(book(agent, "0788123001", Some("a")).await.expect("at the limit too").replayed);
    let reused = book(agent, "0788123005", Some("a")).await.expect_err("for somebody else");
    assert_eq!(reused.code(), "idempotency_key_reused");

    let id = first.ride.id;
    assert!(
        house.rides.show_booked(agent, id, clock::now()).await.expect("their own").pin.is_some(),
        "to be read to the rider"
    );
    assert_eq!(code(house.rides.show_booked(other, id, clock::now()).await), "not_found");
    assert_eq!(code(house.rides.cancel_booked(other, id, "other", None).await), "not_found");
    assert_eq!(code(house.rides.cancel_booked(agent, id, "rider_no_show", None).await), "invalid_value");
    let cancelled = house.rides.cancel_booked(agent, id, "changed_mind", None).await.expect("called off");
    assert_eq!(cancelled.status, RideStatus::CancelledByCustomer);
    house.rides.cancel_booked(agent, id, "changed_mind", None).await.expect("again is once");
    let listed = house.rides.booked_by(agent, &Filter::default(), &PAGE, clock::now()).await.expect("listed");
    assert_eq!(listed.items.len(), 2);
    assert_eq!(
        house.rides.booked_by(other, &Filter::default(), &PAGE, clock::now()).await.expect("listed").items.len(),
        0
    );
    let actor: String =
        sqlx::query_scalar("SELECT actor FROM ride_events WHERE ride_id = $1 AND kind = 'cancelled_by_customer'")
            .bind(id.0)
            .fetch_one(&pool)
            .await
            .expect("in the timeline");
    assert_eq!(actor, "agent");

    let trail =
        house.rides.agent_actions(Some(agent), &PAGE, UserId(Uuid::nil()), clock::now()).await.expect("read").items;
    let what: Vec<_> = trail.iter().rev().map(|action| (action.what, action.detail.as_deref())).collect();
    let refused = |code| (What::Refused, Some(code));
    let expected = [
        refused("phone_not_a_rider"),
        (What::GuestMade, None),
        (What::Booked, None),
        (What::GuestMade, None),
        (What::Booked, None),
        refused("too_many_live_rides"),
        refused("idempotency_key_reused"),
        refused("invalid_value"),
        (What::Cancelled, None),
    ];
    assert_eq!(what, expected);
    assert!(trail.last().is_some_and(|first| first.rider.is_some()), "whose number it was");
    let theirs =
        house.rides.agent_actions(Some(other), &PAGE, UserId(Uuid::nil()), clock::now()).await.expect("read").items;
    let codes: Vec<_> = theirs.iter().map(|action| action.detail.as_deref()).collect();
    assert_eq!((codes, theirs[0].ride), (vec![Some("not_found"), Some("ride_in_progress")], Some(id)));
    let ride = book(agent, "0788123004", None).await.expect("booked").ride.id;
    house.rides.cancel_booked(agent, ride, "other", None).await.expect("called off");
    for _ in 0..3 {
        let busy = book(agent, "0788123009", None).await.expect_err("too many in an hour");
        assert!(matches!(busy, Error::RateLimited { .. }), "{busy}");
    }
    let second = listed.items[0].id;
    let busy = house.rides.cancel_booked(agent, second, "other", None).await.expect_err("counts too");
    assert!(matches!(busy, Error::RateLimited { .. }), "{busy}");
    house.rides.cancel_booked(agent, id, "changed_mind", None).await.expect("done before");
    assert!(book(agent, "0788123001", Some("a")).await.expect("done before").replayed);
    let trail =
        house.rides.agent_actions(Some(agent), &PAGE, UserId(Uuid::nil()), clock::now()).await.expect("read").items;
    let limited: Vec<_> = trail.iter().filter(|action| action.detail.as_deref() == Some("rate_limited")).collect();
    assert!((1..=2).contains(&limited.len()), "once a minute: {limited:?}");
    assert_eq!(limited.last().map(|action| action.rider), Some(None), "nobody has this number yet");
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_booking_that_could_not_be_written_down_is_when_it_is_sent_again(pool: PgPool) {
    let agent = fixture::person(&pool, 1, "agent").await;
    let house = House::open(&pool).await;
    let calling = CallingRider { phone: "0788123001".into(), first_name: "Aline".into(), language: None };
    let key = IdempotencyKey("a".to_owned());
    let book = async || house.rides.book_for(agent, &calling, Some(&key), &booking()).await;
    let alter = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.expect("altered");
    alter("ALTER TABLE agent_actions ADD CONSTRAINT none_booked CHECK (action <> 'booked')").await;
    book().await.expect_err("not written down");
    alter("ALTER TABLE agent_actions DROP CONSTRAINT none_booked").await;
    for _ in 0..2 {
        assert!(book().await.expect("was booked").replayed);
    }
    let trail =
        house.rides.agent_actions(Some(agent), &PAGE, UserId(Uuid::nil()), clock::now()).await.expect("read").items;
    let what: Vec<_> = trail.iter().rev().map(|action| action.what).collect();
    assert_eq!(what, [What::GuestMade, What::Booked]);
    house.stop().await;
}

/// What a phone showed at an instant.
fn shown(house: &House, shower: Shower, user: impl Into<UserId>, at: Timestamp) -> String {
    let keys: &Keys = &house.rides.inner.pairing.keys;
    let (issued_at, expires_at) = (at - Span::from_minutes(60), at + Span::from_minutes(60));
    keys.show(&Token { shower, user: user.into(), issued_at, expires_at }, at)
}

fn scanned(qr: String, ended_at: Option<Timestamp>) -> PairRide {
    PairRide { proof: Proof::Scanned(qr), ride: booking(), ended_at }
}

#[sqlx::test(migrations = "./migrations")]
async fn a_meeting_handed_in_later_by_both_phones_is_one_ride(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let (other_rider, other_driver) = (fixture::rider(&pool, 3).await, fixture::driver(&pool, 4).await);
    let house = House::open(&pool).await;
    house.rides.go_online(driver, place(-1.94)).await.expect("approved");
    let (as_rider, as_driver) = (caller(rider, Role::Customer), caller(driver, Role::Driver));
    let now = clock::now();
    let hours_ago = |hours: i64| now - Span::from_minutes(60 * hours);
    let pair = async |who, request: &PairRide| house.rides.pair(who, None, request).await;
    let refusal = async |who, request: &PairRide| pair(who, request).await.expect_err("refused").code();

    let early = scanned(shown(&house, Shower::Driver, driver, hours_ago(3)), Some(hours_ago(2)));
    assert_eq!(refusal(as_rider, &early).await, "driver_off_shift");
    sqlx::query("UPDATE shifts SET started_at = started_at - interval '12 hours'").execute(&pool).await.expect("back");
    let ended = pair(as_rider, &early).await.expect("handed in");
    assert_eq!((ended.replayed, ended.ride.status), (false, RideStatus::Completed));
    assert!(ended.ride.requested_at <= hours_ago(3), "it is priced and counted at its time");
    for again in [
        pair(as_rider, &early).await,
        pair(
            as_driver,
            &scanned(shown(&house, Shower::Rider, rider, hours_ago(3) + Span::from_minutes(2)), Some(hours_ago(2))),
        )
        .await,
    ] {
        let again = again.expect("is known");
        assert_eq!((again.replayed, again.ride.id), (true, ended.ride.id));
    }
    // The same code in the hands of somebody else; another ride of hers at that time; nonsense.
    assert_eq!(refusal(caller(other_rider, Role::Customer), &early).await, "pairing_replayed");
    let meanwhile = hours_ago(3) + Span::from_minutes(1);
    sqlx::query(
        "INSERT INTO shifts (id, driver_id, started_at) VALUES (gen_random_uuid(), $1, now() - interval '9 hours')",
    )
    .bind(other_driver.0)
    .execute(&pool)
    .await
    .expect("on shift");
    let elsewhere = scanned(shown(&house, Shower::Driver, other_driver, meanwhile), None);
    assert_eq!(refusal(as_rider, &elsewhere).await, "pairing_overlaps");
    let ahead = scanned(shown(&house, Shower::Driver, driver, now + Span::from_minutes(5)), None);
    assert_eq!(refusal(as_rider, &ahead).await, "pairing_clock_ahead");
    let old = scanned(shown(&house, Shower::Driver, driver, hours_ago(26)), None);
    assert_eq!(refusal(as_rider, &old).await, "pairing_too_old");
    let before = scanned(shown(&house, Shower::Driver, driver, hours_ago(1)), Some(hours_ago(2)));
    assert_eq!(refusal(as_rider, &before).await, "invalid_value");
    assert_eq!(refusal(as_rider, &scanned("BODA1.00.0.00".into(), None)).await, "pairing_refused");
    assert_eq!(refusal(as_driver, &early).await, "pairing_refused", "one's own code");
    let forged = Keys::new(&Secret::new([9; 32])).show(
        &Token { shower: Shower::Driver, user: driver.into(), issued_at: hours_ago(1), expires_at: now },
        hours_ago(1),
    );
    assert_eq!(refusal(as_rider, &scanned(forged, None)).await, "pairing_refused");

    // Later the same day, as if nothing had been.
    let later = pair(as_driver, &scanned(shown(&house, Shower::Rider, rider, now), None)).await.expect("begins");
    assert_eq!((later.replayed, later.ride.status, later.ride.pin), (false, RideStatus::InProgress, None));
    assert_ne!(later.ride.id, ended.ride.id);
    house.rides.complete(driver, later.ride.id, None).await.expect("completed");
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn of_one_person_one_meeting_at_a_time_is_handed_in(pool: PgPool) {
    let rider = fixture::rider(&pool, 1).await;
    let drivers = [fixture::driver(&pool, 2).await, fixture::driver(&pool, 3).await];
    let house = House::open(&pool).await;
    for driver in drivers {
        house.rides.go_online(driver, place(-1.94)).await.expect("approved");
    }
    sqlx::query("UPDATE shifts SET started_at = started_at - interval '12 hours'").execute(&pool).await.expect("back");
    let as_driver = |driver| caller(driver, Role::Driver);
    let now = clock::now();
    let pair = async |who, request: &PairRide| house.rides.pair(who, None, request).await;

    // Two drivers scanned one rider.
    let request = scanned(shown(&house, Shower::Rider, rider, now), Some(now));
    let (one, two) = tokio::join!(pair(as_driver(drivers[0]), &request), pair(as_driver(drivers[1]), &request));
    assert_eq!(one.expect("the first").ride.status, RideStatus::Completed);
    assert!(matches!(two, Err(Error::Unavailable { .. })), "{two:?}");
    let again = pair(as_driver(drivers[1]), &request).await.expect_err("is known by now");
    assert_eq!(again.code(), "pairing_replayed");

    // Both phones hand in what they scanned, in neighbouring half minutes, of a ride around the corner.
    let then = now - Span::from_minutes(120);
    let around_the_corner = |qr| {
        let mut request = scanned(qr, Some(then + Span::from_secs(60)));
        request.ride.destination.lat = -1.941;
        request
    };
    let driver = drivers[0];
    let by_rider = around_the_corner(shown(&house, Shower::Driver, driver, then));
    let by_driver = around_the_corner(shown(&house, Shower::Rider, rider, then + Span::from_secs(30)));
    let as_rider = caller(rider, Role::Customer);
    let (one, two) = tokio::join!(pair(as_rider, &by_rider), pair(as_driver(driver), &by_driver));
    let one = one.expect("the first").ride;
    assert!(matches!(two, Err(Error::Unavailable { .. })), "{two:?}");
    let two = pair(as_driver(driver), &by_driver).await.expect("is known by now");
    assert_eq!((two.replayed, two.ride.id), (true, one.id));
    house.stop().await;
}

#[sqlx::test(migrations = "./migrations")]
async fn a_rider_whose_account_is_closed_does_not_pair_and_the_driver_stays_signed_in(pool: PgPool) {
    let (rider, driver) = (fixture::rider(&pool, 1).await, fixture::driver(&pool, 2).await);
    let house = House::open(&pool).await;
    house.rides.go_online(driver, place(-1.94)).await.expect("approved");
    let disable = sqlx::query("UPDATE users SET disabled_at = now() WHERE id = $1").bind(rider.0);
    disable.execute(&pool).await.expect("disabled");
    let now = clock::now();
    let by_driver = scanned(shown(&house, Shower::Rider, rider, now), None);
    let refused = house.rides.pair(caller(driver, Role::Driver), None, &by_driver).await.expect_err("closed");
    assert_eq!(refused.code(), "pairing_refused");
    let nobody = scanned(shown(&house, Shower::Rider, UserId(Uuid::from_u128(7)), now), None);
    let refused = house.rides.pair(caller(driver, Role::Driver), None, &nobody).await.expect_err("nobody");
    assert_eq!(refused.code(), "pairing_refused");
    let by_rider = scanned(shown(&house, Shower::Driver, driver, now), None);
    let refused = house.rides.pair(caller(rider, Role::Customer), None, &by_rider).await.expect_err("closed");
    assert_eq!(refused.code(), "unauthenticated");
    house.stop().await;
}
