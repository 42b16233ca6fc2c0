//! Every metric of the process: its name, what it measures, its labels and, for histograms, its buckets.
//!
//! Separate because this list is the contract with dashboards and alerts. Names read `boda_<subsystem>_<what>_<unit>`.
//! Label values come from enums and from routes as registered; never identifiers, phone numbers or free text.

/// How a metric is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Only ever grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counted in buckets with these upper bounds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As scraped.
    pub name: &'static str,
    /// How it is kept.
    pub shape: Shape,
    /// What it measures, and its labels.
    pub help: &'static str,
}

/// A request over HTTP: from half a millisecond (memory only) over the 5-25 ms of one commit to what a phone's user
/// calls broken.
const HTTP_SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// From a booking's arrival to the first offer on its way: dense around the promise of 25 ms.
const OFFER_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.1, 0.25, 1.0, 5.0];
/// One step of the pure core: microseconds; a millisecond is already an incident.
const DECISION_SECONDS: &[f64] =
    &[0.000_001, 0.000_002_5, 0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01];
/// One group commit: a flush to disk takes 0.5-10 ms; above that the disk or a lock is in trouble.
const COMMIT_SECONDS: &[f64] = &[0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0];
/// From a decision to its bytes on a socket: a commit in between takes most of it; dense around the promise of 5 ms.
const WRITTEN_SECONDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.001_5, 0.002, 0.003, 0.004, 0.005, 0.007_5, 0.01, 0.02, 0.05, 0.25, 1.0];
/// Decisions in one group commit: powers of two.
const BATCH_SIZE: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// A job: milliseconds for our own tables, seconds for a provider, up to the longest leases.
const JOB_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// A provider's answer over the internet.
const PROVIDER_SECONDS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Copying a minute of a city: one or two round trips for a few rows, half a second for a hundred thousand drivers.
const COPY_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// New riding times for a city: a few milliseconds of our own and what the router's weights take; above half a second a
/// core is busy with little else.
const REWEIGH_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// How far off an arrival time was: people do not notice half a minute, and complain from five on.
const ETA_OFF_SECONDS: &[f64] = &[10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0];

macro_rules! catalogue {
    ($($(#[doc = $help:literal])+ $constant:ident = $name:literal, $shape:expr;)+) => {
        $($(#[doc = $help])+ pub const $constant: &str = $name;)+

        /// Every metric, in the order of this file.
        pub const ALL: &[Metric] = &[$(Metric { name: $name, shape: $shape, help: concat!($($help),+) }),+];
    };
}

catalogue! {
    /// Always 1; labels: version.
    BUILD_INFO = "boda_build_info", Shape::Gauge;

    /// HTTP requests answered; labels: route (as registered), method, status.
    HTTP_REQUESTS_TOTAL = "boda_http_requests_total", Shape::Counter;
    /// Time from a request's head to its answer; labels: route, method.
    HTTP_REQUEST_SECONDS = "boda_http_request_seconds", Shape::Histogram(HTTP_SECONDS);
    /// HTTP requests being answered.
    HTTP_REQUESTS_OPEN = "boda_http_requests_open", Shape::Gauge;
    /// HTTP connections closed unread, because there were too many.
    HTTP_CONNECTIONS_REFUSED_TOTAL = "boda_http_connections_refused_total", Shape::Counter;

    /// Requests refused because their caller asked too often; labels: class (kind of route), by (person, partner or address).
    LIMITS_REFUSED_TOTAL = "boda_limits_refused_total", Shape::Counter;
    /// Requests counted by this node alone, because Redis did not answer in time.
    LIMITS_SHARED_MISSED_TOTAL = "boda_limits_shared_missed_total", Shape::Counter;
    /// TLS handshakes that came to nothing; labels: reason (plain, failed, slow).
    TLS_REFUSED_TOTAL = "boda_tls_refused_total", Shape::Counter;
    /// Certificates taken into use; labels: outcome (loaded, refused).
    TLS_RELOADS_TOTAL = "boda_tls_reloads_total", Shape::Counter;

    /// Sockets open; labels: role.
    SOCKETS_OPEN = "boda_sockets_open", Shape::Gauge;
    /// Sockets that signed on; labels: how (fresh, recovered: went on where the app was, not_recovered).
    SOCKETS_OPENED_TOTAL = "boda_sockets_opened_total", Shape::Counter;
    /// Socket handshakes refused; labels: reason (node_busy, address_busy, address_full).
    HANDSHAKES_REFUSED_TOTAL = "boda_handshakes_refused_total", Shape::Counter;
    /// Sockets closed; labels: code (the protocol's close code, or peer when the other side ended it).
    SOCKETS_CLOSED_TOTAL = "boda_sockets_closed_total", Shape::Counter;
    /// Sessions and socket commands that panicked.
    SOCKET_PANICS_TOTAL = "boda_socket_panics_total", Shape::Counter;
    /// Positions accepted from drivers.
    PINGS_TOTAL = "boda_pings_total", Shape::Counter;
    /// Positions refused; labels: reason.
    PINGS_REFUSED_TOTAL = "boda_pings_refused_total", Shape::Counter;

    /// Drivers in the live index; labels: state (free, busy).
    INDEX_DRIVERS = "boda_index_drivers", Shape::Gauge;

    /// Positions taken into the history.
    HISTORY_SAMPLES_TOTAL = "boda_history_samples_total", Shape::Counter;
    /// Minutes of drivers in memory; labels: state (open, waiting for the database).
    HISTORY_SEGMENTS = "boda_history_segments", Shape::Gauge;
    /// Minutes of drivers that were lost; labels: reason (buffer_full, stopped).
    HISTORY_DROPPED_TOTAL = "boda_history_dropped_total", Shape::Counter;
    /// Minutes of drivers stored.
    HISTORY_ROWS_TOTAL = "boda_history_rows_total", Shape::Counter;
    /// Time of one bulk copy of them.
    HISTORY_COPY_SECONDS = "boda_history_copy_seconds", Shape::Histogram(COPY_SECONDS);

    /// Rows forgotten because their time was up; labels: class.
    RETENTION_ROWS_TOTAL = "boda_retention_rows_total", Shape::Counter;

    /// Time of one swap of the riding times, the router's new weights included.
    ROAD_REWEIGH_SECONDS = "boda_road_reweigh_seconds", Shape::Histogram(REWEIGH_SECONDS);
    /// Arcs with riding times of the last minutes, at the last swap.
    ROAD_LIVE_ARCS = "boda_road_live_arcs", Shape::Gauge;
    /// Hours of streets that are remembered.
    ROAD_LEARNED_HOURS = "boda_road_learned_hours", Shape::Gauge;
    /// Closures in force.
    ROAD_CLOSURES = "boda_road_closures", Shape::Gauge;
    /// Arcs that closures shut.
    ROAD_CLOSED_ARCS = "boda_road_closed_arcs", Shape::Gauge;
    /// Passages of streets that were not learned from, because too many waited.
    ROAD_PASSAGES_DROPPED_TOTAL = "boda_road_passages_dropped_total", Shape::Counter;
    /// Rides whose driver left the quickest way, each time.
    RIDES_OFF_ROUTE_TOTAL = "boda_rides_off_route_total", Shape::Counter;
    /// Rides against a one-way street, each time.
    RIDES_WRONG_WAY_TOTAL = "boda_rides_wrong_way_total", Shape::Counter;
    /// Drivers on the way to a pickup who got into trouble, each time; labels: trouble (stalled, going_away, dark).
    RIDES_PICKUP_TROUBLE_TOTAL = "boda_rides_pickup_trouble_total", Shape::Counter;
    /// Rounds of rides that were kept to be explained.
    RIDES_ROUNDS_KEPT_TOTAL = "boda_rides_rounds_kept_total", Shape::Counter;
    /// How far off the promised arrival of a leg was, early or late.
    ETA_ERROR_SECONDS = "boda_eta_error_seconds", Shape::Histogram(ETA_OFF_SECONDS);
    /// The same over the last legs; labels: figure (median, p90, bias: later than promised on average).
    ETA_ERROR_LAST_SECONDS = "boda_eta_error_last_seconds", Shape::Gauge;
    /// Zones in force.
    GEOFENCE_ZONES = "boda_geofence_zones", Shape::Gauge;
    /// Drivers in or at a zone.
    GEOFENCE_DRIVERS = "boda_geofence_drivers", Shape::Gauge;
    /// What drivers did with zones; labels: kind (enter, dwell, exit).
    GEOFENCE_EVENTS_TOTAL = "boda_geofence_events_total", Shape::Counter;
    /// What was not followed or not stored of it; labels: reason (queue_full, too_many_drivers, stopped).
    GEOFENCE_DROPPED_TOTAL = "boda_geofence_dropped_total", Shape::Counter;

    /// Places taken in the queues of stages.
    STAGE_PLACES = "boda_stage_places", Shape::Gauge;
    /// Places that ended; labels: reason (took_ride, went_away, went_dark, off_shift, other_stage, removed, stage_gone).
    STAGE_LEFT_TOTAL = "boda_stage_left_total", Shape::Counter;
    /// H3 cells whose requests and drivers are counted.
    DEMAND_CELLS = "boda_demand_cells", Shape::Gauge;
    /// Cells that are short of drivers and may be shown.
    DEMAND_CELLS_SHORT = "boda_demand_cells_short", Shape::Gauge;
    /// Riders for whom there was no driver, over the window of demand.window_minutes.
    DEMAND_RIDERS_SHORT = "boda_demand_riders_short", Shape::Gauge;
    /// Rides of that window that ended before a driver was found.
    DEMAND_UNSERVED = "boda_demand_unserved", Shape::Gauge;
    /// Events and samples not counted, because of too many cells or because they were too old.
    DEMAND_DROPPED_TOTAL = "boda_demand_dropped_total", Shape::Counter;
    /// Hints to idle drivers that were sent.
    DEMAND_HINTS_TOTAL = "boda_demand_hints_total", Shape::Counter;
    /// Searching rides without a free driver in reach.
    RIDES_QUEUED = "boda_rides_queued", Shape::Gauge;

    /// Rides requested of the core.
    DISPATCH_REQUESTS_TOTAL = "boda_dispatch_requests_total", Shape::Counter;
    /// Inputs refused before the core saw them because a bound was reached; labels: reason.
    DISPATCH_REFUSED_TOTAL = "boda_dispatch_refused_total", Shape::Counter;
    /// Offers that ended; labels: outcome.
    DISPATCH_OFFERS_TOTAL = "boda_dispatch_offers_total", Shape::Counter;
    /// Rides that ended; labels: status.
    DISPATCH_RIDES_ENDED_TOTAL = "boda_dispatch_rides_ended_total", Shape::Counter;
    /// Rides that have not ended.
    DISPATCH_RIDES_LIVE = "boda_dispatch_rides_live", Shape::Gauge;
    /// Time from a booking's arrival to its first offer handed to the hub.
    DISPATCH_REQUEST_TO_OFFER_SECONDS = "boda_dispatch_request_to_offer_seconds", Shape::Histogram(OFFER_SECONDS);
    /// Time from the core's decision to make an offer to its bytes on the driver's socket, the commit included.
    DISPATCH_OFFER_WRITTEN_SECONDS = "boda_dispatch_offer_written_seconds", Shape::Histogram(WRITTEN_SECONDS);
    /// Time of one step of the core.
    DISPATCH_DECISION_SECONDS = "boda_dispatch_decision_seconds", Shape::Histogram(DECISION_SECONDS);
    /// Time of one group commit.
    DISPATCH_COMMIT_SECONDS = "boda_dispatch_commit_seconds", Shape::Histogram(COMMIT_SECONDS);
    /// Decisions in one group commit.
    DISPATCH_COMMIT_BATCH_SIZE = "boda_dispatch_commit_batch_size", Shape::Histogram(BATCH_SIZE);
    /// Inputs that wait for the shard.
    DISPATCH_QUEUE_DEPTH = "boda_dispatch_queue_depth", Shape::Gauge;

    /// Time from a committed offer to its bytes on the driver's socket.
    HUB_OFFER_DELIVERED_SECONDS = "boda_hub_offer_delivered_seconds", Shape::Histogram(WRITTEN_SECONDS);
    /// State events that wait for sockets that do not read.
    HUB_QUEUE_DEPTH = "boda_hub_queue_depth", Shape::Gauge;
    /// Control messages kept for apps that come back.
    HUB_STREAM_MESSAGES = "boda_hub_stream_messages", Shape::Gauge;
    /// What was dropped under pressure; labels: queue (positions a newer one replaced, frames over a socket's limit,
    /// commands behind too many others).
    HUB_DROPPED_TOTAL = "boda_hub_dropped_total", Shape::Counter;
    /// Sockets closed because their queue of state events was full.
    HUB_QUEUE_FULL_TOTAL = "boda_hub_queue_full_total", Shape::Counter;

    /// Runs of jobs that ended; labels: kind, outcome (done, retried, dead, lease_lost, never_came_back, put_back).
    JOBS_FINISHED_TOTAL = "boda_jobs_finished_total", Shape::Counter;
    /// Time of one run of a job; labels: kind.
    JOBS_DURATION_SECONDS = "boda_jobs_duration_seconds", Shape::Histogram(JOB_SECONDS);
    /// Jobs that could run now and do not.
    JOBS_READY = "boda_jobs_ready", Shape::Gauge;
    /// Since when the oldest of them could.
    JOBS_OLDEST_READY_SECONDS = "boda_jobs_oldest_ready_seconds", Shape::Gauge;

    /// Text messages handed to the provider; labels: outcome.
    SMS_TOTAL = "boda_sms_total", Shape::Counter;
    /// Time of the provider's answer to a text message; labels: provider.
    SMS_PROVIDER_SECONDS = "boda_sms_provider_seconds", Shape::Histogram(PROVIDER_SECONDS);

    /// Calls to payment providers; labels: provider, operation (collection, refund, payout), call (submit, status), result.
    PAYMENT_CALLS_TOTAL = "boda_payment_calls_total", Shape::Counter;
    /// Time of a payment provider's answer; labels: provider, call (submit, status).
    PAYMENT_CALL_SECONDS = "boda_payment_call_seconds", Shape::Histogram(PROVIDER_SECONDS);
    /// From the order to pay to the call that asks the provider; labels: operation.
    PAYMENT_WAITED_SECONDS = "boda_payment_waited_seconds", Shape::Histogram(HTTP_SECONDS);
    /// One transaction that writes down what payment providers answered.
    PAYMENT_COMMIT_SECONDS = "boda_payment_commit_seconds", Shape::Histogram(COMMIT_SECONDS);
    /// Payments at providers that ended; labels: provider, operation, outcome (succeeded, late_success, or why not).
    PAYMENT_ENDED_TOTAL = "boda_payment_ended_total", Shape::Counter;
    /// Breakers of payment providers: 0 closed, 1 tried out, 2 open; labels: provider, operation, call.
    PAYMENT_BREAKER = "boda_payment_breaker", Shape::Gauge;

    /// Messages given to the bus; labels: topic.
    BUS_PUBLISHED_TOTAL = "boda_bus_published_total", Shape::Counter;
    /// Messages that did not reach other nodes or a slow subscriber; labels: topic, reason.
    BUS_DROPPED_TOTAL = "boda_bus_dropped_total", Shape::Counter;
    /// 1 while other nodes can be reached (always 1 in process), else 0.
    BUS_CONNECTED = "boda_bus_connected", Shape::Gauge;

    /// Records of the audit log when its head was published last.
    AUDIT_RECORDS = "boda_audit_records", Shape::Gauge;
    /// When the head of the audit log was published last, in seconds since 1970. More than a day ago is an incident.
    AUDIT_PUBLISHED_TIMESTAMP_SECONDS = "boda_audit_published_timestamp_seconds", Shape::Gauge;
    /// Notices of breaches of personal data that are overdue; labels: notice (ncsa_48h, ncsa_72h).
    BREACH_NOTICES_OVERDUE = "boda_breach_notices_overdue", Shape::Gauge;
    /// Cases of money that nobody has settled; labels: kind (missing_here, unresolved_attempt, ...).
    MONEY_CASES_OPEN = "boda_money_cases_open", Shape::Gauge;
    /// Age of the oldest case of money that nobody has settled; labels: kind.
    MONEY_CASE_OLDEST_SECONDS = "boda_money_case_oldest_seconds", Shape::Gauge;

    /// Database connections of the pool; labels: state (in_use, idle).
    DB_CONNECTIONS = "boda_db_connections", Shape::Gauge;
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_follow_the_convention() {
        let names: BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        for Metric { name, shape, help } in ALL {
            assert!(name.starts_with("boda_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), *shape == Shape::Counter, "{name}");
            assert!(help.ends_with('.'), "{name}");
        }
    }

    /// The row of a metric in the table for operators: name, kind, what, labels.
    fn row(metric: &Metric) -> String {
        let kind = match metric.shape {
            Shape::Counter => "counter",
            Shape::Gauge => "gauge",
            Shape::Histogram(_) => "histogram",
        };
        let help = metric.help.trim().trim_end_matches('.');
        let (what, labels) = help.split_once("; labels: ").unwrap_or((help, ""));
        format!("| `{}` | {kind} | {what} | {labels} |\n", metric.name)
    }

    #[test]
    fn operators_read_of_every_metric_as_it_is() {
        let wanted: String = ALL.iter().map(row).collect();
        assert!(
            include_str!("../../docs/OPERATIONS.md").contains(&wanted),
            "docs/OPERATIONS.md must have these rows:\n{wanted}"
        );
    }

    #[test]
    fn buckets_rise() {
        for Metric { name, shape, .. } in ALL {
            if let Shape::Histogram(buckets) = shape {
                assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
            }
        }
    }
}
