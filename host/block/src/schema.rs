//! The leaves of Tempo's blocks, described once.
//!
//! A block is one Parquet file whose rows are traces. [`Schema`] is built from one table of fields: it
//! yields the Parquet schema that the writer puts into the footer and that the reader expects, and for
//! each leaf what it holds ([`Column`]), which list it repeats with ([`List`]) and how we encode it.
//! Tempo addresses leaves by position, so their number, order and types are a promise.

mod fields;

use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor, Type};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

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
    /// String spare `0..10`, of resources or spans.
    Spare(Owner, u8),
    ScopeName,
    ScopeVersion,
    SpanId,
    ParentSpanId,
    ParentId,
    NestedSetLeft,
    NestedSetRight,
    SpanName,
    Kind,
    TraceState,
    SpanStart,
    SpanDuration,
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

/// Attributes that vParquet4 gives a column of their own. `service.name` is [`Column::ServiceName`].
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
    /// All, in leaf order.
    pub const ALL: [Self; 11] = [
        Self::Cluster,
        Self::Namespace,
        Self::Pod,
        Self::Container,
        Self::K8sCluster,
        Self::K8sNamespace,
        Self::K8sPod,
        Self::K8sContainer,
        Self::HttpMethod,
        Self::HttpUrl,
        Self::HttpStatusCode,
    ];

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

    /// True for the one that holds integers; the others hold strings.
    pub fn is_int(self) -> bool {
        self == Self::HttpStatusCode
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
            Self::Attrs(owner) => Some(owner.list()),
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

/// All leaves of a block version.
#[derive(Debug)]
pub struct Schema {
    leaves: Vec<Leaf>,
    by_column: HashMap<Column, usize>,
    descriptor: SchemaDescPtr,
}

static V4: LazyLock<Schema> = LazyLock::new(|| {
    Schema::build("Trace", &fields::v4()).expect("the vParquet4 table is a valid Parquet schema")
});

impl Schema {
    /// Number of string spares per scope in vParquet4.
    pub const V4_SPARES: u8 = 10;

    /// vParquet4.
    pub fn v4() -> &'static Self {
        &V4
    }

    /// Leaves in file order.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The leaf that holds `column`, if this version has it.
    pub fn leaf(&self, column: Column) -> Option<&Leaf> {
        self.by_column.get(&column).map(|&index| &self.leaves[index])
    }

    /// The Parquet form.
    pub fn descriptor(&self) -> &SchemaDescPtr {
        &self.descriptor
    }

    fn build(root: &str, fields: &[Field]) -> Result<Self, ParquetError> {
        let mut leaves = Vec::new();
        let types = fields
            .iter()
            .map(|f| f.build(&mut vec![], List::Trace, &mut leaves))
            .collect::<Result<_, _>>()?;
        let root = Type::group_type_builder(root).with_fields(types).build()?;
        let descriptor = Arc::new(SchemaDescriptor::new(Arc::new(root)));
        let by_column = leaves.iter().map(|leaf: &Leaf| (leaf.column, leaf.index)).collect();
        Ok(Self { leaves, by_column, descriptor })
    }
}

/// Logical types in use.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bytes,
    Text,
    Bool,
    Double,
    Int { bits: i8, signed: bool },
}

impl Kind {
    fn physical(self) -> PhysicalType {
        match self {
            Self::Bytes | Self::Text => PhysicalType::BYTE_ARRAY,
            Self::Bool => PhysicalType::BOOLEAN,
            Self::Double => PhysicalType::DOUBLE,
            Self::Int { bits: 32, .. } => PhysicalType::INT32,
            Self::Int { .. } => PhysicalType::INT64,
        }
    }

    /// Parquet reads the length of fixed-length types only; Tempo's writer fills it in for all numbers.
    fn length(self) -> i32 {
        match self {
            Self::Bytes | Self::Text => -1,
            Self::Bool => 1,
            Self::Double => 64,
            Self::Int { bits, .. } => i32::from(bits),
        }
    }

    fn logical(self) -> Option<LogicalType> {
        match self {
            Self::Text => Some(LogicalType::String),
            Self::Int { bits, signed } => Some(LogicalType::integer(bits, signed)),
            Self::Bytes | Self::Bool | Self::Double => None,
        }
    }
}

/// One row of the table.
#[derive(Debug)]
struct Field {
    name: &'static str,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Leaf {
        column: Column,
        kind: Kind,
        encode: Encode,
        optional: bool,
    },
    /// A required group.
    Group(Vec<Field>),
    /// A group annotated LIST, whose elements are groups.
    List(List, Vec<Field>),
    /// A group annotated LIST, whose elements are values.
    Values(List, Column, Kind, Encode),
    /// A group annotated MAP, with the fields of its `key_value`.
    Map(List, Vec<Field>),
}

impl Field {
    /// The Parquet node of the field; adds its leaves, which lie in `list`, to `leaves`.
    fn build(
        &self,
        path: &mut Vec<String>,
        list: List,
        leaves: &mut Vec<Leaf>,
    ) -> Result<Arc<Type>, ParquetError> {
        path.push(self.name.to_owned());
        let node = match &self.shape {
            &Shape::Leaf { column, kind, encode, optional } => leaf(
                self.name,
                path,
                Leaf::new(leaves.len(), column, list, kind, encode, optional),
                kind,
                leaves,
            ),
            Shape::Group(fields) => group(self.name, Repetition::REQUIRED, None, fields, path, list, leaves),
            Shape::List(inner, fields) => {
                path.extend(["list".to_owned(), "element".to_owned()]);
                let element = group("element", Repetition::REQUIRED, None, fields, path, *inner, leaves)?;
                path.truncate(path.len() - 2);
                wrap(self.name, LogicalType::List, "list", element)
            }
            &Shape::Values(inner, column, kind, encode) => {
                path.extend(["list".to_owned(), "element".to_owned()]);
                let value = Leaf::new(leaves.len(), column, inner, kind, encode, false);
                let element = leaf("element", path, value, kind, leaves)?;
                path.truncate(path.len() - 2);
                wrap(self.name, LogicalType::List, "list", element)
            }
            Shape::Map(inner, fields) => {
                path.push("key_value".to_owned());
                let entry = group("key_value", Repetition::REPEATED, None, fields, path, *inner, leaves)?;
                path.pop();
                annotated(self.name, LogicalType::Map, entry)
            }
        };
        path.pop();
        node
    }
}

impl Leaf {
    fn new(index: usize, column: Column, list: List, kind: Kind, encode: Encode, optional: bool) -> Self {
        let depth = list.depth();
        Self {
            index,
            column,
            list,
            path: ColumnPath::new(vec![]),
            physical: kind.physical(),
            unsigned: matches!(kind, Kind::Int { signed: false, .. }),
            optional,
            encode,
            def_max: depth + u8::from(optional),
            rep_max: depth,
        }
    }
}

fn leaf(
    name: &str,
    path: &[String],
    mut leaf: Leaf,
    kind: Kind,
    leaves: &mut Vec<Leaf>,
) -> Result<Arc<Type>, ParquetError> {
    let repetition = if leaf.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let node = Type::primitive_type_builder(name, kind.physical())
        .with_repetition(repetition)
        .with_logical_type(kind.logical())
        .with_length(kind.length())
        .build()?;
    leaf.path = ColumnPath::new(path.to_vec());
    leaves.push(leaf);
    Ok(Arc::new(node))
}

fn group(
    name: &str,
    repetition: Repetition,
    logical: Option<LogicalType>,
    fields: &[Field],
    path: &mut Vec<String>,
    list: List,
    leaves: &mut Vec<Leaf>,
) -> Result<Arc<Type>, ParquetError> {
    let children = fields.iter().map(|field| field.build(path, list, leaves)).collect::<Result<_, _>>()?;
    let node = Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_fields(children)
        .build()?;
    Ok(Arc::new(node))
}

/// `required group name (logical) { repeated group inner { element } }`.
fn wrap(
    name: &str,
    logical: LogicalType,
    inner: &str,
    element: Arc<Type>,
) -> Result<Arc<Type>, ParquetError> {
    let repeated = Type::group_type_builder(inner)
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![element])
        .build()?;
    annotated(name, logical, Arc::new(repeated))
}

fn annotated(name: &str, logical: LogicalType, child: Arc<Type>) -> Result<Arc<Type>, ParquetError> {
    let node = Type::group_type_builder(name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(logical))
        .with_fields(vec![child])
        .build()?;
    Ok(Arc::new(node))
}
