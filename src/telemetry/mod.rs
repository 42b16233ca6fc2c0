//! What the process says about itself: log lines, metrics, error chains.
//!
//! Separate because every floor below speaks through it, and because the two global registries that the `tracing` and
//! `metrics` crates bring are installed here and nowhere else. Install first, build the rest after: a metric handle made
//! before has nowhere to report to.

pub mod names;

mod errors;
mod logging;
mod process;
mod recorder;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

pub use errors::chain;
pub use logging::LogFormat;

/// How often histograms are folded into their buckets between scrapes, so that their memory stays small.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The one static of the house that is not a constant. It mirrors what is global already, the registries of `tracing`
/// and `metrics`, so that several apps in one process (tests) share them instead of failing on the second.
static INSTALLED: OnceLock<Telemetry> = OnceLock::new();

/// What is logged and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Levels by module, as `info,boda::jobs=debug,sqlx=warn`.
    pub log_directives: String,
    /// One line for people, or one JSON object a line.
    pub log_format: LogFormat,
    /// Shown in the build information.
    pub version: &'static str,
}

/// Telemetry cannot be installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log levels are not understood.
    #[error("log levels {directives:?} are not understood")]
    Directives {
        /// As configured.
        directives: String,
        /// What is wrong with them.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
}

/// Whether log levels are understood, without installing anything.
///
/// # Errors
/// When they are not.
pub fn check_directives(directives: &str) -> Result<(), Error> {
    logging::parse_directives(directives).map(drop)
}

/// The process's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    handle: PrometheusHandle,
    started: Instant,
}

impl Telemetry {
    /// Starts logging to standard error and collecting metrics. A second call in the same process changes nothing and
    /// returns the same.
    ///
    /// # Errors
    /// When the log levels are not understood.
    pub fn install(config: &Config) -> Result<Self, Error> {
        let subscriber = logging::subscriber(config, std::io::stderr)?;
        let telemetry = INSTALLED.get_or_init(|| {
            let is_first = tracing::subscriber::set_global_default(subscriber).is_ok();
            let recorder = recorder::build();
            let handle = recorder.handle();
            let is_ours = metrics::set_global_recorder(recorder).is_ok();
            if !is_first || !is_ours {
                tracing::debug!("somebody else installed logging or metrics in this process before");
            }
            recorder::describe(config.version);
            Self { handle, started: Instant::now() }
        });
        Ok(telemetry.clone())
    }

    /// Every metric as Prometheus text, with the process's own figures read now.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process::write(&mut text, process::read(), self.started.elapsed());
        text
    }

    /// Keeps the memory of the metrics small until `stop`.
    pub async fn run_upkeep(&self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => self.handle.run_upkeep(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { log_directives: "error".to_owned(), log_format: LogFormat::Text, version: "1.2.3" }
    }

    #[test]
    fn installing_again_gives_the_same_metrics() {
        let first = Telemetry::install(&config()).expect("levels are understood");
        metrics::counter!(names::SMS_TOTAL, "outcome" => "test").increment(2);
        let second = Telemetry::install(&config()).expect("levels are understood");
        metrics::counter!(names::SMS_TOTAL, "outcome" => "test").increment(1);
        for telemetry in [first, second] {
            let text = telemetry.render();
            assert!(text.contains("boda_sms_total{outcome=\"test\"} 3"), "{text}");
            assert!(text.contains("boda_build_info{version=\"1.2.3\"} 1"), "{text}");
            assert!(text.contains("boda_process_uptime_seconds "), "{text}");
        }
    }

    #[test]
    fn levels_that_are_not_understood_are_refused_by_name() {
        let config = Config { log_directives: "boda=loud".to_owned(), ..config() };
        let error = Telemetry::install(&config).err().expect("there is no such level");
        assert!(chain(&error).to_string().contains("boda=loud"), "{error}");
    }
}
