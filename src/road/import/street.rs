//! What a way is to the profile: whether a motorcycle may use it, which way, how fast.
//!
//! Separate from reading and cutting ways: here one way's tags go in and one [`Street`] comes out, with no geometry.
//! Meanings of the tags are those of the OpenStreetMap wiki (Key:access, Key:oneway, Key:maxspeed, Key:incline).

use super::tags::Tags;
use crate::road::network::RoadClass;
use crate::road::profile::{Profile, Slowing};

/// A way that can be used in one direction at least.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Street {
    pub class: RoadClass,
    pub is_roundabout: bool,
    /// Speed along the way; `None` where that is not allowed.
    pub forward_kmh: Option<f64>,
    /// Speed against the way.
    pub backward_kmh: Option<f64>,
    /// What the whole way takes, where a timetable says it.
    pub duration_s: Option<f64>,
    /// What one waits before it.
    pub wait_s: f64,
}

/// The street that a way is, or `None` where no motorcycle goes.
pub fn street(tags: &Tags<'_>, profile: &Profile) -> Option<Street> {
    if tags.is("route", "ferry") {
        return ferry(tags, profile);
    }
    let highway = tags.get("highway")?;
    let base_kmh = *profile.speed_kmh.get(highway)?;
    if tags.is("area", "yes") || tags.is("impassable", "yes") {
        return None;
    }
    let (forward, backward) = directions(tags, profile, highway);
    let speed =
        |is_forward: bool, use_factor: Option<f64>| Some(speed_kmh(tags, profile, base_kmh, is_forward) * use_factor?);
    let street = Street {
        class: class(highway),
        is_roundabout: is_roundabout(tags),
        forward_kmh: speed(true, forward),
        backward_kmh: speed(false, backward),
        duration_s: None,
        wait_s: 0.0,
    };
    (street.forward_kmh.is_some() || street.backward_kmh.is_some()).then_some(street)
}

fn ferry(tags: &Tags<'_>, profile: &Profile) -> Option<Street> {
    let use_factor = |direction| match may_use(tags, profile, direction) {
        Use::No => None,
        _ => Some(profile.ferry.speed_kmh),
    };
    let (forward_kmh, backward_kmh) = (use_factor("forward"), use_factor("backward"));
    let is_oneway = tags.get("oneway").is_some_and(|value| matches!(value, "yes" | "true" | "1"));
    let street = Street {
        class: RoadClass::Ferry,
        is_roundabout: false,
        forward_kmh,
        backward_kmh: backward_kmh.filter(|_| !is_oneway),
        duration_s: tags.get("duration").and_then(duration_s),
        wait_s: profile.ferry.boarding_s,
    };
    street.forward_kmh.or(street.backward_kmh).map(|_| street)
}

fn class(highway: &str) -> RoadClass {
    match highway.trim_end_matches("_link") {
        "motorway" => RoadClass::Motorway,
        "trunk" => RoadClass::Trunk,
        "primary" => RoadClass::Primary,
        "secondary" => RoadClass::Secondary,
        "tertiary" => RoadClass::Tertiary,
        "residential" => RoadClass::Residential,
        "living_street" => RoadClass::LivingStreet,
        "service" => RoadClass::Service,
        "track" => RoadClass::Track,
        "path" | "footway" | "cycleway" | "bridleway" | "steps" | "pedestrian" => RoadClass::Path,
        _ => RoadClass::Unclassified,
    }
}

fn is_roundabout(tags: &Tags<'_>) -> bool {
    tags.get("junction").is_some_and(|junction| matches!(junction, "roundabout" | "circular"))
}

/// By what the speed is multiplied in each direction; `None` where it is not allowed.
fn directions(tags: &Tags<'_>, profile: &Profile, highway: &str) -> (Option<f64>, Option<f64>) {
    let needs_invitation = profile.access.designated_only.iter().any(|known| known == highway);
    let factor = |direction| match may_use(tags, profile, direction) {
        Use::No => None,
        Use::Unsaid if needs_invitation => None,
        Use::Unsaid | Use::Yes => Some(1.0),
        Use::Slow => Some(profile.access.slow_factor),
    };
    let (forward, backward) = (factor("forward"), factor("backward"));
    match oneway(tags, profile) {
        Oneway::No => (forward, backward),
        Oneway::Along => (forward, None),
        Oneway::Against => (None, backward),
        Oneway::Changing => (None, None),
    }
}

enum Oneway {
    No,
    Along,
    Against,
    /// By the hour, and no map says when.
    Changing,
}

fn oneway(tags: &Tags<'_>, profile: &Profile) -> Oneway {
    // The most special word counts: motorcycles may be let in against the others.
    let special = profile.access.keys.iter().find_map(|key| tags.get(&format!("oneway:{key}")));
    match special.or(tags.get("oneway")) {
        Some("yes" | "true" | "1") => Oneway::Along,
        Some("-1" | "reverse") => Oneway::Against,
        Some("reversible") => Oneway::Changing,
        // Vehicles take turns on a narrow bridge.
        Some("no" | "false" | "0" | "alternating") => Oneway::No,
        _ if is_roundabout(tags) || tags.is("highway", "motorway") => Oneway::Along,
        _ => Oneway::No,
    }
}

/// What access tags say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    Yes,
    No,
    Slow,
    Unsaid,
}

/// What the tags say about this vehicle, in a direction (`forward`, `backward`; nodes have none).
pub fn may_use(tags: &Tags<'_>, profile: &Profile, direction: &str) -> Use {
    let access = &profile.access;
    let has = |list: &[String], value: &str| list.iter().any(|known| known == value);
    let said = |value: &str| {
        // `yes;destination` is as good as its first word.
        let value = value.split(';').next().unwrap_or_default().trim();
        if has(&access.forbid, value) {
            Some(Use::No)
        } else if has(&access.slow, value) {
            Some(Use::Slow)
        } else {
            has(&access.allow, value).then_some(Use::Yes)
        }
    };
    for key in &access.keys {
        let special = tags.get(&format!("{key}:{direction}")).and_then(said);
        if let Some(answer) = special.or_else(|| tags.get(key).and_then(said)) {
            return answer;
        }
    }
    Use::Unsaid
}

fn speed_kmh(tags: &Tags<'_>, profile: &Profile, base_kmh: f64, is_forward: bool) -> f64 {
    let mut kmh = base_kmh;
    let mut cap_kmh = f64::INFINITY;
    let is_service = tags.is("highway", "service");
    for (table, key) in [
        (&profile.surface, "surface"),
        (&profile.smoothness, "smoothness"),
        (&profile.tracktype, "tracktype"),
        (&profile.service, "service"),
    ] {
        let value = tags.get(key).filter(|_| key != "service" || is_service);
        if let Some(Slowing { factor, cap_kmh: cap }) = value.and_then(|value| table.get(value)) {
            kmh *= factor;
            cap_kmh = cap_kmh.min(*cap);
        }
    }
    let direction = if is_forward { "maxspeed:forward" } else { "maxspeed:backward" };
    let limit = tags.get(direction).or(tags.get("maxspeed")).and_then(|value| limit_kmh(value, profile));
    cap_kmh = cap_kmh.min(limit.map_or(f64::INFINITY, |limit| limit * profile.maxspeed.factor));
    kmh *= incline_factor(tags, profile, is_forward);
    // Nobody is slower than the slowest walker.
    kmh.min(cap_kmh).max(1.0)
}

/// `50`, `30 mph`, `walk`, `RW:urban`; of several the lowest.
fn limit_kmh(value: &str, profile: &Profile) -> Option<f64> {
    let one = |word: &str| {
        if let Some(kmh) = profile.maxspeed.named_kmh.get(word) {
            return Some(*kmh);
        }
        let (number, factor) = match word.strip_suffix("mph") {
            Some(number) => (number, 1.609_344),
            None => (word.strip_suffix("km/h").unwrap_or(word), 1.0),
        };
        let kmh: f64 = number.trim().parse().ok()?;
        // A limit of 0 or 900 is a slip of the pen.
        Some(kmh * factor).filter(|kmh| (1.0..=200.0).contains(kmh))
    };
    value.split([';', '|', ',']).filter_map(|word| one(word.trim())).min_by(f64::total_cmp)
}

fn incline_factor(tags: &Tags<'_>, profile: &Profile, is_forward: bool) -> f64 {
    let Some(percent) = tags.get("incline").and_then(|value| incline_percent(value, profile)) else { return 1.0 };
    let reached = profile.incline.steps.iter().rev().find(|step| percent.abs() >= step.from_percent);
    let Some(step) = reached else { return 1.0 };
    let factor = if (percent > 0.0) == is_forward { step.up_factor } else { step.down_factor };
    if is_paved(tags) { factor } else { factor * factor }
}

/// Positive where the way climbs along its direction.
fn incline_percent(value: &str, profile: &Profile) -> Option<f64> {
    match value {
        "up" | "yes" => return Some(profile.incline.unnumbered_percent),
        "down" => return Some(-profile.incline.unnumbered_percent),
        _ => (),
    }
    let percent = match value.strip_suffix('°') {
        Some(degrees) => degrees.trim().parse::<f64>().ok()?.to_radians().tan() * 100.0,
        None => value.trim_end_matches('%').trim().parse().ok()?,
    };
    Some(percent).filter(|percent| percent.abs() <= 100.0)
}

fn is_paved(tags: &Tags<'_>) -> bool {
    match tags.get("surface") {
        Some(surface) => ["asphalt", "paved", "concrete", "paving_stones", "bricks", "sett", "cobblestone"]
            .iter()
            .any(|paved| surface.starts_with(paved)),
        None => !tags.is("highway", "track") && !tags.is("highway", "path"),
    }
}

/// `25` and `00:25` are minutes, `01:10:00` has seconds, `PT1H10M` is ISO 8601.
fn duration_s(value: &str) -> Option<f64> {
    if let Some(iso) = value.strip_prefix("PT") {
        let mut seconds = 0.0;
        for part in iso.split_inclusive(char::is_alphabetic) {
            let (number, unit) = part.split_at(part.len() - part.chars().next_back()?.len_utf8());
            let factor = match unit {
                "H" => 3_600.0,
                "M" => 60.0,
                "S" => 1.0,
                _ => return None,
            };
            seconds += number.parse::<f64>().ok()? * factor;
        }
        return plausible(seconds);
    }
    let numbers = value.split(':').map(|number| number.trim().parse::<f64>().ok()).collect::<Option<Vec<f64>>>()?;
    match numbers[..] {
        [minutes] => plausible(minutes * 60.0),
        [hours, minutes] => plausible(hours * 3_600.0 + minutes * 60.0),
        [hours, minutes, seconds] => plausible(hours * 3_600.0 + minutes * 60.0 + seconds),
        _ => None,
    }
}

/// A crossing of up to two days.
fn plausible(seconds: f64) -> Option<f64> {
    (1.0..=172_800.0).contains(&seconds).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tags: &[(&'static str, &'static str)]) -> Option<Street> {
        street(&Tags::new(tags.iter().copied()), &Profile::moto())
    }

    /// Speeds along and against, rounded; `None` is forbidden.
    fn speeds(tags: &[(&'static str, &'static str)]) -> (Option<i32>, Option<i32>) {
        let whole = |kmh: Option<f64>| kmh.map(|kmh| kmh.round() as i32);
        read(tags).map_or((None, None), |street| (whole(street.forward_kmh), whole(street.backward_kmh)))
    }

    #[test]
    fn directions_are_what_the_oneway_tags_say() {
        let primary = Some(42);
        for (tags, want) in [
            (vec![], (primary, primary)),
            (vec![("oneway", "yes")], (primary, None)),
            (vec![("oneway", "1")], (primary, None)),
            (vec![("oneway", "true")], (primary, None)),
            (vec![("oneway", "-1")], (None, primary)),
            (vec![("oneway", "no")], (primary, primary)),
            (vec![("oneway", "reversible")], (None, None)),
            (vec![("oneway", "alternating")], (primary, primary)),
            (vec![("oneway", "yes"), ("oneway:motorcycle", "no")], (primary, primary)),
            (vec![("oneway:motorcycle", "yes")], (primary, None)),
            (vec![("oneway", "yes"), ("oneway:bicycle", "no")], (primary, None)),
            (vec![("junction", "roundabout")], (primary, None)),
            (vec![("junction", "circular")], (primary, None)),
            (vec![("junction", "roundabout"), ("oneway", "-1")], (None, primary)),
            (vec![("motor_vehicle:backward", "no")], (primary, None)),
        ] {
            let all = [vec![("highway", "primary")], tags.clone()].concat();
            assert_eq!(speeds(&all), want, "{tags:?}");
        }
    }

    #[test]
    fn the_most_special_access_tag_decides() {
        for (tags, is_open) in [
            (vec![("access", "private")], false),
            (vec![("access", "private"), ("motorcycle", "yes")], true),
            (vec![("access", "yes"), ("motor_vehicle", "no")], false),
            (vec![("vehicle", "no"), ("motor_vehicle", "permissive")], true),
            (vec![("motorcycle", "no"), ("motor_vehicle", "yes")], false),
            (vec![("access", "what is this")], true),
            (vec![("area", "yes")], false),
        ] {
            let all = [vec![("highway", "residential")], tags.clone()].concat();
            assert_eq!(read(&all).is_some(), is_open, "{tags:?}");
        }
        assert_eq!(speeds(&[("highway", "residential"), ("access", "destination")]), (Some(9), Some(9)));
    }

    #[test]
    fn motorcycles_use_paths_by_invitation_only_and_footways_never() {
        assert_eq!(speeds(&[("highway", "path")]), (None, None));
        assert_eq!(speeds(&[("highway", "path"), ("motorcycle", "yes")]), (Some(10), Some(10)));
        for highway in ["footway", "steps", "construction", "proposed", "pedestrian", "cycleway", "nonsense"] {
            assert_eq!(read(&[("highway", highway)]), None, "{highway}");
        }
    }

    #[test]
    fn speed_falls_with_surface_hill_and_limit() {
        for (tags, want) in [
            (vec![("highway", "trunk")], (48, 48)),
            (vec![("highway", "trunk"), ("maxspeed", "40")], (38, 38)),
            (vec![("highway", "trunk"), ("maxspeed", "RW:urban")], (38, 38)),
            (vec![("highway", "trunk"), ("maxspeed", "20 mph")], (31, 31)),
            (vec![("highway", "trunk"), ("maxspeed", "60; 30")], (29, 29)),
            (vec![("highway", "trunk"), ("maxspeed", "none")], (48, 48)),
            (vec![("highway", "trunk"), ("maxspeed", "0")], (48, 48)),
            (vec![("highway", "trunk"), ("maxspeed:forward", "20")], (19, 48)),
            (vec![("highway", "residential"), ("surface", "dirt")], (16, 16)),
            (vec![("highway", "residential"), ("surface", "dirt"), ("incline", "15%")], (8, 10)),
            (vec![("highway", "residential"), ("surface", "asphalt"), ("incline", "15%")], (17, 18)),
            (vec![("highway", "residential"), ("incline", "-15 %")], (18, 17)),
            (vec![("highway", "residential"), ("incline", "up")], (20, 21)),
            (vec![("highway", "residential"), ("incline", "900%")], (23, 23)),
            (vec![("highway", "service"), ("service", "driveway")], (11, 11)),
            (vec![("highway", "track"), ("tracktype", "grade5"), ("smoothness", "very_horrible")], (3, 3)),
        ] {
            let (forward, backward) = want;
            assert_eq!(speeds(&tags), (Some(forward), Some(backward)), "{tags:?}");
        }
    }

    #[test]
    fn a_ferry_takes_its_timetable_or_its_speed() {
        let ferry = read(&[("route", "ferry"), ("duration", "00:25")]).expect("a ferry");
        assert_eq!((ferry.class, ferry.duration_s), (RoadClass::Ferry, Some(1_500.0)));
        assert_eq!(read(&[("route", "ferry"), ("motor_vehicle", "no")]), None);
        for (text, seconds) in [
            ("90", Some(5_400.0)),
            ("1:10:30", Some(4_230.0)),
            ("PT1H10M", Some(4_200.0)),
            ("PT", None),
            ("soon", None),
            ("PTé", None),
        ] {
            assert_eq!(duration_s(text), seconds, "{text}");
        }
    }
}
