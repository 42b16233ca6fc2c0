//! The router against a search that knows nothing but streets and turns.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::path::Path;

use proptest::prelude::{any, prop_assert, proptest};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::road::import::import;
use crate::road::network::{ArcId, Directed, Parts, RoadClass, Segment, SegmentId};
use crate::road::profile::Profile;
use crate::road::turns::{CLOSED, TurnCosts};
use crate::road::{Leg, TravelTime};
use crate::time::Span;

const COSTS: TurnCosts = TurnCosts {
    u_turn_ms: 20_000,
    dead_end_ms: 5_000,
    across_ms: 4_000,
    with_ms: 2_000,
    straight_ms: 0,
    drives_on_right: true,
};

fn at(lat: f64, lng: f64) -> LatLng {
    LatLng::new(lat, lng).expect("on the globe")
}

struct Town {
    router: Router,
    restrictions: Vec<Vec<ArcId>>,
}

impl Town {
    fn new(parts: Parts) -> Self {
        let (network, restrictions) = Network::new(parts).expect("a network");
        let turns = TurnGraph::new(&network, &restrictions, &COSTS);
        let hierarchy = contract(&network, &turns).expect("a hierarchy");
        let snapper = Snapper::new(&network);
        let router =
            Router::new(network.into(), turns.into(), hierarchy.into(), snapper.into(), 300.0).expect("of one map");
        Self { router, restrictions }
    }

    /// A grid of blocks of 100 m: streets missing, one-ways, and turns forbidden, some by way of another street.
    fn random(side: u32, rng: &mut StdRng) -> Self {
        let place = |v: u32| at(-1.95 + f64::from(v / side) * 0.0009, 30.05 + f64::from(v % side) * 0.0009);
        let mut parts = Parts { nodes: (0..side * side).map(place).collect(), ..Parts::default() };
        parts.names = (0..side).map(|row| format!("KN {row} St")).collect();
        for vertex in 0..side * side {
            let neighbours = [(vertex % side + 1 < side, vertex + 1), (vertex / side + 1 < side, vertex + side)];
            for (_, other) in neighbours.into_iter().filter(|(is_there, _)| *is_there) {
                let mut ms = |open| open_ms(open, rng.random_range(5_000..30_000));
                let (forward_ms, backward_ms) = match vertex.wrapping_mul(2_654_435_761).wrapping_add(other) % 9 {
                    0 => continue,
                    1 => (ms(true), ms(false)),
                    2 => (ms(false), ms(true)),
                    _ => (ms(true), ms(true)),
                };
                let shape = vec![at(place(vertex).lat() + 0.0001, place(other).lng() - 0.00012)];
                let (from, to) = (NodeId(vertex), NodeId(other));
                let name = (other == vertex + 1).then_some(vertex / side);
                let class = RoadClass::Residential;
                parts.segments.push(Segment {
                    from,
                    to,
                    shape,
                    class,
                    name,
                    is_roundabout: false,
                    forward_ms,
                    backward_ms,
                });
            }
        }
        parts.restrictions = (0..side * 2).filter_map(|_| walk(&parts, rng)).collect();
        Self::new(parts)
    }

    fn random_snap(&self, rng: &mut StdRng) -> Snapped {
        let arc = ArcId(rng.random_range(0..self.router.network.arc_count() as u32));
        self.snapped(arc, rng.random_range(0..=self.router.network.length_dm(arc)), rng.random())
    }

    fn snapped(&self, arc: ArcId, along_dm: u32, is_either_way: bool) -> Snapped {
        let point = self.router.network.node(self.router.network.tail(arc));
        Snapped { snap: Snap { arc, along_dm, point, distance_m: 0.0 }, is_either_way }
    }

    /// The riding time by Dijkstra over vertices: when each is begun to be ridden.
    fn truth(&self, from: Snapped, to: Snap) -> Option<u32> {
        let (network, turns, live) = (&self.router.network, &self.router.turns, self.router.live());
        let now = |arc: ArcId| live.durations_ms()[arc.0 as usize];
        let part = |snap: &Snap, duration: u32| {
            (u64::from(duration) * u64::from(snap.along_dm) / u64::from(network.length_dm(snap.arc))) as u32
        };
        let both = |snap: Snap| {
            let twin = network.twin(snap.arc);
            [Some(snap), twin.map(|arc| Snap { arc, along_dm: network.length_dm(arc) - snap.along_dm, ..snap })]
        };
        let (mut begun, mut heap, mut best) = (vec![u32::MAX; turns.vertex_count()], BinaryHeap::new(), None);
        let mut offer = |time: u32| best = Some(best.map_or(time, |best: u32| best.min(time)));
        let ends: Vec<Snap> = both(to).into_iter().flatten().filter(|end| now(end.arc) < CLOSED).collect();
        for start in both(from.snap).into_iter().flatten().take(if from.is_either_way { 2 } else { 1 }) {
            let duration =
                if now(start.arc) == CLOSED { network.durations_ms()[start.arc.0 as usize] } else { now(start.arc) };
            for end in ends.iter().filter(|end| end.arc == start.arc && end.along_dm >= start.along_dm) {
                offer(part(end, duration) - part(&start, duration));
            }
            let rest = duration - part(&start, duration);
            heap.extend(turns.turns(start.arc.0).map(|(head, cost)| Reverse((rest + cost, head))));
        }
        while let Some(Reverse((time, vertex))) = heap.pop() {
            let arc = turns.arc_of(vertex);
            if now(arc) == CLOSED || begun[vertex as usize] <= time {
                continue;
            }
            begun[vertex as usize] = time;
            ends.iter().filter(|end| end.arc == arc).for_each(|end| offer(time + part(end, now(arc))));
            heap.extend(turns.turns(vertex).map(|(head, cost)| Reverse((time + now(arc) + cost, head))));
        }
        best
    }

    fn check(&self, from: Snapped, to: Snap) {
        let truth = self.truth(from, to);
        let path = self.router.path_between(from, to);
        assert_eq!(path.as_ref().map(|path| path.duration_ms), truth, "{from:?} to {to:?}");
        let mut times = Vec::new();
        self.router.durations_to(&[from, from], to, &mut times);
        assert_eq!(times, [truth; 2]);
        let mut kept = Kept::default();
        self.router.keep(from, &mut kept);
        self.router.durations_kept([(from, &kept)], to, &mut times);
        assert_eq!(times, [truth]);
        if let Some(path) = path {
            self.check_path(&path, from, to);
        }
    }

    fn check_path(&self, path: &RoutePath, from: Snapped, to: Snap) {
        let network = &self.router.network;
        assert!(
            self.restrictions.iter().all(|ban| !path.arcs.windows(ban.len()).any(|arcs| arcs == ban)),
            "a ban broken"
        );
        assert!(path.arcs.windows(2).all(|pair| network.head(pair[0]) == network.tail(pair[1])), "a leap");
        let segment = |arc| network.directed(arc).segment;
        assert_eq!((segment(path.from.arc), segment(path.to.arc)), (segment(from.snap.arc), segment(to.arc)));
        assert_eq!((Some(&path.from.arc), Some(&path.to.arc)), (path.arcs.first(), path.arcs.last()));
        let whole_dm: u32 = path.arcs.iter().map(|arc| network.length_dm(*arc)).sum();
        let rest_dm = network.length_dm(path.to.arc) - path.to.along_dm;
        assert_eq!(path.distance_dm + path.from.along_dm + rest_dm, whole_dm);
        assert!(path.points(network).len() >= 2);
    }
}

fn open_ms(is_open: bool, duration_ms: u32) -> Option<u32> {
    is_open.then_some(duration_ms)
}

/// A way of two to four streets.
fn walk(parts: &Parts, rng: &mut StdRng) -> Option<Vec<Directed>> {
    let directed = |segment: usize, is_forward| Directed { segment: SegmentId(segment as u32), is_forward };
    let ends = |it: Directed| {
        let segment = &parts.segments[it.segment.0 as usize];
        if it.is_forward { (segment.from, segment.to) } else { (segment.to, segment.from) }
    };
    let mut way = vec![directed(rng.random_range(0..parts.segments.len()), rng.random())];
    for _ in 0..rng.random_range(1..4) {
        let last = *way.last()?;
        let all = (0..parts.segments.len()).flat_map(|segment| [true, false].map(|forward| directed(segment, forward)));
        let next: Vec<Directed> = all.filter(|it| it.segment != last.segment && ends(*it).0 == ends(last).1).collect();
        way.push(*next.get(rng.random_range(0..next.len().max(1)))?);
    }
    Some(way)
}

/// As built, in traffic, and with streets closed.
fn reweigh(town: &Town, kind: u32, rng: &mut StdRng) {
    let built = town.router.network.durations_ms().to_vec();
    let change = |built: u32| match kind {
        0 => built,
        1 => built * rng.random_range(5..40) / 10,
        _ if rng.random_ratio(1, 8) => CLOSED,
        _ => built,
    };
    town.router.reweigh(built.into_iter().map(change).collect::<Vec<_>>()).expect("as many");
}

#[test]
fn every_way_is_the_quickest_and_legal_under_three_metrics() {
    for seed in 0..3 {
        let mut rng = StdRng::seed_from_u64(seed);
        let town = Town::random(12, &mut rng);
        for kind in 0..3 {
            reweigh(&town, kind, &mut rng);
            for _ in 0..100 {
                let (from, to) = (town.random_snap(&mut rng), town.random_snap(&mut rng).snap);
                town.check(from, to);
            }
            for _ in 0..30 {
                // On the same street, ahead and behind.
                let from = town.random_snap(&mut rng);
                let along_dm = rng.random_range(0..=town.router.network.length_dm(from.snap.arc));
                town.check(from, Snap { along_dm, ..from.snap });
            }
        }
    }
}

proptest! {
    #[test]
    fn small_towns_of_every_kind_are_ridden_right(seed in any::<u64>(), side in 2..5_u32) {
        let mut rng = StdRng::seed_from_u64(seed);
        let town = Town::random(side, &mut rng);
        prop_assert!(town.router.network.arc_count() > 0);
        for kind in 0..3 {
            reweigh(&town, kind, &mut rng);
            (0..5).for_each(|_| {
                let (from, to) = (town.random_snap(&mut rng), town.random_snap(&mut rng).snap);
                town.check(from, to);
            });
        }
    }
}

/// One street from west to east, 2 km, and beyond a river another.
fn two_streets(is_one_way: bool) -> Town {
    let nodes = [(0.0, 0.0), (0.0, 0.018), (0.1, 0.0), (0.1, 0.018)].map(|(lat, lng)| at(-1.95 + lat, 30.05 + lng));
    let street = |from, to, name| Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Primary,
        name: Some(name),
        is_roundabout: false,
        forward_ms: Some(200_000),
        backward_ms: (!is_one_way).then_some(200_000),
    };
    let names = vec!["KN 3 Rd".to_string(), "KG 7 Ave".to_string()];
    Town::new(Parts {
        nodes: nodes.to_vec(),
        segments: vec![street(0, 1, 0), street(2, 3, 1)],
        names,
        ..Parts::default()
    })
}

#[test]
fn places_that_no_street_joins_have_no_way_and_say_why() {
    let town = two_streets(false);
    let (here, beyond) = (at(-1.95, 30.055), at(-1.85, 30.055));
    let off_road = at(-1.9, 30.055);
    for (from, to, expected) in [
        (off_road, here, NoRoute::FromOffRoad),
        (here, off_road, NoRoute::ToOffRoad),
        (here, beyond, NoRoute::Unconnected),
    ] {
        assert_eq!(town.router.route(from.into(), to), Err(expected));
    }
    let mut times = Vec::new();
    town.router.to_pickup(&[here.into(), beyond.into(), off_road.into()], here, &mut times);
    assert_eq!(times, [Some(Span::from_millis(0)), None, None]);
    town.router.to_pickup(&[here.into()], off_road, &mut times);
    assert_eq!(times, [None]);
    let mut legs = Vec::new();
    town.router.legs_to_pickup(&[off_road.into(), here.into(), beyond.into()], here, &mut legs);
    assert_eq!(legs, [None, Some(Leg { distance_m: 0, duration: Span::from_millis(0) }), None]);
    town.router.legs_to_pickup(&[here.into()], off_road, &mut legs);
    assert_eq!(legs, [None]);
}

#[test]
fn equal_points_are_no_way_at_all_and_a_street_is_ridden_both_ways() {
    let town = two_streets(false);
    let (west, east) = (at(-1.95, 30.053), at(-1.95, 30.062));
    assert_eq!(town.router.route(west.into(), west), Ok(Leg { distance_m: 0, duration: Span::from_millis(0) }));
    for (from, to) in [(west, east), (east, west)] {
        let path = town.router.path(from.into(), to).expect("a way");
        assert!((9_990..10_020).contains(&path.distance_dm), "{path:?}");
        assert!((99_900..100_100).contains(&path.duration_ms), "{path:?}");
        assert_eq!(path.street_names(&town.router.network), ["KN 3 Rd"]);
        let points = path.points(&town.router.network);
        assert_eq!(points.len(), 2);
        assert!(points[0].distance_m(from) < 1.0 && points[1].distance_m(to) < 1.0);
    }
}

#[test]
fn a_motorcycle_that_rides_away_turns_at_the_end_of_the_street() {
    let town = two_streets(false);
    let away = Origin { place: at(-1.95, 30.059), bearing_deg: Some(90) };
    let path = town.router.path(away, at(-1.95, 30.056)).expect("a way");
    assert_eq!(path.arcs.len(), 2);
    // 0.009 degrees to the end and 0.012 back, of a street 0.018 long.
    assert!((23_300..23_370).contains(&path.distance_dm), "{path:?}");
    assert!((238_200..238_500).contains(&path.duration_ms), "{path:?}");
}

#[test]
fn a_closed_street_can_be_left_but_not_ridden_to() {
    let mut rng = StdRng::seed_from_u64(5);
    let town = Town::random(8, &mut rng);
    let network = town.router.network.clone();
    let arc = (0..).map(ArcId).find(|arc| network.twin(*arc).is_some()).expect("a two-way street");
    let mut durations_ms = network.durations_ms().to_vec();
    for closed in [Some(arc), network.twin(arc)].into_iter().flatten() {
        durations_ms[closed.0 as usize] = CLOSED;
    }
    let version = town.router.live().version();
    town.router.reweigh(durations_ms).expect("as many");
    assert_eq!(town.router.live().version(), version + 1);
    let closed = town.snapped(arc, 100, true);
    let elsewhere = town.snapped(ArcId(network.arc_count() as u32 - 1), 100, true);
    assert!(town.router.path_between(closed, elsewhere.snap).is_some());
    assert_eq!(town.router.path_between(elsewhere, closed.snap), None);
}

#[test]
fn parts_of_different_maps_make_no_router_and_riding_times_must_be_as_many_as_arcs() {
    let (one, other) = (two_streets(false), two_streets(true));
    let parts = |town: &Town| (town.router.network.clone(), town.router.turns.clone(), town.router.hierarchy.clone());
    let ((network, turns, hierarchy), (_, other_turns, _)) = (parts(&one), parts(&other));
    let snapper = one.router.snapper.clone();
    let router = Router::new(network.clone(), other_turns, hierarchy.clone(), snapper.clone(), 300.0);
    assert_eq!(router.expect_err("turns").to_string(), "turns of 2 do not belong to 4");
    let error = Router::new(network, turns, other.router.hierarchy.clone(), snapper, 300.0).expect_err("hierarchy");
    assert_eq!(error.to_string(), "vertices of the hierarchy of 2 do not belong to 4");
    assert!(one.router.reweigh(vec![1; 3]).is_err());
}

#[test]
fn the_nearest_drivers_by_road_are_those_that_asking_everybody_finds() {
    let mut rng = StdRng::seed_from_u64(11);
    let town = Town::random(9, &mut rng);
    let mut drivers = OnStreets::new(&town.router.network);
    let mut places: Vec<Option<Snapped>> = vec![None; 60];
    let (mut times, mut found) = (Vec::new(), Vec::new());
    for round in 0..300 {
        if round % 50 == 0 {
            reweigh(&town, round / 50 % 3, &mut rng);
        }
        for _ in 0..10 {
            let driver = rng.random_range(0..places.len());
            places[driver] = rng.random_ratio(2, 3).then(|| town.random_snap(&mut rng));
            match places[driver] {
                Some(place) => drivers.put(&town.router.network, driver as u32, place),
                None => drivers.remove(driver as u32),
            }
        }
        let to = town.random_snap(&mut rng).snap;
        let query =
            NearestByRoad { to, k: rng.random_range(0..15), duration_ms_max: rng.random_range(50_000..500_000) };
        let is_wanted = |driver: u32| !driver.is_multiple_of(7);
        town.router.nearest(&drivers, &query, is_wanted, &mut found);
        let (numbers, froms): (Vec<u32>, Vec<Snapped>) =
            (0..).zip(&places).filter_map(|(driver, place)| Some((driver, (*place)?))).unzip();
        town.router.durations_to(&froms, to, &mut times);
        let all = numbers.iter().zip(&times).filter(|(driver, _)| is_wanted(**driver));
        let mut all: Vec<Near> =
            all.filter_map(|(driver, time)| Some(Near { duration_ms: (*time)?, driver: *driver })).collect();
        all.retain(|near| near.duration_ms <= query.duration_ms_max);
        all.sort_unstable();
        all.truncate(query.k);
        assert_eq!(found, all, "round {round}");
    }
}

#[test]
fn nobody_gets_to_a_place_in_time_from_beyond_its_reach() {
    let mut rng = StdRng::seed_from_u64(13);
    let mut near_the_bound = 0;
    for size in [3, 6, 9] {
        let town = Town::random(size, &mut rng);
        let nodes = town.router.network.node_count() as u32;
        let place = |rng: &mut StdRng| {
            let node = town.router.network.node(NodeId(rng.random_range(0..nodes)));
            node.destination(rng.random_range(0.0..360.0), rng.random_range(0.0..250.0))
        };
        for round in 0..60 {
            if round % 20 == 0 {
                reweigh(&town, round / 20, &mut rng);
            }
            let to = place(&mut rng);
            let froms: Vec<Origin> = (0..20).map(|_| place(&mut rng).into()).collect();
            let mut times = Vec::new();
            town.router.to_pickup(&froms, to, &mut times);
            let mut legs = Vec::new();
            town.router.legs_to_pickup(&froms, to, &mut legs);
            assert_eq!(legs, froms.iter().map(|from| town.router.route(*from, to).ok()).collect::<Vec<_>>());
            assert_eq!(legs.iter().map(|leg| leg.map(|leg| leg.duration)).collect::<Vec<_>>(), times);
            for (from, time) in froms.iter().zip(times).filter_map(|(from, time)| Some((from.place, time?))) {
                let (straight_m, reach_m) = (from.distance_m(to), town.router.farthest_m(time, to));
                assert!(straight_m <= reach_m, "{straight_m} m in {time}, reach {reach_m} m");
                near_the_bound += usize::from(straight_m > 0.3 * reach_m);
            }
        }
    }
    assert!(near_the_bound > 100, "a bound that says something: {near_the_bound}");
}

#[test]
fn what_is_kept_for_another_street_or_older_times_is_not_used() {
    let mut rng = StdRng::seed_from_u64(12);
    let town = Town::random(8, &mut rng);
    let (mut kept, mut times) = (Kept::default(), Vec::new());
    for round in 0..60 {
        let (from, to) = (town.random_snap(&mut rng), town.random_snap(&mut rng).snap);
        if round % 3 == 0 {
            town.router.keep(from, &mut kept);
            assert!(kept.byte_count() > 64);
        }
        reweigh(&town, round % 3, &mut rng);
        let elsewhere = town.random_snap(&mut rng);
        town.router.durations_kept([(from, &kept), (elsewhere, &kept)], to, &mut times);
        assert_eq!(times, [town.truth(from, to), town.truth(elsewhere, to)]);
    }
}

#[test]
fn the_main_roads_of_kigali_are_ridden_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/kigali-main-exact.osm.pbf");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let imported = import(&mut || File::open(&path), &Profile::moto(), None, &mut |_| {}).expect("a sound extract");
    let town = Town::new(imported.parts);
    let mut rng = StdRng::seed_from_u64(21);
    for kind in 0..3 {
        reweigh(&town, kind, &mut rng);
        for _ in 0..50 {
            let (from, to) = (town.random_snap(&mut rng), town.random_snap(&mut rng).snap);
            town.check(from, to);
        }
    }
}
