//! The root of the tree.

use super::backend::{COMPACTOR, SCHEDULER, SCHEDULER_CLIENT, WORKER};
use super::distributor::{DISTRIBUTOR, INGEST};
use super::generator::GENERATOR;
use super::live::{BLOCK_BUILDER, INGESTER, LIVE_STORE};
use super::plugins::PLUGINS;
use super::query::{QUERIER, QUERY_FRONTEND};
use super::server::{INTERNAL_SERVER, SERVER};
use super::shared::{BACKOFF, MEMBERLIST, POOLED_CLIENT};
use super::storage::{CACHE, OVERRIDES_CLIENT, STORAGE, ignored};
use super::{Key, Kind, boolean, duration, float, long_duration, section, text};

static OVERRIDES: &[Key] = &[
    Key::new("defaults", Kind::Limits, "").used(),
    text("per_tenant_override_config", "").used(),
    long_duration("per_tenant_override_period", "10s").used(),
    boolean("enable_legacy_overrides", "false"),
    section(
        "user_configurable_overrides",
        &[
            boolean("enabled", "false").refused(
                "user-configurable overrides are not implemented yet, and limits set there would not hold",
            ),
            duration("poll_interval", "1m"),
            section("client", OVERRIDES_CLIENT),
            section("api", &[boolean("check_for_conflicting_runtime_overrides", "false")]),
        ],
    ),
];

/// Every section.
pub(crate) static ROOT: &[Key] = &[
    text("target", "all").used(),
    boolean("multitenancy_enabled", "false").used(),
    boolean("auth_enabled", "false").used(),
    text("http_api_prefix", "").used(),
    boolean("stream_over_http_enabled", "false").used(),
    duration("shutdown_delay", "0s").used(),
    boolean("enable_go_runtime_metrics", "false"),
    boolean("span_profiling", "false"),
    boolean("use_otel_tracer", "false"),
    boolean("search_enabled", "true"),
    boolean("metrics_generator_enabled", "false"),
    section("memory", &[boolean("automemlimit_enabled", "false"), float("automemlimit_ratio", "0.8")]),
    section("server", SERVER).used(),
    section("internal_server", INTERNAL_SERVER),
    section("distributor", DISTRIBUTOR).used(),
    section("ingest", INGEST),
    section("live_store", LIVE_STORE).used(),
    section("live_store_client", POOLED_CLIENT),
    section("ingester", INGESTER).used(),
    section("ingester_client", POOLED_CLIENT),
    section("block_builder", BLOCK_BUILDER),
    section("metrics_generator", GENERATOR),
    ignored("metrics_generator_client"),
    // A switch in some 2.x versions, a section in others.
    ignored("partition_ring_live_store"),
    section("storage", STORAGE).used(),
    section("cache", CACHE),
    section("compactor", COMPACTOR).used(),
    section("backend_scheduler", SCHEDULER).used(),
    section("backend_scheduler_client", SCHEDULER_CLIENT),
    section("backend_worker", WORKER).used(),
    section("query_frontend", QUERY_FRONTEND).used(),
    section("querier", QUERIER).used(),
    section("overrides", OVERRIDES).used(),
    section("plugins", PLUGINS).used(),
    section("memberlist", MEMBERLIST),
    section(
        "usage_report",
        &[
            // Nothing is ever sent, so `false` holds and `true` has no effect.
            boolean("reporting_enabled", "false")
                .missing("usage reports do not exist here: nothing is ever sent"),
            section("backoff", BACKOFF),
        ],
    ),
];
