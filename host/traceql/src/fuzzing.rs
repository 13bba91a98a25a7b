//! What fuzz targets call; also run over their corpora by the ordinary tests.

use crate::eval::{Program, TraceInfo, TraceView};
use crate::{PatternError, compile_regex, lenient_filter, parse, parse_tag, plan};
use cadenza_model::tree::assemble;
use cadenza_model::{AttrType, Columns, SpanId, TraceId};

/// A query that parses has a canonical form, which parses to the same tree.
pub fn traceql_parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (parse_tag(text), lenient_filter(text));
    match parse(text) {
        Ok(query) => {
            let canonical = query.to_string();
            let again = parse(&canonical).unwrap_or_else(|e| panic!("{canonical}: {e}"));
            assert_eq!(again, query, "{canonical}");
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.offset));
            let _ = (error.to_string(), error.caret(text));
        }
    }
}

/// A pattern is refused in Go's words or means something to the engine, which has a lower bound on nesting.
pub fn re2_pattern(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match compile_regex(text) {
        Ok(regex) => _ = (regex.is_match(""), regex.is_match(text)),
        Err(PatternError::Engine(reason)) => assert!(reason.contains("nest"), "{text}: {reason}"),
        Err(error) => _ = error.to_string(),
    }
}

/// Any query runs over spans with extreme values without panicking, and finds nothing that its plan
/// would not have looked at.
pub fn traceql_eval(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(query) = parse(text) else { return };
    let Ok(program) = Program::compile(&query) else { return };
    let columns = extreme_columns();
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    let tree = assemble(&columns, &rows);
    let info = TraceInfo::collect(&columns, &rows, tree.root);
    let view = TraceView { rows: &rows, info: &info, tree: Some(&tree) };
    let mut bound = program.bind(&columns);
    let Ok(spansets) = bound.run(&view) else { return };
    let plan = plan(&query);
    for spanset in &spansets {
        assert!(!spanset.positions.is_empty() && spanset.positions.is_sorted());
        for &position in &spanset.positions {
            let _ = (bound.shown(&view, position as usize), bound.shows_name(&view, position as usize));
        }
    }
    if let plan::TraceCondition::Span(condition) = &plan.condition {
        let filter = Program::compile_condition(condition);
        let mut candidates = filter.bind(&columns);
        let positions = spansets.iter().flat_map(|s| &s.positions);
        for &position in positions {
            assert!(candidates.matches_row(rows[position as usize]), "{text}: {condition:?}");
        }
    }
}

/// Four spans in a row, with the ends of every range among their values.
fn extreme_columns() -> Columns {
    use AttrType::{Absent, Bool, Double, Empty, Int, Str};
    let mut columns = Columns::new();
    let (key_a, key_b) = (columns.names.intern(b"a"), columns.names.intern(b"b"));
    let name = columns.names.intern(b"name");
    let text = columns.values.intern("é\n".as_bytes());
    let service = columns.names.intern(b"service.name");
    let values = [
        (Int, i64::MIN as u64),
        (Int, i64::MAX as u64),
        (Double, f64::NAN.to_bits()),
        (Double, f64::NEG_INFINITY.to_bits()),
        (Str, u64::from(text)),
        (Bool, 1),
        (Absent, 0),
        (Empty, 0),
    ];
    columns.resource_attrs.push(service, Str, u64::from(text));
    columns.resource_attrs.push(key_b, Int, 1);
    columns.resource_attrs.end_owner();
    columns.resources.schema_url.push(0);
    columns.resources.dropped_attributes.push(0);
    columns.resources.presence.push(1);
    columns.scope_attrs.push(key_a, Bool, 0);
    columns.scope_attrs.end_owner();
    columns.scopes.resource.push(0);
    columns.scopes.name.push(name);
    columns.scopes.version.push(0);
    columns.scopes.schema_url.push(0);
    columns.scopes.dropped_attributes.push(0);
    columns.scopes.presence.push(1);
    for row in 0..values.len() {
        let (at, spans) = (row as u64, &mut columns.spans);
        spans.trace_id.push(TraceId([1; 16]));
        spans.span_id.push(SpanId(at + 1));
        spans.parent_id.push(SpanId(at / 2));
        spans.start_ns.push(if row == 1 { u64::MAX } else { at });
        spans.end_ns.push(if row == 2 { u64::MAX } else { at / 2 });
        spans.kind.push(if row == 3 { i32::MIN } else { row as i32 });
        spans.status.push(if row == 4 { i32::MAX } else { row as i32 % 3 });
        spans.flags.push(0);
        spans.name.push(if row % 2 == 0 { name } else { 0 });
        spans.message.push(text);
        spans.trace_state.push(0);
        spans.dropped_attributes.push(0);
        spans.dropped_events.push(0);
        spans.dropped_links.push(0);
        spans.scope.push(0);
        spans.presence.push(0);
        spans.wire_bytes.push(0);
        let (ty, val) = values[row];
        columns.span_attrs.push(key_a, ty, val);
        columns.span_attrs.push(key_b, values[7 - row].0, values[7 - row].1);
        columns.span_attrs.end_owner();
        if row % 2 == 1 {
            columns.events.time_ns.push(u64::MAX);
            columns.events.name.push(name);
            columns.events.dropped_attributes.push(0);
            columns.event_attrs.push(key_a, ty, val);
            columns.event_attrs.end_owner();
        }
        columns.spans.event_ends.push(columns.events.time_ns.len() as u32);
        columns.spans.link_ends.push(0);
    }
    columns
}
