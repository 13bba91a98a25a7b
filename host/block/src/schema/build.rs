//! A table of fields to leaves and the Parquet schema.

use super::{Column, Encode, Leaf, List};
use parquet::basic::{LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// The leaves of a table, in file order, and its Parquet form.
pub(super) fn build(root: &str, fields: &[Field]) -> (Vec<Leaf>, SchemaDescPtr) {
    let mut leaves = Vec::new();
    let types = fields.iter().map(|field| field.build(&mut vec![], List::Trace, &mut leaves));
    let root = types
        .collect::<Result<Vec<_>, _>>()
        .and_then(|types| Type::group_type_builder(root).with_fields(types).build());
    let root = root.expect("the tables are valid Parquet schemas");
    (leaves, Arc::new(SchemaDescriptor::new(Arc::new(root))))
}

/// Logical types in use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
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
pub(super) struct Field {
    pub(super) name: Cow<'static, str>,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
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
    /// A repeated group.
    Repeated(List, Vec<Field>),
    /// A repeated value.
    RepeatedValue(List, Column, Kind, Encode),
}

impl Field {
    /// The Parquet node of the field; adds its leaves, which lie in `list`, to `leaves`.
    fn build(
        &self,
        path: &mut Vec<String>,
        list: List,
        leaves: &mut Vec<Leaf>,
    ) -> Result<Arc<Type>, ParquetError> {
        let name = &*self.name;
        path.push(name.to_owned());
        let once = Repetition::REQUIRED;
        let node = match &self.shape {
            &Shape::Leaf { column, kind, encode, optional } => {
                let value = Leaf::new(leaves.len(), column, list, kind, encode, optional);
                let repetition = if optional { Repetition::OPTIONAL } else { once };
                leaf(name, path, repetition, value, kind, leaves)
            }
            Shape::Group(fields) => group(name, once, None, fields, path, list, leaves),
            Shape::List(inner, fields) => {
                path.extend(["list".to_owned(), "element".to_owned()]);
                let element = group("element", once, None, fields, path, *inner, leaves)?;
                path.truncate(path.len() - 2);
                wrap(name, LogicalType::List, "list", element)
            }
            &Shape::Values(inner, column, kind, encode) => {
                path.extend(["list".to_owned(), "element".to_owned()]);
                let value = Leaf::new(leaves.len(), column, inner, kind, encode, false);
                let element = leaf("element", path, once, value, kind, leaves)?;
                path.truncate(path.len() - 2);
                wrap(name, LogicalType::List, "list", element)
            }
            Shape::Map(inner, fields) => {
                path.push("key_value".to_owned());
                let entry = group("key_value", Repetition::REPEATED, None, fields, path, *inner, leaves)?;
                path.pop();
                annotated(name, LogicalType::Map, entry)
            }
            Shape::Repeated(inner, fields) => {
                group(name, Repetition::REPEATED, None, fields, path, *inner, leaves)
            }
            &Shape::RepeatedValue(inner, column, kind, encode) => {
                let value = Leaf::new(leaves.len(), column, inner, kind, encode, false);
                leaf(name, path, Repetition::REPEATED, value, kind, leaves)
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
    repetition: Repetition,
    mut leaf: Leaf,
    kind: Kind,
    leaves: &mut Vec<Leaf>,
) -> Result<Arc<Type>, ParquetError> {
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
