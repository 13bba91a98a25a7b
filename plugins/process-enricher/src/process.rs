//! `process.name` and `process.instance_id`: attributes of every span, from the first source that has something.

use crate::source::{Compiled, Pattern, file_name};
use cadenza_plugin_sdk::native::{Literal, Source, Step};
use cadenza_plugin_sdk::prelude::*;

/// What the guest does for one attribute: its sources in the order in which they are written. Each writes only what is
/// not there yet or, if attributes are overwritten, in the opposite order.
pub(crate) struct Derived {
    target: Target,
    overwrite: bool,
    sources: Vec<FromColumn>,
}

enum FromColumn {
    Text {
        column: Column,
        file: bool,
    },
    Name {
        column: Column,
        pattern: Pattern,
    },
    TraceId {
        column: Column,
    },
    /// Between others, so that it keeps its rank.
    Value {
        trace_ids: Column,
        text: String,
    },
}

impl Compiled {
    /// The native step of a source that needs no guest.
    fn native(&self, key: &str, overwrite: bool) -> Option<Step> {
        let source = match self {
            Self::Resource { key, file: false } => Source::ResourceAttribute(key.clone()),
            Self::Span { key, file: false } => Source::Attribute(key.clone()),
            Self::Value(text) => Source::Literal(Literal::Str(text.clone())),
            Self::Resource { .. } | Self::Span { .. } | Self::Name(_) | Self::TraceId => return None,
        };
        let write = if overwrite { steps::upsert } else { steps::insert };
        Some(write(Scope::Span, key.to_owned(), source))
    }
}

impl Derived {
    /// Plans native steps before the guest, columns, and native steps `after` it; None if the guest has nothing to do.
    pub(crate) fn plan(
        key: &str,
        mut sources: Vec<Compiled>,
        overwrite: bool,
        plan: &mut Plan,
        after: &mut Vec<Step>,
    ) -> Option<Self> {
        if sources.is_empty() {
            return None;
        }
        if overwrite {
            sources.reverse();
        }
        let target = plan.target(Scope::Span, key);
        let native: Vec<Option<Step>> = sources.iter().map(|source| source.native(key, overwrite)).collect();
        let first = native.iter().position(Option::is_none);
        let last = native.iter().rposition(Option::is_none);
        let (Some(first), Some(last)) = (first, last) else {
            plan.steps.extend(native.into_iter().flatten());
            return None;
        };
        for (i, step) in native.into_iter().enumerate() {
            match step {
                Some(step) if i < first => plan.step(step),
                Some(step) if i > last => after.push(step),
                _ => {}
            }
        }
        let guests = sources.into_iter().take(last + 1).skip(first);
        let sources = guests.map(|source| FromColumn::plan(source, plan)).collect();
        Some(Self { target, overwrite, sources })
    }

    pub(crate) fn process(&self, batch: &Batch<'_>, edits: &mut Edits) {
        for source in &self.sources {
            source.process(self.target, self.overwrite, batch, edits);
        }
    }
}

impl FromColumn {
    fn plan(source: Compiled, plan: &mut Plan) -> Self {
        let mut text = |scope, key| plan.column(attribute(scope, key).values(ValueType::Text));
        match source {
            Compiled::Resource { key, file } => Self::Text { column: text(Scope::Resource, key), file },
            Compiled::Span { key, file } => Self::Text { column: text(Scope::Span, key), file },
            Compiled::Name(pattern) => {
                Self::Name { column: plan.column(intrinsic(Intrinsic::Name)), pattern }
            }
            Compiled::TraceId => Self::TraceId { column: plan.column(intrinsic(Intrinsic::TraceId)) },
            Compiled::Value(text) => {
                Self::Value { trace_ids: plan.column(intrinsic(Intrinsic::TraceId)), text }
            }
        }
    }

    fn process(&self, target: Target, overwrite: bool, batch: &Batch<'_>, edits: &mut Edits) {
        match self {
            Self::Text { column, .. } | Self::Name { column, .. } => {
                let mut writer = if overwrite {
                    edits.upsert_beside(target, *column)
                } else {
                    edits.insert_beside(target, *column)
                };
                for entry in batch.column(*column).entries() {
                    if let Some(text) = self.text(entry.text).filter(|text| !text.is_empty()) {
                        writer.str(entry.index, text);
                    }
                }
            }
            Self::TraceId { column } => {
                let mut writer = if overwrite { edits.upsert(target) } else { edits.insert(target) };
                for (row, id) in (0..).zip(batch.column(*column).ids::<16>()) {
                    writer.str(row, &format!("{:032x}", u128::from_be_bytes(*id)));
                }
            }
            Self::Value { trace_ids, text } => {
                let mut writer = if overwrite { edits.upsert(target) } else { edits.insert(target) };
                for (row, _) in (0..).zip(batch.column(*trace_ids).ids::<16>()) {
                    writer.str(row, text);
                }
            }
        }
    }

    fn text<'a>(&self, text: &'a str) -> Option<&'a str> {
        match self {
            Self::Text { file: true, .. } => Some(file_name(text)),
            Self::Name { pattern, .. } => pattern.find(text),
            Self::Text { .. } | Self::TraceId { .. } | Self::Value { .. } => Some(text),
        }
    }
}
