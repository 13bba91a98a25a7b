//! Which ids a span may have.

use super::Result;
use crate::error::{DecodeError, IdError};
use crate::{SpanId, TraceId};

/// Checks the ids of one span: 16 and 8 bytes, not all zero.
pub fn ids_ok(trace_id: &[u8], span_id: &[u8]) -> std::result::Result<(TraceId, SpanId), IdError> {
    let trace = match <[u8; 16]>::try_from(trace_id) {
        Ok(id) if id != [0; 16] => TraceId(id),
        Ok(_) => return Err(IdError::Trace { bits: 0 }),
        Err(_) => return Err(IdError::Trace { bits: trace_id.len() as u64 * 8 }),
    };
    let span = match <[u8; 8]>::try_from(span_id) {
        Ok(id) if id != [0; 8] => SpanId(u64::from_be_bytes(id)),
        Ok(_) => return Err(IdError::Span { bits: 0 }),
        Err(_) => return Err(IdError::Span { bits: span_id.len() as u64 * 8 }),
    };
    Ok((trace, span))
}

impl super::Decoder<'_, '_> {
    /// The ids of a span. Wrong lengths end decoding; nothing received is remembered and read over.
    pub(super) fn ids(&mut self, trace_id: &[u8], span_id: &[u8]) -> Result<(TraceId, SpanId)> {
        match ids_ok(trace_id, span_id) {
            Ok(ids) => Ok(ids),
            Err(error) if error.is_wrong_length() => Err(DecodeError::Id { error, spans: 0 }),
            Err(error) => {
                self.bad_id.get_or_insert(error);
                Ok((TraceId::default(), SpanId::NONE))
            }
        }
    }
}
