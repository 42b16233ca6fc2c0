//! A server's own figures: its Prometheus page, read before and after.
//!
//! The page tells what the server believes it did, which is held against what was sent to it.

use std::collections::BTreeMap;

/// The samples of one reading, summed over labels except `le`.
#[derive(Clone, Debug, Default)]
pub struct Page {
    sums: BTreeMap<String, f64>,
    buckets: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Page {
    /// Reads a page in the text format of Prometheus. Lines it does not understand are left out.
    pub fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((head, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<f64>() else { continue };
            let (name, labels) = head.split_once('{').unwrap_or((head, ""));
            match name.strip_suffix("_bucket") {
                Some(name) => page.add_bucket(name, labels, value),
                None => *page.sums.entry(name.to_owned()).or_default() += value,
            }
        }
        page
    }

    fn add_bucket(&mut self, name: &str, labels: &str, count: f64) {
        let Some(bound) = labels.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()) else { return };
        let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap_or(f64::INFINITY) };
        let buckets = self.buckets.entry(name.to_owned()).or_default();
        match buckets.iter_mut().find(|(known, _)| *known == bound) {
            Some((_, sum)) => *sum += count,
            None => buckets.push((bound, count)),
        }
    }

    /// The value of a counter or gauge, summed over its labels; 0 when it is not there.
    pub fn sum(&self, name: &str) -> f64 {
        self.sums.get(name).copied().unwrap_or(0.0)
    }

    /// A quantile of what a histogram counted since an earlier page: the upper edge of the bucket it falls in, so never
    /// better than the truth. None when nothing was counted.
    pub fn quantile(&self, earlier: &Self, name: &str, quantile: f64) -> Option<f64> {
        let mut buckets = self.buckets.get(name)?.clone();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let before = earlier.buckets.get(name);
        let was = |bound: f64| before.and_then(|all| Some(all.iter().find(|(known, _)| *known == bound)?.1));
        let counts: Vec<_> =
            buckets.iter().map(|(bound, count)| (*bound, count - was(*bound).unwrap_or(0.0))).collect();
        let total = counts.last()?.1;
        if total <= 0.0 {
            return None;
        }
        counts.iter().find(|(_, count)| *count >= total * quantile).map(|(bound, _)| *bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "# HELP x y\nboda_pings_total 5\nb_seconds_bucket{le=\"0.001\"} 1\n\
                          b_seconds_bucket{le=\"0.01\"} 1\nb_seconds_bucket{le=\"+Inf\"} 1\n";
    const AFTER: &str = "boda_pings_total 25\nboda_pings_refused_total{reason=\"stale\"} 2\n\
                         boda_pings_refused_total{reason=\"area\"} 1\nb_seconds_bucket{le=\"0.001\"} 91\n\
                         b_seconds_bucket{le=\"0.01\"} 101\nb_seconds_bucket{le=\"+Inf\"} 101\nnonsense\n";

    #[test]
    fn counters_are_summed_over_labels() {
        let (before, after) = (Page::parse(BEFORE), Page::parse(AFTER));
        assert_eq!((before.sum("boda_pings_total"), after.sum("boda_pings_total")), (5.0, 25.0));
        assert_eq!(after.sum("boda_pings_refused_total"), 3.0);
        assert_eq!(after.sum("no_such_total"), 0.0);
    }

    #[test]
    fn a_quantile_counts_only_what_is_new() {
        let (before, after) = (Page::parse(BEFORE), Page::parse(AFTER));
        assert_eq!(after.quantile(&before, "b_seconds", 0.5), Some(0.001));
        assert_eq!(after.quantile(&before, "b_seconds", 0.99), Some(0.01));
        assert_eq!(after.quantile(&after, "b_seconds", 0.5), None);
        assert_eq!(after.quantile(&before, "other_seconds", 0.5), None);
    }
}
