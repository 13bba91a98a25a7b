//! Requests to a web shop: a gateway, seven services, databases and a queue.

use crate::GeneratedTrace;
use crate::build::{Trace, V};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// (method, route, services called behind the storefront with calls to each)
type Endpoint = (&'static str, &'static str, &'static [(usize, u64)]);

const ENDPOINTS: [Endpoint; 6] = [
    ("GET", "/products/{id}", &[(5, 2), (6, 2)]),
    ("GET", "/search", &[(6, 3), (5, 4)]),
    ("POST", "/cart/items", &[(2, 3), (5, 1)]),
    ("GET", "/cart", &[(2, 2), (6, 1)]),
    ("POST", "/checkout", &[(3, 3), (4, 2), (5, 2), (7, 1)]),
    ("GET", "/orders/{id}", &[(3, 2), (7, 2)]),
];
const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36",
    "shop-ios/8.4.1 CFNetwork/1568.300.101 Darwin/24.2.0",
    "shop-android/8.3.0 okhttp/4.12.0",
    "python-requests/2.32.3",
];
const TABLES: [&str; 6] = ["products", "stock", "carts", "orders", "payments", "shipments"];
const GATEWAY: usize = 0;
const STOREFRONT: usize = 1;

/// One request from the edge down to the databases.
pub(crate) fn request(mut trace: Trace<'_>) -> GeneratedTrace {
    let (method, route, calls) = trace.pick(&ENDPOINTS);
    let failing = trace.once_in(25);
    let request_id = trace.token();
    let user = format!("u-{:05}", trace.below(20_000));
    let path = route.replace("{id}", &trace.below(5000).to_string());
    let start = trace.start_ns();
    let status = if failing {
        trace.pick(&[500, 502, 503, 504])
    } else {
        trace.pick(&[200, 200, 200, 201, 204, 304, 404])
    };

    let total = trace.duration_ns(60_000) + 20_000_000;
    let (gateway, at) = trace.span(GATEWAY, 0, &format!("{method} {route}"), SpanKind::Server, start, total);
    http(&mut trace, at, method, route, &path, status);
    let agent = trace.pick(&AGENTS);
    let address = format!("203.0.113.{}", trace.below(250));
    let common = [
        ("user_agent.original", V::S(agent)),
        ("client.address", V::S(&address)),
        ("request.id", V::S(&request_id)),
    ];
    trace.attributes(at, &common);
    let (front, at) = trace.span(
        STOREFRONT,
        gateway,
        &format!("{method} {route}"),
        SpanKind::Server,
        start + 400_000,
        total - 900_000,
    );
    older_http(&mut trace, at, method, route, &path, status);
    trace.attributes(
        at,
        &[
            ("user.id", V::S(&user)),
            ("request.id", V::S(&request_id)),
            ("feature.beta", V::B(trace_beta(&user))),
        ],
    );

    let mut clock = start + 1_000_000;
    for (place, &(service, count)) in calls.iter().enumerate() {
        for call in 0..count + trace.below(2) {
            let last = failing && place == calls.len() - 1 && call == 0;
            clock += service_call(&mut trace, front, service, clock, &request_id, &user, last);
        }
    }
    trace.finish(format!("{method} {route}"))
}

fn trace_beta(user: &str) -> bool {
    user.ends_with('7')
}

fn http(trace: &mut Trace<'_>, at: usize, method: &str, route: &str, path: &str, status: i64) {
    let attributes = [
        ("http.request.method", V::S(method)),
        ("http.route", V::S(route)),
        ("url.path", V::S(path)),
        ("url.scheme", V::S("https")),
        ("http.response.status_code", V::I(status)),
        ("server.address", V::S("shop.example.com")),
        ("server.port", V::I(443)),
        ("network.protocol.version", V::S("1.1")),
    ];
    trace.attributes(at, &attributes);
}

/// The same by the conventions before 1.20, which many fleets still emit beside the new ones.
fn older_http(trace: &mut Trace<'_>, at: usize, method: &str, route: &str, path: &str, status: i64) {
    let attributes = [
        ("http.method", V::S(method)),
        ("http.route", V::S(route)),
        ("http.url", V::S(&format!("https://shop.example.com{path}"))),
        ("http.status_code", V::I(status)),
        ("http.flavor", V::S("1.1")),
        ("net.host.name", V::S("shop.example.com")),
        ("net.host.port", V::I(443)),
        ("http.scheme", V::S("https")),
    ];
    trace.attributes(at, &attributes);
}

/// A client span, the server span it reaches, and what the server does. Returns the time it took.
fn service_call(
    trace: &mut Trace<'_>,
    parent: u64,
    service: usize,
    start: u64,
    request_id: &str,
    user: &str,
    failing: bool,
) -> u64 {
    let name = crate::SERVICES[service].name;
    let table = TABLES[(service + trace.below(2) as usize) % TABLES.len()];
    let operation = format!("{name}/Get{}{}", table[..1].to_uppercase(), &table[1..]);
    let took = trace.duration_ns(4_000) + 600_000;
    let status = i64::from(failing) * 14;
    for (emitter, kind, offset) in [(STOREFRONT, SpanKind::Client, 0), (service, SpanKind::Server, 150_000)] {
        let parent = if kind == SpanKind::Client { parent } else { last_id(trace) };
        let (id, at) = trace.span(emitter, parent, &operation, kind, start + offset, took - 2 * offset);
        let attributes = [
            ("rpc.system", V::S("grpc")),
            ("rpc.service", V::S(name)),
            ("rpc.method", V::S(&operation[name.len() + 1..])),
            ("rpc.grpc.status_code", V::I(status)),
            ("server.address", V::S(name)),
            ("server.port", V::I(8080 + service as i64)),
            ("network.peer.address", V::S(&format!("10.4.{service}.{}", trace.below(12)))),
            ("request.id", V::S(request_id)),
            ("user.id", V::S(user)),
            ("thread.id", V::I(trace.below(64) as i64)),
            ("thread.name", V::S(&format!("worker-{}", trace.below(16)))),
            ("code.function.name", V::S(&format!("com.example.shop.{name}.handlers.{table}.Handler.handle"))),
        ];
        trace.attributes(at, &attributes);
        if failing {
            trace.fail(at, "deadline of 2000 ms exceeded");
        }
        if kind == SpanKind::Server {
            database(trace, id, service, table, start + 300_000, took / 2);
        }
    }
    took
}

fn last_id(trace: &mut Trace<'_>) -> u64 {
    let place = trace.last_place();
    u64::from_be_bytes(trace.span_mut(place).span_id[..].try_into().expect("span ids are 8 bytes"))
}

fn database(trace: &mut Trace<'_>, parent: u64, service: usize, table: &str, start: u64, took: u64) {
    for query in 0..=trace.below(2) {
        let text = format!("SELECT * FROM {table} WHERE id = $1 AND region = $2 LIMIT {}", 10 * (query + 1));
        let (_, at) = trace.span(
            service,
            parent,
            &format!("SELECT {table}"),
            SpanKind::Client,
            start + query * took / 3,
            took / 3,
        );
        let attributes = [
            ("db.system.name", V::S("postgresql")),
            ("db.namespace", V::S("shop")),
            ("db.collection.name", V::S(table)),
            ("db.operation.name", V::S("SELECT")),
            ("db.query.text", V::S(&text)),
            ("db.response.returned_rows", V::I(trace.below(40) as i64)),
            ("db.client.connection.pool.name", V::S("primary")),
            ("code.function.name", V::S(&format!("com.example.shop.persistence.{table}.Repository.find"))),
            ("db.cost", V::F(trace.below(1000) as f64 / 8.0)),
            ("server.address", V::S("db-primary.internal")),
            ("server.port", V::I(5432)),
            ("network.peer.address", V::S("10.4.200.3")),
            ("thread.id", V::I(trace.below(64) as i64)),
        ];
        trace.attributes(at, &attributes);
    }
}
