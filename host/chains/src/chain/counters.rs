//! What each plugin of each tenant does, as metrics and for status pages.

use super::FailureCause;
use cadenza_model::TenantId;
use cadenza_transform::Applied;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// Metrics of calls. Registered once per process.
#[derive(Clone)]
pub struct ChainMetrics {
    /// Of plugins whose work stays.
    pub(super) enforced: Family,
    /// Of shadows, under names of their own: who adds up dropped spans must not count those.
    pub(super) shadow: Family,
    skipped: IntCounterVec,
}

#[derive(Clone)]
pub(super) struct Family {
    calls: IntCounterVec,
    rows: IntCounterVec,
    nanoseconds: IntCounterVec,
    failures: IntCounterVec,
    edits: IntCounterVec,
    dropped: IntCounterVec,
    rejected: IntCounterVec,
    unmodified: IntCounterVec,
    quarantined: IntGaugeVec,
}

impl std::fmt::Debug for ChainMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainMetrics")
    }
}

impl ChainMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Spans that a shadow did not see since others were in its way";
        let skipped = Opts::new("cadenza_plugin_shadow_skipped_spans_total", help);
        let skipped = IntCounterVec::new(skipped, &["tenant", "plugin"])?;
        registry.register(Box::new(skipped.clone()))?;
        Ok(Self {
            enforced: Family::new(registry, "cadenza_plugin_", "")?,
            shadow: Family::new(registry, "cadenza_plugin_shadow_", "In shadow, without effect: ")?,
            skipped,
        })
    }

    pub(super) fn skipped(&self, tenant: &TenantId, plugin: &str) -> IntCounter {
        self.skipped.with_label_values(&[tenant.as_str(), plugin])
    }
}

impl Family {
    fn new(registry: &Registry, prefix: &str, note: &str) -> prometheus::Result<Self> {
        let labels = ["tenant", "plugin"];
        let opts = |name: &str, help: &str| Opts::new(format!("{prefix}{name}"), format!("{note}{help}"));
        let counters = |name: &str, help: &str| {
            let vec = IntCounterVec::new(opts(name, help), &labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let failures = opts("failures_total", "Calls that gave nothing, by cause");
        let failures = IntCounterVec::new(failures, &["tenant", "plugin", "cause"])?;
        registry.register(Box::new(failures.clone()))?;
        let quarantined = opts("quarantined", "1 while the plugin's guest is not called");
        let quarantined = IntGaugeVec::new(quarantined, &labels)?;
        registry.register(Box::new(quarantined.clone()))?;
        Ok(Self {
            calls: counters("calls_total", "Calls of guests")?,
            rows: counters("rows_total", "Spans that went through the plugin")?,
            nanoseconds: counters("nanoseconds_total", "Time spent in the plugin, native steps included")?,
            edits: counters("edits_total", "Attributes, texts, events and links changed")?,
            dropped: counters("dropped_spans_total", "Spans sampled out")?,
            rejected: counters(
                "rejected_spans_total",
                "Spans that were not taken since the plugin failed on them",
            )?,
            unmodified: counters(
                "unmodified_spans_total",
                "Spans that went on as they were since the plugin failed on them or is quarantined",
            )?,
            failures,
            quarantined,
        })
    }
}

/// One plugin's own series.
pub(super) struct Counters {
    pub(super) calls: IntCounter,
    pub(super) rows: IntCounter,
    pub(super) nanoseconds: IntCounter,
    pub(super) edits: IntCounter,
    pub(super) dropped: IntCounter,
    pub(super) rejected: IntCounter,
    pub(super) unmodified: IntCounter,
    pub(super) quarantined: IntGauge,
    failures: Vec<(FailureCause, IntCounter)>,
}

impl Counters {
    pub(super) fn new(metrics: &Family, tenant: &TenantId, plugin: &str) -> Self {
        let labels = [tenant.as_str(), plugin];
        let failure = |cause: FailureCause| {
            (cause, metrics.failures.with_label_values(&[tenant.as_str(), plugin, cause.name()]))
        };
        Self {
            calls: metrics.calls.with_label_values(&labels),
            rows: metrics.rows.with_label_values(&labels),
            nanoseconds: metrics.nanoseconds.with_label_values(&labels),
            edits: metrics.edits.with_label_values(&labels),
            dropped: metrics.dropped.with_label_values(&labels),
            rejected: metrics.rejected.with_label_values(&labels),
            unmodified: metrics.unmodified.with_label_values(&labels),
            quarantined: metrics.quarantined.with_label_values(&labels),
            failures: FailureCause::ALL.map(failure).into(),
        }
    }

    pub(super) fn failed(&self, cause: FailureCause) {
        if let Some((_, counter)) = self.failures.iter().find(|(known, _)| *known == cause) {
            counter.inc();
        }
    }

    pub(super) fn edited(&self, before: Applied, after: Applied) {
        self.edits.inc_by(after.total().saturating_sub(before.total()));
    }

    /// For status pages.
    pub(super) fn json(&self) -> serde_json::Value {
        let failures: serde_json::Map<_, _> = self
            .failures
            .iter()
            .filter(|(_, counter)| counter.get() > 0)
            .map(|(cause, counter)| (cause.name().to_owned(), counter.get().into()))
            .collect();
        serde_json::json!({
            "calls": self.calls.get(),
            "rows": self.rows.get(),
            "nanoseconds": self.nanoseconds.get(),
            "edits": self.edits.get(),
            "dropped": self.dropped.get(),
            "rejected": self.rejected.get(),
            "unmodified": self.unmodified.get(),
            "failures": failures,
        })
    }
}
