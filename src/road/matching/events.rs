//! Whether a driver has left the way, or rides against a one-way street: once per occurrence.
//!
//! Separate because it is about patience, not about places: one sample proves nothing. What is seen must last for a while
//! and for some way, and then be over for as long, before it can be seen again.

use crate::time::{Span, Timestamp};

/// How long and how far something must last to be believed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Patience {
    /// For this long.
    pub span: Span,
    /// For this many metres.
    pub length_m: f64,
}

/// Something that is so or is not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    is_so: bool,
    /// Since when the contrary seems to be so, and how far was ridden since.
    contrary: Option<(Timestamp, f64)>,
}

impl Watch {
    /// Whether it is so as of this sample for the first time: `length_m` was ridden since the one before.
    pub(super) fn see(&mut self, seems_so: bool, at: Timestamp, length_m: f64, patience: Patience) -> bool {
        if seems_so == self.is_so {
            self.contrary = None;
            return false;
        }
        let (since, ridden_m) = match self.contrary {
            Some((since, ridden_m)) => (since, ridden_m + length_m),
            // The way to the first place where it seems so may have been otherwise.
            None => (at, 0.0),
        };
        self.contrary = Some((since, ridden_m));
        if at.since(since) < patience.span || ridden_m < patience.length_m {
            return false;
        }
        *self = Self { is_so: seems_so, contrary: None };
        seems_so
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_once_and_again_only_after_it_was_over() {
        let patience = Patience { span: Span::from_secs(10), length_m: 50.0 };
        let mut watch = Watch::default();
        let mut told = Vec::new();
        let mut second = 0;
        // Seems so or not, for so many samples of 2 s and 20 m each.
        for (seems_so, samples) in [(true, 4), (false, 1), (true, 20), (false, 3), (true, 9), (false, 8), (true, 9)] {
            for _ in 0..samples {
                second += 2;
                if watch.see(seems_so, Timestamp::from_millis(second * 1_000), 20.0, patience) {
                    told.push(second);
                }
            }
        }
        assert_eq!(told, [22, 102], "after 10 s, and not again until it was over for as long");
    }

    #[test]
    fn standing_still_is_not_enough() {
        let patience = Patience { span: Span::from_secs(10), length_m: 50.0 };
        let mut watch = Watch::default();
        assert!((0..100).all(|n| !watch.see(true, Timestamp::from_millis(n * 5_000), 0.0, patience)));
        assert!(!watch.is_so);
    }
}
