//! One owner of attributes against another: what was changed, came, or went.

use cadenza_model::hex;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// One thing that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// `attribute KEY`, `name`, `event 2 (exception) attribute KEY`, …
    pub(super) place: String,
    pub(super) before: Option<AnyValue>,
    pub(super) after: Option<AnyValue>,
}

/// Collects changes under a prefix of their places.
struct Changes<'a> {
    prefix: &'a str,
    out: &'a mut Vec<Change>,
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

/// A number as one; larger ones than OTLP's values can hold as text.
fn number(number: u64) -> AnyValue {
    match i64::try_from(number) {
        Ok(number) => AnyValue { value: Some(Value::IntValue(number)) },
        Err(_) => text(&number.to_string()),
    }
}

impl Changes<'_> {
    fn put(&mut self, place: &str, before: Option<AnyValue>, after: Option<AnyValue>) {
        self.out.push(Change { place: format!("{}{place}", self.prefix), before, after });
    }

    fn field(&mut self, place: &str, before: AnyValue, after: AnyValue) {
        if before != after {
            self.put(place, Some(before), Some(after));
        }
    }

    /// A text that is not there when it is empty.
    fn text(&mut self, place: &str, before: &str, after: &str) {
        if before != after {
            let some = |of: &str| (!of.is_empty()).then(|| text(of));
            self.put(place, some(before), some(after));
        }
    }

    /// Attributes by key; several of one key in their order. The order of keys means nothing.
    fn attributes(&mut self, before: &[KeyValue], after: &[KeyValue]) {
        if before == after {
            return;
        }
        let mut keys: Vec<&str> = Vec::new();
        for attribute in before.iter().chain(after) {
            if !keys.contains(&attribute.key.as_str()) {
                keys.push(&attribute.key);
            }
        }
        let of = |list: &[KeyValue], key: &str| -> Vec<AnyValue> {
            let found = list.iter().filter(|attribute| attribute.key == key);
            found.map(|attribute| attribute.value.clone().unwrap_or_default()).collect()
        };
        for key in keys {
            let (before, after) = (of(before, key), of(after, key));
            for at in 0..before.len().max(after.len()) {
                let (before, after) = (before.get(at), after.get(at));
                if before != after {
                    self.put(&format!("attribute {key}"), before.cloned(), after.cloned());
                }
            }
        }
    }
}

/// Changes of a resource.
pub(super) fn resource(before: &ResourceSpans, after: &ResourceSpans) -> Vec<Change> {
    let mut out = Vec::new();
    let mut changes = Changes { prefix: "", out: &mut out };
    let empty = Default::default();
    let (old, new) = (before.resource.as_ref().unwrap_or(&empty), after.resource.as_ref().unwrap_or(&empty));
    changes.attributes(&old.attributes, &new.attributes);
    changes.text("schema url", &before.schema_url, &after.schema_url);
    let dropped = (old.dropped_attributes_count, new.dropped_attributes_count);
    changes.field("dropped attributes", number(dropped.0.into()), number(dropped.1.into()));
    out
}

/// Changes of an instrumentation scope.
pub(super) fn scope(before: &ScopeSpans, after: &ScopeSpans) -> Vec<Change> {
    let mut out = Vec::new();
    let mut changes = Changes { prefix: "", out: &mut out };
    let empty = Default::default();
    let (old, new) = (before.scope.as_ref().unwrap_or(&empty), after.scope.as_ref().unwrap_or(&empty));
    changes.text("name", &old.name, &new.name);
    changes.text("version", &old.version, &new.version);
    changes.attributes(&old.attributes, &new.attributes);
    changes.text("schema url", &before.schema_url, &after.schema_url);
    let dropped = (old.dropped_attributes_count, new.dropped_attributes_count);
    changes.field("dropped attributes", number(dropped.0.into()), number(dropped.1.into()));
    out
}

/// Changes of a span, its events and its links.
pub(super) fn span(before: &Span, after: &Span) -> Vec<Change> {
    let mut out = Vec::new();
    if before == after {
        return out;
    }
    let mut changes = Changes { prefix: "", out: &mut out };
    changes.text("name", &before.name, &after.name);
    changes.text("parent", &hex(&before.parent_span_id), &hex(&after.parent_span_id));
    changes.text("trace state", &before.trace_state, &after.trace_state);
    changes.field("flags", number(before.flags.into()), number(after.flags.into()));
    changes.field("start", number(before.start_time_unix_nano), number(after.start_time_unix_nano));
    changes.field("end", number(before.end_time_unix_nano), number(after.end_time_unix_nano));
    let status = |span: &Span| span.status.clone().unwrap_or_default();
    let (old, new) = (status(before), status(after));
    changes.field("status", text(old.code().as_str_name()), text(new.code().as_str_name()));
    changes.text("status message", &old.message, &new.message);
    changes.attributes(&before.attributes, &after.attributes);
    for (what, before, after) in [
        ("dropped attributes", before.dropped_attributes_count, after.dropped_attributes_count),
        ("dropped events", before.dropped_events_count, after.dropped_events_count),
        ("dropped links", before.dropped_links_count, after.dropped_links_count),
    ] {
        changes.field(what, number(before.into()), number(after.into()));
    }
    events(&before.events, &after.events, &mut out);
    links(&before.links, &after.links, &mut out);
    out
}

/// Pairs of a list and what is left of it. Rows can go and be changed, but not change their order: those of one
/// `key` that are equal belong together, else the first that is left.
fn pairs<'a, T: PartialEq, K: PartialEq>(
    before: &'a [T],
    after: &'a [T],
    key: impl Fn(&T) -> K,
) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let (mut out, mut next) = (Vec::new(), 0);
    for (at, new) in after.iter().enumerate() {
        // More cannot have gone, or nothing would be left for the rest.
        let gone_max = (before.len() - next).saturating_sub(after.len() - at);
        let within = &before[next..before.len().min(next + gone_max + 1)];
        let fits = |old: &&T| key(old) == key(new);
        let found =
            within.iter().position(|old| old == new).or_else(|| within.iter().position(|old| fits(&old)));
        match found {
            Some(at) => {
                out.extend(within[..at].iter().map(|old| (Some(old), None)));
                out.push((Some(&within[at]), Some(new)));
                next += at + 1;
            }
            None => out.push((None, Some(new))),
        }
    }
    out.extend(before[next..].iter().map(|old| (Some(old), None)));
    out
}

fn events(before: &[Event], after: &[Event], out: &mut Vec<Change>) {
    let pairs = pairs(before, after, |event| event.time_unix_nano);
    for (at, pair) in pairs.into_iter().enumerate() {
        let number = at + 1;
        match pair {
            (Some(old), Some(new)) => {
                let prefix = format!("event {number} ({}) ", old.name);
                let mut changes = Changes { prefix: &prefix, out };
                changes.text("name", &old.name, &new.name);
                changes.attributes(&old.attributes, &new.attributes);
            }
            (old, new) => {
                let name = |event: Option<&Event>| event.map(|event| text(&event.name));
                let place = format!("event {number}");
                out.push(Change { place, before: name(old), after: name(new) });
            }
        }
    }
}

fn links(before: &[Link], after: &[Link], out: &mut Vec<Change>) {
    let pairs = pairs(before, after, |link| (link.trace_id.clone(), link.span_id.clone()));
    for (at, pair) in pairs.into_iter().enumerate() {
        let number = at + 1;
        match pair {
            (Some(old), Some(new)) => {
                let prefix = format!("link {number} ");
                let mut changes = Changes { prefix: &prefix, out };
                changes.text("trace state", &old.trace_state, &new.trace_state);
                changes.attributes(&old.attributes, &new.attributes);
            }
            (old, new) => {
                let target = |link: Option<&Link>| {
                    link.map(|link| text(&format!("{}/{}", hex(&link.trace_id), hex(&link.span_id))))
                };
                let place = format!("link {number}");
                out.push(Change { place, before: target(old), after: target(new) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: &str) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(text(value)), ..KeyValue::default() }
    }

    fn event(time: u64, name: &str) -> Event {
        Event { time_unix_nano: time, name: name.to_owned(), ..Event::default() }
    }

    fn places(before: &Span, after: &Span) -> Vec<String> {
        span(before, after).into_iter().map(|change| change.place).collect()
    }

    #[test]
    fn attributes_are_compared_by_key_and_not_by_place() {
        let before = Span { attributes: vec![attribute("a", "1"), attribute("b", "2")], ..Span::default() };
        let mut after = before.clone();
        after.attributes.reverse();
        assert_eq!(span(&before, &after), []);
        after.attributes = vec![attribute("b", "3"), attribute("c", "4")];
        assert_eq!(places(&before, &after), ["attribute a", "attribute b", "attribute c"]);
    }

    #[test]
    fn an_event_that_went_is_not_taken_for_a_change_of_the_next() {
        let before = Span { events: vec![event(1, "a"), event(1, "b"), event(1, "c")], ..Span::default() };
        let mut after = before.clone();
        after.events.remove(0);
        let changes = span(&before, &after);
        assert_eq!(changes, [Change { place: "event 1".to_owned(), before: Some(text("a")), after: None }]);
        after.events[1].name = "d".to_owned();
        assert_eq!(places(&before, &after), ["event 1", "event 3 (c) name"]);
    }
}
