//! Text to configuration: expand, parse, apply flags, check, type.

use crate::args::Setting;
use crate::check::{Findings, differs, nearest};
use crate::config::Config;
use crate::error::{ConfigError, Problem};
use crate::expand::{Env, Malformed, Met, Mode, NoEnv, expand};
use crate::schema::{self, Kind, ROOT};
use crate::tree::{Builder, split_port};
use crate::values::{Values, scalar_text, texts};
use crate::yaml::{self, Node, Value};
use crate::{flat, print};

/// What the server runs with when no file is given.
const EMBEDDED: &str = include_str!("embedded.yaml");

/// How to load a configuration.
#[derive(Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Where `${VAR}` comes from.
    pub env: &'a dyn Env,
    /// `-config.expand-env`: expand over the whole text, and refuse what cannot be expanded.
    pub expand_env: bool,
    /// Added to every port.
    pub port_base: u16,
    /// Flags that set keys: they win over the file.
    pub settings: &'a [Setting],
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self { env: &NoEnv, expand_env: false, port_base: 0, settings: &[] }
    }
}

/// A configuration that is well formed, and what must be said about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What to say at start, one line each; `-config.verify` fails when there are any.
    pub warnings: Vec<String>,
    /// Keys accepted without effect; a warning names them all.
    pub ignored: Vec<String>,
    /// Keys that guard safety and are not implemented yet: with any of them the server must not start.
    pub refusals: Vec<Problem>,
    pub(crate) root: Node,
}

impl Loaded {
    /// The configuration if the server may start with it.
    pub fn startable(&self) -> Result<&Config, ConfigError> {
        if self.refusals.is_empty() {
            Ok(&self.config)
        } else {
            Err(ConfigError::Refused(self.refusals.clone()))
        }
    }

    /// The configuration as YAML for `/status/config`, secrets masked.
    pub fn print(&self, mode: print::PrintMode) -> String {
        print::print(&self.root, mode)
    }
}

impl Config {
    /// Loads a configuration file's text, or what is built in when there is none.
    pub fn load(text: Option<&str>, options: &LoadOptions<'_>) -> Result<Loaded, ConfigError> {
        let mut warnings = Vec::new();
        let mut findings = Findings::default();
        let mut root = document(text.unwrap_or(EMBEDDED), options.env, options.expand_env, &mut warnings)?;
        match root.value {
            Value::Map(_) => {}
            Value::Null => root.value = Value::Map(Vec::new()),
            Value::Scalar(_) | Value::List(_) => {
                findings.problem(&root, "", "a configuration is a map of sections")
            }
        }
        let hoisted = flat::hoist(&mut root, &mut findings);
        apply(&mut root, options.settings);
        separate_ports(&mut root);
        if let Some(defaults) = root_defaults(&mut root) {
            flat::scope(defaults, "overrides.defaults", &mut findings);
        }
        if hoisted {
            warnings.push("limits are direct children of `overrides`: Tempo's legacy form, read as `overrides.defaults`".to_owned());
        }
        findings.section(ROOT, &root, "", false);
        if !findings.problems.is_empty() {
            return Err(ConfigError::Invalid(findings.problems));
        }
        let values = Values::of(&root);
        let mut builder = Builder {
            values,
            findings: &mut findings,
            warnings: &mut warnings,
            port_base: options.port_base,
        };
        let config = builder.config();
        rules(&values, &config, &mut findings, &mut warnings);
        if !findings.problems.is_empty() {
            return Err(ConfigError::Invalid(findings.problems));
        }
        warnings.extend(findings.missing.iter().map(Problem::to_string));
        if !findings.ignored.is_empty() {
            warnings.push(format!("keys accepted without effect: {}", findings.ignored.join(", ")));
        }
        Ok(Loaded { config, warnings, ignored: findings.ignored, refusals: findings.refusals, root })
    }
}

fn root_defaults(root: &mut Node) -> Option<&mut Node> {
    let Value::Map(sections) = &mut root.value else { return None };
    let overrides = sections.iter_mut().find(|entry| entry.key == "overrides")?;
    let Value::Map(entries) = &mut overrides.node.value else { return None };
    entries.iter_mut().find(|entry| entry.key == "defaults").map(|entry| &mut entry.node)
}

/// Expands and parses.
pub(crate) fn document(
    text: &str,
    env: &dyn Env,
    whole: bool,
    warnings: &mut Vec<String>,
) -> Result<Node, ConfigError> {
    let mut met = Met::default();
    if whole {
        let expanded = expand(text, env, Mode::Strict, &mut met).map_err(|error| malformed(text, &error))?;
        return yaml::parse(&expanded);
    }
    let mut root = yaml::parse(text)?;
    expand_values(&mut root, env, &mut met)?;
    if !met.used.is_empty() {
        let names =
            |names: std::collections::BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        let mut warning = format!(
            "environment variables were expanded without -config.expand-env, which Tempo would not do: {}",
            names(met.used)
        );
        if !met.unset.is_empty() {
            warning += &format!(" (unset: {})", names(met.unset));
        }
        warnings.push(warning);
    }
    Ok(root)
}

fn malformed(text: &str, error: &Malformed) -> ConfigError {
    let before = &text[..error.offset];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ConfigError::Expand(Problem {
        line: number(line),
        column: number(column),
        path: String::new(),
        message: error.message.clone(),
        nearest: None,
    })
}

/// Values only: a key or a comment with `${` is left alone, and a value cannot change the document's shape.
fn expand_values(node: &mut Node, env: &dyn Env, met: &mut Met) -> Result<(), ConfigError> {
    match &mut node.value {
        Value::Null => {}
        Value::Scalar(text) => {
            if text.contains("${") {
                match expand(text, env, Mode::Lenient, met) {
                    Ok(expanded) => *text = expanded,
                    Err(error) => {
                        return Err(ConfigError::Expand(Problem {
                            line: node.line,
                            column: node.column,
                            path: String::new(),
                            message: error.message,
                            nearest: None,
                        }));
                    }
                }
            }
        }
        Value::List(nodes) => {
            for node in nodes {
                expand_values(node, env, met)?;
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand_values(&mut entry.node, env, met)?;
            }
        }
    }
    Ok(())
}

/// Flags win over the file. A list key collects the values of a repeated flag.
fn apply(root: &mut Node, settings: &[Setting]) {
    for (i, setting) in settings.iter().enumerate() {
        let path: Vec<&str> = setting.path.split('.').collect();
        let is_list = schema::find(ROOT, setting.path).is_some_and(|key| matches!(key.kind, Kind::Texts));
        let earlier = is_list && settings[..i].iter().any(|other| other.path == setting.path);
        let child = if earlier {
            let mut nodes = root.at(setting.path).map(texts).unwrap_or_default();
            nodes.push(setting.value.clone());
            Node { value: Value::List(nodes.into_iter().map(Node::scalar).collect()), ..Node::default() }
        } else {
            Node::scalar(setting.value.clone())
        };
        if !matches!(root.value, Value::Map(_)) {
            *root = Node::map();
        }
        // A file's flat spelling of the same limit must not contradict the flag.
        if let (["overrides", "defaults", scoped @ ..], Some(defaults)) = (&*path, root_defaults(root))
            && let Value::Map(entries) = &mut defaults.value
        {
            entries.retain(|entry| schema::FLAT.get(&entry.key).is_none_or(|place| place != scoped));
        }
        root.set(&path, child);
    }
}

/// A deployment guide writes the port into the address: it moves to its own key, if that is free.
fn separate_ports(root: &mut Node) {
    for server in ["http", "grpc"] {
        let address = format!("server.{server}_listen_address");
        let port = format!("server.{server}_listen_port");
        let Some(node) = root.at(&address).cloned() else { continue };
        if root.at(&port).is_some() {
            continue;
        }
        if let Some((host, number)) = scalar_text(&node).and_then(split_port) {
            let own = Node { value: Value::Scalar(host.to_owned()), ..node };
            let number = Node { value: Value::Scalar(number.to_string()), ..node };
            root.set(&["server", &format!("{server}_listen_address")], own);
            root.set(&["server", &format!("{server}_listen_port")], number);
        }
    }
}

/// What no single key can know.
fn rules(values: &Values<'_>, config: &Config, findings: &mut Findings, warnings: &mut Vec<String>) {
    cache_roles(values, findings);
    if config.storage.poll.interval > config.live.complete_block_timeout {
        warnings.push(
            "the complete_block_timeout is shorter than storage.trace.blocklist_poll: local copies of blocks may go \
             before the list of stored ones is read again"
                .to_owned(),
        );
    }
    let shared = matches!(values.node("cache.caches").value, Value::List(caches) if !caches.is_empty());
    if shared && !values.text("storage.trace.cache").is_empty() {
        findings.problem(
            &values.node("storage.trace.cache"),
            "storage.trace.cache",
            "cannot be combined with `cache.caches`",
        );
    }
    let defaults = &config.overrides.defaults;
    for (path, value) in [
        ("overrides.defaults.ingestion.rate_limit_bytes", defaults.rate_limit_bytes),
        ("overrides.defaults.ingestion.burst_size_bytes", defaults.burst_size_bytes),
    ] {
        if value == 0 {
            warnings.push(format!("{path} is 0: every push will be refused"));
        }
    }
    if let Some(key) = schema::find(ROOT, "query_frontend.query_end_cutoff")
        && differs(key, &values.node("query_frontend.query_end_cutoff"))
    {
        warnings.push(
            "query_frontend.query_end_cutoff has no effect: the newest spans are never hidden".to_owned(),
        );
    }
}

fn cache_roles(values: &Values<'_>, findings: &mut Findings) {
    let node = values.node("cache.caches");
    let Value::List(caches) = &node.value else { return };
    let mut taken: Vec<String> = Vec::new();
    for (i, cache) in caches.iter().enumerate() {
        let path = format!("cache.caches[{i}]");
        let roles = cache.get("roles").map(texts).unwrap_or_default();
        if roles.is_empty() {
            findings.problem(cache, &path, "needs at least one role");
        }
        for role in roles {
            if !schema::cache_roles().contains(&&*role) {
                let hint = nearest(&role, schema::cache_roles().iter().copied())
                    .map_or_else(String::new, |nearest| format!(" (did you mean `{nearest}`?)"));
                findings.problem(cache, &format!("{path}.roles"), format!("unknown role `{role}`{hint}"));
            }
            if taken.contains(&role) {
                findings.problem(
                    cache,
                    &format!("{path}.roles"),
                    format!("role `{role}` is taken by an earlier cache"),
                );
            }
            taken.push(role);
        }
        let has = |name: &str| cache.get(name).is_some();
        if has("memcached") == has("redis") {
            findings.problem(cache, &path, "needs exactly one of memcached and redis");
        }
    }
}
