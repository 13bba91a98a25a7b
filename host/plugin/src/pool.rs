//! Warm instances of each configured plugin, under one cap for all of them.

use crate::error::Failure;
use crate::guest::Instance;
use crate::host::Identity;
use crate::loader::Loaded;
use crate::metrics::PluginMetrics;
use crate::runtime::Runtime;
use cadenza_transform::Plan;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// An instance is replaced when its memory is this many times what it was after its first batch; linear
/// memory never shrinks.
const MEMORY_GROWTH_MAX: usize = 4;
/// Below this size growth does not matter.
const MEMORY_BYTES_MIN: usize = 4 << 20;

/// Counts the instances that are alive and finds idle ones to let go.
pub(crate) struct Hub {
    max: usize,
    alive: AtomicUsize,
    uses: AtomicU64,
    pools: Mutex<Vec<Weak<Pool>>>,
}

/// An instance that is alive.
pub(crate) struct Alive(Arc<Hub>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Hub {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, alive: AtomicUsize::new(0), uses: AtomicU64::new(0), pools: Mutex::default() }
    }

    /// Room for one more instance, if need be by letting go an idle one of the pool that was not used for
    /// the longest time.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Alive, Failure> {
        loop {
            let more = |alive| (alive < self.max).then_some(alive + 1);
            if self.alive.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok() {
                return Ok(Alive(Arc::clone(self)));
            }
            if !self.let_one_go() {
                return Err(Failure::NoInstance("as many as may be are in use"));
            }
        }
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::Acquire)
    }

    fn let_one_go(&self) -> bool {
        let mut pools: Vec<_> = {
            let mut pools = self.pools.lock();
            pools.retain(|pool| pool.strong_count() > 0);
            pools.iter().filter_map(Weak::upgrade).collect()
        };
        pools.sort_by_key(|pool| pool.used.load(Ordering::Relaxed));
        pools.iter().any(|pool| {
            let idle = pool.idle.lock().pop();
            idle.is_some()
        })
    }
}

/// Configured instances of one plugin of a tenant.
pub(crate) struct Pool {
    engine: Runtime,
    loaded: Arc<Loaded>,
    pub(crate) identity: Arc<Identity>,
    config_json: Box<str>,
    plan: Plan,
    metrics: Arc<PluginMetrics>,
    #[expect(
        clippy::vec_box,
        reason = "a call takes one out and puts it back: a pointer moves, not all of it"
    )]
    idle: Mutex<Vec<Box<Instance>>>,
    used: AtomicU64,
}

impl Pool {
    pub(crate) fn new(
        engine: &Runtime,
        loaded: Arc<Loaded>,
        identity: Arc<Identity>,
        config_json: &str,
        plan: Plan,
        metrics: Arc<PluginMetrics>,
    ) -> Arc<Self> {
        let pool = Arc::new(Self {
            engine: engine.clone(),
            loaded,
            identity,
            config_json: config_json.into(),
            plan,
            metrics,
            idle: Mutex::default(),
            used: AtomicU64::new(0),
        });
        engine.0.hub.pools.lock().push(Arc::downgrade(&pool));
        pool
    }

    /// A warm instance, or a new one.
    pub(crate) fn take(&self) -> Result<Box<Instance>, Failure> {
        self.used.store(self.engine.0.hub.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| self.fresh(), Ok)
    }

    /// Lets go of idle instances.
    pub(crate) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle.lock());
        drop(idle);
    }

    /// Idle instances.
    pub(crate) fn idle(&self) -> usize {
        self.idle.lock().len()
    }

    /// A new instance, configured.
    fn fresh(&self) -> Result<Box<Instance>, Failure> {
        let mut instance = Box::new(Instance::new(&self.engine, &self.loaded, &self.identity)?);
        self.metrics.instances.inc();
        match instance.configure(&self.config_json)? {
            Ok(plan) if plan == self.plan => Ok(instance),
            Ok(_) | Err(_) => Err(Failure::PlanChanged),
        }
    }

    /// Keeps an instance that has done its work, unless it is worn out.
    pub(crate) fn keep(&self, instance: Box<Instance>) {
        let (batches, memory, first) = instance.wear();
        let grown = memory > MEMORY_BYTES_MIN && memory > first.saturating_mul(MEMORY_GROWTH_MAX);
        if !instance.is_broken() && batches < self.identity.limits.batches_per_instance && !grown {
            self.idle.lock().push(instance);
        }
    }
}
