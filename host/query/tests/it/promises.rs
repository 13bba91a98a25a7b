//! What the comparison with the plain evaluator has taught, one promise each.

use crate::data::{Dice, Full, START_S, pair, text, trace_id};
use crate::rig::Rig;
use cadenza_model::TenantId;
use cadenza_query::{
    LegacyFilter, QueryLimits, QueryService, SearchAnswer, SearchFilter, SearchRequest, TagSelector,
    TagValuesRequest, TimeRange,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::Link;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test);
}

fn full(id: u8, name: &str, resource: Vec<KeyValue>) -> Full {
    let span = Span {
        trace_id: trace_id(1),
        span_id: vec![0, 0, 0, 0, 0, 0, 0, id],
        name: name.to_owned(),
        start_time_unix_nano: START_S * 1_000_000_000 + u64::from(id),
        end_time_unix_nano: START_S * 1_000_000_000 + 100,
        ..Span::default()
    };
    Full { resource, scope: InstrumentationScope::default(), span }
}

fn service(name: &str) -> Vec<KeyValue> {
    vec![pair("service.name", text(name))]
}

async fn push(rig: &Rig, spans: &[Full]) {
    rig.push(&Dice::new(0), spans).await;
}

async fn search(rig: &Rig, filter: SearchFilter) -> SearchAnswer {
    search_in(rig, filter, TimeRange::ALL).await
}

async fn search_in(rig: &Rig, filter: SearchFilter, range: TimeRange) -> SearchAnswer {
    let tenants = vec![TenantId::single()];
    let request = SearchRequest { tenants, filter, range, limit: 20, spans_per_spanset: 3 };
    rig.querier.search(request).await.expect("an answer")
}

async fn values(rig: &Rig, tag: &str, query: &str) -> Vec<String> {
    let request = TagValuesRequest {
        tenants: vec![TenantId::single()],
        tag: TagSelector::TraceQl(tag.to_owned()),
        query: query.to_owned(),
        range: TimeRange::ALL,
        limit: 0,
    };
    let answer = rig.querier.tag_values(request).await.expect("an answer");
    answer.values.into_iter().map(|(_, text)| text).collect()
}

fn tags(list: &[(&str, &str)]) -> SearchFilter {
    let tags = list.iter().map(|(key, want)| ((*key).to_owned(), (*want).to_owned())).collect();
    SearchFilter::Legacy(LegacyFilter { tags, ..LegacyFilter::default() })
}

#[test]
fn equal_resources_from_two_places_meet_tags_together() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        push(&rig, &[full(1, "get", service("shop")), full(3, "cut", service("db"))]).await;
        rig.flush().await;
        push(&rig, &[full(2, "put", service("shop"))]).await;
        let mut failed = full(4, "end", service("shop"));
        failed.span.status =
            Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, ..Default::default() });
        push(&rig, &[failed]).await;
        let both = [("name", "get"), ("status.code", "error")];
        assert_eq!(search(&rig, tags(&both)).await.traces.len(), 1);
        let of_two = [("name", "cut"), ("status.code", "error")];
        assert_eq!(search(&rig, tags(&of_two)).await.traces.len(), 0, "no one resource meets both");
    });
}

#[test]
fn the_legacy_service_name_is_the_resources() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let mut other = full(1, "get", service("db"));
        other.span.attributes = service("shop");
        push(&rig, &[other]).await;
        assert_eq!(search(&rig, tags(&[("service.name", "shop")])).await.traces.len(), 0);
        assert_eq!(search(&rig, tags(&[("service.name", "d")])).await.traces.len(), 1);
    });
}

#[test]
fn a_link_that_ties_a_root_to_a_parent_counts_in_blocks_too() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let mut tied = full(2, "tied", service("db"));
        tied.span.links = vec![Link {
            trace_id: trace_id(1),
            span_id: vec![0, 0, 0, 0, 0, 0, 0, 1],
            attributes: vec![pair("opentracing.ref_type", text("child_of"))],
            ..Link::default()
        }];
        push(&rig, &[full(1, "root", service("shop")), tied]).await;
        for place in ["live", "stored"] {
            let found = search(&rig, SearchFilter::TraceQl("{ name = `tied` }".to_owned())).await.traces;
            assert_eq!(found[0].root_name, "root", "{place}");
            assert_eq!(found[0].root_service.as_deref(), Some("shop"), "{place}");
            rig.flush().await;
        }
    });
}

#[test]
fn the_service_is_the_last_text_wherever_the_span_lies() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let mut resource = service("shop");
        resource.push(pair("service.name", AnyValue { value: Some(Value::IntValue(5)) }));
        push(&rig, &[full(1, "root", resource)]).await;
        for place in ["live", "stored"] {
            let query = "{ resource.service.name = `shop` }";
            let found = search(&rig, SearchFilter::TraceQl(query.to_owned())).await.traces;
            assert_eq!(found.len(), 1, "{place}");
            assert_eq!(found[0].services.keys().collect::<Vec<_>>(), ["shop"], "{place}");
            rig.flush().await;
        }
    });
}

#[test]
fn a_filter_for_tag_values_decides_by_the_spans_own_value() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let mut own = full(1, "own", Vec::new());
        own.span.attributes = service("shop");
        push(&rig, &[own, full(2, "none", Vec::new())]).await;
        assert_eq!(values(&rig, "name", "{ .service.name = `` }").await, ["none"]);
    });
}

#[test]
fn arrays_of_several_types_have_no_tag_values() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let array = |values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) };
        let number = AnyValue { value: Some(Value::IntValue(1)) };
        let mut span = full(1, "x", Vec::new());
        span.span.attributes = vec![
            pair("mixed", array(vec![text("a"), number])),
            pair("texts", array(vec![text("a"), text("b")])),
        ];
        push(&rig, &[span]).await;
        for place in ["live", "stored"] {
            assert!(values(&rig, "span.mixed", "").await.is_empty(), "{place}");
            assert_eq!(values(&rig, "span.texts", "").await, ["a", "b"], "{place}");
            rig.flush().await;
        }
    });
}

#[test]
fn a_tag_value_that_repeats_counts_once_against_the_size_cap() {
    run(async {
        let limits = QueryLimits { tag_bytes_max: 10, ..QueryLimits::default() };
        let rig = Rig::new(100, limits);
        // Each request is a frame of its own, looked at in order.
        for (id, value) in (1..).zip(["abcd", "abcd", "abcd", "abcd", "efgh", "ijkl", "mnop"]) {
            let mut span = full(id, "x", Vec::new());
            span.span.attributes = vec![pair("k", text(value))];
            push(&rig, &[span]).await;
        }
        for place in ["live", "stored"] {
            let found = values(&rig, "span.k", "").await;
            assert_eq!(found, ["abcd", "efgh", "ijkl"], "the third one fills the cap, {place}");
            rig.flush().await;
        }
    });
}

#[test]
fn a_trace_that_ends_before_it_starts_is_found_where_it_starts() {
    run(async {
        let rig = Rig::new(100, QueryLimits::default());
        let mut back = full(1, "back", service("shop"));
        back.span.end_time_unix_nano = (START_S - 100) * 1_000_000_000;
        push(&rig, &[back]).await;
        for place in ["live", "stored"] {
            let range = TimeRange { start_s: START_S, end_s: START_S + 1 };
            let found = search_in(&rig, SearchFilter::TraceQl("{ }".to_owned()), range).await.traces;
            assert_eq!(found.len(), 1, "{place}");
            assert_eq!(found[0].duration_ns, 0, "{place}");
            rig.flush().await;
        }
    });
}
