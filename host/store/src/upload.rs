//! Writing a large object from a blocking thread, part by part.

use crate::StoreError;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use std::io::{self, Write};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Bytes of a part, unless configured: above every store's least, equal for all but the last as some stores want.
const PART_BYTES_MIN: usize = 8 << 20;
/// Most parts of an object in S3, with room for a wrong estimate.
const PARTS: u64 = 5_000;

/// An object being written. Without [`Upload::finish`] it never comes to be.
pub(crate) struct Upload {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    runtime: Handle,
    part_bytes: usize,
    buffer: Vec<u8>,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    /// `bytes_estimate` only decides the size of the parts, as far as that is not configured.
    pub(crate) fn new(
        objects: Arc<dyn ObjectStore>,
        path: Path,
        runtime: Handle,
        bytes_estimate: u64,
        part_bytes: Option<usize>,
    ) -> Self {
        let least = usize::try_from(bytes_estimate / PARTS).unwrap_or(usize::MAX);
        let part_bytes = least.max(part_bytes.unwrap_or(PART_BYTES_MIN));
        Self { objects, path, runtime, part_bytes, buffer: Vec::new(), parts: None }
    }

    /// Writes what is left; the object exists when this returns.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        let done = match self.parts.take() {
            None => self.runtime.block_on(self.objects.put(&self.path, rest.into())),
            Some(mut parts) => self.runtime.block_on(async {
                if !rest.is_empty() {
                    parts.put_part(rest.into()).await?;
                }
                parts.complete().await
            }),
        };
        done.map(drop).map_err(|error| StoreError::object(&self.path, error))
    }

    fn put_part(&mut self) -> object_store::Result<()> {
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.part_bytes));
        let (objects, path) = (&self.objects, &self.path);
        let parts = &mut self.parts;
        self.runtime.block_on(async {
            let parts = match parts {
                Some(parts) => parts,
                none => none.insert(objects.put_multipart(path).await?),
            };
            parts.put_part(full.into()).await
        })
    }
}

impl Write for Upload {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let room = (self.part_bytes - self.buffer.len()).min(buf.len());
        self.buffer.extend_from_slice(&buf[..room]);
        if self.buffer.len() == self.part_bytes {
            self.put_part().map_err(io::Error::other)?;
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Parts that are left behind cost money and appear in no listing.
        if let Some(mut parts) = self.parts.take()
            && let Err(error) = self.runtime.block_on(parts.abort())
        {
            tracing::warn!(path = %self.path, %error, "an upload could not be aborted; its parts stay in the store");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;
    use object_store::memory::InMemory;

    fn check(bytes: usize, chunk: usize, finish: bool) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let data: Vec<u8> = (0..bytes).map(|i| (i / 7) as u8).collect();
        let path = Path::from("t/x");
        let mut upload = Upload::new(Arc::clone(&objects), path.clone(), runtime.handle().clone(), 0, None);
        data.chunks(chunk).for_each(|chunk| upload.write_all(chunk).expect("in memory"));
        if finish {
            upload.finish().expect("in memory");
            let read = runtime.block_on(async { objects.get(&path).await?.bytes().await }).expect("written");
            assert!(read == data, "{bytes} bytes in chunks of {chunk}");
        } else {
            drop(upload);
            let listed: Vec<_> = runtime.block_on(objects.list(None).try_collect()).expect("in memory");
            assert!(listed.is_empty(), "{listed:?}");
        }
    }

    #[test]
    fn an_object_is_what_was_written_whatever_its_size() {
        check(0, 1, true);
        check(100, 7, true);
        check(PART_BYTES_MIN, 1 << 20, true);
        check(2 * PART_BYTES_MIN + 5, 3_333_333, true);
    }

    #[test]
    fn an_upload_that_is_given_up_leaves_nothing() {
        check(100, 7, false);
        check(2 * PART_BYTES_MIN + 5, 3_333_333, false);
    }
}
