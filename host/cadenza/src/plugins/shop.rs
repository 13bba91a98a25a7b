//! Components and chains by the plugin runtime.

use super::builtin;
use super::secrets::Secrets;
use cadenza_chains::chain::{ChainMetrics, Failure, FailureCause, Guest, Link, PluginChain, Shadows};
use cadenza_chains::{Assembly, Fault, Mode, Part, Workshop};
use cadenza_env::{Clock, Spawn};
use cadenza_model::{TenantId, hex};
use cadenza_plugin::{ConfigureError, Loaded, Plugin, PluginOptions, Runtime};
use cadenza_transform::{Batch, Compiled, Context, Edit, Plan, PlanError, Verdicts};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// Makes chains of WebAssembly components.
pub(crate) struct Shop {
    runtime: Runtime,
    secrets: Arc<Secrets>,
    metrics: ChainMetrics,
    clock: Arc<dyn Clock>,
    shadows: Shadows,
    /// What else a result depends on.
    engine: String,
}

impl Shop {
    pub(crate) fn new(
        runtime: Runtime,
        secrets: Arc<Secrets>,
        metrics: ChainMetrics,
        clock: Arc<dyn Clock>,
        spawn: Arc<dyn Spawn>,
    ) -> Self {
        let engine = hex(runtime.fingerprint());
        Self { runtime, secrets, metrics, clock, shadows: Shadows::new(spawn), engine }
    }

    /// Configures a component for a tenant under a name, and checks its plan.
    ///
    /// # Errors
    /// What is wrong with the configuration or the plan, each thing with its place.
    pub(crate) fn configure(
        &self,
        tenant: &TenantId,
        name: &str,
        loaded: &Arc<Loaded>,
        config_json: &str,
    ) -> Result<Configured, Unfit> {
        let options = PluginOptions::default();
        let (plugin, plan) = self.runtime.plugin(tenant, name, loaded, config_json, &options)?;
        // A plan that names a secret which is not there must say so, not fall back to another key. Read once: what
        // is used is what the digest names.
        let secret = plan.hmac_secret.as_ref().map(|name| self.secrets.get(name)).transpose();
        let secret = secret.map_err(Unfit::Secret)?;
        let named = |name: &str| {
            let is_named = plan.hmac_secret.as_deref() == Some(name);
            secret.as_ref().filter(|_| is_named).map(|secret| secret.clone().into_bytes())
        };
        let secrets = cadenza_transform::Secrets { host: plugin.secret(), named: &named };
        let compiled = Compiled::new(&plan, loaded.metadata().kind, &secrets).map_err(Unfit::Plan)?;
        if !compiled.calls_guest() {
            plugin.cool();
        }
        let secret_sum = secret.map(|secret| secret_sum(plugin.secret(), &secret));
        Ok(Configured { plugin, plan, compiled, secret_sum })
    }

    fn link(&self, tenant: &TenantId, part: &Part<Arc<Loaded>>) -> Result<Link, Unfit> {
        let (entry, loaded) = (&part.entry, part.component.as_ref());
        let made = self.configure(tenant, &entry.name, loaded, &entry.config_json)?;
        Ok(Link {
            entry: entry.clone(),
            code_sum: *loaded.sha256(),
            secret_sum: made.secret_sum,
            compiled: Arc::new(made.compiled),
            guest: Arc::new(Instances { name: entry.name.clone(), plugin: made.plugin }),
            on_failure: loaded.metadata().on_failure,
        })
    }
}

/// A plugin that can be part of a chain.
pub(crate) struct Configured {
    pub(crate) plugin: Plugin,
    pub(crate) plan: Plan,
    pub(crate) compiled: Compiled,
    /// Names the value of the secret that the plan uses.
    pub(crate) secret_sum: Option<[u8; 32]>,
}

/// Why a component cannot be part of a chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("{0}")]
    Configure(#[from] ConfigureError),
    #[error("{0}")]
    Secret(String),
    #[error("its plan cannot be carried out: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Plan(Vec<PlanError>),
}

/// Names a secret's value without telling it: who does not know the host's own secret cannot try values.
fn secret_sum(host: &[u8; 32], secret: &str) -> [u8; 32] {
    let mut sum = <Hmac<Sha256> as Mac>::new_from_slice(host).expect("hmac takes keys of any length");
    sum.update(secret.as_bytes());
    sum.finalize().into_bytes().into()
}

impl Workshop for Shop {
    type Component = Arc<Loaded>;

    fn builtin(&self, name: &str) -> Option<&'static [u8]> {
        builtin::find(name)
    }

    fn load(&self, bytes: &[u8]) -> Result<Self::Component, String> {
        self.runtime.load(bytes).map_err(|error| error.to_string())
    }

    fn describe(&self, component: &Self::Component) -> serde_json::Value {
        let metadata = component.metadata();
        serde_json::json!({
            "name": metadata.name,
            "version": metadata.version,
            "description": metadata.description,
            "kind": metadata.kind_name(),
            "imports": component.imports(),
        })
    }

    fn assemble(&self, tenant: &TenantId, parts: &[Part<Self::Component>]) -> Result<Assembly, Vec<Fault>> {
        let (mut links, mut faults, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match self.link(tenant, part) {
                Ok(link) => links.push(link),
                Err(unfit) => {
                    let faults = if part.entry.mode == Mode::Shadow { &mut left_out } else { &mut faults };
                    faults.push(Fault { plugin: part.entry.name.clone(), message: unfit.to_string() });
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let clock = Arc::clone(&self.clock);
        let (metrics, shadows) = (&self.metrics, &self.shadows);
        let chain = PluginChain::new(tenant.clone(), links, &self.engine, metrics, clock, shadows)?;
        Ok(Assembly { chain: Arc::new(chain), left_out })
    }
}

/// The warm instances of a plugin.
struct Instances {
    name: String,
    plugin: Plugin,
}

impl Instances {
    /// The cause alone; the rest is for whoever debugs the plugin. None of it is the guest's text.
    fn failed(&self, failure: &cadenza_plugin::Failure) -> Failure {
        tracing::debug!(plugin = self.name, %failure, "call of a plugin failed");
        cause(failure).into()
    }
}

impl Guest for Instances {
    fn process(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&[Edit]) -> bool,
    ) -> Result<Vec<Edit>, Failure> {
        self.plugin.process_if(context, batch, accept).map_err(|failure| self.failed(&failure))
    }

    fn decide(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&Verdicts) -> bool,
    ) -> Result<Verdicts, Failure> {
        self.plugin.decide_if(context, batch, accept).map_err(|failure| self.failed(&failure))
    }
}

fn cause(failure: &cadenza_plugin::Failure) -> FailureCause {
    use cadenza_plugin::Failure as From;
    match failure {
        From::Trap(_) => FailureCause::Trap,
        From::Deadline { .. } => FailureCause::Deadline,
        From::Memory { .. } => FailureCause::Memory,
        From::Stack => FailureCause::Stack,
        From::OutputTooLarge { .. } => FailureCause::OutputTooLarge,
        From::InvalidOutput(_) => FailureCause::BadOutput,
        From::Guest { .. } => FailureCause::Refused,
        From::HostCalls => FailureCause::HostCalls,
        From::NoInstance(_) | From::PlanChanged => FailureCause::Instantiation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest;

    #[test]
    fn a_secret_has_one_name_per_server_which_is_not_a_plain_hash_of_it() {
        let plain: [u8; 32] = Sha256::digest(b"old").into();
        assert_eq!(secret_sum(&[1; 32], "old"), secret_sum(&[1; 32], "old"));
        assert_ne!(secret_sum(&[1; 32], "old"), secret_sum(&[1; 32], "new"));
        assert_ne!(secret_sum(&[1; 32], "old"), secret_sum(&[2; 32], "old"));
        assert_ne!(secret_sum(&[1; 32], "old"), plain);
    }
}
