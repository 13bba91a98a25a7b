//! Makes a store fail on demand, for tests of everything that must survive it.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
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
    crash: Arc<Mutex<Crash>>,
    unconditional: Arc<Mutex<bool>>,
}

/// The process ends after some changes to the store.
#[derive(Debug, Default, Clone, Copy)]
struct Crash {
    changes: u64,
    after: Option<u64>,
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

    /// Once `changes` more objects have been written or deleted, every request is refused: as if the process
    /// had ended there.
    pub fn crash_after(&self, changes: u64) {
        *self.crash.lock() = Crash { changes: 0, after: Some(changes) };
    }

    /// While `true`, conditions of writes are passed over, as stores do that do not know them.
    pub fn set_unconditional(&self, unconditional: bool) {
        *self.unconditional.lock() = unconditional;
    }

    /// True once the point of [`Faults::crash_after`] was reached.
    pub fn has_crashed(&self) -> bool {
        *self.outage.lock()
    }

    fn next_write(&self) -> Option<Fault> {
        if *self.outage.lock() || self.crashes_now() {
            return Some(Fault::Refuse);
        }
        self.writes.lock().pop_front().flatten()
    }

    fn crashes_now(&self) -> bool {
        let mut crash = self.crash.lock();
        let now = crash.after.is_some_and(|after| crash.changes >= after);
        crash.changes += 1;
        if now {
            self.set_outage(true);
        }
        now
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
        let known = !*self.faults.unconditional.lock();
        let opts = if known { opts } else { PutOptions { mode: PutMode::Overwrite, ..opts } };
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
        let inner = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(FaultyUpload { inner, faults: self.faults.clone() }))
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
        let (inner, faults) = (Arc::clone(&self.inner), self.faults.clone());
        let delete = move |location: Result<Path>| {
            let (inner, faults) = (Arc::clone(&inner), faults.clone());
            async move {
                let location = location?;
                let fault = faults.next_write();
                if fault != Some(Fault::Refuse) {
                    inner.delete(&location).await?;
                }
                if fault.is_some() { Err(injected()) } else { Ok(location) }
            }
        };
        locations.then(delete).boxed()
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
        if self.faults.next_write() == Some(Fault::Refuse) {
            return Err(injected());
        }
        self.inner.copy_opts(from, to, options).await
    }
}

/// Its end is a write like any other.
#[derive(Debug)]
struct FaultyUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Faults,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        match self.faults.check_read() {
            Ok(()) => self.inner.put_part(data),
            Err(error) => async { Err(error) }.boxed(),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        match self.faults.next_write() {
            Some(Fault::Refuse) => Err(injected()),
            Some(Fault::LoseAnswer) => {
                self.inner.complete().await?;
                Err(injected())
            }
            None => self.inner.complete().await,
        }
    }

    async fn abort(&mut self) -> Result<()> {
        self.faults.check_read()?;
        self.inner.abort().await
    }
}
