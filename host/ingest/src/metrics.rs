//! Metrics of the write path, under Tempo's names where Tempo has one.

use cadenza_model::AttributesCut;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Name of the OTLP receiver in receiver metrics.
const RECEIVER: &str = "otlp/otlp_receiver";
/// The one process that spans are appended to, where 2.x names an ingester.
const SELF: &str = "local";

/// Counters, gauges and histograms of receiving, limits, live traces, cutting and flushing.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) spans_received: IntCounterVec,
    pub(crate) bytes_received: IntCounterVec,
    pub(crate) ingress_bytes: IntCounterVec,
    pub(crate) traces_per_batch: Histogram,
    pub(crate) push_duration_seconds: Histogram,
    pub(crate) attributes_truncated: IntCounterVec,
    pub(crate) discarded_spans: IntCounterVec,
    accepted_spans: IntCounterVec,
    refused_spans: IntCounterVec,
    pub(crate) duplicate_spans: IntCounterVec,
    pub(crate) sampled_out_spans: IntCounterVec,
    pub(crate) refusals: IntCounterVec,
    pub(crate) lost_spans: IntCounter,
    pub(crate) in_flight_bytes: IntGauge,
    pub(crate) appends: IntCounter,
    pub(crate) append_failures: IntCounter,
    pub(crate) live_traces: [IntGaugeVec; 2],
    pub(crate) live_trace_bytes: [IntGaugeVec; 2],
    pub(crate) traces_created: [IntCounterVec; 2],
    pub(crate) store_bytes_received: [IntCounterVec; 2],
    pub(crate) live_index_bytes: IntGauge,
    pub(crate) blocks_cut: IntCounterVec,
    pub(crate) blocks_completed: IntCounter,
    pub(crate) ingester_blocks: IntCounter,
    pub(crate) blocks_cleared: [IntCounter; 2],
    pub(crate) complete_queue_length: [IntGauge; 2],
    pub(crate) completion_duration_seconds: Histogram,
    pub(crate) completion_size_bytes: Histogram,
    pub(crate) failed_completions: IntCounter,
    pub(crate) completion_retries: IntCounter,
    pub(crate) completion_failed_retries: IntCounter,
    pub(crate) blocks_flushed: IntCounter,
    pub(crate) flush_duration_seconds: [Histogram; 2],
    pub(crate) flush_size_bytes: [Histogram; 2],
    pub(crate) failed_flushes: [IntCounter; 2],
    pub(crate) flush_retries: [IntCounter; 2],
    pub(crate) flush_failed_retries: [IntCounter; 2],
    pub(crate) ready: IntGauge,
    pub(crate) catch_up_seconds: prometheus::Gauge,
    pub(crate) replay_errors: IntCounterVec,
}

/// Registers metrics; collects the first error instead of stopping half way at each line.
struct Maker<'a> {
    registry: &'a Registry,
}

type Made<T> = Result<T, prometheus::Error>;

impl Maker<'_> {
    fn add<T: prometheus::core::Collector + Clone + 'static>(&self, metric: T) -> Made<T> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> Made<IntCounter> {
        self.add(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Made<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Made<IntGauge> {
        self.add(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Made<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: Vec<f64>) -> Made<Histogram> {
        self.add(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?)
    }

    /// The same under the 3.0 and the 2.x name; `suffix` follows the component.
    fn both<T>(&self, suffix: &str, make: impl Fn(&Self, &str) -> Made<T>) -> Made<[T; 2]> {
        self.both_named(&format!("live_store_{suffix}"), &format!("ingester_{suffix}"), make)
    }

    fn both_named<T>(&self, new: &str, old: &str, make: impl Fn(&Self, &str) -> Made<T>) -> Made<[T; 2]> {
        Ok([make(self, &format!("tempo_{new}"))?, make(self, &format!("tempo_{old}"))?])
    }
}

fn exponential(start: f64, factor: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| start * factor.powi(i as i32)).collect()
}

const MIB: f64 = 1_048_576.0;

impl Metrics {
    /// Registers everything with `registry`.
    ///
    /// # Errors
    /// When a name is taken.
    #[expect(clippy::too_many_lines, reason = "one line a metric, read as a list")]
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let make = Maker { registry };
        let tenant = &["tenant"][..];
        let seconds = prometheus::DEFAULT_BUCKETS.to_vec();
        let metrics = Self {
            spans_received: make.counters(
                "tempo_distributor_spans_received_total",
                "Spans taken after the rate limit, before ids are checked",
                tenant,
            )?,
            bytes_received: make.counters(
                "tempo_distributor_bytes_received_total",
                "OTLP bytes taken after the rate limit",
                tenant,
            )?,
            ingress_bytes: make.counters(
                "tempo_distributor_ingress_bytes_total",
                "OTLP bytes before any limit",
                tenant,
            )?,
            traces_per_batch: make.histogram(
                "tempo_distributor_traces_per_batch",
                "Distinct traces in a request",
                exponential(2.0, 2.0, 10),
            )?,
            push_duration_seconds: make.histogram(
                "tempo_distributor_push_duration_seconds",
                "From a request's last byte to its answer, refusals included",
                seconds,
            )?,
            attributes_truncated: make.counters(
                "tempo_distributor_attributes_truncated_total",
                "Attribute keys and values cut to their limit",
                &["tenant", "scope"],
            )?,
            discarded_spans: make.counters(
                "tempo_discarded_spans_total",
                "Spans refused, by reason",
                &["reason", "tenant"],
            )?,
            accepted_spans: make.counters(
                "tempo_receiver_accepted_spans",
                "Spans of requests that were answered with success",
                &["receiver", "transport"],
            )?,
            refused_spans: make.counters(
                "tempo_receiver_refused_spans",
                "Spans of requests that were refused",
                &["receiver", "transport"],
            )?,
            sampled_out_spans: make.counters(
                "cadenza_ingest_sampled_out_spans_total",
                "Spans that a tenant's chain dropped; successes for the client",
                tenant,
            )?,
            duplicate_spans: make.counters(
                "cadenza_ingest_duplicate_spans_total",
                "Second arrivals of a span, dropped when indexed",
                tenant,
            )?,
            refusals: make.counters(
                "cadenza_ingest_refusals_total",
                "Requests refused, or rejected in part, by line of the retryability table",
                &["reason", "tenant"],
            )?,
            lost_spans: make.counter(
                "cadenza_ingest_lost_spans_total",
                "Acknowledged spans whose frame could not be read back",
            )?,
            in_flight_bytes: make
                .gauge("cadenza_ingest_in_flight_bytes", "Bytes of requests between arrival and answer")?,
            appends: make
                .counters(
                    "tempo_distributor_ingester_appends_total",
                    "Batches appended to the log",
                    &["ingester"],
                )?
                .with_label_values(&[SELF]),
            append_failures: make
                .counters(
                    "tempo_distributor_ingester_append_failures_total",
                    "Batches that the log refused",
                    &["ingester"],
                )?
                .with_label_values(&[SELF]),
            live_traces: make
                .both("live_traces", |m, name| m.gauges(name, "Traces that count as live", tenant))?,
            live_trace_bytes: make.both("live_trace_bytes", |m, name| {
                m.gauges(name, "Encoded bytes of spans that are in no cut yet", tenant)
            })?,
            traces_created: make.both("traces_created_total", |m, name| {
                m.counters(name, "Traces that became live", tenant)
            })?,
            store_bytes_received: make.both("bytes_received_total", |m, name| {
                m.counters(name, "Encoded bytes of spans indexed", &["tenant", "data_type"])
            })?,
            live_index_bytes: make.gauge("cadenza_ingest_live_index_bytes", "Memory of the live index")?,
            blocks_cut: make.counters(
                "tempo_live_store_blocks_cut_total",
                "Cuts made, by reason",
                &["reason"],
            )?,
            blocks_completed: make
                .counter("tempo_live_store_blocks_completed_total", "Cuts built into blocks")?,
            ingester_blocks: make.counter("tempo_ingester_blocks_total", "Blocks built and stored")?,
            blocks_cleared: [
                make.counters(
                    "tempo_live_store_blocks_cleared_total",
                    "Cuts dropped from memory",
                    &["block_type"],
                )?
                .with_label_values(&["complete"]),
                make.counter("tempo_ingester_blocks_cleared_total", "Cuts dropped from memory")?,
            ],
            complete_queue_length: make.both_named(
                "live_store_complete_queue_length",
                "ingester_flush_queue_length",
                |m, name| m.gauge(name, "Cuts waiting to be built and stored"),
            )?,
            completion_duration_seconds: make.histogram(
                "tempo_live_store_completion_duration_seconds",
                "Time to build a block",
                exponential(1.0, 2.0, 10),
            )?,
            completion_size_bytes: make.histogram(
                "tempo_live_store_completion_size_bytes",
                "Size of built blocks",
                exponential(MIB, 2.0, 10),
            )?,
            failed_completions: make
                .counter("tempo_live_store_failed_completions_total", "Builds that failed")?,
            completion_retries: make
                .counter("tempo_live_store_completion_retries_total", "Builds tried again")?,
            completion_failed_retries: make
                .counter("tempo_live_store_completion_failed_retries_total", "Builds that failed again")?,
            blocks_flushed: make.counter("tempo_ingester_blocks_flushed_total", "Blocks stored")?,
            flush_duration_seconds: make.both_named(
                "live_store_local_flush_duration_seconds",
                "ingester_flush_duration_seconds",
                |m, name| m.histogram(name, "Time to store a block", exponential(1.0, 2.0, 10)),
            )?,
            flush_size_bytes: make.both_named(
                "live_store_local_flush_size_bytes",
                "ingester_flush_size_bytes",
                |m, name| m.histogram(name, "Size of stored blocks", exponential(MIB, 2.0, 10)),
            )?,
            failed_flushes: make.both_named(
                "live_store_local_failed_flushes_total",
                "ingester_failed_flushes_total",
                |m, name| m.counter(name, "Blocks that could not be stored"),
            )?,
            flush_retries: make.both_named(
                "live_store_local_flush_retries_total",
                "ingester_flush_retries_total",
                |m, name| m.counter(name, "Blocks stored again after a failure"),
            )?,
            flush_failed_retries: make.both_named(
                "live_store_local_flush_failed_retries_total",
                "ingester_flush_failed_retries_total",
                |m, name| m.counter(name, "Blocks that failed again"),
            )?,
            ready: make.gauge("tempo_live_store_ready", "1 once the log of earlier runs is indexed")?,
            catch_up_seconds: make.add(prometheus::Gauge::new(
                "tempo_live_store_catch_up_duration_seconds",
                "Time to index the log of earlier runs",
            )?)?,
            replay_errors: make.counters(
                "tempo_ingester_replay_errors_total",
                "Pieces of the log that could not be read at start",
                tenant,
            )?,
        };
        Ok(metrics)
    }

    pub(crate) fn count_receiver(&self, transport: &'static str, accepted: bool, spans: u64) {
        let counters = if accepted { &self.accepted_spans } else { &self.refused_spans };
        counters.with_label_values(&[RECEIVER, transport]).inc_by(spans);
    }

    pub(crate) fn count_cut(&self, tenant: &str, cut: &AttributesCut) {
        if cut.total() == 0 {
            return;
        }
        let AttributesCut { resource, scope, span, event, link } = *cut;
        let by_scope =
            [("resource", resource), ("scope", scope), ("span", span), ("event", event), ("link", link)];
        for (scope, count) in by_scope {
            self.attributes_truncated.with_label_values(&[tenant, scope]).inc_by(count as u64);
        }
    }
}
