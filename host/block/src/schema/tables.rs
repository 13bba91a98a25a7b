//! The tables of the versions: one each, made of the same parts where the versions agree.

mod v4;
mod v5;

use super::build::{Field, Kind, Shape};
use super::version::Spare;
use super::{Column, Encode, List, Owner, ValueKind, Version};
use std::borrow::Cow;

const U64: Kind = Kind::Int { bits: 64, signed: false };
const U32: Kind = Kind::Int { bits: 32, signed: false };
const I64: Kind = Kind::Int { bits: 64, signed: true };
const I32: Kind = Kind::Int { bits: 32, signed: true };

/// The fields of a block.
pub(super) fn table(version: Version, spares: &[Spare<'_>]) -> Vec<Field> {
    let parts = Parts { version, spares };
    match version {
        Version::V4 => v4::table(&parts),
        Version::V5 => v5::table(&parts),
    }
}

fn leaf(name: impl Into<Cow<'static, str>>, column: Column, kind: Kind, encode: Encode) -> Field {
    Field { name: name.into(), shape: Shape::Leaf { column, kind, encode, optional: false } }
}

fn optional(name: impl Into<Cow<'static, str>>, column: Column, kind: Kind, encode: Encode) -> Field {
    Field { name: name.into(), shape: Shape::Leaf { column, kind, encode, optional: true } }
}

fn group(name: &'static str, fields: Vec<Field>) -> Field {
    Field { name: name.into(), shape: Shape::Group(fields) }
}

/// Counts of dropped things: unsigned in OTLP and signed here, so large ones are negative, and Tempo
/// misreads a dictionary with negative INT32 values. DELTA costs nothing where they are all zero.
fn dropped(name: &'static str, column: Column) -> Field {
    leaf(name, column, I32, Encode::Delta)
}

/// The leaves of the trace itself.
fn trace() -> Vec<Field> {
    vec![
        leaf("TraceID", Column::TraceId, Kind::Bytes, Encode::DeltaLength),
        leaf("TraceIDText", Column::TraceIdText, Kind::Text, Encode::DeltaLength),
        leaf("StartTimeUnixNano", Column::TraceStart, U64, Encode::Plain),
        leaf("EndTimeUnixNano", Column::TraceEnd, U64, Encode::Plain),
        leaf("DurationNano", Column::TraceDuration, U64, Encode::Delta),
        leaf("RootServiceName", Column::RootServiceName, Kind::Text, Encode::Dictionary),
        leaf("RootSpanName", Column::RootSpanName, Kind::Text, Encode::Dictionary),
    ]
}

fn service_name() -> Field {
    leaf("ServiceName", Column::ServiceName, Kind::Text, Encode::Dictionary)
}

/// What the tables share, in the shape of a version.
struct Parts<'a> {
    version: Version,
    spares: &'a [Spare<'a>],
}

impl Parts<'_> {
    fn list(&self, name: &'static str, list: List, fields: Vec<Field>) -> Field {
        let shape = match self.version {
            Version::V4 => Shape::List(list, fields),
            Version::V5 => Shape::Repeated(list, fields),
        };
        Field { name: name.into(), shape }
    }

    fn values(&self, name: &'static str, owner: Owner, kind: ValueKind, ty: Kind, encode: Encode) -> Field {
        let (list, column) = (List::Values(owner, kind), Column::AttrValue(owner, kind));
        let shape = match self.version {
            Version::V4 => Shape::Values(list, column, ty, encode),
            Version::V5 => Shape::RepeatedValue(list, column, ty, encode),
        };
        Field { name: name.into(), shape }
    }

    fn attrs(&self, owner: Owner) -> Field {
        self.list(
            "Attrs",
            List::Attrs(owner),
            vec![
                leaf("Key", Column::AttrKey(owner), Kind::Text, Encode::Dictionary),
                leaf("IsArray", Column::AttrIsArray(owner), Kind::Bool, Encode::Plain),
                self.values("Value", owner, ValueKind::Str, Kind::Text, Encode::Dictionary),
                self.values("ValueInt", owner, ValueKind::Int, I64, Encode::Dictionary),
                self.values("ValueDouble", owner, ValueKind::Double, Kind::Double, Encode::Plain),
                self.values("ValueBool", owner, ValueKind::Bool, Kind::Bool, Encode::Plain),
                optional("ValueUnsupported", Column::AttrUnsupported(owner), Kind::Text, Encode::Plain),
            ],
        )
    }

    /// The spares of an owner; none if the version has none, or if it leaves out those that hold nothing.
    fn spares(&self, owner: Owner) -> Option<Field> {
        let mut fields = Vec::new();
        for (kind, name, ty) in [(ValueKind::Str, "String", Kind::Text), (ValueKind::Int, "Int", I64)] {
            for number in 0..self.version.spares(owner, kind) {
                let column = Column::Spare(owner, kind, number);
                let used = self.spares.iter().find(|spare| spare.column() == column);
                if used.is_none() && !self.version.has_unused_spares() {
                    continue;
                }
                // A dictionary of values that hardly repeat costs their size in memory and gains nothing.
                let encode = match kind {
                    _ if used.is_none_or(|spare| !spare.blob) => Encode::Dictionary,
                    ValueKind::Str => Encode::DeltaLength,
                    _ => Encode::Plain,
                };
                let shape = match self.version {
                    Version::V4 => Shape::Leaf { column, kind: ty, encode, optional: true },
                    Version::V5 => Shape::RepeatedValue(List::Spare(owner), column, ty, encode),
                };
                fields.push(Field { name: format!("{name}{:02}", number + 1).into(), shape });
            }
        }
        (!fields.is_empty()).then(|| group("DedicatedAttributes", fields))
    }

    fn scope(&self) -> Field {
        group(
            "Scope",
            vec![
                leaf("Name", Column::ScopeName, Kind::Text, Encode::Dictionary),
                leaf("Version", Column::ScopeVersion, Kind::Text, Encode::Dictionary),
                self.attrs(Owner::Scope),
                dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Scope)),
            ],
        )
    }

    fn events(&self) -> Field {
        let mut event = vec![
            leaf("TimeSinceStartNano", Column::EventTime, U64, Encode::Delta),
            leaf("Name", Column::EventName, Kind::Text, Encode::Dictionary),
            self.attrs(Owner::Event),
            dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Event)),
        ];
        event.extend(self.spares(Owner::Event));
        self.list("Events", List::Event, event)
    }

    fn links(&self) -> Field {
        self.list(
            "Links",
            List::Link,
            vec![
                leaf("TraceID", Column::LinkTraceId, Kind::Bytes, Encode::DeltaLength),
                leaf("SpanID", Column::LinkSpanId, Kind::Bytes, Encode::DeltaLength),
                leaf("TraceState", Column::LinkTraceState, Kind::Text, Encode::Dictionary),
                self.attrs(Owner::Link),
                dropped("DroppedAttributesCount", Column::DroppedAttributes(Owner::Link)),
            ],
        )
    }
}
