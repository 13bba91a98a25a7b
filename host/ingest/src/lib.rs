//! The write path: receivers, limits, live traces, cutting and flushing.
//!
//! A request's bytes become a [`cadenza_model::SpanBatch`], which is admitted against its tenant's
//! limits, processed, appended to the log, indexed, and only then acknowledged. Live traces are cut by
//! idle time, age and size, built into blocks and stored; then the log lets go of them.
//!
//! [`Ingester`] is the whole surface; [`receive`] builds the services in front of it.

pub mod admit;
pub mod chain;
mod config;
mod core;
mod cut;
mod error;
mod live;
mod merge;
mod metrics;
mod pools;
mod process;
pub mod receive;
mod replay;
mod segments;
mod sink;
mod tenant;

pub use admit::limits::{LimitsProvider, TenantLimits};
pub use admit::table::{Reason, Retry};
pub use config::Config;
pub use error::{FlushError, LogError, Refusal};
pub use live::frames::LiveFrame;
pub use live::snapshot::LiveSnapshot;
pub use metrics::Metrics;
pub use receive::Encoding;
pub use sink::{BlockSink, PreparedBlock};

use crate::admit::inflight::Held;
use crate::chain::Chains;
use crate::core::{Core, Parts};
use crate::cut::policy::CutReason;
use crate::merge::Waiting;
use bytes::Bytes;
use cadenza_env::Env;
use cadenza_model::TenantId;
use cadenza_wal::Wal;
use prometheus::Registry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::DropGuard;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    Http,
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// An `ExportTraceServiceRequest`, not looked into yet.
#[derive(Debug)]
pub struct Export {
    /// Whose spans.
    pub tenant: TenantId,
    /// The encoded request.
    pub body: Bytes,
    /// Its encoding.
    pub encoding: Encoding,
    /// How it came.
    pub transport: Transport,
}

/// Success, with what of the request was rejected all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Spans that will never be taken.
    pub rejected_spans: u64,
    /// Why.
    pub message: String,
}

/// What the write path asks of others.
pub struct Connections {
    /// Limits of tenants.
    pub limits: Arc<dyn LimitsProvider>,
    /// Plugin chains of tenants.
    pub chains: Arc<dyn Chains>,
    /// Where blocks go.
    pub sink: Arc<dyn BlockSink>,
}

/// The write path of a server. Cheap to clone; the last clone's drop stops its tasks.
#[derive(Clone)]
pub struct Ingester {
    core: Arc<Core>,
    _stop: Arc<DropGuard>,
}

impl std::fmt::Debug for Ingester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ingester")
    }
}

/// Pause between two looks at requests under way, while a flush or a stop waits for them.
const SETTLE_PAUSE: Duration = Duration::from_millis(5);
/// Looks before a flush goes on without them.
const SETTLE_LOOKS: u32 = 200;

impl Ingester {
    /// A write path over `wal`, and its tasks: reading the log of earlier runs, cutting, building. Takes
    /// requests at once.
    ///
    /// # Errors
    /// When the metrics cannot be registered.
    pub fn start(
        env: Env,
        config: Config,
        wal: Arc<Wal>,
        connections: Connections,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::new(registry)?;
        let core = Core::new(Parts { env, config, wal, connections, metrics });
        core.wal.set_checkpoint(core.cuts.checkpoint());
        let spawn = core.env.spawn.clone();
        let replaying = core.clone();
        spawn.spawn_thread("ingest-replay", Box::new(move || replaying.replay()));
        spawn.spawn("ingest-cutter", Box::pin(core.clone().cutter()));
        spawn.spawn("ingest-builder", Box::pin(core.clone().builder()));
        let stop = Arc::new(core.cancelled.clone().drop_guard());
        Ok(Self { core, _stop: stop })
    }

    /// The settings it was started with.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// Takes a request. Success means that its spans are durable and found by queries.
    ///
    /// # Errors
    /// A line of the retryability table.
    pub async fn export(&self, export: Export) -> Result<Accepted, Refusal> {
        self.export_held(export, self.hold()).await
    }

    /// Holds bytes of requests under way.
    pub(crate) fn hold(&self) -> Held {
        self.core.in_flight.hold()
    }

    pub(crate) async fn export_held(&self, export: Export, mut held: Held) -> Result<Accepted, Refusal> {
        let core = &self.core;
        let Export { tenant, body, encoding, transport } = export;
        if core.stopping.load(Ordering::Acquire) {
            return Err(Refusal::new(Reason::Stopping, "the server is stopping", None));
        }
        held.grow_to(body.len())?;
        core.metrics.in_flight_bytes.set(i64::try_from(core.in_flight.used()).unwrap_or(i64::MAX));
        let arrived = core.env.clock.monotonic();
        let random = core.env.random.as_ref();
        let tenant = core.tenants.get_or_make(&tenant, &core.metrics, random, arrived)?;
        let (reply, answer) = oneshot::channel();
        core.submit(tenant, Waiting { body, encoding, transport, arrived, reply, held });
        let lost = || Refusal::new(Reason::Internal, "the request was lost by a fault of the server", None);
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Counts the spans of a request that is refused before it has a tenant.
    pub(crate) fn count_refused_unread(&self, body: &[u8], encoding: Encoding, transport: Transport) {
        let spans = self.core.count_spans(body, encoding);
        self.core.metrics.count_receiver(transport.name(), false, spans);
    }

    /// Runs CPU-bound work off the async workers.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, &'static str> {
        self.core.env.spawn.blocking(name, work).await.ok_or("the request was lost by a fault of the server")
    }

    /// The live spans of a tenant at this moment. Take it before the list of blocks.
    pub fn snapshot(&self, tenant: &TenantId) -> LiveSnapshot {
        let core = &self.core;
        // Read first: a replay that ends in between has indexed everything the snapshot takes.
        let partial = core.replaying.load(Ordering::Acquire);
        LiveSnapshot::take(core.wal.clone(), core.tenants.get(tenant), partial)
    }

    /// Tenants with live state.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.core.tenants.all().iter().map(|tenant| tenant.id.clone()).collect()
    }

    /// True while the log of earlier runs is still being read.
    pub fn is_replaying(&self) -> bool {
        self.core.replaying.load(Ordering::Acquire)
    }

    /// Cuts everything live and waits until it is stored: for `/flush`. Returns once every span that was
    /// acknowledged before the call is in a block; with the store away that is never, so bound it.
    pub async fn flush_all(&self) {
        let core = &self.core;
        self.replayed().await;
        let mut looks = 0;
        while looks < SETTLE_LOOKS {
            let mut waiting = false;
            for tenant in core.tenants.all() {
                tenant.live.lock().close_all(core.env.clock.monotonic());
                core.cut(&tenant, CutReason::Immediate);
                waiting |= tenant.live.lock().closed().spans > 0;
            }
            let progress = core.cuts.outstanding() > 0;
            self.cuts_finished().await;
            if !waiting {
                return;
            }
            if !progress {
                // A request under way holds the place of the cut back.
                looks += 1;
                core.env.clock.sleep(SETTLE_PAUSE).await;
            }
        }
    }

    async fn replayed(&self) {
        let replayed = self.core.replayed.notified();
        tokio::pin!(replayed);
        replayed.as_mut().enable();
        // Asked after enabling, so that the end cannot fall between the two.
        if self.is_replaying() {
            replayed.await;
        }
    }

    async fn cuts_finished(&self) {
        loop {
            let finished = self.core.cuts.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if self.core.cuts.outstanding() == 0 {
                return;
            }
            finished.await;
        }
    }

    /// Takes no more requests and waits until those under way are answered.
    pub async fn stop_taking(&self) {
        self.core.stopping.store(true, Ordering::Release);
        while self.core.in_flight.used() > 0 {
            self.core.env.clock.sleep(SETTLE_PAUSE).await;
        }
    }
}
