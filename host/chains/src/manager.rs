//! All tenants' chains, and the loader that keeps them as they are wanted.

use crate::metrics::Metrics;
use crate::slot::{Running, Slot, Wanted};
use crate::source::{Content, Sources, Sum};
use crate::{ChainStatus, Config, Entry, EntryStatus, Fault, Mode, Part, Source, VersionStatus, Workshop};
use cadenza_env::Env;
use cadenza_ingest::chain::{Chain, Hold};
use cadenza_model::{TenantId, hex};
use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Tenants with a place here; as many as may have live state, with room for changes.
const TENANTS_MAX: usize = 20_000;
/// A first request waits this long for its tenant's chain before it is refused.
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// What failed is tried again after this, though nothing has changed: a disk or a compiler may be well again.
const RETRY: Duration = Duration::from_secs(10);

/// What chains there should be. Asked often; must be quick.
pub trait Specs: Send + Sync + 'static {
    /// The entries of a tenant, required ones first.
    fn chain(&self, tenant: &TenantId) -> Vec<Entry>;

    /// Tenants whose chains should be loaded before they send anything.
    fn known_tenants(&self) -> Vec<TenantId>;

    /// Changes when a secret that configurations name does.
    fn secrets(&self) -> u64;

    /// Changes when any tenant's entries do, so that not all of them are compared at each look.
    fn revision(&self) -> Option<String>;
}

/// The chains of all tenants. Cheap to clone.
pub struct Chains<W: Workshop>(pub(crate) Arc<Inner<W>>);

impl<W: Workshop> Clone for Chains<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Workshop> std::fmt::Debug for Chains<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chains")
    }
}

pub(crate) struct Inner<W: Workshop> {
    pub(crate) env: Env,
    pub(crate) config: Config,
    pub(crate) shop: W,
    specs: Arc<dyn Specs>,
    slots: RwLock<HashMap<TenantId, Arc<Slot>>>,
    pub(crate) loader: Mutex<Loader<W>>,
    wake: Notify,
    metrics: Metrics,
}

/// What only one at a time may use.
pub(crate) struct Loader<W: Workshop> {
    pub(crate) sources: Sources<W>,
    published: u64,
    failures_forgotten_at: Duration,
    seen: Option<Seen>,
}

/// What the last look at everything went by.
struct Seen {
    revision: Option<String>,
    secrets: u64,
    contents: BTreeMap<Source, Content>,
}

impl<W: Workshop> Chains<W> {
    /// Chains of nobody yet. [`Self::load`] makes those of known tenants, [`Self::run`] keeps them up to date.
    pub fn new(env: Env, config: Config, shop: W, specs: Arc<dyn Specs>, metrics: Metrics) -> Self {
        let loader = Loader {
            sources: Sources::default(),
            published: 0,
            failures_forgotten_at: env.clock.monotonic(),
            seen: None,
        };
        Self(Arc::new(Inner {
            env,
            config,
            shop,
            specs,
            slots: RwLock::default(),
            loader: Mutex::new(loader),
            wake: Notify::new(),
            metrics,
        }))
    }

    /// Looks at every tenant, file and specification, and swaps what has changed. Blocking.
    pub fn load(&self) {
        self.0.load();
    }

    /// Keeps chains as they are wanted, for ever.
    pub async fn run(self) {
        loop {
            let inner = Arc::clone(&self.0);
            if self.0.env.spawn.blocking("plugins-load", move || inner.load()).await.is_none() {
                tracing::error!("looking after plugins has failed; it goes on");
            }
            tokio::select! {
                () = self.0.env.clock.sleep(self.0.config.reload_interval) => {}
                () = self.0.wake.notified() => {}
            }
        }
    }

    /// Every tenant's chain, by name of the tenant.
    pub fn status(&self) -> Vec<ChainStatus> {
        let slots: Vec<_> = self.0.slots.read().values().cloned().collect();
        let mut all: Vec<_> = slots.iter().map(|slot| slot.status()).collect();
        all.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        all
    }
}

impl<W: Workshop> cadenza_ingest::chain::Chains for Chains<W> {
    fn chain(&self, tenant: &TenantId) -> Result<Option<Arc<dyn Chain>>, Hold> {
        self.0.slot(tenant)?.chain()
    }

    fn settle<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let Ok(slot) = self.0.slot(tenant) else { return };
            let settled = slot.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            // Asked after enabling, so that the end of loading cannot fall between the two.
            if slot.is_new() {
                tokio::select! {
                    () = settled => {}
                    () = self.0.env.clock.sleep(SETTLE_MAX) => {}
                }
            }
        })
    }
}

impl<W: Workshop> Inner<W> {
    fn slot(&self, tenant: &TenantId) -> Result<Arc<Slot>, Hold> {
        if let Some(slot) = self.slots.read().get(tenant) {
            return Ok(Arc::clone(slot));
        }
        // Also for shadows: one that turns out to be a scrubber makes a chain that may not be put in force.
        let has_chain = !self.specs.chain(tenant).is_empty();
        let mut slots = self.slots.write();
        if slots.len() >= TENANTS_MAX {
            let message = format!("there are {TENANTS_MAX} tenants with plugins, the limit");
            return Err(Hold { message, retry_after: None });
        }
        let make = || Arc::new(Slot::new(tenant.clone(), has_chain, self.config.tenant_batches_max));
        let slot = Arc::clone(slots.entry(tenant.clone()).or_insert_with(make));
        drop(slots);
        if has_chain {
            self.wake.notify_one();
        }
        Ok(slot)
    }

    fn load(&self) {
        for tenant in self.specs.known_tenants() {
            // Too many of them is told to the tenant itself.
            drop(self.slot(&tenant));
        }
        let mut loader = self.loader.lock();
        self.refresh(&mut loader);
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().values().cloned().collect()
    }

    /// Swaps what has changed since the last look.
    pub(crate) fn refresh(&self, loader: &mut Loader<W>) {
        let now = self.env.clock.monotonic();
        if now >= loader.failures_forgotten_at + RETRY {
            loader.failures_forgotten_at = now;
            loader.sources.forget_failures();
            for slot in self.slots() {
                let mut candidate = slot.candidate.lock();
                if !candidate.faults.is_empty() || slot.has_left_out() {
                    candidate.tried = None;
                }
            }
        }
        let (revision, secrets) = (self.specs.revision(), self.specs.secrets());
        let unchanged = loader.seen.take().filter(|seen| {
            let mut contents = seen.contents.iter();
            let mut look =
                |source| loader.sources.look(source, &self.config, self.env.disk.as_ref(), &self.shop);
            (&seen.revision, seen.secrets) == (&revision, secrets)
                && contents.all(|(source, content)| look(source) == *content)
        });
        let is_unchanged = unchanged.is_some();
        let mut looked = unchanged.map(|seen| seen.contents).unwrap_or_default();
        for slot in self.slots() {
            if is_unchanged && slot.candidate.lock().tried.is_some() {
                continue;
            }
            let wanted = self.wanted(loader, &slot.tenant, secrets, &mut looked);
            if slot.candidate.lock().tried.as_ref() != Some(&wanted) {
                self.try_candidate(loader, &slot, wanted);
            }
        }
        let sums = looked.values().filter_map(|content| content.as_ref().ok()).copied().collect();
        loader.sources.retain(&looked.keys().cloned().collect(), &sums);
        loader.seen = Some(Seen { revision, secrets, contents: looked });
    }

    fn wanted(
        &self,
        loader: &mut Loader<W>,
        tenant: &TenantId,
        secrets: u64,
        looked: &mut BTreeMap<Source, Content>,
    ) -> Wanted {
        let entries = self.specs.chain(tenant);
        let disk = self.env.disk.as_ref();
        let mut look = |source: &Source| {
            if let Some(content) = looked.get(source) {
                return content.clone();
            }
            let content = loader.sources.look(source, &self.config, disk, &self.shop);
            looked.insert(source.clone(), content.clone());
            content
        };
        let contents = entries.iter().map(|entry| look(&entry.source)).collect();
        Wanted { entries, contents, secrets }
    }

    /// Builds what is wanted and puts it in force, or says why not.
    fn try_candidate(&self, loader: &mut Loader<W>, slot: &Slot, wanted: Wanted) {
        let started = self.env.clock.monotonic();
        let made = self.make(loader, slot, &wanted);
        if let Ok(Some(version)) = &made
            && slot.has_left_out()
            && slot.runs(&version.status)
        {
            // Tried again for shadows that are left out: they still are.
            let mut candidate = slot.candidate.lock();
            (candidate.tried, candidate.faults) = (Some(wanted), Vec::new());
            return;
        }
        self.settle(slot, wanted, made, started);
    }

    /// Puts a candidate in force, or notes why not; `started` is when it was begun.
    pub(crate) fn settle(
        &self,
        slot: &Slot,
        wanted: Wanted,
        made: Result<Option<Running>, Vec<Fault>>,
        started: Duration,
    ) {
        let label = [slot.tenant.as_str()];
        let faults = match made {
            Ok(version) => {
                if let Some(version) = &version {
                    let (number, digest) = (version.status.number, &version.status.digest);
                    tracing::info!(tenant = %slot.tenant, number, digest, "plugin chain published");
                    for fault in &version.status.left_out {
                        tracing::warn!(tenant = %slot.tenant, fault, "a shadow is left out of the plugin chain");
                    }
                    self.metrics.version.with_label_values(&label).set(i64::try_from(number).unwrap_or(0));
                }
                // Between no chain and none nothing is swapped.
                if version.is_some() || slot.has_chain() {
                    self.metrics.swaps.with_label_values(&label).inc();
                }
                slot.publish(version);
                let took = self.env.clock.monotonic().saturating_sub(started);
                self.metrics.swap_seconds.observe(took.as_secs_f64());
                Vec::new()
            }
            Err(faults) => {
                self.metrics.failures.with_label_values(&label).inc();
                for fault in &faults {
                    let goes_on = if slot.is_held() { "ingest waits" } else { "the old chain goes on" };
                    tracing::error!(tenant = %slot.tenant, %fault, "plugin chain not published, {goes_on}");
                }
                faults
            }
        };
        {
            let mut candidate = slot.candidate.lock();
            candidate.tried = Some(wanted);
            candidate.faults = faults;
        }
        self.metrics.held.with_label_values(&label).set(i64::from(slot.is_held()));
        slot.settled.notify_waiters();
    }

    /// A version as wanted, tried on what the tenant sent last; `None` for no plugins.
    pub(crate) fn make(
        &self,
        loader: &mut Loader<W>,
        slot: &Slot,
        wanted: &Wanted,
    ) -> Result<Option<Running>, Vec<Fault>> {
        let (mut parts, mut faults, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        let mut sums: Vec<Sum> = Vec::new();
        for (entry, content) in wanted.entries.iter().zip(&wanted.contents) {
            let component = match content {
                Ok(sum) => loader.sources.component(sum, &self.shop).inspect(|_| sums.push(*sum)),
                Err(message) => Err(message.clone()),
            };
            match component {
                Ok(component) => parts.push(Part { entry: entry.clone(), component }),
                Err(message) => {
                    let faults = if entry.mode == Mode::Shadow { &mut left_out } else { &mut faults };
                    faults.push(Fault { plugin: entry.name.clone(), message });
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if wanted.entries.is_empty() {
            return Ok(None);
        }
        let assembly = self.shop.assemble(&slot.tenant, &parts)?;
        let assembled = assembly.chain;
        left_out.extend(assembly.left_out);
        for batch in slot.shared.recorder.batches() {
            if let Err(fault) = assembled.trial(batch) {
                return Err(vec![fault]);
            }
        }
        loader.published += 1;
        let is_in = |part: &Part<W::Component>| left_out.iter().all(|fault| fault.plugin != part.entry.name);
        let entry = |(part, sum): (&Part<W::Component>, &Sum)| EntryStatus {
            name: part.entry.name.clone(),
            source: part.entry.source.to_string(),
            mode: part.entry.mode.to_string(),
            sha256: hex(sum),
            component: self.shop.describe(&part.component),
        };
        let status = VersionStatus {
            number: loader.published,
            digest: Running::digest_text(assembled.as_ref()),
            since_unix_seconds: self.env.clock.unix_seconds(),
            plugins: parts.iter().zip(&sums).filter(|(part, _)| is_in(part)).map(entry).collect(),
            left_out: left_out.iter().map(Fault::to_string).collect(),
            counters: serde_json::Value::Null,
        };
        let (shared, clock) = (Arc::clone(&slot.shared), Arc::clone(&self.env.clock));
        Ok(Some(Running { assembled, status, shared, clock }))
    }

    /// What a tenant would want if a source had another content.
    pub(crate) fn wanted_with(
        &self,
        loader: &mut Loader<W>,
        tenant: &TenantId,
        source: &Source,
        sum: Sum,
    ) -> Option<Wanted> {
        let mut looked = BTreeMap::from([(source.clone(), Ok(sum))]);
        let wanted = self.wanted(loader, tenant, self.specs.secrets(), &mut looked);
        wanted.entries.iter().any(|entry| entry.source == *source).then_some(wanted)
    }
}
