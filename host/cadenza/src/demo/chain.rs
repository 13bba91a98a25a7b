//! The demo's plugin chain: an operator's per-tenant file, as anyone would write it, and a change of it.

use anyhow::{Context, Result};
use cadenza_config::Config;
use cadenza_env::Disk;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file is looked at this often: a person waits for the swap.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The chain at the start. A tenant's block takes the place of the defaults, so it has its limits too.
const FIRST: &str = r"# The demo's plugins. Change them while it runs: /status/plugins says what is in force.
overrides:
  single-tenant:
    ingestion: {rate_limit_bytes: 15000000, burst_size_bytes: 20000000}
    plugins:
      chain:
        - name: steps
          source: builtin:process-enricher
          config:
            process_name: []
            process_instance_id: []
            steps: '^step '
            step_name: [{name: '^step (.+)$'}]
        - name: cards
          source: builtin:redaction
          config: {allow_all_keys: true, summary: silent, blocked_values: ['4[0-9]{3}([ -]?[0-9]{4}){3}']}
";
/// What the change adds.
const ADDED: &str = r"        - name: customers
          source: builtin:attributes
          config: {actions: [{key: customer.email, action: hash}]}
";
/// The same in a line.
pub(super) const ADDED_IN_SHORT: &str = "hash customer.email, by builtin:attributes";

/// The file of the chain.
#[derive(Debug, Clone)]
pub(crate) struct ChainFile(PathBuf);

/// Writes the file and names it in the configuration, beside the log. Nothing if the configuration has plugins or a
/// per-tenant file of its own: the demo shows what a user brings as it is.
pub(crate) fn prepare(disk: &dyn Disk, config: &mut Config) -> Result<Option<ChainFile>> {
    let plugins = &config.plugins;
    let has_own = !plugins.chain.is_empty() || !plugins.required.is_empty();
    if has_own || config.overrides.per_tenant_file.is_some() || config.multitenancy_enabled {
        return Ok(None);
    }
    let path = config.storage.wal_path.with_file_name("demo-plugins.yaml");
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    disk.create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let file = ChainFile(path.clone());
    file.write(disk, FIRST)?;
    config.overrides.per_tenant_file = Some(path);
    config.overrides.per_tenant_period = LOOK_EVERY;
    Ok(Some(file))
}

impl ChainFile {
    /// Puts the changed chain in place of the first one.
    pub(super) fn change(&self, disk: &dyn Disk) -> Result<()> {
        self.write(disk, &format!("{FIRST}{ADDED}"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whoever reads it meanwhile sees the old text or the new one.
    fn write(&self, disk: &dyn Disk, text: &str) -> Result<()> {
        let part = self.0.with_extension("part");
        let written = (|| {
            match disk.remove(&part) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            disk.create_new(&part)?.write_all_at(text.as_bytes(), 0)?;
            disk.rename(&part, &self.0)
        })();
        written.with_context(|| format!("writing {}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadenza_config::{LoadOptions, NoEnv, Overrides};
    use cadenza_model::TenantId;
    use std::sync::Arc;

    fn config(yaml: &str) -> Config {
        let options = LoadOptions { env: &NoEnv, expand_env: false, port_base: 0, settings: &[] };
        Config::load(Some(yaml), &options).expect("it is read").config
    }

    #[test]
    fn a_configuration_with_plugins_is_shown_as_it_is() {
        for yaml in [
            "plugins: {chain: [{source: 'builtin:redaction'}]}",
            "plugins: {required: [{source: 'builtin:redaction'}]}",
            "overrides: {per_tenant_override_config: mine.yaml}",
        ] {
            let mut config = config(yaml);
            let before = config.clone();
            assert!(prepare(&cadenza_env::RealDisk, &mut config).expect("nothing to do").is_none(), "{yaml}");
            assert!(config == before, "{yaml}");
        }
    }

    #[test]
    fn both_chains_are_what_the_server_reads() {
        let options = LoadOptions { env: &NoEnv, expand_env: false, port_base: 0, settings: &[] };
        let config = Config::load(None, &options).expect("the embedded one").config;
        let overrides = Overrides::new(Arc::new(config));
        for (text, plugins) in [(FIRST.to_owned(), 2), (format!("{FIRST}{ADDED}"), 3)] {
            overrides.reload(&text, &options).expect("it is read");
            let limits = overrides.limits(&TenantId::single());
            assert_eq!(limits.plugin_chain.as_ref().map(Vec::len), Some(plugins));
        }
    }
}
