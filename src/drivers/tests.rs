//! The service against a real database: review, shifts, cards.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::notifications::Language;
use crate::redact::Secret;
use crate::storage::Storage;
use crate::vault::Vault;
use crate::web::{Role, TokenKeys};
use papers::tests::{T0, inspected, insured_until, request, with_plate};

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
        self.drivers.decide(self.admin, driver, &decision, T0).await
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
        (admin, "suspend", json!({"reason": "x"}), (409, "wrong_state")),
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

/// A picture that is one.
fn picture() -> Vec<u8> {
    crate::storage::content::tests::jpeg(640, 480, &[])
}

impl House {
    /// The same house with other rules and another authority.
    fn with(self, change: impl FnOnce(&mut PapersConfig), said: Option<authority::Outcome>) -> Self {
        let mut config = config();
        change(&mut config.papers);
        let drivers =
            Drivers::new(self.pool.clone(), self.auth.clone(), Vault::for_tests(), Storage::for_tests(), &config);
        let drivers = match said {
            Some(said) => drivers.verified_by(Arc::new(Saying(said)), true),
            None => drivers,
        };
        Self { drivers, ..self }
    }

    async fn paper(&self, driver: DriverId, body: serde_json::Value) -> Result<Document, Error> {
        let request: DocumentRequest = serde_json::from_value(body).expect("well-formed");
        self.drivers.add_document(driver, request.check(T0)?, T0).await
    }

    async fn file(&self, driver: DriverId, kind: DocumentKind) -> Result<Document, Error> {
        let upload = files::Upload { kind, declared: crate::storage::FileType::Jpeg, bytes: &picture() };
        self.drivers.put_file(driver, upload, T0).await
    }

    async fn kept(&self, state: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM driver_files WHERE state = $1")
            .bind(state)
            .fetch_one(&self.pool)
            .await
            .expect("counted")
    }

    async fn decide_paper(&self, driver: DriverId, paper: &Document, decision: PaperDecision) -> Result<Driver, Error> {
        self.drivers.decide_paper(self.admin, (driver, paper.id), &decision, T0).await
    }
}

/// An authority that says one thing.
struct Saying(authority::Outcome);

impl Authority for Saying {
    fn is_there(&self) -> bool {
        true
    }

    fn ask<'a>(&'a self, _: &'a authority::Question) -> futures_util::future::BoxFuture<'a, authority::Outcome> {
        Box::pin(std::future::ready(self.0))
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn numbers_lie_sealed_and_belong_to_one_driver(pool: PgPool) {
    let house = house(pool).await;
    let (first, second) = (house.driver("0788123456", "Eric").await, house.driver("0788123457", "Jean").await);
    house.send(first, &request()).await.expect("sent");
    let identity = serde_json::json!({"kind": "national_id", "number": "1199480012345678"});
    house.paper(first, identity.clone()).await.expect("kept");
    for (table, number) in
        [("drivers", "1199480"), ("drivers", "SON-2026"), ("driver_documents", "1199480"), ("jobs", "1199480")]
    {
        let dump: Option<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT string_agg(t::text, ' ') FROM {table} t")))
                .fetch_one(&house.pool)
                .await
                .expect("read");
        assert!(!dump.unwrap_or_default().contains(number), "{number} lies open in {table}");
    }
    let other_plate = PapersRequest::clone(&with_plate("RD 123 B"));
    house.send(second, &other_plate).await.expect("another licence");
    let same = serde_json::json!({"kind": "licence", "number": "1199480-RC123B", "expires_on": "2030-01-01"});
    assert_eq!(house.paper(second, same).await.expect_err("taken").code(), "licence_taken");
    assert_eq!(house.paper(second, identity).await.expect_err("taken").code(), "identity_taken");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_file_is_sealed_replaced_swept_and_gone_with_its_key(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    assert_eq!(house.file(driver, DocumentKind::Photo).await.expect_err("early").code(), "no_papers");
    house.send(driver, &request()).await.expect("sent");
    assert_eq!(house.file(driver, DocumentKind::Helmet).await.expect_err("unsaid").code(), "no_document");
    house.file(driver, DocumentKind::Photo).await.expect("taken");
    let own = house.drivers.own_file(driver, DocumentKind::Photo).await.expect("there");
    assert_eq!((own.bytes, own.file_type), (picture(), crate::storage::FileType::Jpeg));
    house.file(driver, DocumentKind::Photo).await.expect("taken again");
    house.file(driver, DocumentKind::Licence).await.expect("beside its data");
    assert_eq!((house.kept("kept").await, house.kept("dropped").await), (2, 1));

    let later = T0 + Span::from_minutes(61);
    assert_eq!(house.drivers.sweep_files(T0).await.expect("swept"), 0, "too young to be forgotten");
    sqlx::query("INSERT INTO driver_files VALUES ($1, $2, NULL, 'image/png', 1, 'coming', $3)")
        .bind(Uuid::from_u128(5))
        .bind(driver.0)
        .bind(chrono::DateTime::<chrono::Utc>::from(T0))
        .execute(&house.pool)
        .await
        .expect("an upload that broke off");
    assert_eq!(house.drivers.sweep_files(later).await.expect("swept"), 2);
    assert_eq!((house.kept("kept").await, house.kept("dropped").await, house.kept("coming").await), (2, 0, 0));

    sqlx::query("UPDATE driver_files SET key_sealed = NULL").execute(&house.pool).await.expect("shredded");
    let gone = house.drivers.own_file(driver, DocumentKind::Photo).await.expect_err("no key");
    assert_eq!(gone.code(), "not_found");
}

#[sqlx::test(migrations = "./migrations")]
async fn complete_papers_are_approved_one_by_one_and_the_standing_follows(pool: PgPool) {
    let house = house(pool).await.with(|papers| papers.is_complete = true, None);
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &inspected()).await.expect("sent");
    let early = house.decide(driver, Decision::Approve).await.expect_err("much is missing");
    assert_eq!(early.code(), "papers_missing");
    for body in [
        serde_json::json!({"kind": "national_id", "number": "1199480012345678"}),
        serde_json::json!({"kind": "authorisation", "number": "RURA-1", "expires_on": "2028-03-31",
                           "first_authorised_on": "2024-03-31"}),
        serde_json::json!({"kind": "helmet", "number": "2", "confirmed": true}),
        serde_json::json!({"kind": "cooperative", "number": "C-77", "issuer": "Ubumwe"}),
    ] {
        house.paper(driver, body).await.expect("kept");
    }
    for kind in DocumentKind::ALL.into_iter().filter(|kind| kind.needs_file()) {
        house.file(driver, kind).await.expect("taken");
    }
    let change =
        serde_json::from_value::<crate::auth::ChangeRequest>(serde_json::json!({"date_of_birth": "1994-07-01"}));
    let change = change.expect("well-formed").check(T0).expect("in order");
    house.auth.change_profile(driver.into(), &change, T0).await.expect("changed");
    let waiting = house.drivers.driver(driver).await.expect("read");
    assert_eq!(waiting.waiting_since, Some(T0));

    let papers = house.drivers.documents(driver).await.expect("read");
    assert_eq!(papers.len(), 9);
    let photo = papers.iter().find(|paper| paper.facts.kind == DocumentKind::Photo).expect("there");
    let dark = PaperDecision::AskAgain(documents::ReasonCode::Unreadable, Some("dark".into()));
    house.decide_paper(driver, photo, dark).await.expect("sent back");
    for paper in papers.iter().filter(|paper| paper.id != photo.id) {
        let still = house.decide_paper(driver, paper, PaperDecision::Approve).await.expect("approved");
        assert_eq!(still.status, Status::Pending);
    }
    assert_eq!(house.drivers.driver(driver).await.expect("read").waiting_since, None, "it is the driver's turn");
    let wrong = house.decide_paper(driver, photo, PaperDecision::Approve).await.expect_err("it was sent back");
    assert_eq!(wrong.code(), "wrong_state");
    let again = house.file(driver, DocumentKind::Photo).await.expect("a better one");
    let approved = house.decide_paper(driver, &again, PaperDecision::Approve).await.expect("approved");
    assert_eq!((approved.status, approved.waiting_since), (Status::Approved, None));
    assert_eq!(approved.authorisation_expires_on.map(|day| day.to_string()).as_deref(), Some("2028-03-31"));
    let page = crate::web::page::PageParams::default().check().expect("valid");
    let history = house.drivers.history(driver, &page).await.expect("read").items;
    let changes: Vec<_> = history.iter().map(|change| (change.from, change.to, change.cause)).collect();
    let expected = [
        (Some(Status::Pending), Status::Approved, standing::Cause::Decision),
        (None, Status::Pending, standing::Cause::Papers),
    ];
    assert_eq!(changes, expected);
    let rewritten = sqlx::query("UPDATE driver_standing SET to_status = 'rejected'").execute(&house.pool).await;
    assert!(rewritten.is_err(), "history is append-only");
    assert!(sqlx::query("DELETE FROM driver_standing").execute(&house.pool).await.is_err());
    let told: Vec<_> = house.jobs().await.into_iter().map(|(_, key)| key).collect();
    assert!(
        told.contains(&"paper_asked_again".to_owned()) && told.contains(&"account_approved".to_owned()),
        "{told:?}"
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn two_reviewers_do_not_do_the_same(pool: PgPool) {
    let house = house(pool).await;
    let (other, driver) =
        (person(&house.auth, "0788000002", "Alice", Role::Admin).await, house.driver("0788123456", "Eric").await);
    house.send(driver, &request()).await.expect("sent");
    let page = crate::web::page::PageParams::default().check().expect("valid");
    let queue = async |admin, is_free| {
        let filter = queue::QueueFilter { kind: Some(DocumentKind::Licence), is_free };
        house.drivers.queue(admin, filter, &page, T0).await.expect("read").items.len()
    };
    assert_eq!(queue(other, true).await, 1);
    house.drivers.claim(house.admin, driver, T0).await.expect("taken");
    house.drivers.claim(house.admin, driver, T0).await.expect("prolonged");
    assert_eq!((queue(other, true).await, queue(house.admin, true).await, queue(other, false).await), (0, 1, 1));
    assert_eq!(house.drivers.claim(other, driver, T0).await.expect_err("taken").code(), "claimed");
    let decided = house.drivers.decide(other, driver, &Decision::Approve, T0).await.expect_err("not theirs");
    assert_eq!(decided.code(), "claimed");
    house.drivers.release(other, driver, T0).await.expect("nothing of theirs");
    let later = T0 + Span::from_minutes(21);
    house.drivers.claim(other, driver, later).await.expect("the first one forgot");
    house.drivers.release(other, driver, T0).await.expect("given back");
    house.decide(driver, Decision::Approve).await.expect("approved");
    assert_eq!(queue(other, false).await, 0);
}

#[sqlx::test(migrations = "./migrations")]
async fn papers_are_announced_expire_and_come_back_when_renewed(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &insured_until("2026-10-15")).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let round = async |text: &str| house.drivers.go_round(day(text), T0).await.expect("done");
    let gives = |notices| Round { notices, ..Round::default() };
    assert_eq!(round("2026-09-14").await, gives(0));
    assert_eq!((round("2026-09-15").await, round("2026-09-15").await), (gives(1), gives(0)), "once");
    // Down from the 16th to the 14th of October: the notice of seven days has been overtaken.
    assert_eq!((round("2026-10-14").await, round("2026-10-15").await), (gives(1), gives(0)));
    assert_eq!(round("2026-10-16").await, Round { suspended: 1, ..Round::default() });
    assert_eq!(round("2026-10-17").await, Round::default());
    let suspended = house.drivers.driver(driver).await.expect("read");
    assert_eq!((suspended.status, suspended.suspended_for), (Status::Suspended, Some(SuspendedFor::Expiry)));
    assert_eq!(suspended.status_reason.as_deref(), Some("your insurance has expired"));

    let body = serde_json::json!({"kind": "insurance", "number": "SON-2027", "expires_on": "2027-10-15"});
    let renewed = house.paper(driver, body).await.expect("handed in");
    assert_eq!(house.drivers.driver(driver).await.expect("read").status, Status::Suspended);
    let back = house.decide_paper(driver, &renewed, PaperDecision::Approve).await.expect("approved");
    assert_eq!((back.status, back.suspended_for, back.status_reason), (Status::Approved, None, None));
    assert_eq!(back.papers.insurance_expires_on, day("2027-10-15"));
    assert_eq!(round("2026-10-17").await, Round::default());
    let told: Vec<_> = house.jobs().await.into_iter().filter(|(kind, _)| kind.ends_with("send_sms")).collect();
    let keys: Vec<_> = told.iter().map(|(_, key)| key.as_str()).collect();
    let mut expected = ["account_approved", "paper_expires", "paper_expires", "paper_expired", "account_restored"];
    expected.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, expected);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_suspension_that_an_admin_decided_does_not_end_with_new_papers(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &request()).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    assert_eq!(house.drivers.appeal(driver, "why", T0).await.expect_err("nothing").code(), "wrong_state");
    house.decide(driver, Decision::Suspend("complaints".into())).await.expect("suspended");
    let body = serde_json::json!({"kind": "insurance", "number": "SON-2027", "expires_on": "2027-10-15"});
    let renewed = house.paper(driver, body).await.expect("handed in");
    let still = house.decide_paper(driver, &renewed, PaperDecision::Approve).await.expect("approved");
    assert_eq!(still.status, Status::Suspended);

    let appeal = house.drivers.appeal(driver, " it was another ", T0).await.expect("opened");
    assert_eq!(appeal.words.as_deref(), Some("it was another"));
    assert_eq!(house.drivers.appeal(driver, "again", T0).await.expect_err("one").code(), "appeal_open");
    let page = crate::web::page::PageParams::default().check().expect("valid");
    assert_eq!(house.drivers.open_appeals(house.admin, &page, T0).await.expect("read").items.len(), 1);
    let decide = async |id, outcome, reason| house.drivers.decide_appeal(house.admin, id, (outcome, reason), T0).await;
    assert_eq!(decide(appeal.id, appeals::Outcome::Refused, " ").await.expect_err("why").faults()[0].field, "reason");
    decide(appeal.id, appeals::Outcome::Refused, "it was you").await.expect("refused");
    assert_eq!(house.drivers.driver(driver).await.expect("read").status, Status::Suspended);
    let twice = decide(appeal.id, appeals::Outcome::Granted, "after all").await.expect_err("decided");
    assert_eq!(twice.code(), "wrong_state");
    let second = house.drivers.appeal(driver, "look at the plate", T0).await.expect("opened");
    decide(second.id, appeals::Outcome::Granted, "another plate").await.expect("granted");
    assert_eq!(house.drivers.driver(driver).await.expect("read").status, Status::Approved);
    assert_eq!(house.drivers.appeals(driver).await.expect("read").len(), 2);
}

#[sqlx::test(migrations = "./migrations")]
async fn a_rating_that_fell_is_put_before_a_reviewer_once(pool: PgPool) {
    let house = house(pool).await;
    let driver = house.driver("0788123456", "Eric").await;
    house.send(driver, &request()).await.expect("sent");
    house.decide(driver, Decision::Approve).await.expect("approved");
    let mut conn = house.pool.acquire().await.expect("connected");
    let flagged = async || house.drivers.go_round(T0.kigali_day(), T0).await.expect("done").flagged;
    for (stars, expected) in [(1, 0), (2, 0), (3, 1), (1, 0)] {
        record_rating(&mut conn, driver, stars).await.expect("recorded");
        assert_eq!(flagged().await, expected, "{stars}");
    }
    let seen = house.drivers.review_rating(house.admin, driver, T0).await.expect("seen");
    assert_eq!(seen.rating_flagged_at, None);
    assert_eq!(house.drivers.review_rating(house.admin, driver, T0).await.expect_err("seen").code(), "wrong_state");
    assert_eq!(flagged().await, 0, "not before three more");
    for _ in 0..3 {
        record_rating(&mut conn, driver, 2).await.expect("recorded");
    }
    assert_eq!(flagged().await, 1);
}

#[sqlx::test(migrations = "./migrations")]
async fn what_the_authority_says_is_noted_and_approves_only_what_it_knows(pool: PgPool) {
    use authority::{Outcome, Verification};

    let mut house = house(pool).await;
    let context =
        |attempt| crate::jobs::Context { job_id: crate::ids::JobId(Uuid::nil()), attempt, request_id: None, now: T0 };
    let said = [
        (Outcome::Said(Verification::Valid), Verification::Valid, Status::Pending),
        (Outcome::Said(Verification::NameMismatch), Verification::NameMismatch, Status::Pending),
        (Outcome::NotUnderstood("nonsense"), Verification::Unanswered, Status::Pending),
        (Outcome::TryAgain("away"), Verification::Unanswered, Status::Pending),
    ];
    for (n, (outcome, expected, status)) in said.into_iter().enumerate() {
        house = house.with(|_| {}, Some(outcome));
        let driver = house.driver(&format!("078812345{n}"), "Eric").await;
        house.send(driver, &with_plate(&format!("RC 12{n} B"))).await.expect("sent");
        let papers = house.drivers.documents(driver).await.expect("read");
        let licence = papers.iter().find(|paper| paper.facts.kind == DocumentKind::Licence).expect("there");
        assert_eq!(licence.verification, Some(Verification::Asked));
        let job = || jobs::VerifyPaper { driver_id: driver, document_id: licence.id };
        if matches!(outcome, Outcome::TryAgain(_)) {
            assert!(house.drivers.verify(job(), context(1)).await.is_err(), "worth another attempt");
        }
        for _ in 0..2 {
            house.drivers.verify(job(), context(8)).await.expect("noted");
        }
        let papers = house.drivers.documents(driver).await.expect("read");
        let licence = papers.iter().find(|paper| paper.facts.kind == DocumentKind::Licence).expect("there");
        let is_approved = licence.state == documents::DocumentState::Approved;
        assert_eq!((licence.verification, is_approved), (Some(expected), expected == Verification::Valid));
        assert_eq!(house.drivers.driver(driver).await.expect("read").status, status, "other papers wait");
    }
}

#[sqlx::test(migrations = "./migrations")]
async fn numbers_from_before_are_sealed_once_and_open_again(pool: PgPool) {
    let house = house(pool).await;
    let (first, second) = (house.driver("0788123456", "Eric").await, house.driver("0788123457", "Jean").await);
    house.send(first, &request()).await.expect("sent");
    house.send(second, &with_plate("RD 123 B")).await.expect("sent");
    for statement in [
        "ALTER TABLE drivers DROP CONSTRAINT drivers_numbers_not_open",
        "ALTER TABLE driver_documents DROP CONSTRAINT driver_documents_number_not_open",
        "UPDATE drivers SET licence_number_sealed = NULL, licence_number_index = NULL, insurance_number_sealed = NULL,
                            licence_number = 'LIC-7', insurance_number = 'INS-7'",
        "UPDATE driver_documents SET number_sealed = NULL, number = 'DOC-7'",
    ] {
        sqlx::query(statement).execute(&house.pool).await.expect("as it was before");
    }
    let rows = seal_open_numbers(&house.pool, &Vault::for_tests()).await.expect("sealed");
    assert_eq!(rows, 2 + 6, "two drivers with three papers each");
    assert_eq!(seal_open_numbers(&house.pool, &Vault::for_tests()).await.expect("nothing left"), 0);
    for driver in [first, second] {
        let read = house.drivers.driver(driver).await.expect("read");
        let numbers = (read.papers.licence_number.as_str(), read.papers.insurance_number.as_str());
        assert_eq!(numbers, ("LIC-7", "INS-7"));
        let papers = house.drivers.documents(driver).await.expect("read");
        assert!(papers.iter().all(|paper| paper.facts.number.as_deref() == Some("DOC-7")));
    }
}
