//! Names and values of attributes, as far as a lenient filter and the range say.
//!
//! Blocks answer from dictionaries and pages where these tell which spans pass, else row by row.

use crate::pushdown::{exact_filter, fields, filter};
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{
    Inspected, Missing, QueryError, QueryLimits, TagNamesAnswer, TagNamesRequest, TagScope, TagSelector,
    TagValueType, TagValuesAnswer, TagValuesRequest, TimeRange,
};
use cadenza_block::read::{BlockReader, Filter, Projection, ReadError};
use cadenza_block::schema::Owner;
use cadenza_model::tree::assemble;
use cadenza_model::{Attrs, Columns};
use cadenza_store::StoredBlock;
use cadenza_traceql::ast::{self, Intrinsic, Scope};
use cadenza_traceql::plan::{Condition, condition, is_span_local};
use cadenza_traceql::{Program, TraceInfo, condition_groups, lenient_filter, parse_tag};
use cadenza_wal::Sections;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Rows of a block read at once.
const CHUNK_ROWS: usize = 1024;

/// Rows that pass the request's filter, in columns.
struct Wanted {
    condition: Condition,
    /// For blocks, if it is not a superset only.
    exact: Option<Filter>,
    program: Program,
}

impl Wanted {
    fn new(text: &str, groups_max: usize) -> Result<Self, QueryError> {
        let found = lenient_filter(text);
        if let Some(found) = &found
            && groups_max > 0
            && condition_groups(&found.expr) > groups_max as u64
        {
            return Err(QueryError::ConditionGroups { max: groups_max });
        }
        let (pushed, is_exact) = match &found {
            Some(found) => condition(&found.expr),
            None => (Condition::True, true),
        };
        let exact = exact_filter(&pushed).filter(|_| is_exact);
        // Exactly, where a span can answer alone; else by what a span can answer.
        let program = found.and_then(|found| Program::compile_filter(&found).ok());
        let program = program.filter(|program| program.fields().all(is_span_local));
        let program = program.unwrap_or_else(|| Program::compile_condition(&pushed));
        Ok(Self { condition: pushed, exact, program })
    }

    fn rows(&self, columns: &Columns, rows: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut bound = self.program.bind(columns);
        rows.filter(|&row| bound.matches_row(row)).collect()
    }
}

/// A walk over everything in range.
struct Walk<'a> {
    snapshot: &'a Snapshot,
    wanted: &'a Wanted,
    range: &'a TimeRange,
    /// Newest blocks looked at; 0 for all.
    blocks_max: usize,
    projection: &'a Projection,
    budget: &'a Budget,
    missing: Missing,
    inspected: Inspected,
}

/// Takes what passes; false ends the walk.
trait Collect {
    /// Rows in columns.
    fn rows(&mut self, columns: &Columns, rows: &[u32]) -> bool;

    /// A block, without reading rows; `None` if that cannot be.
    fn block(
        &mut self,
        reader: &BlockReader,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<bool>, ReadError>;
}

impl<'a> Walk<'a> {
    fn new(
        snapshot: &'a Snapshot,
        limits: &QueryLimits,
        wanted: &'a Wanted,
        range: &'a TimeRange,
        projection: &'a Projection,
        budget: &'a Budget,
    ) -> Self {
        let (missing, inspected) = (Missing::default(), Inspected::default());
        Self {
            snapshot,
            wanted,
            range,
            blocks_max: limits.tag_blocks_max,
            projection,
            budget,
            missing,
            inspected,
        }
    }

    fn run(&mut self, collect: &mut dyn Collect) -> Result<(), QueryError> {
        if !self.live(collect)? {
            return Ok(());
        }
        let blocks_max = if self.blocks_max == 0 { usize::MAX } else { self.blocks_max };
        let snapshot = self.snapshot;
        let range = *self.range;
        let in_range = snapshot.blocks.iter().filter(|block| {
            let end_ns = block.meta().end_time.ns().saturating_add(999_999_999);
            range.overlaps(block.meta().start_time.ns(), end_ns)
        });
        for block in in_range.take(blocks_max) {
            if !self.block(block, collect)? {
                break;
            }
        }
        Ok(())
    }

    fn live(&mut self, collect: &mut dyn Collect) -> Result<bool, QueryError> {
        let Some(live) = &self.snapshot.live else { return Ok(true) };
        self.inspected.jobs += 1;
        for frame in
            live.frames().iter().filter(|frame| self.range.overlaps(frame.start_ns(), frame.end_ns()))
        {
            self.budget.check()?;
            match live.read(frame, Sections::ALL) {
                Ok(columns) => {
                    let rows = self.wanted.rows(&columns, frame.live_rows());
                    if !collect.rows(&columns, &rows) {
                        return Ok(false);
                    }
                }
                Err(error) => self.missing.note(format!("write-ahead log: {error}")),
            }
        }
        self.inspected.jobs_done += 1;
        Ok(true)
    }

    fn block(&mut self, block: &StoredBlock, collect: &mut dyn Collect) -> Result<bool, QueryError> {
        self.inspected.blocks += 1;
        self.inspected.jobs += 1;
        self.inspected.block_bytes += block.meta().size;
        let block_id = block.meta().block_id;
        let pushed = filter(&self.wanted.condition);
        let window = self.range.start_ns()..self.range.end_ns();
        let found = block.reader().map_err(|error| error.to_string()).and_then(|reader| {
            let whole = match &self.wanted.exact {
                Some(exact) => collect.block(&reader, exact, &window).map_err(|error| error.to_string())?,
                None => None,
            };
            if let Some(goes_on) = whole {
                return Ok(Err(goes_on));
            }
            let rows = reader.candidates(&pushed, window).map_err(|error| error.to_string())?;
            Ok(Ok((reader, rows.rows)))
        });
        let (reader, rows) = match found {
            Ok(Ok(found)) => found,
            Ok(Err(goes_on)) => {
                self.inspected.jobs_done += 1;
                return Ok(goes_on);
            }
            Err(error) => {
                self.missing.note(format!("block {block_id}: {error}"));
                return Ok(true);
            }
        };
        for chunk in rows.chunks(CHUNK_ROWS) {
            self.budget.check()?;
            match reader.read_traces(chunk, self.projection) {
                Ok(read) => {
                    self.inspected.bytes += read.columns.memory_bytes() as u64;
                    let rows = self.wanted.rows(&read.columns, 0..read.columns.spans.len() as u32);
                    if !collect.rows(&read.columns, &rows) {
                        return Ok(false);
                    }
                }
                Err(error) => self.missing.note(format!("block {block_id}: {error}")),
            }
        }
        self.inspected.jobs_done += 1;
        Ok(true)
    }
}

fn owner(scope: TagScope) -> Option<Owner> {
    Some(match scope {
        TagScope::Resource => Owner::Resource,
        TagScope::Span => Owner::Span,
        TagScope::Event => Owner::Event,
        TagScope::Link => Owner::Link,
        TagScope::Instrumentation => Owner::Scope,
        TagScope::Intrinsic => return None,
    })
}

/// The attribute lists of a span's row in a scope: (set, owner) pairs.
fn lists(columns: &Columns, row: u32, scope: TagScope) -> (&Attrs, std::ops::Range<usize>) {
    let row = row as usize;
    let one = |at: usize| at..at + 1;
    match scope {
        TagScope::Resource => (&columns.resource_attrs, one(columns.resource_of(row))),
        TagScope::Instrumentation => (&columns.scope_attrs, one(columns.spans.scope[row] as usize)),
        TagScope::Event => (&columns.event_attrs, columns.spans.events(row)),
        TagScope::Link => (&columns.link_attrs, columns.spans.links(row)),
        TagScope::Span | TagScope::Intrinsic => (&columns.span_attrs, one(row)),
    }
}

/// Names of what is no attribute, in Tempo's order.
const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

/// An empty service name is none: blocks have one column for both.
fn is_lost(scope: TagScope, name: &str, value: cadenza_model::ValueRef<'_>) -> bool {
    scope == TagScope::Resource && matches!(value, cadenza_model::ValueRef::Str("")) && name == "service.name"
}

/// Attribute names by scope.
pub(crate) fn names(
    snapshots: &[(Snapshot, QueryLimits)],
    request: &TagNamesRequest,
    budget: &Budget,
) -> Result<TagNamesAnswer, QueryError> {
    let mut answer = TagNamesAnswer::default();
    let scopes = request.scopes.iter().filter_map(|&scope| Some((scope, owner(scope)?))).collect();
    let mut names = Names { scopes, found: BTreeMap::new(), bytes: 0, bytes_max: 0 };
    for (snapshot, limits) in snapshots {
        answer.missing.add(snapshot.missing());
        let wanted = Wanted::new(&request.query, limits.tag_groups_max)?;
        let touched: Vec<_> = wanted.program.fields().flat_map(fields).collect();
        let owners = names.scopes.iter().map(|(_, owner)| *owner);
        let projection = owners.fold(Projection::fields(&touched), Projection::with_attributes);
        (names.bytes, names.bytes_max) = (0, limits.tag_bytes_max);
        let mut walk = Walk::new(snapshot, limits, &wanted, &request.range, &projection, budget);
        walk.run(&mut names)?;
        answer.missing.add(walk.missing);
        answer.inspected.add(&walk.inspected);
    }
    for (scope, names) in names.found.into_iter().filter(|(_, names)| !names.is_empty()) {
        let limit = if request.limit_per_scope == 0 { usize::MAX } else { request.limit_per_scope };
        answer.scopes.push((scope, names.into_iter().take(limit).collect()));
    }
    if request.scopes.contains(&TagScope::Intrinsic) {
        answer.scopes.push((TagScope::Intrinsic, INTRINSICS.iter().map(|&name| name.to_owned()).collect()));
    }
    Ok(answer)
}

/// Names found so far.
struct Names {
    scopes: Vec<(TagScope, Owner)>,
    found: BTreeMap<TagScope, BTreeSet<String>>,
    /// Of the tenant's names.
    bytes: usize,
    /// 0 for no bound.
    bytes_max: usize,
}

impl Names {
    fn goes_on(&self) -> bool {
        self.bytes_max == 0 || self.bytes < self.bytes_max
    }
}

impl Collect for Names {
    fn rows(&mut self, columns: &Columns, rows: &[u32]) -> bool {
        for &(scope, _) in &self.scopes {
            let names = self.found.entry(scope).or_default();
            // Names repeat: look at each key code once.
            let mut seen = BTreeSet::new();
            for &row in rows {
                let (attrs, owners) = lists(columns, row, scope);
                for at in owners.flat_map(|owner| attrs.of(owner)) {
                    if seen.contains(&attrs.key[at]) {
                        continue;
                    }
                    let name = columns.key(attrs, at);
                    if is_lost(scope, name, columns.value(attrs, at)) {
                        continue;
                    }
                    seen.insert(attrs.key[at]);
                    if !names.contains(name) {
                        self.bytes += name.len();
                        names.insert(name.to_owned());
                    }
                }
            }
        }
        self.goes_on()
    }

    fn block(
        &mut self,
        reader: &BlockReader,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<bool>, ReadError> {
        let owners: Vec<Owner> = self.scopes.iter().map(|(_, owner)| *owner).collect();
        let Some(found) = reader.attribute_names(&owners, filter, window)? else { return Ok(None) };
        for ((scope, _), new) in self.scopes.iter().zip(found) {
            let names = self.found.entry(*scope).or_default();
            for name in new {
                let length = name.len();
                self.bytes += if names.insert(name) { length } else { 0 };
            }
        }
        Ok(Some(self.goes_on()))
    }
}

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
    /// The size cap is on the answer: a value that repeats counts once.
    fn add(&mut self, kind: TagValueType, text: String) {
        let length = text.len();
        if self.found.insert((kind, text)) {
            self.bytes += length;
        }
    }

    fn goes_on(&self) -> bool {
        let enough = self.limit > 0 && self.found.len() >= self.limit;
        !enough && (self.bytes_max == 0 || self.bytes < self.bytes_max)
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
