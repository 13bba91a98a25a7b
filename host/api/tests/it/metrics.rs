//! What is counted.

use crate::fake::Server;
use cadenza_api::Config;
use cadenza_query::QueryError;
use prometheus::Encoder;

fn exposition(server: &Server) -> String {
    let mut text = Vec::new();
    prometheus::TextEncoder::new().encode(&server.registry.gather(), &mut text).expect("metrics encode");
    String::from_utf8(text).expect("the format is UTF-8")
}

#[tokio::test]
async fn requests_and_queries_are_counted_under_tempos_names() {
    let server = Server::new(Config::default());
    assert!(
        exposition(&server)
            .contains("tempo_query_frontend_result_metrics_latency_bucket{op=\"search\",le=\"60000\"} 0")
    );
    server.get("/api/search").await;
    server.get("/api/search?limit=0").await;
    server.get("/nowhere").await;
    server.fake.answers.lock().unwrap().trace = Some(Err(QueryError::Internal("x".into())));
    server.get("/api/traces/1").await;
    let text = exposition(&server);
    for line in [
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_search\",status_code=\"200\",ws=\"false\"} 1",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_search\",status_code=\"400\",ws=\"false\"} 1",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_traces_traceid\",status_code=\"500\",ws=\"false\"} 1",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"other\",status_code=\"404\",ws=\"false\"} 1",
        "tempo_inflight_requests{method=\"GET\",route=\"api_search\"} 0",
        "tempo_query_frontend_queries_total{op=\"search\",result=\"completed\",tenant=\"single-tenant\"} 2",
        "tempo_query_frontend_queries_within_slo_total{op=\"search\",result=\"completed\",tenant=\"single-tenant\"} 2",
        "tempo_query_frontend_queries_total{op=\"traces\",result=\"completed\",tenant=\"single-tenant\"} 1",
        "tempo_query_frontend_result_metrics_latency_count{op=\"search\"} 2",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn an_api_timeout_answers_503() {
    let server = Server::new(Config { api_timeout_ms: 5, ..Config::default() });
    server.fake.hold();
    let path = "/api/search";
    let (answer, ()) = tokio::join!(server.get(path), async {
        tokio::task::yield_now().await;
        server.clock.advance(std::time::Duration::from_millis(5));
    });
    assert_eq!(answer.status.as_u16(), 503);
    assert_eq!(answer.text(), "unable to process request in the configured timeout\n");
}

#[tokio::test]
async fn a_client_that_leaves_counts_as_canceled() {
    let server = Server::new(Config::default());
    server.fake.hold();
    {
        let mut left = Box::pin(server.get("/api/search"));
        assert!(futures::poll!(left.as_mut()).is_pending());
    }
    let text = exposition(&server);
    for line in [
        "tempo_query_frontend_queries_total{op=\"search\",result=\"canceled\",tenant=\"single-tenant\"} 1",
        "tempo_query_frontend_queries_within_slo_total{op=\"search\",result=\"canceled\",tenant=\"single-tenant\"} 1",
        "tempo_request_duration_seconds_count{method=\"GET\",route=\"api_search\",status_code=\"499\",ws=\"false\"} 1",
        "tempo_inflight_requests{method=\"GET\",route=\"api_search\"} 0",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
