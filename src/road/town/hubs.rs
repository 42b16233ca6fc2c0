//! Where a town's life gathers: the well-known places of Kigali, or hubs that chance puts somewhere.
//!
//! Separate because it is data. The coordinates are bus terminals and stops of the Kigali network (RURA's GTFS feed,
//! 2024-25), the sectors those they lie in, so that a generated town has its streets where the demand of the simulation is.

use super::chance::Chance;
use super::plane::{Plane, Point};
use crate::geo::LatLng;

/// A place around which streets are close to each other.
#[derive(Clone, PartialEq, Debug)]
pub struct Hub {
    /// What people call it.
    pub name: String,
    /// Its sector and district.
    pub sector: (String, String),
    /// What it is, as OpenStreetMap says: `bus_station`, `marketplace`, ….
    pub kind: &'static str,
    /// Where it is.
    pub at: LatLng,
    /// How busy it is, from 1 to 14.
    pub weight: f64,
}

type Known = (&'static str, &'static str, &'static str, &'static str, (f64, f64), f64);

const NYARUGENGE: &str = "Nyarugenge";
const GASABO: &str = "Gasabo";
const KICUKIRO: &str = "Kicukiro";

/// The centre first.
const KIGALI: [Known; 24] = [
    ("Downtown", "Nyarugenge", NYARUGENGE, "bus_station", (-1.943838, 30.056937), 14.0),
    ("Nyabugogo", "Muhima", NYARUGENGE, "bus_station", (-1.940645, 30.044477), 14.0),
    ("Kimironko", "Kimironko", GASABO, "marketplace", (-1.949596, 30.125570), 10.0),
    ("Remera", "Remera", GASABO, "bus_station", (-1.958409, 30.119131), 10.0),
    ("Nyamirambo", "Nyamirambo", NYARUGENGE, "bus_station", (-1.980121, 30.041981), 8.0),
    ("Kicukiro Centre", "Kicukiro", KICUKIRO, "marketplace", (-1.983847, 30.103971), 7.0),
    ("Kacyiru", "Kacyiru", GASABO, "bus_station", (-1.936693, 30.081353), 6.0),
    ("Sonatube", "Niboye", KICUKIRO, "bus_stop", (-1.968132, 30.101791), 4.0),
    ("Amahoro Stadium", "Remera", GASABO, "stadium", (-1.956506, 30.115228), 4.0),
    ("Kigali Convention Centre", "Kimihurura", GASABO, "conference_centre", (-1.952573, 30.094775), 4.0),
    ("Kigali Airport", "Nyarugunga", KICUKIRO, "aerodrome", (-1.962186, 30.134380), 4.0),
    ("Nyanza", "Kagarama", KICUKIRO, "bus_station", (-2.001041, 30.091375), 4.0),
    ("CHUK", "Gitega", NYARUGENGE, "hospital", (-1.956014, 30.061023), 3.0),
    ("Rwandex", "Gikondo", KICUKIRO, "bus_stop", (-1.969383, 30.086747), 3.0),
    ("Gishushu", "Remera", GASABO, "bus_stop", (-1.953871, 30.102399), 3.0),
    ("Batsinda", "Gatsata", GASABO, "bus_station", (-1.906775, 30.080270), 3.0),
    ("Kinyinya", "Kinyinya", GASABO, "bus_station", (-1.913391, 30.109343), 3.0),
    ("King Faisal Hospital", "Kacyiru", GASABO, "hospital", (-1.945332, 30.094270), 2.0),
    ("Kanombe", "Kanombe", KICUKIRO, "bus_station", (-1.985908, 30.179103), 2.0),
    ("Masaka", "Masaka", KICUKIRO, "bus_station", (-1.997499, 30.192041), 1.0),
    ("Kabuga", "Rusororo", GASABO, "bus_station", (-1.979014, 30.223064), 1.0),
    ("Gisozi", "Gisozi", GASABO, "marketplace", (-1.921500, 30.064000), 2.0),
    ("Ndera", "Ndera", GASABO, "bus_stop", (-1.950000, 30.170000), 1.0),
    ("Gahanga", "Gahanga", KICUKIRO, "bus_stop", (-2.030000, 30.105000), 1.0),
];

/// Names for hubs that chance makes.
const NAMES: [&str; 14] = [
    "Umujyi",
    "Rugarama",
    "Kabeza",
    "Nyakabanda",
    "Gasave",
    "Rwezamenyo",
    "Murambi",
    "Bibare",
    "Karama",
    "Nyarutarama",
    "Rebero",
    "Kamatamu",
    "Busanza",
    "Gihogere",
];

/// The well-known places of Kigali.
pub(super) fn kigali() -> Vec<Hub> {
    let hub = |(name, sector, district, kind, (lat, lng), weight): &Known| {
        let sector = ((*sector).to_owned(), (*district).to_owned());
        LatLng::new(*lat, *lng).ok().map(|at| Hub { name: (*name).to_owned(), sector, kind, at, weight: *weight })
    };
    KIGALI.iter().filter_map(hub).collect()
}

/// Hubs of a town of chance: one in the middle, the others further out, not too close to each other.
pub(super) fn scattered(chance: &mut Chance, centre: LatLng, radius_m: f64) -> Vec<Hub> {
    const KINDS: [&str; 4] = ["marketplace", "bus_station", "bus_stop", "hospital"];
    let plane = Plane::new(centre);
    let count = ((radius_m / 900.0) as usize + 2).min(NAMES.len());
    let apart_m = radius_m / (count as f64).sqrt();
    let mut points = vec![Point::ORIGIN];
    for _ in 0..40 * count {
        let at = Point::new(chance.between(-0.7, 0.7), chance.between(-0.7, 0.7)).times(radius_m);
        if points.len() < count && points.iter().all(|other| other.distance(at) > apart_m) {
            points.push(at);
        }
    }
    let hub = |(nth, at): (usize, &Point)| {
        let district = [NYARUGENGE, GASABO, KICUKIRO][(at.direction() * 0.749) as usize % 3];
        let name = NAMES[nth].to_owned();
        let weight = if nth == 0 { 12.0 } else { chance.between(1.0, 8.0) };
        let sector = (name.clone(), district.to_owned());
        Hub { name, sector, kind: KINDS[nth % KINDS.len()], at: plane.place(*at), weight }
    };
    points.iter().enumerate().map(hub).collect()
}
