//! Distinct values of one attribute or intrinsic.

use super::{Collect, Walk, Wanted, lists};
use crate::pushdown::fields;
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{
    QueryError, QueryLimits, TagScope, TagSelector, TagValueType, TagValuesAnswer, TagValuesRequest,
};
use cadenza_block::read::{BlockReader, Filter, Projection, ReadError};
use cadenza_model::Columns;
use cadenza_model::tree::assemble;
use cadenza_traceql::ast::{self, Intrinsic, Scope};
use cadenza_traceql::{TraceInfo, parse_tag};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Values of one attribute or intrinsic.
pub(crate) fn values(
    snapshots: &[(Snapshot, QueryLimits)],
    request: &TagValuesRequest,
    budget: &Budget,
) -> Result<TagValuesAnswer, QueryError> {
    let field = match &request.tag {
        TagSelector::Bare(name) => ast::Field::Attribute(ast::Attribute {
            scope: Scope::None,
            parent: false,
            name: name.as_str().into(),
        }),
        TagSelector::TraceQl(text) => parse_tag(text)
            .map_err(|error| QueryError::Invalid(format!("please provide a valid tagName: {error}")))?,
    };
    let mut answer = TagValuesAnswer::default();
    if let Some(fixed) = fixed_values(&field) {
        answer.values = fixed;
        return Ok(answer);
    }
    let mut values =
        Values { field: &field, found: BTreeSet::new(), limit: request.limit, bytes: 0, bytes_max: 0 };
    for (snapshot, limits) in snapshots {
        answer.missing.add(snapshot.missing());
        let wanted = Wanted::new(&request.query, limits.tag_groups_max)?;
        let mut touched = fields(&field);
        touched.extend(wanted.program.fields().flat_map(fields));
        let projection = Projection::fields(&touched);
        (values.bytes, values.bytes_max) = (0, limits.tag_bytes_max);
        let mut walk = Walk::new(snapshot, limits, &wanted, &request.range, &projection, budget);
        walk.run(&mut values)?;
        answer.missing.add(walk.missing);
        answer.inspected.add(&walk.inspected);
    }
    let limit = if request.limit == 0 { usize::MAX } else { request.limit };
    answer.values = values.found.into_iter().take(limit).collect();
    Ok(answer)
}

/// Values found so far.
struct Values<'a> {
    field: &'a ast::Field,
    found: BTreeSet<(TagValueType, String)>,
    /// 0 for no bound.
    limit: usize,
    /// Of the tenant's values.
    bytes: usize,
    /// 0 for no bound.
    bytes_max: usize,
}

impl Values<'_> {
    /// The size cap is on the answer: a value that repeats counts once, and one block's dictionary may hold
    /// many times the cap.
    fn add(&mut self, kind: TagValueType, text: String) {
        if !self.fits() {
            return;
        }
        let length = text.len();
        if self.found.insert((kind, text)) {
            self.bytes += length;
        }
    }

    fn goes_on(&self) -> bool {
        let enough = self.limit > 0 && self.found.len() >= self.limit;
        !enough && self.fits()
    }

    fn fits(&self) -> bool {
        self.bytes_max == 0 || self.bytes < self.bytes_max
    }
}

impl Collect for Values<'_> {
    fn rows(&mut self, columns: &Columns, rows: &[u32]) -> bool {
        let field = self.field;
        collect(columns, rows, field, &mut |kind, text| self.add(kind, text));
        self.goes_on()
    }

    fn block(
        &mut self,
        reader: &BlockReader,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<bool>, ReadError> {
        let wanted = fields(self.field);
        if wanted.is_empty() {
            return Ok(None);
        }
        for field in wanted {
            let Some(found) = reader.distinct_values(&field, filter, window)? else { return Ok(None) };
            found.strings.into_iter().for_each(|text| self.add(TagValueType::String, text));
            found.ints.into_iter().for_each(|number| self.add(TagValueType::Int, number.to_string()));
            for bits in found.doubles {
                self.add(TagValueType::Float, float(f64::from_bits(bits)));
            }
            found.bools.into_iter().for_each(|flag| self.add(TagValueType::Bool, flag.to_string()));
        }
        Ok(Some(self.goes_on()))
    }
}

/// Tempo always writes a decimal point.
fn float(number: f64) -> String {
    format!("{number:?}")
}

/// Lists that do not depend on the data.
fn fixed_values(field: &ast::Field) -> Option<Vec<(TagValueType, String)>> {
    let words =
        |words: &[&str]| words.iter().map(|word| (TagValueType::Keyword, (*word).to_owned())).collect();
    match field {
        ast::Field::Intrinsic(Intrinsic::Status) => Some(words(&["error", "ok", "unset"])),
        ast::Field::Intrinsic(Intrinsic::Kind) => {
            Some(words(&["client", "consumer", "internal", "producer", "server", "unspecified"]))
        }
        // Nobody can choose among all durations or ids.
        ast::Field::Intrinsic(
            Intrinsic::Duration
            | Intrinsic::TraceDuration
            | Intrinsic::SpanId
            | Intrinsic::ParentId
            | Intrinsic::TraceId
            | Intrinsic::LinkSpanId
            | Intrinsic::LinkTraceId
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent
            | Intrinsic::ChildCount
            | Intrinsic::Parent,
        ) => Some(Vec::new()),
        _ => None,
    }
}

/// The distinct values of `field` in `rows`.
fn collect(columns: &Columns, rows: &[u32], field: &ast::Field, add: &mut dyn FnMut(TagValueType, String)) {
    match field {
        ast::Field::Attribute(attribute) => {
            let scopes: &[TagScope] = match attribute.scope {
                Scope::None => &[TagScope::Span, TagScope::Resource],
                Scope::Span => &[TagScope::Span],
                Scope::Resource => &[TagScope::Resource],
                Scope::Event => &[TagScope::Event],
                Scope::Link => &[TagScope::Link],
                Scope::Instrumentation => &[TagScope::Instrumentation],
            };
            for &scope in scopes {
                collect_attribute(columns, rows, scope, &attribute.name, add);
            }
            // Tempo keeps the service name in a column that is never absent.
            if &*attribute.name == "service.name" && matches!(attribute.scope, Scope::None | Scope::Resource)
            {
                let nameless = |row: &u32| columns.service_name(*row as usize).is_none();
                if rows.iter().any(nameless) {
                    add(TagValueType::String, String::new());
                }
            }
        }
        ast::Field::Intrinsic(intrinsic) => collect_intrinsic(columns, rows, *intrinsic, add),
    }
}

fn collect_attribute(
    columns: &Columns,
    rows: &[u32],
    scope: TagScope,
    name: &str,
    add: &mut dyn FnMut(TagValueType, String),
) {
    let keys: BTreeSet<u32> = columns.names.codes_of(name.as_bytes()).collect();
    if keys.is_empty() {
        return;
    }
    let mut seen = BTreeSet::new();
    for &row in rows {
        let (attrs, owners) = lists(columns, row, scope);
        for at in owners.flat_map(|owner| attrs.of(owner)) {
            if keys.contains(&attrs.key[at]) && seen.insert((attrs.ty[at], attrs.val[at])) {
                add_value(columns.value(attrs, at), add);
            }
        }
    }
}

fn add_value(value: cadenza_model::ValueRef<'_>, add: &mut dyn FnMut(TagValueType, String)) {
    use cadenza_model::ValueRef as V;
    match value {
        V::Str(text) => add(TagValueType::String, text.to_owned()),
        V::Int(number) => add(TagValueType::Int, number.to_string()),
        V::Double(number) => add(TagValueType::Float, float(number)),
        V::Bool(flag) => add(TagValueType::Bool, flag.to_string()),
        V::Array(encoded) => {
            let mut elements = cadenza_model::otlp::any_value::array_elements(encoded);
            // Only arrays of one scalar type are searchable.
            let first = elements.clone().next().map(|first| std::mem::discriminant(&first));
            if elements.all(|element| Some(std::mem::discriminant(&element)) == first) {
                let elements = cadenza_model::otlp::any_value::array_elements(encoded);
                elements.filter(|element| !matches!(element, V::Array(_))).for_each(|e| add_value(e, add));
            }
        }
        V::Absent | V::Empty | V::Map(_) | V::Bytes(_) => {}
    }
}

fn collect_intrinsic(
    columns: &Columns,
    rows: &[u32],
    intrinsic: Intrinsic,
    add: &mut dyn FnMut(TagValueType, String),
) {
    let spans = &columns.spans;
    let mut text = |text: &str| add(TagValueType::String, text.to_owned());
    match intrinsic {
        Intrinsic::Name => rows.iter().for_each(|&row| text(columns.names.str(spans.name[row as usize]))),
        Intrinsic::StatusMessage => {
            rows.iter().for_each(|&row| text(columns.values.str(spans.message[row as usize])))
        }
        Intrinsic::InstrumentationName => rows.iter().for_each(|&row| {
            text(columns.names.str(columns.scopes.name[spans.scope[row as usize] as usize]));
        }),
        Intrinsic::InstrumentationVersion => rows.iter().for_each(|&row| {
            text(columns.names.str(columns.scopes.version[spans.scope[row as usize] as usize]));
        }),
        Intrinsic::EventName => rows.iter().for_each(|&row| {
            spans.events(row as usize).for_each(|event| text(columns.names.str(columns.events.name[event])));
        }),
        Intrinsic::EventTimeSinceStart => rows.iter().for_each(|&row| {
            let start = spans.start_ns[row as usize];
            spans.events(row as usize).for_each(|event| {
                add(TagValueType::Int, columns.events.time_ns[event].wrapping_sub(start).to_string());
            });
        }),
        Intrinsic::RootName | Intrinsic::RootServiceName => {
            let mut traces: BTreeMap<_, Vec<u32>> = BTreeMap::new();
            for &row in rows {
                traces.entry(spans.trace_id[row as usize]).or_default().push(row);
            }
            for rows in traces.values() {
                let root = assemble(columns, rows).root;
                let info = TraceInfo::collect(columns, rows, root);
                if root.is_some() {
                    text(if intrinsic == Intrinsic::RootName { info.root_name } else { info.root_service });
                }
            }
        }
        // Answered by `fixed_values`.
        _ => {}
    }
}
