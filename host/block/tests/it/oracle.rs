//! Our pages against a slow, obvious encoding, read back by the stock reader.

use crate::random::{KEYS, Rng, Shape, columns};
use crate::rows::{Layout, Node, Value, row_of};
use bytes::Bytes;
use cadenza_block::meta::{
    DedicatedColumn, DedicatedOption, DedicatedScope, DedicatedType, dedicated_default,
};
use cadenza_block::read::{BlockReader, Cache, Projection};
use cadenza_block::schema::{Column, Owner, Schema, ValueKind, Version};
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_model::{Columns, TenantId, TraceId};
use parquet::basic::{Encoding, Repetition};
use parquet::column::reader::ColumnReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// (repetition level, definition level, value)
type Entry = (i16, i16, Option<Value>);

/// The levels at which a node starts.
#[derive(Clone, Copy)]
struct Levels {
    rep: i16,
    def: i16,
    /// Lists around it.
    depth: i16,
}

/// Dremel's shredding by the Parquet schema.
fn shred(ty: &Type, node: Option<&Node>, at: Levels, leaf: &mut usize, out: &mut [Vec<Entry>]) {
    if ty.get_basic_info().has_repetition() && ty.get_basic_info().repetition() == Repetition::REPEATED {
        return shred_list(ty, node, at, leaf, out);
    }
    if !ty.is_primitive() && ty.get_basic_info().logical_type_ref().is_some() {
        // LIST { repeated list { element } } or MAP { repeated key_value { … } }
        let repeated = &ty.get_fields()[0];
        let element = if repeated.name() == "list" { &repeated.get_fields()[0] } else { repeated };
        return shred_list(element, node, at, leaf, out);
    }
    shred_one(ty, node, at, leaf, out);
}

fn shred_list(element: &Type, node: Option<&Node>, at: Levels, leaf: &mut usize, out: &mut [Vec<Entry>]) {
    let elements = match node {
        Some(Node::List(elements)) => &elements[..],
        None => &[],
        other => panic!("{} is {other:?}", element.name()),
    };
    if elements.is_empty() {
        return shred_one(element, None, Levels { depth: at.depth + 1, ..at }, leaf, out);
    }
    let (first, depth) = (*leaf, at.depth + 1);
    for (i, node) in elements.iter().enumerate() {
        *leaf = first;
        let rep = if i == 0 { at.rep } else { depth };
        shred_one(element, Some(node), Levels { rep, def: at.def + 1, depth }, leaf, out);
    }
}

fn shred_one(ty: &Type, node: Option<&Node>, at: Levels, leaf: &mut usize, out: &mut [Vec<Entry>]) {
    if ty.is_primitive() {
        let value = match node {
            Some(Node::Leaf(value)) => value.clone(),
            None => None,
            other => panic!("{} is {other:?}", ty.name()),
        };
        let optional = i16::from(ty.get_basic_info().repetition() == Repetition::OPTIONAL);
        let def = at.def + if value.is_some() { optional } else { 0 };
        out[*leaf].push((at.rep, def, value));
        *leaf += 1;
        return;
    }
    for field in ty.get_fields() {
        let child = match node {
            Some(Node::Group(children)) => {
                Some(&children.iter().find(|child| child.0 == field.name()).expect("a node per field").1)
            }
            None => None,
            other => panic!("{} is {other:?}", ty.name()),
        };
        shred(field, child, at, leaf, out);
    }
}

fn expected(columns: &Columns, layout: &Layout<'_>, schema: &Schema) -> Vec<Vec<Entry>> {
    let mut by_trace = BTreeMap::<TraceId, Vec<usize>>::new();
    for (row, &id) in columns.spans.trace_id.iter().enumerate() {
        by_trace.entry(id).or_default().push(row);
    }
    let mut out = vec![Vec::new(); schema.leaves().len()];
    for (id, rows) in by_trace {
        let row = row_of(columns, id, rows, layout);
        let root = schema.descriptor().root_schema();
        shred_one(root, Some(&row), Levels { rep: 0, def: 0, depth: 0 }, &mut 0, &mut out);
    }
    out
}

/// All entries of all leaves as the stock reader decodes them.
fn stock(file: Bytes) -> (Vec<Vec<Entry>>, usize) {
    let reader = SerializedFileReader::new(file).unwrap();
    let leaves = reader.metadata().file_metadata().schema_descr().num_columns();
    let mut out = vec![Vec::new(); leaves];
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).unwrap();
        for (leaf, out) in out.iter_mut().enumerate() {
            let descriptor = group.metadata().column(leaf).column_descr_ptr();
            let (mut def, mut rep) = (Vec::new(), Vec::new());
            macro_rules! read {
                ($reader:expr, $value:expr) => {{
                    let mut values = Vec::new();
                    $reader.read_records(usize::MAX, Some(&mut def), Some(&mut rep), &mut values).unwrap();
                    values.into_iter().map($value).collect::<Vec<Value>>()
                }};
            }
            let values = match group.get_column_reader(leaf).unwrap() {
                ColumnReader::BoolColumnReader(mut r) => read!(r, Value::Bool),
                ColumnReader::Int32ColumnReader(mut r) => read!(r, |n| Value::Int(n.into())),
                ColumnReader::Int64ColumnReader(mut r) => read!(r, Value::Int),
                ColumnReader::DoubleColumnReader(mut r) => read!(r, |n: f64| Value::Double(n.to_bits())),
                ColumnReader::ByteArrayColumnReader(mut r) => {
                    read!(r, |b: parquet::data_type::ByteArray| Value::Bytes(b.data().to_vec()))
                }
                _ => panic!("{}", descriptor.path()),
            };
            let mut values = values.into_iter();
            if descriptor.max_def_level() == 0 {
                out.extend(values.map(|value| (0, 0, Some(value))));
                continue;
            }
            for (rep, def) in rep.into_iter().zip(def) {
                let present = def == descriptor.max_def_level();
                out.push((rep, def, present.then(|| values.next().unwrap())));
            }
        }
    }
    (out, reader.num_row_groups())
}

/// Dedicated columns as a configuration may list them: every scope, type and option, more than there are spares
/// for, fixed names too, no name twice in a scope.
pub(crate) fn dedicated(seed: u64) -> Vec<DedicatedColumn> {
    let mut rng = Rng(seed);
    let mut list = if rng.below(3) == 0 { dedicated_default() } else { vec![] };
    for _ in 0..rng.below(40) {
        let scopes = [DedicatedScope::Resource, DedicatedScope::Span, DedicatedScope::Event];
        let column = DedicatedColumn {
            scope: scopes[rng.below(3)],
            name: KEYS[rng.below(KEYS.len())].to_owned(),
            ty: if rng.below(3) == 0 { DedicatedType::Int } else { DedicatedType::String },
            options: match rng.below(8) {
                0 => vec![DedicatedOption::Blob],
                1 => vec![DedicatedOption::Array],
                2 => vec![DedicatedOption::Array, DedicatedOption::Blob],
                _ => vec![],
            },
        };
        let twice = |other: &DedicatedColumn| (other.scope, &other.name) == (column.scope, &column.name);
        if !column.name.is_empty() && !list.iter().any(twice) {
            list.push(column);
        }
    }
    list
}

fn check(seed: u64, shape: Shape, group_spans: usize) -> BuiltBlock {
    check_version(Version::V5, seed, shape, group_spans);
    check_version(Version::V4, seed, shape, group_spans)
}

fn check_version(version: Version, seed: u64, shape: Shape, group_spans: usize) -> BuiltBlock {
    let columns = columns(seed, shape);
    let mut options = WriteOptions::new(uuid::Uuid::from_u128(7), TenantId::single());
    options.version = version;
    options.dedicated_columns = dedicated(seed);
    options.row_group_spans_max = group_spans;
    let block = build(&columns, &options).unwrap();
    let schema = block.meta.schema().unwrap();
    let layout = Layout { version, dedicated: &block.meta.dedicated_columns };
    let expect = expected(&columns, &layout, &schema);
    let (actual, groups) = stock(block.data.clone());
    assert_eq!(actual.len(), expect.len());
    for (leaf, (actual, expect)) in actual.iter().zip(&expect).enumerate() {
        let path = schema.leaves()[leaf].path.string();
        let differ = actual.iter().zip(expect).position(|(a, b)| a != b);
        let differ = differ.map(|at| (&actual[at], &expect[at]));
        assert_eq!(differ, None, "{version} seed {seed}: {path}");
        assert_eq!(actual.len(), expect.len(), "{version} seed {seed}: entries of {path}");
    }
    assert_eq!(block.meta.total_records as usize, groups);
    let traces: std::collections::BTreeSet<_> = columns.spans.trace_id.iter().collect();
    assert_eq!(block.meta.total_objects as usize, traces.len());
    check_own_reader(&block, &columns);
    block
}

/// Our reader finds every trace, and every span once.
fn check_own_reader(block: &BuiltBlock, columns: &Columns) {
    let cache = Cache::new(Cache::BYTES_MAX_DEFAULT);
    let reader =
        BlockReader::open(Arc::new(block.meta.clone()), Arc::new(block.data.clone()), &cache).unwrap();
    let ids: std::collections::BTreeSet<_> = columns.spans.trace_id.iter().collect();
    for (row, id) in ids.into_iter().enumerate().step_by(7) {
        assert_eq!(reader.find_trace(id).unwrap(), Some(row as u32));
    }
    let rows: Vec<u32> = (0..reader.rows().unwrap()).collect();
    let read = reader.read_traces(&rows, &Projection::full().with_derived()).unwrap();
    read.columns.check().unwrap();
    let content = |columns: &Columns| {
        let spans = &columns.spans;
        let mut all: Vec<_> = (0..spans.len())
            .map(|row| {
                let attributes = columns.span_attrs.of(row).len();
                let name = columns.names.get(spans.name[row]).to_vec();
                let (events, links) = (spans.events(row).len(), spans.links(row).len());
                (
                    spans.trace_id[row],
                    spans.span_id[row],
                    spans.start_ns[row],
                    name,
                    attributes,
                    events,
                    links,
                )
            })
            .collect();
        all.sort();
        all
    };
    let (read, sent) = (content(&read.columns), content(columns));
    assert_eq!(read.len(), sent.len());
    for (read, sent) in read.iter().zip(&sent) {
        // A fixed or spare column keeps one of several values of a key.
        assert!(read.4 <= sent.4, "{read:?} of {sent:?}");
        let of = |span: &(TraceId, cadenza_model::SpanId, u64, Vec<u8>, usize, usize, usize)| {
            (span.0, span.1, span.2, span.3.clone())
        };
        assert_eq!(of(read), of(sent));
    }
}

#[test]
fn what_makes_no_block_is_refused_by_name() {
    let options = WriteOptions::new(uuid::Uuid::nil(), TenantId::single());
    let error = build(&Columns::new(), &options).unwrap_err().to_string();
    assert_eq!(error, "a block needs at least one span");
    let options = WriteOptions { bloom_false_positive: 2.0, ..options };
    let error = build(&columns(1, SMALL), &options).unwrap_err().to_string();
    assert_eq!(error, "bloom false positive rate 2 is not between 0 and 1");
}

#[test]
fn the_time_range_is_that_of_the_spans_within_bounds() {
    let mut columns = columns(1, SMALL);
    let spans = &mut columns.spans;
    spans.start_ns.fill(5_000);
    spans.end_ns.fill(9_000);
    (spans.start_ns[0], spans.start_ns[1], spans.end_ns[1]) = (0, 3_000, 20_000);
    let range = |floor, cap| {
        let mut options = WriteOptions::new(uuid::Uuid::nil(), TenantId::single());
        (options.start_floor_ns, options.end_cap_ns) = (floor, cap);
        let meta = build(&columns, &options).unwrap().meta;
        (meta.start_time.ns(), meta.end_time.ns())
    };
    assert_eq!(range(0, u64::MAX), (3_000, 20_000));
    assert_eq!(range(4_000, 10_000), (4_000, 10_000));
    assert_eq!(range(30_000, 40_000), (30_000, 30_000));
}

const SMALL: Shape = Shape { traces: 3, spans: 12, attrs: 5, values: 4, long: 10 };

#[test]
fn small_blocks_of_everything() {
    for seed in 0..150 {
        check(seed, SMALL, usize::MAX);
    }
}

#[test]
fn spans_without_attributes() {
    for seed in 0..10 {
        check(seed, Shape { attrs: 0, ..SMALL }, usize::MAX);
    }
    check(1, Shape { traces: 1, spans: 1, ..SMALL }, usize::MAX);
}

#[test]
fn more_rows_than_a_page_holds() {
    check(3, Shape { traces: 3000, spans: 5000, attrs: 3, values: 50, long: 10 }, usize::MAX);
    check(4, Shape { traces: 700, spans: 700, attrs: 1, values: 0, long: 10 }, usize::MAX);
}

#[test]
fn few_large_traces_with_many_attributes() {
    check(5, Shape { traces: 2, spans: 6000, attrs: 14, values: 300, long: 100 }, usize::MAX);
}

#[test]
fn several_row_groups_each_with_its_dictionary() {
    let block = check(6, Shape { traces: 400, spans: 2000, attrs: 6, values: 40, long: 10 }, 600);
    assert!(block.meta.total_records >= 3, "{}", block.meta.total_records);
    let index: serde_json::Value = serde_json::from_slice(&block.index).unwrap();
    assert_eq!(index["rowGroups"].as_array().unwrap().len(), block.meta.total_records as usize);
}

#[test]
fn values_outgrow_the_dictionary() {
    // Spans of up to 3 values, of which some have 128 KiB.
    let shape = Shape { traces: 1500, spans: 9000, attrs: 3, values: 0, long: 1 << 17 };
    let columns = columns(8, shape);
    assert!(columns.values.arena().len() > 16 << 20, "{}", columns.values.arena().len());
    let block = check(8, shape, usize::MAX);
    let reader = SerializedFileReader::new(block.data).unwrap();
    let schema = block.meta.schema().unwrap();
    let value = schema.leaf(Column::AttrValue(Owner::Span, ValueKind::Str)).unwrap();
    let mut pages = reader.get_row_group(0).unwrap().get_column_page_reader(value.index).unwrap();
    let mut encodings = Vec::new();
    while let Some(page) = pages.get_next_page().unwrap() {
        encodings.push(page.encoding());
    }
    // The dictionary itself, pages with codes, pages without.
    encodings.dedup();
    assert_eq!(encodings, [Encoding::PLAIN, Encoding::RLE_DICTIONARY, Encoding::PLAIN]);
}
