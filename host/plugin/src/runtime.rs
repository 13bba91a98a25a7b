//! The one engine of a process: how code is compiled and what instances are made of.

use crate::bindings::cadenza::plugin as wit;
use crate::cache::Cache;
use crate::config::Config;
use crate::host::{Host, HostData};
use crate::metrics::Metrics;
use crate::pool::Hub;
use crate::state::States;
use crate::ticker::Ticker;
use cadenza_env::Env;
use hmac::{Hmac, Mac as _};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash as _, Hasher};
use std::sync::Arc;
use wasmtime::component::Linker;
use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

/// Native stack that a guest may use: well below that of any thread that calls one.
const STACK_BYTES_MAX: usize = 512 << 10;
/// Core instances, memories and tables of a component: Rust needs three core instances, other languages more.
const CORE_INSTANCES: u32 = 8;
const MEMORIES: u32 = 2;
const TABLES: u32 = 16;
/// Metadata of an instance: large components have thousands of functions.
const INSTANCE_BYTES_MAX: usize = 4 << 20;
/// Linear memory that stays with a slot between two instances.
const KEEP_RESIDENT: usize = 1 << 20;

/// Runs components. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Runtime(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) linker: Linker<Host>,
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) states: States,
    pub(crate) cache: Option<Cache>,
    /// One compile at a time: each may take all cores and its whole share of memory.
    pub(crate) compiling: Mutex<()>,
    pub(crate) metrics: Metrics,
    /// Versions and options that compiled code depends on.
    pub(crate) fingerprint: [u8; 32],
    secret: [u8; 32],
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.ticker.stop();
    }
}

/// Options that decide what code is made: the same here and in the compiler's process.
pub(crate) fn options() -> wasmtime::Config {
    let mut options = wasmtime::Config::new();
    options
        .wasm_component_model(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .max_wasm_stack(STACK_BYTES_MAX)
        .wasm_backtrace_max_frames(None);
    options
}

fn pooled(config: &Config) -> InstanceAllocationStrategy {
    let count = config.instances_max;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(count)
        .total_core_instances(count.saturating_mul(CORE_INSTANCES))
        .total_memories(count.saturating_mul(MEMORIES))
        .total_tables(count.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES * 4)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES * 4)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memory_size(config.limits.memory_bytes_max)
        .table_elements(config.limits.table_elements_max)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .max_unused_warm_slots(count);
    InstanceAllocationStrategy::Pooling(pool)
}

/// An engine with a pool, or without where the system does not give the address space for one.
fn start(config: &Config) -> wasmtime::Result<wasmtime::Engine> {
    let mut options = options();
    options.allocation_strategy(pooled(config));
    match wasmtime::Engine::new(&options) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(%error, "no pool of instances for plugins; memory is mapped on demand");
            options.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            wasmtime::Engine::new(&options)
        }
    }
}

/// Hashes what compiled code depends on, with every byte that is fed to it.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

pub(crate) fn fingerprint(engine: &wasmtime::Engine) -> [u8; 32] {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("the plugin engine does not start: {0}")]
pub struct StartError(String);

impl Runtime {
    /// Starts the engine and its ticker. `secret` is the host's: keys of pseudonyms and of the cache are
    /// derived from it; it must not lie in [`Config::cache_dir`].
    ///
    /// # Errors
    /// When the machine cannot run compiled code.
    pub fn new(env: Env, config: Config, metrics: Metrics, secret: [u8; 32]) -> Result<Self, StartError> {
        let failed = |error: wasmtime::Error| StartError(format!("{error:#}"));
        let wasm = start(&config).map_err(failed)?;
        let mut linker = Linker::new(&wasm);
        wit::log::add_to_linker::<_, HostData>(&mut linker, |host| host).map_err(failed)?;
        wit::metrics::add_to_linker::<_, HostData>(&mut linker, |host| host).map_err(failed)?;
        wit::state::add_to_linker::<_, HostData>(&mut linker, |host| host).map_err(failed)?;
        wit::helpers::add_to_linker::<_, HostData>(&mut linker, |host| host).map_err(failed)?;
        let beat = wasm.weak();
        let ticker = Ticker::start(&env, metrics.late_ticks(), move || {
            if let Some(engine) = beat.upgrade() {
                engine.increment_epoch();
            }
        });
        let fingerprint = fingerprint(&wasm);
        let cache_key = derive(&secret, "compiled", "");
        let cache = config.cache_dir.as_ref().and_then(|dir| Cache::open(&env, dir, cache_key));
        let inner = Inner {
            hub: Arc::new(Hub::new(config.instances_max as usize)),
            states: States::new(&config.limits),
            compiling: Mutex::default(),
            wasm,
            linker,
            env,
            config,
            ticker,
            cache,
            metrics,
            fingerprint,
            secret,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The host's secret for a tenant's plugin.
    pub(crate) fn secret(&self, tenant: &str, plugin: &str) -> [u8; 32] {
        derive(&self.0.secret, tenant, plugin)
    }

    /// Names what else the result of a call depends on: versions and options.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.0.fingerprint
    }

    /// Instances that are alive.
    pub fn instances(&self) -> usize {
        self.0.hub.alive()
    }
}

/// A key of its own for each pair. Neither part can have a zero byte in it.
fn derive(secret: &[u8; 32], first: &str, second: &str) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(secret).expect("hmac takes keys of any length");
    mac.update(first.as_bytes());
    mac.update(&[0]);
    mac.update(second.as_bytes());
    mac.finalize().into_bytes().into()
}
