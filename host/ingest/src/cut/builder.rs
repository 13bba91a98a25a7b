//! Building and storing cuts, one at a time: `Cut` recorded, block stored, `Built` recorded, rows let go.
//!
//! Each step may fail and is tried again, for ever: the log keeps the spans meanwhile. After a crash at
//! any point replay finds the cut open and this goes on where it must.

use super::gather::Gathered;
use super::policy::CUTS_OUTSTANDING_MAX;
use super::queue::Job;
use crate::core::Core;
use crate::error::{FlushError, LogError};
use crate::sink::PreparedBlock;
use cadenza_wal::Control;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Tries to store a built block before it is thrown away and built again later, behind the others.
const PUT_TRIES: u32 = 4;

impl Core {
    /// Works off the queue until stopped.
    pub(crate) async fn builder(self: Arc<Self>) {
        loop {
            let now = self.env.clock.monotonic();
            let mut job = match self.cuts.take(now) {
                Ok(job) => job,
                Err(next) => {
                    let pause = next.map_or(Duration::MAX / 4, |next| next.saturating_sub(now));
                    tokio::select! {
                        () = self.sleep_at_most(pause) => {}
                        () = self.cuts.added.notified() => {}
                        () = self.cancelled.cancelled() => return,
                    }
                    continue;
                }
            };
            let flushed = tokio::select! {
                flushed = self.flush(&mut job) => flushed,
                () = self.cancelled.cancelled() => return,
            };
            match flushed {
                Ok(()) => self.finish(job.cut.block),
                Err(error) => self.try_later(job, &error),
            }
        }
    }

    async fn sleep_at_most(&self, pause: Duration) {
        // The clock's far future differs between clocks; an hour is as good as for ever here.
        self.env.clock.sleep(pause.min(Duration::from_secs(3600))).await;
    }

    fn finish(&self, block: Uuid) {
        self.metrics.blocks_cleared.iter().for_each(prometheus::IntCounter::inc);
        self.cuts.finish(block);
        self.tell_queue();
        self.release_segments();
        if self.cuts.outstanding() == CUTS_OUTSTANDING_MAX / 2 {
            // Those that found the queue full may come now.
            self.wake.notify_one();
        }
    }

    fn try_later(&self, mut job: Job, error: &FlushError) {
        let delay = self.backoff(job.failures);
        tracing::error!(tenant = %job.tenant.id, block = %job.cut.block, %error, retry_in = ?delay, "cut waits");
        job.failures = job.failures.saturating_add(1);
        job.not_before = self.env.clock.monotonic() + delay;
        self.cuts.put_back(job);
    }

    fn backoff(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.min(16));
        self.config.flush_backoff.saturating_mul(factor).min(self.config.flush_backoff_max)
    }

    async fn record(&self, control: Control) -> Result<(), FlushError> {
        match self.wal.append_control(control).await {
            Ok(_durable) => Ok(()),
            Err(error) => Err(FlushError::Log(LogError(error))),
        }
    }

    async fn flush(self: &Arc<Self>, job: &mut Job) -> Result<(), FlushError> {
        let block = job.cut.block;
        if !job.recorded {
            if let Some(control) = self.cuts.control(block) {
                self.record(control).await?;
            }
            job.recorded = true;
        }
        let rows = if job.cut.frames.is_empty() {
            // Nothing was left of it when it was replayed.
            Vec::new()
        } else if job.may_exist && self.exists(job).await? {
            let (core, cut) = (self.clone(), job.cut.clone());
            let gather = move || core.gather(&cut, false);
            let gathered = self.worker.run(gather).await;
            gathered.ok_or(FlushError::Lost { block })??.rows
        } else {
            // From here on the block may be there, whatever is answered.
            let (gathered, prepared) = self.build(job).await?;
            if let Some(prepared) = prepared {
                job.may_exist = true;
                self.put(job, prepared.as_ref()).await?;
            }
            gathered.rows
        };
        self.record(Control::Built { block_id: block }).await?;
        let now = self.env.clock.monotonic();
        let mut live = job.tenant.live.lock();
        live.finish_cut(&job.cut, &rows, now, self.config.trace_live);
        self.account(&job.tenant, &live);
        Ok(())
    }

    async fn exists(&self, job: &Job) -> Result<bool, FlushError> {
        let exists = self.sink.exists(&job.tenant.id, job.cut.block).await;
        exists.map_err(|reason| FlushError::Put { block: job.cut.block, reason })
    }

    async fn build(
        self: &Arc<Self>,
        job: &Job,
    ) -> Result<(Gathered, Option<Box<dyn PreparedBlock>>), FlushError> {
        let started = self.env.clock.monotonic();
        let (core, cut, tenant, block) =
            (self.clone(), job.cut.clone(), job.tenant.id.clone(), job.cut.block);
        let work = move || {
            let mut gathered = core.gather(&cut, true)?;
            // Every frame of it may have been damaged.
            if gathered.spans.spans.is_empty() {
                return Ok((gathered, None));
            }
            let prepared = core.sink.build(&tenant, cut.block, &gathered.spans);
            let prepared = prepared.map_err(|reason| FlushError::Build { block: cut.block, reason })?;
            gathered.spans = cadenza_model::Columns::new();
            Ok((gathered, Some(prepared)))
        };
        let built = self.worker.run(work).await;
        let built = built.unwrap_or(Err(FlushError::Lost { block }));
        let metrics = &self.metrics;
        if job.failures > 0 {
            metrics.completion_retries.inc();
        }
        match &built {
            Ok((_, prepared)) => {
                let took = self.env.clock.monotonic().saturating_sub(started);
                metrics.completion_duration_seconds.observe(took.as_secs_f64());
                metrics.blocks_completed.inc();
                if let Some(prepared) = prepared {
                    metrics.completion_size_bytes.observe(prepared.bytes() as f64);
                    self.cuts.learn(job.cut.bytes, prepared.bytes());
                }
            }
            Err(_) => {
                metrics.failed_completions.inc();
                if job.failures > 0 {
                    metrics.completion_failed_retries.inc();
                }
            }
        }
        built
    }

    /// Stores a block, a few times if need be.
    async fn put(&self, job: &Job, prepared: &dyn PreparedBlock) -> Result<(), FlushError> {
        let metrics = &self.metrics;
        for attempt in 0..PUT_TRIES {
            if attempt > 0 {
                self.env.clock.sleep(self.backoff(attempt - 1)).await;
                metrics.flush_retries.iter().for_each(prometheus::IntCounter::inc);
            }
            let started = self.env.clock.monotonic();
            match prepared.put().await {
                Ok(()) => {
                    let took = self.env.clock.monotonic().saturating_sub(started).as_secs_f64();
                    metrics.flush_duration_seconds.iter().for_each(|seconds| seconds.observe(took));
                    metrics.flush_size_bytes.iter().for_each(|bytes| bytes.observe(prepared.bytes() as f64));
                    metrics.blocks_flushed.inc();
                    metrics.ingester_blocks.inc();
                    return Ok(());
                }
                Err(reason) => {
                    metrics.failed_flushes.iter().for_each(prometheus::IntCounter::inc);
                    if attempt > 0 || job.failures > 0 {
                        metrics.flush_failed_retries.iter().for_each(prometheus::IntCounter::inc);
                    }
                    let error = FlushError::Put { block: job.cut.block, reason };
                    if attempt + 1 == PUT_TRIES {
                        return Err(error);
                    }
                    tracing::warn!(tenant = %job.tenant.id, %error, "will be tried again");
                }
            }
        }
        Ok(())
    }
}
