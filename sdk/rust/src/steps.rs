//! Native steps: rules that the server carries out itself, without calling the plugin.

use crate::native::{
    Assignment, Conversion, Extraction, HashKind, Hashing, KeepList, Literal, Mask, MaskPlace, NativeOp,
    Notice, Pattern, Replacement, Report, Source, Step, Substitute, WellKnown,
};
use crate::types::{KeySelector, Place, Scope, ValueType};

/// A step for every row, without tallies.
fn step(op: NativeOp) -> Step {
    Step { when: None, negate: false, skip_tallies: Vec::new(), tally: None, op }
}

/// Writes where the key is not there yet.
pub fn insert(scope: Scope, key: impl Into<String>, value: Source) -> Step {
    step(NativeOp::Insert(Assignment { scope, key: key.into(), value }))
}

/// Writes where the key is there.
pub fn update(scope: Scope, key: impl Into<String>, value: Source) -> Step {
    step(NativeOp::Update(Assignment { scope, key: key.into(), value }))
}

/// Writes in any case.
pub fn upsert(scope: Scope, key: impl Into<String>, value: Source) -> Step {
    step(NativeOp::Upsert(Assignment { scope, key: key.into(), value }))
}

/// Removes attributes.
pub fn delete(place: Place) -> Step {
    step(NativeOp::Delete(place))
}

/// Puts a value in place of whatever is there.
pub fn replace(place: Place, value: Literal) -> Step {
    step(NativeOp::Replace(Replacement { place, value }))
}

/// Removes every attribute that none of these selects.
pub fn keep_only(scope: Scope, keys: Vec<KeySelector>) -> Step {
    step(NativeOp::KeepOnly(KeepList { scope, keys }))
}

/// Replaces values by their hashes.
pub fn hash(place: Place, kind: HashKind) -> Step {
    step(NativeOp::Hash(Hashing { place, kind }))
}

/// Gives values another type.
pub fn convert(place: Place, to: ValueType) -> Step {
    step(NativeOp::Convert(Conversion { place, to }))
}

/// Writes the named groups of a pattern's first match as attributes.
pub fn extract(scope: Scope, key: impl Into<String>, pattern: impl Into<String>) -> Step {
    step(NativeOp::Extract(Extraction { scope, key: key.into(), pattern: pattern.into() }))
}

/// Replaces parts of values.
pub fn mask(place: MaskPlace, patterns: Vec<Pattern>, substitute: Substitute) -> Step {
    step(NativeOp::Mask(Mask { place, patterns, unless: Vec::new(), substitute, all_types: false }))
}

/// Puts attributes on the step's tally.
pub fn note(place: Place, matching: Vec<Pattern>, all_types: bool) -> Step {
    step(NativeOp::Note(Notice { place, matching, all_types }))
}

/// Writes a tally as attributes: its keys joined by `,`, and how many.
pub fn report(scope: Scope, tally: u32, keys: Option<&str>, count: Option<&str>) -> Step {
    step(NativeOp::Report(Report {
        scope,
        tally,
        keys: keys.map(str::to_owned),
        separator: ",".to_owned(),
        count: count.map(str::to_owned),
    }))
}

/// Where `process` is called.
pub fn guest() -> Step {
    step(NativeOp::Guest)
}

/// A pattern in RE2 syntax.
pub fn expression(pattern: impl Into<String>) -> Pattern {
    Pattern::Expression(pattern.into())
}

/// A mask that the server knows.
pub fn well_known(kind: WellKnown) -> Pattern {
    Pattern::WellKnown(kind)
}

/// A text; `$1` and `${name}` refer to groups of the pattern.
pub fn template(text: impl Into<String>) -> Substitute {
    Substitute::Template(text.into())
}

/// Attributes whose text can be masked.
pub fn masked(place: Place) -> MaskPlace {
    MaskPlace::Attribute(place)
}

/// The value of another attribute of the row.
pub fn from_attribute(key: impl Into<String>) -> Source {
    Source::Attribute(key.into())
}

/// A value as JSON has it; numbers without fraction are ints. What is no scalar becomes OTLP/JSON.
pub fn literal(value: &serde_json::Value) -> Literal {
    use serde_json::Value;
    match value {
        Value::String(text) => Literal::Str(text.clone()),
        Value::Bool(flag) => Literal::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(int) => Literal::Int(int),
            None => Literal::Double(number.as_f64().unwrap_or_default()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => Literal::Json(any_value(value).to_string()),
    }
}

/// A JSON value as OTLP/JSON's `AnyValue`.
pub fn any_value(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::{Value, json};
    match value {
        Value::Null => json!({}),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Number(number) => match number.as_i64() {
            Some(int) => json!({ "intValue": int.to_string() }),
            None => json!({ "doubleValue": number }),
        },
        Value::Array(items) => {
            json!({ "arrayValue": { "values": items.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| json!({ "key": key, "value": any_value(value) })).collect();
            json!({ "kvlistValue": { "values": entries } })
        }
    }
}

/// Refinements of a step.
pub trait StepExt: Sized {
    /// Only spans that this TraceQL filter matches.
    #[must_use]
    fn when(self, filter: impl Into<String>) -> Self;
    /// Put what the step changes, removes or notes on a tally.
    #[must_use]
    fn tally(self, tally: u32) -> Self;
    /// Pass over what is on these tallies.
    #[must_use]
    fn skip(self, tallies: &[u32]) -> Self;
    /// For masks: also values that are not strings.
    #[must_use]
    fn all_types(self) -> Self;
}

impl StepExt for Step {
    fn when(mut self, filter: impl Into<String>) -> Self {
        self.when = Some(filter.into());
        self
    }
    fn tally(mut self, tally: u32) -> Self {
        self.tally = Some(tally);
        self
    }
    fn skip(mut self, tallies: &[u32]) -> Self {
        self.skip_tallies = tallies.to_vec();
        self
    }
    fn all_types(mut self) -> Self {
        if let NativeOp::Mask(mask) = &mut self.op {
            mask.all_types = true;
        }
        self
    }
}
