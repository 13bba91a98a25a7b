//! Tempo's answer messages: one definition for protobuf and for gogo jsonpb's JSON.
//!
//! JSON rules: zero scalars and unset messages are left out, 64-bit numbers are strings, set messages
//! print `{}`, and the top-level list prints `[]` when empty.

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;

/// Spans of one trace; the same bytes as an OTLP export request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trace {
    /// Spans by resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// The answer of `/api/v2/traces/{id}`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TraceByIdResponse {
    /// Always set, even when empty: Grafana dereferences it.
    #[prost(message, optional, tag = "1")]
    pub trace: Option<Trace>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    pub metrics: Option<TraceByIdMetrics>,
    /// [`PARTIAL`] or 0.
    #[prost(int32, tag = "3")]
    pub status: i32,
    /// Why it is partial.
    #[prost(string, tag = "4")]
    pub message: String,
}

/// `PartialStatus` of an incomplete answer.
pub const PARTIAL: i32 = 1;

/// Work done for a trace.
#[derive(Clone, Copy, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct TraceByIdMetrics {
    /// Bytes read.
    #[prost(uint64, tag = "1")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub inspected_bytes: u64,
}

/// The answer of `/api/search`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct SearchResponse {
    /// Newest first.
    #[prost(message, repeated, tag = "1")]
    pub traces: Vec<TraceSearchMetadata>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SearchMetrics>,
}

/// A found trace.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct TraceSearchMetadata {
    /// Hex.
    #[prost(string, tag = "1")]
    #[serde(rename = "traceID", skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// Service of the root span.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_service_name: String,
    /// Name of the root span.
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_trace_name: String,
    /// Earliest start.
    #[prost(uint64, tag = "4")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub start_time_unix_nano: u64,
    /// Whole milliseconds.
    #[prost(uint32, tag = "5")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub duration_ms: u32,
    /// The first of `span_sets`, for old clients.
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_set: Option<SpanSet>,
    /// Matches.
    #[prost(message, repeated, tag = "7")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub span_sets: Vec<SpanSet>,
    /// Per service.
    #[prost(btree_map = "string, message", tag = "8")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub service_stats: BTreeMap<String, ServiceStats>,
}

/// Spans that belong together.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct SpanSet {
    /// The first of the matching spans.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// How many match.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub matched: u32,
    /// Groups and aggregates.
    #[prost(message, repeated, tag = "3")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<KeyValue>,
}

/// A span in a search result.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// 16 hex digits.
    #[prost(string, tag = "1")]
    #[serde(rename = "spanID", skip_serializing_if = "String::is_empty")]
    pub span_id: String,
    /// Only when the query touches it.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Start.
    #[prost(uint64, tag = "3")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub start_time_unix_nano: u64,
    /// Length.
    #[prost(uint64, tag = "4")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub duration_nanos: u64,
    /// What the query touched.
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<KeyValue>,
}

/// Spans of a service.
#[derive(Clone, Copy, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStats {
    /// All of them.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub span_count: u32,
    /// Those with status error.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub error_count: u32,
}

/// Work done for a search.
#[derive(Clone, Copy, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct SearchMetrics {
    /// Traces evaluated.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub inspected_traces: u32,
    /// Bytes read.
    #[prost(uint64, tag = "2")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub inspected_bytes: u64,
    /// Blocks in range.
    #[prost(uint32, tag = "3")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub total_blocks: u32,
    /// Sources that were looked at.
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub completed_jobs: u32,
    /// Sources in range.
    #[prost(uint32, tag = "5")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub total_jobs: u32,
    /// Size of the blocks in range.
    #[prost(uint64, tag = "6")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub total_block_bytes: u64,
    /// Spans evaluated.
    #[prost(uint64, tag = "7")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub inspected_spans: u64,
}

/// Work done for tags.
#[derive(Clone, Copy, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct MetadataMetrics {
    /// Bytes read.
    #[prost(uint64, tag = "1")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub inspected_bytes: u64,
    /// Sources in range.
    #[prost(uint32, tag = "2")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub total_jobs: u32,
    /// Sources that were looked at.
    #[prost(uint32, tag = "3")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub completed_jobs: u32,
    /// Blocks in range.
    #[prost(uint32, tag = "4")]
    #[serde(skip_serializing_if = "is_zero_32")]
    pub total_blocks: u32,
    /// Size of the blocks in range.
    #[prost(uint64, tag = "5")]
    #[serde(skip_serializing_if = "is_zero", serialize_with = "as_text")]
    pub total_block_bytes: u64,
}

/// The answer of `/api/search/tags`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct SearchTagsResponse {
    /// Sorted.
    #[prost(string, repeated, tag = "1")]
    pub tag_names: Vec<String>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetadataMetrics>,
}

/// The answer of `/api/v2/search/tags`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct SearchTagsV2Response {
    /// Names by scope.
    #[prost(message, repeated, tag = "1")]
    pub scopes: Vec<SearchTagsV2Scope>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetadataMetrics>,
}

/// Names of one scope.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct SearchTagsV2Scope {
    /// `span`, `resource`, …
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Sorted.
    #[prost(string, repeated, tag = "2")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// The answer of `/api/search/tag/{name}/values`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct SearchTagValuesResponse {
    /// Texts.
    #[prost(string, repeated, tag = "1")]
    pub tag_values: Vec<String>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetadataMetrics>,
}

/// The answer of `/api/v2/search/tag/{name}/values`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct SearchTagValuesV2Response {
    /// Typed texts.
    #[prost(message, repeated, tag = "1")]
    pub tag_values: Vec<TagValue>,
    /// Work done.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetadataMetrics>,
}

/// One value of an attribute.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct TagValue {
    /// `string`, `int`, `float`, `bool`, `keyword`.
    #[prost(string, tag = "1")]
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub ty: String,
    /// As text.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// An attribute in a search result.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct KeyValue {
    /// Name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Value.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<AnyValue>,
}

/// A value in a search result; OTLP's message without what can't be searched.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    /// What it is.
    #[prost(oneof = "any_value::Value", tags = "1, 2, 3, 4, 5")]
    pub value: Option<any_value::Value>,
}

/// The oneof of [`AnyValue`].
pub mod any_value {
    /// What an [`super::AnyValue`] holds.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// Text.
        #[prost(string, tag = "1")]
        StringValue(String),
        /// A boolean.
        #[prost(bool, tag = "2")]
        BoolValue(bool),
        /// An integer.
        #[prost(int64, tag = "3")]
        IntValue(i64),
        /// A double.
        #[prost(double, tag = "4")]
        DoubleValue(f64),
        /// Several values.
        #[prost(message, tag = "5")]
        ArrayValue(super::ArrayValue),
    }
}

/// Several values.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
pub struct ArrayValue {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<AnyValue>,
}

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use any_value::Value;
        let mut map = serializer.serialize_map(None)?;
        match &self.value {
            None => {}
            Some(Value::StringValue(text)) => map.serialize_entry("stringValue", text)?,
            Some(Value::BoolValue(value)) => map.serialize_entry("boolValue", value)?,
            Some(Value::IntValue(number)) => map.serialize_entry("intValue", &number.to_string())?,
            Some(Value::DoubleValue(number)) => map.serialize_entry("doubleValue", &Double(*number))?,
            Some(Value::ArrayValue(array)) => map.serialize_entry("arrayValue", array)?,
        }
        map.end()
    }
}

/// A double as jsonpb prints it: whole numbers without a point, what JSON lacks as text.
struct Double(f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Below this every whole double is exact as an integer, and Go prints it without an exponent.
        const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
        let number = self.0;
        if number.is_nan() {
            serializer.serialize_str("NaN")
        } else if number.is_infinite() {
            serializer.serialize_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
        } else if number.fract() == 0.0
            && number.abs() < WHOLE_MAX
            && !(number == 0.0 && number.is_sign_negative())
        {
            serializer.serialize_i64(number as i64)
        } else {
            serializer.serialize_f64(number)
        }
    }
}

/// Numbers instead of texts and plain lists by type: the form for language models.
#[derive(Debug)]
pub struct LlmTagValues<'a>(pub &'a SearchTagValuesV2Response);

impl Serialize for LlmTagValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut by_type: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for value in &self.0.tag_values {
            by_type.entry(&value.ty).or_default().push(&value.value);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("tagValues", &by_type)?;
        map.serialize_entry("metrics", &LlmMetrics(&self.0.metrics.unwrap_or_default()))?;
        map.end()
    }
}

struct LlmMetrics<'a>(&'a MetadataMetrics);

impl Serialize for LlmMetrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = [
            ("inspectedBytes", self.0.inspected_bytes),
            ("totalJobs", u64::from(self.0.total_jobs)),
            ("completedJobs", u64::from(self.0.completed_jobs)),
            ("totalBlocks", u64::from(self.0.total_blocks)),
            ("totalBlockBytes", self.0.total_block_bytes),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (name, number) in fields.into_iter().filter(|&(_, number)| number != 0) {
            map.serialize_entry(name, &number)?;
        }
        map.end()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero_32(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}
