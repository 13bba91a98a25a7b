//! Finished pages to column chunks, handed to the Parquet library for the footer and the page index.

use super::leaf::{Codec, LeafWriter, Page};
use super::{WriteError, chunk_bytes};
use crate::schema::Column;
use cadenza_model::Columns;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type as PhysicalType};
use parquet::column::page::{CompressedPage, Page as ParquetPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::io::Write;

/// Appends the chunk of one leaf and empties the leaf.
pub(crate) fn append<W: Write + Send>(
    leaf: &mut LeafWriter<'_>,
    columns: &Columns,
    descriptor: ColumnDescPtr,
    codec: &mut Codec,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), WriteError> {
    leaf.flush(codec)?;
    let pages = std::mem::take(&mut leaf.pages);
    let has_bounds = leaf.has_bounds();
    let mut sink = TrackedWrite::new(Vec::with_capacity(chunk_bytes(&pages)));
    let mut writer = SerializedPageWriter::new(&mut sink);
    let mut sizes = Sizes::default();
    let dictionary = put_dictionary(leaf, columns, codec, &mut writer, &mut sizes)?;
    let mut offsets = OffsetIndexBuilder::new();
    let mut bounds = ColumnIndexBuilder::new(leaf.leaf.physical);
    bounds.set_boundary_order(match leaf.leaf.column {
        Column::TraceId => BoundaryOrder::ASCENDING,
        _ => BoundaryOrder::UNORDERED,
    });
    let mut first_data = None;
    let (mut rows, mut entries, mut present) = (0, 0, 0);
    let mut encodings = vec![Encoding::RLE];
    // Readers pass over a chunk by its dictionary alone once they know that no page goes without it.
    let mut encoding_stats = Vec::new();
    let statistics = statistics(leaf, &pages);
    for page in pages {
        let nulls = (page.entries - page.present) as i64;
        let (min, max) = page.bounds.unwrap_or_default();
        bounds.append(page.present == 0, min, max, nulls, None);
        let spec =
            writer.write_page(data_page(page.compressed, page.raw_bytes, page.entries, page.encoding))?;
        sizes.add(spec.uncompressed_size, spec.bytes_written);
        first_data.get_or_insert(spec.offset);
        offsets.append_offset_and_size(spec.offset as i64, spec.bytes_written as i32);
        offsets.append_row_count(page.rows as i64);
        rows += page.rows;
        entries += page.entries;
        present += page.present;
        if !encodings.contains(&page.encoding) {
            encodings.push(page.encoding);
        }
        count_page(&mut encoding_stats, PageType::DATA_PAGE, page.encoding);
    }
    if dictionary.is_some() && !encodings.contains(&Encoding::PLAIN) {
        encodings.push(Encoding::PLAIN);
    }
    if dictionary.is_some() {
        count_page(&mut encoding_stats, PageType::DICTIONARY_PAGE, Encoding::PLAIN);
    }
    writer.close()?;
    let mut metadata = ColumnChunkMetaData::builder(descriptor)
        .set_compression(Compression::ZSTD(Default::default()))
        .set_encodings(encodings)
        .set_page_encoding_stats(encoding_stats)
        .set_num_values(entries as i64)
        .set_total_compressed_size(sizes.compressed as i64)
        .set_total_uncompressed_size(sizes.raw as i64)
        .set_data_page_offset(first_data.unwrap_or(0) as i64)
        .set_dictionary_page_offset(dictionary.map(|offset| offset as i64));
    if let Some(statistics) = statistics {
        metadata = metadata.set_statistics(statistics((entries - present) as u64));
    } else if present == 0 {
        // Readers pass over a leaf without values.
        metadata = metadata.set_statistics(only_nulls(leaf.leaf.physical, entries as u64));
    }
    let close = ColumnCloseResult {
        bytes_written: sizes.compressed,
        rows_written: rows as u64,
        metadata: metadata.build()?,
        bloom_filter: None,
        column_index: if has_bounds { Some(bounds.build()?) } else { None },
        offset_index: Some(offsets.build()),
    };
    leaf.reset();
    group.append_column(&bytes::Bytes::from(sink.into_inner()?), close)?;
    Ok(())
}

fn only_nulls(physical: PhysicalType, entries: u64) -> Statistics {
    let nulls = Some(entries);
    match physical {
        PhysicalType::BOOLEAN => Statistics::boolean(None, None, None, nulls, false),
        PhysicalType::INT32 => Statistics::int32(None, None, None, nulls, false),
        PhysicalType::INT64 => Statistics::int64(None, None, None, nulls, false),
        PhysicalType::DOUBLE => Statistics::double(None, None, None, nulls, false),
        _ => Statistics::byte_array(None, None, None, nulls, false),
    }
}

fn count_page(stats: &mut Vec<PageEncodingStats>, page_type: PageType, encoding: Encoding) {
    match stats.iter_mut().find(|s| s.page_type == page_type && s.encoding == encoding) {
        Some(stats) => stats.count += 1,
        None => stats.push(PageEncodingStats { page_type, encoding, count: 1 }),
    }
}

#[derive(Default)]
struct Sizes {
    raw: usize,
    compressed: u64,
}

impl Sizes {
    fn add(&mut self, raw: usize, compressed: u64) {
        self.raw += raw;
        self.compressed += compressed;
    }
}

/// Writes the dictionary page, if the leaf has one; returns its offset.
fn put_dictionary(
    leaf: &LeafWriter<'_>,
    columns: &Columns,
    codec: &mut Codec,
    writer: &mut impl PageWriter,
    sizes: &mut Sizes,
) -> Result<Option<u64>, WriteError> {
    let mut raw = Vec::new();
    let count = leaf.put_dictionary(columns, &mut raw);
    if count == 0 {
        return Ok(None);
    }
    let page = ParquetPage::DictionaryPage {
        buf: codec.compress(&raw)?,
        num_values: count as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    let spec = writer.write_page(CompressedPage::new(page, raw.len()))?;
    sizes.add(spec.uncompressed_size, spec.bytes_written);
    Ok(Some(spec.offset))
}

fn data_page(buf: bytes::Bytes, raw_bytes: usize, entries: usize, encoding: Encoding) -> CompressedPage {
    let page = ParquetPage::DataPage {
        buf,
        num_values: entries as u32,
        encoding,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    CompressedPage::new(page, raw_bytes)
}

/// Bounds of the chunk, as a function of its number of nulls.
fn statistics(leaf: &LeafWriter<'_>, pages: &[Page]) -> Option<impl FnOnce(u64) -> Statistics + use<>> {
    let bounds = || pages.iter().filter_map(|page| page.bounds.as_ref());
    let (physical, unsigned) = (leaf.leaf.physical, leaf.leaf.unsigned);
    let text = bounds().next().zip(bounds().last()).map(|(first, last)| (first.0.clone(), last.1.clone()))?;
    let flip = if unsigned { i64::MIN } else { 0 };
    let wide = |bytes: &[u8]| match *bytes {
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => bytes.first_chunk().map_or(0, |b| i64::from_le_bytes(*b)),
    };
    let min = bounds().map(|bounds| wide(&bounds.0) ^ flip).min()? ^ flip;
    let max = bounds().map(|bounds| wide(&bounds.1) ^ flip).max()? ^ flip;
    Some(move |nulls: u64| match physical {
        PhysicalType::INT32 => {
            Statistics::int32(Some(min as i32), Some(max as i32), None, Some(nulls), false)
        }
        PhysicalType::INT64 => Statistics::int64(Some(min), Some(max), None, Some(nulls), false),
        _ => {
            let (first, last) = (ByteArray::from(text.0), ByteArray::from(text.1));
            Statistics::byte_array(Some(first), Some(last), None, Some(nulls), false)
        }
    })
}
