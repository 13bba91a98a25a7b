//! Columns of their own: the values of some attributes, one leaf each.

use super::attrs::Source;
use super::leaf::{LeafWriter, Stream};
use super::levels;
use super::routes::Routes;
use cadenza_model::otlp::any_value;
use cadenza_model::{Code, Columns, ValueRef};

/// What a column of its own holds for one owner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing.
    #[default]
    Absent,
    /// A string.
    Text(Code),
    /// A number.
    Int(i64),
    /// An array of what the column is for, encoded.
    Array(Code),
}

/// Values by slot and owner of a unit, as they are found.
#[derive(Default)]
pub(super) struct Gathered {
    owners: usize,
    values: Vec<u64>,
    /// The variant of [`Held`]: apart from the values, most of which are not there.
    variants: Vec<u8>,
}

impl Gathered {
    pub(super) fn clear(&mut self, slots: usize, owners: usize) {
        self.owners = owners;
        self.values.resize(slots * owners, 0);
        self.variants.clear();
        self.variants.resize(slots * owners, 0);
    }

    #[inline]
    pub(super) fn set(&mut self, slot: usize, owner: usize, held: Held) {
        let at = slot * self.owners + owner;
        (self.variants[at], self.values[at]) = match held {
            Held::Absent => (0, 0),
            Held::Text(code) => (1, u64::from(code)),
            Held::Int(number) => (2, number as u64),
            Held::Array(code) => (3, u64::from(code)),
        };
    }

    #[inline]
    pub(super) fn get(&self, slot: usize, owner: usize) -> Held {
        let at = slot * self.owners + owner;
        match self.variants[at] {
            0 => Held::Absent,
            1 => Held::Text(self.values[at] as Code),
            2 => Held::Int(self.values[at] as i64),
            _ => Held::Array(self.values[at] as Code),
        }
    }
}

/// Buffers for one pass.
#[derive(Default)]
pub(super) struct Scratch {
    rep: Vec<u8>,
    def: Vec<u8>,
    rep_encoded: Vec<u8>,
}

/// Writes a unit of all columns of their own of an owner; `held` says what the n-th real owner has in a slot.
pub(super) fn write(
    leaves: &mut [LeafWriter<'_>],
    scratch: &mut Scratch,
    source: &Source<'_>,
    routes: &Routes,
    held: impl Fn(usize, usize) -> Held,
) {
    let owners = source.owners;
    // Spares that are lists have repetition levels of their own, of which one may need another bit.
    let mut wide = std::mem::take(&mut scratch.rep_encoded);
    wide.clear();
    let depth = source.owner.list().depth();
    if routes.has_lists && levels::width(depth) != levels::width(depth + 1) {
        levels::encode(&owners.rep, levels::width(depth + 1), &mut wide);
    } else {
        wide.extend_from_slice(&owners.rep_encoded);
    }
    for (slot, &leaf) in routes.slots.iter().enumerate() {
        let leaf = &mut leaves[leaf];
        let held = |owner| held(slot, owner);
        if leaf.leaf.def_max == depth {
            required(leaf, source, held);
        } else if leaf.leaf.optional {
            optional(leaf, scratch, source, held);
        } else {
            list(leaf, scratch, source, &wide, held);
        }
    }
    for &leaf in &routes.unused {
        leaves[leaf].end_unit_with(source.rows, &wide, &owners.def);
    }
    scratch.rep_encoded = wide;
}

/// The service name, whose absence is an empty string.
fn required(leaf: &mut LeafWriter<'_>, source: &Source<'_>, held: impl Fn(usize) -> Held) {
    for owner in 0..source.owners.def.len() {
        let code = if let Held::Text(code) = held(owner) { code } else { 0 };
        leaf.push_code(code, &source.columns.values);
    }
    leaf.end_unit(source.rows, source.owners);
}

fn optional(
    leaf: &mut LeafWriter<'_>,
    scratch: &mut Scratch,
    source: &Source<'_>,
    held: impl Fn(usize) -> Held,
) {
    scratch.def.clear();
    for (owner, &def) in source.owners.def.iter().enumerate() {
        let held = held(owner);
        push(leaf, source.columns, held);
        scratch.def.push(def + u8::from(held != Held::Absent));
    }
    leaf.end_unit_with(source.rows, &source.owners.rep_encoded, &scratch.def);
}

fn list(
    leaf: &mut LeafWriter<'_>,
    scratch: &mut Scratch,
    source: &Source<'_>,
    rep_encoded: &[u8],
    held: impl Fn(usize) -> Held,
) {
    let depth = source.owner.list().depth();
    let Stream { rep, def, .. } = source.owners;
    scratch.rep.clear();
    scratch.def.clear();
    let mut owner = 0;
    for (&rep, &def) in rep.iter().zip(def) {
        let mut count = 0;
        if def == depth {
            count = push(leaf, source.columns, held(owner));
            owner += 1;
        }
        scratch.rep.push(rep);
        scratch.def.push(def + u8::from(count > 0));
        for _ in 1..count {
            scratch.rep.push(depth + 1);
            scratch.def.push(depth + 1);
        }
    }
    if scratch.rep.len() == rep.len() {
        leaf.end_unit_with(source.rows, rep_encoded, &scratch.def);
        return;
    }
    let mut encoded = Vec::new();
    levels::encode(&scratch.rep, levels::width(depth + 1), &mut encoded);
    leaf.end_unit_with(source.rows, &encoded, &scratch.def);
}

/// Appends the values; returns how many they are.
#[inline]
fn push(leaf: &mut LeafWriter<'_>, columns: &Columns, held: Held) -> usize {
    match held {
        Held::Absent => return 0,
        Held::Text(code) => leaf.push_code(code, &columns.values),
        Held::Int(number) => leaf.push_int(number),
        Held::Array(code) => {
            let mut count = 0;
            for element in any_value::array_elements(columns.raw.get(code)) {
                match element {
                    ValueRef::Str(text) => leaf.push_text(text.as_bytes()),
                    ValueRef::Int(number) => leaf.push_int(number),
                    // Routes let no other arrays come here.
                    _ => continue,
                }
                count += 1;
            }
            return count;
        }
    }
    1
}
