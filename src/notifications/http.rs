//! The routes of this service: a person's own notices.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::clock;
use crate::notifications::{Notice, Notifications};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::page::{Page, PageParams};
use crate::web::{ApiError, Caller, ErrorBody};

/// Everything under `/notifications`.
pub fn routes() -> OpenApiRouter<Notifications> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// A notice.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeView {
    id: Uuid,
    /// Which text: stable, for icons and links.
    #[schema(example = "account_approved")]
    key: String,
    /// In the language the person had chosen.
    #[schema(example = "Konti yawe yemejwe. Ushobora kwakira ingendo.")]
    text: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Null until it was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        Self {
            id: notice.id,
            key: notice.key,
            text: notice.text,
            created_at: notice.created_at,
            read_at: notice.read_at.map(Timestamp::from),
        }
    }
}

/// Own notices, newest first
#[utoipa::path(
    get, path = "/notifications", tag = "notifications", params(PageParams), security(("bearer" = [])),
    responses(
        (status = 200, body = Page<NoticeView>),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 422, body = ErrorBody, description = "`invalid_value`: limit or cursor")
    )
)]
async fn list(
    State(notifications): State<Notifications>,
    caller: Caller,
    Query(page): Query<PageParams>,
) -> Result<Json<Page<NoticeView>>, ApiError> {
    let page = notifications.list(caller.user, &page.check()?).await?;
    Ok(Json(page.map(NoticeView::from)))
}

/// Marks a notice as read
#[utoipa::path(
    post, path = "/notifications/{id}/read", tag = "notifications", params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses(
        (status = 200, body = NoticeView),
        (status = 401, body = ErrorBody, description = "`unauthenticated`, `token_expired`"),
        (status = 404, body = ErrorBody, description = "`not_found`")
    )
)]
async fn read(
    State(notifications): State<Notifications>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<NoticeView>, ApiError> {
    Ok(Json(notifications.read(caller.user, id, clock::now()).await?.into()))
}
