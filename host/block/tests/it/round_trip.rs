//! Spans that went through a block come back as through Tempo's own: what its format loses and reorders, and
//! nothing else.

use crate::oracle::dedicated;
use crate::random::{Shape, columns};
use crate::rows::{Layout, RESOURCE_FIELDS, take, take_list};
use cadenza_block::meta::{DedicatedColumn, DedicatedScope, DedicatedType};
use cadenza_block::read::{BlockReader, Cache, Projection};
use cadenza_block::schema::{Owner, Version};
use cadenza_block::write::{BuiltBlock, WriteOptions, build};
use cadenza_model::otlp::any_value;
use cadenza_model::{AttrType, Attrs, Columns, SpanId, TenantId, TraceId, ValueRef};
use std::sync::Arc;

fn show(key: &str, value: ValueRef<'_>) -> String {
    // An attribute without a value and one with an empty value are one thing to the format.
    let value = if matches!(value, ValueRef::Absent) { ValueRef::Empty } else { value };
    let array = matches!(value, ValueRef::Array(_));
    format!("{key:?}{}={}", if array { "[]" } else { "" }, any_value::to_json(value))
}

fn as_read(columns: &Columns, from: &Attrs, row: usize) -> String {
    let shown = from.of(row).map(|i| show(columns.key(from, i), columns.value(from, i)));
    shown.collect::<Vec<_>>().join(", ")
}

/// The attributes of an owner after Tempo's round trip: generic ones, spares in the order of the meta, fixed ones.
fn after_tempo(columns: &Columns, from: &Attrs, row: usize, owner: Owner, layout: &Layout<'_>) -> String {
    let mut attrs: Vec<usize> = from.of(row).collect();
    let mut fixed = Vec::new();
    let mut take_fixed = |key: &str, ty| {
        let held = take(columns, from, &mut attrs, key, ty).map(|i| columns.value(from, i));
        // Empty stands for a service name that is not there.
        let held = held.filter(|value| key != "service.name" || !matches!(value, ValueRef::Str("")));
        fixed.extend(held.map(|value| show(key, value)));
    };
    if owner == Owner::Resource {
        take_fixed("service.name", AttrType::Str);
    }
    if layout.version == Version::V4 && owner == Owner::Resource {
        RESOURCE_FIELDS.iter().for_each(|(_, key)| take_fixed(key, AttrType::Str));
    }
    if layout.version == Version::V4 && owner == Owner::Span {
        take_fixed("http.method", AttrType::Str);
        take_fixed("http.url", AttrType::Str);
        take_fixed("http.status_code", AttrType::Int);
    }
    let scope = match owner {
        Owner::Resource => Some(DedicatedScope::Resource),
        Owner::Span => Some(DedicatedScope::Span),
        Owner::Event => Some(DedicatedScope::Event),
        Owner::Scope | Owner::Link => None,
    };
    let mut spares = Vec::new();
    for (_, key, ty) in scope.into_iter().flat_map(|scope| layout.spares(scope)) {
        let held = match layout.version {
            Version::V4 => {
                let held = take(columns, from, &mut attrs, key, AttrType::Str);
                held.map(|i| columns.value(from, i)).into_iter().collect()
            }
            Version::V5 => take_list(columns, from, &mut attrs, key, ty),
        };
        match held[..] {
            [] => {}
            [one] => spares.push(show(key, one)),
            _ => spares.push(show(key, ValueRef::Array(&any_value::array(held)))),
        }
    }
    if matches!(owner, Owner::Resource | Owner::Scope) {
        attrs.sort_by_key(|&i| columns.key(from, i));
    }
    let generic = attrs.iter().map(|&i| show(columns.key(from, i), columns.value(from, i)));
    generic.chain(spares).chain(fixed).collect::<Vec<_>>().join(", ")
}

/// All spans with all they have, as lines in one order.
fn lines(columns: &Columns, attributes: impl Fn(&Columns, &Attrs, usize, Owner) -> String) -> Vec<String> {
    let (spans, events, links) = (&columns.spans, &columns.events, &columns.links);
    let line = |row: usize| {
        let scope = spans.scope[row] as usize;
        let parent = spans.odd_parents.iter().find(|odd| odd.0 as usize == row);
        let parent = match (spans.parent_id[row], parent) {
            (_, Some(odd)) => columns.raw.get(odd.1).to_vec(),
            (SpanId::NONE, None) => vec![],
            (id, None) => id.bytes().to_vec(),
        };
        let mut out = format!(
            "{} {} {parent:?} {:?} {} {} {} {} {:?} {:?} {} {} {}",
            spans.trace_id[row],
            spans.span_id[row],
            columns.names.str(spans.name[row]),
            spans.kind[row],
            spans.start_ns[row],
            spans.end_ns[row],
            spans.status[row],
            columns.values.str(spans.message[row]),
            columns.values.str(spans.trace_state[row]),
            spans.dropped_attributes[row],
            spans.dropped_events[row],
            spans.dropped_links[row],
        );
        out += &format!("\n  {}", attributes(columns, &columns.span_attrs, row, Owner::Span));
        for event in spans.events(row) {
            let (time, name) = (events.time_ns[event], columns.names.str(events.name[event]));
            let attributes = attributes(columns, &columns.event_attrs, event, Owner::Event);
            out += &format!("\n  at {time} {name:?} {} {attributes}", events.dropped_attributes[event]);
        }
        for link in spans.links(row) {
            let odd = links.odd_ids.iter().find(|odd| odd.0 as usize == link);
            let zero = |id: &[u8]| if id.iter().all(|&byte| byte == 0) { vec![] } else { id.to_vec() };
            let ids = match odd {
                Some(odd) => (columns.raw.get(odd.1).to_vec(), columns.raw.get(odd.2).to_vec()),
                None => {
                    let (TraceId(trace), span) = (links.trace_id[link], links.span_id[link].bytes());
                    (zero(&trace), zero(&span))
                }
            };
            let attributes = attributes(columns, &columns.link_attrs, link, Owner::Link);
            out += &format!("\n  to {ids:?} {} {attributes}", links.dropped_attributes[link]);
        }
        let (name, version) = (columns.scopes.name[scope], columns.scopes.version[scope]);
        let (name, version) = (columns.names.str(name), columns.names.str(version));
        let resource = columns.scopes.resource[scope] as usize;
        out += &format!(
            "\n  in {name:?} {version:?} {}\n  of {}",
            attributes(columns, &columns.scope_attrs, scope, Owner::Scope),
            attributes(columns, &columns.resource_attrs, resource, Owner::Resource)
        );
        out
    };
    let mut lines: Vec<String> = (0..spans.len()).map(line).collect();
    lines.sort();
    lines
}

fn read(block: &BuiltBlock) -> Columns {
    let (meta, data) = (Arc::new(block.meta.clone()), Arc::new(block.data.clone()));
    let reader = BlockReader::open(meta, data, &Cache::new(1 << 20)).unwrap();
    let rows: Vec<u32> = (0..reader.rows().unwrap()).collect();
    let read = reader.read_traces(&rows, &Projection::full()).unwrap().columns;
    read.check().unwrap();
    read
}

fn check(version: Version, seed: u64, shape: Shape) {
    let columns = columns(seed, shape);
    let options = WriteOptions {
        version,
        dedicated_columns: dedicated(seed),
        ..WriteOptions::new(uuid::Uuid::from_u128(7), TenantId::single())
    };
    let block = build(&columns, &options).unwrap();
    let read = read(&block);
    let layout = Layout { version, dedicated: &block.meta.dedicated_columns };
    let expect = lines(&columns, |columns, from, row, owner| after_tempo(columns, from, row, owner, &layout));
    let found = lines(&read, |columns, from, row, _| as_read(columns, from, row));
    assert_eq!(found.len(), expect.len(), "{version} seed {seed}");
    for (found, expect) in found.iter().zip(&expect) {
        assert_eq!(found, expect, "{version} seed {seed}: {:?}", block.meta.dedicated_columns);
    }
}

#[test]
fn what_comes_back_is_what_tempo_gives_back() {
    for seed in 0..200 {
        for version in Version::ALL {
            check(version, seed, Shape { traces: 4, spans: 30, attrs: 9, values: 4, long: 10 });
        }
    }
}

#[test]
fn many_spans_with_many_attributes_come_back() {
    for version in Version::ALL {
        check(version, 1, Shape { traces: 900, spans: 3000, attrs: 12, values: 60, long: 100 });
    }
}

#[test]
fn resources_that_differ_in_any_spare_stay_apart() {
    let names: Vec<String> = (1..=20).map(|i| format!("spare.{i}")).collect();
    let dedicated: Vec<_> = names
        .iter()
        .map(|name| DedicatedColumn {
            scope: DedicatedScope::Resource,
            name: name.clone(),
            ty: DedicatedType::String,
            options: vec![],
        })
        .collect();
    for differs in &names {
        let mut columns = columns(2, Shape { traces: 1, spans: 2, attrs: 0, values: 1, long: 1 });
        let resources = columns.resources.presence.len();
        assert!(resources > 1 && columns.scopes.name.len() > 1, "{resources} resources");
        columns.resource_attrs = Attrs::default();
        for resource in 0..resources {
            for name in &names {
                let value = if name == differs { format!("{resource}") } else { "same".to_owned() };
                let key = columns.names.intern(name.as_bytes());
                let value = columns.values.intern(value.as_bytes());
                columns.resource_attrs.push(key, AttrType::Str, value.into());
            }
            columns.resource_attrs.end_owner();
        }
        columns.scopes.resource[..2].copy_from_slice(&[0, 1]);
        columns.spans.scope.copy_from_slice(&[0, 1]);
        for version in Version::ALL {
            let options = WriteOptions {
                version,
                dedicated_columns: dedicated.clone(),
                ..WriteOptions::new(uuid::Uuid::from_u128(7), TenantId::single())
            };
            let read = read(&build(&columns, &options).unwrap());
            assert_eq!(read.resources.presence.len(), 2, "{version}: {differs}");
        }
    }
}
