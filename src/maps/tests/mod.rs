//! The live map against a real Postgres: who may shut streets, what is refused, what is swapped in, what is remembered.

mod routes;

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::keeper::Keeper;
use super::*;
use crate::db::fixture;
use crate::road::network::{Directed, NodeId, Parts, RoadClass, Segment, SegmentId};
use crate::road::turns::CLOSED;
use crate::web::Role;
use crate::web::page::PageParams;
use crate::web::probe::Probe;

/// Free flow of every street of the town.
const BUILT_MS: u32 = 20_000;

pub(crate) fn config() -> Config {
    let half_life = Span::from_minutes(21 * 24 * 60);
    Config {
        file: None,
        town: false,
        reweigh: Span::from_secs(30),
        persist: Span::from_secs(300),
        observations_max: 100,
        snap_m_max: 300.0,
        closures_max: 10,
        speeds: traffic::Config { entries_max: 1_000, half_life, live_half_life: Span::from_secs(300) },
        corrections: correction::Config { entries_max: 1_000, half_life, legs_max: 100 },
    }
}

/// A Monday morning in Kigali.
const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn now() -> Timestamp {
    fixture::at("2026-11-23T07:00:00Z")
}

fn later(minutes: i64) -> Timestamp {
    now() + Span::from_minutes(minutes)
}

fn place(east_m: f64, north_m: f64) -> LatLng {
    LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, east_m).destination(0.0, north_m)
}

/// Two streets of two stretches of 300 m each, a kilometre apart, both ways: segments 0 and 1 in the south, 2 and 3 in the
/// north.
fn town() -> Network {
    let nodes = (0..6).map(|n| place(f64::from(n % 3) * 300.0, if n < 3 { 0.0 } else { 1_000.0 })).collect();
    let segment = |from: u32| Segment {
        from: NodeId(from),
        to: NodeId(from + 1),
        shape: Vec::new(),
        class: RoadClass::Tertiary,
        name: None,
        is_roundabout: false,
        forward_ms: Some(BUILT_MS),
        backward_ms: Some(BUILT_MS),
    };
    let segments = [0, 1, 3, 4].map(segment).to_vec();
    Network::new(Parts { nodes, segments, ..Parts::default() }).expect("a network").0
}

/// A town whose router keeps what it was handed last.
struct Town {
    maps: Maps,
    keeper: Keeper,
    network: Arc<Network>,
    handed: Arc<Mutex<Vec<u32>>>,
}

impl Town {
    fn new(pool: &PgPool, config: Config) -> Self {
        let (network, handed) = (Arc::new(town()), Arc::new(Mutex::new(Vec::new())));
        let take = Arc::clone(&handed);
        let reweigh: Reweigh = Arc::new(move |durations_ms| {
            *take.lock().expect("nobody panics") = durations_ms;
            Ok(())
        });
        let maps = Maps::new(config, pool.clone(), Some(Road { network: Arc::clone(&network), reweigh }));
        let keeper = Keeper::new(maps.clone());
        Self { maps, keeper, network, handed }
    }

    fn arc(&self, segment: u32, is_forward: bool) -> ArcId {
        self.network.arc(Directed { segment: SegmentId(segment), is_forward }).expect("both ways")
    }

    /// Swaps at an instant and says which segments are shut, `true` forward.
    async fn shut(&mut self, at: Timestamp) -> Vec<(u32, bool)> {
        self.keeper.reweigh(at).await.expect("a swap");
        let handed = self.handed.lock().expect("nobody panics").clone();
        let all = (0..4).flat_map(|segment| [(segment, false), (segment, true)]);
        all.filter(|(segment, way)| handed[self.arc(*segment, *way).0 as usize] == CLOSED).collect()
    }

    /// The riding time of an arc at an instant.
    async fn duration_ms(&mut self, arc: ArcId, at: Timestamp) -> u32 {
        self.keeper.reweigh(at).await.expect("a swap");
        self.handed.lock().expect("nobody panics")[arc.0 as usize]
    }

    /// Learns from what waits, as the task does.
    fn take_in(&mut self) {
        let mut inbox = self.maps.inner.inbox.lock().expect("nobody panics");
        let mut batch = Vec::new();
        while let Ok(passage) = inbox.as_mut().expect("not taken").try_recv() {
            batch.push(passage);
        }
        drop(inbox);
        self.keeper.take_in(&mut batch);
    }
}

fn line(from: LatLng, to: LatLng) -> Vec<Drawn> {
    let coordinates = json!([[from.lng(), from.lat()], [to.lng(), to.lat(), 1_500.0]]);
    vec![Drawn::Geometry { kind: "LineString".into(), coordinates }]
}

/// Both stretches of the southern street, drawn from the west to the east.
fn marathon() -> NewClosure {
    NewClosure {
        reason: " Marathon ".into(),
        drawn: line(place(5.0, 4.0), place(590.0, -4.0)),
        ..NewClosure::default()
    }
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageParams { limit: Some(limit), cursor }.check().expect("valid")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_closure_holds_in_its_time_and_ends_by_itself_or_by_hand(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let mut town = Town::new(&pool, config());
    let new = NewClosure {
        from: Some("2026-11-23T07:10:00Z".into()),
        until: Some("2026-11-23T09:20:00+02:00".into()),
        ..marathon()
    };
    let closure = town.maps.close(admin, new, now()).await.expect("is shut");
    assert_eq!((closure.arcs, closure.reason.as_str(), closure.created_by), (Some(4), "Marathon", admin));
    let both_ways = [(0, false), (0, true), (1, false), (1, true)];
    assert_eq!(town.shut(now()).await, []);
    assert_eq!(town.shut(later(10)).await, both_ways);
    assert_eq!(town.shut(later(20)).await, []);
    assert_eq!([0, 10, 20].map(|at| closure.state(later(at))), [State::Upcoming, State::InForce, State::Ended]);

    let one_way = NewClosure { direction: Some("along".into()), ..marathon() };
    let second = town.maps.close(admin, one_way, later(30)).await.expect("is shut");
    let points = NewClosure {
        drawn: vec![Drawn::Points(vec![(place(400.0, 900.0).lat(), place(400.0, 900.0).lng())])],
        ..marathon()
    };
    town.maps.close(admin, points, later(31)).await.expect("is shut");
    assert_eq!(town.shut(later(32)).await, [(0, true), (1, true), (3, false), (3, true)]);
    for at in [33, 34] {
        town.maps.lift(admin, second.id, later(at)).await.expect("is lifted, however often");
    }
    assert_eq!(town.shut(later(35)).await, [(3, false), (3, true)]);
    let listed = town.maps.closures(Some("lifted"), &page(10, None), ADMIN, later(36)).await.expect("reads").items;
    assert_eq!(listed, [Closure { lifted: Some(Lifted { by: admin, at: later(33) }), ..second }]);
    assert_eq!(town.maps.lift(admin, Uuid::nil(), later(36)).await.expect_err("none").code(), "not_found");
    town.maps.lift(admin, closure.id, later(36)).await.expect("it is over anyway");
}

#[sqlx::test(migrations = "./migrations")]
async fn closures_are_listed_by_state_and_page(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let maps = Maps::new(config(), pool, None);
    for minutes in 0..5 {
        let until = (minutes < 2).then(|| later(60).to_string());
        let closure = maps.close(admin, NewClosure { until, ..marathon() }, later(minutes)).await.expect("is shut");
        assert_eq!(closure.arcs, None, "without a map nobody knows which streets");
    }
    let first = maps.closures(None, &page(3, None), ADMIN, later(10)).await.expect("reads");
    let rest = maps.closures(None, &page(3, first.next_cursor), ADMIN, later(10)).await.expect("reads");
    let at: Vec<_> = first.items.iter().chain(&rest.items).map(|closure| closure.created_at).collect();
    assert_eq!(at, [4, 3, 2, 1, 0].map(later));
    assert_eq!(rest.next_cursor, None);
    for (state, at, count) in [("in_force", 10, 5), ("in_force", 60, 3), ("ended", 60, 2), ("upcoming", 0, 4)] {
        let listed = maps.closures(Some(state), &page(10, None), ADMIN, later(at)).await.expect("reads").items;
        assert!(listed.len() == count && listed.iter().all(|one| one.state(later(at)).as_str() == state), "{state}");
    }
    assert_eq!(
        maps.closures(Some("shut"), &page(1, None), ADMIN, now()).await.expect_err("no state").faults()[0].field,
        "state"
    );
}

#[sqlx::test(migrations = "./migrations")]
async fn every_wrong_field_of_a_closure_is_named(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let town = Town::new(&pool, config());
    let check = async |new: NewClosure, fields: &[&str]| {
        let error = town.maps.close(admin, new.clone(), now()).await.expect_err("has wrong fields");
        let named: Vec<_> = error.faults().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(named, fields, "{new:?}: {error}");
    };
    let drawn = |kind: &str, coordinates: Value| NewClosure {
        drawn: vec![Drawn::Geometry { kind: kind.into(), coordinates }],
        ..marathon()
    };
    check(NewClosure::default(), &["reason", "geometry"]).await;
    let both = [marathon().drawn, vec![Drawn::Points(vec![(-1.95, 30.06)])]].concat();
    check(NewClosure { drawn: both, ..marathon() }, &["points"]).await;
    check(NewClosure { reason: "x".repeat(201), direction: Some("up".into()), ..marathon() }, &["reason", "direction"])
        .await;
    check(NewClosure { from: Some("soon".into()), until: Some("2026-11-23".into()), ..marathon() }, &["from", "until"])
        .await;
    check(NewClosure { until: Some("2026-11-23T06:59:59Z".into()), ..marathon() }, &["until"]).await;
    check(NewClosure { from: Some("2028-01-01T00:00:00Z".into()), ..marathon() }, &["from"]).await;
    check(drawn("MultiPolygon", json!([])), &["geometry.type"]).await;
    check(drawn("LineString", json!("here")), &["geometry.coordinates"]).await;
    check(drawn("LineString", json!([[30.06, -1.95]])), &["geometry"]).await;
    check(drawn("LineString", json!([[30.06, -1.95], [30.07]])), &["geometry.coordinates[1]"]).await;
    check(drawn("LineString", json!([[30.06, -1.95], ["30", "-1"]])), &["geometry.coordinates[1]"]).await;
    check(
        drawn("LineString", json!([[30.06, -91], [181, -1.95]])),
        &["geometry.coordinates[0].lat", "geometry.coordinates[1].lng"],
    )
    .await;
    check(drawn("LineString", json!(vec![[30.06, -1.95]; 1_001])), &["geometry"]).await;
    check(drawn("Polygon", json!([[[30.06, -1.95], [30.07, -1.95], [30.06, -1.95]]])), &["geometry"]).await;
    check(drawn("Polygon", json!([[], []])), &["geometry.coordinates"]).await;
    check(drawn("Polygon", json!([])), &["geometry.coordinates"]).await;
    check(NewClosure { drawn: vec![Drawn::Points(vec![])], ..marathon() }, &["points"]).await;
    check(NewClosure { drawn: vec![Drawn::Points(vec![(f64::NAN, 30.0)])], ..marathon() }, &["points[0].lat"]).await;
    let one_way = Some("along".to_owned());
    let points = vec![Drawn::Points(vec![(-1.95, 30.06)])];
    check(NewClosure { drawn: points, direction: one_way, ..marathon() }, &["direction"]).await;
    // In order, but there is no street.
    check(NewClosure { drawn: vec![Drawn::Points(vec![(-1.80, 30.06)])], ..marathon() }, &["points"]).await;
    check(NewClosure { drawn: line(place(0.0, 500.0), place(500.0, 500.0)), ..marathon() }, &["geometry"]).await;
    assert!(town.maps.closures(None, &page(1, None), ADMIN, now()).await.expect("reads").items.is_empty());
}

#[sqlx::test(migrations = "./migrations")]
async fn there_are_only_so_many_closures_at_once(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let maps = Maps::new(Config { closures_max: 2, ..config() }, pool, None);
    let first = maps.close(admin, marathon(), now()).await.expect("is shut");
    maps.close(admin, marathon(), now()).await.expect("is shut");
    assert_eq!(maps.close(admin, marathon(), now()).await.expect_err("full").code(), "too_many_closures");
    maps.lift(admin, first.id, now()).await.expect("is lifted");
    maps.close(admin, marathon(), now()).await.expect("has room again");
}

#[sqlx::test(migrations = "./migrations")]
async fn a_slowed_street_is_remembered_by_the_next_process_on_another_import(pool: PgPool) {
    let mut town = Town::new(&pool, config());
    let (slowed, other) = (town.arc(1, true), town.arc(1, false));
    for day in 0..10 {
        let at = later(day * 24 * 60);
        for _ in 0..3 {
            town.maps.observe(slowed, Span::from_millis(3 * i64::from(BUILT_MS)), at);
            town.maps.observe(other, Span::from_millis(i64::from(BUILT_MS)), at);
        }
        town.take_in();
    }
    let then = later(10 * 24 * 60 + 30);
    let learned_ms = town.duration_ms(slowed, then).await;
    let usual_ms = town.duration_ms(other, then).await;
    assert!(learned_ms > 45_000 && usual_ms < 26_000, "{learned_ms} ms, the other way {usual_ms} ms");
    town.keeper.persist(then).await;
    town.keeper.persist(then).await;

    let mut next = Town::new(&pool, config());
    next.keeper.load(then).await.expect("reads");
    assert_eq!(next.duration_ms(slowed, then).await, learned_ms);
    let mut years_later = Town::new(&pool, config());
    years_later.keeper.load(later(5 * 365 * 24 * 60)).await.expect("reads");
    assert_eq!(years_later.duration_ms(slowed, later(5 * 365 * 24 * 60)).await, BUILT_MS);
}

#[sqlx::test(migrations = "./migrations")]
async fn whoever_hands_in_a_passage_never_waits(pool: PgPool) {
    let mut town = Town::new(&pool, Config { observations_max: 10, ..config() });
    let arc = town.arc(0, true);
    for _ in 0..1_000 {
        town.maps.observe(arc, Span::from_millis(60_000), now());
    }
    town.maps.observe(ArcId(999), Span::from_secs(1), now());
    town.take_in();
    let swapped = town.keeper.reweigh(now()).await.expect("a swap");
    assert_eq!((swapped.live_arcs, swapped.entries, swapped.closed_arcs), (1, 2, 0));
}

#[sqlx::test(migrations = "./migrations")]
async fn arrival_times_are_corrected_and_the_error_is_told(pool: PgPool) {
    let maps = Maps::new(config(), pool.clone(), None);
    let router = Span::from_secs(600);
    assert_eq!(maps.correct(router, place(0.0, 0.0), now()), router);
    for day in 0..40 {
        let leg = FinishedLeg {
            router,
            promised: router,
            actual: Span::from_secs(780),
            place: place(0.0, 0.0),
            began_at: later(day * 24 * 60),
        };
        maps.leg_finished(&leg);
    }
    let then = later(40 * 24 * 60);
    let corrected = maps.correct(router, place(0.0, 0.0), then);
    assert!((740..=790).contains(&corrected.as_secs()), "{corrected}");
    assert_eq!(maps.eta_error(), EtaError { median_s: 180, p90_s: 180, bias_s: 180, legs: 40 });

    Keeper::new(maps).persist(then).await;
    let next = Maps::new(config(), pool, None);
    Keeper::new(next.clone()).load(then).await.expect("reads");
    assert_eq!(next.correct(router, place(0.0, 0.0), then), corrected);
    assert_eq!(next.eta_error().legs, 0, "promises are this process's own");
}

#[sqlx::test(migrations = "./migrations")]
async fn known_closures_stay_in_force_while_the_database_is_away(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let mut town = Town::new(&pool, config());
    let until = Some(later(60).to_string());
    town.maps.close(admin, NewClosure { until, ..marathon() }, now()).await.expect("is shut");
    assert_eq!(town.shut(now()).await.len(), 4);
    pool.close().await;
    assert_eq!(town.shut(later(1)).await.len(), 4);
    assert_eq!(town.shut(later(60)).await, [], "and end when they should");
}

#[sqlx::test(migrations = "./migrations")]
async fn the_task_stores_what_it_learned_before_it_ends(pool: PgPool) {
    let town = Town::new(&pool, config());
    for _ in 0..20 {
        town.maps.observe(town.arc(0, true), Span::from_secs(50), now());
    }
    let stop = CancellationToken::new();
    stop.cancel();
    town.maps.clone().run(stop).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM learned_speeds").fetch_one(&pool).await.expect("reads");
    assert_eq!(rows, 4, "an hour and the week, of the street and of its class");
    // A second task finds nothing to do.
    town.maps.run(CancellationToken::new()).await;
}

#[sqlx::test(migrations = "./migrations")]
async fn only_an_admin_shuts_streets(pool: PgPool) {
    let admin = Some((fixture::person(&pool, 1, "admin").await, Role::Admin));
    let rider = Some((fixture::rider(&pool, 2).await.into(), Role::Customer));
    let driver = Some((fixture::driver(&pool, 3).await.into(), Role::Driver));
    let official = Some((fixture::person(&pool, 4, "government").await, Role::Government));
    let probe = Probe::new(http::routes(), Town::new(&pool, config()).maps);
    let square = json!([[[30.05, -1.96], [30.07, -1.96], [30.07, -1.945], [30.05, -1.945], [30.05, -1.96]]]);
    let body = json!({"reason": "Works", "geometry": {"type": "Polygon", "coordinates": square}});
    let (path, nobody) = ("/admin/road-closures", "/admin/road-closures/00000000-0000-4000-8000-000000000000");
    for (who, status) in [(None, 401), (rider, 403), (driver, 403), (official, 403)] {
        assert_eq!(probe.post(who, path, &body).await.0.as_u16(), status);
        assert_eq!(probe.get(who, path).await.0.as_u16(), status);
        assert_eq!(probe.delete(who, nobody).await.0.as_u16(), status);
    }
    let (status, shut) = probe.post(admin, path, &body).await;
    assert_eq!((status.as_u16(), &shut["state"], &shut["arcs"]), (201, &json!("in_force"), &json!(4)), "{shut}");
    assert_eq!((&shut["geometry"]["coordinates"], &shut["direction"]), (&square, &json!("both")), "as it was drawn");
    for (body, status, field) in [
        (json!({"reason": "x"}), 422, "geometry"),
        (json!({"reason": "x", "points": [{"lat": 1, "lng": 2, "alt": 3}]}), 400, "points[0].alt"),
        (json!({"reason": "x", "points": [{"lat": 91, "lng": 2}]}), 422, "points[0].lat"),
        (json!({"reason": "x", "points": [], "until": 5}), 400, "until"),
        (json!({"points": []}), 400, "reason"),
    ] {
        let (answered, error) = probe.post(admin, path, &body).await;
        assert_eq!(answered.as_u16(), status, "{body}: {error}");
        assert!(error.to_string().contains(field.rsplit('.').next().expect("a name")), "{field}: {error}");
    }
    let (_, listed) = probe.get(admin, "/admin/road-closures?state=in_force&limit=1").await;
    assert_eq!((listed["items"][0].clone(), &listed["next_cursor"]), (shut.clone(), &Value::Null));
    assert_eq!(probe.get(admin, "/admin/road-closures?state=shut").await.0.as_u16(), 422);
    let own = format!("{path}/{}", shut["id"].as_str().expect("an id"));
    for _ in 0..2 {
        assert_eq!(probe.delete(admin, &own).await.0.as_u16(), 204);
    }
    let (_, lifted) = probe.get(admin, "/admin/road-closures?state=lifted").await;
    assert_eq!(lifted["items"][0]["lifted_by"], json!(admin.map(|admin| admin.0)));
    assert_eq!(probe.delete(admin, nobody).await.0.as_u16(), 404);
    assert_eq!(probe.delete(admin, "/admin/road-closures/mine").await.0.as_u16(), 422);
}
