//! Files that are Parquet, but not as Tempo or we write them.

use crate::{V4_BLOCK, V5_BLOCK, fixture};
use bytes::Bytes;
use cadenza_block::meta::BlockMeta;
use cadenza_block::read::{AttrScope, BlockReader, Cache, Field, Filter, Projection, ReadError, Test};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::printer::print_schema;
use parquet::schema::types::Type;
use std::sync::Arc;

fn open(file: &Bytes) -> Result<BlockReader, ReadError> {
    open_as(V4_BLOCK, file)
}

/// Opens a file under the meta of a block.
fn open_as(block: &str, file: &Bytes) -> Result<BlockReader, ReadError> {
    let mut meta = BlockMeta::parse(&fixture(&format!("{block}/meta.json"))).unwrap();
    meta.size = file.len() as u64;
    meta.footer_size = 0;
    BlockReader::open(Arc::new(meta), Arc::new(file.clone()), &Cache::new(1 << 20))
}

/// The same pages under a footer that has no page index.
fn without_page_index(file: &[u8]) -> Bytes {
    let footer_bytes = u32::from_le_bytes(file[file.len() - 8..][..4].try_into().unwrap()) as usize;
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    reader.try_parse(&Bytes::copy_from_slice(file)).unwrap();
    let parsed = reader.finish().unwrap();
    let mut out = file[..file.len() - 8 - footer_bytes].to_vec();
    let writer = ParquetMetaDataWriter::new(&mut out, &parsed);
    writer.with_preserve_page_index_locations(false).finish().unwrap();
    out.into()
}

#[test]
fn without_a_page_index_every_answer_is_the_same() {
    let with = Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet")));
    let without = without_page_index(&with);
    let (with, without) = (open(&with).unwrap(), open(&without).unwrap());
    assert_eq!(with.rows().unwrap(), without.rows().unwrap());
    let rows: Vec<u32> = (0..with.rows().unwrap()).collect();
    let all = |block: &BlockReader| block.read_traces(&rows, &Projection::full()).unwrap();
    let (left, right) = (all(&with), all(&without));
    assert_eq!(left.trace_ends, right.trace_ends);
    for (i, id) in left.columns.spans.trace_id.iter().enumerate() {
        assert_eq!(*id, right.columns.spans.trace_id[i]);
        assert_eq!(with.find_trace(id).unwrap(), without.find_trace(id).unwrap());
    }
    for key in ["process.name", "service.name", "nowhere"] {
        for scope in [AttrScope::Span, AttrScope::Resource] {
            let filter = Filter::Is(Field::attr(scope, key), Test::Exists);
            let found = |block: &BlockReader| block.candidates(&filter, 0..u64::MAX).unwrap().rows;
            assert_eq!(found(&with), found(&without), "{key}");
        }
    }
}

/// A file without rows whose schema is that of Tempo's block after `change`.
fn with_schema(block: &str, change: impl FnOnce(String) -> String) -> Result<BlockReader, ReadError> {
    let tempo = Bytes::from(fixture(&format!("{block}/data.parquet")));
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse(&tempo).unwrap();
    let mut text = Vec::new();
    print_schema(&mut text, reader.finish().unwrap().file_metadata().schema());
    let schema: Type = parse_message_type(&change(String::from_utf8(text).unwrap())).unwrap();
    let mut out = Vec::new();
    let properties = Arc::new(WriterProperties::default());
    SerializedFileWriter::new(&mut out, Arc::new(schema), properties).unwrap().close().unwrap();
    open_as(block, &out.into())
}

#[test]
fn leaves_that_differ_are_refused_by_name() {
    let check = |block: &str, change: fn(String) -> String, expected: &str| {
        let error = with_schema(block, change).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    for block in [V4_BLOCK, V5_BLOCK] {
        check(
            block,
            |schema| {
                let end = schema.rfind('}').unwrap();
                format!("{}  OPTIONAL INT64 Extra;\n}}\n", &schema[..end])
            },
            "Extra INT64",
        );
        check(block, |schema| schema.replacen("TraceID;", "TraceIdentity;", 1), "TraceIdentity");
        check(
            block,
            |schema| schema.replacen("INT64", "DOUBLE", 1).replacen(" (INTEGER(64,false))", "", 1),
            "DOUBLE",
        );
    }
    // A spare that the meta knows nothing of, and one that the meta names and the file lacks.
    check(
        V5_BLOCK,
        |schema| schema.replacen("String04 (STRING);", "String04 (STRING); REPEATED INT64 Int01;", 1),
        "found rs.Resource.DedicatedAttributes.Int01 INT64 with levels 2/2",
    );
    check(
        V5_BLOCK,
        |schema| {
            let at = schema.find("String04").unwrap();
            let line = schema[..at].rfind('\n').unwrap();
            let end = at + schema[at..].find('\n').unwrap();
            format!("{}{}", &schema[..line], &schema[end..])
        },
        "expected rs.Resource.DedicatedAttributes.String04 BYTE_ARRAY with levels 2/2",
    );
}

#[test]
fn the_schema_as_it_is_is_accepted() {
    for block in [V4_BLOCK, V5_BLOCK] {
        assert_eq!(with_schema(block, |schema| schema).unwrap().rows().unwrap(), 0);
    }
}

#[test]
fn a_file_of_another_version_than_its_meta_says_is_refused() {
    let data = Bytes::from(fixture(&format!("{V4_BLOCK}/data.parquet")));
    let error = open_as(V5_BLOCK, &data).unwrap_err().to_string();
    assert!(error.starts_with("leaf 7: expected ServiceStats.ServiceName BYTE_ARRAY"), "{error}");
    assert!(error.contains("found ServiceStats.key_value.key"), "{error}");
}
