//! Generic attributes: the seven leaves of one `Attrs` list, filled in one pass over a unit.

use super::leaf::{LeafWriter, Stream};
use super::levels;
use crate::schema::{List, Owner, ValueKind};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Code, Columns, ValueRef};

/// [`Scratch::kinds`] of an entry that stands for an owner without attributes.
const NO_ATTRIBUTE: u8 = u8::MAX;
/// Values without a list of their type.
const UNSUPPORTED: u8 = 4;
/// Arrays without elements.
const NO_VALUE: u8 = 5;

/// Buffers for one pass.
#[derive(Default)]
pub(super) struct Scratch {
    stream: Stream,
    /// By entry: a [`ValueKind`] as number, or one of the constants above.
    kinds: Vec<u8>,
    /// Arrays of more than one element: (entry, kind, elements beyond the first).
    longer: Vec<(u32, u8, u32)>,
    /// Arrays, by number among the attributes.
    arrays: Vec<u32>,
    own: Stream,
}

/// What a pass reads.
pub(super) struct Source<'a> {
    pub(super) columns: &'a Columns,
    pub(super) attrs: &'a Attrs,
    pub(super) owner: Owner,
    /// Levels of the owners; those with definition level `depth` of the owner's list are real.
    pub(super) owners: &'a Stream,
    /// Rows of the unit.
    pub(super) rows: usize,
}

/// `Key`, `IsArray`, the four value lists and `ValueUnsupported`.
type Leaves<'l, 's> = &'l mut [LeafWriter<'s>; 7];

/// Writes a unit. `ids` are the real owners, in order; `of` lists the attributes of one; `take` may put
/// an attribute (of the n-th real owner) elsewhere.
pub(super) fn write<I: IntoIterator<Item = usize>>(
    leaves: Leaves<'_, '_>,
    scratch: &mut Scratch,
    source: &Source<'_>,
    ids: impl IntoIterator<Item = u32>,
    of: impl Fn(u32) -> I,
    mut take: impl FnMut(usize, usize) -> bool,
) {
    let owner_depth = source.owner.list().depth();
    let depth = owner_depth + 1;
    scratch.clear();
    let mut ids = ids.into_iter();
    let (mut count, mut real) = (0, 0);
    for (&rep, &def) in source.owners.rep.iter().zip(&source.owners.def) {
        let first = scratch.kinds.len();
        if def == owner_depth
            && let Some(id) = ids.next()
        {
            for i in of(id) {
                if !take(real, i) {
                    scratch.push(leaves, source, i, count);
                    count += 1;
                }
            }
            real += 1;
        }
        let entries = scratch.kinds.len() - first;
        scratch.stream.rep.push(rep);
        if entries == 0 {
            scratch.kinds.push(NO_ATTRIBUTE);
            scratch.stream.def.push(def);
        } else {
            scratch.stream.rep.resize(first + entries, depth);
            scratch.stream.def.resize(first + entries, depth);
        }
    }
    leaves[1].push_falses(count as usize);
    for &array in &scratch.arrays {
        leaves[1].set_bool((count - array) as usize);
    }
    scratch.end_unit(leaves, source.owner, source.rows);
}

impl Scratch {
    fn clear(&mut self) {
        self.stream.clear();
        self.kinds.clear();
        self.longer.clear();
        self.arrays.clear();
    }

    #[inline]
    fn push(&mut self, leaves: Leaves<'_, '_>, source: &Source<'_>, i: usize, number: u32) {
        let (columns, attrs) = (source.columns, source.attrs);
        leaves[0].push_code(attrs.key[i], &columns.names);
        let val = attrs.val[i];
        let kind = match attrs.ty[i] {
            AttrType::Str => {
                leaves[2].push_code(val as Code, &columns.values);
                ValueKind::Str as u8
            }
            AttrType::Int => {
                leaves[3].push_int(val as i64);
                ValueKind::Int as u8
            }
            AttrType::Double => {
                leaves[4].push_int(val as i64);
                ValueKind::Double as u8
            }
            AttrType::Bool => {
                leaves[5].push_bool(val != 0);
                ValueKind::Bool as u8
            }
            AttrType::Array => self.push_array(leaves, columns.raw.get(val as Code), number),
            AttrType::Absent | AttrType::Empty | AttrType::Map | AttrType::Bytes => {
                push_unsupported(leaves, columns.value(attrs, i))
            }
        };
        self.kinds.push(kind);
    }

    /// An array of one scalar type goes to the list of that type, every other to `ValueUnsupported`.
    fn push_array(&mut self, leaves: Leaves<'_, '_>, encoded: &[u8], number: u32) -> u8 {
        let mut elements = any_value::array_elements(encoded);
        let Some(first) = elements.next() else {
            self.arrays.push(number);
            return NO_VALUE;
        };
        let Some(kind) = kind_of(&first) else { return push_unsupported(leaves, ValueRef::Array(encoded)) };
        if elements.clone().any(|element| kind_of(&element) != Some(kind)) {
            return push_unsupported(leaves, ValueRef::Array(encoded));
        }
        self.arrays.push(number);
        let mut more = 0;
        push_scalar(leaves, first);
        for element in elements {
            push_scalar(leaves, element);
            more += 1;
        }
        if more > 0 {
            self.longer.push((self.kinds.len() as u32, kind as u8, more));
        }
        kind as u8
    }

    fn end_unit(&mut self, leaves: Leaves<'_, '_>, owner: Owner, rows: usize) {
        let depth = List::Attrs(owner).depth();
        self.stream.encode(depth);
        leaves[0].end_unit(rows, &self.stream);
        leaves[1].end_unit(rows, &self.stream);
        self.own.clear();
        self.own.def.extend(with_kind(&self.stream.def, &self.kinds, UNSUPPORTED));
        leaves[6].end_unit_with(rows, &self.stream.rep_encoded, &self.own.def);
        let same_width = levels::width(depth) == levels::width(depth + 1);
        for (kind, leaf) in (0..).zip(&mut leaves[2..6]) {
            let longer = self.longer.iter().any(|array| array.1 == kind);
            self.own.clear();
            self.own.def.extend(with_kind(&self.stream.def, &self.kinds, kind));
            if same_width && !longer {
                leaf.end_unit_with(rows, &self.stream.rep_encoded, &self.own.def);
                continue;
            }
            self.own.rep.extend_from_slice(&self.stream.rep);
            if longer {
                self.lengthen(kind, depth + 1);
            }
            self.own.encode(depth + 1);
            leaf.end_unit(rows, &self.own);
        }
    }

    /// Adds the entries of further elements of arrays of `kind`.
    fn lengthen(&mut self, kind: u8, depth: u8) {
        let short = std::mem::take(&mut self.own);
        let mut from = 0;
        for &(entry, _, more) in self.longer.iter().filter(|array| array.1 == kind) {
            let to = entry as usize + 1;
            self.own.rep.extend_from_slice(&short.rep[from..to]);
            self.own.def.extend_from_slice(&short.def[from..to]);
            self.own.rep.resize(self.own.rep.len() + more as usize, depth);
            self.own.def.resize(self.own.def.len() + more as usize, depth);
            from = to;
        }
        self.own.rep.extend_from_slice(&short.rep[from..]);
        self.own.def.extend_from_slice(&short.def[from..]);
    }
}

fn with_kind<'a>(def: &'a [u8], kinds: &'a [u8], kind: u8) -> impl Iterator<Item = u8> + 'a {
    def.iter().zip(kinds).map(move |(&def, &is)| def + u8::from(is == kind))
}

fn kind_of(value: &ValueRef<'_>) -> Option<ValueKind> {
    match value {
        ValueRef::Str(_) => Some(ValueKind::Str),
        ValueRef::Int(_) => Some(ValueKind::Int),
        ValueRef::Double(_) => Some(ValueKind::Double),
        ValueRef::Bool(_) => Some(ValueKind::Bool),
        ValueRef::Absent | ValueRef::Empty | ValueRef::Array(_) | ValueRef::Map(_) | ValueRef::Bytes(_) => {
            None
        }
    }
}

fn push_scalar(leaves: Leaves<'_, '_>, value: ValueRef<'_>) {
    match value {
        ValueRef::Str(text) => leaves[2].push_text(text.as_bytes()),
        ValueRef::Int(number) => leaves[3].push_int(number),
        ValueRef::Double(number) => leaves[4].push_int(number.to_bits() as i64),
        ValueRef::Bool(set) => leaves[5].push_bool(set),
        other => drop(push_unsupported(leaves, other)),
    }
}

fn push_unsupported(leaves: Leaves<'_, '_>, value: ValueRef<'_>) -> u8 {
    leaves[6].push_text(any_value::to_json(value).as_bytes());
    UNSUPPORTED
}
