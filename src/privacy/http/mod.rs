//! The routes of this service: what people can do about their own data, and what admins do for those who ask on paper.

mod admin;
mod erasures;
mod me;
mod views;

use utoipa_axum::router::OpenApiRouter;

use crate::privacy::Privacy;

/// Everything under `/privacy`, `/me/consents`, `/me/export`, `/me/erasure`, `/me/restriction` and `/admin/privacy`.
pub fn routes() -> OpenApiRouter<Privacy> {
    OpenApiRouter::new().merge(me::routes()).merge(erasures::routes()).merge(admin::routes())
}
