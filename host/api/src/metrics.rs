//! What the surface counts, under Tempo's names.

use prometheus::core::Collector;
use prometheus::{
    CounterVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets,
};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

/// Tenants with label values of their own. Tenant ids come from clients; without a bound their series
/// would grow with whatever is sent. Later tenants share [`OTHER_TENANTS`].
const TENANT_LABELS_MAX: usize = 10_000;
/// Not a valid tenant id, so it can't collide with one.
const OTHER_TENANTS: &str = "<other>";

/// Kinds of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Traces,
    Search,
    Metadata,
    Metrics,
}

impl Op {
    const ALL: [Self; 4] = [Self::Traces, Self::Search, Self::Metadata, Self::Metrics];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Search => "search",
            Self::Metadata => "metadata",
            Self::Metrics => "metrics",
        }
    }
}

/// The surface's metrics.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) request_seconds: HistogramVec,
    pub(crate) inflight: IntGaugeVec,
    pub(crate) request_bytes: HistogramVec,
    pub(crate) response_bytes: HistogramVec,
    queries: IntCounterVec,
    queries_within_slo: IntCounterVec,
    inspected_bytes: CounterVec,
    latency_ms: HistogramVec,
    partial: IntCounterVec,
    tenants: Mutex<HashSet<String>>,
}

/// How a query ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueryEnd {
    pub(crate) status: u16,
    pub(crate) elapsed: Duration,
    pub(crate) slo_ms: u64,
    pub(crate) inspected_bytes: u64,
    pub(crate) partial: bool,
}

impl Metrics {
    /// Creates and registers them.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let seconds = vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0];
        let bytes = exponential_buckets(1024.0, 4.0, 10)?;
        // Finite up to 60 s: an alert on "p95 > 5000" must be able to see more than 5000.
        let ms = vec![
            5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0, 15_000.0,
            30_000.0, 60_000.0,
        ];
        let route = ["method", "route"];
        let by_op = ["tenant", "op", "result"];
        let metrics = Self {
            request_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "tempo_request_duration_seconds",
                    "Time (in seconds) spent serving HTTP requests.",
                )
                .buckets(seconds),
                &["method", "route", "status_code", "ws"],
            )?,
            inflight: IntGaugeVec::new(
                Opts::new("tempo_inflight_requests", "Current number of inflight requests."),
                &route,
            )?,
            request_bytes: HistogramVec::new(
                HistogramOpts::new("tempo_request_message_bytes", "Size (in bytes) of request bodies.")
                    .buckets(bytes.clone()),
                &route,
            )?,
            response_bytes: HistogramVec::new(
                HistogramOpts::new(
                    "tempo_response_message_bytes",
                    "Size (in bytes) of response bodies before compression.",
                )
                .buckets(bytes),
                &route,
            )?,
            queries: IntCounterVec::new(
                Opts::new("tempo_query_frontend_queries_total", "Finished queries."),
                &by_op,
            )?,
            queries_within_slo: IntCounterVec::new(
                Opts::new("tempo_query_frontend_queries_within_slo_total", "Finished queries within SLO."),
                &by_op,
            )?,
            inspected_bytes: CounterVec::new(
                Opts::new(
                    "tempo_query_frontend_bytes_inspected_total",
                    "Bytes read by queries that succeeded.",
                ),
                &["tenant", "op"],
            )?,
            latency_ms: HistogramVec::new(
                HistogramOpts::new(
                    "tempo_query_frontend_result_metrics_latency",
                    "Time in milliseconds from a query's arrival to its answer.",
                )
                .buckets(ms),
                &["op"],
            )?,
            partial: IntCounterVec::new(
                Opts::new("cadenza_query_partial_answers_total", "Answers that lack data of some source."),
                &["op"],
            )?,
            tenants: Mutex::default(),
        };
        for op in Op::ALL {
            // Alerts should see zero queries, not no metric.
            metrics.latency_ms.with_label_values(&[op.name()]);
            metrics.partial.with_label_values(&[op.name()]);
        }
        let collectors: [Box<dyn Collector>; 9] = [
            Box::new(metrics.request_seconds.clone()),
            Box::new(metrics.inflight.clone()),
            Box::new(metrics.request_bytes.clone()),
            Box::new(metrics.response_bytes.clone()),
            Box::new(metrics.queries.clone()),
            Box::new(metrics.queries_within_slo.clone()),
            Box::new(metrics.inspected_bytes.clone()),
            Box::new(metrics.latency_ms.clone()),
            Box::new(metrics.partial.clone()),
        ];
        for collector in collectors {
            registry.register(collector)?;
        }
        Ok(metrics)
    }

    /// Counts a finished query.
    pub(crate) fn query_ended(&self, tenant: &str, op: Op, end: QueryEnd) {
        let tenant = self.tenant_label(tenant);
        let canceled = end.status == crate::error::CLIENT_CLOSED;
        let result = if canceled { "canceled" } else { "completed" };
        let labels = [tenant, op.name(), result];
        self.queries.with_label_values(&labels).inc();
        let elapsed_ms = end.elapsed.as_secs_f64() * 1000.0;
        let in_time = end.slo_ms == 0 || elapsed_ms < end.slo_ms as f64;
        // A refusal is prompt by nature and not the server's fault.
        let refused = matches!(end.status, 400 | 404 | 429);
        if canceled || refused || (end.status < 500 && in_time) {
            self.queries_within_slo.with_label_values(&labels).inc();
        }
        if end.status < 400 {
            self.inspected_bytes.with_label_values(&[tenant, op.name()]).inc_by(end.inspected_bytes as f64);
        }
        self.latency_ms.with_label_values(&[op.name()]).observe(elapsed_ms);
        if end.partial {
            self.partial.with_label_values(&[op.name()]).inc();
        }
    }

    fn tenant_label<'a>(&self, tenant: &'a str) -> &'a str {
        let mut known = self.tenants.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.contains(tenant) {
            return tenant;
        }
        if known.len() >= TENANT_LABELS_MAX {
            return OTHER_TENANTS;
        }
        known.insert(tenant.to_owned());
        tenant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_past_the_bound_share_a_label() {
        let metrics = Metrics::new(&Registry::new()).expect("the names are unique");
        for i in 0..TENANT_LABELS_MAX {
            metrics.tenant_label(&i.to_string());
        }
        assert_eq!(metrics.tenant_label("0"), "0");
        assert_eq!(metrics.tenant_label("one more"), OTHER_TENANTS);
    }

    #[test]
    fn slo_counts_refusals_and_cancellations_but_not_failures_or_slow_answers() {
        let metrics = Metrics::new(&Registry::new()).expect("the names are unique");
        let end = |status, ms, slo_ms| QueryEnd {
            status,
            elapsed: Duration::from_millis(ms),
            slo_ms,
            inspected_bytes: 1,
            partial: false,
        };
        let within = |end| {
            let count = || {
                let get =
                    |result| metrics.queries_within_slo.with_label_values(&["t", "search", result]).get();
                get("completed") + get("canceled")
            };
            let before = count();
            metrics.query_ended("t", Op::Search, end);
            count() > before
        };
        assert!(within(end(200, 10, 0)));
        assert!(within(end(200, 10, 11)));
        assert!(!within(end(200, 12, 11)));
        assert!(within(end(400, 12, 11)));
        assert!(within(end(499, 12, 11)));
        assert!(!within(end(500, 1, 0)));
        assert_eq!(metrics.inspected_bytes.with_label_values(&["t", "search"]).get(), 3.0);
    }
}
