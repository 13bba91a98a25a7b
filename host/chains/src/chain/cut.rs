//! Where a batch is cut into the parts that a guest is called with.
//!
//! A guest may look at what belongs together: steps of a process by their parents in a request. So requests stay
//! whole where they can, then the spans of one trace in a request.

use cadenza_model::TraceId;
use std::collections::HashMap;
use std::ops::Range;

/// Most spans of a part: columns should stay in the cache between projection, call and edits. Calls cost the least for
/// each span at 128 to 512 spans, and half as much again at 4,096.
pub(super) const PART_ROWS_MAX: usize = 512;

/// Most bytes that a part shows to a guest: what a guest copies, and what its answer may be, goes by it. A span that
/// shows more goes alone.
pub(super) const PART_BYTES_MAX: usize = 1 << 20;

/// What cuts go by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seams<'a> {
    /// Rows of each request, in order.
    pub(super) requests: &'a [Range<usize>],
    /// The trace of each row.
    pub(super) traces: &'a [TraceId],
}

impl Seams<'_> {
    /// `rows` (ascending) in parts of at most `rows_max` rows, each ascending. A request is split only if it alone has
    /// more, between traces; and a trace of it only if that alone has more.
    pub(super) fn cut(&self, rows: &[u32], rows_max: usize) -> Vec<Vec<u32>> {
        let mut parts = Parts { rows_max: rows_max.max(1), parts: Vec::new() };
        let mut rest = rows;
        for request in self.requests {
            let (of_request, after) =
                rest.split_at(rest.partition_point(|&row| (row as usize) < request.end));
            rest = after;
            self.put(of_request, &mut parts);
        }
        self.put(rest, &mut parts);
        // Rows of traces were put together in the order of traces.
        parts.parts.iter_mut().for_each(|part| part.sort_unstable());
        parts.parts
    }

    fn put(&self, request: &[u32], parts: &mut Parts) {
        if request.len() <= parts.rows_max {
            return parts.put(request);
        }
        let mut known = HashMap::new();
        let mut traces: Vec<Vec<u32>> = Vec::new();
        for &row in request {
            let at = *known.entry(self.traces[row as usize]).or_insert(traces.len());
            if at == traces.len() {
                traces.push(Vec::new());
            }
            traces[at].push(row);
        }
        for trace in traces {
            trace.chunks(parts.rows_max).for_each(|rows| parts.put(rows));
        }
    }
}

struct Parts {
    rows_max: usize,
    parts: Vec<Vec<u32>>,
}

impl Parts {
    /// Adds rows that stay together, to the last part if there is room.
    fn put(&mut self, rows: &[u32]) {
        if rows.is_empty() {
            return;
        }
        match self.parts.last_mut().filter(|part| part.len() + rows.len() <= self.rows_max) {
            Some(part) => part.extend_from_slice(rows),
            None => self.parts.push(rows.to_vec()),
        }
    }
}

/// How many rows a part should be cut to that shows too many bytes: `own` of its spans, events and links, and `shared`
/// of resources and scopes, which go with every part of it however small. So that a large resource cannot multiply
/// itself, at least half of [`PART_BYTES_MAX`] is for what cutting makes smaller.
pub(super) fn rows_of_pieces(rows: usize, own: usize, shared: usize) -> Option<usize> {
    let room = PART_BYTES_MAX - shared.min(PART_BYTES_MAX / 2);
    if own <= room || rows < 2 {
        return None;
    }
    Some((rows.saturating_mul(room) / own).clamp(1, rows / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts as the letters of the traces of their rows; requests are words of such letters.
    fn cut(requests: &str, rows_max: usize) -> String {
        let mut ranges = Vec::new();
        let mut letters = Vec::new();
        for request in requests.split(' ') {
            let start = letters.len();
            letters.extend(request.bytes().filter(|&letter| letter != b'-'));
            ranges.push(start..letters.len());
        }
        let traces: Vec<_> =
            letters.iter().map(|&letter| TraceId(u128::from(letter).to_be_bytes())).collect();
        let rows: Vec<u32> = (0..letters.len() as u32).collect();
        let parts = Seams { requests: &ranges, traces: &traces }.cut(&rows, rows_max);
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, rows, "each row once");
        for part in &parts {
            assert!(part.is_sorted() && part.len() <= rows_max && !part.is_empty(), "{part:?}");
        }
        let text = |part: &Vec<u32>| part.iter().map(|&row| char::from(letters[row as usize])).collect();
        parts.iter().map(text).collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn requests_stay_whole_then_traces() {
        for (requests, rows_max, expected) in [
            ("aab", 4, "aab"),
            ("aab bb cc", 4, "aab bbcc"),
            ("aab b", 4, "aabb"),
            ("aab abab c", 4, "aab abab c"),
            // A request that is too large: its traces stay whole, wherever their spans stand.
            ("ababcabc", 4, "aaa bbb cc"),
            ("abcabcabcd", 6, "ababab cccd"),
            ("abcd abcde xx", 4, "abcd abcd exx"),
            // A trace that is too large.
            ("aaaaaaaaab", 4, "aaaa aaaa ab"),
            // Requests without spans: refused ones, or all rejected.
            ("- aab - bb -", 3, "aab bb"),
            ("-", 3, ""),
            ("abc", 1, "a b c"),
        ] {
            assert_eq!(cut(requests, rows_max), expected, "{requests} by {rows_max}");
        }
    }

    #[test]
    fn some_rows_are_cut_as_all_are() {
        let traces = [1, 1, 2, 2, 3, 3].map(|trace: u128| TraceId(trace.to_be_bytes()));
        let seams = Seams { requests: &[0..3, 3..6], traces: &traces };
        assert_eq!(seams.cut(&[1, 2, 4, 5], 2), [[1, 2], [4, 5]]);
        assert_eq!(seams.cut(&[0, 1, 2, 5], 2), [vec![0, 1], vec![2, 5]]);
    }

    #[test]
    fn bytes_cut_what_cutting_makes_smaller() {
        let half = PART_BYTES_MAX / 2;
        for (rows, own, shared, expected) in [
            (512, PART_BYTES_MAX, 0, None),
            (512, PART_BYTES_MAX + 1, 0, Some(256)),
            (512, PART_BYTES_MAX * 4, 0, Some(128)),
            (512, PART_BYTES_MAX, 1, Some(256)),
            // A single span goes alone, as large as it is.
            (1, PART_BYTES_MAX * 9, 0, None),
            (2, PART_BYTES_MAX * 9, 0, Some(1)),
            // A large resource goes with every part: cutting would only multiply it.
            (512, half, PART_BYTES_MAX * 9, None),
            (512, half + 1, PART_BYTES_MAX * 9, Some(256)),
        ] {
            assert_eq!(rows_of_pieces(rows, own, shared), expected, "{rows} {own} {shared}");
        }
    }
}
