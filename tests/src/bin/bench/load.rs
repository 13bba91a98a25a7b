//! A closed loop of OTLP/gRPC clients sending requests encoded beforehand.

use anyhow::Result;
use bytes::{Buf, BufMut, Bytes};
use cadenza_model::hex;
use cadenza_tests::otlp::now_ns;
use cadenza_traffic::Exporter;
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Any seed will do; it must not change between runs that are compared.
const SEED: u64 = 1;

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Spans of a request, about.
    pub(crate) per_request: usize,
    pub(crate) connections: usize,
    /// Requests under way per connection.
    pub(crate) in_flight: usize,
    /// Tenants that take turns; 0 sends no tenant.
    pub(crate) tenants: usize,
}

/// An encoded request, and where trace ids lie in it.
struct Template {
    bytes: Bytes,
    ids: Vec<u32>,
}

/// Encoded requests and how to send them.
pub(crate) struct Load {
    requests: Arc<Vec<Template>>,
    /// Requests to send: each one's turn comes again, with other trace ids, until this many are sent.
    count: usize,
    shape: Shape,
    /// A trace id that is certainly in the data.
    pub(crate) trace_id: String,
    /// Seconds since the epoch around all spans.
    pub(crate) range: (u64, u64),
}

/// Times from request to acknowledgement.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len() - 1);
        self.0[at].as_secs_f64() * 1000.0
    }
}

impl Load {
    /// `spans` spans in requests of about `per_request`, over `connections` with `in_flight` requests each.
    pub(crate) fn new(spans: u64, per_request: usize, connections: usize, in_flight: usize) -> Self {
        Self::repeated(spans, spans, Shape { per_request, connections, in_flight, tenants: 0 })
    }

    /// `distinct` spans, generated, and sent with ever new trace ids until `total` are.
    pub(crate) fn repeated(distinct: u64, total: u64, shape: Shape) -> Self {
        let (spans, per_request) = (distinct, shape.per_request);
        // Ten minutes of traffic, ending now: as a fleet would have sent it.
        const SECONDS: u64 = 600;
        let now = now_ns();
        let start = now - SECONDS * 1_000_000_000;
        let interval = SECONDS * 1_000_000_000 / (spans / 20).max(1);
        let mut exporter = Exporter::new(SEED, start, interval, per_request);
        let mut requests = Vec::new();
        let (mut sent, mut trace_id) = (0, String::new());
        while sent < spans {
            let request = exporter.next_request();
            let all = || request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
            sent += all().count() as u64;
            if sent >= spans / 2 && trace_id.is_empty() {
                trace_id = hex(&all().next().expect("a span").trace_id);
            }
            let mut traces: Vec<&[u8]> = all().map(|span| &span.trace_id[..]).collect();
            traces.sort_unstable();
            traces.dedup();
            requests.push(Template::new(&request.encode_to_vec(), &traces));
        }
        let count = (requests.len() as u64 * total / sent.max(1)) as usize;
        let count = if total == distinct { requests.len() } else { count };
        let range = (start / 1_000_000_000 - 60, now / 1_000_000_000 + 3600);
        Self { requests: Arc::new(requests), count, shape, trace_id, range }
    }

    /// Sends everything once.
    pub(crate) async fn run(&self, url: &str) -> Result<Latencies> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for _ in 0..self.shape.connections {
            let channel = tonic::transport::Channel::from_shared(url.to_owned())?.connect().await?;
            for _ in 0..self.shape.in_flight {
                let (requests, next) = (Arc::clone(&self.requests), Arc::clone(&next));
                let source = Source { requests, next, count: self.count, tenants: self.shape.tenants };
                tasks.push(tokio::spawn(send(channel.clone(), source)));
            }
        }
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await??);
        }
        all.sort();
        Ok(Latencies(all))
    }
}

impl Template {
    fn new(bytes: &[u8], traces: &[&[u8]]) -> Self {
        let found = bytes.windows(16).enumerate().filter(|(_, window)| traces.binary_search(window).is_ok());
        Self { ids: found.map(|(at, _)| at as u32).collect(), bytes: Bytes::copy_from_slice(bytes) }
    }

    /// The request of this round: the first is as generated, later ones have trace ids of their own.
    fn round(&self, round: u64) -> Bytes {
        if round == 0 {
            return self.bytes.clone();
        }
        let mut bytes = self.bytes.to_vec();
        let other = round.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        for &at in &self.ids {
            let id = &mut bytes[at as usize..at as usize + other.len()];
            id.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
        }
        bytes.into()
    }
}

/// Where a client gets its requests from.
struct Source {
    requests: Arc<Vec<Template>>,
    next: Arc<AtomicUsize>,
    count: usize,
    tenants: usize,
}

impl Source {
    fn next(&self) -> Option<tonic::Request<Bytes>> {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        if at >= self.count {
            return None;
        }
        let template = &self.requests[at % self.requests.len()];
        let mut request = tonic::Request::new(template.round((at / self.requests.len()) as u64));
        if self.tenants > 0
            && let Ok(tenant) = format!("tenant-{}", at % self.tenants).parse()
        {
            request.metadata_mut().insert("x-scope-orgid", tenant);
        }
        Some(request)
    }
}

async fn send(channel: tonic::transport::Channel, source: Source) -> Result<Vec<Duration>> {
    let mut client = tonic::client::Grpc::new(channel);
    let mut latencies = Vec::new();
    let path =
        http::uri::PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    while let Some(request) = source.next() {
        client.ready().await?;
        let started = Instant::now();
        let answer = client.unary(request, path.clone(), Raw).await?;
        latencies.push(started.elapsed());
        // `partial_success` would be field 1 with a non-empty message.
        anyhow::ensure!(answer.get_ref().len() <= 2, "spans were rejected");
    }
    Ok(latencies)
}

/// Bytes as they are: the client's own encoding must not be in the way.
#[derive(Clone, Copy)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        dst.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(src.copy_to_bytes(src.remaining())))
    }
}
