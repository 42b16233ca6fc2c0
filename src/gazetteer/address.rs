//! What a place is called when one stands there: reverse geocoding.
//!
//! Separate because it asks the other way round: not where a name is but what is here. The street comes from whoever knows
//! the network (a snapper), given as a closure, so that the gazetteer knows no streets but their names.

use std::fmt;

use super::source::{Language, Level};
use super::{Gazetteer, Kind};
use crate::geo::LatLng;

/// Where one stands, in words. Whatever is not known is left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Address {
    /// The nearest place with a name.
    pub place: Option<String>,
    /// The nearest street with a name.
    pub street: Option<String>,
    /// Umurenge.
    pub sector: Option<String>,
    /// Akarere, without "District".
    pub district: Option<String>,
}

/// "KN 3 Rd, Nyarugenge, Nyarugenge District"; empty where nothing is known.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said: Vec<&str> = Vec::new();
        for part in [&self.place, &self.street, &self.sector].into_iter().flatten() {
            // A market named after its sector is said once.
            if !said.contains(&part.as_str()) {
                said.push(part);
            }
        }
        f.write_str(&said.join(", "))?;
        match &self.district {
            Some(district) if said.is_empty() => write!(f, "{district} District"),
            Some(district) => write!(f, ", {district} District"),
            None => Ok(()),
        }
    }
}

/// How an address is asked for.
pub struct Asked<'a> {
    /// In which language places are named; the local one by default.
    pub language: Option<Language>,
    /// How far away a place may be whose name is said, in metres.
    pub within_m: f64,
    /// The name of the nearest street, if there is one near enough.
    pub street: &'a dyn Fn(LatLng) -> Option<String>,
}

impl Gazetteer {
    /// What is at a point.
    pub fn address(&self, point: LatLng, asked: &Asked<'_>) -> Address {
        let named = |level| self.boundaries.holding(point, level).and_then(|number| self.boundaries.name(number));
        Address {
            place: self
                .nearest_place(point, asked.within_m)
                .map(|entry| self.entries.name(entry, asked.language).to_string()),
            street: (asked.street)(point),
            sector: named(Level::Sector).map(str::to_string),
            district: named(Level::District).map(str::to_string),
        }
    }

    /// The nearest place with a name that is no street, within some metres; the first of several that are equally near.
    pub fn nearest_place(&self, point: LatLng, within_m: f64) -> Option<usize> {
        /// A ten-millionth of a degree of latitude is no shorter than this.
        const METRES_PER_E7: f64 = 0.011_11;
        let reach = (within_m / METRES_PER_E7).ceil() as i32;
        let (low, high) = (point.lat_e7().saturating_sub(reach), point.lat_e7().saturating_add(reach));
        let lat = |entry: &u32| self.entries.points[*entry as usize].lat_e7();
        let begin = self.by_lat.partition_point(|entry| lat(entry) < low);
        let band = self.by_lat[begin..].iter().take_while(|entry| lat(entry) <= high).map(|entry| *entry as usize);
        // East and west a degree is shorter, so more of them are within reach: twice that far holds up to 60° of latitude.
        let wide = i64::from(reach) * 2;
        let is_near = |entry: &usize| {
            let east = i64::from(self.entries.points[*entry].lng_e7()) - i64::from(point.lng_e7());
            east.abs() <= wide && self.entries.kinds[*entry] != Kind::Street
        };
        let measured = band.filter(is_near).map(|entry| (point.distance_m(self.entries.points[entry]), entry));
        let within = measured.filter(|(metres, _)| *metres <= within_m);
        within.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, entry)| entry)
    }
}
