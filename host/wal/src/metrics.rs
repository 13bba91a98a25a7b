//! The log in numbers.

use crate::{AppendErrorKind, DamageKind};
use cadenza_env::Clock;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// From a host cache's tenth of a millisecond to a disk in distress.
const FSYNC_SECONDS_BUCKETS: [f64; 13] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Metrics of one log.
#[derive(Debug)]
pub struct Metrics {
    /// Bytes of all segments.
    pub bytes: IntGauge,
    /// Segments on the disk.
    pub segments: IntGauge,
    /// Commits made durable.
    pub commits: IntCounter,
    /// Frames made durable.
    pub frames: IntCounter,
    /// Time of one sync.
    pub fsync_seconds: Histogram,
    /// Appends refused, by reason.
    pub refusals: IntCounterVec,
    /// Damages found, by kind.
    pub corruptions: IntCounterVec,
    pub(crate) oldest: Oldest,
}

/// Evaluated when it is collected, so that it ages between commits.
#[derive(Clone)]
pub(crate) struct Oldest {
    clock: Arc<dyn Clock>,
    gauge: Gauge,
    /// Told by the ingester; `NOT_TOLD`, or 0 for "nothing".
    told_unix_ns: Arc<AtomicU64>,
    /// First append of the oldest segment; 0 without segments.
    segment_unix_ns: Arc<AtomicU64>,
}

const NOT_TOLD: u64 = u64::MAX;

impl std::fmt::Debug for Oldest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Oldest({})", self.seconds())
    }
}

impl Oldest {
    pub(crate) fn tell(&self, unix_ns: Option<u64>) {
        self.told_unix_ns.store(unix_ns.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn set_segment(&self, unix_ns: u64) {
        self.segment_unix_ns.store(unix_ns, Ordering::Relaxed);
    }

    pub(crate) fn seconds(&self) -> f64 {
        let told = self.told_unix_ns.load(Ordering::Relaxed);
        let oldest = if told == NOT_TOLD { self.segment_unix_ns.load(Ordering::Relaxed) } else { told };
        if oldest == 0 {
            return 0.0;
        }
        self.clock.unix_ns().saturating_sub(oldest) as f64 / 1e9
    }
}

impl Collector for Oldest {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(self.seconds());
        self.gauge.collect()
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry already has metrics of these names.
    pub fn new(registry: &Registry, clock: Arc<dyn Clock>) -> prometheus::Result<Self> {
        let gauge = Gauge::new(
            "cadenza_wal_oldest_unflushed_seconds",
            "Age of the oldest acknowledged span that only the write-ahead log holds: what a lost disk loses.",
        )?;
        let oldest = Oldest {
            clock,
            gauge,
            told_unix_ns: Arc::new(AtomicU64::new(NOT_TOLD)),
            segment_unix_ns: Arc::new(AtomicU64::new(0)),
        };
        let labelled =
            |name: &str, help: &str, label: &str| IntCounterVec::new(Opts::new(name, help), &[label]);
        let fsync =
            HistogramOpts::new("cadenza_wal_fsync_duration_seconds", "Time of one sync of a segment.")
                .buckets(FSYNC_SECONDS_BUCKETS.to_vec());
        let metrics = Self {
            bytes: registered(registry, IntGauge::new("cadenza_wal_bytes", "Bytes of all segments."))?,
            segments: registered(registry, IntGauge::new("cadenza_wal_segments", "Segments on the disk."))?,
            commits: registered(
                registry,
                IntCounter::new("cadenza_wal_commits_total", "Commits made durable."),
            )?,
            frames: registered(
                registry,
                IntCounter::new("cadenza_wal_frames_total", "Frames made durable."),
            )?,
            fsync_seconds: registered(registry, Histogram::with_opts(fsync))?,
            refusals: registered(
                registry,
                labelled("cadenza_wal_refusals_total", "Appends refused, by reason.", "reason"),
            )?,
            corruptions: registered(
                registry,
                labelled(
                    "cadenza_wal_corruption_total",
                    "Pieces of the log that could not be read, by kind.",
                    "kind",
                ),
            )?,
            oldest: registered(registry, Ok(oldest))?,
        };
        // Counters that alerts watch exist from the start.
        for kind in AppendErrorKind::ALL {
            metrics.refusals.with_label_values(&[kind.label()]);
        }
        for kind in DamageKind::ALL {
            metrics.corruptions.with_label_values(&[kind.label()]);
        }
        Ok(metrics)
    }
}
