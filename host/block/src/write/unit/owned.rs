//! Leaves of resources and scopes.

use super::super::attrs::{self, Source};
use super::super::leaf::LeafWriter;
use super::super::own;
use super::{Unit, Writers, leaf, seven};
use crate::schema::{Column, Owner};
use std::ops::Range;

impl Writers<'_> {
    pub(super) fn resources(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.resources[unit.resources.clone()];
        let owners = self.owners;
        let resource = |run: &(u32, u32)| &owners.resources[run.0 as usize];
        let stream = &self.scratch.resources;
        let leaf = leaf(&mut self.leaves, self.schema, Column::DroppedAttributes(Owner::Resource));
        runs.iter().for_each(|run| leaf.push_int(i64::from(resource(run).dropped as i32)));
        leaf.end_unit(rows, stream);
        let source = Source {
            columns: self.columns,
            attrs: &self.columns.resource_attrs,
            owner: Owner::Resource,
            owners: &self.scratch.resources,
            rows,
        };
        own::write(&mut self.leaves, &mut self.scratch.own, &source, &owners.resource_routes, |slot, run| {
            resource(&runs[run]).slots[slot]
        });
        let leaves = seven(&mut self.leaves, self.schema, Owner::Resource);
        let of = |id: u32| prepared(&owners.attrs, &owners.resources[id as usize].attrs);
        let ids = runs.iter().map(|run| run.0);
        attrs::write(leaves, &mut self.scratch.attrs, &source, ids, of, |_, _| false);
    }

    pub(super) fn scopes(&mut self, unit: &Unit) {
        let rows = unit.traces.len();
        let runs = &self.plan.scopes[unit.scopes.clone()];
        let owners = self.owners;
        let scope = |run: &(u32, u32)| &owners.scopes[run.0 as usize];
        let stream = &self.scratch.scopes;
        let mut put = |column, push: &dyn Fn(&mut LeafWriter<'_>, &(u32, u32))| {
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
        if let Some(leaf) = self.schema.leaf(Column::ScopeSpanCount) {
            let leaf = &mut self.leaves[leaf.index];
            let mut start = unit.spans.start;
            for run in runs {
                leaf.push_int(run.1 as i64 - start as i64);
                start = run.1 as usize;
            }
            leaf.end_unit(rows, stream);
        }
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
