//! Papers one by one: numbers that lie sealed, files, reviewers, expiry, appeals, ratings, the authority.

use super::*;

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
    house.decide(first, Decision::Approve).await.expect("the numbers are theirs");
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
    for (body, code) in [(same, "licence_taken"), (identity, "identity_taken")] {
        let claimed = house.paper(second, body).await.expect("handing in tells nobody whose it is");
        let refused = house.decide_paper(second, &claimed, PaperDecision::Approve).await.expect_err("taken");
        assert_eq!(refused.code(), code);
    }
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

    let seen = house.drivers.documents(driver).await.expect("read");
    let other = house.file(driver, DocumentKind::Insurance).await.expect("another one after the reviewer looked");
    let insurance = seen.iter().find(|paper| paper.facts.kind == DocumentKind::Insurance).expect("there");
    let swapped = house.decide_paper(driver, insurance, PaperDecision::Approve).await.expect_err("never seen");
    assert_eq!((swapped.code(), other.id == insurance.id), ("not_found", false));
    for newest in [None, seen.first().map(|paper| paper.id)] {
        let unseen = house.drivers.decide(house.admin, (driver, newest), &Decision::Approve, T0).await;
        assert_eq!(unseen.expect_err("never seen").code(), "paper_changed");
    }

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
    let decided = house.drivers.decide(other, (driver, None), &Decision::Approve, T0).await.expect_err("not theirs");
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
