//! Candidates equal what reading everything and evaluating the filter span by span finds.

use super::support;
use crate::read::{
    AttrScope, BlockReader, Cmp, Field, Filter, Intrinsic, Projection, StrTest, Test, TraceRows,
};
use cadenza_model::otlp::any_value;
use cadenza_model::{Attrs, Columns, ValueRef};
use proptest::prelude::*;
use std::sync::Arc;

fn holds(test: &Test, value: ValueRef<'_>) -> bool {
    match (test, value) {
        (Test::Str(test), ValueRef::Str(text)) => match test {
            StrTest::Eq(want) => want == text,
            StrTest::Fn(test) => test(text),
        },
        (Test::Int(cmp, want), ValueRef::Int(number)) => cmp.holds(number, *want),
        (Test::Double(cmp, want), ValueRef::Double(number)) => cmp.holds(number, *want),
        (Test::Bool(want), ValueRef::Bool(flag)) => *want == flag,
        (_, ValueRef::Array(encoded)) => {
            let elements: Vec<_> = any_value::array_elements(encoded).collect();
            let same = elements
                .windows(2)
                .all(|pair| std::mem::discriminant(&pair[0]) == std::mem::discriminant(&pair[1]));
            same && elements
                .into_iter()
                .any(|element| !matches!(element, ValueRef::Array(_)) && holds(test, element))
        }
        (Test::Exists, ValueRef::Str(_) | ValueRef::Int(_) | ValueRef::Double(_) | ValueRef::Bool(_)) => true,
        _ => false,
    }
}

fn attr(columns: &Columns, attrs: &Attrs, row: usize, key: &str, test: &Test) -> bool {
    attrs.of(row).any(|i| columns.key(attrs, i) == key && holds(test, columns.value(attrs, i)))
}

fn has(columns: &Columns, attrs: &Attrs, row: usize, key: &str) -> bool {
    attr(columns, attrs, row, key, &Test::Exists)
}

fn field(rows: &TraceRows, trace: usize, span: usize, field: &Field, test: &Test) -> bool {
    let (c, info) = (&rows.columns, &rows.infos[trace]);
    let scope = c.spans.scope[span] as usize;
    let resource = c.scopes.resource[scope] as usize;
    let text = |code| ValueRef::Str(c.values.str(code));
    let name = |code| ValueRef::Str(c.names.str(code));
    let hex = |id: String| holds(test, ValueRef::Str(&id));
    match field {
        Field::Attr(owner, key) => match owner {
            AttrScope::Any => {
                attr(c, &c.span_attrs, span, key, test)
                    || !has(c, &c.span_attrs, span, key) && attr(c, &c.resource_attrs, resource, key, test)
            }
            AttrScope::Resource => attr(c, &c.resource_attrs, resource, key, test),
            AttrScope::Instrumentation => attr(c, &c.scope_attrs, scope, key, test),
            AttrScope::Span => attr(c, &c.span_attrs, span, key, test),
            AttrScope::Event => c.spans.events(span).any(|e| attr(c, &c.event_attrs, e, key, test)),
            AttrScope::Link => c.spans.links(span).any(|l| attr(c, &c.link_attrs, l, key, test)),
        },
        Field::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::TraceId => hex(info.trace_id.to_string()),
            Intrinsic::TraceDuration => holds(test, ValueRef::Int(info.duration_ns as i64)),
            Intrinsic::RootName => holds(test, ValueRef::Str(&info.root_name)),
            Intrinsic::RootServiceName => holds(test, ValueRef::Str(&info.root_service_name)),
            Intrinsic::SpanId => hex(c.spans.span_id[span].to_string()),
            Intrinsic::ParentSpanId => hex(c.spans.parent_id[span].to_string()),
            Intrinsic::Name => holds(test, name(c.spans.name[span])),
            Intrinsic::Kind => holds(test, ValueRef::Int(c.spans.kind[span].into())),
            Intrinsic::Status => holds(test, ValueRef::Int(c.spans.status[span].into())),
            Intrinsic::StatusMessage => holds(test, text(c.spans.message[span])),
            Intrinsic::Duration => {
                let duration = c.spans.end_ns[span].wrapping_sub(c.spans.start_ns[span]);
                holds(test, ValueRef::Int(duration as i64))
            }
            Intrinsic::NestedSetLeft => holds(test, ValueRef::Int(rows.nested.left[span].into())),
            Intrinsic::NestedSetRight => holds(test, ValueRef::Int(rows.nested.right[span].into())),
            Intrinsic::NestedSetParent => holds(test, ValueRef::Int(rows.nested.parent[span].into())),
            Intrinsic::EventName => c.spans.events(span).any(|e| holds(test, name(c.events.name[e]))),
            Intrinsic::EventTimeSinceStart => c.spans.events(span).any(|e| {
                let offset = c.events.time_ns[e].wrapping_sub(c.spans.start_ns[span]);
                holds(test, ValueRef::Int(offset as i64))
            }),
            Intrinsic::LinkTraceId => c.spans.links(span).any(|l| hex(c.links.trace_id[l].to_string())),
            Intrinsic::LinkSpanId => c.spans.links(span).any(|l| hex(c.links.span_id[l].to_string())),
            Intrinsic::InstrumentationName => holds(test, name(c.scopes.name[scope])),
            Intrinsic::InstrumentationVersion => holds(test, name(c.scopes.version[scope])),
        },
    }
}

pub(super) fn matches(rows: &TraceRows, trace: usize, span: usize, filter: &Filter) -> bool {
    match filter {
        Filter::All => true,
        Filter::And(parts) => parts.iter().all(|part| matches(rows, trace, span, part)),
        Filter::Or(parts) => parts.iter().any(|part| matches(rows, trace, span, part)),
        Filter::Is(what, Test::Nil) => !field(rows, trace, span, what, &Test::Exists),
        Filter::Is(what, test) => field(rows, trace, span, what, test),
    }
}

pub(super) fn everything(block: &BlockReader) -> TraceRows {
    let rows: Vec<u32> = (0..block.rows().unwrap()).collect();
    let all = block.read_traces(&rows, &Projection::full().with_derived()).unwrap();
    all.columns.check().unwrap();
    all
}

fn brute_force(all: &TraceRows, filter: &Filter) -> Vec<u32> {
    let spans = |trace: usize| {
        let start = if trace == 0 { 0 } else { all.trace_ends[trace - 1] as usize };
        start..all.trace_ends[trace] as usize
    };
    let hit = |trace: &usize| spans(*trace).any(|span| matches(all, *trace, span, filter));
    (0..all.infos.len()).filter(hit).map(|trace| trace as u32).collect()
}

fn check(block: &BlockReader, all: &TraceRows, filter: &Filter) -> bool {
    let want = brute_force(all, filter);
    let got = block.candidates(filter, 0..u64::MAX).unwrap();
    if got.exact {
        assert_eq!(got.rows, want, "{filter:?}");
    }
    let missed: Vec<_> = want.iter().filter(|row| got.rows.binary_search(row).is_err()).collect();
    assert!(missed.is_empty(), "{filter:?} misses rows {missed:?}");
    got.exact
}

const SCOPES: [AttrScope; 6] = [
    AttrScope::Any,
    AttrScope::Resource,
    AttrScope::Instrumentation,
    AttrScope::Span,
    AttrScope::Event,
    AttrScope::Link,
];

const INTRINSICS: [Intrinsic; 20] = [
    Intrinsic::TraceId,
    Intrinsic::TraceDuration,
    Intrinsic::RootName,
    Intrinsic::RootServiceName,
    Intrinsic::SpanId,
    Intrinsic::ParentSpanId,
    Intrinsic::Name,
    Intrinsic::Kind,
    Intrinsic::Status,
    Intrinsic::StatusMessage,
    Intrinsic::Duration,
    Intrinsic::NestedSetLeft,
    Intrinsic::NestedSetRight,
    Intrinsic::NestedSetParent,
    Intrinsic::EventName,
    Intrinsic::EventTimeSinceStart,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
];

/// Conditions made of what the block holds, so that many of them hit something.
fn conditions(all: &TraceRows) -> Vec<Filter> {
    let c = &all.columns;
    let mut out = vec![];
    let lists = [
        (AttrScope::Span, &c.span_attrs),
        (AttrScope::Resource, &c.resource_attrs),
        (AttrScope::Instrumentation, &c.scope_attrs),
        (AttrScope::Event, &c.event_attrs),
        (AttrScope::Link, &c.link_attrs),
    ];
    for (scope, attrs) in lists {
        for i in (0..attrs.key.len()).step_by(1 + attrs.key.len() / 200) {
            let key = c.key(attrs, i);
            let element = match c.value(attrs, i) {
                ValueRef::Array(encoded) => any_value::array_elements(encoded).next(),
                value => Some(value),
            };
            let test = element.map_or(Test::Nil, of_value);
            for scope in [scope, AttrScope::Any] {
                for test in [test.clone(), Test::Exists, Test::Nil, Test::Int(Cmp::Ge, 0)] {
                    out.push(Filter::Is(Field::attr(scope, key), test));
                }
            }
        }
    }
    for intrinsic in INTRINSICS {
        let field = Field::Intrinsic(intrinsic);
        for number in [-1, 0, 1, 2, 5, 100_000_000] {
            for cmp in [Cmp::Eq, Cmp::Ne, Cmp::Lt, Cmp::Ge] {
                out.push(Filter::Is(field.clone(), Test::Int(cmp, number)));
            }
        }
        let long: Arc<dyn Fn(&str) -> bool + Send + Sync> = Arc::new(|text| text.len() > 8);
        out.push(Filter::Is(field.clone(), Test::Str(StrTest::Fn(long))));
        let texts =
            [c.names.str(1), c.values.str(1), &all.infos[0].root_name, &all.infos[0].root_service_name];
        for text in texts {
            out.push(Filter::Is(field.clone(), Test::Str(StrTest::Eq(text.to_owned()))));
        }
    }
    out
}

fn of_value(value: ValueRef<'_>) -> Test {
    match value {
        ValueRef::Str(text) => Test::Str(StrTest::Eq(text.to_owned())),
        ValueRef::Int(number) => Test::Int(Cmp::Le, number),
        ValueRef::Double(number) => Test::Double(Cmp::Ge, number),
        ValueRef::Bool(flag) => Test::Bool(flag),
        _ => Test::Exists,
    }
}

fn all_conditions(block: &BlockReader) {
    let all = everything(block);
    let conditions = conditions(&all);
    assert!(conditions.len() > 300, "{}", conditions.len());
    let exact = conditions.iter().filter(|filter| check(block, &all, filter)).count();
    assert!(exact > conditions.len() / 3, "{exact} of {}", conditions.len());
    for scope in SCOPES {
        let empty =
            block.candidates(&Filter::Is(Field::attr(scope, "no.such.key"), Test::Exists), 0..u64::MAX);
        assert_eq!(empty.unwrap().rows, Vec::<u32>::new());
    }
    let tree = |leaf: BoxedStrategy<Filter>| {
        leaf.prop_recursive(3, 12, 3, |inner| {
            let list = prop::collection::vec(inner, 1..4);
            prop_oneof![list.clone().prop_map(Filter::And), list.prop_map(Filter::Or)]
        })
    };
    let filters = tree(prop::sample::select(conditions).boxed());
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&filters, |filter| {
            check(block, &all, &filter);
            Ok(())
        })
        .unwrap();
}

#[test]
fn candidates_equal_brute_force_in_every_version() {
    for (meta, data) in support::blocks() {
        all_conditions(&support::open(&meta, &data));
    }
}

#[test]
fn every_trace_is_found_by_its_id_and_no_other() {
    for (meta, data) in support::blocks() {
        let block = support::open(&meta, &data);
        let all = everything(&block);
        for (row, info) in all.infos.iter().enumerate() {
            assert_eq!(block.find_trace(&info.trace_id).unwrap(), Some(row as u32));
            let mut other = info.trace_id;
            other.0[15] ^= 0x80;
            assert_eq!(block.find_trace(&other).unwrap(), None);
        }
    }
}

#[test]
fn traces_read_alone_equal_those_read_together() {
    for (meta, data) in support::blocks() {
        let block = support::open(&meta, &data);
        let all = everything(&block);
        for row in 0..block.rows().unwrap() {
            let one = block.read_traces(&[row], &Projection::full().with_derived()).unwrap();
            one.columns.check().unwrap();
            assert_eq!(one.infos[0], all.infos[row as usize]);
        }
    }
}

#[test]
fn the_window_keeps_traces_that_overlap_it() {
    for (meta, data) in support::blocks() {
        let block = support::open(&meta, &data);
        let all = everything(&block);
        for info in &all.infos {
            for window in [info.start_ns..info.start_ns, info.end_ns..u64::MAX, 0..info.start_ns] {
                let got = block.candidates(&Filter::All, window.clone()).unwrap();
                let want: Vec<u32> = (0..all.infos.len() as u32)
                    .filter(|&row| {
                        let info = &all.infos[row as usize];
                        info.start_ns <= window.end && info.end_ns >= window.start
                    })
                    .collect();
                assert_eq!(got.rows, want);
                let starts: Vec<u64> = want.iter().map(|&row| all.infos[row as usize].start_ns).collect();
                assert_eq!(got.start_ns, starts);
            }
        }
    }
}
