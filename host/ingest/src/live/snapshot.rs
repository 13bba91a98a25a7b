//! What a query sees of the live traces of a tenant: one moment, for as long as it is held.

use super::frames::{FrameKey, LiveFrame};
use crate::tenant::Tenant;
use cadenza_model::{Columns, TraceId};
use cadenza_wal::{ReadError, Sections, Wal};
use std::sync::Arc;
use uuid::Uuid;

/// The live spans of one tenant at one moment.
///
/// Take it *before* the list of blocks, and skip blocks among [`LiveSnapshot::pending_blocks`]: then
/// every acknowledged span is seen once. While it is held, no segment that it reads is removed.
#[derive(Debug, Clone)]
pub struct LiveSnapshot {
    wal: Arc<Wal>,
    tenant: Option<Arc<Tenant>>,
    frames: Arc<[Arc<LiveFrame>]>,
    pending: Arc<[Uuid]>,
    pin: Arc<u64>,
    partial: bool,
}

impl LiveSnapshot {
    pub(crate) fn take(wal: Arc<Wal>, tenant: Option<Arc<Tenant>>, partial: bool) -> Self {
        let (frames, pending, pin) = match &tenant {
            Some(tenant) => tenant.live.lock().view(),
            None => (Vec::new(), Vec::new(), Arc::new(0)),
        };
        Self { wal, tenant, frames: frames.into(), pending: pending.into(), pin, partial }
    }

    /// Frames with live rows, in the order of the log. Rows that are not [`LiveFrame::is_live`] are to be
    /// passed over.
    pub fn frames(&self) -> &[Arc<LiveFrame>] {
        &self.frames
    }

    /// Frames that hold rows of one trace, in the order of the log.
    pub fn frames_of(&self, trace: &TraceId) -> Vec<Arc<LiveFrame>> {
        let Some(tenant) = &self.tenant else { return Vec::new() };
        let places = tenant.live.lock().places_since(trace, *self.pin);
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            // Later frames than the snapshot's are another moment.
            if let Ok(at) = self.frames.binary_search_by_key(&place, |frame| FrameKey::of(&frame.pos)) {
                found.push(self.frames[at].clone());
            }
        }
        found
    }

    /// Blocks whose spans this snapshot still answers for; they may or may not be in the store already.
    pub fn pending_blocks(&self) -> &[Uuid] {
        &self.pending
    }

    /// True while the log of an earlier run is still being read: acknowledged spans may be missing.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Reads sections of a frame. Blocking.
    ///
    /// # Errors
    /// When the disk fails or the frame is damaged.
    pub fn read(&self, frame: &LiveFrame, sections: Sections) -> Result<Arc<Columns>, ReadError> {
        self.wal.read(&frame.pos, sections)
    }
}
