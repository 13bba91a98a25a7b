//! Which leaves of a trace to read.

use super::fields::{column_of, owners};
use super::filter::Field;
use crate::schema::{Column, Leaf, Owner, Schema, ValueKind};
use std::collections::{BTreeSet, HashSet};

/// What [`crate::read::BlockReader::read_traces`] reads. Ids, times, names, kinds, status codes and service
/// names are always read.
#[derive(Debug, Clone, Default)]
pub struct Projection {
    full: bool,
    derived: bool,
    columns: HashSet<Column>,
    attrs: Vec<(Owner, Keys)>,
}

/// Which attributes of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Those with these keys.
    Some(BTreeSet<String>),
    /// All of them.
    All,
}

/// Read in any case.
const ALWAYS: [Column; 9] = [
    Column::TraceId,
    Column::ServiceName,
    Column::SpanId,
    Column::ParentSpanId,
    Column::SpanName,
    Column::Kind,
    Column::SpanStart,
    Column::SpanDuration,
    Column::StatusCode,
];

/// What the block's writer worked out from the spans, and a reader can again.
const DERIVED: [Column; 11] = [
    Column::TraceStart,
    Column::TraceEnd,
    Column::TraceDuration,
    Column::RootServiceName,
    Column::RootSpanName,
    Column::StatsService,
    Column::StatsSpanCount,
    Column::StatsErrorCount,
    Column::ParentId,
    Column::NestedSetLeft,
    Column::NestedSetRight,
];

impl Projection {
    /// Everything about the spans.
    pub fn full() -> Self {
        Self { full: true, ..Self::default() }
    }

    /// Also what the block's writer derived from the spans: all of [`super::TraceInfo`] and [`super::Nested`].
    #[must_use]
    pub fn with_derived(mut self) -> Self {
        self.derived = true;
        self
    }

    /// What is read in any case and the given fields.
    pub fn fields<'a>(fields: impl IntoIterator<Item = &'a Field>) -> Self {
        let mut out = Self::default();
        for field in fields {
            match field {
                Field::Attr(scope, key) => {
                    for &owner in owners(*scope) {
                        if let Keys::Some(keys) = out.keys_mut(owner) {
                            keys.insert(key.clone());
                        }
                    }
                }
                Field::Intrinsic(intrinsic) => {
                    out.columns.insert(column_of(*intrinsic));
                }
            }
        }
        out
    }

    /// Also all attributes of an owner.
    #[must_use]
    pub fn with_attributes(mut self, owner: Owner) -> Self {
        *self.keys_mut(owner) = Keys::All;
        self
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// Also the links that tie a span without a parent to another one.
    #[must_use]
    pub(crate) fn with_ties(mut self) -> Self {
        self.columns.insert(Column::LinkTraceId);
        if let Keys::Some(keys) = self.keys_mut(Owner::Link) {
            keys.insert("opentracing.ref_type".to_owned());
        }
        self
    }

    fn keys_mut(&mut self, owner: Owner) -> &mut Keys {
        let at = self.attrs.iter().position(|(of, _)| *of == owner).unwrap_or_else(|| {
            self.attrs.push((owner, Keys::Some(BTreeSet::new())));
            self.attrs.len() - 1
        });
        &mut self.attrs[at].1
    }

    pub(crate) fn keys(&self, owner: Owner) -> Option<&Keys> {
        if self.full {
            return Some(&Keys::All);
        }
        self.attrs.iter().find(|(of, _)| *of == owner).map(|(_, keys)| keys)
    }

    /// Whether the events or links themselves are wanted.
    fn wants_owner(&self, owner: Owner) -> bool {
        let has = |columns: &[Column]| columns.iter().any(|column| self.columns.contains(column));
        self.full
            || self.keys(owner).is_some()
            || match owner {
                Owner::Event => has(&[Column::EventName, Column::EventTime]),
                Owner::Link => has(&[Column::LinkTraceId, Column::LinkSpanId]),
                Owner::Resource | Owner::Scope | Owner::Span => true,
            }
    }

    /// The leaves to read, in file order.
    pub(crate) fn leaves<'s>(&self, schema: &'s Schema) -> Vec<&'s Leaf> {
        schema.leaves().iter().filter(|leaf| self.wants(schema, leaf.column)).collect()
    }

    fn wants(&self, schema: &Schema, column: Column) -> bool {
        // These say again what others say, and a spare without a name in the meta holds nothing.
        let again = matches!(
            column,
            Column::TraceIdText | Column::ChildCount | Column::ScopeSpanCount | Column::StartRounded { .. }
        );
        if again || is_unnamed_spare(schema, column) {
            return false;
        }
        if DERIVED.contains(&column) && !self.columns.contains(&column) {
            return self.derived;
        }
        if self.full || ALWAYS.contains(&column) || self.columns.contains(&column) {
            return true;
        }
        match column {
            Column::AttrKey(owner)
            | Column::AttrIsArray(owner)
            | Column::AttrValue(
                owner,
                ValueKind::Str | ValueKind::Int | ValueKind::Double | ValueKind::Bool,
            )
            | Column::AttrUnsupported(owner) => self.keys(owner).is_some(),
            Column::Fixed(_) | Column::Spare(..) => Owner::ALL.into_iter().any(|owner| {
                let mut columns = schema.own(owner).iter().filter(|own| own.column == column);
                match self.keys(owner) {
                    Some(Keys::All) => columns.next().is_some(),
                    Some(Keys::Some(keys)) => columns.any(|own| keys.contains(&own.key)),
                    None => false,
                }
            }),
            Column::EventName | Column::EventTime => self.wants_owner(Owner::Event),
            Column::LinkTraceId | Column::LinkSpanId => self.wants_owner(Owner::Link),
            _ => false,
        }
    }
}

fn is_unnamed_spare(schema: &Schema, column: Column) -> bool {
    match column {
        Column::Spare(owner, ..) => !schema.own(owner).iter().any(|own| own.column == column),
        _ => false,
    }
}
