//! The operator's view of the running server.

use super::leaving::Leaving;
use super::process::{ProcessMetrics, register_constants};
use async_trait::async_trait;
use cadenza_api::{ApiError, BuildInfo, ConfigMode, Service, Status};
use cadenza_config::{Loaded, Overrides, PrintMode};
use cadenza_env::{Clock, Env};
use cadenza_ingest::Ingester;
use cadenza_model::TenantId;
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// `/flush` gives up waiting after this; the log keeps what the store would not take.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(300);
/// The Tempo whose API this is: Grafana switches features by the version.
const TEMPO_VERSION: &str = "3.0.3";

/// Makes the page of plugins.
pub(crate) type PluginPage = Box<dyn Fn() -> String + Send + Sync>;

/// What `/status*`, `/ready` and `/metrics` are answered from.
pub(crate) struct ServerStatus {
    registry: Registry,
    loaded: Loaded,
    overrides: Arc<Overrides>,
    ingester: Ingester,
    plugins: PluginPage,
    leaving: Leaving,
    clock: Arc<dyn Clock>,
    process: ProcessMetrics,
    runtime_hash: IntGaugeVec,
    stop: CancellationToken,
    listening: AtomicBool,
    store_listed: AtomicBool,
}

impl ServerStatus {
    pub(crate) fn new(
        env: &Env,
        registry: Registry,
        loaded: Loaded,
        overrides: Arc<Overrides>,
        ingester: Ingester,
        plugins: PluginPage,
        stop: CancellationToken,
    ) -> prometheus::Result<Self> {
        register_constants(&registry)?;
        let process = ProcessMetrics::new(&registry, env.clock.unix_seconds())?;
        let runtime_hash = IntGaugeVec::new(
            Opts::new(
                "tempo_runtime_config_hash",
                "A constant 1, labelled by the hash of the per-tenant file.",
            ),
            &["config", "sha256"],
        )?;
        registry.register(Box::new(runtime_hash.clone()))?;
        let leaving = Leaving::new(Arc::clone(&env.disk), loaded.config.live.shutdown_marker_dir.clone());
        let status = Self {
            registry,
            loaded,
            overrides,
            ingester,
            plugins,
            leaving,
            clock: Arc::clone(&env.clock),
            process,
            runtime_hash,
            stop,
            listening: AtomicBool::new(false),
            store_listed: AtomicBool::new(false),
        };
        status.overrides_changed();
        Ok(status)
    }

    /// Where metrics are registered.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// All ports are bound.
    pub(crate) fn set_listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// The bucket was listed at least once.
    pub(crate) fn set_store_listed(&self) {
        self.store_listed.store(true, Ordering::Release);
    }

    /// Whether the bucket was ever listed.
    pub(crate) fn is_store_listed(&self) -> bool {
        self.store_listed.load(Ordering::Acquire)
    }

    /// Whether all there is must be in blocks before this server stops, however long that takes.
    pub(crate) fn must_leave_nothing(&self) -> bool {
        self.loaded.config.live.flush_on_shutdown || self.leaving.is_prepared()
    }

    /// The per-tenant file was read anew.
    pub(crate) fn overrides_changed(&self) {
        self.runtime_hash.reset();
        if let Some(hash) = self.overrides.hash() {
            self.runtime_hash.with_label_values(&["overrides", &hash]).set(1);
        }
    }
}

fn state(running: bool, otherwise: &str) -> String {
    if running { "Running".into() } else { otherwise.into() }
}

#[async_trait]
impl Status for ServerStatus {
    fn build(&self) -> BuildInfo {
        BuildInfo {
            version: TEMPO_VERSION.into(),
            build_user: concat!("cadenza@", env!("CARGO_PKG_VERSION")).into(),
            go_version: concat!("rust", env!("CARGO_PKG_RUST_VERSION")).into(),
            ..BuildInfo::default()
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.stop.is_cancelled() {
            return Err("Application is stopping".into());
        }
        if !self.listening.load(Ordering::Acquire) {
            return Err("Some services are not Running:\nStarting: 1".into());
        }
        Ok(())
    }

    fn services(&self) -> Vec<Service> {
        let stopping = self.stop.is_cancelled();
        let replaying = self.ingester.is_replaying();
        let listed = self.store_listed.load(Ordering::Acquire);
        let part = |name: &str, running: bool, otherwise: &str| Service {
            name: name.into(),
            state: if stopping { "Stopping".into() } else { state(running, otherwise) },
            failure: String::new(),
        };
        vec![
            part("distributor", true, ""),
            part("live-store", true, ""),
            // Ingest is accepted meanwhile; queries say that they are partial.
            part("live-store-replay", !replaying, "Starting"),
            part("store", listed, "Starting"),
            part("query-frontend", true, ""),
            part("overrides", true, ""),
        ]
    }

    fn config(&self, mode: ConfigMode) -> String {
        self.loaded.print(match mode {
            ConfigMode::Full => PrintMode::Effective,
            ConfigMode::Diff => PrintMode::Diff,
            ConfigMode::Defaults => PrintMode::Defaults,
        })
    }

    fn runtime_config(&self, _mode: ConfigMode) -> String {
        self.overrides.status()
    }

    fn overrides(&self, tenant: Option<&TenantId>) -> String {
        match tenant {
            Some(tenant) => self.overrides.status_of(tenant),
            None => self.overrides.status(),
        }
    }

    fn plugins(&self) -> String {
        (self.plugins)() + "\n"
    }

    fn metrics(&self) -> String {
        self.process.update();
        let families = self.registry.gather();
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| format!("# {error}\n"))
    }

    async fn flush(&self, _tenant: Option<TenantId>) -> Result<(), ApiError> {
        if self.loaded.config.storage.read_only {
            let reason = "nothing can be stored: storage.trace.read_only is set; the log keeps what is live";
            return Err(ApiError::unavailable(reason.to_owned()));
        }
        tokio::select! {
            () = self.ingester.flush_all() => Ok(()),
            () = self.clock.sleep(FLUSH_WAIT_MAX) => Err(ApiError::unavailable(format!(
                "not everything could be stored within {} s; the log keeps it", FLUSH_WAIT_MAX.as_secs()
            ))),
        }
    }

    async fn shutdown(&self) -> Result<(), ApiError> {
        tracing::info!("shutdown asked for");
        // Before spans are refused: a server that cannot store them had better go on taking them.
        self.flush(None).await?;
        self.stop.cancel();
        Ok(())
    }

    fn is_downscale_prepared(&self) -> bool {
        self.leaving.is_prepared()
    }

    async fn prepare_downscale(&self, prepared: bool) -> Result<(), ApiError> {
        self.leaving.prepare(prepared).map_err(|error| {
            let folder = self.loaded.config.live.shutdown_marker_dir.display();
            ApiError::unavailable(format!(
                "live_store.shutdown_marker_dir, {folder}, cannot be used: {error}"
            ))
        })
    }
}
