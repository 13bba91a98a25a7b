//! What all parts of the write path share.

use crate::Connections;
use crate::admit::inflight::InFlight;
use crate::admit::limits::LimitsProvider;
use crate::chain::Chains;
use crate::config::Config;
use crate::cut::queue::CutQueue;
use crate::cut::worker::Worker;
use crate::live::index::Live;
use crate::metrics::Metrics;
use crate::pools::Pools;
use crate::segments::Segments;
use crate::sink::BlockSink;
use crate::tenant::{Tenant, Tenants};
use cadenza_env::Env;
use cadenza_wal::Wal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) struct Core {
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) wal: Arc<Wal>,
    pub(crate) limits: Arc<dyn LimitsProvider>,
    pub(crate) chains: Arc<dyn Chains>,
    pub(crate) sink: Arc<dyn BlockSink>,
    pub(crate) metrics: Metrics,
    pub(crate) tenants: Tenants,
    pub(crate) pools: Pools,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) cuts: CutQueue,
    pub(crate) worker: Worker,
    /// Wakes the cutter before its time.
    pub(crate) wake: Notify,
    /// Told when the log of earlier runs is indexed.
    pub(crate) replayed: Notify,
    /// True until the log of earlier runs is indexed.
    pub(crate) replaying: AtomicBool,
    /// Segments before this one have been indexed, while the log of earlier runs is.
    pub(crate) replayed_before: AtomicU64,
    /// True once no more requests are taken.
    pub(crate) stopping: AtomicBool,
    /// Makes block ids of this run unlike those of any other.
    pub(crate) run: u64,
    pub(crate) segment_at_start: u64,
    /// Blocks named in this run.
    pub(crate) blocks_named: AtomicU64,
    /// Ends the tasks.
    pub(crate) cancelled: CancellationToken,
    index_bytes: AtomicI64,
}

/// What a [`Core`] is made of.
pub(crate) struct Parts {
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) wal: Arc<Wal>,
    pub(crate) connections: Connections,
    pub(crate) metrics: Metrics,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let Parts { env, config, wal, connections, metrics } = parts;
        let Connections { limits, chains, sink } = connections;
        Arc::new(Self {
            tenants: Tenants::new(config.tenants_max),
            pools: Pools::new(env.random.next_u64()),
            in_flight: InFlight::new(config.in_flight_bytes_max),
            segments: Arc::default(),
            cuts: CutQueue::default(),
            worker: Worker::new(env.spawn.clone()),
            wake: Notify::new(),
            replayed: Notify::new(),
            replaying: AtomicBool::new(true),
            replayed_before: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            run: env.random.next_u64() ^ env.clock.unix_ns(),
            blocks_named: AtomicU64::new(0),
            cancelled: CancellationToken::new(),
            segment_at_start: wal.segments().last().map_or(0, |info| info.segment),
            index_bytes: AtomicI64::new(0),
            env,
            config,
            wal,
            limits,
            chains,
            sink,
            metrics,
        })
    }

    /// Brings gauges and the memory account up to date with a tenant's index, which is locked.
    pub(crate) fn account(&self, tenant: &Tenant, live: &Live) {
        let bytes = i64::try_from(live.memory_bytes()).unwrap_or(i64::MAX);
        let before = tenant.accounted_bytes.swap(bytes, Ordering::Relaxed);
        let total = self.index_bytes.fetch_add(bytes - before, Ordering::Relaxed) + bytes - before;
        self.metrics.live_index_bytes.set(total);
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        for series in &tenant.series.live_traces {
            series.set(gauge(live.open()));
        }
        for series in &tenant.series.live_trace_bytes {
            series.set(gauge(live.bytes()));
        }
    }

    /// Bytes of the live index over all tenants.
    pub(crate) fn live_index_bytes(&self) -> u64 {
        u64::try_from(self.index_bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }
}
