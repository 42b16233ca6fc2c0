//! Dossiers of all kinds, and how everything stands in them.

use uuid::Uuid;

use super::*;
use crate::drivers::documents::{Facts, FileInfo};
use crate::drivers::papers::tests::{T0, inspected};
use crate::drivers::{Papers, SuspendedFor};
use crate::ids::DriverId;
use crate::notifications::Language;
use crate::storage::FileType;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

fn driver(status: Status, papers: Papers) -> Driver {
    Driver {
        id: DriverId(Uuid::from_u128(1)),
        papers,
        status,
        status_reason: None,
        suspended_for: (status == Status::Suspended).then_some(SuspendedFor::Expiry),
        authorisation_expires_on: None,
        reviewed_at: None,
        waiting_since: None,
        claim: None,
        rating_flagged_at: None,
        rating: None,
        ratings_count: 0,
        rides_completed: 0,
        is_online: false,
        created_at: T0,
    }
}

fn petrol() -> Papers {
    inspected().check(T0).expect("in order")
}

fn electric() -> Papers {
    Papers { fuel: Fuel::Electric, ..petrol() }
}

fn document(facts: Facts, state: DocumentState) -> Document {
    Document {
        id: Uuid::from_u128(7),
        facts,
        file: Some(FileInfo { id: Uuid::from_u128(8), file_type: FileType::Jpeg, size_bytes: 1 }),
        state,
        reason_code: None,
        reason: None,
        reviewed_at: None,
        verification: None,
        verified_at: None,
        created_at: T0,
    }
}

fn authorisation(first: &str) -> Facts {
    Facts {
        number: Some("RURA-1".into()),
        expires_on: Some(day("2028-03-31")),
        first_authorised_on: Some(day(first)),
        ..Facts::bare(DocumentKind::Authorisation)
    }
}

/// Everything handed in, in one state.
fn everything(papers: &Papers, state: DocumentState) -> Vec<Document> {
    DocumentKind::ALL
        .map(|kind| match kind {
            DocumentKind::Authorisation => document(authorisation("2024-03-31"), state),
            kind => document(papers.facts(kind).unwrap_or(Facts::bare(kind)), state),
        })
        .to_vec()
}

fn steps(driver: Option<&Driver>, documents: &[Document], today: &str) -> Vec<Step> {
    dossier(driver, documents, today).steps()
}

fn dossier<'a>(driver: Option<&'a Driver>, documents: &'a [Document], today: &str) -> Dossier<'a> {
    Dossier { today: day(today), born: Some(day("1994-07-01")), driver, documents, is_complete: true }
}

fn of(steps: &[Step], kind: DocumentKind) -> &Step {
    steps.iter().find(|step| step.requirement == Requirement::Paper(kind)).expect("every kind has a step")
}

#[test]
fn whoever_has_sent_nothing_is_told_to_send_papers_first() {
    let steps = steps(None, &[], "2026-09-21");
    assert_eq!(steps.len(), 10);
    for step in &steps[1..] {
        assert_eq!((step.state, step.next), (State::Missing, Some(Next::SendPapers)), "{step:?}");
    }
}

#[test]
fn whoever_is_not_of_age_waits() {
    let check = |born: Option<&str>, expected: State| {
        let dossier = Dossier { born: born.map(day), ..dossier(None, &[], "2026-09-21") };
        assert_eq!(dossier.steps()[0].state, expected, "{born:?}");
    };
    check(None, State::Missing);
    check(Some("2008-09-22"), State::Rejected);
    check(Some("2008-09-21"), State::Approved);
    check(Some("2030-01-01"), State::Rejected);
}

#[test]
fn everything_handed_in_is_ready_and_everything_approved_is_fulfilled() {
    let pending = driver(Status::Pending, petrol());
    let submitted = everything(&pending.papers, DocumentState::Submitted);
    assert_eq!(dossier(Some(&pending), &submitted, "2026-09-21").unready(), []);
    assert!(!dossier(Some(&pending), &submitted, "2026-09-21").is_fulfilled());
    let approved = everything(&pending.papers, DocumentState::Approved);
    assert!(dossier(Some(&pending), &approved, "2026-09-21").is_fulfilled());
    for index in 0..approved.len() {
        let mut one_less = approved.clone();
        let gone = one_less.remove(index);
        let still = dossier(Some(&pending), &one_less, "2026-09-21").is_fulfilled();
        assert!(!still, "without {:?}", gone.facts.kind);
    }
}

#[test]
fn what_is_missing_of_a_paper_is_said() {
    let pending = driver(Status::Pending, petrol());
    let check = |mut changed: Document, expected: (State, Next)| {
        let kind = changed.facts.kind;
        changed.state = DocumentState::Submitted;
        let steps = steps(Some(&pending), &[changed], "2026-09-21");
        let step = of(&steps, kind);
        assert_eq!((step.state, step.next), (expected.0, Some(expected.1)), "{kind:?}");
    };
    let whole = document(authorisation("2024-03-31"), DocumentState::Submitted);
    check(whole.clone(), (State::Submitted, Next::Wait));
    check(Document { file: None, ..whole.clone() }, (State::Missing, Next::SendFile));
    let facts = Facts { first_authorised_on: None, ..whole.facts.clone() };
    check(Document { facts, ..whole.clone() }, (State::Missing, Next::TellFirstAuthorisation));
    let facts = Facts { expires_on: None, ..whole.facts.clone() };
    check(Document { facts, ..whole.clone() }, (State::Missing, Next::SendData));
    let facts = Facts { expires_on: Some(day("2026-09-20")), ..whole.facts.clone() };
    check(Document { facts, ..whole }, (State::Expired, Next::Renew));
    let cooperative = document(Facts::bare(DocumentKind::Cooperative), DocumentState::Submitted);
    check(Document { file: None, ..cooperative }, (State::Submitted, Next::Wait));
    let none = steps(Some(&pending), &[], "2026-09-21");
    assert_eq!(of(&none, DocumentKind::Photo).next, Some(Next::SendFile));
    assert_eq!(of(&none, DocumentKind::Helmet).next, Some(Next::SendData));
}

#[test]
fn a_paper_that_was_sent_back_says_why() {
    let pending = driver(Status::Pending, petrol());
    for (state, expected) in
        [(DocumentState::AskedAgain, State::AskedAgain), (DocumentState::Rejected, State::Rejected)]
    {
        let photo = Document {
            reason_code: Some(ReasonCode::Unreadable),
            reason: Some("dark".into()),
            ..document(Facts::bare(DocumentKind::Photo), state)
        };
        let steps = steps(Some(&pending), &[photo], "2026-09-21");
        let step = of(&steps, DocumentKind::Photo);
        assert_eq!((step.state, step.next), (expected, Some(Next::SendAgain)));
        assert_eq!((step.reason_code, step.reason.as_deref()), (Some(ReasonCode::Unreadable), Some("dark")));
    }
}

#[test]
fn a_paper_counts_while_the_next_one_is_looked_at_and_no_longer_than_its_last_day() {
    let approved = driver(Status::Approved, petrol());
    let old = document(approved.papers.facts(DocumentKind::Insurance).expect("there"), DocumentState::Approved);
    let renewed = |state| {
        let facts = Facts { expires_on: Some(day("2028-06-30")), ..old.facts.clone() };
        document(facts, state)
    };
    let check = |documents: &[Document], today: &str, expected: (State, Option<Next>, Option<State>)| {
        let steps = steps(Some(&approved), documents, today);
        let step = of(&steps, DocumentKind::Insurance);
        assert_eq!((step.state, step.next, step.renewal), expected, "{today}");
    };
    check(std::slice::from_ref(&old), "2027-06-30", (State::Approved, None, None));
    check(std::slice::from_ref(&old), "2027-07-01", (State::Expired, Some(Next::Renew), None));
    let with = [old.clone(), renewed(DocumentState::Submitted)];
    check(&with, "2027-06-30", (State::Approved, None, Some(State::Submitted)));
    check(&with, "2027-07-01", (State::Submitted, Some(Next::Wait), None));
    let sent_back = [old.clone(), renewed(DocumentState::AskedAgain)];
    check(&sent_back, "2027-06-30", (State::Approved, Some(Next::SendAgain), Some(State::AskedAgain)));
    check(&sent_back, "2027-07-01", (State::AskedAgain, Some(Next::SendAgain), None));
}

#[test]
fn newcomers_in_kigali_ride_electric_and_petrol_from_before_goes_on() {
    let check = |papers: Papers, first: &str, is_fine: bool| {
        let pending = driver(Status::Pending, papers);
        let documents = [document(authorisation(first), DocumentState::Submitted)];
        let steps = steps(Some(&pending), &documents, "2026-09-21");
        let step = of(&steps, DocumentKind::Vehicle);
        assert_eq!(step.state == State::Submitted, is_fine, "{first} {:?}", pending.papers.fuel);
        if !is_fine {
            assert_eq!((step.reason_code, step.next), (Some(ReasonCode::ElectricRequired), Some(Next::GoElectric)));
        }
    };
    check(petrol(), "2024-12-31", true);
    check(petrol(), "2025-01-01", false);
    check(electric(), "2025-01-01", true);
    check(Papers { city: City::Elsewhere, ..petrol() }, "2026-01-01", true);
}

#[test]
fn for_rehearsals_the_papers_sent_as_data_are_enough() {
    let pending = driver(Status::Pending, petrol());
    let sent: Vec<_> = everything(&pending.papers, DocumentState::Submitted)
        .into_iter()
        .filter(|document| document.facts.kind.is_of_papers())
        .map(|document| Document { file: None, ..document })
        .collect();
    let rehearsal = Dossier { is_complete: false, born: None, ..dossier(Some(&pending), &sent, "2026-09-21") };
    assert_eq!(rehearsal.unready(), []);
    let required: Vec<_> = rehearsal.steps().into_iter().filter(|step| step.is_required).collect();
    let kinds = [DocumentKind::Licence, DocumentKind::Vehicle, DocumentKind::Insurance, DocumentKind::Inspection];
    assert_eq!(required.iter().map(|step| step.requirement).collect::<Vec<_>>(), kinds.map(Requirement::Paper));
    let made_up = driver(Status::Approved, petrol());
    assert!(Dossier { driver: Some(&made_up), documents: &[], ..rehearsal }.is_fulfilled());
}

#[test]
fn every_step_is_told_in_every_language() {
    let all = [
        Next::TellBirthday,
        Next::ComeBackOfAge,
        Next::SendPapers,
        Next::SendData,
        Next::TellFirstAuthorisation,
        Next::SendFile,
        Next::SendAgain,
        Next::Renew,
        Next::GoElectric,
        Next::Wait,
    ];
    for next in all {
        let told = Language::ALL.map(|language| next.words(language));
        assert!(told[0] != told[1] && told[1] != told[2] && told.iter().all(|text| !text.is_empty()), "{next:?}");
    }
}
