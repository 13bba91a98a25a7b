//! Lets nothing be changed: for trying a server on a bucket that others live on.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::ops::Range;
use std::sync::Arc;

/// Forwards what reads and refuses what writes.
pub struct ReadOnly {
    inner: Arc<dyn ObjectStore>,
}

impl ReadOnly {
    /// Guards `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }
}

fn refused(path: &Path) -> object_store::Error {
    object_store::Error::PermissionDenied {
        path: path.to_string(),
        source: "the store is read-only (storage.trace.read_only)".into(),
    }
}

impl std::fmt::Debug for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReadOnly({})", self.inner)
    }
}

impl std::fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for ReadOnly {
    async fn put_opts(&self, location: &Path, _payload: PutPayload, _opts: PutOptions) -> Result<PutResult> {
        Err(refused(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused(location))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        locations.map(|location| Err(refused(&location?))).boxed()
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
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _from: &Path, to: &Path, _options: CopyOptions) -> Result<()> {
        Err(refused(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn everything_can_be_read_and_nothing_changed() {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let (path, other) = (Path::from("t/a"), Path::from("t/b"));
        inner.put(&path, b"x".to_vec().into()).await.expect("in memory");
        let guarded = ReadOnly::new(Arc::clone(&inner));
        let read = async { guarded.get(&path).await?.bytes().await };
        assert_eq!(read.await.expect("readable"), "x");
        assert_eq!(guarded.list(None).try_collect::<Vec<_>>().await.expect("listed").len(), 1);
        let refusals = [
            guarded.put(&other, b"y".to_vec().into()).await.map(drop),
            guarded.put_multipart(&other).await.map(drop),
            guarded.copy(&path, &other).await,
            guarded.rename(&path, &other).await,
            guarded.delete(&path).await,
        ];
        for refusal in refusals {
            let error = refusal.expect_err("refused").to_string();
            assert!(error.contains("storage.trace.read_only"), "{error}");
        }
        let left: Vec<_> = inner.list(None).map_ok(|object| object.location).try_collect().await.expect("ok");
        assert_eq!(left, [path]);
    }
}
