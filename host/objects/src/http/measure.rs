//! Time and outcome of each attempt.

use crate::Metrics;
use async_trait::async_trait;
use cadenza_env::Clock;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use std::sync::Arc;

/// Measures until the headers of the answer are there.
pub(super) struct Measured {
    inner: HttpClient,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

impl Measured {
    pub(super) fn new(inner: HttpClient, metrics: Metrics, clock: Arc<dyn Clock>) -> Self {
        Self { inner, metrics, clock }
    }
}

impl std::fmt::Debug for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measured")
    }
}

#[async_trait]
impl HttpService for Measured {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let method = request.method().clone();
        let started = self.clock.monotonic();
        let answer = self.inner.execute(request).await;
        // Tempo's transport counts a request without an answer as a failure of the server.
        let status = answer.as_ref().map_or(500, |answer| answer.status().as_u16());
        let took = (self.clock.monotonic() - started).as_secs_f64();
        let labels = [method.as_str(), &status.to_string()];
        self.metrics.request_duration_seconds.with_label_values(&labels).observe(took);
        answer
    }
}
