//! Between the contract's generated types and the plain ones.

mod batch;
mod edits;
mod plan;

pub(crate) use batch::Crossing;
pub(crate) use edits::edits;
pub(crate) use plan::plan;

use crate::bindings::cadenza::plugin::types as wit;
use crate::bindings::exports::cadenza::plugin::lifecycle;
use crate::error::ConfigError;
use crate::metadata::{Metadata, Metric, MetricKind};
use cadenza_transform::{Context, Kind, OnFailure};

/// Faults of a configuration that are kept; their texts are the guest's and reach operators only.
const CONFIG_ERRORS_MAX: usize = 100;
/// Longest path and text of one.
const CONFIG_TEXT_BYTES_MAX: usize = 1024;

pub(crate) fn context(context: &Context) -> wit::Context {
    wit::Context { now_unix_nano: context.now_unix_ns, seed: context.seed }
}

pub(crate) fn metadata(metadata: lifecycle::Metadata) -> Metadata {
    Metadata {
        name: metadata.name,
        version: metadata.version,
        description: metadata.description,
        kind: match metadata.kind {
            lifecycle::Kind::Enricher => Kind::Enricher,
            lifecycle::Kind::Scrubber => Kind::Scrubber,
            lifecycle::Kind::HeadSampler => Kind::HeadSampler,
            lifecycle::Kind::TailSampler => Kind::TailSampler,
        },
        on_failure: match metadata.on_failure {
            lifecycle::OnFailure::FailOpen => OnFailure::FailOpen,
            lifecycle::OnFailure::FailClosed => OnFailure::FailClosed,
        },
        config_schema: metadata.config_schema,
        metrics: metadata
            .metrics
            .into_iter()
            .map(|metric| Metric {
                name: metric.name,
                kind: match metric.kind {
                    lifecycle::MetricKind::Counter => MetricKind::Counter,
                    lifecycle::MetricKind::Gauge => MetricKind::Gauge,
                },
                help: metric.help,
            })
            .collect(),
    }
}

fn shorten(mut text: String) -> String {
    if text.len() > CONFIG_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(CONFIG_TEXT_BYTES_MAX));
        text.push('…');
    }
    text
}

pub(crate) fn config_errors(errors: Vec<lifecycle::ConfigError>) -> Vec<ConfigError> {
    let kept = errors.into_iter().take(CONFIG_ERRORS_MAX);
    kept.map(|error| ConfigError { path: shorten(error.path), message: shorten(error.message) }).collect()
}
