//! Names and values of attributes.

use crate::data::{Dice, KEYS, TEXTS};
use crate::naive::matches;
use crate::oracle::{World, difference, range};
use crate::plain::{Span, is_empty_text};
use crate::values::{V, value};
use cadenza_model::TenantId;
use cadenza_query::{
    QueryService, TagNamesRequest, TagScope, TagSelector, TagValueType, TagValuesRequest, TimeRange,
};
use cadenza_traceql::ast::{Expr, SpansetExpr, Stage};
use cadenza_traceql::parse;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use std::collections::BTreeSet;

const ASKED: usize = 12;

/// A filter that storage answers exactly: conditions on spans and resources, joined by `&&` and `||`.
fn filter(dice: &Dice) -> String {
    let condition = |dice: &Dice| match dice.below(4) {
        0 => format!("resource.service.name = \"{}\"", dice.pick(&["shop", "db", "x"])),
        1 => format!("status = {}", dice.pick(&["ok", "error"])),
        2 => format!("span.\"{}\" != \"{}\"", dice.pick(&KEYS), dice.pick(&TEXTS)),
        _ => format!(".\"{}\" = \"{}\"", dice.pick(&KEYS), dice.pick(&TEXTS)),
    };
    match dice.below(5) {
        0 | 1 => String::new(),
        2 => format!("{{ {} }}", condition(dice)),
        3 => format!("{{ {} && {} }}", condition(dice), condition(dice)),
        _ => format!("{{ {} || {} }}", condition(dice), condition(dice)),
    }
}

fn expression(text: &str) -> Option<Expr> {
    let stages = parse(text).ok()?.pipeline.stages;
    match stages.into_iter().next() {
        Some(Stage::Spanset(SpansetExpr::Filter(filter))) => Some(filter.expr),
        _ => None,
    }
}

/// Spans in the range that pass the filter.
fn passing<'a>(world: &'a World, text: &str, range: TimeRange) -> Vec<&'a Span> {
    let filter = expression(text);
    let mut out = Vec::new();
    for trace in &world.traces {
        let in_range = |span: &Span| range.overlaps(span.start, span.end);
        let passes = |at: &usize| {
            in_range(&trace.spans[*at]) && filter.as_ref().is_none_or(|filter| matches(filter, trace, *at))
        };
        out.extend((0..trace.spans.len()).filter(passes).map(|at| &trace.spans[at]));
    }
    out
}

fn lists(span: &Span, scope: TagScope) -> Vec<&[KeyValue]> {
    match scope {
        TagScope::Span => vec![&span.full.span.attributes],
        TagScope::Resource => vec![&span.full.resource],
        TagScope::Instrumentation => vec![&span.full.scope.attributes],
        TagScope::Event => span.full.span.events.iter().map(|e| &*e.attributes).collect(),
        TagScope::Link => span.full.span.links.iter().map(|l| &*l.attributes).collect(),
        TagScope::Intrinsic => Vec::new(),
    }
}

pub(crate) async fn names(world: &World, dice: &Dice) -> Result<usize, String> {
    for _ in 0..ASKED {
        let (query, range) = (filter(dice), range(dice));
        let request = TagNamesRequest {
            tenants: vec![TenantId::single()],
            scopes: TagScope::ATTRIBUTES.to_vec(),
            query: query.clone(),
            range,
            limit_per_scope: 0,
        };
        let keys = |range| keys_of(&passing(world, &query, range));
        let answer = world.rig.querier.tag_names(request).await.map_err(|error| error.to_string())?;
        let of_scope =
            |(scope, names): (TagScope, Vec<String>)| names.into_iter().map(move |name| (scope, name));
        let found: BTreeSet<_> = answer.scopes.into_iter().flat_map(of_scope).collect();
        between(&keys(range), &found, &keys(TimeRange::ALL))
            .map_err(|what| format!("tag names where {query:?} in {range:?}: {what}"))?;
    }
    Ok(ASKED)
}

/// Ranges choose frames and traces, not spans: more than what is in range may be listed.
fn between<T: Ord + std::fmt::Debug + Clone>(
    least: &BTreeSet<T>,
    found: &BTreeSet<T>,
    most: &BTreeSet<T>,
) -> Result<(), String> {
    if least.is_subset(found) && found.is_subset(most) {
        return Ok(());
    }
    let list = |set: &BTreeSet<T>| set.iter().cloned().collect::<Vec<_>>();
    Err(difference(&list(found), &list(if least.is_subset(found) { most } else { least })))
}

fn keys_of(spans: &[&Span]) -> BTreeSet<(TagScope, String)> {
    let mut out = BTreeSet::new();
    for scope in TagScope::ATTRIBUTES {
        let lost = |pair: &&KeyValue| {
            scope == TagScope::Resource && pair.key == "service.name" && is_empty_text(pair)
        };
        let pairs = spans.iter().flat_map(|span| lists(span, scope)).flatten();
        out.extend(pairs.filter(|pair| !lost(pair)).map(|pair| (scope, pair.key.clone())));
    }
    out
}

fn add(value: V, out: &mut BTreeSet<(TagValueType, String)>) {
    match value {
        V::Str(text) => _ = out.insert((TagValueType::String, text)),
        V::Int(number) => _ = out.insert((TagValueType::Int, number.to_string())),
        V::Float(number) => _ = out.insert((TagValueType::Float, format!("{number:?}"))),
        V::Bool(flag) => _ = out.insert((TagValueType::Bool, flag.to_string())),
        V::Array(list) => list.into_iter().for_each(|value| add(value, out)),
        _ => {}
    }
}

fn values_of(span: &Span, tag: &str, out: &mut BTreeSet<(TagValueType, String)>) {
    let scopes: &[(&str, &[TagScope])] = &[
        (".", &[TagScope::Span, TagScope::Resource]),
        ("span.", &[TagScope::Span]),
        ("resource.", &[TagScope::Resource]),
        ("event.", &[TagScope::Event]),
        ("link.", &[TagScope::Link]),
        ("instrumentation.", &[TagScope::Instrumentation]),
    ];
    let text = |text: &str| V::Str(text.to_owned());
    match tag {
        "name" => add(text(&span.name), out),
        "statusMessage" => add(text(&span.message), out),
        "instrumentation:name" => add(text(&span.scope_name), out),
        "instrumentation:version" => add(text(&span.scope_version), out),
        "event:name" => span.events.iter().for_each(|event| add(text(&event.name), out)),
        _ => {
            let (prefix, scopes) =
                scopes.iter().find(|(prefix, _)| tag.starts_with(prefix)).expect("a scope");
            let key = tag[prefix.len()..].trim_matches('"');
            for list in scopes.iter().flat_map(|scope| lists(span, *scope)) {
                // A column of its own keeps the last of several texts.
                let mut of_key: Vec<&KeyValue> = list.iter().filter(|pair| pair.key == key).collect();
                let is_text = |pair: &KeyValue| matches!(value(pair.value.as_ref()), V::Str(_));
                if let Some(last) = of_key.iter().rposition(|pair| is_text(pair)) {
                    let keep = of_key[last];
                    of_key
                        .retain(|pair| key != "service.name" || !is_text(pair) || std::ptr::eq(*pair, keep));
                }
                of_key.iter().for_each(|pair| add(value(pair.value.as_ref()), out));
            }
            if key == "service.name" && scopes.contains(&TagScope::Resource) && span.service().is_empty() {
                add(text(""), out);
            }
        }
    }
}

pub(crate) async fn values(world: &World, dice: &Dice) -> Result<usize, String> {
    for _ in 0..ASKED {
        let (query, range) = (filter(dice), range(dice));
        let scopes = [".", "span.", "resource.", "event.", "link.", "instrumentation."];
        let tag = match dice.below(4) {
            0 => dice
                .pick(&[
                    "name",
                    "statusMessage",
                    "instrumentation:name",
                    "instrumentation:version",
                    "event:name",
                ])
                .to_owned(),
            _ => format!("{}\"{}\"", dice.pick(&scopes), dice.pick(&KEYS)),
        };
        let selector = match tag.strip_prefix('.') {
            Some(name) if dice.chance(50) => TagSelector::Bare(name.trim_matches('"').to_owned()),
            _ => TagSelector::TraceQl(tag.clone()),
        };
        let request = TagValuesRequest {
            tenants: vec![TenantId::single()],
            tag: selector,
            query: query.clone(),
            range,
            limit: 0,
        };
        let values = |range| {
            let mut out = BTreeSet::new();
            passing(world, &query, range).into_iter().for_each(|span| values_of(span, &tag, &mut out));
            out
        };
        let answer = world.rig.querier.tag_values(request).await.map_err(|error| error.to_string())?;
        let found = answer.values.into_iter().collect();
        between(&values(range), &found, &values(TimeRange::ALL))
            .map_err(|what| format!("values of {tag} where {query:?} in {range:?}: {what}"))?;
    }
    Ok(ASKED)
}
