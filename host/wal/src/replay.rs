//! What replay hands out.

use crate::{Control, FramePos};
use cadenza_model::{SpanId, TenantId, TraceId};

/// One thing found in the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayItem<'a> {
    /// A frame of spans.
    Spans(SpanFrame<'a>),
    /// A control frame's next entry.
    Control(FramePos, Control),
    /// Something that could not be read. The rest follows all the same.
    Damage(Damage),
}

/// A frame of spans, as far as replay looks into it.
#[derive(Debug, Clone, Copy)]
pub struct SpanFrame<'a> {
    /// Where it is; for [`crate::Wal::read`].
    pub pos: FramePos,
    /// Whose spans.
    pub tenant: &'a TenantId,
    /// Version of the chain that processed them; all zero: none.
    pub chain_digest: &'a [u8; 32],
    /// Its first section.
    pub ids: &'a FrameIds,
}

/// The section [`crate::Sections::IDS`], unpacked: enough to index a frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameIds {
    /// Distinct trace ids, in order of first appearance.
    pub traces: Vec<TraceId>,
    /// Per span: index in `traces`.
    pub trace_of: Vec<u32>,
    /// Per span.
    pub span_id: Vec<SpanId>,
    /// Per span; [`SpanId::NONE`] for roots and for ids of odd length.
    pub parent_id: Vec<SpanId>,
    /// Per span.
    pub start_ns: Vec<u64>,
    /// Per span.
    pub end_ns: Vec<u64>,
    /// Per span: OTLP kind.
    pub kind: Vec<i32>,
    /// Per span: encoded OTLP size; for rebuilding what was reserved.
    pub wire_bytes: Vec<u32>,
    /// (span, code in `raw`) of parent ids of odd length.
    pub odd_parents: Vec<(u32, cadenza_model::Code)>,
}

impl FrameIds {
    /// Number of spans.
    pub fn len(&self) -> usize {
        self.trace_of.len()
    }

    /// True without spans.
    pub fn is_empty(&self) -> bool {
        self.trace_of.is_empty()
    }
}

/// A piece of the log that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// File name in the log's directory.
    pub file: String,
    /// Number of the segment, if the file is one.
    pub segment: Option<u64>,
    /// Where it starts.
    pub offset: u64,
    /// How far it reaches.
    pub bytes: u64,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a piece of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DamageKind {
    /// An unfinished commit at the end, as a crash leaves it: nothing acknowledged is in it.
    TornTail,
    /// The header of a frame; read on from the next 4 KiB boundary.
    FrameHeader,
    /// A section of a frame; the frame is lost, the next one is not.
    FrameSection,
    /// All copies of the file header, or a file too short to have one.
    FileHeader,
    /// A format version this program does not know; the file is left alone.
    UnknownVersion,
    /// A name that is not the log's; the file is left alone.
    ForeignFile,
    /// The disk answered with an error.
    Unreadable,
}

impl DamageKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::TornTail,
        Self::FrameHeader,
        Self::FrameSection,
        Self::FileHeader,
        Self::UnknownVersion,
        Self::ForeignFile,
        Self::Unreadable,
    ];

    /// Value of the label `kind`.
    pub fn label(self) -> &'static str {
        match self {
            Self::TornTail => "torn_tail",
            Self::FrameHeader => "frame_header",
            Self::FrameSection => "frame_section",
            Self::FileHeader => "file_header",
            Self::UnknownVersion => "unknown_version",
            Self::ForeignFile => "foreign_file",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Totals of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayStats {
    /// Segments looked at.
    pub segments: u64,
    /// Frames of spans.
    pub frames: u64,
    /// Spans in them.
    pub spans: u64,
    /// Control entries.
    pub controls: u64,
    /// Damages reported, torn tails included.
    pub damages: u64,
    /// True if the visitor broke it off.
    pub stopped: bool,
}
