//! Answers into Tempo's messages.

use crate::tempopb::{self, any_value::Value};
use cadenza_query::{
    FoundTrace, Inspected, ResultSpanSet, ResultValue, SearchAnswer, TagNamesAnswer, TagScope,
    TagValuesAnswer,
};

/// What stands for the root's service while no root span was received.
const NO_ROOT_YET: &str = "<root span not yet received>";

pub(crate) fn search(answer: SearchAnswer) -> tempopb::SearchResponse {
    let inspected = answer.inspected;
    tempopb::SearchResponse {
        traces: answer.traces.into_iter().map(trace).collect(),
        metrics: Some(tempopb::SearchMetrics {
            inspected_traces: inspected.traces,
            inspected_bytes: inspected.bytes,
            total_blocks: inspected.blocks,
            completed_jobs: inspected.jobs_done,
            total_jobs: inspected.jobs,
            total_block_bytes: inspected.block_bytes,
            inspected_spans: inspected.spans,
        }),
    }
}

fn trace(found: FoundTrace) -> tempopb::TraceSearchMetadata {
    let span_sets: Vec<_> = found.spansets.into_iter().map(spanset).collect();
    let stats = found.services.into_iter().map(|(name, stats)| {
        let stats = tempopb::ServiceStats { span_count: stats.spans, error_count: stats.errors };
        (name, stats)
    });
    tempopb::TraceSearchMetadata {
        trace_id: if found.pad_id { found.id.to_string() } else { found.id.short_hex() },
        root_service_name: found.root_service.unwrap_or_else(|| NO_ROOT_YET.to_owned()),
        root_trace_name: found.root_name,
        start_time_unix_nano: found.start_ns,
        duration_ms: u32::try_from(found.duration_ns / 1_000_000).unwrap_or(u32::MAX),
        span_set: span_sets.first().cloned(),
        span_sets,
        service_stats: stats.collect(),
    }
}

fn spanset(set: ResultSpanSet) -> tempopb::SpanSet {
    let spans = set.spans.into_iter().map(|span| tempopb::Span {
        span_id: span.id.to_string(),
        name: span.name,
        start_time_unix_nano: span.start_ns,
        duration_nanos: span.duration_ns,
        attributes: attributes(span.attributes),
    });
    tempopb::SpanSet { spans: spans.collect(), matched: set.matched, attributes: attributes(set.attributes) }
}

fn attributes(attributes: Vec<(String, ResultValue)>) -> Vec<tempopb::KeyValue> {
    let pair = |(key, value)| tempopb::KeyValue { key, value: Some(any_value(value)) };
    attributes.into_iter().map(pair).collect()
}

fn any_value(value: ResultValue) -> tempopb::AnyValue {
    let value = match value {
        ResultValue::Str(text) => Value::StringValue(text),
        ResultValue::Int(number) => Value::IntValue(number),
        ResultValue::Double(number) => Value::DoubleValue(number),
        ResultValue::Bool(value) => Value::BoolValue(value),
        ResultValue::Array(values) => {
            Value::ArrayValue(tempopb::ArrayValue { values: values.into_iter().map(any_value).collect() })
        }
    };
    tempopb::AnyValue { value: Some(value) }
}

fn metadata(inspected: &Inspected) -> Option<tempopb::MetadataMetrics> {
    Some(tempopb::MetadataMetrics {
        inspected_bytes: inspected.bytes,
        total_jobs: inspected.jobs,
        completed_jobs: inspected.jobs_done,
        total_blocks: inspected.blocks,
        total_block_bytes: inspected.block_bytes,
    })
}

/// v1: the names of all scopes in one sorted list.
pub(crate) fn tags_v1(answer: TagNamesAnswer) -> tempopb::SearchTagsResponse {
    let metrics = metadata(&answer.inspected);
    let mut tag_names: Vec<String> = answer.scopes.into_iter().flat_map(|(_, names)| names).collect();
    tag_names.sort_unstable();
    tag_names.dedup();
    tempopb::SearchTagsResponse { tag_names, metrics }
}

pub(crate) fn tags_v2(answer: TagNamesAnswer) -> tempopb::SearchTagsV2Response {
    let metrics = metadata(&answer.inspected);
    let scope = |(scope, tags): (TagScope, _)| tempopb::SearchTagsV2Scope { name: scope.name().into(), tags };
    tempopb::SearchTagsV2Response { scopes: answer.scopes.into_iter().map(scope).collect(), metrics }
}

/// v1: texts of all types together.
pub(crate) fn tag_values_v1(answer: TagValuesAnswer) -> tempopb::SearchTagValuesResponse {
    let metrics = metadata(&answer.inspected);
    let mut tag_values: Vec<String> = answer.values.into_iter().map(|(_, value)| value).collect();
    tag_values.sort_unstable();
    tag_values.dedup();
    tempopb::SearchTagValuesResponse { tag_values, metrics }
}

pub(crate) fn tag_values_v2(answer: TagValuesAnswer) -> tempopb::SearchTagValuesV2Response {
    let metrics = metadata(&answer.inspected);
    let value =
        |(ty, value): (cadenza_query::TagValueType, _)| tempopb::TagValue { ty: ty.name().into(), value };
    tempopb::SearchTagValuesV2Response { tag_values: answer.values.into_iter().map(value).collect(), metrics }
}
