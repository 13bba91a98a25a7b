//! The program of native steps, what the guest sanitises, and configurations that make no sense. That the steps do what
//! the Collector does is checked where they are carried out, by the server's tests.

use cadenza_plugin_redaction::Redaction;
use cadenza_plugin_sdk::native::{MaskPlace, NativeOp};
use cadenza_plugin_sdk::testing::{self, Data, Value};
use cadenza_plugin_sdk::types::Scope;

/// Steps over span attributes: name of the operation, tally and skipped tallies.
fn program(config: &str) -> Vec<String> {
    let scope = |op: &NativeOp| match op {
        NativeOp::Note(notice) => Some(("note", notice.place.scope)),
        NativeOp::KeepOnly(list) => Some(("keep-only", list.scope)),
        NativeOp::Delete(place) => Some(("delete", place.scope)),
        NativeOp::Replace(replacement) => Some(("replace", replacement.place.scope)),
        NativeOp::Mask(mask) => match &mask.place {
            MaskPlace::Attribute(place) => Some(("mask", place.scope)),
            _ => None,
        },
        NativeOp::Report(report) => Some(("report", report.scope)),
        NativeOp::Guest => Some(("guest", Scope::Span)),
        other => panic!("{other:?}"),
    };
    let plan = testing::plan::<Redaction>(config);
    let spans = plan.steps.iter().filter_map(|step| Some((scope(&step.op)?, step)));
    let spans = spans.filter(|((_, scope), _)| *scope == Scope::Span);
    let tally = |tally: Option<u32>| tally.map(|t| format!(" -> {t}")).unwrap_or_default();
    spans.map(|((name, _), step)| format!("{name} {:?}{}", step.skip_tallies, tally(step.tally))).collect()
}

#[test]
fn the_program_follows_the_collectors_order() {
    assert_eq!(
        program(
            r#"{"allowed_keys":["a"],"ignored_keys":["b"],"allowed_values":["x"],"blocked_values":["y"],"summary":"info"}"#
        ),
        [
            "note [] -> 0",
            "keep-only [] -> 1",
            "note [0, 6] -> 2",
            "mask [0, 2, 4, 6] -> 3",
            "report []",
            "report []",
            "report []",
            "report []"
        ]
    );
    assert_eq!(
        program(r#"{"allow_all_keys":true,"blocked_key_patterns":["t"],"hash_function":"sha3"}"#),
        [
            "note [0, 2, 6] -> 4",
            "note [0, 2, 6] -> 3",
            "mask [0, 2, 6] -> 5",
            "replace [0, 2, 6, 5]",
            "mask [0, 2, 6, 5]"
        ]
    );
    assert!(program(r#"{"allow_all_keys":true}"#).is_empty());
}

#[test]
fn what_the_guest_needs_stays_until_it_has_run() {
    assert_eq!(
        program(r#"{"db_sanitizer":{"sql":{"enabled":true,"attributes":["q"]}}}"#),
        [
            "keep-only [] -> 1",
            "note [0] -> 6",
            "note [0] -> 6",
            "guest [0, 2, 4, 6] -> 3",
            "delete [0] -> 1",
            "delete [0] -> 1"
        ]
    );
}

#[test]
fn without_sanitizers_the_guest_is_never_called() {
    let plan = testing::plan::<Redaction>(r#"{"blocked_values":["x"],"summary":"debug"}"#);
    assert!(plan.fields.is_empty());
    assert!(!plan.steps.iter().any(|step| matches!(step.op, NativeOp::Guest)));
}

#[test]
fn keys_enter_by_the_name_of_a_secret_only() {
    let plan = testing::plan::<Redaction>(
        r#"{"blocked_values":["x"],"hash_function":"HMAC-SHA256","hmac_key":"${secret:card-key}"}"#,
    );
    assert_eq!(plan.hmac_secret.as_deref(), Some("card-key"));
}

#[test]
fn texts_that_are_no_attributes_are_masked_where_asked_for() {
    let places = |also: &str| -> Vec<String> {
        let plan = testing::plan::<Redaction>(&format!(
            r#"{{"allow_all_keys":true,"blocked_values":["x"],"allowed_values":["fine"],"also":[{also}]}}"#
        ));
        let masks = plan.steps.iter().filter_map(|step| match &step.op {
            NativeOp::Mask(mask) if matches!(mask.place, MaskPlace::Attribute(_)) => None,
            NativeOp::Mask(mask) => {
                assert_eq!((mask.patterns.len(), mask.unless.len()), (1, 1));
                Some(format!("{:?}", mask.place).replace("MaskPlace::", ""))
            }
            _ => None,
        });
        masks.collect()
    };
    assert!(places("").is_empty());
    assert!(places(r#""links""#).is_empty());
    assert_eq!(
        places(r#""span_names","status_messages","event_names","scope_names","scope_versions""#),
        ["SpanName", "StatusMessage", "EventName", "ScopeName", "ScopeVersion"]
    );
    assert_eq!(places(r#""trace_states""#), ["TraceState", "LinkTraceState"]);
    assert_eq!(places(r#""schema_urls""#), ["ResourceSchemaUrl", "ScopeSchemaUrl"]);
}

#[test]
fn sql_is_sanitised_where_the_row_names_a_database_that_speaks_it() {
    let mut data = Data::default();
    data.resource([("q", Value::from("select 7"))]);
    data.span("a", [("q", "select 1".into()), ("db.system", "mysql".into())]);
    data.span("b", [("q", "select 1".into())]);
    data.span("c", [("q", "select 1".into()), ("db.system", "redis".into())]);
    data.span(
        "d",
        [("q", "select \"x\" 1".into()), ("db.system.name", "MySQL".into()), ("db.system", "redis".into())],
    );
    data.span(
        "e",
        [("q", "select \"x\" 1".into()), ("db.system", "sqlite".into()), ("r", "select 1".into())],
    );
    data.event("f", [("q", "select 'x'".into()), ("db.system", "postgresql".into())]);
    testing::run::<Redaction>(
        r#"{"allow_all_keys":true,"db_sanitizer":{"sql":{"enabled":true,"attributes":["q"]}}}"#,
        &mut data,
    );
    let text = |span| data.get(span, "q").unwrap().text();
    assert_eq!(
        (0..5).map(text).collect::<Vec<_>>(),
        ["select ?", "select 1", "select 1", "select ? ?", "select \"x\" ?"]
    );
    assert_eq!(data.get(4, "r"), Some(&"select 1".into()));
    assert_eq!(data.events[0].attributes[0].1, "select ?".into());
    assert_eq!(data.resources[0].attributes[0].1, "select 7".into());
}

#[test]
fn urls_are_sanitised_first_and_once_for_each_value() {
    let mut data = Data::default();
    for _ in 0..3 {
        data.span("a", [("u", "/users/12/x?y=1".into()), ("v", "/users/12".into())]);
    }
    data.span("b", [("u", "/v1/select/7".into()), ("db.system", "mysql".into()), ("n", 5_i64.into())]);
    let edits = testing::run::<Redaction>(
        r#"{"allow_all_keys":true,"url_sanitizer":{"enabled":true,"attributes":["u"]},
            "db_sanitizer":{"sql":{"enabled":false,"attributes":["u"]}}}"#,
        &mut data,
    );
    assert_eq!(edits.items.len(), 1);
    assert_eq!(data.get(1, "u"), Some(&"/users/*/x".into()));
    assert_eq!(data.get(1, "v"), Some(&"/users/12".into()));
    assert_eq!(data.get(3, "u"), Some(&"/v1/select/*".into()));
}

#[test]
fn span_names_are_sanitised_by_what_the_span_is() {
    let mut data = Data::default();
    let mut span =
        |name: &str, kind: i64, key: &str, value: &str| data.span(name, [(key, value.into())]).kind = kind;
    span("GET /users/12", 2, "x", "");
    span("/users/12", 1, "x", "");
    span("/12/34", 3, "x", "");
    span("users 12", 3, "http.method", "GET");
    span("select 12", 1, "db.system", "mysql");
    span("select 12", 4, "db.system", "mysql");
    span("keep /users/12", 2, "x", "");
    testing::run::<Redaction>(
        r#"{"allow_all_keys":true,"allowed_values":["^keep"],
            "url_sanitizer":{"enabled":true},"db_sanitizer":{"sql":{"enabled":true}}}"#,
        &mut data,
    );
    let names: Vec<&str> = data.spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        ["GET /users/*", "/users/12", "/12/34", "users 12", "select ?", "select 12", "keep /users/12"]
    );
}

#[test]
fn errors_name_their_place() {
    let refused = |config: &str, expect: &str| {
        let errors = testing::configure::<Redaction>(config).err().expect(config);
        assert_eq!(errors.to_string(), expect, "{config}");
    };
    refused(r#"{"summary":"all"}"#, "/summary: all is none of debug, info and silent");
    refused(
        r#"{"hash_function":"crc"}"#,
        "/hash_function: crc is none of md5, sha1, sha3, hmac-sha256 and hmac-sha512",
    );
    refused(
        r#"{"hash_function":"hmac-sha512","hmac_key":"very-secret"}"#,
        "/hmac_key: must be ${secret:NAME}: keys themselves have no place in a configuration",
    );
    refused(
        r#"{"db_sanitizer":{"redis":{"enabled":true}}}"#,
        "/db_sanitizer/redis/enabled: not supported: only sql is",
    );
    refused(
        r#"{"also":["names"]}"#,
        "/also/0: unknown variant `names`, expected one of `links`, `span_names`, `status_messages`, `event_names`, \
         `scope_names`, `scope_versions`, `trace_states`, `schema_urls`",
    );
    refused(
        r#"{"allowed_values":["\\pL"],"url_sanitizer":{"enabled":true}}"#,
        "/allowed_values/0: cannot be matched against span names, which are sanitised: \
         Unicode character classes are not supported",
    );
}
