//! One trace, whole, from everywhere.

use crate::gather::{distinct_rows, live_rows, part_shared_spans, stored_rows};
use crate::snapshot::Snapshot;
use crate::{Inspected, QueryError, TraceAnswer, TraceRequest};
use cadenza_block::read::Projection;
use cadenza_model::otlp::to_resource_spans;
use cadenza_wal::Sections;
use prost::Message;

/// Columns hold repeated text once; a trace whose columns are this much smaller than the limit is not
/// encoded just to be measured.
const REPEATED_TEXT_MAX: u64 = 4;

/// Answers from the snapshots of the request's tenants.
pub(crate) fn answer(
    snapshots: &[&Snapshot],
    request: &TraceRequest,
    trace_bytes_max: u64,
) -> Result<TraceAnswer, QueryError> {
    let mut answer = TraceAnswer::default();
    for snapshot in snapshots {
        answer.missing.add(snapshot.missing());
        live_rows(snapshot, &request.id, Sections::ALL, &mut answer.columns, &mut answer.missing)?;
        stored_rows(
            &snapshot.blocks,
            &request.id,
            None,
            &Projection::full(),
            &mut answer.columns,
            &mut answer.missing,
        )?;
        let blocks = snapshot.blocks.len() as u32;
        answer.inspected.add(&Inspected {
            blocks,
            jobs: blocks + 1,
            jobs_done: blocks + 1,
            ..Inspected::default()
        });
    }
    answer.rows = distinct_rows(&answer.columns, 0..answer.columns.spans.len() as u32);
    part_shared_spans(&mut answer.columns, &answer.rows);
    let bytes = answer.columns.memory_bytes() as u64;
    answer.inspected.bytes = bytes;
    answer.inspected.spans = answer.rows.len() as u64;
    answer.inspected.traces = u32::from(!answer.rows.is_empty());
    if trace_bytes_max > 0 && bytes.saturating_mul(REPEATED_TEXT_MAX) > trace_bytes_max {
        enforce_size(&mut answer, request, trace_bytes_max)?;
    }
    Ok(answer)
}

/// Refuses a trace over the limit, or cuts it to the first spans that fit.
fn enforce_size(answer: &mut TraceAnswer, request: &TraceRequest, bytes_max: u64) -> Result<(), QueryError> {
    let size = |rows: &[u32]| -> u64 {
        let spans = to_resource_spans(&answer.columns, rows);
        spans.iter().map(|part| part.encoded_len() as u64).sum()
    };
    if size(&answer.rows) <= bytes_max {
        return Ok(());
    }
    if !request.allow_partial {
        return Err(QueryError::TraceTooLarge { bytes_max });
    }
    // The size grows with the number of spans: the largest prefix that fits is found by halving.
    let (mut fits, mut too_many) = (0, answer.rows.len());
    while too_many - fits > 1 {
        let middle = (fits + too_many) / 2;
        if size(&answer.rows[..middle]) <= bytes_max { fits = middle } else { too_many = middle }
    }
    answer.rows.truncate(fits);
    answer.truncated_at_bytes = Some(bytes_max);
    Ok(())
}
