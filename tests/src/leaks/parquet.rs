//! Every page of every block, by the stock reader: dictionaries, values, statistics and indexes.

use super::{Canaries, Found, files};
use bytes::Bytes;
use parquet::column::page::Page;
use parquet::column::reader::ColumnReader;
use parquet::data_type::AsBytes;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use std::path::Path;

/// Values taken from a column at once.
const VALUES_AT_ONCE: usize = 4096;

/// What was looked through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    pub files: usize,
    pub dictionary_pages: usize,
    pub data_pages: usize,
    pub texts: usize,
    pub bounds: usize,
}

/// Searches all files in Parquet below a folder.
///
/// # Panics
/// When one cannot be read to its end.
pub fn search(blocks: &Path, canaries: &Canaries, found: &mut Found) -> Searched {
    let mut searched = Searched::default();
    for path in files::all(blocks) {
        if path.extension().is_none_or(|extension| extension != "parquet") {
            continue;
        }
        let bytes = Bytes::from(std::fs::read(&path).expect("a block stays while nothing deletes blocks"));
        let options = ReadOptionsBuilder::new().with_page_index().build();
        let reader = SerializedFileReader::new_with_options(bytes, options).expect("a Parquet file");
        let source = path.display().to_string();
        searched.files += 1;
        // Key-value pairs, schema, statistics, column and offset indexes.
        canaries.search(&source, format!("{:?}", reader.metadata().file_metadata()).as_bytes(), found);
        search_bounds(&source, &reader, canaries, found, &mut searched);
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).expect("a row group");
            for column in 0..group.num_columns() {
                let name = group.metadata().column(column).column_path().string();
                let source = format!("{source}, {name}");
                search_pages(&source, &*group, column, canaries, found, &mut searched);
                search_values(&source, &*group, column, canaries, found, &mut searched);
            }
        }
    }
    searched
}

/// Smallest and largest values of columns and of pages.
fn search_bounds(
    source: &str,
    reader: &SerializedFileReader<Bytes>,
    canaries: &Canaries,
    found: &mut Found,
    searched: &mut Searched,
) {
    let metadata = reader.metadata();
    for (at, group) in metadata.row_groups().iter().enumerate() {
        for (leaf, column) in group.columns().iter().enumerate() {
            let mut bounds: Vec<&[u8]> = Vec::new();
            if let Some(statistics) = column.statistics() {
                bounds.extend([statistics.min_bytes_opt(), statistics.max_bytes_opt()].into_iter().flatten());
            }
            let index = metadata.page_index().and_then(|index| index.column_index(at, leaf));
            if let Some(ColumnIndexMetaData::BYTE_ARRAY(index)) = index {
                bounds.extend(index.min_values_iter().chain(index.max_values_iter()).flatten());
            }
            searched.bounds += bounds.len();
            bounds.iter().for_each(|bound| canaries.search(&format!("{source}, bounds"), bound, found));
        }
    }
}

/// Pages as they are unpacked: what no row refers to is in them, too.
fn search_pages(
    source: &str,
    group: &dyn RowGroupReader,
    column: usize,
    canaries: &Canaries,
    found: &mut Found,
    searched: &mut Searched,
) {
    for page in group.get_column_page_reader(column).expect("a column") {
        let page = page.expect("a page");
        match &page {
            Page::DictionaryPage { .. } => searched.dictionary_pages += 1,
            Page::DataPage { .. } | Page::DataPageV2 { .. } => searched.data_pages += 1,
        }
        canaries.search(&format!("{source}, page"), page.buffer(), found);
    }
}

/// Values as they are decoded: encodings may share prefixes between them.
fn search_values(
    source: &str,
    group: &dyn RowGroupReader,
    column: usize,
    canaries: &Canaries,
    found: &mut Found,
    searched: &mut Searched,
) {
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(column).expect("a column")
    else {
        return;
    };
    loop {
        let (mut levels, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let read =
            reader.read_records(VALUES_AT_ONCE, Some(&mut levels), Some(&mut repetitions), &mut values);
        if read.expect("values").0 == 0 {
            return;
        }
        for value in &values {
            searched.texts += 1;
            canaries.search(&format!("{source}, value"), value.as_bytes(), found);
        }
    }
}
