//! What can go wrong: refusals that clients see, and faults of the write path itself.

use crate::admit::table::{Reason, Retry};
use std::time::Duration;

/// A request that was not taken, or the part of it that was not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The line of the table.
    pub reason: Reason,
    /// What the client reads.
    pub message: String,
    /// The delay it is asked to keep before sending again.
    pub retry_after: Option<Duration>,
}

/// Delay for faults of the server when the operator set none.
const SERVER_DELAY: Duration = Duration::from_secs(5);

impl Refusal {
    /// A refusal with the delay that the table asks for. `tenant_delay` is what the operator and the
    /// tenant's settings agree on, if any.
    pub fn new(reason: Reason, message: impl Into<String>, tenant_delay: Option<Duration>) -> Self {
        let retry_after = match reason.row().retry {
            Retry::Never | Retry::Bare => None,
            Retry::TenantDelay => tenant_delay,
            Retry::ServerDelay => Some(tenant_delay.unwrap_or(SERVER_DELAY)),
        };
        Self { reason, message: message.into(), retry_after }
    }
}

/// Why the log did not take a control frame.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct LogError(pub cadenza_wal::AppendError);

/// Why a block could not be built or stored. All of them are tried again.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// Reading the spans back.
    #[error("cannot read spans back from the log: {0}")]
    Read(String),
    /// Laying out the block.
    #[error("cannot build block {block}: {reason}")]
    Build {
        /// Its id.
        block: uuid::Uuid,
        /// What the builder said.
        reason: String,
    },
    /// Storing the block.
    #[error("cannot store block {block}: {reason}")]
    Put {
        /// Its id.
        block: uuid::Uuid,
        /// What the store said.
        reason: String,
    },
    /// Recording progress.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The worker died.
    #[error("the build of block {block} did not finish")]
    Lost {
        /// Its id.
        block: uuid::Uuid,
    },
}
