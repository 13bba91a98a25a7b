//! What Tempo made of the fixtures' OTLP and what we make of it are the same rows.

use crate::{V4_BLOCK, V5_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::meta::BlockMeta;
use cadenza_block::schema::Version;
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_model::{Columns, TenantId, otlp};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use std::collections::BTreeMap;

/// The fixtures' requests, decoded.
pub(crate) fn fixture_columns() -> Columns {
    let mut columns = Columns::new();
    let input = fixture("input.binpb");
    let mut rest = &input[..];
    while !rest.is_empty() {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = rest[0];
            rest = &rest[1..];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        otlp::decode(&rest[..length], &mut columns).unwrap();
        rest = &rest[length..];
    }
    // Tempo's default `max_attribute_bytes`, which it had when it wrote the fixtures.
    columns.cut_attributes(2048).unwrap();
    columns
}

/// Tempo's meta and what we make of the same spans.
fn built(path: &str) -> (BlockMeta, BuiltBlock) {
    let tempo = BlockMeta::parse(&fixture(&format!("{path}/meta.json"))).unwrap();
    let options = WriteOptions {
        version: Version::parse(&tempo.format).unwrap(),
        ..WriteOptions::new(tempo.block_id, TenantId::single())
    };
    let block = build(&fixture_columns(), &options).unwrap();
    (tempo, block)
}

pub(crate) fn rows(file: Bytes) -> Vec<Field> {
    let reader = SerializedFileReader::new(file).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| Field::Group(row.unwrap())).collect()
}

/// Fields whose numbers follow the order of spans.
const NESTED: [&str; 3] = ["ParentID", "NestedSetLeft", "NestedSetRight"];
/// Lists whose order is the writer's choice.
const UNORDERED: [&str; 4] = ["rs", "ss", "Spans", "ServiceStats"];

/// The row as text, in one order whatever the writer's was.
pub(crate) fn canonical(name: &str, field: &Field, out: &mut String) {
    let elements = |list: &[Field]| -> Vec<String> {
        let mut texts: Vec<String> = list
            .iter()
            .map(|element| {
                let mut text = String::new();
                canonical("", element, &mut text);
                text
            })
            .collect();
        if UNORDERED.contains(&name) {
            texts.sort();
        }
        texts
    };
    match field {
        Field::Group(row) => {
            out.push_str("{\n");
            for (name, field) in row.get_column_iter() {
                if !NESTED.contains(&name.as_str()) {
                    out.push_str(name);
                    out.push('=');
                    canonical(name, field, out);
                    out.push('\n');
                }
            }
            out.push('}');
        }
        Field::ListInternal(list) => out.push_str(&elements(list.elements()).join("; ")),
        Field::MapInternal(map) => {
            let entries: BTreeMap<String, String> =
                map.entries().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            out.push_str(&format!("{entries:?}"));
        }
        Field::Bytes(bytes) => out.push_str(&format!("{:02x?}", bytes.data())),
        other => out.push_str(&other.to_string()),
    }
}

fn rows_equal(path: &str) {
    let ours = rows(built(path).1.data);
    let tempos = rows(Bytes::from(fixture(&format!("{path}/data.parquet"))));
    assert_eq!(ours.len(), tempos.len());
    for (ours, tempos) in ours.iter().zip(&tempos) {
        let (mut left, mut right) = (String::new(), String::new());
        canonical("", ours, &mut left);
        canonical("", tempos, &mut right);
        if left.contains("RootSpanName=\"\"") {
            // Without a root there is no tree, but Tempo leaves the counts of the row it wrote before.
            let without = |text: &str| {
                text.lines().filter(|line| !line.starts_with("ChildCount=")).collect::<Vec<_>>().join("\n")
            };
            (left, right) = (without(&left), without(&right));
        }
        if left != right {
            let mut differ = left.lines().zip(right.lines()).filter(|(a, b)| a != b);
            let cut = |line: &str| line.chars().take(300).collect::<String>();
            let id = left.lines().find(|line| line.starts_with("TraceIDText")).map(cut);
            panic!("{id:?} {:?}", differ.next().map(|(a, b)| (cut(a), cut(b))));
        }
    }
}

#[test]
fn rows_of_v4_equal_tempos() {
    rows_equal(V4_BLOCK);
}

#[test]
fn rows_of_v5_equal_tempos() {
    rows_equal(V5_BLOCK);
}

fn metas_equal(path: &str) {
    let (tempo, block) = built(path);
    let times = (tempo.start_time.seconds(), tempo.end_time.seconds());
    assert_eq!((block.meta.start_time.seconds(), block.meta.end_time.seconds()), times);
    let same = BlockMeta {
        start_time: tempo.start_time,
        end_time: tempo.end_time,
        size: tempo.size,
        footer_size: tempo.footer_size,
        is_ours: false,
        ..block.meta.clone()
    };
    assert_eq!(same, tempo);
    assert_eq!(block.meta.size, block.data.len() as u64);
    assert_eq!(block.index, fixture(&format!("{path}/index")));
    assert_eq!(block.blooms, [fixture(&format!("{path}/bloom-0"))]);
}

#[test]
fn metas_equal_tempos() {
    metas_equal(V4_BLOCK);
    metas_equal(V5_BLOCK);
}
