//! Plugins of the running server: which there are to be, what they are made of, who may replace them.

pub(crate) mod admin;
pub(crate) mod builtin;
pub(crate) mod secrets;
mod shop;
mod specs;

use anyhow::{Context, Result};
use cadenza_chains::Chains;
use cadenza_config::{Config, Overrides};
use cadenza_env::Env;
use cadenza_plugin::{Compiler, Runtime};
use prometheus::Registry;
use secrets::Secrets;
pub(crate) use shop::{Shop, Unfit};
use specs::ConfiguredChains;
use std::path::Path;
use std::sync::Arc;

/// Puts the runtime, the specifications and the loader together. Known tenants' chains are loaded by
/// [`Chains::run`], beside everything else: a slow compile must not hold up the start.
///
/// # Errors
/// When the host's secret or the engine cannot be had.
pub(crate) fn build(
    env: &Env,
    config: &Arc<Config>,
    overrides: &Arc<Overrides>,
    registry: &Registry,
) -> Result<Chains<Shop>> {
    let plugins = &config.plugins;
    let secrets = Arc::new(Secrets::new(Arc::clone(&env.disk), plugins.secrets_dir.clone()));
    let runtime = runtime(env, config, registry)?;
    let metrics = cadenza_chains::chain::ChainMetrics::new(registry)?;
    let (clock, spawn) = (Arc::clone(&env.clock), Arc::clone(&env.spawn));
    let shop = Shop::new(runtime, Arc::clone(&secrets), metrics, clock, spawn);
    let specs = ConfiguredChains::new(Arc::clone(config), Arc::clone(overrides), secrets);
    let mut settings = cadenza_chains::Config {
        dir: plugins.dir.clone(),
        component_bytes_max: plugins.component_bytes_max,
        reload_interval: plugins.reload_interval,
        ..cadenza_chains::Config::default()
    };
    if plugins.tenant_concurrency_max > 0 {
        settings.tenant_batches_max = plugins.tenant_concurrency_max;
    }
    let metrics = cadenza_chains::Metrics::new(registry)?;
    Ok(Chains::new(env.clone(), settings, shop, Arc::new(specs), metrics))
}

/// The runtime's settings by the server's configuration, without a cache.
///
/// # Errors
/// When the server's own program cannot be found.
pub(crate) fn runtime_settings(plugins: &cadenza_config::Plugins) -> Result<cadenza_plugin::Config> {
    let program =
        std::env::current_exe().context("finding the server's own program, which compiles plugins")?;
    let mut settings = cadenza_plugin::Config::new(Compiler::Child { program });
    settings.limits.memory_bytes_max = usize::try_from(plugins.memory_bytes_max).unwrap_or(usize::MAX);
    settings.limits.state_bytes_max = usize::try_from(plugins.state_bytes_max).unwrap_or(usize::MAX);
    settings.instances_max = u32::try_from(plugins.instances_max).unwrap_or(u32::MAX);
    settings.component_bytes_max = usize::try_from(plugins.component_bytes_max).unwrap_or(usize::MAX);
    settings.log_text = plugins.guest_log_text;
    Ok(settings)
}

fn runtime(env: &Env, config: &Config, registry: &Registry) -> Result<Runtime> {
    let plugins = &config.plugins;
    let mut settings = runtime_settings(plugins)?;
    settings.cache_dir = Some(plugins.cache_dir.clone());
    // Beside the cache, not in it: who can write there must not be able to sign.
    let beside = plugins.cache_dir.parent().unwrap_or_else(|| Path::new("."));
    env.disk.create_dir_all(beside).with_context(|| format!("making {}", beside.display()))?;
    let key = beside.join("plugin-secret");
    let secret = cadenza_plugin::host_secret(env.disk.as_ref(), &key)
        .with_context(|| format!("the host's secret in {}", key.display()))?;
    let metrics = cadenza_plugin::Metrics::new(registry)?;
    Runtime::new(env.clone(), settings, metrics, secret).context("starting the plugin runtime")
}
