//! Merged blocks against what they were merged from, read by the stock reader.

use crate::interchange::{canonical, fixture_columns, rows};
use crate::random::{self, Rng, Shape};
use crate::{V4_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::bloom;
use cadenza_block::merge::{Input, MergeError, MergeOptions, Merged, merge};
use cadenza_block::meta::BlockMeta;
use cadenza_block::read::{BlockReader, Cache, Projection, RangeRead};
use cadenza_block::schema::Version;
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_model::{Columns, SpanId, TenantId, TraceId};
use parquet::record::Field;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

const OUTPUT: Uuid = Uuid::from_u128(0xffff);

fn options(row_group_spans_max: usize) -> MergeOptions {
    MergeOptions { row_group_spans_max, ..MergeOptions::new(OUTPUT, TenantId::single()) }
}

fn input(block: &BuiltBlock) -> Input {
    Input { meta: Arc::new(block.meta.clone()), data: Arc::new(block.data.clone()) }
}

fn block(number: u128, columns: &Columns) -> BuiltBlock {
    block_of(Version::V4, number, columns)
}

fn block_of(version: Version, number: u128, columns: &Columns) -> BuiltBlock {
    let options = WriteOptions::new(Uuid::from_u128(number), TenantId::single());
    build(columns, &WriteOptions { version, ..options }).expect("a block")
}

fn merged(blocks: &[BuiltBlock], row_group_spans_max: usize) -> (Merged, Bytes) {
    let mut data = Vec::new();
    let inputs = blocks.iter().map(input).collect();
    let merged = merge(inputs, &options(row_group_spans_max), &mut data).expect("a merged block");
    (merged, data.into())
}

/// Spans with ids of their own, and without dropped counts of what they share: among equal ids and among
/// equal resources the first one wins, and which is first depends on how they were stored.
fn columns(seed: u64, shape: Shape) -> Columns {
    let mut columns = random::columns(seed, shape);
    (1..).zip(&mut columns.spans.span_id).for_each(|(number, id)| *id = SpanId(number));
    columns.resources.dropped_attributes.fill(0);
    columns.scopes.dropped_attributes.fill(0);
    columns
}

/// Rows of each of `parts` blocks; most traces lie in one, some are split, some of their spans are twice.
fn deal(columns: &Columns, parts: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut rng = Rng(seed);
    let mut homes = HashMap::<TraceId, Option<usize>>::new();
    let mut out = vec![Vec::new(); parts];
    for (row, &id) in (0..).zip(&columns.spans.trace_id) {
        let home = *homes.entry(id).or_insert_with(|| (rng.below(3) > 0).then(|| rng.below(parts)));
        out[home.unwrap_or_else(|| rng.below(parts))].push(row);
        if home.is_none() && rng.below(4) == 0 {
            out[rng.below(parts)].push(row);
        }
    }
    out.iter_mut().for_each(|rows| rows.dedup());
    out
}

/// A row as text, without what follows the order of arrival.
fn text(row: &Field) -> String {
    let mut out = String::new();
    canonical("", row, &mut out);
    let arrival = |line: &&str| !line.starts_with("RootSpanName") && !line.starts_with("RootServiceName");
    out.lines().filter(arrival).collect::<Vec<_>>().join("\n")
}

fn id_of(row: &Field) -> Vec<u8> {
    let Field::Group(row) = row else { panic!("{row:?}") };
    let id = row.get_column_iter().find(|(name, _)| *name == "TraceID");
    let Some((_, Field::Bytes(id))) = id else { panic!("{id:?}") };
    id.data().to_vec()
}

/// All spans, those of split traces once.
fn whole(columns: &Columns, parts: &[Vec<u32>]) -> (Columns, HashSet<TraceId>, usize) {
    let mut holders = BTreeMap::<TraceId, HashSet<usize>>::new();
    for (part, rows) in parts.iter().enumerate() {
        for &row in rows {
            holders.entry(columns.spans.trace_id[row as usize]).or_default().insert(part);
        }
    }
    let split: HashSet<TraceId> =
        holders.iter().filter(|(_, parts)| parts.len() > 1).map(|(id, _)| *id).collect();
    let mut all = Columns::new();
    for rows in parts {
        all.append_rows(columns, rows).expect("within 32 bits");
    }
    let mut seen = HashSet::new();
    let spans = &all.spans;
    let keep: Vec<bool> = (0..spans.len())
        .map(|row| {
            let id = spans.trace_id[row];
            !split.contains(&id) || seen.insert((id, spans.span_id[row], spans.kind[row]))
        })
        .collect();
    let dropped = keep.iter().filter(|keep| !**keep).count();
    all.retain_rows(|row| keep[row]);
    (all, split, dropped)
}

fn check(seed: u64, shape: Shape, parts: usize, row_group_spans_max: usize) {
    for version in Version::ALL {
        check_version(version, seed, shape, parts, row_group_spans_max);
    }
}

fn check_version(version: Version, seed: u64, shape: Shape, parts: usize, row_group_spans_max: usize) {
    let columns = columns(seed, shape);
    let mut parts = deal(&columns, parts, seed);
    parts.retain(|rows| !rows.is_empty());
    let blocks: Vec<BuiltBlock> = (1..)
        .zip(&parts)
        .map(|(number, rows)| {
            let mut part = Columns::new();
            part.append_rows(&columns, rows).expect("within 32 bits");
            block_of(version, number, &part)
        })
        .collect();
    let (merged, data) = merged(&blocks, row_group_spans_max);

    let (all, split, dropped) = whole(&columns, &parts);
    assert_eq!((merged.combined_traces, merged.deduped_spans), (split.len() as u64, dropped as u64));
    assert_eq!(merged.spans, all.spans.len() as u64);
    let expect = rows(block_of(version, 9, &all).data);
    let found = rows(data.clone());
    assert_eq!(found.len(), expect.len(), "seed {seed}");
    let sources: HashMap<Vec<u8>, Field> =
        blocks.iter().flat_map(|block| rows(block.data.clone())).map(|row| (id_of(&row), row)).collect();
    for (found, expect) in found.iter().zip(&expect) {
        assert_eq!(text(found), text(expect), "seed {seed}");
        let id = id_of(found);
        if !split.contains(&TraceId(id[..].try_into().expect("16 bytes"))) {
            let same = format!("{found:?}") == format!("{:?}", sources[&id]);
            assert!(same, "seed {seed}: a row of one input is copied as it is");
        }
    }

    let meta = &merged.meta;
    assert_eq!((meta.size, meta.block_id), (data.len() as u64, OUTPUT));
    assert_eq!(meta.total_objects, found.len() as u64);
    let tail: [u8; 4] = data[data.len() - 8..][..4].try_into().expect("four bytes");
    assert_eq!(meta.footer_size, u32::from_le_bytes(tail));
    assert_eq!(meta.compaction_level, 1);
    let starts = blocks.iter().map(|block| block.meta.start_time).min();
    let ends = blocks.iter().map(|block| block.meta.end_time).max();
    assert_eq!((Some(meta.start_time), Some(meta.end_time)), (starts, ends));
    let shards: Vec<_> =
        merged.blooms.iter().map(|shard| bloom::Shard::parse(shard.clone()).expect("a shard")).collect();
    let reader =
        BlockReader::open(Arc::new(meta.clone()), Arc::new(data), &Cache::new(1 << 20)).expect("a block");
    for row in &found {
        let id = TraceId(id_of(row)[..].try_into().expect("16 bytes"));
        assert!(shards[bloom::shard_of(&id, meta.bloom_shards()) as usize].may_contain(&id));
        assert!(reader.find_trace(&id).expect("readable").is_some());
    }
    let index: serde_json::Value = serde_json::from_slice(&merged.index).expect("json");
    assert_eq!(index["rowGroups"].as_array().map(Vec::len), Some(meta.total_records as usize));
}

const SMALL: Shape = Shape { traces: 6, spans: 40, attrs: 5, values: 4, long: 10 };

#[test]
fn every_span_of_every_block_is_there_once() {
    for seed in 0..60 {
        check(seed, SMALL, 2 + seed as usize % 4, usize::MAX);
    }
}

#[test]
fn rows_of_many_pages_and_row_groups() {
    check(1, Shape { traces: 3000, spans: 6000, attrs: 3, values: 50, long: 10 }, 4, usize::MAX);
    check(2, Shape { traces: 400, spans: 3000, attrs: 6, values: 0, long: 10 }, 3, 500);
    check(3, Shape { traces: 3, spans: 6000, attrs: 14, values: 300, long: 100 }, 3, usize::MAX);
}

#[test]
fn one_block_alone_becomes_a_level_higher_with_the_same_rows() {
    let columns = columns(5, Shape { traces: 300, ..SMALL });
    let before = block(1, &columns);
    let (merged, data) = merged(std::slice::from_ref(&before), usize::MAX);
    assert_eq!(rows(data), rows(before.data));
    assert_eq!((merged.combined_traces, merged.deduped_spans), (0, 0));
}

#[test]
fn merged_blocks_merge_again() {
    let columns = columns(6, Shape { traces: 200, spans: 900, attrs: 4, values: 20, long: 10 });
    let parts = deal(&columns, 4, 6);
    let blocks: Vec<BuiltBlock> = (1..)
        .zip(&parts)
        .map(|(number, rows)| {
            let mut part = Columns::new();
            part.append_rows(&columns, rows).expect("within 32 bits");
            block(number, &part)
        })
        .collect();
    let pair = |blocks: &[BuiltBlock], number: u128| {
        let (merged, data) = merged(blocks, 100);
        let meta = BlockMeta { block_id: Uuid::from_u128(number), ..merged.meta };
        BuiltBlock { meta, data, blooms: merged.blooms, index: merged.index }
    };
    let (left, right) = (pair(&blocks[..2], 11), pair(&blocks[2..], 12));
    let (at_once, direct) = merged(&blocks, usize::MAX);
    let (twice, indirect) = merged(&[left, right], usize::MAX);
    assert_eq!(twice.meta.compaction_level, 2);
    assert_eq!(at_once.spans, twice.spans);
    let texts = |data: Bytes| rows(data).iter().map(text).collect::<Vec<_>>();
    assert_eq!(texts(direct), texts(indirect));
}

#[test]
fn the_order_in_which_inputs_are_named_changes_no_byte() {
    let columns = columns(7, Shape { traces: 50, spans: 300, ..SMALL });
    let blocks: Vec<BuiltBlock> = (1..)
        .zip(deal(&columns, 3, 7))
        .map(|(number, rows)| {
            let mut part = Columns::new();
            part.append_rows(&columns, &rows).expect("within 32 bits");
            block(number, &part)
        })
        .collect();
    let backwards: Vec<BuiltBlock> = blocks.iter().rev().cloned().collect();
    let ((one, left), (other, right)) = (merged(&blocks, 90), merged(&backwards, 90));
    assert_eq!(left, right);
    assert_eq!((one.meta, one.blooms, one.index), (other.meta, other.blooms, other.index));
}

#[test]
fn a_block_of_tempos_merges_with_ours_of_the_same_spans() {
    let meta = BlockMeta::parse(&fixture(&format!("{V4_BLOCK}/meta.json"))).expect("a meta");
    let data = Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet")));
    let spans = fixture_columns();
    let ours = block(1, &spans);
    let tempos = BuiltBlock { meta, data: data.clone(), blooms: Vec::new(), index: Bytes::new() };
    let (merged, output) = merged(&[ours, tempos], usize::MAX);
    // The fixtures hold spans that were sent twice: each is there once now.
    let seen = (0..spans.spans.len()).map(|row| {
        let spans = &spans.spans;
        (spans.trace_id[row], spans.span_id[row], spans.kind[row])
    });
    let distinct = seen.collect::<HashSet<_>>().len() as u64;
    assert_eq!((merged.meta.total_objects, merged.spans), (rows(data).len() as u64, distinct));
    let reader = BlockReader::open(Arc::new(merged.meta), Arc::new(output), &Cache::new(1 << 20));
    let reader = reader.expect("a block");
    let all: Vec<u32> = (0..reader.rows().expect("a footer")).collect();
    let read = reader.read_traces(&all, &Projection::full()).expect("readable");
    assert_eq!(read.columns.spans.len() as u64, distinct);
}

/// A file with one bit changed.
struct Flipped(Bytes, usize);

impl RangeRead for Flipped {
    fn read(&self, ranges: &[Range<u64>]) -> std::io::Result<Vec<Bytes>> {
        let mut bytes = self.0.to_vec();
        bytes[self.1] ^= 1 << (self.1 % 8);
        Bytes::from(bytes).read(ranges)
    }
}

#[test]
fn damage_is_an_error_that_names_the_block_or_changes_no_row() {
    let columns = columns(8, Shape { traces: 40, spans: 120, ..SMALL });
    let parts = deal(&columns, 2, 8);
    let blocks: Vec<BuiltBlock> = (1..)
        .zip(&parts)
        .map(|(number, rows)| {
            let mut part = Columns::new();
            part.append_rows(&columns, rows).expect("within 32 bits");
            block(number, &part)
        })
        .collect();
    let (_, sound) = merged(&blocks, usize::MAX);
    let mut refused = 0;
    let mut wrong = Vec::new();
    for at in (0..blocks[1].data.len()).step_by(61) {
        let damaged = Flipped(blocks[1].data.clone(), at);
        let inputs = vec![
            input(&blocks[0]),
            Input { meta: Arc::new(blocks[1].meta.clone()), data: Arc::new(damaged) },
        ];
        let mut data = Vec::new();
        match merge(inputs, &options(usize::MAX), &mut data) {
            Ok(_) if sound == data => {}
            Ok(_) => wrong.push(at),
            Err(MergeError::Read { block_id, .. }) => {
                assert_eq!(block_id, blocks[1].meta.block_id, "byte {at}");
                refused += 1;
            }
            // The damage made traces of no sense, which could not be put together.
            Err(MergeError::Limit { .. } | MergeError::Write(_)) => refused += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert_eq!(wrong, [0; 0], "of {} bytes", blocks[1].data.len());
    assert!(refused > 300, "{refused}");
}

#[test]
fn blocks_that_do_not_belong_together_are_refused_by_name() {
    let columns = columns(9, SMALL);
    let one = block(1, &columns);
    let check = |change: &dyn Fn(&mut BlockMeta), expect: &str| {
        let mut other = block(2, &columns);
        change(&mut other.meta);
        let error = merge(vec![input(&one), input(&other)], &options(usize::MAX), Vec::new());
        assert_eq!(error.expect_err("refused").to_string(), expect);
    };
    let id = "00000000-0000-0000-0000-000000000002";
    let differs =
        |what: &str| format!("block {id} has another {what} than the blocks it was to be merged with");
    check(&|meta| meta.tenant_id = "other".to_owned(), &differs("tenant"));
    check(&|meta| meta.format = "vParquet9".to_owned(), &differs("version"));
    check(&|meta| meta.replication_factor = 3, &differs("replication factor"));
    check(&|meta| drop(meta.dedicated_columns.pop()), &differs("dedicated columns"));
    check(
        &|meta| meta.block_id = Uuid::from_u128(1),
        "block 00000000-0000-0000-0000-000000000001 is named twice",
    );
    let none = merge(Vec::new(), &options(1), Vec::new()).expect_err("refused");
    assert_eq!(none.to_string(), "a merge needs at least one block");
}
