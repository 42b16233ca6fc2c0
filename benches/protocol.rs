//! The wire: what it costs to read a ping and to write what the server sends often.
//!
//! Separate from the tests because only a release build says anything about time. The ping is that of `docs/PROTOCOL.md`;
//! what is written goes into one buffer that is used again, as in a session.

use std::hint::black_box;

use boda::geo::LatLng;
use boda::ids::{RideId, StreamSeq, UserId};
use boda::realtime::protocol::Encoding;
use boda::realtime::protocol::client::{ClientMessage, decode, decode_binary, decode_general, decode_plain_ping};
use boda::realtime::protocol::server::{DriverPosition, NearbyDriver, ServerMessage};
use boda::realtime::protocol::view::{DriverView, PersonView, Place, RideStatus, RideView};
use boda::time::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;

const PING: &str = r#"{"type":"ping","t_ms":1790000000000,"lat":-1.94407,"lng":30.06188,"speed_mps":6.1,"bearing_deg":87,"accuracy_m":8}"#;
/// As a phone writes doubles that no short decimal stands for.
const PING_LONG: &str = r#"{"type":"ping","t_ms":1790000000000,"lat":-1.9440700000000001,"lng":30.061880000000002,"speed_mps":6.1,"bearing_deg":87,"accuracy_m":8}"#;

fn position() -> ServerMessage {
    let place = LatLng::new(-1.94407, 30.06188).expect("on the globe");
    ServerMessage::DriverPosition(DriverPosition {
        ride_id: RideId(Uuid::from_u128(0x8f1b_2c3d << 96)),
        lat: place.lat(),
        lng: place.lng(),
        bearing_deg: Some(87),
        t_ms: 1_790_000_001_000,
        eta_s: Some(95),
    })
}

fn nearby() -> ServerMessage {
    let driver =
        |key: u32| NearbyDriver { key, lat: -1.944_070 + f64::from(key) * 1e-5, lng: 30.061_88, bearing_deg: Some(87) };
    ServerMessage::DriversNearby { tile: 731, drivers: (0..20).map(driver).collect() }
}

fn ride() -> ServerMessage {
    let place = |address: &str| Place { lat: -1.94, lng: 30.06, address: Some(address.to_owned()), landmark: None };
    let at = Timestamp::from_millis(1_790_000_000_000);
    let driver = DriverView {
        id: UserId(Uuid::from_u128(2)),
        first_name: "Eric".to_owned(),
        plate: "RC123B".to_owned(),
        rating: Some(4.8),
        phone: Some("+250788000000".to_owned()),
    };
    let view = RideView {
        id: RideId(Uuid::from_u128(1)),
        status: RideStatus::DriverAssigned,
        ride_type: "boda".to_owned(),
        express: false,
        payment_method: "cash".to_owned(),
        pickup: place("Nyabugogo"),
        stops: Vec::new(),
        destination: place("Kimironko"),
        parcel: None,
        notes: None,
        pickup_at: None,
        pickup_window: None,
        estimated_distance_m: 4_200,
        estimated_duration_s: 687,
        matched_distance_m: None,
        fare_rwf: 658,
        fare_final: false,
        service_fee_rwf: 0,
        to_pay_rwf: 845,
        surge_basis_points: 10_000,
        pin: Some("4821".to_owned()),
        rider: PersonView { id: UserId(Uuid::from_u128(3)), first_name: "Aline".to_owned() },
        driver: Some(driver),
        queue: None,
        is_next: false,
        cancellation: None,
        requested_at: at,
        assigned_at: Some(at),
        arrived_at: None,
        started_at: None,
        ended_at: None,
    };
    ServerMessage::Ride { seq: StreamSeq(1_832_960_000_001), prev: StreamSeq(0), ride: Box::new(view) }
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read ping");
    for (name, frame) in [("short numbers", PING), ("long numbers", PING_LONG)] {
        assert!(decode_plain_ping(frame).is_some(), "the shortcut reads {frame}");
        group.bench_function(format!("json, {name}"), |bencher| bencher.iter(|| decode(black_box(frame)).is_ok()));
        group.bench_function(format!("json without the shortcut, {name}"), |bencher| {
            bencher.iter(|| decode_general(black_box(frame)).is_ok());
        });
    }
    let Ok(ClientMessage::Ping(ping)) = decode(PING) else { panic!("not a ping: {PING}") };
    let frame = ping.to_binary();
    assert_eq!(decode_binary(&frame), Ok(ClientMessage::Ping(ping)));
    group.bench_function("binary", |bencher| bencher.iter(|| decode_binary(black_box(&frame)).is_ok()));
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("write");
    let mut out = Vec::with_capacity(4_096);
    for (name, message, encodings) in [
        ("position", position(), [Encoding::Json, Encoding::Binary].as_slice()),
        ("20 drivers nearby", nearby(), [Encoding::Json, Encoding::Binary].as_slice()),
        ("ride", ride(), [Encoding::Json].as_slice()),
    ] {
        for encoding in encodings {
            group.bench_function(format!("{name}, {encoding:?}"), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    black_box(&message).encode_into(*encoding, &mut out);
                    out.len()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, reading, writing);
criterion_main!(benches);
