//! A plugin that works on some traces, and on those whole.

use super::rows::Fates;
use super::segment::Segment;
use crate::Share;
use cadenza_ingest::chain::Hold;
use cadenza_model::{Columns, Full};
use std::ops::Range;

/// One plugin in `mode: canary`.
pub(super) struct Canary {
    pub(super) segment: Segment,
    pub(super) share: Share,
}

impl Canary {
    /// The plugin sees the traces of its share as a batch of their own: neither its native steps nor its edits of a
    /// resource reach other traces, even where they have that resource in common.
    pub(super) fn pass(
        &self,
        columns: &mut Columns,
        requests: &[Range<usize>],
        is_trial: bool,
        fates: &mut Fates,
    ) -> Result<bool, Hold> {
        let chosen: Vec<bool> = columns.spans.trace_id.iter().map(|&trace| self.share.has(trace)).collect();
        if chosen.iter().all(|chosen| *chosen) {
            return self.segment.pass(columns, requests, is_trial, fates);
        }
        let (rows, others): (Vec<u32>, Vec<u32>) =
            (0..chosen.len() as u32).partition(|&row| chosen[row as usize]);
        if rows.is_empty() {
            return Ok(false);
        }
        let full = |full: Full| Hold { message: format!("a batch of canaries: {full}"), retry_after: None };
        let mut apart = Columns::new();
        apart.append_rows(columns, &rows).map_err(full)?;
        let mut own = fates.of(&rows);
        let edited = self.segment.pass(&mut apart, &requests_of(requests, &chosen), is_trial, &mut own)?;
        fates.take(own, &rows, chosen.len());
        *columns = interleave(columns, &others, &apart, &rows).map_err(full)?;
        Ok(edited)
    }
}

/// Where the chosen rows of each request are among all chosen rows.
fn requests_of(requests: &[Range<usize>], chosen: &[bool]) -> Vec<Range<usize>> {
    let mut next = 0;
    let of = |request: &Range<usize>| {
        let start = next;
        next += chosen[request.clone()].iter().filter(|chosen| **chosen).count();
        start..next
    };
    requests.iter().map(of).collect()
}

/// Rows `others` of one batch, and all of another in the places `rows`.
fn interleave(from: &Columns, others: &[u32], apart: &Columns, rows: &[u32]) -> Result<Columns, Full> {
    let mut behind = Columns::new();
    behind.append_rows(from, others)?;
    let of_apart: Vec<u32> = (0..rows.len() as u32).collect();
    behind.append_rows(apart, &of_apart)?;
    // Where each row stands in the one behind the other.
    let mut order = vec![0; others.len() + rows.len()];
    for (at, &row) in others.iter().chain(rows).enumerate() {
        order[row as usize] = at as u32;
    }
    let mut all = Columns::new();
    all.append_rows(&behind, &order)?;
    Ok(all)
}
