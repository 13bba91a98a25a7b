//! `plugins`: chains as the configuration and the per-tenant file write them.

use crate::check::Findings;
use crate::config::Listen;
use crate::error::ConfigError;
use crate::scalar;
use crate::values::{Values, scalar_text};
use crate::yaml::{Node, Value};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Longest chain, required entries included: each one may cost a call per batch.
pub const CHAIN_ENTRIES_MAX: usize = 32;

/// `plugins`.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugins {
    /// `dir`: where sources that are paths lie, and where uploads are kept; empty for none.
    pub dir: Option<PathBuf>,
    /// `cache_dir`: compiled code; beside the log if empty.
    pub cache_dir: PathBuf,
    /// `secrets_dir`: `${secret:NAME}` is the content of the file `NAME` in it.
    pub secrets_dir: Option<PathBuf>,
    /// `reload_interval`: how often files are looked at.
    pub reload_interval: Duration,
    /// `guest_log_text`: whether lines that plugins log are shown, and not only counted.
    pub guest_log_text: bool,
    /// `required`: in every tenant's chain, whatever the tenant's own says.
    pub required: Vec<PluginEntry>,
    /// `chain`: of tenants without one of their own.
    pub chain: Vec<PluginEntry>,
    /// `limits.component_bytes_max`.
    pub component_bytes_max: u64,
    /// `limits.memory_bytes_max`: linear memory of an instance.
    pub memory_bytes_max: u64,
    /// `limits.state_bytes_max`: of a tenant and plugin.
    pub state_bytes_max: u64,
    /// `limits.instances_max`: warm ones, over all tenants.
    pub instances_max: usize,
    /// `limits.tenant_concurrency_max`: batches of a tenant in plugins at once; 0 takes half of the cores.
    pub tenant_concurrency_max: usize,
    /// `admin`; `None` where the port is 0.
    pub admin: Option<PluginAdmin>,
}

/// `plugins.admin`.
#[derive(Clone, PartialEq, Eq)]
pub struct PluginAdmin {
    /// Where it listens.
    pub listen: Listen,
    /// What a client sends as `Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for PluginAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginAdmin").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// One plugin of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginEntry {
    /// `name`: in metrics, status and errors.
    pub name: String,
    /// `source`.
    pub source: PluginSource,
    /// `config` as JSON; secrets are still `${secret:NAME}`.
    pub config_json: String,
    /// `on_failure`; `None` leaves it to the plugin.
    pub on_failure: Option<OnFailure>,
    /// `mode`, with `canary_percent`.
    pub mode: PluginMode,
}

/// How an entry works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginMode {
    /// `enforce`: on all spans.
    Enforce,
    /// `shadow`: on copies.
    Shadow,
    /// `canary`: on some traces.
    Canary {
        /// `canary_percent` in hundredths: 1 to 10,000.
        hundredths: u16,
    },
    /// `off`: the entry stays and does not run.
    Off,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginSource {
    /// `builtin:NAME`.
    Builtin(String),
    /// A path below `dir`.
    File(PathBuf),
}

/// What happens with spans that a plugin fails on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They go on unmodified.
    FailOpen,
    /// They are not taken.
    FailClosed,
}

/// Reads `plugins`.
pub(crate) fn plugins(values: &Values<'_>, listen: Option<Listen>, findings: &mut Findings) -> Plugins {
    let path = |name: &str| Some(values.text(name)).filter(|text| !text.is_empty()).map(PathBuf::from);
    let required = chain(&values.node("plugins.required"), "plugins.required", findings);
    let chain = chain(&values.node("plugins.chain"), "plugins.chain", findings);
    check_names(required.iter().chain(&chain), &values.node("plugins.chain"), "plugins.chain", findings);
    let token = values.text("plugins.admin.token");
    if listen.is_some() && token.is_empty() {
        let node = values.node("plugins.admin");
        findings.problem(&node, "plugins.admin", "the admin API needs a `token`: it can replace plugins");
    }
    Plugins {
        dir: path("plugins.dir"),
        cache_dir: path("plugins.cache_dir").unwrap_or_else(|| {
            PathBuf::from(values.text("storage.trace.wal.path")).with_file_name("plugin-cache")
        }),
        secrets_dir: path("plugins.secrets_dir"),
        reload_interval: values.duration("plugins.reload_interval").max(RELOAD_MIN),
        guest_log_text: values.boolean("plugins.guest_log_text"),
        required,
        chain,
        component_bytes_max: values.count("plugins.limits.component_bytes_max"),
        memory_bytes_max: values.count("plugins.limits.memory_bytes_max"),
        state_bytes_max: values.count("plugins.limits.state_bytes_max"),
        instances_max: values.size("plugins.limits.instances_max"),
        tenant_concurrency_max: values.size("plugins.limits.tenant_concurrency_max"),
        admin: listen.map(|listen| PluginAdmin { listen, token }),
    }
}

/// Looking more often finds nothing new and costs a read of every file.
const RELOAD_MIN: Duration = Duration::from_millis(100);

/// The `config` of an entry, as YAML by itself, in the JSON that its plugin gets.
///
/// # Errors
/// When it is not YAML, with the place.
pub fn plugin_config_json(yaml: &str) -> Result<String, ConfigError> {
    let node = crate::yaml::parse(yaml)?;
    let mut out = String::new();
    match node.value {
        Value::Null => out.push_str("{}"),
        _ => json(&node, &mut out),
    }
    Ok(out)
}

/// Reads one chain.
pub(crate) fn chain(node: &Node, path: &str, findings: &mut Findings) -> Vec<PluginEntry> {
    let Value::List(nodes) = &node.value else { return Vec::new() };
    if nodes.len() > CHAIN_ENTRIES_MAX {
        let message = format!("{} entries, the limit is {CHAIN_ENTRIES_MAX}", nodes.len());
        findings.problem(node, path, message);
        return Vec::new();
    }
    nodes.iter().enumerate().filter_map(|(i, node)| entry(node, &format!("{path}[{i}]"), findings)).collect()
}

/// Two entries of one name would share their metrics and state.
pub(crate) fn check_names<'a>(
    entries: impl Iterator<Item = &'a PluginEntry>,
    node: &Node,
    path: &str,
    findings: &mut Findings,
) {
    let mut names = std::collections::BTreeSet::new();
    for entry in entries {
        if !names.insert(&entry.name) {
            findings.problem(node, path, format!("two plugins are named `{}`", entry.name));
        }
    }
}

fn entry(node: &Node, path: &str, findings: &mut Findings) -> Option<PluginEntry> {
    let text = |key: &str| node.get(key).and_then(scalar_text).unwrap_or_default();
    let source_text = text("source");
    let source = match source_text.strip_prefix("builtin:") {
        Some(name) if !name.is_empty() => PluginSource::Builtin(name.to_owned()),
        _ if source_text.is_empty() => {
            findings.problem(
                node,
                path,
                "`source` is missing: `builtin:NAME`, or a path below `plugins.dir`",
            );
            return None;
        }
        _ => {
            let file = PathBuf::from(source_text);
            if !file.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
                let message = format!("source `{source_text}` must be a path below `plugins.dir`");
                findings.problem(node, path, message);
                return None;
            }
            PluginSource::File(file)
        }
    };
    let name = match (text("name"), &source) {
        ("", PluginSource::Builtin(name)) => name.clone(),
        ("", PluginSource::File(file)) => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        (name, _) => name.to_owned(),
    };
    if !name_ok(&name) {
        let message = format!("`{name}` cannot name a plugin: 1 to 64 of a-z, 0-9, `-` and `_`");
        findings.problem(node, path, message);
        return None;
    }
    let mut config_json = String::new();
    match node.get("config") {
        Some(config) if config.value != Value::Null => json(config, &mut config_json),
        _ => config_json.push_str("{}"),
    }
    let on_failure = match text("on_failure") {
        "fail-open" => Some(OnFailure::FailOpen),
        "fail-closed" => Some(OnFailure::FailClosed),
        _ => None,
    };
    let mode = mode(node, path, findings)?;
    Some(PluginEntry { name, source, config_json, on_failure, mode })
}

fn mode(node: &Node, path: &str, findings: &mut Findings) -> Option<PluginMode> {
    let percent = node.get("canary_percent").filter(|percent| percent.value != Value::Null);
    let mode = match node.get("mode").and_then(scalar_text).unwrap_or_default() {
        "canary" => {
            let Some(percent) = percent else {
                let message =
                    "`canary` needs a `canary_percent`: the share of traces that the plugin works on";
                findings.problem(node, &format!("{path}.mode"), message);
                return None;
            };
            let number = scalar_text(percent).and_then(|text| scalar::float(text).ok()).unwrap_or_default();
            let hundredths = (number * 100.0).round();
            if !(1.0..=10_000.0).contains(&hundredths) {
                let message = "a canary works on 0.01 to 100 percent of all traces";
                findings.problem(percent, &format!("{path}.canary_percent"), message);
                return None;
            }
            return Some(PluginMode::Canary { hundredths: hundredths as u16 });
        }
        "shadow" => PluginMode::Shadow,
        "off" => PluginMode::Off,
        _ => PluginMode::Enforce,
    };
    if let (Some(percent), PluginMode::Enforce | PluginMode::Shadow) = (percent, mode) {
        findings.problem(percent, &format!("{path}.canary_percent"), "is for `mode: canary` only");
        return None;
    }
    Some(mode)
}

fn name_ok(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// The node as JSON, with YAML's core schema for plain scalars: `1` is a number, `"1"` a text.
fn json(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Scalar(text) if node.is_quoted => json_text(text, out),
        Value::Scalar(text) => match text.as_str() {
            "true" | "True" | "TRUE" => out.push_str("true"),
            "false" | "False" | "FALSE" => out.push_str("false"),
            _ if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) => {
                json_text(text, out);
            }
            _ if !text.contains(['.', 'e', 'E']) && scalar::integer(text).is_ok() => {
                let _ = write!(out, "{}", scalar::integer(text).unwrap_or_default());
            }
            _ => match scalar::float(text) {
                Ok(number) => {
                    let _ = write!(out, "{number:?}");
                }
                Err(_) => json_text(text, out),
            },
        },
        Value::List(nodes) => {
            out.push('[');
            for (i, node) in nodes.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(node, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (i, entry) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json_text(&entry.key, out);
                out.push(':');
                json(&entry.node, out);
            }
            out.push('}');
        }
    }
}

fn json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
