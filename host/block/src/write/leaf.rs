//! The pages of one leaf: values and levels come in unit by unit, pages go out compressed.

use super::dictionary::{Ints, Strings};
use super::levels;
use super::values::{code_width, put_bools, put_codes, put_delta, put_delta_length};
use crate::WriteError;
use crate::schema::{Column, Encode, Leaf};
use bytes::Bytes;
use cadenza_model::{Code, Columns, Dict};
use parquet::basic::{Encoding, Type as PhysicalType};

/// Most rows in a page. Tempo decodes whole pages for a few rows; dictionary pages without this cap hold
/// a million values and made its queries 3 to 7 times slower.
pub(crate) const PAGE_ROWS_MAX: usize = 512;
/// Uncompressed bytes after which a page ends.
pub(crate) const PAGE_BYTES: usize = 64 * 1024;
/// Most rows in a unit.
pub(crate) const UNIT_ROWS_MAX: usize = 64;
/// Rows after which the pages of an attribute list may end.
const ATTR_ROWS: usize = 128;
/// Uncompressed bytes that the longest of those pages should reach before.
const ATTR_BYTES_MIN: usize = 32 * 1024;
/// Uncompressed bytes at which they end in any case.
const ATTR_BYTES_MAX: usize = 256 * 1024;
/// Longest page: its header holds sizes as i32.
const PAGE_BYTES_MAX: usize = i32::MAX as usize;

/// Buffers and the compressor, shared by all leaves.
pub(crate) struct Codec {
    zstd: zstd::bulk::Compressor<'static>,
    raw: Vec<u8>,
}

/// A finished page.
pub(crate) struct Page {
    pub(crate) compressed: Bytes,
    pub(crate) raw_bytes: usize,
    pub(crate) entries: usize,
    pub(crate) present: usize,
    pub(crate) rows: usize,
    pub(crate) encoding: Encoding,
    /// Smallest and largest value in the leaf's order, for leaves that keep them.
    pub(crate) bounds: Option<(Vec<u8>, Vec<u8>)>,
}

/// The levels of one list in one unit, as levels and encoded.
#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) rep: Vec<u8>,
    pub(crate) def: Vec<u8>,
    pub(crate) rep_encoded: Vec<u8>,
    pub(crate) def_encoded: Vec<u8>,
    /// Entries that hold a value.
    pub(crate) present: usize,
}

/// A leaf being written.
pub(crate) struct LeafWriter<'s> {
    pub(crate) leaf: &'s Leaf,
    rep: Vec<u8>,
    def: Vec<u8>,
    entries: usize,
    present: usize,
    rows: usize,
    units: usize,
    /// Numbers, or lengths of byte strings; doubles by their bits.
    ints: Vec<i64>,
    codes: Vec<u32>,
    /// Byte strings, or booleans one a byte.
    bytes: Vec<u8>,
    pub(crate) strings: Option<Strings>,
    pub(crate) numbers: Option<Ints>,
    /// The dictionary outgrew its bound: PLAIN from here on.
    plain: bool,
    pub(crate) pages: Vec<Page>,
    pub(crate) raw_bytes: usize,
}

impl Codec {
    pub(crate) fn new(level: i32) -> Result<Self, WriteError> {
        let mut zstd = zstd::bulk::Compressor::new(level).map_err(WriteError::Compress)?;
        // Parquet's own page checksums are optional and hardly ever read; this one every reader checks.
        zstd.include_checksum(true).map_err(WriteError::Compress)?;
        Ok(Self { zstd, raw: Vec::new() })
    }

    pub(crate) fn compress(&mut self, raw: &[u8]) -> Result<Bytes, WriteError> {
        let mut compressed = self.zstd.compress(raw).map_err(WriteError::Compress)?;
        // The compressor reserves for the worst case, and pages are kept until the file is put together.
        compressed.shrink_to_fit();
        Ok(compressed.into())
    }
}

impl Stream {
    pub(crate) fn clear(&mut self) {
        self.rep.clear();
        self.def.clear();
        self.present = 0;
    }

    /// Encodes both levels of a list at `depth`.
    pub(crate) fn encode(&mut self, depth: u8) {
        self.rep_encoded.clear();
        self.def_encoded.clear();
        levels::encode(&self.rep, levels::width(depth), &mut self.rep_encoded);
        levels::encode(&self.def, levels::width(depth), &mut self.def_encoded);
        self.present = self.def.iter().filter(|&&def| def == depth).count();
    }
}

impl<'s> LeafWriter<'s> {
    pub(crate) fn new(leaf: &'s Leaf) -> Self {
        let dictionary = leaf.encode == Encode::Dictionary;
        let text = leaf.physical == PhysicalType::BYTE_ARRAY;
        Self {
            leaf,
            rep: Vec::new(),
            def: Vec::new(),
            entries: 0,
            present: 0,
            rows: 0,
            units: 0,
            ints: Vec::new(),
            codes: Vec::new(),
            bytes: Vec::new(),
            strings: (dictionary && text).then(Strings::default),
            numbers: (dictionary && !text).then(Ints::default),
            plain: false,
            pages: Vec::new(),
            raw_bytes: 0,
        }
    }

    /// Appends a string that has a code in the leaf's source dictionary.
    #[inline]
    pub(crate) fn push_code(&mut self, code: Code, dict: &Dict) {
        match &mut self.strings {
            Some(strings) if !self.plain => self.codes.push(strings.code(code, dict)),
            _ => self.push_bytes(dict.get(code)),
        }
    }

    /// Appends a string that has no code.
    pub(crate) fn push_text(&mut self, text: &[u8]) {
        match &mut self.strings {
            Some(strings) if !self.plain => self.codes.push(strings.extra(text)),
            _ => self.push_bytes(text),
        }
    }

    /// Appends a string whose code may be known: `code` is 0, or 1 + the code that an earlier call left there.
    #[inline]
    pub(crate) fn push_text_known<'t>(&mut self, code: &mut u32, text: impl FnOnce() -> &'t [u8]) {
        match &mut self.strings {
            Some(strings) if !self.plain => {
                if *code == 0 {
                    *code = 1 + strings.extra(text());
                }
                self.codes.push(*code - 1);
            }
            _ => self.push_bytes(text()),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if self.leaf.encode == Encode::DeltaLength {
            self.ints.push(bytes.len() as i64);
        } else {
            self.bytes.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a number, or the bits of a double.
    #[inline]
    pub(crate) fn push_int(&mut self, number: i64) {
        match &mut self.numbers {
            Some(numbers) if !self.plain => {
                self.codes.push(numbers.code(number));
                // Kept for the bounds only.
                self.ints.push(number);
            }
            _ => self.ints.push(number),
        }
    }

    /// Appends a boolean.
    #[inline]
    pub(crate) fn push_bool(&mut self, set: bool) {
        self.bytes.push(set.into());
    }

    /// Appends `count` times false.
    pub(crate) fn push_falses(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Sets the boolean that is `back` before the end.
    pub(crate) fn set_bool(&mut self, back: usize) {
        let at = self.bytes.len() - back;
        self.bytes[at] = 1;
    }

    /// Ends a unit of `rows` rows whose entries are those of `stream`.
    pub(crate) fn end_unit(&mut self, rows: usize, stream: &Stream) {
        self.rep.extend_from_slice(&stream.rep_encoded);
        self.def.extend_from_slice(&stream.def_encoded);
        let entries = if self.leaf.rep_max == 0 { rows } else { stream.rep.len() };
        self.add(rows, entries, if self.leaf.def_max == 0 { rows } else { stream.present });
    }

    /// Ends a unit of an optional leaf, or one with levels of its own: repetition as encoded,
    /// definition levels as given.
    pub(crate) fn end_unit_with(&mut self, rows: usize, rep_encoded: &[u8], def: &[u8]) {
        self.rep.extend_from_slice(rep_encoded);
        levels::encode(def, levels::width(self.leaf.def_max), &mut self.def);
        let present = def.iter().filter(|&&def| def == self.leaf.def_max).count();
        self.add(rows, def.len(), present);
    }

    fn add(&mut self, rows: usize, entries: usize, present: usize) {
        self.rows += rows;
        self.entries += entries;
        self.present += present;
        self.units += 1;
    }

    /// Rows in the page being filled.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Uncompressed size of the page being filled; an estimate.
    pub(crate) fn page_bytes(&self) -> usize {
        let levels = self.rep.len() + self.def.len();
        let values = if !self.plain && (self.strings.is_some() || self.numbers.is_some()) {
            self.codes.len() * code_width(self.dictionary_len() as u32) as usize / 8
        } else {
            match self.leaf.physical {
                PhysicalType::BOOLEAN => self.bytes.len() / 8,
                PhysicalType::INT32 => self.ints.len() * 4,
                PhysicalType::BYTE_ARRAY => self.bytes.len(),
                _ => self.ints.len() * 8,
            }
        };
        levels + values
    }

    fn dictionary_len(&self) -> usize {
        self.strings.as_ref().map_or(0, Strings::len) + self.numbers.as_ref().map_or(0, Ints::len)
    }

    /// True when another unit like those so far would make the page too long.
    pub(crate) fn is_full(&self) -> bool {
        let bytes = self.page_bytes();
        self.rows + UNIT_ROWS_MAX > PAGE_ROWS_MAX || bytes + bytes / self.units.max(1) > PAGE_BYTES
    }

    /// Ends the page, if it has entries.
    pub(crate) fn flush(&mut self, codec: &mut Codec) -> Result<(), WriteError> {
        if self.entries == 0 {
            return Ok(());
        }
        let bounds = self.bounds();
        let mut raw = std::mem::take(&mut codec.raw);
        raw.clear();
        for (max, levels) in [(self.leaf.rep_max, &self.rep), (self.leaf.def_max, &self.def)] {
            if max > 0 {
                raw.extend_from_slice(&(levels.len() as u32).to_le_bytes());
                raw.extend_from_slice(levels);
            }
        }
        let encoding = self.put_values(&mut raw);
        if raw.len() > PAGE_BYTES_MAX {
            let (actual, limit) = (raw.len() as u64, PAGE_BYTES_MAX as u64);
            return Err(WriteError::Limit { what: "bytes of a page", actual, limit });
        }
        let compressed = codec.compress(&raw)?;
        self.raw_bytes += raw.len();
        self.pages.push(Page {
            compressed,
            raw_bytes: raw.len(),
            entries: self.entries,
            present: self.present,
            rows: self.rows,
            encoding,
            bounds,
        });
        codec.raw = raw;
        self.clear_page();
        let full = self.strings.as_ref().is_some_and(Strings::is_full)
            || self.numbers.as_ref().is_some_and(Ints::is_full);
        self.plain |= full;
        Ok(())
    }

    /// Forgets everything, for the next row group.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.leaf);
    }

    /// Appends the dictionary page; returns its number of entries.
    pub(crate) fn put_dictionary(&self, columns: &Columns, out: &mut Vec<u8>) -> usize {
        if let Some(strings) = &self.strings {
            strings.put(if in_names(self.leaf.column) { &columns.names } else { &columns.values }, out);
        }
        if let Some(numbers) = &self.numbers {
            numbers.put(self.leaf.physical == PhysicalType::INT32, out);
        }
        self.dictionary_len()
    }

    fn clear_page(&mut self) {
        self.rep.clear();
        self.def.clear();
        self.ints.clear();
        self.codes.clear();
        self.bytes.clear();
        (self.entries, self.present, self.rows, self.units) = (0, 0, 0, 0);
    }

    fn put_values(&self, raw: &mut Vec<u8>) -> Encoding {
        let narrow = self.leaf.physical == PhysicalType::INT32;
        if self.present == 0 {
            // Not even the width of codes: a leaf that is null throughout needs no dictionary.
            return Encoding::PLAIN;
        }
        match self.leaf.encode {
            Encode::Dictionary if !self.plain => {
                put_codes(&self.codes, raw);
                Encoding::RLE_DICTIONARY
            }
            Encode::Delta => {
                put_delta(&self.ints, narrow, raw);
                Encoding::DELTA_BINARY_PACKED
            }
            Encode::DeltaLength => {
                put_delta_length(&self.ints, &self.bytes, raw);
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            }
            Encode::Plain | Encode::Dictionary => {
                match self.leaf.physical {
                    PhysicalType::BOOLEAN => put_bools(&self.bytes, raw),
                    PhysicalType::BYTE_ARRAY => raw.extend_from_slice(&self.bytes),
                    _ if narrow => raw.extend(self.ints.iter().flat_map(|&n| (n as i32).to_le_bytes())),
                    _ => raw.extend(self.ints.iter().flat_map(|n| n.to_le_bytes())),
                }
                Encoding::PLAIN
            }
        }
    }

    /// True for leaves whose pages and chunks carry bounds: numbers, and the trace ids.
    pub(crate) fn has_bounds(&self) -> bool {
        matches!(self.leaf.physical, PhysicalType::INT32 | PhysicalType::INT64)
            || self.leaf.column == Column::TraceId
    }

    fn bounds(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.leaf.column == Column::TraceId {
            // Ascending, and of one length.
            let first = self.bytes[..*self.ints.first()? as usize].to_vec();
            let last = self.bytes[self.bytes.len() - *self.ints.last()? as usize..].to_vec();
            return Some((first, last));
        }
        let bytes = |n: i64, narrow| {
            if narrow { (n as i32).to_le_bytes().to_vec() } else { n.to_le_bytes().to_vec() }
        };
        match self.leaf.physical {
            PhysicalType::INT32 | PhysicalType::INT64 => {
                // Flipping the top bit turns unsigned order into signed order.
                let flip = if self.leaf.unsigned { i64::MIN } else { 0 };
                let order = self.ints.iter().map(|&n| n ^ flip);
                let (min, max) = (order.clone().min()? ^ flip, order.max()? ^ flip);
                let narrow = self.leaf.physical == PhysicalType::INT32;
                Some((bytes(min, narrow), bytes(max, narrow)))
            }
            _ => None,
        }
    }
}

/// Ends the pages of an attribute list, all at the same row, if they are long enough: readers match the n-th
/// attribute of a row over them.
pub(crate) fn end_attribute_pages(
    leaves: &mut [LeafWriter<'_>],
    codec: &mut Codec,
) -> Result<(), WriteError> {
    let longest = leaves.iter().map(LeafWriter::page_bytes).max().unwrap_or(0);
    let rows = leaves.first().map_or(0, LeafWriter::rows);
    let wanted = rows >= ATTR_ROWS && longest >= ATTR_BYTES_MIN;
    if wanted || longest >= ATTR_BYTES_MAX || rows + UNIT_ROWS_MAX > PAGE_ROWS_MAX {
        leaves.iter_mut().try_for_each(|leaf| leaf.flush(codec))?;
    }
    Ok(())
}

/// True for leaves whose codes are of the columns' `names`; the others are of `values`.
fn in_names(column: Column) -> bool {
    matches!(
        column,
        Column::AttrKey(_)
            | Column::SpanName
            | Column::EventName
            | Column::ScopeName
            | Column::ScopeVersion
            | Column::RootSpanName
    )
}
