//! Logs to standard error, and Cadenza's own spans by OTLP when an endpoint is named.

use anyhow::{Context, Result};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How to log.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `debug`, `info`, `warn` or `error` (`server.log_level`).
    pub(crate) level: String,
    /// One JSON object a line instead of logfmt (`server.log_format: json`).
    pub(crate) json: bool,
    /// Where to send Cadenza's own spans: the standard `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`. Never our own receiver by default: tracing a write would write.
    pub(crate) otlp_endpoint: Option<String>,
}

/// Flushes exported spans when dropped.
#[derive(Debug)]
pub(crate) struct Guard(Option<SdkTracerProvider>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            drop(provider.shutdown());
        }
    }
}

/// Installs the subscriber. Call once, inside the runtime.
///
/// # Errors
/// When the level is unknown or the exporter cannot be built.
pub(crate) fn install(config: &Config) -> Result<Guard> {
    let level: LevelFilter =
        config.level.parse().with_context(|| format!("unknown log level {:?}", config.level))?;
    let logs = if config.json {
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed()
    } else {
        tracing_logfmt::builder().with_target(false).layer().with_writer(std::io::stderr).boxed()
    };
    let provider = config.otlp_endpoint.as_deref().map(provider).transpose()?;
    let spans = provider.as_ref().map(|p| tracing_opentelemetry::layer().with_tracer(p.tracer("cadenza")));
    tracing_subscriber::registry().with(filter(level)).with(logs).with(spans).init();
    Ok(Guard(provider))
}

/// Libraries that log every connection, frame or function compiled at debug level; the beginnings of their modules.
const QUIET: [&str; 9] =
    ["hyper", "h2", "tower", "tonic", "object_store", "opentelemetry", "wasmtime", "cranelift", "regalloc2"];

/// Our own events from `level` on, and what matters of libraries'.
fn filter(level: LevelFilter) -> EnvFilter {
    QUIET.iter().fold(EnvFilter::default().add_directive(level.into()), |filter, library| {
        filter.add_directive(format!("{library}=warn").parse().expect("a valid directive"))
    })
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("building the OTLP exporter for {endpoint}"))?;
    let resource = Resource::builder().with_service_name("cadenza").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::Context;

    /// Keeps the targets of events.
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl<S: tracing::Subscriber> Layer<S> for Seen {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().expect("one thread").push(event.metadata().target().to_owned());
        }
    }

    #[test]
    fn the_compiler_of_plugins_says_nothing_at_debug_level_but_warnings() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let layers = tracing_subscriber::registry().with(filter(LevelFilter::DEBUG));
        tracing::subscriber::with_default(layers.with(Seen(Arc::clone(&seen))), || {
            tracing::debug!(target: "cadenza_plugin::loader", "ours");
            tracing::debug!(target: "wasmtime::runtime::vm", "a mapping");
            tracing::debug!(target: "wasmtime_internal_cranelift::compiler", "a function");
            tracing::debug!(target: "cranelift_codegen::machinst", "a block");
            tracing::debug!(target: "regalloc2::ion", "a register");
            tracing::warn!(target: "wasmtime::engine", "a warning");
        });
        assert_eq!(*seen.lock().expect("one thread"), ["cadenza_plugin::loader", "wasmtime::engine"]);
    }
}
