//! Resources and scopes: which are the same, and what goes where of their attributes.
//!
//! A batch may hold one resource many times over; in a block, equal ones of a trace become one. Equal
//! means: the same columns in the file. Dropped counts and schema URLs don't count, the first one wins.

use crate::meta::{DedicatedColumn, DedicatedScope, spares};
use crate::schema::{Column, Fixed, Owner};
use cadenza_model::{AttrType, Attrs, Code, Columns, Dict};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// An attribute's place in [`Routes`] when it stays in the generic list.
pub(super) const GENERIC: u8 = u8::MAX;

/// Which attributes have a column of their own, by code of their key.
pub(super) struct Routes {
    by_key: Vec<u8>,
    /// Columns by slot number.
    pub(super) slots: Vec<Column>,
}

impl Routes {
    /// For attributes of `owner`; resources additionally route `service.name`, as the first slot.
    pub(super) fn new(names: &Dict, owner: Owner, dedicated: &[DedicatedColumn]) -> Self {
        let mut routes = Self { by_key: vec![GENERIC; names.len()], slots: Vec::new() };
        if owner == Owner::Resource {
            routes.add(names, "service.name", Column::ServiceName);
        }
        for fixed in Fixed::ALL {
            if fixed.owner() == owner {
                routes.add(names, fixed.attribute(), Column::Fixed(fixed));
            }
        }
        let scope = if owner == Owner::Resource { DedicatedScope::Resource } else { DedicatedScope::Span };
        for (number, name) in spares(dedicated, scope) {
            routes.add(names, name, Column::Spare(owner, number));
        }
        routes
    }

    fn add(&mut self, names: &Dict, key: &str, column: Column) {
        let slot = self.slots.len() as u8;
        for code in names.codes_of(key.as_bytes()) {
            self.by_key[code as usize] = slot;
        }
        self.slots.push(column);
    }

    /// The slot of attribute `i`, if its key has one and its type fits.
    #[inline]
    pub(super) fn slot(&self, attrs: &Attrs, i: usize) -> Option<usize> {
        let slot = self.by_key[attrs.key[i] as usize];
        if slot == GENERIC {
            return None;
        }
        let wanted = match self.slots[slot as usize] {
            Column::Fixed(fixed) if fixed.is_int() => AttrType::Int,
            _ => AttrType::Str,
        };
        (attrs.ty[i] == wanted).then_some(slot as usize)
    }

    /// True if some key of the batch goes to `slot`.
    pub(super) fn in_use(&self) -> Vec<bool> {
        let mut used = vec![false; self.slots.len()];
        for &slot in &self.by_key {
            if slot != GENERIC {
                used[slot as usize] = true;
            }
        }
        used
    }
}

/// A distinct resource.
pub(super) struct Resource {
    /// Values by slot of the resource's routes.
    pub(super) slots: Vec<Option<Code>>,
    /// Generic attributes, in [`Owners::attrs`].
    pub(super) attrs: Range<u32>,
    pub(super) dropped: u32,
    /// Number of its service, ascending by name; see [`Owners::services`].
    pub(super) service: u32,
}

/// A distinct scope of a distinct resource.
pub(super) struct Scope {
    pub(super) resource: u32,
    pub(super) name: Code,
    pub(super) version: Code,
    /// Attributes, in [`Owners::attrs`].
    pub(super) attrs: Range<u32>,
    pub(super) dropped: u32,
}

/// Distinct resources and scopes.
pub(super) struct Owners {
    pub(super) resources: Vec<Resource>,
    pub(super) resource_routes: Routes,
    pub(super) scopes: Vec<Scope>,
    /// Distinct scope by scope row of the columns.
    pub(super) scope_of: Vec<u32>,
    /// Indices of resource and scope attributes, by owner sorted by key.
    pub(super) attrs: Vec<u32>,
    /// Names of services, by number.
    pub(super) services: Vec<Code>,
}

impl Owners {
    pub(super) fn new(columns: &Columns, dedicated: &[DedicatedColumn]) -> Self {
        let resource_routes = Routes::new(&columns.names, Owner::Resource, dedicated);
        let mut owners = Self {
            resources: Vec::new(),
            resource_routes,
            scopes: Vec::new(),
            scope_of: Vec::new(),
            attrs: Vec::new(),
            services: Vec::new(),
        };
        let resource_of = owners.add_resources(columns);
        owners.add_scopes(columns, &resource_of);
        owners.number_services(columns);
        owners
    }

    /// Distinct resource by row.
    fn add_resources(&mut self, columns: &Columns) -> Vec<u32> {
        let mut known = HashMap::<Vec<u8>, u32, RandomState>::default();
        let attrs = &columns.resource_attrs;
        let mut content = Vec::new();
        let mut add = |row: usize| {
            let first = self.attrs.len();
            let mut slots = vec![None; self.resource_routes.slots.len()];
            for i in attrs.of(row) {
                match self.resource_routes.slot(attrs, i) {
                    Some(slot) => slots[slot] = Some(attrs.val[i] as Code),
                    None => self.attrs.push(i as u32),
                }
            }
            slots[0] = columns.resource_service_at(row).map(|i| attrs.val[i] as Code);
            self.attrs[first..]
                .sort_by(|&a, &b| columns.key(attrs, a as usize).cmp(columns.key(attrs, b as usize)));
            content.clear();
            for slot in &slots {
                put_text(&mut content, slot.map(|code| columns.values.get(code)));
            }
            put_attrs(&mut content, columns, attrs, &self.attrs[first..]);
            if let Some(&same) = known.get(&content) {
                self.attrs.truncate(first);
                return same;
            }
            let number = self.resources.len() as u32;
            known.insert(content.clone(), number);
            let dropped = columns.resources.dropped_attributes[row];
            let attrs = first as u32..self.attrs.len() as u32;
            self.resources.push(Resource { slots, attrs, dropped, service: 0 });
            number
        };
        (0..columns.resources.dropped_attributes.len()).map(&mut add).collect()
    }

    fn add_scopes(&mut self, columns: &Columns, resource_of: &[u32]) {
        let mut known = HashMap::<Vec<u8>, u32, RandomState>::default();
        let attrs = &columns.scope_attrs;
        let scopes = &columns.scopes;
        let mut content = Vec::new();
        for row in 0..scopes.name.len() {
            let first = self.attrs.len();
            self.attrs.extend(attrs.of(row).map(|i| i as u32));
            self.attrs[first..]
                .sort_by(|&a, &b| columns.key(attrs, a as usize).cmp(columns.key(attrs, b as usize)));
            let resource = resource_of[scopes.resource[row] as usize];
            content.clear();
            content.extend_from_slice(&resource.to_le_bytes());
            put_text(&mut content, Some(columns.names.get(scopes.name[row])));
            put_text(&mut content, Some(columns.names.get(scopes.version[row])));
            put_attrs(&mut content, columns, attrs, &self.attrs[first..]);
            if let Some(&same) = known.get(&content) {
                self.attrs.truncate(first);
                self.scope_of.push(same);
                continue;
            }
            let number = self.scopes.len() as u32;
            known.insert(content.clone(), number);
            self.scope_of.push(number);
            self.scopes.push(Scope {
                resource,
                name: scopes.name[row],
                version: scopes.version[row],
                attrs: first as u32..self.attrs.len() as u32,
                dropped: scopes.dropped_attributes[row],
            });
        }
    }

    fn number_services(&mut self, columns: &Columns) {
        let service = |resource: &Resource| resource.slots[0].unwrap_or(0);
        let name = |code: &Code| columns.values.get(*code);
        self.services = self.resources.iter().map(service).collect();
        self.services.sort_by(|a, b| name(a).cmp(name(b)));
        self.services.dedup_by(|a, b| name(a) == name(b));
        for resource in &mut self.resources {
            let wanted = name(&service(resource));
            resource.service = self.services.partition_point(|code| name(code) < wanted) as u32;
        }
    }
}

fn put_text(content: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return content.push(0) };
    content.push(1);
    content.extend_from_slice(&(text.len() as u64).to_le_bytes());
    content.extend_from_slice(text);
}

fn put_attrs(content: &mut Vec<u8>, columns: &Columns, attrs: &Attrs, indices: &[u32]) {
    for &i in indices {
        let i = i as usize;
        put_text(content, Some(columns.key(attrs, i).as_bytes()));
        content.push(attrs.ty[i] as u8);
        match attrs.ty[i] {
            AttrType::Str => put_text(content, Some(columns.values.get(attrs.val[i] as Code))),
            AttrType::Array | AttrType::Map | AttrType::Bytes => {
                put_text(content, Some(columns.raw.get(attrs.val[i] as Code)));
            }
            AttrType::Int | AttrType::Double | AttrType::Bool => {
                content.extend_from_slice(&attrs.val[i].to_le_bytes());
            }
            AttrType::Absent | AttrType::Empty => {}
        }
    }
}
