//! The service against a real database: review, shifts, cards; in `onboarding` paper by paper.

mod onboarding;

use std::sync::Arc;

use uuid::Uuid;

use super::papers::tests::{T0, inspected, insured_until, request, with_plate};
use super::*;
use crate::notifications::Language;
use crate::redact::Secret;
use crate::storage::Storage;
use crate::vault::Vault;
use crate::web::{Role, TokenKeys};

fn config() -> Config {
    Config {
        cards_remembered_max: 100,
        card_age_max: Span::from_minutes(60),
        home: HomeConfig::FOR_TESTS,
        papers: PapersConfig::FOR_TESTS,
    }
}

struct House {
    pool: PgPool,
    auth: Auth,
    drivers: Drivers,
    admin: UserId,
}

async fn house(pool: PgPool) -> House {
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("random");
    let tokens = TokenKeys::new(&[("a".to_owned(), document.as_ref().to_vec())], Span::from_secs(900)).expect("valid");
    let auth = Auth::new(
        pool.clone(),
        crate::auth::tests::config(),
        &Secret::new([7; 32]),
        Arc::new(tokens),
        Vault::for_tests(),
    );
    let auth = auth.expect("random");
    let drivers = Drivers::new(pool.clone(), auth.clone(), Vault::for_tests(), Storage::for_tests(), &config());
    let admin = person(&auth, "0788000001", "Ange", Role::Admin).await;
    House { pool, auth, drivers, admin }
}

async fn person(auth: &Auth, phone: &str, first_name: &str, role: Role) -> UserId {
    let new = crate::auth::NewUser {
        phone: Phone::parse(phone).expect("valid"),
        first_name: first_name.into(),
        last_name: "Uwase".into(),
        role,
        agency: None,
        language: Language::Rw,
        password: None,
    };
    auth.create_user(new, T0).await.expect("made")
}

impl House {
    async fn driver(&self, phone: &str, first_name: &str) -> DriverId {
        person(&self.auth, phone, first_name, Role::Driver).await.into()
    }

    async fn send(&self, driver: DriverId, request: &PapersRequest) -> Result<Driver, Error> {
        self.drivers.put_papers(driver, &request.check(T0).expect("in order"), T0).await
    }

    async fn decide(&self, driver: DriverId, decision: Decision) -> Result<Driver, Error> {
        let newest = self.drivers.documents(driver).await?.first().map(|paper| paper.id);
        self.drivers.decide(self.admin, (driver, newest), &decision, T0).await
    }

    async fn jobs(&self) -> Vec<(String, String)> {
        sqlx::query_as("SELECT kind, payload->>'key' FROM jobs ORDER BY created_at, kind")
            .fetch_all(&self.pool)
            .await
            .expect("read")
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn papers_are_reviewed_and_the_driver_is_told(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    assert_eq!(house.drivers.driver(driver).await.expect_err("no papers").code(), "not_found");
    let none = house.drivers.standing(driver, T0).await.expect("read");
    assert!(!none.approved && none.reason.is_some_and(|reason| reason.contains("PUT /drivers/me")));

    let sent = house.send(driver, &request()).await.expect("sent");
    assert_eq!((sent.status, sent.papers.plate.as_str(), sent.is_online), (Status::Pending, "RC123B", false));
    assert!(!house.drivers.standing(driver, T0).await.expect("read").approved);
    let mut changes = house.drivers.changes();
    let approved = house.decide(driver, Decision::Approve).await.expect("approved");
    assert_eq!((approved.status, approved.reviewed_at), (Status::Approved, Some(T0)));
    assert_eq!(changes.try_recv(), Ok(driver));
    let standing = house.drivers.standing(driver, T0).await.expect("read");
    assert_eq!(standing, Standing { approved: true, reason: None, ride_types: vec!["boda".into()] });
    let told = |kind: &str| (format!("notifications.{kind}"), "account_approved".to_owned());
    assert_eq!(house.jobs().await, [told("post_notice"), told("send_sms")]);
}

#[sqlx::test(migrations = "./migrations")]
async fn new_papers_go_back_to_review_and_the_same_ones_do_not(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &request()).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    assert_eq!(house.send(driver, &with_plate("rc123b")).await.expect("the same").status, Status::Approved);
    assert_eq!(house.send(driver, &with_plate("RD 123 B")).await.expect("another").status, Status::Pending);
    let rejected = house.decide(driver, Decision::Reject(" blurred ".into())).await.expect("rejected");
    assert_eq!((rejected.status, rejected.status_reason.as_deref()), (Status::Rejected, Some("blurred")));
    let again = house.send(driver, &with_plate("RC 123 B")).await.expect("sent");
    assert_eq!((again.status, again.status_reason), (Status::Pending, None));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_suspension_is_not_shaken_off_by_new_papers(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &request()).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    house.decide(driver, Decision::Suspend("complaints".into())).await.expect("suspended");
    let sent = house.send(driver, &with_plate("RD 123 B")).await.expect("sent");
    assert_eq!((sent.status, sent.status_reason.as_deref()), (Status::Suspended, Some("complaints")));
    let standing = house.drivers.standing(driver, T0).await.expect("read");
    assert_eq!(standing.reason.as_deref(), Some("your account is suspended: complaints"));
    let wrong = house.decide(driver, Decision::Approve).await.expect_err("only restore");
    assert_eq!(wrong.code(), "wrong_state");
    let unseen = house.decide(driver, Decision::Restore).await.expect_err("nobody saw the new papers");
    assert_eq!(unseen.code(), "papers_missing");
    for paper in house.drivers.documents(driver).await.expect("read") {
        if paper.state == documents::DocumentState::Submitted {
            let whose = (driver, paper.id);
            house.drivers.decide_paper(house.admin, whose, &PaperDecision::Approve, T0).await.expect("approved");
        }
    }
    let restored = house.decide(driver, Decision::Restore).await.expect("restored");
    assert_eq!((restored.status, restored.status_reason), (Status::Approved, None));
    let empty = house.decide(driver, Decision::Suspend(" ".into())).await.expect_err("no reason");
    assert_eq!(empty.faults()[0].field, "reason");
    let nobody = house.decide(DriverId(Uuid::from_u128(1)), Decision::Approve).await.expect_err("nobody");
    assert_eq!(nobody.code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn an_approval_ends_with_the_insurance(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &insured_until("2026-09-30")).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    let later = T0 + Span::from_minutes(10 * 24 * 60);
    let standing = house.drivers.standing(driver, later).await.expect("read");
    assert_eq!((standing.approved, standing.reason.as_deref()), (false, Some("your insurance has expired")));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_plate_belongs_to_one_driver(pool: PgPool) {
    let house = house(pool).await;
    let (first, second) = (house.driver("0788123456", "Eric").await, house.driver("0788123457", "Jean").await);
    house.send(first, &request()).await.expect("sent");
    let taken = house.send(second, &request()).await.expect_err("taken");
    assert_eq!(taken.code(), "plate_taken");
    assert!(house.drivers.driver(second).await.is_err(), "nothing was kept");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_paper_handed_in_anew_makes_room_for_itself(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    let facts = |number: &str| {
        let json = serde_json::json!({"kind": "authorisation", "number": number, "expires_on": "2028-03-31"});
        let request: DocumentRequest = serde_json::from_value(json).expect("well-formed");
        request.check(T0).expect("in order")
    };
    let early = house.drivers.add_document(driver, facts("RURA-1"), T0).await.expect_err("no papers");
    assert_eq!(early.code(), "no_papers");
    house.send(driver, &request()).await.expect("sent");
    for n in [1, 2] {
        let kept = house.drivers.add_document(driver, facts(&format!("RURA-{n}")), T0).await.expect("kept");
        assert_eq!(kept.facts, facts(&format!("RURA-{n}")));
    }
    let kept = house.drivers.documents(driver).await.expect("read");
    let authorisations: Vec<_> =
        kept.iter().filter(|document| document.facts.kind == DocumentKind::Authorisation).collect();
    assert_eq!(authorisations.len(), 1, "what nobody has looked at makes room");
    assert_eq!(authorisations[0].facts, facts("RURA-2"));
}

#[sqlx::test(migrations = "./migrations")]
async fn admins_page_through_the_drivers_of_a_status(pool: PgPool) {
    let house = house(pool).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let driver = house.driver(&format!("078812345{n}"), "Eric").await;
        let papers = with_plate(&format!("RC 12{n} B")).check(T0).expect("in order");
        house.drivers.put_papers(driver, &papers, T0 + Span::from_secs(n)).await.expect("sent");
        ids.push(driver);
    }
    house.decide(ids[1], Decision::Approve).await.expect("approved");
    let pages = |status| {
        let drivers = house.drivers.clone();
        async move {
            let mut seen = Vec::new();
            let mut params = crate::web::page::PageParams { limit: Some(1), cursor: None };
            loop {
                let page = drivers.list(status, &params.check().expect("valid")).await.expect("listed");
                seen.extend(page.items.iter().map(|driver| driver.id));
                match page.next_cursor {
                    Some(cursor) => params.cursor = Some(cursor),
                    None => return seen,
                }
            }
        }
    };
    assert_eq!(pages(None).await, [ids[2], ids[1], ids[0]]);
    assert_eq!(pages(Some(Status::Pending)).await, [ids[2], ids[0]]);
    assert_eq!(pages(Some(Status::Suspended)).await, []);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_card_shows_name_plate_and_rating_and_follows_changes(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    let nobody = DriverId(Uuid::from_u128(1));
    house.send(driver, &request()).await.expect("sent");
    let cards = house.drivers.cards(&[driver, nobody]).await.expect("read");
    let phone = Phone::parse("0788123456").expect("valid");
    let card = Card { first_name: "Eric".into(), plate: "RC123B".into(), rating: None, phone };
    assert_eq!((cards.len(), &cards[&driver]), (1, &card));

    let mut conn = house.pool.acquire().await.expect("connected");
    for stars in [5, 4, 4] {
        record_rating(&mut conn, driver, stars).await.expect("recorded");
    }
    record_completed(&mut conn, driver).await.expect("counted");
    assert_eq!(house.drivers.cards(&[driver]).await.expect("read")[&driver].rating, None, "remembered");
    house.drivers.forget_card(driver);
    assert_eq!(house.drivers.cards(&[driver]).await.expect("read")[&driver].rating, Some(4.33));
    house.send(driver, &with_plate("RD 123 B")).await.expect("sent");
    assert_eq!(house.drivers.cards(&[driver]).await.expect("read")[&driver].plate, "RD123B");
    let seen = house.drivers.driver(driver).await.expect("read");
    assert_eq!((seen.rating, seen.ratings_count, seen.rides_completed), (Some(4.33), 3, 1));
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_has_one_open_shift_however_often_it_is_opened(pool: PgPool) {
    let house = house(pool).await;
    let (first, second) = (house.driver("0788123456", "Eric").await, house.driver("0788123457", "Jean").await);
    house.send(first, &request()).await.expect("sent");
    house.send(second, &with_plate("RD 123 B")).await.expect("sent");
    let mut conn = house.pool.acquire().await.expect("connected");
    for driver in [first, first, second] {
        open_shift(&mut conn, driver, T0).await.expect("opened");
    }
    let ids = |shifts: Vec<(DriverId, Timestamp)>| shifts.into_iter().map(|(driver, _)| driver).collect::<Vec<_>>();
    let mut both = vec![first, second];
    both.sort_unstable();
    assert_eq!(ids(on_shift(&house.pool).await.expect("read")), both);
    assert!(house.drivers.driver(first).await.expect("read").is_online);
    for _ in 0..2 {
        close_shift(&mut conn, first, T0 + Span::from_secs(60)).await.expect("closed");
    }
    assert_eq!(ids(on_shift(&house.pool).await.expect("read")), [second]);
    open_shift(&mut conn, first, T0 + Span::from_secs(120)).await.expect("opened again");
    let shifts: i64 = sqlx::query_scalar("SELECT count(*) FROM shifts WHERE driver_id = $1")
        .bind(first.0)
        .fetch_one(&house.pool)
        .await
        .expect("counted");
    assert_eq!(shifts, 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn who_may_not_drive_any_more_is_found_on_shift(pool: PgPool) {
    let house = house(pool).await;
    let (good, bad) = (house.driver("0788123456", "Eric").await, house.driver("0788123457", "Jean").await);
    house.send(good, &request()).await.expect("sent");
    house.send(bad, &with_plate("RD 123 B")).await.expect("sent");
    let mut conn = house.pool.acquire().await.expect("connected");
    for driver in [good, bad] {
        house.decide(driver, Decision::Approve).await.expect("approved");
        open_shift(&mut conn, driver, T0).await.expect("opened");
    }
    let found = async |now| house.drivers.on_shift_without_standing(now).await.expect("read");
    assert_eq!(found(T0).await, []);
    house.decide(bad, Decision::Suspend("complaints".into())).await.expect("suspended");
    assert_eq!(found(T0).await, [bad]);
    close_shift(&mut conn, bad, T0).await.expect("closed");
    assert_eq!(found(T0).await, []);
    let after_every_paper = T0 + Span::from_minutes(20 * 366 * 24 * 60);
    assert_eq!(found(after_every_paper).await, [good], "papers expire at midnight without anybody deciding");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_driver_is_brought_on_the_road_over_http(pool: PgPool) {
    use serde_json::json;

    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    let probe = crate::web::probe::Probe::new(http::routes(), house.drivers.clone());
    let (me, admin) = (Some((UserId::from(driver), Role::Driver)), Some((house.admin, Role::Admin)));
    assert_eq!(probe.get(me, "/drivers/me").await.0.as_u16(), 404);
    let document = json!({"kind": "authorisation", "number": "rura-1", "expires_on": "2090-01-01"});
    let (status, answer) = probe.post(me, "/drivers/me/documents", &document).await;
    assert_eq!((status.as_u16(), &answer["faults"][0]["field"]), (422, &json!("expires_on")));
    house.send(driver, &request()).await.expect("sent");
    let document = json!({"kind": "authorisation", "number": "rura-1"});
    assert_eq!(probe.post(me, "/drivers/me/documents", &document).await.0.as_u16(), 201);

    let (_, pending) = probe.get(admin, "/admin/drivers?status=pending&limit=5").await;
    assert_eq!(pending["items"][0]["driver_id"], json!(driver));
    assert_eq!(pending["items"][0]["documents"], json!(null), "only a single driver shows documents");
    let address = format!("/admin/drivers/{driver}");
    let (_, shown) = probe.get(admin, &address).await;
    assert_eq!((&shown["plate"], &shown["documents"][0]["number"]), (&json!("RC123B"), &json!("RURA-1")));
    for (who, step, body, expected) in [
        (me, "approve", json!({}), (403, "forbidden")),
        (None, "approve", json!({}), (401, "unauthenticated")),
        (admin, "restore", json!({}), (409, "wrong_state")),
        (admin, "reject", json!({"reason": ""}), (422, "invalid_value")),
        (admin, "reject", json!({}), (400, "malformed_body")),
    ] {
        let (status, answer) = probe.post(who, &format!("{address}/{step}"), &body).await;
        assert_eq!((status.as_u16(), answer["code"].as_str()), (expected.0, Some(expected.1)), "{step} {body}");
    }
    let (status, approved) = probe.post(admin, &format!("{address}/approve"), &json!({})).await;
    assert_eq!((status.as_u16(), &approved["status"], &approved["online"]), (200, &json!("approved"), &json!(false)));
    assert_eq!(probe.get(admin, "/admin/drivers?status=fired").await.0.as_u16(), 422);
    assert_eq!(probe.get(admin, "/admin/drivers/x").await.0.as_u16(), 422);
    assert_eq!(probe.get(admin, &format!("/admin/drivers/{}", Uuid::nil())).await.0.as_u16(), 404);
}

#[sqlx::test(migrations = "./migrations")]
async fn wishes_are_kept_and_the_way_home_is_rationed(pool: PgPool) {
    use serde_json::{Value, json};

    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    let put = async |body: Value, minute: i64| {
        let request: WishesRequest = serde_json::from_value(body).expect("of the right form");
        house.drivers.put_wishes(driver, &request, T0 + Span::from_minutes(minute)).await
    };
    assert_eq!(put(json!({}), 0).await.expect_err("no papers").code(), "no_papers");
    house.send(driver, &request()).await.expect("sent");
    let home = |lng: f64| json!({"home": {"lat": -1.95, "lng": lng}, "fare_rwf_min": 600});

    let first = put(home(30.1), 0).await.expect("in force");
    assert_eq!((first.home_uses_left, first.wishes.fare_min), (1, Some(crate::money::Francs(600))));
    let until = first.wishes.home.expect("wished for").until;
    assert_eq!(until, T0 + Span::from_minutes(120));
    let again = put(home(30.1), 30).await.expect("the same use");
    assert_eq!((again.home_uses_left, again.wishes.home.expect("still").until), (1, until));
    let elsewhere = put(home(30.2), 60).await.expect("another use");
    assert_eq!(elsewhere.home_uses_left, 0);
    assert_eq!(put(home(30.1), 61).await.expect_err("a third").code(), "home_uses_spent");
    let now = house.drivers.wishes(driver, T0 + Span::from_minutes(62)).await.expect("read");
    assert_eq!(now, elsewhere, "what was refused changed nothing");
    assert_eq!(put(home(30.2), 63).await.expect("still on").home_uses_left, 0);
    put(json!({}), 64).await.expect("switched off");
    assert_eq!(put(home(30.2), 65).await.expect_err("spent").code(), "home_uses_spent");
    let tomorrow = put(home(30.2), 24 * 60).await.expect("another day");
    assert_eq!(tomorrow.home_uses_left, 1);
    let lapsed = house.drivers.wishes(driver, T0 + Span::from_minutes(26 * 60)).await.expect("read");
    assert_eq!(lapsed.wishes.home, None);
}

#[sqlx::test(migrations = "./migrations")]
async fn wishes_are_in_force_at_once_and_after_a_restart(pool: PgPool) {
    use serde_json::json;

    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &request()).await.expect("sent");
    let place = |lng| crate::geo::LatLng::new(-1.95, lng).expect("on the globe");
    let asked = Asked {
        destination: place(30.1),
        fare: crate::money::Francs(500),
        ride_type: "boda",
        from: place(30.0),
        pickup_distance_m: 1_000,
    };
    assert_eq!(house.drivers.wish_for(driver, &asked, T0), Ok(()));
    let request: WishesRequest = serde_json::from_value(json!({"fare_rwf_min": 600})).expect("of the right form");
    house.drivers.put_wishes(driver, &request, T0).await.expect("put");
    assert_eq!(house.drivers.wish_for(driver, &asked, T0), Err(Unwished::FareTooLow));

    let restarted =
        Drivers::new(house.pool.clone(), house.auth.clone(), Vault::for_tests(), Storage::for_tests(), &config());
    assert_eq!(restarted.wish_for(driver, &asked, T0), Ok(()), "not read yet");
    restarted.load_wishes().await.expect("read");
    assert_eq!(restarted.wish_for(driver, &asked, T0), Err(Unwished::FareTooLow));
}
