//! The sections of the machine room: server, log, database, bus, jobs, sockets.
//!
//! Separate from the other sections because these are an operator's business and not the city's. The reason of every
//! number stands in `config/default.toml`; here stand the bounds within which the program works.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::people::DemoConfig;
use super::reader::Reader;
use crate::realtime::{self, AdmissionBounds, Rate};
use crate::telemetry::{self, LogFormat, chain};
use crate::time::Span;
use crate::web::server::Bounds;
use crate::{audit, bus, db, jobs, vault};

/// Connections to the private server beside the pool: commands, a person with psql.
const CONNECTIONS_BESIDE_POOL: u32 = 8;

/// HTTP, and the process as a whole.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where HTTP and sockets are served; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest body of a request.
    pub body_bytes_max: usize,
    /// After which a request is given up.
    pub request_timeout: Span,
    /// How long a stop waits for what goes on.
    pub drain_max: Span,
    /// The bounds of the HTTP server.
    pub http: Bounds,
    /// Threads of the runtime; none: one for each processor.
    pub worker_threads: Option<usize>,
    /// Whether anybody may see the moving city.
    pub city_page_public: bool,
}

pub fn server(reader: &mut Reader<'_>, demo: &DemoConfig) -> ServerConfig {
    let mut s = reader.section("server");
    ServerConfig {
        listen: s.address("listen"),
        body_bytes_max: s.whole("body_bytes_max", 1_024..=16 << 20),
        request_timeout: s.span("request_timeout_s", 1..=300),
        http: Bounds {
            connections_max: s.whole("http_connections_max", 1..=1_000_000),
            head_within: s.span("head_within_s", 1..=300).to_duration(),
            // The library behind it asks for no less.
            head_bytes_max: s.whole("head_bytes_max", 8_192..=1 << 20),
            head_lines_max: s.whole("head_lines_max", 16..=1_000),
        },
        drain_max: s.span("drain_max_s", 1..=600),
        worker_threads: Some(s.whole("worker_threads", 0..=512)).filter(|threads| *threads > 0),
        city_page_public: s.flag("city_page_public") || demo.enabled,
    }
}

pub fn vault(reader: &mut Reader<'_>, data_dir: &Path) -> vault::Config {
    let mut s = reader.section("vault");
    let config = vault::Config {
        keys_dir: s.optional_text("keys_dir").map_or_else(|| data_dir.join("keys"), PathBuf::from),
        refresh_every: s.span("refresh_every_s", 1..=3_600),
        rotation_grace: s.span("rotation_grace_s", 0..=604_800),
    };
    let reason = "is less than two times vault.refresh_every_s: a server might meet a key before it has read it";
    let is_read_by_all = config.rotation_grace.as_secs() >= 2 * config.refresh_every.as_secs();
    s.require(is_read_by_all, "rotation_grace_s", "vault.refresh_every_s", reason);
    config
}

pub fn log(reader: &mut Reader<'_>) -> telemetry::Config {
    let mut s = reader.section("log");
    let log_directives = s.text("filter");
    if let Err(error) = telemetry::check_directives(&log_directives) {
        s.fault("filter", chain(&error).to_string());
    }
    let log_format = s.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    telemetry::Config { log_directives, log_format, version: env!("CARGO_PKG_VERSION") }
}

pub fn database(reader: &mut Reader<'_>, data_dir: PathBuf) -> db::Config {
    let embedded = embedded(reader, data_dir);
    let mut s = reader.section("database");
    let config = db::Config {
        url: s.secret("url"),
        connections_max: s.whole("connections_max", 4..=1_000),
        connections_min: s.whole("connections_min", 0..=1_000),
        acquire_timeout: s.span("acquire_timeout_ms", 10..=60_000).to_duration(),
        connect_timeout: s.span("connect_timeout_s", 0..=600).to_duration(),
        statement_timeout: s.span("statement_timeout_ms", 100..=600_000).to_duration(),
        embedded,
    };
    if let Some(Err(error)) = config.url.as_ref().map(db::check_url) {
        s.fault("url", error.to_string());
    }
    s.require(
        config.connections_min <= config.connections_max,
        "connections_min",
        "database.connections_max",
        "is more than connections_max",
    );
    let enough = config.connections_max + CONNECTIONS_BESIDE_POOL <= config.embedded.server_connections_max;
    let reason =
        format!("leaves fewer than {CONNECTIONS_BESIDE_POOL} of database.embedded.server_connections_max over");
    s.require(enough || config.url.is_some(), "connections_max", "database.embedded.server_connections_max", &reason);
    config
}

fn embedded(reader: &mut Reader<'_>, data_dir: PathBuf) -> db::embedded::Config {
    let mut s = reader.section("database.embedded");
    db::embedded::Config {
        data_dir,
        closed_data_dir_fallback: s.path("closed_data_dir_fallback"),
        startup_timeout: s.span("startup_timeout_s", 1..=3_600).to_duration(),
        stop_timeout: s.span("stop_timeout_s", 1..=600).to_duration(),
        command_patience: s.span("command_patience_s", 0..=600).to_duration(),
        shared_buffers_mib: s.whole("shared_buffers_mib", 1..=1 << 20),
        server_connections_max: s.whole("server_connections_max", 12..=2_000),
        log_bytes_max: s.whole("log_bytes_max", 1_024..=1 << 40),
    }
}

pub fn audit(reader: &mut Reader<'_>, data_dir: &Path, keys_dir: PathBuf) -> audit::Config {
    let mut s = reader.section("audit");
    let heads_file = s.optional_text("heads_file").map_or_else(|| data_dir.join("audit-heads.log"), PathBuf::from);
    audit::Config {
        heads_file,
        keys_dir,
        publish_every: s.span("publish_every_hours", 1..=24),
        case_hidden_for: s.span("case_hidden_days", 0..=730),
    }
}

pub fn bus(reader: &mut Reader<'_>) -> bus::Config {
    let queue_max = reader.section("bus").whole("queue_max", 16..=1 << 20);
    let mut s = reader.section("redis");
    let url = s.secret("url");
    if let Some(Err(error)) = url.as_ref().map(bus::check_url) {
        s.fault("url", chain(&error).to_string());
    }
    let timeout = s.span("timeout_ms", 10..=60_000);
    let reconnect_min = s.span("reconnect_min_ms", 10..=60_000);
    let reconnect_max = s.span("reconnect_max_ms", 10..=600_000);
    let heartbeat_interval = s.span("heartbeat_interval_ms", 100..=600_000);
    let hold_max = s.span("hold_max_ms", 0..=60_000);
    s.require(
        reconnect_min <= reconnect_max,
        "reconnect_min_ms",
        "redis.reconnect_max_ms",
        "is more than reconnect_max_ms",
    );
    let redis =
        url.map(|url| bus::RedisConfig { url, timeout, reconnect_min, reconnect_max, heartbeat_interval, hold_max });
    bus::Config { queue_max, redis }
}

pub fn jobs(reader: &mut Reader<'_>) -> jobs::Config {
    let mut s = reader.section("jobs");
    let config = jobs::Config {
        workers_max: s.whole("workers_max", 0..=1_000),
        batch_max: s.whole("batch_max", 1..=1_000),
        poll_interval: s.span("poll_interval_ms", 10..=600_000),
        // The shortest lease is 30 s, and most of it must be left to work in.
        lease_margin: s.span("lease_margin_s", 0..=15),
        retry_base: s.span("retry_base_s", 1..=3_600),
        retry_max: s.span("retry_max_s", 1..=604_800),
        unknown_kind_delay: s.span("unknown_kind_delay_s", 1..=3_600),
        drain_max: s.span("drain_max_s", 0..=600),
        housekeeping_interval: s.span("housekeeping_interval_s", 1..=86_400),
        done_retention: s.span("done_retention_days", 1..=3_650),
        delete_batch_max: s.whole("delete_batch_max", 1..=100_000),
    };
    s.require(config.retry_base <= config.retry_max, "retry_base_s", "jobs.retry_max_s", "is more than retry_max_s");
    config
}

pub fn sockets(reader: &mut Reader<'_>) -> realtime::Config {
    let mut s = reader.section("sockets");
    let reactors: usize = s.whole("reactor_threads", 0..=256);
    let frames =
        Rate { per_s: s.whole("frames_per_s", 1..=10_000), burst_max: s.whole("frames_burst_max", 1..=100_000) };
    let config = realtime::Config {
        reactors: if reactors == 0 { (processors() / 2).max(1) } else { reactors },
        coalesce: s.span("coalesce_ms", 0..=20),
        prompt_for: s.span("prompt_for_s", 0..=3_600),
        connections_max: s.whole("connections_max", 1..=10_000_000),
        pending_max: s.whole("pending_max", 1..=1_000_000),
        admission: AdmissionBounds {
            handshakes_per_s: s.whole("handshakes_per_s", 1..=1_000_000),
            handshakes_per_address_per_s: s.whole("handshakes_per_address_per_s", 1..=1_000_000),
            connections_per_address_max: s.whole("connections_per_address_max", 1..=10_000_000),
        },
        hello_within: s.span("hello_within_s", 1..=60),
        heartbeat: s.span("heartbeat_s", 1..=300),
        stall_max: s.span("stall_max_s", 1..=600),
        // The longest frame of the protocol must fit.
        frame_bytes_max: s.whole("frame_bytes_max", 2_048..=1 << 20),
        receive_buffer_bytes: s.whole("receive_buffer_bytes", 2_048..=16 << 20),
        send_buffer_bytes: s.whole("send_buffer_bytes", 4_096..=16 << 20),
        // So must the largest message to an app: a welcome with a ride and offers.
        write_buffer_bytes_max: s.whole("write_buffer_bytes_max", 16_384..=16 << 20),
        events_max: s.whole("events_max", 8..=10_000),
        resume_window: s.span("resume_window_s", 1..=86_400),
        resume_messages_max: s.whole("resume_messages_max", 8..=10_000),
        return_spread: s.span("return_spread_ms", 0..=600_000),
        commands_max: s.whole("commands_max", 1..=1_000),
        bad_frames_max: s.whole("bad_frames_max", 1..=1_000),
        frames,
        close_within: s.span("close_within_ms", 100..=60_000),
    };
    let burst_fits = frames.burst_max >= frames.per_s;
    s.require(burst_fits, "frames_burst_max", "sockets.frames_per_s", "is less than frames_per_s");
    config
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
