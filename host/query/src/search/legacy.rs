//! The search of Tempo's first version: tags and the trace's duration.
//!
//! Every tag must be met within one resource's spans, not necessarily by one span. Text is looked for as a
//! part, case-sensitively; numbers only where Tempo has a column for them (`http.status_code`).

use crate::LegacyFilter;
use cadenza_block::read::{AttrScope, Field, Filter, Intrinsic, Projection, StrTest, Test};
use cadenza_block::schema::Owner;
use cadenza_model::{AttrType, Attrs, Columns, ValueRef};
use cadenza_traceql::TraceInfo;
use std::collections::{BTreeMap, HashMap};
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
    Service,
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
                "service.name" => TagKind::Service,
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

    /// What must be read of a trace: where several tags must be met by one resource, all of what tells it
    /// from others.
    pub(super) fn projection(&self) -> Projection {
        let projection = Projection::fields(&self.fields());
        if self.tags.len() > 1 { projection.with_attributes(Owner::Resource) } else { projection }
    }

    fn fields(&self) -> Vec<Field> {
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
        by_resource(columns, rows)
            .iter()
            .any(|(resource, rows)| self.tags.iter().all(|tag| tag.is_met(columns, *resource, rows)))
    }
}

/// An attribute as it tells resources apart: key, type, number, bytes.
type Content<'a> = (&'a str, AttrType, u64, &'a [u8]);

/// Spans by resource: a row of it, and the spans. Equal resources are one, also when the parts of the trace
/// brought a row each.
fn by_resource(columns: &Columns, rows: &[u32]) -> Vec<(usize, Vec<usize>)> {
    let mut of_row: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        of_row.entry(columns.resource_of(row as usize)).or_default().push(row as usize);
    }
    let mut places: HashMap<Vec<Content<'_>>, usize> = HashMap::new();
    let mut out: Vec<(usize, Vec<usize>)> = Vec::new();
    for (resource, spans) in of_row {
        let attrs = &columns.resource_attrs;
        let entry = |at: usize| {
            let (number, text): (u64, &[u8]) = match columns.value(attrs, at) {
                ValueRef::Str(text) => (0, text.as_bytes()),
                ValueRef::Array(bytes) | ValueRef::Map(bytes) | ValueRef::Bytes(bytes) => (0, bytes),
                _ => (attrs.val[at], &[]),
            };
            (columns.key(attrs, at), attrs.ty[at], number, text)
        };
        let mut content: Vec<_> = attrs.of(resource).map(entry).collect();
        content.sort_unstable();
        let place = *places.entry(content).or_insert(out.len());
        match out.get_mut(place) {
            Some((_, known)) => known.extend(spans),
            None => out.push((resource, spans)),
        }
    }
    out
}

impl Tag {
    fn filter(&self) -> Option<Filter> {
        let want = self.want.clone();
        let contains = Test::Str(StrTest::Fn(Arc::new(move |text: &str| text.contains(&want))));
        match &self.kind {
            TagKind::Name => Some(Filter::Is(Field::Intrinsic(Intrinsic::Name), contains)),
            // No name is an empty one, of which nothing is a part but nothing.
            TagKind::Service if self.want.is_empty() => None,
            TagKind::Service => Some(Filter::Is(Field::attr(AttrScope::Resource, "service.name"), contains)),
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
            TagKind::Service => {
                columns.resource_service_name(resource).unwrap_or_default().contains(&self.want)
            }
            TagKind::Attribute(key) => {
                self.has(columns, &columns.resource_attrs, resource, key, false)
                    || rows.iter().any(|&row| self.has(columns, &columns.span_attrs, row, key, true))
            }
        }
    }

    fn has(&self, columns: &Columns, attrs: &Attrs, owner: usize, key: &str, span: bool) -> bool {
        attrs.of(owner).filter(|&at| columns.key(attrs, at) == key).any(|at| match columns.value(attrs, at) {
            ValueRef::Str(text) => text.contains(&self.want),
            ValueRef::Int(number) if span && key == HTTP_STATUS => number.to_string() == self.want,
            _ => false,
        })
    }
}

/// The one number with a column of its own in the first formats, on spans.
const HTTP_STATUS: &str = "http.status_code";
