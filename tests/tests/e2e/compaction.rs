//! Blocks become fewer and then go, by the configuration that a Tempo user has; answers stay what they were.

use crate::durability::spans_of;
use cadenza_tests::http::Http;
use cadenza_tests::{Options, Server, otlp, wait};
use std::collections::BTreeSet;
use std::path::Path;

const ROUNDS: u64 = 6;
const TRACES: u64 = 40;

/// Directories of blocks by the object they hold.
fn with(server: &Server, object: &str) -> BTreeSet<String> {
    let tenant = server.data().join("blocks/single-tenant");
    let Ok(blocks) = std::fs::read_dir(tenant) else { return BTreeSet::new() };
    let holds = |path: &Path| path.join(object).exists();
    let paths = blocks.filter_map(|block| Some(block.ok()?.path()));
    paths.filter(|path| holds(path)).map(|path| path.display().to_string()).collect()
}

async fn matching(http: &Http, query: &str) -> BTreeSet<String> {
    let now = otlp::now_s();
    let answer = http.search(query, now - 3600, now + 60, 1000).await;
    let traces = answer["traces"].as_array().cloned().unwrap_or_default();
    traces.iter().filter_map(|trace| Some(trace["traceID"].as_str()?.to_owned())).collect()
}

fn metric(text: &str, start: &str) -> f64 {
    let values = text.lines().filter(|line| line.starts_with(start));
    values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_blocks_become_one_and_answers_stay() {
    // Only `/flush` cuts, until the server is started again with compaction on.
    let quiet = "live_store:\n  max_trace_idle: 1h\n  max_trace_live: 1h\n  max_block_duration: 1h\n";
    let off = Options { yaml: format!("{quiet}compactor:\n  disabled: true\n"), ..Options::default() };
    let mut server = Server::start_with(off).await;
    let http = server.http();
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    for round in 0..ROUNDS {
        for trace in 0..TRACES {
            // Each trace gets a span in each round: it lies in all blocks.
            let name = if trace == 7 { "needle" } else { "work" };
            let id = otlp::trace_id(0xc0, trace + 1);
            let span = otlp::span(id, round + 1, u64::from(round > 0), name);
            client.export(otlp::request("compacted", vec![span])).await.expect("taken");
        }
        assert!(http.get("/flush").await.expect("an answer").status < 300);
    }
    assert_eq!(with(&server, "meta.json").len() as u64, ROUNDS);
    let queries =
        ["{ name = \"needle\" }", "{ name = \"work\" } >> { name = \"work\" }", "{ } | count() = 6"];
    let mut before = Vec::new();
    for query in queries {
        before.push(matching(&http, query).await);
    }
    assert_eq!(before.iter().map(BTreeSet::len).collect::<Vec<_>>(), [1, 39, 40]);
    assert!(server.terminate().await.success());

    let data = server.data();
    let on = |more: &str| Options {
        yaml: format!("{quiet}compactor:\n  compaction:\n    compaction_cycle: 1s\n{more}"),
        data: Some(data.clone()),
        ..Options::default()
    };
    let mut compacting = Server::start_with(on("")).await;
    let http = compacting.http();
    // Four become one, and that one and the two others stay on levels of their own until a day has passed.
    wait::until("the blocks to be compacted", || async {
        let text = http.get("/metrics").await.ok()?.text();
        (metric(&text, "tempodb_compaction_blocks_total") >= 6.0).then_some(())
    })
    .await;
    let live = with(&compacting, "meta.json");
    assert!(live.len() <= 2, "{live:?}");
    for (query, before) in queries.iter().zip(&before) {
        assert_eq!(&matching(&http, query).await, before, "{query}");
    }
    for trace in 0..TRACES {
        // In which order depends on which blocks were merged first.
        let mut spans = spans_of(&http, &otlp::trace_id(0xc0, trace + 1)).await;
        spans.sort_unstable();
        assert_eq!(spans, (1..=ROUNDS).collect::<Vec<_>>(), "trace {trace}");
    }
    let text = http.get("/metrics").await.expect("metrics").text();
    assert!(metric(&text, "tempodb_compaction_objects_combined_total") >= TRACES as f64, "{text}");
    assert_eq!(metric(&text, "tempodb_compaction_errors_total"), 0.0);
    assert!(compacting.terminate().await.success());

    // What was compacted goes after a second, and what is older than a second is marked, then goes.
    let retaining = on(
        "    block_retention: 1s\n    compacted_block_retention: 1s\nbackend_scheduler:\n  provider:\n    retention:\n      interval: 1s\n",
    );
    let server = Server::start_with(retaining).await;
    wait::until("the bucket to hold no block", || async {
        let left = std::fs::read_dir(server.data().join("blocks/single-tenant"));
        let left = left.map_or(0, |left| left.flatten().filter(|entry| entry.path().is_dir()).count());
        (left == 0).then_some(())
    })
    .await;
    let text = server.http().get("/metrics").await.expect("metrics").text();
    assert!(metric(&text, "tempodb_retention_deleted_total") >= ROUNDS as f64, "{text}");
    assert_eq!(metric(&text, "tempodb_retention_errors_total"), 0.0);
    assert!(matching(&server.http(), "{ }").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_server_answers_and_changes_no_file() {
    let mut server = Server::start().await;
    let mut client = otlp::grpc(server.otlp_grpc_url()).await.expect("a connection");
    let id = otlp::trace_id(0xc1, 1);
    client.export(otlp::request("kept", vec![otlp::span(id, 1, 0, "work")])).await.expect("taken");
    assert!(server.http().get("/flush").await.expect("an answer").status < 300);
    assert!(server.terminate().await.success());
    let blocks = server.data().join("blocks");
    let files = |folder: &Path| {
        let mut all = cadenza_tests::leaks::files::all(folder);
        all.sort();
        all
    };
    let before = files(&blocks);
    let trying = Options {
        trace_yaml: "    read_only: true\n".to_owned(),
        yaml: "compactor:\n  compaction:\n    block_retention: 1s\n    compaction_cycle: 1s\n".to_owned(),
        data: Some(server.data()),
        ..Options::default()
    };
    let mut trying = Server::start_with(trying).await;
    assert_eq!(spans_of(&trying.http(), &id).await, [1]);
    let mut client = otlp::grpc(trying.otlp_grpc_url()).await.expect("a connection");
    let other = otlp::trace_id(0xc1, 2);
    client.export(otlp::request("kept", vec![otlp::span(other, 1, 0, "work")])).await.expect("in the log");
    assert!(trying.http().get("/flush").await.expect("an answer").status >= 500, "it cannot be stored");
    assert_eq!(spans_of(&trying.http(), &other).await, [1], "the log has it");
    trying.kill();
    assert_eq!(files(&blocks), before);
}
