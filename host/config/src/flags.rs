//! Which flag does what: Tempo's names onto keys of the configuration.

use crate::schema::{self, Key, Kind, ROOT};
use std::sync::LazyLock;

/// What a flag means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    ConfigFile,
    ExpandEnv,
    Verify,
    Version,
    Help,
    Health,
    HealthUrl,
    PortBase,
    /// A key of the configuration.
    Key(&'static str, &'static Key),
    /// Accepted for the sake of charts and old command lines.
    Ignored(Kind),
}

impl Target {
    /// A switch needs no value.
    pub(crate) const fn is_switch(&self) -> bool {
        match self {
            Self::ExpandEnv | Self::Verify | Self::Version | Self::Help | Self::Health => true,
            Self::Key(_, key) => matches!(key.kind, Kind::Bool),
            Self::Ignored(kind) => matches!(kind, Kind::Bool),
            Self::ConfigFile | Self::HealthUrl | Self::PortBase => false,
        }
    }
}

/// Our own handling.
const OWN: [(&str, Target, &str); 9] = [
    (
        "config.file",
        Target::ConfigFile,
        "the configuration, one YAML file; without it an embedded default serves loopback only",
    ),
    ("config.expand-env", Target::ExpandEnv, "expand ${VAR} over the whole file before it is read"),
    (
        "config.verify",
        Target::Verify,
        "check the configuration and exit: 0 without findings, 1 with warnings, 64 when it cannot be used",
    ),
    ("version", Target::Version, "print the version and exit"),
    ("help", Target::Help, "print this and exit"),
    ("h", Target::Help, "the same"),
    ("health", Target::Health, "ask a running server whether it is ready and exit: 0 healthy, 1 not"),
    ("health.url", Target::HealthUrl, "where -health asks (http://localhost:3200/ready)"),
    ("port-base", Target::PortBase, "added to every port, so that several servers fit on one machine"),
];

/// Flags whose names do not follow from the key's path.
const NAMED: [(&str, &str); 41] = [
    ("target", "target"),
    ("multitenancy.enabled", "multitenancy_enabled"),
    ("auth.enabled", "auth_enabled"),
    ("http-api-prefix", "http_api_prefix"),
    ("shutdown-delay", "shutdown_delay"),
    ("enable-go-runtime-metrics", "enable_go_runtime_metrics"),
    ("span-profiling", "span_profiling"),
    ("use-otel-tracer", "use_otel_tracer"),
    ("search.enabled", "search_enabled"),
    ("log.level", "server.log_level"),
    ("server.http-conn-limit", "server.http_listen_conn_limit"),
    ("server.grpc-conn-limit", "server.grpc_listen_conn_limit"),
    ("server.http-read-timeout", "server.http_server_read_timeout"),
    ("server.http-write-timeout", "server.http_server_write_timeout"),
    ("server.http-idle-timeout", "server.http_server_idle_timeout"),
    ("server.grpc-max-recv-msg-size-bytes", "server.grpc_server_max_recv_msg_size"),
    ("server.grpc-max-send-msg-size-bytes", "server.grpc_server_max_send_msg_size"),
    ("server.grpc-max-concurrent-streams", "server.grpc_server_max_concurrent_streams"),
    ("server.path-prefix", "server.http_path_prefix"),
    ("distributor.rate-limit-strategy", "overrides.defaults.ingestion.rate_strategy"),
    ("distributor.ingestion-rate-limit-bytes", "overrides.defaults.ingestion.rate_limit_bytes"),
    ("distributor.ingestion-burst-size-bytes", "overrides.defaults.ingestion.burst_size_bytes"),
    (
        "distributor.log-received-spans.include-attributes",
        "distributor.log_received_spans.include_all_attributes",
    ),
    (
        "distributor.log-discarded-spans.include-attributes",
        "distributor.log_discarded_spans.include_all_attributes",
    ),
    ("ingester.max-traces-per-user", "overrides.defaults.ingestion.max_traces_per_user"),
    ("ingester.max-global-traces-per-user", "overrides.defaults.ingestion.max_global_traces_per_user"),
    ("ingester.max-bytes-per-trace", "overrides.defaults.global.max_bytes_per_trace"),
    ("querier.max-bytes-per-tag-values-query", "overrides.defaults.read.max_bytes_per_tag_values_query"),
    ("querier.max-blocks-per-tag-values-query", "overrides.defaults.read.max_blocks_per_tag_values_query"),
    (
        "querier.max-condition-groups-per-tag-query",
        "overrides.defaults.read.max_condition_groups_per_tag_query",
    ),
    ("querier.frontend-address", "querier.frontend_worker.frontend_address"),
    ("config.per-user-override-config", "overrides.per_tenant_override_config"),
    ("config.per-user-override-period", "overrides.per_tenant_override_period"),
    ("config.enable-legacy-overrides", "overrides.enable_legacy_overrides"),
    ("live-store.instance-availability-zone", "live_store.ring.instance_zone"),
    ("generator.instance-availability-zone", "metrics_generator.ring.instance_zone"),
    ("ingester.availability-zone", "ingester.lifecycler.availability_zone"),
    ("memberlist.host-port", "memberlist.join_members"),
    ("memberlist.join", "memberlist.join_members"),
    ("memberlist.nodename", "memberlist.node_name"),
    ("reporting.enabled", "usage_report.reporting_enabled"),
];

const IGNORED: [(&str, Kind); 3] = [
    // Removed in 3.0, but the monolithic chart still passes it.
    ("mem-ballast-size-mbs", Kind::Int),
    ("mutex-profile-fraction", Kind::Int),
    ("block-profile-threshold", Kind::Int),
];

/// Sections whose flags are the key's path, with dashes or underscores: the flag's word and the section.
const SECTIONS: [(&str, &str); 14] = [
    ("server", "server"),
    ("internal-server", "internal_server"),
    ("storage", "storage"),
    ("memberlist", "memberlist"),
    ("ingest", "ingest"),
    ("distributor", "distributor"),
    ("live-store", "live_store"),
    ("ingester", "ingester"),
    ("block-builder", "block_builder"),
    ("generator", "metrics_generator"),
    ("compactor", "compactor"),
    ("backend-scheduler", "backend_scheduler"),
    ("backend-worker", "backend_worker"),
    ("querier", "querier"),
];

struct Flag {
    name: String,
    target: Target,
}

/// Every flag, built once from the tables above.
static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let mut flags: Vec<Flag> =
        OWN.iter().map(|(name, target, _)| Flag { name: (*name).to_owned(), target: *target }).collect();
    for (name, path) in NAMED {
        if let Some(key) = schema::find(ROOT, path) {
            flags.push(Flag { name: name.to_owned(), target: Target::Key(path, key) });
        }
    }
    for (name, kind) in IGNORED {
        flags.push(Flag { name: name.to_owned(), target: Target::Ignored(kind) });
    }
    for (word, section) in SECTIONS {
        if let Some(key) = schema::find(ROOT, section) {
            collect(&mut flags, word, section, key);
        }
    }
    flags
});

fn collect(flags: &mut Vec<Flag>, word: &str, path: &str, key: &'static Key) {
    if let Kind::Section(keys) = key.kind {
        for key in keys {
            collect(
                flags,
                &format!("{word}.{}", key.name.replace('_', "-")),
                &format!("{path}.{}", key.name),
                key,
            );
        }
        return;
    }
    let single = !matches!(
        key.kind,
        Kind::Sections(_)
            | Kind::Typed(_)
            | Kind::Limits
            | Kind::Opaque
            | Kind::TextMap
            | Kind::SecretMap
            | Kind::CountsMap
    );
    if single && !flags.iter().any(|flag| flag.name == word) {
        // A table built once for the life of the process.
        flags.push(Flag { name: word.to_owned(), target: Target::Key(String::leak(path.to_owned()), key) });
    }
}

/// A flag by its name without dashes; Tempo mixes `_` and `-` inside names.
pub(crate) fn find(name: &str) -> Option<Target> {
    let name = name.replace('_', "-");
    FLAGS.iter().find(|flag| flag.name == name).map(|flag| flag.target)
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FLAGS.iter().map(|flag| &*flag.name)
}

/// Name and explanation of each, our own first.
pub(crate) fn help() -> impl Iterator<Item = (&'static str, String)> {
    let own = OWN.iter().map(|(name, _, text)| (*name, (*text).to_owned()));
    let keys = FLAGS.iter().filter_map(|flag| match flag.target {
        Target::Key(path, _) => Some((&*flag.name, format!("sets {path}"))),
        Target::Ignored(_) => Some((&*flag.name, "accepted without effect".to_owned())),
        _ => None,
    });
    own.chain(keys)
}
