//! Attributes: a shape per owner, a column per key and type.
//!
//! ```text
//! shapes varint; per shape: length varint, per entry key << 4 | type varint
//! column: shape per owner; then per distinct (key, type), in order of first appearance in the shapes, the
//! column of its values in the order of owners (none for types without a value)
//! ```
//!
//! Order and repeated keys survive. A predicate on one key needs the shapes and one column.

use super::pack::{Input, put_column, put_ranged, put_varint};
use super::{ATTRS_MAX, ROWS_MAX};
use crate::error::Malformed;
use cadenza_model::{AttrType, Attrs, Code};

/// Shape slots looked at before a shape is listed again: colliding shapes cannot make it quadratic.
const PROBES_MAX: usize = 16;
const TYPES: usize = 9;

/// A value is stored for all types but these two.
fn has_value(ty: AttrType) -> bool {
    !matches!(ty, AttrType::Absent | AttrType::Empty)
}

/// Marks of dictionary entries in use, by code.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) names: Vec<bool>,
    pub(crate) values: Vec<bool>,
    pub(crate) raw: Vec<bool>,
}

struct Shape {
    hash: u64,
    /// Where the first owner of this shape has its attributes.
    start: u32,
    len: u32,
    /// Where its columns start in [`AttrsScratch::shape_columns`].
    columns: u32,
    owners: u32,
}

#[derive(Clone, Copy)]
struct Column {
    key: Code,
    ty: AttrType,
    count: u32,
    /// Where its next value goes in [`AttrsScratch::values`].
    cursor: u32,
    min: u64,
    max: u64,
}

/// Reused memory.
#[derive(Default)]
pub(crate) struct AttrsScratch {
    slots: Vec<u32>,
    shapes: Vec<Shape>,
    shape_of: Vec<u32>,
    shape_columns: Vec<u32>,
    columns: Vec<Column>,
    /// Column + 1 by key and type; all zero between calls.
    column_of: Vec<u32>,
    values: Vec<u64>,
}

#[inline]
fn hash_shape(keys: &[Code], types: &[AttrType]) -> u64 {
    let mut hash = keys.len() as u64;
    for (&key, &ty) in keys.iter().zip(types) {
        hash = (hash ^ (u64::from(key) << 4 | ty as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = hash.rotate_left(29);
    }
    hash ^ hash >> 32
}

impl AttrsScratch {
    fn find_shapes(&mut self, attrs: &Attrs) {
        let slots = (attrs.owners() / 2).next_power_of_two().clamp(64, 1 << 16);
        let mask = slots - 1;
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.shapes.clear();
        self.shape_of.clear();
        let mut start = 0;
        'owners: for &end in &attrs.ends {
            let end = end as usize;
            let (keys, types) = (&attrs.key[start..end], &attrs.ty[start..end]);
            let hash = hash_shape(keys, types);
            let mut at = hash as usize & mask;
            let mut free = None;
            for _ in 0..PROBES_MAX {
                let Some(index) = self.slots[at].checked_sub(1) else {
                    free = Some(at);
                    break;
                };
                let shape = &mut self.shapes[index as usize];
                let first = shape.start as usize..(shape.start + shape.len) as usize;
                if shape.hash == hash && &attrs.key[first.clone()] == keys && &attrs.ty[first] == types {
                    shape.owners += 1;
                    self.shape_of.push(index);
                    start = end;
                    continue 'owners;
                }
                at = (at + 1) & mask;
            }
            self.shape_of.push(self.shapes.len() as u32);
            let len = (end - start) as u32;
            self.shapes.push(Shape { hash, start: start as u32, len, columns: 0, owners: 1 });
            if let Some(free) = free {
                self.slots[free] = self.shapes.len() as u32;
            }
            start = end;
        }
    }

    fn find_columns(&mut self, attrs: &Attrs, names: usize) {
        self.column_of.resize(self.column_of.len().max(names * TYPES), 0);
        self.columns.clear();
        self.shape_columns.clear();
        for shape in &mut self.shapes {
            shape.columns = self.shape_columns.len() as u32;
            for at in shape.start as usize..(shape.start + shape.len) as usize {
                let (key, ty) = (attrs.key[at], attrs.ty[at]);
                let known = &mut self.column_of[key as usize * TYPES + ty as usize];
                if *known == 0 {
                    self.columns.push(Column { key, ty, count: 0, cursor: 0, min: u64::MAX, max: 0 });
                    *known = self.columns.len() as u32;
                }
                self.columns[*known as usize - 1].count += shape.owners;
                self.shape_columns.push(*known - 1);
            }
        }
        let mut sum = 0;
        for column in &mut self.columns {
            self.column_of[column.key as usize * TYPES + column.ty as usize] = 0;
            column.cursor = sum;
            sum += column.count;
        }
    }

    fn scatter(&mut self, attrs: &Attrs) {
        self.values.clear();
        self.values.resize(attrs.val.len(), 0);
        let mut vals = attrs.val.iter();
        for &index in &self.shape_of {
            let shape = &self.shapes[index as usize];
            let columns = shape.columns as usize..(shape.columns + shape.len) as usize;
            for (&column, &val) in self.shape_columns[columns].iter().zip(&mut vals) {
                let column = &mut self.columns[column as usize];
                self.values[column.cursor as usize] = val;
                column.cursor += 1;
                column.min = column.min.min(val);
                column.max = column.max.max(val);
            }
        }
    }
}

/// Appends the attributes of one kind of owner and marks the dictionary entries they use.
pub(crate) fn put_attrs(out: &mut Vec<u8>, attrs: &Attrs, scratch: &mut AttrsScratch, marks: &mut Marks) {
    scratch.find_shapes(attrs);
    scratch.find_columns(attrs, marks.names.len());
    scratch.scatter(attrs);
    put_varint(out, scratch.shapes.len() as u64);
    for shape in &scratch.shapes {
        put_varint(out, u64::from(shape.len));
        for at in shape.start as usize..(shape.start + shape.len) as usize {
            put_varint(out, u64::from(attrs.key[at]) << 4 | attrs.ty[at] as u64);
        }
    }
    put_column(out, &scratch.shape_of);
    for column in &scratch.columns {
        marks.names[column.key as usize] = true;
        if !has_value(column.ty) {
            continue;
        }
        let values = &scratch.values[(column.cursor - column.count) as usize..column.cursor as usize];
        match column.ty {
            AttrType::Str => values.iter().for_each(|&code| marks.values[code as usize] = true),
            AttrType::Array | AttrType::Map | AttrType::Bytes => {
                values.iter().for_each(|&code| marks.raw[code as usize] = true);
            }
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double | AttrType::Bool => {}
        }
        put_ranged(out, values.iter().copied(), values.len(), column.min, column.max);
    }
}

/// How many codes each dictionary has; `u32::MAX` stands for a dictionary that is not at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) names: usize,
    pub(crate) values: usize,
    pub(crate) raw: usize,
}

/// Reads the attributes of `owners` owners.
pub(crate) fn attrs(input: &mut Input<'_>, owners: usize, limits: &Limits) -> Result<Attrs, Malformed> {
    let shapes = input.count(owners)?;
    let mut entries: Vec<(Code, AttrType, u32)> = Vec::new();
    let mut shape_ends = Vec::with_capacity(shapes);
    for _ in 0..shapes {
        let len = input.count(ATTRS_MAX)?;
        // Every entry takes a byte at least.
        if len > input.rest().len() {
            return Err(Malformed("shape is cut off"));
        }
        for _ in 0..len {
            entries.push(shape_entry(input, limits)?);
        }
        shape_ends.push(entries.len());
    }
    let shape_of = input.codes(owners, shapes)?;
    let mut uses = vec![0u64; shapes];
    shape_of.iter().for_each(|&shape| uses[shape as usize] += 1);
    let range = |shape: usize| if shape == 0 { 0 } else { shape_ends[shape - 1] }..shape_ends[shape];
    let mut total = 0u64;
    for (shape, &uses) in uses.iter().enumerate() {
        total = total.saturating_add(uses.saturating_mul(range(shape).len() as u64));
    }
    if total > ATTRS_MAX as u64 {
        return Err(Malformed("attributes exceed their limit"));
    }
    let counts = number_columns(&mut entries, &uses, range);
    let (values, mut cursors) = read_columns(input, &counts, limits, total as usize)?;
    let mut attrs = Attrs::default();
    attrs.ends.reserve(owners);
    attrs.key.reserve(total as usize);
    attrs.ty.reserve(total as usize);
    attrs.val.reserve(total as usize);
    for shape in shape_of {
        for &(key, ty, column) in &entries[range(shape as usize)] {
            let cursor = &mut cursors[column as usize];
            attrs.push(key, ty, values[*cursor]);
            *cursor += 1;
        }
        attrs.end_owner();
    }
    Ok(attrs)
}

fn shape_entry(input: &mut Input<'_>, limits: &Limits) -> Result<(Code, AttrType, u32), Malformed> {
    let word = input.varint()?;
    let ty = AttrType::from_u8((word & 15) as u8).ok_or(Malformed("type of attribute is unknown"))?;
    let key = word >> 4;
    if key >= limits.names.min(ROWS_MAX + 1) as u64 {
        return Err(Malformed("key of attribute is out of range"));
    }
    Ok((key as Code, ty, 0))
}

/// Gives every entry its column; returns type and number of values of each.
fn number_columns(
    entries: &mut [(Code, AttrType, u32)],
    uses: &[u64],
    range: impl Fn(usize) -> std::ops::Range<usize>,
) -> Vec<(AttrType, usize)> {
    let mut known = foldhash::HashMap::default();
    let mut counts = Vec::new();
    for (shape, &uses) in uses.iter().enumerate() {
        for entry in &mut entries[range(shape)] {
            entry.2 = *known.entry((entry.0, entry.1)).or_insert_with(|| {
                counts.push((entry.1, 0));
                counts.len() as u32 - 1
            });
            counts[entry.2 as usize].1 += uses as usize;
        }
    }
    counts
}

/// All columns one after another, and where each starts. Types without a value read as zero.
fn read_columns(
    input: &mut Input<'_>,
    counts: &[(AttrType, usize)],
    limits: &Limits,
    total: usize,
) -> Result<(Vec<u64>, Vec<usize>), Malformed> {
    let mut values = Vec::with_capacity(total);
    let mut starts = Vec::with_capacity(counts.len());
    for &(ty, count) in counts {
        let start = values.len();
        starts.push(start);
        if !has_value(ty) {
            values.resize(start + count, 0);
            continue;
        }
        input.column(count)?.each(|value| values.push(value));
        let limit = match ty {
            AttrType::Str => limits.values as u64,
            AttrType::Array | AttrType::Map | AttrType::Bytes => limits.raw as u64,
            AttrType::Bool => 2,
            AttrType::Absent | AttrType::Empty | AttrType::Int | AttrType::Double => continue,
        };
        if values[start..].iter().any(|&value| value >= limit) {
            return Err(Malformed("value of attribute is out of range"));
        }
    }
    Ok((values, starts))
}
