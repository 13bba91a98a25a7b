//! The built-in plugins over what a real Collector 0.155 was given, against what it made of it: their committed
//! components, with its YAML as it stands.
#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]

use cadenza_config::{Config as ServerConfig, LoadOptions};
use cadenza_env::{Env, OsRandom, RealDisk, SystemClock, TokioSpawn};
use cadenza_model::{Columns, TenantId, otlp};
use cadenza_plugin::{Compiler, Config, Loaded, Metrics, PluginOptions, Runtime};
use cadenza_transform::{Compiled, Context, Kind, Part, Programs, Secrets, Session};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/otelcol-0.155");
const COMPONENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/components");
/// Cases that the attributes, redaction and sampler plugins have at least.
const CASES_MIN: [(&str, usize); 3] = [("attributes", 6), ("redaction", 8), ("probabilistic_sampler", 10)];

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let tokio = Box::leak(Box::new(tokio::runtime::Runtime::new().expect("a runtime")));
        let env = Env {
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(OsRandom::default()),
            disk: Arc::new(RealDisk),
            spawn: Arc::new(TokioSpawn::new(tokio.handle().clone())),
        };
        let metrics = Metrics::new(&prometheus::Registry::new()).expect("metrics");
        Runtime::new(env, Config::new(Compiler::InProcess), metrics, [7; 32]).expect("an engine")
    })
}

/// A plugin's component, compiled once.
fn component(name: &'static str) -> Arc<Loaded> {
    static LOADED: OnceLock<std::sync::Mutex<BTreeMap<&'static str, Arc<Loaded>>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Default::default).lock().expect("no panic while it loads");
    Arc::clone(loaded.entry(name).or_insert_with(|| {
        let path = PathBuf::from(COMPONENTS).join(format!("{name}.wasm"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        runtime().load(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
    }))
}

/// The configuration of a processor, read as part of the server's.
fn config_json(yaml: &str, plugin: &str) -> String {
    let body: String = yaml.lines().skip(1).map(|line| format!("      {line}\n")).collect();
    let text = format!("plugins:\n  chain:\n    - source: builtin:{plugin}\n      config:\n{body}");
    let loaded = ServerConfig::load(Some(&text), &LoadOptions::default());
    let config = loaded.unwrap_or_else(|error| panic!("{error}\n{text}")).config;
    config.plugins.chain[0].config_json.clone()
}

struct Case {
    name: String,
    compiled: Compiled,
    called: cadenza_plugin::Plugin,
    has_fields: bool,
}

impl Case {
    fn new(folder: &Path, plugin: &'static str) -> Self {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let json = config_json(&read(&folder.join("processors.yaml")), plugin);
        let tenant = TenantId::parse("t").expect("a tenant");
        let (called, plan) = runtime()
            .plugin(&tenant, plugin, &component(plugin), &json, &PluginOptions::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let secrets = Secrets { host: called.secret(), named: &|_| None };
        let compiled = Compiled::new(&plan, called.metadata().kind, &secrets)
            .unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        Self { name, compiled, called, has_fields: !plan.fields.is_empty() }
    }

    /// What becomes of requests, each a batch.
    fn run(self, requests: &str) -> Columns {
        let sampler = self.compiled_kind() == Kind::HeadSampler;
        let programs = Programs::new(vec![Arc::new(self.compiled)]);
        let mut session = Session::new();
        let mut out = Columns::new();
        let context = Context { now_unix_ns: 1, seed: 1, is_trial: false };
        for line in requests.lines() {
            let mut columns = Columns::new();
            otlp::decode_json(line.as_bytes(), &mut columns).expect("OTLP");
            let mut keep = None;
            session.begin(&programs, &columns);
            session.run(&programs, 0, Part::Before, &mut columns).expect("a batch within limits");
            if sampler || self.has_fields {
                let batch = session.project(&programs, 0, &columns);
                let failed = |failure| panic!("{}: {failure:?}", self.name);
                let edits = if sampler {
                    let verdicts = self.called.decide(&context, &batch).unwrap_or_else(failed);
                    keep = Some(verdicts.keep);
                    verdicts.edits
                } else {
                    self.called
                        .process(&context, &batch)
                        .unwrap_or_else(|failure| panic!("{}: {failure:?}", self.name))
                };
                session.apply(&programs, 0, &batch, &edits, &mut columns).expect("edits that make sense");
                session.recycle(0, batch);
            }
            session.run(&programs, 0, Part::After, &mut columns).expect("a batch within limits");
            session.finish(&mut columns, keep.as_deref());
            let rows: Vec<u32> = (0..columns.spans.name.len() as u32).collect();
            out.append_rows(&columns, &rows).expect("room");
        }
        out
    }

    fn compiled_kind(&self) -> Kind {
        self.called.metadata().kind
    }
}

/// Each span with its resource and scope, attributes in the order of their keys, by id.
fn by_id(columns: &Columns) -> BTreeMap<String, String> {
    let rows: Vec<u32> = (0..columns.spans.name.len() as u32).collect();
    let mut spans = BTreeMap::new();
    for of_resource in otlp::to_resource_spans(columns, &rows) {
        for of_scope in of_resource.scope_spans {
            for mut span in of_scope.spans {
                let mut resource = of_resource.resource.clone().unwrap_or_default();
                let mut scope = of_scope.scope.clone().unwrap_or_default();
                let lists = [&mut resource.attributes, &mut scope.attributes, &mut span.attributes];
                lists
                    .into_iter()
                    .chain(span.events.iter_mut().map(|event| &mut event.attributes))
                    .for_each(|attributes| attributes.sort_by(|a, b| a.key.cmp(&b.key)));
                let id = span.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
                spans.insert(id, format!("{resource:#?}\n{scope:#?}\n{span:#?}"));
            }
        }
    }
    spans
}

fn assert_same(case: &str, ours: &BTreeMap<String, String>, theirs: &BTreeMap<String, String>) {
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{case}: spans");
    for (id, theirs) in theirs {
        let ours = &ours[id];
        let only = |a: &str, b: &str| {
            a.lines().filter(|l| !b.contains(l)).map(|l| format!("  {l}\n")).collect::<String>()
        };
        assert!(
            ours == theirs,
            "{case}: span {id} is not the Collector's\nonly ours:\n{}only the Collector's:\n{}\nours:\n{ours}\nthe Collector's:\n{theirs}",
            only(ours, theirs),
            only(theirs, ours)
        );
    }
}

/// Takes out spans that the server does not take, having no trace id: gives the requests and the ids of those spans.
fn without_traceless(requests: &str) -> (String, Vec<String>) {
    let (mut out, mut taken_out) = (String::new(), Vec::new());
    for line in requests.lines() {
        let mut request: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for of_resource in request["resourceSpans"].as_array_mut().expect("a list") {
            for of_scope in of_resource["scopeSpans"].as_array_mut().expect("a list") {
                of_scope["spans"].as_array_mut().expect("a list").retain(|span| {
                    let traceless =
                        span["traceId"].as_str().is_some_and(|id| id.bytes().all(|digit| digit == b'0'));
                    if traceless {
                        taken_out.push(span["spanId"].as_str().expect("an id").to_owned());
                    }
                    !traceless
                });
            }
        }
        out += &request.to_string();
        out.push('\n');
    }
    (out, taken_out)
}

/// Every case of a processor whose output was recorded; gives their number.
fn check(processor: &str, plugin: &'static str, compare: impl Fn(&Path, Case)) {
    let mut cases = 0;
    for entry in std::fs::read_dir(FIXTURES).expect("fixtures") {
        let folder = entry.expect("an entry").path();
        let yaml = std::fs::read_to_string(folder.join("processors.yaml")).unwrap_or_default();
        if yaml.starts_with(&format!("{processor}:")) {
            compare(&folder, Case::new(&folder, plugin));
            cases += 1;
        }
    }
    let min = CASES_MIN.iter().find(|(name, _)| *name == processor).expect("a known processor").1;
    assert!(cases >= min, "{processor}: {cases} cases");
}

fn check_output(folder: &Path, case: Case) {
    let name = case.name.clone();
    let mut theirs = Columns::new();
    for line in read(&folder.join("output.jsonl")).lines() {
        otlp::decode_json(line.as_bytes(), &mut theirs).expect("OTLP");
    }
    assert_same(&name, &by_id(&case.run(&read(&folder.join("input.jsonl")))), &by_id(&theirs));
}

#[test]
fn attributes_come_out_as_the_collectors() {
    check("attributes", "attributes", check_output);
}

#[test]
fn redacted_spans_come_out_as_the_collectors() {
    check("redaction", "redaction", check_output);
}

#[test]
fn sampling_decides_and_marks_as_the_collectors() {
    check("probabilistic_sampler", "probabilistic-sampler", |folder, case| {
        let name = case.name.clone();
        let (requests, traceless) = without_traceless(&read(&folder.join("input.jsonl")));
        let columns = case.run(&requests);
        let rows: Vec<u32> = (0..columns.spans.name.len() as u32).collect();
        let mut ours = BTreeMap::new();
        for of_resource in otlp::to_resource_spans(&columns, &rows) {
            for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
                let id: String = span.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
                ours.insert(id, span.trace_state);
            }
        }
        let mut theirs = BTreeMap::new();
        for line in read(&folder.join("decisions.csv")).lines().skip(1) {
            let (id, rest) = line.split_once(',').expect("an id");
            let (kept, rest) = rest.split_once(',').expect("a decision");
            // The tracestate may hold commas: it is quoted then.
            let state = rest.rsplit_once(',').expect("a tracestate").0.trim_matches('"');
            if kept == "1" && !traceless.iter().any(|other| other == id) {
                theirs.insert(id.to_owned(), state.to_owned());
            }
        }
        assert_eq!(ours, theirs, "{name}");
    });
}

#[test]
fn a_guest_in_c_enriches_too() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/plugins/c/status-class.wasm");
    let loaded = runtime().load(&std::fs::read(path).expect("the component")).expect("a good one");
    let tenant = TenantId::parse("t").expect("a tenant");
    let configure = |json| runtime().plugin(&tenant, "c", &loaded, json, &PluginOptions::default());
    let error = configure(r#"{"a":1}"#).expect_err("it takes no configuration").to_string();
    assert!(error.contains("nothing can be configured"), "{error}");
    let (called, plan) = configure("{}").unwrap_or_else(|error| panic!("{error}"));
    let secrets = Secrets { host: called.secret(), named: &|_| None };
    let compiled = Compiled::new(&plan, called.metadata().kind, &secrets).expect("a plan that makes sense");
    let case = Case { name: "c".to_owned(), compiled, called, has_fields: true };
    let span = |id: &str, code: &str| {
        format!(
            r#"{{"traceId":"{id}{id}","spanId":"{id}","status":{{}},"attributes":[{{"key":"http.response.status_code","value":{code}}}]}}"#
        )
    };
    let spans = [
        span("0000000000000001", r#"{"intValue":"503"}"#),
        span("0000000000000002", r#"{"stringValue":"x"}"#),
        span("0000000000000003", r#"{"stringValue":"200"}"#),
    ];
    let request = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let classes: Vec<bool> = by_id(&case.run(&request))
        .values()
        .zip(["5xx", "xx", "2xx"])
        .map(|(span, class)| span.contains("http.class") && span.contains(&format!("\"{class}\"")))
        .collect();
    assert_eq!(classes, [true, false, true]);
}
