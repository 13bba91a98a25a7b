//! The search of Tempo's first version: tags and the trace's duration.
//!
//! Every tag must be met within one resource's spans, not necessarily by one span. Text is looked for as a
//! part, case-sensitively; numbers only where Tempo has a column for them (`http.status_code`).

use crate::LegacyFilter;
use cadenza_block::read::{AttrScope, Field, Filter, Intrinsic, StrTest, Test};
use cadenza_model::{Attrs, Columns, ValueRef};
use cadenza_traceql::TraceInfo;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A legacy search.
pub(super) struct Legacy {
    tags: Vec<Tag>,
    duration_min_ns: u64,
    duration_max_ns: u64,
}

struct Tag {
    kind: TagKind,
    want: String,
}

enum TagKind {
    Name,
    RootName,
    RootService,
    /// The OTLP number; `None` for an unknown word, which matches every span, as in Tempo.
    Status(Option<i32>),
    Attribute(String),
}

impl Legacy {
    pub(super) fn new(filter: &LegacyFilter) -> Self {
        let tag = |(key, want): &(String, String)| {
            let kind = match key.as_str() {
                "name" => TagKind::Name,
                "root.name" => TagKind::RootName,
                "root.service.name" => TagKind::RootService,
                "status.code" => TagKind::Status(
                    ["unset", "ok", "error"].iter().zip(0..).find(|(word, _)| *word == want).map(|(_, n)| n),
                ),
                _ => TagKind::Attribute(key.clone()),
            };
            Tag { kind, want: want.clone() }
        };
        Self {
            tags: filter.tags.iter().map(tag).collect(),
            duration_min_ns: filter.duration_min_ns,
            duration_max_ns: filter.duration_max_ns,
        }
    }

    /// For blocks: rows in which some span meets the first tag that a span can meet. The others may be met by
    /// other spans.
    pub(super) fn filter(&self) -> Filter {
        self.tags.iter().find_map(Tag::filter).unwrap_or(Filter::All)
    }

    /// What must be read of a trace.
    pub(super) fn fields(&self) -> Vec<Field> {
        let keys = self.tags.iter().filter_map(|tag| match &tag.kind {
            TagKind::Attribute(key) => Some(key),
            _ => None,
        });
        keys.flat_map(|key| [Field::attr(AttrScope::Span, key), Field::attr(AttrScope::Resource, key)])
            .collect()
    }

    /// Whether the whole trace matches.
    pub(super) fn matches(&self, columns: &Columns, rows: &[u32], info: &TraceInfo<'_>) -> bool {
        let duration = info.end_ns.saturating_sub(info.start_ns);
        let long_enough = duration >= self.duration_min_ns;
        let short_enough = self.duration_max_ns == 0 || duration <= self.duration_max_ns;
        let root_met = self.tags.iter().all(|tag| match tag.kind {
            TagKind::RootName => info.root_name.contains(&tag.want),
            TagKind::RootService => info.root_service.contains(&tag.want),
            _ => true,
        });
        if !(long_enough && short_enough && root_met) {
            return false;
        }
        let mut by_resource: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for &row in rows {
            by_resource.entry(columns.resource_of(row as usize)).or_default().push(row as usize);
        }
        by_resource
            .iter()
            .any(|(&resource, rows)| self.tags.iter().all(|tag| tag.is_met(columns, resource, rows)))
    }
}

impl Tag {
    fn filter(&self) -> Option<Filter> {
        let want = self.want.clone();
        let contains = Test::Str(StrTest::Fn(Arc::new(move |text: &str| text.contains(&want))));
        match &self.kind {
            TagKind::Name => Some(Filter::Is(Field::Intrinsic(Intrinsic::Name), contains)),
            // A number in a column of its own matches too: left to the evaluation.
            TagKind::Attribute(key) if key != HTTP_STATUS => Some(Filter::Or(vec![
                Filter::Is(Field::attr(AttrScope::Span, key), contains.clone()),
                Filter::Is(Field::attr(AttrScope::Resource, key), contains),
            ])),
            _ => None,
        }
    }

    fn is_met(&self, columns: &Columns, resource: usize, rows: &[usize]) -> bool {
        match &self.kind {
            TagKind::RootName | TagKind::RootService | TagKind::Status(None) => true,
            TagKind::Name => {
                rows.iter().any(|&row| columns.names.str(columns.spans.name[row]).contains(&self.want))
            }
            TagKind::Status(Some(code)) => rows.iter().any(|&row| columns.spans.status[row] == *code),
            TagKind::Attribute(key) => {
                self.has(columns, &columns.resource_attrs, resource, key)
                    || rows.iter().any(|&row| self.has(columns, &columns.span_attrs, row, key))
            }
        }
    }

    fn has(&self, columns: &Columns, attrs: &Attrs, owner: usize, key: &str) -> bool {
        attrs.of(owner).filter(|&at| columns.key(attrs, at) == key).any(|at| match columns.value(attrs, at) {
            ValueRef::Str(text) => text.contains(&self.want),
            ValueRef::Int(number) if key == HTTP_STATUS => number.to_string() == self.want,
            _ => false,
        })
    }
}

/// The one number with a column of its own in the first formats.
const HTTP_STATUS: &str = "http.status_code";
