//! Counters of the bucket, under Tempo's names where Tempo has them.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntGaugeVec, Opts, Registry, exponential_buckets};

/// Metrics of [`crate::Store`] and its decorators.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `tempodb_backend_request_duration_seconds{operation,status_code}`.
    pub request_duration_seconds: HistogramVec,
    /// `cadenza_backend_bytes_total{operation}` as two counters.
    pub read_bytes: IntCounter,
    /// Bytes of objects written.
    pub written_bytes: IntCounter,
    /// `tempodb_blocklist_length{tenant}`.
    pub blocklist_length: IntGaugeVec,
    /// `tempodb_blocklist_poll_errors_total`.
    pub poll_errors: IntCounter,
    /// `tempodb_blocklist_poll_duration_seconds`.
    pub poll_duration_seconds: prometheus::Histogram,
}

impl Metrics {
    /// Registers all of them.
    ///
    /// # Panics
    /// When one is registered twice: a wiring mistake.
    pub fn new(registry: &Registry) -> Self {
        let metrics = Self {
            request_duration_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "tempodb_backend_request_duration_seconds",
                    "Time of a request to the object store.",
                )
                .buckets(exponential_buckets(0.005, 4.0, 6).expect("a valid ladder")),
                &["operation", "status_code"],
            )
            .expect("a valid metric"),
            read_bytes: IntCounter::new(
                "cadenza_backend_read_bytes_total",
                "Bytes read from the object store.",
            )
            .expect("a valid metric"),
            written_bytes: IntCounter::new(
                "cadenza_backend_written_bytes_total",
                "Bytes written to the object store.",
            )
            .expect("a valid metric"),
            blocklist_length: IntGaugeVec::new(
                Opts::new("tempodb_blocklist_length", "Live blocks per tenant."),
                &["tenant"],
            )
            .expect("a valid metric"),
            poll_errors: IntCounter::new("tempodb_blocklist_poll_errors_total", "Failed tenant polls.")
                .expect("a valid metric"),
            poll_duration_seconds: prometheus::Histogram::with_opts(
                HistogramOpts::new(
                    "tempodb_blocklist_poll_duration_seconds",
                    "Time of one poll of the bucket.",
                )
                .buckets(exponential_buckets(0.01, 4.0, 8).expect("a valid ladder")),
            )
            .expect("a valid metric"),
        };
        let all: [Box<dyn prometheus::core::Collector>; 6] = [
            Box::new(metrics.request_duration_seconds.clone()),
            Box::new(metrics.read_bytes.clone()),
            Box::new(metrics.written_bytes.clone()),
            Box::new(metrics.blocklist_length.clone()),
            Box::new(metrics.poll_errors.clone()),
            Box::new(metrics.poll_duration_seconds.clone()),
        ];
        for collector in all {
            registry.register(collector).expect("registered once");
        }
        metrics
    }
}
