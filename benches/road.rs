//! The router in a real city, beside RoutingKit on the same graphs with the same weights in the same run.
//!
//! Separate from the tests because only a release build says anything about time. One thread; every figure is the median
//! of short rounds in which all take turns, so that what else the machine does falls on all of them. The letters are those
//! of the targets in docs/PERFORMANCE.md. Before anything is timed, all answers are compared with Dijkstra's.

mod streets;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use boda::road::hierarchy::{Customizer, Label, Labeller, Metric, Search};
use boda::road::network::{ArcId, Snap};
use boda::road::router::{Kept, Near, NearestByRoad, OnStreets, Snapped};
use boda::road::turns::CLOSED;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use routingkit_cch::{CCHManyToOne, CCHMetric};
use streets::{City, Ours, Weighted};

const ROUNDS: usize = 31;
/// Questions of a round.
const QUESTIONS: usize = 40;
/// Drivers of a question.
const DRIVERS: usize = 20;

/// The medians of rounds in which all take turns, in microseconds for one of `count`.
fn medians<const N: usize>(count: usize, mut all: [&mut dyn FnMut(usize); N]) -> [f64; N] {
    let mut times_us: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..ROUNDS {
        for (who, times_us) in all.iter_mut().zip(&mut times_us) {
            let begin = Instant::now();
            (0..count).for_each(|question| who(round * count + question));
            times_us.push(begin.elapsed().as_secs_f64() * 1e6 / count as f64);
        }
    }
    times_us.map(|times_us| percentile(times_us, 50))
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
        for edge in graph.first_out[vertex as usize] as usize..graph.first_out[vertex as usize + 1] as usize {
            if weights[edge] < CLOSED {
                heap.push(Reverse((distance + weights[edge], graph.heads[edge])));
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
    let [cold, kept, rival] = medians(
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
    println!("R1 {name}: 20 to 1 in {cold:.1} us, with kept labels {kept:.1} us; RoutingKit {rival:.1} us");
    let mut any = || (0..100).map(|_| rng.random_range(0..weighted.vertex_count())).collect::<Vec<u32>>();
    let (froms, tos) = (any(), any());
    let mut labels: Vec<Label> = vec![Label::default(); froms.len()];
    let [table, rival] = medians(
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
    println!("R2 {name}: a pair of 100 x 100 in {table:.3} us, RoutingKit {rival:.3} us: {:.2} of it", table / rival);
}

/// R3: all weights anew.
fn customizations(name: &str, ours: &Ours) {
    let Ours { weighted, hierarchy, .. } = ours;
    let cch = weighted.routingkit();
    let mut theirs = CCHMetric::new(&cch, weighted.weights.clone());
    let (mut customizer, mut metric) = (Customizer::new(hierarchy), Metric::default());
    let [boda, rival] = medians(
        1,
        [&mut |_| customizer.customize(hierarchy, &weighted.weights, &mut metric), &mut |_| {
            theirs.reset(weighted.weights.clone())
        }],
    );
    let (boda, rival) = (boda / 1e3, rival / 1e3);
    println!("R3 {name}: customized in {boda:.2} ms, RoutingKit {rival:.2} ms: {:.2} of it", boda / rival);
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
    let [cold, warm, path] = medians(
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

/// R3: how long questions take while another thread swaps all the time. A question that saw a swap is set beside those
/// that saw none; what is beyond is what the swap cost it. Waiting for a processor is not counted: whoever waits long sees
/// a swap. Waiting for the writer would be.
fn swaps(city: &City) {
    let mut rng = StdRng::seed_from_u64(3);
    let (from, to) = (random_place(city, false, &mut rng), random_place(city, true, &mut rng));
    let is_over = AtomicBool::new(false);
    let (mut quiet, mut swapped, mut out) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                city.router.reweigh(city.network.durations_ms()).expect("as many");
            }
        });
        let begin = Instant::now();
        while begin.elapsed().as_secs() < 8 {
            let (version, waited) = (city.router.live().version(), waited_us());
            let asked = Instant::now();
            city.router.durations_to(&[from], to.snap, &mut out);
            let took_us = asked.elapsed().as_secs_f64() * 1e6;
            let took_us = (took_us - (waited_us() - waited)).max(0.0);
            if city.router.live().version() == version { &mut quiet } else { &mut swapped }.push(took_us);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let line = |all: &Vec<f64>| [50, 90, 99, 100].map(|it| format!("{:.1}", percentile(all.clone(), it))).join(" / ");
    println!("R3 a question beside one of {} swaps, p50 / p90 / p99 / max us: {}", swapped.len(), line(&swapped));
    println!("R3 one of {} questions between them: {}", quiet.len(), line(&quiet));
}

/// G3: ten of 20,000 drivers, against the whole computation first.
fn nearest(city: &City) {
    let mut rng = StdRng::seed_from_u64(5);
    let mut drivers = OnStreets::new(&city.network);
    let mut places: Vec<Snapped> = (0..20_000).map(|number| random_place(city, number % 4 == 0, &mut rng)).collect();
    for (driver, place) in (0..).zip(&places) {
        drivers.put(&city.network, driver, *place);
    }
    let (mut found, mut times, mut mismatches) = (Vec::new(), Vec::new(), 0);
    let mut times_us = Vec::new();
    for state in 0..10_000 {
        for _ in 0..20 {
            let driver = rng.random_range(0..places.len());
            places[driver] = random_place(city, driver % 4 == 0, &mut rng);
            drivers.put(&city.network, driver as u32, places[driver]);
        }
        let to = random_place(city, true, &mut rng).snap;
        let query = NearestByRoad { to, k: 10, duration_ms_max: CLOSED - 1 };
        let begin = Instant::now();
        city.router.nearest(&drivers, &query, |_| true, &mut found);
        times_us.push(begin.elapsed().as_secs_f64() * 1e6);
        if state % 50 == 0 || found.len() < 10 {
            city.router.durations_to(&places, to, &mut times);
            let all = (0..).zip(&times).filter_map(|(driver, time)| Some(Near { duration_ms: (*time)?, driver }));
            let mut all: Vec<Near> = all.collect();
            all.sort_unstable();
            all.truncate(10);
            mismatches += usize::from(all != found);
        }
    }
    assert_eq!(mismatches, 0, "answers that are not those of the whole computation");
    let [p50, p99] = [50, 99].map(|percent| percentile(times_us.clone(), percent));
    println!("G3 10 nearest of 20,000 by road: p50 {p50:.1} us, p99 {p99:.1} us; 0 mismatches");
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
    let Some(city) = City::load() else { return };
    println!(
        "{} junctions, {} arcs, {} turns",
        city.network.node_count(),
        city.network.arc_count(),
        city.turns.turn_count()
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
    swaps(&city);
    memory(&city);
}
