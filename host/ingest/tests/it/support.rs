//! A write path with a store in memory, a clock that is moved by hand, and OTLP requests.

use cadenza_env::{BoxFuture, Env, ManualClock, RealDisk, SeededRandom, TokioSpawn};
use cadenza_ingest::chain::{Chain, Chains, Hold};
use cadenza_ingest::{
    Accepted, BlockSink, Config, Connections, Encoding, Export, Ingester, PreparedBlock, Refusal,
    TenantLimits, Transport,
};
use cadenza_model::{Columns, TenantId};
use cadenza_wal::{Sections, Wal};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prometheus::Registry;
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// A span, as far as these tests tell them apart.
pub(crate) type Id = (u128, u64, i32);

/// Spans by tenant and block.
type Blocks = Arc<Mutex<BTreeMap<(String, Uuid), Vec<Id>>>>;

/// What the store does when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    #[default]
    Well,
    BuildFails,
    PutFails,
    /// Stores, and never answers.
    PutHangs,
}

#[derive(Default)]
pub(crate) struct MemorySink {
    pub(crate) mood: Arc<Mutex<Mood>>,
    pub(crate) blocks: Blocks,
}

struct MemoryBlock {
    key: (String, Uuid),
    spans: Vec<Id>,
    mood: Arc<Mutex<Mood>>,
    blocks: Blocks,
}

pub(crate) fn ids(columns: &Columns, rows: impl Iterator<Item = u32>) -> Vec<Id> {
    let spans = &columns.spans;
    let id = |row: u32| {
        let row = row as usize;
        (u128::from_be_bytes(spans.trace_id[row].0), spans.span_id[row].0, spans.kind[row])
    };
    rows.map(id).collect()
}

impl BlockSink for MemorySink {
    fn build(
        &self,
        tenant: &TenantId,
        block: Uuid,
        spans: &Columns,
    ) -> Result<Box<dyn PreparedBlock>, String> {
        if *self.mood.lock() == Mood::BuildFails {
            return Err("no memory".to_owned());
        }
        Ok(Box::new(MemoryBlock {
            key: (tenant.as_str().to_owned(), block),
            spans: ids(spans, 0..spans.spans.len() as u32),
            mood: self.mood.clone(),
            blocks: self.blocks.clone(),
        }))
    }

    fn exists<'a>(&'a self, tenant: &'a TenantId, block: Uuid) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move { Ok(self.blocks.lock().contains_key(&(tenant.as_str().to_owned(), block))) })
    }
}

impl PreparedBlock for MemoryBlock {
    fn bytes(&self) -> u64 {
        self.spans.len() as u64 * 80
    }

    fn put(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let mood = *self.mood.lock();
            if mood == Mood::PutFails {
                return Err("store is away".to_owned());
            }
            self.blocks.lock().insert(self.key.clone(), self.spans.clone());
            if mood == Mood::PutHangs {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

pub(crate) struct Rig {
    dir: Arc<TempDir>,
    pub(crate) clock: ManualClock,
    pub(crate) sink: Arc<MemorySink>,
    pub(crate) registry: Registry,
    pub(crate) wal: Arc<Wal>,
    pub(crate) ingester: Ingester,
    /// Chains of tenants; those not named have none.
    pub(crate) chains: Arc<TestChains>,
    config: Config,
    limits: TenantLimits,
}

type Loaded = Result<Arc<dyn Chain>, Hold>;

/// Chains as a test sets them.
#[derive(Default)]
pub(crate) struct TestChains(Mutex<BTreeMap<String, Loaded>>);

impl TestChains {
    pub(crate) fn set(&self, tenant: &str, chain: Loaded) {
        self.0.lock().insert(tenant.to_owned(), chain);
    }
}

impl Chains for TestChains {
    fn chain(&self, tenant: &TenantId) -> Result<Option<Arc<dyn Chain>>, Hold> {
        self.0.lock().get(tenant.as_str()).cloned().transpose()
    }
}

pub(crate) const START_NS: u64 = 1_700_000_000_000_000_000;

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), TenantLimits::default())
    }

    pub(crate) fn with(config: Config, limits: TenantLimits) -> Self {
        let dir = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        Self::open(dir, ManualClock::at(START_NS), Arc::default(), Arc::default(), config, limits)
    }

    fn open(
        dir: Arc<TempDir>,
        clock: ManualClock,
        sink: Arc<MemorySink>,
        chains: Arc<TestChains>,
        config: Config,
        limits: TenantLimits,
    ) -> Self {
        let env = Env {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
        };
        let registry = Registry::new();
        let wal = Arc::new(open_log(&env, dir.path(), &registry));
        let connections =
            Connections { limits: Arc::new(limits), chains: chains.clone(), sink: sink.clone() };
        let started = Ingester::start(env, config.clone(), wal.clone(), connections, &registry);
        let ingester = started.expect("fresh registry");
        Self { dir, clock, sink, registry, wal, ingester, chains, config, limits }
    }

    /// A file in the directory of the log.
    pub(crate) fn log_file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("wal").join(name)
    }

    /// Ends the process, as far as the log can tell, and starts another.
    pub(crate) async fn crash(self) -> Self {
        let config = self.config.clone();
        let rig = self.crash_into(config, Mood::Well);
        rig.until("replay ends", |rig| !rig.ingester.is_replaying()).await;
        rig
    }

    /// As [`Rig::crash`] with other settings, and a store in this mood, without waiting for the replay.
    pub(crate) fn crash_into(self, config: Config, mood: Mood) -> Self {
        let Self { dir, clock, sink, registry, wal, ingester, chains, limits, .. } = self;
        drop((ingester, registry, wal));
        *sink.mood.lock() = mood;
        Self::open(dir, clock, sink, chains, config, limits)
    }

    pub(crate) async fn push(&self, spans: &[Span]) -> Result<Accepted, Refusal> {
        self.push_as("single-tenant", spans).await
    }

    pub(crate) async fn push_as(&self, tenant: &str, spans: &[Span]) -> Result<Accepted, Refusal> {
        self.push_bytes(tenant, request(spans).encode_to_vec()).await
    }

    pub(crate) async fn push_bytes(&self, tenant: &str, body: Vec<u8>) -> Result<Accepted, Refusal> {
        let tenant = TenantId::parse(tenant).expect("a tenant id");
        let (encoding, transport) = (Encoding::Protobuf, Transport::Grpc);
        self.ingester.export(Export { tenant, body: body.into(), encoding, transport }).await
    }

    /// Every span that queries would find, in order: live ones, then blocks that are not pending.
    pub(crate) fn found(&self, tenant: &str) -> Vec<Id> {
        let id = TenantId::parse(tenant).expect("a tenant id");
        let snapshot = self.ingester.snapshot(&id);
        let mut found = Vec::new();
        for frame in snapshot.frames() {
            let columns = snapshot.read(frame, Sections::IDS).expect("readable");
            found.extend(ids(&columns, frame.live_rows()));
        }
        for ((owner, block), spans) in &*self.sink.blocks.lock() {
            if owner == tenant && !snapshot.pending_blocks().contains(block) {
                found.extend(spans);
            }
        }
        found.sort_unstable();
        found
    }

    pub(crate) fn live_rows(&self) -> usize {
        let snapshot = self.ingester.snapshot(&TenantId::single());
        snapshot.frames().iter().map(|frame| frame.live_rows().count()).sum()
    }

    /// Waits until something that other tasks do has happened.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..5_000 {
            if done(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await; // sleep-ok: between two looks
        }
        panic!("never happened: {what}");
    }

    /// The value of a counter or gauge, summed over series that have all of `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let series = family.map(|family| family.get_metric()).unwrap_or_default();
        let fits = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(key, value)| {
                metric.get_label().iter().any(|label| label.name() == *key && label.value() == *value)
            })
        };
        series
            .iter()
            .filter(fits)
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }
}

/// The lock is let go of when the last task of the run before has noticed its end.
fn open_log(env: &Env, path: &Path, registry: &Registry) -> Wal {
    let mut config = cadenza_wal::Config::at(path.join("wal"));
    config.commit_wait_max_us = 0;
    config.free_bytes_min = 0;
    // So small that tests see segments come and go.
    config.segment_bytes_max = 1 << 20;
    for _ in 0..5_000 {
        // A failed try has registered its metrics already.
        match Wal::open(env.clone(), config.clone(), &Registry::new()) {
            Ok(wal) => return wal,
            // sleep-ok: between two tries, bounded
            Err(cadenza_wal::OpenError::Locked { .. }) => std::thread::sleep(Duration::from_millis(2)), // sleep-ok: bounded
            Err(error) => panic!("{error}"),
        }
    }
    let _ = registry;
    panic!("the log stays locked");
}

pub(crate) fn span(trace: u128, id: u64) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: "work".to_owned(),
        kind: 2,
        start_time_unix_nano: START_NS,
        end_time_unix_nano: START_NS + 1_000,
        ..Span::default()
    }
}

pub(crate) fn request(spans: &[Span]) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans: spans.to_vec(), ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

pub(crate) fn spans(traces: std::ops::Range<u128>, each: u64) -> Vec<Span> {
    traces.flat_map(|trace| (1..=each).map(move |id| span(trace, id))).collect()
}

pub(crate) fn expected(spans: &[Span]) -> Vec<Id> {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u128, |n, &byte| n << 8 | u128::from(byte));
    let mut ids: Vec<Id> =
        spans.iter().map(|s| (number(&s.trace_id), number(&s.span_id) as u64, s.kind)).collect();
    ids.sort_unstable();
    ids
}

/// Large spans of many traces, with one trace that never ends.
pub(crate) fn batch(number: u128) -> Vec<Span> {
    let mut sent: Vec<_> = (0..4).map(|trace| span(number * 4 + trace + 2, 1)).collect();
    sent.push(span(1, number as u64 + 1));
    for (at, span) in sent.iter_mut().enumerate() {
        // Unlike each other, so that they don't compress away.
        let mut state = (number as u64) << 8 | at as u64;
        let mut letter = || {
            state = (state ^ state >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            char::from(b'a' + (state >> 40) as u8 % 26)
        };
        span.name = (0..8_000).map(|_| letter()).collect();
    }
    sent
}
