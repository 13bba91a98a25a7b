//! Trees against rules written out by hand and against a slow, obvious construction.

use super::*;
use crate::{AttrType, SpanId, TraceId};
use proptest::prelude::*;

/// (span id, parent id, kind)
type Node = (u64, u64, i32);

fn columns(nodes: &[Node]) -> Columns {
    let mut columns = Columns::new();
    let spans = &mut columns.spans;
    for &(id, parent, kind) in nodes {
        spans.trace_id.push(TraceId([1; 16]));
        spans.span_id.push(SpanId(id));
        spans.parent_id.push(SpanId(parent));
        spans.kind.push(kind);
        spans.status.push(0);
        spans.event_ends.push(0);
        spans.link_ends.push(0);
    }
    columns
}

fn all(nodes: &[Node]) -> Vec<u32> {
    (0..nodes.len() as u32).collect()
}

/// "left,right,parent" by span, then the root.
fn check(nodes: &[Node], expect: &str) {
    let tree = assemble(&columns(nodes), &all(nodes));
    let span = |i: usize| format!("{},{},{}", tree.left[i], tree.right[i], tree.parent_left[i]);
    let spans: Vec<_> = (0..nodes.len()).map(span).collect();
    assert_eq!(format!("{} root {:?}", spans.join(" "), tree.root), expect, "{nodes:?}");
}

#[test]
fn numbers_follow_the_order_of_rows() {
    check(&[], " root None");
    check(&[(1, 0, 1)], "1,2,-1 root Some(0)");
    check(&[(2, 1, 1), (3, 1, 1), (1, 0, 1)], "2,3,1 4,5,1 1,6,-1 root Some(2)");
    check(&[(1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 1, 1)], "1,8,-1 2,5,1 3,4,2 6,7,1 root Some(0)");
}

#[test]
fn the_last_root_names_the_trace_and_all_are_numbered() {
    check(&[(1, 0, 1), (2, 0, 1), (3, 1, 1)], "1,4,-1 5,6,-1 2,3,1 root Some(1)");
}

#[test]
fn without_a_root_nothing_is_numbered() {
    check(&[(2, 1, 1), (3, 2, 1)], "0,0,0 0,0,0 root None");
    let tree = assemble(&columns(&[(2, 1, 1), (3, 2, 1)]), &[0, 1]);
    assert_eq!(tree.child_count, [0, 0]);
}

#[test]
fn what_hangs_on_nothing_or_on_itself_stays_unnumbered() {
    check(&[(1, 0, 1), (2, 9, 1), (3, 2, 1)], "1,2,-1 0,0,0 0,0,0 root Some(0)");
    check(&[(1, 0, 1), (2, 2, 1)], "1,2,-1 0,0,0 root Some(0)");
    check(&[(1, 0, 1), (2, 3, 1), (3, 2, 1)], "1,2,-1 0,0,0 0,0,0 root Some(0)");
}

#[test]
fn shared_ids_are_told_apart_by_kind() {
    // A client (kind 3) and a server (2) span with id 2; the child of 2 belongs to the server.
    let nodes = [(1, 0, 2), (2, 1, 3), (2, 2, 2), (5, 2, 1)];
    check(&nodes, "1,8,-1 2,7,1 3,6,2 4,5,3 root Some(0)");
    // Neither is a server: no parent.
    check(&[(1, 0, 1), (2, 1, 1), (2, 1, 1), (5, 2, 1)], "1,6,-1 2,3,1 4,5,1 0,0,0 root Some(0)");
    // Three spans with one id can't be told apart: nothing is numbered.
    check(&[(1, 0, 1), (2, 1, 1), (2, 1, 2), (2, 1, 3)], "0,0,0 0,0,0 0,0,0 0,0,0 root Some(0)");
}

#[test]
fn a_parent_id_of_odd_length_is_no_root() {
    let mut columns = columns(&[(1, 0, 1), (2, 0, 1)]);
    let code = columns.raw.intern(b"odd");
    columns.spans.odd_parents.push((1, code));
    let tree = assemble(&columns, &[0, 1]);
    assert_eq!((tree.root, tree.left, tree.parent_left), (Some(0), vec![1, 0], vec![-1, 0]));
}

#[test]
fn a_child_of_link_into_the_trace_takes_the_name_but_not_the_number() {
    let mut columns = columns(&[(1, 0, 1), (2, 0, 1)]);
    columns.links.trace_id.push(TraceId([1; 16]));
    columns.spans.link_ends[1] = 1;
    let key = columns.names.intern(b"opentracing.ref_type");
    let value = columns.values.intern(b"child_of");
    columns.link_attrs.push(key, AttrType::Str, value.into());
    columns.link_attrs.end_owner();
    let tree = assemble(&columns, &[0, 1]);
    assert_eq!((tree.root, tree.left), (Some(0), vec![1, 3]));
    columns.links.trace_id[0] = TraceId([2; 16]);
    assert_eq!(assemble(&columns, &[0, 1]).root, Some(1));
}

#[test]
fn a_chain_as_long_as_a_trace_may_be_is_numbered() {
    let nodes: Vec<Node> = (1..=300_000).map(|id| (id, id - 1, 1)).collect();
    let tree = assemble(&columns(&nodes), &all(&nodes));
    assert_eq!((tree.left[299_999], tree.right[299_999], tree.right[0]), (300_000, 300_001, 600_000));
}

#[test]
fn services_are_counted_in_order_with_errors() {
    let mut columns = columns(&[(1, 0, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)]);
    columns.spans.status = vec![2, 0, 1, 2];
    let mut stats = Vec::new();
    service_stats(&columns, &[0, 1, 2, 3], |row| [7, 3, 7, 7][row as usize], &mut stats);
    let expect = [(3, 1, 0), (7, 3, 2)];
    assert_eq!(stats, expect.map(|(service, spans, errors)| ServiceStat { service, spans, errors }));
}

/// Numbers `at` and what lies below it by the definition.
fn number(nodes: &[Node], parents: &[Option<usize>], at: usize, next: &mut i32, out: &mut Vec<[i32; 3]>) {
    *next += 1;
    out[at][0] = *next;
    out[at][2] = parents[at].map_or(-1, |parent| out[parent][0]);
    for child in 0..nodes.len() {
        if parents[child] == Some(at) {
            number(nodes, parents, child, next, out);
        }
    }
    *next += 1;
    out[at][1] = *next;
}

fn parent_of(nodes: &[Node], at: usize) -> Option<usize> {
    let (_, parent, kind) = nodes[at];
    let same: Vec<usize> = (0..nodes.len()).filter(|&i| parent != 0 && nodes[i].0 == parent).collect();
    match same[..] {
        [one] => Some(one),
        _ => same.into_iter().find(|&i| nodes[i].2 == if kind == 2 { 3 } else { 2 }),
    }
}

proptest! {
    #[test]
    fn equals_the_definition(nodes in prop::collection::vec((1..20_u64, 0..20_u64, 1..4_i32), 0..24)) {
        let mut expect = vec![[0; 3]; nodes.len()];
        let most = (1..20).map(|id| nodes.iter().filter(|n| n.0 == id).count()).max().unwrap_or(0);
        let parents: Vec<_> = (0..nodes.len()).map(|at| parent_of(&nodes, at)).collect();
        if most <= 2 {
            let mut next = 0;
            for root in (0..nodes.len()).filter(|&i| nodes[i].1 == 0) {
                number(&nodes, &parents, root, &mut next, &mut expect);
            }
        }
        let tree = assemble(&columns(&nodes), &all(&nodes));
        for (i, expect) in expect.iter().enumerate() {
            prop_assert_eq!(&[tree.left[i], tree.right[i], tree.parent_left[i]], expect);
        }
        prop_assert_eq!(tree.root, nodes.iter().rposition(|n| n.1 == 0));
    }
}
