//! What happens once in a while: a call that does nothing, and a trap.

use super::CONTEXT;
use crate::wat;
use anyhow::Result;
use cadenza_measure::{median, thread_cpu_ns as now};
use cadenza_model::{Columns, TenantId};
use cadenza_plugin::{PluginOptions, Runtime};
use cadenza_transform::{Compiled, Programs, Secrets, Session};
use std::sync::Arc;

const ROUNDS: usize = 301;

pub(crate) fn measure(runtime: &Runtime, columns: &Columns) -> Result<()> {
    for (what, body, bar) in [
        ("a call of a guest that does nothing", "", ""),
        ("a trap: a fresh, configured instance, called, thrown away", "unreachable", "bar 250"),
    ] {
        let loaded = runtime.load(&wat::process(body))?;
        let options = PluginOptions::default();
        let (plugin, plan) = runtime.plugin(&TenantId::single(), "hand-made", &loaded, "{}", &options)?;
        let secrets = Secrets { host: plugin.secret(), named: &|_| None };
        let compiled = Compiled::new(&plan, plugin.metadata().kind, &secrets)
            .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let programs = Programs::new(vec![Arc::new(compiled)]);
        let mut session = Session::new();
        session.begin(&programs, columns);
        let batch = session.project(&programs, 0, columns);
        let times = (0..ROUNDS).map(|_| {
            let begun = now();
            let _ = std::hint::black_box(plugin.process(&CONTEXT, &batch));
            (now() - begun) / 1000.0
        });
        println!("{what:<58} {:>7.1} us  {bar}", median(times.collect()));
    }
    Ok(())
}
