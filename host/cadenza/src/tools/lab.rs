//! What the tools have of a server: its runtime with its limits, its chains, and a place for what a plugin says.

use super::subject::Subject;
use crate::plugins::secrets::Secrets;
use crate::plugins::{Shop, runtime_settings};
use anyhow::{Context, Result, anyhow};
use cadenza_chains::chain::ChainMetrics;
use cadenza_chains::{Assembled, Entry, Mode, Part, Source, Workshop};
use cadenza_config::{LoadOptions, NoEnv};
use cadenza_env::Clock;
use cadenza_model::TenantId;
use cadenza_plugin::{Loaded, Runtime};
use prometheus::Registry;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// Keyed hashes must come out the same at each call of a tool, and as those of no server.
const SECRET: [u8; 32] = *b"the tools' own: not for secrets.";

/// A runtime, and whatever it needs to live.
pub(super) struct Lab {
    pub(super) shop: Shop,
    pub(super) tenant: TenantId,
    _tokio: tokio::runtime::Runtime,
}

impl Lab {
    /// Starts one with a server's default limits. `now` is the time that plugins see; absent: the real one.
    pub(super) fn new(subject: &Subject, now: Option<Arc<dyn Clock>>) -> Result<Self> {
        log_to_stderr();
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let env = {
            let _inside = tokio.enter();
            crate::wire::real_env()
        };
        let options = LoadOptions { env: &NoEnv, expand_env: false, port_base: 0, settings: &[] };
        let defaults = cadenza_config::Config::load(None, &options).context("the embedded configuration")?;
        let mut settings = runtime_settings(&defaults.config.plugins)?;
        settings.log_text = true;
        let registry = Registry::new();
        let metrics = cadenza_plugin::Metrics::new(&registry)?;
        let runtime = Runtime::new(env.clone(), settings, metrics, SECRET)?;
        let secrets = Secrets::new(Arc::clone(&env.disk), subject.secrets.clone());
        let clock = now.unwrap_or_else(|| Arc::clone(&env.clock));
        let metrics = ChainMetrics::new(&registry)?;
        let shop = Shop::new(runtime, Arc::new(secrets), metrics, clock, Arc::clone(&env.spawn));
        Ok(Self { shop, tenant: TenantId::single(), _tokio: tokio })
    }

    /// Checks and compiles a component, as a server would.
    pub(super) fn load(&self, bytes: &[u8]) -> Result<Arc<Loaded>, String> {
        self.shop.load(bytes)
    }

    /// A chain of one plugin.
    pub(super) fn chain(
        &self,
        subject: &Subject,
        loaded: &Arc<Loaded>,
        config: &str,
    ) -> Result<Arc<dyn Assembled>> {
        let entry = Entry {
            name: loaded.metadata().name.clone(),
            source: Source::Builtin(subject.component.clone()),
            config_json: config.to_owned(),
            on_failure: None,
            mode: Mode::Enforce,
        };
        let part = Part { entry, component: Arc::new(Arc::clone(loaded)) };
        let made = self.shop.assemble(&self.tenant, &[part]).map(|assembly| assembly.chain);
        made.map_err(|faults| {
            let faults: Vec<_> = faults.into_iter().map(|fault| fault.message).collect();
            anyhow!("{}: {}", subject.component, faults.join("; "))
        })
    }

    /// What a server does for a tenant without plugins.
    pub(super) fn empty_chain(&self) -> Result<Arc<dyn Assembled>> {
        let made = self.shop.assemble(&self.tenant, &[]).map(|assembly| assembly.chain);
        made.map_err(|_| anyhow!("a chain of nothing cannot be made"))
    }
}

/// Lines of the guest and failures of its calls, for the one who writes it.
fn log_to_stderr() {
    let wanted = ["warn", "cadenza_plugin=debug", "cadenza_chains=warn", "cadenza=debug"];
    let filter = EnvFilter::new(wanted.join(","));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A test may have installed one before.
    drop(lines.without_time().with_target(false).with_ansi(false).try_init());
}
