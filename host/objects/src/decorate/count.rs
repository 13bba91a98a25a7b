//! Counts requests, their time and their bytes.

use crate::Metrics;
use async_trait::async_trait;
use bytes::Bytes;
use cadenza_env::Clock;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Forwards everything and measures it.
pub struct Counting {
    inner: Arc<dyn ObjectStore>,
    metrics: Metrics,
    clock: Option<Arc<dyn Clock>>,
}

impl Counting {
    /// Counts what goes through to `inner`; with a clock, each request is timed, too.
    pub fn new(inner: Arc<dyn ObjectStore>, metrics: Metrics, clock: Option<Arc<dyn Clock>>) -> Self {
        Self { inner, metrics, clock }
    }

    fn now(&self) -> Option<Duration> {
        self.clock.as_ref().map(|clock| clock.monotonic())
    }

    fn observe<T>(&self, operation: &str, started: Option<Duration>, result: &Result<T>) {
        let (Some(started), Some(now)) = (started, self.now()) else { return };
        let status = match result {
            Ok(_) => "200",
            Err(object_store::Error::NotFound { .. }) => "404",
            Err(_) => "500",
        };
        let took = (now - started).as_secs_f64();
        self.metrics.request_duration_seconds.with_label_values(&[operation, status]).observe(took);
    }
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Counting({})", self.inner)
    }
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let (started, bytes) = (self.now(), payload.content_length() as u64);
        let result = self.inner.put_opts(location, payload, opts).await;
        if result.is_ok() {
            self.metrics.written_bytes.inc_by(bytes);
        }
        self.observe("PUT", started, &result);
        result
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let started = self.now();
        let operation = if options.head { "HEAD" } else { "GET" };
        let result = self.inner.get_opts(location, options).await;
        if let ("GET", Ok(got)) = (operation, &result) {
            self.metrics.read_bytes.inc_by(got.range.end - got.range.start);
        }
        self.observe(operation, started, &result);
        result
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let started = self.now();
        let result = self.inner.get_ranges(location, ranges).await;
        if let Ok(parts) = &result {
            self.metrics.read_bytes.inc_by(parts.iter().map(|part| part.len() as u64).sum());
        }
        self.observe("GET", started, &result);
        result
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let started = self.now();
        let result = self.inner.list_with_delimiter(prefix).await;
        self.observe("LIST", started, &result);
        result
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let started = self.now();
        let result = self.inner.copy_opts(from, to, options).await;
        self.observe("COPY", started, &result);
        result
    }
}
