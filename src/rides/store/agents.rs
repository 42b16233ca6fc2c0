//! SQL on `agent_actions`, and what an agent has under way.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::Error;
use crate::ids::{RideId, UserId};
use crate::time::{Span, Timestamp};
use crate::web::page::PageRequest;

/// What an agent did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An account for a number that nobody had.
    GuestMade,
    /// A ride.
    Booked,
    /// A booking or a cancellation that was refused.
    Refused,
    /// A ride was called off.
    Cancelled,
}

impl What {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GuestMade => "guest_made",
            Self::Booked => "booked",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// The word in the audit log.
    pub const fn audited(self) -> &'static str {
        match self {
            Self::GuestMade => "agents.guest_made",
            Self::Booked => "agents.booked",
            Self::Refused => "agents.refused",
            Self::Cancelled => "agents.called_off",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::GuestMade, Self::Booked, Self::Refused, Self::Cancelled].into_iter().find(|what| what.as_str() == word)
    }
}

/// A line of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Which.
    pub id: Uuid,
    /// Who.
    pub agent: UserId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// For whom; nobody yet when the number of a refused booking was nobody's.
    pub rider: Option<UserId>,
    /// Which ride, where there is one.
    pub ride: Option<RideId>,
    /// The code of a refusal.
    pub detail: Option<String>,
    /// The request behind it.
    pub request_id: Option<String>,
}

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Bookings, refusals and cancellations lately.
    pub actions: i64,
    /// The first of them.
    pub oldest: Option<Timestamp>,
    /// Rides that have not ended.
    pub live_rides: i64,
}

/// The code of the refusal of somebody who did too much: it does not count as one thing more.
pub const RATE_LIMITED: &str = "rate_limited";

/// Writes a line of the trail; one that is there already stays. Whether it is new.
pub async fn note(conn: &mut PgConnection, action: &Action) -> Result<bool, Error> {
    let written = sqlx::query!(
        "INSERT INTO agent_actions (id, agent_id, at, action, rider_id, ride_id, detail, request_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (id) DO NOTHING",
        action.id,
        action.agent.0,
        DateTime::<Utc>::from(action.at),
        action.what.as_str(),
        action.rider.map(|rider| rider.0),
        action.ride.map(|ride| ride.0),
        action.detail,
        action.request_id,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// What an agent did since `since`, and what is under way.
pub async fn load(pool: &PgPool, agent: UserId, since: Timestamp) -> Result<Load, Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "actions!", min(at) AS oldest,
                  (SELECT count(*) FROM rides WHERE booked_by = $1 AND ended_at IS NULL AND requested_at > $3)
                      AS "live_rides!"
           FROM agent_actions
           WHERE agent_id = $1 AND at > $2 AND action <> 'guest_made' AND detail IS DISTINCT FROM $4"#,
        agent.0,
        DateTime::<Utc>::from(since),
        // Nothing is under way for longer than scheduled rides are taken ahead.
        DateTime::<Utc>::from(since - Span::from_minutes(31 * 24 * 60)),
        RATE_LIMITED,
    )
    .fetch_one(pool)
    .await?;
    Ok(Load { actions: row.actions, oldest: row.oldest.map(Timestamp::from), live_rides: row.live_rides })
}

/// The trail, newest first, of one agent or of all; one line more than the page holds.
pub async fn actions(pool: &PgPool, agent: Option<UserId>, page: &PageRequest) -> Result<Vec<Action>, Error> {
    let rows = sqlx::query!(
        "SELECT id, agent_id, at, action, rider_id, ride_id, detail, request_id FROM agent_actions
         WHERE ($1::uuid IS NULL OR agent_id = $1) AND ($2::timestamptz IS NULL OR (at, id) < ($2, $3::uuid))
         ORDER BY at DESC, id DESC LIMIT $4",
        agent.map(|agent| agent.0),
        page.before.map(|before| DateTime::<Utc>::from(before.at)),
        page.before.map(|before| before.id),
        page.limit + 1,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let what = What::from_word(&row.action);
            Ok(Action {
                id: row.id,
                agent: UserId(row.agent_id),
                at: row.at.into(),
                what: what.ok_or_else(|| Error::internal("unknown action in agent_actions"))?,
                rider: row.rider_id.map(UserId),
                ride: row.ride_id.map(RideId),
                detail: row.detail,
                request_id: row.request_id,
            })
        })
        .collect()
}
