//! What a chain asks of the instances of a plugin.

use cadenza_transform::{Batch, Context, Edit, Verdicts};

/// The instances of one plugin of one tenant. A call is one try on one instance; an instance that has failed
/// is never used again, and nothing that the call wrote is kept. `accept` says whether the edits can be carried
/// out: if not, the call has failed ([`FailureCause::BadOutput`]).
pub trait Guest: Send + Sync + 'static {
    /// Edits of a batch.
    ///
    /// # Errors
    /// Whatever keeps the guest from answering.
    fn process(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&[Edit]) -> bool,
    ) -> Result<Vec<Edit>, Failure>;

    /// Verdicts on the spans of a batch.
    ///
    /// # Errors
    /// Whatever keeps the guest from answering.
    fn decide(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&Verdicts) -> bool,
    ) -> Result<Verdicts, Failure>;
}

/// Why a call gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureCause {
    /// It trapped: a panic, a division by zero, an access outside its memory.
    Trap,
    /// Its time was up.
    Deadline,
    /// It wanted more memory than it may have.
    Memory,
    /// Its stack was full.
    Stack,
    /// It answered more than the limits tied to its input allow.
    OutputTooLarge,
    /// Its answer contradicts itself, or goes beyond what it was granted.
    BadOutput,
    /// It said that it failed.
    Refused,
    /// It called the host too often.
    HostCalls,
    /// No instance could be made.
    Instantiation,
}

impl FailureCause {
    /// All of them, for metrics.
    pub const ALL: [Self; 9] = [
        Self::Trap,
        Self::Deadline,
        Self::Memory,
        Self::Stack,
        Self::OutputTooLarge,
        Self::BadOutput,
        Self::Refused,
        Self::HostCalls,
        Self::Instantiation,
    ];

    /// Value of the label `cause`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::OutputTooLarge => "output_too_large",
            Self::BadOutput => "bad_output",
            Self::Refused => "refused",
            Self::HostCalls => "host_calls",
            Self::Instantiation => "instantiation",
        }
    }
}

/// A call that gave nothing. What a guest said about it is not here: it may repeat what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", cause.name())]
pub struct Failure {
    /// Why.
    pub cause: FailureCause,
}

impl From<FailureCause> for Failure {
    fn from(cause: FailureCause) -> Self {
        Self { cause }
    }
}
