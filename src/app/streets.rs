//! The streets as the page draws them.
//!
//! Separate from the map because this is a message, written out once when the map is loaded: the lines of each class as
//! encoded polylines, at most so many points.

use axum::body::Bytes;
use axum::http::HeaderValue;
use serde::Serialize;
use utoipa::ToSchema;

use super::Error;
use crate::atlas::Source;
use crate::geo::{LatLng, Plane, distance_to_piece_m};
use crate::road::network::{Network, RoadClass, SegmentId};

/// Points drawn at most, about three bytes each; the least important classes that would be too many are left out.
const POINTS_MAX: usize = 400_000;
/// A point that lies no farther beside the line of its neighbours is not drawn.
const TOLERANCE_M: f64 = 2.0;

/// The streets, written out.
#[derive(Debug)]
pub(super) struct Streets {
    body: Bytes,
    tag: HeaderValue,
}

/// The streets of the city.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreetsView {
    /// Whom to name beside the picture.
    attribution: &'static str,
    /// Most important first.
    classes: Vec<ClassView>,
    /// Whether classes were left out because they are too many.
    is_partial: bool,
}

/// Streets of one class.
#[derive(Debug, Serialize, ToSchema)]
struct ClassView {
    /// As OpenStreetMap's `highway` says.
    class: &'static str,
    /// Encoded polylines of precision 5.
    lines: Vec<String>,
}

impl Streets {
    /// Writes the streets of a network out.
    pub(super) fn new(network: &Network, source: Source) -> Result<Self, Error> {
        let view = view(network, source, POINTS_MAX);
        let text =
            serde_json::to_string(&view).map_err(|error| Error::service("the streets cannot be drawn", error))?;
        let tag = format!("\"{:08x}-{}\"", crc32fast::hash(text.as_bytes()), text.len());
        let tag = HeaderValue::from_str(&tag).map_err(|error| Error::service("the streets cannot be drawn", error))?;
        Ok(Self { body: text.into(), tag })
    }

    /// The message.
    pub(super) fn body(&self) -> Bytes {
        self.body.clone()
    }

    /// What tells it from that of another map.
    pub(super) fn tag(&self) -> HeaderValue {
        self.tag.clone()
    }
}

fn view(network: &Network, source: Source, points_max: usize) -> StreetsView {
    let attribution = source.attribution();
    let (mut classes, mut points_left, mut is_partial) = (Vec::new(), points_max, false);
    for class in RoadClass::ALL {
        let segments = (0..network.segment_count() as u32).map(SegmentId).filter(|id| network.class(*id) == class);
        let lines: Vec<Vec<LatLng>> = segments.map(|id| thinned(network.points(id))).collect();
        let points = lines.iter().map(Vec::len).sum::<usize>();
        if lines.is_empty() {
            continue;
        }
        let Some(left) = points_left.checked_sub(points) else {
            is_partial = true;
            break;
        };
        points_left = left;
        classes.push(ClassView { class: name(class), lines: lines.iter().map(|line| encoded(line)).collect() });
    }
    StreetsView { attribution, classes, is_partial }
}

const fn name(class: RoadClass) -> &'static str {
    match class {
        RoadClass::Motorway => "motorway",
        RoadClass::Trunk => "trunk",
        RoadClass::Primary => "primary",
        RoadClass::Secondary => "secondary",
        RoadClass::Tertiary => "tertiary",
        RoadClass::Unclassified => "unclassified",
        RoadClass::Residential => "residential",
        RoadClass::LivingStreet => "living_street",
        RoadClass::Service => "service",
        RoadClass::Track => "track",
        RoadClass::Path => "path",
        RoadClass::Ferry => "ferry",
    }
}

/// A line without the points that nobody would miss (Douglas and Peucker, 1973).
fn thinned(line: &[LatLng]) -> Vec<LatLng> {
    let plane = Plane::around(line[0]);
    let flat: Vec<_> = line.iter().map(|point| plane.metres(*point)).collect();
    let mut is_kept = vec![false; line.len()];
    (is_kept[0], is_kept[line.len() - 1]) = (true, true);
    let mut open = vec![(0, line.len() - 1)];
    while let Some((from, to)) = open.pop() {
        let beside = |at: usize| distance_to_piece_m(flat[at], (flat[from], flat[to]));
        let farthest = (from + 1..to).max_by(|a, b| beside(*a).total_cmp(&beside(*b)));
        if let Some(at) = farthest.filter(|at| beside(*at) > TOLERANCE_M) {
            is_kept[at] = true;
            open.extend([(from, at), (at, to)]);
        }
    }
    line.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(point, _)| *point).collect()
}

/// Google's encoded polyline: differences in 1e-5 degrees, five bits a letter.
fn encoded(line: &[LatLng]) -> String {
    let mut text = String::with_capacity(line.len() * 5);
    let (mut last_lat, mut last_lng) = (0, 0);
    let rounded = |e7: i32| (e7 + if e7 < 0 { -50 } else { 50 }) / 100;
    for point in line {
        let (lat, lng) = (rounded(point.lat_e7()), rounded(point.lng_e7()));
        for difference in [lat - last_lat, lng - last_lng] {
            let mut bits = ((difference << 1) ^ (difference >> 31)) as u32;
            while bits >= 0x20 {
                text.push(char::from((0x20 | (bits & 0x1f)) as u8 + 63));
                bits >>= 5;
            }
            text.push(char::from(bits as u8 + 63));
        }
        (last_lat, last_lng) = (lat, lng);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::town::Town;

    fn place(lat: f64, lng: f64) -> LatLng {
        LatLng::new(lat, lng).expect("on the globe")
    }

    #[test]
    fn lines_are_encoded_as_published() {
        let line = [place(38.5, -120.2), place(40.7, -120.95), place(43.252, -126.453)];
        assert_eq!(encoded(&line), "_p~iF~ps|U_ulLnnqC_mqNvxq`@");
    }

    #[test]
    fn points_that_bend_nothing_are_left_out() {
        let (from, to) = (place(-1.95, 30.06), place(-1.95, 30.07));
        let (straight, corner) = (place(-1.950_005, 30.065), place(-1.951, 30.065));
        assert_eq!(thinned(&[from, straight, to]), [from, to]);
        assert_eq!(thinned(&[from, corner, to]), [from, corner, to]);
        assert_eq!(thinned(&[from, from]), [from, from]);
    }

    #[test]
    fn a_town_is_a_small_message_and_the_important_streets_come_first() {
        let (network, _) = Network::new(Town::kigali(1).parts).expect("a network");
        let whole = Streets::new(&network, Source::Generated).expect("streets");
        assert!((50_000..500_000).contains(&whole.body().len()), "{} bytes", whole.body().len());
        let drawn = view(&network, Source::OpenStreetMap, usize::MAX);
        let names: Vec<_> = drawn.classes.iter().map(|class| class.class).collect();
        assert_eq!(names[..3], ["trunk", "primary", "secondary"]);
        assert_eq!(drawn.classes.iter().map(|class| class.lines.len()).sum::<usize>(), network.segment_count());
        assert_eq!((drawn.is_partial, drawn.attribution), (false, "© OpenStreetMap contributors"));
        let partial = view(&network, Source::Generated, 3_000);
        assert!(partial.is_partial && (1..names.len()).contains(&partial.classes.len()));
        let again = Streets::new(&network, Source::Generated).expect("streets");
        assert_eq!((whole.tag(), whole.body()), (again.tag(), again.body()));
        let other = Streets::new(&network, Source::OpenStreetMap).expect("streets");
        assert_ne!(whole.tag(), other.tag());
    }
}
