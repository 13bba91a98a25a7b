//! The log of earlier runs, read behind: ingest goes on, and queries say partial until this is done.
//!
//! However long the log is, the index keeps to its bound: when what was read fills a share of it, it is cut
//! and stored before more is read, and the segments read so far are let go.

mod ahead;

use self::ahead::Ahead;

use crate::core::Core;
use crate::cut::policy::CutReason;
use crate::cut::queue::Job;
use crate::live::commit::suspects;
use crate::live::dedupe::{BatchIds, confirm};
use crate::live::frames::LiveFrame;
use crate::live::groups::Groups;
use cadenza_model::{TenantId, TraceId};
use cadenza_wal::{Control, DamageKind, FramePos, ReplayItem, SpanFrame};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// Log damage belongs to no tenant.
const NO_TENANT: &str = "";

/// The share of the index's bound that is read before it is stored: the rest is for requests, and for maps
/// and vectors that have grown.
const WINDOW_SHARE: u64 = 2;
/// With the store away, reading goes on up to nine tenths: the more is indexed, the more is answered.
const AWAY_PERMILLE: u64 = 900;

struct Replay<'a> {
    core: &'a Arc<Core>,
    groups: Groups,
    ahead: Ahead,
    /// Bytes of the index at which room is made.
    room_at: u64,
    /// Cuts met, and whose they are.
    cuts: HashMap<Uuid, TenantId>,
}

impl Core {
    /// Indexes what earlier runs left. Blocking; for a thread of its own.
    pub(crate) fn replay(self: &Arc<Self>) {
        let started = self.env.clock.monotonic();
        let mut replay = Replay {
            core: self,
            groups: self.pools.take_groups(),
            ahead: Ahead::read(&self.wal),
            room_at: self.config.live_index_bytes_max / WINDOW_SHARE,
            cuts: HashMap::new(),
        };
        let stats = self.wal.replay(|item| {
            match item {
                ReplayItem::Spans(frame) => {
                    replay.arrive(frame.pos);
                    replay.spans(frame);
                    replay.make_room(frame.pos);
                }
                ReplayItem::Control(_, control) => replay.control(control),
                ReplayItem::Damage(damage) => {
                    // A torn tail is how every crash looks, and holds nothing acknowledged.
                    if damage.kind == DamageKind::TornTail {
                        tracing::info!(?damage, "the log ends in an unfinished commit");
                    } else {
                        self.metrics.replay_errors.with_label_values(&[NO_TENANT]).inc();
                        tracing::error!(?damage, "a piece of the log cannot be read");
                    }
                }
                other => tracing::error!(?other, "the log has an item this version does not know"),
            }
            if self.cancelled.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if stats.stopped {
            return;
        }
        let took = self.env.clock.monotonic().saturating_sub(started);
        tracing::info!(?stats, ?took, "the log is indexed");
        self.requeue();
        self.metrics.catch_up_seconds.set(took.as_secs_f64());
        self.metrics.ready.set(1);
        self.replaying.store(false, Ordering::Release);
        self.replayed.notify_waiters();
        self.wake.notify_one();
    }

    /// Cuts without `Built` go on.
    fn requeue(self: &Arc<Self>) {
        for tenant in self.tenants.all() {
            let cuts = tenant.live.lock().cuts().to_vec();
            for cut in cuts {
                if self.cuts.control(cut.block).is_some() {
                    continue;
                }
                let tenant = tenant.clone();
                let (recorded, may_exist) = (true, true);
                let not_before = Duration::ZERO;
                self.cuts.add(Job { tenant, cut, recorded, may_exist, failures: 0, not_before });
            }
        }
        self.tell_queue();
    }
}

impl Replay<'_> {
    /// Everything before `pos` is indexed: what is known to have become of it happens now, not when its
    /// entry is met. An entry that was recorded while this log was read before may lie far behind.
    fn arrive(&mut self, pos: FramePos) {
        self.core.replayed_before.store(pos.segment, Ordering::Release);
        while let Some(cut) = self.ahead.next_before(&pos) {
            self.cut(cut.block, &cut.tenant, &cut.traces, cut.up_to);
            if cut.built {
                self.cuts.remove(&cut.block);
                self.built(cut.block, &cut.tenant);
            }
        }
    }

    /// Stores what was read, if that is enough.
    fn make_room(&mut self, pos: FramePos) {
        let core = self.core;
        if core.live_index_bytes() < self.room_at || !self.ahead.is_past(&pos) {
            return;
        }
        let now = core.env.clock.monotonic();
        core.requeue();
        for tenant in core.tenants.all() {
            tenant.live.lock().close_all(now);
            core.cut_up_to(&tenant, CutReason::Immediate, Some(pos));
        }
        let bytes_max = core.config.live_index_bytes_max;
        let away_bytes = bytes_max / 1000 * AWAY_PERMILLE;
        core.cuts.wait_while(|cuts| {
            let room = cuts.is_failing() && core.live_index_bytes() < away_bytes;
            cuts.outstanding() > 0 && !room && !core.cancelled.is_cancelled()
        });
        core.release_segments();
        // What cannot be stored yet must not make every frame a block.
        let next = core.live_index_bytes().saturating_add(bytes_max / (2 * WINDOW_SHARE));
        self.room_at = next.clamp(bytes_max / WINDOW_SHARE, away_bytes);
    }

    fn spans(&mut self, found: SpanFrame<'_>) {
        let core = self.core;
        let now = core.env.clock.monotonic();
        let tenant = core.tenants.get_or_make_always(found.tenant, &core.metrics, core.env.random.as_ref());
        let ids = found.ids;
        self.groups.collect_replayed(ids);
        let segment = core.segments.keep(found.pos.segment);
        let mut frame =
            LiveFrame::new(found.pos, &ids.start_ns, &ids.end_ns, core.env.clock.unix_ns(), segment);
        let _order = tenant.commit.blocking_lock();
        let mut live = tenant.live.lock();
        let mut slots = Vec::with_capacity(self.groups.list.len());
        for group in &self.groups.list {
            slots.push(live.reserve(&group.id, group.bytes, now).0);
        }
        let rows = live.note_spans(&ids.span_id, &self.groups);
        if !rows.is_empty() {
            let suspects = suspects(&live, &self.groups, &rows);
            drop(live);
            let batch = BatchIds { span_id: &ids.span_id, kind: &ids.kind, group: &self.groups.of_row };
            let dead = confirm(&suspects, batch, |frame| core.read_ids(frame));
            if !dead.is_empty() {
                tenant.series.duplicate_spans.inc_by(dead.len() as u64);
                frame = frame.without(&dead);
            }
            live = tenant.live.lock();
        }
        live.add_frame(frame, &ids.wire_bytes, &self.groups, now);
        for slot in slots {
            live.give_back(slot, 0, now, core.config.trace_live);
        }
        core.account(&tenant, &live);
    }

    fn control(&mut self, control: Control) {
        match control {
            Control::Cut { block_id, .. } | Control::Built { block_id } if self.ahead.is_done(block_id) => {}
            Control::Cut { block_id, tenant, traces, up_to } => self.cut(block_id, &tenant, &traces, up_to),
            Control::Built { block_id } => {
                if let Some(tenant) = self.cuts.remove(&block_id) {
                    self.built(block_id, &tenant);
                }
            }
            Control::Released { tenant, traces, up_to } => {
                // A cut without a block, finished at once.
                let number = Uuid::nil();
                self.cut(number, &tenant, &traces, up_to);
                self.built(number, &tenant);
            }
            Control::Verdict { tenant, trace, .. } => {
                tracing::debug!(%tenant, %trace, "no sampler is loaded: the verdict has no effect");
            }
        }
    }

    fn cut(&mut self, block: Uuid, tenant: &TenantId, traces: &[TraceId], up_to: FramePos) {
        let Some(state) = self.core.tenants.get(tenant) else { return };
        let mut live = state.live.lock();
        // New segments repeat the cuts that were open.
        if live.cut_of(block).is_none() {
            live.restore_cut(block, up_to, traces);
            self.cuts.insert(block, tenant.clone());
        }
    }

    fn built(&mut self, block: Uuid, tenant: &TenantId) {
        let core = self.core;
        let Some(state) = core.tenants.get(tenant) else { return };
        let Some(cut) = state.live.lock().cut_of(block) else { return };
        let now = core.env.clock.monotonic();
        match core.gather(&cut, false) {
            Ok(gathered) => {
                let mut live = state.live.lock();
                live.finish_cut(&cut, &gathered.rows, now, core.config.trace_live);
                core.account(&state, &live);
            }
            // The builder asks the store, and finishes it.
            Err(error) => tracing::warn!(%error, %block, "a built cut cannot be dropped yet"),
        }
    }
}
