//! What decoding costs against its floor: prost decode and drop of the same bytes.
//!
//! `cargo run --release -p cadenza-model --example decode_bench [rounds]`. Variants alternate within a
//! round and the medians are compared, because the machine is never quiet; clocks are the thread's.
#![expect(clippy::print_stdout, reason = "a measuring tool")]

use cadenza_measure::{median, thread_cpu_ns};
use cadenza_model::{Columns, Remap, otlp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use std::hint::black_box;

const SPANS: usize = 100_000;

/// A deterministic source of choices (SplitMix64).
struct Gen(u64);

impl Gen {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

fn attr(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attr(key, Value::StringValue(value.into()))
}

fn span_attributes(g: &mut Gen) -> Vec<KeyValue> {
    let route =
        g.pick(&["/api/cart", "/api/checkout", "/api/products/{id}", "/health", "/api/users/{id}/orders"]);
    vec![
        text("http.request.method", g.pick(&["GET", "GET", "GET", "POST", "PUT"])),
        text("url.scheme", "https"),
        text(
            "server.address",
            g.pick(&["cart.shop.svc", "checkout.shop.svc", "products.shop.svc", "users.shop.svc"]),
        ),
        text("http.route", route),
        text(
            "url.full",
            format!("https://shop.example.com{}/{:x}?page={}", route, g.below(1 << 40), g.below(9)),
        ),
        text(
            "user_agent.original",
            g.pick(&["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", "okhttp/4.12"]),
        ),
        text("network.protocol.version", "1.1"),
        text("enduser.id", format!("u-{:06}", g.below(100_000))),
        attr("server.port", Value::IntValue(8080)),
        attr("http.response.status_code", Value::IntValue([200, 200, 200, 404, 500][g.below(5) as usize])),
        attr("http.response.body.size", Value::IntValue(g.below(100_000) as i64)),
        attr("cache.hit", Value::BoolValue(g.below(2) == 0)),
    ]
}

fn span(g: &mut Gen, trace_id: &[u8], number: u64) -> Span {
    let start = 1_790_000_000_000_000_000 + g.below(60_000_000_000);
    let events = if g.below(10) == 0 {
        let attributes =
            vec![text("exception.type", "io.TimeoutError"), text("exception.message", "timed out")];
        vec![Event { time_unix_nano: start + 5, name: "exception".into(), attributes, ..Default::default() }]
    } else {
        Vec::new()
    };
    Span {
        trace_id: trace_id.to_vec(),
        span_id: (number + 1).to_be_bytes().to_vec(),
        parent_span_id: number.to_be_bytes().to_vec(),
        flags: 257,
        name: g.pick(&["GET /api/cart", "POST /api/checkout", "SELECT shop.orders", "cache.get"]).to_owned(),
        kind: 1 + g.below(5) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + g.below(1_000_000_000),
        attributes: span_attributes(g),
        events,
        status: Some(Status { code: g.below(3) as i32, ..Default::default() }),
        ..Default::default()
    }
}

fn request(g: &mut Gen, spans: usize) -> Vec<u8> {
    let attributes = vec![
        text("service.name", g.pick(&["cart", "checkout", "products", "users"])),
        text("service.namespace", "shop"),
        text("service.version", "1.4.2"),
        text("telemetry.sdk.language", "go"),
        text("telemetry.sdk.version", "1.28.0"),
        text("k8s.pod.name", format!("pod-{:x}", g.below(50))),
        text("k8s.namespace.name", "shop"),
        text("host.name", format!("node-{}", g.below(20))),
    ];
    let mut scopes: Vec<ScopeSpans> = ["net/http", "database/sql"]
        .map(|name| ScopeSpans {
            scope: Some(InstrumentationScope {
                name: name.into(),
                version: "0.53.0".into(),
                ..Default::default()
            }),
            ..Default::default()
        })
        .into();
    let mut trace_id = vec![0; 16];
    for number in 0..spans as u64 {
        if number.is_multiple_of(16) {
            trace_id[..8].copy_from_slice(&g.next().to_le_bytes());
            trace_id[8..].copy_from_slice(&g.next().to_le_bytes());
        }
        let scope = if number % 4 == 3 { 1 } else { 0 };
        scopes[scope].spans.push(span(g, &trace_id, number));
    }
    let resource = Some(Resource { attributes, ..Default::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans: scopes, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Seconds of this thread's processor time that `work` takes.
fn timed(mut work: impl FnMut()) -> f64 {
    let start = thread_cpu_ns();
    work();
    (thread_cpu_ns() - start) / 1e9
}

fn measure(spans_per_request: usize, rounds: usize) {
    let mut g = Gen(1);
    let requests: Vec<Vec<u8>> =
        (0..SPANS / spans_per_request).map(|_| request(&mut g, spans_per_request)).collect();
    let bytes: usize = requests.iter().map(Vec::len).sum();
    let decoded: Vec<Columns> = requests
        .iter()
        .map(|request| {
            let mut columns = Columns::new();
            otlp::decode(request, &mut columns).expect("a valid request");
            columns
        })
        .collect();
    let mut times: [Vec<f64>; 5] = Default::default();
    let mut columns = Columns::new();
    for _ in 0..rounds {
        times[0].push(timed(|| {
            for request in &requests {
                drop(black_box(ExportTraceServiceRequest::decode(&request[..]).expect("a valid request")));
            }
        }));
        times[1].push(timed(|| {
            for request in &requests {
                columns.reset();
                otlp::decode(black_box(request), &mut columns).expect("a valid request");
            }
        }));
        times[2].push(timed(|| {
            for batch in requests.chunks(40) {
                columns.reset();
                for request in batch {
                    otlp::decode(black_box(request), &mut columns).expect("a valid request");
                }
            }
        }));
        times[3].push(timed(|| {
            let (mut all, mut remap) = (Columns::new(), Remap::new());
            for source in &decoded {
                let rows: Vec<u32> = (0..source.spans.len() as u32).collect();
                all.append_rows_with(&mut remap, source, &rows).expect("room");
            }
            black_box(all);
        }));
        times[4].push(timed(|| {
            for source in &decoded {
                let rows: Vec<u32> = (0..source.spans.len() as u32).collect();
                drop(black_box(otlp::to_resource_spans(source, &rows)));
            }
        }));
    }
    let [prost, decode, merged, gather, messages] = times.map(median);
    let per_million = |seconds: f64| seconds * 1e6 / SPANS as f64;
    println!("{spans_per_request} spans a request, {} bytes a span, s per million spans:", bytes / SPANS);
    for (name, seconds) in [
        ("prost decode + drop", prost),
        ("decode, columns reused", decode),
        ("decode, 40 requests a batch", merged),
        ("gather all rows into one", gather),
        ("columns to messages", messages),
    ] {
        println!("  {name:30} {:.3}  {:.3} of prost", per_million(seconds), seconds / prost);
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(7);
    measure(400, rounds);
    measure(10, rounds);
}
