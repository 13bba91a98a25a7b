//! The limits of one tenant.

use crate::columns::columns;
use crate::config::{Config, DedicatedColumn};
use crate::plugins::PluginEntry;
use crate::schema::LIMITS;
use crate::values::Values;
use crate::yaml::Node;
use std::time::Duration;

/// What a tenant may do. Zero means no limit unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// `ingestion.rate_strategy` is `global`: the same as `local` for a single process.
    pub rate_global: bool,
    /// `ingestion.rate_limit_bytes` a second. Zero lets nothing in: Tempo's rule.
    pub rate_limit_bytes: u64,
    /// `ingestion.burst_size_bytes`: a larger request can never pass. Zero lets nothing in.
    pub burst_size_bytes: u64,
    /// `ingestion.max_traces_per_user`: live traces.
    pub max_traces_per_user: u64,
    /// `ingestion.max_global_traces_per_user`.
    pub max_global_traces_per_user: u64,
    /// `ingestion.max_attribute_bytes`: zero takes the distributor's.
    pub max_attribute_bytes: u64,
    /// `ingestion.retry_info_enabled`.
    pub retry_info_enabled: bool,
    /// `global.max_bytes_per_trace`.
    pub max_bytes_per_trace: u64,
    /// `read.max_bytes_per_tag_values_query`.
    pub max_bytes_per_tag_values_query: u64,
    /// `read.max_blocks_per_tag_values_query`.
    pub max_blocks_per_tag_values_query: u64,
    /// `read.max_condition_groups_per_tag_query`; always the defaults'.
    pub max_condition_groups_per_tag_query: u64,
    /// `read.max_search_duration`: zero takes the frontend's.
    pub max_search_duration: Duration,
    /// `read.max_metrics_duration`: zero takes the frontend's.
    pub max_metrics_duration: Duration,
    /// `read.left_pad_trace_ids`.
    pub left_pad_trace_ids: bool,
    /// `compaction.block_retention`: zero takes the compactor's.
    pub block_retention: Duration,
    /// Whether that is written down anywhere, for the tenant or for all, or is the default.
    pub block_retention_set: bool,
    /// `compaction.compaction_window`: zero takes the compactor's.
    pub compaction_window: Duration,
    /// `compaction.compaction_disabled`.
    pub compaction_disabled: bool,
    /// `storage.parquet_dedicated_columns`: `None` takes the block's.
    pub dedicated_columns: Option<Vec<DedicatedColumn>>,
    /// `metrics_generator.processors`.
    pub generator_processors: Vec<String>,
    /// `metrics_generator.max_active_series`.
    pub generator_active_series_max: u64,
    /// `plugins.chain`: `None` takes the server's.
    pub plugin_chain: Option<Vec<PluginEntry>>,
}

impl Limits {
    /// The stricter of the two caps on live traces; 0 for none. With one process the global cap is one too.
    pub fn live_traces_max(&self) -> u64 {
        match (self.max_traces_per_user, self.max_global_traces_per_user) {
            (0, global) => global,
            (local, 0) => local,
            (local, global) => local.min(global),
        }
    }

    /// `overrides.defaults`: what is absent has Tempo's default.
    pub(crate) fn defaults(node: &Node) -> Self {
        Self::read(&Values::below(node, Some(LIMITS)))
    }

    /// A tenant's own block replaces the defaults: what is absent is zero.
    pub(crate) fn replacing(node: &Node, defaults: &Self) -> Self {
        let mut limits = Self::read(&Values::below(node, None));
        limits.rate_global = defaults.rate_global;
        limits.max_condition_groups_per_tag_query = defaults.max_condition_groups_per_tag_query;
        limits
    }

    fn read(values: &Values<'_>) -> Self {
        let columns_path = "storage.parquet_dedicated_columns";
        Self {
            rate_global: values.text("ingestion.rate_strategy") == "global",
            rate_limit_bytes: values.count("ingestion.rate_limit_bytes"),
            burst_size_bytes: values.count("ingestion.burst_size_bytes"),
            max_traces_per_user: values.count("ingestion.max_traces_per_user"),
            max_global_traces_per_user: values.count("ingestion.max_global_traces_per_user"),
            max_attribute_bytes: values.count("ingestion.max_attribute_bytes"),
            retry_info_enabled: values.boolean("ingestion.retry_info_enabled"),
            max_bytes_per_trace: values.count("global.max_bytes_per_trace"),
            max_bytes_per_tag_values_query: values.count("read.max_bytes_per_tag_values_query"),
            max_blocks_per_tag_values_query: values.count("read.max_blocks_per_tag_values_query"),
            max_condition_groups_per_tag_query: values.count("read.max_condition_groups_per_tag_query"),
            max_search_duration: values.duration("read.max_search_duration"),
            max_metrics_duration: values.duration("read.max_metrics_duration"),
            left_pad_trace_ids: values.boolean("read.left_pad_trace_ids"),
            block_retention: values.duration("compaction.block_retention"),
            block_retention_set: !values.duration("compaction.block_retention").is_zero(),
            compaction_window: values.duration("compaction.compaction_window"),
            compaction_disabled: values.boolean("compaction.compaction_disabled"),
            // An empty list is the same as none: the block's columns.
            dedicated_columns: Some(columns(&values.node(columns_path)))
                .filter(|columns| !columns.is_empty()),
            generator_processors: values.texts("metrics_generator.processors"),
            generator_active_series_max: values.count("metrics_generator.max_active_series"),
            plugin_chain: None,
        }
    }

    /// Fills what a limit leaves to the static configuration.
    pub(crate) fn resolve(&mut self, config: &Config) {
        let or = |value: &mut Duration, other: Duration| {
            if value.is_zero() {
                *value = other;
            }
        };
        or(&mut self.max_search_duration, config.query_frontend.search.range_max);
        or(&mut self.max_metrics_duration, config.query_frontend.metrics.range_max);
        self.block_retention_set |= config.compaction.block_retention_set;
        or(&mut self.block_retention, config.compaction.block_retention);
        or(&mut self.compaction_window, config.compaction.compaction_window);
        if self.max_attribute_bytes == 0 {
            self.max_attribute_bytes = config.distributor.attribute_bytes_max as u64;
        }
        if self.dedicated_columns.is_none() {
            self.dedicated_columns = Some(config.storage.block.dedicated_columns.clone());
        }
    }
}
