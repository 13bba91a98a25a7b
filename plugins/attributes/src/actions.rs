//! Actions, and the native steps they become.

use crate::matching::Only;
use cadenza_plugin_sdk::native::{HashKind, Source, Step};
use cadenza_plugin_sdk::plan::{exact, place};
use cadenza_plugin_sdk::prelude::*;
use cadenza_plugin_sdk::steps::{self, StepExt};
use serde::Deserialize;
use serde_json::Value;

/// One action, as the Collector's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    #[serde(default)]
    key: String,
    value: Option<Value>,
    default_value: Option<Value>,
    #[serde(default)]
    pattern: String,
    #[serde(default)]
    from_attribute: String,
    #[serde(default)]
    from_context: String,
    #[serde(default)]
    converted_type: String,
    action: String,
}

type Write = fn(Scope, String, Source) -> Step;

impl Action {
    /// Adds the steps of the action at `path`.
    pub(crate) fn steps(&self, path: &str, only: &Only, steps: &mut Vec<Step>, errors: &mut Errors) {
        let kind = self.action.to_lowercase();
        if !self.from_context.is_empty() {
            errors.at(
                format!("{path}/from_context"),
                "not supported: the metadata of requests does not reach plugins",
            );
        }
        let by_pattern = matches!(kind.as_str(), "delete" | "hash");
        if self.key.is_empty() && (!by_pattern || self.pattern.is_empty()) {
            let what = if by_pattern { "key or pattern is required" } else { "key is required" };
            errors.at(path, what);
        }
        let key = self.key.clone();
        match kind.as_str() {
            "insert" => self.assign(path, steps::insert, only, steps, errors),
            "update" => self.assign(path, steps::update, only, steps, errors),
            "upsert" => self.assign(path, steps::upsert, only, steps, errors),
            "delete" | "hash" => {
                self.refuse(path, &["value", "default_value", "from_attribute", "converted_type"], errors);
                let mut selectors = Vec::new();
                selectors.extend((!key.is_empty()).then(|| exact(key)));
                selectors
                    .extend((!self.pattern.is_empty()).then(|| KeySelector::Pattern(self.pattern.clone())));
                for selector in selectors {
                    let place = place(Scope::Span, selector);
                    let step = if kind == "hash" {
                        steps::hash(place, HashKind::Sha256)
                    } else {
                        steps::delete(place)
                    };
                    steps.push(only.step(step));
                }
            }
            "extract" => {
                self.refuse(path, &["value", "default_value", "from_attribute", "converted_type"], errors);
                if let Err(message) = groups(&self.pattern) {
                    errors.at(format!("{path}/pattern"), message);
                }
                steps.push(only.step(steps::extract(Scope::Span, key, self.pattern.clone())));
            }
            "convert" => {
                self.refuse(path, &["value", "default_value", "from_attribute", "pattern"], errors);
                let to = match self.converted_type.as_str() {
                    "string" => ValueType::Str,
                    "int" => ValueType::Int,
                    "double" => ValueType::Double,
                    "" => return errors.at(path, "converted_type is required: string, int or double"),
                    other => {
                        let message = format!("{other} is none of string, int and double");
                        return errors.at(format!("{path}/converted_type"), message);
                    }
                };
                steps.push(only.step(steps::convert(place(Scope::Span, exact(key)), to)));
            }
            _ => errors.at(
                format!("{path}/action"),
                format!(
                    "{} is none of insert, update, upsert, delete, hash, extract and convert",
                    self.action
                ),
            ),
        }
    }

    fn assign(&self, path: &str, write: Write, only: &Only, steps: &mut Vec<Step>, errors: &mut Errors) {
        self.refuse(path, &["pattern", "converted_type"], errors);
        let default = self.default_value.as_ref().map(|value| Source::Literal(steps::literal(value)));
        let write = |source| write(Scope::Span, self.key.clone(), source);
        match (&self.value, self.from_attribute.as_str()) {
            (Some(_), from) if !from.is_empty() => {
                errors.at(path, "value and from_attribute exclude each other");
            }
            (Some(value), _) => steps.push(only.step(write(Source::Literal(steps::literal(value))))),
            (None, "") => match default {
                Some(default) => steps.push(only.step(write(default))),
                None => errors.at(path, "one of value, from_attribute and default_value is required"),
            },
            (None, from) => {
                steps.push(only.step(write(steps::from_attribute(from))));
                if let Some(default) = default {
                    steps.push(
                        only.and(&format!("span.{} = nil", crate::matching::quoted(from)))
                            .step(write(default)),
                    );
                }
            }
        }
    }

    /// Settings that this action does not use are slips, as in the Collector.
    fn refuse(&self, path: &str, unused: &[&str], errors: &mut Errors) {
        for name in unused {
            let set = match *name {
                "value" => self.value.is_some(),
                "default_value" => self.default_value.is_some(),
                "pattern" => !self.pattern.is_empty(),
                "from_attribute" => !self.from_attribute.is_empty(),
                _ => !self.converted_type.is_empty(),
            };
            if set {
                let message = format!("not used by the action {}", self.action);
                errors.at(format!("{path}/{name}"), message);
            }
        }
    }
}

impl Only {
    fn step(&self, step: Step) -> Step {
        match &self.0 {
            Some(filter) => step.when(format!("{{ {filter} }}")),
            None => step,
        }
    }

    fn and(&self, condition: &str) -> Self {
        Self(Some(match &self.0 {
            Some(filter) => format!("({filter}) && {condition}"),
            None => condition.to_owned(),
        }))
    }
}

/// All groups of a pattern must be named, and there must be one.
fn groups(pattern: &str) -> Result<(), &'static str> {
    if pattern.is_empty() {
        return Err("required, with named groups such as (?P<name>…)");
    }
    let (mut named, mut escaped, mut class) = (0, false, false);
    let bytes = pattern.as_bytes();
    for (i, &byte) in bytes.iter().enumerate() {
        if escaped {
            escaped = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' => class = true,
            // A bracket that comes first in a class stands for itself.
            b']' if class && !matches!(bytes[..i], [.., b'['] | [.., b'[', b'^']) => class = false,
            b'(' if !class => {
                let rest = &bytes[i + 1..];
                let name = rest.starts_with(b"?P<") || rest.starts_with(b"?<");
                if rest.first() != Some(&b'?') {
                    return Err("all groups must be named: (?P<name>…), or (?:…) for one without effect");
                }
                named += u32::from(name);
            }
            _ => {}
        }
    }
    if named == 0 { Err("must have a named group such as (?P<name>…)") } else { Ok(()) }
}
