//! Which plugins each tenant is to have: the configuration's required entries, then the tenant's own chain
//! or the server's.

use super::secrets::Secrets;
use cadenza_chains::{Entry, Mode, Share, Source, Specs};
use cadenza_config::{Config, Overrides, PluginEntry, PluginMode, PluginSource};
use cadenza_model::TenantId;
use cadenza_transform::OnFailure;
use std::sync::Arc;

/// The configuration and the per-tenant file as chains.
pub(crate) struct ConfiguredChains {
    config: Arc<Config>,
    overrides: Arc<Overrides>,
    secrets: Arc<Secrets>,
}

impl ConfiguredChains {
    pub(crate) fn new(config: Arc<Config>, overrides: Arc<Overrides>, secrets: Arc<Secrets>) -> Self {
        Self { config, overrides, secrets }
    }
}

impl Specs for ConfiguredChains {
    fn chain(&self, tenant: &TenantId) -> Vec<Entry> {
        let plugins = &self.config.plugins;
        let limits = self.overrides.limits(tenant);
        let own = limits.plugin_chain.as_ref().unwrap_or(&plugins.chain);
        plugins.required.iter().chain(own).filter_map(entry).collect()
    }

    fn known_tenants(&self) -> Vec<TenantId> {
        if !self.config.multitenancy_enabled {
            return vec![TenantId::single()];
        }
        let named = self.overrides.tenants();
        named.iter().filter_map(|(name, _)| TenantId::parse(name).ok()).collect()
    }

    fn secrets(&self) -> u64 {
        self.secrets.sum()
    }

    /// The rest of the configuration is what it was at the start.
    fn revision(&self) -> Option<String> {
        self.overrides.hash()
    }
}

/// None for an entry that is off.
fn entry(entry: &PluginEntry) -> Option<Entry> {
    let mode = match entry.mode {
        PluginMode::Enforce => Mode::Enforce,
        PluginMode::Shadow => Mode::Shadow,
        PluginMode::Canary { hundredths } => Mode::Canary(Share::hundredths(hundredths)),
        PluginMode::Off => return None,
    };
    Some(Entry {
        name: entry.name.clone(),
        source: match &entry.source {
            PluginSource::Builtin(name) => Source::Builtin(name.clone()),
            PluginSource::File(path) => Source::File(path.clone()),
        },
        config_json: entry.config_json.clone(),
        on_failure: entry.on_failure.map(|on_failure| match on_failure {
            cadenza_config::OnFailure::FailOpen => OnFailure::FailOpen,
            cadenza_config::OnFailure::FailClosed => OnFailure::FailClosed,
        }),
        mode,
    })
}
