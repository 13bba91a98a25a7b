//! Real clients: OpenTelemetry's SDKs for Python and Rust, and its Collector.

use cadenza_tests::stores::tool;
use cadenza_tests::{Server, otlp, wait};
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::path::Path;
use std::process::{Child, Command, Stdio};

async fn span_count(server: &Server, trace_id: &str) -> usize {
    let answer = server.http().get(&format!("/api/traces/{trace_id}")).await.expect("an answer");
    if answer.status == 404 {
        return 0;
    }
    let trace = answer.json();
    let batches = trace["batches"].as_array().expect("batches").iter();
    let scopes = batches.flat_map(|batch| batch["scopeSpans"].as_array().expect("scopes"));
    scopes.map(|scope| scope["spans"].as_array().expect("spans").len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_python_sdk_delivers_over_grpc_and_http() {
    let Some(python) = tool("CADENZA_TEST_PYTHON", "OpenTelemetry's Python SDK") else { return };
    let server = Server::start().await;
    for (protocol, endpoint) in [("grpc", server.otlp_grpc_url()), ("http", server.otlp_http_url())] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/send.py");
        let service = format!("python-{protocol}");
        let run =
            Command::new(&python).args([script, protocol, &endpoint, &service]).output().expect("python");
        assert!(run.status.success(), "{protocol}: {}", String::from_utf8_lossy(&run.stderr));
        let trace_id = String::from_utf8_lossy(&run.stdout).trim().to_owned();
        assert_eq!(span_count(&server, &trace_id).await, 3, "{protocol}");
        let now = otlp::now_s();
        let query = format!("{{ resource.service.name = \"{service}\" && span.step.index = 1 }}");
        let found = server.http().search(&query, now - 60, now + 60, 20).await;
        assert_eq!(found["traces"][0]["spanSet"]["matched"], 1, "{protocol}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rust_sdk_delivers_over_grpc_and_http() {
    let server = Server::start().await;
    cadenza_objects::http::tls::install_provider();
    let grpc = SpanExporter::builder().with_tonic().with_endpoint(server.otlp_grpc_url()).build();
    let url = format!("{}/v1/traces", server.otlp_http_url());
    // The blocking HTTP client must be made outside the runtime.
    let http = std::thread::spawn(move || {
        SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_endpoint(url).build()
    });
    let http = http.join().expect("a thread that doesn't panic");
    for (name, exporter) in [("grpc", grpc), ("http", http)] {
        let exporter = exporter.expect("an exporter");
        let resource = Resource::builder().with_service_name(format!("rust-{name}")).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let id = provider.tracer("clients").in_span("run", |context| {
            context.span().set_attribute(KeyValue::new("step.index", 3));
            context.span().span_context().trace_id()
        });
        let shut = std::thread::spawn(move || provider.shutdown());
        tokio::task::spawn_blocking(move || shut.join())
            .await
            .expect("joined")
            .expect("no panic")
            .expect("delivered");
        assert_eq!(span_count(&server, &id.to_string()).await, 1, "{name}");
    }
}

/// A Collector that receives on a port of its own and exports to the server with a persistent retry.
struct Collector {
    child: Child,
    port: u16,
    _home: tempfile::TempDir,
}

impl Collector {
    fn start(binary: &Path, server: &Server) -> Self {
        let home = tempfile::TempDir::new().expect("a temporary folder");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let config = format!(
            "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: 127.0.0.1:{port}\n\
             exporters:\n  otlp:\n    endpoint: {}\n    tls: {{insecure: true}}\n    retry_on_failure: {{initial_interval: 100ms, max_interval: 500ms}}\n\
             service:\n  telemetry:\n    metrics: {{level: none}}\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [otlp]}}\n",
            server.otlp_grpc_url().trim_start_matches("http://"),
        );
        let path = home.path().join("collector.yaml");
        std::fs::write(&path, config).expect("writing the configuration");
        let log = std::fs::File::create(home.path().join("log")).expect("the log file");
        let child = Command::new(binary)
            .arg(format!("--config={}", path.display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self { child: child.expect("starting the Collector"), port, _home: home }
    }

    async fn client(&self) -> otlp::Grpc {
        let url = format!("http://127.0.0.1:{}", self.port);
        wait::until("the Collector to listen", || async { otlp::grpc(url.clone()).await.ok() }).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collectors_queue_drains_after_our_restart_and_after_a_poison_request() {
    let Some(binary) = tool("CADENZA_TEST_COLLECTOR", "OpenTelemetry's Collector") else { return };
    let mut server = Server::start().await;
    let collector = Collector::start(&binary, &server);
    let mut client = collector.client().await;
    let id = |low| otlp::trace_id(0xc0, low);
    let text = |low| format!("{:032x}", u128::from_be_bytes(id(low)));
    client.export(otlp::request("c", vec![otlp::span(id(1), 1, 0, "before")])).await.expect("taken");
    wait::until("the first trace", || async { (span_count(&server, &text(1)).await == 1).then_some(()) })
        .await;

    server.kill();
    client.export(otlp::request("c", vec![otlp::span(id(2), 1, 0, "while down")])).await.expect("queued");
    server.launch().await;
    wait::until("the queued trace", || async { (span_count(&server, &text(2)).await == 1).then_some(()) })
        .await;

    // A span id of zeros can never be stored: the exporter must be told so, and go on with the next.
    client.export(otlp::request("c", vec![otlp::span(id(3), 0, 0, "poison")])).await.expect("queued");
    client
        .export(otlp::request("c", vec![otlp::span(id(4), 1, 0, "after the poison")]))
        .await
        .expect("queued");
    wait::until("the trace behind the poison", || async {
        (span_count(&server, &text(4)).await == 1).then_some(())
    })
    .await;
    assert_eq!(span_count(&server, &text(3)).await, 0);
}
