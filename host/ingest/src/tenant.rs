//! Everything a tenant has here, and the table of tenants.

use crate::admit::bucket::Bucket;
use crate::admit::table::Reason;
use crate::error::Refusal;
use crate::live::index::Live;
use crate::merge::Lane;
use crate::metrics::Metrics;
use cadenza_env::Random;
use cadenza_model::TenantId;
use parking_lot::{Mutex, RwLock};
use prometheus::{IntCounter, IntGauge};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// State of one tenant. Nothing in it is shared with another.
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) bucket: Mutex<Bucket>,
    /// Small requests waiting for company.
    pub(crate) lane: Mutex<Lane>,
    /// Held while a durable batch is indexed, so that two copies of a span cannot both be first.
    pub(crate) commit: tokio::sync::Mutex<()>,
    pub(crate) live: Mutex<Live>,
    pub(crate) series: Series,
    /// Monotonic milliseconds of the last request.
    used_at_ms: AtomicU64,
    /// Bytes of the live index as last accounted.
    pub(crate) accounted_bytes: AtomicI64,
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tenant").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The tenant's own series, looked up once.
pub(crate) struct Series {
    pub(crate) spans_received: IntCounter,
    pub(crate) bytes_received: IntCounter,
    pub(crate) ingress_bytes: IntCounter,
    pub(crate) duplicate_spans: IntCounter,
    pub(crate) sampled_out_spans: IntCounter,
    pub(crate) live_traces: [IntGauge; 2],
    pub(crate) live_trace_bytes: [IntGauge; 2],
    pub(crate) traces_created: [IntCounter; 2],
    pub(crate) store_bytes_received: [IntCounter; 2],
}

impl Series {
    fn new(metrics: &Metrics, id: &TenantId) -> Self {
        let id = [id.as_str()];
        Self {
            spans_received: metrics.spans_received.with_label_values(&id),
            bytes_received: metrics.bytes_received.with_label_values(&id),
            ingress_bytes: metrics.ingress_bytes.with_label_values(&id),
            sampled_out_spans: metrics.sampled_out_spans.with_label_values(&id),
            duplicate_spans: metrics.duplicate_spans.with_label_values(&id),
            live_traces: metrics.live_traces.each_ref().map(|vec| vec.with_label_values(&id)),
            live_trace_bytes: metrics.live_trace_bytes.each_ref().map(|vec| vec.with_label_values(&id)),
            traces_created: metrics.traces_created.each_ref().map(|vec| vec.with_label_values(&id)),
            store_bytes_received: metrics
                .store_bytes_received
                .each_ref()
                .map(|vec| vec.with_label_values(&[id[0], "trace"])),
        }
    }
}

/// Tenants with state, by id.
pub(crate) struct Tenants {
    map: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    count_max: usize,
}

/// A tenant without state is forgotten after this long; its bucket is full again by then.
const IDLE_FORGET: Duration = Duration::from_secs(600);

impl Tenants {
    pub(crate) fn new(count_max: usize) -> Self {
        Self { map: RwLock::new(HashMap::new()), count_max }
    }

    pub(crate) fn get(&self, id: &TenantId) -> Option<Arc<Tenant>> {
        self.map.read().get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Tenant>> {
        self.map.read().values().cloned().collect()
    }

    /// The tenant's state, made if need be.
    pub(crate) fn get_or_make(
        &self,
        id: &TenantId,
        metrics: &Metrics,
        random: &dyn Random,
        now: Duration,
    ) -> Result<Arc<Tenant>, Refusal> {
        let tenant = match self.get(id) {
            Some(tenant) => tenant,
            None if self.map.read().len() >= self.count_max => {
                let text = format!("the server has live state of {} tenants, its limit", self.count_max);
                return Err(Refusal::new(Reason::TooManyTenants, text, None));
            }
            None => self.make(id, metrics, random),
        };
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        tenant.used_at_ms.store(now_ms, Ordering::Relaxed);
        Ok(tenant)
    }

    /// As [`Tenants::get_or_make`] without a bound: what is in the log is there.
    pub(crate) fn get_or_make_always(
        &self,
        id: &TenantId,
        metrics: &Metrics,
        random: &dyn Random,
    ) -> Arc<Tenant> {
        self.get(id).unwrap_or_else(|| self.make(id, metrics, random))
    }

    fn make(&self, id: &TenantId, metrics: &Metrics, random: &dyn Random) -> Arc<Tenant> {
        let mut map = self.map.write();
        if let Some(tenant) = map.get(id) {
            return tenant.clone();
        }
        let tenant = Arc::new(Tenant {
            id: id.clone(),
            bucket: Mutex::default(),
            lane: Mutex::default(),
            commit: tokio::sync::Mutex::default(),
            live: Mutex::new(Live::new(random.next_u64())),
            series: Series::new(metrics, id),
            used_at_ms: AtomicU64::new(0),
            accounted_bytes: AtomicI64::new(0),
        });
        map.insert(id.clone(), tenant.clone());
        tenant
    }

    /// Forgets tenants that have had nothing to do for a while.
    pub(crate) fn forget_idle(&self, now: Duration) {
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let idle_ms = u64::try_from(IDLE_FORGET.as_millis()).unwrap_or(u64::MAX);
        self.map.write().retain(|_, tenant| {
            let idle = now_ms.saturating_sub(tenant.used_at_ms.load(Ordering::Relaxed)) >= idle_ms;
            // A reference elsewhere is a request or a query under way.
            !(idle && Arc::strong_count(tenant) == 1 && tenant.live.lock().is_idle())
        });
    }
}
