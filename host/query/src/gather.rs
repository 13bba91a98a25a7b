//! Bringing the parts of a trace together, wherever they lie.

use crate::snapshot::Snapshot;
use crate::{Missing, QueryError};
use cadenza_block::read::Projection;
use cadenza_model::{Columns, SpanId, TraceId};
use cadenza_store::StoredBlock;
use cadenza_wal::Sections;
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// Appends the rows of a trace that are not in blocks yet.
pub(crate) fn live_rows(
    snapshot: &Snapshot,
    id: &TraceId,
    sections: Sections,
    into: &mut Columns,
    missing: &mut Missing,
) -> Result<(), QueryError> {
    let Some(live) = &snapshot.live else { return Ok(()) };
    for frame in live.frames_of(id) {
        match live.read(&frame, sections) {
            Ok(columns) => append(into, &columns, &frame.rows_of(&columns, id))?,
            Err(error) => missing.note(format!("write-ahead log: {error}")),
        }
    }
    Ok(())
}

/// Appends the rows of a trace from each of the blocks but `except`. A block that cannot be read hurts only
/// itself.
pub(crate) fn stored_rows(
    blocks: &[Arc<StoredBlock>],
    id: &TraceId,
    except: Option<Uuid>,
    projection: &Projection,
    into: &mut Columns,
    missing: &mut Missing,
) -> Result<(), QueryError> {
    for block in blocks {
        let block_id = block.meta().block_id;
        if Some(block_id) == except {
            continue;
        }
        let found = || -> Result<Option<Columns>, String> {
            if !block.may_contain(id).map_err(|error| error.to_string())? {
                return Ok(None);
            }
            let reader = block.reader().map_err(|error| error.to_string())?;
            let Some(row) = reader.find_trace(id).map_err(|error| error.to_string())? else {
                return Ok(None);
            };
            let read = reader.read_traces(&[row], projection).map_err(|error| error.to_string())?;
            Ok(Some(read.columns))
        };
        match found() {
            Ok(Some(columns)) => {
                let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
                append(into, &columns, &rows)?;
            }
            Ok(None) => {}
            Err(reason) => missing.note(format!("block {block_id}: {reason}")),
        }
    }
    Ok(())
}

/// [`Columns::append_rows`] with the query's error.
pub(crate) fn append(into: &mut Columns, from: &Columns, rows: &[u32]) -> Result<(), QueryError> {
    into.append_rows(from, rows).map_err(|error| QueryError::Internal(error.to_string()))
}

/// The rows of a trace, each span once (identity: id and kind), by start, id and kind.
pub(crate) fn distinct_rows(columns: &Columns, rows: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let spans = &columns.spans;
    let mut seen = HashSet::new();
    let mut rows: Vec<u32> = rows
        .into_iter()
        .filter(|&row| seen.insert((spans.span_id[row as usize], spans.kind[row as usize])))
        .collect();
    rows.sort_by_key(|&row| {
        let row = row as usize;
        (spans.start_ns[row], spans.span_id[row], spans.kind[row])
    });
    rows
}

/// OTLP's number for a server span.
const KIND_SERVER: i32 = 2;
/// OTLP's number for a client span.
const KIND_CLIENT: i32 = 3;

/// Zipkin's shared spans: where a client and a server span have one id, the server's gets a new one
/// (counting from 1), the client becomes its parent, and the children follow the server.
pub(crate) fn part_shared_spans(columns: &mut Columns, rows: &[u32]) {
    let spans = &columns.spans;
    let of_kind = |kind: i32| -> HashSet<SpanId> {
        rows.iter()
            .filter(|&&row| spans.kind[row as usize] == kind)
            .map(|&row| spans.span_id[row as usize])
            .collect()
    };
    let (clients, servers) = (of_kind(KIND_CLIENT), of_kind(KIND_SERVER));
    if clients.is_disjoint(&servers) {
        return;
    }
    let taken: HashSet<SpanId> = rows.iter().map(|&row| spans.span_id[row as usize]).collect();
    let mut next = 1;
    let shared: Vec<u32> = rows
        .iter()
        .copied()
        .filter(|&row| {
            spans.kind[row as usize] == KIND_SERVER && clients.contains(&spans.span_id[row as usize])
        })
        .collect();
    for server in shared {
        while taken.contains(&SpanId(next)) {
            next += 1;
        }
        let (old, new) = (columns.spans.span_id[server as usize], SpanId(next));
        next += 1;
        for &row in rows {
            if columns.spans.parent_id[row as usize] == old && row != server {
                columns.spans.parent_id[row as usize] = new;
            }
        }
        columns.spans.span_id[server as usize] = new;
        columns.spans.parent_id[server as usize] = old;
    }
}
