//! Which spans of a batch have their parent in it, and in which order siblings stand.

/// The ids of a batch's spans.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) traces: &'a [[u8; 16]],
    pub(crate) spans: &'a [[u8; 8]],
    pub(crate) parents: &'a [[u8; 8]],
    pub(crate) starts: &'a [i64],
}

/// A span among those of the same parent. Siblings follow each other in this order, those that start at the same time
/// by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sibling {
    /// Row of the parent.
    pub(crate) parent: u32,
    start: u64,
    id: u64,
    pub(crate) row: u32,
}

const NOBODY: u32 = u32::MAX;
/// Spreads ids that differ in a few bits only (golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The spans for which `is_meant` says so and whose parent is there.
pub(crate) fn siblings(ids: Ids<'_>, is_meant: impl Fn(u32) -> bool) -> Vec<Sibling> {
    let known = Known::new(ids);
    let mut siblings = Vec::with_capacity(ids.spans.len());
    for (row, (&trace, &parent)) in (0..).zip(ids.traces.iter().zip(ids.parents)) {
        if parent == [0; 8] || !is_meant(row) {
            continue;
        }
        if let Some(parent) = known.row(trace, parent) {
            let (start, id) = (ids.starts[row as usize] as u64, u64::from_be_bytes(ids.spans[row as usize]));
            siblings.push(Sibling { parent, start, id, row });
        }
    }
    siblings.sort_unstable();
    siblings
}

/// Rows by trace and span id: open addressing, at most half full.
struct Known<'a> {
    ids: Ids<'a>,
    rows: Vec<u32>,
}

impl<'a> Known<'a> {
    fn new(ids: Ids<'a>) -> Self {
        let mut known = Self { ids, rows: vec![NOBODY; (2 * ids.spans.len()).next_power_of_two().max(2)] };
        for (row, (&trace, &span)) in (0..).zip(ids.traces.iter().zip(ids.spans)) {
            // Of spans with one id, which should not be, the first is the parent.
            if let Err(free) = known.find(trace, span) {
                known.rows[free] = row;
            }
        }
        known
    }

    /// The row, or the place for it.
    fn find(&self, trace: [u8; 16], span: [u8; 8]) -> Result<u32, usize> {
        let bits = self.rows.len().trailing_zeros();
        let low = u64::from_be_bytes(*trace.last_chunk().expect("8 of 16 bytes"));
        let hash = (u64::from_be_bytes(span) ^ low).wrapping_mul(SPREAD);
        let mut at = (hash >> (64 - bits)) as usize;
        loop {
            let row = self.rows[at];
            if row == NOBODY {
                return Err(at);
            }
            if self.ids.spans[row as usize] == span && self.ids.traces[row as usize] == trace {
                return Ok(row);
            }
            at = (at + 1) & (self.rows.len() - 1);
        }
    }

    fn row(&self, trace: [u8; 16], span: [u8; 8]) -> Option<u32> {
        self.find(trace, span).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans as (trace, span, parent, start); gives (row, row of the parent).
    fn check(spans: &[(u8, u8, u8, i64)], expect: &[(u32, u32)]) {
        let ids = Ids {
            traces: &spans.iter().map(|s| [s.0; 16]).collect::<Vec<_>>(),
            spans: &spans.iter().map(|s| [s.1; 8]).collect::<Vec<_>>(),
            parents: &spans.iter().map(|s| [s.2; 8]).collect::<Vec<_>>(),
            starts: &spans.iter().map(|s| s.3).collect::<Vec<_>>(),
        };
        let found: Vec<_> = siblings(ids, |_| true).iter().map(|s| (s.row, s.parent)).collect();
        assert_eq!(found, expect, "{spans:?}");
    }

    #[test]
    fn siblings_follow_each_other_by_start_and_then_by_id() {
        check(&[], &[]);
        check(&[(1, 1, 0, 0), (1, 3, 1, 9), (1, 2, 1, 5)], &[(2, 0), (1, 0)]);
        check(&[(1, 1, 0, 0), (1, 3, 1, 5), (1, 2, 1, 5)], &[(2, 0), (1, 0)]);
        // A parent in another trace, or none in the batch.
        check(&[(1, 1, 0, 0), (2, 2, 1, 1), (1, 3, 9, 1)], &[]);
        // Two spans with one id: their children are siblings.
        check(&[(1, 1, 0, 0), (1, 1, 0, 0), (1, 2, 1, 2), (1, 3, 1, 1)], &[(3, 0), (2, 0)]);
        // Its own parent.
        check(&[(1, 1, 1, 0)], &[(0, 0)]);
    }
}
