//! Positioned reads of one object, for the synchronous block reader.

use bytes::Bytes;
use cadenza_block::read::RangeRead;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Reads ranges of an object from a blocking thread.
#[derive(Debug)]
pub(crate) struct ObjectRange {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    pub(crate) runtime: Handle,
}

impl RangeRead for ObjectRange {
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let read = async {
            match ranges {
                // `get_ranges` would merge and copy.
                [one] => Ok(vec![self.store.get_range(&self.path, one.clone()).await?]),
                many => self.store.get_ranges(&self.path, many).await,
            }
        };
        let parts = self.runtime.block_on(read).map_err(|error| match error {
            object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
            other => io::Error::other(other),
        })?;
        for (part, range) in parts.iter().zip(ranges) {
            // A store that answers less than asked must never be parsed as if it were whole.
            if part.len() as u64 != range.end - range.start {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(parts)
    }
}
