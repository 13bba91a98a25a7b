//! Wiring: the only place that knows every crate. Turns configuration into each crate's own `Config`,
//! picks the real seams, opens the store.

mod bucket;
mod leaving;
mod limits;
mod map;
mod objects;
mod process;
mod sink;
mod status;

pub(crate) use crate::plugins::Shop;
use anyhow::{Context, Result};
use axum::Router;
pub(crate) use bucket::open_bucket;
use cadenza_api::Api;
use cadenza_chains::Chains;
use cadenza_config::{Loaded, Overrides};
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_ingest::{Connections, Ingester};
use cadenza_query::Querier;
use cadenza_store::compact::{CompactionConfig, TenantSettings};
use cadenza_store::{BuildBlock, Store};
use cadenza_wal::Wal;
use limits::Limits;
use prometheus::Registry;
use sink::StoreSink;
pub(crate) use status::ServerStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// A server that is put together but listens nowhere yet.
pub(crate) struct App {
    pub(crate) env: Env,
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) ingester: Ingester,
    pub(crate) store: Arc<Store>,
    pub(crate) wal: Arc<Wal>,
    pub(crate) overrides: Arc<Overrides>,
    pub(crate) status: Arc<ServerStatus>,
    pub(crate) api: Router,
    pub(crate) chains: Chains<Shop>,
    /// Makes a block of spans by the tenant's settings.
    pub(crate) build: Arc<BuildBlock>,
    /// None where another compactor owns the bucket, or nothing may be written.
    pub(crate) upkeep: Option<Arc<Upkeep>>,
}

/// Compaction and retention, as configured.
pub(crate) struct Upkeep {
    pub(crate) compaction: CompactionConfig,
    pub(crate) settings: Arc<dyn TenantSettings>,
    pub(crate) cycle: Duration,
    pub(crate) retention_interval: Duration,
}

/// The real seams.
pub(crate) fn real_env() -> Env {
    Env {
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(OsRandom::default()),
        disk: Arc::new(RealDisk),
        spawn: Arc::new(TokioSpawn::new(Handle::current())),
    }
}

impl App {
    /// Opens the log and the store and connects everything. Starts no listener.
    ///
    /// # Errors
    /// When a directory cannot be used, the log is locked by another process, or the overrides file is bad.
    pub(crate) fn build(env: Env, loaded: Loaded, stop: CancellationToken) -> Result<Self> {
        let config = Arc::new(loaded.config.clone());
        let registry = Registry::new();
        let overrides = Arc::new(Overrides::new(Arc::clone(&config)));
        if let Some(path) = &config.overrides.per_tenant_file {
            crate::settings::reload(&overrides, path).context("the per-tenant overrides cannot be loaded")?;
        }
        let limits = Arc::new(Limits::new(Arc::clone(&config), Arc::clone(&overrides)));

        let store_metrics = cadenza_store::Metrics::new(&registry);
        let objects = objects::open(&env, &config.storage, &cadenza_objects::Metrics::new(&registry))?;
        let store = Store::new(env.clone(), map::store(&config), store_metrics, objects, Handle::current());
        let store = Arc::new(store);

        let wal = Wal::open(env.clone(), map::wal(&config), &registry);
        let wal = wal
            .with_context(|| format!("the log in {} cannot be opened", config.storage.wal_path.display()))?;
        let wal = Arc::new(wal);
        let chains = crate::plugins::build(&env, &config, &overrides, &registry)?;
        let sink = Arc::new(StoreSink::new(Arc::clone(&store), map::block(&config), Arc::clone(&overrides)));
        let builder = Arc::clone(&sink);
        let build: Arc<BuildBlock> = Arc::new(move |tenant, id, spans| builder.built(tenant, id, spans));
        let ingester = Ingester::start(
            env.clone(),
            map::ingest(&config),
            Arc::clone(&wal),
            Connections { limits: limits.clone(), chains: Arc::new(chains.clone()), sink },
            &registry,
        )?;

        let querier = Querier::new(
            env.clone(),
            map::query(&config),
            ingester.clone(),
            Arc::clone(&store),
            limits.clone(),
            &registry,
        )?;
        let status = ServerStatus::new(
            &env,
            registry,
            loaded.clone(),
            Arc::clone(&overrides),
            ingester.clone(),
            plugin_page(chains.clone()),
            stop,
        )?;
        let status = Arc::new(status);
        let api = Api {
            config: Arc::new(map::api(&config)),
            clock: Arc::clone(&env.clock),
            query: Arc::new(querier),
            limits: limits.clone(),
            status: Arc::clone(&status) as Arc<dyn cadenza_api::Status>,
            metrics: Arc::new(cadenza_api::Metrics::new(status.registry())?),
        };
        let api = cadenza_api::router(api);
        let upkeep = map::upkeep(&config, limits.clone()).map(Arc::new);
        Ok(Self {
            env,
            loaded: Arc::new(loaded),
            ingester,
            store,
            wal,
            overrides,
            status,
            api,
            chains,
            build,
            upkeep,
        })
    }
}

/// `/status/plugins`.
fn plugin_page(chains: Chains<Shop>) -> status::PluginPage {
    Box::new(move || serde_json::json!({ "chains": chains.status() }).to_string())
}
