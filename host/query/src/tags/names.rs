//! Names of attributes, by scope.

use super::{Collect, Walk, Wanted, lists};
use crate::pushdown::fields;
use crate::service::Budget;
use crate::snapshot::Snapshot;
use crate::{QueryError, QueryLimits, TagNamesAnswer, TagNamesRequest, TagScope};
use cadenza_block::read::{BlockReader, Filter, Projection, ReadError};
use cadenza_block::schema::Owner;
use cadenza_model::Columns;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Names of what is no attribute, in Tempo's order.
const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

fn owner(scope: TagScope) -> Option<Owner> {
    Some(match scope {
        TagScope::Resource => Owner::Resource,
        TagScope::Span => Owner::Span,
        TagScope::Event => Owner::Event,
        TagScope::Link => Owner::Link,
        TagScope::Instrumentation => Owner::Scope,
        TagScope::Intrinsic => return None,
    })
}

/// An empty service name is none: blocks have one column for both.
fn is_lost(scope: TagScope, name: &str, value: cadenza_model::ValueRef<'_>) -> bool {
    scope == TagScope::Resource && matches!(value, cadenza_model::ValueRef::Str("")) && name == "service.name"
}

/// Attribute names by scope.
pub(crate) fn names(
    snapshots: &[(Snapshot, QueryLimits)],
    request: &TagNamesRequest,
    budget: &Budget,
) -> Result<TagNamesAnswer, QueryError> {
    let mut answer = TagNamesAnswer::default();
    let scopes = request.scopes.iter().filter_map(|&scope| Some((scope, owner(scope)?))).collect();
    let mut names = Names { scopes, found: BTreeMap::new(), bytes: 0, bytes_max: 0 };
    for (snapshot, limits) in snapshots {
        answer.missing.add(snapshot.missing());
        let wanted = Wanted::new(&request.query, limits.tag_groups_max)?;
        let touched: Vec<_> = wanted.program.fields().flat_map(fields).collect();
        let owners = names.scopes.iter().map(|(_, owner)| *owner);
        let projection = owners.fold(Projection::fields(&touched), Projection::with_attributes);
        (names.bytes, names.bytes_max) = (0, limits.tag_bytes_max);
        let mut walk = Walk::new(snapshot, limits, &wanted, &request.range, &projection, budget);
        walk.run(&mut names)?;
        answer.missing.add(walk.missing);
        answer.inspected.add(&walk.inspected);
    }
    for (scope, names) in names.found.into_iter().filter(|(_, names)| !names.is_empty()) {
        let limit = if request.limit_per_scope == 0 { usize::MAX } else { request.limit_per_scope };
        answer.scopes.push((scope, names.into_iter().take(limit).collect()));
    }
    if request.scopes.contains(&TagScope::Intrinsic) {
        answer.scopes.push((TagScope::Intrinsic, INTRINSICS.iter().map(|&name| name.to_owned()).collect()));
    }
    Ok(answer)
}

/// Names found so far.
struct Names {
    scopes: Vec<(TagScope, Owner)>,
    found: BTreeMap<TagScope, BTreeSet<String>>,
    /// Of the tenant's names.
    bytes: usize,
    /// 0 for no bound.
    bytes_max: usize,
}

impl Names {
    fn goes_on(&self) -> bool {
        self.bytes_max == 0 || self.bytes < self.bytes_max
    }
}

impl Collect for Names {
    fn rows(&mut self, columns: &Columns, rows: &[u32]) -> bool {
        for &(scope, _) in &self.scopes {
            let names = self.found.entry(scope).or_default();
            // Names repeat: look at each key code once.
            let mut seen = BTreeSet::new();
            for &row in rows {
                let (attrs, owners) = lists(columns, row, scope);
                for at in owners.flat_map(|owner| attrs.of(owner)) {
                    if seen.contains(&attrs.key[at]) {
                        continue;
                    }
                    let name = columns.key(attrs, at);
                    if is_lost(scope, name, columns.value(attrs, at)) {
                        continue;
                    }
                    seen.insert(attrs.key[at]);
                    if !names.contains(name) {
                        self.bytes += name.len();
                        names.insert(name.to_owned());
                    }
                }
            }
        }
        self.goes_on()
    }

    fn block(
        &mut self,
        reader: &BlockReader,
        filter: &Filter,
        window: &Range<u64>,
    ) -> Result<Option<bool>, ReadError> {
        let owners: Vec<Owner> = self.scopes.iter().map(|(_, owner)| *owner).collect();
        let Some(found) = reader.attribute_names(&owners, filter, window)? else { return Ok(None) };
        for ((scope, _), new) in self.scopes.iter().zip(found) {
            let names = self.found.entry(*scope).or_default();
            for name in new {
                if self.bytes_max > 0 && self.bytes >= self.bytes_max {
                    return Ok(Some(false));
                }
                let length = name.len();
                self.bytes += if names.insert(name) { length } else { 0 };
            }
        }
        Ok(Some(self.goes_on()))
    }
}
