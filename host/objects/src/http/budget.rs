//! How many failed requests are tried again, over all of them.
//!
//! Retries of each request by itself make an outage worse: ten attempts of everything are ten times the
//! load. Every success earns a retry, every failure spends one, so a store that fails a part of its requests
//! gets at most twice as many as it would without failing, and one that fails all of them is asked once
//! each until it comes back; those who asked wait and come again in their own time.

use crate::Metrics;
use async_trait::async_trait;
use http::StatusCode;
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use parking_lot::Mutex;
use std::sync::Arc;

/// Retries that can be saved up: what a few requests need to live through a short break.
const RETRIES_MAX: u32 = 100;

/// The failure that is not tried again.
#[derive(Debug, thiserror::Error)]
enum Spent {
    #[error("the store answers {0} and the budget of retries is spent")]
    Answer(StatusCode),
    #[error("{0}, and the budget of retries is spent")]
    Broken(HttpError),
}

/// The retries that are left to a store.
#[derive(Debug)]
pub(super) struct Budget {
    left: Mutex<u32>,
    metrics: Metrics,
}

impl Budget {
    pub(super) fn new(metrics: Metrics) -> Self {
        metrics.retry_budget.set(RETRIES_MAX.into());
        Self { left: Mutex::new(RETRIES_MAX), metrics }
    }

    fn earn(&self) {
        let mut left = self.left.lock();
        *left = (*left + 1).min(RETRIES_MAX);
        self.metrics.retry_budget.set((*left).into());
    }

    fn spend(&self) -> bool {
        let mut left = self.left.lock();
        let granted = *left > 0;
        *left = left.saturating_sub(1);
        self.metrics.retry_budget.set((*left).into());
        if !granted {
            self.metrics.retries_refused.inc();
        }
        granted
    }
}

/// Turns failures into final ones once the budget is spent.
#[derive(Debug)]
pub(super) struct Budgeted {
    inner: HttpClient,
    budget: Arc<Budget>,
}

impl Budgeted {
    pub(super) fn new(inner: HttpClient, budget: Arc<Budget>) -> Self {
        Self { inner, budget }
    }
}

fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

#[async_trait]
impl HttpService for Budgeted {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match self.inner.execute(request).await {
            Ok(answer) if !is_failure(answer.status()) => {
                self.budget.earn();
                Ok(answer)
            }
            failed if self.budget.spend() => failed,
            Ok(answer) => Err(HttpError::new(HttpErrorKind::Unknown, Spent::Answer(answer.status()))),
            Err(error) => Err(HttpError::new(HttpErrorKind::Unknown, Spent::Broken(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::hedge::tests::Scripted;
    use prometheus::Registry;

    fn budgeted(answers: impl IntoIterator<Item = Option<u16>>) -> Budgeted {
        let budget = Arc::new(Budget::new(Metrics::new(&Registry::new())));
        Budgeted::new(HttpClient::new(Scripted::of(answers)), budget)
    }

    async fn kind(service: &Budgeted) -> Option<HttpErrorKind> {
        let request = http::Request::get("http://x/").body(Vec::new().into()).expect("a request");
        service.call(request).await.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn an_outage_is_not_retried_for_ever_and_ends_with_the_first_success() {
        let outage = std::iter::repeat_n([Some(503), None], RETRIES_MAX as usize).flatten();
        let service = budgeted(outage.chain([Some(404), Some(503), Some(503)]));
        for i in 0..2 * RETRIES_MAX {
            let kind = kind(&service).await;
            let expected = match i {
                // Left as they are: an answer with a status, and an error that may be retried.
                _ if i < RETRIES_MAX => (i % 2 == 1).then_some(HttpErrorKind::Request),
                _ => Some(HttpErrorKind::Unknown),
            };
            assert_eq!(kind, expected, "failure {i}");
        }
        assert_eq!(service.budget.metrics.retries_refused.get(), u64::from(RETRIES_MAX));
        assert_eq!(kind(&service).await, None, "not found is an answer, and the store is back");
        assert_eq!(kind(&service).await, None, "so one failure may be retried");
        assert_eq!(kind(&service).await, Some(HttpErrorKind::Unknown));
    }

    #[tokio::test]
    async fn a_store_that_fails_a_third_of_its_requests_is_retried_always() {
        let service = budgeted(std::iter::repeat_n([Some(200), Some(503), Some(206)], 1000).flatten());
        for i in 0..3000 {
            assert_eq!(kind(&service).await, None, "request {i}");
        }
    }

    #[tokio::test]
    async fn the_error_says_what_failed() {
        let service = budgeted([Some(429)]);
        *service.budget.left.lock() = 0;
        let request = http::Request::get("http://x/").body(Vec::new().into()).expect("a request");
        let error = service.call(request).await.expect_err("spent");
        assert_eq!(
            error.to_string(),
            "HTTP error: the store answers 429 Too Many Requests and the budget of retries is spent"
        );
    }
}
