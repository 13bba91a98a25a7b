//! Counters of requests to the store, under Tempo's names where Tempo has them.

use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry, exponential_buckets};

/// Metrics of stores and their decorators.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `tempodb_backend_request_duration_seconds{operation,status_code}`: by HTTP method, each attempt.
    pub request_duration_seconds: HistogramVec,
    /// `cadenza_backend_read_bytes_total`.
    pub read_bytes: IntCounter,
    /// `cadenza_backend_written_bytes_total`.
    pub written_bytes: IntCounter,
    /// `tempodb_backend_hedged_roundtrips_total`.
    pub hedged_roundtrips: IntCounter,
    /// `cadenza_backend_retry_budget`: retries that are left.
    pub retry_budget: IntGauge,
    /// `cadenza_backend_retries_refused_total`: failures that were not tried again for want of a budget.
    pub retries_refused: IntCounter,
}

impl Metrics {
    /// Registers all of them.
    ///
    /// # Panics
    /// When one is registered twice: a wiring mistake.
    pub fn new(registry: &Registry) -> Self {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help).expect("a valid metric");
            registry.register(Box::new(counter.clone())).expect("registered once");
            counter
        };
        let requests = HistogramOpts::new(
            "tempodb_backend_request_duration_seconds",
            "Time of a request to the object store.",
        )
        .buckets(exponential_buckets(0.005, 4.0, 6).expect("a valid ladder"));
        let request_duration_seconds =
            HistogramVec::new(requests, &["operation", "status_code"]).expect("a valid metric");
        registry.register(Box::new(request_duration_seconds.clone())).expect("registered once");
        let retry_budget =
            IntGauge::new("cadenza_backend_retry_budget", "Retries of failed requests that are left.")
                .expect("a valid metric");
        registry.register(Box::new(retry_budget.clone())).expect("registered once");
        Self {
            request_duration_seconds,
            read_bytes: counter("cadenza_backend_read_bytes_total", "Bytes read from the object store."),
            written_bytes: counter(
                "cadenza_backend_written_bytes_total",
                "Bytes written to the object store.",
            ),
            hedged_roundtrips: counter(
                "tempodb_backend_hedged_roundtrips_total",
                "Requests sent a second time because the first was slow.",
            ),
            retry_budget,
            retries_refused: counter(
                "cadenza_backend_retries_refused_total",
                "Failed requests that were not tried again because the budget of retries is spent.",
            ),
        }
    }
}
