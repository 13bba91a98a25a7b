//! Which native steps configurations become, and what is wrong with others.

use cadenza_plugin_attributes::Attributes;
use cadenza_plugin_sdk::native::{HashKind, NativeOp, Source, Step};
use cadenza_plugin_sdk::testing;
use cadenza_plugin_sdk::types::{KeySelector, Scope, ValueType};

/// One line for each step.
fn shown(step: &Step) -> String {
    let key = |key: &KeySelector| match key {
        KeySelector::Exact(key) => key.clone(),
        KeySelector::Pattern(pattern) => format!("/{pattern}/"),
        other => panic!("{other:?}"),
    };
    let source = |source: &Source| match source {
        Source::Literal(literal) => format!("{literal:?}"),
        Source::Attribute(key) => format!("from {key}"),
        Source::ResourceAttribute(key) => format!("from resource {key}"),
    };
    let op = match &step.op {
        NativeOp::Insert(a) => format!("insert {} {}", a.key, source(&a.value)),
        NativeOp::Update(a) => format!("update {} {}", a.key, source(&a.value)),
        NativeOp::Upsert(a) => format!("upsert {} {}", a.key, source(&a.value)),
        NativeOp::Delete(place) => format!("delete {}", key(&place.key)),
        NativeOp::Hash(hash) => {
            assert_eq!(hash.kind, HashKind::Sha256);
            format!("hash {}", key(&hash.place.key))
        }
        NativeOp::Convert(c) => {
            let to =
                [ValueType::Str, ValueType::Int, ValueType::Double].iter().position(|t| *t == c.to).unwrap();
            format!("convert {} {}", key(&c.place.key), ["string", "int", "double"][to])
        }
        NativeOp::Extract(e) => {
            assert_eq!(e.scope, Scope::Span);
            format!("extract {} {}", e.key, e.pattern)
        }
        other => panic!("{other:?}"),
    };
    step.when.iter().fold(op, |op, when| format!("{op} when {when}"))
}

fn check(config: &str, expect: &[&str]) {
    let plan = testing::plan::<Attributes>(config);
    assert_eq!(plan.steps.iter().map(shown).collect::<Vec<_>>(), expect, "{config}");
    assert!(plan.fields.is_empty(), "the guest is never called");
}

fn refused(config: &str, expect: &str) {
    let errors =
        testing::configure::<Attributes>(config).err().unwrap_or_else(|| panic!("accepted: {config}"));
    assert_eq!(errors.to_string(), expect, "{config}");
}

#[test]
fn the_guides_delete_is_one_native_step() {
    check(
        r#"{"actions":[{"key":"http.request.header.authorization","action":"delete"}]}"#,
        &["delete http.request.header.authorization"],
    );
}

#[test]
fn actions_become_steps_in_their_order() {
    check(
        r#"{"actions":[
            {"key":"a","value":"x","action":"insert"},
            {"key":"a","value":1,"action":"update"},
            {"key":"a","value":1.5,"action":"UPSERT"},
            {"key":"a","value":[1,"b"],"action":"upsert"},
            {"key":"b","from_attribute":"a","action":"upsert"},
            {"key":"c","from_attribute":"a","default_value":true,"action":"upsert"},
            {"key":"a","pattern":"^b","action":"hash"},
            {"pattern":"^pass.*","action":"delete"},
            {"key":"u","pattern":"^(?P<p>[(]+)(?:x)","action":"extract"},
            {"key":"n","converted_type":"int","action":"convert"}]}"#,
        &[
            "insert a Literal::Str(\"x\")",
            "update a Literal::Int(1)",
            "upsert a Literal::Double(1.5)",
            r#"upsert a Literal::Json("{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{\"stringValue\":\"b\"}]}}")"#,
            "upsert b from a",
            "upsert c from a",
            "upsert c Literal::Boolean(true) when { span.\"a\" = nil }",
            "hash a",
            "hash /^b/",
            "delete /^pass.*/",
            "extract u ^(?P<p>[(]+)(?:x)",
            "convert n int",
        ],
    );
}

fn filtered(only: &str, expect: &str) {
    check(
        &format!(r#"{{{only}, "actions":[{{"key":"a","action":"delete"}}]}}"#),
        &[&format!("delete a when {{ {expect} }}")],
    );
}

#[test]
fn include_and_exclude_become_traceql() {
    filtered(
        r#""include":{"match_type":"strict","services":["a","b"],"span_names":["x \"y\""]}"#,
        r#"(resource.service.name = "a" || resource.service.name = "b") && name = "x \"y\"""#,
    );
    filtered(
        r#""include":{"match_type":"regexp","services":[".*"]}"#,
        r#"(resource.service.name =~ "(?s:.*)(?:.*)(?s:.*)" || !(resource.service.name != nil))"#,
    );
    filtered(
        r#""include":{"match_type":"regexp","span_kinds":["SERVER|CLIENT"]}"#,
        "(kind = server || kind = client)",
    );
    filtered(
        r#""include":{"match_type":"strict","span_kinds":["SPAN_KIND_SERVER"],"libraries":[{"name":"l","version":"1"}]}"#,
        r#"kind = server && instrumentation:name = "l" && instrumentation:version = "1""#,
    );
    filtered(
        r#""include":{"match_type":"regexp","span_names":["a\\d"]},
            "exclude":{"match_type":"strict","attributes":[{"key":"flag","value":true},{"key":"k"}],
                       "resources":[{"key":"n","value":1}]}"#,
        r#"(name =~ "(?s:.*)(?:a\\d)(?s:.*)") && !(resource."n" = 1 && span."flag" = true && span."k" != nil)"#,
    );
    filtered(
        r#""include":{"match_type":"regexp","attributes":[{"key":"flag","value":"^tr"}]}"#,
        r#"(span."flag" =~ "(?s:.*)(?:^tr)(?s:.*)" || span."flag" = true)"#,
    );
}

#[test]
fn errors_name_their_place() {
    refused("{}", "missing field `actions`");
    refused(r#"{"actions":[]}"#, "/actions: must not be empty");
    refused(
        r#"{"actions":[{"key":"a","action":"delete"},{"key":"a","action":"drop"}]}"#,
        "/actions/1/action: drop is none of insert, update, upsert, delete, hash, extract and convert",
    );
    refused(
        r#"{"actions":[{"key":"a","from_context":"metadata.x","value":1,"action":"insert"}]}"#,
        "/actions/0/from_context: not supported: the metadata of requests does not reach plugins",
    );
    refused(r#"{"actions":[{"action":"delete"}]}"#, "/actions/0: key or pattern is required");
    refused(r#"{"actions":[{"value":1,"action":"insert"}]}"#, "/actions/0: key is required");
    refused(
        r#"{"actions":[{"key":"a","action":"upsert"}]}"#,
        "/actions/0: one of value, from_attribute and default_value is required",
    );
    refused(
        r#"{"actions":[{"key":"a","value":1,"from_attribute":"b","action":"upsert"}]}"#,
        "/actions/0: value and from_attribute exclude each other",
    );
    refused(
        r#"{"actions":[{"key":"a","value":1,"action":"hash"}]}"#,
        "/actions/0/value: not used by the action hash",
    );
    refused(
        r#"{"actions":[{"key":"a","pattern":"(?P<a>x)(y)","action":"extract"}]}"#,
        "/actions/0/pattern: all groups must be named: (?P<name>…), or (?:…) for one without effect",
    );
    refused(
        r#"{"actions":[{"key":"a","pattern":"\\(x[(]","action":"extract"}]}"#,
        "/actions/0/pattern: must have a named group such as (?P<name>…)",
    );
    refused(
        r#"{"actions":[{"key":"a","converted_type":"bool","action":"convert"}]}"#,
        "/actions/0/converted_type: bool is none of string, int and double",
    );
    refused(
        r#"{"include":{"match_type":"strict"},"actions":[{"key":"a","action":"delete"}]}"#,
        "/include: at least one of services, span_names, span_kinds, libraries, resources and attributes is required",
    );
    refused(
        r#"{"exclude":{"match_type":"strict","log_bodies":[]},"actions":[{"key":"a","action":"delete"}]}"#,
        "/exclude/log_bodies: unknown field `log_bodies`, expected one of `match_type`, `regexp`, `services`, \
         `span_names`, `span_kinds`, `attributes`, `resources`, `libraries`",
    );
    refused(
        r#"{"exclude":{"match_type":"strict","span_kinds":["server"]},"actions":[{"key":"a","action":"delete"}]}"#,
        "/exclude/span_kinds/0: server is none of SPAN_KIND_INTERNAL, _SERVER, _CLIENT, _PRODUCER and _CONSUMER",
    );
}
