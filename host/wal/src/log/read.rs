//! Reading frames back by position, section by section.

use super::cache::{HEADER, Key, MERGED, Value};
use super::segment::Segment;
use super::shared::{Segments, Shared};
use crate::error::{Malformed, ReadError};
use crate::frame::{FrameHeader, HEADER_BYTES_MAX, Kind, Parts, SECTIONS, Stored, unpack};
use crate::pos::{FramePos, Sections};
use bytes::Bytes;
use cadenza_model::Columns;
use std::io;
use std::sync::Arc;

/// A frame up to this size is read whole: a second read costs more than the bytes.
const WHOLE_BYTES_MAX: u32 = 16 << 10;
/// Sections closer together than this are read together.
const GAP_BYTES_MAX: usize = 8 << 10;

/// Finds a segment by its number.
pub(crate) fn find(segments: &Segments, segment: u64) -> Option<&Arc<Segment>> {
    let at = segments.binary_search_by_key(&segment, |segment| segment.id).ok()?;
    segments.get(at)
}

struct Reading<'a> {
    shared: &'a Shared,
    segment: &'a Segment,
    pos: FramePos,
    /// Bytes of the frame read so far, and where they start in it.
    chunks: Vec<(usize, Vec<u8>)>,
}

/// Reads sections of the frame at `pos`.
pub(crate) fn read(
    shared: &Shared,
    segment: &Segment,
    pos: &FramePos,
    sections: Sections,
) -> Result<Columns, ReadError> {
    let mut reading = Reading { shared, segment, pos: *pos, chunks: Vec::new() };
    let header = reading.header(sections)?;
    let held = reading.sections(&header, sections)?;
    let mut parts: Parts<'_> = [None; SECTIONS];
    for (part, bytes) in parts.iter_mut().zip(&held) {
        *part = bytes.as_deref();
    }
    unpack(&header, &parts).map_err(|what| reading.damaged(what))
}

impl Reading<'_> {
    fn key(&self, section: u8) -> Key {
        (self.pos.segment, self.pos.offset, section)
    }

    fn damaged(&self, what: Malformed) -> ReadError {
        ReadError::Damaged { pos: self.pos, what }
    }

    fn io(&self, error: io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged(Malformed("frame is cut off")),
            _ => ReadError::Io { segment: self.pos.segment, source: Arc::new(error) },
        }
    }

    fn load(&mut self, at: usize, bytes: usize) -> Result<(), ReadError> {
        let loaded = self.segment.read(self.pos.offset + at as u64, bytes).map_err(|error| self.io(error))?;
        self.chunks.push((at, loaded));
        Ok(())
    }

    fn header(&mut self, sections: Sections) -> Result<Arc<FrameHeader>, ReadError> {
        if let Some(Value::Header(header)) = self.shared.cache.get(self.key(HEADER)) {
            return Ok(header);
        }
        let file = self.segment.header().map_err(|error| self.io(error))?;
        let salt = file.map_err(|_| self.damaged(Segment::no_header()))?.salt;
        let whole = sections == Sections::ALL || self.pos.bytes <= WHOLE_BYTES_MAX;
        let bytes = self.pos.bytes as usize;
        self.load(0, if whole { bytes } else { bytes.min(HEADER_BYTES_MAX) })?;
        let header = FrameHeader::parse(&self.chunks[0].1, salt, self.pos.offset)
            .map_err(|what| self.damaged(what))?;
        if header.frame_bytes != bytes {
            return Err(self.damaged(Malformed("frame has another length")));
        }
        if header.kind != Kind::Spans {
            return Err(self.damaged(Malformed("frame holds no spans")));
        }
        let header = Arc::new(header);
        self.shared.cache.put(self.key(HEADER), Value::Header(header.clone()));
        Ok(header)
    }

    fn sections(
        &mut self,
        header: &FrameHeader,
        sections: Sections,
    ) -> Result<[Option<Bytes>; SECTIONS], ReadError> {
        let wanted = |section: usize| sections.contains(Sections(1 << section));
        let mut held = [const { None }; SECTIONS];
        if let Some(lengths) = &header.merged {
            let all = self.pieces(&[(MERGED, header.pieces[0])])?.remove(0);
            let mut at = 0;
            for (section, &bytes) in lengths.iter().enumerate() {
                if wanted(section) {
                    held[section] = Some(all.slice(at..at + bytes));
                }
                at += bytes;
            }
            return Ok(held);
        }
        let pieces: Vec<(u8, Stored)> = (0..SECTIONS)
            .filter(|&section| wanted(section))
            .map(|section| (section as u8, header.pieces[section]))
            .collect();
        for ((section, _), bytes) in pieces.iter().zip(self.pieces(&pieces)?) {
            held[*section as usize] = Some(bytes);
        }
        Ok(held)
    }

    /// The raw bytes of pieces, from the cache or the disk.
    fn pieces(&mut self, pieces: &[(u8, Stored)]) -> Result<Vec<Bytes>, ReadError> {
        let mut cached: Vec<Option<Bytes>> = Vec::with_capacity(pieces.len());
        for &(section, _) in pieces {
            cached.push(match self.shared.cache.get(self.key(section)) {
                Some(Value::Section(bytes)) => Some(bytes),
                _ => None,
            });
        }
        let missing = pieces.iter().zip(&cached).filter(|(_, cached)| cached.is_none());
        let missing: Vec<Stored> = missing.map(|((_, piece), _)| *piece).collect();
        self.load_missing(&missing)?;
        let mut held = Vec::with_capacity(pieces.len());
        for (&(section, piece), cached) in pieces.iter().zip(cached) {
            held.push(match cached {
                Some(bytes) => bytes,
                None => {
                    let raw = piece.unpack(self.loaded(&piece)?).map_err(|what| self.damaged(what))?;
                    let raw = Bytes::from(raw);
                    self.shared.cache.put(self.key(section), Value::Section(raw.clone()));
                    raw
                }
            });
        }
        Ok(held)
    }

    /// Reads what is not in memory yet, neighbours together.
    fn load_missing(&mut self, missing: &[Stored]) -> Result<(), ReadError> {
        let mut run: Option<(usize, usize)> = None;
        for piece in missing {
            let (start, end) = (piece.at, piece.at + piece.stored);
            if self.chunks.iter().any(|(at, bytes)| *at <= start && end <= at + bytes.len()) {
                continue;
            }
            run = match run {
                Some((first, last)) if start <= last + GAP_BYTES_MAX => Some((first, end)),
                Some((first, last)) => {
                    self.load(first, last - first)?;
                    Some((start, end))
                }
                None => Some((start, end)),
            };
        }
        match run {
            Some((first, last)) => self.load(first, last - first),
            None => Ok(()),
        }
    }

    fn loaded(&self, piece: &Stored) -> Result<&[u8], ReadError> {
        let within =
            |(at, bytes): &(usize, Vec<u8>)| *at <= piece.at && piece.at + piece.stored <= at + bytes.len();
        let (at, bytes) = self
            .chunks
            .iter()
            .find(|chunk| within(chunk))
            .ok_or(self.damaged(Malformed("frame is cut off")))?;
        Ok(&bytes[piece.at - at..piece.at - at + piece.stored])
    }
}
