//! Admission of a batch: rate, live traces, bytes of traces.
//!
//! Requests are judged one by one, in order, against the tenant's ledger; what is granted is reserved in
//! the same breath, so requests at the same time cannot pass a limit together.

use super::ledger::Reservation;
use super::limits::TenantLimits;
use super::table::Reason;
use crate::Accepted;
use crate::error::Refusal;
use crate::live::groups::Groups;
use crate::live::index::Live;
use crate::metrics::Metrics;
use cadenza_model::{Columns, TenantId};
use std::ops::Range;
use std::time::Duration;

/// One request of a batch, on its way to an answer.
#[derive(Debug)]
pub(crate) struct Request {
    /// Its rows in the batch; empty when it was refused before.
    pub(crate) rows: Range<usize>,
    /// Its size as protobuf.
    pub(crate) bytes: u64,
    /// Spans it came with.
    pub(crate) spans: u64,
    /// Set once it is decided, unless success still depends on the log.
    pub(crate) refusal: Option<Refusal>,
    /// What success will say.
    pub(crate) accepted: Accepted,
}

/// The tenant's side of judging a batch.
pub(crate) struct Judge<'a> {
    pub(crate) limits: TenantLimits,
    /// Delay told with tenant limits, if any.
    pub(crate) delay: Option<Duration>,
    pub(crate) metrics: &'a Metrics,
    pub(crate) groups: &'a mut Groups,
}

impl Judge<'_> {
    /// Judges all requests. Marks rejected rows in `rejected` (one entry a row of `columns`).
    pub(crate) fn admit(
        &mut self,
        reservation: &mut Reservation,
        columns: &Columns,
        requests: &mut [Request],
        rejected: &mut Vec<bool>,
    ) {
        rejected.clear();
        rejected.resize(columns.spans.len(), false);
        for request in requests.iter_mut().filter(|request| !request.rows.is_empty()) {
            if let Err(refusal) = self.request(reservation, columns, request, rejected) {
                rejected[request.rows.clone()].fill(true);
                let tenant = reservation.tenant().id.clone();
                self.discard(&tenant, refusal.reason, request.spans);
                request.refusal = Some(refusal);
            }
        }
    }

    fn discard(&self, tenant: &TenantId, reason: Reason, spans: u64) {
        count_discarded(self.metrics, tenant, reason, spans);
    }

    fn request(
        &mut self,
        reservation: &mut Reservation,
        columns: &Columns,
        request: &mut Request,
        rejected: &mut [bool],
    ) -> Result<(), Refusal> {
        let tenant = reservation.tenant().clone();
        self.rate(&tenant.id, &mut tenant.bucket.lock(), request.bytes, reservation.at())?;
        tenant.series.spans_received.inc_by(request.spans);
        tenant.series.bytes_received.inc_by(request.bytes);
        self.groups.collect(columns, request.rows.clone());
        self.metrics.traces_per_batch.observe(self.groups.list.len() as f64);
        let mut live = tenant.live.lock();
        let verdicts = self.traces(&live, &tenant.id, reservation.at())?;
        let mut created = 0;
        for (group, verdict) in self.groups.list.iter().zip(&verdicts) {
            if verdict.is_none() {
                let (slot, opened) = live.reserve(&group.id, group.bytes, reservation.at());
                reservation.hold(&mut live, slot, group.bytes);
                created += u64::from(opened);
            }
        }
        drop(live);
        for counter in &tenant.series.traces_created {
            counter.inc_by(created);
        }
        self.reject(&tenant.id, request, &verdicts, rejected);
        Ok(())
    }

    fn rate(
        &self,
        tenant: &TenantId,
        bucket: &mut super::bucket::Bucket,
        bytes: u64,
        now: Duration,
    ) -> Result<(), Refusal> {
        let TenantLimits { rate_bytes, burst_bytes, rate_global, .. } = self.limits;
        if bytes <= burst_bytes && bucket.take(bytes, rate_bytes, burst_bytes, now) {
            return Ok(());
        }
        let global = if rate_global { rate_bytes } else { 0 };
        let figures =
            format!("(local: {rate_bytes} bytes/s, global: {global} bytes/s, burst: {burst_bytes} bytes)");
        // Both texts, and where each is used, are what dashboards and clients match on.
        let text = if bytes > burst_bytes && bytes > rate_bytes {
            format!(
                "RATE_LIMITED: batch size ({bytes} bytes) exceeds ingestion limit {figures} while adding {bytes} \
                 bytes for user {tenant}. consider reducing batch size or increasing rate limit."
            )
        } else {
            format!(
                "RATE_LIMITED: ingestion rate limit {figures} exceeded while adding {bytes} bytes for user \
                 {tenant}. consider increasing the limit or reducing ingestion rate."
            )
        };
        let reason = if bytes > burst_bytes { Reason::BatchAboveBurst } else { Reason::RateLimited };
        Err(Refusal::new(reason, text, self.delay))
    }

    /// For each group why it is rejected, if it is; or a refusal of the whole request.
    fn traces(&self, live: &Live, tenant: &TenantId, now: Duration) -> Result<Vec<Option<Reason>>, Refusal> {
        let TenantLimits { live_traces_max, trace_bytes_max, .. } = self.limits;
        let mut verdicts = Vec::with_capacity(self.groups.list.len());
        let mut opening = 0_u64;
        for group in &self.groups.list {
            let (bytes, is_open) = live.peek(&group.id, now);
            let too_large = trace_bytes_max > 0 && bytes + group.bytes > trace_bytes_max;
            verdicts.push(too_large.then_some(Reason::TraceTooLarge));
            opening += u64::from(!too_large && !is_open);
        }
        let free = live_traces_max.saturating_sub(live.open());
        if live_traces_max == 0 || opening <= free {
            return Ok(verdicts);
        }
        if opening <= live_traces_max {
            let text = format!(
                "LIVE_TRACES_EXCEEDED: user {tenant} has {open} live traces, {opening} more would exceed \
                 ingestion.max_traces_per_user ({live_traces_max})",
                open = live.open()
            );
            return Err(Refusal::new(Reason::LiveTracesExceeded, text, self.delay));
        }
        // No pause makes room for all of them, so what fits is taken and the rest rejected for good.
        let mut free = free;
        for (group, verdict) in self.groups.list.iter().zip(&mut verdicts) {
            if verdict.is_none() && !live.peek(&group.id, now).1 {
                match free.checked_sub(1) {
                    Some(left) => free = left,
                    None => *verdict = Some(Reason::TracesAboveCap),
                }
            }
        }
        Ok(verdicts)
    }

    /// Tells a request what of it was rejected.
    fn reject(
        &self,
        tenant: &TenantId,
        request: &mut Request,
        verdicts: &[Option<Reason>],
        rejected: &mut [bool],
    ) {
        if verdicts.iter().all(Option::is_none) {
            return;
        }
        let mut counts = [0_u64; 2];
        for (row, &group) in request.rows.clone().zip(&self.groups.of_row) {
            if let Some(reason) = verdicts[group as usize] {
                rejected[row] = true;
                counts[usize::from(reason == Reason::TracesAboveCap)] += 1;
            }
        }
        let limits = &self.limits;
        let mut texts = Vec::new();
        if counts[0] > 0 {
            let which =
                self.groups.list.iter().zip(verdicts).find(|(_, v)| **v == Some(Reason::TraceTooLarge));
            let which = which.map(|(group, _)| group.id.to_string()).unwrap_or_default();
            texts.push(format!(
                "TRACE_TOO_LARGE: {} spans, the first of trace {which}, would exceed \
                 global.max_bytes_per_trace ({} bytes) of user {tenant}",
                counts[0], limits.trace_bytes_max
            ));
            self.discard(tenant, Reason::TraceTooLarge, counts[0]);
        }
        if counts[1] > 0 {
            texts.push(format!(
                "LIVE_TRACES_EXCEEDED: {} spans of more traces than ingestion.max_traces_per_user ({}) of \
                 user {tenant}",
                counts[1], limits.live_traces_max
            ));
            self.discard(tenant, Reason::TracesAboveCap, counts[1]);
        }
        request.accepted.rejected_spans = counts.iter().sum();
        request.accepted.message = texts.join("; ");
    }
}

/// Counts discarded spans under Tempo's reason, and the refusal under ours.
pub(crate) fn count_discarded(metrics: &Metrics, tenant: &TenantId, reason: Reason, spans: u64) {
    if let Some(name) = reason.row().discarded {
        metrics.discarded_spans.with_label_values(&[name, tenant.as_str()]).inc_by(spans);
    }
    metrics.refusals.with_label_values(&[reason.name(), tenant.as_str()]).inc();
}
