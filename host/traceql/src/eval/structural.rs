//! Structural operators by nested set numbers: sorting and binary searches, never pairs.

use super::TraceView;
use crate::ast::{Form, Relation};

/// Numbers of a trace; a span without a tree has 0 everywhere and relates to none.
struct Numbers<'t> {
    left: &'t [i32],
    right: &'t [i32],
    parent: &'t [i32],
}

/// Positions that `left relation right` keeps in the given form; sorted if both inputs are.
pub(super) fn relate(
    trace: &TraceView<'_>,
    left: &[u32],
    right: &[u32],
    relation: Relation,
    form: Form,
) -> Vec<u32> {
    let empty: &[i32] = &[];
    let numbers = match trace.tree {
        Some(tree) => Numbers { left: &tree.left, right: &tree.right, parent: &tree.parent_left },
        None => Numbers { left: empty, right: empty, parent: empty },
    };
    match form {
        Form::Plain => numbers.having(left, right, relation, true),
        Form::Negated => numbers.having(left, right, relation, false),
        Form::Union => {
            let mut kept = numbers.having(left, right, relation, true);
            kept.extend(numbers.having(right, left, inverse(relation), true));
            kept.sort_unstable();
            kept.dedup();
            kept
        }
    }
}

fn inverse(relation: Relation) -> Relation {
    match relation {
        Relation::Child => Relation::Parent,
        Relation::Parent => Relation::Child,
        Relation::Descendant => Relation::Ancestor,
        Relation::Ancestor => Relation::Descendant,
        Relation::Sibling => Relation::Sibling,
    }
}

fn at(numbers: &[i32], position: u32) -> i32 {
    numbers.get(position as usize).copied().unwrap_or_default()
}

impl Numbers<'_> {
    /// Spans of `right` that have (or, unless `wanted`, have not) the relation to some span of `left`.
    fn having(&self, left: &[u32], right: &[u32], relation: Relation, wanted: bool) -> Vec<u32> {
        let test: Box<dyn Fn(u32) -> bool + '_> = match relation {
            Relation::Child => {
                let lefts = sorted(left.iter().map(|&p| at(self.left, p)).filter(|&n| n > 0));
                Box::new(move |b| lefts.binary_search(&at(self.parent, b)).is_ok())
            }
            Relation::Parent => {
                let parents = sorted(left.iter().map(|&p| at(self.parent, p)).filter(|&n| n > 0));
                Box::new(move |b| parents.binary_search(&at(self.left, b)).is_ok())
            }
            Relation::Descendant => self.descendant(left),
            Relation::Ancestor => {
                let lefts = sorted(left.iter().map(|&p| at(self.left, p)).filter(|&n| n > 0));
                Box::new(move |b| {
                    let (from, to) = (at(self.left, b), at(self.right, b));
                    from > 0 && lefts.get(lefts.partition_point(|&n| n <= from)).is_some_and(|&n| n < to)
                })
            }
            Relation::Sibling => {
                let parents = sorted(left.iter().map(|&p| at(self.parent, p)).filter(|&n| n > 0));
                let members = sorted(left.iter().copied());
                Box::new(move |b| {
                    let parent = at(self.parent, b);
                    let count =
                        parents.partition_point(|&n| n <= parent) - parents.partition_point(|&n| n < parent);
                    parent > 0 && count > usize::from(members.binary_search(&b).is_ok())
                })
            }
        };
        right.iter().copied().filter(|&b| test(b) == wanted).collect()
    }

    fn descendant<'s>(&'s self, left: &[u32]) -> Box<dyn Fn(u32) -> bool + 's> {
        let mut sets: Vec<(i32, i32)> =
            left.iter().map(|&p| (at(self.left, p), at(self.right, p))).filter(|set| set.0 > 0).collect();
        sets.sort_unstable();
        // Furthest right end among the sets that start no later: subtrees nest or are disjoint, so one
        // that starts before a span and ends after it holds it.
        let mut furthest = 0;
        for set in &mut sets {
            furthest = furthest.max(set.1);
            set.1 = furthest;
        }
        Box::new(move |b| {
            let (from, to) = (at(self.left, b), at(self.right, b));
            let before = sets.partition_point(|set| set.0 < from);
            from > 0 && before > 0 && sets[before - 1].1 > to
        })
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items
}
