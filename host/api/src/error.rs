//! The one table from errors to statuses and texts.

use axum::response::{IntoResponse, Response};
use cadenza_model::TenantError;
use cadenza_query::QueryError;
use http::{StatusCode, header};

/// A refusal: what the client sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Text of the body; a newline is added unless it is empty.
    pub message: String,
    /// Seconds after which the same request may fare better; 0: no advice.
    pub retry_after_s: u32,
}

/// How long to wait while the log of the run before is being read: most logs are read by then.
const RETRY_INCOMPLETE_S: u32 = 5;

/// The client went away; never seen by anyone, but counted and logged under this status.
pub(crate) const CLIENT_CLOSED: u16 = 499;

impl ApiError {
    /// 400: the request is wrong and the text says how.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), retry_after_s: 0 }
    }

    /// 404 without a body.
    pub fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, message: String::new(), retry_after_s: 0 }
    }

    /// 404 in words.
    pub(crate) fn no_such_page() -> Self {
        Self { status: StatusCode::NOT_FOUND, message: "404 page not found".to_owned(), retry_after_s: 0 }
    }

    /// 405.
    pub(crate) fn method() -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, message: String::new(), retry_after_s: 0 }
    }

    /// 503: not now; the text says what was waited for.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into(), retry_after_s: 0 }
    }

    /// 503: part of what is stored could not be asked, and an answer that says "not there" would be a lie.
    pub(crate) fn incomplete(missing: &str) -> Self {
        let message = format!("not found, but not everything could be asked: {missing}");
        Self { retry_after_s: RETRY_INCOMPLETE_S, ..Self::unavailable(message) }
    }

    /// 503: `api_timeout` passed.
    pub(crate) fn timeout() -> Self {
        Self::unavailable("unable to process request in the configured timeout")
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let status = match &error {
            QueryError::TraceQl(_)
            | QueryError::Invalid(_)
            | QueryError::ConditionGroups { .. }
            | QueryError::Evaluation(_) => StatusCode::BAD_REQUEST,
            QueryError::TraceTooLarge { .. } | QueryError::Memory { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            QueryError::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            QueryError::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
            QueryError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, message: error.to_string(), retry_after_s: 0 }
    }
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        let status = match error {
            TenantError::Empty => StatusCode::UNAUTHORIZED,
            TenantError::Character { .. } | TenantError::TooLong | TenantError::Dots => {
                StatusCode::BAD_REQUEST
            }
        };
        Self { status, message: error.to_string(), retry_after_s: 0 }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = if self.message.is_empty() { String::new() } else { self.message + "\n" };
        let headers = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        let mut response = (self.status, headers, body).into_response();
        if self.retry_after_s > 0 {
            response.headers_mut().insert(header::RETRY_AFTER, self.retry_after_s.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_query_error_has_its_status_and_text() {
        let check = |error: QueryError, status: u16, text: &str| {
            let answer = ApiError::from(error);
            assert_eq!((answer.status.as_u16(), answer.message.as_str()), (status, text));
        };
        check(QueryError::TraceQl("no".into()), 400, "invalid TraceQL query: no");
        check(QueryError::Invalid("bad".into()), 400, "bad");
        check(
            QueryError::ConditionGroups { max: 100 },
            400,
            "maximum condition groups reached (limit: 100). Reduce the number of OR conditions in the query",
        );
        check(QueryError::Evaluation("division by zero".into()), 400, "division by zero");
        check(QueryError::TraceTooLarge { bytes_max: 5 }, 422, "trace exceeds max size (max bytes: 5)");
        check(
            QueryError::Memory { bytes_max: 9 },
            422,
            "query needs more than 9 bytes of memory (limit query.memory_bytes_max)",
        );
        check(QueryError::QueueFull, 429, "job queue full");
        check(QueryError::Deadline { deadline_ms: 7 }, 504, "query exceeded its deadline of 7 ms");
        check(QueryError::Internal("disk".into()), 500, "disk");
    }

    #[test]
    fn a_missing_tenant_is_unauthorized_and_a_bad_one_is_a_bad_request() {
        assert_eq!(ApiError::from(TenantError::Empty).status.as_u16(), 401);
        assert_eq!(ApiError::from(TenantError::Dots).status.as_u16(), 400);
        assert_eq!(ApiError::from(TenantError::TooLong).status.as_u16(), 400);
    }
}
