//! Between the contract's generated types and the plain ones: lists move, nothing is copied but plans.

mod plan;

pub(crate) use plan::plan;

use crate::bindings::cadenza::plugin::types as wit;
use crate::bindings::exports::cadenza::plugin::lifecycle;
use crate::error::ConfigError;
use crate::metadata::{Metadata, Metric, MetricKind};
use cadenza_transform::{
    Address, Batch, CellKind, Column, ColumnPart, Context, Edit, EditValues, Kind, OnFailure, Operation,
    Packed, Scope,
};

/// Faults of a configuration that are kept; their texts are the guest's and reach operators only.
const CONFIG_ERRORS_MAX: usize = 100;
/// Longest path and text of one.
const CONFIG_TEXT_BYTES_MAX: usize = 1024;

pub(crate) fn scope_to(scope: Scope) -> wit::Scope {
    match scope {
        Scope::Resource => wit::Scope::Resource,
        Scope::Instrumentation => wit::Scope::Instrumentation,
        Scope::Span => wit::Scope::Span,
        Scope::Event => wit::Scope::Event,
        Scope::Link => wit::Scope::Link,
    }
}

pub(crate) fn context<'a>(context: &Context<'a>) -> wit::Context<'a> {
    wit::Context { tenant: context.tenant, now_unix_nano: context.now_unix_ns, seed: context.seed }
}

fn packed(packed: &Packed) -> wit::PackedParam<'_> {
    wit::PackedParam { ends: &packed.ends, data: &packed.data }
}

pub(crate) fn tables(batch: &Batch) -> Vec<wit::Table<'_>> {
    let tables = batch.tables.iter();
    tables
        .map(|table| wit::Table { scope: scope_to(table.scope), rows: table.rows, parent: &table.parent })
        .collect()
}

fn column(column: &Column) -> wit::Column<'_> {
    let cells = match column.kind {
        CellKind::Coded => wit::Cells::Coded(wit::Coded {
            codes: &column.codes,
            keys: &column.keys,
            values: packed(&column.values),
        }),
        CellKind::Ints => wit::Cells::Ints(&column.ints),
        CellKind::Doubles => wit::Cells::Doubles(&column.doubles),
        CellKind::Booleans => wit::Cells::Booleans(&column.booleans),
        CellKind::Ids => wit::Cells::Ids(&column.ids),
    };
    wit::Column { rows: &column.rows, cell_keys: &column.cell_keys, cells }
}

pub(crate) fn columns(batch: &Batch) -> Vec<wit::Column<'_>> {
    batch.columns.iter().map(column).collect()
}

pub(crate) fn batch<'a>(
    batch: &'a Batch,
    tables: &'a [wit::Table<'a>],
    columns: &'a [wit::Column<'a>],
) -> wit::Batch<'a> {
    wit::Batch { tables, columns, keys: packed(&batch.keys), spans: batch.spans }
}

fn part(part: wit::ColumnPart) -> ColumnPart {
    ColumnPart { column: part.column, at: part.at }
}

fn unpacked(packed: wit::PackedResult) -> Packed {
    Packed { ends: packed.ends, data: packed.data }
}

/// An edit of a guest. Nothing of it is checked here.
pub(crate) fn edit(edit: wit::Edit) -> Edit {
    Edit {
        operation: match edit.operation {
            wit::Operation::Update => Operation::Update,
            wit::Operation::Delete => Operation::Delete,
            wit::Operation::DropRow => Operation::DropRow,
            wit::Operation::Insert(target) => Operation::Insert(target),
            wit::Operation::Upsert(target) => Operation::Upsert(target),
            wit::Operation::Remove(target) => Operation::Remove(target),
        },
        address: match edit.address {
            wit::Address::Entries(entries) => Address::Entries(part(entries)),
            wit::Address::Cells(cells) => Address::Cells(part(cells)),
            wit::Address::Rows(rows) => Address::Rows(rows),
        },
        values: match edit.values {
            wit::EditValues::None => EditValues::None,
            wit::EditValues::Strings(strings) => EditValues::Strings(unpacked(strings)),
            wit::EditValues::Ints(ints) => EditValues::Ints(ints),
            wit::EditValues::Doubles(doubles) => EditValues::Doubles(doubles),
            wit::EditValues::Booleans(booleans) => EditValues::Booleans(booleans),
            wit::EditValues::Bytes(bytes) => EditValues::Bytes(unpacked(bytes)),
            wit::EditValues::Json(json) => EditValues::Json(unpacked(json)),
        },
    }
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
