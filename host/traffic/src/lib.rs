//! Deterministic, realistic traces: for the demo, the bench and the tests.
//!
//! The same seed gives the same bytes on every machine. Two kinds of traffic: a web shop of eight
//! services, and runs of a process framework (`process.name`, `step.name`, `step.index`), each with
//! about a dozen attributes a span: a few of a handful of values, some of hundreds, one unique per request.

mod build;
mod exporter;
mod process;
mod shop;

pub use exporter::Exporter;
pub use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use build::Trace;
use cadenza_env::{Random, SeededRandom};
use opentelemetry_proto::tonic::trace::v1::Span;

/// Instrumentation library the spans claim to come from.
pub(crate) const SCOPE: (&str, &str) = ("io.opentelemetry.http", "2.11.0");

/// A source of traces.
#[derive(Debug)]
pub struct Generator {
    random: SeededRandom,
}

/// One trace: spans by the service that emitted them.
#[derive(Debug, Clone)]
pub struct GeneratedTrace {
    /// 16 bytes.
    pub trace_id: [u8; 16],
    /// What the trace is about, for people.
    pub title: String,
    /// (index in [`SERVICES`], span), in the order in which they ended.
    pub spans: Vec<(usize, Span)>,
}

/// A service that emits spans.
#[derive(Debug)]
pub struct Service {
    /// `service.name`.
    pub name: &'static str,
    /// `service.version`.
    pub version: &'static str,
    /// `telemetry.sdk.language`.
    pub language: &'static str,
    /// Processes that run it.
    pub instances: usize,
}

macro_rules! services {
    ($($name:literal $version:literal $language:literal $instances:literal),* $(,)?) => {
        /// All services of the traffic.
        pub const SERVICES: &[Service] =
            &[$(Service { name: $name, version: $version, language: $language, instances: $instances }),*];
    };
}

services!(
    "gateway" "4.2.1" "go" 3,
    "storefront" "12.0.3" "nodejs" 4,
    "cart" "3.8.0" "java" 2,
    "checkout" "5.1.4" "java" 2,
    "payment" "2.0.9" "dotnet" 2,
    "inventory" "7.7.7" "go" 3,
    "recommendation" "0.9.2" "python" 2,
    "shipping" "1.4.0" "rust" 1,
    "process-orchestrator" "1.3.0" "dotnet" 1,
    "process-worker" "1.3.0" "dotnet" 2,
);

impl Generator {
    /// A generator whose whole output is fixed by `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: SeededRandom::new(seed) }
    }

    /// The next trace, starting at `start_ns`: nine in ten are requests to the shop.
    pub fn trace(&mut self, start_ns: u64) -> GeneratedTrace {
        if self.random.below(10) == 0 { self.process_run(start_ns) } else { self.shop_request(start_ns) }
    }

    /// A request to the web shop.
    pub fn shop_request(&mut self, start_ns: u64) -> GeneratedTrace {
        shop::request(Trace::new(&self.random, start_ns))
    }

    /// A run of the process framework.
    pub fn process_run(&mut self, start_ns: u64) -> GeneratedTrace {
        process::run(Trace::new(&self.random, start_ns))
    }
}
