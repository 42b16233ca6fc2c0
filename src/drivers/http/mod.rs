//! The routes of this service.

mod files;
mod me;
mod onboarding;
mod queue;
mod review;
mod wishes;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::drivers::authority::Verification;
use crate::drivers::documents::{DocumentState, Facts, NumberType, ReasonCode};
use crate::drivers::papers::City;
use crate::drivers::{Document, DocumentKind, Driver, Drivers, Fuel, Status};
use crate::time::Timestamp;

/// `/drivers/me` and what is below it, and `/admin/drivers`.
pub fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new()
        .merge(me::routes())
        .merge(onboarding::routes())
        .merge(files::routes())
        .merge(wishes::routes())
        .merge(review::routes())
        .merge(queue::routes())
}

/// A driver's papers and standing.
#[derive(Debug, Serialize, ToSchema)]
struct DriverPapersView {
    driver_id: Uuid,
    status: Status,
    /// Why, when rejected or suspended.
    status_reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reviewed_at: Option<Timestamp>,
    licence_number: String,
    #[schema(example = "A,B")]
    licence_category: String,
    licence_expires_on: NaiveDate,
    #[schema(example = "RC123B")]
    plate: String,
    vehicle_make: String,
    vehicle_model: String,
    vehicle_year: i32,
    vehicle_colour: String,
    fuel: Fuel,
    ride_types: Vec<String>,
    insurance_number: String,
    insurance_expires_on: NaiveDate,
    inspection_expires_on: Option<NaiveDate>,
    /// Of the authorisation in force.
    authorisation_expires_on: Option<NaiveDate>,
    city: City,
    /// Since when something waits for a reviewer; null when nothing does.
    #[schema(value_type = Option<String>, format = DateTime)]
    waiting_since: Option<Timestamp>,
    /// Since when the rating is up for review; null when it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    rating_flagged_at: Option<Timestamp>,
    /// Average stars; null without ratings.
    rating: Option<f64>,
    ratings_count: i32,
    rides_completed: i32,
    /// Whether a shift is open.
    online: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Driver> for DriverPapersView {
    fn from(driver: Driver) -> Self {
        let papers = driver.papers;
        Self {
            driver_id: driver.id.0,
            status: driver.status,
            status_reason: driver.status_reason,
            reviewed_at: driver.reviewed_at,
            licence_number: papers.licence_number,
            licence_category: papers.licence_category,
            licence_expires_on: papers.licence_expires_on,
            plate: papers.plate,
            vehicle_make: papers.vehicle_make,
            vehicle_model: papers.vehicle_model,
            vehicle_year: papers.vehicle_year,
            vehicle_colour: papers.vehicle_colour,
            fuel: papers.fuel,
            ride_types: papers.ride_types,
            insurance_number: papers.insurance_number,
            insurance_expires_on: papers.insurance_expires_on,
            inspection_expires_on: papers.inspection_expires_on,
            authorisation_expires_on: driver.authorisation_expires_on,
            city: papers.city,
            waiting_since: driver.waiting_since,
            rating_flagged_at: driver.rating_flagged_at,
            rating: driver.rating,
            ratings_count: driver.ratings_count,
            rides_completed: driver.rides_completed,
            online: driver.is_online,
            created_at: driver.created_at,
        }
    }
}

/// A paper.
#[derive(Debug, Serialize, ToSchema)]
struct DocumentView {
    id: Uuid,
    kind: DocumentKind,
    /// Null of a photo that was sent without more.
    number: Option<String>,
    number_type: Option<NumberType>,
    issuer: Option<String>,
    expires_on: Option<NaiveDate>,
    first_authorised_on: Option<NaiveDate>,
    note: Option<String>,
    /// Null while there is none.
    file: Option<FileView>,
    state: DocumentState,
    reason_code: Option<ReasonCode>,
    /// Why, in the reviewer's words.
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reviewed_at: Option<Timestamp>,
    /// What the authority says; null when it was not asked.
    verification: Option<Verification>,
    #[schema(value_type = Option<String>, format = DateTime)]
    verified_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// The file of a paper.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DocumentFileView)]
struct FileView {
    #[schema(example = "image/jpeg")]
    content_type: &'static str,
    size_bytes: i32,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        let Facts { kind, number, number_type, issuer, expires_on, first_authorised_on, note } = document.facts;
        let file =
            document.file.map(|file| FileView { content_type: file.file_type.as_str(), size_bytes: file.size_bytes });
        Self {
            id: document.id,
            kind,
            number,
            number_type,
            issuer,
            expires_on,
            first_authorised_on,
            note,
            file,
            state: document.state,
            reason_code: document.reason_code,
            reason: document.reason,
            reviewed_at: document.reviewed_at,
            verification: document.verification,
            verified_at: document.verified_at,
            created_at: document.created_at,
        }
    }
}
