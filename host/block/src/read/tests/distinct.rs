//! Names and values found on pages equal those of the rows.

use super::scans::{everything, matches};
use super::support;
use crate::read::{AttrScope, BlockReader, Distinct, Field, Filter, Intrinsic, StrTest, Test, TraceRows};
use crate::schema::Owner;
use cadenza_model::otlp::any_value;
use cadenza_model::{Attrs, Columns, ValueRef};
use std::collections::BTreeSet;
use std::ops::Range;

const SCOPES: [(AttrScope, Owner); 5] = [
    (AttrScope::Resource, Owner::Resource),
    (AttrScope::Instrumentation, Owner::Scope),
    (AttrScope::Span, Owner::Span),
    (AttrScope::Event, Owner::Event),
    (AttrScope::Link, Owner::Link),
];

fn chosen(all: &TraceRows, filter: &Filter, window: &Range<u64>) -> Vec<usize> {
    let mut out = Vec::new();
    for (trace, info) in all.infos.iter().enumerate() {
        let start = if trace == 0 { 0 } else { all.trace_ends[trace - 1] as usize };
        let spans = start..all.trace_ends[trace] as usize;
        if info.start_ns <= window.end && info.end_ns.max(info.start_ns) >= window.start {
            out.extend(spans.filter(|&span| matches(all, trace, span, filter)));
        }
    }
    out
}

fn lists(c: &Columns, owner: Owner, span: usize) -> (&Attrs, Range<usize>) {
    let scope = c.spans.scope[span] as usize;
    let resource = c.scopes.resource[scope] as usize;
    match owner {
        Owner::Resource => (&c.resource_attrs, resource..resource + 1),
        Owner::Scope => (&c.scope_attrs, scope..scope + 1),
        Owner::Span => (&c.span_attrs, span..span + 1),
        Owner::Event => (&c.event_attrs, c.spans.events(span)),
        Owner::Link => (&c.link_attrs, c.spans.links(span)),
    }
}

fn add(value: ValueRef<'_>, out: &mut Distinct) {
    match value {
        ValueRef::Str(text) => {
            out.strings.insert(text.to_owned());
        }
        ValueRef::Int(number) => {
            out.ints.insert(number);
        }
        ValueRef::Double(number) => {
            out.doubles.insert(number.to_bits());
        }
        ValueRef::Bool(flag) => {
            out.bools.insert(flag);
        }
        ValueRef::Array(encoded) => {
            let elements: Vec<_> = any_value::array_elements(encoded).collect();
            let same =
                |pair: &[ValueRef<'_>]| std::mem::discriminant(&pair[0]) == std::mem::discriminant(&pair[1]);
            if elements.windows(2).all(same) {
                elements.into_iter().for_each(|element| add(element, out));
            }
        }
        ValueRef::Absent | ValueRef::Empty | ValueRef::Map(_) | ValueRef::Bytes(_) => {}
    }
}

fn check(block: &BlockReader, all: &TraceRows, filter: &Filter, window: &Range<u64>) {
    let c = &all.columns;
    let spans = chosen(all, filter, window);
    let owners = SCOPES.map(|(_, owner)| owner);
    let names = block.attribute_names(&owners, filter, window).unwrap().expect("an exact filter");
    for ((scope, owner), found) in SCOPES.into_iter().zip(names) {
        let mut want = BTreeSet::new();
        for &span in &spans {
            let (attrs, of) = lists(c, owner, span);
            want.extend(of.flat_map(|at| attrs.of(at)).map(|at| c.key(attrs, at).to_owned()));
        }
        assert_eq!(found, want, "names of {owner:?}, {filter:?}, {window:?}");
        for key in want {
            let mut want = Distinct::default();
            for &span in &spans {
                let (attrs, of) = lists(c, owner, span);
                let mine = of.flat_map(|at| attrs.of(at)).filter(|&at| c.key(attrs, at) == key);
                mine.for_each(|at| add(c.value(attrs, at), &mut want));
                if key == "service.name" && owner == Owner::Resource && c.service_name(span).is_none() {
                    want.strings.insert(String::new());
                }
            }
            let field = Field::attr(scope, &key);
            let found = block.distinct_values(&field, filter, window).unwrap().expect("an exact filter");
            assert_eq!(found, want, "values of {field:?}, {filter:?}, {window:?}");
        }
    }
    let want: BTreeSet<_> = spans.iter().map(|&span| c.names.str(c.spans.name[span]).to_owned()).collect();
    let field = Field::Intrinsic(Intrinsic::Name);
    let found = block.distinct_values(&field, filter, window).unwrap().expect("an exact filter");
    assert_eq!(found.strings, want, "names of spans, {filter:?}, {window:?}");
}

#[test]
fn names_and_values_on_pages_equal_those_of_the_rows() {
    for (meta, data) in support::blocks() {
        let block = support::open(&meta, &data);
        let all = everything(&block);
        let is = |scope, key: &str, text: &str| {
            Filter::Is(Field::attr(scope, key), Test::Str(StrTest::Eq(text.to_owned())))
        };
        let services: BTreeSet<String> =
            all.infos.iter().flat_map(|info| &info.services).map(|service| service.name.clone()).collect();
        let mut filters = vec![Filter::All, is(AttrScope::Span, "no.such", "thing")];
        // Empty means that there is none, which pages do not tell from a name that is empty.
        let named = services.iter().filter(|name| !name.is_empty());
        filters.extend(named.take(3).map(|name| is(AttrScope::Resource, "service.name", name)));
        let middle = all.infos[all.infos.len() / 2].start_ns;
        for filter in &filters {
            for window in [0..u64::MAX, middle..middle, middle..u64::MAX] {
                check(&block, &all, filter, &window);
            }
        }
    }
}

#[test]
fn a_filter_that_pages_cannot_decide_is_left_to_the_rows() {
    for (meta, data) in support::blocks() {
        let block = support::open(&meta, &data);
        let absent = Filter::Is(Field::attr(AttrScope::Span, "http.method"), Test::Nil);
        assert_eq!(block.attribute_names(&[Owner::Span], &absent, &(0..u64::MAX)).unwrap(), None);
    }
}
