//! Positioned reads: the only way to the bytes of a block, with neighbours joined.

use super::ReadError;
use bytes::Bytes;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the bytes of one object come from.
pub trait RangeRead: Send + Sync {
    /// The bytes of each range, in the same order.
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>>;
}

/// Bytes in memory: blocks just built, and tests.
impl RangeRead for Bytes {
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let one = |range: &Range<u64>| {
            let len = self.len() as u64;
            self.slice(range.start.min(len) as usize..range.end.min(len) as usize)
        };
        Ok(ranges.iter().map(one).collect())
    }
}

/// What reading a block has cost so far.
#[derive(Debug, Default)]
pub struct ReadStats {
    requests: AtomicU64,
    ranges: AtomicU64,
    bytes: AtomicU64,
}

impl ReadStats {
    /// Calls of [`RangeRead::read`].
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Ranges in those calls, after joining.
    pub fn ranges(&self) -> u64 {
        self.ranges.load(Ordering::Relaxed)
    }

    /// Bytes delivered.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Ranges closer than this are read as one: a request costs an object store more than these bytes.
const GAP_BYTES_MAX: u64 = 32 << 10;

/// A joined range ends here, so that one answer does not pin a whole block in memory.
const JOINED_BYTES_MAX: u64 = 8 << 20;

/// Reads `ranges`, joining neighbours. Answers are in the order of the question.
pub(crate) fn read_joined(
    io: &dyn RangeRead,
    stats: &ReadStats,
    ranges: &[Range<u64>],
) -> Result<Vec<Bytes>, ReadError> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|&i| ranges[i].start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    let mut place = vec![0usize; ranges.len()];
    for &i in &order {
        let range = &ranges[i];
        match joined.last_mut() {
            Some(last)
                if range.start <= last.end.saturating_add(GAP_BYTES_MAX)
                    && range.end.max(last.end) - last.start <= JOINED_BYTES_MAX =>
            {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range.clone()),
        }
        place[i] = joined.len() - 1;
    }
    let parts = io.read(&joined)?;
    stats.requests.fetch_add(1, Ordering::Relaxed);
    stats.ranges.fetch_add(joined.len() as u64, Ordering::Relaxed);
    for (range, part) in joined.iter().zip(&parts) {
        stats.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
        if part.len() as u64 != range.end - range.start {
            return Err(ReadError::Short { start: range.start, end: range.end, got: part.len() as u64 });
        }
    }
    if parts.len() != joined.len() {
        return Err(io::Error::other("the store answered another number of ranges than asked").into());
    }
    let cut = |(range, &place): (&Range<u64>, &usize)| {
        let start = (range.start - joined[place].start) as usize;
        parts[place].slice(start..start + (range.end - range.start) as usize)
    };
    Ok(ranges.iter().zip(&place).map(cut).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_ranges_are_one_request_and_come_back_in_order() {
        let file = Bytes::from((0..200_000u32).map(|i| (i % 251) as u8).collect::<Vec<_>>());
        let stats = ReadStats::default();
        let ranges = [100_000..100_010, 5..10, 0..5, 20_000..20_001];
        let parts = read_joined(&file, &stats, &ranges).unwrap();
        for (range, part) in ranges.iter().zip(&parts) {
            assert_eq!(part[..], file[range.start as usize..range.end as usize]);
        }
        assert_eq!((stats.requests(), stats.ranges(), stats.bytes()), (1, 2, 20_011));
    }

    #[test]
    fn an_object_shorter_than_promised_is_an_error() {
        let error =
            read_joined(&Bytes::from_static(b"abc"), &ReadStats::default(), std::slice::from_ref(&(1..9)))
                .unwrap_err();
        assert_eq!(error.to_string(), "data.parquet is cut short: asked for bytes 1..9, got 2");
    }
}
