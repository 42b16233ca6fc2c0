//! The Prometheus recorder: buckets and descriptions from the catalogue.
//!
//! Separate from [`super::names`] because that is a list for people and this is machinery. There is no listener of its
//! own: the server of the app answers scrapes.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::names::{self, Shape};

/// A recorder that knows the buckets of every histogram.
pub fn build() -> PrometheusRecorder {
    let histograms = names::ALL.iter().filter_map(|metric| match metric.shape {
        Shape::Histogram(buckets) => Some((metric.name, buckets)),
        Shape::Counter | Shape::Gauge => None,
    });
    let builder = histograms.fold(PrometheusBuilder::new(), |builder, (name, buckets)| {
        let name = Matcher::Full(name.to_owned());
        builder.set_buckets_for_metric(name, buckets).expect("no list of buckets in the catalogue is empty")
    });
    builder.build_recorder()
}

/// Tells the installed recorder what every metric means, and what was built.
pub fn describe(version: &'static str) {
    for metric in names::ALL {
        match metric.shape {
            Shape::Counter => metrics::describe_counter!(metric.name, metric.help.trim()),
            Shape::Gauge => metrics::describe_gauge!(metric.name, metric.help.trim()),
            Shape::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help.trim()),
        }
    }
    metrics::gauge!(names::BUILD_INFO, "version" => version).set(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered_with_its_meaning_and_buckets() {
        let recorder = build();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe("1");
            metrics::histogram!(names::DISPATCH_REQUEST_TO_OFFER_SECONDS).record(0.012);
            metrics::counter!(names::JOBS_FINISHED_TOTAL, "kind" => "test", "outcome" => "done").increment(1);
        });
        let text = handle.render();
        for line in [
            "# TYPE boda_jobs_finished_total counter",
            "boda_jobs_finished_total{kind=\"test\",outcome=\"done\"} 1",
            "# TYPE boda_dispatch_request_to_offer_seconds histogram",
            "boda_dispatch_request_to_offer_seconds_bucket{le=\"0.01\"} 0",
            "boda_dispatch_request_to_offer_seconds_bucket{le=\"0.015\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in:\n{text}");
        }
    }
}
