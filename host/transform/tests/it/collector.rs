//! Programs of the Collector's processors over its own inputs give its own outputs.

use crate::model::{HOST, World};
use cadenza_model::{Columns, otlp};
use cadenza_transform::plan::*;
use cadenza_transform::{Compiled, Part, Programs, Secrets, Session};
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use std::sync::Arc;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/otelcol-0.155");

/// The messages of a file, one request a line, and the requests as columns.
fn read(name: &str, file: &str) -> Vec<Columns> {
    let path = format!("{FIXTURES}/{name}/{file}.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let decode = |line: &str| {
        let mut columns = Columns::new();
        otlp::decode_json(line.as_bytes(), &mut columns).expect("a valid request");
        columns
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(decode).collect()
}

fn messages(columns: &Columns) -> Vec<ResourceSpans> {
    let rows: Vec<u32> = (0..columns.spans.len() as u32).collect();
    otlp::to_resource_spans(columns, &rows)
}

/// All spans of all requests, each by itself, attributes by key: the Collector moves the last one into the
/// place of a deleted one, and the order means nothing.
fn views(all: &[Columns]) -> Vec<String> {
    let view = |one: &Columns| {
        let mut world = World::new(&messages(one));
        world.tables.iter_mut().flatten().for_each(|row| row.attrs.sort_by(|a, b| a.key.cmp(&b.key)));
        world.views()
    };
    let mut views: Vec<String> = all.iter().flat_map(view).collect();
    views.sort();
    views
}

fn check(name: &str, steps: Vec<Step>) {
    let plan = Plan { steps, ..Plan::default() };
    let secrets = Secrets { host: &HOST, named: &|_| None };
    let compiled =
        Compiled::new(&plan, Kind::Scrubber, &secrets).unwrap_or_else(|errors| panic!("{errors:?}"));
    let programs = Programs::new(vec![Arc::new(compiled)]);
    let mut session = Session::new();
    let mut input = read(name, "input");
    for columns in &mut input {
        session.begin(&programs, columns);
        session.run(&programs, 0, Part::Before, columns).expect("within limits");
        session.finish(columns, None);
        columns.check().expect("consistent columns");
    }
    let (ours, expect) = (views(&input), views(&read(name, "output")));
    assert!(expect.len() > 5, "{name} has spans");
    for (ours, expect) in ours.iter().zip(&expect) {
        assert_eq!(ours, expect, "{name}");
    }
    assert_eq!(ours.len(), expect.len(), "{name}");
}

fn exact(key: &str) -> KeySelector {
    KeySelector::Exact(key.to_owned())
}

fn span(key: &str) -> Place {
    Place { scope: Scope::Span, key: exact(key) }
}

fn assignment(key: &str, value: Source) -> Assignment {
    Assignment { scope: Scope::Span, key: key.to_owned(), value }
}

fn text(text: &str) -> Source {
    Source::Literal(Literal::Str(text.to_owned()))
}

fn hash(key: &str) -> Step {
    Step::new(NativeOp::Hash(Hashing { place: span(key), kind: HashKind::Sha256 }))
}

fn convert(key: &str, to: ValueType) -> Step {
    Step::new(NativeOp::Convert(Conversion { place: span(key), to }))
}

#[test]
fn the_attributes_processor() {
    let new = Step::new;
    check(
        "attributes-all",
        vec![
            new(NativeOp::Insert(assignment("env", text("prod")))),
            new(NativeOp::Insert(assignment("n", Source::Literal(Literal::Int(99))))),
            new(NativeOp::Update(assignment("old", text("new")))),
            new(NativeOp::Update(assignment("missing", text("x")))),
            new(NativeOp::Upsert(assignment("flag", Source::Literal(Literal::Boolean(true))))),
            new(NativeOp::Upsert(assignment("copy", Source::Attribute("user.id".to_owned())))),
            hash("user.id"),
            new(NativeOp::Delete(Place {
                scope: Scope::Span,
                key: KeySelector::Pattern("^pass.*".to_owned()),
            })),
            new(NativeOp::Extract(Extraction {
                scope: Scope::Span,
                key: "url".to_owned(),
                pattern: r"^(?P<http_protocol>[a-z]+):\/\/(?P<http_domain>[^:/]+)(?::(?P<http_port>\d+))?"
                    .to_owned(),
            })),
            convert("n", ValueType::Str),
            convert("d", ValueType::Int),
            hash("flag"),
        ],
    );
    check("attributes-guide", vec![new(NativeOp::Delete(span("http.request.header.authorization")))]);
    let when = "{ (name =~ \"(?s:.*)(check.*)(?s:.*)\" || name =~ \"(?s:.*)(log.*)(?s:.*)\") && \
                !(span.flag = true) }";
    let only = |step: Step| Step { when: Some(when.to_owned()), ..step };
    check(
        "attributes-include",
        vec![
            only(new(NativeOp::Upsert(assignment("seen", Source::Literal(Literal::Int(1)))))),
            only(hash("list")),
        ],
    );
}

const SCOPES: [Scope; 4] = [Scope::Resource, Scope::Instrumentation, Scope::Span, Scope::Event];

fn any(scope: Scope) -> Place {
    Place { scope, key: KeySelector::Any }
}

fn expressions(patterns: &[&str]) -> Vec<Pattern> {
    patterns.iter().map(|&pattern| Pattern::Expression(pattern.to_owned())).collect()
}

fn mask(place: Place, patterns: &[&str], substitute: Substitute, all_types: bool) -> Step {
    Step::new(NativeOp::Mask(Mask {
        place: MaskPlace::Attribute(place),
        patterns: expressions(patterns),
        unless: Vec::new(),
        substitute,
        all_types,
    }))
}

fn note(place: Place) -> Step {
    Step::new(NativeOp::Note(Notice { place, matching: Vec::new(), all_types: false }))
}

fn report(scope: Scope, tally: u32, keys: Option<&str>, count: &str) -> Step {
    Step::new(NativeOp::Report(Report {
        scope,
        tally,
        keys: keys.map(str::to_owned),
        separator: ",".to_owned(),
        count: Some(count.to_owned()),
    }))
}

fn stars() -> Substitute {
    Substitute::Template("****".to_owned())
}

#[test]
fn the_redaction_processor() {
    let mut steps = Vec::new();
    for scope in SCOPES {
        let ignored = Place { scope, key: exact("db.statement") };
        let mut keep: Vec<KeySelector> =
            ["id", "group", "mail", "card", "redaction.redacted.keys", "redaction.redacted.count"]
                .into_iter()
                .map(exact)
                .collect();
        keep.push(exact("db.statement"));
        let keep = NativeOp::KeepOnly(KeepList { scope, keys: keep });
        steps.push(Step { tally: Some(0), ..note(ignored) });
        steps.push(Step { tally: Some(1), ..Step::new(keep) });
        let values = mask(any(scope), &["[0-9]{4}[ -][0-9]{4}"], stars(), false);
        steps.push(Step { skip_tallies: vec![0], tally: Some(3), ..values });
        steps.push(report(scope, 1, None, "redaction.redacted.count"));
        steps.push(report(scope, 3, None, "redaction.masked.count"));
        steps.push(report(scope, 0, None, "redaction.ignored.count"));
    }
    check("redaction-allow", steps);

    let mut steps = Vec::new();
    for scope in SCOPES {
        let token = || Place { scope, key: KeySelector::Pattern(".*token.*".to_owned()) };
        steps.push(Step { tally: Some(4), ..note(token()) });
        steps.push(Step { tally: Some(3), ..note(token()) });
        steps.push(mask(token(), &[".*"], stars(), true));
        let blocked = ["4[0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", "[a-z]+@example\\.com"];
        let values = mask(any(scope), &blocked, stars(), false);
        steps.push(Step { skip_tallies: vec![4], tally: Some(3), ..values });
        steps.push(report(scope, 3, Some("redaction.masked.keys"), "redaction.masked.count"));
    }
    check("redaction-block", steps);

    let steps = SCOPES
        .map(|scope| mask(any(scope), &["[a-z]+@example\\.com"], Substitute::Hash(HashKind::Sha3), false));
    check("redaction-hash", steps.to_vec());
}
