//! A diff for a person, and for a program.

use super::diff::{Counts, Diff, Difference, Fate, Owner};
use super::fields::Change;
use crate::tools::term::{Paint, cut, plain, say};
use cadenza_model::hex;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::{Value as Json, json};

/// Owners shown unless all are asked for: more than anyone reads.
const SHOWN_MAX: usize = 40;
/// Characters shown of a value.
const VALUE_CHARS_MAX: usize = 160;
/// Characters shown of an id: enough to find it.
const ID_CHARS: usize = 8;

/// Prints owners and their changes.
pub(super) fn text(diff: &Diff, all: bool, paint: Paint) {
    let shown = if all { usize::MAX } else { SHOWN_MAX };
    for difference in diff.differences.iter().take(shown) {
        owner(difference, paint);
    }
    if diff.differences.len() > shown {
        say!("… and {} more, which --all shows\n", diff.differences.len() - shown);
    }
}

fn owner(difference: &Difference, paint: Paint) {
    let head = head(difference);
    match &difference.fate {
        Fate::Gone(reason) if reason.is_empty() => say!("{}\n", paint.red(&format!("- {head}"))),
        Fate::Gone(reason) => say!("{}\n", paint.red(&format!("- {head}: {}", plain(reason)))),
        Fate::New => say!("{}\n", paint.green(&format!("+ {head}"))),
        Fate::Changed(changes) => {
            say!("{}", paint.bold(&head));
            for change in changes {
                print_change(change, paint);
            }
            say!("");
        }
    }
}

fn head(difference: &Difference) -> String {
    let service = match difference.service.as_str() {
        "" => String::new(),
        service => format!(" [{}]", plain(service)),
    };
    match &difference.owner {
        Owner::Resource { spans } => format!("resource{service} of {spans} spans"),
        Owner::Scope { name, spans } => format!("scope {}{service} of {spans} spans", plain(name)),
        Owner::Span { trace_id, span_id, name, scope } => {
            let short = |id: &str| id.chars().take(ID_CHARS).collect::<String>();
            let scope = if scope.is_empty() { String::new() } else { format!(" by {}", plain(scope)) };
            let name = cut(&plain(name), VALUE_CHARS_MAX);
            format!("trace {} span {}  {name}{service}{scope}", short(trace_id), short(span_id))
        }
    }
}

fn print_change(change: &Change, paint: Paint) {
    let line = |sign: &str, value: &AnyValue| {
        let value = cut(&plain(&spelled(value)), VALUE_CHARS_MAX);
        format!("  {sign} {} = {value}", plain(&change.place))
    };
    if let Some(before) = &change.before {
        say!("{}", paint.red(&line("-", before)));
    }
    if let Some(after) = &change.after {
        say!("{}", paint.green(&line("+", after)));
    }
}

/// A value so that its type is seen: `"1"` is a text, `1` an integer, `1.0` a double.
fn spelled(value: &AnyValue) -> String {
    match &value.value {
        None => "(empty)".to_owned(),
        Some(Value::StringValue(text)) => format!("\"{text}\""),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => format!("{number:?}"),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::BytesValue(bytes)) => {
            format!("bytes {}", hex(&bytes[..bytes.len().min(VALUE_CHARS_MAX)]))
        }
        Some(Value::ArrayValue(array)) => {
            let items: Vec<_> = array.values.iter().take(VALUE_CHARS_MAX).map(spelled).collect();
            format!("[{}]", items.join(", "))
        }
        Some(Value::KvlistValue(map)) => {
            let none = AnyValue::default();
            let item = |i: &opentelemetry_proto::tonic::common::v1::KeyValue| {
                format!("{}: {}", i.key, spelled(i.value.as_ref().unwrap_or(&none)))
            };
            let items: Vec<_> = map.values.iter().take(VALUE_CHARS_MAX).map(item).collect();
            format!("{{{}}}", items.join(", "))
        }
        Some(_) => "(of a type that is not known)".to_owned(),
    }
}

/// The diff as JSON; values as OTLP/JSON has them.
pub(super) fn json(diff: &Diff) -> Json {
    let one = |difference: &Difference| {
        let mut out = match &difference.owner {
            Owner::Resource { spans } => json!({"owner": "resource", "spans": spans}),
            Owner::Scope { name, spans } => json!({"owner": "scope", "name": name, "spans": spans}),
            Owner::Span { trace_id, span_id, name, scope } => json!({
                "owner": "span", "trace_id": trace_id, "span_id": span_id, "name": name, "scope": scope,
            }),
        };
        out["service"] = difference.service.as_str().into();
        match &difference.fate {
            Fate::Gone(reason) => {
                out["fate"] = "gone".into();
                out["reason"] = reason.as_str().into();
            }
            Fate::New => out["fate"] = "new".into(),
            Fate::Changed(changes) => {
                out["fate"] = "changed".into();
                let change = |c: &Change| json!({"place": c.place, "before": c.before, "after": c.after});
                out["changes"] = changes.iter().map(change).collect();
            }
        }
        out
    };
    diff.differences.iter().map(one).collect()
}

/// Counts as JSON.
pub(super) fn counts_json(counts: &Counts) -> Json {
    json!({
        "spans_before": counts.before,
        "spans_after": counts.after,
        "spans_changed": counts.changed_spans,
        "spans_gone": counts.gone_spans,
        "spans_new": counts.new_spans,
        "values_changed": counts.changed,
        "values_added": counts.added,
        "values_removed": counts.removed,
    })
}
