//! The configuration from files and environment. The only place that reads either.
#![expect(clippy::disallowed_methods, reason = "configuration enters the process here, once and on reload")]

use anyhow::{Context, Result};
use cadenza_config::{Args, Config, Env, LoadOptions, Loaded, Overrides, Reload};
use std::path::Path;

/// The process's environment variables.
struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        variable(name)
    }
}

/// A variable that credentials of a store may come from.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads and checks the configuration the arguments name; the embedded one without a file.
pub(crate) fn load(args: &Args) -> Result<Loaded> {
    let text = match &args.config_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.with_context(|| format!("cannot read the configuration {}", path.display()))?)
        }
        None => None,
    };
    let options = LoadOptions {
        env: &ProcessEnv,
        expand_env: args.expand_env,
        port_base: args.port_base,
        settings: &args.settings,
    };
    let name = args.config_file.as_deref().unwrap_or_else(|| Path::new("embedded configuration"));
    let mut loaded = Config::load(text.as_deref(), &options).with_context(|| name.display().to_string())?;
    loaded.warnings.extend(args.warnings.iter().cloned());
    Ok(loaded)
}

/// Reads the per-tenant file again; the old limits stay when it is bad.
pub(crate) fn reload(overrides: &Overrides, path: &Path) -> Result<Reload> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let options = LoadOptions { env: &ProcessEnv, expand_env: false, port_base: 0, settings: &[] };
    overrides.reload(&text, &options).with_context(|| path.display().to_string())
}

/// Where Cadenza's own spans go: OpenTelemetry's standard variables.
pub(crate) fn own_otlp_endpoint() -> Option<String> {
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// The machine's name, part of this node's identity in a shared bucket.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "cadenza".into(), |text| text.trim().to_owned())
}
