//! The old flat spelling of limits, turned into the scoped one before anything is checked.

use crate::check::{Findings, join};
use crate::schema::FLAT;
use crate::yaml::{Entry, Node, Value};

/// Keys of `overrides` that are not limits.
const NOT_LIMITS: [&str; 5] = [
    "defaults",
    "per_tenant_override_config",
    "per_tenant_override_period",
    "enable_legacy_overrides",
    "user_configurable_overrides",
];

/// Names that are both a flat limit and a scoped one.
const SHARED: [&str; 2] = ["forwarders", "cost_attribution"];

/// `overrides:` with limits as direct children: they move to `defaults`. Returns whether there were any.
pub(crate) fn hoist(root: &mut Node, findings: &mut Findings) -> bool {
    let Value::Map(sections) = &mut root.value else { return false };
    let Some(overrides) = sections.iter_mut().find(|entry| entry.key == "overrides") else { return false };
    let Value::Map(entries) = &mut overrides.node.value else { return false };
    let is_limit = |entry: &Entry| {
        !NOT_LIMITS.contains(&&*entry.key) && (FLAT.contains_key(&entry.key) || SHARED.contains(&&*entry.key))
    };
    let (limits, rest): (Vec<Entry>, Vec<Entry>) = std::mem::take(entries).into_iter().partition(is_limit);
    *entries = rest;
    let found = !limits.is_empty();
    for limit in limits {
        let defaults = match entries.iter_mut().position(|entry| entry.key == "defaults") {
            Some(at) => &mut entries[at].node,
            None => {
                let (line, column) = (limit.line, limit.column);
                let node = Node { line, column, ..Node::map() };
                entries.push(Entry { key: "defaults".to_owned(), line, column, node });
                let last = entries.len() - 1;
                &mut entries[last].node
            }
        };
        match &mut defaults.value {
            Value::Map(known) => {
                if known.iter().any(|entry| entry.key == limit.key) {
                    twice(findings, &limit, "overrides", &format!("overrides.defaults.{}", limit.key));
                } else {
                    known.push(limit);
                }
            }
            Value::Null => defaults.value = Value::Map(vec![limit]),
            // The checker will name the wrong type of `defaults`.
            Value::Scalar(_) | Value::List(_) => {}
        }
    }
    found
}

/// One block of limits: flat names move to their scoped places.
pub(crate) fn scope(block: &mut Node, path: &str, findings: &mut Findings) -> bool {
    let Value::Map(entries) = &mut block.value else { return false };
    let (flat, rest): (Vec<Entry>, Vec<Entry>) =
        std::mem::take(entries).into_iter().partition(|entry| FLAT.contains_key(&entry.key));
    *entries = rest;
    let found = !flat.is_empty();
    for entry in flat {
        let Some(place) = FLAT.get(&entry.key) else { continue };
        if entry.node.value == Value::Null {
            continue;
        }
        if let Some(blocker) = blocker(block, place) {
            // `ingestion: 5` beside `ingestion_rate_limit_bytes`: the checker names the wrong type.
            if !blocker {
                twice(findings, &entry, path, &join(path, &place.join(".")));
            }
            continue;
        }
        let node = entry.node.clone();
        block.set(place, node);
    }
    found
}

/// `Some(false)` when the place is taken, `Some(true)` when something on the way is no section.
fn blocker(block: &Node, place: &[&str]) -> Option<bool> {
    let mut node = block;
    for (i, key) in place.iter().enumerate() {
        let child = node.get(key)?;
        match &child.value {
            Value::Null => return None,
            Value::Map(_) if i + 1 < place.len() => node = child,
            _ => return Some(i + 1 < place.len()),
        }
    }
    Some(false)
}

fn twice(findings: &mut Findings, entry: &Entry, path: &str, other: &str) {
    let place = Node { line: entry.line, column: entry.column, ..Node::default() };
    findings.problem(&place, &join(path, &entry.key), format!("the same limit is also set by `{other}`"));
}
