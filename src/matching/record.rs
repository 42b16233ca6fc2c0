//! How often somebody kept a promise and how often not, and what that says of the next one.
//!
//! Separate because both sides have such a record: drivers of offers taken and not, riders of rides kept and called off.
//! It is counting and nothing else: no hidden score. A [`Prior`] smooths it, so that one bad day of a newcomer is not read
//! as a habit (the mean of a beta distribution: counts plus imagined counts), and old counts fade, so that people change.

/// Beyond so many counts both are halved: what was long ago weighs less and less.
const WINDOW: u32 = 200;

/// Promises kept and broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Offers accepted; rides kept.
    pub kept: u32,
    /// Offers declined or left to lapse; rides called off after somebody set out.
    pub broken: u32,
}

/// What is imagined of somebody of whom nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    /// Promises that were kept.
    pub kept: u32,
    /// Promises that were not. At least one of both is not zero.
    pub broken: u32,
}

impl Record {
    /// One more that was kept.
    pub fn keep(&mut self) {
        self.kept = self.kept.saturating_add(1);
        self.fade();
    }

    /// One more that was not.
    pub fn break_off(&mut self) {
        self.broken = self.broken.saturating_add(1);
        self.fade();
    }

    /// How likely the next promise is broken, of a thousand.
    pub fn broken_permille(self, prior: Prior) -> u32 {
        let broken = u64::from(self.broken) + u64::from(prior.broken);
        let all = broken + u64::from(self.kept) + u64::from(prior.kept);
        u32::try_from((1_000 * broken).checked_div(all).unwrap_or(0)).unwrap_or(1_000)
    }

    fn fade(&mut self) {
        while self.kept.saturating_add(self.broken) > WINDOW {
            self.kept /= 2;
            self.broken /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIOR: Prior = Prior { kept: 8, broken: 2 };

    #[test]
    fn a_newcomer_is_as_likely_as_the_prior_says() {
        assert_eq!(Record::default().broken_permille(PRIOR), 200);
    }

    #[test]
    fn what_is_known_outweighs_what_is_imagined() {
        for (kept, broken, expected) in [(0, 1, 272), (90, 0, 20), (0, 90, 920), (10, 10, 400), (u32::MAX, 0, 0)] {
            assert_eq!(Record { kept, broken }.broken_permille(PRIOR), expected, "{kept} kept, {broken} broken");
        }
    }

    #[test]
    fn old_counts_fade_and_never_grow_beyond_the_window() {
        let mut record = Record { kept: 0, broken: WINDOW };
        for _ in 0..2 * WINDOW {
            record.keep();
            assert!(record.kept + record.broken <= WINDOW);
        }
        assert!(
            record.broken_permille(PRIOR) < 250,
            "who kept the last 200 is not held to what was before: {record:?}"
        );
        let mut off = Record::default();
        off.break_off();
        assert_eq!(off, Record { kept: 0, broken: 1 });
    }

    #[test]
    fn nothing_known_and_nothing_imagined_is_no_division_by_zero() {
        assert_eq!(Record::default().broken_permille(Prior { kept: 0, broken: 0 }), 0);
    }
}
