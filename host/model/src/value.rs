//! Attribute values as columns store them.

/// How [`crate::Attrs::val`] is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum AttrType {
    /// The KeyValue has no `value` field at all.
    Absent = 0,
    /// The `value` is an AnyValue with nothing set.
    Empty = 1,
    /// Code in `values`.
    Str = 2,
    /// `i64` bits.
    Int = 3,
    /// `f64` bits.
    Double = 4,
    /// 0 or 1.
    Bool = 5,
    /// Code in `raw`: the encoded AnyValue message whose `array_value` is set.
    Array = 6,
    /// Code in `raw`: the encoded AnyValue message whose `kvlist_value` is set.
    Map = 7,
    /// Code in `raw`: the encoded AnyValue message whose `bytes_value` is set.
    Bytes = 8,
}

impl AttrType {
    /// How many there are: numbers are below.
    pub(crate) const COUNT: usize = 9;

    /// The type with this number, if there is one.
    pub fn from_u8(number: u8) -> Option<Self> {
        use AttrType::*;
        [Absent, Empty, Str, Int, Double, Bool, Array, Map, Bytes].get(number as usize).copied()
    }
}

/// An attribute value, borrowed from its columns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// No value field.
    Absent,
    /// An AnyValue with nothing set.
    Empty,
    /// Text.
    Str(&'a str),
    /// A signed integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// The encoded AnyValue of an array.
    Array(&'a [u8]),
    /// The encoded AnyValue of a map.
    Map(&'a [u8]),
    /// The encoded AnyValue of a byte string.
    Bytes(&'a [u8]),
}
