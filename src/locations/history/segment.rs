//! One driver's positions of one minute, packed.
//!
//! Separate because it is arithmetic: pure, and the format on disk for years. A segment begins with a version; a change of
//! the format takes the next one and leaves this decoder where it is.
//!
//! # Format 1
//! `version, count, offset, lat, lng`, then for every further point `time, lat, lng`; all numbers are varints (seven bits a
//! byte, lowest first), signed ones in zigzag. The first point is written as it is: its time as an offset into the minute.
//! A further point is written by how much its *step* (in time, latitude and longitude) differs from the step before: a
//! motorcycle that keeps its pace costs three bytes a ping.
//!
//! # Resolution
//! A hundredth of a second and a millionth of a degree (11 cm). Both are several times finer than a phone measures (3 to
//! 10 m) and a moto moves meanwhile (15 cm at 55 km/h). The index holds ten-millionths: the last digit would be noise that
//! costs a byte for each coordinate.
//!
//! # Invariants
//! What was packed comes out as it went in. Any other bytes are an error or points that could have been packed: in order of
//! time, within the minute, on the globe. Nothing here panics on bytes of others.

use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::Timestamp;

/// Written first.
const VERSION: u8 = 1;
/// Hundredths of a second in a minute: also the most points that a segment can have.
const TICKS_PER_MINUTE: i64 = 6_000;
const MS_PER_TICK: i64 = 10;
/// Ten-millionths of a degree in a millionth.
const E7_PER_E6: i32 = 10;
/// Room for a minute of a moving driver at one ping a second, so that a draft grows once at most.
const BYTES_EXPECTED: usize = 224;

/// A position in the resolution of the history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Point {
    /// Hundredths of a second since 1970.
    ticks: i64,
    lat_e6: i32,
    lng_e6: i32,
}

impl Point {
    /// Time rounded down, place to the nearest.
    pub fn new(at: Timestamp, position: LatLng) -> Self {
        let nearest = |e7: i32| (e7 + E7_PER_E6 / 2 * e7.signum()) / E7_PER_E6;
        Self {
            ticks: at.as_millis().div_euclid(MS_PER_TICK),
            lat_e6: nearest(position.lat_e7()),
            lng_e6: nearest(position.lng_e7()),
        }
    }

    /// An instant in the resolution of the history.
    pub const fn rounded_down(at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().div_euclid(MS_PER_TICK) * MS_PER_TICK)
    }

    /// When.
    pub const fn at(self) -> Timestamp {
        Timestamp::from_millis(self.ticks.saturating_mul(MS_PER_TICK))
    }

    /// Where.
    pub fn position(self) -> LatLng {
        LatLng::from_e7(self.lat_e6 * E7_PER_E6, self.lng_e6 * E7_PER_E6).expect("a point is on the globe")
    }

    /// Degrees north.
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e6) / 1e6
    }

    /// Degrees east.
    pub fn lng(self) -> f64 {
        f64::from(self.lng_e6) / 1e6
    }

    /// Which minute it belongs to.
    pub const fn minute(self) -> Minute {
        // Far beyond the calendar it stays at the last minute that can be stored.
        let minute = self.ticks.div_euclid(TICKS_PER_MINUTE);
        Minute(if minute > i32::MAX as i64 {
            i32::MAX
        } else if minute < i32::MIN as i64 {
            i32::MIN
        } else {
            minute as i32
        })
    }

    const fn axes(self) -> [i64; 3] {
        [self.ticks, self.lat_e6 as i64, self.lng_e6 as i64]
    }

    fn from_axes([ticks, lat_e6, lng_e6]: [i64; 3]) -> Option<Self> {
        let within = |value: i64, max: i32| i32::try_from(value).ok().filter(|value| (-max..=max).contains(value));
        Some(Self { ticks, lat_e6: within(lat_e6, 90_000_000)?, lng_e6: within(lng_e6, 180_000_000)? })
    }
}

/// A minute of time: whole minutes since 1970-01-01T00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Minute(pub i32);

impl Minute {
    /// The minute in which an instant lies.
    pub fn of(at: Timestamp) -> Self {
        let minute = at.as_millis().div_euclid(TICKS_PER_MINUTE * MS_PER_TICK);
        Self(i32::try_from(minute).unwrap_or(if minute < 0 { i32::MIN } else { i32::MAX }))
    }

    /// The first instant after it.
    pub fn end(self) -> Timestamp {
        Timestamp::from_millis((i64::from(self.0) + 1) * TICKS_PER_MINUTE * MS_PER_TICK)
    }

    const fn first_tick(self) -> i64 {
        self.0 as i64 * TICKS_PER_MINUTE
    }
}

/// One driver's points of one minute, packed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Whose.
    pub driver: DriverId,
    /// When.
    pub minute: Minute,
    /// What [`decode`] reads.
    pub packed: Box<[u8]>,
}

/// A segment that is still being written.
#[derive(Clone, Debug)]
pub struct Draft {
    minute: Minute,
    count: u32,
    last: Point,
    step: [i64; 3],
    body: Vec<u8>,
}

impl Draft {
    /// Begins with a point.
    pub fn new(first: Point) -> Self {
        let minute = first.minute();
        let mut body = Vec::with_capacity(BYTES_EXPECTED);
        let [ticks, lat, lng] = first.axes();
        put(&mut body, ticks.wrapping_sub(minute.first_tick()).cast_unsigned());
        put(&mut body, zigzag(lat));
        put(&mut body, zigzag(lng));
        Self { minute, count: 1, last: first, step: [0; 3], body }
    }

    /// Which minute it is of.
    pub const fn minute(&self) -> Minute {
        self.minute
    }

    /// Takes in a point of the same minute that is later than all before; refuses others.
    pub fn push(&mut self, point: Point) -> bool {
        if point.ticks <= self.last.ticks || point.minute() != self.minute {
            return false;
        }
        let (from, to) = (self.last.axes(), point.axes());
        let step = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
        for (now, before) in step.into_iter().zip(self.step) {
            put(&mut self.body, zigzag(now - before));
        }
        (self.step, self.last) = (step, point);
        self.count += 1;
        true
    }

    /// The segment as far as it is written.
    pub fn packed(&self) -> Box<[u8]> {
        let mut packed = Vec::with_capacity(self.body.len() + 3);
        packed.push(VERSION);
        put(&mut packed, self.count.into());
        packed.extend_from_slice(&self.body);
        packed.into_boxed_slice()
    }
}

/// Bytes that are no segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a program of another time.
    #[error("version {0} of a position segment is not known")]
    Version(u8),
    /// They end in the middle of something.
    #[error("a position segment ends too early")]
    Truncated,
    /// A number with more digits than a number has.
    #[error("a number in a position segment is too long")]
    Overlong,
    /// More or fewer points than a minute can have or the bytes can hold.
    #[error("{0} points cannot be in this position segment")]
    Count(u64),
    /// Not on the globe, not later than the one before, or not of this minute.
    #[error("point {0} of a position segment cannot be")]
    Point(u32),
    /// Something follows the last point.
    #[error("a position segment has {0} bytes too many")]
    Trailing(usize),
}

/// Unpacks the points of a minute, in order of time.
///
/// # Errors
/// [`DecodeError`] for bytes that [`Draft::packed`] cannot have written.
pub fn decode(minute: Minute, packed: &[u8]) -> Result<Vec<Point>, DecodeError> {
    let (&version, mut rest) = packed.split_first().ok_or(DecodeError::Truncated)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let count = take(&mut rest)?;
    // A point has three bytes at least: what is said to be there is never more memory than what is there.
    let count_max = (rest.len() / 3).min(TICKS_PER_MINUTE as usize) as u64;
    if !(1..=count_max).contains(&count) {
        return Err(DecodeError::Count(count));
    }
    let mut points = Vec::with_capacity(count as usize);
    let (mut at, mut step) = ([minute.first_tick(), 0, 0], [0_i64; 3]);
    for number in 0..count as u32 {
        let wrong = DecodeError::Point(number);
        if number == 0 {
            let offset = i64::try_from(take(&mut rest)?).map_err(|_| wrong)?;
            step = [offset, unzigzag(take(&mut rest)?), unzigzag(take(&mut rest)?)];
        } else {
            for axis in &mut step {
                *axis = axis.checked_add(unzigzag(take(&mut rest)?)).ok_or(wrong)?;
            }
            if step[0] <= 0 {
                return Err(wrong);
            }
        }
        for (axis, step) in at.iter_mut().zip(step) {
            *axis = axis.checked_add(step).ok_or(wrong)?;
        }
        if number == 0 {
            step = [0; 3];
        }
        let point = Point::from_axes(at).filter(|point| point.minute() == minute).ok_or(wrong)?;
        points.push(point);
    }
    if rest.is_empty() { Ok(points) } else { Err(DecodeError::Trailing(rest.len())) }
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0_u64;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift > 63 || (shift == 63 && bits > 1) {
            return Err(DecodeError::Overlong);
        }
        value |= bits << shift;
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const MINUTE: Minute = Minute(29_701_234);

    fn point(offset: i64, lat_e6: i32, lng_e6: i32) -> Point {
        Point { ticks: MINUTE.first_tick() + offset, lat_e6, lng_e6 }
    }

    fn packed(points: &[Point]) -> Box<[u8]> {
        let mut draft = Draft::new(points[0]);
        for point in &points[1..] {
            assert!(draft.push(*point), "{point:?}");
        }
        draft.packed()
    }

    #[test]
    fn the_format_is_as_written_down() {
        let points =
            [point(5, -1_943_800, 30_056_900), point(105, -1_943_790, 30_056_900), point(205, -1_943_780, 30_056_899)];
        // Version, count; offset, lat, lng; steps (100, +10, 0) and (100, +10, -1) as differences of steps.
        let wanted = [
            1, 3, 5, 0xef, 0xa3, 0xed, 0x01, 0x88, 0x87, 0xd5, 0x1c, // the first point
            0xc8, 0x01, 20, 0, // the first step
            0, 0, 1, // the difference of the second
        ];
        assert_eq!(*packed(&points), wanted);
        assert_eq!(decode(MINUTE, &wanted), Ok(points.to_vec()));
    }

    #[test]
    fn a_fix_is_rounded_by_less_than_a_phone_can_tell() {
        for (lat, lng) in [(-1.943_838_4, 30.056_937_6), (0.000_000_4, -0.000_000_6), (90.0, -180.0), (-90.0, 180.0)] {
            let place = LatLng::new(lat, lng).expect("on the globe");
            let point = Point::new(Timestamp::from_millis(1_234_567_899), place);
            assert!((point.lat() - lat).abs() < 0.51e-6 && (point.lng() - lng).abs() < 0.51e-6, "{point:?}");
            assert_eq!(point.at().as_millis(), 1_234_567_890);
            assert!(point.position().distance_m(place) < 0.08);
        }
    }

    #[test]
    fn only_later_points_of_the_same_minute_are_taken() {
        let mut draft = Draft::new(point(100, 0, 0));
        for refused in [point(100, 1, 1), point(99, 1, 1), point(-1, 1, 1), point(6_000, 1, 1)] {
            assert!(!draft.push(refused), "{refused:?}");
        }
        assert!(draft.push(point(5_999, 1, 1)));
        assert_eq!(decode(MINUTE, &draft.packed()).map(|points| points.len()), Ok(2));
    }

    #[test]
    fn what_is_wrong_with_bytes_is_said() {
        let good = packed(&[point(0, 5, 5), point(1, 6, 6)]);
        let changed = |index: usize, byte: u8| {
            let mut bytes = good.to_vec();
            bytes[index] = byte;
            decode(MINUTE, &bytes)
        };
        assert_eq!(decode(MINUTE, &[]), Err(DecodeError::Truncated));
        assert_eq!(changed(0, 2), Err(DecodeError::Version(2)));
        assert_eq!(changed(1, 0), Err(DecodeError::Count(0)));
        assert_eq!(changed(1, 3), Err(DecodeError::Count(3)));
        assert_eq!(changed(1, 1), Err(DecodeError::Trailing(3)));
        assert_eq!(changed(5, 0), Err(DecodeError::Point(1)), "no later than the one before");
        assert_eq!(changed(7, 0x80), Err(DecodeError::Truncated));
        let far = [&[1, 1, 0][..], &[0xff; 9], &[0x01, 0]].concat();
        assert_eq!(decode(MINUTE, &far), Err(DecodeError::Point(0)), "not on the globe");
        let late = [1, 1, 0xf0, 0x2e, 0, 0];
        assert_eq!(decode(MINUTE, &late), Err(DecodeError::Point(0)), "of the next minute");
        let long = [&[1][..], &[0xff; 10], &[0x01]].concat();
        assert_eq!(decode(MINUTE, &long), Err(DecodeError::Overlong));
    }

    /// Seconds of a moto in town, as a phone tells them: it speeds up, slows down for corners and junctions, and stands
    /// there; what the phone measures strays by metres, slowly, and by decimetres, quickly; the second hand is not exact.
    fn drive(seed: u64, seconds: i64) -> Vec<Point> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut noise = move |scale: f64| (0..4).map(|_| rng.random_range(-0.866..0.866)).sum::<f64>() * scale;
        let mut place = LatLng::new(-1.95, 30.06).expect("on the globe");
        let (mut bearing, mut speed, mut stray) = (90.0, 0.0_f64, [0.0_f64; 2]);
        let mut points = Vec::new();
        for second in 0..seconds {
            let (in_block, block) = (second % 45, second / 45);
            let wanted: f64 = match in_block {
                0..5 if block % 3 == 0 => 0.0,
                40.. => 4.0,
                _ => 9.0,
            };
            speed += (wanted - speed).clamp(-2.5, 1.8) + noise(0.2);
            bearing += if in_block == 42 { 90.0 } else { noise(2.0) };
            place = place.destination(bearing, speed.max(0.0));
            stray = [stray[0] * 0.95 + noise(0.8), stray[1] * 0.95 + noise(0.8)];
            let seen = place.destination(0.0, stray[0] + noise(0.2)).destination(90.0, stray[1] + noise(0.2));
            let at_ms = MINUTE.first_tick() * MS_PER_TICK + second * 1_000 + 300 + noise(30.0) as i64;
            points.push(Point::new(Timestamp::from_millis(at_ms), seen));
        }
        points
    }

    #[test]
    fn a_moving_driver_at_one_ping_a_second_costs_four_bytes_a_ping() {
        let (mut bytes, mut pings) = (0, 0);
        for seed in 0..20 {
            for minute in drive(seed, 1_200).chunk_by(|a, b| a.minute() == b.minute()) {
                bytes += packed(minute).len();
                pings += minute.len();
            }
        }
        // Of six: the row's own head, the driver and the index take less than two.
        let per_ping = bytes as f64 / pings as f64;
        assert!((2.5..4.0).contains(&per_ping), "{per_ping} bytes");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(points in minutes()) {
            let bytes = packed(&points);
            prop_assert_eq!(decode(MINUTE, &bytes), Ok(points));
        }

        #[test]
        fn any_bytes_are_an_error_or_points_that_could_have_been_packed(mut bytes in vec(any::<u8>(), 0..200), sound in any::<bool>()) {
            if let (true, Some(version)) = (sound, bytes.first_mut()) {
                *version = VERSION;
            }
            if let Ok(points) = decode(MINUTE, &bytes) {
                prop_assert_eq!(decode(MINUTE, &packed(&points)), Ok(points));
            }
        }

        #[test]
        fn a_segment_that_was_cut_or_scratched_is_never_a_panic(points in minutes(), cut in 0_usize..400, at in 0_usize..400, byte in any::<u8>()) {
            let mut bytes = packed(&points).to_vec();
            let index = at % bytes.len();
            bytes[index] = byte;
            if let Ok(found) = decode(MINUTE, &bytes) {
                prop_assert!(found.windows(2).all(|pair| pair[0].ticks < pair[1].ticks));
                prop_assert!(found.iter().all(|point| point.minute() == MINUTE));
            }
            bytes.truncate(cut % bytes.len());
            prop_assert!(decode(MINUTE, &bytes).is_err() || cut == 0 || bytes.len() > 4);
        }

        #[test]
        fn every_minute_of_the_calendar_has_its_points(ms in any::<i64>(), lat in any::<i32>()) {
            let point = Point { ticks: ms.div_euclid(MS_PER_TICK), lat_e6: lat % 90_000_001, lng_e6: 0 };
            prop_assert_eq!(Minute::of(Timestamp::from_millis(ms)), point.minute());
        }
    }

    /// Points of one minute: anywhere, at any instants, in order.
    fn minutes() -> impl Strategy<Value = Vec<Point>> {
        let anywhere = (-90_000_000..=90_000_000_i32, -180_000_000..=180_000_000_i32);
        let near = (-1_960_000..=-1_940_000_i32, 30_050_000..=30_070_000_i32);
        let places = |place: proptest::strategy::BoxedStrategy<(i32, i32)>| vec((0..6_000_i64, place), 1..100);
        (any::<bool>(), Just(())).prop_flat_map(move |(wild, ())| {
            let place = if wild { anywhere.clone().boxed() } else { near.clone().boxed() };
            places(place).prop_map(|mut places| {
                places.sort_unstable();
                places.dedup_by_key(|(offset, _)| *offset);
                places.into_iter().map(|(offset, (lat, lng))| point(offset, lat, lng)).collect()
            })
        })
    }
}
