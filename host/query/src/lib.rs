//! Planner and executors over live data, log and blocks: trace by id, search, tag names and values.
//!
//! Every query takes the live snapshot first and the block list second, and skips blocks whose spans
//! the snapshot still holds: nothing is missed, nothing is doubled.

mod answer;
mod config;
mod error;
mod gather;
mod limits;
mod pushdown;
mod request;
mod search;
mod service;
mod snapshot;
mod tags;
mod trace_by_id;

pub use answer::{
    FoundTrace, Inspected, Missing, ResultSpan, ResultSpanSet, ResultValue, SearchAnswer, ServiceStats,
    TagNamesAnswer, TagValueType, TagValuesAnswer, TraceAnswer,
};
pub use config::Config;
pub use error::QueryError;
pub use limits::{QueryLimits, TenantLimits};
pub use request::{
    LegacyFilter, SearchFilter, SearchRequest, Sources, TagNamesRequest, TagScope, TagSelector,
    TagValuesRequest, TimeRange, TraceRequest,
};

pub use service::Querier;

use async_trait::async_trait;

/// Answers queries. What the HTTP surface needs, so that its tests need no storage.
#[async_trait]
pub trait QueryService: Send + Sync + 'static {
    /// One trace from all sources, combined.
    async fn trace(&self, request: TraceRequest) -> Result<TraceAnswer, QueryError>;

    /// The newest traces that match.
    async fn search(&self, request: SearchRequest) -> Result<SearchAnswer, QueryError>;

    /// Names of attributes in range.
    async fn tag_names(&self, request: TagNamesRequest) -> Result<TagNamesAnswer, QueryError>;

    /// Values of one attribute in range.
    async fn tag_values(&self, request: TagValuesRequest) -> Result<TagValuesAnswer, QueryError>;
}
