//! Metrics of loading and swapping; those of calls belong to the chains themselves.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry};

/// Registered once per process.
#[derive(Clone)]
pub struct Metrics {
    pub(crate) swaps: IntCounterVec,
    pub(crate) failures: IntCounterVec,
    pub(crate) version: IntGaugeVec,
    pub(crate) held: IntGaugeVec,
    pub(crate) swap_seconds: Histogram,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// From a cached component to a cold compile of the largest language.
const SWAP_BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let tenant = &["tenant"];
        let counters = |name, help| IntCounterVec::new(Opts::new(name, help), tenant);
        let gauges = |name, help| IntGaugeVec::new(Opts::new(name, help), tenant);
        let buckets = HistogramOpts::new(
            "cadenza_plugin_swap_duration_seconds",
            "From noticing a change to the new chain's first batch",
        );
        let metrics = Self {
            swaps: counters("cadenza_plugin_swaps_total", "Chains published")?,
            failures: counters("cadenza_plugin_swap_failures_total", "Candidates that were not published")?,
            version: gauges("cadenza_plugin_chain_version", "Number of the tenant's chain in this process")?,
            held: gauges("cadenza_plugin_chain_held", "1 while ingest waits for the tenant's chain")?,
            swap_seconds: Histogram::with_opts(buckets.buckets(SWAP_BUCKETS.to_vec()))?,
        };
        registry.register(Box::new(metrics.swaps.clone()))?;
        registry.register(Box::new(metrics.failures.clone()))?;
        registry.register(Box::new(metrics.version.clone()))?;
        registry.register(Box::new(metrics.held.clone()))?;
        registry.register(Box::new(metrics.swap_seconds.clone()))?;
        Ok(metrics)
    }
}
