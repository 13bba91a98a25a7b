//! Keys and values as the row-by-row model has them.

use crate::model::HOST;
use cadenza_transform::keyed64;
use cadenza_transform::plan::{HashKind, KeySelector, Literal, Pattern, ValueType, WellKnown};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

pub(crate) fn selects(selector: &KeySelector, key: &str) -> bool {
    match selector {
        KeySelector::Exact(exact) => exact == key,
        KeySelector::Prefix(prefix) => key.starts_with(prefix.as_str()),
        KeySelector::Glob(glob) => {
            let pattern = regex::escape(glob).replace(r"\*", "(?s:.*)").replace(r"\?", "(?s:.)");
            regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern").is_match(key)
        }
        KeySelector::Pattern(pattern) => regex::Regex::new(pattern).expect("a pattern").is_match(key),
        KeySelector::Any => true,
    }
}

pub(crate) fn text_value(text: impl Into<String>) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.into())) })
}

pub(crate) fn literal(literal: &Literal) -> Option<AnyValue> {
    let value = match literal {
        Literal::Str(text) => Value::StringValue(text.clone()),
        Literal::Int(number) => Value::IntValue(*number),
        Literal::Double(number) => Value::DoubleValue(*number),
        Literal::Boolean(set) => Value::BoolValue(*set),
        Literal::Json(text) => return Some(serde_json::from_str(text).expect("a value")),
    };
    Some(AnyValue { value: Some(value) })
}

/// The text of a value. Of nested ones the tests use strings, ints and bools only.
pub(crate) fn text_of(value: &Option<AnyValue>) -> String {
    fn json(value: &AnyValue) -> serde_json::Value {
        match &value.value {
            None => serde_json::Value::Null,
            Some(Value::StringValue(text)) => text.as_str().into(),
            Some(Value::IntValue(number)) => (*number).into(),
            Some(Value::BoolValue(set)) => (*set).into(),
            Some(Value::ArrayValue(array)) => array.values.iter().map(json).collect(),
            Some(Value::KvlistValue(map)) => {
                let entry = |pair: &KeyValue| {
                    (pair.key.clone(), pair.value.as_ref().map_or(serde_json::Value::Null, json))
                };
                serde_json::Value::Object(map.values.iter().map(entry).collect())
            }
            other => panic!("no model for {other:?}"),
        }
    }
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BytesValue(bytes)) => {
            // The tests use these two.
            match bytes.as_slice() {
                b"" => String::new(),
                b"\xff\x00" => "/wA=".to_owned(),
                other => panic!("no model for {other:?}"),
            }
        }
        Some(Value::DoubleValue(number)) => format!("{number}"),
        Some(_) => json(value.as_ref().expect("a value")).to_string(),
    }
}

pub(crate) fn hex(kind: HashKind, bytes: &[u8]) -> String {
    match kind {
        HashKind::Keyed64 => String::from_utf8(keyed64(&HOST, bytes).to_vec()).expect("hex"),
        other => panic!("no model for {other:?}"),
    }
}

pub(crate) fn hashed(kind: HashKind, value: &Option<AnyValue>) -> String {
    let bytes = match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone().into_bytes(),
        Some(Value::BoolValue(set)) => vec![u8::from(*set)],
        Some(Value::IntValue(number)) => number.to_le_bytes().to_vec(),
        Some(Value::DoubleValue(number)) => number.to_le_bytes().to_vec(),
        _ => return String::new(),
    };
    hex(kind, &bytes)
}

pub(crate) fn pattern(pattern: &Pattern) -> regex::Regex {
    let text = match pattern {
        Pattern::Expression(text) => text.as_str(),
        Pattern::WellKnown(WellKnown::Digits) => "[0-9]{6,}",
        Pattern::WellKnown(WellKnown::Email) => r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        Pattern::WellKnown(other) => panic!("no model for {other:?}"),
    };
    regex::Regex::new(text).expect("a pattern")
}

pub(crate) fn converted(value: &Option<AnyValue>, to: ValueType) -> Option<Value> {
    let inner = value.as_ref().and_then(|value| value.value.clone());
    Some(match (to, inner) {
        (ValueType::Str, Some(Value::StringValue(_))) => return None,
        (ValueType::Str, _) => Value::StringValue(text_of(value)),
        (ValueType::Int, Some(Value::DoubleValue(number))) => Value::IntValue(number as i64),
        (ValueType::Int, Some(Value::BoolValue(set))) => Value::IntValue(set.into()),
        (ValueType::Int, Some(Value::StringValue(text))) => Value::IntValue(text.parse().ok()?),
        (ValueType::Double, Some(Value::IntValue(number))) => Value::DoubleValue(number as f64),
        (ValueType::Double, Some(Value::BoolValue(set))) => Value::DoubleValue(u8::from(set).into()),
        (ValueType::Double, Some(Value::StringValue(text))) => Value::DoubleValue(text.parse().ok()?),
        (ValueType::Boolean, Some(Value::StringValue(text))) => Value::BoolValue(text.parse().ok()?),
        (ValueType::Boolean, Some(Value::IntValue(number))) => Value::BoolValue(number != 0),
        (ValueType::Boolean, Some(Value::DoubleValue(number))) => Value::BoolValue(number != 0.0),
        _ => return None,
    })
}
