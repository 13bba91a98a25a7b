//! Limits per tenant: defaults, the per-tenant file, Tempo's rule between them.

mod limits;
mod status;

pub use limits::Limits;

use crate::check::{Findings, nearest};
use crate::columns::check_columns;
use crate::config::Config;
use crate::error::{ConfigError, Problem};
use crate::flat;
use crate::load::{LoadOptions, document};
use crate::plugins;
use crate::yaml::{Node, Value};
use cadenza_model::{TenantId, hex};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Used for every tenant without a block of its own.
const WILDCARD: &str = "*";

/// The limits of all tenants. Shared by everything that enforces one; a reload is seen by the next call.
#[derive(Debug)]
pub struct Overrides {
    config: Arc<Config>,
    defaults: Arc<Limits>,
    file: RwLock<Arc<File>>,
}

#[derive(Debug, Default)]
struct File {
    tenants: BTreeMap<String, Tenant>,
    hash: Option<String>,
}

#[derive(Debug)]
struct Tenant {
    /// As written: what metrics show.
    raw: Arc<Limits>,
    /// With what a limit leaves to the static configuration.
    effective: Arc<Limits>,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// Whether the content differs from what was active.
    pub changed: bool,
    /// What to log.
    pub warnings: Vec<String>,
}

impl Overrides {
    /// Defaults only; [`reload`](Self::reload) brings the per-tenant file in, at start too.
    pub fn new(config: Arc<Config>) -> Self {
        let mut defaults = config.overrides.defaults.clone();
        defaults.resolve(&config);
        Self { config, defaults: Arc::new(defaults), file: RwLock::default() }
    }

    /// Replaces the per-tenant set by a file's text. On an error the old set stays as it is.
    pub fn reload(&self, text: &str, options: &LoadOptions<'_>) -> Result<Reload, ConfigError> {
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let mut warnings = Vec::new();
        let tenants = self.parse(text, options, &mut warnings)?;
        let mut file = self.file.write();
        let changed = file.hash.as_deref() != Some(&*hash);
        *file = Arc::new(File { tenants, hash: Some(hash) });
        Ok(Reload { changed, warnings })
    }

    /// What holds for a tenant: its own block, else `"*"`, else the defaults. A block replaces the defaults
    /// as a whole, as Tempo's does.
    pub fn limits(&self, tenant: &TenantId) -> Arc<Limits> {
        self.named(tenant.as_str())
    }

    fn named(&self, tenant: &str) -> Arc<Limits> {
        let file = self.file.read();
        file.tenants
            .get(tenant)
            .or_else(|| file.tenants.get(WILDCARD))
            .map_or_else(|| Arc::clone(&self.defaults), |tenant| Arc::clone(&tenant.effective))
    }

    /// What holds for a tenant without a block.
    pub fn defaults(&self) -> Arc<Limits> {
        Arc::clone(&self.defaults)
    }

    /// The per-tenant blocks as written (zero where absent), `"*"` included: the source of
    /// `tempo_limits_overrides`.
    pub fn tenants(&self) -> Vec<(String, Arc<Limits>)> {
        let file = self.file.read();
        file.tenants.iter().map(|(name, tenant)| (name.clone(), Arc::clone(&tenant.raw))).collect()
    }

    /// SHA-256 of the active file, for `tempo_runtime_config_hash`; `None` before the first reload.
    pub fn hash(&self) -> Option<String> {
        self.file.read().hash.clone()
    }

    /// `/status/overrides`.
    pub fn status(&self) -> String {
        let file = Arc::clone(&self.file.read());
        let tenants = file.tenants.iter().map(|(name, tenant)| (&**name, &*tenant.effective));
        status::page(&self.defaults, tenants)
    }

    /// `/status/overrides/{tenant}`.
    pub fn status_of(&self, tenant: &TenantId) -> String {
        status::limits(&self.limits(tenant), 0)
    }

    fn parse(
        &self,
        text: &str,
        options: &LoadOptions<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<BTreeMap<String, Tenant>, ConfigError> {
        let mut findings = Findings::default();
        let mut root = document(text, options.env, options.expand_env, warnings)?;
        let mut tenants = BTreeMap::new();
        for (name, mut block) in blocks(&mut root, &mut findings) {
            let path = format!("overrides.{name}");
            if name != WILDCARD && TenantId::parse(&name).map_or(true, |id| id.as_str() != name) {
                warnings.push(format!("{path}: no tenant can have this name"));
            }
            flat::scope(&mut block, &path, &mut findings);
            findings.limits(&block, &path, false);
            if !findings.problems.is_empty() {
                continue;
            }
            if let Some(columns) = block.at("storage.parquet_dedicated_columns") {
                let path = format!("{path}.storage.parquet_dedicated_columns");
                check_columns(columns, &path, &mut findings, warnings);
            }
            let mut own_chain = None;
            if let Some(node) = block.at("plugins.chain") {
                let path = format!("{path}.plugins.chain");
                let chain = plugins::chain(node, &path, &mut findings);
                let all = self.config.plugins.required.iter().chain(&chain);
                plugins::check_names(all, node, &path, &mut findings);
                own_chain = Some(chain);
            }
            let mut raw = match block.value {
                // An entry without a block has the defaults.
                Value::Null => self.config.overrides.defaults.clone(),
                _ => Limits::replacing(&block, &self.config.overrides.defaults),
            };
            raw.plugin_chain = own_chain;
            if raw.rate_limit_bytes == 0 || raw.burst_size_bytes == 0 {
                warnings.push(format!(
                    "{path}: a tenant's block replaces the defaults, and without rate_limit_bytes and \
                     burst_size_bytes every push is refused"
                ));
            }
            let mut effective = raw.clone();
            effective.resolve(&self.config);
            tenants.insert(name, Tenant { raw: Arc::new(raw), effective: Arc::new(effective) });
        }
        if !findings.problems.is_empty() {
            return Err(ConfigError::Invalid(findings.problems));
        }
        if !findings.refusals.is_empty() {
            return Err(ConfigError::Refused(findings.refusals));
        }
        warnings.extend(findings.missing.iter().map(Problem::to_string));
        if !findings.ignored.is_empty() {
            warnings.push(format!("keys accepted without effect: {}", findings.ignored.join(", ")));
        }
        Ok(tenants)
    }
}

/// The blocks below the only root key there is.
fn blocks(root: &mut Node, findings: &mut Findings) -> Vec<(String, Node)> {
    let mut blocks = Vec::new();
    match std::mem::take(&mut root.value) {
        Value::Null => {}
        Value::Map(sections) => {
            for section in sections {
                if section.key != "overrides" {
                    let place = Node { line: section.line, column: section.column, ..Node::default() };
                    let hint = nearest(&section.key, std::iter::once("overrides"))
                        .map_or("", |_| " (did you mean `overrides`?)");
                    findings.problem(&place, &section.key, format!("unknown key{hint}"));
                    continue;
                }
                match section.node.value {
                    Value::Null => {}
                    Value::Map(entries) => {
                        blocks.extend(entries.into_iter().map(|entry| (entry.key, entry.node)))
                    }
                    _ => {
                        findings.problem(&section.node, "overrides", "expected a map from tenants to limits")
                    }
                }
            }
        }
        Value::Scalar(_) | Value::List(_) => {
            findings.problem(root, "", "a per-tenant file is a map with the key `overrides`");
        }
    }
    blocks
}
