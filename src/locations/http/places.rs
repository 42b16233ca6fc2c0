//! Search of places and the address of a point, for everybody who is signed in.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{Checks, Error, Fault};
use crate::gazetteer::{self, Address, Language};
use crate::geo::LatLng;
use crate::locations::places::{Found, Places};
use crate::web::body::{Json, Query};
use crate::web::caller::{PlacesRead, Scoped};
use crate::web::page::Items;
use crate::web::{ApiError, ErrorBody};

const QUERY_CHARS_MAX: usize = 200;
const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 50;

/// The routes of places, under the API's prefix.
pub fn routes() -> OpenApiRouter<Places> {
    OpenApiRouter::new().routes(routes!(search_places)).routes(routes!(describe_place))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchParams {
    /// What was typed so far, 1 to 200 characters. Every word may be the beginning of one, and longer ones may be misspelt.
    q: String,
    /// Degrees north of where the person is or looks; with `lng` or not at all.
    lat: Option<f64>,
    /// Degrees east; with `lat` or not at all.
    lng: Option<f64>,
    /// How many at most, 1 to 50; 10 when left out.
    limit: Option<usize>,
    /// Names in this language where there are any: `rw`, `en` or `fr`; as the sign says when left out.
    lang: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReverseParams {
    /// Degrees north.
    lat: f64,
    /// Degrees east.
    lng: f64,
    /// Names in this language where there are any: `rw`, `en` or `fr`; as the sign says when left out.
    lang: Option<String>,
}

/// A place or a street with a name.
#[derive(Debug, Serialize, ToSchema)]
struct PlaceView {
    #[schema(example = "Nyabugogo Bus Station")]
    name: String,
    /// What it is; more kinds may come.
    #[schema(example = "bus_station")]
    kind: &'static str,
    lat: f64,
    lng: f64,
    /// In metres from the `lat` and `lng` that were sent.
    distance_m: Option<u32>,
    /// Umurenge.
    sector: Option<String>,
    /// Akarere.
    district: Option<String>,
}

impl From<Found> for PlaceView {
    fn from(found: Found) -> Self {
        let Found { name, kind, point, distance_m, sector, district } = found;
        Self { name, kind, lat: point.lat(), lng: point.lng(), distance_m, sector, district }
    }
}

/// What is at a point. What is not known is null.
#[derive(Debug, Serialize, ToSchema)]
struct AddressView {
    /// All of it in one line.
    #[schema(example = "KN 3 Rd, Nyarugenge, Nyarugenge District")]
    text: String,
    /// The nearest place with a name.
    place: Option<String>,
    /// The nearest street with a name.
    street: Option<String>,
    /// Umurenge.
    sector: Option<String>,
    /// Akarere.
    district: Option<String>,
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let text = address.to_string();
        let Address { place, street, sector, district } = address;
        Self { text, place, street, sector, district }
    }
}

fn check_language(checks: &mut Checks, code: Option<&str>) -> Option<Language> {
    let code = code.filter(|code| !code.is_empty())?;
    let language = Language::parse(code);
    checks.require(language.is_some(), "lang", code, "is none of rw, en, fr");
    language
}

fn check_focus(checks: &mut Checks, lat: Option<f64>, lng: Option<f64>) -> Option<LatLng> {
    match (lat, lng) {
        (Some(lat), Some(lng)) => checks.place("", lat, lng),
        (None, None) => None,
        (lat, _) => {
            let missing = if lat.is_none() { "lat" } else { "lng" };
            checks.fault(Fault::without_value(missing, "is missing; send lat and lng, or neither"));
            None
        }
    }
}

/// Finds places and streets by name
///
/// Best first: what fits better, then what is more important and nearer. On a server without a map nothing is found. For
/// everybody signed in, and for partners with the scope `places:read`.
#[utoipa::path(get, path = "/places", tag = "locations", security(("bearer" = [])), params(SearchParams),
    responses((status = 200, body = Items<PlaceView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody, description = "`scope_missing`"),
        (status = 422, body = ErrorBody)))]
async fn search_places(
    State(places): State<Places>,
    _: Scoped<PlacesRead>,
    Query(params): Query<SearchParams>,
) -> Result<Json<Items<PlaceView>>, ApiError> {
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    let mut checks = Checks::new();
    checks.require((1..=LIMIT_MAX).contains(&limit), "limit", limit, format_args!("is out of range 1..={LIMIT_MAX}"));
    let text = checks.text("q", &params.q, QUERY_CHARS_MAX);
    let focus = check_focus(&mut checks, params.lat, params.lng);
    let language = check_language(&mut checks, params.lang.as_deref());
    checks.finish()?;
    let found = places.search(&gazetteer::Query { text: &text, focus, limit }, language);
    Ok(Json(Items { items: found.into_iter().map(PlaceView::from).collect() }))
}

/// Says what is at a point
///
/// The nearest place and street, the sector and the district, as far as they are known. For everybody signed in, and for
/// partners with the scope `places:read`.
#[utoipa::path(get, path = "/places/reverse", tag = "locations", security(("bearer" = [])), params(ReverseParams),
    responses((status = 200, body = AddressView), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody, description = "`scope_missing`"),
        (status = 409, body = ErrorBody, description = "`no_map`: this server has no map"), (status = 422, body = ErrorBody)))]
async fn describe_place(
    State(places): State<Places>,
    _: Scoped<PlacesRead>,
    Query(params): Query<ReverseParams>,
) -> Result<Json<AddressView>, ApiError> {
    let mut checks = Checks::new();
    let point = checks.place("", params.lat, params.lng);
    let language = check_language(&mut checks, params.lang.as_deref());
    checks.finish()?;
    let Some(point) = point else { return Err(Error::internal("checked above").into()) };
    let address = places.address(point, language);
    let address =
        address.ok_or_else(|| Error::conflict("no_map", "this server has no map, so it knows no addresses"))?;
    Ok(Json(address.into()))
}
