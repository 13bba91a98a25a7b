//! Frames without a log: for the bench, the fuzzer and tests of the format.

use crate::error::{AppendError, Malformed};
use crate::frame::{
    Encoder, FrameHeader, Kind, Parts, SECTIONS, TooLarge, decode_controls, unpack, unpack_ids,
};
use crate::replay::FrameIds;
use cadenza_model::{Columns, TenantId};

/// What the sections are called, in order.
pub const SECTION_NAMES: [&str; SECTIONS] =
    ["ids + times", "resources + scopes", "names", "span attributes", "events + links", "keys", "values"];

/// Encodes frames as the log does.
#[derive(Default)]
pub struct FrameEncoder {
    encoder: Encoder,
}

impl std::fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrameEncoder")
    }
}

impl FrameEncoder {
    /// Appends the frame of a batch to `out`, not tied to a place.
    ///
    /// # Errors
    /// When the batch is too large for a frame.
    pub fn encode(
        &mut self,
        tenant: &TenantId,
        chain_digest: &[u8; 32],
        columns: &Columns,
        out: &mut Vec<u8>,
    ) -> Result<(), AppendError> {
        let encoded = self.encoder.encode(tenant, chain_digest, columns, out);
        encoded.map_err(|TooLarge { bytes, bytes_max }| AppendError::FrameTooLarge {
            bytes: bytes as u64,
            bytes_max: bytes_max as u64,
        })
    }

    /// Raw and stored bytes of the sections of the last frame, each stored by itself.
    pub fn section_bytes(&mut self) -> [(usize, usize); SECTIONS] {
        self.encoder.section_bytes()
    }
}

/// Decodes all of a frame of spans. Checksums are not looked at: this is what must stand any bytes.
///
/// # Errors
/// When the bytes are not a frame of spans.
pub fn decode_unchecked(frame: &[u8]) -> Result<Columns, Malformed> {
    let header = FrameHeader::parse_unchecked(frame)?;
    if header.kind != Kind::Spans {
        return Err(Malformed("frame holds no spans"));
    }
    let sections = raw_sections(&header, frame)?;
    let mut parts: Parts<'_> = [None; SECTIONS];
    for (part, bytes) in parts.iter_mut().zip(&sections) {
        *part = Some(bytes);
    }
    unpack(&header, &parts)
}

fn raw_sections(header: &FrameHeader, frame: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut raw = Vec::new();
    for piece in &header.pieces {
        let stored = frame.get(piece.at..piece.at + piece.stored).ok_or(Malformed("frame is cut off"))?;
        raw.push(piece.unpack_unchecked(stored)?);
    }
    let Some(lengths) = &header.merged else { return Ok(raw) };
    let mut rest = &raw[0][..];
    let mut sections = Vec::new();
    for &bytes in lengths {
        let (section, after) = rest.split_at_checked(bytes).ok_or(Malformed("frame is cut off"))?;
        sections.push(section.to_vec());
        rest = after;
    }
    Ok(sections)
}

/// Everything a reader does with the bytes of a frame, checksums aside.
pub(crate) fn decode_anything(frame: &[u8]) -> Result<(), Malformed> {
    let header = FrameHeader::parse_unchecked(frame)?;
    let sections = raw_sections(&header, frame)?;
    if header.kind == Kind::Control {
        return decode_controls(header.rows, &sections[0]).map(drop);
    }
    let mut ids = FrameIds::default();
    unpack_ids(&header, &sections[0], &mut ids)?;
    // Any subset must decode by itself.
    for subset in 0..1u8 << SECTIONS {
        if subset.count_ones() == 1 || subset == (1 << SECTIONS) - 1 {
            let mut parts: Parts<'_> = [None; SECTIONS];
            for (at, part) in parts.iter_mut().enumerate().filter(|(at, _)| subset & 1 << at != 0) {
                *part = Some(&sections[at]);
            }
            let columns = unpack(&header, &parts)?;
            if subset == (1 << SECTIONS) - 1 {
                columns.check().map_err(|broken| Malformed(broken.what))?;
            }
        }
    }
    Ok(())
}
