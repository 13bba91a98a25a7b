//! The same semantics again, row by row over OTLP messages: slow, simple, and written without the crate.

use crate::values::{converted, hashed, hex, literal, pattern, selects, text_of, text_value};
use cadenza_transform::Scope;
use cadenza_transform::plan::{Assignment, MaskPlace, NativeOp, Place, Source, Step, Substitute};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;

/// The host's secret of all tests.
pub(crate) const HOST: [u8; 32] = [7; 32];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attr {
    pub(crate) key: String,
    pub(crate) value: Option<AnyValue>,
    pub(crate) tallies: u16,
    /// Tells attributes apart while edits of one call are carried out.
    pub(crate) uid: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    pub(crate) parent: usize,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) message: String,
    pub(crate) state: String,
    pub(crate) schema: String,
    pub(crate) id: Vec<u8>,
    pub(crate) attrs: Vec<Attr>,
    /// By tally.
    pub(crate) tallied: Vec<Vec<String>>,
    pub(crate) dropped: bool,
}

/// All rows by table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct World {
    pub(crate) tables: [Vec<Row>; 5],
}

fn row(parent: usize, attrs: &[KeyValue]) -> Row {
    let attr =
        |pair: &KeyValue| Attr { key: pair.key.clone(), value: pair.value.clone(), tallies: 0, uid: 0 };
    Row { parent, attrs: attrs.iter().map(attr).collect(), tallied: vec![Vec::new(); 16], ..Row::default() }
}

impl World {
    pub(crate) fn new(list: &[ResourceSpans]) -> Self {
        let mut world = Self::default();
        let [resources, scopes, spans, events, links] = &mut world.tables;
        for resource_spans in list {
            let attrs = resource_spans.resource.as_ref().map_or(&[][..], |r| &r.attributes);
            resources.push(Row { schema: resource_spans.schema_url.clone(), ..row(0, attrs) });
            for scope_spans in &resource_spans.scope_spans {
                let scope = scope_spans.scope.clone().unwrap_or_default();
                let new = row(resources.len() - 1, &scope.attributes);
                let schema = scope_spans.schema_url.clone();
                scopes.push(Row { name: scope.name, version: scope.version, schema, ..new });
                for span in &scope_spans.spans {
                    spans.push(Row {
                        name: span.name.clone(),
                        state: span.trace_state.clone(),
                        message: span.status.as_ref().map(|s| s.message.clone()).unwrap_or_default(),
                        id: span.span_id.clone(),
                        ..row(scopes.len() - 1, &span.attributes)
                    });
                    let span_row = spans.len() - 1;
                    for event in &span.events {
                        events.push(Row { name: event.name.clone(), ..row(span_row, &event.attributes) });
                    }
                    for link in &span.links {
                        links
                            .push(Row { state: link.trace_state.clone(), ..row(span_row, &link.attributes) });
                    }
                }
            }
        }
        world
    }

    /// What each span looks like with everything around it, in the order of span ids.
    pub(crate) fn views(&self) -> Vec<String> {
        let strip = |row: &Row| {
            let attrs: Vec<_> =
                row.attrs.iter().map(|attr| format!("{}={:?}", attr.key, attr.value)).collect();
            let texts = (&row.name, &row.version, &row.message, &row.state, &row.schema);
            format!("{:?}", (texts, &row.id, attrs))
        };
        let [resources, scopes, spans, events, links] = &self.tables;
        let mut views: Vec<(Vec<u8>, String)> = Vec::new();
        for (i, span) in spans.iter().enumerate() {
            let scope = &scopes[span.parent];
            let mut view = vec![strip(&resources[scope.parent]), strip(scope), strip(span)];
            for table in [events, links] {
                let children = table.iter().filter(|child| child.parent == i && !child.dropped);
                view.extend(children.map(strip));
                view.push("--".to_owned());
            }
            views.push((span.id.clone(), view.join("\n")));
        }
        views.sort();
        views.into_iter().map(|view| view.1).collect()
    }

    pub(crate) fn table(&self, scope: Scope) -> &[Row] {
        &self.tables[scope as usize]
    }

    fn above(&self, from: Scope, row: usize, to: Scope) -> usize {
        let (mut at, mut row) = (from, row);
        while at != to {
            row = self.tables[at as usize][row].parent;
            at = at.parent().expect("a table above");
        }
        row
    }

    pub(crate) fn is_under(&self, from: Scope, row: usize, to: Scope, above: usize) -> bool {
        self.above(from, row, to) == above
    }

    /// Runs one step; `when` are the conditions that the tests use, answered for a span.
    pub(crate) fn step(&mut self, step: &Step) {
        let scope = match scope_of(&step.op) {
            Some(scope) => scope,
            None => return,
        };
        let skip: u16 = step.skip_tallies.iter().map(|&tally| 1 << tally).sum();
        let reached: Vec<bool> =
            (0..self.table(scope).len()).map(|row| self.reached(step, scope, row)).collect();
        let before = self.clone();
        let mut one = One { step, skip };
        for (row, &reached) in reached.iter().enumerate() {
            if reached && !self.tables[scope as usize][row].dropped {
                let resource = before.above(scope, row, Scope::Resource);
                let resource = before.tables[0][resource].attrs.clone();
                one.row(&mut self.tables[scope as usize][row], &resource);
            }
        }
    }

    fn reached(&self, step: &Step, scope: Scope, row: usize) -> bool {
        let Some(when) = &step.when else { return true };
        let resource = &self.tables[0][self.above(scope, row, Scope::Resource)];
        let last = |row: &Row, key: &str| {
            row.attrs.iter().rev().find(|attr| attr.key == key).and_then(|attr| attr.value.clone())
        };
        let text = |value: &str| Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
        let holds = match when.as_str() {
            "{ resource.a = \"x\" }" => {
                // A resource without spans is reached by no condition.
                return (last(resource, "a") == text("x")) != step.negate;
            }
            "{ span.b = \"x\" }" => {
                let span = &self.tables[2][self.above(scope, row, Scope::Span)];
                last(span, "b") == text("x")
            }
            "{ name =~ \"n[12]\" }" => {
                let span = &self.tables[2][self.above(scope, row, Scope::Span)];
                span.name == "n1" || span.name == "n2"
            }
            other => panic!("no model for {other}"),
        };
        holds != step.negate
    }
}

pub(crate) fn scope_of(op: &NativeOp) -> Option<Scope> {
    Some(match op {
        NativeOp::Insert(a) | NativeOp::Update(a) | NativeOp::Upsert(a) => a.scope,
        NativeOp::Delete(place) => place.scope,
        NativeOp::Replace(op) => op.place.scope,
        NativeOp::KeepOnly(op) => op.scope,
        NativeOp::Hash(op) => op.place.scope,
        NativeOp::Convert(op) => op.place.scope,
        NativeOp::Extract(op) => op.scope,
        NativeOp::Mask(op) => match &op.place {
            MaskPlace::Attribute(place) => place.scope,
            MaskPlace::SpanName | MaskPlace::StatusMessage | MaskPlace::TraceState => Scope::Span,
            MaskPlace::EventName => Scope::Event,
            MaskPlace::LinkTraceState => Scope::Link,
            MaskPlace::ScopeName | MaskPlace::ScopeVersion | MaskPlace::ScopeSchemaUrl => {
                Scope::Instrumentation
            }
            MaskPlace::ResourceSchemaUrl => Scope::Resource,
        },
        NativeOp::Note(op) => op.place.scope,
        NativeOp::Report(op) => op.scope,
        NativeOp::Guest => return None,
    })
}

/// One step over one row.
struct One<'a> {
    step: &'a Step,
    skip: u16,
}

impl One<'_> {
    /// Visits the attributes that the step reaches; what `visit` gives: touched, removed.
    fn each(
        &self,
        row: &mut Row,
        selects: impl Fn(&str) -> bool,
        mut visit: impl FnMut(&mut Attr) -> (bool, bool),
    ) {
        let mut kept = Vec::new();
        for mut attr in std::mem::take(&mut row.attrs) {
            let reached = selects(&attr.key) && attr.tallies & self.skip == 0;
            let (touched, removed) = if reached { visit(&mut attr) } else { (false, false) };
            if touched
                && let Some(tally) = self.step.tally
                && attr.tallies >> tally & 1 == 0
            {
                attr.tallies |= 1 << tally;
                row.tallied[tally as usize].push(attr.key.clone());
            }
            if !removed {
                kept.push(attr);
            }
        }
        row.attrs = kept;
    }

    fn write(&self, row: &mut Row, key: &str, value: Option<AnyValue>, replace: bool, insert: bool) {
        if !row.attrs.iter().any(|attr| attr.key == key) {
            if insert {
                row.attrs.push(Attr { key: key.to_owned(), value, tallies: 0, uid: 0 });
            }
        } else if replace {
            self.each(
                row,
                |k| k == key,
                |attr| {
                    attr.value = value.clone();
                    (true, false)
                },
            );
        }
    }

    fn assign(&self, row: &mut Row, a: &Assignment, resource: &[Attr], replace: bool, insert: bool) {
        let first = |attrs: &[Attr], key: &str| {
            attrs.iter().find(|attr| attr.key == key).map(|attr| attr.value.clone())
        };
        let value = match &a.value {
            Source::Literal(value) => Some(literal(value)),
            Source::Attribute(key) => first(&row.attrs, key),
            Source::ResourceAttribute(key) => first(resource, key),
        };
        if let Some(value) = value {
            self.write(row, &a.key, value, replace, insert);
        }
    }

    fn masked(&self, text: &str, op: &cadenza_transform::plan::Mask) -> Option<String> {
        if op.unless.iter().any(|unless| pattern(unless).is_match(text)) {
            return None;
        }
        let (mut text, mut any) = (text.to_owned(), false);
        for mask in &op.patterns {
            let regex = pattern(mask);
            if regex.is_match(&text) {
                any = true;
                text = match &op.substitute {
                    Substitute::Template(template) => {
                        regex.replace_all(&text, template.as_str()).into_owned()
                    }
                    Substitute::Hash(kind) => {
                        let hash = |groups: &regex::Captures<'_>| hex(*kind, groups[0].as_bytes());
                        regex.replace_all(&text, hash).into_owned()
                    }
                };
            }
        }
        any.then_some(text)
    }

    fn row(&mut self, row: &mut Row, resource: &[Attr]) {
        let step = self.step;
        let by = |place: &Place| {
            let selector = place.key.clone();
            move |key: &str| selects(&selector, key)
        };
        match &step.op {
            NativeOp::Insert(a) => self.assign(row, a, resource, false, true),
            NativeOp::Update(a) => self.assign(row, a, resource, true, false),
            NativeOp::Upsert(a) => self.assign(row, a, resource, true, true),
            NativeOp::Delete(place) => self.each(row, by(place), |_| (true, true)),
            NativeOp::Replace(op) => self.each(row, by(&op.place), |attr| {
                attr.value = literal(&op.value);
                (true, false)
            }),
            NativeOp::KeepOnly(op) => {
                let loses = |key: &str| !op.keys.iter().any(|keep| selects(keep, key));
                self.each(row, loses, |_| (true, true));
            }
            NativeOp::Hash(op) => self.each(row, by(&op.place), |attr| {
                attr.value = text_value(hashed(op.kind, &attr.value));
                (true, false)
            }),
            NativeOp::Convert(op) => self.each(row, by(&op.place), |attr| {
                let new = converted(&attr.value, op.to);
                let touched = new.is_some();
                if let Some(new) = new {
                    attr.value = Some(AnyValue { value: Some(new) });
                }
                (touched, false)
            }),
            NativeOp::Extract(op) => {
                let regex = regex::Regex::new(&op.pattern).expect("a pattern");
                let texts: Vec<String> = row
                    .attrs
                    .iter()
                    .filter(|attr| attr.key == op.key && attr.tallies & self.skip == 0)
                    .filter_map(|attr| match attr.value.as_ref()?.value.as_ref()? {
                        Value::StringValue(text) => Some(text.clone()),
                        _ => None,
                    })
                    .collect();
                // Of several values the last one counts, for each group.
                for name in regex.capture_names().flatten() {
                    let mut parts = texts.iter().filter_map(|text| regex.captures(text));
                    let last = parts.next_back().map(|groups| {
                        groups.name(name).map_or(String::new(), |part| part.as_str().to_owned())
                    });
                    if let Some(part) = last {
                        self.write(row, name, text_value(part), true, true);
                    }
                }
            }
            NativeOp::Mask(op) => {
                let field = match &op.place {
                    MaskPlace::Attribute(place) => {
                        self.each(row, by(place), |attr| {
                            let is_text = matches!(
                                attr.value.as_ref().and_then(|value| value.value.as_ref()),
                                Some(Value::StringValue(_))
                            );
                            let masked = if is_text || op.all_types {
                                self.masked(&text_of(&attr.value), op)
                            } else {
                                None
                            };
                            let touched = masked.is_some();
                            if let Some(masked) = masked {
                                attr.value = text_value(masked);
                            }
                            (touched, false)
                        });
                        return;
                    }
                    MaskPlace::SpanName | MaskPlace::EventName | MaskPlace::ScopeName => &mut row.name,
                    MaskPlace::StatusMessage => &mut row.message,
                    MaskPlace::TraceState | MaskPlace::LinkTraceState => &mut row.state,
                    MaskPlace::ScopeVersion => &mut row.version,
                    MaskPlace::ResourceSchemaUrl | MaskPlace::ScopeSchemaUrl => &mut row.schema,
                };
                if let Some(masked) = self.masked(field, op) {
                    *field = masked;
                }
            }
            NativeOp::Note(op) => self.each(row, by(&op.place), |attr| {
                let is_text = matches!(
                    attr.value.as_ref().and_then(|value| value.value.as_ref()),
                    Some(Value::StringValue(_))
                );
                let text = text_of(&attr.value);
                let hit = op.matching.is_empty()
                    || (is_text || op.all_types) && op.matching.iter().any(|m| pattern(m).is_match(&text));
                (hit, false)
            }),
            NativeOp::Report(op) => {
                let mut keys = row.tallied[op.tally as usize].clone();
                if keys.is_empty() {
                    return;
                }
                let count = keys.len() as i64;
                let first = |row: &Row, key: &str| {
                    let attr = row.attrs.iter().find(|attr| attr.key == key);
                    attr.and_then(|attr| attr.value.clone()).and_then(|value| value.value)
                };
                if let Some(key) = &op.keys {
                    if let Some(Value::StringValue(before)) = first(row, key)
                        && !before.is_empty()
                    {
                        keys.extend(before.split(op.separator.as_str()).map(str::to_owned));
                    }
                    keys.sort();
                    self.write(row, key, text_value(keys.join(&op.separator)), true, true);
                }
                if let Some(key) = &op.count {
                    let before = match first(row, key) {
                        Some(Value::IntValue(number)) => number,
                        _ => 0,
                    };
                    let value = AnyValue { value: Some(Value::IntValue(before + count)) };
                    self.write(row, key, Some(value), true, true);
                }
            }
            NativeOp::Guest => {}
        }
    }
}
