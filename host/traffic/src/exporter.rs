//! Spans as exporters send them: a request holds spans of many traces from one process.

use crate::build::{V, key_value};
use crate::{ExportTraceServiceRequest, GeneratedTrace, Generator, SCOPE, SERVICES, Service};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// Batches the spans of endless traffic by emitting process, like a fleet of SDKs.
#[derive(Debug)]
pub struct Exporter {
    generator: Generator,
    spans_per_request: usize,
    now_ns: u64,
    interval_ns: u64,
    pending: Vec<Vec<Span>>,
    ready: Vec<ExportTraceServiceRequest>,
}

impl Exporter {
    /// Traffic that starts at `start_ns` with a new trace every `interval_ns`.
    pub fn new(seed: u64, start_ns: u64, interval_ns: u64, spans_per_request: usize) -> Self {
        let processes = SERVICES.iter().map(|service| service.instances).sum();
        Self {
            generator: Generator::new(seed),
            spans_per_request: spans_per_request.max(1),
            now_ns: start_ns,
            interval_ns,
            pending: vec![Vec::new(); processes],
            ready: Vec::new(),
        }
    }

    /// The next full request.
    pub fn next_request(&mut self) -> ExportTraceServiceRequest {
        while self.ready.is_empty() {
            let trace = self.generator.trace(self.now_ns);
            self.now_ns += self.interval_ns;
            self.add(trace);
        }
        self.ready.pop().expect("not empty")
    }

    fn add(&mut self, trace: GeneratedTrace) {
        let instance_of_trace = usize::from(trace.trace_id[0]);
        for (service, span) in trace.spans {
            let instance = instance_of_trace % SERVICES[service].instances;
            let process = SERVICES[..service].iter().map(|s| s.instances).sum::<usize>() + instance;
            self.pending[process].push(span);
            if self.pending[process].len() >= self.spans_per_request {
                let spans = std::mem::take(&mut self.pending[process]);
                self.ready.push(request(vec![resource_spans(service, instance, spans)]));
            }
        }
    }
}

impl GeneratedTrace {
    /// The whole trace as one request, as a collector would forward it.
    pub fn into_request(self) -> ExportTraceServiceRequest {
        let mut by_service: Vec<Vec<Span>> = vec![Vec::new(); SERVICES.len()];
        for (service, span) in self.spans {
            by_service[service].push(span);
        }
        let emitted = by_service.into_iter().enumerate().filter(|(_, spans)| !spans.is_empty());
        request(emitted.map(|(service, spans)| resource_spans(service, 0, spans)).collect())
    }
}

fn request(resource_spans: Vec<ResourceSpans>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest { resource_spans }
}

fn resource_spans(service: usize, instance: usize, spans: Vec<Span>) -> ResourceSpans {
    let Service { name, version, language, .. } = SERVICES[service];
    let pod = format!("{name}-7d9f8c6b5-{instance:05}");
    let attributes = [
        ("service.name", V::S(name)),
        ("service.version", V::S(version)),
        ("service.instance.id", V::S(&pod)),
        ("telemetry.sdk.name", V::S("opentelemetry")),
        ("telemetry.sdk.language", V::S(language)),
        ("k8s.namespace.name", V::S("shop")),
        ("k8s.pod.name", V::S(&pod)),
        ("deployment.environment", V::S("production")),
        ("process.pid", V::I(4000 + instance as i64)),
    ];
    let attributes = attributes.iter().map(|(key, value)| key_value(key, value)).collect();
    let scope = InstrumentationScope { name: SCOPE.0.into(), version: SCOPE.1.into(), ..Default::default() };
    ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        schema_url: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let bytes = |seed| -> Vec<Vec<u8>> {
            let mut exporter = Exporter::new(seed, 1_700_000_000_000_000_000, 1_000_000, 400);
            (0..20).map(|_| exporter.next_request().encode_to_vec()).collect()
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
    }

    #[test]
    fn spans_are_as_large_and_as_decorated_as_in_the_field() {
        let mut exporter = Exporter::new(1, 1_700_000_000_000_000_000, 1_000_000, 400);
        let requests: Vec<_> = (0..100).map(|_| exporter.next_request()).collect();
        let spans: Vec<&Span> = requests
            .iter()
            .flat_map(|r| &r.resource_spans)
            .flat_map(|r| &r.scope_spans)
            .flat_map(|s| &s.spans)
            .collect();
        let bytes: usize = requests.iter().map(Message::encoded_len).sum();
        let attributes: usize = spans.iter().map(|span| span.attributes.len()).sum();
        assert_eq!(spans.len(), 40_000);
        let (bytes_per_span, per_span) = (bytes / spans.len(), attributes as f64 / spans.len() as f64);
        assert!((440..560).contains(&bytes_per_span), "{bytes_per_span} bytes a span");
        assert!((10.0..13.0).contains(&per_span), "{per_span} attributes a span");
    }
}
