//! Lists of dedicated columns.

use crate::check::Findings;
use crate::config::{ColumnKind, ColumnOption, ColumnScope, DedicatedColumn};
use crate::values::{scalar_text, texts};
use crate::yaml::{Node, Value};

/// Most dedicated columns of a scope that the block format has room for.
const STRING_COLUMNS_MAX: usize = 20;
const INT_COLUMNS_MAX: usize = 5;

/// A checked list of dedicated columns, without those a block has no room for.
pub(crate) fn columns(node: &Node) -> Vec<DedicatedColumn> {
    let mut kept: Vec<DedicatedColumn> = Vec::new();
    for column in all_columns(node) {
        if kept.iter().filter(|other| alike(other, &column)).count() < room(column.kind) {
            kept.push(column);
        }
    }
    kept
}

fn alike(left: &DedicatedColumn, right: &DedicatedColumn) -> bool {
    left.scope == right.scope && left.kind == right.kind
}

const fn room(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::String => STRING_COLUMNS_MAX,
        ColumnKind::Int => INT_COLUMNS_MAX,
    }
}

fn all_columns(node: &Node) -> Vec<DedicatedColumn> {
    let Value::List(nodes) = &node.value else { return Vec::new() };
    let text = |node: &Node, key: &str| node.get(key).and_then(scalar_text).unwrap_or_default().to_owned();
    nodes
        .iter()
        .map(|node| DedicatedColumn {
            scope: match &*text(node, "scope") {
                "resource" => ColumnScope::Resource,
                "event" => ColumnScope::Event,
                _ => ColumnScope::Span,
            },
            name: text(node, "name"),
            kind: if text(node, "type") == "int" { ColumnKind::Int } else { ColumnKind::String },
            options: option_texts(node).iter().filter_map(|text| option(text)).collect(),
        })
        .collect()
}

fn option_texts(node: &Node) -> Vec<String> {
    node.get("options").map(texts).unwrap_or_default()
}

fn option(text: &str) -> Option<ColumnOption> {
    ColumnOption::ALL.into_iter().find(|option| option.name() == text)
}

/// Names must be there and unique; what is over the room of a scope is ignored with a warning.
pub(crate) fn check_columns(node: &Node, path: &str, findings: &mut Findings, warnings: &mut Vec<String>) {
    let place = |i: usize| match &node.value {
        Value::List(nodes) => nodes.get(i).unwrap_or(node),
        _ => node,
    };
    let columns = all_columns(node);
    for (i, column) in columns.iter().enumerate() {
        let path = format!("{path}[{i}]");
        if column.name.is_empty() {
            findings.problem(place(i), &path, "a dedicated column needs a name");
        }
        let before = &columns[..i];
        if before.iter().any(|other| other.scope == column.scope && other.name == column.name) {
            findings.problem(place(i), &path, format!("`{}` has a dedicated column already", column.name));
        }
        if let Some(unknown) = option_texts(place(i)).iter().find(|text| option(text).is_none()) {
            let known = ColumnOption::ALL.map(ColumnOption::name).join(", ");
            findings.problem(place(i), &path, format!("unknown option `{unknown}` (known: {known})"));
        }
        let room = room(column.kind);
        if before.iter().filter(|other| alike(other, column)).count() == room {
            warnings.push(format!(
                "{path} and later ones of its scope and type are ignored: a block has room for {room}"
            ));
        }
    }
}
