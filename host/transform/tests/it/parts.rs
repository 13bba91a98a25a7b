//! A part of a batch shows what the whole shows of those rows, whatever the chain has done to it before.

use crate::generate::Make;
use cadenza_model::Columns;
use cadenza_transform::plan::Scope;
use cadenza_transform::{Batch, CellKind, Column, Programs, Session};
use std::ops::Range;

/// Rows of each table that belong to some spans.
type Kept = [Vec<u32>; 5];

fn kept(columns: &Columns, spans: &[u32]) -> Kept {
    let below = |of: &dyn Fn(usize) -> Range<usize>| -> Vec<u32> {
        spans.iter().flat_map(|&span| of(span as usize)).map(|row| row as u32).collect()
    };
    let scopes: Vec<u32> = (0..columns.scopes.resource.len() as u32)
        .filter(|&scope| spans.iter().any(|&span| columns.spans.scope[span as usize] == scope))
        .collect();
    let mut resources: Vec<u32> = scopes.iter().map(|&row| columns.scopes.resource[row as usize]).collect();
    resources.sort_unstable();
    resources.dedup();
    let mut kept = Kept::default();
    kept[Scope::Resource as usize] = resources;
    kept[Scope::Instrumentation as usize] = scopes;
    kept[Scope::Event as usize] = below(&|span| columns.spans.events(span));
    kept[Scope::Link as usize] = below(&|span| columns.spans.links(span));
    kept[Scope::Span as usize] = spans.to_vec();
    kept
}

/// A cell as text, so that numbers of keys and entries don't matter: row, key, value.
fn cells(batch: &Batch, column: &Column) -> Vec<(u32, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let key = |keys: &[u32], at: usize| {
        keys.get(at).map_or(String::new(), |&key| text(batch.keys.get(key as usize).expect("a key")))
    };
    (0..column.len())
        .map(|cell| {
            let row = column.rows.get(cell).map_or(cell as u32, |&row| row);
            let (key, value) = match column.kind {
                CellKind::Coded => {
                    let entry = column.codes[cell] as usize;
                    assert!(entry < column.entries());
                    (key(&column.keys, entry), column.values.get(entry).map_or(String::new(), text))
                }
                CellKind::Ints => (key(&column.cell_keys, cell), column.ints[cell].to_string()),
                CellKind::Doubles => (key(&column.cell_keys, cell), format!("{:?}", column.doubles[cell])),
                CellKind::Booleans => (key(&column.cell_keys, cell), column.booleans[cell].to_string()),
                CellKind::Ids => panic!("no plan asks for ids"),
            };
            (row, key, value)
        })
        .collect()
}

/// Some spans: a run of them, or any.
fn spans(make: &Make<'_>, len: usize) -> Vec<u32> {
    if len == 0 {
        return Vec::new();
    }
    let (start, is_run) = (make.below(len), make.below(2) == 0);
    let end = start + 1 + make.below(len - start);
    let any = (0..len).filter(|_| !is_run && make.below(3) == 0);
    if is_run { (start..end).map(|row| row as u32).collect() } else { any.map(|row| row as u32).collect() }
}

/// Checks a random part of plugin `at` against `whole`, its projection; `scopes` are the tables of its columns.
pub(crate) fn check(
    make: &Make<'_>,
    session: &mut Session,
    (programs, at): (&Programs, usize),
    columns: &Columns,
    whole: &Batch,
    scopes: &[Scope],
) {
    let spans = spans(make, columns.spans.len());
    let part = session.project_part(programs, at, columns, &spans);
    let kept = kept(columns, &spans);
    let new = |scope: Scope, row: u32| kept[scope as usize].iter().position(|&kept| kept == row);
    assert_eq!(part.spans as usize, spans.len());
    assert_eq!((part.columns.len(), part.tables.len()), (whole.columns.len(), whole.tables.len()));
    for ((all, some), &scope) in whole.columns.iter().zip(&part.columns).zip(scopes) {
        let of_part = |(row, key, value)| Some((new(scope, row)? as u32, key, value));
        let expect: Vec<_> = cells(whole, all).into_iter().filter_map(of_part).collect();
        assert_eq!(cells(&part, some), expect, "{scope:?} of {spans:?}");
    }
    for (all, some) in whole.tables.iter().zip(&part.tables) {
        let rows = &kept[all.scope as usize];
        assert_eq!((some.scope, some.rows as usize), (all.scope, rows.len()));
        let Some(parent) = all.scope.parent() else {
            assert!(some.parent.is_empty());
            continue;
        };
        let expect: Vec<_> =
            rows.iter().map(|&row| new(parent, all.parent[row as usize]).expect("a parent")).collect();
        assert_eq!(some.parent.iter().map(|&row| row as usize).collect::<Vec<_>>(), expect);
    }
}
