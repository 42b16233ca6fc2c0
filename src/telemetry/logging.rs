//! Log lines: which are written and how they look.
//!
//! Separate from the metrics because the two share nothing but their time of installation.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::{Config, Error};

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    Text,
    /// One JSON object a line, with the fields of every span around it.
    Json,
}

/// Reads levels by module.
pub fn parse_directives(directives: &str) -> Result<EnvFilter, Error> {
    EnvFilter::builder()
        .parse(directives)
        .map_err(|source| Error::Directives { directives: directives.to_owned(), source })
}

/// Writes what `config` lets through to `writer`.
pub fn subscriber<W>(config: &Config, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>, Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = parse_directives(&config.log_directives)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        // All spans and not only the innermost: the request id stands on the outermost.
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(true).boxed(),
    };
    Ok(tracing_subscriber::registry().with(filter).with(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written of a line inside two spans, and of a line below the level.
    fn written(log_format: LogFormat) -> String {
        let config = Config { log_directives: "warn,boda=info".to_owned(), log_format, version: "" };
        let page = Page::default();
        let writer = {
            let page = page.clone();
            move || page.clone()
        };
        let subscriber = subscriber(&config, writer).expect("levels are understood");
        tracing::subscriber::with_default(subscriber, || {
            let _request = tracing::info_span!("request", request_id = "req-7").entered();
            let _job = tracing::info_span!("job", job.id = 9).entered();
            tracing::info!(duration_ms = 3, "job done");
            tracing::debug!("not to be seen");
        });
        let bytes = page.0.lock().expect("nobody panics with it").clone();
        String::from_utf8(bytes).expect("logs are text")
    }

    #[test]
    fn a_json_line_carries_its_fields_and_those_of_every_span() {
        let text = written(LogFormat::Json);
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON object");
        assert_eq!((&line["message"], &line["level"]), (&"job done".into(), &"INFO".into()));
        assert_eq!(line["duration_ms"], 3);
        assert_eq!(line["spans"][0]["request_id"], "req-7");
        assert_eq!(line["spans"][1]["job.id"], 9);
    }

    #[test]
    fn a_text_line_reads_by_itself() {
        let text = written(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        for part in ["INFO", "job done", "req-7", "duration_ms"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
