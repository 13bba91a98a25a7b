//! The leaves of Tempo's blocks, described once.
//!
//! A block is one Parquet file whose rows are traces. [`Schema`] is made from the one table of fields of
//! the block's [`Version`] and from its dedicated columns: it yields the Parquet schema that the writer puts
//! into the footer and that the reader expects, and for each leaf what it holds ([`Column`]), which list it
//! repeats with ([`List`]) and how we encode it. Tempo addresses leaves by position, so their number, order
//! and types are a promise.
//!
//! A block's schema is [`BlockMeta::schema`](crate::meta::BlockMeta::schema); an open
//! [`BlockReader`](crate::read::BlockReader) has made it already.

mod build;
mod tables;
mod version;

pub use version::{UnsupportedVersion, Version};

use crate::meta::DedicatedColumn;
use parquet::basic::Type as PhysicalType;
use parquet::schema::types::{ColumnPath, SchemaDescPtr};
use std::collections::HashMap;
use std::sync::Arc;

/// What carries attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A resource.
    Resource,
    /// An instrumentation scope.
    Scope,
    /// A span.
    Span,
    /// A span event.
    Event,
    /// A span link.
    Link,
}

/// The four typed value lists of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueKind {
    /// `Value`: strings.
    Str,
    /// `ValueInt`.
    Int,
    /// `ValueDouble`.
    Double,
    /// `ValueBool`.
    Bool,
}

/// The repeated nodes: what one entry of a leaf stands for.
///
/// Every list adds one to the maximum definition level and one to the maximum repetition level, and
/// nothing else but an optional leaf adds to either: both levels of a list are its [`List::depth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// The row itself.
    Trace,
    /// Services of a trace with their counts.
    ServiceStats,
    /// `rs`: resources of a trace.
    Resource,
    /// `ss`: scopes of a resource.
    Scope,
    /// Spans of a scope.
    Span,
    /// Events of a span.
    Event,
    /// Links of a span.
    Link,
    /// Generic attributes.
    Attrs(Owner),
    /// Values of one type of a generic attribute.
    Values(Owner, ValueKind),
    /// Values of a spare, where those are lists.
    Spare(Owner),
}

/// What a leaf holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the format; docs would repeat them")]
pub enum Column {
    TraceId,
    TraceIdText,
    TraceStart,
    TraceEnd,
    TraceDuration,
    RootServiceName,
    RootSpanName,
    StatsService,
    StatsSpanCount,
    StatsErrorCount,
    /// `Key` of generic attributes.
    AttrKey(Owner),
    /// `IsArray` of generic attributes.
    AttrIsArray(Owner),
    /// One of the typed value lists.
    AttrValue(Owner, ValueKind),
    /// JSON of values without a typed list.
    AttrUnsupported(Owner),
    /// `DroppedAttributesCount`.
    DroppedAttributes(Owner),
    ServiceName,
    /// A column of its own for one attribute; see [`Fixed::attribute`].
    Fixed(Fixed),
    /// Spare of strings or integers, numbered from 0; [`Schema::own`] says what it holds.
    Spare(Owner, ValueKind, u8),
    ScopeName,
    ScopeVersion,
    /// Number of spans of the scope; vParquet5.
    ScopeSpanCount,
    SpanId,
    ParentSpanId,
    ParentId,
    NestedSetLeft,
    NestedSetRight,
    /// Number of direct children; vParquet5.
    ChildCount,
    SpanName,
    Kind,
    TraceState,
    SpanStart,
    SpanDuration,
    /// Number of the bucket of this many seconds in which the span starts; vParquet5.
    StartRounded {
        /// Width of the bucket.
        width_s: u16,
    },
    StatusCode,
    StatusMessage,
    EventTime,
    EventName,
    DroppedEvents,
    LinkTraceId,
    LinkSpanId,
    LinkTraceState,
    DroppedLinks,
}

/// Attributes that vParquet4 and older give a column of their own. `service.name` is
/// [`Column::ServiceName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "`Fixed::attribute` says it")]
pub enum Fixed {
    Cluster,
    Namespace,
    Pod,
    Container,
    K8sCluster,
    K8sNamespace,
    K8sPod,
    K8sContainer,
    HttpMethod,
    HttpUrl,
    HttpStatusCode,
}

impl Fixed {
    /// The attribute's key.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Namespace => "namespace",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::K8sCluster => "k8s.cluster.name",
            Self::K8sNamespace => "k8s.namespace.name",
            Self::K8sPod => "k8s.pod.name",
            Self::K8sContainer => "k8s.container.name",
            Self::HttpMethod => "http.method",
            Self::HttpUrl => "http.url",
            Self::HttpStatusCode => "http.status_code",
        }
    }

    /// Whose attribute it is.
    pub fn owner(self) -> Owner {
        match self {
            Self::HttpMethod | Self::HttpUrl | Self::HttpStatusCode => Owner::Span,
            _ => Owner::Resource,
        }
    }
}

impl Column {
    /// Whose attributes a spare is for.
    pub fn spare_owner(self) -> Option<Owner> {
        if let Self::Spare(owner, ..) = self { Some(owner) } else { None }
    }

    /// Type of the values of a column of its own.
    pub fn value_kind(self) -> Option<ValueKind> {
        match self {
            Self::Fixed(Fixed::HttpStatusCode) => Some(ValueKind::Int),
            Self::ServiceName | Self::Fixed(_) => Some(ValueKind::Str),
            Self::Spare(_, kind, _) => Some(kind),
            _ => None,
        }
    }

    /// Whose attribute has this column in every block of a version that has it, and the attribute's key.
    fn fixed_attribute(self) -> Option<(Owner, Self, &'static str)> {
        match self {
            Self::ServiceName => Some((Owner::Resource, self, "service.name")),
            Self::Fixed(fixed) => Some((fixed.owner(), self, fixed.attribute())),
            _ => None,
        }
    }
}

impl List {
    /// Maximum definition and repetition level of entries of this list.
    pub fn depth(self) -> u8 {
        self.parent().map_or(0, |parent| parent.depth() + 1)
    }

    /// The list in whose entries this one lies.
    pub fn parent(self) -> Option<Self> {
        match self {
            Self::Trace => None,
            Self::ServiceStats | Self::Resource => Some(Self::Trace),
            Self::Scope => Some(Self::Resource),
            Self::Span => Some(Self::Scope),
            Self::Event | Self::Link => Some(Self::Span),
            Self::Attrs(owner) | Self::Spare(owner) => Some(owner.list()),
            Self::Values(owner, _) => Some(Self::Attrs(owner)),
        }
    }
}

impl Owner {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Resource, Self::Scope, Self::Span, Self::Event, Self::Link];

    /// The list whose entries carry the attributes.
    pub fn list(self) -> List {
        match self {
            Self::Resource => List::Resource,
            Self::Scope => List::Scope,
            Self::Span => List::Span,
            Self::Event => List::Event,
            Self::Link => List::Link,
        }
    }
}

/// How our writer encodes the values of a leaf. A reader must not assume it: Tempo encodes differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encode {
    /// PLAIN.
    Plain,
    /// Dictionary, PLAIN once the dictionary outgrows its bound.
    Dictionary,
    /// DELTA_BINARY_PACKED.
    Delta,
    /// DELTA_LENGTH_BYTE_ARRAY.
    DeltaLength,
}

/// A leaf.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Position in the file.
    pub index: usize,
    /// What it holds.
    pub column: Column,
    /// What an entry stands for.
    pub list: List,
    /// Path from the root.
    pub path: ColumnPath,
    /// Parquet's storage type.
    pub physical: PhysicalType,
    /// True for numbers that are ordered as unsigned.
    pub unsigned: bool,
    /// True if an entry of `list` may lack a value; adds one to the maximum definition level.
    pub optional: bool,
    /// Our choice.
    pub encode: Encode,
    /// Maximum definition level.
    pub def_max: u8,
    /// Maximum repetition level.
    pub rep_max: u8,
}

/// The leaves of a block.
#[derive(Debug)]
pub struct Schema {
    version: Version,
    leaves: Vec<Leaf>,
    by_column: HashMap<Column, usize>,
    /// By [`Owner`].
    own: [Vec<Own>; Owner::ALL.len()],
    descriptor: SchemaDescPtr,
}

/// A column of its own for one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Where its values are.
    pub column: Column,
    /// The attribute's key.
    pub key: String,
}

impl Schema {
    /// The schema of blocks of `version` whose meta has this list of dedicated columns. Entries that the
    /// version has no room for have no column. Takes some ten microseconds: make it once per block.
    pub fn new(version: Version, dedicated: &[DedicatedColumn]) -> Arc<Self> {
        let spares = version.assign(dedicated);
        let (leaves, descriptor) = build::build("Trace", &tables::table(version, &spares));
        let by_column = leaves.iter().map(|leaf: &Leaf| (leaf.column, leaf.index)).collect();
        let own = Owner::ALL.map(|owner| {
            let spares = spares.iter().filter(|spare| spare.owner == owner);
            let spares = spares.map(|spare| Own { column: spare.column(), key: spare.key.to_owned() });
            let fixed = leaves.iter().filter_map(|leaf: &Leaf| leaf.column.fixed_attribute());
            let fixed = fixed.filter(|&(of, ..)| of == owner);
            spares.chain(fixed.map(|(_, column, key)| Own { column, key: key.to_owned() })).collect()
        });
        Arc::new(Self { version, leaves, by_column, own, descriptor })
    }

    /// The version whose table this is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Leaves in file order.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf that holds `column`, if this schema has it.
    pub fn leaf(&self, column: Column) -> Option<&Leaf> {
        self.by_column.get(&column).map(|&index| &self.leaves[index])
    }

    /// The columns of their own of an owner's attributes, in the order in which Tempo puts them back: spares
    /// in the order of the meta, then the service name, then the fixed ones. Spares that hold nothing are not
    /// among them.
    pub fn own(&self, owner: Owner) -> &[Own] {
        &self.own[owner as usize]
    }

    /// Those of [`Schema::own`] that hold `key`.
    pub fn own_of(&self, owner: Owner, key: &str) -> impl Iterator<Item = Column> {
        self.own(owner).iter().filter(move |own| own.key == key).map(|own| own.column)
    }

    /// The Parquet form.
    pub fn descriptor(&self) -> &SchemaDescPtr {
        &self.descriptor
    }
}
