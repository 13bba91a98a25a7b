//! A configured plugin of a tenant: what a chain calls.

use crate::config::Limits;
use crate::error::{ConfigureError, Failure};
use crate::guest::Instance;
use crate::host::{Identity, LogGate};
use crate::loader::Loaded;
use crate::metadata::{Metadata, is_name};
use crate::metrics::PluginMetrics;
use crate::pool::Pool;
use crate::runtime::Runtime;
use cadenza_model::TenantId;
use cadenza_transform::{Batch, Context, Edit, Plan, Verdicts};
use std::sync::Arc;

/// Largest configuration of a plugin.
const CONFIG_BYTES_MAX: usize = 1 << 20;
/// What is said of edits that the caller cannot carry out.
const REFUSED_EDITS: &str = "edits that cannot be carried out";

/// What one configured plugin may do differently from the rest.
#[derive(Debug, Clone, Default)]
pub struct PluginOptions {
    /// Limits of its own; memory and table elements at most those of the runtime, whose pool is made for them.
    pub limits: Option<Limits>,
    /// Whether its log lines are shown with their text.
    pub log_text: Option<bool>,
}

/// A configured plugin of a tenant. Calls from any number of threads.
pub struct Plugin {
    loaded: Arc<Loaded>,
    pool: Arc<Pool>,
    metrics: Arc<PluginMetrics>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("name", &self.pool.identity.plugin).finish_non_exhaustive()
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.metrics.retire();
    }
}

impl Runtime {
    /// Configures a plugin for a tenant: two instances, which must give equal plans and stay warm for the first
    /// calls. State and pseudonyms are those of the tenant and `name`, whatever the component. Blocking.
    ///
    /// # Errors
    /// What is wrong with the configuration, or how the plugin failed on it.
    pub fn plugin(
        &self,
        tenant: &TenantId,
        name: &str,
        loaded: &Arc<Loaded>,
        config_json: &str,
        options: &PluginOptions,
    ) -> Result<(Plugin, Plan), ConfigureError> {
        if !is_name(name) {
            return Err(ConfigureError::Name);
        }
        let bytes = config_json.len();
        if bytes > CONFIG_BYTES_MAX {
            return Err(ConfigureError::TooLarge { bytes, max: CONFIG_BYTES_MAX });
        }
        let inner = &self.0;
        let (tenant, metadata) = (tenant.as_str(), loaded.metadata());
        let metrics = inner.metrics.plugin(tenant, name, metadata).map_err(ConfigureError::Metric)?;
        let metrics = Arc::new(metrics);
        let config = &inner.config;
        let mut limits = options.limits.as_ref().unwrap_or(&config.limits).clone();
        limits.memory_bytes_max = limits.memory_bytes_max.min(config.limits.memory_bytes_max);
        limits.table_elements_max = limits.table_elements_max.min(config.limits.table_elements_max);
        let identity = Arc::new(Identity {
            tenant: tenant.to_owned(),
            plugin: name.to_owned(),
            secret: self.secret(tenant, name),
            metrics: metadata.metrics.len(),
            state: inner.states.of(tenant, name),
            log: LogGate::new(options.log_text.unwrap_or(config.log_text), Some(metrics.log_lines.clone())),
            limits,
            clock: Arc::clone(&inner.env.clock),
        });
        let configured = || {
            let instance = Instance::new(self, loaded, &identity).map_err(ConfigureError::Failed)?;
            let mut instance = Box::new(instance);
            metrics.instances.inc();
            match instance.configure(config_json).map_err(ConfigureError::Failed)? {
                Ok(plan) => Ok((instance, plan)),
                Err(errors) => Err(ConfigureError::Config(errors)),
            }
        };
        let (first, plan) = configured()?;
        let (second, again) = configured()?;
        if plan != again {
            return Err(ConfigureError::PlansDiffer);
        }
        let of_pool = Arc::clone(&metrics);
        let pool = Pool::new(self, Arc::clone(loaded), identity, config_json, plan.clone(), of_pool);
        pool.keep(first);
        pool.keep(second);
        metrics.publish();
        Ok((Plugin { loaded: Arc::clone(loaded), pool, metrics }, plan))
    }
}

impl Plugin {
    /// What it says of itself.
    pub fn metadata(&self) -> &Metadata {
        self.loaded.metadata()
    }

    /// The code.
    pub fn component(&self) -> &Arc<Loaded> {
        &self.loaded
    }

    /// The host's secret for this tenant and plugin, for the keyed hashes of its native steps.
    pub fn secret(&self) -> &[u8; 32] {
        &self.pool.identity.secret
    }

    /// Instances that wait for a call.
    pub fn idle_instances(&self) -> usize {
        self.pool.idle()
    }

    /// Lets go of instances: for plans that need no calls.
    pub fn cool(&self) {
        self.pool.clear();
    }

    /// Gets the edits for a batch: one try on one instance.
    ///
    /// # Errors
    /// When the guest failed. Nothing that it wrote in the call is kept.
    pub fn process(&self, context: &Context, batch: &Batch) -> Result<Vec<Edit>, Failure> {
        self.process_if(context, batch, |_| true)
    }

    /// As [`Plugin::process`], where `accept` says whether the edits can be carried out; if not, the call has
    /// failed.
    ///
    /// # Errors
    /// As there.
    pub fn process_if(
        &self,
        context: &Context,
        batch: &Batch,
        accept: impl FnOnce(&[Edit]) -> bool,
    ) -> Result<Vec<Edit>, Failure> {
        self.call(context, |instance| {
            let edits = instance.process(context, batch)?;
            if accept(&edits) { Ok(edits) } else { Err(Failure::InvalidOutput(REFUSED_EDITS)) }
        })
    }

    /// Gets the verdicts on the spans of a batch: one try on one instance.
    ///
    /// # Errors
    /// When the guest failed. Nothing that it wrote in the call is kept.
    pub fn decide(&self, context: &Context, batch: &Batch) -> Result<Verdicts, Failure> {
        self.decide_if(context, batch, |_| true)
    }

    /// As [`Plugin::decide`], where `accept` says whether the verdicts can be carried out; if not, the call has
    /// failed.
    ///
    /// # Errors
    /// As there.
    pub fn decide_if(
        &self,
        context: &Context,
        batch: &Batch,
        accept: impl FnOnce(&Verdicts) -> bool,
    ) -> Result<Verdicts, Failure> {
        self.call(context, |instance| {
            let verdicts = instance.decide(context, batch)?;
            if accept(&verdicts) { Ok(verdicts) } else { Err(Failure::InvalidOutput(REFUSED_EDITS)) }
        })
    }

    fn call<T>(
        &self,
        context: &Context,
        call: impl FnOnce(&mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut instance = self.pool.take()?;
        let answer = call(&mut instance)?;
        let effects = instance.take_effects();
        if !context.is_trial {
            self.metrics.observe(&effects.metrics);
            self.pool.identity.state.commit(effects.state, context.now_unix_ns);
        }
        self.pool.keep(instance);
        Ok(answer)
    }
}
