//! Generated from `wit/`: the exports of head samplers.
#![allow(missing_docs, unreachable_pub, reason = "generated; the contract itself is documented in wit/")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "head-sampler",
    pub_export_macro: true,
    export_macro_name: "export_head_component",
    additional_derives: [PartialEq],
    with: {
        "cadenza:plugin/types@1.0.0": cadenza_plugin_bindings::cadenza::plugin::types,
        "cadenza:plugin/native@1.0.0": cadenza_plugin_bindings::cadenza::plugin::native,
        "cadenza:plugin/log@1.0.0": cadenza_plugin_bindings::cadenza::plugin::log,
        "cadenza:plugin/metrics@1.0.0": cadenza_plugin_bindings::cadenza::plugin::metrics,
        "cadenza:plugin/state@1.0.0": cadenza_plugin_bindings::cadenza::plugin::state,
        "cadenza:plugin/helpers@1.0.0": cadenza_plugin_bindings::cadenza::plugin::helpers,
    },
});
