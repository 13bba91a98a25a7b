//! What the benches of several crates share. They measure processor time of their own thread, many rounds in turn, and
//! tell the median, so that neighbours on the machine do not count.

use cadenza_model::{Columns, otlp};
use cadenza_traffic::Exporter;
use prost::Message as _;

/// When the traffic begins.
pub const START_NS: u64 = 1_760_000_000_000_000_000;
/// Traces start this far apart: a batch holds spans of many traces.
const INTERVAL_NS: u64 = 3_000_000;

/// Processor time of this thread in nanoseconds.
pub fn thread_cpu_ns() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The one in the middle.
///
/// # Panics
/// When there are none.
pub fn median(mut list: Vec<f64>) -> f64 {
    list.sort_by(f64::total_cmp);
    list[list.len() / 2]
}

/// Realistic requests of `batch` spans each, `spans` in all; the same at each call.
pub fn requests(spans: usize, batch: usize) -> Vec<Vec<u8>> {
    let mut exporter = Exporter::new(1, START_NS, INTERVAL_NS, batch);
    (0..spans / batch).map(|_| exporter.next_request().encode_to_vec()).collect()
}

/// The same, decoded.
///
/// # Panics
/// When the decoder refuses its own traffic.
pub fn batches(spans: usize, batch: usize) -> Vec<Columns> {
    let decode = |request: &Vec<u8>| {
        let mut columns = Columns::new();
        otlp::decode(request, &mut columns).expect("traffic decodes");
        columns
    };
    requests(spans, batch).iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_as_large_as_asked_and_the_same_each_time() {
        let sizes: Vec<usize> = batches(1000, 100).iter().map(|columns| columns.spans.len()).collect();
        assert_eq!(sizes, [100; 10]);
        assert_eq!(requests(1000, 100), requests(1000, 100));
    }

    #[test]
    fn the_median_is_in_the_middle_and_the_clock_goes_on_with_work() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        let begun = thread_cpu_ns();
        while thread_cpu_ns() <= begun {}
    }
}
