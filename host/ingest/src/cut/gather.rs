//! The rows of a cut, read back from the log.

use crate::core::Core;
use crate::error::FlushError;
use crate::live::frames::LiveFrame;
use crate::live::index::PendingCut;
use cadenza_model::{Columns, Remap, TraceId};
use cadenza_wal::{FramePos, ReadError, Sections};

/// Rows of a cut by frame, and the spans themselves if they were asked for.
pub(crate) struct Gathered {
    pub(crate) spans: Columns,
    pub(crate) rows: Vec<(FramePos, Vec<u32>)>,
}

impl Core {
    /// Reads the frames of a cut in the order of arrival, which decides the root of a trace. Blocking.
    pub(crate) fn gather(&self, cut: &PendingCut, with_spans: bool) -> Result<Gathered, FlushError> {
        let mut gathered = Gathered { spans: Columns::new(), rows: Vec::with_capacity(cut.frames.len()) };
        let mut remap = Remap::new();
        let sections = if with_spans { Sections::ALL } else { Sections::IDS };
        for frame in &cut.frames {
            let columns = match self.wal.read(&frame.pos, sections) {
                Ok(columns) => columns,
                Err(error @ ReadError::Io { .. }) => return Err(FlushError::Read(error.to_string())),
                Err(error) => {
                    // Waiting would keep the log for ever and bring nothing back.
                    self.metrics.lost_spans.inc_by(u64::from(frame.live_rows));
                    tracing::error!(%error, spans = frame.live_rows, "spans are lost: their frame is damaged");
                    gathered.rows.push((frame.pos, (0..frame.rows).collect()));
                    continue;
                }
            };
            let rows = rows_of_cut(frame, &columns, &cut.traces);
            if with_spans {
                gathered
                    .spans
                    .append_rows_with(&mut remap, &columns, &rows)
                    .map_err(|full| FlushError::Build { block: cut.block, reason: full.to_string() })?;
            }
            gathered.rows.push((frame.pos, rows));
        }
        Ok(gathered)
    }
}

fn rows_of_cut(frame: &LiveFrame, columns: &Columns, traces: &[TraceId]) -> Vec<u32> {
    let mut last: Option<(TraceId, bool)> = None;
    frame
        .live_rows()
        .filter(|&row| {
            let id = columns.spans.trace_id[row as usize];
            match last {
                Some((last_id, inside)) if last_id == id => inside,
                _ => {
                    let inside = traces.binary_search(&id).is_ok();
                    last = Some((id, inside));
                    inside
                }
            }
        })
        .collect()
}
