//! For operators: the job queue, its dead letters and their second chance.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::{self, Act};
use crate::clock;
use crate::error::Error;
use crate::ids::JobId;
use crate::jobs::{self, JobView, Listing};
use crate::time::Timestamp;
use crate::web::body::{Json, Path, Query};
use crate::web::caller::Admin;
use crate::web::page::{PageParams, Position};
use crate::web::{ApiError, ErrorBody};

/// The routes of operators.
pub(super) fn routes() -> OpenApiRouter<PgPool> {
    OpenApiRouter::new().routes(routes!(list_jobs)).routes(routes!(retry_job))
}

#[derive(Debug, Deserialize, IntoParams)]
struct JobParams {
    /// `ready`, `leased`, `done` or `dead`; all when left out.
    state: Option<String>,
    /// Kind of job, e.g. `payments.settle_ride`.
    kind: Option<String>,
    /// How many items, 1 to 100; 20 when left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A job, without its payload.
#[derive(Debug, Serialize, ToSchema)]
struct JobBody {
    /// Which.
    #[schema(value_type = Uuid)]
    id: JobId,
    /// Kind of job.
    kind: String,
    /// `ready`, `leased`, `done` or `dead`.
    state: &'static str,
    /// Not run before.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    run_at: Timestamp,
    /// Runs so far.
    attempts: u32,
    /// Runs at most.
    attempts_max: u32,
    /// Why the last run failed.
    last_error: Option<String>,
    /// The request that caused it.
    request_id: Option<String>,
    /// When it was written.
    #[schema(value_type = chrono::DateTime<chrono::Utc>)]
    created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<chrono::DateTime<chrono::Utc>>)]
    finished_at: Option<Timestamp>,
}

impl From<JobView> for JobBody {
    fn from(job: JobView) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state.as_str(),
            run_at: job.run_at,
            attempts: job.attempts,
            attempts_max: job.attempts_max,
            last_error: job.last_error,
            request_id: job.request_id,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// A page of jobs and the size of the queue.
#[derive(Debug, Serialize, ToSchema)]
struct JobsBody {
    /// Newest first.
    items: Vec<JobBody>,
    /// Send as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
    /// How many jobs there are by kind and state.
    counts: Vec<CountBody>,
}

/// How many jobs of a kind are in a state.
#[derive(Debug, Serialize, ToSchema)]
struct CountBody {
    kind: String,
    state: &'static str,
    jobs: u64,
}

/// Lists jobs
#[utoipa::path(get, path = "/admin/jobs", tag = "operations", security(("bearer" = [])), params(JobParams),
    responses((status = 200, body = JobsBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_jobs(
    State(pool): State<PgPool>,
    Admin(admin): Admin,
    Query(params): Query<JobParams>,
) -> Result<Json<JobsBody>, ApiError> {
    let page = PageParams { limit: params.limit, cursor: params.cursor }.check()?;
    let state = match params.state.as_deref().filter(|word| !word.is_empty()) {
        Some(word) => {
            let reason = "is not one of ready, leased, done, dead";
            Some(jobs::State::parse(word).ok_or_else(|| Error::invalid("state", word, reason))?)
        }
        None => None,
    };
    let after = page.before.map(|position| jobs::Cursor { created_at: position.at, id: JobId(position.id) });
    let listing =
        Listing { state, kind: params.kind, after, limit: u16::try_from(page.limit).map_err(Error::internal)? };
    let mut connection = pool.acquire().await?;
    let listed = jobs::list(&mut connection, &listing).await?;
    let counts = jobs::counts(&mut connection).await?;
    audit::record(&mut connection, &Act::of_admin(admin, "jobs.listed"), clock::now()).await?;
    let next_cursor = listed.next.map(|cursor| Position { at: cursor.created_at, id: cursor.id.0 }.text());
    let count = |count: jobs::Count| CountBody { kind: count.kind, state: count.state.as_str(), jobs: count.jobs };
    Ok(Json(JobsBody {
        items: listed.items.into_iter().map(JobBody::from).collect(),
        next_cursor,
        counts: counts.into_iter().map(count).collect(),
    }))
}

/// Runs a dead job again
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", tag = "operations", security(("bearer" = [])), params(("id" = Uuid, Path)),
    responses((status = 204, description = "It will run now"), (status = 404, body = ErrorBody, description = "There is no dead job with this id")))]
async fn retry_job(
    State(pool): State<PgPool>,
    Admin(admin): Admin,
    Path(id): Path<JobId>,
) -> Result<axum::http::StatusCode, ApiError> {
    let (mut transaction, now) = (pool.begin().await?, clock::now());
    if !jobs::retry_dead(&mut transaction, id, now).await? {
        return Err(Error::NotFound { what: "dead job" }.into());
    }
    audit::record(&mut transaction, &Act::of_admin(admin, "jobs.retried").on("job", id), now).await?;
    transaction.commit().await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}
