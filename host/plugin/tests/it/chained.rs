//! A real guest as the only link of a chain, with a look at what it is called with.

use crate::support::{built_in, shared, tenant};
use cadenza_chains::chain::{ChainMetrics, Failure, FailureCause, Guest, Link, PluginChain, Shadows};
use cadenza_chains::{Entry, Mode, Source};
use cadenza_env::ManualClock;
use cadenza_env::sim::SimSpawn;
use cadenza_plugin::{Plugin, PluginOptions};
use cadenza_transform::{Batch, Compiled, Context, Edit, OnFailure, Secrets, Verdicts};
use prometheus::Registry;
use std::sync::{Arc, Mutex};

/// Spans and bytes of each call.
pub(crate) type Seen = Arc<Mutex<Vec<(u32, usize)>>>;

struct Watched {
    plugin: Plugin,
    seen: Seen,
}

impl Watched {
    fn note(&self, batch: &Batch) {
        self.seen.lock().expect("no panic while noting").push((batch.spans, batch.bytes()));
    }
}

impl Guest for Watched {
    fn process(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&[Edit]) -> bool,
    ) -> Result<Vec<Edit>, Failure> {
        self.note(batch);
        self.plugin.process_if(context, batch, accept).map_err(|_| FailureCause::Trap.into())
    }

    fn decide(
        &self,
        context: &Context,
        batch: &Batch,
        accept: &dyn Fn(&Verdicts) -> bool,
    ) -> Result<Verdicts, Failure> {
        self.note(batch);
        self.plugin.decide_if(context, batch, accept).map_err(|_| FailureCause::Trap.into())
    }
}

/// A chain of a built-in plugin, with instances of its own, and what its guest has seen.
pub(crate) fn chain_of(builtin: &str, config: &str) -> (PluginChain, Seen) {
    chain(&[(builtin, config)])
}

/// A chain of built-in plugins by name and configuration.
pub(crate) fn chain(plugins: &[(&str, &str)]) -> (PluginChain, Seen) {
    let seen = Seen::default();
    let links = plugins.iter().map(|(builtin, config)| link(builtin, config, &seen)).collect();
    let metrics = ChainMetrics::new(&Registry::new()).expect("a fresh registry");
    let clock = Arc::new(ManualClock::at(1_760_000_000_000_000_000));
    let shadows = Shadows::new(Arc::new(SimSpawn));
    let chain = PluginChain::new(tenant(), links, "test", &metrics, clock, &shadows);
    (chain.expect("a chain"), seen)
}

fn link(builtin: &str, config: &str, seen: &Seen) -> Link {
    let loaded = built_in(builtin);
    let options = PluginOptions::default();
    let (plugin, plan) =
        shared().runtime.plugin(&tenant(), builtin, &loaded, config, &options).expect("it configures");
    let secrets = Secrets { host: plugin.secret(), named: &|_| None };
    let compiled = Compiled::new(&plan, loaded.metadata().kind, &secrets).expect("a sound plan");
    Link {
        entry: Entry {
            name: builtin.to_owned(),
            source: Source::Builtin(builtin.to_owned()),
            config_json: config.to_owned(),
            on_failure: Some(OnFailure::FailClosed),
            mode: Mode::Enforce,
        },
        code_sum: *loaded.sha256(),
        secret_sum: None,
        compiled: Arc::new(compiled),
        guest: Arc::new(Watched { plugin, seen: Arc::clone(seen) }),
        on_failure: OnFailure::FailClosed,
    }
}
