//! The query service: one snapshot per query, computed off the async workers, within bounds.

use crate::snapshot::Snapshot;
use crate::{
    Config, QueryError, QueryLimits, QueryService, SearchAnswer, SearchRequest, Sources, TagNamesAnswer,
    TagNamesRequest, TagValuesAnswer, TagValuesRequest, TenantLimits, TraceAnswer, TraceRequest, search,
    tags, trace_by_id,
};
use async_trait::async_trait;
use cadenza_env::{Clock, Env};
use cadenza_ingest::Ingester;
use cadenza_model::TenantId;
use cadenza_store::Store;
use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge, Registry};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Answers queries from the live spans and the bucket.
pub struct Querier {
    shared: Arc<Shared>,
}

struct Shared {
    env: Env,
    config: Config,
    ingester: Ingester,
    store: Arc<Store>,
    limits: Arc<dyn TenantLimits>,
    running: Semaphore,
    waiting: Mutex<HashMap<TenantId, usize>>,
    running_gauge: IntGauge,
    partial: IntCounter,
}

impl std::fmt::Debug for Querier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Querier")
    }
}

/// What one query may still use.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    until: Duration,
    deadline_ms: u64,
    memory_bytes_max: usize,
    cancelled: Arc<AtomicBool>,
}

impl Budget {
    /// Fails when the time is over or the client has left.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(QueryError::Internal("the client has left".to_owned()));
        }
        if self.clock.monotonic() > self.until {
            return Err(QueryError::Deadline { deadline_ms: self.deadline_ms });
        }
        Ok(())
    }

    /// Fails when intermediate results of `bytes` are more than a query may hold.
    pub(crate) fn holds(&self, bytes: usize) -> Result<(), QueryError> {
        let bytes_max = self.memory_bytes_max;
        if bytes > bytes_max { Err(QueryError::Memory { bytes_max }) } else { Ok(()) }
    }
}

/// Tells the computing thread when the caller's future is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One more query of a tenant in the queue, until dropped.
struct Waiting<'a>(&'a Shared, TenantId);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        if let Some(count) = waiting.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.1);
            }
        }
    }
}

impl Querier {
    /// Over the live spans of `ingester` and the blocks of `store`.
    ///
    /// # Errors
    /// When the metrics cannot be registered.
    pub fn new(
        env: Env,
        config: Config,
        ingester: Ingester,
        store: Arc<Store>,
        limits: Arc<dyn TenantLimits>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let running_gauge = IntGauge::new("cadenza_queries_running", "Queries that compute now.")?;
        let partial = IntCounter::new("cadenza_queries_partial_total", "Answers that lacked a source.")?;
        registry.register(Box::new(running_gauge.clone()))?;
        registry.register(Box::new(partial.clone()))?;
        let running = Semaphore::new(config.concurrent_queries_max);
        let waiting = Mutex::default();
        let shared =
            Shared { env, config, ingester, store, limits, running, waiting, running_gauge, partial };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Waits for a turn, then computes on a thread that may block.
    async fn compute<T: Send + 'static>(
        &self,
        tenants: &[TenantId],
        sources: Sources,
        work: impl FnOnce(&[(Snapshot, QueryLimits)], &Budget) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let shared = &self.shared;
        let (config, clock) = (&shared.config, Arc::clone(&shared.env.clock));
        let until = clock.monotonic() + Duration::from_millis(config.deadline_ms);
        let first =
            tenants.first().ok_or_else(|| QueryError::Internal("a query without tenant".to_owned()))?;
        let turn = {
            let _waiting = shared.enqueue(first)?;
            tokio::select! {
                turn = shared.running.acquire() => turn.map_err(|_| QueryError::Internal("stopping".to_owned()))?,
                () = clock.sleep(Duration::from_millis(config.deadline_ms)) => {
                    return Err(QueryError::Deadline { deadline_ms: config.deadline_ms });
                }
            }
        };
        shared.running_gauge.inc();
        let cancelled = Arc::new(AtomicBool::new(false));
        let _cancel = CancelOnDrop(Arc::clone(&cancelled));
        let budget = Budget {
            clock,
            until,
            deadline_ms: config.deadline_ms,
            memory_bytes_max: config.memory_bytes_max,
            cancelled,
        };
        let (inner, tenants) = (Arc::clone(shared), tenants.to_vec());
        let result = shared.env.spawn.blocking("query", move || {
            let take = |tenant: &TenantId| {
                let snapshot = Snapshot::take(&inner.ingester, &inner.store, tenant, sources);
                (snapshot, inner.limits.query_limits(tenant))
            };
            let snapshots: Vec<_> = tenants.iter().map(take).collect();
            work(&snapshots, &budget)
        });
        let result = result.await;
        shared.running_gauge.dec();
        drop(turn);
        result.unwrap_or_else(|| {
            Err(QueryError::Internal("the query failed by a fault of the server".to_owned()))
        })
    }

    fn note(&self, what: &'static str, missing: &crate::Missing) {
        if !missing.is_empty() {
            self.shared.partial.inc();
            tracing::warn!(query = what, reasons = missing.0.join("; "), "the answer is partial");
        }
    }
}

impl Shared {
    fn enqueue(&self, tenant: &TenantId) -> Result<Waiting<'_>, QueryError> {
        let mut waiting = self.waiting.lock();
        let count = waiting.entry(tenant.clone()).or_default();
        if *count >= self.config.waiting_per_tenant_max {
            return Err(QueryError::QueueFull);
        }
        *count += 1;
        Ok(Waiting(self, tenant.clone()))
    }
}

#[async_trait]
impl QueryService for Querier {
    async fn trace(&self, request: TraceRequest) -> Result<TraceAnswer, QueryError> {
        let (tenants, sources) = (request.tenants.clone(), request.sources);
        let answer = self.compute(&tenants, sources, move |snapshots, _| {
            let bytes_max = snapshots.iter().map(|(_, limits)| limits.trace_bytes_max).max().unwrap_or(0);
            let snapshots: Vec<&Snapshot> = snapshots.iter().map(|(snapshot, _)| snapshot).collect();
            trace_by_id::answer(&snapshots, &request, bytes_max)
        });
        let answer = answer.await?;
        self.note("trace by id", &answer.missing);
        Ok(answer)
    }

    async fn search(&self, request: SearchRequest) -> Result<SearchAnswer, QueryError> {
        let tenants = request.tenants.clone();
        let answer = self.compute(&tenants, Sources::All, move |snapshots, budget| {
            search::answer(snapshots, &request, budget)
        });
        let answer = answer.await?;
        self.note("search", &answer.missing);
        Ok(answer)
    }

    async fn tag_names(&self, request: TagNamesRequest) -> Result<TagNamesAnswer, QueryError> {
        let tenants = request.tenants.clone();
        let answer = self.compute(&tenants, Sources::All, move |snapshots, budget| {
            tags::names(snapshots, &request, budget)
        });
        let answer = answer.await?;
        self.note("tag names", &answer.missing);
        Ok(answer)
    }

    async fn tag_values(&self, request: TagValuesRequest) -> Result<TagValuesAnswer, QueryError> {
        let tenants = request.tenants.clone();
        let answer = self.compute(&tenants, Sources::All, move |snapshots, budget| {
            tags::values(snapshots, &request, budget)
        });
        let answer = answer.await?;
        self.note("tag values", &answer.missing);
        Ok(answer)
    }
}
