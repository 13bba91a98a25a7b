//! Every way to say no, in one table: protocol codes, and whether sending again can help.
//!
//! An exporter repeats what it is told to repeat, for ever. So what a retry cannot cure is never
//! retryable here, in either protocol, and the rest always carries a delay.

use tonic::Code;

/// Why spans were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The body is not an export request.
    Malformed,
    /// An id on the wire is neither empty nor of its right length.
    IdLength,
    /// A trace id is empty or all zero.
    InvalidTraceId,
    /// A span id is empty or all zero.
    InvalidSpanId,
    /// No tenant header while tenants are told apart.
    NoTenant,
    /// A tenant header that names no tenant, or several.
    BadTenant,
    /// Larger than the bucket: it can never be granted.
    BatchAboveBurst,
    /// The tenant's bytes a second are used up.
    RateLimited,
    /// The tenant has as many live traces as it may.
    LiveTracesExceeded,
    /// More new traces in one request than the tenant may have at all.
    TracesAboveCap,
    /// The trace would pass its size limit.
    TraceTooLarge,
    /// Request bytes on their way are at the server's bound.
    InFlightBytes,
    /// The server has as many tenants with live state as it may.
    TooManyTenants,
    /// The live index is at its bound.
    LiveIndexFull,
    /// The log is at its bound, waiting for the store.
    LogFull,
    /// No space on the log's disk.
    DiskFull,
    /// The log could not be written or synced.
    LogFailed,
    /// More waits for the log's disk than may.
    LogBusy,
    /// The batch does not fit into one frame of the log.
    BatchTooLarge,
    /// The tenant's chain is not loaded yet, or a plugin that must not be skipped is out of order.
    ChainFailed,
    /// A plugin that must not be skipped fails on these spans.
    PluginRejected,
    /// The server is stopping.
    Stopping,
    /// A fault of ours.
    Internal,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Code over gRPC.
    pub grpc: Code,
    /// Code in the status body over HTTP.
    pub http_code: Code,
    /// HTTP status.
    pub http: u16,
    /// Whether sending the same again later can help.
    pub retry: Retry,
    /// `reason` of `tempo_discarded_spans_total`.
    pub discarded: Option<&'static str>,
    /// Refuses some spans by `partial_success` instead of the whole request.
    pub partial: bool,
}

/// Whether and how a client is told to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same request will fail the same way.
    Never,
    /// After the operator's delay, if the operator and the tenant's settings send one.
    TenantDelay,
    /// After a delay, always: the fault is the server's, and silence would lose data.
    ServerDelay,
    /// The code alone says so; Tempo sends no delay with it.
    Bare,
}

impl Reason {
    /// All of them, for tests and documentation.
    pub const ALL: [Self; 23] = [
        Self::Malformed,
        Self::IdLength,
        Self::InvalidTraceId,
        Self::InvalidSpanId,
        Self::NoTenant,
        Self::BadTenant,
        Self::BatchAboveBurst,
        Self::RateLimited,
        Self::LiveTracesExceeded,
        Self::TracesAboveCap,
        Self::TraceTooLarge,
        Self::InFlightBytes,
        Self::TooManyTenants,
        Self::LiveIndexFull,
        Self::LogFull,
        Self::DiskFull,
        Self::LogFailed,
        Self::LogBusy,
        Self::BatchTooLarge,
        Self::ChainFailed,
        Self::PluginRejected,
        Self::Stopping,
        Self::Internal,
    ];

    /// Value of the label `reason` of our own counter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::IdLength => "id_length",
            Self::InvalidTraceId => "invalid_trace_id",
            Self::InvalidSpanId => "invalid_span_id",
            Self::NoTenant => "no_tenant",
            Self::BadTenant => "bad_tenant",
            Self::BatchAboveBurst => "batch_above_burst",
            Self::RateLimited => "rate_limited",
            Self::LiveTracesExceeded => "live_traces_exceeded",
            Self::TracesAboveCap => "traces_above_cap",
            Self::TraceTooLarge => "trace_too_large",
            Self::InFlightBytes => "in_flight_bytes",
            Self::TooManyTenants => "too_many_tenants",
            Self::LiveIndexFull => "live_index_full",
            Self::LogFull => "log_full",
            Self::DiskFull => "disk_full",
            Self::LogFailed => "log_failed",
            Self::LogBusy => "log_busy",
            Self::BatchTooLarge => "batch_too_large",
            Self::ChainFailed => "chain_failed",
            Self::PluginRejected => "plugin_rejected",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }

    /// The table.
    #[rustfmt::skip]
    pub const fn row(self) -> Row {
        use Code::{Internal, InvalidArgument, ResourceExhausted, Unavailable};
        use Retry::{Bare, Never, ServerDelay, TenantDelay};
        match self {
            Self::Malformed          => row(Internal, InvalidArgument, 400, Never, None, false),
            Self::IdLength           => row(Internal, InvalidArgument, 400, Never, None, false),
            Self::InvalidTraceId     => row(InvalidArgument, InvalidArgument, 400, Never, Some("invalid_trace_id"), false),
            Self::InvalidSpanId      => row(InvalidArgument, InvalidArgument, 400, Never, Some("invalid_span_id"), false),
            // Clients repeat for ever, as with Tempo: the header is usually added by a proxy that comes back.
            Self::NoTenant           => row(Unavailable, Unavailable, 503, Bare, None, false),
            Self::BadTenant          => row(InvalidArgument, InvalidArgument, 400, Never, None, false),
            // Over HTTP 429 means "again" whatever the headers say, so this one is a 400.
            Self::BatchAboveBurst    => row(ResourceExhausted, ResourceExhausted, 400, Never, Some("rate_limited"), false),
            Self::RateLimited        => row(ResourceExhausted, ResourceExhausted, 429, TenantDelay, Some("rate_limited"), false),
            Self::LiveTracesExceeded => row(ResourceExhausted, ResourceExhausted, 429, TenantDelay, Some("live_traces_exceeded"), false),
            Self::TracesAboveCap     => row(ResourceExhausted, ResourceExhausted, 400, Never, Some("live_traces_exceeded"), true),
            Self::TraceTooLarge      => row(ResourceExhausted, ResourceExhausted, 400, Never, Some("trace_too_large"), true),
            Self::InFlightBytes      => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::TooManyTenants     => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::LiveIndexFull      => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::LogFull            => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::DiskFull           => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::LogFailed          => row(Unavailable, Unavailable, 503, ServerDelay, None, false),
            Self::LogBusy            => row(ResourceExhausted, ResourceExhausted, 429, ServerDelay, None, false),
            Self::BatchTooLarge      => row(ResourceExhausted, ResourceExhausted, 400, Never, None, false),
            Self::ChainFailed        => row(Unavailable, Unavailable, 503, ServerDelay, None, false),
            // The same spans would fail again; the rest of the request is taken.
            Self::PluginRejected     => row(InvalidArgument, InvalidArgument, 400, Never, Some("plugin_rejected"), true),
            Self::Stopping           => row(Unavailable, Unavailable, 503, ServerDelay, None, false),
            // A repeated request may meet the same fault; a crash loop by one exporter is worse than its loss.
            Self::Internal           => row(Internal, Internal, 500, Never, Some("unknown_error"), false),
        }
    }
}

const fn row(
    grpc: Code,
    http_code: Code,
    http: u16,
    retry: Retry,
    discarded: Option<&'static str>,
    partial: bool,
) -> Row {
    Row { grpc, http_code, http, retry, discarded, partial }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;
    use std::time::Duration;

    /// Codes that an OTLP exporter sends again.
    fn grpc_repeats(refusal: &Refusal) -> bool {
        match refusal.reason.row().grpc {
            Code::ResourceExhausted => refusal.retry_after.is_some(),
            code => matches!(
                code,
                Code::Cancelled
                    | Code::DeadlineExceeded
                    | Code::Aborted
                    | Code::OutOfRange
                    | Code::Unavailable
                    | Code::DataLoss
            ),
        }
    }

    #[test]
    fn every_row_is_repeated_in_both_protocols_or_in_neither() {
        for reason in Reason::ALL {
            let row = reason.row();
            let refusal = Refusal::new(reason, "", Some(Duration::from_secs(5)));
            let repeats = row.retry != Retry::Never;
            assert_eq!(grpc_repeats(&refusal), repeats, "{reason:?} over grpc");
            assert_eq!(matches!(row.http, 429 | 502 | 503 | 504), repeats, "{reason:?} over http");
            assert!(!(row.partial && repeats), "{reason:?}: what is rejected for good is never repeated");
        }
    }

    #[test]
    fn server_faults_have_a_delay_whatever_the_tenant_has_set() {
        for reason in Reason::ALL {
            let delay = Refusal::new(reason, "", None).retry_after;
            assert_eq!(delay.is_some(), reason.row().retry == Retry::ServerDelay, "{reason:?}");
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
