//! The routes of this service.

mod me;
mod review;
mod wishes;

use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

use crate::drivers::{Document, DocumentKind, Driver, Drivers, Fuel, Status};
use crate::time::Timestamp;

/// `/drivers/me` and what is below it, and `/admin/drivers`.
pub fn routes() -> OpenApiRouter<Drivers> {
    OpenApiRouter::new().merge(me::routes()).merge(wishes::routes()).merge(review::routes())
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
            rating: driver.rating,
            ratings_count: driver.ratings_count,
            rides_completed: driver.rides_completed,
            online: driver.is_online,
            created_at: driver.created_at,
        }
    }
}

/// A document, as data.
#[derive(Debug, Serialize, ToSchema)]
struct DocumentView {
    id: Uuid,
    kind: DocumentKind,
    number: String,
    expires_on: Option<NaiveDate>,
    note: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        let Document { id, kind, number, expires_on, note, created_at } = document;
        Self { id, kind, number, expires_on, note, created_at }
    }
}
