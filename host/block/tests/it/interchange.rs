//! What Tempo made of the fixtures' OTLP and what we make of it are the same rows.

use crate::{V4_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::meta::BlockMeta;
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

fn built() -> BuiltBlock {
    let tempo = BlockMeta::parse(&fixture(&format!("{V4_BLOCK}/meta.json"))).unwrap();
    build(&fixture_columns(), &WriteOptions::new(tempo.block_id, TenantId::single())).unwrap()
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

#[test]
fn rows_equal_tempos() {
    let ours = rows(built().data);
    let tempos = rows(Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet"))));
    assert_eq!(ours.len(), tempos.len());
    for (ours, tempos) in ours.iter().zip(&tempos) {
        let (mut left, mut right) = (String::new(), String::new());
        canonical("", ours, &mut left);
        canonical("", tempos, &mut right);
        if left != right {
            let mut differ = left.lines().zip(right.lines()).filter(|(a, b)| a != b);
            let cut = |line: &str| line.chars().take(300).collect::<String>();
            panic!("{:?}", differ.next().map(|(a, b)| (cut(a), cut(b))));
        }
    }
}

#[test]
fn meta_equals_tempos() {
    let tempo = BlockMeta::parse(&fixture(&format!("{V4_BLOCK}/meta.json"))).unwrap();
    let block = built();
    let times = (tempo.start_time.seconds(), tempo.end_time.seconds());
    assert_eq!((block.meta.start_time.seconds(), block.meta.end_time.seconds()), times);
    let same = BlockMeta {
        start_time: tempo.start_time,
        end_time: tempo.end_time,
        size: tempo.size,
        footer_size: tempo.footer_size,
        ..block.meta.clone()
    };
    assert_eq!(same, tempo);
    assert_eq!(block.meta.size, block.data.len() as u64);
    assert_eq!(block.index, fixture(&format!("{V4_BLOCK}/index")));
    assert_eq!(block.blooms, [fixture(&format!("{V4_BLOCK}/bloom-0"))]);
}
