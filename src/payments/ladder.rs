//! When an order is asked about: soon and often while somebody waits at the kerb, seldom later.
//!
//! Separate because it is a table. Nothing here says that an order failed: time never does.

use crate::time::Span;

/// A callback brings the next look forward, but not nearer to the last one than this.
pub const FLOOR: Span = Span::from_secs(10);
/// Of one that nobody knew of after a day.
pub const UNRESOLVED: Span = Span::from_secs(3_600);

/// Seconds after the order was sent.
const RUNGS: [i64; 6] = [10, 20, 30, 45, 60, 90];
/// From then on …
const SLOW: Span = Span::from_secs(120);
/// … until it is as old as this;
const SLOW_UNTIL: Span = Span::from_secs(1_800);
/// then.
const SELDOM: Span = Span::from_secs(900);

/// How long to wait from now on, of an order that was sent `age` ago.
pub fn after(age: Span) -> Span {
    let next = RUNGS.into_iter().map(Span::from_secs).find(|rung| *rung > age);
    match next {
        // Answers take their time: a rung that is nearly reached is no reason to ask twice.
        Some(rung) => Span::from_millis(rung.as_millis() - age.as_millis()).max(Span::from_secs(2)),
        None if age < SLOW_UNTIL => SLOW,
        None => SELDOM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_asked_about_at_the_documented_seconds() {
        let mut age = Span::ZERO;
        let mut asked = Vec::new();
        for _ in 0..9 {
            age = Span::from_millis(age.as_millis() + after(age).as_millis());
            asked.push(age.as_secs());
        }
        assert_eq!(asked, [10, 20, 30, 45, 60, 90, 210, 330, 450]);
        assert_eq!(after(Span::from_secs(1_799)), Span::from_secs(120));
        assert_eq!(after(Span::from_secs(1_800)), Span::from_secs(900));
    }

    #[test]
    fn a_late_look_does_not_ask_again_at_once() {
        assert_eq!(after(Span::from_millis(19_900)), Span::from_secs(2));
    }
}
