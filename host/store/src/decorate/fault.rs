//! Makes a store fail on demand, for tests of everything that must survive it.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// One failure to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request fails and has no effect.
    Refuse,
    /// The request takes effect, but its answer is lost: the caller sees a failure.
    LoseAnswer,
}

/// The script of a [`Faulty`] store, shared with the test that writes it.
#[derive(Debug, Default, Clone)]
pub struct Faults {
    writes: Arc<Mutex<VecDeque<Option<Fault>>>>,
    outage: Arc<Mutex<bool>>,
}

impl Faults {
    /// What happens to the next writes, in order; `None` lets one pass. Later ones pass.
    pub fn script_writes(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.writes.lock().extend(faults);
    }

    /// While `true`, every request is refused.
    pub fn set_outage(&self, outage: bool) {
        *self.outage.lock() = outage;
    }

    fn next_write(&self) -> Option<Fault> {
        if *self.outage.lock() { Some(Fault::Refuse) } else { self.writes.lock().pop_front().flatten() }
    }

    fn check_read(&self) -> Result<()> {
        if *self.outage.lock() { Err(injected()) } else { Ok(()) }
    }
}

fn injected() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "injected fault".into() }
}

/// Fails as its [`Faults`] say.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    faults: Faults,
}

impl Faulty {
    /// Puts `faults` in front of `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Faulty({})", self.inner)
    }
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match self.faults.next_write() {
            Some(Fault::Refuse) => Err(injected()),
            Some(Fault::LoseAnswer) => {
                self.inner.put_opts(location, payload, opts).await?;
                Err(injected())
            }
            None => self.inner.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.faults.check_read()?;
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.faults.check_read()?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.faults.check_read()?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.faults.check_read() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(async { Err(error) }.boxed()).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.faults.check_read()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.faults.check_read()?;
        self.inner.copy_opts(from, to, options).await
    }
}
