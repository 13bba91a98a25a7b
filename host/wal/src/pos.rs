//! Where a frame is, that it is durable, and which parts of it are wanted.

use std::ops::{BitOr, BitOrAssign};

/// The place of a frame. Ordered as appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePos {
    /// Number of the segment; grows.
    pub segment: u64,
    /// First byte of the frame in the segment.
    pub offset: u64,
    /// Length of the frame.
    pub bytes: u32,
}

/// Receipt: the frame is on the disk. Only the log can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an acknowledgement is made from this"]
pub struct Durable {
    pos: FramePos,
}

impl Durable {
    pub(crate) fn new(pos: FramePos) -> Self {
        Self { pos }
    }

    /// Where the frame lies.
    pub fn pos(&self) -> FramePos {
        self.pos
    }
}

/// A set of sections of a frame of spans.
///
/// [`crate::Wal::read`] fills the columns of the sections asked for and leaves the others empty. Codes
/// mean something only with the dictionary they point into: names and keys want [`Sections::KEYS`],
/// string values, messages and trace states want [`Sections::VALUES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sections(pub(crate) u8);

impl Sections {
    /// None.
    pub const NONE: Self = Self(0);
    /// Trace, span and parent ids (odd ones too, whose bytes are in `VALUES`), times, kind, wire bytes.
    pub const IDS: Self = Self(1 << 0);
    /// Resources and scopes with their attributes, and each span's scope.
    pub const RESOURCES: Self = Self(1 << 1);
    /// Name, status, message, trace state, flags, dropped counts and presence of spans.
    pub const NAMES: Self = Self(1 << 2);
    /// Attributes of spans.
    pub const SPAN_ATTRS: Self = Self(1 << 3);
    /// Events and links with their attributes.
    pub const EVENTS: Self = Self(1 << 4);
    /// The dictionary `names`.
    pub const KEYS: Self = Self(1 << 5);
    /// The dictionaries `values` and `raw`.
    pub const VALUES: Self = Self(1 << 6);
    /// All of the frame.
    pub const ALL: Self = Self((1 << 7) - 1);

    /// True when all of `other` is in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Sections {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Sections {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
