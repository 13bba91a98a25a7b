//! Leaves of resources and scopes.

use super::super::attrs::{self, Source};
use super::super::leaf::LeafWriter;
use super::{Scratch, Unit, Writers, leaf, seven};
use crate::schema::{Column, Owner, Schema};
use std::ops::Range;

impl Writers<'_> {
    pub(super) fn resources(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.resources[unit.resources.clone()];
        let owners = self.owners;
        let values = &self.columns.values;
        let resource = |run: &(u32, u32)| &owners.resources[run.0 as usize];
        let stream = &self.scratch.resources;
        let leaf = leaf(&mut self.leaves, self.schema, Column::DroppedAttributes(Owner::Resource));
        runs.iter().for_each(|run| leaf.push_int(i64::from(resource(run).dropped as i32)));
        leaf.end_unit(rows, stream);
        for (slot, &column) in owners.resource_routes.slots.iter().enumerate() {
            let leaf = self::leaf(&mut self.leaves, self.schema, column);
            let held = runs.iter().map(|run| resource(run).slots[slot]);
            if !leaf.leaf.optional {
                held.for_each(|code| leaf.push_code(code.unwrap_or(0), values));
                leaf.end_unit(rows, stream);
                continue;
            }
            self.scratch.optional.clear();
            for code in held {
                self.scratch.optional.push(leaf.leaf.rep_max + u8::from(code.is_some()));
                if let Some(code) = code {
                    leaf.push_code(code, values);
                }
            }
            leaf.end_unit_with(rows, &stream.rep_encoded, &self.scratch.optional);
        }
        self.unused_spares(Owner::Resource, rows);
        let source = Source {
            columns: self.columns,
            attrs: &self.columns.resource_attrs,
            owner: Owner::Resource,
            owners: &self.scratch.resources,
            rows,
        };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Resource);
        let of = |id: u32| prepared(&owners.attrs, &owners.resources[id as usize].attrs);
        let ids = runs.iter().map(|run| run.0);
        attrs::write(leaves, &mut self.scratch.attrs, &source, ids, of, |_, _| false);
    }

    /// Spares that the meta gives to no attribute: all null.
    pub(super) fn unused_spares(&mut self, owner: Owner, rows: usize) {
        let Scratch { resources, spans, optional, .. } = &mut self.scratch;
        let stream = if owner == Owner::Resource { resources } else { spans };
        optional.clear();
        optional.resize(stream.rep.len(), owner.list().depth());
        let used = if owner == Owner::Resource {
            &self.owners.resource_routes.slots
        } else {
            &self.span_routes.slots
        };
        for number in 0..Schema::V4_SPARES {
            let column = Column::Spare(owner, number);
            if !used.contains(&column) {
                let leaf = leaf(&mut self.leaves, self.schema, column);
                leaf.end_unit_with(rows, &stream.rep_encoded, optional);
            }
        }
    }

    pub(super) fn scopes(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.scopes[unit.scopes.clone()];
        let owners = self.owners;
        let scope = |run: &(u32, u32)| &owners.scopes[run.0 as usize];
        let stream = &self.scratch.scopes;
        let mut put = |column, push: &dyn Fn(&mut LeafWriter, &(u32, u32))| {
            let leaf = leaf(&mut self.leaves, self.schema, column);
            runs.iter().for_each(|run| push(leaf, run));
            leaf.end_unit(rows, stream);
        };
        let names = &self.columns.names;
        put(Column::ScopeName, &|leaf, run| leaf.push_code(scope(run).name, names));
        put(Column::ScopeVersion, &|leaf, run| leaf.push_code(scope(run).version, names));
        put(Column::DroppedAttributes(Owner::Scope), &|leaf, run| {
            leaf.push_int(i64::from(scope(run).dropped as i32));
        });
        let source = Source {
            columns: self.columns,
            attrs: &self.columns.scope_attrs,
            owner: Owner::Scope,
            owners: stream,
            rows,
        };
        let leaves = seven(&mut self.leaves, self.schema, Owner::Scope);
        let of = |id: u32| prepared(&owners.attrs, &owners.scopes[id as usize].attrs);
        let ids = runs.iter().map(|run| run.0);
        attrs::write(leaves, &mut self.scratch.attrs, &source, ids, of, |_, _| false);
    }
}

fn prepared<'o>(attrs: &'o [u32], range: &Range<u32>) -> impl Iterator<Item = usize> + use<'o> {
    attrs[range.start as usize..range.end as usize].iter().map(|&i| i as usize)
}
