//! `cadenza plugin check | test | bench` of the shipped binary: what somebody who writes a plugin, or checks it in a
//! CI, relies on.

use cadenza_tests::{otlp, server};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const CARD: &str = "4111 1111 1111 1111";
const MASK: &str = r#"{"allow_all_keys": true, "blocked_values": ["4[0-9 ]{15,18}"]}"#;

/// What a tool said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn check(&self, code: i32, texts: &[&str]) -> &Self {
        let Self { out, err, .. } = self;
        assert_eq!(self.code, Some(code), "{out}\n{err}");
        for text in texts {
            assert!(out.contains(text) || err.contains(text), "{text} is missing:\n{out}\n{err}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

fn tool(args: &[&str]) -> Said {
    let mut command = Command::new(server::binary());
    let output =
        command.arg("plugin").args(args).env_remove("NO_COLOR").output().expect("running the binary");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A folder with files, by their names.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("writing a file");
        self.name(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn traffic() -> ExportTraceServiceRequest {
    let mut paid = otlp::span(otlp::trace_id(7, 1), 1, 0, "POST /pay");
    paid.attributes = vec![otlp::string("card", CARD), otlp::int("items", 3)];
    let other = otlp::span(otlp::trace_id(7, 1), 2, 1, "SELECT stock");
    otlp::request("payment", vec![paid, other])
}

#[test]
fn check_says_what_a_component_is_and_that_it_would_run() {
    let said = tool(&["check", "builtin:redaction", "--config", MASK]);
    said.check(0, &["scrubber", "redaction", "fail-closed", "cadenza:plugin/log", "allowed", "native steps"]);
    let json = tool(&["check", "builtin:redaction", "--config", MASK, "--json"]).check(0, &[]).json();
    assert_eq!(json["ok"], true, "{json}");
    assert_eq!((&json["kind"], &json["plan"]["calls_guest"]), (&"scrubber".into(), &false.into()), "{json}");
    assert!(json["imports"].as_array().is_some_and(|i| i.iter().all(|i| i["allowed"] == true)), "{json}");
}

#[test]
fn check_names_every_import_that_no_plugin_may_have() {
    let files = Bench::new();
    let text = r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance))
        (import "cadenza:plugin/log@1.0.0" (instance)) (import "wasi:random/random@0.2.0" (instance)))"#;
    let file = files.file("nosy.wasm", wat::parse_str(text).expect("it parses"));
    let said = tool(&["check", &file]);
    said.check(1, &["refused  wasi:clocks/wall-clock@0.2.0", "refused  wasi:random/random@0.2.0"]);
    said.check(1, &["allowed  cadenza:plugin/log@1.0.0"]);
    let json = tool(&["check", &file, "--json"]).check(1, &[]).json();
    let refused: Vec<_> = json["problems"].as_array().into_iter().flatten().map(|p| &p["path"]).collect();
    assert_eq!(refused, ["wasi:clocks/wall-clock@0.2.0", "wasi:random/random@0.2.0"], "{json}");
}

#[test]
fn check_tells_what_is_no_component_from_what_is_not_there() {
    let files = Bench::new();
    tool(&["check", &files.file("text.wasm", "fn main() {}")]).check(1, &["not a valid component"]);
    let module = wat::parse_str("(module)").expect("it parses");
    tool(&["check", &files.file("module.wasm", module)]).check(1, &["a core module, where a component"]);
    tool(&["check", &files.name("absent.wasm")]).check(1, &["absent.wasm", "No such file"]);
    tool(&["check", "builtin:nothing"]).check(1, &["there is no builtin:nothing", "builtin:redaction"]);
}

#[test]
fn check_gives_the_place_of_a_mistake_in_a_configuration() {
    let files = Bench::new();
    let config =
        files.file("config.yaml", "actions:\n  - {key: a, action: delete}\n  - {key: b, action: explode}\n");
    let said = tool(&["check", "builtin:attributes", "--config", &config]);
    said.check(1, &["config.yaml: /actions/1", "a server would not run it"]);
    let json = tool(&["check", "builtin:attributes", "--config", &config, "--json"]).check(1, &[]).json();
    assert!(json["problems"][0]["path"].as_str().is_some_and(|p| p.starts_with("/actions/1")), "{json}");
    tool(&["check", "builtin:attributes", "--config", "{\"actions\": [}"]).check(1, &["--config", "line 1"]);
    tool(&["check", "builtin:attributes", "--config", "absent.json"]).check(1, &["absent.json"]);
}

#[test]
fn test_shows_edits_as_a_diff_in_colour_only_where_it_is_wanted() {
    let files = Bench::new();
    let input = files.file("in.binpb", traffic().encode_to_vec());
    let said = tool(&["test", "builtin:redaction", "--config", MASK, "--input", &input]);
    let expect = [
        "trace 00000000 span 00000000  POST /pay [payment] by e2e\n",
        &format!("  - attribute card = \"{CARD}\"\n  + attribute card = \"****\"\n"),
        "2 spans in, 2 out: 1 changed, 0 gone; values: 1 changed, 0 added, 0 removed",
    ];
    said.check(0, &expect);
    assert!(!said.out.contains('\x1b') && !said.out.contains("SELECT stock"), "{}", said.out);
    let said = tool(&["test", "builtin:redaction", "--config", MASK, "--input", &input, "--color", "always"]);
    said.check(0, &["\x1b[31m  - attribute card", "\x1b[32m  + attribute card"]);
    let json = tool(&["test", "builtin:redaction", "--config", MASK, "--input", &input, "--json"]).json();
    assert_eq!(json["edits"][0]["changes"][0]["after"]["stringValue"], "****", "{json}");
    assert_eq!(json["counts"]["spans_changed"], 1, "{json}");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure_of_the_tool() {
    let files = Bench::new();
    let lines = serde_json::to_string(&traffic()).expect("JSON") + "\n";
    let input = files.file("in.jsonl", lines.repeat(2000));
    let tool = format!(
        "{} plugin test builtin:redaction --all --config '{MASK}' --input {input}",
        server::binary().display()
    );
    let output = Command::new("sh").arg("-c").arg(format!("{tool} | head -n 1")).output().expect("a shell");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("trace 00000000"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn test_shows_spans_that_a_sampler_drops() {
    let files = Bench::new();
    let input = files.file("in.pb", traffic().encode_to_vec());
    let none = r#"{"sampling_percentage": 0}"#;
    let said = tool(&["test", "builtin:probabilistic-sampler", "--config", none, "--input", &input]);
    said.check(
        0,
        &["- trace 00000000 span 00000000  POST /pay [payment] by e2e: sampled out", "2 spans in, 0 out"],
    );
}

#[test]
fn test_compares_with_what_was_expected_and_exits_by_it() {
    let files = Bench::new();
    let input = files.file("in.json", serde_json::to_vec(&traffic()).expect("JSON"));
    let expected = files.name("expected.json");
    let run = |config: &str, more: &[&str]| {
        let mut args = vec!["test", "builtin:redaction", "--config", config, "--input", &input];
        args.extend(more);
        tool(&args)
    };
    run(MASK, &["--output", &expected]).check(0, &[]);
    run(MASK, &["--expect", &expected]).check(0, &["as expected"]);
    let all = r#"{"allow_all_keys": true}"#;
    let said = run(all, &["--expect", &expected]);
    said.check(
        1,
        &["- attribute card = \"****\"", &format!("+ attribute card = \"{CARD}\""), "1 spans differ"],
    );
    let json = run(all, &["--expect", &expected, "--json"]).check(1, &[]).json();
    assert_eq!(json["as_expected"], false, "{json}");
}

#[test]
fn test_reads_what_a_trace_by_id_query_answers() {
    let files = Bench::new();
    let request = serde_json::to_value(traffic()).expect("JSON");
    for (name, answer) in [
        ("v1.json", serde_json::json!({"batches": request["resourceSpans"]})),
        ("v2.json", serde_json::json!({"trace": request})),
    ] {
        let input = files.file(name, answer.to_string());
        let said = tool(&["test", "builtin:redaction", "--config", MASK, "--input", &input]);
        said.check(0, &["2 spans in, 2 out: 1 changed"]);
    }
}

#[test]
fn test_names_the_file_that_it_cannot_read_and_the_limit() {
    let files = Bench::new();
    let run = |input: &str| tool(&["test", "builtin:redaction", "--config", MASK, "--input", input]);
    run(&files.name("absent.json")).check(1, &["absent.json", "No such file"]);
    run(&files.file("traces.csv", "a,b")).check(1, &["traces.csv", ".jsonl"]);
    run(&files.file("broken.json", "{\"resourceSpans\": [}")).check(1, &["broken.json", "line 1"]);
    run(&files.file("other.json", "{\"spans\": []}")).check(1, &["other.json", "resourceSpans"]);
    run(&files.file("broken.pb", [0x0a, 0xff])).check(1, &["broken.pb", "not an OTLP"]);
    run(&files.file("empty.pb", [])).check(1, &["empty.pb: no spans in it"]);
    let lines = format!("{}\nnonsense\n", serde_json::to_string(&traffic()).expect("JSON"));
    run(&files.file("lines.jsonl", lines)).check(1, &["lines.jsonl, line 2"]);
    let large = files.file("large.pb", []);
    let file = std::fs::OpenOptions::new().write(true).open(Path::new(&large)).expect("opening it");
    file.set_len((64 << 20) + 1).expect("a file with a hole");
    run(&large).check(1, &["large.pb", "67108864", "input_bytes_max"]);
}

#[test]
fn test_says_why_a_plugin_fails_and_exits_by_it() {
    let files = Bench::new();
    let input = files.file("in.pb", traffic().encode_to_vec());
    let plugin = files.file("traps.wasm", crate::wat::process("unreachable"));
    let said = tool(&["test", &plugin, "--input", &input]);
    said.check(1, &["trap"]);
}

#[test]
fn bench_measures_a_plugin_against_an_empty_chain() {
    let files = Bench::new();
    let input = files.file("in.pb", traffic().encode_to_vec());
    let said = tool(&["bench", "builtin:redaction", "--config", MASK, "--input", &input]);
    said.check(0, &["10 spans", "400 spans", "CPU time of the thread", "never called"]);
    let json = tool(&["bench", "builtin:redaction", "--config", MASK, "--json"]).check(0, &[]).json();
    assert_eq!(json["input"], "generated traffic", "{json}");
    let median = |of: &str| json["batches"][1][of]["median"].as_f64().expect("a number");
    assert!(median("plugin_ns_per_span") > median("empty_ns_per_span"), "{json}");
}

/// Hashes card numbers behind a key that only the folder of secrets has.
const KEYED: &str = r#"{"allow_all_keys": true, "blocked_values": ["4[0-9 ]{15,18}"], "hash_function": "hmac-sha256",
    "hmac_key": "${secret:card-key}"}"#;

#[test]
fn the_tools_take_secrets_from_a_folder_and_never_tell_them() {
    const KEYS: [&str; 2] = ["key-5e1d77aa90", "key-09cc41d2fe"];
    let files = Bench::new();
    let input = files.file("in.pb", traffic().encode_to_vec());
    let folders = [("one", KEYS[0]), ("two", KEYS[1])].map(|(name, key)| {
        let folder = files.path(name);
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("card-key"), format!("{key}\n")).expect("writing a secret");
        folder.display().to_string()
    });
    let run = |command: &str, folder: &str, more: &[&str]| {
        let mut args = vec![command, "builtin:redaction", "--config", KEYED, "--secrets", folder];
        args.extend(more);
        let said = tool(&args);
        said.check(0, &[]);
        for key in KEYS {
            assert!(!said.out.contains(key) && !said.err.contains(key), "{}\n{}", said.out, said.err);
        }
        said
    };
    let mut hashes = Vec::new();
    run("bench", &folders[0], &["--input", &input]);
    for folder in &folders {
        run("check", folder, &[]);
        run("check", folder, &["--json"]);
        run("test", folder, &["--input", &input]).check(0, &["1 changed"]);
        let json = run("test", folder, &["--input", &input, "--json"]).json();
        let hash = json["edits"][0]["changes"][0]["after"]["stringValue"].as_str().map(str::to_owned);
        hashes.push(hash.expect("a hash"));
    }
    assert!(
        hashes.iter().all(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())),
        "{hashes:?}"
    );
    assert_ne!(hashes[0], hashes[1], "the key counts");
}

#[test]
fn the_tools_say_which_secret_is_missing() {
    let files = Bench::new();
    let input = files.file("in.pb", traffic().encode_to_vec());
    let empty = files.path("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let empty = empty.display().to_string();
    for (command, input) in
        [("check", &[][..]), ("test", &["--input", &input]), ("bench", &["--input", &input])]
    {
        let run =
            |more: &[&str]| tool(&[&[command, "builtin:redaction", "--config", KEYED], input, more].concat());
        run(&[]).check(1, &["secret card-key", "--secrets"]);
        run(&["--secrets", &empty]).check(1, &["secret card-key", "No such file"]);
    }
}
