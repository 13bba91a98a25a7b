//! The table of vParquet4.

use super::{Column, Encode, Field, Fixed, Kind, List, Owner, Schema, Shape, ValueKind};

const U64: Kind = Kind::Int { bits: 64, signed: false };
const U32: Kind = Kind::Int { bits: 32, signed: false };
const I64: Kind = Kind::Int { bits: 64, signed: true };
const I32: Kind = Kind::Int { bits: 32, signed: true };

/// Names of the string spares in the file.
const SPARES: [&str; Schema::V4_SPARES as usize] = [
    "String01", "String02", "String03", "String04", "String05", "String06", "String07", "String08",
    "String09", "String10",
];

fn leaf(name: &'static str, column: Column, kind: Kind, encode: Encode) -> Field {
    Field { name, shape: Shape::Leaf { column, kind, encode, optional: false } }
}

fn optional(name: &'static str, column: Column, kind: Kind, encode: Encode) -> Field {
    Field { name, shape: Shape::Leaf { column, kind, encode, optional: true } }
}

fn group(name: &'static str, fields: Vec<Field>) -> Field {
    Field { name, shape: Shape::Group(fields) }
}

fn list(name: &'static str, list: List, fields: Vec<Field>) -> Field {
    Field { name, shape: Shape::List(list, fields) }
}

/// Counts of dropped things: unsigned in OTLP and signed here, so large ones are negative, and Tempo
/// misreads a dictionary with negative INT32 values. DELTA costs nothing where they are all zero.
fn dropped(name: &'static str, column: Column) -> Field {
    leaf(name, column, I32, Encode::Delta)
}

fn attrs(owner: Owner) -> Field {
    let values = |name, kind, logical, encode| Field {
        name,
        shape: Shape::Values(List::Values(owner, kind), Column::AttrValue(owner, kind), logical, encode),
    };
    list(
        "Attrs",
        List::Attrs(owner),
        vec![
            leaf("Key", Column::AttrKey(owner), Kind::Text, Encode::Dictionary),
            leaf("IsArray", Column::AttrIsArray(owner), Kind::Bool, Encode::Plain),
            values("Value", ValueKind::Str, Kind::Text, Encode::Dictionary),
            values("ValueInt", ValueKind::Int, I64, Encode::Dictionary),
            values("ValueDouble", ValueKind::Double, Kind::Double, Encode::Plain),
            values("ValueBool", ValueKind::Bool, Kind::Bool, Encode::Plain),
            optional("ValueUnsupported", Column::AttrUnsupported(owner), Kind::Text, Encode::Plain),
        ],
    )
}

fn spares(owner: Owner) -> Field {
    let spare = |(i, name)| optional(name, Column::Spare(owner, i), Kind::Text, Encode::Dictionary);
    group("DedicatedAttributes", (0..).zip(SPARES).map(spare).collect())
}

fn fixed(name: &'static str, field: Fixed) -> Field {
    optional(name, Column::Fixed(field), Kind::Text, Encode::Dictionary)
}

pub(super) fn v4() -> Vec<Field> {
    vec![
        leaf("TraceID", Column::TraceId, Kind::Bytes, Encode::DeltaLength),
        leaf("TraceIDText", Column::TraceIdText, Kind::Text, Encode::DeltaLength),
        leaf("StartTimeUnixNano", Column::TraceStart, U64, Encode::Plain),
        leaf("EndTimeUnixNano", Column::TraceEnd, U64, Encode::Plain),
        leaf("DurationNano", Column::TraceDuration, U64, Encode::Delta),
        leaf("RootServiceName", Column::RootServiceName, Kind::Text, Encode::Dictionary),
        leaf("RootSpanName", Column::RootSpanName, Kind::Text, Encode::Dictionary),
        Field {
            name: "ServiceStats",
            shape: Shape::Map(
                List::ServiceStats,
                vec![
                    leaf("key", Column::StatsService, Kind::Text, Encode::Dictionary),
                    group(
                        "value",
                        vec![
                            leaf("SpanCount", Column::StatsSpanCount, U32, Encode::Delta),
                            leaf("ErrorCount", Column::StatsErrorCount, U32, Encode::Delta),
                        ],
                    ),
                ],
            ),
        },
        list(
            "rs",
            List::Resource,
            vec![resource(), list("ss", List::Scope, vec![scope(), list("Spans", List::Span, span())])],
        ),
    ]
}

fn resource() -> Field {
    group(
        "Resource",
        vec![
            attrs(Owner::Resource),
            dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Resource)),
            leaf("ServiceName", Column::ServiceName, Kind::Text, Encode::Dictionary),
            fixed("Cluster", Fixed::Cluster),
            fixed("Namespace", Fixed::Namespace),
            fixed("Pod", Fixed::Pod),
            fixed("Container", Fixed::Container),
            fixed("K8sClusterName", Fixed::K8sCluster),
            fixed("K8sNamespaceName", Fixed::K8sNamespace),
            fixed("K8sPodName", Fixed::K8sPod),
            fixed("K8sContainerName", Fixed::K8sContainer),
            spares(Owner::Resource),
        ],
    )
}

fn scope() -> Field {
    group(
        "Scope",
        vec![
            leaf("Name", Column::ScopeName, Kind::Text, Encode::Dictionary),
            leaf("Version", Column::ScopeVersion, Kind::Text, Encode::Dictionary),
            attrs(Owner::Scope),
            dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Scope)),
        ],
    )
}

fn span() -> Vec<Field> {
    vec![
        leaf("SpanID", Column::SpanId, Kind::Bytes, Encode::DeltaLength),
        leaf("ParentSpanID", Column::ParentSpanId, Kind::Bytes, Encode::DeltaLength),
        leaf("ParentID", Column::ParentId, I32, Encode::Delta),
        leaf("NestedSetLeft", Column::NestedSetLeft, I32, Encode::Delta),
        leaf("NestedSetRight", Column::NestedSetRight, I32, Encode::Delta),
        leaf("Name", Column::SpanName, Kind::Text, Encode::Dictionary),
        leaf("Kind", Column::Kind, I64, Encode::Dictionary),
        leaf("TraceState", Column::TraceState, Kind::Text, Encode::Dictionary),
        leaf("StartTimeUnixNano", Column::SpanStart, U64, Encode::Plain),
        leaf("DurationNano", Column::SpanDuration, U64, Encode::Delta),
        leaf("StatusCode", Column::StatusCode, I64, Encode::Dictionary),
        leaf("StatusMessage", Column::StatusMessage, Kind::Text, Encode::Dictionary),
        attrs(Owner::Span),
        dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Span)),
        list(
            "Events",
            List::Event,
            vec![
                leaf("TimeSinceStartNano", Column::EventTime, U64, Encode::Delta),
                leaf("Name", Column::EventName, Kind::Text, Encode::Dictionary),
                attrs(Owner::Event),
                dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Event)),
            ],
        ),
        dropped("DroppedEventsCount", Column::DroppedEvents),
        list(
            "Links",
            List::Link,
            vec![
                leaf("TraceID", Column::LinkTraceId, Kind::Bytes, Encode::DeltaLength),
                leaf("SpanID", Column::LinkSpanId, Kind::Bytes, Encode::DeltaLength),
                leaf("TraceState", Column::LinkTraceState, Kind::Text, Encode::Dictionary),
                attrs(Owner::Link),
                dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Link)),
            ],
        ),
        dropped("DroppedLinksCount", Column::DroppedLinks),
        fixed("HttpMethod", Fixed::HttpMethod),
        optional("HttpUrl", Column::Fixed(Fixed::HttpUrl), Kind::Text, Encode::Plain),
        optional("HttpStatusCode", Column::Fixed(Fixed::HttpStatusCode), I64, Encode::Dictionary),
        spares(Owner::Span),
    ]
}
