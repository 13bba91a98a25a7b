//! Which attributes of a batch go to a column of their own.

use super::own::Held;
use crate::schema::{Column, List, Own, Owner, Schema, ValueKind};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Code, Columns, Dict, ValueRef};

/// "No slot".
const NONE: u8 = u8::MAX;

/// Slots of one key.
#[derive(Clone, Copy)]
struct Route {
    text: u8,
    int: u8,
    /// A spare that is a list takes arrays, too.
    list: u8,
}

const GENERIC: Route = Route { text: NONE, int: NONE, list: NONE };

/// Columns of their own of one owner.
pub(super) struct Routes {
    /// By code of the key.
    by_key: Vec<Route>,
    /// Leaf by slot: the columns that some key of the batch has.
    pub(super) slots: Vec<usize>,
    /// Type of the values by slot.
    kinds: Vec<ValueKind>,
    /// Leaves that nothing of the batch goes to.
    pub(super) unused: Vec<usize>,
    /// Whether spares are lists.
    pub(super) has_lists: bool,
}

impl Routes {
    /// For attributes of `owner`. The service name of resources is the first slot.
    pub(super) fn new(names: &Dict, owner: Owner, schema: &Schema) -> Self {
        let mut routes = Self {
            by_key: vec![GENERIC; names.len()],
            slots: Vec::new(),
            kinds: Vec::new(),
            unused: Vec::new(),
            has_lists: schema.leaves().iter().any(|leaf| leaf.list == List::Spare(owner)),
        };
        let is_spare = |own: &&Own| matches!(own.column, Column::Spare(..));
        let own = || schema.own(owner).iter();
        // What has a fixed column goes there, also where a spare has the same name.
        for own in own().filter(|own| !is_spare(own)).chain(own().filter(is_spare)) {
            routes.add(names, own, schema);
        }
        let spares = schema.leaves().iter().filter(|leaf| leaf.column.spare_owner() == Some(owner));
        let unnamed = spares.filter(|leaf| own().all(|own| own.column != leaf.column));
        routes.unused.extend(unnamed.map(|leaf| leaf.index));
        routes
    }

    fn add(&mut self, names: &Dict, own: &Own, schema: &Schema) {
        let (Some(leaf), Some(kind)) = (schema.leaf(own.column), own.column.value_kind()) else { return };
        let slot = self.slots.len() as u8;
        let mut is_used = own.column == Column::ServiceName;
        for code in names.codes_of(own.key.as_bytes()) {
            let route = &mut self.by_key[code as usize];
            let place = if kind == ValueKind::Int { &mut route.int } else { &mut route.text };
            if *place == NONE {
                (*place, is_used) = (slot, true);
            }
            if matches!(leaf.list, List::Spare(_)) {
                (route.list, is_used) = (slot, true);
            }
        }
        if is_used {
            self.slots.push(leaf.index);
            self.kinds.push(kind);
        } else {
            self.unused.push(leaf.index);
        }
    }

    /// The slot of attribute `i` and what goes there, if its key has one and its type fits.
    #[inline]
    pub(super) fn slot(&self, columns: &Columns, attrs: &Attrs, i: usize) -> Option<(usize, Held)> {
        let route = self.by_key[attrs.key[i] as usize];
        let value = attrs.val[i];
        let (slot, held) = match attrs.ty[i] {
            AttrType::Str => (route.text, Held::Text(value as Code)),
            AttrType::Int => (route.int, Held::Int(value as i64)),
            AttrType::Array => (route.list, Held::Array(value as Code)),
            _ => return None,
        };
        if slot == NONE {
            return None;
        }
        let slot = usize::from(slot);
        if attrs.ty[i] == AttrType::Array && !self.holds_array(columns.raw.get(value as Code), slot) {
            return None;
        }
        Some((slot, held))
    }

    /// Whether all elements of an encoded array are of the slot's type. Without elements they are, and the
    /// array is lost: a list cannot say that it is there and empty.
    fn holds_array(&self, encoded: &[u8], slot: usize) -> bool {
        any_value::array_elements(encoded).all(|element| match self.kinds[slot] {
            ValueKind::Str => matches!(element, ValueRef::Str(_)),
            _ => matches!(element, ValueRef::Int(_)),
        })
    }
}
