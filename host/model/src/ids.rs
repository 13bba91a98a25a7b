//! Trace, span and tenant ids.

use std::fmt;
use std::sync::Arc;

/// The tenant of everything when `multitenancy_enabled` is off.
pub const SINGLE_TENANT: &str = "single-tenant";

/// A trace id: 16 bytes, compared bytewise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A span id: 8 bytes as a big-endian number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub u64);

impl SpanId {
    /// All zero: the parent of a root.
    pub const NONE: Self = Self(0);

    /// The raw bytes.
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl TraceId {
    /// Parses what Tempo's API accepts: 1 to 32 hex digits of either case, left-padded with zeros.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|id| Self(id.to_be_bytes()))
    }

    /// Lower-case hex without leading zeros, as search results spell it.
    pub fn short_hex(&self) -> String {
        format!("{:x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A validated tenant id: safe as a path element, a label value and a header. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// Why a tenant id was refused; the texts are the ones Tempo's clients match on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// A character outside the allowed set.
    #[error("tenant ID '{id}' contains unsupported character '{character}'")]
    Character {
        /// The id as sent.
        id: String,
        /// The first offending character.
        character: char,
    },
    /// Longer than [`TenantId::BYTES_MAX`].
    #[error("tenant ID is too long: max 150 characters")]
    TooLong,
    /// A directory name with a meaning of its own.
    #[error("tenant ID is '.' or '..'")]
    Dots,
    /// Nothing in it.
    #[error("no org id")]
    Empty,
}

impl TenantId {
    /// Longest id in bytes: Tempo's limit.
    pub const BYTES_MAX: usize = 150;

    /// Checks Tempo's grammar: at most 150 of `[A-Za-z0-9!_.*'()-]`, never `.` or `..`. A suffix from the
    /// first `:` on is metadata and is cut off.
    pub fn parse(text: &str) -> Result<Self, TenantError> {
        let id = text.split(':').next().unwrap_or_default();
        if id.is_empty() {
            return Err(TenantError::Empty);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
        if let Some(character) = id.chars().find(|&c| !allowed(c)) {
            return Err(TenantError::Character { id: id.to_owned(), character });
        }
        if id.len() > Self::BYTES_MAX {
            return Err(TenantError::TooLong);
        }
        if id == "." || id == ".." {
            return Err(TenantError::Dots);
        }
        Ok(Self(id.into()))
    }

    /// [`SINGLE_TENANT`].
    pub fn single() -> Self {
        Self(SINGLE_TENANT.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
