//! Control frames: what happened to spans after they were appended.
//!
//! They live in the same log and the same order as the spans, so that hand-over to blocks and sampling
//! verdicts survive a crash exactly where they stood.

use crate::FramePos;
use cadenza_model::{TenantId, TraceId};
use uuid::Uuid;

/// One event in the life of logged spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// These traces' spans in frames up to and including `up_to` go into block `block_id`.
    Cut {
        /// Id of the block to be.
        block_id: Uuid,
        /// Whose traces.
        tenant: TenantId,
        /// Which traces.
        traces: Vec<TraceId>,
        /// The newest frame the block takes spans from.
        up_to: FramePos,
    },
    /// The block is in the store, `meta.json` included: its spans need no log any more.
    Built {
        /// Id of a cut.
        block_id: Uuid,
    },
    /// These traces' spans up to and including `up_to` are needed no more, without having been built.
    Released {
        /// Whose traces.
        tenant: TenantId,
        /// Which traces.
        traces: Vec<TraceId>,
        /// The newest frame that is let go of.
        up_to: FramePos,
    },
    /// A sampling decision that must hold for spans still to come.
    Verdict {
        /// Whose trace.
        tenant: TenantId,
        /// Which trace.
        trace: TraceId,
        /// Version of the plugin that decided.
        plugin_digest: [u8; 32],
        /// Kept, or dropped.
        keep: bool,
        /// Until when it holds, seconds since the epoch.
        expires_unix_s: u64,
    },
}
