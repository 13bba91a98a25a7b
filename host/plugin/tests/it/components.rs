//! The plugins of the repository: real guests, made by a real compiler.

use crate::support::{built_in, columns, configure, context, shared};
use cadenza_plugin::ConfigureError;
use cadenza_transform::Kind;
use cadenza_transform::OnFailure;

#[test]
fn built_in_plugins_load_and_say_what_they_are() {
    let check = |name: &str, kind| {
        let loaded = built_in(name);
        assert_eq!((loaded.metadata().name.as_str(), loaded.metadata().kind), (name, kind));
        assert!(loaded.metadata().config_schema.is_some());
        assert!(loaded.imports().iter().all(|name| name.starts_with("cadenza:plugin/")));
    };
    check("attributes", Kind::Scrubber);
    check("redaction", Kind::Scrubber);
    check("probabilistic-sampler", Kind::HeadSampler);
    check("process-enricher", Kind::Enricher);
    assert_eq!(built_in("redaction").metadata().on_failure, OnFailure::FailClosed);
}

#[test]
fn a_configuration_that_makes_no_sense_comes_back_with_its_path() {
    let config = r#"{"actions": [{"key": "a", "action": "explode"}]}"#;
    let made = configure(&shared().runtime, "attributes", &built_in("attributes"), config);
    match made.map(|configured| configured.plan) {
        Err(ConfigureError::Config(errors)) => assert_eq!(errors[0].path, "/actions/0/action", "{errors:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sampler_decides_on_every_span_and_twice_the_same() {
    let config = r#"{"sampling_percentage": 50}"#;
    let sampler = built_in("probabilistic-sampler");
    let one = configure(&shared().runtime, "sampler-1", &sampler, config).expect("it configures");
    let two = configure(&shared().runtime, "sampler-2", &sampler, config).expect("it configures");
    assert!(one.is_sampler());
    let columns = columns(400);
    let batch = one.batch(&columns);
    let verdicts = one.plugin.decide(&context(), &batch).expect("it decides");
    assert_eq!(verdicts.keep.len(), 400);
    let kept = verdicts.keep.iter().filter(|keep| **keep == 1).count();
    assert!((50..350).contains(&kept), "{kept} of 400 kept");
    for _ in 0..3 {
        assert_eq!(one.plugin.decide(&context(), &batch).as_ref(), Ok(&verdicts));
        assert_eq!(two.plugin.decide(&context(), &two.batch(&columns)).as_ref(), Ok(&verdicts));
    }
}

#[test]
fn an_enricher_gives_the_same_edits_from_any_instance() {
    let enricher = built_in("process-enricher");
    let one = configure(&shared().runtime, "enricher-1", &enricher, "{}").expect("it configures");
    let two = configure(&shared().runtime, "enricher-2", &enricher, "{}").expect("it configures");
    assert_eq!(one.plan, two.plan);
    let columns = columns(400);
    let edits = one.plugin.process(&context(), &one.batch(&columns)).expect("it works");
    assert!(!edits.is_empty());
    for _ in 0..3 {
        assert_eq!(one.plugin.process(&context(), &one.batch(&columns)).as_ref(), Ok(&edits));
        assert_eq!(two.plugin.process(&context(), &two.batch(&columns)).as_ref(), Ok(&edits));
    }
}
