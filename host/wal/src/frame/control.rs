//! Control entries as a frame of one section.
//!
//! Per entry: tag, then its fields; ids raw, numbers as varints, tenants as length and bytes.

use super::header::{HeaderParts, Kind, Stored, put_header};
use super::pack::{Input, put_varint};
use super::{FRAME_BYTES_MAX, ROWS_MAX};
use crate::control::Control;
use crate::error::Malformed;
use crate::frame::TooLarge;
use crate::pos::FramePos;
use cadenza_model::{TenantId, TraceId};
use uuid::Uuid;

const CUT: u8 = 1;
const BUILT: u8 = 2;
const RELEASED: u8 = 3;
const VERDICT: u8 = 4;

fn put_tenant(out: &mut Vec<u8>, tenant: &TenantId) {
    put_varint(out, tenant.as_str().len() as u64);
    out.extend_from_slice(tenant.as_str().as_bytes());
}

fn put_traces(out: &mut Vec<u8>, traces: &[TraceId], up_to: &FramePos) {
    put_varint(out, traces.len() as u64);
    traces.iter().for_each(|id| out.extend_from_slice(&id.0));
    put_varint(out, up_to.segment);
    put_varint(out, up_to.offset);
    put_varint(out, u64::from(up_to.bytes));
}

fn put_entry(out: &mut Vec<u8>, control: &Control) {
    match control {
        Control::Cut { block_id, tenant, traces, up_to } => {
            out.push(CUT);
            out.extend_from_slice(block_id.as_bytes());
            put_tenant(out, tenant);
            put_traces(out, traces, up_to);
        }
        Control::Built { block_id } => {
            out.push(BUILT);
            out.extend_from_slice(block_id.as_bytes());
        }
        Control::Released { tenant, traces, up_to } => {
            out.push(RELEASED);
            put_tenant(out, tenant);
            put_traces(out, traces, up_to);
        }
        Control::Verdict { tenant, trace, plugin_digest, keep, expires_unix_s } => {
            out.push(VERDICT);
            put_tenant(out, tenant);
            out.extend_from_slice(&trace.0);
            out.extend_from_slice(plugin_digest);
            out.push(u8::from(*keep));
            put_varint(out, *expires_unix_s);
        }
    }
}

/// Appends a frame of control entries to `out`, to be sealed when its place is known.
pub(crate) fn encode_controls(controls: &[Control], out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let mut body = Vec::new();
    controls.iter().for_each(|control| put_entry(&mut body, control));
    let too_large = |bytes, bytes_max| Err(TooLarge { bytes, bytes_max });
    if body.len() + super::HEADER_BYTES_MAX > FRAME_BYTES_MAX {
        return too_large(body.len(), FRAME_BYTES_MAX);
    }
    if controls.len() > ROWS_MAX {
        return too_large(controls.len(), ROWS_MAX);
    }
    let crc = if body.is_empty() { 0 } else { crc32c::crc32c(&body) };
    let piece = Stored { at: 0, stored: body.len(), raw: body.len(), snappy: false, crc };
    let parts = HeaderParts {
        kind: Kind::Control,
        tenant: &TenantId::single(),
        chain_digest: &[0; 32],
        rows: controls.len(),
        pieces: &[piece],
        merged: None,
        body_bytes: body.len(),
    };
    put_header(out, &parts);
    out.extend_from_slice(&body);
    Ok(())
}

fn tenant(input: &mut Input<'_>) -> Result<TenantId, Malformed> {
    let bytes = input.count(TenantId::BYTES_MAX)?;
    let text = std::str::from_utf8(input.take(bytes)?).map_err(|_| Malformed("tenant is not utf-8"))?;
    let tenant = TenantId::parse(text).map_err(|_| Malformed("tenant is not a tenant id"))?;
    if tenant.as_str() == text { Ok(tenant) } else { Err(Malformed("tenant is not a tenant id")) }
}

fn traces(input: &mut Input<'_>) -> Result<(Vec<TraceId>, FramePos), Malformed> {
    let count = input.count(FRAME_BYTES_MAX / 16)?;
    let traces = input.take(count * 16)?.as_chunks::<16>().0.iter().map(|id| TraceId(*id)).collect();
    let segment = input.varint()?;
    let offset = input.varint()?;
    let bytes = input.count(FRAME_BYTES_MAX)? as u32;
    Ok((traces, FramePos { segment, offset, bytes }))
}

fn entry(input: &mut Input<'_>) -> Result<Control, Malformed> {
    match input.byte()? {
        CUT => {
            let block_id = Uuid::from_bytes(input.array()?);
            let tenant = tenant(input)?;
            let (traces, up_to) = traces(input)?;
            Ok(Control::Cut { block_id, tenant, traces, up_to })
        }
        BUILT => Ok(Control::Built { block_id: Uuid::from_bytes(input.array()?) }),
        RELEASED => {
            let tenant = tenant(input)?;
            let (traces, up_to) = traces(input)?;
            Ok(Control::Released { tenant, traces, up_to })
        }
        VERDICT => {
            let tenant = tenant(input)?;
            let trace = TraceId(input.array()?);
            let plugin_digest = input.array()?;
            let keep = match input.byte()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed("verdict is neither keep nor drop")),
            };
            Ok(Control::Verdict { tenant, trace, plugin_digest, keep, expires_unix_s: input.varint()? })
        }
        _ => Err(Malformed("control entry is unknown")),
    }
}

/// Reads `rows` entries.
pub(crate) fn decode_controls(rows: usize, bytes: &[u8]) -> Result<Vec<Control>, Malformed> {
    let mut input = Input::new(bytes);
    let mut controls = Vec::new();
    for _ in 0..rows {
        controls.push(entry(&mut input)?);
    }
    input.end()?;
    Ok(controls)
}
