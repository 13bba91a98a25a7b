//! Counters of the bucket, under Tempo's names where Tempo has them.

use crate::blocklist::Listed;
use cadenza_block::merge::Merged;
use cadenza_model::TenantId;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, exponential_buckets,
};

/// Metrics of [`crate::Store`].
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `tempodb_blocklist_length{tenant}`.
    pub blocklist_length: IntGaugeVec,
    /// `tempodb_backend_objects_total{tenant,status}`.
    objects: IntGaugeVec,
    /// `tempodb_backend_bytes_total{tenant,status}`.
    bytes: IntGaugeVec,
    /// `tempodb_blocklist_poll_errors_total`.
    pub poll_errors: IntCounter,
    /// `tempodb_blocklist_poll_duration_seconds`.
    pub poll_duration_seconds: Histogram,
    /// `tempodb_blocklist_tenant_index_builder{tenant}`: 1 where this process writes the index.
    pub(crate) index_builder: IntGaugeVec,
    /// `tempodb_blocklist_tenant_index_age_seconds{tenant}`.
    pub(crate) index_age_seconds: IntGaugeVec,
    /// `tempodb_blocklist_tenant_index_errors_total{tenant}`.
    pub(crate) index_errors: IntCounterVec,
    /// `tempodb_compaction_blocks_total{level}`.
    pub(crate) compaction_blocks: IntCounterVec,
    /// `tempo_compactor_blocks_compacted_total`: the mixin's name of the same, without levels.
    pub(crate) blocks_compacted: IntCounter,
    /// `tempodb_compaction_objects_written_total{level}`.
    compaction_objects_written: IntCounterVec,
    /// `tempodb_compaction_bytes_written_total{level}`.
    compaction_bytes_written: IntCounterVec,
    /// `tempodb_compaction_objects_combined_total{level}`.
    compaction_objects_combined: IntCounterVec,
    /// `tempodb_compaction_spans_deduped_total{replication_factor}`.
    compaction_spans_deduped: IntCounterVec,
    /// `tempodb_compaction_errors_total`.
    pub(crate) compaction_errors: IntCounter,
    /// `tempodb_compaction_outstanding_blocks{tenant}`.
    pub(crate) compaction_outstanding_blocks: IntGaugeVec,
    /// `tempodb_retention_marked_for_deletion_total`.
    pub(crate) retention_marked: IntCounter,
    /// `tempodb_retention_deleted_total`.
    pub(crate) retention_deleted: IntCounter,
    /// `tempodb_retention_errors_total`.
    pub(crate) retention_errors: IntCounter,
    /// `tempodb_retention_duration_seconds`.
    pub(crate) retention_duration_seconds: Histogram,
}

/// Registers what it makes.
struct Maker<'r>(&'r Registry);

impl Maker<'_> {
    fn registered<C: Collector + Clone + 'static>(&self, metric: prometheus::Result<C>) -> C {
        let metric = metric.expect("a valid metric");
        self.0.register(Box::new(metric.clone())).expect("registered once");
        metric
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn seconds(&self, name: &str, help: &str) -> Histogram {
        let buckets = exponential_buckets(0.01, 4.0, 8).expect("a valid ladder");
        self.registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)))
    }
}

impl Metrics {
    /// Registers all of them.
    ///
    /// # Panics
    /// When one is registered twice: a wiring mistake.
    pub fn new(registry: &Registry) -> Self {
        let make = Maker(registry);
        let level = &["level"];
        let status = &["tenant", "status"];
        Self {
            blocklist_length: make.gauges("tempodb_blocklist_length", "Live blocks per tenant.", &["tenant"]),
            objects: make.gauges("tempodb_backend_objects_total", "Traces in blocks.", status),
            bytes: make.gauges("tempodb_backend_bytes_total", "Bytes of blocks.", status),
            poll_errors: make.counter("tempodb_blocklist_poll_errors_total", "Failed tenant polls."),
            poll_duration_seconds: make
                .seconds("tempodb_blocklist_poll_duration_seconds", "Time of one poll of the bucket."),
            index_builder: make.gauges(
                "tempodb_blocklist_tenant_index_builder",
                "1 where this process writes the tenant's index.",
                &["tenant"],
            ),
            index_age_seconds: make.gauges(
                "tempodb_blocklist_tenant_index_age_seconds",
                "Age of the tenant's index.",
                &["tenant"],
            ),
            index_errors: make.counters(
                "tempodb_blocklist_tenant_index_errors_total",
                "Indexes that could not be read or written.",
                &["tenant"],
            ),
            compaction_blocks: make.counters("tempodb_compaction_blocks_total", "Blocks compacted.", level),
            blocks_compacted: make.counter("tempo_compactor_blocks_compacted_total", "Blocks compacted."),
            compaction_objects_written: make.counters(
                "tempodb_compaction_objects_written_total",
                "Traces written by compaction.",
                level,
            ),
            compaction_bytes_written: make.counters(
                "tempodb_compaction_bytes_written_total",
                "Bytes written by compaction.",
                level,
            ),
            compaction_objects_combined: make.counters(
                "tempodb_compaction_objects_combined_total",
                "Traces put together from several blocks.",
                level,
            ),
            compaction_spans_deduped: make.counters(
                "tempodb_compaction_spans_deduped_total",
                "Spans that several blocks held.",
                &["replication_factor"],
            ),
            compaction_errors: make.counter("tempodb_compaction_errors_total", "Compactions that failed."),
            compaction_outstanding_blocks: make.gauges(
                "tempodb_compaction_outstanding_blocks",
                "Blocks that wait to be compacted.",
                &["tenant"],
            ),
            retention_marked: make
                .counter("tempodb_retention_marked_for_deletion_total", "Blocks marked for their age."),
            retention_deleted: make.counter("tempodb_retention_deleted_total", "Blocks deleted."),
            retention_errors: make
                .counter("tempodb_retention_errors_total", "Blocks that could not be marked or deleted."),
            retention_duration_seconds: make
                .seconds("tempodb_retention_duration_seconds", "Time of one run of retention."),
        }
    }

    /// Sizes of what a poll found.
    pub(crate) fn inventory(&self, tenant: &TenantId, found: &Listed) {
        let live = found.live.iter().map(|block| block.meta());
        let compacted = found.compacted.iter().map(|compacted| compacted.block.meta());
        let lists: [(&str, Vec<_>); 2] = [("live", live.collect()), ("compacted", compacted.collect())];
        for (status, metas) in lists {
            let labels = &[tenant.as_str(), status];
            let objects: u64 = metas.iter().map(|meta| meta.total_objects).sum();
            let bytes: u64 = metas.iter().map(|meta| meta.size).sum();
            self.objects.with_label_values(labels).set(i64::try_from(objects).unwrap_or(i64::MAX));
            self.bytes.with_label_values(labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }

    /// What one merge wrote; the level is that of its inputs.
    pub(crate) fn count_merge(&self, level: &str, merged: &Merged) {
        let labels = &[level];
        self.compaction_objects_written.with_label_values(labels).inc_by(merged.meta.total_objects);
        self.compaction_bytes_written.with_label_values(labels).inc_by(merged.meta.size);
        self.compaction_objects_combined.with_label_values(labels).inc_by(merged.combined_traces);
        let factor = merged.meta.replication_factor.to_string();
        self.compaction_spans_deduped.with_label_values(&[&factor]).inc_by(merged.deduped_spans);
    }
}
