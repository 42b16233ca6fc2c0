//! The town held to what it promises: connected, legal, plausible, and the same for ever.

use std::collections::BTreeMap;

use super::*;
use crate::geo::{KIGALI, Polygon};
use crate::road::network::{ArcId, Network};
use crate::road::turns::{TurnCosts, TurnGraph};

fn centre() -> LatLng {
    LatLng::new(-1.9438, 30.0569).expect("on the globe")
}

fn towns() -> impl Iterator<Item = (u64, Town)> {
    (0..8)
        .map(|seed| (seed, Town::generate(seed, centre(), 2_500.0)))
        .chain([(1, Town::kigali(1)), (2, Town::kigali(2))])
}

/// Whether everything can be reached from 0 and reaches it.
fn is_strongly_connected(count: usize, edges: &[(u32, u32)]) -> bool {
    let reaches_all = |edges: Vec<(u32, u32)>| {
        let mut next = vec![Vec::new(); count];
        edges.into_iter().for_each(|(from, to)| next[from as usize].push(to));
        let (mut open, mut is_seen) = (vec![0_u32], vec![false; count]);
        is_seen[0] = true;
        while let Some(at) = open.pop() {
            let new: Vec<u32> = next[at as usize].iter().copied().filter(|to| !is_seen[*to as usize]).collect();
            new.iter().for_each(|to| is_seen[*to as usize] = true);
            open.extend(new);
        }
        is_seen.iter().all(|is_seen| *is_seen)
    };
    reaches_all(edges.to_vec()) && reaches_all(edges.iter().map(|(from, to)| (*to, *from)).collect())
}

#[test]
fn every_junction_is_reached_from_every_other() {
    for (seed, town) in towns() {
        let junctions = town.parts.nodes.len();
        let (network, _) = Network::new(town.parts).expect("a network");
        let arcs: Vec<_> =
            (0..network.arc_count() as u32).map(ArcId).map(|arc| (network.tail(arc).0, network.head(arc).0)).collect();
        assert!(is_strongly_connected(junctions, &arcs), "seed {seed}");
    }
}

#[test]
fn forbidden_turns_cut_no_street_off() {
    for (seed, town) in towns() {
        let wanted = town.parts.restrictions.len();
        let (network, restrictions) = Network::new(town.parts).expect("a network");
        assert_eq!(restrictions.len(), wanted, "seed {seed}: all of them are legal ways");
        assert!(
            restrictions.iter().all(|way| way.windows(2).all(|pair| network.head(pair[0]) == network.tail(pair[1])))
        );
        let turns = TurnGraph::new(&network, &restrictions, &TurnCosts::FREE);
        // Copies that nobody gets into are not asked to be reached: arcs are.
        let arc = |vertex| turns.arc_of(vertex).0;
        let edges: Vec<_> = (0..turns.vertex_count() as u32)
            .flat_map(|vertex| turns.turns(vertex).map(move |(head, _)| (vertex, head)))
            .map(|(from, to)| (arc(from), arc(to)))
            .collect();
        assert!(is_strongly_connected(network.arc_count(), &edges), "seed {seed}");
    }
    let by_way = Town::kigali(1).parts.restrictions.iter().filter(|way| way.len() == 3).count();
    assert!(by_way > 0, "some run over a street between");
}

#[test]
fn streets_are_those_of_a_town_on_hills() {
    for (seed, town) in towns() {
        let parts = &town.parts;
        let (junctions, streets) = (parts.nodes.len(), parts.segments.len());
        let degree = 2.0 * streets as f64 / junctions as f64;
        assert!((2.4..=3.2).contains(&degree), "seed {seed}: {degree} streets at a junction");
        let mut degrees = vec![0; junctions];
        for segment in &parts.segments {
            assert_ne!(segment.from, segment.to, "seed {seed}");
            degrees[segment.from.0 as usize] += 1;
            degrees[segment.to.0 as usize] += 1;
        }
        let share =
            |wanted: usize| degrees.iter().filter(|degree| **degree == wanted).count() as f64 / junctions as f64;
        assert!(share(0) == 0.0 && (0.03..0.3).contains(&share(1)), "seed {seed}: {} dead ends", share(1));
        assert!(share(3) > 0.5, "seed {seed}: a grid would have four");
        let classes: BTreeMap<_, usize> = parts.segments.iter().fold(BTreeMap::new(), |mut count, segment| {
            *count.entry(segment.class).or_default() += 1;
            count
        });
        assert!(classes.len() >= 5 && classes[&RoadClass::Residential] > streets / 4, "seed {seed}: {classes:?}");
    }
}

/// Of a planar drawing Euler says how many faces there are.
#[test]
fn blocks_are_as_large_as_blocks_are() {
    for (seed, town) in towns() {
        let (network, _) = Network::new(town.parts).expect("a network");
        let blocks = network.segment_count() + 1 - network.node_count();
        let lengths = (0..network.segment_count() as u32).map(|segment| {
            let points = network.points(crate::road::network::SegmentId(segment));
            points.windows(2).map(|pair| pair[0].distance_m(pair[1])).sum::<f64>()
        });
        let mut lengths: Vec<f64> = lengths.collect();
        lengths.sort_by(f64::total_cmp);
        let median_m = lengths[lengths.len() / 2];
        assert!((80.0..260.0).contains(&median_m), "seed {seed}: {median_m} m from junction to junction");
        // Each street has a block on both sides.
        let round_m = 2.0 * lengths.iter().sum::<f64>() / blocks as f64;
        assert!((500.0..3_000.0).contains(&round_m), "seed {seed}: {round_m} m around a block");
    }
}

#[test]
fn one_ways_roundabouts_and_forbidden_turns_are_there() {
    for seed in 1..4 {
        let parts = Town::kigali(seed).parts;
        let one_way = parts.segments.iter().filter(|segment| segment.backward_ms.is_none() && !segment.is_roundabout);
        assert!((15..400).contains(&one_way.count()), "seed {seed}");
        let round: Vec<_> = parts.segments.iter().filter(|segment| segment.is_roundabout).collect();
        assert!(round.len() >= 3 && round.iter().all(|segment| segment.backward_ms.is_none()), "seed {seed}");
        assert!((4..=14).contains(&parts.restrictions.len()), "seed {seed}");
        // Anticlockwise: the middle of each piece of a roundabout lies to the right of its chord.
        for piece in round {
            let plane = Plane::new(centre());
            let [from, to, middle] =
                [parts.nodes[piece.from.0 as usize], parts.nodes[piece.to.0 as usize], piece.shape[1]]
                    .map(|at| plane.point(at));
            let is_half = from.distance(to) > 43.0;
            assert!(is_half || to.minus(from).cross(middle.minus(from)) < 0.0, "seed {seed}");
        }
    }
}

#[test]
fn slopes_and_classes_decide_speeds() {
    let town = Town::kigali(3);
    let (network, _) = Network::new(town.parts).expect("a network");
    let mut speeds: BTreeMap<RoadClass, Vec<f64>> = BTreeMap::new();
    let mut differ = 0;
    for arc in (0..network.arc_count() as u32).map(ArcId) {
        let kmh = f64::from(network.length_dm(arc)) * 360.0 / f64::from(network.durations_ms()[arc.0 as usize]);
        assert!((4.0..60.0).contains(&kmh), "{kmh} km/h");
        speeds.entry(network.class(network.directed(arc).segment)).or_default().push(kmh);
        let back = network.twin(arc).map(|twin| network.durations_ms()[twin.0 as usize]);
        differ += usize::from(back.is_some_and(|back| back * 10 > network.durations_ms()[arc.0 as usize] * 11));
    }
    let mean = |class: RoadClass| speeds[&class].iter().sum::<f64>() / speeds[&class].len() as f64;
    assert!(
        mean(RoadClass::Trunk) > mean(RoadClass::Primary) && mean(RoadClass::Primary) > mean(RoadClass::Residential)
    );
    assert!(differ > network.arc_count() / 20, "{differ} arcs are a tenth slower one way than the other");
}

#[test]
fn names_are_those_of_kigali() {
    let town = Town::kigali(1);
    for wanted in ["KN 3 Rd", "KG 11 Ave", "KK 15 St", "RN 1", "Boulevard de l'Umuganda"] {
        let letters = wanted.split(' ').next().expect("a word");
        assert!(town.parts.names.iter().any(|name| name.starts_with(letters)), "{wanted}");
    }
    let mut names = town.parts.names.clone();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), town.parts.names.len(), "each once");
    let named = town.parts.segments.iter().filter(|segment| segment.name.is_some()).count();
    assert!(named * 2 > town.parts.segments.len());
    assert!(town.places.len() > 300 && town.places.iter().any(|place| place.name == "Nyabugogo"));
}

#[test]
fn every_place_lies_in_one_sector() {
    let town = Town::kigali(4);
    let rings: Vec<Polygon> = town
        .sectors
        .iter()
        .map(|sector| {
            let (first, last) = (sector.ring.first(), sector.ring.last());
            assert_eq!(first, last, "{} is closed", sector.name);
            Polygon::new(sector.ring.clone()).expect("a ring")
        })
        .collect();
    for place in &town.places {
        let holding = rings.iter().filter(|ring| ring.contains(place.point)).count();
        assert!((1..=2).contains(&holding), "{} lies in {holding} sectors", place.name);
    }
}

#[test]
fn the_hubs_of_kigali_have_streets_and_the_town_is_served() {
    for seed in 0..3 {
        let town = Town::kigali(seed);
        assert!((3_000..=5_500).contains(&town.parts.nodes.len()), "seed {seed}: {} junctions", town.parts.nodes.len());
        assert!(town.parts.nodes.iter().all(|at| KIGALI.contains(*at)), "seed {seed}");
        for hub in hubs::kigali() {
            let nearest_m = town.parts.nodes.iter().map(|at| at.distance_m(hub.at)).fold(f64::MAX, f64::min);
            assert!(nearest_m < 60.0, "seed {seed}: {} is {nearest_m} m from a junction", hub.name);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_town() {
    let print = |seed: u64| {
        let parts = Town::generate(seed, centre(), 2_000.0).parts;
        format!("{:?}", (parts.nodes, parts.segments, parts.names, parts.restrictions))
    };
    assert_eq!(print(7), print(7));
    assert_ne!(print(7), print(8));
}

/// What a seed makes is a promise: maps that people remember must not move with a new version.
#[test]
fn the_town_of_a_seed_stays_as_it_is() {
    let parts = Town::generate(1, centre(), 2_000.0).parts;
    let text = format!("{:?}", (&parts.nodes, &parts.segments, &parts.names, &parts.restrictions));
    let print = format!(
        "{} junctions, {} streets, {:08x}",
        parts.nodes.len(),
        parts.segments.len(),
        crc32fast::hash(text.as_bytes())
    );
    assert_eq!(print, "485 junctions, 660 streets, 054804d4");
}

#[test]
fn a_radius_that_makes_no_town_is_taken_as_the_nearest_that_does() {
    for radius_m in [0.0, -5.0, f64::NEG_INFINITY] {
        let town = Town::generate(3, centre(), radius_m);
        assert!(Network::new(town.parts).is_ok(), "{radius_m}");
    }
}
