//! A batch as a frame.

use super::attrs::{AttrsScratch, Marks};
use super::header::{HeaderParts, Stored, put_header};
use super::ids::{IdsScratch, put_ids};
use super::{
    EVENTS, FRAME_BYTES_MAX, IDS, KEYS, Kind, MERGED_BYTES_MAX, NAMES, RESOURCES, SECTION_BYTES_MAX,
    SECTIONS, SPAN_ATTRS, VALUES, dicts, tables,
};
use cadenza_model::{Columns, TenantId};

/// The batch does not fit the format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooLarge {
    pub(crate) bytes: usize,
    pub(crate) bytes_max: usize,
}

/// Encodes frames; keeps its buffers between them.
#[derive(Default)]
pub(crate) struct Encoder {
    sections: [Vec<u8>; SECTIONS],
    ids: IdsScratch,
    attrs: AttrsScratch,
    marks: Marks,
    used: Vec<bool>,
    body: Vec<u8>,
    own: Vec<u8>,
    snappy: Snappy,
}

/// Snappy that saves at least a sixteenth, or not at all: unpacking costs, too.
struct Snappy {
    encoder: snap::raw::Encoder,
    buffer: Vec<u8>,
}

impl Default for Snappy {
    fn default() -> Self {
        Self { encoder: snap::raw::Encoder::new(), buffer: Vec::new() }
    }
}

impl Snappy {
    /// Appends `raw` to `body` as it is or compressed, whatever is better.
    fn store(&mut self, raw: &[u8], body: &mut Vec<u8>) -> Stored {
        let mut stored = raw;
        let len = snap::raw::max_compress_len(raw.len());
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        // Lengths beyond 32 bits are the only error, and sections end long before.
        if let Ok(packed) = self.encoder.compress(raw, &mut self.buffer[..len])
            && packed + raw.len() / 16 < raw.len()
        {
            stored = &self.buffer[..packed];
        }
        body.extend_from_slice(stored);
        let crc = if stored.is_empty() { 0 } else { crc32c::crc32c(stored) };
        Stored { at: 0, stored: stored.len(), raw: raw.len(), snappy: stored.len() < raw.len(), crc }
    }
}

fn reset(marks: &mut Vec<bool>, len: usize) {
    marks.clear();
    marks.resize(len, false);
    // The empty string is implied, used or not.
    marks[0] = true;
}

impl Encoder {
    /// Appends the frame of a batch to `out`, to be sealed when its place is known.
    ///
    /// Writes no dictionary entry, scope or resource that no span refers to: what was edited away may
    /// not reach the disk.
    pub(crate) fn encode(
        &mut self,
        tenant: &TenantId,
        chain_digest: &[u8; 32],
        columns: &Columns,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLarge> {
        if let Some((bytes, bytes_max)) = tables::excess(columns) {
            return Err(TooLarge { bytes, bytes_max });
        }
        if self.put_sections(columns) {
            self.put_dicts(columns);
        } else {
            let mut compacted = columns.clone();
            compacted.compact();
            let all_used = self.put_sections(&compacted);
            debug_assert!(all_used, "compact leaves nothing unused");
            self.put_dicts(&compacted);
        }
        self.put_frame(tenant, chain_digest, columns.spans.len(), out)
    }

    /// Fills all sections but the dictionaries. False if something in them is not referred to.
    fn put_sections(&mut self, columns: &Columns) -> bool {
        let sections = &mut self.sections;
        sections.iter_mut().for_each(Vec::clear);
        reset(&mut self.marks.names, columns.names.len());
        reset(&mut self.marks.values, columns.values.len());
        reset(&mut self.marks.raw, columns.raw.len());
        put_ids(&mut sections[IDS], &columns.spans, &mut self.ids);
        for odd in &columns.spans.odd_parents {
            self.marks.raw[odd.1 as usize] = true;
        }
        tables::put_resources(&mut sections[RESOURCES], columns, &mut self.attrs, &mut self.marks);
        tables::put_names(&mut sections[NAMES], columns, &mut self.marks);
        super::attrs::put_attrs(
            &mut sections[SPAN_ATTRS],
            &columns.span_attrs,
            &mut self.attrs,
            &mut self.marks,
        );
        tables::put_events(&mut sections[EVENTS], columns, &mut self.attrs, &mut self.marks);
        let all = |marks: &[bool]| marks.iter().all(|&mark| mark);
        all(&self.marks.names)
            && all(&self.marks.values)
            && all(&self.marks.raw)
            && self.all_referred(&columns.spans.scope, columns.scopes.name.len())
            && self.all_referred(&columns.scopes.resource, columns.resources.schema_url.len())
    }

    fn all_referred(&mut self, references: &[u32], rows: usize) -> bool {
        self.used.clear();
        self.used.resize(rows, false);
        for &row in references {
            self.used[row as usize] = true;
        }
        self.used.iter().all(|&used| used)
    }

    fn put_dicts(&mut self, columns: &Columns) {
        dicts::put_names(&mut self.sections[KEYS], &columns.names, &mut self.own);
        dicts::put_values(&mut self.sections[VALUES], &columns.values);
        dicts::put_values(&mut self.sections[VALUES], &columns.raw);
    }

    fn put_frame(
        &mut self,
        tenant: &TenantId,
        chain_digest: &[u8; 32],
        rows: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), TooLarge> {
        let lengths = self.sections.each_ref().map(Vec::len);
        if let Some(&bytes) = lengths.iter().find(|&&bytes| bytes > SECTION_BYTES_MAX) {
            return Err(TooLarge { bytes, bytes_max: SECTION_BYTES_MAX });
        }
        self.body.clear();
        let mut pieces = [Stored::default(); SECTIONS];
        let merged = lengths.iter().sum::<usize>() <= MERGED_BYTES_MAX;
        let pieces = if merged {
            self.own.clear();
            self.sections.iter().for_each(|section| self.own.extend_from_slice(section));
            pieces[0] = self.snappy.store(&self.own, &mut self.body);
            &pieces[..1]
        } else {
            for (piece, section) in pieces.iter_mut().zip(&self.sections) {
                *piece = self.snappy.store(section, &mut self.body);
            }
            &pieces[..]
        };
        let bytes = self.body.len() + super::HEADER_BYTES_MAX;
        if bytes > FRAME_BYTES_MAX {
            return Err(TooLarge { bytes, bytes_max: FRAME_BYTES_MAX });
        }
        out.reserve(bytes);
        let merged = merged.then_some(&lengths[..]);
        let body_bytes = self.body.len();
        put_header(
            out,
            &HeaderParts { kind: Kind::Spans, tenant, chain_digest, rows, pieces, merged, body_bytes },
        );
        out.extend_from_slice(&self.body);
        Ok(())
    }

    /// Bytes of memory held, roughly: what decides whether it is kept for reuse.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.sections.iter().map(Vec::capacity).sum::<usize>() + self.body.capacity() + self.own.capacity()
    }

    /// Raw and stored length of every section of the frame encoded last: for measuring.
    pub(crate) fn section_bytes(&mut self) -> [(usize, usize); SECTIONS] {
        let snappy = &mut self.snappy;
        self.sections.each_ref().map(|section| {
            let piece = snappy.store(section, &mut Vec::new());
            (piece.raw, piece.stored)
        })
    }
}
