//! The four digits that a driver shows at the roadside. Pure: the time and all chance are arguments.
//!
//! In memory, because they live for minutes and are asked for again: after a restart drivers simply get new ones. Held by
//! nobody else in the city where that is possible, and by nobody near in any case, so that a rider who types one means one
//! driver. Invariant: two drivers who were near each other when they got their codes do not hold the same one.

use rustc_hash::FxHashMap;

use crate::geo::LatLng;
use crate::ids::DriverId;
use crate::time::{Span, Timestamp};

/// How many codes there are.
const CODES: u16 = 10_000;
/// Tries to find one that nobody in the city holds, before one is taken that nobody near holds.
const LUCKY_TRIES: usize = 16;
/// A code with less than this share of its life left is replaced when it is asked for: the rider needs time to type.
const FRESH_SHARE: i64 = 3;

/// Which code, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// 0 to 9,999.
    pub digits: u16,
    /// From then on it means nobody.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    code: Code,
    /// Where the driver was given it.
    at: LatLng,
}

/// How codes are given.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long one is good for.
    pub lifetime: Span,
    /// Two drivers hold the same only when they are farther apart than this.
    pub apart_m: f64,
}

/// Every code that is held.
#[derive(Debug, Default)]
pub struct Codes {
    by_driver: FxHashMap<DriverId, Held>,
    by_digits: FxHashMap<u16, Vec<DriverId>>,
    /// Lapsed ones are cleared away when there are this many.
    clear_at: usize,
}

/// Every code is held by somebody near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllHeld;

impl Codes {
    /// The code of a driver who is at `at`: the one they hold while it is fresh, otherwise a new one. `random` is asked for
    /// any number, as often as needed.
    ///
    /// # Errors
    /// [`AllHeld`] when every code is held by somebody within `rules.apart_m`.
    pub fn give(
        &mut self,
        driver: DriverId,
        at: LatLng,
        now: Timestamp,
        rules: Rules,
        mut random: impl FnMut() -> u32,
    ) -> Result<Code, AllHeld> {
        if let Some(held) = self.by_driver.get(&driver) {
            let left_ms = held.code.until.since(now).as_millis();
            if left_ms * FRESH_SHARE >= rules.lifetime.as_millis() {
                return Ok(held.code);
            }
        }
        self.take_away(driver);
        self.clear(now);
        let mut any = || u16::try_from(random() % u32::from(CODES)).unwrap_or(0);
        let lucky = (0..LUCKY_TRIES).map(|_| any()).find(|digits| self.holders(*digits, now).next().is_none());
        let begin = any();
        let is_free_near = |digits: &u16| self.holders(*digits, now).all(|held| held.at.distance_m(at) > rules.apart_m);
        let digits = lucky.or_else(|| (0..CODES).map(|step| (begin + step) % CODES).find(is_free_near));
        let code = Code { digits: digits.ok_or(AllHeld)?, until: now + rules.lifetime };
        self.by_driver.insert(driver, Held { code, at });
        self.by_digits.entry(code.digits).or_default().push(driver);
        Ok(code)
    }

    /// Who holds a code: several only when they are far apart.
    pub fn holders_of(&self, digits: u16, now: Timestamp) -> Vec<DriverId> {
        let drivers = self.by_digits.get(&digits).into_iter().flatten();
        drivers.copied().filter(|driver| self.by_driver.get(driver).is_some_and(|held| now < held.code.until)).collect()
    }

    /// A code that was used is not good again.
    pub fn take_away(&mut self, driver: DriverId) {
        if let Some(held) = self.by_driver.remove(&driver)
            && let Some(drivers) = self.by_digits.get_mut(&held.code.digits)
        {
            drivers.retain(|other| *other != driver);
            if drivers.is_empty() {
                self.by_digits.remove(&held.code.digits);
            }
        }
    }

    fn holders(&self, digits: u16, now: Timestamp) -> impl Iterator<Item = &Held> {
        let drivers = self.by_digits.get(&digits).into_iter().flatten();
        drivers.filter_map(|driver| self.by_driver.get(driver)).filter(move |held| now < held.code.until)
    }

    /// Clears lapsed ones away, now and then: each is looked at a constant number of times on average.
    fn clear(&mut self, now: Timestamp) {
        if self.by_driver.len() < self.clear_at {
            return;
        }
        let lapsed: Vec<DriverId> =
            self.by_driver.iter().filter(|(_, held)| held.code.until <= now).map(|(driver, _)| *driver).collect();
        for driver in lapsed {
            self.take_away(driver);
        }
        self.clear_at = (2 * self.by_driver.len()).max(64);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_796_000_000_000);
    const LIFETIME: Span = Span::from_secs(180);
    const RULES: Rules = Rules { lifetime: LIFETIME, apart_m: 3_000.0 };

    fn driver(n: u32) -> DriverId {
        DriverId(Uuid::from_u128(n.into()))
    }

    fn east(metres: f64) -> LatLng {
        LatLng::new(-1.95, 30.06).expect("on the globe").destination(90.0, metres)
    }

    /// Some numbers in no order: a linear congruence.
    fn numbers(seed: u32) -> impl FnMut() -> u32 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        }
    }

    #[test]
    fn a_code_is_shown_while_it_is_fresh_and_then_changes() {
        let mut codes = Codes::default();
        let mut random = numbers(1);
        let mut give = |codes: &mut Codes, s| {
            codes.give(driver(1), east(0.0), T0 + Span::from_secs(s), RULES, &mut random).expect("free")
        };
        let first = give(&mut codes, 0);
        assert_eq!(first.until, T0 + LIFETIME);
        assert_eq!(give(&mut codes, 120), first, "a third of its life is left");
        let second = give(&mut codes, 121);
        assert_ne!(second.digits, first.digits);
        assert_eq!(codes.holders_of(first.digits, T0 + Span::from_secs(121)), [], "one code at a time");
        let at = |s| codes.holders_of(second.digits, T0 + Span::from_secs(s));
        assert_eq!((at(300), at(301)), (vec![driver(1)], vec![]));
        codes.take_away(driver(1));
        assert_eq!(codes.holders_of(second.digits, T0 + Span::from_secs(130)), []);
    }

    #[test]
    fn nobody_near_holds_the_same_code_and_there_is_an_end_to_them() {
        let mut codes = Codes::default();
        let mut random = numbers(7);
        let mut held = std::collections::BTreeSet::new();
        for n in 0..u32::from(CODES) {
            let code = codes.give(driver(n), east(0.0), T0, RULES, &mut random).expect("one is free");
            assert!(held.insert(code.digits), "{code:?} is held by two");
        }
        let late = codes.give(driver(20_000), east(100.0), T0, RULES, &mut random);
        assert_eq!(late, Err(AllHeld));
        let afar = codes.give(driver(20_001), east(3_500.0), T0, RULES, &mut random).expect("far enough");
        assert_eq!(codes.holders_of(afar.digits, T0).len(), 2);
        let later = T0 + LIFETIME;
        assert!(codes.give(driver(20_000), east(100.0), later, RULES, &mut random).is_ok(), "they lapsed");
    }

    #[test]
    fn lapsed_codes_are_cleared_away() {
        let mut codes = Codes::default();
        let mut random = numbers(3);
        for n in 0..50_000 {
            let now = T0 + Span::from_secs(i64::from(n));
            codes.give(driver(n), east(0.0), now, RULES, &mut random).expect("free");
            let held = (codes.by_driver.len(), codes.by_digits.len());
            assert!(held.0 <= 400 && held.1 <= held.0, "{held:?} with 180 that are good");
        }
    }
}
