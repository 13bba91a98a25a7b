//! The traits that plugins implement, and what makes them a component.

use crate::types::Context;
use crate::{Batch, Edits, Errors, Metadata, Plan, Verdicts};
use serde::de::DeserializeOwned;

/// What every plugin is.
pub trait Plugin: Sized + 'static {
    /// Read from the operator's JSON; deny unknown fields, so that a slip does not pass silently.
    type Config: DeserializeOwned;

    /// What the plugin is.
    fn describe() -> Metadata;

    /// Checks the configuration and plans. Equal configurations must give equal plans.
    fn configure(config: Self::Config) -> Result<(Self, Plan), Errors>;
}

/// Enrichers and scrubbers.
pub trait Transform: Plugin {
    /// Adds edits for one batch. Never called if the plan has no columns.
    fn process(&mut self, ctx: &Context, batch: &Batch<'_>, edits: &mut Edits) -> Result<(), String>;
}

/// Samplers that decide for each span as it arrives.
pub trait HeadSampler: Plugin {
    /// Decides for the spans of one batch: all are dropped that are not [kept](Verdicts::keep).
    fn decide(&mut self, ctx: &Context, batch: &Batch<'_>, verdicts: &mut Verdicts) -> Result<(), String>;
}

/// What [`enricher`](crate::enricher), [`scrubber`](crate::scrubber) and [`head_sampler`](crate::head_sampler) expand
/// to. In native builds it makes nothing.
#[doc(hidden)]
#[macro_export]
macro_rules! export_plugin {
    (enricher: $plugin:ty) => {
        $crate::export_plugin!(@transform $plugin, Enricher);
    };
    (scrubber: $plugin:ty) => {
        $crate::export_plugin!(@transform $plugin, Scrubber);
    };
    (head_sampler: $plugin:ty) => {
        const _: () = {
            use $crate::glue::head as wit;
            $crate::export_plugin!(@lifecycle $plugin, HeadSampler);
            impl wit::head::Guest for Component {
                fn decide(ctx: wit::Context, batch: wit::Batch) -> Result<wit::head::Verdicts, String> {
                    wit::decide::<$plugin>(&SLOT, &ctx, &batch)
                }
            }
            #[cfg(target_arch = "wasm32")]
            wit::export_head_component!(Component with_types_in wit::bindings);
        };
    };
    (@transform $plugin:ty, $kind:ident) => {
        const _: () = {
            use $crate::glue::transform as wit;
            $crate::export_plugin!(@lifecycle $plugin, $kind);
            impl wit::transform::Guest for Component {
                fn process(ctx: wit::Context, batch: wit::Batch) -> Result<wit::Edits, String> {
                    wit::process::<$plugin>(&SLOT, &ctx, &batch)
                }
            }
            #[cfg(target_arch = "wasm32")]
            wit::export_transform_component!(Component with_types_in wit::bindings);
        };
    };
    (@lifecycle $plugin:ty, $kind:ident) => {
        struct Component;
        std::thread_local! {
            static SLOT: $crate::glue::Slot<$plugin> = $crate::glue::Slot::default();
        }
        impl wit::lifecycle::Guest for Component {
            fn describe() -> wit::lifecycle::Metadata {
                wit::describe::<$plugin>(wit::lifecycle::Kind::$kind)
            }
            fn configure(json: String) -> Result<wit::lifecycle::Plan, Vec<wit::lifecycle::ConfigError>> {
                wit::configure::<$plugin>(&SLOT, &json)
            }
        }
    };
}

/// What [`export_plugin!`] expands to; not for plugins.
#[doc(hidden)]
pub mod glue {
    use std::cell::RefCell;
    use std::thread::LocalKey;

    /// The configured plugin of an instance.
    pub struct Configured<P> {
        plugin: P,
        plan: crate::Plan,
        /// This and the next are kept for their memory.
        layout: crate::layout::Layout,
        edits: crate::Edits,
    }

    /// Where an instance keeps it.
    pub type Slot<P> = RefCell<Option<Configured<P>>>;

    const UNCONFIGURED: &str = "called before configure";

    /// A panic is a trap, which says nothing: its message goes to the log first.
    fn hook() {
        #[cfg(target_arch = "wasm32")]
        std::panic::set_hook(Box::new(|info| {
            crate::host::log(crate::host::Level::Error, &info.to_string());
        }));
    }

    fn with<P: 'static, T>(
        slot: &'static LocalKey<Slot<P>>,
        act: impl FnOnce(&mut Configured<P>) -> Result<T, String>,
    ) -> Result<T, String> {
        slot.with(|slot| match &mut *slot.borrow_mut() {
            Some(configured) => {
                configured.edits.clear();
                act(configured)
            }
            None => Err(UNCONFIGURED.to_owned()),
        })
    }

    /// The functions that are the same for every world, over that world's own types.
    macro_rules! lifecycle {
        () => {
            pub fn describe<P: crate::Plugin>(kind: lifecycle::Kind) -> lifecycle::Metadata {
                super::hook();
                let about = P::describe();
                let metric = |metric: crate::metadata::Metric| lifecycle::Metric {
                    name: metric.name,
                    kind: if metric.gauge {
                        lifecycle::MetricKind::Gauge
                    } else {
                        lifecycle::MetricKind::Counter
                    },
                    help: metric.help,
                };
                lifecycle::Metadata {
                    name: about.name,
                    version: about.version,
                    description: about.description,
                    kind,
                    on_failure: match about.on_failure {
                        crate::OnFailure::FailOpen => lifecycle::OnFailure::FailOpen,
                        crate::OnFailure::FailClosed => lifecycle::OnFailure::FailClosed,
                    },
                    config_schema: about.config_schema,
                    metrics: about.metrics.into_iter().map(metric).collect(),
                }
            }

            pub fn configure<P: crate::Plugin>(
                slot: &'static LocalKey<Slot<P>>,
                json: &str,
            ) -> Result<lifecycle::Plan, Vec<lifecycle::ConfigError>> {
                super::hook();
                let (plugin, plan) = crate::parse(json).and_then(P::configure).map_err(|errors| {
                    let error =
                        |e: crate::ConfigError| lifecycle::ConfigError { path: e.path, message: e.message };
                    errors.0.into_iter().map(error).collect::<Vec<_>>()
                })?;
                let configured = super::Configured {
                    plugin,
                    plan: plan.clone(),
                    layout: crate::layout::Layout::new(&plan),
                    edits: crate::Edits::default(),
                };
                slot.with(|slot| *slot.borrow_mut() = Some(configured));
                Ok(lifecycle::Plan {
                    steps: plan.steps,
                    fields: plan.fields,
                    targets: plan.targets,
                    tables: plan.tables,
                    hmac_secret: plan.hmac_secret,
                })
            }
        };
    }

    pub mod transform {
        use super::{LocalKey, Slot};
        pub use crate::types::{Batch, Context, Edits};
        pub use cadenza_plugin_bindings as bindings;
        pub use cadenza_plugin_bindings::export_transform_component;
        pub use cadenza_plugin_bindings::exports::cadenza::plugin::{lifecycle, transform};

        lifecycle!();

        pub fn process<P: crate::Transform>(
            slot: &'static LocalKey<Slot<P>>,
            ctx: &Context,
            batch: &Batch,
        ) -> Result<Edits, String> {
            super::with(slot, |super::Configured { plugin, plan, layout, edits }| {
                plugin.process(ctx, &crate::Batch::new(batch, plan, layout), edits)?;
                Ok(edits.finish())
            })
        }
    }

    pub mod head {
        use super::{LocalKey, Slot};
        pub use crate::types::{Batch, Context};
        pub use cadenza_plugin_bindings_head as bindings;
        pub use cadenza_plugin_bindings_head::export_head_component;
        pub use cadenza_plugin_bindings_head::exports::cadenza::plugin::{head, lifecycle};

        lifecycle!();

        pub fn decide<P: crate::HeadSampler>(
            slot: &'static LocalKey<Slot<P>>,
            ctx: &Context,
            batch: &Batch,
        ) -> Result<head::Verdicts, String> {
            super::with(slot, |super::Configured { plugin, plan, layout, edits }| {
                let mut verdicts = crate::Verdicts::new(batch.spans, std::mem::take(edits));
                plugin.decide(ctx, &crate::Batch::new(batch, plan, layout), &mut verdicts)?;
                *edits = verdicts.edits;
                Ok(head::Verdicts { keep: verdicts.keep, edits: edits.finish() })
            })
        }
    }
}
