//! `step.name` and `step.index`: of spans whose parent is in the same request.

use crate::Config;
use crate::family::{Ids, Sibling, siblings};
use crate::source::{self, Compiled, Pattern, file_name};
use cadenza_plugin_sdk::batch::View;
use cadenza_plugin_sdk::prelude::*;

/// What is derived for steps.
pub(crate) struct Steps {
    names: Option<Names>,
    index: Option<Index>,
    /// Steps have such names.
    only: Option<Pattern>,
    columns: Columns,
}

struct Columns {
    name: Column,
    trace_id: Column,
    span_id: Column,
    parent_id: Column,
    start: Column,
}

struct Names {
    target: Target,
    sources: Vec<Origin>,
    overwrite: bool,
}

enum Origin {
    Resource { column: Column, file: bool },
    Span { column: Column, file: bool },
    Name(Pattern),
    Value(String),
    TraceId,
}

/// A source, over one batch.
struct Asked<'a> {
    source: &'a Origin,
    /// What it reads, if that is a column of its own.
    column: Option<View<'a>>,
    /// What its pattern finds in each distinct name, asked when it is first needed.
    found: Vec<Option<Option<&'a str>>>,
}

struct Index {
    target: Target,
    pattern: Option<Pattern>,
    order: bool,
    first: i64,
    overwrite: bool,
}

impl Steps {
    /// None if nothing is derived for steps.
    pub(crate) fn plan(config: &Config, plan: &mut Plan, errors: &mut Errors) -> Option<Self> {
        let compiled = source::compile(&config.step_name, "/step_name", errors);
        let mut pattern =
            |text: &Option<String>, path| text.as_ref().and_then(|text| source::pattern(text, path, errors));
        let only = pattern(&config.steps, "/steps");
        let index_pattern = pattern(&config.step_index.name, "/step_index/name");
        let names = (!compiled.is_empty()).then(|| Names {
            target: plan.target(Scope::Span, "step.name"),
            sources: compiled.into_iter().map(|source| Origin::plan(source, plan)).collect(),
            overwrite: config.overwrite,
        });
        let index = (config.step_index.order || index_pattern.is_some()).then(|| Index {
            target: plan.target(Scope::Span, "step.index"),
            pattern: index_pattern,
            order: config.step_index.order,
            first: config.step_index.first,
            overwrite: config.overwrite,
        });
        if names.is_none() && index.is_none() {
            return None;
        }
        let mut column = |field| plan.column(intrinsic(field));
        let columns = Columns {
            name: column(Intrinsic::Name),
            trace_id: column(Intrinsic::TraceId),
            span_id: column(Intrinsic::SpanId),
            parent_id: column(Intrinsic::ParentSpanId),
            start: column(Intrinsic::StartUnixNano),
        };
        Some(Self { names, index, only, columns })
    }

    pub(crate) fn process(&self, batch: &Batch<'_>, edits: &mut Edits) {
        let steps = self.siblings(batch);
        if let Some(names) = &self.names {
            names.process(&self.columns, &steps, batch, edits);
        }
        if let Some(index) = &self.index {
            index.process(batch, self.columns.name, &steps, edits);
        }
    }

    /// All steps, by parent and start.
    fn siblings(&self, batch: &Batch<'_>) -> Vec<Sibling> {
        let ids = Ids {
            traces: batch.column(self.columns.trace_id).ids(),
            spans: batch.column(self.columns.span_id).ids(),
            parents: batch.column(self.columns.parent_id).ids(),
            starts: batch.column(self.columns.start).ints(),
        };
        let Some(only) = &self.only else { return siblings(ids, |_| true) };
        let names = batch.column(self.columns.name);
        let meant: Vec<bool> = names.entries().map(|entry| only.is_match(entry.text)).collect();
        siblings(ids, |row| names.entry_of(row).is_none_or(|entry| meant[entry as usize]))
    }
}

impl Origin {
    fn plan(source: Compiled, plan: &mut Plan) -> Self {
        let text = |plan: &mut Plan, scope, key| plan.column(attribute(scope, key).values(ValueType::Text));
        match source {
            Compiled::Resource { key, file } => {
                // A span finds its resource through its instrumentation scope.
                plan.table(Scope::Instrumentation);
                plan.table(Scope::Span);
                Self::Resource { column: text(plan, Scope::Resource, key), file }
            }
            Compiled::Span { key, file } => Self::Span { column: text(plan, Scope::Span, key), file },
            Compiled::Name(pattern) => Self::Name(pattern),
            Compiled::Value(text) => Self::Value(text),
            Compiled::TraceId => Self::TraceId,
        }
    }
}

impl Names {
    fn process(&self, columns: &Columns, steps: &[Sibling], batch: &Batch<'_>, edits: &mut Edits) {
        let names = batch.column(columns.name);
        let texts: Vec<&str> = names.entries().map(|entry| entry.text).collect();
        let traces = batch.column(columns.trace_id).ids::<16>();
        let (scopes, resources) = (batch.parents(Scope::Span), batch.parents(Scope::Instrumentation));
        let mut asked: Vec<Asked<'_>> = self
            .sources
            .iter()
            .map(|source| Asked {
                source,
                column: match source {
                    Origin::Resource { column, .. } | Origin::Span { column, .. } => {
                        Some(batch.column(*column))
                    }
                    Origin::Name(_) | Origin::Value(_) | Origin::TraceId => None,
                },
                found: vec![None; texts.len()],
            })
            .collect();
        let part = |text, file| if file { file_name(text) } else { text };
        let mut writer = if self.overwrite { edits.upsert(self.target) } else { edits.insert(self.target) };
        for step in steps {
            let row = step.row;
            let value = asked.iter_mut().find_map(|Asked { source, column, found }| {
                let text = match source {
                    Origin::Resource { file, .. } => {
                        let resource = resources[scopes[row as usize] as usize];
                        column.and_then(|column| column.text(resource)).map(|text| part(text, *file))
                    }
                    Origin::Span { file, .. } => {
                        column.and_then(|column| column.text(row)).map(|text| part(text, *file))
                    }
                    Origin::Name(pattern) => names.entry_of(row).and_then(|entry| {
                        let entry = entry as usize;
                        *found[entry].get_or_insert_with(|| pattern.find(texts[entry]))
                    }),
                    Origin::Value(text) => Some(text.as_str()),
                    Origin::TraceId => Some(""),
                };
                text.filter(|text| !text.is_empty() || matches!(source, Origin::TraceId))
            });
            match value {
                // Only a trace id is empty here.
                Some("") => {
                    writer.str(row, &format!("{:032x}", u128::from_be_bytes(traces[row as usize])));
                }
                Some(text) => writer.str(row, text),
                None => {}
            }
        }
    }
}

impl Index {
    fn process(&self, batch: &Batch<'_>, name: Column, steps: &[Sibling], edits: &mut Edits) {
        let names = batch.column(name);
        let number = |text| self.pattern.as_ref().and_then(|pattern| pattern.find(text)?.parse::<i64>().ok());
        let numbers: Vec<Option<i64>> = names.entries().map(|entry| number(entry.text)).collect();
        let mut writer = if self.overwrite { edits.upsert(self.target) } else { edits.insert(self.target) };
        let mut place = 0;
        for (i, step) in steps.iter().enumerate() {
            let same = i > 0 && steps[i - 1].parent == step.parent;
            place = if same { place + 1 } else { 0 };
            let numbered = names.entry_of(step.row).and_then(|entry| numbers[entry as usize]);
            if let Some(index) = numbered.or(self.order.then_some(self.first.saturating_add(place))) {
                writer.int(step.row, index);
            }
        }
    }
}
