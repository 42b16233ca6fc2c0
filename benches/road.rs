//! The router in a real city, beside RoutingKit on the same graphs with the same weights in the same run.
//!
//! Separate from the tests because only a release build says anything about time. One thread; every figure is the median
//! of short rounds in which all take turns, so that what else the machine does falls on all of them. The letters are those
//! of the targets in docs/PERFORMANCE.md. Before anything is timed, all answers are compared with Dijkstra's.

mod streets;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use boda::config::Sources;
use boda::geo::LatLng;
use boda::ids::DriverId;
use boda::index::{Fix, RideClasses};
use boda::locations::{Locations, Track};
use boda::road::hierarchy::{Customizer, Label, Labeller, Metric, Search};
use boda::road::network::{ArcId, Snap};
use boda::road::router::{Kept, Near, NearestByRoad, OnStreets, Snapped};
use boda::road::turns::CLOSED;
use boda::road::{Origin, TravelTime};
use boda::time::{Span, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use routingkit_cch::{CCHManyToOne, CCHMetric};
use streets::{Bounds, City, Ours, Weighted};
use uuid::Uuid;

const ROUNDS: usize = 31;
/// Questions of a round.
const QUESTIONS: usize = 40;
/// Drivers of a question.
const DRIVERS: usize = 20;

/// The medians of rounds in which all take turns, in microseconds for one of `count`; and of each round's ratio of the
/// first to the last.
fn medians<const N: usize>(count: usize, mut all: [&mut dyn FnMut(usize); N]) -> ([f64; N], f64) {
    let mut times_us: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..ROUNDS {
        for (who, times_us) in all.iter_mut().zip(&mut times_us) {
            let begin = Instant::now();
            (0..count).for_each(|question| who(round * count + question));
            times_us.push(begin.elapsed().as_secs_f64() * 1e6 / count as f64);
        }
    }
    let ratios = times_us[0].iter().zip(&times_us[N - 1]).map(|(first, last)| first / last).collect();
    (times_us.map(|times_us| percentile(times_us, 50)), percentile(ratios, 50))
}

fn percentile(mut all: Vec<f64>, percent: usize) -> f64 {
    all.sort_by(f64::total_cmp);
    all[(all.len() * percent / 100).min(all.len() - 1)]
}

/// Twenty vertices and one, drawn anew for every question.
struct Question {
    froms: Vec<u32>,
    to: u32,
}

fn questions(vertex_count: u32, rng: &mut StdRng) -> Vec<Question> {
    let mut any = || rng.random_range(0..vertex_count);
    (0..256).map(|_| Question { froms: (0..DRIVERS).map(|_| any()).collect(), to: any() }).collect()
}

/// Distances from a vertex to all, slowly.
fn dijkstra(graph: &Weighted, weights: &[u32], from: u32) -> Vec<u32> {
    let mut distances = vec![CLOSED; graph.places.len()];
    let mut heap = BinaryHeap::from([Reverse((0, from))]);
    while let Some(Reverse((distance, vertex))) = heap.pop() {
        if distances[vertex as usize] <= distance {
            continue;
        }
        distances[vertex as usize] = distance;
        let range = graph.first_out[vertex as usize] as usize..graph.first_out[vertex as usize + 1] as usize;
        for (head, weight) in graph.heads[range.clone()].iter().zip(&weights[range]) {
            if *weight < CLOSED {
                heap.push(Reverse((distance + weight, *head)));
            }
        }
    }
    distances
}

/// R4: 10,000 pairs under each of three metrics.
fn compare_with_dijkstra(city: &City, ours: &Ours) {
    let (graph, hierarchy) = (&ours.weighted, &*ours.hierarchy);
    let mut rng = StdRng::seed_from_u64(4);
    let (mut search, mut metric) = (Search::new(hierarchy), Metric::default());
    let mut mismatches = 0;
    for name in ["as built", "in traffic", "with closures"] {
        let durations: Vec<u32> =
            city.network.durations_ms().iter().map(|built| changed(name, *built, &mut rng)).collect();
        let weights = match graph.heads.len() == city.turns.turn_count() {
            true => city.turns.weights(&durations),
            false => durations,
        };
        Customizer::new(hierarchy).customize(hierarchy, &weights, &mut metric);
        let mut any = || (0..100).map(|_| rng.random_range(0..graph.vertex_count())).collect::<Vec<u32>>();
        let (froms, tos) = (any(), any());
        let truth: Vec<Vec<u32>> = froms.iter().map(|from| dijkstra(graph, &weights, *from)).collect();
        for to in tos {
            search.aim(hierarchy, &metric, &[(to, 0)]);
            let wrong = froms
                .iter()
                .zip(&truth)
                .filter(|(from, truth)| search.distance(hierarchy, &metric, **from) != truth[to as usize]);
            mismatches += wrong.count();
        }
    }
    assert_eq!(mismatches, 0, "answers that are not Dijkstra's");
    println!("R4 {} vertices: 0 mismatches with Dijkstra in 3 x 10,000 pairs", graph.vertex_count());
}

fn changed(metric: &str, built: u32, rng: &mut StdRng) -> u32 {
    match metric {
        "in traffic" => (built * rng.random_range(8..50) / 10).max(1),
        "with closures" if rng.random_ratio(1, 20) => CLOSED,
        _ => built,
    }
}

/// R1 and R2 on one graph.
fn searches(name: &str, ours: &Ours) {
    let Ours { weighted, hierarchy, metric } = ours;
    let mut rng = StdRng::seed_from_u64(1);
    let all = questions(weighted.vertex_count(), &mut rng);
    let cch = weighted.routingkit();
    let theirs = CCHMetric::new(&cch, weighted.weights.clone());
    let mut many_to_one = CCHManyToOne::new(&theirs, &all[0].froms);
    let (mut search, mut labeller) = (Search::new(hierarchy), Labeller::default());
    let mut label_of = |vertex: &u32| {
        let mut label = Label::default();
        labeller.label(hierarchy, metric, *vertex, &mut label);
        label
    };
    let labels: Vec<Vec<Label>> =
        all.iter().map(|question| question.froms.iter().map(&mut label_of).collect()).collect();
    let mut kept_search = Search::new(hierarchy);
    let ([cold, kept, rival], ratio) = medians(
        QUESTIONS,
        [
            &mut |tick| {
                let Question { froms, to } = &all[tick % all.len()];
                search.aim(hierarchy, metric, &[(*to, 0)]);
                froms.iter().for_each(|from| {
                    black_box(search.distance(hierarchy, metric, *from));
                });
            },
            &mut |tick| {
                kept_search.aim(hierarchy, metric, &[(all[tick % all.len()].to, 0)]);
                labels[tick % all.len()].iter().for_each(|label| {
                    black_box(kept_search.distance_of(label));
                });
            },
            &mut |tick| {
                let Question { froms, to } = &all[tick % all.len()];
                many_to_one.repin_sources(froms);
                black_box(many_to_one.distances_to(*to));
            },
        ],
    );
    println!(
        "R1 {name}: 20 to 1 in {cold:.1} us, with kept labels {kept:.1} us; RoutingKit {rival:.1} us: {ratio:.2} of it"
    );
    let mut any = || (0..100).map(|_| rng.random_range(0..weighted.vertex_count())).collect::<Vec<u32>>();
    let (froms, tos) = (any(), any());
    let mut labels: Vec<Label> = vec![Label::default(); froms.len()];
    let ([table, rival], ratio) = medians(
        1,
        [
            &mut |_| {
                for (from, label) in froms.iter().zip(&mut labels) {
                    labeller.label(hierarchy, metric, *from, label);
                }
                for to in &tos {
                    search.aim(hierarchy, metric, &[(*to, 0)]);
                    labels.iter().for_each(|label| {
                        black_box(search.distance_of(label));
                    });
                }
            },
            &mut |_| {
                many_to_one.repin_sources(&froms);
                tos.iter().for_each(|to| {
                    black_box(many_to_one.distances_to(*to));
                });
            },
        ],
    );
    let (table, rival) = (table / 1e4, rival / 1e4);
    println!("R2 {name}: a pair of 100 x 100 in {table:.3} us, RoutingKit {rival:.3} us: {ratio:.2} of it");
}

/// R3: all weights anew.
fn customizations(name: &str, ours: &Ours) {
    let Ours { weighted, hierarchy, .. } = ours;
    let cch = weighted.routingkit();
    let mut theirs = CCHMetric::new(&cch, weighted.weights.clone());
    let (mut customizer, mut metric) = (Customizer::new(hierarchy), Metric::default());
    let ([boda, rival], ratio) = medians(
        1,
        [&mut |_| customizer.customize(hierarchy, &weighted.weights, &mut metric), &mut |_| {
            theirs.reset(weighted.weights.clone())
        }],
    );
    let (boda, rival) = (boda / 1e3, rival / 1e3);
    println!("R3 {name}: customized in {boda:.2} ms, RoutingKit {rival:.2} ms: {ratio:.2} of it");
}

fn random_place(city: &City, is_either_way: bool, rng: &mut StdRng) -> Snapped {
    let arc = ArcId(rng.random_range(0..city.network.arc_count() as u32));
    let along_dm = rng.random_range(0..=city.network.length_dm(arc));
    let point = city.network.node(city.network.tail(arc));
    Snapped { snap: Snap { arc, along_dm, point, distance_m: 0.0 }, is_either_way }
}

/// R1 as dispatch asks it: drivers who point somewhere, a pickup that may be come to from both sides.
fn router(city: &City) {
    let mut rng = StdRng::seed_from_u64(2);
    let mut place = |is_either_way| random_place(city, is_either_way, &mut rng);
    let all: Vec<(Vec<Snapped>, Snapped)> =
        (0..128).map(|_| ((0..DRIVERS).map(|_| place(false)).collect(), place(true))).collect();
    let labels = |drivers: &Vec<Snapped>| {
        let mut kept = vec![Kept::default(); drivers.len()];
        drivers.iter().zip(&mut kept).for_each(|(driver, kept)| city.router.keep(*driver, kept));
        kept
    };
    let kept: Vec<Vec<Kept>> = all.iter().map(|(drivers, _)| labels(drivers)).collect();
    let (mut cold_out, mut kept_out) = (Vec::new(), Vec::new());
    let ([cold, warm, path], _) = medians(
        QUESTIONS,
        [
            &mut |tick| {
                let (drivers, to) = &all[tick % all.len()];
                city.router.durations_to(drivers, to.snap, &mut cold_out);
            },
            &mut |tick| {
                let (drivers, to) = &all[tick % all.len()];
                let drivers = drivers.iter().copied().zip(&kept[tick % all.len()]);
                city.router.durations_kept(drivers, to.snap, &mut kept_out);
            },
            &mut |tick| {
                let (drivers, to) = &all[tick % all.len()];
                black_box(city.router.path_between(drivers[0], to.snap));
            },
        ],
    );
    println!(
        "R1 router, with turns: 20 to 1 in {cold:.1} us, with kept labels {warm:.1} us; a way with its streets {path:.1} us"
    );
}

/// Time in microseconds that this thread has stood ready while others ran, as Linux counts it; elsewhere 0.
fn waited_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').nth(1).and_then(|ns| ns.parse::<f64>().ok()).map_or(0.0, |ns| ns / 1e3)
}

/// R3: how long questions take while another thread swaps all the time, and, to compare, while it customizes as much and
/// swaps nothing. Those are set beside each other that saw the other thread finish: who has lost the processor for a while,
/// and found the cache cold, is among them in both.
fn swaps(city: &City) {
    let swap = || city.router.reweigh(city.network.durations_ms().to_vec()).expect("as many");
    let (swapped, all) = questions_beside(city, &swap);
    let Ours { weighted, hierarchy, metric } = &city.by_turns;
    let work = Mutex::new((Customizer::new(hierarchy), metric.clone()));
    let customize = || {
        let (customizer, metric) = &mut *work.lock().expect("nobody else works");
        customizer.customize(hierarchy, &weighted.weights, metric);
    };
    let (beside, _) = questions_beside(city, &customize);
    let line = |all: &[f64]| [50, 90, 99, 100].map(|it| format!("{:.1}", percentile(all.to_vec(), it))).join(" / ");
    println!("R3 a question beside one of {} swaps, p50 / p90 / p99 / max us: {}", swapped.len(), line(&swapped));
    println!("R3 beside one of {} customizations that swap nothing: {}", beside.len(), line(&beside));
    println!("R3 all {}: {}", all.len(), line(&all));
}

/// Times in microseconds of the questions that saw `write` finish in another thread, and of all.
fn questions_beside(city: &City, write: &(dyn Fn() + Sync)) -> (Vec<f64>, Vec<f64>) {
    let mut rng = StdRng::seed_from_u64(3);
    let (from, to) = (random_place(city, false, &mut rng), random_place(city, true, &mut rng));
    let (is_over, finished) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut seen, mut all, mut out) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                write();
                finished.fetch_add(1, Ordering::Release);
            }
        });
        let begin = Instant::now();
        let mut count = finished.load(Ordering::Acquire);
        while begin.elapsed().as_secs() < 6 {
            let waited = waited_us();
            let asked = Instant::now();
            city.router.durations_to(&[from], to.snap, &mut out);
            let took_us = asked.elapsed().as_secs_f64() * 1e6;
            let took_us = (took_us - (waited_us() - waited)).max(0.0);
            let now = finished.load(Ordering::Acquire);
            if now != count {
                seen.push(took_us);
            }
            all.push(took_us);
            count = now;
        }
        is_over.store(true, Ordering::Relaxed);
    });
    (seen, all)
}

/// G3: ten of 20,000 drivers, each time against the riding times of all of them.
fn nearest(city: &City) {
    let mut rng = StdRng::seed_from_u64(5);
    let mut drivers = OnStreets::new(&city.network);
    let mut places: Vec<Snapped> = (0..20_000).map(|number| random_place(city, number % 4 == 0, &mut rng)).collect();
    let mut kept = vec![Kept::default(); places.len()];
    for ((driver, place), kept) in (0..).zip(&places).zip(&mut kept) {
        drivers.put(&city.network, driver, *place);
        city.router.keep(*place, kept);
    }
    let (mut found, mut times, mut mismatches, mut times_us) = (Vec::new(), Vec::new(), 0, Vec::new());
    for _ in 0..10_000 {
        for _ in 0..20 {
            let driver = rng.random_range(0..places.len());
            places[driver] = random_place(city, driver % 4 == 0, &mut rng);
            drivers.put(&city.network, driver as u32, places[driver]);
            city.router.keep(places[driver], &mut kept[driver]);
        }
        let to = random_place(city, true, &mut rng).snap;
        let query = NearestByRoad { to, k: 10, duration_ms_max: CLOSED - 1 };
        let begin = Instant::now();
        city.router.nearest(&drivers, &query, |_| true, &mut found);
        times_us.push(begin.elapsed().as_secs_f64() * 1e6);
        city.router.durations_kept(places.iter().copied().zip(&kept), to, &mut times);
        let all = (0..).zip(&times).filter_map(|(driver, time)| Some(Near { duration_ms: (*time)?, driver }));
        let mut all: Vec<Near> = all.collect();
        if all.len() > query.k {
            all.select_nth_unstable(query.k);
            all.truncate(query.k);
        }
        all.sort_unstable();
        mismatches += usize::from(all != found);
    }
    assert_eq!(mismatches, 0, "answers that are not those of the whole computation");
    let [p50, p99] = [50, 99].map(|percent| percentile(times_us.clone(), percent));
    println!("G3 10 nearest of 20,000 by road: p50 {p50:.1} us, p99 {p99:.1} us; 0 mismatches in 10,000 states");
}

/// G3 as dispatch asks it: through the index of positions, which knows no streets.
fn dispatch(city: &City) {
    let mut rng = StdRng::seed_from_u64(6);
    let bounds = Bounds::of(&city.network);
    let mut numbers = Sources::default().load().expect("the defaults are sound").locations;
    (numbers.area, numbers.candidates_max, numbers.ping_age_max) = (bounds.area(), 10, Span::from_millis(i64::MAX));
    let locations = Locations::new(numbers, city.router.clone()).expect("an index");
    let now = Timestamp::from_millis(1_790_000_000_000);
    let mut all: Vec<(DriverId, Origin)> = Vec::new();
    for number in 0..20_000_u128 {
        let place = bounds.inside(random_point(city, &mut rng).destination(rng.random_range(0.0..360.0), 5.0));
        let bearing_deg = (number % 4 != 0).then(|| rng.random_range(0..360));
        let (driver, fix) = (DriverId(Uuid::from_u128(number)), Fix { bearing_deg, ..Fix::new(place, now) });
        let before = Timestamp::from_millis(now.as_millis() - 1_000);
        locations.begin_shift(driver, RideClasses(1), Some(Fix::new(place, before)));
        locations.ping(driver, &mut Track::default(), fix, now).expect("a good position");
        all.push((driver, fix.into()));
    }
    let froms: Vec<Origin> = all.iter().map(|(_, origin)| *origin).collect();
    let (mut times, mut times_us, mut mismatches) = (Vec::new(), Vec::new(), 0);
    for question in 0..2_000 {
        let pickup = random_point(city, &mut rng);
        let begin = Instant::now();
        let found = locations.candidates(pickup, RideClasses(1), &[], now);
        times_us.push(begin.elapsed().as_secs_f64() * 1e6);
        if question % 20 == 0 {
            city.router.to_pickup(&froms, pickup, &mut times);
            let mut whole: Vec<_> =
                all.iter().zip(&times).filter_map(|((driver, _), time)| Some(((*time)?, *driver))).collect();
            whole.sort_unstable();
            whole.truncate(10);
            let found: Vec<_> = found.iter().map(|one| (one.pickup_eta, one.driver)).collect();
            mismatches += usize::from(found != whole);
        }
    }
    let [p50, p99] = [50, 99].map(|percent| percentile(times_us.clone(), percent));
    println!(
        "G3 through dispatch, snapping and the distances of the ten included: p50 {p50:.0} us, p99 {p99:.0} us; \
         {mismatches} mismatches in 100 states"
    );
}

/// A point on a street.
fn random_point(city: &City, rng: &mut StdRng) -> LatLng {
    let arc = ArcId(rng.random_range(0..city.network.arc_count() as u32));
    let points = city.network.points(city.network.directed(arc).segment);
    points[rng.random_range(0..points.len())]
}

/// R5: bytes of memory for each arc.
fn memory(city: &City) {
    let counts = city.router.byte_counts();
    let per_arc = |bytes: usize| bytes as f64 / city.network.arc_count() as f64;
    let parts = counts.map(|(part, bytes)| format!("{part} {:.1}", per_arc(bytes))).join(", ");
    let all: usize = counts.iter().map(|(_, bytes)| bytes).sum();
    println!("R5 {:.1} bytes for each of {} arcs: {parts}", per_arc(all), city.network.arc_count());
}

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let Some(city) = City::load() else { return };
    let (junctions, arcs, turns) = (city.network.node_count(), city.network.arc_count(), city.turns.turn_count());
    println!(
        "{junctions} junctions, {arcs} arcs, {turns} turns; one thread, medians of {ROUNDS} rounds that take turns"
    );
    for ours in [&city.by_junctions, &city.by_turns] {
        compare_with_dijkstra(&city, ours);
    }
    for (name, ours) in [("by junctions", &city.by_junctions), ("with turns", &city.by_turns)] {
        searches(name, ours);
        customizations(name, ours);
    }
    router(&city);
    nearest(&city);
    dispatch(&city);
    swaps(&city);
    memory(&city);
}
