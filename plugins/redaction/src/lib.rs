//! The OpenTelemetry Collector's redaction processor (0.155), its YAML taken as it stands.
//!
//! ```yaml
//! - name: redaction
//!   source: builtin:redaction
//!   config:
//!     allow_all_keys: false               # the default: only allowed_keys stay
//!     allowed_keys: [http.method, url]
//!     ignored_keys: [trace.ref]           # never touched
//!     ignored_key_patterns: ["^safe_"]
//!     blocked_key_patterns: [".*token.*"] # whole values become ****
//!     blocked_values: ["4[0-9]{15}"]      # what matches becomes ****, whatever the key
//!     allowed_values: [".+@mycompany\\.com"]
//!     redact_all_types: false             # also values that are not strings
//!     hash_function: sha3                 # instead of ****: md5, sha1, sha3, hmac-sha256, hmac-sha512
//!     hmac_key: ${secret:NAME}            # for hmac-*; the key itself is never in a configuration
//!     url_sanitizer: {enabled: true, attributes: [url.path], sanitize_span_name: true}
//!     db_sanitizer: {sql: {enabled: true, attributes: [db.statement]}, sanitize_span_name: true}
//!     summary: debug                      # debug: keys and counts; info: counts; silent
//!     also: [links, span_names]           # Cadenza's own, see below
//! ```
//!
//! Attributes of resources, instrumentation scopes, spans and events are looked at. All of it is native steps, which
//! go on working when the guest does not; only sanitising of URLs and SQL is done in the guest.
//!
//! `also` names places that the Collector leaves alone: `links` (their attributes, as any others), and texts where
//! blocked values are masked: `span_names`, `status_messages`, `event_names`, `scope_names`, `scope_versions`,
//! `trace_states` (of spans and of links) and `schema_urls` (of resources and of scopes).
//!
//! Where it differs from the Collector:
//! - patterns of values are tried in the order of the configuration (the Collector's order is random);
//! - several attributes of one key are all acted upon;
//! - SQL of MySQL and MariaDB is always read as theirs, so that strings in double quotes are found;
//! - `hmac_key` must be a secret's name, and sanitizers of redis, valkey, memcached, mongo, opensearch and es are
//!   refused; patterns that the guest itself must match (`allowed_values`, if span names are sanitised) have no
//!   Unicode classes.

mod program;
mod sanitize;
mod sql;
mod url;

use cadenza_plugin_sdk::prelude::*;
use serde::Deserialize;

/// As the Collector's.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    allow_all_keys: bool,
    allowed_keys: Vec<String>,
    ignored_keys: Vec<String>,
    ignored_key_patterns: Vec<String>,
    blocked_key_patterns: Vec<String>,
    blocked_values: Vec<String>,
    allowed_values: Vec<String>,
    redact_all_types: bool,
    hash_function: String,
    hmac_key: String,
    url_sanitizer: UrlSanitizer,
    db_sanitizer: DbSanitizer,
    summary: String,
    also: Vec<Also>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UrlSanitizer {
    enabled: bool,
    attributes: Vec<String>,
    sanitize_span_name: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DbSanitizer {
    sql: Sanitizer,
    redis: Sanitizer,
    valkey: Sanitizer,
    memcached: Sanitizer,
    mongo: Sanitizer,
    opensearch: Sanitizer,
    es: Sanitizer,
    sanitize_span_name: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sanitizer {
    enabled: bool,
    attributes: Vec<String>,
}

/// Places that the Collector leaves alone.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Also {
    Links,
    SpanNames,
    StatusMessages,
    EventNames,
    ScopeNames,
    ScopeVersions,
    TraceStates,
    SchemaUrls,
}

/// What the guest does of it; nothing, if nothing is sanitised.
pub struct Redaction(Option<sanitize::Sanitizers>);

impl Plugin for Redaction {
    type Config = Config;

    fn describe() -> Metadata {
        Metadata::new(
            "redaction",
            env!("CARGO_PKG_VERSION"),
            "removes attributes that are not allowed and masks values, as the Collector's redaction processor",
        )
        .fail_closed()
        .schema(include_str!("../config.schema.json"))
    }

    fn configure(config: Config) -> Result<(Self, Plan), Errors> {
        let mut errors = Errors::default();
        let db = &config.db_sanitizer;
        for (name, sanitizer) in [
            ("redis", &db.redis),
            ("valkey", &db.valkey),
            ("memcached", &db.memcached),
            ("mongo", &db.mongo),
            ("opensearch", &db.opensearch),
            ("es", &db.es),
        ] {
            if sanitizer.enabled {
                errors.at(format!("/db_sanitizer/{name}/enabled"), "not supported: only sql is");
            }
        }
        let mut plan = Plan::default();
        let sanitizers = sanitize::Sanitizers::new(&config, &mut plan, &mut errors);
        program::plan(&config, sanitizers.is_some(), &mut plan, &mut errors);
        errors.ok((Self(sanitizers), plan))
    }
}

#[scrubber]
impl Transform for Redaction {
    fn process(&mut self, _: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String> {
        if let Some(sanitizers) = &mut self.0 {
            sanitizers.process(batch, edits);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    /// Texts, and what the libraries that the Collector uses make of them.
    const TEXTS: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/otelcol-0.155/sanitizers/texts.jsonl"
    ));

    /// All texts, each sanitised in one way.
    pub(crate) fn compare(column: &str, sanitize: impl Fn(&str) -> String) {
        let mut wrong = Vec::new();
        for line in TEXTS.lines() {
            let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let (text, expect) = (row["in"].as_str().expect("text"), row[column].as_str().expect("text"));
            let ours = sanitize(text);
            if ours != expect {
                wrong.push(format!("{text:?}: {ours:?} instead of {expect:?}"));
            }
        }
        assert!(
            wrong.is_empty(),
            "{column}: {} differ\n{}",
            wrong.len(),
            wrong[..wrong.len().min(12)].join("\n")
        );
    }
}
