//! Reading a file nearly from front to back: leaves lie one behind the other, most of them tiny.

use crate::read::RangeRead;
use bytes::Bytes;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes asked for at once: makes a hundred small leaves one request.
const WINDOW_BYTES: u64 = 4 << 20;

/// Reads ahead of what is asked for and keeps the last answer.
pub(super) struct Window {
    inner: Arc<dyn RangeRead>,
    file_bytes: u64,
    last: Mutex<(u64, Bytes)>,
}

impl Window {
    pub(super) fn new(inner: Arc<dyn RangeRead>, file_bytes: u64) -> Self {
        Self { inner, file_bytes, last: Mutex::new((0, Bytes::new())) }
    }

    fn one(&self, range: &Range<u64>) -> io::Result<Bytes> {
        // Nothing in here panics half way through an update.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, bytes) = &*last;
        if range.start < *start || range.end > *start + bytes.len() as u64 {
            let end = range.end.max((range.start + WINDOW_BYTES).min(self.file_bytes));
            let read = self.inner.read(std::slice::from_ref(&(range.start..end)))?;
            *last = (range.start, read.into_iter().next().unwrap_or_default());
        }
        let (start, bytes) = &*last;
        let at = |offset: u64| ((offset - start) as usize).min(bytes.len());
        Ok(bytes.slice(at(range.start)..at(range.end)))
    }
}

impl RangeRead for Window {
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        ranges.iter().map(|range| self.one(range)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct CountingFile(Bytes, AtomicU64);

    impl RangeRead for CountingFile {
        fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.read(ranges)
        }
    }

    #[test]
    fn neighbours_cost_one_request_and_every_byte_is_the_files() {
        let data: Bytes = (0..9 << 20).map(|i: u32| (i / 3) as u8).collect::<Vec<_>>().into();
        let file = Arc::new(CountingFile(data.clone(), AtomicU64::new(0)));
        let window = Window::new(file.clone(), data.len() as u64);
        let check = |range: Range<u64>, requests: u64| {
            let got = window.read(std::slice::from_ref(&range)).expect("in memory").swap_remove(0);
            assert_eq!(got, data.slice(range.start as usize..range.end as usize));
            assert_eq!(file.1.load(Ordering::Relaxed), requests, "{range:?}");
        };
        check(10..20, 1);
        check(1 << 20..2 << 20, 1);
        check(WINDOW_BYTES..WINDOW_BYTES + 30, 2);
        check(0..6 << 20, 3);
        check((9 << 20) - 4..9 << 20, 4);
    }
}
