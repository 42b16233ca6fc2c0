//! The service against a real database: zones drawn, changed and removed, events stored and read.

use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::db::fixture;
use crate::ids::DriverId;
use crate::index::Fix;
use crate::locations::Track;
use crate::locations::history::tests::locations;
use crate::web::Role;
use crate::web::page::PageParams;
use crate::web::probe::Probe;

fn config() -> Config {
    Config {
        corners_max: 8,
        zones_max: 3,
        batch_rows_max: 2,
        retry: Duration::from_millis(20),
        refresh: Duration::from_secs(3_600),
        retention_days: 90,
    }
}

async fn open(pool: &PgPool) -> Geofences {
    Geofences::open(config(), pool.clone(), locations()).await.expect("opens")
}

fn draft(name: &str, kind: ZoneKind) -> Draft {
    Draft { name: name.to_owned(), kind, outline: square(centre(), 200.0), data: Map::new() }
}

const ADMIN: UserId = UserId(Uuid::from_u128(9));

fn now() -> Timestamp {
    fixture::at("2026-11-23T08:00:00Z")
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageParams { limit: Some(limit), cursor }.check().expect("valid")
}

#[sqlx::test(migrations = "./migrations")]
async fn a_zone_is_in_force_as_long_as_it_is_drawn(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let geofences = open(&pool).await;
    let mut drawn = draft("Nyabugogo", ZoneKind::Stage);
    drawn.data.insert("colour".to_owned(), json!("green"));
    let stored = geofences.create(&drawn, admin, now()).await.expect("is drawn");
    assert_eq!((stored.version, stored.changed_by, &stored.data), (1, admin, &drawn.data));
    assert_eq!((&stored.zone.name, stored.zone.kind, &stored.zone.outline), (&drawn.name, drawn.kind, &drawn.outline));
    let is_in_force = || geofences.inner.locations.zone_refusing(centre()).is_some();
    assert!(!is_in_force(), "a stage refuses nobody");
    let id = stored.zone.id;
    let later = now() + Span::from_secs(60);
    let no_go = draft("Nyabugogo", ZoneKind::NoGo);
    let changed = geofences.change((id, Some(1)), &no_go, admin, later).await.expect("is changed");
    assert_eq!((changed.version, changed.created_at, changed.changed_at), (2, now(), later));
    assert!(is_in_force());
    let reopened = open(&pool).await;
    assert!(reopened.inner.locations.zone_refusing(centre()).is_some(), "also after a restart");
    let stale = geofences.change((id, Some(1)), &drawn, admin, later).await.expect_err("was changed meanwhile");
    assert_eq!(stale.code(), "geofence_changed");
    geofences.change((id, None), &no_go, admin, later).await.expect("the last one wins");
    geofences.remove(id, admin, later).await.expect("is removed");
    assert!(!is_in_force());
    for error in [
        geofences.show(id, ADMIN, now()).await.expect_err("is gone"),
        geofences.remove(id, admin, later).await.expect_err("is gone"),
        geofences.change((id, None), &no_go, admin, later).await.expect_err("is gone"),
    ] {
        assert_eq!(error.code(), "not_found");
    }
    assert!(geofences.events(id, &page(5, None), ADMIN, now()).await.expect("is remembered").items.is_empty());
    assert_eq!(
        geofences.events(ZoneId(Uuid::nil()), &page(5, None), ADMIN, now()).await.expect_err("never was").code(),
        "not_found"
    );
    let changes: Vec<(i32, String, Uuid)> =
        sqlx::query_as("SELECT version, what, by_user FROM geofence_changes WHERE geofence_id = $1 ORDER BY version")
            .bind(id.0)
            .fetch_all(&pool)
            .await
            .expect("reads");
    let what: Vec<_> = changes.iter().map(|(version, what, by)| (*version, what.as_str(), *by)).collect();
    assert_eq!(
        what,
        [(1, "created", admin.0), (2, "changed", admin.0), (3, "changed", admin.0), (4, "removed", admin.0)]
    );
    let denied = sqlx::query("DELETE FROM geofence_changes").execute(&pool).await;
    assert!(denied.is_err(), "who changed what is never forgotten");
}

#[sqlx::test(migrations = "./migrations")]
async fn zones_are_listed_by_the_page_and_there_are_so_many_at_most(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let geofences = open(&pool).await;
    for number in 0..3 {
        let drawn = draft(&format!("Zone {number}"), ZoneKind::Other);
        geofences.create(&drawn, admin, now() + Span::from_secs(number)).await.expect("is drawn");
    }
    let one_more = geofences.create(&draft("Zone 4", ZoneKind::Other), admin, now()).await.expect_err("too many");
    assert_eq!(one_more.code(), "too_many_geofences");
    let names = |page: &Page<Stored>| page.items.iter().map(|stored| stored.zone.name.clone()).collect::<Vec<_>>();
    let first = geofences.list(&page(2, None), ADMIN, now()).await.expect("reads");
    assert_eq!(names(&first), ["Zone 2", "Zone 1"]);
    let second = geofences.list(&page(2, first.next_cursor), ADMIN, now()).await.expect("reads");
    assert_eq!((names(&second), second.next_cursor), (vec!["Zone 0".to_owned()], None));
}

#[sqlx::test(migrations = "./migrations")]
async fn what_another_process_changes_is_in_force_after_a_look(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let (here, there) = (open(&pool).await, open(&pool).await);
    let mut known = None;
    here.refresh(&mut known).await.expect("looks");
    let stored = there.create(&draft("Away", ZoneKind::NoGo), admin, now()).await.expect("is drawn");
    assert!(here.inner.locations.zone_refusing(centre()).is_none());
    here.refresh(&mut known).await.expect("looks");
    assert!(here.inner.locations.zone_refusing(centre()).is_some());
    there.remove(stored.zone.id, admin, now()).await.expect("is removed");
    here.refresh(&mut known).await.expect("looks");
    assert!(here.inner.locations.zone_refusing(centre()).is_none());
}

#[sqlx::test(migrations = "./migrations")]
async fn a_ride_through_a_zone_is_stored_listed_and_forgotten(pool: PgPool) {
    let admin = fixture::person(&pool, 1, "admin").await;
    let driver = DriverId(Uuid::from_u128(7));
    let geofences = open(&pool).await;
    let id = geofences.create(&draft("Stage", ZoneKind::Stage), admin, now()).await.expect("is drawn").zone.id;
    let locations = geofences.inner.locations.clone();
    let outside = centre().destination(90.0, 3_000.0);
    locations.begin_shift(driver, crate::index::RideClasses(1), Some(Fix::new(outside, now())));
    let mut track = Track::default();
    let way = [(outside, 1), (centre(), 400), (centre(), 401), (centre(), 402), (centre(), 470)];
    for (place, second) in way.into_iter().chain((0..3).map(|number| (outside, 900 + number))) {
        let at = now() + Span::from_secs(second);
        locations.ping(driver, &mut track, Fix::new(place, at), at).expect("is taken");
    }
    let stop = CancellationToken::new();
    stop.cancel();
    // Told to stop from the beginning, it stores what is there.
    geofences.clone().run(stop).await;
    let listed = geofences.events(id, &page(2, None), ADMIN, now()).await.expect("reads");
    let told = |page: &Page<StoredEvent>| {
        page.items
            .iter()
            .map(|stored| (stored.event.step.kind, stored.event.step.at.since(now()).as_secs()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&listed), [(EventKind::Exit, 900), (EventKind::Dwell, 470)]);
    assert!(listed.items.iter().all(|stored| stored.event.driver == driver));
    let rest = geofences.events(id, &page(2, listed.next_cursor), ADMIN, now()).await.expect("reads");
    assert_eq!(told(&rest), [(EventKind::Enter, 400)]);
    geofences.forget(now() + Span::from_minutes(1_440 * 90) + Span::from_secs(450)).await.expect("forgets");
    assert_eq!(told(&geofences.events(id, &page(9, None), ADMIN, now()).await.expect("reads")).len(), 2);
}

/// A feature with one thing changed.
fn feature(path: &str, value: Value) -> Value {
    let ring = json!([[30.05, -1.95], [30.07, -1.95], [30.07, -1.93], [30.05, -1.93], [30.05, -1.95]]);
    let mut body = json!({
        "type": "Feature", "bbox": [30.05, -1.95, 30.07, -1.93], "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"name": "Kigali", "kind": "no_go", "data": {"colour": "red"}, "ours": 1},
    });
    if !path.is_empty() {
        *body.pointer_mut(path).expect("such a member") = value;
    }
    body
}

#[sqlx::test(migrations = "./migrations")]
async fn the_routes_take_and_show_geojson_and_name_what_is_wrong(pool: PgPool) {
    let admin = Some((fixture::person(&pool, 1, "admin").await, Role::Admin));
    let probe = Probe::new(http::routes(), open(&pool).await);
    let (status, drawn) = probe.post(admin, "/admin/geofences", &feature("", Value::Null)).await;
    assert_eq!(status.as_u16(), 201, "{drawn}");
    assert_eq!((&drawn["type"], &drawn["properties"]["version"]), (&json!("Feature"), &json!(1)));
    assert_eq!(drawn["geometry"], feature("", Value::Null)["geometry"]);
    assert_eq!(drawn["properties"]["data"], json!({"colour": "red"}));
    let (_, listed) = probe.get(admin, "/admin/geofences").await;
    assert_eq!((&listed["type"], &listed["features"]), (&json!("FeatureCollection"), &json!([drawn])));
    let shape = "/geometry/coordinates";
    let ring = |ring: Value| (shape, json!([ring]), 422, "geometry.coordinates[0]");
    for (path, value, status, field) in [
        ("/type", json!("Polygon"), 422, "type"),
        ("/geometry/type", json!("MultiPolygon"), 422, "geometry.type"),
        ("/properties/name", json!(" "), 422, "properties.name"),
        ("/properties/name", json!("x".repeat(101)), 422, "properties.name"),
        ("/properties/kind", json!("prison"), 422, "properties.kind"),
        ("/properties/data", json!({"x": "x".repeat(5_000)}), 422, "properties.data"),
        ("/properties/data", json!([]), 400, "properties.data"),
        (shape, json!([]), 422, "geometry.coordinates"),
        (shape, json!([[[30.0, -1.9]], [[30.0, -1.9]]]), 422, "geometry.coordinates"),
        (shape, json!([[["30", -1.9]]]), 400, "geometry.coordinates"),
        ring(json!([[30.0, -1.9], [30.1, -1.9], [30.0, -1.9]])),
        ring(json!([[30.0, -1.9], [30.1, -1.9], [30.1, -1.8], [30.0, -1.8]])),
        ring(json!([[30.0, -1.9], [30.1, -1.8], [30.1, -1.9], [30.0, -1.8], [30.0, -1.9]])),
        ring(json!(vec![[30.0, -1.9]; 10])),
        (shape, json!([[[30.0, -1.9], [190.0, -1.9], [30.1, -1.8], [30.0, -1.9]]]), 422, "geometry.coordinates[0][1]"),
        (shape, json!([[[30.0, -1.9], [30.1], [30.1, -1.8], [30.0, -1.9]]]), 422, "geometry.coordinates[0][1]"),
    ] {
        let body = feature(path, value);
        let (answered, error) = probe.post(admin, "/admin/geofences", &body).await;
        let named = error["faults"][0]["field"].as_str().unwrap_or_default();
        assert!(answered.as_u16() == status && (named == field || status == 400), "{body} → {answered} {error}");
    }
    for role in [Role::Customer, Role::Driver, Role::Government] {
        let someone = Some((UserId(Uuid::nil()), role));
        let (status, _) = probe.post(someone, "/admin/geofences", &feature("", Value::Null)).await;
        assert_eq!(status.as_u16(), 403);
    }
    assert_eq!(probe.get(None, "/admin/geofences").await.0.as_u16(), 401);
}
