//! What the component model makes of `wit/`: generated code, and nothing else knows it but this crate.
//!
//! One world that no plugin implements has everything in it, so that all plugins share one set of types; the
//! exports of a component are looked up interface by interface.

wasmtime::component::bindgen!({
    inline: "
        package cadenza:host;

        world everything {
            import cadenza:plugin/log@1.0.0;
            import cadenza:plugin/metrics@1.0.0;
            import cadenza:plugin/state@1.0.0;
            import cadenza:plugin/helpers@1.0.0;
            export cadenza:plugin/lifecycle@1.0.0;
            export cadenza:plugin/transform@1.0.0;
            export cadenza:plugin/head@1.0.0;
        }
    ",
    path: "../../wit",
    ownership: Borrowing { duplicate_if_necessary: true },
    imports: { default: trappable },
});
