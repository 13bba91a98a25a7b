//! What is counted here: instances, loads, and what plugins count themselves. Calls are counted by who makes
//! them.

use crate::metadata::{Metadata, MetricKind};
use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};
use std::collections::HashMap;
use std::sync::Arc;

/// Most metrics that plugins declare together: each has a line per tenant.
const DECLARED_MAX: usize = 512;

/// Metrics of all plugins; one per process.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    instances: IntCounterVec,
    compiles: IntCounterVec,
    log_lines: IntCounterVec,
    late_ticks: IntCounter,
    info: IntGaugeVec,
    declared: Mutex<HashMap<String, Declared>>,
}

#[derive(Clone)]
enum Declared {
    Counter(CounterVec),
    Gauge(GaugeVec),
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

fn register<T: Collector + Clone + 'static>(registry: &Registry, metric: T) -> prometheus::Result<T> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            register(registry, IntCounterVec::new(Opts::new(format!("cadenza_plugin_{name}"), help), labels)?)
        };
        let late = Opts::new(
            "cadenza_plugin_late_ticks_total",
            "Looks at running guests that came late, so that one may have run for twice its time",
        );
        let of_plugin: &[&str] = &["tenant", "plugin"];
        let info = Opts::new("cadenza_plugin_info", "Configured plugins of this version");
        let info_labels = ["tenant", "plugin", "name", "version"];
        Ok(Self(Arc::new(Inner {
            registry: registry.clone(),
            instances: counters(
                "instances_started_total",
                "Instances that were made and configured",
                of_plugin,
            )?,
            compiles: counters("components_loaded_total", "Components by how their code was had", &["from"])?,
            log_lines: counters("log_lines_total", "Lines that guests have logged, shown or not", of_plugin)?,
            late_ticks: register(registry, IntCounter::with_opts(late)?)?,
            info: register(registry, IntGaugeVec::new(info, &info_labels)?)?,
            declared: Mutex::default(),
        })))
    }

    /// Counts looks at running guests that came late.
    pub(crate) fn late_ticks(&self) -> IntCounter {
        self.0.late_ticks.clone()
    }

    /// Code came from the cache or from the compiler.
    pub(crate) fn loaded(&self, from_cache: bool) {
        self.0.compiles.with_label_values(&[if from_cache { "cache" } else { "compiler" }]).inc();
    }

    /// Those of one plugin of a tenant.
    ///
    /// # Errors
    /// A metric that is declared differently elsewhere, or one too many.
    pub(crate) fn plugin(
        &self,
        tenant: &str,
        plugin: &str,
        metadata: &Metadata,
    ) -> Result<PluginMetrics, String> {
        let inner = &self.0;
        let mut own = Vec::with_capacity(metadata.metrics.len());
        for metric in &metadata.metrics {
            let name = format!("cadenza_plugin_{}_{}", plugin.replace('-', "_"), metric.name);
            own.push(match self.declared(&name, &metric.help, metric.kind)? {
                Declared::Counter(family) => Own::Counter(family.with_label_values(&[tenant])),
                Declared::Gauge(family) => Own::Gauge(family.with_label_values(&[tenant])),
            });
        }
        Ok(PluginMetrics {
            instances: inner.instances.with_label_values(&[tenant, plugin]),
            log_lines: inner.log_lines.with_label_values(&[tenant, plugin]),
            info: inner.info.clone(),
            info_labels: [tenant, plugin, &metadata.name, &metadata.version].map(str::to_owned),
            own,
        })
    }

    fn declared(&self, name: &str, help: &str, kind: MetricKind) -> Result<Declared, String> {
        let mut declared = self.0.declared.lock();
        let family = match (declared.get(name), kind) {
            (Some(family @ Declared::Counter(_)), MetricKind::Counter)
            | (Some(family @ Declared::Gauge(_)), MetricKind::Gauge) => return Ok(family.clone()),
            (Some(_), _) => return Err(format!("{name} is declared already, with another kind")),
            (None, _) if declared.len() >= DECLARED_MAX => {
                return Err(format!("{name} is one more than {DECLARED_MAX}, the limit of all plugins"));
            }
            (None, MetricKind::Counter) => CounterVec::new(Opts::new(name, help), &["tenant"])
                .and_then(|family| register(&self.0.registry, family))
                .map(Declared::Counter),
            (None, MetricKind::Gauge) => GaugeVec::new(Opts::new(name, help), &["tenant"])
                .and_then(|family| register(&self.0.registry, family))
                .map(Declared::Gauge),
        };
        let family = family.map_err(|error| format!("{name}: {error}"))?;
        declared.insert(name.to_owned(), family.clone());
        Ok(family)
    }
}

enum Own {
    Counter(prometheus::Counter),
    Gauge(prometheus::Gauge),
}

/// Metrics of one plugin of a tenant.
pub(crate) struct PluginMetrics {
    pub(crate) instances: IntCounter,
    pub(crate) log_lines: IntCounter,
    info: IntGaugeVec,
    info_labels: [String; 4],
    own: Vec<Own>,
}

impl PluginMetrics {
    /// Carries over what a call has observed. Values that a metric cannot take are left out.
    pub(crate) fn observe(&self, observations: &[(u32, f64)]) {
        for &(metric, value) in observations {
            match self.own.get(metric as usize) {
                Some(Own::Counter(counter)) if value.is_finite() && value > 0.0 => counter.inc_by(value),
                Some(Own::Gauge(gauge)) if value.is_finite() => gauge.set(value),
                Some(_) | None => {}
            }
        }
    }

    /// The version in force.
    pub(crate) fn publish(&self) {
        // Two for a moment when a chain takes the place of another with the same version.
        self.info.with_label_values(&self.info_labels).inc();
    }

    /// It is no longer in force.
    pub(crate) fn retire(&self) {
        let labels = self.info_labels.each_ref().map(String::as_str);
        let gauge = self.info.with_label_values(&labels);
        gauge.dec();
        if gauge.get() <= 0 {
            // Not there if the last two retire at once.
            drop(self.info.remove_label_values(&labels));
        }
    }
}
