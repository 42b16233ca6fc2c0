//! What is shown: consents, exports, erasures, holds.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::notifications::Language;
use crate::privacy::consent::{Ground, Purpose, Said, holds};
use crate::privacy::kept::Kept;
use crate::privacy::{Erasure, Export, Hold};
use crate::time::Timestamp;

/// A purpose, the words that ask, and what was said.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentView {
    /// What for.
    #[schema(example = "marketing")]
    purpose: &'static str,
    /// `consent`: nothing is done before a yes. `legitimate_interest`: done until a no.
    #[schema(example = "consent")]
    ground: &'static str,
    /// Whether it is done now.
    in_force: bool,
    /// What was said last; null when nothing was.
    given: Option<bool>,
    /// When it was said.
    #[schema(value_type = Option<String>, format = DateTime)]
    said_at: Option<Timestamp>,
    /// The words that ask, in the language asked for.
    text: &'static str,
    /// Of these words; sent back with a yes.
    version: String,
    language: Language,
    /// What taking it back means.
    withdrawal: &'static str,
}

impl ConsentView {
    pub fn new(purpose: Purpose, said: &[Said], is_restricted: bool, language: Language) -> Self {
        let last = said.iter().find(|said| said.purpose == purpose);
        Self {
            purpose: purpose.as_str(),
            ground: purpose.ground().as_str(),
            in_force: !is_restricted && holds(purpose, last),
            given: last.map(|said| said.given),
            said_at: last.map(|said| said.at),
            text: purpose.text(language),
            version: purpose.version(language).to_string(),
            language,
            withdrawal: purpose.withdrawal(),
        }
    }
}

/// What is done without asking, because a contract or a law asks for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CarriedView {
    /// What is done.
    name: &'static str,
    purpose: &'static str,
    ground: &'static str,
    /// Which data.
    data: &'static str,
}

/// Everything that is done with a person's data.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentsView {
    /// What can be said yes or no to.
    pub items: Vec<ConsentView>,
    /// What rests on a contract, a law or a vital interest.
    pub carried: Vec<CarriedView>,
}

impl ConsentsView {
    pub fn new(said: &[Said], is_restricted: bool, language: Language) -> Self {
        let items = Purpose::ALL.map(|purpose| ConsentView::new(purpose, said, is_restricted, language)).into();
        let is_asked = |name: &str| Purpose::ALL.iter().any(|purpose| purpose.as_str() == name);
        let carried = crate::privacy::register::ACTIVITIES.iter().filter(|one| !is_asked(one.name));
        let carried = carried
            .map(|one| CarriedView { name: one.name, purpose: one.purpose, ground: one.ground, data: one.data })
            .collect();
        Self { items, carried }
    }
}

/// A line of the consent log.
#[derive(Debug, Serialize, ToSchema)]
pub struct SaidView {
    purpose: &'static str,
    ground: &'static str,
    given: bool,
    /// Of the words that were shown.
    version: String,
    language: Language,
    /// `app`, `phone` or `paper`.
    channel: &'static str,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Said> for SaidView {
    fn from(said: Said) -> Self {
        let ground: Ground = said.purpose.ground();
        Self {
            purpose: said.purpose.as_str(),
            ground: ground.as_str(),
            given: said.given,
            version: said.version.to_string(),
            language: said.language,
            channel: said.channel.as_str(),
            at: said.at,
        }
    }
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExportView {
    id: Uuid,
    /// `waiting`, `ready`, `failed` or `expired`.
    #[schema(example = "ready")]
    state: String,
    /// How far it is, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    progress_percent: i32,
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// After this the file is gone.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Of the file.
    size_bytes: Option<i64>,
}

impl From<Export> for ExportView {
    fn from(export: Export) -> Self {
        Self {
            id: export.id,
            progress_percent: (export.steps_done * 100).checked_div(export.steps).unwrap_or_default(),
            state: export.state,
            asked_at: export.asked_at,
            finished_at: export.finished_at.map(Timestamp::from),
            expires_at: export.expires_at.map(Timestamp::from),
            size_bytes: export.size_bytes,
        }
    }
}

/// An erasure, and what it leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureView {
    id: Uuid,
    /// `waiting`, `running`, `done` or `cancelled`.
    #[schema(example = "waiting")]
    state: String,
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    /// Until then it can be called off.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// Why it did not begin when it was due: `live_ride`, `money_owed`, `legal_hold`. Looked at again every day.
    obstacle: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// What is kept under a pseudonym, on which ground, until when.
    kept: Vec<Kept>,
}

impl ErasureView {
    pub fn new(erasure: Erasure, kept: Vec<Kept>) -> Self {
        Self {
            id: erasure.id,
            state: erasure.state,
            asked_at: erasure.asked_at,
            due_at: erasure.due_at,
            obstacle: erasure.obstacle,
            finished_at: erasure.finished_at.map(Timestamp::from),
            kept,
        }
    }
}

/// A legal hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct HoldView {
    id: Uuid,
    /// `person`, `ride` or `incident`.
    kind: String,
    subject: Uuid,
    reason: String,
    /// Which admin noted it.
    by: Uuid,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    lifted_at: Option<Timestamp>,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self {
            id: hold.id,
            kind: hold.kind,
            subject: hold.subject,
            reason: hold.reason,
            by: hold.by_user.0,
            since: hold.since,
            lifted_at: hold.lifted_at.map(Timestamp::from),
        }
    }
}

/// The bytes of an archive.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct ZipFile(pub Vec<u8>);

impl IntoResponse for ZipFile {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
            (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"boda-export.zip\"")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (headers, self.0).into_response()
    }
}
