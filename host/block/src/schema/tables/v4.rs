//! The table of vParquet4: every list in LIST groups, all spares, fixed columns for some attributes.

use super::super::Fixed;
use super::{
    Column, Encode, Field, I32, I64, Kind, List, Owner, Parts, Shape, U32, U64, dropped, group, leaf,
    optional, service_name, trace,
};

pub(super) fn table(parts: &Parts<'_>) -> Vec<Field> {
    let mut fields = trace();
    fields.push(service_stats());
    let scope = vec![parts.scope(), parts.list("Spans", List::Span, span(parts))];
    let resource = vec![resource(parts), parts.list("ss", List::Scope, scope)];
    fields.push(parts.list("rs", List::Resource, resource));
    fields
}

fn service_stats() -> Field {
    let counts = vec![
        leaf("SpanCount", Column::StatsSpanCount, U32, Encode::Delta),
        leaf("ErrorCount", Column::StatsErrorCount, U32, Encode::Delta),
    ];
    let key = leaf("key", Column::StatsService, Kind::Text, Encode::Dictionary);
    let shape = Shape::Map(List::ServiceStats, vec![key, group("value", counts)]);
    Field { name: "ServiceStats".into(), shape }
}

fn fixed(name: &'static str, field: Fixed) -> Field {
    optional(name, Column::Fixed(field), Kind::Text, Encode::Dictionary)
}

fn resource(parts: &Parts<'_>) -> Field {
    let mut fields = vec![
        parts.attrs(Owner::Resource),
        dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Resource)),
        service_name(),
        fixed("Cluster", Fixed::Cluster),
        fixed("Namespace", Fixed::Namespace),
        fixed("Pod", Fixed::Pod),
        fixed("Container", Fixed::Container),
        fixed("K8sClusterName", Fixed::K8sCluster),
        fixed("K8sNamespaceName", Fixed::K8sNamespace),
        fixed("K8sPodName", Fixed::K8sPod),
        fixed("K8sContainerName", Fixed::K8sContainer),
    ];
    fields.extend(parts.spares(Owner::Resource));
    group("Resource", fields)
}

fn span(parts: &Parts<'_>) -> Vec<Field> {
    let mut fields = vec![
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
        parts.attrs(Owner::Span),
        dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Span)),
        parts.events(),
        dropped("DroppedEventsCount", Column::DroppedEvents),
        parts.links(),
        dropped("DroppedLinksCount", Column::DroppedLinks),
        fixed("HttpMethod", Fixed::HttpMethod),
        optional("HttpUrl", Column::Fixed(Fixed::HttpUrl), Kind::Text, Encode::Plain),
        optional("HttpStatusCode", Column::Fixed(Fixed::HttpStatusCode), I64, Encode::Dictionary),
    ];
    fields.extend(parts.spares(Owner::Span));
    fields
}
