//! The leaves of one open block: page lists, dictionaries and page bytes, read on demand and cached.

use super::cache::{Cache, Entry, Key, Kind};
use super::file::{Chunk, FileIndex, physical};
use super::io::read_joined;
use super::page::{Dictionary, Page, PageError, PageHeader, PageKind, Physical, Planes, Ranked, Scratch};
use super::{RangeRead, ReadError, ReadStats};
use crate::meta::BlockMeta;
use crate::schema::{Column, Leaf, Schema};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// Page bytes asked for at once by a scan: enough to make a request worthwhile, far below a row group.
const READ_AHEAD_BYTES: u64 = 4 << 20;

/// Where a data page is and which rows of its row group it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageAt {
    pub(crate) offset: u64,
    /// Header included.
    pub(crate) bytes: u32,
    pub(crate) first_row: u32,
    pub(crate) rows: u32,
}

impl PageAt {
    /// The row behind the last one.
    pub(crate) fn end_row(&self) -> u32 {
        self.first_row + self.rows
    }

    /// Its bytes in the file.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset + u64::from(self.bytes)
    }
}

/// What all readers of a block share.
pub(crate) struct Source {
    pub(crate) meta: Arc<BlockMeta>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) io: Arc<dyn RangeRead>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) stats: ReadStats,
}

/// Names the leaf in a page's error.
pub(crate) fn at(leaf: &Leaf) -> impl Fn(PageError) -> ReadError {
    |source| ReadError::Page { leaf: leaf.path.string(), source }
}

/// Names the leaf that does not fit the others.
pub(crate) fn misfit(leaf: &Leaf, what: &'static str) -> ReadError {
    ReadError::Shape { leaf: leaf.path.string(), what }
}

impl Source {
    /// The leaf that holds `column`.
    pub(crate) fn leaf(&self, column: Column) -> Result<&Leaf, ReadError> {
        self.schema.leaf(column).ok_or_else(|| ReadError::Shape {
            leaf: format!("{column:?}"),
            what: "not in this version of the format",
        })
    }

    fn key(&self, kind: Kind, row_group: usize, leaf: usize) -> Key {
        Key { block: self.meta.block_id, kind, row_group: row_group as u32, leaf: leaf as u32 }
    }

    pub(crate) fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, ReadError> {
        read_joined(&*self.io, &self.stats, ranges)
    }

    /// Footer and page index.
    pub(crate) fn index(&self) -> Result<Arc<FileIndex>, ReadError> {
        let key = self.key(Kind::Index, 0, 0);
        if let Some(Entry::Index(index)) = self.cache.get(&key) {
            return Ok(index);
        }
        let index = Arc::new(FileIndex::load(&self.meta, &self.schema, &*self.io, &self.stats)?);
        self.cache.put(key, Entry::Index(index.clone()), index.memory_bytes());
        Ok(index)
    }

    /// What the cache holds of this row group, or makes with `build`.
    pub(crate) fn cached_skeleton(
        &self,
        row_group: usize,
        build: impl FnOnce() -> Result<super::skeleton::Skeleton, ReadError>,
    ) -> Result<Arc<super::skeleton::Skeleton>, ReadError> {
        let key = self.key(Kind::Skeleton, row_group, 0);
        if let Some(Entry::Skeleton(skeleton)) = self.cache.get(&key) {
            return Ok(skeleton);
        }
        let skeleton = Arc::new(build()?);
        self.cache.put(key, Entry::Skeleton(skeleton.clone()), skeleton.memory_bytes());
        Ok(skeleton)
    }

    /// Start and end of each row of a row group, or makes them with `build`.
    pub(crate) fn cached_times(
        &self,
        row_group: usize,
        build: impl FnOnce() -> Result<Vec<(u64, u64)>, ReadError>,
    ) -> Result<Arc<[(u64, u64)]>, ReadError> {
        let key = self.key(Kind::Times, row_group, 0);
        if let Some(Entry::Times(times)) = self.cache.get(&key) {
            return Ok(times);
        }
        let times: Arc<[(u64, u64)]> = build()?.into();
        self.cache.put(key, Entry::Times(times.clone()), size_of_val(&*times));
        Ok(times)
    }

    /// The dictionaries of some leaves, those missing read at once. `None` for leaves without one.
    pub(crate) fn dictionaries(
        &self,
        index: &FileIndex,
        row_group: usize,
        leaves: &[&Leaf],
    ) -> Result<Vec<Option<Arc<Dictionary>>>, ReadError> {
        let chunks = &index.row_groups[row_group].chunks;
        let mut out = vec![None; leaves.len()];
        let (mut missing, mut ranges) = (Vec::new(), Vec::new());
        for (i, leaf) in leaves.iter().enumerate() {
            let Some(range) = &chunks[leaf.index].dictionary else { continue };
            match self.cache.get(&self.key(Kind::Dictionary, row_group, leaf.index)) {
                Some(Entry::Dictionary(dictionary)) => out[i] = dictionary,
                _ => {
                    missing.push(i);
                    ranges.push(range.clone());
                }
            }
        }
        let mut scratch = Scratch::default();
        for (i, bytes) in missing.into_iter().zip(self.fetch(&ranges)?) {
            let leaf = leaves[i];
            let dictionary = decode_dictionary(&bytes, &chunks[leaf.index], leaf, &mut scratch);
            let dictionary = Arc::new(dictionary.map_err(at(leaf))?);
            let entry = Entry::Dictionary(Some(dictionary.clone()));
            let key = self.key(Kind::Dictionary, row_group, leaf.index);
            self.cache.put(key, entry, dictionary.memory_bytes());
            out[i] = Some(dictionary);
        }
        Ok(out)
    }

    /// The data pages of a leaf.
    pub(crate) fn pages(
        &self,
        index: &FileIndex,
        row_group: usize,
        leaf: &Leaf,
    ) -> Result<Arc<[PageAt]>, ReadError> {
        let group = &index.row_groups[row_group];
        let chunk = &group.chunks[leaf.index];
        if let Some(pages) = &chunk.pages {
            return Ok(pages.clone());
        }
        let key = self.key(Kind::Pages, row_group, leaf.index);
        if let Some(Entry::Pages(pages)) = self.cache.get(&key) {
            return Ok(pages);
        }
        let bytes = self.fetch(std::slice::from_ref(&chunk.range))?.swap_remove(0);
        let pages: Arc<[PageAt]> = walk_pages(&bytes, chunk, leaf).map_err(at(leaf))?.into();
        let rows: u64 = pages.iter().map(|page| u64::from(page.rows)).sum();
        if rows != u64::from(group.rows) {
            return Err(misfit(leaf, "has another number of rows than the footer says"));
        }
        self.cache.put(key, Entry::Pages(pages.clone()), pages.len() * size_of::<PageAt>());
        Ok(pages)
    }
}

fn decode_dictionary(
    bytes: &[u8],
    chunk: &Chunk,
    leaf: &Leaf,
    scratch: &mut Scratch,
) -> Result<Dictionary, PageError> {
    let header = PageHeader::parse(bytes)?;
    let body = body(bytes, &header)?;
    let raw = scratch.open_dictionary(&header, body, chunk.codec)?;
    Dictionary::decode(raw, physical(leaf), header.entries)
}

fn body<'a>(bytes: &'a [u8], header: &PageHeader) -> Result<&'a [u8], PageError> {
    let end = header.header_bytes + header.body_bytes;
    bytes.get(header.header_bytes..end).ok_or(PageError::Truncated("page"))
}

/// The pages of a chunk without an offset index: rows are counted in the levels.
fn walk_pages(bytes: &[u8], chunk: &Chunk, leaf: &Leaf) -> Result<Vec<PageAt>, PageError> {
    let (mut out, mut at, mut first_row) = (Vec::new(), 0usize, 0u64);
    let (mut scratch, mut planes, mut starts) = (Scratch::default(), Planes::default(), Ranked::default());
    while at < bytes.len() {
        let rest = &bytes[at..];
        let header = PageHeader::parse(rest)?;
        let body = body(rest, &header)?;
        let len = header.header_bytes + header.body_bytes;
        if header.is_data() {
            let rows = if leaf.rep_max == 0 {
                header.entries
            } else {
                let page = scratch.open(&header, body, chunk.codec, (true, leaf.def_max > 0))?;
                planes.decode(page.rep, leaf.rep_max, page.entries)?;
                planes.at_most(0, &mut starts);
                starts.ones()
            };
            out.push(PageAt {
                offset: chunk.range.start + at as u64,
                bytes: len as u32,
                first_row: u32::try_from(first_row).map_err(|_| PageError::Malformed("number of rows"))?,
                rows: rows as u32,
            });
            first_row += rows as u64;
        }
        at += len;
    }
    Ok(out)
}

/// One leaf of one row group, opened for reading pages in order.
pub(crate) struct LeafReader<'s> {
    source: &'s Source,
    pub(crate) leaf: &'s Leaf,
    pub(crate) physical: Physical,
    pub(crate) pages: Arc<[PageAt]>,
    pub(crate) dictionary: Option<Arc<Dictionary>>,
    codec: super::page::Codec,
    /// Bytes of pages read ahead; empty where not.
    bytes: Vec<Bytes>,
    scratch: Scratch,
}

impl<'s> LeafReader<'s> {
    /// Opens the leaf; reads its dictionary if `with_dictionary` (pages with codes cannot be decoded else).
    pub(crate) fn open(
        source: &'s Source,
        index: &FileIndex,
        row_group: usize,
        leaf: &'s Leaf,
        with_dictionary: bool,
    ) -> Result<Self, ReadError> {
        let dictionary = if with_dictionary {
            source.dictionaries(index, row_group, &[leaf])?.swap_remove(0)
        } else {
            None
        };
        let pages = source.pages(index, row_group, leaf)?;
        let bytes = vec![Bytes::new(); pages.len()];
        let codec = index.row_groups[row_group].chunks[leaf.index].codec;
        let scratch = Scratch::default();
        Ok(Self { source, leaf, physical: physical(leaf), pages, dictionary, codec, bytes, scratch })
    }

    /// Entries of the dictionary.
    pub(crate) fn dictionary_len(&self) -> Option<usize> {
        self.dictionary.as_ref().map(|dictionary| dictionary.len())
    }

    /// Hands over the bytes of page `i`, fetched together with those of other leaves.
    pub(crate) fn supply(&mut self, i: usize, bytes: Bytes) {
        self.bytes[i] = bytes;
    }

    /// The sections of page `i`; reads ahead those of the following pages that `want` names.
    pub(crate) fn page(&mut self, i: usize, want: impl Fn(&PageAt) -> bool) -> Result<Page<'_>, ReadError> {
        let leaf = self.leaf;
        if self.bytes[i].is_empty() {
            self.bytes.fill(Bytes::new());
            let (mut ranges, mut which, mut sum) = (Vec::new(), Vec::new(), 0);
            for (at, page) in self.pages.iter().enumerate().skip(i) {
                if at == i || want(page) {
                    sum += u64::from(page.bytes);
                    if sum > READ_AHEAD_BYTES && at != i {
                        break;
                    }
                    which.push(at);
                    ranges.push(page.range());
                }
            }
            for (at, bytes) in which.into_iter().zip(self.source.fetch(&ranges)?) {
                self.bytes[at] = bytes;
            }
        }
        let bytes = &self.bytes[i];
        let header = PageHeader::parse(bytes).map_err(at(leaf))?;
        if !matches!(header.kind, PageKind::Data | PageKind::DataV2 { .. }) {
            return Err(at(leaf)(PageError::Malformed("data page")));
        }
        let body = body(bytes, &header).map_err(at(leaf))?;
        let levels = (leaf.rep_max > 0, leaf.def_max > 0);
        self.scratch.open(&header, body, self.codec, levels).map_err(at(leaf))
    }
}
