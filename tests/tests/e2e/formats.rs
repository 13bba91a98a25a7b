//! Blocks have the format and the dedicated columns that are configured, and the tenant's own where it has some.

use cadenza_tests::{Options, Server, otlp};
use serde_json::{Value, json};
use std::path::Path;

/// Metas of a tenant's blocks.
fn metas(server: &Server) -> Vec<Value> {
    let read = |folder: &Path| std::fs::read(folder.join("meta.json")).ok();
    let folders =
        std::fs::read_dir(server.data().join("blocks/single-tenant")).into_iter().flatten().flatten();
    let metas = folders.filter_map(|folder| read(&folder.path()));
    metas.map(|meta| serde_json::from_slice(&meta).expect("JSON")).collect()
}

/// One span in a block of a server with this configuration; the block's meta and the answer of a search for it.
async fn written(block: &str, overrides: Option<&str>) -> (Value, Value) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let yaml = overrides.map(|text| {
        std::fs::write(file.path(), text).expect("writing the overrides");
        format!("overrides:\n  per_tenant_override_config: {}\n", file.path().display())
    });
    let trace_yaml = format!("    block:\n{block}");
    let options = Options { yaml: yaml.unwrap_or_default(), trace_yaml, ..Options::default() };
    let server = Server::start_with(options).await;
    let mut span = otlp::span(otlp::trace_id(5, 5), 1, 0, "work");
    span.attributes = vec![otlp::string("order", "o-1"), otlp::int("items", 7)];
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    client.export(otlp::request("formats", vec![span])).await.expect("acknowledged");
    assert_eq!(server.http().get("/flush").await.expect("an answer").status, 204);
    let [meta] = &metas(&server)[..] else { panic!("one block: {:?}", metas(&server)) };
    let query = cadenza_tests::http::Http::encode(r#"{ span.order = "o-1" && span.items > 6 }"#);
    let found = server.http().get(&format!("/api/search?q={query}")).await.expect("an answer").json();
    (meta.clone(), found)
}

fn check(meta: &Value, format: &str, columns: &Value, found: &Value) {
    assert_eq!(meta["format"], format);
    assert_eq!(&meta["dedicatedColumns"], columns);
    assert_eq!(found["traces"].as_array().map(Vec::len), Some(1), "{found}");
}

const COLUMNS: &str = "      parquet_dedicated_columns:\n      - {name: order, options: [blob]}\n      - {name: items, type: int}\n";
const OWN: &str = "overrides:\n  single-tenant:\n    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000}\n    storage:\n      parquet_dedicated_columns: [{scope: event, name: body}, {name: order, options: [array]}]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_v5_block_has_the_configured_columns_with_their_options() {
    let (meta, found) = written(&format!("      version: vParquet5\n{COLUMNS}"), None).await;
    check(&meta, "vParquet5", &json!([{"n": "order", "o": ["blob"]}, {"n": "items", "t": "int"}]), &found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_own_columns_replace_the_configured_ones() {
    let (meta, found) = written(&format!("      version: vParquet5\n{COLUMNS}"), Some(OWN)).await;
    check(&meta, "vParquet5", &json!([{"s": "event", "n": "body"}, {"n": "order", "o": ["array"]}]), &found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn v4_is_the_default_and_leaves_out_what_it_has_no_columns_for() {
    let columns =
        "      parquet_dedicated_columns:\n      - {name: order}\n      - {name: items, type: int}\n";
    let (meta, found) = written(columns, None).await;
    check(&meta, "vParquet4", &json!([{"n": "order"}]), &found);
}
