//! Traces by id, and searches by tags.

use crate::data::{Dice, NAMES, TEXTS};
use crate::oracle::{World, difference, in_range, range};
use crate::plain::{Span, Trace, number64};
use crate::shown::found;
use cadenza_model::otlp::to_resource_spans;
use cadenza_model::{TenantId, TraceId};
use cadenza_query::{
    LegacyFilter, QueryService, SearchFilter, SearchRequest, Sources, TimeRange, TraceRequest,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as Wire;

/// A span with what is around it; attributes by key, since blocks do not keep their order.
type Whole = (Wire, Vec<KeyValue>, InstrumentationScope);

fn sort(list: &mut [KeyValue]) {
    // Of keys that repeat, a block keeps the order; of the service name it keeps the last text.
    let texts = |pair: &KeyValue| {
        matches!(pair.value.as_ref().and_then(|v| v.value.as_ref()), Some(Value::StringValue(_)))
    };
    list.sort_by(|a, b| {
        a.key.cmp(&b.key).then_with(|| match &*a.key {
            "service.name" => texts(a).cmp(&texts(b)),
            _ => std::cmp::Ordering::Equal,
        })
    });
}

fn whole(mut span: Wire, mut resource: Vec<KeyValue>, mut scope: InstrumentationScope) -> Whole {
    // A block loses an empty service name.
    resource.retain(|pair| pair.key != "service.name" || !crate::plain::is_empty_text(pair));
    sort(&mut resource);
    sort(&mut scope.attributes);
    sort(&mut span.attributes);
    span.events.iter_mut().for_each(|event| sort(&mut event.attributes));
    span.links.iter_mut().for_each(|link| sort(&mut link.attributes));
    (span, resource, scope)
}

/// The trace as it should be answered: sorted, shared spans parted.
fn expected(trace: &Trace) -> Vec<Whole> {
    let mut spans: Vec<Whole> = (trace.spans.iter())
        .map(|s| whole(s.full.span.clone(), s.full.resource.clone(), s.full.scope.clone()))
        .collect();
    let ids: Vec<u64> = spans.iter().map(|s| number64(&s.0.span_id)).collect();
    let mut next = 1;
    for at in 0..spans.len() {
        let old = spans[at].0.span_id.clone();
        let client = |s: &Whole| s.0.kind == 3 && s.0.span_id == old;
        if spans[at].0.kind != 2 || !spans.iter().any(client) {
            continue;
        }
        while ids.contains(&next) {
            next += 1;
        }
        let new = next.to_be_bytes().to_vec();
        next += 1;
        for (other, span) in spans.iter_mut().enumerate() {
            if other != at && span.0.parent_span_id == old {
                span.0.parent_span_id = new.clone();
            }
        }
        spans[at].0.span_id = new;
        spans[at].0.parent_span_id = old;
    }
    spans
}

pub(crate) async fn by_id(world: &World) -> Result<usize, String> {
    for trace in &world.traces {
        let request = TraceRequest {
            tenants: vec![TenantId::single()],
            id: TraceId(trace.id.to_be_bytes()),
            allow_partial: false,
            sources: Sources::All,
        };
        let answer = world.rig.querier.trace(request).await.map_err(|error| error.to_string())?;
        let mut spans = Vec::new();
        // One row at a time: the answer's order is the order of rows.
        for row in &answer.rows {
            for part in to_resource_spans(&answer.columns, &[*row]) {
                let resource = part.resource.unwrap_or_default().attributes;
                for scope in part.scope_spans {
                    let name = scope.scope.unwrap_or_default();
                    spans.extend(scope.spans.into_iter().map(|s| whole(s, resource.clone(), name.clone())));
                }
            }
        }
        let expect = expected(trace);
        if spans != expect {
            return Err(format!("trace {:032x} by id: {}", trace.id, difference(&spans, &expect)));
        }
    }
    Ok(world.traces.len())
}

/// Whether some text under the key contains what is wanted.
fn contains(list: &[KeyValue], key: &str, want: &str, column: bool) -> bool {
    let of_key = list.iter().filter(|pair| pair.key == key);
    of_key.filter_map(|pair| pair.value.as_ref()?.value.as_ref()).any(|value| match value {
        Value::StringValue(text) => text.contains(want),
        // The one number that the first formats had a column for.
        Value::IntValue(number) => column && key == "http.status_code" && number.to_string() == want,
        _ => false,
    })
}

fn is_met(spans: &[&Span], (key, want): &(String, String)) -> bool {
    let any = |test: &dyn Fn(&Span) -> bool| spans.iter().any(|span| test(span));
    match key.as_str() {
        "root.name" | "root.service.name" => true,
        "name" => any(&|span| span.name.contains(want)),
        "service.name" => any(&|span| span.service().contains(want)),
        "status.code" => match ["unset", "ok", "error"].iter().position(|word| word == want) {
            Some(code) => any(&|span| span.status == code as i32),
            None => true,
        },
        _ => any(&|span| {
            contains(&span.full.resource, key, want, false)
                || contains(&span.full.span.attributes, key, want, true)
        }),
    }
}

fn matches(trace: &Trace, filter: &LegacyFilter) -> bool {
    let duration = trace.end.saturating_sub(trace.start);
    let root = trace.root.map(|root| &trace.spans[root]);
    let root_met = filter.tags.iter().all(|(key, want)| match key.as_str() {
        "root.name" => root.map(|span| span.name.clone()).unwrap_or_default().contains(want),
        "root.service.name" => root.map(Span::service).unwrap_or_default().contains(want),
        _ => true,
    });
    let mut groups: Vec<(Vec<KeyValue>, Vec<&Span>)> = Vec::new();
    for span in &trace.spans {
        let mut resource = span.full.resource.clone();
        sort(&mut resource);
        match groups.iter_mut().find(|(have, _)| *have == resource) {
            Some((_, spans)) => spans.push(span),
            None => groups.push((resource, vec![span])),
        }
    }
    let met = |spans: &Vec<&Span>| filter.tags.iter().all(|tag| is_met(spans, tag));
    duration >= filter.duration_min_ns
        && (filter.duration_max_ns == 0 || duration <= filter.duration_max_ns)
        && root_met
        && groups.iter().any(|(_, spans)| met(spans))
}

pub(crate) async fn legacy(world: &World, dice: &Dice) -> Result<usize, String> {
    const SEARCHES: usize = 20;
    for _ in 0..SEARCHES {
        let mut filter = LegacyFilter::default();
        for _ in 0..dice.below(4) {
            let key = dice.pick(&[
                "name",
                "root.name",
                "root.service.name",
                "status.code",
                "service.name",
                "a",
                "b",
                "c d",
                "http.status_code",
                "http.method",
                "k8s.pod.name",
                "url.path",
            ]);
            let want = match key {
                "name" | "root.name" => dice.pick(&NAMES),
                "status.code" => dice.pick(&["unset", "ok", "error", "bogus"]),
                "service.name" | "root.service.name" => dice.pick(&["shop", "db", "h", "x", ""]),
                "http.status_code" => dice.pick(&["200", "1", "x"]),
                _ => dice.pick(&TEXTS),
            };
            if !filter.tags.iter().any(|(have, _)| have == key) {
                filter.tags.push((key.to_owned(), want.to_owned()));
            }
        }
        if dice.chance(20) {
            filter.duration_min_ns = dice.below(3) * 1_000_000_000;
            filter.duration_max_ns = dice.below(5) * 1_000_000_000;
        }
        let range = range(dice);
        let request = SearchRequest {
            tenants: vec![TenantId::single()],
            filter: SearchFilter::Legacy(filter.clone()),
            range,
            limit: 1000,
            spans_per_spanset: 3,
        };
        let in_range = |trace: &&Trace| in_range(&range, trace) && matches(trace, &filter);
        let mut expect: Vec<_> = world.traces.iter().filter(in_range).map(found).collect();
        expect.sort_by(|a, b| b.start_ns.cmp(&a.start_ns).then_with(|| a.id.cmp(&b.id)));
        let found = world.rig.querier.search(request).await.map_err(|error| error.to_string())?.traces;
        if range != TimeRange::ALL {
            let split = |id| world.split.contains(&u128::from_be_bytes(id));
            expect.retain(|t| !split(t.id.0) || found.iter().any(|f| f.id == t.id));
        }
        if found != expect {
            return Err(format!("{filter:?} in {range:?}: {}", difference(&found, &expect)));
        }
    }
    Ok(SEARCHES)
}
