//! A write path, a store and a querier in one process, and the ways in which spans change places.

use crate::data::{Dice, Full, OWN_KEYS, START_S, request};
use cadenza_block::meta::{DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType};
use cadenza_block::schema::Version;
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_env::{BoxFuture, Env, ManualClock, RealDisk, SeededRandom, TokioSpawn};
use cadenza_ingest::chain::NoChains;
use cadenza_ingest::{BlockSink, Connections, Encoding, Export, Ingester, PreparedBlock, Transport};
use cadenza_model::{Columns, TenantId};
use cadenza_query::{Querier, QueryLimits};
use cadenza_store::Store;
use cadenza_wal::{OpenError, Wal};
use object_store::memory::InMemory;
use prometheus::Registry;
use prost::Message;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

struct Sink {
    store: Arc<Store>,
    row_group_spans_max: u32,
}

struct Built {
    store: Arc<Store>,
    tenant: TenantId,
    block: BuiltBlock,
}

impl BlockSink for Sink {
    fn build(
        &self,
        tenant: &TenantId,
        block: Uuid,
        spans: &Columns,
    ) -> Result<Box<dyn PreparedBlock>, String> {
        let mut options = WriteOptions::new(block, tenant.clone());
        // Each block is of one version or another, as its id has it.
        options.version = Version::ALL[block.as_u128().count_ones() as usize % Version::ALL.len()];
        options.dedicated_columns = dedicated();
        options.row_group_spans_max = self.row_group_spans_max as _;
        let block = build(spans, &options).map_err(|error| error.to_string())?;
        Ok(Box::new(Built { store: Arc::clone(&self.store), tenant: tenant.clone(), block }))
    }

    fn exists<'a>(&'a self, tenant: &'a TenantId, block: Uuid) -> BoxFuture<'a, Result<bool, String>> {
        Box::pin(async move { self.store.exists(tenant, block).await.map_err(|error| error.to_string()) })
    }
}

impl PreparedBlock for Built {
    fn bytes(&self) -> u64 {
        self.block.data.len() as u64
    }

    fn put(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            self.store.put_block(&self.tenant, self.block.clone()).await.map_err(|error| error.to_string())
        })
    }
}

/// Columns of all scopes and types for [`OWN_KEYS`].
fn dedicated() -> Vec<DedicatedColumn> {
    use DedicatedScope::{Event, Resource, Span};
    use DedicatedType::{Int, String};
    let column = |(scope, name, ty): (_, &str, _)| DedicatedColumn {
        scope,
        name: name.to_owned(),
        ty,
        options: if ty == String { vec![DedicatedOption::Array] } else { Vec::new() },
    };
    let all = OWN_KEYS.into_iter().flat_map(|key| {
        let ty = if key == "http.status_code" { Int } else { String };
        [Resource, Span, Event].map(|scope| column((scope, key, ty)))
    });
    all.collect()
}

pub(crate) struct Rig {
    dir: Arc<TempDir>,
    env: Env,
    store: Arc<Store>,
    ingester: Ingester,
    row_group_spans_max: u32,
    limits: QueryLimits,
    pub(crate) querier: Querier,
}

impl Rig {
    pub(crate) fn new(row_group_spans_max: u32, limits: QueryLimits) -> Self {
        let env = Env {
            clock: Arc::new(ManualClock::at((START_S + 60) * 1_000_000_000)),
            random: Arc::new(SeededRandom::new(7)),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(tokio::runtime::Handle::current())),
        };
        let metrics = cadenza_store::Metrics::new(&Registry::new());
        let (objects, runtime) = (Arc::new(InMemory::new()), tokio::runtime::Handle::current());
        let store = Store::new(env.clone(), cadenza_store::Config::default(), metrics, objects, runtime);
        let dir = Arc::new(tempfile::tempdir().expect("a temporary directory"));
        Self::open(dir, env, Arc::new(store), row_group_spans_max, limits)
    }

    fn open(
        dir: Arc<TempDir>,
        env: Env,
        store: Arc<Store>,
        row_group_spans_max: u32,
        limits: QueryLimits,
    ) -> Self {
        let registry = Registry::new();
        let wal = Arc::new(open_log(&env, dir.path(), &registry));
        let sink = Arc::new(Sink { store: Arc::clone(&store), row_group_spans_max });
        let (config, provider) =
            (cadenza_ingest::Config::default(), Arc::new(cadenza_ingest::TenantLimits::default()));
        let connections = Connections { limits: provider, chains: Arc::new(NoChains), sink };
        let ingester = Ingester::start(env.clone(), config, wal, connections, &registry).expect("fresh");
        let querier = Querier::new(
            env.clone(),
            cadenza_query::Config::default(),
            ingester.clone(),
            Arc::clone(&store),
            Arc::new(limits),
            &registry,
        );
        let querier = querier.expect("fresh registry");
        Self { dir, env, store, ingester, row_group_spans_max, limits, querier }
    }

    /// The process ends and starts again: what was live is read from the log.
    pub(crate) async fn restart(self) -> Self {
        let Self { dir, env, store, ingester, row_group_spans_max, limits, querier } = self;
        drop((querier, ingester));
        let rig = Self::open(dir, env, store, row_group_spans_max, limits);
        while rig.ingester.is_replaying() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await; // sleep-ok: between two looks
        }
        rig
    }

    pub(crate) async fn push(&self, dice: &Dice, spans: &[Full]) {
        let body = request(dice, spans).encode_to_vec().into();
        let (encoding, transport) = (Encoding::Protobuf, Transport::Grpc);
        let export = Export { tenant: TenantId::single(), body, encoding, transport };
        let accepted = self.ingester.export(export).await.expect("spans that are accepted");
        assert_eq!(accepted.rejected_spans, 0, "{}", accepted.message);
    }

    /// Everything live becomes a block.
    pub(crate) async fn flush(&self) {
        self.ingester.flush_all().await;
    }
}

/// Opens the log; after a restart the old tasks let go of it when they see that they are stopped.
fn open_log(env: &Env, dir: &std::path::Path, registry: &Registry) -> Wal {
    let mut looks = 0;
    loop {
        match Wal::open(env.clone(), cadenza_wal::Config::at(dir.join("wal")), registry) {
            Ok(wal) => return wal,
            Err(OpenError::Locked { .. }) if looks < 5_000 => {
                looks += 1;
                std::thread::sleep(std::time::Duration::from_millis(1)); // sleep-ok: between two looks
            }
            Err(error) => panic!("the log does not open: {error}"),
        }
    }
}
