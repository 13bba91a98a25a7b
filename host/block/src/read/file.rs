//! Footer and page index, reduced to what reading needs.

use super::page::{Codec, Physical};
use super::source::PageAt;
use super::{RangeRead, ReadError, ReadStats, io::read_joined};
use crate::meta::BlockMeta;
use crate::schema::{Leaf, Schema};
use cadenza_model::TraceId;
use parquet::basic::{Compression, Encoding, PageType, Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use std::ops::Range;
use std::sync::Arc;

/// Read with the footer on the first try: Tempo's page index of a 64 MB block is about this long.
const TAIL_BYTES: u64 = 96 << 10;

/// Largest footer with page index; Tempo's footers have 20 KB and 1 KB per thousand pages.
const TAIL_BYTES_MAX: u64 = 64 << 20;

/// Most row groups of a file: Tempo cuts them at 100 MB.
const ROW_GROUPS_MAX: usize = 4096;

/// Most rows (traces) of a block: row numbers, with room for sums, are 32-bit.
const ROWS_MAX: u64 = 1 << 30;

/// A file's parts.
#[derive(Debug)]
pub(crate) struct FileIndex {
    pub(crate) row_groups: Vec<RowGroup>,
    pub(crate) rows: u32,
}

#[derive(Debug)]
pub(crate) struct RowGroup {
    /// First row, counted over the file.
    pub(crate) first_row: u32,
    pub(crate) rows: u32,
    /// By leaf.
    pub(crate) chunks: Vec<Chunk>,
    /// Smallest and largest trace id per page of the TraceID leaf; empty if not recorded.
    pub(crate) trace_ids: Vec<(TraceId, TraceId)>,
}

/// One leaf of one row group.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) codec: Codec,
    /// All its pages.
    pub(crate) range: Range<u64>,
    /// Their bytes before compression.
    pub(crate) raw_bytes: u64,
    /// The dictionary page, if there is one.
    pub(crate) dictionary: Option<Range<u64>>,
    /// From the offset index.
    pub(crate) pages: Option<Arc<[PageAt]>>,
    /// The footer says that every data page holds dictionary codes.
    pub(crate) all_codes: bool,
    /// The footer says that there is no value at all.
    pub(crate) is_empty: bool,
}

impl FileIndex {
    /// Heap bytes, roughly.
    pub(crate) fn memory_bytes(&self) -> usize {
        let chunk = |chunk: &Chunk| {
            size_of::<Chunk>() + chunk.pages.as_ref().map_or(0, |pages| pages.len() * size_of::<PageAt>())
        };
        let group =
            |group: &RowGroup| group.chunks.iter().map(chunk).sum::<usize>() + group.trace_ids.len() * 32;
        self.row_groups.iter().map(group).sum()
    }

    /// Reads the end of the file as far as needed.
    pub(crate) fn load(
        meta: &BlockMeta,
        schema: &Schema,
        io: &dyn RangeRead,
        stats: &ReadStats,
    ) -> Result<Self, ReadError> {
        let size = meta.size;
        let mut want = u64::from(meta.footer_size) + 8 + TAIL_BYTES;
        let mut tries = 0;
        loop {
            let start = size.saturating_sub(want);
            let tail = read_joined(io, stats, std::slice::from_ref(&(start..size)))?.swap_remove(0);
            let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
            match reader.try_parse_sized(&tail, size) {
                Ok(()) => {
                    let parsed = reader.finish().map_err(footer)?;
                    return Self::build(&parsed, schema, size);
                }
                Err(ParquetError::NeedMoreData(more)) if start > 0 && tries < 3 => {
                    want = (more as u64).max(want + 1);
                    if want > TAIL_BYTES_MAX {
                        let what = "footer with page index";
                        return Err(ReadError::Limit { what, actual: want, limit: TAIL_BYTES_MAX });
                    }
                    tries += 1;
                }
                Err(error) => return Err(footer(error)),
            }
        }
    }

    fn build(parsed: &ParquetMetaData, schema: &Schema, size: u64) -> Result<Self, ReadError> {
        check_schema(parsed, schema)?;
        if parsed.num_row_groups() > ROW_GROUPS_MAX {
            let actual = parsed.num_row_groups() as u64;
            return Err(ReadError::Limit {
                what: "number of row groups",
                actual,
                limit: ROW_GROUPS_MAX as u64,
            });
        }
        let mut row_groups = Vec::with_capacity(parsed.num_row_groups());
        let mut first_row = 0u64;
        for (i, group) in parsed.row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).map_err(|_| footer("negative number of rows"))?;
            if rows.saturating_add(first_row) > ROWS_MAX {
                return Err(ReadError::Limit { what: "number of rows", actual: rows, limit: ROWS_MAX });
            }
            if group.num_columns() != schema.leaves().len() {
                return Err(footer("a row group lacks a leaf"));
            }
            let index = parsed.page_index_for_row_group(i);
            let mut chunks = Vec::with_capacity(group.num_columns());
            for (leaf, column) in group.columns().iter().enumerate() {
                let mut chunk = Chunk::build(column, size)?;
                if let Some(offsets) = index.offset_index(leaf) {
                    chunk.pages = pages(offsets.page_locations(), &chunk, rows)?;
                }
                chunks.push(chunk);
            }
            let trace_ids = index.column_index(0).map(trace_ids).unwrap_or_default();
            row_groups.push(RowGroup { first_row: first_row as u32, rows: rows as u32, chunks, trace_ids });
            first_row += rows;
        }
        Ok(Self { row_groups, rows: first_row as u32 })
    }
}

impl Chunk {
    fn build(column: &ColumnChunkMetaData, size: u64) -> Result<Self, ReadError> {
        let codec = match column.compression() {
            Compression::UNCOMPRESSED => Codec::Plain,
            Compression::SNAPPY => Codec::Snappy,
            Compression::ZSTD(_) => Codec::Zstd,
            other => return Err(footer(format!("codec {other} is not supported"))),
        };
        let number = |n: i64| u64::try_from(n).map_err(|_| footer("negative offset"));
        let data = number(column.data_page_offset())?;
        let dictionary = match column.dictionary_page_offset() {
            // Some writers say 0 for none.
            Some(at) if at > 0 && number(at)? < data => Some(number(at)?..data),
            _ => None,
        };
        let start = dictionary.as_ref().map_or(data, |range| range.start);
        let end = start.saturating_add(number(column.compressed_size())?);
        let raw_bytes = number(column.uncompressed_size())?;
        if end > size || data > end {
            return Err(footer("a leaf lies beyond the end of the file"));
        }
        let all_codes = dictionary.is_some() && only_codes(column);
        let nulls = column.statistics().and_then(|statistics| statistics.null_count_opt());
        let is_empty = nulls.is_some_and(|nulls| i64::try_from(nulls) == Ok(column.num_values()));
        Ok(Self { codec, range: start..end, raw_bytes, dictionary, pages: None, all_codes, is_empty })
    }
}

fn only_codes(column: &ColumnChunkMetaData) -> bool {
    let codes = |e: Encoding| matches!(e, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY);
    if let Some(mask) = column.page_encoding_stats_mask() {
        return mask.encodings().all(codes);
    }
    column.page_encoding_stats().is_some_and(|stats| {
        let is_data = |t: PageType| matches!(t, PageType::DATA_PAGE | PageType::DATA_PAGE_V2);
        stats.iter().filter(|s| is_data(s.page_type)).all(|s| codes(s.encoding))
    })
}

/// The data pages by the offset index, or none if it contradicts itself.
fn pages(
    locations: &[parquet::file::page_index::offset_index::PageLocation],
    chunk: &Chunk,
    rows: u64,
) -> Result<Option<Arc<[PageAt]>>, ReadError> {
    let mut out = Vec::with_capacity(locations.len());
    for (i, location) in locations.iter().enumerate() {
        let first = u64::try_from(location.first_row_index);
        let next = locations.get(i + 1).map_or(Ok(rows), |next| u64::try_from(next.first_row_index));
        let (Ok(first), Ok(next)) = (first, next) else {
            return Err(footer("negative row in the page index"));
        };
        let (Ok(offset), Ok(bytes)) =
            (u64::try_from(location.offset), u32::try_from(location.compressed_page_size))
        else {
            return Err(footer("negative offset in the page index"));
        };
        let inside =
            offset >= chunk.range.start && offset.saturating_add(u64::from(bytes)) <= chunk.range.end;
        if !inside || first > next || next > rows || (i == 0 && first != 0) {
            return Err(footer("the page index contradicts the footer"));
        }
        out.push(PageAt { offset, bytes, first_row: first as u32, rows: (next - first) as u32 });
    }
    Ok(Some(out.into()))
}

/// Bounds of each page, if all are whole ids.
fn trace_ids(index: &ColumnIndexMetaData) -> Vec<(TraceId, TraceId)> {
    let ColumnIndexMetaData::BYTE_ARRAY(index) = index else { return Vec::new() };
    let id = |bytes: Option<&[u8]>| bytes.and_then(|b| <[u8; 16]>::try_from(b).ok()).map(TraceId);
    let bounds = index.min_values_iter().zip(index.max_values_iter());
    bounds.map(|(min, max)| Some((id(min)?, id(max)?))).collect::<Option<_>>().unwrap_or_default()
}

/// Tempo addresses leaves by position, and so do we: anything but exactly the format's leaves is refused.
fn check_schema(parsed: &ParquetMetaData, schema: &Schema) -> Result<(), ReadError> {
    let found = parsed.file_metadata().schema_descr();
    let expected = schema.leaves();
    for index in 0..found.num_columns().max(expected.len()) {
        let want = expected.get(index).map_or_else(|| "no further leaf".to_owned(), describe);
        let got = if index < found.num_columns() {
            let column = found.column(index);
            format!(
                "{} {} with levels {}/{}",
                column.path().string(),
                column.physical_type(),
                column.max_def_level(),
                column.max_rep_level()
            )
        } else {
            "no leaf".to_owned()
        };
        if want != got {
            return Err(ReadError::Schema { index, expected: want, found: got });
        }
    }
    Ok(())
}

fn describe(leaf: &Leaf) -> String {
    format!("{} {} with levels {}/{}", leaf.path.string(), leaf.physical, leaf.def_max, leaf.rep_max)
}

pub(crate) fn physical(leaf: &Leaf) -> Physical {
    match leaf.physical {
        Type::BOOLEAN => Physical::Bool,
        Type::INT32 => Physical::Int32,
        Type::INT64 => Physical::Int64,
        Type::DOUBLE => Physical::Double,
        _ => Physical::Bytes,
    }
}

fn footer(error: impl ToString) -> ReadError {
    ReadError::Footer(error.to_string())
}
