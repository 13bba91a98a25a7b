//! What the fuzz targets run, and what must hold for any input.

use crate::bloom::Shard;
use crate::meta::BlockMeta;
use crate::read::page::{
    Codec, Dictionary, Encoding, PageError, PageHeader, PageKind, Physical, Planes, Ranked, Scratch,
};
use cadenza_model::TraceId;

/// Reads `data` as meta.json.
///
/// # Panics
/// When a meta that was read doesn't come back the same after writing it.
pub fn meta_json(data: &[u8]) {
    let Ok(meta) = BlockMeta::parse(data) else { return };
    let json = meta.to_json().expect("a meta is always json");
    let again = BlockMeta::parse(&json).expect("what we write we can read");
    assert_eq!(again, meta);
}

/// Larger pages are left out: memory that a header may announce is bounded elsewhere, here it is speed.
const RAW_BYTES_MAX: usize = 1 << 20;
const ENTRIES_MAX: usize = 1 << 18;

/// Reads `data` as the pages of a column chunk. Its first byte chooses the type of the values and the
/// compression, the second the highest levels.
///
/// # Panics
/// When a page that was decoded doesn't hold together.
pub fn block_pages(data: &[u8]) {
    let Some(([kind, levels], rest)) = data.split_first_chunk::<2>() else { return };
    let physical = [Physical::Bool, Physical::Int32, Physical::Int64, Physical::Double, Physical::Bytes]
        [*kind as usize % 5];
    let codec = [Codec::Plain, Codec::Snappy, Codec::Zstd][(*kind as usize >> 4) % 3];
    let mut chunk = Chunk {
        physical,
        codec,
        rep_max: levels & 7,
        def_max: levels >> 3 & 7,
        dictionary: None,
        scratch: Scratch::default(),
    };
    let mut at = 0;
    while at < rest.len() {
        match chunk.page(&rest[at..]) {
            Ok(bytes) => at += bytes,
            Err(_) => return,
        }
    }
}

struct Chunk {
    physical: Physical,
    codec: Codec,
    rep_max: u8,
    def_max: u8,
    dictionary: Option<Dictionary>,
    scratch: Scratch,
}

impl Chunk {
    /// Decodes the page at the start of `bytes`; returns its length.
    fn page(&mut self, bytes: &[u8]) -> Result<usize, PageError> {
        let header = PageHeader::parse(bytes)?;
        let end = header.header_bytes + header.body_bytes;
        let body = bytes.get(header.header_bytes..end).ok_or(PageError::Truncated("page"))?;
        if header.raw_bytes > RAW_BYTES_MAX || header.entries > ENTRIES_MAX {
            return Err(PageError::Malformed("fuzzed page"));
        }
        match header.kind {
            PageKind::Dictionary => {
                let src = self.scratch.open_dictionary(&header, body, self.codec)?;
                let dictionary = Dictionary::decode(src, self.physical, header.entries)?;
                assert_eq!(dictionary.len(), header.entries);
                self.dictionary = Some(dictionary);
            }
            PageKind::Data | PageKind::DataV2 { .. } => self.data(&header, body)?,
            PageKind::Other => {}
        }
        Ok(end)
    }

    fn data(&mut self, header: &PageHeader, body: &[u8]) -> Result<(), PageError> {
        let levels = (self.rep_max > 0, self.def_max > 0);
        let page = self.scratch.open(header, body, self.codec, levels)?;
        let (mut planes, mut ranked) = (Planes::default(), Ranked::default());
        planes.decode(page.rep, self.rep_max, page.entries)?;
        planes.equal(0, &mut ranked);
        assert!(ranked.ones() <= page.entries);
        planes.decode(page.def, self.def_max, page.entries)?;
        planes.equal(self.def_max, &mut ranked);
        let present = ranked.ones();
        assert!(present <= page.entries);
        if present > 0 {
            assert!(ranked.select(present - 1) < page.entries);
        }
        let dictionary_len = self.dictionary.as_ref().map(Dictionary::len);
        let mut pool = Vec::new();
        for present in [Some(present), None] {
            let values = page.decode(self.physical, dictionary_len, present, &mut pool)?;
            if let (Encoding::Dictionary, crate::read::page::Values::Codes(codes)) = (page.encoding, &values)
            {
                let len = dictionary_len.unwrap_or_default();
                assert!(codes.iter().all(|&code| (code as usize) < len), "a code lies beyond the dictionary");
            }
        }
        Ok(())
    }
}

/// Reads `data` as a shard of a bloom filter and asks it.
pub fn bloom_shard(data: &[u8]) {
    let Ok(shard) = Shard::parse(bytes::Bytes::copy_from_slice(data)) else { return };
    for byte in [0, 1, 0xff] {
        // Either answer is right; what counts is that there is one.
        let _ = shard.may_contain(&TraceId([byte; 16]));
    }
}
