//! Whoever registers licences and motorcycles, asked whether a paper is what it says.
//!
//! Separate because the registers belong to others, and may be away or wrong: what they say is a hint to the reviewer, shown
//! to the driver as well. No answer is an answer too: then the reviewer decides alone.

mod client;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use client::{Config, Register, Site};

use crate::drivers::documents::DocumentKind;

/// What is known of a paper from the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// The authority is being asked.
    Asked,
    /// It knows the paper, and all is as it says.
    Valid,
    /// It knows the paper, and its last day has passed.
    Expired,
    /// It has taken the paper away.
    Suspended,
    /// It does not know the paper.
    Unknown,
    /// It knows the paper, and it is somebody else's.
    NameMismatch,
    /// It gave no answer that could be understood.
    Unanswered,
}

impl Verification {
    const ALL: [Self; 7] =
        [Self::Asked, Self::Valid, Self::Expired, Self::Suspended, Self::Unknown, Self::NameMismatch, Self::Unanswered];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::NameMismatch => "name_mismatch",
            Self::Unanswered => "unanswered",
        }
    }

    /// From the word in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// What the authority is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// A licence, or a motorcycle.
    pub kind: DocumentKind,
    /// Number of the licence, or plate.
    pub number: String,
    /// Given name of whoever handed it in.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is nobody to ask.
    NobodyToAsk,
    /// It said this.
    Said(Verification),
    /// It was away, or answered with a fault of its own: worth asking again. What was wrong, without anything personal.
    TryAgain(&'static str),
    /// Its answer was not understood, or it refuses us: a person must look.
    NotUnderstood(&'static str),
}

/// Answers for papers.
pub trait Authority: Send + Sync {
    /// Whether there is somebody to ask.
    fn is_there(&self) -> bool;
    /// Asks.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Outcome>;
}

/// No authority: reviewers look at the papers, and that is all.
#[derive(Clone, Copy, Debug)]
pub struct Manual;

impl Authority for Manual {
    fn is_there(&self) -> bool {
        false
    }

    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Outcome> {
        std::future::ready(Outcome::NobodyToAsk).boxed()
    }
}
