//! What is derived, from which source, and what stays.

use cadenza_plugin_process_enricher::ProcessEnricher;
use cadenza_plugin_sdk::native::{NativeOp, Source};
use cadenza_plugin_sdk::testing::{self, Data, Value};

/// A root and steps that started in another order than they come.
fn request() -> Data {
    let mut data = Data::default();
    data.resource([("process.executable.path", "/opt/shop.dll".into()), ("service.name", "svc".into())]);
    data.span("run", []);
    for (name, start) in [("step: pay", 30), ("Step-validate", 10), ("ship", 20)] {
        let span = data.span(name, []);
        span.start_unix_nano = start;
        span.parent_span_id = 1_u64.to_be_bytes();
    }
    data.span("elsewhere", []).parent_span_id = [9; 8];
    data
}

fn column(data: &Data, key: &str) -> Vec<String> {
    (0..data.spans.len()).map(|span| data.get(span, key).map_or("-".to_owned(), Value::text)).collect()
}

fn check(config: &str, mut data: Data, key: &str, expect: &[&str]) {
    testing::run::<ProcessEnricher>(config, &mut data);
    assert_eq!(column(&data, key), expect, "{config}");
}

#[test]
fn steps_are_counted_by_their_start_below_their_parent() {
    check("{}", request(), "step.index", &["-", "2", "0", "1", "-"]);
    check(r#"{"step_index":{"first":1}}"#, request(), "step.index", &["-", "3", "1", "2", "-"]);
    check(r#"{"steps":"^(?i)step"}"#, request(), "step.index", &["-", "1", "0", "-", "-"]);
    check(r#"{"step_index":{"order":false}}"#, request(), "step.index", &["-"; 5]);
}

#[test]
fn step_names_and_numbers_come_from_span_names() {
    check("{}", request(), "step.name", &["-", "pay", "validate", "ship", "-"]);
    let mut data = request();
    data.spans[1].name = "07 load".to_owned();
    check(r#"{"step_index":{"name":"^([0-9]+) "}}"#, data, "step.index", &["-", "7", "0", "1", "-"]);
    check(
        r#"{"step_name":[{"span":"none"},{"resource":"process.executable.path","file":true}]}"#,
        request(),
        "step.name",
        &["-", "shop", "shop", "shop", "-"],
    );
}

#[test]
fn what_a_span_says_of_itself_stays_unless_overwritten() {
    let mut data = request();
    data.spans[1].attributes.push(("step.index".to_owned(), 9_i64.into()));
    data.spans[1].attributes.push(("process.name".to_owned(), "own".into()));
    check("{}", data.clone(), "step.index", &["-", "9", "0", "1", "-"]);
    check("{}", data.clone(), "process.name", &["shop", "own", "shop", "shop", "shop"]);
    check(r#"{"overwrite":true}"#, data.clone(), "step.index", &["-", "2", "0", "1", "-"]);
    check(r#"{"overwrite":true}"#, data, "process.name", &["shop"; 5]);
}

#[test]
fn the_first_source_that_has_something_wins() {
    let config = |sources: &str, more: &str| format!(r#"{{"process_name":[{sources}]{more}}}"#);
    let sources = r#"{"name":"^st(.)p"},{"value":"other"},{"trace_id":true}"#;
    check(&config(sources, ""), request(), "process.name", &["other", "e", "other", "other", "other"]);
    check(
        &config(sources, r#","overwrite":true"#),
        request(),
        "process.name",
        &["other", "e", "other", "other", "other"],
    );
    check(&config(r#"{"trace_id":true}"#, ""), request(), "process.name", &["01".repeat(16).as_str(); 5]);
}

#[test]
fn attributes_that_come_as_they_are_need_no_guest() {
    let steps = |config: &str| -> Vec<String> {
        let show = |op: &NativeOp| match op {
            NativeOp::Insert(a) => match &a.value {
                Source::ResourceAttribute(key) => format!("{} from {key}", a.key),
                Source::Attribute(key) => format!("{} from span {key}", a.key),
                Source::Literal(value) => format!("{} {value:?}", a.key),
            },
            NativeOp::Guest => "guest".to_owned(),
            other => panic!("{other:?}"),
        };
        testing::plan::<ProcessEnricher>(config).steps.iter().map(|step| show(&step.op)).collect()
    };
    assert_eq!(
        steps("{}"),
        [
            "process.name from process.executable.name",
            "process.instance_id from service.instance.id",
            "process.instance_id from process.pid",
            "guest",
            "process.name from service.name",
        ]
    );
    let native = r#"{"process_name":[{"span":"workflow"},{"value":"x"}],"process_instance_id":[],"step_name":[],
                     "step_index":{"order":false}}"#;
    assert_eq!(steps(native), ["process.name from span workflow", "process.name Literal::Str(\"x\")"]);
    assert!(testing::plan::<ProcessEnricher>(native).fields.is_empty());
}

#[test]
fn errors_name_their_place() {
    let refused = |config: &str, expect: &str| {
        let errors = testing::configure::<ProcessEnricher>(config).err().expect(config);
        assert_eq!(errors.to_string(), expect, "{config}");
    };
    refused(
        r#"{"process_name":[{"span":"a","name":"b"}]}"#,
        "/process_name/0: needs exactly one of resource, span, name, value and trace_id",
    );
    refused(
        r#"{"step_name":[{}]}"#,
        "/step_name/0: needs exactly one of resource, span, name, value and trace_id",
    );
    refused(
        r#"{"step_name":[{"name":"a","file":true}]}"#,
        "/step_name/0/file: is for the sources resource and span only",
    );
    refused(r#"{"step_name":[{"name":"("}]}"#, "/step_name/0/name: found open group without closing ')'");
    refused(r#"{"steps":"["}"#, "/steps: found unclosed character class");
}
