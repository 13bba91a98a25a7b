//! Generated from `wit/`: shared types, imports, and the exports of enrichers and scrubbers (their worlds are the
//! same but for the name). Head samplers are in a crate of their own, as a crate can export one world.
#![allow(missing_docs, unreachable_pub, reason = "generated; the contract itself is documented in wit/")]

wit_bindgen::generate!({
    path: "../../../wit",
    world: "enricher",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_transform_component",
    additional_derives: [PartialEq],
});
