//! Resources and scopes: which are the same, and what goes where of their attributes.
//!
//! A batch may hold one resource many times over; in a block, equal ones of a trace become one. Equal
//! means: the same columns in the file. Dropped counts and schema URLs don't count, the first one wins.

use super::own::Held;
use super::routes::Routes;
use crate::schema::{Owner, Schema};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Code, Columns, ValueRef};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::ops::Range;

/// A distinct resource.
pub(super) struct Resource {
    /// Values by slot of the resource's routes.
    pub(super) slots: Vec<Held>,
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

impl Resource {
    fn service_name(&self) -> Code {
        if let Held::Text(code) = self.slots[0] { code } else { 0 }
    }
}

impl Owners {
    pub(super) fn new(columns: &Columns, schema: &Schema) -> Self {
        let resource_routes = Routes::new(&columns.names, Owner::Resource, schema);
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
            let mut slots = vec![Held::Absent; self.resource_routes.slots.len()];
            for i in attrs.of(row) {
                match self.resource_routes.slot(columns, attrs, i) {
                    Some((slot, held)) => slots[slot] = held,
                    None => self.attrs.push(i as u32),
                }
            }
            let service = columns.resource_service_at(row);
            slots[0] = service.map_or(Held::Absent, |i| Held::Text(attrs.val[i] as Code));
            self.attrs[first..]
                .sort_by(|&a, &b| columns.key(attrs, a as usize).cmp(columns.key(attrs, b as usize)));
            content.clear();
            for slot in &slots {
                put_held(&mut content, columns, *slot);
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
        let service = Resource::service_name;
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

/// What the column holds, so that a value and an array of only that value are the same.
fn put_held(content: &mut Vec<u8>, columns: &Columns, held: Held) {
    let count_at = content.len();
    content.extend_from_slice(&0_u32.to_le_bytes());
    let mut count = 0_u32;
    let mut put = |value: ValueRef<'_>| {
        count += 1;
        match value {
            ValueRef::Int(number) => content.extend_from_slice(&number.to_le_bytes()),
            ValueRef::Str(text) => put_text(content, Some(text.as_bytes())),
            _ => {}
        }
    };
    match held {
        Held::Absent => {}
        Held::Text(code) => put(ValueRef::Str(columns.values.str(code))),
        Held::Int(number) => put(ValueRef::Int(number)),
        Held::Array(code) => any_value::array_elements(columns.raw.get(code)).for_each(put),
    }
    content[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
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
