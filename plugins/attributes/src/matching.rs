//! `include` and `exclude`, as TraceQL filters.

use cadenza_plugin_sdk::Errors;
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

/// Which spans steps reach: the inside of a TraceQL filter, or all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Only(pub(crate) Option<String>);

/// What spans must be like; everything that is given must match.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    match_type: MatchType,
    /// Sizes of the Collector's cache of matches; Cadenza matches once per distinct value.
    #[serde(rename = "regexp")]
    _cache: Option<Value>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    span_names: Vec<String>,
    #[serde(default)]
    span_kinds: Vec<String>,
    #[serde(default)]
    attributes: Vec<Attribute>,
    #[serde(default)]
    resources: Vec<Attribute>,
    #[serde(default)]
    libraries: Vec<Library>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum MatchType {
    Strict,
    Regexp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attribute {
    key: String,
    value: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    name: String,
    version: Option<String>,
}

/// The Collector's name for a resource without `service.name`.
const NO_SERVICE: &str = "<nil-service-name>";

const KINDS: [(&str, &str); 6] = [
    ("SPAN_KIND_UNSPECIFIED", "unspecified"),
    ("SPAN_KIND_INTERNAL", "internal"),
    ("SPAN_KIND_SERVER", "server"),
    ("SPAN_KIND_CLIENT", "client"),
    ("SPAN_KIND_PRODUCER", "producer"),
    ("SPAN_KIND_CONSUMER", "consumer"),
];

/// What is included and not excluded.
pub(crate) fn filter(include: Option<&Match>, exclude: Option<&Match>, errors: &mut Errors) -> Only {
    let include = include.map(|include| include.condition("/include", errors));
    let exclude = exclude.map(|exclude| format!("!({})", exclude.condition("/exclude", errors)));
    Only(match (include, exclude) {
        (Some(include), Some(exclude)) => Some(format!("({include}) && {exclude}")),
        (include, exclude) => include.or(exclude),
    })
}

/// A string of TraceQL.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn any(conditions: Vec<String>) -> String {
    match conditions.len() {
        // Nothing can match.
        0 => "false".to_owned(),
        1 => conditions.concat(),
        _ => format!("({})", conditions.join(" || ")),
    }
}

impl Match {
    fn condition(&self, path: &str, errors: &mut Errors) -> String {
        let mut all = Vec::new();
        if !self.services.is_empty() {
            let mut services = self.texts("resource.service.name", &self.services);
            if self.services.iter().any(|service| self.matches(service, NO_SERVICE)) {
                services.push("!(resource.service.name != nil)".to_owned());
            }
            all.push(any(services));
        }
        if !self.span_names.is_empty() {
            all.push(any(self.texts("name", &self.span_names)));
        }
        if !self.span_kinds.is_empty() {
            all.push(self.kinds(path, errors));
        }
        // Unlike the lists above, every library must match.
        for library in &self.libraries {
            all.push(self.text("instrumentation:name", &library.name));
            all.extend(library.version.as_ref().map(|version| self.text("instrumentation:version", version)));
        }
        for (scope, name, attributes) in
            [("resource", "resources", &self.resources), ("span", "attributes", &self.attributes)]
        {
            for (i, attribute) in attributes.iter().enumerate() {
                all.push(self.attribute(scope, attribute, &format!("{path}/{name}/{i}"), errors));
            }
        }
        if all.is_empty() {
            errors.at(
                path,
                "at least one of services, span_names, span_kinds, libraries, resources and attributes is required",
            );
        }
        all.join(" && ")
    }

    fn texts(&self, field: &str, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.text(field, text)).collect()
    }

    /// TraceQL's patterns are anchored at both ends, the Collector's are not.
    fn text(&self, field: &str, text: &str) -> String {
        match self.match_type {
            MatchType::Strict => format!("{field} = {}", quoted(text)),
            MatchType::Regexp => format!("{field} =~ {}", quoted(&format!("(?s:.*)(?:{text})(?s:.*)"))),
        }
    }

    /// Matches a text that is known beforehand.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        match self.match_type {
            MatchType::Strict => pattern == text,
            MatchType::Regexp => Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)),
        }
    }

    fn kinds(&self, path: &str, errors: &mut Errors) -> String {
        for (i, kind) in self.span_kinds.iter().enumerate() {
            let path = format!("{path}/span_kinds/{i}");
            match self.match_type {
                MatchType::Strict if !KINDS[1..].iter().any(|(name, _)| name == kind) => errors.at(
                    path,
                    format!(
                        "{kind} is none of SPAN_KIND_INTERNAL, _SERVER, _CLIENT, _PRODUCER and _CONSUMER"
                    ),
                ),
                MatchType::Regexp if Regex::new(kind).is_err() => errors.at(path, "is no regular expression"),
                MatchType::Strict | MatchType::Regexp => {}
            }
        }
        let meant = |name: &str| self.span_kinds.iter().any(|kind| self.matches(kind, name));
        let kinds = KINDS.iter().filter(|(name, _)| meant(name));
        any(kinds.map(|(_, kind)| format!("kind = {kind}")).collect())
    }

    fn attribute(&self, scope: &str, attribute: &Attribute, path: &str, errors: &mut Errors) -> String {
        if attribute.key.is_empty() {
            errors.at(format!("{path}/key"), "must not be empty");
        }
        let field = format!("{scope}.{}", quoted(&attribute.key));
        let Some(value) = &attribute.value else { return format!("{field} != nil") };
        match (self.match_type, value) {
            (MatchType::Strict, Value::String(text)) => self.text(&field, text),
            (MatchType::Strict, Value::Bool(_) | Value::Number(_)) => format!("{field} = {value}"),
            (MatchType::Strict, _) => {
                errors.at(format!("{path}/value"), "only strings, numbers and bools can be compared");
                String::new()
            }
            (MatchType::Regexp, Value::String(pattern)) => {
                let mut texts = vec![self.text(&field, pattern)];
                let bools = ["true", "false"].into_iter().filter(|text| self.matches(pattern, text));
                texts.extend(bools.map(|text| format!("{field} = {text}")));
                any(texts)
            }
            (MatchType::Regexp, _) => {
                errors.at(format!("{path}/value"), "match_type regexp takes strings only");
                String::new()
            }
        }
    }
}
