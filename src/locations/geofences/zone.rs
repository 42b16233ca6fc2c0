//! A zone on the map: its outline, its name, what it is for. Pure.
//!
//! Separate from [`Polygon`], which takes any ring, because an admin's drawing is checked more strictly: sides that cross
//! each other enclose something else than what is seen, so such an outline is refused and not interpreted.

use crate::geo::{LatLng, Polygon, PolygonError, distance_to_piece_m};
use crate::ids::ZoneId;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// By its word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// What a zone is for.
    ZoneKind {
        /// An airport.
        Airport = "airport",
        /// A stage: where drivers wait for riders.
        Stage = "stage",
        /// No ride begins or ends here.
        NoGo = "no_go",
        /// Accidents or robberies are frequent here.
        HighRisk = "high_risk",
        /// Anything else.
        Other = "other",
    }
}

words! {
    /// What a driver did with a zone.
    EventKind {
        /// Came in.
        Enter = "enter",
        /// Has been inside for as long as is configured; once in a stay.
        Dwell = "dwell",
        /// Went out, or off shift.
        Exit = "exit",
    }
}

/// A zone.
#[derive(Clone, PartialEq, Debug)]
pub struct Zone {
    /// Which.
    pub id: ZoneId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub kind: ZoneKind,
    /// Where it is.
    pub outline: Outline,
}

/// A ring whose sides neither cross nor touch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outline(Polygon);

/// A ring that is no outline. Corners and sides are counted from 1; side 1 leads from corner 1 to corner 2.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OutlineError {
    /// Too many corners.
    #[error("has {has} corners; {max} are allowed")]
    TooManyCorners {
        /// As drawn.
        has: usize,
        /// As configured.
        max: usize,
    },
    /// No ring at all.
    #[error(transparent)]
    Ring(#[from] PolygonError),
    /// A corner stands on the one before it.
    #[error("has corner {0} where the corner before it is")]
    Repeated(usize),
    /// Two sides meet elsewhere than at a shared corner.
    #[error("crosses or touches itself: side {0} meets side {1}")]
    Crossing(usize, usize),
}

impl Outline {
    /// Of corners in order, either way round; the last may repeat the first.
    ///
    /// # Errors
    /// [`OutlineError`] says which corner or side.
    pub fn new(corners: Vec<LatLng>, corners_max: usize) -> Result<Self, OutlineError> {
        let polygon = Polygon::new(corners)?;
        let corners = polygon.corners();
        let has = corners.len();
        if has > corners_max {
            return Err(OutlineError::TooManyCorners { has, max: corners_max });
        }
        let side = |at: usize| (corners[at], corners[(at + 1) % has]);
        if let Some(at) = (0..has).find(|at| side(*at).0 == side(*at).1) {
            return Err(OutlineError::Repeated((at + 1) % has + 1));
        }
        for first in 0..has {
            let (a, b) = side(first);
            for second in first + 1..has {
                let (c, d) = side(second);
                let follows = second == first + 1;
                let meets = if follows {
                    turns_back(a, b, d)
                } else if first == 0 && second == has - 1 {
                    turns_back(c, d, b)
                } else {
                    meet((a, b), (c, d))
                };
                if meets {
                    return Err(OutlineError::Crossing(first + 1, second + 1));
                }
            }
        }
        Ok(Self(polygon))
    }

    /// Whether the place is inside.
    pub fn contains(&self, place: LatLng) -> bool {
        self.0.contains(place)
    }

    /// The ring.
    pub const fn polygon(&self) -> &Polygon {
        &self.0
    }

    /// From the place to the nearest side, in metres, inside and outside alike; on the flat map that touches the Earth at
    /// the place, which is exact to a thousandth for the few kilometres that matter.
    pub fn border_m(&self, place: LatLng) -> f64 {
        const METRES_PER_E7: f64 = 0.011_119_5;
        let narrow = place.lat().to_radians().cos();
        let flat = |corner: LatLng| {
            let north = f64::from(corner.lat_e7()) - f64::from(place.lat_e7());
            let east = f64::from(corner.lng_e7()) - f64::from(place.lng_e7());
            (north * METRES_PER_E7, east * METRES_PER_E7 * narrow)
        };
        let corners = self.0.corners();
        let mut nearest = f64::INFINITY;
        let mut from = flat(corners[corners.len() - 1]);
        for corner in corners {
            let to = flat(*corner);
            nearest = nearest.min(distance_to_piece_m((0.0, 0.0), (from, to)));
            from = to;
        }
        nearest
    }
}

/// On which side of the line from `a` to `b` a place is: the sign of the area between them, exact.
fn side_of(a: LatLng, b: LatLng, place: LatLng) -> i128 {
    let wide = |of: fn(LatLng) -> i32, from: LatLng, to: LatLng| i128::from(of(to)) - i128::from(of(from));
    let (lat, lng) = (LatLng::lat_e7 as fn(LatLng) -> i32, LatLng::lng_e7 as fn(LatLng) -> i32);
    (wide(lng, a, b) * wide(lat, a, place) - wide(lat, a, b) * wide(lng, a, place)).signum()
}

/// Whether a place on the line of a side is on the side.
fn is_between(a: LatLng, b: LatLng, place: LatLng) -> bool {
    let within = |of: fn(LatLng) -> i32| (of(a).min(of(b))..=of(a).max(of(b))).contains(&of(place));
    within(LatLng::lat_e7) && within(LatLng::lng_e7)
}

/// Whether two sides have a point in common.
fn meet((a, b): (LatLng, LatLng), (c, d): (LatLng, LatLng)) -> bool {
    let (of_c, of_d, of_a, of_b) = (side_of(a, b, c), side_of(a, b, d), side_of(c, d, a), side_of(c, d, b));
    (of_c * of_d < 0 && of_a * of_b < 0)
        || (of_c == 0 && is_between(a, b, c))
        || (of_d == 0 && is_between(a, b, d))
        || (of_a == 0 && is_between(c, d, a))
        || (of_b == 0 && is_between(c, d, b))
}

/// Whether the way from `a` to `b` and on to `c` goes back over itself.
fn turns_back(a: LatLng, b: LatLng, c: LatLng) -> bool {
    side_of(a, b, c) == 0 && (is_between(a, b, c) || is_between(b, c, a))
}
