//! What can be wrong with batches and with what the wire sent.

/// Why stored parts are not a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DictError {
    /// Code 0 must be the empty string.
    #[error("dictionary does not start with the empty entry")]
    NoEmptyEntry,
    /// An entry ends before it starts.
    #[error("dictionary offsets decrease")]
    Offsets,
    /// The last offset is not the end of the arena.
    #[error("dictionary offsets do not end at its {bytes} bytes")]
    ArenaLength {
        /// Length of the arena.
        bytes: usize,
    },
}

/// A batch cannot grow: a row number or an offset would not fit 32 bits. Nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} of a batch would exceed {max}", max = u32::MAX)]
pub struct Full {
    /// The column or dictionary.
    pub what: &'static str,
}

/// Columns whose parts contradict each other: damaged, or built wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("columns are inconsistent: {what}")]
pub struct Broken {
    /// The part and the rule it breaks.
    pub what: &'static str,
}

/// Why an id is not accepted; the texts are the ones Tempo's clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not 16 bytes, or all zero (which counts as nothing received).
    #[error("trace ids must be 128 bit, received {bits} bits")]
    Trace {
        /// Bits received; 0 for an empty or all-zero id.
        bits: u64,
    },
    /// Not 8 bytes, or all zero (which counts as nothing received).
    #[error("span ids must be 64 bit and not all zero, received {bits} bits")]
    Span {
        /// Bits received; 0 for an empty or all-zero id.
        bits: u64,
    },
}

impl IdError {
    /// True for an id of a wrong length other than nothing: the kind Tempo's decoder itself refuses.
    pub fn is_wrong_length(&self) -> bool {
        match self {
            Self::Trace { bits } | Self::Span { bits } => *bits != 0,
        }
    }
}

/// Why a request was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A field, or the message around it, ends too early.
    #[error("a field runs past the end of its message")]
    Truncated,
    /// A varint of more than 64 bits, or cut off.
    #[error("a varint is cut off or longer than 64 bits")]
    Varint,
    /// Field number 0 or beyond 2^29, or a wire type that does not exist.
    #[error("field key {key} is not valid")]
    Key {
        /// As read.
        key: u64,
    },
    /// A group ends that never started, or with another number.
    #[error("a group does not end where it should")]
    Group,
    /// A field we know, encoded as another type.
    #[error("field {field} of {message} has wire type {wire_type}")]
    WireType {
        /// Name of the message.
        message: &'static str,
        /// Number of the field.
        field: u32,
        /// What it came as.
        wire_type: u8,
    },
    /// Messages nest too deep.
    #[error("messages nest deeper than {max} levels", max = crate::otlp::DEPTH_MAX)]
    Depth,
    /// Text that is not UTF-8.
    #[error("a string is not valid utf-8")]
    Utf8,
    /// An id that is empty or has the wrong length.
    #[error("{error}")]
    Id {
        /// What is wrong with it.
        error: IdError,
        /// Spans in the request, all of which are refused; 0 if it could not be read to the end.
        spans: usize,
    },
    /// The batch has no room for the request.
    #[error(transparent)]
    Full(#[from] Full),
    /// The body is not the JSON of a request.
    #[error("invalid OTLP JSON: {0}")]
    Json(String),
}

impl DecodeError {
    /// True if the request could be read and only its ids are bad: `INVALID_ARGUMENT` over gRPC, where
    /// everything else that is malformed is `INTERNAL`.
    pub fn is_invalid_argument(&self) -> bool {
        matches!(self, Self::Id { error, .. } if !error.is_wrong_length())
    }
}
