//! Why a query could not be answered. One place maps these to statuses: `cadenza-api`'s `error.rs`.

use thiserror::Error;

/// A refused or failed query.
#[derive(Debug, Error)]
pub enum QueryError {
    /// The TraceQL text is wrong, or asks for what this version cannot do; the text names the construct.
    #[error("invalid TraceQL query: {0}")]
    TraceQl(String),
    /// A request that cannot be served as asked.
    #[error("{0}")]
    Invalid(String),
    /// The trace is larger than the tenant's limit.
    #[error("trace exceeds max size (max bytes: {bytes_max})")]
    TraceTooLarge {
        /// The tenant's `max_bytes_per_trace`.
        bytes_max: u64,
    },
    /// An `||` in a tag filter multiplies out to too many groups.
    #[error(
        "maximum condition groups reached (limit: {max}). Reduce the number of OR conditions in the query"
    )]
    ConditionGroups {
        /// The tenant's `max_condition_groups_per_tag_query`.
        max: usize,
    },
    /// The answer would need more memory than a query may use.
    #[error("query needs more than {bytes_max} bytes of memory (limit query.memory_bytes_max)")]
    Memory {
        /// [`crate::Config::memory_bytes_max`].
        bytes_max: usize,
    },
    /// The deadline passed first.
    #[error("query exceeded its deadline of {deadline_ms} ms")]
    Deadline {
        /// [`crate::Config::deadline_ms`].
        deadline_ms: u64,
    },
    /// Too many queries of the tenant wait already.
    #[error("job queue full")]
    QueueFull,
    /// The evaluator refused the data: a division by zero, `!` on a string.
    #[error("{0}")]
    Evaluation(String),
    /// A source could not be read at all, or a worker died.
    #[error("{0}")]
    Internal(String),
}
