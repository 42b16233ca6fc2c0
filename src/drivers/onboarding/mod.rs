//! What a driver must show before driving, where each paper stands, and what to do next. Pure.
//!
//! Separate so that the whole of it can be read as one table: out of a driver, their papers, their birthday and the day it
//! says for each requirement how it stands ([`Dossier::steps`]); the driver's standing follows from that. What is kept are
//! facts and decisions only; how a requirement stands is never stored, so it cannot be wrong tomorrow.

mod words;

use chrono::NaiveDate;
use serde::Serialize;

use crate::drivers::Driver;
use crate::drivers::documents::{Document, DocumentKind, DocumentState, ReasonCode};
use crate::drivers::papers::{City, Fuel};
use crate::drivers::review::Status;
use crate::time::age;

/// From this age on somebody may have a licence of category A.
const AGE_MIN: u32 = 18;

/// One thing that is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// Of age.
    Profile,
    /// A paper.
    Paper(DocumentKind),
}

impl Requirement {
    /// Every requirement, in the order in which they are asked for.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Profile).chain(DocumentKind::ALL.map(Self::Paper))
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Paper(kind) => kind.as_str(),
        }
    }
}

/// How a requirement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequirementState)]
pub enum State {
    /// Something is to be handed in.
    Missing,
    /// Everything was handed in; a reviewer looks.
    Submitted,
    /// Fine.
    Approved,
    /// To be handed in once more, better.
    AskedAgain,
    /// Not accepted.
    Rejected,
    /// Was fine until its last day.
    Expired,
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NextStep)]
pub enum Next {
    /// Say the birthday: `PATCH /me`.
    TellBirthday,
    /// Come back when of age.
    ComeBackOfAge,
    /// Send licence, motorcycle and insurance: `PUT /drivers/me`.
    SendPapers,
    /// Say number and last day: `POST /drivers/me/documents`.
    SendData,
    /// Say when the first authorisation was given: `POST /drivers/me/documents`.
    TellFirstAuthorisation,
    /// Send the picture or scan: `PUT /drivers/me/documents/{kind}/file`.
    SendFile,
    /// Hand it in once more, as the reason says.
    SendAgain,
    /// Hand in the one that follows it.
    Renew,
    /// Ride an electric motorcycle.
    GoElectric,
    /// Nothing: wait.
    Wait,
}

/// How a requirement stands, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of what.
    pub requirement: Requirement,
    /// Whether nobody drives without it.
    pub is_required: bool,
    /// How it stands.
    pub state: State,
    /// What is to be done, unless it is fine.
    pub next: Option<Next>,
    /// Why it was not accepted.
    pub reason_code: Option<ReasonCode>,
    /// The same in the reviewer's words.
    pub reason: Option<String>,
    /// The last day of what is in force, or else of what was handed in.
    pub expires_on: Option<NaiveDate>,
    /// How the one stands that is to follow a paper in force.
    pub renewal: Option<State>,
}

/// All that is known of somebody who wants to drive, on a day.
#[derive(Clone, Copy, Debug)]
pub struct Dossier<'a> {
    /// Which day.
    pub today: NaiveDate,
    /// When they were born, if they said so.
    pub born: Option<NaiveDate>,
    /// As they stand; `None` before they sent their papers.
    pub driver: Option<&'a Driver>,
    /// What they handed in.
    pub documents: &'a [Document],
    /// Whether every paper is required, or only those sent with `PUT /drivers/me`, as data.
    pub is_complete: bool,
}

impl Dossier<'_> {
    /// How everything stands.
    pub fn steps(&self) -> Vec<Step> {
        Requirement::all()
            .map(|requirement| match requirement {
                Requirement::Profile => self.profile(),
                Requirement::Paper(kind) => self.paper(kind),
            })
            .collect()
    }

    /// What keeps this driver from being approved, although a reviewer finds all that was handed in fine.
    pub fn unready(&self) -> Vec<Step> {
        let is_ready = |step: &Step| matches!(step.state, State::Approved | State::Submitted);
        self.steps().into_iter().filter(|step| step.is_required && !is_ready(step)).collect()
    }

    /// What is required and not approved.
    pub fn unapproved(&self) -> Vec<Step> {
        self.steps().into_iter().filter(|step| step.is_required && step.state != State::Approved).collect()
    }

    /// Whether everything required is fine.
    pub fn is_fulfilled(&self) -> bool {
        self.unapproved().is_empty()
    }

    fn profile(&self) -> Step {
        let requirement = Requirement::Profile;
        let is_of_age = |born: NaiveDate| age(born, self.today) >= AGE_MIN;
        let (state, next) = match self.born {
            None => (State::Missing, Some(Next::TellBirthday)),
            Some(born) if is_of_age(born) => (State::Approved, None),
            Some(_) => (State::Rejected, Some(Next::ComeBackOfAge)),
        };
        Step { state, next, is_required: self.is_complete, ..step(requirement) }
    }

    fn paper(&self, kind: DocumentKind) -> Step {
        let find = |wanted: fn(&Document) -> bool| {
            self.documents.iter().find(|document| document.facts.kind == kind && wanted(document))
        };
        let (in_force, on_the_way) = (find(Document::is_in_force), find(Document::is_on_the_way));
        let on_its_way = on_the_way.map(|document| self.on_the_way(document));
        let mut step = match (in_force, on_its_way) {
            (Some(document), renewal) if !document.is_expired(self.today) => Step {
                state: State::Approved,
                expires_on: document.facts.expires_on,
                next: renewal.as_ref().and_then(|step| step.next).filter(|next| *next != Next::Wait),
                renewal: renewal.map(|step| step.state),
                ..step(Requirement::Paper(kind))
            },
            (_, Some(step)) => step,
            (Some(document), None) => Step {
                state: State::Expired,
                next: Some(Next::Renew),
                expires_on: document.facts.expires_on,
                ..step(Requirement::Paper(kind))
            },
            (None, None) => self.without_document(kind),
        };
        if kind == DocumentKind::Vehicle && self.must_be_electric() {
            (step.state, step.next) = (State::Rejected, Some(Next::GoElectric));
            step.reason_code = Some(ReasonCode::ElectricRequired);
        }
        let inspects = self.driver.is_some_and(|driver| driver.papers.inspection_expires_on.is_some());
        step.is_required = match kind {
            _ if self.is_complete => true,
            DocumentKind::Inspection => inspects,
            kind => kind.is_of_papers(),
        };
        step
    }

    /// Of a paper that is not in force.
    fn on_the_way(&self, document: &Document) -> Step {
        let Document { facts, file, .. } = document;
        let has_first_day = facts.kind != DocumentKind::Authorisation || facts.first_authorised_on.is_some();
        let needs_last_day = facts.kind.ends_driving() && facts.expires_on.is_none();
        let (state, next) = match document.state {
            DocumentState::AskedAgain => (State::AskedAgain, Next::SendAgain),
            DocumentState::Rejected => (State::Rejected, Next::SendAgain),
            _ if document.is_expired(self.today) => (State::Expired, Next::Renew),
            _ if self.is_complete && needs_last_day => (State::Missing, Next::SendData),
            _ if self.is_complete && !has_first_day => (State::Missing, Next::TellFirstAuthorisation),
            _ if self.is_complete && facts.kind.needs_file() && file.is_none() => (State::Missing, Next::SendFile),
            _ => (State::Submitted, Next::Wait),
        };
        Step {
            state,
            next: Some(next),
            reason_code: document.reason_code,
            reason: document.reason.clone(),
            expires_on: facts.expires_on,
            ..step(Requirement::Paper(facts.kind))
        }
    }

    /// Of a paper that was never handed in by itself. Made-up drivers have only what [`Driver`] says.
    fn without_document(&self, kind: DocumentKind) -> Step {
        let requirement = Requirement::Paper(kind);
        let facts = self.driver.and_then(|driver| driver.papers.facts(kind));
        let (state, next) = match (self.driver, &facts) {
            (None, _) => (State::Missing, Some(Next::SendPapers)),
            (Some(_), Some(facts)) if facts.expires_on.is_some_and(|last| last < self.today) => {
                (State::Expired, Some(Next::Renew))
            }
            (Some(driver), Some(_)) if driver.status == Status::Approved => (State::Approved, None),
            (Some(_), Some(_)) => (State::Submitted, Some(Next::Wait)),
            (Some(_), None) if kind == DocumentKind::Photo => (State::Missing, Some(Next::SendFile)),
            (Some(_), None) => (State::Missing, Some(Next::SendData)),
        };
        Step { state, next, expires_on: facts.and_then(|facts| facts.expires_on), ..step(requirement) }
    }

    /// Whoever was first authorised in Kigali since 2025 rides electric; petrol motorcycles from before may go on.
    fn must_be_electric(&self) -> bool {
        let Some(driver) = self.driver else { return false };
        let first_authorised_on = self
            .documents
            .iter()
            .filter(|document| document.facts.kind == DocumentKind::Authorisation)
            // What was not accepted, or is over, makes nobody an old hand.
            .filter(|document| document.is_in_force() || document.state == DocumentState::Submitted)
            .filter_map(|document| document.facts.first_authorised_on)
            .min();
        let since = NaiveDate::from_ymd_opt(2025, 1, 1);
        let is_newcomer = first_authorised_on.zip(since).is_some_and(|(first, since)| first >= since);
        is_newcomer && driver.papers.city == City::Kigali && driver.papers.fuel == Fuel::Petrol
    }
}

fn step(requirement: Requirement) -> Step {
    Step {
        requirement,
        is_required: true,
        state: State::Missing,
        next: None,
        reason_code: None,
        reason: None,
        expires_on: None,
        renewal: None,
    }
}

#[cfg(test)]
mod tests;
