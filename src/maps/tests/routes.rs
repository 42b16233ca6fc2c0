//! What riders and dispatch notice: the router's answers after a swap, and promises that are corrected.

use std::sync::Arc;

use sqlx::PgPool;

use super::super::Corrected;
use super::*;
use crate::clock;
use crate::road::router::{Router, contract};
use crate::road::snap::Snapper;
use crate::road::turns::{TurnCosts, TurnGraph};
use crate::road::{Leg, NoRoute, Origin, TravelTime};

/// A block of 600 m by 200 m: its south side takes 50 s, its north side 70 s, its ends 20 s each, both ways. Segments 0
/// south, 1 east, 2 north, 3 west.
fn block() -> Router {
    let nodes =
        [(0.0, 0.0), (600.0, 0.0), (600.0, 200.0), (0.0, 200.0)].map(|(east_m, north_m)| place(east_m, north_m));
    let side = |from, to, duration_ms| Segment {
        from: NodeId(from),
        to: NodeId(to),
        shape: Vec::new(),
        class: RoadClass::Secondary,
        name: None,
        is_roundabout: false,
        forward_ms: Some(duration_ms),
        backward_ms: Some(duration_ms),
    };
    let segments = vec![side(0, 1, 50_000), side(1, 2, 20_000), side(2, 3, 70_000), side(3, 0, 20_000)];
    let (network, _) = Network::new(Parts { nodes: nodes.to_vec(), segments, ..Parts::default() }).expect("a network");
    let turns = TurnGraph::new(&network, &[], &TurnCosts::FREE);
    let hierarchy = contract(&network, &turns).expect("a hierarchy");
    let snapper = Snapper::new(&network);
    Router::new(network.into(), turns.into(), hierarchy.into(), snapper.into(), 300.0).expect("of one map")
}

/// From the middle of the west side to the middle of the east side.
fn across(router: &dyn TravelTime) -> Result<i64, NoRoute> {
    let leg: Leg = router.route(place(0.0, 100.0).into(), place(600.0, 100.0))?;
    Ok(leg.duration.as_secs())
}

fn live(pool: &PgPool) -> (Arc<Router>, Maps) {
    let router = Arc::new(block());
    let (network, swapped) = (Arc::clone(router.network()), Arc::clone(&router));
    let reweigh: Reweigh = Arc::new(move |durations_ms| swapped.reweigh(durations_ms).map_err(Into::into));
    (router, Maps::new(config(), pool.clone(), Some(Road { network, reweigh })))
}

#[sqlx::test(migrations = "./migrations")]
async fn routes_go_around_what_is_shut(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let (router, maps) = live(&pool);
    let mut keeper = Keeper::new(maps.clone());
    let near = |found: Result<i64, NoRoute>, expected: i64| found.is_ok_and(|s| (s - expected).abs() <= 2);
    assert!(near(across(&*router), 70), "{:?}", across(&*router));
    let south = NewClosure { drawn: line(place(10.0, 0.0), place(590.0, 0.0)), ..marathon() };
    let south = maps.close(admin, south, now()).await.expect("is shut");
    keeper.reweigh(now()).await.expect("a swap");
    assert!(near(across(&*router), 90), "{:?}", across(&*router));
    let north = NewClosure { drawn: line(place(10.0, 200.0), place(590.0, 200.0)), ..marathon() };
    maps.close(admin, north, now()).await.expect("is shut");
    keeper.reweigh(now()).await.expect("a swap");
    assert_eq!(across(&*router), Err(NoRoute::Unconnected), "never an endless time");
    maps.lift(admin, south.id, now()).await.expect("is lifted");
    keeper.reweigh(now()).await.expect("a swap");
    assert!(near(across(&*router), 70), "{:?}", across(&*router));
}

#[sqlx::test(migrations = "./migrations")]
async fn routes_go_around_a_jam_until_it_is_gone(pool: PgPool) {
    let (router, maps) = live(&pool);
    let mut keeper = Keeper::new(maps.clone());
    let forward = Directed { segment: SegmentId(0), is_forward: true };
    let jammed = router.network().arc(forward).expect("both ways");
    let batch = [0, 10, 20, 30].map(|s| Passage {
        arc: jammed,
        duration: Span::from_secs(250),
        at: now() + Span::from_secs(s),
    });
    keeper.take_in(&mut batch.to_vec());
    keeper.reweigh(now() + Span::from_secs(30)).await.expect("a swap");
    let (version, jammed_ms) = (router.live().version(), router.live().durations_ms()[jammed.0 as usize]);
    let around_s = across(&*router).expect("a way");
    assert!((88..140).contains(&around_s), "{around_s} s");
    let back = router.route(place(600.0, 100.0).into(), place(0.0, 100.0)).expect("a way");
    assert!(back.duration.as_secs() < around_s, "the other direction flows: {}", back.duration);

    keeper.reweigh(now() + Span::from_secs(30)).await.expect("a swap");
    assert_eq!(router.live().version(), version, "nothing changed, so nothing is swapped");
    keeper.reweigh(later(6 * 60)).await.expect("a swap");
    let after_ms = router.live().durations_ms()[jammed.0 as usize];
    assert!(after_ms < jammed_ms && router.live().version() > version, "{after_ms} ms six hours later");
}

#[sqlx::test(migrations = "./migrations")]
async fn what_is_promised_is_corrected_and_consistent(pool: PgPool) {
    let (router, maps) = live(&pool);
    let promised = Corrected::new(router.clone(), maps.clone());
    let (from, to) = (Origin::from(place(0.0, 100.0)), place(600.0, 100.0));
    assert_eq!(promised.route(from, to), router.route(from, to), "nothing is learned yet");
    let leg = FinishedLeg {
        router: Span::from_secs(600),
        promised: Span::from_secs(600),
        actual: Span::from_secs(900),
        place: to,
        began_at: clock::now() - Span::from_secs(900),
    };
    (0..50).for_each(|_| maps.leg_finished(&leg));
    let (by_road, corrected) = (router.route(from, to).expect("a way"), promised.route(from, to).expect("a way"));
    assert_eq!(corrected.distance_m, by_road.distance_m, "a road is as long as it is");
    let factor = corrected.duration.as_millis() as f64 / by_road.duration.as_millis() as f64;
    assert!((1.35..=1.56).contains(&factor), "{factor}: as the legs, give or take what the levels add up to");
    let (mut times, duration) = (Vec::new(), promised.duration(from, to).expect("a way"));
    promised.to_pickup(&[from], to, &mut times);
    let apart = |other: Span| (corrected.duration.as_millis() - other.as_millis()).abs();
    // What is learned fades by the second.
    assert!(apart(duration) <= 20 && times[0].is_some_and(|time| apart(time) <= 20), "{corrected:?} {times:?}");
    let mut legs = Vec::new();
    promised.legs_to_pickup(&[from], to, &mut legs);
    let leg = legs[0].expect("a way");
    assert!(apart(leg.duration) <= 20 && leg.distance_m == by_road.distance_m, "{corrected:?} {leg:?}");
    assert!(promised.farthest_m(duration, to) >= from.place.distance_m(to));
}
