//! Columns of fields that are no attributes: a cell for every row.

use super::Scratch;
use crate::batch::{CellKind, Column};
use crate::plan::Intrinsic;
use crate::session::rows_of;
use cadenza_model::{Code, Columns, Dict};

/// Fills the column of a field; `rows` are the rows of a part.
pub(super) fn fill(
    columns: &Columns,
    intrinsic: Intrinsic,
    rows: Option<&[u32]>,
    scratch: &mut Scratch,
    column: &mut Column,
) {
    use Intrinsic::*;
    let spans = &columns.spans;
    let (events, links, scopes) = (&columns.events, &columns.links, &columns.scopes);
    let len = rows_of(columns, intrinsic.scope());
    let mut out = Out { rows, len, column, scratch };
    match intrinsic {
        TraceId => out.ids(|row| spans.trace_id[row].0),
        SpanId => out.ids(|row| spans.span_id[row].bytes()),
        ParentSpanId => out.ids(|row| spans.parent_id[row].bytes()),
        LinkTraceId => out.ids(|row| links.trace_id[row].0),
        LinkSpanId => out.ids(|row| links.span_id[row].bytes()),
        TraceState => out.texts(&columns.values, &spans.trace_state),
        Name => out.texts(&columns.names, &spans.name),
        StatusMessage => out.texts(&columns.values, &spans.message),
        ScopeName => out.texts(&columns.names, &scopes.name),
        ScopeVersion => out.texts(&columns.names, &scopes.version),
        EventName => out.texts(&columns.names, &events.name),
        LinkTraceState => out.texts(&columns.values, &links.trace_state),
        TraceFlags => out.ints(|row| spans.flags[row].into()),
        Kind => out.ints(|row| spans.kind[row].into()),
        StatusCode => out.ints(|row| spans.status[row].into()),
        StartUnixNano => out.ints(|row| spans.start_ns[row] as i64),
        DurationNano => out.ints(|row| spans.end_ns[row].saturating_sub(spans.start_ns[row]) as i64),
        EventCount => out.ints(|row| spans.events(row).len() as i64),
        LinkCount => out.ints(|row| spans.links(row).len() as i64),
        EventTimeUnixNano => out.ints(|row| events.time_ns[row] as i64),
    }
}

struct Out<'a> {
    rows: Option<&'a [u32]>,
    len: usize,
    column: &'a mut Column,
    scratch: &'a mut Scratch,
}

impl Out<'_> {
    fn each(&mut self, kind: CellKind, mut put: impl FnMut(&mut Column, &mut Scratch, usize)) {
        self.column.clear(kind);
        match self.rows {
            None => {
                for row in 0..self.len {
                    put(self.column, self.scratch, row);
                }
                self.column.cells = self.len as u32;
            }
            Some(rows) => {
                for &row in rows {
                    put(self.column, self.scratch, row as usize);
                }
                self.column.cells = rows.len() as u32;
            }
        }
    }

    fn ids<const N: usize>(&mut self, id: impl Fn(usize) -> [u8; N]) {
        self.each(CellKind::Ids, |column, _, row| column.ids.extend_from_slice(&id(row)));
    }

    fn ints(&mut self, number: impl Fn(usize) -> i64) {
        self.each(CellKind::Ints, |column, _, row| column.ints.push(number(row)));
    }

    fn texts(&mut self, dict: &Dict, codes: &[Code]) {
        self.scratch.entries.texts.start(dict.len(), 0);
        self.each(CellKind::Coded, |column, scratch, row| {
            let code = codes[row];
            let known = &mut scratch.entries.texts;
            let entry = known.get(code.into()).unwrap_or_else(|| {
                let entry = column.values.push(dict.get(code));
                known.set(code.into(), entry);
                entry
            });
            column.codes.push(entry);
        });
        self.column.entries = self.column.values.len() as u32;
    }
}
