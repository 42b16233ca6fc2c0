//! A closure: what an admin sends, what it means, and how it stands.
//!
//! Separate from the routes because the rules are the same however it is sent.

use std::fmt;
use std::str::FromStr;

use chrono::DateTime;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Checks, Error, Fault};
use crate::geo::LatLng;
use crate::ids::UserId;
use crate::road::closures::{Drawing, DrawingError, PLACES_MAX};
use crate::time::{Span, Timestamp};
use crate::web::page::Position;

const REASON_CHARS_MAX: usize = 200;
/// A closure that begins later than this was typed wrongly.
const AHEAD_MAX: Span = Span::from_secs(366 * 86_400);
/// Wrong places that are named; the rest is of the same kind.
const PLACES_NAMED_MAX: usize = 5;

/// How a closure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ClosureState)]
pub enum State {
    /// Its time has not come.
    Upcoming,
    /// The streets are shut.
    InForce,
    /// Its time is over.
    Ended,
    /// An admin ended it.
    Lifted,
}

impl State {
    const ALL: [Self; 4] = [Self::Upcoming, Self::InForce, Self::Ended, Self::Lifted];

    /// Its word in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upcoming => "upcoming",
            Self::InForce => "in_force",
            Self::Ended => "ended",
            Self::Lifted => "lifted",
        }
    }
}

/// A word that is no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState;

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = State::ALL.map(State::as_str).join(", ");
        write!(f, "is not one of {words}")
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or(UnknownState)
    }
}

/// Who ended a closure, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// The admin.
    pub by: UserId,
    /// When.
    pub at: Timestamp,
}

/// Streets that are shut for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Closure {
    /// Which one.
    pub id: Uuid,
    /// Why, for colleagues.
    pub reason: String,
    /// Which streets.
    pub drawing: Drawing,
    /// How many arcs that were when it was drawn; none without a map.
    pub arcs: Option<i32>,
    /// From when.
    pub from: Timestamp,
    /// Until when; none: until it is lifted.
    pub until: Option<Timestamp>,
    /// Who shut them.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Who opened them before the time.
    pub lifted: Option<Lifted>,
}

impl Closure {
    /// How it stands.
    pub fn state(&self, now: Timestamp) -> State {
        if self.lifted.is_some() {
            State::Lifted
        } else if now < self.from {
            State::Upcoming
        } else if self.until.is_none_or(|until| now < until) {
            State::InForce
        } else {
            State::Ended
        }
    }

    pub(super) fn position(&self) -> Position {
        Position { at: self.created_at, id: self.id }
    }
}

/// Where streets are to be shut, as sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawn {
    /// GeoJSON.
    Geometry {
        /// `LineString` or `Polygon`.
        kind: String,
        /// Positions, longitude first.
        coordinates: Value,
    },
    /// Latitude and longitude of places.
    Points(Vec<(f64, f64)>),
}

/// A closure as sent.
#[derive(Clone, Debug, Default)]
pub struct NewClosure {
    /// Why.
    pub reason: String,
    /// RFC 3339; now when left out.
    pub from: Option<String>,
    /// RFC 3339; until it is lifted when left out.
    pub until: Option<String>,
    /// `both` or `along`.
    pub direction: Option<String>,
    /// The geometry, the points, or (wrongly) none or both.
    pub drawn: Vec<Drawn>,
}

impl NewClosure {
    /// The closure, provided every field is in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field.
    pub(super) fn check(self, admin: UserId, now: Timestamp) -> Result<Closure, Error> {
        let mut checks = Checks::new();
        let reason = checks.text("reason", &self.reason, REASON_CHARS_MAX);
        let from = instant(&mut checks, "from", self.from.as_deref()).unwrap_or(now);
        let until = instant(&mut checks, "until", self.until.as_deref());
        checks.require(from.since(now) <= AHEAD_MAX, "from", from, "is more than a year ahead");
        if let Some(until) = until {
            checks.require(until > from, "until", until, format_args!("is not after the beginning, {from}"));
            checks.require(until <= from || until > now, "until", until, "is over");
        }
        let is_one_way = match self.direction.as_deref() {
            None | Some("both") => false,
            Some("along") => true,
            Some(word) => {
                checks.fault(Fault::new("direction", word, "is not one of both, along"));
                false
            }
        };
        let drawing = match self.drawn.as_slice() {
            [drawn] => drawing(&mut checks, drawn, is_one_way),
            [] => {
                checks.fault(Fault::without_value("geometry", "is missing; send geometry or points"));
                None
            }
            _ => {
                checks.fault(Fault::without_value("points", "stands beside geometry; send one of them"));
                None
            }
        };
        checks.finish()?;
        let drawing = drawing.ok_or_else(|| Error::internal("a drawing was refused without a fault"))?;
        let (id, created_at) = (Uuid::now_v7(), now);
        let (created_by, lifted, arcs) = (admin, None, None);
        Ok(Closure { id, reason, drawing, arcs, from, until, created_by, created_at, lifted })
    }
}

/// The field that names no street, and why.
pub(super) fn means_no_street(drawing: &Drawing, reach_m: f64) -> (&'static str, String) {
    match drawing {
        Drawing::Points(_) => ("points", format!("no street of the map is within {reach_m} m of any of them")),
        Drawing::Line { .. } => ("geometry", "no street of the map runs along the line".to_owned()),
        Drawing::Area { .. } => ("geometry", "no street of the map touches the area".to_owned()),
    }
}

fn instant(checks: &mut Checks, field: &str, text: Option<&str>) -> Option<Timestamp> {
    let text = text?;
    let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| "is not an instant in RFC 3339");
    checks.accept(field, text, parsed).map(|at| at.to_utc().into())
}

fn drawing(checks: &mut Checks, drawn: &Drawn, is_one_way: bool) -> Option<Drawing> {
    let is_line = matches!(drawn, Drawn::Geometry { kind, .. } if kind == "LineString");
    if is_one_way && !is_line {
        checks.fault(Fault::new("direction", "along", "goes with a LineString only: nothing else has a direction"));
    }
    let (field, made): (_, Result<Drawing, DrawingError>) = match drawn {
        Drawn::Points(points) => {
            let pair = |(index, (lat, lng)): (usize, &(f64, f64))| (format!("points[{index}]."), *lat, *lng);
            ("points", Drawing::points(places(checks, points.iter().enumerate().map(pair))?))
        }
        Drawn::Geometry { kind, coordinates } => {
            let (ring, prefix) = match kind.as_str() {
                "LineString" => (coordinates, "geometry.coordinates"),
                "Polygon" => (ring(checks, coordinates)?, "geometry.coordinates[0]"),
                _ => {
                    checks.fault(Fault::new("geometry.type", kind, "is not one of LineString, Polygon"));
                    return None;
                }
            };
            let places = positions(checks, ring, prefix)?;
            ("geometry", if is_line { Drawing::line(places, is_one_way) } else { Drawing::area(places) })
        }
    };
    made.map_err(|reason| checks.fault(Fault::without_value(field, reason))).ok()
}

/// The outline of a GeoJSON polygon.
fn ring<'v>(checks: &mut Checks, coordinates: &'v Value) -> Option<&'v Value> {
    match coordinates.as_array().map(Vec::as_slice) {
        Some([ring]) => Some(ring),
        Some([_, _, ..]) => {
            checks.fault(Fault::without_value("geometry.coordinates", "has a hole; draw the area without one"));
            None
        }
        _ => {
            checks.fault(Fault::without_value("geometry.coordinates", "is not a list of rings of positions"));
            None
        }
    }
}

/// A list of GeoJSON positions: longitude, latitude, and perhaps a height that does not matter.
fn positions(checks: &mut Checks, list: &Value, prefix: &str) -> Option<Vec<LatLng>> {
    let Some(list) = list.as_array() else {
        checks.fault(Fault::without_value(prefix, "is not a list of positions"));
        return None;
    };
    let mut pairs = Vec::new();
    for (index, position) in list.iter().enumerate().take(PLACES_MAX + 1) {
        let numbers: Option<Vec<f64>> = position.as_array().and_then(|p| p.iter().map(Value::as_f64).collect());
        match numbers.as_deref() {
            Some([lng, lat] | [lng, lat, _]) => pairs.push((format!("{prefix}[{index}]."), *lat, *lng)),
            _ => {
                let field = format!("{prefix}[{index}]");
                checks.fault(Fault::new(field, position, "is not a position of longitude and latitude"));
                return None;
            }
        }
    }
    places(checks, pairs.into_iter())
}

/// Places on the globe, or the first of those that are not.
fn places(checks: &mut Checks, pairs: impl Iterator<Item = (String, f64, f64)>) -> Option<Vec<LatLng>> {
    let (mut places, mut wrong) = (Vec::new(), 0);
    for (prefix, lat, lng) in pairs.take(PLACES_MAX + 1) {
        if wrong == PLACES_NAMED_MAX {
            break;
        }
        match checks.place(&prefix, lat, lng) {
            Some(place) => places.push(place),
            None => wrong += 1,
        }
    }
    (wrong == 0).then_some(places)
}
