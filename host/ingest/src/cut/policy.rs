//! When traces are closed and cut.

use super::queue::Job;
use crate::core::Core;
use crate::live::index::CutSize;
use crate::tenant::Tenant;
use cadenza_wal::FramePos;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// Cuts that may wait for the builder. With the store away, more cuts would only hold more memory: the
/// traces wait in the index instead, and the log's bound refuses what does not fit.
pub(super) const CUTS_OUTSTANDING_MAX: usize = 256;

/// Why a cut was made; the values of Tempo's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutReason {
    Duration,
    Bytes,
    /// A flush, a shutdown, or want of room.
    Immediate,
}

impl CutReason {
    fn label(self) -> &'static str {
        match self {
            Self::Duration => "max_block_duration",
            Self::Bytes => "max_block_bytes",
            Self::Immediate => "immediate",
        }
    }
}

/// Which of the server's bounds is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressure {
    None,
    /// Traces that keep segments up to this one must go.
    Log {
        segment: u64,
    },
    /// All must go: the index or the volume is full.
    All,
}

impl Core {
    /// Closes and cuts until stopped.
    pub(crate) async fn cutter(self: Arc<Self>) {
        loop {
            let pause = self.env.clock.sleep(self.config.flush_check_period);
            tokio::select! {
                () = pause => {}
                () = self.wake.notified() => {}
                () = self.cancelled.cancelled() => return,
            }
            self.sweep();
        }
    }

    /// One look at every tenant.
    pub(crate) fn sweep(self: &Arc<Self>) {
        if self.replaying.load(Ordering::Acquire) {
            return;
        }
        let now = self.env.clock.monotonic();
        let pressure = self.pressure();
        let mut due = Vec::new();
        for tenant in self.tenants.all() {
            {
                let mut live = tenant.live.lock();
                live.close_due(now, self.config.trace_idle, self.config.trace_live);
                match pressure {
                    Pressure::None => {}
                    Pressure::Log { segment } => live.close_in_segment(segment, now),
                    Pressure::All => live.close_all(now),
                }
                self.account(&tenant, &live);
            }
            if let Some((since, reason)) = self.due(&tenant, now, pressure) {
                due.push((since, reason, tenant));
            }
        }
        // Those that wait longest go first, so that nobody starves when the builder is behind.
        due.sort_by_key(|(since, ..)| *since);
        for (_, reason, tenant) in due {
            self.cut(&tenant, reason);
        }
        self.tenants.forget_idle(now);
        self.release_segments();
        self.tell_oldest();
    }

    fn due(&self, tenant: &Tenant, now: Duration, pressure: Pressure) -> Option<(Duration, CutReason)> {
        let closed = tenant.live.lock().closed();
        let since = closed.since?;
        if pressure != Pressure::None {
            Some((since, CutReason::Immediate))
        } else if self.cuts.estimate(closed.bytes) >= self.config.block_bytes_max {
            Some((since, CutReason::Bytes))
        } else if now.saturating_sub(since) >= self.config.block_duration_max {
            Some((since, CutReason::Duration))
        } else {
            None
        }
    }

    /// Cuts all closed traces of a tenant, as many cuts as that takes.
    pub(crate) fn cut(self: &Arc<Self>, tenant: &Arc<Tenant>, reason: CutReason) {
        self.cut_up_to(tenant, reason, None);
    }

    /// As [`Core::cut`], but nothing behind a place of the old log.
    pub(crate) fn cut_up_to(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        reason: CutReason,
        end: Option<FramePos>,
    ) {
        let size = CutSize { spans_max: self.config.cut_spans_max, bytes_max: self.config.cut_bytes_max };
        while self.cuts.outstanding() < CUTS_OUTSTANDING_MAX {
            let block = self.next_block_id();
            let cut = {
                let mut live = tenant.live.lock();
                let cut = live.make_cut(block, size, end);
                self.account(tenant, &live);
                cut
            };
            let Some(cut) = cut else { return };
            self.metrics.blocks_cut.with_label_values(&[reason.label()]).inc();
            tracing::debug!(tenant = %tenant.id, block = %block, spans = cut.spans, "cut");
            self.cuts.add(Job {
                tenant: tenant.clone(),
                cut,
                recorded: false,
                may_exist: false,
                failures: 0,
                not_before: Duration::ZERO,
            });
            self.tell_queue();
        }
    }

    /// Never the same twice: over servers by node and chance, over restarts also by the segments that
    /// the log had at the start, since recording a cut begins a new one.
    fn next_block_id(&self) -> Uuid {
        let sequence = self.blocks_named.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}/{:016x}/{}/{sequence}", self.config.node_id, self.run, self.segment_at_start);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
    }

    fn pressure(&self) -> Pressure {
        let near = |used: u64, max: u64| used > max / 5 * 4;
        if near(self.live_index_bytes(), self.config.live_index_bytes_max) || self.volume_is_full() {
            return Pressure::All;
        }
        if !near(self.wal.bytes(), self.config.wal_bytes_max) {
            return Pressure::None;
        }
        // A quarter of the segments: releasing one at a time would cut a block for each.
        let segments = self.wal.segments();
        match segments.get(segments.len() / 4) {
            Some(info) => Pressure::Log { segment: info.segment },
            None => Pressure::None,
        }
    }

    /// True when the log refuses spans for want of space. Blocks take a fraction of the log's, so cutting
    /// makes room even where both share a volume; the reserve is there to build them in.
    fn volume_is_full(&self) -> bool {
        let log = self.wal.config();
        match self.env.disk.free_bytes(&log.path) {
            Ok(free_bytes) => free_bytes < log.free_bytes_min,
            // Not knowing is no reason to cut early: the log itself will tell.
            Err(_) => false,
        }
    }

    /// Gives up segments that nothing needs any more.
    pub(crate) fn release_segments(&self) {
        let mut segments = self.wal.segments();
        if self.replaying.load(Ordering::Acquire) {
            // What is not read yet is not known to be needed.
            let read = self.replayed_before.load(Ordering::Acquire);
            segments.retain(|info| info.segment < read);
        }
        if self.segments.active_is_unused(&segments) {
            self.wal.seal();
        }
        for segment in self.segments.releasable(&segments) {
            self.wal.release(segment);
        }
    }

    fn tell_oldest(&self) {
        let oldest = self.tenants.all().iter().filter_map(|tenant| tenant.live.lock().oldest_ns()).min();
        self.wal.set_oldest_unflushed(oldest);
    }

    pub(crate) fn tell_queue(&self) {
        for gauge in &self.metrics.complete_queue_length {
            gauge.set(i64::try_from(self.cuts.outstanding()).unwrap_or(i64::MAX));
        }
    }
}
