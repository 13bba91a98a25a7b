//! From request bytes to an answer: decode, admit, append, index.
//!
//! Small requests of one tenant share a frame: while one batch is on its way to the disk, those that
//! arrive wait together and are decoded into one batch after it. An idle tenant's request goes at once.

use crate::admit::check::{Judge, Request, count_discarded};
use crate::admit::inflight::Held;
use crate::admit::ledger::Reservation;
use crate::admit::limits::TenantLimits;
use crate::admit::table::Reason;
use crate::chain::{Chain, Hold};
use crate::core::Core;
use crate::error::Refusal;
use crate::live::groups::Groups;
use crate::process::{Arrived, held, keep_rows};
use crate::tenant::Tenant;
use crate::{Accepted, Encoding, Transport};
use bytes::Bytes;
use cadenza_model::otlp;
use cadenza_model::{Columns, DecodeError, IdError, Processed, SpanBatch};
use cadenza_wal::{AppendError, AppendErrorKind, Appending};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Larger requests get a frame of their own: merging gains nothing at this size and costs a core.
const MERGE_REQUEST_BYTES_MAX: usize = 64 << 10;
/// Bytes of one merged batch; about what one large request would be.
const MERGE_BYTES_MAX: usize = 1 << 20;
/// Requests of one merged batch.
const MERGE_REQUESTS_MAX: usize = 512;
/// Larger batches are decoded off the async workers: this many bytes take about 2 ms.
const INLINE_BYTES_MAX: usize = 1 << 20;

/// A request that waits for its answer.
pub(crate) struct Waiting {
    pub(crate) body: Bytes,
    pub(crate) encoding: Encoding,
    pub(crate) transport: Transport,
    pub(crate) arrived: Duration,
    pub(crate) reply: oneshot::Sender<Result<Accepted, Refusal>>,
    pub(crate) held: Held,
}

/// A tenant's small requests, and whether a batch of them is on its way.
#[derive(Default)]
pub(crate) struct Lane {
    waiting: VecDeque<Waiting>,
    running: bool,
}

impl Lane {
    /// What the next batch takes; ends the run when there is nothing.
    fn next_batch(&mut self) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(waiting) = self.waiting.front() {
            bytes += waiting.body.len();
            if !batch.is_empty() && (bytes > MERGE_BYTES_MAX || batch.len() >= MERGE_REQUESTS_MAX) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        self.running = !batch.is_empty();
        batch
    }
}

/// The task that works off a lane. If it dies, the next request starts another.
struct LaneRun(Arc<Tenant>);

impl Drop for LaneRun {
    fn drop(&mut self) {
        let mut lane = self.0.lane.lock();
        // The usual end has cleared this already, and a new task may have set it again since.
        if std::thread::panicking() {
            lane.running = false;
        }
    }
}

impl Core {
    /// Sends a request on its way; the answer comes through its `reply`. What was begun is finished even
    /// if the client goes away: a durable frame must not stay out of the index.
    pub(crate) fn submit(self: &Arc<Self>, tenant: Arc<Tenant>, waiting: Waiting) {
        let core = self.clone();
        if waiting.body.len() > MERGE_REQUEST_BYTES_MAX {
            self.env
                .spawn
                .spawn("ingest-request", Box::pin(async move { core.run(&tenant, vec![waiting]).await }));
            return;
        }
        {
            let mut lane = tenant.lane.lock();
            lane.waiting.push_back(waiting);
            if lane.running {
                return;
            }
            lane.running = true;
        }
        let lane = async move {
            let run = LaneRun(tenant);
            loop {
                let batch = run.0.lane.lock().next_batch();
                if batch.is_empty() {
                    return;
                }
                core.run(&run.0, batch).await;
            }
        };
        self.env.spawn.spawn("ingest-lane", Box::pin(lane));
    }

    /// One batch from bytes to answers.
    async fn run(self: &Arc<Self>, tenant: &Arc<Tenant>, batch: Vec<Waiting>) {
        let bytes: usize = batch.iter().map(|waiting| waiting.body.len()).sum();
        // Asked once for the batch: each request is processed by one version.
        let mut chain = self.chains.chain(&tenant.id);
        if chain.is_err() {
            self.chains.settle(&tenant.id).await;
            chain = self.chains.chain(&tenant.id);
        }
        let is_slow = matches!(&chain, Ok(Some(chain)) if chain.calls_guests());
        let prepared = if bytes > INLINE_BYTES_MAX || is_slow {
            let (core, tenant) = (self.clone(), tenant.clone());
            self.env.spawn.blocking("ingest-decode", move || core.prepare(&tenant, batch, chain)).await
        } else {
            Some(self.prepare(tenant, batch, chain))
        };
        let Some(mut prepared) = prepared else { return };
        if let Some(append) = prepared.append.take() {
            match append.appending.await {
                Ok(durable) => {
                    self.metrics.appends.inc();
                    if !self.index(tenant, append.batch, append.groups, durable).await {
                        let text = "the request was lost by a fault of the server";
                        prepared.refuse_rest(self, tenant, &Refusal::new(Reason::Internal, text, None));
                    }
                }
                Err(error) => {
                    self.metrics.append_failures.inc();
                    // Perhaps something can be cut and let go of at once.
                    self.wake.notify_one();
                    let refusal = log_refusal(&error, prepared.delay);
                    tracing::warn!(tenant = %tenant.id, %error, "the log refused a batch");
                    prepared.refuse_rest(self, tenant, &refusal);
                }
            }
        }
        prepared.answer(self, tenant);
    }

    /// Decodes, admits and hands the frame to the log.
    fn prepare(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        waiting: Vec<Waiting>,
        chain: Result<Option<Arc<dyn Chain>>, Hold>,
    ) -> Prepared {
        let limits = self.limits.limits(&tenant.id);
        let delay = self.delay(&limits);
        let mut columns = self.pools.take_columns();
        let mut requests = Vec::with_capacity(waiting.len());
        for request in &waiting {
            requests.push(decode(request, &mut columns, delay));
        }
        for request in &requests {
            tenant.series.ingress_bytes.inc_by(request.bytes);
            if let Some(refusal) = &request.refusal {
                count_discarded(&self.metrics, &tenant.id, refusal.reason, request.spans);
            }
        }
        let mut prepared = Prepared { waiting, requests, append: None, delay };
        let chain = self.has_room(delay).and_then(|()| chain.map_err(|hold| held(hold, delay)));
        let append =
            chain.and_then(|chain| self.admit(tenant, limits, delay, columns, &mut prepared.requests, chain));
        match append {
            Ok(append) => prepared.append = append,
            Err(refusal) => prepared.refuse_rest(self, tenant, &refusal),
        }
        prepared
    }

    /// Admits a batch, takes it through the chain, and hands its frame to the log. Nothing is appended if
    /// nothing is left of it.
    fn admit(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        limits: TenantLimits,
        delay: Option<Duration>,
        columns: Columns,
        requests: &mut [Request],
        chain: Option<Arc<dyn Chain>>,
    ) -> Result<Option<Append>, Refusal> {
        let mut batch = SpanBatch::received(tenant.id.clone(), columns);
        let at = self.env.clock.monotonic();
        let mut reservation =
            Reservation::new(tenant.clone(), self.segments.begin(), at, self.config.trace_live);
        let mut groups = self.pools.take_groups();
        let mut rejected = Vec::new();
        let mut judge = Judge { limits, delay, metrics: &self.metrics, groups: &mut groups };
        judge.admit(&mut reservation, batch.columns(), requests, &mut rejected);
        if rejected.contains(&true) {
            keep_rows(batch.columns_mut(), requests, |row| !rejected[row]);
        }
        let processed = batch.admit(reservation).process(|columns, reservation| {
            let mut arrived = Arrived { tenant, limits: &limits, delay, columns, reservation, requests };
            self.process(chain.as_deref(), &mut arrived)
        })?;
        if processed.columns().spans.is_empty() {
            // What was reserved is given back.
            let (_, columns, _reservation) = processed.into_parts();
            self.pools.give_columns(columns);
            self.pools.give_groups(groups);
            return Ok(None);
        }
        let appending = self.wal.append(&processed);
        Ok(Some(Append { batch: processed, appending, groups }))
    }

    /// The delay that tenant limits come with.
    fn delay(&self, limits: &TenantLimits) -> Option<Duration> {
        let delay = self.config.retry_after_on_resource_exhausted;
        (limits.retry_info_enabled && !delay.is_zero()).then_some(delay)
    }

    /// The server's own bounds on live state.
    fn has_room(&self, delay: Option<Duration>) -> Result<(), Refusal> {
        let bytes = self.live_index_bytes();
        if bytes > self.config.live_index_bytes_max {
            self.wake.notify_one();
            let text = format!(
                "the live index holds {bytes} bytes, the limit is {}",
                self.config.live_index_bytes_max
            );
            return Err(Refusal::new(Reason::LiveIndexFull, text, delay));
        }
        Ok(())
    }

    /// Spans of a request that is refused without being admitted, for the receiver's counter.
    pub(crate) fn count_spans(&self, body: &[u8], encoding: Encoding) -> u64 {
        let mut columns = self.pools.take_columns();
        let decoded = decode_into(body, encoding, &mut columns);
        self.pools.give_columns(columns);
        match decoded {
            Ok(decoded) => decoded.spans() as u64,
            Err(DecodeError::Id { spans, .. }) => spans as u64,
            Err(_) => 0,
        }
    }
}

/// A batch that waits for the log.
struct Append {
    batch: SpanBatch<Processed<Reservation>>,
    appending: Appending,
    groups: Groups,
}

/// Requests with what is known of their answers.
struct Prepared {
    waiting: Vec<Waiting>,
    requests: Vec<Request>,
    append: Option<Append>,
    delay: Option<Duration>,
}

impl Prepared {
    /// Refuses every request whose spans were on their way into the log.
    fn refuse_rest(&mut self, core: &Core, tenant: &Tenant, refusal: &Refusal) {
        for request in &mut self.requests {
            if request.refusal.is_none() && request.spans > request.accepted.rejected_spans {
                count_discarded(&core.metrics, &tenant.id, refusal.reason, request.spans);
                request.refusal = Some(refusal.clone());
            }
        }
    }

    fn answer(self, core: &Core, _tenant: &Tenant) {
        let now = core.env.clock.monotonic();
        for (waiting, request) in self.waiting.into_iter().zip(self.requests) {
            let Waiting { transport, arrived, reply, held, .. } = waiting;
            core.metrics.push_duration_seconds.observe(now.saturating_sub(arrived).as_secs_f64());
            core.metrics.count_receiver(transport.name(), request.refusal.is_none(), request.spans);
            let answer = match request.refusal {
                Some(refusal) => Err(refusal),
                None => Ok(request.accepted),
            };
            // The bytes are free before the client can send the next ones.
            drop(held);
            // A client that went away needs no answer.
            drop(reply.send(answer));
        }
    }
}

fn decode_into(body: &[u8], encoding: Encoding, columns: &mut Columns) -> Result<otlp::Decoded, DecodeError> {
    match encoding {
        Encoding::Protobuf => otlp::decode(body, columns),
        Encoding::Json => otlp::decode_json(body, columns),
    }
}

fn decode(waiting: &Waiting, columns: &mut Columns, delay: Option<Duration>) -> Request {
    let mut request = Request {
        rows: 0..0,
        bytes: waiting.body.len() as u64,
        spans: 0,
        refusal: None,
        accepted: Accepted::default(),
    };
    match decode_into(&waiting.body, waiting.encoding, columns) {
        Ok(decoded) => {
            request.spans = decoded.spans() as u64;
            request.bytes = decoded.wire_bytes as u64;
            request.rows = decoded.rows;
        }
        Err(error) => {
            if let DecodeError::Id { spans, .. } = &error {
                request.spans = *spans as u64;
            }
            request.refusal = Some(Refusal::new(decode_reason(&error), error.to_string(), delay));
        }
    }
    request
}

fn decode_reason(error: &DecodeError) -> Reason {
    match error {
        DecodeError::Id { error, .. } if error.is_wrong_length() => Reason::IdLength,
        DecodeError::Id { error: IdError::Trace { .. }, .. } => Reason::InvalidTraceId,
        DecodeError::Id { error: IdError::Span { .. }, .. } => Reason::InvalidSpanId,
        DecodeError::Full(_) => Reason::BatchTooLarge,
        _ => Reason::Malformed,
    }
}

fn log_refusal(error: &AppendError, delay: Option<Duration>) -> Refusal {
    let reason = match error.kind() {
        AppendErrorKind::DiskFull => match error {
            AppendError::DiskFull(cadenza_wal::Full::Log { .. }) => Reason::LogFull,
            _ => Reason::DiskFull,
        },
        AppendErrorKind::Busy => Reason::LogBusy,
        AppendErrorKind::Closed => Reason::Stopping,
        AppendErrorKind::FrameTooLarge => Reason::BatchTooLarge,
        _ => Reason::LogFailed,
    };
    Refusal::new(reason, error.to_string(), delay)
}
