//! The native program: what the Collector does to a table of attributes, step by step.

use crate::{Also, Config};
use cadenza_plugin_sdk::native::{HashKind, Literal, MaskPlace, NativeOp, Pattern, Substitute};
use cadenza_plugin_sdk::plan::{exact, place};
use cadenza_plugin_sdk::prelude::*;
use cadenza_plugin_sdk::steps::{self, StepExt};

/// Never touched.
const IGNORED: u32 = 0;
/// Removed, for their keys are not allowed.
const REDACTED: u32 = 1;
/// Left alone, for their values are allowed.
const ALLOWED: u32 = 2;
/// Changed.
const MASKED: u32 = 3;
/// Masked for their keys; no other rule looks at them.
const KEY_MASKED: u32 = 4;
/// Of those, the strings.
const KEY_MASKED_STRINGS: u32 = 5;
/// Not allowed, but needed until the guest has run.
const LATER: u32 = 6;

const REPORTS: [(u32, Option<&str>, &str); 4] = [
    (REDACTED, Some("redaction.redacted.keys"), "redaction.redacted.count"),
    (MASKED, Some("redaction.masked.keys"), "redaction.masked.count"),
    (ALLOWED, Some("redaction.allowed.keys"), "redaction.allowed.count"),
    (IGNORED, None, "redaction.ignored.count"),
];
/// What the Collector allows besides `allowed_keys`: most of its own reports.
const OWN_KEYS: [&str; 5] = [
    "redaction.redacted.keys",
    "redaction.redacted.count",
    "redaction.masked.keys",
    "redaction.masked.count",
    "redaction.ignored.count",
];
/// Which database a statement is for.
pub(crate) const SYSTEM_KEYS: [&str; 2] = ["db.system.name", "db.system"];
const EVERYTHING: &str = ".*";

struct Program<'a> {
    config: &'a Config,
    substitute: Substitute,
    ignored: Option<KeySelector>,
    blocked: Option<KeySelector>,
    /// Keys that are not allowed and stay until the guest has run.
    later: Vec<&'static str>,
    keys_reported: bool,
    counts_reported: bool,
}

/// Plans the steps; `with_guest` says whether the guest has something to do.
pub(crate) fn plan(config: &Config, with_guest: bool, plan: &mut Plan, errors: &mut Errors) {
    let (keys_reported, counts_reported) = match config.summary.as_str() {
        "debug" => (true, true),
        "info" => (false, true),
        "silent" | "" => (false, false),
        other => {
            errors.at("/summary", format!("{other} is none of debug, info and silent"));
            (false, false)
        }
    };
    let program = Program {
        config,
        substitute: substitute(config, plan, errors),
        ignored: keys(&config.ignored_keys, &config.ignored_key_patterns),
        blocked: keys(&[], &config.blocked_key_patterns),
        later: SYSTEM_KEYS.into_iter().filter(|key| with_guest && !survives(config, key)).collect(),
        keys_reported,
        counts_reported,
    };
    let mut scopes = vec![Scope::Resource, Scope::Instrumentation, Scope::Span, Scope::Event];
    scopes.extend(config.also.contains(&Also::Links).then_some(Scope::Link));
    for &scope in &scopes {
        program.before_guest(scope, plan);
    }
    if with_guest {
        plan.step(steps::guest().skip(&[IGNORED, ALLOWED, KEY_MASKED, LATER]).tally(MASKED));
    }
    for &scope in &scopes {
        program.after_guest(scope, plan);
    }
    program.texts(plan);
}

/// Whether the lists of keys let an attribute stay. Patterns of ignored keys are taken as matching nothing.
pub(crate) fn survives(config: &Config, key: &str) -> bool {
    let listed = |keys: &[String]| keys.iter().any(|listed| listed == key);
    config.allow_all_keys || listed(&config.allowed_keys) || listed(&config.ignored_keys)
}

fn substitute(config: &Config, plan: &mut Plan, errors: &mut Errors) -> Substitute {
    let kind = match config.hash_function.to_lowercase().as_str() {
        "" => return steps::template("****"),
        "md5" => HashKind::Md5,
        "sha1" => HashKind::Sha1,
        "sha3" => HashKind::Sha3,
        "hmac-sha256" => HashKind::HmacSha256,
        "hmac-sha512" => HashKind::HmacSha512,
        other => {
            let message = format!("{other} is none of md5, sha1, sha3, hmac-sha256 and hmac-sha512");
            errors.at("/hash_function", message);
            HashKind::Sha3
        }
    };
    if matches!(kind, HashKind::HmacSha256 | HashKind::HmacSha512) {
        let name = config.hmac_key.strip_prefix("${secret:").and_then(|rest| rest.strip_suffix('}'));
        match name {
            Some(name) if !name.is_empty() => plan.hmac_secret = Some(name.to_owned()),
            _ => errors
                .at("/hmac_key", "must be ${secret:NAME}: keys themselves have no place in a configuration"),
        }
    }
    Substitute::Hash(kind)
}

/// One selector of some keys and of those that match.
fn keys(keys: &[String], patterns: &[String]) -> Option<KeySelector> {
    let keys = keys.iter().map(|key| format!("^{}$", regex_lite::escape(key)));
    let all: Vec<String> =
        keys.chain(patterns.iter().cloned()).map(|pattern| format!("(?:{pattern})")).collect();
    (!all.is_empty()).then(|| KeySelector::Pattern(all.join("|")))
}

fn expressions(patterns: &[String]) -> Vec<Pattern> {
    patterns.iter().map(steps::expression).collect()
}

impl Program<'_> {
    fn before_guest(&self, scope: Scope, plan: &mut Plan) {
        let all_types = self.config.redact_all_types;
        let any = || place(scope, KeySelector::Any);
        if let Some(ignored) = &self.ignored {
            plan.step(steps::note(place(scope, ignored.clone()), Vec::new(), false).tally(IGNORED));
        }
        if !self.config.allow_all_keys {
            let allowed = self.config.allowed_keys.iter().map(String::as_str).chain(OWN_KEYS);
            let mut keep: Vec<KeySelector> = allowed.chain(self.later.iter().copied()).map(exact).collect();
            keep.extend(self.ignored.clone());
            plan.step(steps::keep_only(scope, keep).tally(REDACTED));
        }
        for key in &self.later {
            plan.step(
                steps::note(place(scope, exact(*key)), Vec::new(), false).skip(&[IGNORED]).tally(LATER),
            );
        }
        if !self.config.allowed_values.is_empty() {
            let patterns = expressions(&self.config.allowed_values);
            plan.step(steps::note(any(), patterns, all_types).skip(&[IGNORED, LATER]).tally(ALLOWED));
        }
        if let Some(blocked) = &self.blocked {
            self.blocked_keys(scope, blocked, plan);
        }
        if !self.config.blocked_values.is_empty() {
            let patterns = expressions(&self.config.blocked_values);
            let step = steps::mask(MaskPlace::Attribute(any()), patterns, self.substitute.clone());
            let step = if all_types { step.all_types() } else { step };
            plan.step(step.skip(&[IGNORED, ALLOWED, KEY_MASKED, LATER]).tally(MASKED));
        }
    }

    fn blocked_keys(&self, scope: Scope, blocked: &KeySelector, plan: &mut Plan) {
        const SKIP: [u32; 3] = [IGNORED, ALLOWED, LATER];
        let place = || place(scope, blocked.clone());
        for tally in [KEY_MASKED, MASKED] {
            plan.step(steps::note(place(), Vec::new(), false).skip(&SKIP).tally(tally));
        }
        let mask = || {
            let everything = vec![steps::expression(EVERYTHING)];
            steps::mask(MaskPlace::Attribute(place()), everything, self.substitute.clone())
        };
        if self.config.redact_all_types || matches!(self.substitute, Substitute::Template(_)) {
            plan.step(mask().all_types().skip(&SKIP));
            return;
        }
        // Values that are not strings count as empty ones: they get the hash of nothing.
        let skip: Vec<u32> = SKIP.into_iter().chain([KEY_MASKED_STRINGS]).collect();
        plan.step(mask().skip(&SKIP).tally(KEY_MASKED_STRINGS));
        plan.step(steps::replace(place(), Literal::Str(String::new())).skip(&skip));
        plan.step(mask().skip(&skip));
    }

    fn after_guest(&self, scope: Scope, plan: &mut Plan) {
        for key in &self.later {
            plan.step(steps::delete(place(scope, exact(*key))).skip(&[IGNORED]).tally(REDACTED));
        }
        if self.counts_reported {
            for (tally, keys, count) in REPORTS {
                plan.step(steps::report(scope, tally, keys.filter(|_| self.keys_reported), Some(count)));
            }
        }
    }

    /// Texts that are no attributes.
    fn texts(&self, plan: &mut Plan) {
        if self.config.blocked_values.is_empty() {
            return;
        }
        for also in &self.config.also {
            let places: &[MaskPlace] = match also {
                Also::Links => continue,
                Also::SpanNames => &[MaskPlace::SpanName],
                Also::StatusMessages => &[MaskPlace::StatusMessage],
                Also::EventNames => &[MaskPlace::EventName],
                Also::ScopeNames => &[MaskPlace::ScopeName],
                Also::ScopeVersions => &[MaskPlace::ScopeVersion],
                Also::TraceStates => &[MaskPlace::TraceState, MaskPlace::LinkTraceState],
                Also::SchemaUrls => &[MaskPlace::ResourceSchemaUrl, MaskPlace::ScopeSchemaUrl],
            };
            for place in places {
                let patterns = expressions(&self.config.blocked_values);
                let mut step = steps::mask(place.clone(), patterns, self.substitute.clone());
                if let NativeOp::Mask(mask) = &mut step.op {
                    mask.unless = expressions(&self.config.allowed_values);
                }
                plan.step(step);
            }
        }
    }
}
