//! One admitted batch through its tenant's chain: edits, verdicts, then the size limits of attributes.

use crate::admit::check::{Request, count_discarded};
use crate::admit::ledger::Reservation;
use crate::admit::limits::TenantLimits;
use crate::admit::table::Reason;
use crate::chain::{Chain, Hold, Processing, Verdict};
use crate::core::Core;
use crate::error::Refusal;
use crate::tenant::Tenant;
use cadenza_model::Columns;
use std::ops::Range;
use std::time::Duration;

/// Recorded with spans of tenants without plugins.
const NO_CHAIN: [u8; 32] = [0; 32];

/// A batch between admission and the log.
pub(crate) struct Arrived<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) limits: &'a TenantLimits,
    pub(crate) delay: Option<Duration>,
    pub(crate) columns: &'a mut Columns,
    pub(crate) reservation: &'a mut Reservation,
    pub(crate) requests: &'a mut [Request],
}

impl Core {
    /// Gives the digest of the chain that processed the batch.
    pub(crate) fn process(
        &self,
        chain: Option<&dyn Chain>,
        arrived: &mut Arrived<'_>,
    ) -> Result<[u8; 32], Refusal> {
        let digest = match chain {
            Some(chain) => {
                self.run_chain(chain, arrived)?;
                chain.digest()
            }
            None => NO_CHAIN,
        };
        self.cut_attributes(arrived.tenant, arrived.limits, arrived.columns)?;
        Ok(digest)
    }

    fn run_chain(&self, chain: &dyn Chain, arrived: &mut Arrived<'_>) -> Result<(), Refusal> {
        let Arrived { tenant, delay, columns, reservation, requests, .. } = arrived;
        if columns.spans.is_empty() {
            return Ok(());
        }
        let rows: Vec<Range<usize>> = requests.iter().map(|request| request.rows.clone()).collect();
        let done = chain.run(columns, &rows).map_err(|hold| held(hold, *delay))?;
        if done.verdicts.iter().all(|verdict| *verdict == Verdict::Keep) {
            if done.edited {
                // What a plugin has removed must not reach the log.
                columns.compact();
            }
            return Ok(());
        }
        let dropped = done.verdicts.iter().filter(|verdict| **verdict == Verdict::Drop).count();
        tenant.series.sampled_out_spans.inc_by(dropped as u64);
        for request in requests.iter_mut() {
            self.reject_failed(tenant, request, &done);
        }
        let removed = done.verdicts.iter().enumerate().filter(|(_, verdict)| **verdict != Verdict::Keep);
        let spans = &columns.spans;
        reservation.release(removed.map(|(row, _)| (spans.trace_id[row], u64::from(spans.wire_bytes[row]))));
        keep_rows(columns, requests, |row| done.verdicts[row] == Verdict::Keep);
        Ok(())
    }

    /// Tells a request which of its spans a plugin failed on.
    fn reject_failed(&self, tenant: &Tenant, request: &mut Request, done: &Processing) {
        let mut counts = vec![0_u64; done.reasons.len()];
        for verdict in &done.verdicts[request.rows.clone()] {
            if let Verdict::Reject(reason) = verdict {
                counts[usize::from(*reason)] += 1;
            }
        }
        for (reason, &spans) in done.reasons.iter().zip(&counts).filter(|(_, spans)| **spans > 0) {
            count_discarded(&self.metrics, &tenant.id, Reason::PluginRejected, spans);
            let accepted = &mut request.accepted;
            accepted.rejected_spans += spans;
            let separator = if accepted.message.is_empty() { "" } else { "; " };
            accepted.message += &format!("{separator}PLUGIN_REJECTED: {spans} spans: {reason}");
        }
    }

    /// Cuts keys and values that are too long.
    fn cut_attributes(
        &self,
        tenant: &Tenant,
        limits: &TenantLimits,
        columns: &mut Columns,
    ) -> Result<(), Refusal> {
        let bytes_max = match limits.attribute_bytes_max {
            0 => self.config.attribute_bytes_max,
            own => own,
        };
        let cut = columns.cut_attributes(usize::try_from(bytes_max).unwrap_or(usize::MAX));
        let cut = cut.map_err(|full| Refusal::new(Reason::BatchTooLarge, full.to_string(), None))?;
        if cut.total() > 0 {
            // What was cut off must not reach the log.
            columns.compact();
            self.metrics.count_cut(tenant.id.as_str(), &cut);
        }
        Ok(())
    }
}

/// Ingest that waits for a chain.
pub(crate) fn held(hold: Hold, delay: Option<Duration>) -> Refusal {
    Refusal::new(Reason::ChainFailed, hold.message, hold.retry_after.or(delay))
}

/// Removes spans, with all that only they had, and finds the requests' rows in what is left.
pub(crate) fn keep_rows(columns: &mut Columns, requests: &mut [Request], keep: impl Fn(usize) -> bool) {
    let mut next = 0;
    for request in requests.iter_mut() {
        let kept = request.rows.clone().filter(|&row| keep(row)).count();
        request.rows = next..next + kept;
        next += kept;
    }
    columns.retain_rows(keep);
    columns.compact();
}
