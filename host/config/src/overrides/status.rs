//! The text of `/status/overrides`.

use super::Limits;
use crate::config::{ColumnKind, ColumnScope};
use crate::scalar::duration_text;
use std::fmt::Write;

/// All tenants with a block, behind the defaults.
pub(super) fn page<'a>(defaults: &Limits, tenants: impl Iterator<Item = (&'a str, &'a Limits)>) -> String {
    let mut out = format!("defaults:\n{}overrides:", limits(defaults, 1));
    let start = out.len();
    for (name, block) in tenants {
        let _ = write!(out, "\n  {name:?}:\n{}", limits(block, 2).trim_end_matches('\n'));
    }
    out.push_str(if out.len() == start { " {}\n" } else { "\n" });
    out
}

/// One tenant's limits as YAML, scoped.
pub(super) fn limits(limits: &Limits, indent: usize) -> String {
    let mut out = String::new();
    let pad = "  ".repeat(indent);
    for (scope, rows) in rows(limits) {
        let _ = writeln!(out, "{pad}{scope}:");
        for (name, value) in rows {
            let _ = writeln!(out, "{pad}  {name}: {value}");
        }
    }
    out
}

fn rows(limits: &Limits) -> [(&'static str, Vec<(&'static str, String)>); 6] {
    let number = |name: &'static str, value: u64| (name, value.to_string());
    let switch = |name: &'static str, value: bool| (name, value.to_string());
    let time = |name: &'static str, value| (name, duration_text(value));
    let columns = limits.dedicated_columns.iter().flatten().map(|column| {
        let scope = match column.scope {
            ColumnScope::Resource => "resource",
            ColumnScope::Span => "span",
            ColumnScope::Event => "event",
        };
        let kind = match column.kind {
            ColumnKind::String => "string",
            ColumnKind::Int => "int",
        };
        let options: Vec<_> = column.options.iter().map(|option| option.name()).collect();
        let options =
            if options.is_empty() { String::new() } else { format!(", options: [{}]", options.join(", ")) };
        format!("{{scope: {scope}, name: {:?}, type: {kind}{options}}}", column.name)
    });
    let processors = limits.generator_processors.iter().map(|name| format!("{name:?}"));
    let strategy = if limits.rate_global { "global" } else { "local" };
    [
        (
            "ingestion",
            vec![
                ("rate_strategy", strategy.to_owned()),
                number("rate_limit_bytes", limits.rate_limit_bytes),
                number("burst_size_bytes", limits.burst_size_bytes),
                number("max_traces_per_user", limits.max_traces_per_user),
                number("max_global_traces_per_user", limits.max_global_traces_per_user),
                number("max_attribute_bytes", limits.max_attribute_bytes),
                switch("retry_info_enabled", limits.retry_info_enabled),
            ],
        ),
        (
            "read",
            vec![
                number("max_bytes_per_tag_values_query", limits.max_bytes_per_tag_values_query),
                number("max_blocks_per_tag_values_query", limits.max_blocks_per_tag_values_query),
                number("max_condition_groups_per_tag_query", limits.max_condition_groups_per_tag_query),
                time("max_search_duration", limits.max_search_duration),
                time("max_metrics_duration", limits.max_metrics_duration),
                switch("left_pad_trace_ids", limits.left_pad_trace_ids),
            ],
        ),
        (
            "compaction",
            vec![
                time("block_retention", limits.block_retention),
                time("compaction_window", limits.compaction_window),
                switch("compaction_disabled", limits.compaction_disabled),
            ],
        ),
        (
            "metrics_generator",
            vec![
                ("processors", format!("[{}]", processors.collect::<Vec<_>>().join(", "))),
                number("max_active_series", limits.generator_active_series_max),
            ],
        ),
        ("global", vec![number("max_bytes_per_trace", limits.max_bytes_per_trace)]),
        (
            "storage",
            vec![("parquet_dedicated_columns", format!("[{}]", columns.collect::<Vec<_>>().join(", ")))],
        ),
    ]
}
