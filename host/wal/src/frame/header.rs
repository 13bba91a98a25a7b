//! Frame headers: what a frame is and where its sections lie, under a checksum of their own.

use super::pack::{Input, put_varint};
use super::{FRAME_BYTES_MAX, ROWS_MAX, SECTION_BYTES_MAX, SECTIONS};
use crate::error::Malformed;
use cadenza_model::{SINGLE_TENANT, TenantId};

/// First two bytes of every frame; not zero, which is padding.
const MAGIC: u16 = 0xCAD2;
/// Magic, kind, flags, header length, checksum.
pub(crate) const PREFIX_BYTES: usize = 10;
/// Where the checksum lies.
const CRC_AT: usize = 6;
/// A header with the longest tenant, a digest and seven full entries.
pub(crate) const HEADER_BYTES_MAX: usize =
    PREFIX_BYTES + 5 + 2 + TenantId::BYTES_MAX + 32 + 5 + SECTIONS * 14;

const FLAG_FIRST: u8 = 1;
const FLAG_DIGEST: u8 = 2;
const FLAG_MERGED: u8 = 4;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A batch of spans: seven sections.
    Spans,
    /// Control entries: one section.
    Control,
}

impl Kind {
    fn sections(self) -> usize {
        match self {
            Self::Spans => SECTIONS,
            Self::Control => 1,
        }
    }
}

/// A piece of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stored {
    /// From the start of the frame.
    pub(crate) at: usize,
    pub(crate) stored: usize,
    pub(crate) raw: usize,
    pub(crate) snappy: bool,
    pub(crate) crc: u32,
}

impl Stored {
    /// The raw bytes, if `bytes` are what was written.
    pub(crate) fn unpack(&self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        if crc32c::crc32c(bytes) != self.crc {
            return Err(Malformed("checksum of a section differs"));
        }
        self.unpack_unchecked(bytes)
    }

    pub(crate) fn unpack_unchecked(&self, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        if !self.snappy {
            return Ok(bytes.to_vec());
        }
        if snap::raw::decompress_len(bytes) != Ok(self.raw) {
            return Err(Malformed("length of a section differs"));
        }
        let unpacked = snap::raw::Decoder::new().decompress_vec(bytes);
        unpacked.map_err(|_| Malformed("section cannot be decompressed"))
    }
}

/// A parsed header.
#[derive(Debug, Clone)]
pub(crate) struct FrameHeader {
    pub(crate) kind: Kind,
    /// Begins a commit: everything before it was synced.
    pub(crate) first_in_commit: bool,
    pub(crate) frame_bytes: usize,
    pub(crate) tenant: TenantId,
    pub(crate) chain_digest: [u8; 32],
    pub(crate) rows: usize,
    /// One piece per section, or one for all when merged.
    pub(crate) pieces: Vec<Stored>,
    /// Raw lengths of the sections when merged.
    pub(crate) merged: Option<Vec<usize>>,
}

/// What a header is written from; pieces are given without `at`.
#[derive(Debug)]
pub(crate) struct HeaderParts<'a> {
    pub(crate) kind: Kind,
    pub(crate) tenant: &'a TenantId,
    pub(crate) chain_digest: &'a [u8; 32],
    pub(crate) rows: usize,
    pub(crate) pieces: &'a [Stored],
    pub(crate) merged: Option<&'a [usize]>,
    pub(crate) body_bytes: usize,
}

/// Appends a header without its checksum, which [`seal`] adds.
pub(crate) fn put_header(out: &mut Vec<u8>, parts: &HeaderParts<'_>) {
    let start = out.len();
    let digest = parts.chain_digest != &[0; 32];
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.push(if parts.kind == Kind::Spans { 0 } else { 1 });
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(flag(digest, FLAG_DIGEST) | flag(parts.merged.is_some(), FLAG_MERGED));
    out.extend_from_slice(&[0; PREFIX_BYTES - 4]);
    let mut tail = Vec::with_capacity(HEADER_BYTES_MAX);
    let tenant = if parts.tenant.as_str() == SINGLE_TENANT { "" } else { parts.tenant.as_str() };
    put_varint(&mut tail, tenant.len() as u64);
    tail.extend_from_slice(tenant.as_bytes());
    if digest {
        tail.extend_from_slice(parts.chain_digest);
    }
    put_varint(&mut tail, parts.rows as u64);
    for &raw in parts.merged.unwrap_or_default() {
        put_varint(&mut tail, raw as u64);
    }
    for piece in parts.pieces {
        put_varint(&mut tail, (piece.stored as u64) << 1 | u64::from(piece.snappy));
        if piece.snappy {
            put_varint(&mut tail, piece.raw as u64);
        }
        if piece.stored > 0 {
            tail.extend_from_slice(&piece.crc.to_le_bytes());
        }
    }
    // The length counts its own bytes: grow until it is stable (one round but for a few lengths).
    let mut total = PREFIX_BYTES + 1 + tail.len() + parts.body_bytes;
    loop {
        out.truncate(start + PREFIX_BYTES);
        put_varint(out, total as u64);
        let exact = out.len() - start + tail.len() + parts.body_bytes;
        if exact == total {
            break;
        }
        total = exact;
    }
    out.extend_from_slice(&tail);
    let header_bytes = (out.len() - start) as u16;
    out[start + 4..start + 6].copy_from_slice(&header_bytes.to_le_bytes());
}

fn checksum(header: &[u8], salt: u64, offset: u64) -> u32 {
    let crc = crc32c::crc32c(&header[..CRC_AT]);
    let crc = crc32c::crc32c_append(crc, &header[PREFIX_BYTES..]);
    let crc = crc32c::crc32c_append(crc, &salt.to_le_bytes());
    crc32c::crc32c_append(crc, &offset.to_le_bytes())
}

/// Ties a frame to its place: sets the commit flag and the header's checksum.
pub(crate) fn seal(frame: &mut [u8], salt: u64, offset: u64, first_in_commit: bool) {
    frame[3] = frame[3] & !FLAG_FIRST | u8::from(first_in_commit);
    let header_bytes = u16::from_le_bytes([frame[4], frame[5]]) as usize;
    let crc = checksum(&frame[..header_bytes], salt, offset);
    frame[CRC_AT..PREFIX_BYTES].copy_from_slice(&crc.to_le_bytes());
}

/// The header's length, if these bytes may begin a frame.
pub(crate) fn peek_header_bytes(bytes: &[u8]) -> Option<usize> {
    let prefix = bytes.first_chunk::<PREFIX_BYTES>()?;
    let header_bytes = u16::from_le_bytes([prefix[4], prefix[5]]) as usize;
    let fits = (PREFIX_BYTES + 1..=HEADER_BYTES_MAX).contains(&header_bytes);
    (u16::from_le_bytes([prefix[0], prefix[1]]) == MAGIC && fits).then_some(header_bytes)
}

impl FrameHeader {
    /// Parses the header at the start of `bytes`, which must hold all of it.
    pub(crate) fn parse(bytes: &[u8], salt: u64, offset: u64) -> Result<Self, Malformed> {
        let header_bytes = peek_header_bytes(bytes).ok_or(Malformed("no frame starts here"))?;
        let header = bytes.get(..header_bytes).ok_or(Malformed("header is cut off"))?;
        let crc = u32::from_le_bytes([header[6], header[7], header[8], header[9]]);
        if crc != checksum(header, salt, offset) {
            return Err(Malformed("checksum of the header differs"));
        }
        Self::parse_unchecked(bytes)
    }

    pub(crate) fn parse_unchecked(bytes: &[u8]) -> Result<Self, Malformed> {
        let header_bytes = peek_header_bytes(bytes).ok_or(Malformed("no frame starts here"))?;
        let header = bytes.get(..header_bytes).ok_or(Malformed("header is cut off"))?;
        let kind = match header[2] {
            0 => Kind::Spans,
            1 => Kind::Control,
            _ => return Err(Malformed("kind of frame is unknown")),
        };
        let flags = header[3];
        if flags & !(FLAG_FIRST | FLAG_DIGEST | FLAG_MERGED) != 0 {
            return Err(Malformed("flag of frame is unknown"));
        }
        let mut input = Input::new(&header[PREFIX_BYTES..]);
        let frame_bytes = input.count(FRAME_BYTES_MAX)?;
        let tenant_bytes = input.count(TenantId::BYTES_MAX)?;
        let tenant = parse_tenant(input.take(tenant_bytes)?)?;
        let chain_digest = if flags & FLAG_DIGEST != 0 { input.array()? } else { [0; 32] };
        let rows = input.count(ROWS_MAX)?;
        let mut merged = None;
        if flags & FLAG_MERGED != 0 {
            let mut lengths = Vec::with_capacity(kind.sections());
            for _ in 0..kind.sections() {
                lengths.push(input.count(SECTION_BYTES_MAX)?);
            }
            merged = Some(lengths);
        }
        let mut pieces = Vec::with_capacity(kind.sections());
        let mut at = header_bytes;
        for _ in 0..if merged.is_some() { 1 } else { kind.sections() } {
            let piece = parse_piece(&mut input, at)?;
            at += piece.stored;
            pieces.push(piece);
        }
        input.end()?;
        if at != frame_bytes {
            return Err(Malformed("lengths of frame and sections differ"));
        }
        if merged.as_ref().is_some_and(|lengths| lengths.iter().sum::<usize>() != pieces[0].raw) {
            return Err(Malformed("lengths of merged sections differ"));
        }
        let first_in_commit = flags & FLAG_FIRST != 0;
        Ok(Self { kind, first_in_commit, frame_bytes, tenant, chain_digest, rows, pieces, merged })
    }
}

fn parse_tenant(bytes: &[u8]) -> Result<TenantId, Malformed> {
    if bytes.is_empty() {
        return Ok(TenantId::single());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed("tenant is not utf-8"))?;
    let tenant = TenantId::parse(text).map_err(|_| Malformed("tenant is not a tenant id"))?;
    if tenant.as_str() == text { Ok(tenant) } else { Err(Malformed("tenant is not a tenant id")) }
}

fn parse_piece(input: &mut Input<'_>, at: usize) -> Result<Stored, Malformed> {
    let word = input.varint()?;
    let stored = usize::try_from(word >> 1).unwrap_or(usize::MAX);
    if stored > FRAME_BYTES_MAX {
        return Err(Malformed("section exceeds the frame limit"));
    }
    let snappy = word & 1 == 1;
    let raw = if snappy { input.count(SECTION_BYTES_MAX)? } else { stored };
    let crc = if stored > 0 { u32::from_le_bytes(input.array()?) } else { 0 };
    Ok(Stored { at, stored, raw, snappy, crc })
}
