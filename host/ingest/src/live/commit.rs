//! Indexing a durable batch: from then on queries find its spans.

use super::dedupe::{BatchIds, Suspect, confirm};
use super::frames::LiveFrame;
use super::groups::Groups;
use super::index::Live;
use crate::admit::ledger::Reservation;
use crate::core::Core;
use crate::tenant::Tenant;
use cadenza_model::{Processed, SpanBatch};
use cadenza_wal::{Durable, Sections};
use std::sync::Arc;

type Batch = SpanBatch<Processed<Reservation>>;

impl Core {
    /// Puts the frame of `batch` into the tenant's index. False if that failed by a fault of ours: then
    /// the spans must not be acknowledged, since only a restart would find them.
    pub(crate) async fn index(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        batch: Batch,
        mut groups: Groups,
        durable: Durable,
    ) -> bool {
        let segment = self.segments.keep(durable.pos().segment);
        let spans = &batch.columns().spans;
        groups.collect(batch.columns(), 0..spans.len());
        let mut frame =
            LiveFrame::new(durable.pos(), &spans.start_ns, &spans.end_ns, self.env.clock.unix_ns(), segment);
        let order = tenant.commit.lock().await;
        let suspects = {
            let mut live = tenant.live.lock();
            let rows = live.note_spans(&spans.span_id, &groups);
            suspects(&live, &groups, &rows)
        };
        let (mut batch, mut groups) = (batch, groups);
        if !suspects.is_empty() {
            let core = self.clone();
            let work = move || {
                let spans = &batch.columns().spans;
                let ids = BatchIds { span_id: &spans.span_id, kind: &spans.kind, group: &groups.of_row };
                let dead = confirm(&suspects, ids, |frame| core.read_ids(frame));
                (batch, groups, dead)
            };
            let Some(done) = self.env.spawn.blocking("ingest-confirm", work).await else { return false };
            let dead;
            (batch, groups, dead) = done;
            if !dead.is_empty() {
                tenant.series.duplicate_spans.inc_by(dead.len() as u64);
                frame = frame.without(&dead);
            }
        }
        let (_, columns, reservation) = batch.into_parts();
        let bytes = columns.spans.wire_bytes.iter().map(|&bytes| u64::from(bytes)).sum();
        {
            let mut live = tenant.live.lock();
            live.add_frame(frame, &columns.spans.wire_bytes, &groups, reservation.at());
            reservation.commit(&mut live);
            self.account(tenant, &live);
        }
        drop(order);
        for counter in &tenant.series.store_bytes_received {
            counter.inc_by(bytes);
        }
        self.pools.give_columns(columns);
        self.pools.give_groups(groups);
        true
    }

    pub(crate) fn read_ids(&self, frame: &LiveFrame) -> Option<Arc<cadenza_model::Columns>> {
        match self.wal.read(&frame.pos, Sections::IDS) {
            Ok(columns) => Some(columns),
            Err(error) => {
                tracing::warn!(%error, "cannot compare with a frame; spans that arrived twice may stay");
                None
            }
        }
    }
}

/// Suspicious rows by trace, with the frames to look into.
pub(crate) fn suspects(live: &Live, groups: &Groups, rows: &[u32]) -> Vec<Suspect> {
    let mut by_group: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for &row in rows {
        by_group.entry(groups.of_row[row as usize]).or_default().push(row);
    }
    let suspect = |(group, rows): (u32, Vec<u32>)| {
        let trace = groups.list[group as usize].id;
        Suspect { trace, rows, frames: live.frames_of(&trace) }
    };
    by_group.into_iter().map(suspect).collect()
}
