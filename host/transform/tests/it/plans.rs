//! Plans that make no sense, or that a plugin of a kind may not have, are refused with path and reason.

use cadenza_transform::plan::*;
use cadenza_transform::{Compiled, KEY_BYTES_MAX, STEPS_MAX, Secrets, TARGETS_MAX};

fn exact(key: &str) -> KeySelector {
    KeySelector::Exact(key.to_owned())
}

fn span(key: KeySelector) -> Place {
    Place { scope: Scope::Span, key }
}

fn errors(kind: Kind, plan: &Plan) -> Vec<String> {
    let secrets = Secrets { host: &[1; 32], named: &|name| (name == "known").then(|| b"key".to_vec()) };
    match Compiled::new(plan, kind, &secrets) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn check(kind: Kind, step: Step, expect: &str) {
    let plan = Plan { steps: vec![step], ..Plan::default() };
    let found = errors(kind, &plan);
    assert_eq!(found.first().map_or("", String::as_str), expect, "{plan:?}");
}

fn delete(key: KeySelector) -> Step {
    Step::new(NativeOp::Delete(span(key)))
}

fn when(condition: &str, op: NativeOp) -> Step {
    Step { when: Some(condition.to_owned()), ..Step::new(op) }
}

fn mask(pattern: &str, template: &str) -> Step {
    Step::new(NativeOp::Mask(Mask {
        place: MaskPlace::Attribute(span(exact("a"))),
        patterns: vec![Pattern::Expression(pattern.to_owned())],
        unless: Vec::new(),
        substitute: Substitute::Template(template.to_owned()),
        all_types: false,
    }))
}

#[test]
fn what_makes_no_sense_is_refused() {
    let check = |step, expect| check(Kind::Scrubber, step, expect);
    check(delete(exact("a")), "");
    check(delete(exact("")), "");
    check(delete(KeySelector::Pattern("a(".to_owned())), "/steps/0/op/key: missing closing ): `a(`");
    check(delete(exact(&"k".repeat(5000))), "/steps/0/op/key: a key of 5000 bytes, where 4096 are allowed");
    check(mask("(?P<x>a)", "${x}$1$$"), "");
    check(mask("(?P<x>a)", "${y}"), "/steps/0/op/substitute: no group `y` in the pattern");
    check(mask("a", "$2"), "/steps/0/op/substitute: no group `2` in the pattern");
    check(Step { tally: Some(16), ..delete(exact("a")) }, "/steps/0/tally: tally 16, where 16 exist");
    check(
        Step { negate: true, ..delete(exact("a")) },
        "/steps/0/negate: there is no condition to be turned round",
    );
    let convert = |to| Step::new(NativeOp::Convert(Conversion { place: span(exact("a")), to }));
    check(convert(ValueType::Int), "");
    check(convert(ValueType::Json), "/steps/0/op/to: values convert to str, int, double or boolean");
    let extract = |pattern: &str| {
        let (scope, key, pattern) = (Scope::Span, "a".to_owned(), pattern.to_owned());
        Step::new(NativeOp::Extract(Extraction { scope, key, pattern }))
    };
    check(extract("(?P<x>a)"), "");
    check(extract("(a)"), "/steps/0/op/pattern: no named group, so nothing to write");
    let json = |text: &str| {
        let value = Literal::Json(text.to_owned());
        Step::new(NativeOp::Replace(Replacement { place: span(exact("a")), value }))
    };
    check(json("{\"intValue\":\"3\"}"), "");
    assert!(
        errors(Kind::Scrubber, &Plan { steps: vec![json("{")], ..Plan::default() })[0]
            .starts_with("/steps/0/op/value: not the JSON of a value: ")
    );
    let report = Report { scope: Scope::Span, tally: 0, keys: None, separator: ",".to_owned(), count: None };
    check(Step::new(NativeOp::Report(report)), "/steps/0/op: a report writes keys, a count or both");
    let two = Plan { steps: vec![Step::new(NativeOp::Guest), Step::new(NativeOp::Guest)], ..Plan::default() };
    assert_eq!(
        errors(Kind::Scrubber, &two),
        ["/steps/1: the guest is called once, and there is a second marker"]
    );
    let secret = |name: &str| Plan { hmac_secret: Some(name.to_owned()), ..Plan::default() };
    assert_eq!(errors(Kind::Scrubber, &secret("known")), [""; 0]);
    assert_eq!(
        errors(Kind::Scrubber, &secret("other")),
        ["/hmac-secret: no secret `other` in the configuration"]
    );
}

#[test]
fn sizes_are_limited() {
    let many = Plan { steps: vec![delete(exact("a")); STEPS_MAX + 1], ..Plan::default() };
    assert_eq!(errors(Kind::Scrubber, &many), ["/steps: 1025 steps, where 1024 are allowed"]);
    let target = |key: &str| Target { scope: Scope::Span, key: key.to_owned() };
    let many = Plan { targets: vec![target("a"); TARGETS_MAX + 1], ..Plan::default() };
    assert_eq!(errors(Kind::Scrubber, &many), ["/targets: 257 targets, where 256 are allowed"]);
    let none = Plan { targets: vec![target("")], ..Plan::default() };
    assert_eq!(errors(Kind::Scrubber, &none), ["/targets/0/key: an empty key"]);
    let keys = vec![exact(&"k".repeat(KEY_BYTES_MAX)); 70];
    let keep = Step::new(NativeOp::KeepOnly(KeepList { scope: Scope::Span, keys }));
    let found = errors(Kind::Scrubber, &Plan { steps: vec![keep], ..Plan::default() });
    assert_eq!(found, ["/steps/0/op/keys/64: more than 262144 bytes of patterns and keys in the plan"]);
}

#[test]
fn conditions_look_at_one_span() {
    let on = |scope| NativeOp::Delete(Place { scope, key: exact("a") });
    let check = |scope, condition: &str, expect: &str| {
        check(Kind::Scrubber, when(condition, on(scope)), expect);
    };
    check(Scope::Span, "{ resource.service.name = \"a\" && name =~ \"b.*\" }", "");
    check(Scope::Event, "{ event:name = \"x\" && span:duration > 1s }", "");
    check(
        Scope::Span,
        "{ span.a = 1 } >> { span.b = 2 }",
        "/steps/0/when: a condition is one filter such as `{ name = \"a\" }`, without pipelines and operators \
         between spansets",
    );
    check(
        Scope::Span,
        "{ rootName = \"a\" }",
        "/steps/0/when: a condition looks at one span only, and `rootName` is not known from it",
    );
    check(Scope::Span, "{ parent.a = 1 }", "/steps/0/when: parent attribute (parent.a) not yet supported");
    check(Scope::Resource, "{ resource.a = 1 }", "");
    check(
        Scope::Resource,
        "{ .a = 1 }",
        "/steps/0/when: a condition of a step on table resource can't look at `.a`",
    );
    check(
        Scope::Instrumentation,
        "{ resource.a = 1 && name = \"x\" }",
        "/steps/0/when: a condition of a step on table instrumentation can't look at `name`",
    );
    let guest = when("{ true }", NativeOp::Guest);
    super::plans::check(Kind::Scrubber, guest, "/steps/0: the guest's step takes no condition");
}

#[test]
fn kinds_have_their_grants() {
    let targets = || vec![Target { scope: Scope::Span, key: "mine".to_owned() }];
    let check = |kind, step: Step, expect: &str| {
        let plan = Plan { steps: vec![step], targets: targets(), ..Plan::default() };
        assert_eq!(errors(kind, &plan).first().map_or("", String::as_str), expect);
    };
    let upsert = |key: &str| {
        let (scope, value) = (Scope::Span, Source::Literal(Literal::Int(1)));
        Step::new(NativeOp::Upsert(Assignment { scope, key: key.to_owned(), value }))
    };
    for kind in [Kind::Enricher, Kind::HeadSampler] {
        check(kind, upsert("mine"), "");
        check(kind, delete(exact("mine")), "");
    }
    check(
        Kind::Enricher,
        upsert("other"),
        "/steps/0/op/key: an enricher writes only its targets, and `other` of table span is none",
    );
    check(
        Kind::HeadSampler,
        delete(KeySelector::Any),
        "/steps/0/op/key: a head sampler changes attributes by exact keys only",
    );
    let texts = |place| {
        Step::new(NativeOp::Mask(Mask {
            place,
            patterns: vec![Pattern::WellKnown(WellKnown::Email)],
            unless: Vec::new(),
            substitute: Substitute::Template("*".to_owned()),
            all_types: false,
        }))
    };
    check(Kind::HeadSampler, texts(MaskPlace::TraceState), "");
    check(
        Kind::Enricher,
        texts(MaskPlace::SpanName),
        "/steps/0/op/place: an enricher may not change fields that are no attributes",
    );
    let field = |kind, field, expect: &str| {
        let plan = Plan { fields: vec![field], targets: targets(), ..Plan::default() };
        assert_eq!(errors(kind, &plan).first().map_or("", String::as_str), expect);
    };
    let update = CellEdits { update: true, ..CellEdits::default() };
    let intrinsic = |intrinsic| Field::Intrinsic(IntrinsicField { intrinsic, edits: update });
    field(Kind::HeadSampler, intrinsic(Intrinsic::TraceState), "");
    field(Kind::Scrubber, intrinsic(Intrinsic::Name), "");
    field(Kind::Scrubber, intrinsic(Intrinsic::Kind), "/fields/0/edits: `kind` can't be changed");
    field(
        Kind::HeadSampler,
        intrinsic(Intrinsic::Name),
        "/fields/0/edits: a head sampler may not change fields that are no attributes",
    );
    let attribute = |edits| {
        let place = span(exact("other"));
        Field::Attribute(AttributeField { place, value_type: ValueType::Str, only_if: None, edits })
    };
    field(Kind::Enricher, attribute(CellEdits::default()), "");
    field(
        Kind::Enricher,
        attribute(update),
        "/fields/0/edits: an enricher writes only its targets, and `other` of table span is none",
    );
    field(
        Kind::Scrubber,
        attribute(CellEdits { drop_row: true, ..CellEdits::default() }),
        "/fields/0: rows of table span can't be removed",
    );
}
