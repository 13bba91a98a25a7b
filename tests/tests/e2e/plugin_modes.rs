//! Plugins that only count, and plugins for some traces, in the shipped binary.

use crate::durability::spans_of;
use crate::plugins::Rig;
use cadenza_tests::{otlp, wait};

const TRACES: u64 = 60;
const SPANS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_changes_nothing_and_a_canary_has_traces_whole() {
    let chain = "    - {name: steps, source: builtin:process-enricher, mode: shadow}
    - {name: ghost, source: not-there.wasm, mode: shadow}
    - name: drop
      source: builtin:probabilistic-sampler
      mode: canary
      canary_percent: 50
      config: {sampling_percentage: 0}
    - source: builtin:attributes
      config: {actions: [{key: here, value: true, action: insert}]}";
    let rig = Rig::start(chain).await;
    rig.is_loaded().await;
    let http = rig.server.http();
    let mut client = otlp::grpc(rig.server.otlp_grpc_url()).await.expect("a connection");
    // A trace's last span comes in a request of its own.
    for spans in [1..SPANS, SPANS..SPANS + 1] {
        for trace in 0..TRACES {
            let id = otlp::trace_id(0xca, trace);
            let spans = spans.clone().map(|span| otlp::span(id, span, u64::from(span > 1), "work")).collect();
            client.export(otlp::request("modes", spans)).await.expect("taken");
        }
    }
    let mut kept = 0;
    for trace in 0..TRACES {
        let id = otlp::trace_id(0xca, trace);
        match spans_of(&http, &id).await.len() as u64 {
            0 => continue,
            SPANS => kept += 1,
            some => panic!("{some} of {SPANS} spans of a trace"),
        }
        let text =
            http.get(&format!("/api/traces/{:032x}", u128::from_be_bytes(id))).await.expect("a trace").text();
        assert!(text.contains("here") && !text.contains("process.name") && !text.contains("step."), "{text}");
    }
    assert!((TRACES / 4..TRACES * 3 / 4).contains(&kept), "{kept} of {TRACES} outside of half");
    let counters = wait::until("the shadow to have seen or skipped all", || async {
        let version = rig.status().await["chains"][0]["version"].take();
        let steps = &version["counters"]["steps"];
        let seen = steps["rows"].as_u64()? + steps["skipped"].as_u64()?;
        (seen == TRACES * SPANS).then_some(version)
    })
    .await;
    assert!(counters["left_out"][0].as_str().is_some_and(|why| why.contains("plugin ghost: cannot read")));
    let steps = &counters["counters"]["steps"];
    assert_eq!(steps["mode"], "shadow", "{counters}");
    assert!(steps["edits"].as_u64().is_some_and(|edits| edits > 0), "{counters}");
    assert_eq!(counters["counters"]["drop"]["mode"], "canary 50 %", "{counters}");
    assert_eq!(counters["counters"]["drop"]["dropped"], (TRACES - kept) * SPANS, "{counters}");
    let metrics = http.get("/metrics").await.expect("metrics").text();
    let edits = "cadenza_plugin_shadow_edits_total{plugin=\"steps\",tenant=\"single-tenant\"} ";
    assert!(metrics.lines().any(|line| line.starts_with(edits) && !line.ends_with(" 0")), "{metrics}");
    assert_eq!(http.get("/ready").await.expect("an answer").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrubber_that_would_not_see_all_spans_holds_its_tenant() {
    for (mode, shown) in [("shadow", "`shadow`"), ("canary, canary_percent: 10", "`canary 10 %`")] {
        let chain = format!(
            "    - {{name: scrub, source: builtin:attributes, mode: {mode}, config: {{actions: [{{key: card, action: delete}}]}}}}\n    - source: builtin:process-enricher"
        );
        let rig = Rig::start(&chain).await;
        let refused = async || {
            let mut client = otlp::grpc(rig.server.otlp_grpc_url()).await.expect("a connection");
            let span = otlp::span(otlp::trace_id(0xcb, 1), 1, 0, "work");
            client.export(otlp::request("modes", vec![span])).await
        };
        wait::until("a scrubber that sees some spans to be refused", || async {
            let refusal = refused().await.err()?;
            let why = format!("plugin scrub: mode: {shown} would let spans pass");
            (refusal.code() == tonic::Code::Unavailable && refusal.message().contains(&why)).then_some(())
        })
        .await;
    }
}
